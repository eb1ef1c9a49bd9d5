"""A series made of a chain reader: instant by instant, newest first, until the deadline of the question is near."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import datetime

import anyio
import numpy as np
import pytest

from archive.answers import Family, Kind
from exposure.snapshot import Mode, Provenance
from sources.base import ChainSnapshot, SeriesSource, SourceStatus
from sources.computed import ComputedSource
from sources.demo.reader import DemoReader
from tests.builders import QUOTE_TIME, a_call, a_chain, a_missing, a_put

pytestmark = pytest.mark.anyio


class DatedReader:
    """A chain whose open interest is the minute, for NVDA alone; each reading takes `seconds`. AMD begins at minute 3."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.asked: list[int] = []

    def read(self, symbols: Sequence[str], at: datetime | None) -> ChainSnapshot:
        assert at is not None
        time.sleep(self.seconds)
        minute = at.minute
        self.asked.append(minute)
        quotes = [a_call(open_interest=1000.0 + minute), a_put(open_interest=500.0)]
        known = {"NVDA": a_chain(quotes), **({"AMD": a_chain()} if minute >= 3 else {})}
        chains = {symbol: known[symbol] for symbol in symbols if symbol in known}
        missing = tuple(a_missing(symbol) for symbol in symbols if symbol not in known)
        return ChainSnapshot(chains, missing, Provenance("dated", Mode.REPLAY, synthetic=False, at=at))

    def describe(self) -> SourceStatus:
        return SourceStatus("dated", Mode.LIVE, False, None, None, None, None)


MINUTES = [QUOTE_TIME.replace(minute=minute) for minute in range(6)]


async def test_a_series_is_what_the_exposures_would_be_at_each_instant() -> None:
    source = ComputedSource(DatedReader())
    told: list[tuple[int, int]] = []

    async def progress(done: int, total: int) -> None:
        told.append((done, total))

    block = await source.series(("NVDA", "AMD", "XYZ"), MINUTES, ("gex_call", "spot", "net_gex"), progress=progress)
    assert block.symbols == ("NVDA", "AMD", "XYZ")
    assert block.family == Family("dated", Kind.COMPUTED)
    assert block.instants.tolist() == [one.replace(tzinfo=None) for one in MINUTES]
    assert block.remarks == ()
    assert told[-1] == (6, 6)
    assert np.isnan(block.values["net_gex"]).all()
    for column, at in enumerate(MINUTES):
        answer = await source.exposures(("NVDA", "AMD", "XYZ"), at)
        for row, symbol in enumerate(block.symbols):
            exposure = answer.exposures.get(symbol)
            gamma = exposure.gamma() if exposure else None
            expected = gamma.total.call if gamma else math.nan
            np.testing.assert_array_equal(block.values["gex_call"][row, column], expected)


async def test_a_series_leaves_out_its_oldest_instants_where_the_deadline_comes_first() -> None:
    reader = DatedReader(seconds=0.1)
    with anyio.fail_after(0.55):
        block = await ComputedSource(reader).series(("NVDA",), MINUTES * 20, ("spot",))
    assert 0 < len(block.instants) < 6
    assert block.instants.tolist() == [one.replace(tzinfo=None) for one in MINUTES[-len(block.instants) :]]
    assert block.values["spot"].shape == (1, len(block.instants))
    assert block.remarks[0].startswith(f"The oldest {120 - len(block.instants)} of 120 instants were left out")
    assert len(reader.asked) == len(block.instants)


async def test_a_series_of_nothing_has_no_family() -> None:
    block = await ComputedSource(DatedReader()).series(("XYZ",), MINUTES[:2], ("spot",))
    assert block.family is None
    assert np.isnan(block.values["spot"]).all()
    empty = await ComputedSource(DatedReader()).series(("NVDA",), [], ("spot",))
    assert empty.values["spot"].shape == (1, 0)


async def test_the_demo_market_answers_for_a_series() -> None:
    source = ComputedSource(DemoReader(lambda: QUOTE_TIME))
    assert isinstance(source, SeriesSource)
    instants = [QUOTE_TIME.replace(day=day) for day in (3, 4, 5)]
    block = await source.series(("NVDA", "SPX"), instants, ("gex_put", "atm_iv"))
    assert block.family == Family("demo", Kind.COMPUTED)
    assert np.isfinite(block.values["gex_put"]).all()
    last = (await source.exposures(("SPX",), instants[-1])).exposures["SPX"]
    gamma = last.gamma()
    assert gamma is not None
    assert block.values["gex_put"][1, -1] == gamma.total.put
    assert block.values["atm_iv"][1, -1] == last.atm_iv()
