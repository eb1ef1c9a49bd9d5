"""`record`: when it takes snapshots, what it says of them, and that nothing it said is ever lost."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from archive.answers import Appended, ArchiveError
from archive.store import Archive
from exposure.sampling import Step
from exposure.sessions import eastern
from exposure.snapshot import Missing, MissingReason, Mode, Provenance, Snapshot
from server.arguments import BACKFILL_STEPS, RECORD_STEPS
from server.hosts import installed_script
from server.record import STEPS, Clockwork, Recorder, RecordingRefusedError, Schedule
from sources.background import Progress
from sources.base import ChainSnapshot, SourceStatus
from sources.computed import ComputedSource
from tests.builders import a_chain, an_exposure
from tests.server import recorder_to_kill
from tests.server.recorder_to_kill import SYMBOLS, LeapingClock
from tests.transport.stdio import clean_environment, run_command

pytestmark = pytest.mark.anyio

STORED = re.compile(r"stored (\d+) of (\d+) names.*, known from (\S+Z)")


class LiveReader:
    """A chain of NVDA quoted now; AMD is missing with a reason."""

    def __init__(self, clock: Callable[[], datetime], reason: MissingReason = MissingReason.WARMING) -> None:
        self.clock = clock
        self.reason = reason
        self.answers = True
        self.mode = Mode.LIVE
        self.asked: list[datetime] = []

    def read(self, symbols: Sequence[str], at: datetime | None) -> ChainSnapshot:
        self.asked.append(self.clock())
        known = {"NVDA": replace(a_chain(), quote_time=self.clock())} if self.answers else {}
        chains = {symbol: known[symbol] for symbol in symbols if symbol in known}
        missing = tuple(Missing(one, self.reason, f"No {one}.") for one in symbols if one not in chains)
        return ChainSnapshot(chains, missing, Provenance("cboe", self.mode, synthetic=False))

    def describe(self) -> SourceStatus:
        return SourceStatus("cboe", self.mode, False, None, None, None, None)


class Desk:
    """A recorder whose clock leaps."""

    def __init__(self, folder: Path, start: datetime) -> None:
        self.clock = LeapingClock(start)
        self.archive = Archive(folder / "archive", clock=self.clock)
        self.reader = LiveReader(self.clock)
        self.said: list[str] = []

    def recorder(self, sleep: Callable[[float], Awaitable[None]] | None = None) -> Recorder:
        clockwork = Clockwork(self.clock, sleep or self.clock.sleep)
        return Recorder(ComputedSource(self.reader), "cboe", self.archive, clockwork, self.said.append)

    async def run_until(self, stop: datetime, step: Step) -> list[datetime]:
        """Record NVDA until the clock is past `stop`; when the source was asked."""
        with anyio.CancelScope() as scope:

            async def sleep(seconds: float) -> None:
                await self.clock.sleep(seconds)
                if self.clock.now > stop:
                    scope.cancel()
                    await anyio.sleep(0)

            await self.recorder(sleep).run(["NVDA"], step)
        return self.reader.asked


def at(day: int, hour: int, minute: int = 0, month: int = 6) -> datetime:
    return eastern(date(2024, month, day), hour, minute)


async def test_it_asks_at_every_step_of_a_session_and_not_between_sessions(tmp_path: Path) -> None:
    desk = Desk(tmp_path, at(5, 14, 10))
    asked = await desk.run_until(at(6, 10, 40), Step.THIRTY_MINUTES)
    assert asked == [at(5, 14, 30), at(5, 15), at(5, 15, 30), at(5, 16), at(6, 9, 30), at(6, 10), at(6, 10, 30)]
    assert desk.archive.instants(at(5, 0), at(7, 0)) == tuple(asked)
    assert len(desk.said) == 7


async def test_half_days_end_at_one_and_holidays_have_none(tmp_path: Path) -> None:
    asked = await Desk(tmp_path, at(3, 12, 10, month=7)).run_until(at(5, 10, 10, month=7), Step.HOUR)
    assert asked == [at(3, 13, month=7), at(5, 10, month=7)]


async def test_delayed_quotes_are_asked_for_when_they_are_out(tmp_path: Path) -> None:
    desk = Desk(tmp_path, at(5, 15, 55))
    desk.reader.mode = Mode.DELAYED
    assert await desk.run_until(at(6, 9, 50), Step.FIVE_MINUTES) == [
        at(5, 15, 56), at(5, 16, 1), at(5, 16, 6), at(5, 16, 11), at(5, 16, 16), at(6, 9, 46),
    ]  # fmt: skip


async def test_finished_days_are_exported(tmp_path: Path) -> None:
    desk = Desk(tmp_path, at(5, 15, 50))
    await desk.run_until(at(6, 9, 20), Step.FIVE_MINUTES)
    assert list((tmp_path / "archive" / "record").rglob("2024-06-05*.parquet"))
    assert not list((tmp_path / "archive" / "live").glob("2024-06-05*.db"))


async def test_what_was_slept_through_is_skipped_and_said(tmp_path: Path) -> None:
    desk = Desk(tmp_path, at(5, 10, 1))
    # How long the machine was suspended, after how many snapshots: into an instant, just past one, and to another day.
    suspended = {1: timedelta(minutes=34), 2: timedelta(minutes=4, seconds=30), 4: timedelta(hours=23)}

    async def sleep(seconds: float) -> None:
        await desk.clock.sleep(seconds)
        desk.clock.now += suspended.pop(len(desk.reader.asked), timedelta(0))
        if len(desk.reader.asked) == 6:
            raise _EnoughError

    with pytest.raises(_EnoughError):
        await desk.recorder(sleep).run(["NVDA"], Step.FIVE_MINUTES)
    asked = desk.reader.asked
    assert desk.archive.instants(at(5, 0), at(8, 0)) == tuple(asked)
    for instant in asked:
        assert instant - instant.replace(minute=instant.minute // 5 * 5, second=0) <= timedelta(seconds=60)
    skipped = [line for line in desk.said if "skipped" in line]
    assert len(skipped) == 2
    assert all(line.endswith("this machine was asleep or busy.") for line in skipped)
    scheduled = sum(int(found[1]) for line in skipped if (found := re.search(r"skipped (\d+) instant", line)))
    every = Schedule(Step.FIVE_MINUTES).between(at(5, 10, 1), asked[-1])
    assert scheduled + len(asked) == len(every)


class _EnoughError(Exception):
    """Ends a recorder that would go on for ever."""


async def test_a_line_says_what_is_there_and_what_is_missing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, at(5, 10))
    assert await desk.recorder().take(["NVDA", "AMD"], at(5, 10), Step.FIVE_MINUTES)
    assert desk.said == [
        "2024-06-05 10:00 Eastern: stored 1 of 2 names with 2 contracts, known from 2024-06-05T14:00:00Z; missing AMD (warming)."
    ]
    found = desk.archive.chains_as_of(["NVDA"], at(5, 10), staleness=timedelta(days=1))
    assert found.source == "cboe"
    assert len(found.chains["NVDA"]) == 2


async def test_nothing_arrived_is_said_and_stores_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, at(5, 10))
    desk.reader.answers = False
    assert not await desk.recorder().take(["NVDA"], at(5, 10), Step.FIVE_MINUTES)
    assert desk.said == ["2024-06-05 10:00 Eastern: nothing arrived; missing NVDA (warming)."]
    assert not (tmp_path / "archive").exists()


async def test_a_source_that_is_not_open_to_this_user_ends_the_recording(tmp_path: Path) -> None:
    desk = Desk(tmp_path, at(5, 10))
    desk.reader.answers, desk.reader.reason = False, MissingReason.NOT_ENTITLED
    with pytest.raises(RecordingRefusedError, match=r"No NVDA\."):
        await desk.recorder().take(["NVDA"], at(5, 10), Step.FIVE_MINUTES)


async def test_published_exposures_are_recorded_with_their_units(tmp_path: Path) -> None:
    class Published:
        async def exposures(
            self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
        ) -> Snapshot:
            provenance = Provenance("vendor", Mode.LIVE, synthetic=False, units="as printed")
            return Snapshot({"NVDA": an_exposure()}, (), provenance)

        async def status(self) -> SourceStatus:
            return SourceStatus("vendor", Mode.LIVE, False, None, None, None, None)

    desk = Desk(tmp_path, an_exposure().quote_time)
    recorder = Recorder(Published(), "vendor", desk.archive, Clockwork(desk.clock), desk.said.append)
    assert await recorder.take(["NVDA"], desk.clock.now, Step.FIVE_MINUTES)
    assert desk.archive.coverage().sources == ("vendor",)


async def test_an_archive_that_fails_at_once_ends_it_and_one_that_fails_later_does_not(tmp_path: Path) -> None:
    desk = Desk(tmp_path, at(5, 10, 1))
    append, full = desk.archive.append, ArchiveError("The disk is full.")
    outcomes: list[Appended | ArchiveError] = []

    def failing(*arguments: object, **more: object) -> Appended:
        outcome = outcomes.pop(0)
        if isinstance(outcome, ArchiveError):
            raise outcome
        return append(*arguments, **more)  # type: ignore[arg-type]

    desk.archive.append = failing  # type: ignore[method-assign]
    outcomes = [full]
    with pytest.raises(ArchiveError, match="full"):
        await desk.run_until(at(5, 10, 12), Step.FIVE_MINUTES)
    outcomes = [Appended(0, 0), full, Appended(0, 0)]
    desk.clock.now = at(5, 11, 1)
    await desk.run_until(at(5, 11, 16), Step.FIVE_MINUTES)
    assert [line.split(" Eastern: ")[1].split(",")[0].split(" names")[0] for line in desk.said] == [
        "stored 1 of 1",
        "not stored. The disk is full.",
        "stored 1 of 1",
    ]


def test_the_schedule_ends_with_a_sentence_where_the_calendar_does() -> None:
    with pytest.raises(RecordingRefusedError, match="calendar"):
        Schedule(Step.DAY).after(datetime(2031, 1, 2, tzinfo=UTC))


def test_the_command_line_offers_the_steps_there_are() -> None:
    assert tuple(step.value for step in STEPS) == RECORD_STEPS
    assert tuple(step.value for step in Step) == BACKFILL_STEPS


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--symbols", "NVDA", "--once"), "give --archive-dir"),
        (("--archive-dir", "archive", "--once"), "Say what to record"),
        (("--archive-dir", "archive", "--baskets", "semi"), "There is no basket 'semi'; there are semis, "),
        (("--archive-dir", "archive", "--symbols", "NVDA INC"), "'NVDA INC' is not a symbol"),
        (("--source", "files", "--files-dir", ".", "--symbols", "NVDA"), "is your own data already"),
        (("--source", "cboe", "--symbols", "NVDA", "--once", "--archive-dir", "archive"), "CBOE_ACCEPT_TERMS"),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_a_sentence(tmp_path: Path, arguments: Sequence[str], sentence: str) -> None:
    answer = run_command("record", *arguments, folder=tmp_path)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert sentence in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert not (tmp_path / "archive").exists()


def test_a_folder_that_cannot_be_written_is_refused_before_the_first_snapshot(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "archive"):
        answer = run_command("record", "--symbols", "NVDA", "--archive-dir", str(folder))
        assert (answer.returncode, answer.stdout) == (2, "")
        assert f"{file} is a file; name another" in answer.stderr


def test_once_records_now_and_synthetic_and_real_data_never_share_a_folder(tmp_path: Path) -> None:
    folder = ("--archive-dir", str(tmp_path / "archive"))
    once = run_command("record", "--baskets", "banks", "--symbols", "NVDA", "--once", *folder)
    assert (once.returncode, once.stderr) == (0, "")
    assert "stored 8 of 8 names" in once.stdout
    answer = run_command("call", "basket_exposure", "basket=banks", "--source", "archive", *folder)
    assert answer.stdout.startswith("SYNTHETIC")
    chain = tmp_path / "nvda.csv"
    chain.write_text("symbol,quote_time\n", encoding="utf-8")
    mixed = run_command("import", "auto", str(chain), *folder)
    assert mixed.returncode == 2
    assert "synthetic and real data are never mixed" in mixed.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_exit_code_zero(tmp_path: Path, signal_number: signal.Signals) -> None:
    command: list[str | Path] = [installed_script(), "record", "--symbols", "NVDA", "--archive-dir", str(tmp_path / "archive")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(), encoding="utf-8")
    try:
        assert process.stdout
        assert process.stderr
        assert "Ctrl-C ends it." in process.stdout.readline()
        process.send_signal(signal_number)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
def test_three_kills_lose_nothing_that_was_said(tmp_path: Path) -> None:
    kill_and_continue(tmp_path, kills=3, seed=6)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
def test_fifty_kills_lose_nothing_that_was_said(tmp_path: Path) -> None:
    kill_and_continue(tmp_path, kills=50, seed=7)


def kill_and_continue(folder: Path, *, kills: int, seed: int) -> None:
    """kill -9 a recorder at random points; after each, all it said is there, nothing is half there, and the next goes on."""
    chance, start = random.Random(seed), at(5, 9, 25)
    acknowledged: list[datetime] = []
    for _ in range(kills):
        lines = _recorded_until_killed(folder / "archive", start, chance)
        said = [found for line in lines if (found := STORED.search(line))]
        acknowledged += [datetime.fromisoformat(found[3]) for found in said]
        archive = Archive(folder / "archive", clock=LeapingClock(start))
        there = archive.instants(at(1, 0), at(28, 0, month=12))
        assert set(acknowledged) <= set(there)
        # A snapshot may be on disk although the process was killed before it could say so, one a run.
        assert len(there) - len(set(acknowledged)) <= kills
        for instant in there:
            whole = archive.as_of(SYMBOLS, instant, staleness=timedelta(days=1))
            chains = archive.chains_as_of(SYMBOLS, instant, staleness=timedelta(days=1))
            assert set(whole.known.values()) == set(chains.known.values()) == {instant}
            assert set(whole.exposures) == set(chains.chains) == set(SYMBOLS)
            assert not whole.remarks
        start = max(there, default=start) + timedelta(seconds=1)
    assert acknowledged == sorted(set(acknowledged))


def _recorded_until_killed(folder: Path, start: datetime, chance: random.Random) -> list[str]:
    """The lines of a recorder that is killed shortly after it said its first, second or third."""
    command = [sys.executable, "-m", recorder_to_kill.__name__, str(folder), start.isoformat()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], encoding="utf-8")
    assert process.stdout
    try:
        lines = [process.stdout.readline() for _ in range(chance.randint(1, 3))]
        time.sleep(chance.uniform(0.0, 0.15))
    finally:
        process.kill()
    with process.stdout:
        lines += process.stdout.readlines()
    process.wait()
    # The last line may be cut off, and what is not a whole line was not said.
    return [line for line in lines if line.endswith("\n")]
