"""The arguments of basket_exposure over the wire: every spelling that is understood, and a sentence for every other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exposure.dealer import SignConvention
from tests.builders import an_exposure
from tests.tools.desk import Era, a_desk, a_source

pytestmark = pytest.mark.anyio

THREE = ("NVDA", "AMD", "BRK.B")


@pytest.mark.parametrize(
    "symbols",
    [
        ["NVDA", "AMD", "BRK.B"],
        '["NVDA", "AMD", "BRK.B"]',
        "NVDA,AMD,BRK.B",
        "NVDA;AMD;BRK.B",
        "NVDA\nAMD\r\nBRK.B\n",
        "NVDA AMD BRK.B",
        " nvda ,, amd\t, brk-b ",
        ["nvda, amd", " BRK/B "],
        {"NVDA": 1, "AMD": 1, "BRK.B": 1},
        '{"NVDA": 1, "AMD": 1, "BRK/B": 1}',
        ' ["nvda", "AMD", "brk.b"] ',
        ["$NVDA", "_AMD", "^BRK.B"],
    ],
    ids=str,
)
async def test_symbols_are_understood_in_every_shape_hosts_send(symbols: Any, era: Era) -> None:
    source = a_source()
    async with a_desk(source, era) as desk:
        answer = await desk.answer(symbols=symbols)
    assert source.asked == [(THREE, None)]
    assert [row["weight"] for row in answer.structured["constituents"]] == [0.333333] * 3


@pytest.mark.parametrize("spelling", ["BRK.B", "BRK-B", "BRK/B", "brk.b", " Brk-b "])
async def test_a_class_share_is_found_in_any_spelling(spelling: str) -> None:
    source = a_source()
    async with a_desk(source) as desk:
        await desk.answer(symbols=[spelling])
    assert source.asked == [(("BRK.B",), None)]


@pytest.mark.parametrize("spelling", ["SPX", "^SPX", "$SPX", "_SPX", "^spx"])
async def test_an_index_is_found_with_and_without_its_mark(spelling: str) -> None:
    source = a_source(an_exposure("SPX"))
    async with a_desk(source) as desk:
        await desk.answer(symbols=spelling)
    assert source.asked == [(("SPX",), None)]


@pytest.mark.parametrize(
    "arguments",
    [
        {"symbols": "NVDA,AMD", "weights": [3, 1]},
        {"symbols": "NVDA,AMD", "weights": "[3, 1]"},
        {"symbols": "NVDA,AMD", "weights": "3,1"},
        {"symbols": "NVDA,AMD", "weights": "0.75; 0.25"},
        {"symbols": "NVDA,AMD", "weights": ["0.75", 0.25]},
        {"symbols": "NVDA,AMD", "weights": {"AMD": 1, "nvda": 3}},
        {"symbols": "NVDA,AMD", "weights": '{"AMD": 1, "NVDA": 3}'},
        {"symbols": {"NVDA": 3, "AMD": 1}},
        {"symbols": '{"NVDA": 0.75, "AMD": 0.25}'},
        {"symbols": "NVDA,AMD", "weights": [3e300, 1e300]},
        {"symbols": "NVDA,AMD", "weights": [3e-300, 1e-300]},
    ],
    ids=str,
)
async def test_weights_are_understood_in_every_shape_and_scale(arguments: dict[str, Any], era: Era) -> None:
    async with a_desk(era=era) as desk:
        answer = await desk.answer(**arguments)
    assert {row["symbol"]: row["weight"] for row in answer.structured["constituents"]} == {"NVDA": 0.75, "AMD": 0.25}


async def test_symbols_named_twice_are_merged_and_the_answer_says_so(era: Era) -> None:
    source = a_source()
    async with a_desk(source, era) as desk:
        answer = await desk.answer(symbols="BRK.B,AMD,BRK-B", weights=[1, 2, 1])
    assert source.asked == [(("BRK.B", "AMD"), None)]
    assert {row["symbol"]: row["weight"] for row in answer.structured["constituents"]} == {"BRK.B": 0.5, "AMD": 0.5}
    (merged,) = [one for one in answer.structured["warnings"] if one["code"] == "merged_symbols"]
    assert merged["message"] == "Named more than once, weights added: BRK.B."


async def test_a_symbol_named_twice_takes_its_weight_of_an_object_once() -> None:
    async with a_desk() as desk:
        answer = await desk.answer(symbols="NVDA,NVDA,AMD", weights={"NVDA": 1, "AMD": 1})
    assert [row["weight"] for row in answer.structured["constituents"]] == [0.5, 0.5]


@pytest.mark.parametrize("name", ["semis", "SEMIS", " Semis "])
async def test_a_basket_goes_by_its_name(name: str, era: Era) -> None:
    source = a_source()
    async with a_desk(source, era) as desk:
        answer = await desk.answer(basket=name)
    assert source.asked == [(("NVDA", "AMD", "AVGO", "MU", "SMCI", "TSM", "QCOM", "ASML"), None)]
    assert answer.structured["constituent_count"] == 2
    assert answer.structured["weight_coverage"] == 0.25


async def test_a_basket_takes_weights_by_symbol() -> None:
    async with a_desk() as desk:
        answer = await desk.answer(basket="semis", weights={
            "NVDA": 3, "AMD": 1, "AVGO": 0, "MU": 0, "SMCI": 0, "TSM": 0, "QCOM": 0, "ASML": 0
        })  # fmt: skip
    assert answer.structured["weight_coverage"] == 1.0
    assert answer.structured["bounds"] is None
    assert len(answer.structured["missing"]) == 6


@pytest.mark.parametrize("basket", ["health care", "health-care", "Health_Care"])
async def test_blanks_and_hyphens_in_a_basket_name_are_forgiven(basket: str) -> None:
    source = a_source(an_exposure("JNJ"))
    async with a_desk(source) as desk:
        await desk.answer(basket=basket)
    assert "JNJ" in source.asked[0][0]


async def test_nothing_given_and_null_given_are_the_same(era: Era) -> None:
    async with a_desk(era=era) as desk:
        plain = await desk.answer(symbols="NVDA,AMD")
        nulls = await desk.answer(symbols="NVDA,AMD", weights=None, basket=None, at=None, convention=None)
        blank = await desk.answer(symbols="NVDA,AMD", at="  ")
    assert plain == nulls == blank


async def test_the_convention_of_the_call_overrides_the_one_of_the_settings(era: Era) -> None:
    async with a_desk(era=era, convention=SignConvention.LONG_ALL) as desk:
        default = await desk.answer(symbols="NVDA")
        chosen = await desk.answer(symbols="NVDA", convention="dealers_short_all")
    assert default.structured["convention"] == "dealers_long_all"
    assert default.structured["aggregate"]["net_gex"] == 400_000_000
    assert chosen.structured["convention"] == "dealers_short_all"
    assert chosen.structured["aggregate"]["net_gex"] == -400_000_000


async def test_fifty_symbols_are_answered_and_a_duplicate_does_not_count() -> None:
    names = [f"S{number}" for number in range(50)]
    async with a_desk(a_source(*(an_exposure(name) for name in names))) as desk:
        answer = await desk.answer(symbols=json.dumps([*names, "s0"]))
    assert answer.structured["constituent_count"] == 50
