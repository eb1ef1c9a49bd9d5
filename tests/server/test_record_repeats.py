"""`record` does not store again what it stored last, which changes no answer; and what `basket_history` says of such minutes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from archive.chain_bytes import identical
from archive.store import Archive
from exposure.dealer import GammaLegs, Legs, Nets, PublishedNets, SymbolExposure
from exposure.sampling import Step
from exposure.sessions import eastern
from exposure.snapshot import Missing, MissingReason, Mode, Provenance, Snapshot
from server.record import Clockwork, Recorder
from sources.archive.source import ArchiveSource
from sources.background import Progress
from sources.base import ChainSnapshot, Source, SourceStatus
from sources.computed import ComputedSource, measured
from tests.builders import NAN, a_call, a_chain, a_put, an_exposure
from tests.server.recorder_to_kill import LeapingClock
from tests.tools.desk import a_desk
from tools import history

pytestmark = pytest.mark.anyio

NAMES = ("NVDA", "AMD")
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return eastern(date(2024, 6, day), hour, minute)


TEN = at(5, 10)


class KeepingReader:
    """Keeps the chain of NVDA for three minutes and that of AMD for one; MU comes from the third minute of an hour on.

    At the open it has the last quotes of the day before, of 9:54.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.bid = 1.0

    def read(self, symbols: Sequence[str], at: datetime | None) -> ChainSnapshot:
        now = self.clock()
        chains = {}
        for symbol, minutes in (("NVDA", 3), ("AMD", 1), ("MU", 1)):
            quoted = now.replace(second=0) - timedelta(minutes=now.minute % minutes)
            if (now.hour, now.minute) == (13, 30):
                quoted = now - DAY + 24 * MINUTE
            if symbol in symbols and (symbol != "MU" or now.minute % 30 > 2):
                quotes = [a_call(open_interest=1000.0 + quoted.minute, bid=self.bid), a_put(open_interest=500.0)]
                chains[symbol] = replace(a_chain(quotes), symbol=symbol, quote_time=quoted)
        missing = tuple(Missing(one, MissingReason.WARMING, f"No {one}.") for one in symbols if one not in chains)
        return ChainSnapshot(chains, missing, Provenance("cboe", Mode.LIVE, synthetic=False))

    def describe(self) -> SourceStatus:
        return SourceStatus("cboe", Mode.LIVE, False, None, None, None, None)


class Published:
    """A vendor's net, with legs of gamma that it does not give for contracts of the day."""

    def __init__(self) -> None:
        self.units = "as printed"
        self.exposure = replace(
            an_exposure(),
            measured=PublishedNets(Nets(5.0, 1.0, NAN, 3.0), gamma=GammaLegs(Legs(7.0, 2.0), Legs(NAN, NAN))),
            coverage=None,
            at_the_money=None,
        )

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        return Snapshot({"NVDA": self.exposure}, (), Provenance("vendor", Mode.LIVE, synthetic=False, units=self.units))

    async def status(self) -> SourceStatus:
        return SourceStatus("vendor", Mode.LIVE, False, None, None, None, None)


class Desk:
    """An archive with a clock that is set by hand, and what recorders of it said."""

    def __init__(self, folder: Path, start: datetime = TEN) -> None:
        self.clock = LeapingClock(start)
        self.archive = Archive(folder / "archive", clock=self.clock)
        self.said: list[str] = []

    def recorder(self, source: Source) -> Recorder:
        return Recorder(source, "cboe", self.archive, Clockwork(self.clock), self.said.append)

    async def take(self, recorder: Recorder, *names: str, after: timedelta = MINUTE) -> str:
        """The line of one snapshot, without its time; the clock goes on afterwards."""
        assert await recorder.take(names or ("NVDA",), self.clock.now, Step.MINUTE)
        self.clock.now += after
        return self.said[-1].split(" Eastern: ")[1]


async def test_a_line_says_how_many_are_new_and_how_many_unchanged(tmp_path: Path) -> None:
    desk = Desk(tmp_path, at(5, 9, 33))
    recorder = desk.recorder(ComputedSource(KeepingReader(desk.clock)))
    assert [await desk.take(recorder, *NAMES) for _ in range(3)] == [
        "stored 2 of 2 names with 4 contracts, known from 2024-06-05T13:33:00Z.",
        "stored 1 of 2 names with 2 contracts, known from 2024-06-05T13:34:00Z; unchanged and not stored again: 1.",
        "stored 1 of 2 names with 2 contracts, known from 2024-06-05T13:35:00Z; unchanged and not stored again: 1.",
    ]
    desk.clock.now = at(5, 10, 1)
    assert await desk.take(recorder, "NVDA", "MU") == (
        "stored 1 of 2 names with 2 contracts, known from 2024-06-05T14:01:00Z; missing MU (warming)."
    )
    assert await desk.take(recorder, "NVDA", "MU") == ("nothing new; unchanged and not stored again: 1; missing MU (warming).")
    assert desk.archive.coverage().rows == 5


async def test_after_a_restart_the_archive_is_asked_what_was_stored_last(tmp_path: Path) -> None:
    desk = Desk(tmp_path, at(5, 10))
    reader = KeepingReader(desk.clock)
    await desk.take(desk.recorder(ComputedSource(reader)), "NVDA", after=2 * MINUTE)
    desk.archive = Archive(tmp_path / "archive", clock=desk.clock)
    again = desk.recorder(ComputedSource(reader))
    assert await desk.take(again) == "nothing new; unchanged and not stored again: 1."
    assert (await desk.take(again)).startswith("stored 1 of 1 names with 2 contracts, known from 2024-06-05T14:03:00Z.")


async def test_a_chain_that_differs_where_the_exposure_does_not_is_stored(tmp_path: Path) -> None:
    desk = Desk(tmp_path, at(5, 10))
    reader = KeepingReader(desk.clock)
    for _ in range(2):
        # The second recorder compares with what the archive holds, the first with what it stored itself.
        recorder = desk.recorder(ComputedSource(reader))
        assert "stored 1" in await desk.take(recorder, after=MINUTE / 4)
        reader.bid += 1.0
        assert "stored 1" in await desk.take(recorder, after=MINUTE / 4)
        reader.bid += 1.0
    last = desk.archive.chains_as_of(["NVDA"], desk.clock.now, staleness=DAY).chains["NVDA"]
    assert last.bid.tolist()[0] == reader.bid - 1.0


async def test_what_a_vendor_does_not_give_is_no_difference_but_other_units_are(tmp_path: Path) -> None:
    desk, vendor = Desk(tmp_path, an_exposure().quote_time), Published()
    assert (await desk.take(desk.recorder(vendor))).startswith("stored 1")
    recorder = desk.recorder(vendor)
    for _ in range(2):
        assert await desk.take(recorder) == "nothing new; unchanged and not stored again: 1."
    vendor.units = "in millions"
    assert (await desk.take(recorder)).startswith("stored 1")
    assert {one.units for one in desk.archive.coverage().families} == {"as printed", "in millions"}


async def test_what_could_not_be_stored_is_not_taken_for_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path, at(5, 10))
    recorder = desk.recorder(ComputedSource(KeepingReader(desk.clock)))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(desk.archive, "append", full)
        with pytest.raises(OSError, match="No space"):
            await desk.take(recorder)
    assert (await desk.take(recorder)).startswith("stored 1")


class Twins:
    """Two archives of the same two mornings: one holds every snapshot, the other what a recorder stored of them."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder / "recorded")
        self.every = Archive(folder / "every", clock=self.desk.clock)
        self.recorded = self.desk.archive

    async def fill(self) -> None:
        reader = KeepingReader(self.desk.clock)
        source = ComputedSource(reader)
        for day in (5, 6):
            recorder = self.desk.recorder(source)
            for minute in range(25):
                if minute == 13:
                    recorder = self.desk.recorder(source)
                self.desk.clock.now = at(day, 9, 30) + minute * MINUTE
                chains = reader.read((*NAMES, "MU"), None)
                exposures: list[SymbolExposure] = list(measured(chains).exposures.values())
                self.every.append(self.desk.clock.now, exposures, source="cboe", chains=list(chains.chains.values()))
                await recorder.take((*NAMES, "MU"), self.desk.clock.now, Step.MINUTE)


@pytest.fixture
async def twins(tmp_path: Path) -> Twins:
    made = Twins(tmp_path)
    await made.fill()
    return made


@pytest.mark.slow
@pytest.mark.parametrize("exported", [False, True])
async def test_answers_are_those_of_an_archive_with_every_snapshot_but_for_when_it_became_known(
    twins: Twins, exported: bool
) -> None:
    assert twins.recorded.coverage().rows < twins.every.coverage().rows - 20
    # Sources are chosen among by the dates of their rows, so that each date has one, even if it says what the day before said.
    overnight = twins.recorded.as_of(["NVDA"], at(6, 9, 30), staleness=DAY)
    assert (overnight.exposures["NVDA"].quote_time, overnight.known["NVDA"]) == (at(5, 9, 54), at(6, 9, 30))
    asked = (*NAMES, "MU", "XYZ")
    if exported:
        for archive in (twins.recorded, twins.every):
            archive.export_finished_days(through=date(2024, 6, 6))
            archive.rebuild_series()
    instants = [at(5, 9, 25) + step * MINUTE / 2 for step in range(70)] + [at(day, hour) for day in (5, 6, 7) for hour in (9, 16)]
    instants += [at(6, 9, 25) + step * MINUTE / 2 for step in range(70)]
    for staleness in (timedelta(minutes=2), timedelta(hours=30)):
        for instant in instants:
            ours = twins.recorded.as_of(asked, instant, staleness=staleness)
            theirs = twins.every.as_of(asked, instant, staleness=staleness)
            assert (ours.exposures, ours.family, set(ours.last_before)) == (
                theirs.exposures,
                theirs.family,
                set(theirs.last_before),
            )
            assert all(ours.known[name] <= known for name, known in theirs.known.items())
            held = [one.chains_as_of(asked, instant, staleness=staleness).chains for one in (twins.recorded, twins.every)]
            assert held[0].keys() == held[1].keys() == ours.exposures.keys()
            assert all(identical(held[0][name], held[1][name]) for name in held[0])


async def test_minutes_without_a_newer_quote_are_carried_forward_neither_gaps_nor_missing_names(twins: Twins) -> None:
    now = twins.desk.clock.now
    answers = []
    for archive in (twins.recorded, twins.every):
        source = ArchiveSource(archive, clock=lambda: now, staleness=5 * DAY)
        async with a_desk(source, tools=(history.TOOL,), clock=lambda: now) as desk:
            window = "2024-06-06T09:31..2024-06-06T09:54"
            answers.append(await desk.answer("basket_history", symbols="NVDA", window=window, step="1m", detail="full"))
    ours, theirs = answers
    assert ours.text == theirs.text
    assert ours.structured["names"]["not_always"] == 0
    assert ours.structured["missing_symbols"] == []
    assert ours.structured["window"]["expected"] == 24
    assert ours.structured["window"]["readings"] == 9
    gaps = ours.structured["gaps"]
    assert (gaps["found"], gaps["instants"], gaps["longest"]) == (0, 0, [])
    assert gaps["carried_forward"] == 15
    assert "Gaps: 0. Carried forward without news: 15 instants" in ours.text
