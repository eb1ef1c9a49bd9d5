"""The market: which source is asked, and what a deadline leaves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import anyio
import pytest

from exposure.snapshot import MissingReason, Snapshot
from sources.base import SourceStatus
from sources.market import Market
from tests.builders import a_snapshot, an_exposure

pytestmark = pytest.mark.anyio

THEN = datetime(2024, 6, 5, 14, 30, tzinfo=UTC)
NAMES = [f"N{number}" for number in range(60)]


class SlowAfter:
    """Answers at once until it has been asked `quick` times, then hardly ever."""

    def __init__(self, quick: int) -> None:
        self.quick = quick
        self.asked: list[tuple[str, ...]] = []

    async def exposures(self, symbols: Sequence[str], at: datetime | None) -> Snapshot:
        self.asked.append(tuple(symbols))
        if len(self.asked) > self.quick:
            await anyio.sleep(60)
        return a_snapshot([an_exposure(symbol) for symbol in symbols])

    async def status(self) -> SourceStatus:
        raise AssertionError("the status was not asked for")


async def test_every_symbol_is_asked_for_once_and_progress_is_told() -> None:
    source, told = SlowAfter(9), []

    async def progress(done: int, total: int) -> None:
        told.append((done, total))

    answer = await Market(source).snapshot(NAMES, None, progress)
    assert [symbol for step in source.asked for symbol in step] == NAMES
    assert list(answer.exposures) == NAMES
    assert told[-1] == (60, 60)
    assert len(told) == len(source.asked) > 1


async def test_a_deadline_gives_what_has_arrived_and_names_the_rest() -> None:
    source = SlowAfter(1)
    answer = await Market(source, deadline=0.5).snapshot(NAMES, None)
    arrived = list(answer.exposures)
    assert arrived == list(source.asked[0])
    assert {one.symbol for one in answer.missing} == set(NAMES) - set(arrived)
    assert {one.reason for one in answer.missing} == {MissingReason.TIMED_OUT}


async def test_a_deadline_before_anything_arrived_leaves_every_name_timed_out() -> None:
    answer = await Market(SlowAfter(0), deadline=0.5).snapshot(NAMES, THEN)
    assert not answer.exposures
    assert [one.symbol for one in answer.missing] == NAMES


async def test_the_past_is_asked_of_the_replay_source() -> None:
    live, replay = SlowAfter(9), SlowAfter(9)
    market = Market(live, replay)
    await market.snapshot(["NVDA"], None)
    await market.snapshot(["AMD"], THEN)
    assert (live.asked, replay.asked) == ([("NVDA",)], [("AMD",)])
