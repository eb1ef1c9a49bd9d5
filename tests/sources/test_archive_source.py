"""The archive as a source: what it answers, from which rows, and what it says of what is not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.answers import Kind
from archive.store import Archive
from exposure.chain import Chain
from exposure.dealer import Nets, PublishedNets, SymbolExposure
from exposure.legs import measure
from exposure.snapshot import MissingReason, Mode
from sources.archive.source import ArchiveSource
from sources.base import ChainSource, SeriesSource
from tests.builders import QUOTE_TIME, a_call, a_chain, a_put, an_exposure

MINUTE = timedelta(minutes=1)
NOW = QUOTE_TIME + timedelta(days=1)
DAYS = timedelta(days=5)


class Desk:
    """An archive, and the source over it."""

    def __init__(self, folder: Path, now: datetime = NOW) -> None:
        self.folder = folder / "archive"
        self.archive = Archive(self.folder, clock=lambda: now)
        self.source = ArchiveSource(self.archive, clock=lambda: now, staleness=DAYS)

    def record(self, *chains: Chain, known: datetime | None = None, source: str = "cboe", with_chains: bool = True) -> None:
        """Store chains and what is measured from them."""
        instant = known or max(chain.quote_time for chain in chains)
        self.archive.append(instant, [measure(chain) for chain in chains], source=source, chains=chains if with_chains else ())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def chain_of(symbol: str = "NVDA", *, at: datetime = QUOTE_TIME, open_interest: float = 1000.0) -> Chain:
    quotes = [a_call(open_interest=open_interest), a_put(open_interest=open_interest)]
    return replace(a_chain(quotes), symbol=symbol, quote_time=at)


def published(symbol: str = "NVDA", gex: float = 5.0) -> SymbolExposure:
    return replace(an_exposure(symbol), measured=PublishedNets(Nets(gex, 1.0, 2.0, 3.0)), coverage=None, at_the_money=None)


@pytest.mark.anyio
async def test_it_is_a_source_of_chains_and_of_series(desk: Desk) -> None:
    assert isinstance(desk.source, ChainSource)
    assert isinstance(desk.source, SeriesSource)


@pytest.mark.anyio
async def test_an_instant_is_answered_with_the_last_snapshot_known_by_then(desk: Desk) -> None:
    early, late = chain_of(open_interest=1000.0), chain_of(open_interest=2000.0, at=QUOTE_TIME + 10 * MINUTE)
    desk.record(early, known=QUOTE_TIME + MINUTE)
    desk.record(late, known=QUOTE_TIME + 11 * MINUTE)
    for minutes, chain in ((1, early), (10, early), (11, late), (600, late)):
        answer = await desk.source.exposures(["NVDA"], QUOTE_TIME + minutes * MINUTE)
        assert answer.exposures == {"NVDA": measure(chain)}
        assert not answer.missing
        assert (answer.provenance.source, answer.provenance.mode) == ("archive", Mode.REPLAY)
        assert answer.provenance.at == QUOTE_TIME + minutes * MINUTE
        assert not answer.provenance.synthetic
        assert answer.provenance.units is None
        (notice,) = answer.provenance.notices
        assert (notice.code, "source cboe" in notice.message) == ("recorded_source", True)
        held = await desk.source.chains(["NVDA"], QUOTE_TIME + minutes * MINUTE)
        assert held.chains["NVDA"].open_interest.tobytes() == chain.open_interest.tobytes()


@pytest.mark.anyio
async def test_the_newest_is_a_snapshot_and_symbols_of_an_earlier_session_are_stale(desk: Desk) -> None:
    desk.record(chain_of("AMD", at=QUOTE_TIME - timedelta(days=1)))
    desk.record(chain_of("NVDA"))
    answer = await desk.source.exposures(["NVDA", "AMD", "MU"], None)
    assert list(answer.exposures) == ["NVDA"]
    assert (answer.provenance.mode, answer.provenance.at) == (Mode.SNAPSHOT, None)
    reasons = {one.symbol: one.reason for one in answer.missing}
    assert reasons == {"AMD": MissingReason.STALE, "MU": MissingReason.UNKNOWN_SYMBOL}


@pytest.mark.anyio
async def test_a_row_without_its_chain_answers_and_a_newer_row_wins_over_an_older_chain(desk: Desk) -> None:
    desk.record(chain_of(open_interest=1000.0))
    later = chain_of(open_interest=3000.0, at=QUOTE_TIME + MINUTE)
    desk.record(later, with_chains=False)
    answer = await desk.source.exposures(["NVDA"], QUOTE_TIME + 2 * MINUTE)
    assert answer.exposures == {"NVDA": measure(later)}


@pytest.mark.anyio
async def test_a_last_chain_that_nothing_can_be_measured_from_is_not_covered_up(desk: Desk) -> None:
    desk.record(chain_of(), chain_of("AMD"))
    calls_only = replace(a_chain([a_call(), a_call(105)]), symbol="NVDA", quote_time=QUOTE_TIME + MINUTE)
    desk.archive.append(
        QUOTE_TIME + MINUTE, [measure(chain_of("AMD", at=QUOTE_TIME + MINUTE))], source="cboe", chains=[calls_only]
    )
    answer = await desk.source.exposures(["NVDA", "AMD"], QUOTE_TIME + MINUTE)
    assert list(answer.exposures) == ["AMD"]
    assert [(one.symbol, one.reason) for one in answer.missing] == [("NVDA", MissingReason.UNUSABLE_CHAIN)]


@pytest.mark.anyio
async def test_published_rows_say_their_units_and_never_stand_beside_computed_ones(desk: Desk) -> None:
    desk.record(chain_of("AMD"), chain_of("MU"))
    desk.archive.append(QUOTE_TIME, [published("NVDA")], source="flashalpha", units="as printed")
    both = await desk.source.exposures(["NVDA", "AMD", "MU"], QUOTE_TIME)
    assert set(both.exposures) == {"AMD", "MU"}
    (missing,) = both.missing
    assert (missing.symbol, missing.reason) == ("NVDA", MissingReason.NO_DATA_AT)
    assert "never mixes two sources" in missing.detail
    alone = await desk.source.exposures(["NVDA"], QUOTE_TIME)
    assert alone.exposures == {"NVDA": published()}
    assert alone.provenance.units == "as printed"
    chains = await desk.source.chains(["NVDA"], QUOTE_TIME)
    assert [one.detail for one in chains.missing] == ["The archive has the exposure of NVDA then, but not its chain."]


@pytest.mark.anyio
async def test_what_is_missing_says_when_it_was_last_known_and_nothing_of_later(desk: Desk) -> None:
    old = QUOTE_TIME - timedelta(days=9)
    desk.record(chain_of(at=old), known=old)
    before = await desk.source.exposures(["NVDA", "AMD"], QUOTE_TIME)
    assert not before.exposures
    assert [one.reason for one in before.missing] == [MissingReason.NO_DATA_AT] * 2
    assert "2024-05-27 16:00 Eastern, more than 5 days before" in before.missing[0].detail
    assert "Nothing of AMD was in the archive by 2024-06-05 16:00 Eastern" in before.missing[1].detail
    poison = QUOTE_TIME + MINUTE
    desk.record(chain_of(at=poison), chain_of("AMD", at=poison), known=poison)
    desk.archive.append(poison, [published("AMD")], source="flashalpha", units="as printed")
    assert await desk.source.exposures(["NVDA", "AMD"], QUOTE_TIME) == before


@pytest.mark.anyio
async def test_synthetic_recordings_stay_synthetic(desk: Desk) -> None:
    desk.record(chain_of(), source="demo")
    assert (await desk.source.exposures(["NVDA"], QUOTE_TIME)).provenance.synthetic
    assert (await desk.source.status()).synthetic


@pytest.mark.anyio
async def test_an_empty_archive_says_how_to_fill_it_and_creates_nothing(desk: Desk) -> None:
    for at in (None, QUOTE_TIME):
        answer = await desk.source.exposures(["NVDA"], at)
        (missing,) = answer.missing
        assert missing.reason is MissingReason.NO_DATA_AT
    status = await desk.source.status()
    assert (status.symbols, status.replay_from, status.newest_quote) == ((), None, None)
    assert "record, import or backfill" in status.remarks[0]
    assert not desk.folder.exists()


@pytest.mark.anyio
async def test_the_status_tells_range_symbols_and_newest_quote(desk: Desk) -> None:
    desk.record(chain_of(), chain_of("AMD"), known=QUOTE_TIME + MINUTE)
    status = await desk.source.status()
    assert status.symbols == ("AMD", "NVDA")
    assert (status.replay_from, status.replay_to) == (QUOTE_TIME + MINUTE, QUOTE_TIME + MINUTE)
    assert status.newest_quote == QUOTE_TIME
    assert status.remarks == ("The archive holds 2 exposures on 1 day, from cboe.",)


@pytest.mark.anyio
async def test_a_damaged_file_is_a_warning_and_the_rest_answers(desk: Desk) -> None:
    day_before = QUOTE_TIME - timedelta(days=1)
    desk.record(chain_of(at=day_before), known=day_before)
    desk.record(chain_of(), known=QUOTE_TIME)
    desk.archive.export_finished_days(through=QUOTE_TIME.date())
    for file in desk.folder.rglob(f"{QUOTE_TIME:%Y-%m-%d}*.parquet"):
        file.write_bytes(b"not a parquet file")
    for folder in desk.folder.rglob(f"date={QUOTE_TIME:%Y-%m-%d}"):
        for file in folder.iterdir():
            file.write_bytes(b"not a parquet file")
    fresh = ArchiveSource(Archive(desk.folder, clock=lambda: NOW), clock=lambda: NOW, staleness=DAYS)
    answer = await fresh.exposures(["NVDA"], QUOTE_TIME)
    assert answer.exposures["NVDA"].quote_time == day_before
    assert "damaged_file" in [one.code for one in answer.provenance.notices]
    assert any("2024-06-05" in remark for remark in (await fresh.status()).remarks)


@pytest.mark.anyio
async def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file where the folder should be")
    source = Desk(tmp_path).source
    for at in (None, QUOTE_TIME):
        answer = await source.exposures(["NVDA"], at)
        assert not answer.exposures
    assert (await source.status()).symbols == ()


@pytest.mark.anyio
async def test_a_series_is_what_the_exposures_would_be(desk: Desk) -> None:
    instants = [QUOTE_TIME + step * MINUTE for step in range(6)]
    desk.record(chain_of(open_interest=1000.0), known=instants[1])
    desk.record(chain_of(open_interest=2000.0, at=instants[3]), chain_of("AMD", at=instants[3]), known=instants[3])
    block = await desk.source.series(["NVDA", "AMD"], instants, ["spot", "gex_call", "atm_iv"])
    assert block.values["gex_call"].shape == (2, 6)
    assert block.family is not None
    assert (block.family.source, block.family.kind) == ("cboe", Kind.COMPUTED)
    for column, at in enumerate(instants):
        answer = await desk.source.exposures(["NVDA", "AMD"], at)
        for row, symbol in enumerate(("NVDA", "AMD")):
            expected = _gex_call(answer.exposures.get(symbol))
            np.testing.assert_array_equal(block.values["gex_call"][row, column], expected)


def _gex_call(exposure: SymbolExposure | None) -> float:
    if exposure is None:
        return float("nan")
    legs = exposure.gamma()
    assert legs is not None
    return legs.total.call


@pytest.mark.anyio
async def test_questions_wait_in_worker_threads_and_can_be_given_up(desk: Desk) -> None:
    desk.record(chain_of())
    ticks: list[int] = []

    async def tick() -> None:
        while True:
            ticks.append(1)
            await anyio.sleep(0)

    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        await desk.source.exposures(["NVDA"], QUOTE_TIME)
        group.cancel_scope.cancel()
    assert len(ticks) > 1


@pytest.mark.anyio
async def test_progress_is_told(desk: Desk) -> None:
    desk.record(chain_of())
    told: list[Sequence[int]] = []

    async def progress(done: int, total: int) -> None:
        told.append((done, total))

    await desk.source.exposures(["NVDA", "AMD"], None, progress=progress)
    await desk.source.chains(["NVDA"], QUOTE_TIME, progress=progress)
    await desk.source.series(["NVDA"], [QUOTE_TIME.astimezone(UTC)], ["spot"], progress=progress)
    assert told == [(2, 2), (1, 1), (1, 1)]


@dataclass(frozen=True)
class Append:
    """One thing that may be appended: a symbol of a source at a minute, computed with or without its chain, or published."""

    minute: int
    symbol: str
    source: str
    what: str

    def into(self, archive: Archive) -> None:
        known = QUOTE_TIME + self.minute * MINUTE
        if self.what == "published":
            archive.append(known, [replace(published(self.symbol), quote_time=known)], source=self.source, units="as printed")
            return
        chain = chain_of(self.symbol, at=known, open_interest=1000.0 + self.minute)
        archive.append(known, [measure(chain)], source=self.source, chains=[chain] if self.what == "chain" else ())


APPENDS = st.builds(
    Append,
    st.integers(0, 8 * 24 * 60),
    st.sampled_from(("NVDA", "AMD")),
    st.sampled_from(("cboe", "files")),
    st.sampled_from(("chain", "row", "published")),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(APPENDS, max_size=8), st.integers(0, 8 * 24 * 60))
def test_an_answer_is_the_same_whatever_is_appended_later(appends: list[Append], minute: int) -> None:
    at = QUOTE_TIME + minute * MINUTE
    answers = []
    with TemporaryDirectory() as folder:
        for name, some in (("then", [one for one in appends if one.minute <= minute]), ("now", appends)):
            desk = Desk(Path(folder, name), now=QUOTE_TIME + 30 * 24 * 60 * MINUTE)
            for one in some:
                one.into(desk.archive)
            snapshot = anyio.run(desk.source.exposures, ["NVDA", "AMD", "MU"], at)
            chains = anyio.run(desk.source.chains, ["NVDA", "AMD", "MU"], at)
            held = {symbol: chain.open_interest.tobytes() for symbol, chain in chains.chains.items()}
            answers.append((snapshot, held, chains.missing, chains.provenance))
    assert answers[0] == answers[1]
