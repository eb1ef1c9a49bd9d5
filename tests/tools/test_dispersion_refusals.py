"""What frame_dispersion cannot answer is refused in a sentence that says what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tools.desk import a_desk
from tests.tools.index_market import an_index_source, the_golden_names
from tools.dispersion import TOOL

pytestmark = pytest.mark.anyio

GOLDEN: dict[str, Any] = {"index": "SPX", "symbols": "AAPL,MSFT,NVDA", "weights": [0.5, 0.3, 0.2]}


async def refusal_of(source: Any, **arguments: Any) -> str:
    async with a_desk(source, tools=[TOOL]) as desk:
        return await desk.refusal("frame_dispersion", **arguments)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "Name the index"),
    "weights alone": ({"index": "SPX", "weights": [1, 2]}, "weights belong to symbols or to a basket"),
    "symbols without an index": ({"symbols": "AAPL,MSFT"}, "Name the index these symbols belong to"),
    "an index that is no ticker": ({"index": "S&P 500"}, "'S&P 500' is not a ticker"),
    "an empty index": ({"index": ""}, "is not a ticker"),
    "an index whose members nobody knows": ({"index": "RUT"}, "The members of RUT are not known here"),
    "an index of several baskets": ({"index": "XLF"}, "XLF is the index of several baskets; name one"),
    "the index among its names": ({"index": "SPX", "symbols": "AAPL,SPX"}, "SPX is the index itself"),
    "symbols and basket": ({"index": "SPX", "symbols": "AAPL", "basket": "semis"}, "Give either symbols or basket"),
    "an unknown basket": ({"basket": "semmis"}, "Did you mean semis"),
    "a negative weight": ({"index": "SPX", "symbols": "AAPL,MSFT", "weights": [1, -1]}, "weight of MSFT is negative"),
    "51 names": ({"index": "SPX", "symbols": [f"S{number}" for number in range(51)]}, "at most 50"),
    "a tenor of 6 days": ({"index": "SPX", "tenor_days": 6}, "tenor_days should be greater than or equal to 7"),
    "a tenor of 366 days": ({"index": "SPX", "tenor_days": 366}, "tenor_days should be less than or equal to 365"),
    "a tenor in words": ({"index": "SPX", "tenor_days": "a month"}, "tenor_days should be a valid integer"),
    "a window of 19 days": ({"index": "SPX", "window_days": 19}, "window_days should be greater than or equal to 20"),
    "a window of 253 days": ({"index": "SPX", "window_days": 253}, "window_days should be less than or equal to 252"),
    "the future": ({**GOLDEN, "at": "2030-01-02"}, "at is in the future"),
    "an unknown argument": ({**GOLDEN, "tenor": 30}, "tenor"),
    "nothing that arrives": ({"index": "SPX", "symbols": "ZZZA,ZZZB"}, "No name could be answered. ZZZA, ZZZB: unknown_symbol"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_whatever_cannot_be_answered_is_refused_in_a_sentence(case: str) -> None:
    arguments, expected = REFUSED[case]
    sentence = await refusal_of(an_index_source(*the_golden_names()), **arguments)
    assert expected in sentence
    assert "pydantic" not in sentence
    assert len(sentence) < 600
