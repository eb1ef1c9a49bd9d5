"""The name of a basket given where tickers belong is pointed out, once the source does not know it as a ticker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exposure.snapshot import Missing, MissingReason
from sources.baskets import BasketCatalogue
from tests.builders import an_exposure
from tests.tools.desk import Era, a_desk, a_source
from tests.tools.symbol_desk import demo
from tests.tools.test_refusals import assert_a_sentence

pytestmark = pytest.mark.anyio

SEMIS = 'semis is the name of a basket; give basket="semis" instead'
OWN = """
[tech_x]
symbols = ["NVDA", "AMD"]

[mu]
symbols = ["NVDA", "AMD"]
"""


@pytest.fixture
def own_baskets(tmp_path: Path) -> BasketCatalogue:
    file = tmp_path / "baskets.toml"
    file.write_text(OWN)
    return BasketCatalogue(file)


@pytest.mark.parametrize("written", ["semis", "SEMIS", "Semis"])
async def test_a_basket_among_symbols_is_missing_with_the_advice(written: str, era: Era) -> None:
    async with a_desk(era=era) as desk:
        answer = await desk.answer(symbols=["NVDA", written])
    (missing,) = answer.structured["missing"]
    assert (missing["symbol"], missing["reason"]) == ("SEMIS", "unknown_symbol")
    assert missing["detail"].startswith("Nobody lists options of SEMIS. " + SEMIS)
    assert SEMIS in answer.text


ASKED: dict[str, dict[str, Any]] = {
    "basket_exposure": {"symbols": ["semis"]},
    "book_exposure": {"positions": {"semis": 100_000}},
    "frame_dispersion": {"index": "NVDA", "symbols": ["semis"]},
    "symbol_exposure": {"symbol": "semis"},
    "explain_change": {"symbols": ["semis"], "since": "2024-06-03"},
    "stress_basket": {"symbols": ["semis"]},
}


@pytest.mark.parametrize("tool", ASKED)
async def test_every_tool_points_it_out_where_there_are_only_nets(tool: str) -> None:
    async with a_desk() as desk:
        refusal = await desk.refusal(tool, **ASKED[tool])
    assert SEMIS in refusal
    assert_a_sentence(refusal)


@pytest.mark.parametrize("tool", [*ASKED, "basket_history"])
async def test_every_tool_points_it_out_where_there_are_chains(tool: str) -> None:
    async with a_desk(demo()) as desk:
        refusal = await desk.refusal(tool, **ASKED.get(tool, {"symbols": ["semis"], "window": "5d"}))
    assert SEMIS in refusal
    assert_a_sentence(refusal)


@pytest.mark.parametrize("written", ["spx_top", "SPX-top", "Spx_Top"])
@pytest.mark.parametrize(
    ("tool", "argument"),
    [("basket_exposure", "symbols"), ("symbol_exposure", "symbol"), ("book_exposure", "positions")],
)
async def test_a_basket_whose_name_no_ticker_can_have_is_pointed_out_before_anyone_is_asked(
    tool: str, argument: str, written: str
) -> None:
    source = a_source()
    async with a_desk(source) as desk:
        refusal = await desk.refusal(tool, **{argument: {written: 1000}})
    assert refusal.startswith('spx_top is the name of a basket; give basket="spx_top" instead')
    assert_a_sentence(refusal)
    assert source.asked == []


async def test_what_is_neither_a_ticker_nor_a_basket_is_refused_as_before() -> None:
    async with a_desk() as desk:
        refusal = await desk.refusal(symbols="spx_tops")
    assert refusal == "'spx_tops' is not a ticker. Tickers look like NVDA, BRK.B or SPX."


async def test_a_hyphen_that_looks_like_a_class_share_is_still_the_baskets(own_baskets: BasketCatalogue) -> None:
    async with a_desk(baskets=own_baskets) as desk:
        refusal = await desk.refusal(symbols="tech-x")
    assert 'tech_x is the name of a basket; give basket="tech_x" instead' in refusal


async def test_a_ticker_with_the_name_of_a_basket_is_the_ticker(own_baskets: BasketCatalogue) -> None:
    async with a_desk(a_source(an_exposure("MU")), baskets=own_baskets) as desk:
        answer = await desk.answer(symbols="mu")
    assert answer.structured["constituents"][0]["symbol"] == "MU"
    assert answer.structured["missing"] == []
    assert "name of a basket" not in answer.text


async def test_a_ticker_that_only_came_late_is_not_taken_for_a_basket(own_baskets: BasketCatalogue) -> None:
    late = Missing("MU", MissingReason.TIMED_OUT, "MU gave no answer in 5 seconds.")
    async with a_desk(a_source(an_exposure("NVDA"), missing=[late]), baskets=own_baskets) as desk:
        answer = await desk.answer(symbols="NVDA,mu")
    assert answer.structured["missing"][0]["detail"] == late.detail
