"""Crashes, a full disk, a read-only folder, and several processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.archive.endurance import ROOT, SYMBOLS, append, instant, kill_writers, read_beside_a_writer
from tests.archive.recordings import FIVE_DAYS, MINUTE, OPEN, a_recording, an_archive, store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills and limits processes the POSIX way")


def run(program: str, folder: Path) -> str:
    """What a program printed; it finds the folder under that name."""
    head = f"from pathlib import Path\nfolder = Path({str(folder)!r})\n"
    done = subprocess.run([sys.executable, "-c", head + program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    assert kill_writers(tmp_path / "archive", 5) >= 5


def test_readers_beside_a_writer_never_see_half_a_snapshot_or_an_old_one(tmp_path: Path) -> None:
    written, asked = read_beside_a_writer(tmp_path / "archive", 5.0)
    assert written > 5
    assert asked > 5


def test_two_recorders_of_one_day_do_not_disturb_each_other(tmp_path: Path) -> None:
    program = """
import sys
from tests.archive.recordings import *
archive = an_archive(folder)
for minute in range({start}, 60, 2):
    store(archive, a_recording(["SPY", "QQQ"], minute))
    if minute % 20 == {start}:
        archive.export_finished_days()
"""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda start: run(program.replace("{start}", str(start)), tmp_path / "archive"), (0, 1)))
    archive = an_archive(tmp_path / "archive")
    assert archive.instants(OPEN, OPEN + 60 * MINUTE) == tuple(OPEN + minute * MINUTE for minute in range(60))
    assert archive.coverage().rows == 120
    assert archive.check().remarks == ()


@pytest.mark.parametrize("step", ["append", "export"])
def test_a_full_disk_is_a_sentence_and_loses_nothing(tmp_path: Path, step: str) -> None:
    program = """
import resource
from archive.answers import ArchiveError
from tests.archive.endurance import *
archive = an_archive(folder)
for number in range(3):
    append(archive, number)
done = 3
limit = {limit}
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    if {step!r} == "export":
        archive.export_finished_days()
    while True:
        append(archive, done)
        done += 1
except ArchiveError as problem:
    print(done)
    print(problem)
"""
    limit = "max(path.stat().st_size for path in folder.rglob('*')) + 20_000" if step == "append" else "6_000"
    said = run(program.replace("{limit}", limit).replace("{step!r}", repr(step)), tmp_path / "archive").splitlines()
    assert said[1].startswith("The archive's disk is full or failing")
    archive = an_archive(tmp_path / "archive")
    assert archive.instants(instant(0), instant(900)) == tuple(instant(number) for number in range(int(said[0])))
    assert archive.coverage().rows == int(said[0]) * len(SYMBOLS)
    archive.export_finished_days()
    assert archive.as_of(SYMBOLS, instant(2), staleness=FIVE_DAYS).known == dict.fromkeys(SYMBOLS, instant(2))
    assert archive.check().remarks == ()


def test_a_read_only_folder_is_a_sentence_for_writers_and_no_obstacle_for_readers(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    archive = an_archive(folder)
    for minute in range(3):
        store(archive, a_recording(["SPY"], minute))
    archive.export_finished_days()
    store(archive, a_recording(["SPY"], 0, start=OPEN + 1440 * MINUTE))
    del archive
    for path in (tmp_path, folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    if os.getuid() == 0:
        # Root may write anywhere, so the program below becomes nobody, who has to be able to get here.
        for parent in tmp_path.parents:
            if Path(tempfile.gettempdir()) in parent.parents:
                parent.chmod(0o755)
    program = """
import os
import archive.engine, pyarrow.parquet
from archive.answers import ArchiveError
from tests.archive.recordings import *
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
archive = an_archive(folder)
for minute in (3, 1441):
    try:
        store(archive, a_recording(["SPY"], minute))
    except ArchiveError as problem:
        print(problem)
print(archive.as_of(["SPY"], OPEN + 2 * MINUTE, staleness=FIVE_DAYS).known)
print(archive.as_of(["SPY"], OPEN + 2000 * MINUTE, staleness=FIVE_DAYS).known)
"""
    try:
        said = run(program, folder).splitlines()
    finally:
        for path in (tmp_path, folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert [line[:44] for line in said[:2]] == ["The archive's folder cannot be used as it ha"] * 2
    assert said[2] == str({"SPY": OPEN + 2 * MINUTE})
    assert said[3] == str({"SPY": OPEN + 1440 * MINUTE})


def test_one_archive_serves_several_threads(tmp_path: Path) -> None:
    archive = an_archive(tmp_path / "archive")
    append(archive, 0)
    done = [0]

    def write() -> None:
        for number in range(1, 60):
            append(archive, number)
            done[0] = number
            if number % 10 == 5:
                archive.export_finished_days(through=instant(number).date())

    def read() -> int:
        asked = 0
        while done[0] < 59:
            known = done[0]
            answer = archive.as_of(SYMBOLS, instant(known) + 900 * MINUTE, staleness=FIVE_DAYS)
            assert len(set(answer.known.values())) == 1
            assert min(answer.known.values()) >= instant(known)
            archive.series(SYMBOLS, [instant(known)], ["spot"], staleness=FIVE_DAYS)
            asked += 1
        return asked

    with ThreadPoolExecutor(4) as pool:
        writer, *readers = pool.submit(write), pool.submit(read), pool.submit(read), pool.submit(read)
        writer.result()
        assert all(one.result() for one in readers)
