"""What an archive has to survive, at any length: the quick tests run a little of it, `python -m tests.archive.endurance` all.

Killed writers: acknowledged snapshots are there, none is half there, the next writer goes on. Readers beside a writer: no error,
never older than what was acknowledged when they asked, never half a snapshot.
"""

from __future__ import annotations

import multiprocessing
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from archive.chain_bytes import identical
from archive.store import Archive
from exposure.chain import Chain
from tests.archive.recordings import FIVE_DAYS, MINUTE, OPEN, a_recording, an_archive
from tests.builders import a_call, a_chain, a_put

SYMBOLS = tuple(f"S{letter}" for letter in "ABCDEFGH")
ROOT = Path(__file__).resolve().parents[2]
_FIRST = -1


def instant(number: int) -> datetime:
    """When the snapshot of that number becomes known: ten a session, so that a run writes several days."""
    return OPEN + timedelta(days=number // 10) + number % 10 * MINUTE


def chains(number: int) -> list[Chain]:
    """Two chains that say which snapshot they are of."""
    return [a_chain([a_call(100), a_put(100 + number)], symbol=one, quote_time=instant(number)) for one in SYMBOLS[:2]]


def append(archive: Archive, number: int) -> None:
    """Append the snapshot of that number, every value of which says so."""
    recording = a_recording(SYMBOLS, 0, value=float(number + 1), start=instant(number))
    archive.append(recording.known, recording.exposures, source="files", chains=chains(number))


def write_forever(folder: Path, number: int) -> None:
    """Append, export, rebuild and compact, and print the number of each snapshot once it is acknowledged."""
    archive = an_archive(folder)
    while True:
        append(archive, number)
        print(number, flush=True)
        if number % 5 == 4:
            archive.export_finished_days(through=instant(number).date())
        if number % 13 == 12:
            archive.rebuild_series()
            archive.compact(grace=timedelta(0))
        number += 1


def kill_writers(folder: Path, times: int, seed: int = 1) -> int:
    """Kill that many writers at random moments, one after the other, checking after each; the number of snapshots."""
    draw = random.Random(seed)
    acknowledged = _FIRST
    for _ in range(times):
        acknowledged = _killed_writer(folder, acknowledged + 1, draw.uniform(0.0, 0.4))
        acknowledged = _checked(folder, acknowledged)
    assert an_archive(folder).check().remarks == ()
    return acknowledged + 1


def _killed_writer(folder: Path, number: int, patience: float) -> int:
    """The last number a writer acknowledged before it was killed."""
    imports = "from pathlib import Path; from tests.archive.endurance import write_forever"
    program = f"{imports}; write_forever(Path({str(folder)!r}), {number})"
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(patience)
        writer.kill()
        lines = [line for line in (first, *writer.stdout) if line.endswith("\n")]
    assert lines, "the writer died by itself"
    return int(lines[-1])


def _checked(folder: Path, acknowledged: int) -> int:
    """Every snapshot up to `acknowledged` is complete; one more may be there, complete as well. The last that is."""
    archive = an_archive(folder)
    there = list(archive.instants(instant(0), instant(acknowledged + 100)))
    assert len(there) in (acknowledged + 1, acknowledged + 2)
    assert there == [instant(number) for number in range(len(there))]
    for number in range(max(0, acknowledged - 25), len(there)):
        answer = archive.as_of(SYMBOLS, instant(number), staleness=FIVE_DAYS)
        assert (
            list(answer.exposures.values()) == a_recording(SYMBOLS, 0, value=float(number + 1), start=instant(number)).exposures
        )
        found = archive.chains_as_of(SYMBOLS[:2], instant(number), staleness=FIVE_DAYS).chains
        assert all(identical(found[chain.symbol], chain) for chain in chains(number))
    coverage = archive.coverage()
    assert coverage.rows == len(there) * len(SYMBOLS)
    assert coverage.quarantined == ()
    return len(there) - 1


def read_beside_a_writer(folder: Path, seconds: float, readers: int = 4) -> tuple[int, int]:
    """One writer and several readers for a while; how many snapshots were written and how many questions answered."""
    context = multiprocessing.get_context("spawn")
    acknowledged = context.Value("q", _FIRST)
    append(an_archive(folder), 0)
    acknowledged.value = 0
    until = time.time() + seconds
    processes = [context.Process(target=_write_until, args=(folder, until, acknowledged))]
    questions = [context.Value("q", 0) for _ in range(readers)]
    processes += [context.Process(target=_read_until, args=(folder, until, acknowledged, counter)) for counter in questions]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)
    return acknowledged.value + 1, sum(counter.value for counter in questions)


def _write_until(folder: Path, until: float, acknowledged: Synchronized[int]) -> None:
    archive, number = an_archive(folder), 1
    while time.time() < until or number < 12:
        append(archive, number)
        acknowledged.value = number
        if number % 10 == 9:
            archive.export_finished_days(through=instant(number).date())
        number += 1


def _read_until(folder: Path, until: float, acknowledged: Synchronized[int], questions: Synchronized[int]) -> None:
    archive = an_archive(folder)
    while time.time() < until or not questions.value:
        known = acknowledged.value
        answer = archive.as_of(SYMBOLS, instant(known) + timedelta(days=3), staleness=FIVE_DAYS)
        assert set(answer.exposures) == set(SYMBOLS)
        newest = set(answer.known.values())
        assert len(newest) == 1, "half a snapshot"
        assert newest.pop() >= instant(known), "older than what was acknowledged"
        questions.value += 1


def _stories() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"50 writers killed, {kill_writers(Path(folder) / 'archive', 50)} snapshots, none lost, none half there"
    with tempfile.TemporaryDirectory() as folder:
        written, asked = read_beside_a_writer(Path(folder) / "archive", 60.0)
        yield f"a minute of 4 readers beside a writer: {asked} questions, {written} snapshots, no stale or half answer"


if __name__ == "__main__":
    for story in _stories():
        print(story, flush=True)
