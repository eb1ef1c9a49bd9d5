"""`record`, `import` and `backfill` on a disk that is full and in a folder that is read-only, as a user would run them.

Each says so in one sentence and ends with the exit code of an error; nothing that was acknowledged is lost, nothing is half
there, and once there is room the same command goes on where it was.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Protocol

import pytest

from archive.answers import Recording
from archive.chain_bytes import identical
from archive.store import Archive
from exposure.chain import Chain
from exposure.legs import measure
from exposure.sampling import Step
from exposure.sessions import eastern
from server.backfill import instants_of
from server.hosts import installed_script
from tests.builders import a_call, a_chain, a_put
from tests.server import recorder_to_kill
from tests.server.test_record import STORED
from tests.sources.chain_files import a_document, a_quote, write_json
from tests.transport.stdio import clean_environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="limits, forbids and mounts the POSIX way"),
]

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
DAYS = timedelta(days=5)
WINDOW = (eastern(date(2024, 1, 2), 0), datetime(2027, 12, 31, tzinfo=UTC))
FULL = "dealer-exposure-mcp: The archive's disk is full or failing ("
FORBIDDEN = (
    "dealer-exposure-mcp: The archive's folder cannot be used as it has to be (",
    "dealer-exposure-mcp: Nothing can be written into ",
)
SPARSE, CROWDED = 200_000, 40_000
"""Bytes that are left: enough for a small day of history and not for a large one; enough to open a day and for nothing more."""
_PATIENCE_SECONDS = 60.0
_MOST_LINES = 300

Done = subprocess.CompletedProcess[str]


class Place(Protocol):
    """Where an archive is: `folder` as the commands name it, `seen` as this process does."""

    folder: Path
    seen: Path
    prefix: Sequence[str]

    def without_room(self, left: int) -> AbstractContextManager[None]:
        """Within the block, no more than so many bytes can be written."""

    def read_only(self) -> AbstractContextManager[None]:
        """Within the block, nothing can be written."""


class OrdinaryFolder:
    """A folder whose commands may write no longer files, or may not write at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = self.seen = folder
        self.prefix: Sequence[str] = ()

    @contextmanager
    def without_room(self, left: int) -> Iterator[None]:
        # In blocks of 512 bytes. Python ignores the signal that would end it, and finds its writes refused.
        self.prefix = ("sh", "-c", 'ulimit -f "$0" && exec "$@"', str(left // 512))
        yield
        self.prefix = ()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        if os.getuid() == 0:
            # Root may write anywhere, unless it gives that up.
            self.prefix = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")
            if shutil.which("setpriv") is None:
                pytest.skip("root may write into every folder here, and there is no setpriv to give that up")
        paths = [self.folder, *self.folder.rglob("*")]
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        try:
            yield
        finally:
            self.prefix = ()
            for path in paths:
                path.chmod(0o755 if path.is_dir() else 0o644)


class SmallDisk:
    """A file system of its own: it is really full, or really mounted read-only, and seen by its own processes alone."""

    def __init__(self, mount: Path, holder: int) -> None:
        self.folder = mount / "archive"
        self._mount = mount
        self._seen_mount = Path(f"/proc/{holder}/root{mount}")
        self.seen = self._seen_mount / "archive"
        self.prefix: Sequence[str] = ("nsenter", f"--target={holder}", "--user", "--mount", "--preserve-credentials", "--")

    @contextmanager
    def without_room(self, left: int) -> Iterator[None]:
        filler = self._seen_mount / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(65_536)):
                    pass
            except OSError:
                file.truncate(max(file.tell() - left, 0))
        yield
        filler.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        self._remount("ro")
        yield
        self._remount("rw")

    def _remount(self, option: str) -> None:
        subprocess.run([*self.prefix, "mount", "-o", f"remount,{option}", str(self._mount)], check=True)


@contextmanager
def a_small_disk(mount: Path, kilobytes: int = 2_048) -> Iterator[SmallDisk]:
    """Mounted in namespaces of its own, so that no privilege is needed and nothing is left behind; skips where that cannot be."""
    mount.mkdir()
    script = f'mount -t tmpfs -o size={kilobytes}k tmpfs "$0" && echo mounted && exec cat'
    command = ["unshare", "--user", "--map-root-user", "--mount", "--", "sh", "-c", script, str(mount)]
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("there is no unshare and nsenter to mount a small disk with")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as holder:
        assert holder.stdin
        assert holder.stdout
        assert holder.stderr
        try:
            if holder.stdout.readline() != "mounted\n":
                pytest.skip(f"no small disk can be mounted here: {holder.stderr.read().strip()}")
            yield SmallDisk(mount, holder.pid)
        finally:
            holder.stdin.close()


@pytest.fixture(params=["ordinary folder", "small disk"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "ordinary folder":
        yield OrdinaryFolder(tmp_path / "archive")
        return
    with a_small_disk(tmp_path / "mount") as disk:
        yield disk


def run(place: Place, *arguments: str, stdout: int | IO[str] = subprocess.PIPE) -> Done:
    """Run the installed console script on the archive of a place to its end."""
    return subprocess.run(
        [*place.prefix, installed_script(), *arguments, "--archive-dir", str(place.folder)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=_PATIENCE_SECONDS,
        env=clean_environment({"PYTHONUTF8": "1"}),
        check=False,
    )


def assert_refused(done: Done, *openings: str) -> None:
    """An error in one sentence, and nothing was claimed to be stored."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith(openings), done.stderr
    assert done.stderr.endswith(".\n")
    assert len(done.stderr.splitlines()) == 1


def copied(place: Place, folder: Path) -> Archive:
    """The archive as it is now, in a folder where looking at it changes nothing. Every file of it can be read."""
    shutil.copytree(place.seen, folder)
    archive = Archive(folder, clock=lambda: NOW)
    assert archive.check().remarks == ()
    return archive


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def acknowledged(done: Done) -> datetime:
    """The instant of a snapshot that `record --once` said it has stored."""
    assert (done.returncode, done.stderr) == (0, "")
    found = STORED.search(done.stdout)
    assert found
    return datetime.fromisoformat(found[3])


def assert_recorded(archive: Archive, names: Sequence[str], *instants: datetime) -> None:
    """Of these names there are snapshots of these instants and no other, each whole."""
    assert set(instants) <= set(archive.instants(*WINDOW))
    for instant in archive.instants(*WINDOW):
        rows = archive.as_of(names, instant, staleness=DAYS)
        chains = archive.chains_as_of(names, instant, staleness=DAYS)
        last = max((one for one in instants if one <= instant), default=None)
        assert rows.known == chains.known == (dict.fromkeys(names, last) if last else {})
        assert rows.exposures == {name: measure(chain) for name, chain in chains.chains.items()}


def record(*names: str) -> tuple[str, ...]:
    """The command for one snapshot. What was stored once is not stored again before it changes: each run takes other names."""
    return ("record", "--symbols", ",".join(names), "--once")


@pytest.mark.parametrize("left", [CROWDED, 0])
def test_a_recording_on_a_full_disk_says_so_and_goes_on_once_there_is_room(tmp_path: Path, place: Place, left: int) -> None:
    first = acknowledged(run(place, *record("KO", "PEP")))
    with place.without_room(left):
        assert_refused(run(place, *record("SPX")), FULL)
        full = copied(place, tmp_path / "full")
        assert_recorded(full, ("KO", "PEP"), first)
        assert_recorded(full, ("SPX",))
    second = acknowledged(run(place, *record("SPX")))
    after = copied(place, tmp_path / "after")
    assert_recorded(after, ("KO", "PEP"), first)
    assert_recorded(after, ("SPX",), second)


@pytest.mark.parametrize("left", [0, CROWDED])
def test_a_recording_that_can_store_nothing_at_all_leaves_nothing_half_made(tmp_path: Path, place: Place, left: int) -> None:
    with place.without_room(left):
        assert_refused(run(place, *record("SPX")), FULL)
        if place.seen.exists():
            assert not copied(place, tmp_path / "full").coverage().rows
    stored = acknowledged(run(place, *record("SPX")))
    assert_recorded(copied(place, tmp_path / "after"), ("SPX",), stored)


def test_a_recorder_whose_disk_fills_up_in_a_session_goes_on_once_there_is_room(tmp_path: Path) -> None:
    """It outlives the full disk, says what it did not store, and every snapshot it acknowledged is there, whole."""
    start = eastern(date(2024, 6, 5), 9, 25)
    with a_small_disk(tmp_path / "mount") as disk:
        command = [*disk.prefix, sys.executable, "-m", recorder_to_kill.__name__, str(disk.folder), start.isoformat()]
        environment = clean_environment({"PYTHONPATH": str(Path(__file__).parents[2])})
        lines: list[str] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, encoding="utf-8") as process:
            assert process.stdout
            try:
                lines += _lines_until(process.stdout, "stored ")
                with disk.without_room(0):
                    lines += _lines_until(process.stdout, "not stored. The archive's disk is full or failing (")
                lines += _lines_until(process.stdout, "not stored. ", stays=False)
            finally:
                process.kill()
            lines += process.stdout.readlines()
        said = [datetime.fromisoformat(found[3]) for line in lines if line.endswith("\n") and (found := STORED.search(line))]
        archive = copied(disk, tmp_path / "after")
    there = archive.instants(*WINDOW)
    # One more may be on disk although the process was killed before it could say so.
    assert [one for one in there if one <= said[-1]] == said
    assert len(there) - len(said) <= 1
    assert len(said) >= 2
    assert_recorded(archive, recorder_to_kill.SYMBOLS, *there)


def _lines_until(lines: Iterator[str], words: str, *, stays: bool = True) -> list[str]:
    """The lines up to the first that has these words, or that has them no more."""
    read = []
    for line in islice(lines, _MOST_LINES):
        read.append(line)
        if (words in line) is stays:
            return read
    raise AssertionError(f"among {len(read)} lines none is the one with {words!r} that is waited for; the last: {read[-3:]}")


IMPORTED = ("2024-06-03", "2024-06-04", "2024-06-05", "2024-06-06")


def write_chains(folder: Path, *, large: str) -> list[datetime]:
    """NVDA on four days, on one of them with so many contracts that its chain alone is larger than SPARSE; the stamps."""
    chance = random.Random(8)  # numbers that compress badly
    for day in IMPORTED:
        strikes = range(50, 12_050) if day == large else range(95, 105)
        quotes = [
            a_quote(float(strike), side, iv=0.1 + chance.random(), openInterest=float(chance.randint(1, 1_000_000)))
            for strike in strikes
            for side in ("call", "put")
        ]
        write_json(folder, f"nvda_{day}.json", a_document(stamp=f"{day}T12:00:00-04:00", quotes=quotes))
    return [datetime.fromisoformat(f"{day}T12:00:00-04:00").astimezone(UTC) for day in IMPORTED]


def test_an_import_on_a_full_disk_keeps_whole_days_and_is_continued_by_running_it_again(tmp_path: Path, place: Place) -> None:
    stamps = write_chains(tmp_path / "chains", large=IMPORTED[2])
    with place.without_room(SPARSE):
        assert_refused(run(place, "import", "auto", str(tmp_path / "chains")), FULL)
        full = copied(place, tmp_path / "full")
        kept = full.instants(*WINDOW)
        # The large day itself may be stored, and only its move into other files have failed.
        assert kept in (tuple(stamps[:2]), tuple(stamps[:3]))
        assert_recorded(full, ("NVDA",), *kept)
    again = run(place, "import", "auto", str(tmp_path / "chains"))
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == f"4 chains of 1 symbol: {4 - len(kept)} new, {len(kept)} already there; 0 dropped.\n"
    assert_recorded(copied(place, tmp_path / "after"), ("NVDA",), *stamps)


BACKFILL = ("backfill", "--to", "2024-06-06", "--step", "1m", "--threads", "2")
BUSY_MINUTES = 390


def chains_only(folder: Path) -> list[Chain]:
    """An archive with chains of NVDA without exposures: two closes, a chain a minute of a session, a close; the chains."""
    closes = instants_of(eastern(date(2024, 6, 3), 0), eastern(date(2024, 6, 4), 23), Step.DAY)
    minutes = instants_of(eastern(date(2024, 6, 5), 9, 30), eastern(date(2024, 6, 5), 16), Step.MINUTE)[:BUSY_MINUTES]
    last = instants_of(eastern(date(2024, 6, 6), 0), eastern(date(2024, 6, 6), 23), Step.DAY)
    chains = [
        a_chain([a_call(open_interest=100.0 + number), a_put(open_interest=90.0)], quote_time=at)
        for number, at in enumerate([*closes, *minutes, *last])
    ]
    recordings = [Recording(one.quote_time, (), "cboe", [one]) for one in chains]
    Archive(folder, clock=lambda: NOW).append_many(recordings)
    return chains


def filled(archive: Archive, chains: Sequence[Chain]) -> list[datetime]:
    """The instants of these chains that have an exposure; each chain is as it was, and each exposure the one measured from it."""
    found = []
    for chain in chains:
        held = archive.chains_as_of(["NVDA"], chain.quote_time, staleness=DAYS)
        assert identical(held.chains["NVDA"], chain)
        rows = archive.as_of(["NVDA"], chain.quote_time, staleness=DAYS)
        if rows.known.get("NVDA") == chain.quote_time:
            assert rows.exposures["NVDA"] == measure(chain)
            found.append(chain.quote_time)
    return found


def test_a_backfill_on_a_full_disk_keeps_whole_days_and_is_continued_by_running_it_again(tmp_path: Path, place: Place) -> None:
    chains = chains_only(tmp_path / "prepared")
    shutil.copytree(tmp_path / "prepared", place.seen)
    # All of the quiet days, and some minutes of the busy one.
    looked_at = [*chains[:2], *chains[2:-1:30], chains[-1]]
    instants = [chain.quote_time for chain in looked_at]
    # A limit of one file alone leaves room in others.
    with place.without_room(120_000 if isinstance(place, OrdinaryFolder) else SPARSE):
        assert_refused(run(place, *BACKFILL), FULL)
        full = copied(place, tmp_path / "full")
        kept = full.coverage().rows
        assert kept in (2, 2 + BUSY_MINUTES)
        assert filled(full, looked_at) == (instants[:2] if kept == 2 else instants[:-1])
    again = run(place, *BACKFILL)
    assert (again.returncode, again.stderr) == (0, "")
    computed = f"Exposures computed and stored: {len(chains) - kept}; already there: {kept}; different"
    assert again.stdout.startswith(computed)
    assert filled(copied(place, tmp_path / "after"), looked_at) == instants


@pytest.mark.parametrize("command", ["record", "import", "backfill"])
def test_a_read_only_folder_is_refused_with_a_sentence_and_still_answers(tmp_path: Path, place: Place, command: str) -> None:
    """Not a byte changes while nothing may be written; once it may, the same command does what it was told."""
    chains = tmp_path / "chains"
    if command == "record":
        acknowledged(run(place, *record("KO")))
        arguments, name = record("SPX"), "KO"
    elif command == "import":
        write_chains(chains, large="")
        (chains / f"nvda_{IMPORTED[-1]}.json").rename(tmp_path / "later.json")
        assert run(place, "import", "auto", str(chains)).returncode == 0
        arguments, name = ("import", "auto", str(tmp_path / "later.json")), "NVDA"
    else:
        chains_only(tmp_path / "prepared")
        shutil.copytree(tmp_path / "prepared", place.seen)
        arguments, name = BACKFILL, "NVDA"
    before = content_of(place.seen)
    with place.read_only():
        assert_refused(run(place, *arguments), *FORBIDDEN)
        assert content_of(place.seen) == before
        at = () if command == "record" else ("at=2024-06-06",)
        answer = run(place, "call", "basket_exposure", f"symbols={name}", *at, "--source", "archive")
        assert answer.returncode == 0, answer.stderr
        assert "Net GEX by convention" in answer.stdout
        assert content_of(place.seen) == before
    assert run(place, *arguments).returncode == 0
    assert copied(place, tmp_path / "after").coverage().rows > copied_rows(before, tmp_path / "before")


def copied_rows(content: dict[str, bytes], folder: Path) -> int:
    """How many exposures an archive of these files holds."""
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return Archive(folder, clock=lambda: NOW).coverage().rows


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_output_that_cannot_be_written_is_said_and_what_was_recorded_is_there(tmp_path: Path) -> None:
    place = OrdinaryFolder(tmp_path / "archive")
    with Path("/dev/full").open("w") as full:
        recorded, asked = run(place, *record("KO"), stdout=full), run(place, "archive", "status", stdout=full)
    assert recorded.returncode == 0
    assert STORED.search(recorded.stderr)
    assert asked.returncode == 1
    assert asked.stderr == "dealer-exposure-mcp: The output could not be written: no space is left on the device.\n"
    assert Archive(place.folder, clock=lambda: NOW).coverage().symbols == ("KO",)
