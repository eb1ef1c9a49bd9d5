"""What symbol_exposure understands, and what it refuses in a sentence."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import pytest

from sources.computed import ComputedSource
from sources.market import Market
from tests.builders import a_call, a_chain, a_put
from tests.tools.desk import Era, a_desk
from tests.tools.symbol_desk import TOOLS, HandMadeChains, an_inverted_chain, answer_of, calls_and_puts, chains, demo, refusal_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("written", ["90-92", " 90 - 92 ", "92-90", "$90:$92", "90 to 92", "90\u201392", [90, 92], "90..92"])
async def test_strikes_narrow_the_table_however_they_are_written(written: Any) -> None:
    chain = calls_and_puts([(50.0 + step, 1_000.0, 700.0) for step in range(100)])
    answer = await answer_of(chains(chain), "NVDA", detail="full", strikes=written)
    assert [row["strike"] for row in answer.structured["full"]["strikes"]["rows"]] == [90.0, 91.0, 92.0]


@pytest.mark.parametrize("written", ["91", 91, 91.0])
async def test_one_strike_is_a_range_too(written: Any) -> None:
    chain = calls_and_puts([(50.0 + step, 1_000.0, 700.0) for step in range(100)])
    answer = await answer_of(chains(chain), "NVDA", detail="full", strikes=written)
    assert [row["strike"] for row in answer.structured["full"]["strikes"]["rows"]] == [91.0]


async def test_a_comma_between_thousands_is_no_range() -> None:
    answer = await answer_of(demo(), detail="full", strikes="4,600-4,700")
    strikes = [row["strike"] for row in answer.structured["full"]["strikes"]["rows"]]
    assert (strikes[0], strikes[-1]) == (4600.0, 4700.0)


@pytest.mark.parametrize("written", ["SPX ", "spx", "^SPX", ["SPX"], '["SPX"]', "SPX,SPX", {"SPX": 2}])
async def test_one_symbol_is_understood_however_it_is_written(written: Any, era: Era) -> None:
    assert (await answer_of(demo(), written, era)).structured["symbol"] == "SPX"


@pytest.mark.parametrize("written", ["SPX,NDX", ["SPX", "NDX"], "SPX NDX", {"SPX": 1, "NDX": 2}])
async def test_two_symbols_are_sent_to_the_basket(written: Any, era: Era) -> None:
    sentence = await refusal_of(demo(), era, symbol=written)
    assert sentence.startswith("symbol names 2 tickers")
    assert "basket_exposure takes several" in sentence


@pytest.mark.parametrize("written", ["", "  ", [], {}, None, 7, True, "not a ticker!", "%%", ["SPX", 4]])
async def test_what_is_no_symbol_is_refused_in_a_sentence(written: Any, era: Era) -> None:
    sentence = await refusal_of(demo(), era, symbol=written)
    assert "SPX" in sentence or "ticker" in sentence
    assert "Traceback" not in sentence
    assert len(sentence) < 300


async def test_a_missing_argument_an_unknown_one_and_an_unknown_symbol_are_sentences(era: Era) -> None:
    assert "symbol is required" in await refusal_of(demo(), era)
    assert "'weights' is not an argument of this tool" in await refusal_of(demo(), era, symbol="SPX", weights=[1])
    sentence = await refusal_of(demo(), era, symbol="ZZZZ")
    assert sentence.startswith("ZZZZ could not be answered. ZZZZ: unknown_symbol")
    assert "no_data_at" in await refusal_of(demo(), era, symbol="SPX", at="2001-01-02T10:00")


@pytest.mark.parametrize(
    "strikes", ["abc", "4500-", "-5%", {"a": 1}, "1e3-2e3", "90,92", True, [1, 2, 3], "4500-4700-4900", "-100"]
)
async def test_strikes_that_cannot_be_read_are_refused(strikes: Any) -> None:
    sentence = await refusal_of(demo(), symbol="SPX", detail="full", strikes=strikes)
    assert '"4500-4700"' in sentence


async def test_strikes_and_expiries_that_are_not_there_are_refused_with_those_that_are() -> None:
    sentence = await refusal_of(demo(), symbol="SPX", detail="full", strikes="1-2")
    assert "No strike of SPX with open interest is between 1 and 2; they run from" in sentence
    sentence = await refusal_of(demo(), symbol="SPX", expiry="2024-06-22")
    assert "no open interest expiring on 2024-06-22" in sentence
    assert "2024-06-21" in sentence


@pytest.mark.parametrize("expiry", ["June 21", "2024-02-30", "20240621", "2024-06-21T10:00", "tomorrow"])
async def test_an_expiry_that_is_no_date_is_refused(expiry: str) -> None:
    assert "YYYY-MM-DD" in await refusal_of(demo(), symbol="SPX", expiry=expiry)


class _Slow(HandMadeChains):
    """Answers long after any deadline of a test."""

    def read(self, symbols: Any, at: Any) -> Any:
        time.sleep(0.5)
        return super().read(symbols, at)


async def test_a_chain_that_does_not_come_in_time_is_timed_out() -> None:
    source = ComputedSource(_Slow({"SPX": an_inverted_chain()}))
    async with a_desk(source, tools=TOOLS, market=Market(source, deadline=0.05)) as desk:
        sentence = await desk.refusal("symbol_exposure", symbol="SPX")
    assert "SPX: timed_out" in sentence


async def test_a_chain_that_must_not_be_answered_from_is_refused() -> None:
    only_calls = a_chain([a_call(100.0), a_put(100.0, open_interest=0.0)])
    sentence = await refusal_of(chains(only_calls), symbol="NVDA")
    assert "unusable_chain" in sentence
    assert "Only calls of NVDA" in sentence
    none_left = a_chain([a_call(expiry=date(2024, 6, 1)), a_put(expiry=date(2024, 6, 1))])
    assert "2 expired" in await refusal_of(chains(none_left), symbol="NVDA")
