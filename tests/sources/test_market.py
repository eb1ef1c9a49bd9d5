"""The market: which source is asked, what a deadline leaves, and what a question may cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import anyio
import pytest

from exposure.snapshot import Missing, MissingReason, Mode, Provenance, Snapshot
from sources.background import Progress
from sources.base import CallsNeeded, SourceStatus
from sources.market import CallBudgetError, Market
from tests.builders import a_snapshot, an_exposure

pytestmark = pytest.mark.anyio

THEN = datetime(2024, 6, 5, 14, 30, tzinfo=UTC)
NAMES = [f"N{number}" for number in range(60)]


class Obedient:
    """Answers for the first `quick` symbols, waits for the others, and gives up shortly before the deadline around it."""

    def __init__(self, quick: int = 100) -> None:
        self.quick = quick
        self.asked: list[tuple[str, ...]] = []
        self.patience: list[float] = []

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        self.asked.append(tuple(symbols))
        left = anyio.current_effective_deadline() - anyio.current_time()
        self.patience.append(left)
        if progress is not None:
            await progress(min(self.quick, len(symbols)), len(symbols))
        if self.quick < len(symbols):
            await anyio.sleep(0.5 * left)
        late = [Missing(symbol, MissingReason.WARMING, "It is on its way.") for symbol in symbols[self.quick :]]
        arrived = {symbol: an_exposure(symbol) for symbol in symbols[: self.quick]}
        return Snapshot(arrived, tuple(late), Provenance("obedient", Mode.LIVE, synthetic=False, at=at))

    async def status(self) -> SourceStatus:
        raise AssertionError("the status was not asked for")


class Deaf(Obedient):
    """Never looks at a deadline."""

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        self.asked.append(tuple(symbols))
        await anyio.sleep(60)
        return a_snapshot([an_exposure(symbol) for symbol in symbols])


class Metered(Obedient):
    """Counts a call a symbol; `remaining` are left."""

    def __init__(self, remaining: int | None) -> None:
        super().__init__()
        self.remaining = remaining

    def calls_needed(self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False) -> CallsNeeded:
        return CallsNeeded(len(symbols) * (3 if legs else 1), self.remaining)


async def test_a_question_is_put_once_and_progress_is_told() -> None:
    source, told = Obedient(), []

    async def progress(done: int, total: int) -> None:
        told.append((done, total))

    answer = await Market(source).snapshot(NAMES, None, progress)
    assert source.asked == [tuple(NAMES)]
    assert list(answer.exposures) == NAMES
    assert told == [(60, 60)]


async def test_a_source_that_minds_the_deadline_gives_what_has_arrived_and_says_why_the_rest_has_not() -> None:
    answer = await Market(Obedient(quick=44), deadline=0.4).snapshot(NAMES, None)
    assert len(answer.exposures) == 44
    assert {one.reason for one in answer.missing} == {MissingReason.WARMING}


async def test_a_source_that_does_not_mind_the_deadline_is_given_up() -> None:
    answer = await Market(Deaf(), deadline=0.2).snapshot(NAMES, THEN)
    assert not answer.exposures
    assert [one.symbol for one in answer.missing] == NAMES
    assert {one.reason for one in answer.missing} == {MissingReason.TIMED_OUT}
    assert (answer.provenance.source, answer.provenance.mode, answer.provenance.at) == ("none", Mode.REPLAY, THEN)


async def test_two_questions_of_one_call_share_its_time() -> None:
    source = Obedient(quick=1)
    market = Market(source, deadline=20.0)
    with anyio.fail_after(2.0):
        await market.snapshot(["A", "B"], None)
        await market.snapshot(["A", "B"], THEN)
    first, second = source.patience
    assert first <= 1.6
    assert second <= 0.8 * (2.0 - 0.5 * first) + 0.05


async def test_the_past_is_asked_of_the_replay_source() -> None:
    live, replay = Obedient(), Obedient()
    market = Market(live, replay)
    await market.snapshot(["NVDA"], None)
    await market.snapshot(["AMD"], THEN)
    assert (live.asked, replay.asked) == ([("NVDA",)], [("AMD",)])


async def test_a_source_given_as_a_maker_is_built_once_on_the_first_question() -> None:
    built = []

    def make() -> Obedient:
        built.append(Obedient())
        return built[-1]

    market = Market(make)
    assert built == []
    async with anyio.create_task_group() as group:
        for name in NAMES[:10]:
            group.start_soon(market.snapshot, [name], None)
    assert len(built) == 1
    assert len(built[0].asked) == 10


@pytest.mark.parametrize(
    ("remaining", "allowed", "legs", "refusal"),
    [
        (None, None, False, None),
        (60, None, False, None),
        (59, None, False, "needs 60 upstream calls, and 59 of today's quota are left"),
        (0, None, False, "needs 60 upstream calls, and 0 of today's quota are left"),
        (100, None, True, "needs 180 upstream calls, and 100 of today's quota are left"),
        (0, 60, False, None),
        (None, 59, False, "needs 60 upstream calls, and allow_calls is 59"),
        (500, 0, False, "needs 60 upstream calls, and allow_calls is 0"),
    ],
)
async def test_a_fan_out_beyond_the_quota_is_refused_with_the_numbers(
    remaining: int | None, allowed: int | None, legs: bool, refusal: str | None
) -> None:
    source = Metered(remaining)
    if refusal is None:
        await Market(source).snapshot(NAMES, THEN, legs=legs, allow_calls=allowed)
        assert source.asked
        return
    with pytest.raises(CallBudgetError, match=refusal):
        await Market(source).snapshot(NAMES, THEN, legs=legs, allow_calls=allowed)
    assert not source.asked


async def test_one_call_is_let_through_when_the_quota_seems_used_up() -> None:
    source = Metered(0)
    await Market(source).snapshot(["NVDA"], None)
    assert source.asked


async def test_a_source_without_chains_says_so() -> None:
    assert await Market(Obedient()).chains(["NVDA"], None) is None
