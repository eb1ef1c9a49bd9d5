"""Open interest by vintage: what an archive answers in the morning on which the open interest of the session before comes out.

It is published about 06:30 Eastern, and an archive knows it from its first snapshot that has it. In these tests that is the
snapshot of 06:45 on Thursday 2024-06-06: quotes and spot are those of Wednesday's close before and after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.store import Archive
from exposure.chain import Chain
from exposure.legs import measure
from exposure.sampling import Step
from exposure.sessions import EASTERN, eastern
from server.importing import import_chains
from server.record import Clockwork, Recorder
from sources.archive.source import ArchiveSource
from sources.computed import ComputedSource
from sources.demo.reader import DemoReader
from tests.builders import QUOTE_TIME, a_call, a_chain, a_put, a_vendor_row
from tests.server.recorder_to_kill import LeapingClock
from tests.sources.cboe_files import a_file, an_option
from tests.sources.chain_files import write_json
from tests.tools.change_desk import PARTS, change_of, part, refused
from tests.tools.desk import NOW, Desk, Era, Reply, a_desk
from tools import basket, change, symbol

TOOLS = (basket.TOOL, change.TOOL, symbol.TOOL)
NAMES = ("NVDA", "AMD")
THURSDAY = date(2024, 6, 6)
MONDAY_S, TUESDAY_S, WEDNESDAY_S = date(2024, 6, 3), date(2024, 6, 4), date(2024, 6, 5)
EARLY, LATE = eastern(THURSDAY, 6), eastern(THURSDAY, 6, 45)
DAYS = timedelta(days=5)


def chain_of(name: str, of: date, *, held: float | None = None, spot: float = 100.0, quoted: datetime = QUOTE_TIME) -> Chain:
    """A chain with the open interest of a session: more calls every day, and fewer puts, unless told how many."""
    calls, puts = (held, held) if held is not None else (1_000.0 * of.day, 9_000.0 - 800.0 * of.day)
    contracts = [a_call(105.0, open_interest=calls), a_call(100.0, open_interest=calls), a_put(95.0, open_interest=puts)]
    return replace(a_chain(contracts, symbol=name, spot=spot, quote_time=quoted), oi_date=of)


class Recorded:
    """An archive that vintages are recorded into, and the source over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "archive"
        self.archive = Archive(self.folder, clock=lambda: NOW)

    @property
    def source(self) -> ArchiveSource:
        """As a server sees it that starts now."""
        return ArchiveSource(Archive(self.folder, clock=lambda: NOW), clock=lambda: NOW, staleness=DAYS)

    def record(self, known: datetime, of: date, names: Sequence[str] = NAMES, **more: Any) -> None:
        chains = [chain_of(name, of, **more) for name in names]
        self.archive.append(known, [measure(chain) for chain in chains], source="cboe", chains=chains)


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """Two snapshots of the same quotes, between which the open interest of Wednesday came out."""
    one = Recorded(tmp_path)
    one.record(EARLY, TUESDAY_S)
    one.record(LATE, WEDNESDAY_S)
    return one


def wall_clock(instant: datetime) -> str:
    """As a user writes it."""
    return instant.astimezone(EASTERN).replace(tzinfo=None).isoformat(timespec="seconds")


async def exposure_of(source: Any, at: datetime, names: Sequence[str] = NAMES, era: Era = "auto") -> Reply:
    async with a_desk(source, era, tools=TOOLS) as desk:
        return await desk.answer(symbols=",".join(names), at=wall_clock(at), detail="full")


def sessions_of(answer: Reply) -> dict[str, str]:
    """Of each name the session its open interest is from."""
    return {one["symbol"]: one["detail"]["oi_date"] for one in answer.structured["constituents"]}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("clock", "of"),
    [
        ((6, 0, 0), TUESDAY_S),
        ((6, 29, 0), TUESDAY_S),
        ((6, 30, 0), TUESDAY_S),
        ((6, 44, 59), TUESDAY_S),
        ((6, 45, 0), WEDNESDAY_S),
        ((9, 29, 0), WEDNESDAY_S),
    ],
)
async def test_an_instant_is_answered_with_the_open_interest_the_archive_knew_then(
    tmp_path: Path, recorded: Recorded, era: Era, clock: tuple[int, int, int], of: date
) -> None:
    """That it is out at 06:30 is nothing the archive knew at 06:30; and not a digit of the other vintage is in the answer."""
    hour, minute, second = clock
    at = eastern(THURSDAY, hour, minute) + timedelta(seconds=second)
    answer = await exposure_of(recorded.source, at, era=era)
    assert answer.structured["oi_date"] == str(of)
    assert sessions_of(answer) == dict.fromkeys(NAMES, str(of))
    assert f"open interest of {of}," in answer.text
    alone = Recorded(tmp_path / "alone")
    alone.record(EARLY, of)
    assert await exposure_of(alone.source, at, era=era) == answer


@pytest.mark.anyio
async def test_where_the_names_differ_the_older_session_is_told(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    recorded.record(EARLY, TUESDAY_S)
    recorded.record(LATE, WEDNESDAY_S, names=("NVDA",))
    recorded.record(LATE + timedelta(minutes=5), WEDNESDAY_S, names=("AMD",))
    mixed = await exposure_of(recorded.source, LATE)
    assert sessions_of(mixed) == {"NVDA": str(WEDNESDAY_S), "AMD": str(TUESDAY_S)}
    assert mixed.structured["oi_date"] == str(TUESDAY_S)
    both = await exposure_of(recorded.source, LATE + timedelta(minutes=5))
    assert both.structured["oi_date"] == str(WEDNESDAY_S)


@pytest.mark.anyio
async def test_a_change_shows_the_vintage_as_open_interest_once_it_is_known_and_not_sooner(tmp_path: Path, era: Era) -> None:
    """From the last minute of the session to the morning after: what 06:45 adds to 06:44 is in that one part."""
    recorded, last_minute = Recorded(tmp_path), QUOTE_TIME - timedelta(minutes=1)
    recorded.record(last_minute, TUESDAY_S, spot=98.0, quoted=last_minute)
    recorded.record(EARLY, TUESDAY_S)
    recorded.record(LATE, WEDNESDAY_S)
    asked = {"symbols": ",".join(NAMES), "since": wall_clock(last_minute)}
    answers = {at: await change_of(recorded.source, era, at=f"2024-06-06T{at}", **asked) for at in ("06:29", "06:30", "06:44")}
    for answer in answers.values():
        assert answer.structured["kinds"] == {"attributed": 2}
        assert answer.structured["nets"]["parts"]["open_interest"] == [0, 0, 0, 0]
        assert all(answer.structured["nets"]["parts"]["spot"])
        assert answer.structured["nets"] == answers["06:29"].structured["nets"]
    earlier = answers["06:44"].structured["nets"]
    later = (await change_of(recorded.source, era, at="2024-06-06T06:45", **asked)).structured["nets"]
    assert all(later["parts"]["open_interest"])
    # Every part is rounded so that all of them add up, which may cost the last digit.
    added = [after - before for after, before in zip(later["after"], earlier["after"], strict=True)]
    assert later["parts"]["open_interest"] == pytest.approx(added, rel=1e-3)
    for name in PARTS:
        if name != "open_interest":
            assert later["parts"][name] == pytest.approx(earlier["parts"][name], rel=1e-3), name


@pytest.mark.anyio
async def test_between_two_vintages_of_the_same_quotes_open_interest_is_the_whole_change(tmp_path: Path, era: Era) -> None:
    """No quote is new between 06:00 and 06:45, and still something changed; between 06:00 and 06:44 nothing did."""
    recorded = Recorded(tmp_path)
    recorded.record(EARLY, TUESDAY_S)
    recorded.record(LATE, WEDNESDAY_S)
    asked = {"symbols": ",".join(NAMES), "since": wall_clock(EARLY)}
    nets = (await change_of(recorded.source, era, at="2024-06-06T06:45", **asked)).structured["nets"]
    assert all(nets["parts"]["open_interest"])
    assert nets["parts"]["open_interest"] == nets["change"]
    assert "Both ends have the same quotes" in await refused(recorded.source, era, at="2024-06-06T06:44", **asked)


@pytest.mark.anyio
async def test_the_change_since_the_previous_close_holds_one_vintage_before_the_renewal_and_two_after(tmp_path: Path) -> None:
    """Before the open the previous close is that of Tuesday, where the open interest was that of Monday."""
    recorded, tuesday = Recorded(tmp_path), eastern(TUESDAY_S, 16)
    recorded.record(tuesday, MONDAY_S, quoted=tuesday)
    recorded.record(EARLY, TUESDAY_S)
    recorded.record(LATE, WEDNESDAY_S)
    parts = []
    for at, of in (("06:44", TUESDAY_S), ("06:45", WEDNESDAY_S)):
        answer = await change_of(recorded.source, symbols="NVDA", at=f"2024-06-06T{at}")
        alone = Recorded(tmp_path / at)
        alone.record(tuesday, MONDAY_S, quoted=tuesday)
        alone.record(EARLY, of)
        assert await change_of(alone.source, symbols="NVDA", at=f"2024-06-06T{at}") == answer
        parts.append(part(answer, "open_interest"))
    # Calls are added and puts fall away with every session, so that each vintage adds to net gamma.
    assert 0 < parts[0] < parts[1]


@pytest.mark.anyio
async def test_a_recording_of_the_demo_market_never_knows_more_than_the_market_told_it(tmp_path: Path, era: Era) -> None:
    """The demo market has its open interest at 06:30; the archive that recorded it at 06:00 and 06:45 has it at 06:45."""
    clock = LeapingClock(EARLY)
    market = ComputedSource(DemoReader(clock))
    recorded = Recorded(tmp_path)
    said: list[str] = []
    recorder = Recorder(market, "demo", recorded.archive, Clockwork(clock, clock.sleep), said.append)
    for known in (EARLY, LATE):
        clock.now = known
        assert await recorder.take(NAMES, known, Step.FIFTEEN_MINUTES)
    replayed = ComputedSource(DemoReader(lambda: NOW))
    for minute, in_archive, in_market in (
        (29, TUESDAY_S, TUESDAY_S),
        (30, TUESDAY_S, WEDNESDAY_S),
        (45, WEDNESDAY_S, WEDNESDAY_S),
    ):
        at = eastern(THURSDAY, 6, minute)
        ours, theirs = await exposure_of(recorded.source, at, era=era), await exposure_of(replayed, at, era=era)
        assert (ours.structured["oi_date"], theirs.structured["oi_date"]) == (str(in_archive), str(in_market))
        assert (ours.structured["aggregate"] == theirs.structured["aggregate"]) is (in_archive == in_market)


@pytest.mark.anyio
async def test_imported_files_answer_with_the_vintage_their_stamp_allows(tmp_path: Path, era: Era) -> None:
    """Until 06:30 a file of Cboe can only hold the earlier vintage; from then to the new session's quotes it may be either."""
    for stamp, held in (("10:29:59", 1_000.0), ("10:30:00", 1_500.0), ("13:45:00", 2_000.0)):
        options = [an_option(105.0, open_interest=held), an_option(95.0, "put", open_interest=700.0)]
        file = f"nvda_{stamp.replace(':', '')}.json"
        write_json(tmp_path / "chains", file, a_file("NVDA", options, f"2024-06-06 {stamp}"))
    recorded = Recorded(tmp_path)
    stored = import_chains(recorded.archive, "cboe-json", [tmp_path / "chains"], now=NOW, flat_rate=0.04).stored
    assert stored is not None
    assert stored.rows_new == 3
    async with a_desk(recorded.source, era, tools=TOOLS) as desk:
        assert "no_data_at" in await desk.refusal(symbols="NVDA", at="2024-06-06T06:29:58")
    for at, of, quoted in (
        ("06:29:59", str(TUESDAY_S), "2024-06-05T20:00:00Z"),
        ("06:30:00", None, "2024-06-05T20:00:00Z"),
        ("09:44:59", None, "2024-06-05T20:00:00Z"),
        ("09:45:00", str(WEDNESDAY_S), "2024-06-06T13:30:00Z"),
    ):
        async with a_desk(recorded.source, era, tools=TOOLS) as desk:
            answer = await desk.answer(symbols="NVDA", at=f"2024-06-06T{at}")
        assert (answer.structured["oi_date"], answer.structured["oldest_quote"]) == (of, quoted), at
        codes = [one["code"] for one in answer.structured["warnings"]]
        assert ("oi_date_unknown" in codes) is (of is None)


@dataclass(frozen=True)
class Snapshot:
    """One thing that may be appended in that morning; its quotes are of the close before, whenever it became known."""

    seconds: int
    names: tuple[str, ...]
    of: date
    held: float
    source: str
    what: str

    @property
    def known(self) -> datetime:
        return EARLY + timedelta(seconds=self.seconds)

    def into(self, archive: Archive) -> None:
        chains = [chain_of(name, self.of, held=self.held) for name in self.names]
        match self.what:
            case "published":
                rows = [a_vendor_row(name, self.held) for name in self.names]
                archive.append(self.known, rows, source=self.source, units="as printed")
            case "rows":
                archive.append(self.known, [measure(chain) for chain in chains], source=self.source)
            case "chains":
                archive.append(self.known, (), source=self.source, chains=chains)
            case _:
                archive.append(self.known, [measure(chain) for chain in chains], source=self.source, chains=chains)


def snapshots(seconds: st.SearchStrategy[int], held: st.SearchStrategy[float]) -> st.SearchStrategy[Snapshot]:
    return st.builds(
        Snapshot,
        seconds,
        st.sampled_from([("NVDA",), ("AMD",), NAMES, ("MU",)]),
        # The last is of a session that is not even over: whoever writes poison need not be careful.
        st.sampled_from([MONDAY_S, TUESDAY_S, WEDNESDAY_S, date(2024, 6, 7)]),
        held,
        st.sampled_from(["cboe", "cboe", "files", "a-better-source"]),
        st.sampled_from(["rows and chains", "rows and chains", "rows", "chains", "published"]),
    )


ASKED_AT = 2_700
"""Seconds after 06:00 of the question: 06:45."""


THEN = st.lists(snapshots(st.integers(0, ASKED_AT), st.floats(100.0, 9_000.0)), max_size=4)
LATER = st.lists(
    snapshots(st.integers(ASKED_AT + 1, 3 * 86_400), st.sampled_from([1.0, 5_000.0, 1e9])), min_size=1, max_size=5
)  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(THEN, LATER, st.booleans())
def test_an_answer_is_byte_identical_whatever_vintage_is_appended_later(
    then: list[Snapshot], later: list[Snapshot], exported: bool
) -> None:
    stays_the_same(then, later, exported)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(THEN, LATER, st.booleans())
def test_many_answers_are_byte_identical_whatever_vintage_is_appended_later(
    then: list[Snapshot], later: list[Snapshot], exported: bool
) -> None:
    stays_the_same(then, later, exported)


def stays_the_same(then: list[Snapshot], later: list[Snapshot], exported: bool) -> None:
    """Later is one second or some days; what is appended then bears older stamps, so that only `known` keeps it out."""
    with TemporaryDirectory() as name:
        recorded, last_minute = Recorded(Path(name)), QUOTE_TIME - timedelta(minutes=1)
        recorded.record(last_minute, TUESDAY_S, quoted=last_minute)
        recorded.record(EARLY, TUESDAY_S)
        for one in then:
            one.into(recorded.archive)
        running = recorded.source
        before = anyio.run(everything_said, running)
        for number, one in enumerate(later):
            one.into(recorded.archive)
            if exported and number % 2:
                recorded.archive.export_finished_days(through=THURSDAY + timedelta(days=4))
        assert anyio.run(everything_said, running) == before
        assert anyio.run(everything_said, recorded.source) == before


async def everything_said(source: ArchiveSource) -> list[str]:
    """The answers as of 06:45, or the refusals, as they go over the wire. MU need not be known by then."""
    names, at = ",".join((*NAMES, "MU")), wall_clock(EARLY + timedelta(seconds=ASKED_AT))
    async with a_desk(source, tools=TOOLS) as desk:
        return [
            await _said(desk, "basket_exposure", symbols=names, at=at, detail="full"),
            await _said(desk, "symbol_exposure", symbol="NVDA", at=at, detail="full"),
            await _said(desk, "explain_change", symbols=names, since="2024-06-05T15:59", at=at),
        ]


async def _said(desk: Desk, tool: str, **arguments: Any) -> str:
    return (await desk.call(tool, **arguments)).model_dump_json()
