"""The structured answer of basket_exposure: its fields, its nulls, its bounds and its published results."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from exposure.dealer import SignConvention
from exposure.snapshot import Missing, MissingReason, Notice
from tests.builders import an_exposure
from tests.tools.desk import Era, Reply, a_desk, a_source
from tests.tools.figures_in_text import numbers, strings
from tests.tools.scenarios import SCENARIOS, Scenario, a_partial_one, a_replay, covered, vendor_rows

pytestmark = pytest.mark.anyio

FIELDS = [
    "headline",
    "source",
    "mode",
    "synthetic",
    "as_of",
    "oldest_quote",
    "oi_date",
    "session",
    "at_requested",
    "at_resolved",
    "convention",
    "units",
    "missing_symbols",
    "missing",
    "weight_coverage",
    "warnings",
    "constituent_count",
    "aggregate",
    "aggregate_sum",
    "regime",
    "dealer_gamma",
    "dealer_gamma_reasons",
    "flip_share",
    "flip_statement",
    "net_gex_by_convention",
    "bounds",
    "effective_names",
    "cancellation",
    "negative_names",
    "negative_weight",
    "pivotal",
    "coverage",
    "reading",
    "constituents",
    "rest",
]
NETS = ["net_gex", "net_dex", "net_vex", "net_chex"]


async def answer_of(scenario: Scenario, era: Era = "auto", **more: Any) -> Reply:
    async with a_desk(scenario.source, era) as desk:
        return await desk.answer(**scenario.arguments, **more)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_every_answer_has_every_field_and_the_headline_first(name: str, era: Era) -> None:
    answer = await answer_of(SCENARIOS[name](), era)
    assert list(answer.structured) == FIELDS
    assert answer.text.splitlines()[0] == answer.structured["headline"]


@pytest.mark.parametrize("detail", ["default", "full"])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_no_nan_and_no_infinity_leaves_the_process(name: str, detail: str) -> None:
    answer = await answer_of(SCENARIOS[name](), detail=detail)
    json.dumps(answer.structured, allow_nan=False)
    assert all(math.isfinite(number) for number in numbers(answer.structured))
    for text in (answer.text, *strings(answer.structured)):
        assert not {"nan", "inf", "+nan", "+inf", "-inf", "none"} & set(text.lower().replace(",", " ").replace("%", " ").split())


async def test_a_constituent_has_the_vendors_field_names(era: Era) -> None:
    answer = await answer_of(a_partial_one(), era)
    (row,) = answer.structured["constituents"]
    assert list(row) == ["symbol", "weight", "underlying_price", *NETS, "contribution_pct", "regime", "dealer_gamma"]
    assert list(answer.structured["aggregate"]) == NETS
    assert list(answer.structured["aggregate_sum"]) == NETS


async def test_the_vendors_three_names_follow_their_formula_and_nothing_is_made_up_beside_it(era: Era) -> None:
    answer = (await answer_of(vendor_rows(), era)).structured
    assert answer["aggregate"] == {"net_gex": 584e6, "net_dex": -75e6, "net_vex": 208e6, "net_chex": 152e6}
    assert answer["aggregate_sum"] == {"net_gex": 1640e6, "net_dex": -210e6, "net_vex": 580e6, "net_chex": 420e6}
    shares = {row["symbol"]: round(row["contribution_pct"], 2) for row in answer["constituents"]}
    assert shares == {"AAPL": 63.01, "MSFT": 21.06, "NVDA": 15.92}
    assert answer["dealer_gamma"] is None
    assert answer["dealer_gamma_reasons"] == ["legs_unavailable"]
    assert answer["flip_share"] is None
    assert answer["coverage"] is None
    assert answer["oi_date"] is None
    assert [row["dealer_gamma"] for row in answer["constituents"]] == [None] * 3
    by_convention = answer["net_gex_by_convention"]
    assert by_convention.pop("street") == 584e6
    assert list(by_convention.values()) == [None] * 5


@pytest.mark.parametrize("detail", ["default", "full"])
async def test_weights_4_3_3_give_the_bytes_of_weights_04_03_03(detail: str, era: Era) -> None:
    scenarios = [
        replace(vendor_rows(), arguments={"symbols": "AAPL,MSFT,NVDA", "weights": one}) for one in ([4, 3, 3], "0.4,0.3,0.3")
    ]
    first, second = [await answer_of(scenario, era, detail=detail) for scenario in scenarios]
    assert first.compact_json == second.compact_json
    assert first.text == second.text


async def test_null_is_never_rendered_as_zero(era: Era) -> None:
    answer = await answer_of(vendor_rows(), era, detail="full")
    detail = answer.structured["constituents"][0]["detail"]
    for field in ("legs", "flip_share", "atm_iv", "oi_date", "contracts_seen", "contracts_used", "open_interest_used"):
        assert detail[field] is None
    assert "dealer_gamma null" in answer.text
    assert "dealers_short_all null" in answer.text
    assert "no legs, signed share" in answer.text


async def test_a_basket_of_zeros_has_no_verdict_and_no_shares() -> None:
    answer = await answer_of(SCENARIOS["zeros"]())
    assert answer.structured["aggregate"]["net_gex"] == 0
    assert answer.structured["dealer_gamma"] is None
    assert answer.structured["dealer_gamma_reasons"] == ["no_gamma"]
    assert answer.structured["effective_names"] is None
    assert answer.structured["cancellation"] is None
    assert "null effective names, cancellation null" in answer.text


async def test_a_complete_basket_has_no_bounds_and_no_partial_warning(era: Era) -> None:
    answer = await answer_of(SCENARIOS["plain"](), era)
    assert answer.structured["bounds"] is None
    assert answer.structured["missing"] == []
    assert answer.structured["missing_symbols"] == []
    assert answer.structured["weight_coverage"] == 1.0
    assert "partial_basket" not in [one["code"] for one in answer.structured["warnings"]]
    assert "Missing" not in answer.text
    assert "Bounds" not in answer.text


async def test_a_partial_basket_says_what_is_missing_and_what_it_could_do(era: Era) -> None:
    answer = (await answer_of(a_partial_one(), era)).structured
    assert answer["constituent_count"] == 1
    assert answer["weight_coverage"] == 0.625
    assert answer["missing_symbols"] == ["TSM", "ZZZZ"]
    assert [(one["reason"], one["weight"]) for one in answer["missing"]] == [("stale", 0.25), ("unknown_symbol", 0.125)]
    assert answer["warnings"][0]["code"] == "partial_basket"
    assert "37.5%" in answer["warnings"][0]["message"]
    # R = 0.625 · 200m = 125m, w_M = 0.375, B = 200m
    bounds = answer["bounds"]
    assert (bounds["low"], bounds["high"]) == (50_000_000, 200_000_000)
    assert bounds["zero_filled"]["net_gex"] == 125_000_000
    assert bounds["renormalised"] == answer["aggregate"]["net_gex"] == 200_000_000
    assert bounds["break_even"] == round(-125e6 / 0.375)
    assert bounds["sign_safe"] is True


async def test_missing_names_that_could_flip_the_sign_make_the_verdict_ambiguous(era: Era) -> None:
    async with a_desk(a_source(an_exposure("NVDA")), era) as desk:
        answer = await desk.answer(symbols="NVDA,TSM", weights=[1, 1])
    assert answer.structured["bounds"]["sign_safe"] is False
    assert answer.structured["dealer_gamma"] == "ambiguous"
    assert "missing_could_flip" in answer.structured["dealer_gamma_reasons"]
    assert "sign NOT safe" in answer.text
    assert "could change the sign" in answer.structured["warnings"][0]["message"]


async def test_a_missing_name_without_weight_is_listed_and_makes_nothing_partial(era: Era) -> None:
    async with a_desk(a_source(an_exposure("NVDA")), era) as desk:
        answer = await desk.answer(symbols="NVDA,TSM", weights=[1, 0])
    assert answer.structured["missing_symbols"] == ["TSM"]
    assert answer.structured["bounds"] is None
    assert answer.structured["weight_coverage"] == 1.0


async def test_the_synthetic_market_says_so_before_anything_else(era: Era) -> None:
    for scenario in (SCENARIOS["synthetic"](), Scenario(a_source(synthetic=True), {"symbols": "NVDA"})):
        answer = await answer_of(scenario, era)
        assert answer.structured["synthetic"] is True
        assert answer.structured["headline"].startswith("SYNTHETIC")
        assert answer.text.startswith("SYNTHETIC")
    real = await answer_of(SCENARIOS["plain"](), era)
    assert real.structured["synthetic"] is False
    assert "synthetic" not in real.text.lower()


async def test_the_same_snapshot_gives_the_same_bytes_whatever_the_order_and_the_era() -> None:
    answers = []
    for era in ("auto", "legacy", "auto"):
        answers += [await answer_of(SCENARIOS[name](), era) for name in SCENARIOS]
    half = len(answers) // 3
    assert answers[:half] == answers[half : 2 * half] == answers[2 * half :]
    async with a_desk() as desk:
        one, other = await desk.answer(symbols="NVDA,AMD,BRK.B"), await desk.answer(symbols="BRK.B,NVDA,AMD")
    assert one.compact_json == other.compact_json


async def test_by_default_ten_names_and_the_rest_add_up_to_the_plain_sum(era: Era) -> None:
    names = [an_exposure(f"S{number:02d}", call_gex=1e9 + number * 1e7) for number in range(30)]
    async with a_desk(a_source(*names), era) as desk:
        default = (await desk.answer(symbols=[one.symbol for one in names])).structured
        full = (await desk.answer(symbols=[one.symbol for one in names], detail="full")).structured
    assert [row["symbol"] for row in default["constituents"]] == [f"S{number:02d}" for number in range(29, 19, -1)]
    rest = default["rest"]
    assert rest["names"] == 20
    for net in NETS:
        listed = sum(row[net] for row in default["constituents"])
        assert listed + rest[net] == pytest.approx(default["aggregate_sum"][net], rel=1e-9)
    assert sum(row["contribution_pct"] for row in default["constituents"]) + rest["contribution_pct"] == pytest.approx(
        100, abs=0.01
    )
    assert sum(row["weight"] for row in default["constituents"]) + rest["weight"] == pytest.approx(1, abs=1e-4)
    assert full["rest"] is None
    assert len(full["constituents"]) == 30
    assert all("detail" not in row for row in default["constituents"])
    assert full["constituents"][0]["detail"]["legs"]["gex_call"] == 1_290_000_000


async def test_a_pivotal_name_beyond_the_ten_largest_is_listed_too() -> None:
    flat = [an_exposure(f"S{n:02d}", call_gex=4e8 if n % 2 else 1e8, put_gex=1e8 if n % 2 else 4e8) for n in range(12)]
    tip = an_exposure("TIP", call_gex=2e8, put_gex=1e8)
    async with a_desk(
        a_source(*flat, tip, replace(tip, symbol="DUST", measured=an_exposure(call_gex=1.0, put_gex=2.0).measured))
    ) as desk:
        answer = (await desk.answer(symbols=[*(one.symbol for one in flat), "TIP", "DUST"])).structured
    assert "TIP" in answer["pivotal"]
    assert "DUST" not in answer["pivotal"]
    assert "TIP" in [row["symbol"] for row in answer["constituents"]]
    assert "DUST" not in [row["symbol"] for row in answer["constituents"]]


async def test_an_index_beside_its_own_constituents_counts_twice_and_the_answer_says_so() -> None:
    async with a_desk(a_source(an_exposure("SPY"), an_exposure("NVDA"), an_exposure("QQQ"))) as desk:
        answer = (await desk.answer(symbols="SPY,NVDA,QQQ")).structured
    messages = [one["message"] for one in answer["warnings"] if one["code"] == "double_counting"]
    assert messages == [
        "QQQ may hold or track NVDA, SPY: what it holds counts twice.",
        "SPY may hold or track NVDA, QQQ: what it holds counts twice.",
    ]


async def test_warnings_carry_what_the_source_and_the_chains_say(era: Era) -> None:
    thin = replace(covered(an_exposure("NVDA"), used=500, parity_share=0.2), oi_date=None)
    source = a_source(thin, an_exposure("SPY"), notices=(Notice("from_the_source", "Something to know."),))
    async with a_desk(source, era) as desk:
        answer = await desk.answer(symbols="NVDA,SPY", weights=[3, 1])
    warnings = {one["code"]: one["message"] for one in answer.structured["warnings"]}
    assert warnings["from_the_source"] == "Something to know."
    assert "NVDA 50%" in warnings["thin_coverage"]
    assert warnings["flat_forward"].endswith("no dividend, for NVDA.")
    assert "1 of 2 names carries no date" in warnings["oi_date_unknown"]
    assert "75% of the weight is single stocks" in warnings["weak_sign_assumption"]
    for message in warnings.values():
        assert message in answer.text


async def test_coverage_sums_the_chains_behind_the_answer() -> None:
    async with a_desk(a_source(covered(an_exposure("NVDA")), covered(an_exposure("AMD"), used=700))) as desk:
        coverage = (await desk.answer(symbols="NVDA,AMD")).structured["coverage"]
    assert coverage["contracts_seen"] == 2_000
    assert coverage["contracts_used"] == 1_600
    assert coverage["open_interest_used"] == 0.8
    assert coverage["dropped_open_interest"]["expired"] == 0.04


async def test_a_replay_names_the_instants_and_every_convention_is_given() -> None:
    answer = (await answer_of(a_replay())).structured
    assert answer["mode"] == "replay"
    assert answer["at_requested"] == "2024-06-05T22:00:00Z"
    assert answer["at_resolved"] == answer["as_of"] == "2024-06-05T20:00:00Z"
    assert answer["oldest_quote"] == "2024-06-05T19:00:00Z"
    assert answer["oi_date"] is None
    assert list(answer["net_gex_by_convention"]) == [one.value for one in SignConvention]
    # SPY as an ETF nets 200m, NVDA as a stock is short 400m: (2·200 - 400) / 3
    assert answer["net_gex_by_convention"]["by_asset_class"] == answer["aggregate"]["net_gex"] == 0


async def test_a_missing_reason_comes_with_its_sentence_and_weight(era: Era) -> None:
    every = [Missing(f"M{n}", reason, f"Sentence {n}.") for n, reason in enumerate(MissingReason)]
    async with a_desk(a_source(an_exposure("NVDA"), missing=every), era) as desk:
        answer = await desk.answer(symbols=["NVDA", *(one.symbol for one in every)])
    assert answer.structured["missing"] == [
        {"symbol": one.symbol, "reason": one.reason.value, "detail": one.detail, "weight": 0.090909} for one in every
    ]
    for one in every:
        assert f"{one.symbol} {one.reason.value} 9.1%" in answer.text
