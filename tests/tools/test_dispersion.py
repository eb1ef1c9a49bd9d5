"""frame_dispersion through a real client: weights, coverage, both legs, what is missing, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exposure.dealer import AtTheMoneyCurve
from exposure.snapshot import Missing, MissingReason
from sources.baskets import BasketCatalogue
from tests.builders import a_vendor_row, an_exposure
from tests.tools.desk import Era, Reply, a_desk, a_source
from tests.tools.index_market import an_index_source, correlated_closes, the_golden_names, unsupported_figures
from tools.dispersion import TOOL

pytestmark = pytest.mark.anyio

GOLDEN: dict[str, Any] = {"index": "SPX", "symbols": "AAPL,MSFT,NVDA", "weights": [0.5, 0.3, 0.2]}


async def answer_of(source: Any, era: Era = "auto", changes: dict[str, Any] | None = None, **arguments: Any) -> Reply:
    async with a_desk(source, era, tools=[TOOL], **(changes or {})) as desk:
        reply = await desk.answer("frame_dispersion", **arguments)
    assert unsupported_figures(reply) == []
    return reply


def warned(answer: Reply, code: str) -> str:
    (message,) = [one["message"] for one in answer.structured["warnings"] if one["code"] == code]
    assert f"Warning {code}: {message}" in answer.text
    return str(message)


def codes(answer: Reply) -> list[str]:
    return [one["code"] for one in answer.structured["warnings"]]


async def test_the_golden_three_names_against_spx_carry_the_coverage_warning(era: Era) -> None:
    answer = await answer_of(an_index_source(*the_golden_names()), era, **GOLDEN)
    side = answer.structured["volatility"]
    assert side["implied_correlation"] == 0.0225
    assert (side["index_iv"], side["basket_iv"]) == (0.138, 0.224)
    assert side["dispersion_spread"] == pytest.approx(
        math.sqrt(0.5 * 0.18**2 + 0.3 * 0.14**2 + 0.2 * 0.46**2 - 0.138**2), abs=5e-5
    )
    assert "implied_null" not in side, "a reason only where there is no value"
    shares = {row["symbol"]: row["volatility_share"] for row in answer.structured["constituents"]}
    assert shares == pytest.approx({"AAPL": 0.09 / 0.224, "MSFT": 0.042 / 0.224, "NVDA": 0.092 / 0.224}, abs=5e-5)
    assert answer.structured["weights_basis"] == "user"
    assert answer.structured["coverage"] is None
    assert "3 names stand for an unknown share of SPX" in warned(answer, "partial_coverage")
    assert "an unknown share of SPX" in answer.structured["headline"]
    assert "implied correlation 0.022, realised null (no_daily_closes)" in answer.text
    assert (side["realised_correlation"], side["realised_null"], side["premium"]) == (None, "no_daily_closes", None)


async def test_both_legs_and_their_difference_with_its_error(era: Era) -> None:
    names = ("AAPL", "MSFT", "NVDA")
    source = an_index_source(*the_golden_names(), closes=correlated_closes(names, "SPX"))
    answer = await answer_of(source, era, index="SPX", symbols=list(names))
    side = answer.structured["volatility"]
    assert side["premium"] == pytest.approx(side["implied_correlation"] - side["realised_correlation"], abs=1e-4)
    assert 0.0 < side["standard_error"] < 0.3
    assert side["correlation_to_index"] > side["realised_correlation"] + 0.2
    assert (side["window_days"], side["window_end"]) == (60, "2024-06-05")
    assert source.asked_closes == [(("SPX", *names), None, 61)]
    assert f"(se {side['standard_error']:.2f})" in answer.structured["headline"]
    assert "60 returns to 2024-06-05" in answer.text


async def test_the_window_is_the_number_of_returns_and_a_shorter_history_is_said() -> None:
    names = ("AAPL", "MSFT", "NVDA")
    source = an_index_source(*the_golden_names(), closes=correlated_closes(names, "SPX", days=31))
    answer = await answer_of(source, index="SPX", symbols=list(names), window_days=100)
    assert source.asked_closes[0][2] == 101
    assert answer.structured["volatility"]["window_days"] == 30
    assert "30 of the 100" in warned(answer, "short_window")


async def test_published_weights_are_restricted_to_the_names_and_their_share_is_the_coverage() -> None:
    published = {"SPX": {"AAPL": 0.30, "MSFT": 0.10, "OTHER": 0.60}}
    answer = await answer_of(an_index_source(*the_golden_names(), published=published), index="SPX", symbols="AAPL,MSFT,NVDA")
    weights = {row["symbol"]: row["weight"] for row in answer.structured["constituents"]}
    assert weights == pytest.approx({"AAPL": 0.75, "MSFT": 0.25, "NVDA": 0.0})
    assert answer.structured["weights_basis"] == "published"
    assert answer.structured["coverage"] == pytest.approx(0.4)
    assert "40.0%" in warned(answer, "partial_coverage")
    assert "NVDA" in warned(answer, "not_in_index")
    assert answer.structured["volatility"]["names"] == 2


async def test_coverage_counts_only_names_that_arrived_and_a_full_index_is_not_warned_about() -> None:
    published = {"SPX": {"AAPL": 0.45, "MSFT": 0.40, "NVDA": 0.15}}
    whole = await answer_of(an_index_source(*the_golden_names(), published=published), index="SPX")
    assert whole.structured["coverage"] == 1.0
    assert "partial_coverage" not in codes(whole)
    without = [one for one in the_golden_names() if one.symbol != "MSFT"]
    partial = await answer_of(an_index_source(*without, published=published), index="SPX")
    assert partial.structured["coverage"] == pytest.approx(0.6)
    assert partial.structured["weight_coverage"] == pytest.approx(0.6)
    assert codes(partial)[:2] == ["partial_basket", "partial_coverage"]


async def test_exactly_four_fifths_of_the_index_are_enough() -> None:
    published = {"SPX": {"AAPL": 0.5, "MSFT": 0.3, "OTHER": 0.2}}
    enough = await answer_of(an_index_source(*the_golden_names(), published=published), index="SPX", symbols="AAPL,MSFT")
    assert "partial_coverage" not in codes(enough)
    published = {"SPX": {"AAPL": 0.5, "MSFT": 0.299, "OTHER": 0.201}}
    less = await answer_of(an_index_source(*the_golden_names(), published=published), index="SPX", symbols="AAPL,MSFT")
    assert "79.9%" in warned(less, "partial_coverage")


async def test_weights_of_the_user_come_before_published_ones_also_inside_symbols() -> None:
    published = {"SPX": {"AAPL": 0.5, "MSFT": 0.5}}
    for symbols in ({"AAPL": 3, "MSFT": 1}, '{"AAPL": 3, "MSFT": 1}'):
        source = an_index_source(*the_golden_names(), published=published)
        answer = await answer_of(source, index="SPX", symbols=symbols)
        assert answer.structured["weights_basis"] == "user"
        assert answer.structured["coverage"] == 1.0
        assert {row["symbol"]: row["weight"] for row in answer.structured["constituents"]} == {"AAPL": 0.75, "MSFT": 0.25}


async def test_a_basket_of_the_user_brings_its_index_and_weights(tmp_path: Path) -> None:
    path = tmp_path / "baskets.toml"
    path.write_text('[mine]\nsymbols = ["AAPL", "MSFT"]\nweights = [4, 1]\nindex = "SPX"\n[plain]\nsymbols = ["AAPL", "MSFT"]\n')
    changes: dict[str, Any] = {"baskets": BasketCatalogue(path)}
    answer = await answer_of(an_index_source(*the_golden_names()), changes=changes, basket="mine")
    assert (answer.structured["index"], answer.structured["weights_basis"]) == ("SPX", "basket")
    assert {row["symbol"]: row["weight"] for row in answer.structured["constituents"]} == {"AAPL": 0.8, "MSFT": 0.2}
    async with a_desk(an_index_source(*the_golden_names()), tools=[TOOL], **changes) as desk:
        assert "plain has no index of its own" in await desk.refusal("frame_dispersion", basket="plain")
        given = await desk.answer("frame_dispersion", basket="plain", index="^spx")
        assert given.structured["index"] == "SPX"


async def test_spx_alone_without_published_weights_is_its_list_of_names_equally_weighted_and_labelled() -> None:
    known = [an_exposure(symbol) for symbol in ("SPX", "NVDA", "AAPL")]
    answer = await answer_of(an_index_source(*known), index="spx")
    assert answer.structured["weights_basis"] == "equal"
    assert "equal weights (equal), not the index's" in answer.text
    assert answer.structured["coverage"] is None
    assert len(answer.structured["missing"]) == 18
    assert "unknown share" in warned(answer, "partial_coverage")


async def test_a_basket_of_the_user_with_the_same_index_does_not_take_the_place_of_the_list_made_for_it(tmp_path: Path) -> None:
    path = tmp_path / "baskets.toml"
    path.write_text('[mine]\nsymbols = ["AAPL", "MSFT"]\nindex = "SPX"\n')
    answer = await answer_of(an_index_source(*the_golden_names()), changes={"baskets": BasketCatalogue(path)}, index="SPX")
    assert answer.structured["constituent_count"] + len(answer.structured["missing"]) == 20


async def test_a_fund_of_one_basket_alone_stands_for_that_basket() -> None:
    answer = await answer_of(an_index_source(an_exposure("SMH"), an_exposure("NVDA"), an_exposure("AMD")), index="SMH")
    assert answer.structured["constituent_count"] + len(answer.structured["missing"]) == 8


async def test_the_index_that_did_not_arrive_leaves_the_names_answered_alone(era: Era) -> None:
    late = Missing("SPX", MissingReason.STALE, "The newest file of SPX is a month old.")
    known = [one for one in the_golden_names() if one.symbol != "SPX"]
    answer = await answer_of(a_source(*known, missing=[late]), era, **GOLDEN)
    structured, side = answer.structured, answer.structured["volatility"]
    assert "SPX is missing (stale)." in structured["headline"]
    assert codes(answer)[0] == "index_missing"
    assert structured["missing_symbols"] == ["SPX"]
    assert (structured["missing"][0]["reason"], structured["missing"][0]["weight"]) == ("stale", 0.0)
    assert structured["weight_coverage"] == 1.0
    assert "All 3 names" in structured["headline"]
    assert structured["index_gamma"] is structured["gap"] is None
    assert structured["index_null"] == "stale"
    assert side["implied_null"] == side["realised_null"] == side["spread_null"] == "index_missing"
    assert side["implied_correlation"] is side["realised_correlation"] is side["dispersion_spread"] is None
    assert side["basket_iv"] == 0.224
    assert structured["aggregate"]["net_gex"] == pytest.approx(0.8 * 200e6 - 0.2 * 40e6)
    assert {row["opposes_index"] for row in structured["constituents"]} == {None}


async def test_names_without_volatility_are_left_out_named_and_the_others_renormalised() -> None:
    known = (*the_golden_names(), an_exposure("META", atm_iv=None))
    answer = await answer_of(
        an_index_source(*known), index="SPX", symbols={"AAPL": 0.25, "MSFT": 0.15, "NVDA": 0.1, "META": 0.5}
    )  # fmt: skip
    side = answer.structured["volatility"]
    assert side["left_out"] == [{"symbol": "META", "reason": "no_atm_iv", "weight": 0.5}]
    assert side["names"] == 3
    assert side["implied_correlation"] == 0.0225
    assert "META no_atm_iv 50.0%" in answer.text
    meta = next(row for row in answer.structured["constituents"] if row["symbol"] == "META")
    assert meta["atm_iv"] is meta["volatility_share"] is None
    assert meta["weight"] == 0.5, "still there in gamma"


async def test_coverage_of_the_volatility_side_is_what_the_warning_is_about() -> None:
    known = (*the_golden_names(), an_exposure("META", atm_iv=None))
    published = {"SPX": {"AAPL": 0.3, "MSFT": 0.2, "NVDA": 0.2, "META": 0.3}}
    answer = await answer_of(an_index_source(*known, published=published), index="SPX")
    assert answer.structured["coverage"] == 1.0
    assert answer.structured["volatility"]["coverage"] == pytest.approx(0.7)
    assert "70.0%" in warned(answer, "partial_coverage")


async def test_a_tenor_outside_the_chains_is_null_with_its_reason(era: Era) -> None:
    answer = await answer_of(an_index_source(*the_golden_names()), era, **GOLDEN, tenor_days=31)
    side = answer.structured["volatility"]
    assert side["tenor_days"] == 31
    assert side["implied_correlation"] is side["basket_iv"] is side["index_iv"] is None
    assert side["implied_null"] == "no_index_volatility"
    assert {one["reason"] for one in side["left_out"]} == {"tenor_outside_chain"}
    assert "Implied correlation null (no_index_volatility)" in answer.structured["headline"]
    assert answer.structured["gap"]["agreement"] == "agree", "gamma is answered all the same"


async def test_volatilities_are_interpolated_to_the_common_tenor() -> None:
    curve = AtTheMoneyCurve((10 / 365, 40 / 365), (0.30, 0.20))
    known = [replace(an_exposure(name), at_the_money=curve) for name in ("SPX", "AAPL", "MSFT")]
    answer = await answer_of(an_index_source(*known), index="SPX", symbols="AAPL,MSFT", tenor_days=20)
    variance = (2 / 3 * 0.09 * 10 + 1 / 3 * 0.04 * 40) / 20
    assert answer.structured["volatility"]["index_iv"] == pytest.approx(math.sqrt(variance), abs=5e-5)


async def test_a_first_expiry_after_the_tenor_is_said() -> None:
    answer = await answer_of(an_index_source(*the_golden_names()), **GOLDEN, tenor_days=10)
    assert "later than 10 days" in warned(answer, "tenor_before_first_expiry")


async def test_an_impossible_correlation_is_reported_not_clipped_and_leads_the_warnings_after_coverage() -> None:
    known = (an_exposure("SPX", atm_iv=0.30), an_exposure("AAPL", atm_iv=0.2), an_exposure("MSFT", atm_iv=0.2))
    answer = await answer_of(an_index_source(*known), index="SPX", symbols="AAPL,MSFT")
    side = answer.structured["volatility"]
    assert side["implied_correlation"] == pytest.approx((0.09 - 0.02) / (0.04 - 0.02))
    assert "3.5000 is outside -1.00 to 1" in warned(answer, "inconsistent_inputs")
    assert (side["dispersion_spread"], side["spread_null"]) == (None, "negative_variance")
    assert "dispersion spread null (negative_variance)" in answer.text
    assert "inconsistent_inputs" in answer.structured["headline"]


async def test_one_name_has_gamma_but_no_correlation() -> None:
    answer = await answer_of(an_index_source(*the_golden_names()), index="SPX", symbols="NVDA")
    assert answer.structured["volatility"]["implied_null"] == "fewer_than_two_names"
    assert answer.structured["gap"]["agreement"] == "conflict"


async def test_agreement_and_the_names_that_carry_the_divergence(era: Era) -> None:
    known = (
        an_exposure("SPX", call_gex=1e9, put_gex=3e9),
        an_exposure("AAPL", call_gex=90e6, put_gex=50e6),
        an_exposure("MSFT", call_gex=900e6, put_gex=500e6),
        an_exposure("NVDA", call_gex=50e6, put_gex=60e6),
    )
    answer = await answer_of(an_index_source(*known), era, index="SPX", symbols="AAPL,MSFT,NVDA")
    gap = answer.structured["gap"]
    assert gap["agreement"] == "conflict"
    assert gap["net_gex_gap"] == -2_430_000_000
    assert gap["imbalance_gap"] == pytest.approx(-0.5 - 430 / 1650, abs=1e-4)
    assert (gap["opposing_names"], gap["opposing_weight"]) == (2, pytest.approx(2 / 3, abs=1e-4))
    expected = (
        "index and names conflict: SPX short gamma, its names long gamma; 2 of 3 names (66.7% of weight) oppose SPX, first "
    )
    assert answer.structured["statement"] == expected + "MSFT, AAPL"
    assert answer.structured["statement"] in answer.text
    opposing = {row["symbol"]: row["opposes_index"] for row in answer.structured["constituents"]}
    assert opposing == {"AAPL": True, "MSFT": True, "NVDA": False}


async def test_an_ambiguous_side_leaves_agreement_undecided() -> None:
    known = (an_exposure("SPX", call_gex=1.00e9, put_gex=1.01e9), *the_golden_names()[1:])
    answer = await answer_of(an_index_source(*known), **GOLDEN)
    assert answer.structured["gap"]["agreement"] == "undecided"
    assert answer.structured["statement"].startswith("undecided: SPX ambiguous, its names long gamma")


async def test_nets_a_vendor_published_are_not_judged_and_have_no_volatility() -> None:
    rows = (a_vendor_row("SPX", 5e9), a_vendor_row("AAPL", 1e9), a_vendor_row("MSFT", -3e9))
    answer = await answer_of(a_source(*rows), index="SPX", symbols="AAPL,MSFT")
    gap = answer.structured["gap"]
    assert (gap["agreement"], gap["imbalance_gap"], gap["net_gex_gap"]) == ("undecided", None, 7_000_000_000)
    assert "SPX not judged, its names not judged" in answer.structured["statement"]
    assert answer.structured["volatility"]["implied_null"] == "no_index_volatility"


async def test_an_index_published_under_another_convention_has_no_gap() -> None:
    known = (a_vendor_row("SPX", 5e9), *the_golden_names()[1:])
    answer = await answer_of(a_source(*known), **GOLDEN, convention="dealers_short_all")
    assert answer.structured["index_null"] == "other_convention"
    assert answer.structured["gap"] is None
    assert "index_missing" not in codes(answer)
    assert "(other_convention)" in answer.structured["headline"]


async def test_missing_names_are_weighed_bounded_and_headlined() -> None:
    answer = await answer_of(an_index_source(*the_golden_names()), index="SPX", symbols="AAPL,MSFT,ZZZZ", weights=[5, 3, 2])
    structured = answer.structured
    assert "2 of 3 names (ZZZZ: unknown_symbol, 20.0% of weight)" in structured["headline"]
    assert structured["weight_coverage"] == 0.8
    assert codes(answer)[0] == "partial_basket"
    assert structured["bounds"]["zero_filled"] == pytest.approx(160e6)
    assert structured["bounds"]["high"] == pytest.approx(200e6)
    assert structured["bounds"]["sign_safe"] is True
    assert "Missing: ZZZZ unknown_symbol 20.0%" in answer.text


async def test_index_and_names_are_asked_for_in_one_question() -> None:
    source = an_index_source(*the_golden_names())
    await answer_of(source, **GOLDEN)
    assert [symbols for symbols, _ in source.asked] == [("SPX", "AAPL", "MSFT", "NVDA")]
