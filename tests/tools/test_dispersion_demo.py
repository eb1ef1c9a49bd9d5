"""frame_dispersion over the demo market: published weights, the built-in lists, and replay without look-ahead."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sources.computed import ComputedSource
from sources.demo.reader import DemoReader
from tests.tools.desk import Era
from tests.tools.test_dispersion import answer_of, codes, warned

pytestmark = pytest.mark.anyio

NOW = datetime(2024, 6, 6, 14, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def demo() -> ComputedSource:
    return ComputedSource(DemoReader(lambda: NOW))


async def test_the_demo_market_publishes_weights_and_spx_alone_is_its_fifty_largest(era: Era, demo: ComputedSource) -> None:
    published = await demo.index_weights("SPX", None)
    assert published is not None
    largest = sorted(published.values(), reverse=True)[:50]
    answer = await answer_of(demo, era, index="SPX")
    structured = answer.structured
    assert structured["headline"].startswith("SYNTHETIC DEMO MARKET, not market data. All 50 names.")
    assert structured["weights_basis"] == "published"
    assert structured["coverage"] == pytest.approx(sum(largest), abs=5e-5)
    assert structured["coverage"] > 0.8
    assert "partial_coverage" not in codes(answer)
    assert structured["volatility"]["names"] == 50
    assert 0.05 < structured["volatility"]["implied_correlation"] < 0.7


async def test_an_index_whose_members_all_fit_is_covered_wholly(demo: ComputedSource) -> None:
    answer = await answer_of(demo, index="NDX")
    assert answer.structured["coverage"] == 1.0


async def test_spx_top_in_the_demo_has_published_weights_and_says_how_little_of_spx_it_is(demo: ComputedSource) -> None:
    answer = await answer_of(demo, basket="spx top")
    assert (answer.structured["index"], answer.structured["weights_basis"]) == ("SPX", "published")
    assert 0.4 < answer.structured["coverage"] < 0.8
    assert f"{100 * answer.structured['coverage']:.1f}%" in warned(answer, "partial_coverage")


@pytest.mark.parametrize(
    ("at", "window_end"),
    [("2024-06-04T15:30", "2024-06-03"), ("2024-06-04", "2024-06-04"), ("2024-06-04T09:30", "2024-06-03")],
)
async def test_a_replay_uses_only_closes_of_sessions_that_were_over(at: str, window_end: str, demo: ComputedSource) -> None:
    arguments: dict[str, Any] = {"index": "SPX", "symbols": "AAPL,MSFT,NVDA", "at": at}
    answer = await answer_of(demo, **arguments)
    assert answer.structured["volatility"]["window_end"] == window_end
    later = datetime(2026, 6, 6, 14, 0, tzinfo=UTC)
    again = await answer_of(ComputedSource(DemoReader(lambda: later)), changes={"clock": lambda: later}, **arguments)
    assert again == answer, "two years of later data change nothing"
