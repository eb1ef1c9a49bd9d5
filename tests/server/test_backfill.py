"""`backfill`: exposures from the archive's own chains and from a vendor within a budget, and the look-after commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from archive.answers import Appended, Kind
from archive.store import Archive
from exposure.chain import Chain
from exposure.dealer import Nets, PublishedNets, SymbolExposure
from exposure.legs import measure
from exposure.sampling import Step
from exposure.snapshot import Missing, MissingReason, Mode, Provenance, Snapshot
from server.backfill import IN_VAIN_IN_A_ROW, backfill_from_chains, backfill_from_vendor, instants_of, recomputed
from sources.background import Progress
from sources.base import CallsNeeded, SourceStatus
from tests.builders import QUOTE_TIME, a_call, a_chain, a_put, an_exposure
from tests.sources.chain_files import a_document, write_json
from tests.transport.stdio import run_command

DAY = timedelta(days=1)
NOW = QUOTE_TIME + 30 * DAY
DAYS = 5 * DAY
SYMBOLS = ("AMD", "MU", "NVDA")


def an_archive(folder: Path) -> Archive:
    return Archive(folder, clock=now)


def now() -> datetime:
    return NOW


def chain_of(symbol: str, at: datetime) -> Chain:
    quotes = [a_call(open_interest=1000.0 + at.day), a_put(open_interest=500.0 + len(symbol))]
    return replace(a_chain(quotes), symbol=symbol, quote_time=at)


def chains_only(folder: Path, sessions: int = 4) -> Archive:
    """An archive with the chains of three symbols at the closes from QUOTE_TIME on, and a row of another symbol beside them."""
    archive = an_archive(folder)
    for day in _closes(sessions):
        chains = [chain_of(symbol, day) for symbol in SYMBOLS]
        archive.append(day, [measure(chain_of("KO", day))], source="cboe", chains=chains)
    return archive


def _closes(sessions: int) -> list[datetime]:
    return instants_of(QUOTE_TIME, QUOTE_TIME + 2 * sessions * DAY, Step.DAY)[:sessions]


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.suffix == ".parquet"}


def test_exposures_come_from_the_chains_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    archive = chains_only(tmp_path)
    told: list[tuple[int, int]] = []
    with ThreadPoolExecutor(2) as executor:

        def backfilled(archive: Archive) -> Appended:
            return backfill_from_chains(
                archive,
                SYMBOLS,
                _closes(4),
                staleness=DAYS,
                executor=executor,
                told=lambda done, total, _: told.append((done, total)),
            )

        assert backfilled(archive) == Appended(12, 0)
        assert told == [(done, 12) for done in range(1, 13)]
        assert backfilled(archive) == Appended(0, 12)
        assert backfilled(an_archive(tmp_path)) == Appended(0, 12)
    for close in _closes(4):
        found = archive.as_of(SYMBOLS, close, staleness=DAYS)
        assert found.exposures == {symbol: measure(chain_of(symbol, close)) for symbol in SYMBOLS}
        assert set(found.known.values()) == {close}
        assert found.family is not None
        assert (found.family.source, found.family.kind) == ("cboe", Kind.COMPUTED)


def test_a_chain_is_filed_under_its_own_instant_once_however_often_it_is_the_last(tmp_path: Path) -> None:
    archive = chains_only(tmp_path, sessions=1)
    instants = instants_of(QUOTE_TIME - DAY, QUOTE_TIME + 2 * DAY, Step.HOUR)
    with ThreadPoolExecutor(1) as executor:
        stored = backfill_from_chains(archive, SYMBOLS, instants, staleness=DAYS, executor=executor)
    assert stored.rows_new == 3
    assert archive.instants(QUOTE_TIME - DAY, NOW) == (QUOTE_TIME,)


def test_what_is_stored_does_not_depend_on_what_computed_it(tmp_path: Path) -> None:
    contents = []
    makers: list[Callable[[], Executor]] = [partial(ThreadPoolExecutor, count) for count in (1, 2, 4)]
    makers.append(partial(ProcessPoolExecutor, 2, mp_context=get_context("spawn")))
    for number, make in enumerate(makers):
        archive = chains_only(tmp_path / str(number))
        with make() as executor:
            backfill_from_chains(archive, SYMBOLS, _closes(4), staleness=DAYS, executor=executor)
        archive.export_finished_days()
        contents.append(content_of(tmp_path / str(number)))
    assert contents[0]
    assert contents == [contents[0]] * 4


def test_a_backfill_that_is_given_up_has_stored_whole_days_and_is_gone_on_with(tmp_path: Path) -> None:
    archive, closes = chains_only(tmp_path), _closes(4)
    with ThreadPoolExecutor(2) as executor:
        with pytest.raises(KeyboardInterrupt):
            backfill_from_chains(archive, SYMBOLS, closes, staleness=DAYS, executor=executor, told=_interrupts_at(8))
        held = [set(archive.as_of(SYMBOLS, close, staleness=timedelta(0)).exposures) for close in closes]
        assert held == [set(SYMBOLS)] * held.count(set(SYMBOLS)) + [set()] * held.count(set())
        stored = backfill_from_chains(archive, SYMBOLS, closes, staleness=DAYS, executor=executor)
    assert stored.rows_new + stored.rows_already_there == 12
    assert stored.rows_already_there == 3 * held.count(set(SYMBOLS))


def _interrupts_at(count: int):  # type: ignore[no-untyped-def]
    def told(done: int, total: int, detail: str) -> None:
        if done == count:
            raise KeyboardInterrupt

    return told


def test_sessions_come_in_order_whatever_finishes_first(tmp_path: Path) -> None:
    archive = chains_only(tmp_path)
    with ThreadPoolExecutor(4) as executor:
        days = list(recomputed(archive, SYMBOLS, _closes(4), DAYS, executor, lambda *_: None))
    assert [[one.exposure.symbol for one in day] for day in days] == [list(SYMBOLS)] * 4
    assert [{one.known for one in day} for day in days] == [{close} for close in _closes(4)]


class Vendor:
    """Publishes nets at one call a symbol; XYZ is not covered."""

    def __init__(self, *, entitled: bool = True, failing: Sequence[datetime] = ()) -> None:
        self.entitled = entitled
        self.failing = failing
        self.asked: list[tuple[tuple[str, ...], datetime | None]] = []

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        assert at is not None
        self.asked.append((tuple(symbols), at))
        provenance = Provenance("flashalpha", Mode.REPLAY, synthetic=False, at=at, units="as printed")
        if not self.entitled:
            refused = tuple(Missing(one, MissingReason.NOT_ENTITLED, "Your plan has no replay.") for one in symbols)
            return Snapshot({}, refused, provenance)
        if at in self.failing:
            failed = tuple(Missing(one, MissingReason.FETCH_FAILED, f"{one} failed.") for one in symbols)
            return Snapshot({}, failed, provenance)
        exposures = {symbol: _published(symbol, at) for symbol in symbols if symbol != "XYZ"}
        missing = tuple(Missing(one, MissingReason.NO_DATA_AT, f"No {one}.") for one in symbols if one not in exposures)
        return Snapshot(exposures, missing, provenance)

    def calls_needed(self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False) -> CallsNeeded:
        return CallsNeeded(len(symbols), None)

    async def status(self) -> SourceStatus:
        return SourceStatus("flashalpha", Mode.LIVE, False, None, None, None, None)


def _published(symbol: str, at: datetime) -> SymbolExposure:
    nets = PublishedNets(Nets(float(at.day), 1.0, 2.0, 3.0))
    return replace(an_exposure(symbol), measured=nets, quote_time=at, coverage=None, at_the_money=None)


@pytest.mark.anyio
async def test_a_vendor_is_asked_within_the_budget_for_what_is_lacking_alone(tmp_path: Path) -> None:
    archive, vendor, closes = an_archive(tmp_path), Vendor(), _closes(4)

    async def fetch(calls: int) -> tuple[Appended, int, bool]:
        done = await backfill_from_vendor(vendor, "flashalpha", archive, ("SPY", "QQQ"), closes, calls=calls)
        return done.stored, done.calls, done.stopped is None

    assert await fetch(5) == (Appended(5, 0), 5, False)
    assert vendor.asked == [(("SPY", "QQQ"), closes[3]), (("SPY", "QQQ"), closes[2]), (("SPY",), closes[1])]
    assert await fetch(5) == (Appended(3, 0), 3, True)
    assert vendor.asked[3:] == [(("QQQ",), closes[1]), (("SPY", "QQQ"), closes[0])]
    assert await fetch(5) == (Appended(0, 0), 0, True)
    found = archive.as_of(("SPY",), closes[2], staleness=DAYS)
    assert found.exposures == {"SPY": _published("SPY", closes[2])}
    assert found.family is not None
    assert (found.family.kind, found.family.units) == (Kind.PUBLISHED, "as printed")


@pytest.mark.anyio
async def test_a_vendor_that_refuses_everything_is_not_asked_again(tmp_path: Path) -> None:
    vendor = Vendor(entitled=False)
    done = await backfill_from_vendor(vendor, "flashalpha", an_archive(tmp_path), ("SPY",), _closes(4), calls=9)
    assert (done.calls, done.stopped) == (1, "Your plan has no replay.")
    assert len(vendor.asked) == 1
    uncovered = Vendor()
    done = await backfill_from_vendor(uncovered, "flashalpha", an_archive(tmp_path), ("XYZ",), _closes(4), calls=9)
    assert (done.calls, done.stopped, done.stored) == (4, None, Appended(0, 0))
    assert (done.not_given, done.not_given_because, done.given_up) == (4, "No XYZ.", ())


@pytest.mark.anyio
async def test_a_symbol_that_is_never_given_does_not_eat_the_budget(tmp_path: Path) -> None:
    vendor, instants = Vendor(), _closes(30)
    done = await backfill_from_vendor(vendor, "flashalpha", an_archive(tmp_path), ("XYZ", "SPY"), instants, calls=99)
    assert (done.stored, done.stopped) == (Appended(30, 0), None)
    assert (done.calls, done.not_given, done.given_up) == (30 + IN_VAIN_IN_A_ROW, IN_VAIN_IN_A_ROW, ("XYZ",))


@pytest.mark.anyio
async def test_a_vendor_that_cannot_be_reached_is_given_up_and_an_instant_that_fails_is_passed_over(tmp_path: Path) -> None:
    vendor = Vendor(failing=_closes(4)[1:3])
    done = await backfill_from_vendor(vendor, "flashalpha", an_archive(tmp_path), ("SPY",), _closes(4), calls=9)
    assert (done.stored, done.calls, done.stopped, done.not_given) == (Appended(2, 0), 4, None, 2)
    vendor = Vendor(failing=_closes(6))
    done = await backfill_from_vendor(vendor, "flashalpha", an_archive(tmp_path), ("QQQ",), _closes(6), calls=9)
    assert (done.calls, done.not_given, done.not_given_because) == (3, 3, "QQQ failed.")
    assert done.stopped == "It was given up after 3 failures in a row; run it again to go on."


@pytest.mark.slow
def test_the_commands_fill_look_at_and_tidy_an_archive(tmp_path: Path) -> None:
    folder = ("--archive-dir", str(tmp_path / "archive"))
    empty = run_command("backfill", *folder)
    assert (empty.returncode, empty.stdout) == (2, "")
    assert "holds no chains to compute from" in empty.stderr
    assert "holds    nothing yet" in run_command("archive", "status", *folder).stdout
    for day in ("2024-06-04", "2024-06-05"):
        write_json(tmp_path / "chains", f"nvda_{day}.json", a_document(stamp=f"{day}T12:00:00-04:00"))
    assert run_command("import", "auto", str(tmp_path / "chains"), *folder).returncode == 0
    filled = run_command("backfill", "--from", "2024-06-03", "--to", "2024-06-07", "--threads", "2", *folder)
    assert (filled.returncode, filled.stderr) == (0, "")
    assert filled.stdout.startswith("Exposures computed and stored: 0; already there: 2; different")
    status = run_command("archive", "status", *folder)
    assert status.returncode == 0
    for line in (
        "holds    2 exposures of 1 symbol on 2 days, ",
        "sources  files (computed)",
        "last     2024-06-05 12:00 Eastern",
    ):
        assert line in status.stdout
    for action in ("compact", "rebuild", "check"):
        assert run_command("archive", action, *folder).returncode == 0
    (damaged,) = (tmp_path / "archive").rglob("2024-06-05*.parquet")
    damaged.write_bytes(b"PAR1 no more")
    found = run_command("archive", "check", *folder)
    assert found.returncode == 1
    assert "2024-06-05" in found.stdout
    assert run_command("archive", "status", *folder).returncode == 1
    doctor = run_command("doctor", "--source", "archive", *folder)
    assert doctor.returncode == 1
    assert "problem  archive: " in doctor.stdout
    restored = run_command("backfill", "--from", "2024-06-03", *folder)
    assert restored.stdout.startswith("Exposures computed and stored: 1; already there: 1;")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("flashalpha", "--symbols", "SPY", "--from", "2024-06-03"), "allow some with --calls 500"),
        (("flashalpha", "--symbols", "SPY", "--from", "2024-06-03", "--calls", "5"), "FlashAlpha needs a key"),
        (("flashalpha", "--calls", "none"), "'none' is not a whole number above 0"),
        (("--step", "2h"), "invalid choice: '2h'"),
        (("vendor",), "invalid choice: 'vendor'"),
    ],
)
def test_a_backfill_that_cannot_be_is_refused_with_a_sentence(tmp_path: Path, arguments: Sequence[str], sentence: str) -> None:
    answer = run_command("backfill", *arguments, "--archive-dir", str(tmp_path / "archive"))
    assert answer.returncode == 2
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr
