"""stress_basket through a real client: flips, flows and their split, what is missing, scenarios, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from exposure.dealer import Greek, SignConvention
from exposure.legs import measure
from sources.base import CallsNeeded
from tests.builders import a_call, a_chain, a_missing, a_put, a_vendor_row
from tests.tools.desk import Era, HandMadeSource, Reply, a_desk, a_source
from tests.tools.figures_in_text import numbers
from tests.tools.stress_desk import (
    chains_source,
    codes,
    flipping_chain,
    refused,
    row_at,
    stressed,
    the_demo,
    warned,
)
from tools.basket import TOOL as BASKET
from tools.figures import money
from tools.stress import TOOL

pytestmark = pytest.mark.anyio

PARTS = ("gamma", "vanna", "charm", "rest")
HARSH: dict[str, Any] = {"volatility_points": 4, "days_forward": 3, "smile": "sticky_delta"}


def in_dollars(text: str) -> Decimal:
    """Signed dollars as the table writes them."""
    number = text.rstrip("tnbmk")
    return Decimal(number) * {"": 1, "k": 10**3, "m": 10**6, "bn": 10**9, "tn": 10**12}[text[len(number) :]]


def printed_splits(answer: Reply) -> list[list[Decimal]]:
    """Of every row of the text's table: total, gamma, vanna, charm, rest, linear."""
    found = re.findall(r"\| (\S+) = (\S+), (\S+), (\S+), (\S+) \| (\S+),", answer.text)
    return [[in_dollars(text) for text in row] for row in found]


async def test_a_single_name_flips_where_its_own_profile_does_and_the_basket_says_so(era: Era) -> None:
    answer = await stressed(chains_source(flipping_chain()), era, symbols="NVDA", shocks="-3,3")
    structured = answer.structured
    (name,) = structured["names"]
    assert structured["flip"] == structured["flip_sum"]
    assert structured["flip"]["status"] == name["flip_status"] == "found"
    assert structured["flip"]["shock_pct"] == pytest.approx(name["flip_move_pct"], abs=1e-3)
    assert name["flip_price"] == pytest.approx(100.0 * (1.0 + structured["flip"]["shock_pct"] / 100.0), abs=2e-3)
    assert structured["headline"].startswith("NVDA net GEX ")
    assert f"it changes sign at a common move of {structured['flip']['shock_pct']:+.2f}%." in structured["headline"]
    for row in structured["shocks"]:
        assert row["hedge_flow"] == pytest.approx(row["hedge_flow_sum"], rel=1e-4)
    assert row_at(answer, -3)["regime"] == "negative_gamma"
    assert row_at(answer, 3)["regime"] == "positive_gamma"


async def test_names_alone_and_together_agree() -> None:
    source = chains_source(flipping_chain("NVDA"), flipping_chain("AMD", 50.0, puts=8_000.0))
    both = await stressed(source, symbols="NVDA,AMD", weights=[3, 1], shocks="-5,2")
    apart = [await stressed(source, symbols=symbol, shocks="-5,2") for symbol in ("NVDA", "AMD")]
    for shock in (-5, 2):
        flows = [row_at(one, shock)["hedge_flow"] for one in apart]
        nets = [row_at(one, shock)["net_gex"] for one in apart]
        row = row_at(both, shock)
        assert row["hedge_flow_sum"] == pytest.approx(sum(flows), rel=1e-4)
        assert row["hedge_flow"] == pytest.approx(0.75 * flows[0] + 0.25 * flows[1], rel=1e-5)
        assert row["net_gex"] == pytest.approx(0.75 * nets[0] + 0.25 * nets[1], rel=1e-5)
    flips = {row["symbol"]: row["flip_price"] for row in both.structured["names"]}
    assert flips == {one.structured["names"][0]["symbol"]: one.structured["names"][0]["flip_price"] for one in apart}


@pytest.mark.parametrize("convention", [one.value for one in SignConvention])
async def test_the_flow_of_a_tiny_move_is_minus_net_gex_times_the_move(convention: str) -> None:
    chain = flipping_chain(puts=9_000.0)
    answer = await stressed(chains_source(chain), symbols="NVDA", shocks="-0.01,0.01", convention=convention)
    net = measure(chain)
    expected = answer.structured["now"]["net_gex"]
    assert net.net(Greek.GEX, SignConvention(convention)) == pytest.approx(expected, abs=1.0)
    for shock in (-0.01, 0.01):
        row = row_at(answer, shock)
        assert row["hedge_flow"] == pytest.approx(-expected * shock, rel=5e-3)
        assert row["linear"] == pytest.approx(-expected * shock, rel=1e-4)
        assert row["linear_off"] is False


@pytest.mark.parametrize("scenario", [{}, HARSH], ids=["plain", "harsh"])
async def test_the_split_adds_up_in_the_printed_numbers_of_both_channels(scenario: dict[str, Any], era: Era) -> None:
    answer = await stressed(the_demo(), era, basket="semis", **scenario)
    for row in answer.structured["shocks"]:
        assert all(float(row[part]).is_integer() for part in PARTS)
        assert sum(row[part] for part in PARTS) == row["hedge_flow_sum"]
        assert row["gamma"] + row["vanna"] + row["charm"] == row["linear"]
        assert row["linear"] + row["rest"] == row["hedge_flow_sum"]
    splits = printed_splits(answer)
    assert len(splits) == len(answer.structured["shocks"])
    for (total, *parts, linear), row in zip(splits, answer.structured["shocks"], strict=True):
        assert sum(parts) == total
        assert sum(parts[:3]) == linear
        assert [int(one) for one in (total, *parts)] == [row["hedge_flow_sum"], *(row[part] for part in PARTS)]


async def test_small_flows_add_up_too() -> None:
    source = chains_source(flipping_chain(puts=1.0, calls=2.0))
    answer = await stressed(source, symbols="NVDA", shocks=[-0.5, 0.1], volatility_points=1, days_forward=1)
    for total, *parts, linear in printed_splits(answer):
        assert sum(parts) == total
        assert sum(parts[:3]) == linear
    for row in answer.structured["shocks"]:
        assert sum(Decimal(str(row[part])) for part in PARTS) == Decimal(str(row["hedge_flow_sum"]))


async def test_the_linear_number_is_flagged_exactly_where_it_misses_by_more_than_a_fifth() -> None:
    answer = await stressed(the_demo(), basket="semis", **HARSH)
    rows = answer.structured["shocks"]
    assert {row["linear_off"] for row in rows} == {True, False}
    for row in rows:
        assert row["linear_off"] == (row["off_pct"] > 20)
        assert row["off_pct"] == pytest.approx(100 * abs(row["rest"] / row["hedge_flow_sum"]), abs=0.2)
    assert answer.text.count(" linear_off |") == sum(row["linear_off"] for row in rows)


async def test_no_move_is_no_flow_and_no_percentage() -> None:
    answer = await stressed(chains_source(flipping_chain()), symbols="NVDA", shocks=0)
    row = row_at(answer, 0)
    assert [row[part] for part in (*PARTS, "hedge_flow_sum", "hedge_flow")] == [0] * 6
    assert row["off_pct"] is None
    assert row["net_gex"] == pytest.approx(answer.structured["now"]["net_gex"], rel=1e-9)
    assert answer.structured["statement"].startswith("If no price moves, dealers would have to trade nothing in NVDA (")


async def test_the_statement_tells_the_first_shock_asked_for(era: Era) -> None:
    answer = await stressed(the_demo(), era, basket="semis", shocks="5,-3")
    row = row_at(answer, 5)
    side = "sell" if row["hedge_flow_sum"] < 0 else "buy"
    said = answer.structured["statement"]
    assert said.startswith(f"If all names rise 5%, dealers would have to {side} ${abs(row['hedge_flow_sum']) / 1e9:.2f}bn in ")
    assert f"off by {row['off_pct']:.1f}%" in said
    assert f"({row['regime']})." in said
    assert [one["shock_pct"] for one in answer.structured["shocks"]] == [-3, 5]


@pytest.mark.parametrize("shocks", [[-3, 3], "-3,3", "-3%, 3%", "[-3, 3]", ["-3", "3"], [3, -3, 3.0]])
async def test_shocks_are_read_in_every_form_hosts_send(shocks: object) -> None:
    answer = await stressed(chains_source(flipping_chain()), symbols="NVDA", shocks=shocks)
    assert [row["shock_pct"] for row in answer.structured["shocks"]] == [-3, 3]


async def test_a_shock_beyond_the_usual_curve_widens_what_is_searched() -> None:
    answer = await stressed(chains_source(flipping_chain()), symbols="NVDA", shocks=[-25])
    assert (answer.structured["scenario"]["low_pct"], answer.structured["scenario"]["high_pct"]) == (-25, 15)
    assert "Searched -25% to +15%." in answer.text


@pytest.mark.parametrize(
    ("shocks", "sentence"),
    [
        (500, "A shock of 500% is out of range."),
        ([-31], "A shock of -31% is out of range."),
        ("", "shocks is empty."),
        ([], "shocks is empty."),
        ("a lot", "shocks holds 'a' where a finite number belongs."),
        (["nan"], "shocks holds 'nan' where a finite number belongs."),
        ("inf", "shocks holds 'inf' where a finite number belongs."),
        ([None], "shocks holds null where a finite number belongs."),
        ([True], "shocks holds true or false where a finite number belongs."),
        ([[1]], "shocks holds a list where a finite number belongs."),
        ({"a": 1}, "shocks is an object."),
        ("[1,", "shocks begins like JSON but is not."),
        (list(range(-15, 15)), "30 shocks; at most 10 are shown in one answer."),
        (list(range(500)), "500 shocks; at most 10 are shown in one answer."),
    ],
)
async def test_shocks_that_make_no_sense_are_refused_in_one_sentence(shocks: object, sentence: str, era: Era) -> None:
    refusal = await refused(chains_source(flipping_chain()), era, symbols="NVDA", shocks=shocks)
    assert refusal.startswith(sentence)
    assert "\n" not in refusal


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"days_forward": -1}, "days_forward"),
        ({"days_forward": 61}, "days_forward"),
        ({"volatility_points": 51}, "volatility_points"),
        ({"volatility_points": "many"}, "volatility_points"),
        ({"smile": "frown"}, "smile"),
        ({"detail": "all"}, "detail"),
        ({"shock": -3}, "shock"),
    ],
)
async def test_other_arguments_out_of_range_are_refused_by_name(arguments: dict[str, Any], named: str) -> None:
    assert named in await refused(chains_source(flipping_chain()), symbols="NVDA", **arguments)


async def test_missing_names_are_weighed_bounded_and_named_first(era: Era) -> None:
    source = chains_source(flipping_chain("NVDA", puts=9_000.0), flipping_chain("AMD", puts=9_000.0))
    answer = await stressed(source, era, symbols="NVDA,AMD,ZZZZ", weights=[2, 2, 1], shocks=-3)
    structured = answer.structured
    assert structured["headline"].startswith("2 of 3 names (ZZZZ: unknown_symbol, 20.0% of weight).")
    assert codes(answer)[0] == "partial_basket"
    assert structured["weight_coverage"] == 0.8
    assert structured["missing"] == [
        {"symbol": "ZZZZ", "reason": "unknown_symbol", "detail": "Nobody lists options of ZZZZ.", "weight": 0.2}
    ]
    assert structured["bounds"]["zero_filled"] == pytest.approx(0.8 * structured["now"]["net_gex"], rel=1e-6)
    whole = await stressed(source, symbols="NVDA,AMD", shocks=-3)
    assert whole.structured["shocks"] == structured["shocks"]
    assert "Repriced: 2 of 3 names, 80.0% of weight" in answer.text
    assert warned(answer, "partial_basket").endswith("of net GEX today; what they would add in a shock is not known.")
    assert "partial_basket" not in codes(whole)


async def test_a_chain_that_cannot_be_used_is_missing_and_never_repriced() -> None:
    one_sided = a_chain([a_call(100.0), a_call(105.0)], symbol="AMD")
    source = chains_source(flipping_chain("NVDA"), one_sided)
    answer = await stressed(source, symbols="NVDA,AMD", shocks=-3)
    assert [one["reason"] for one in answer.structured["missing"]] == ["unusable_chain"]
    alone = await stressed(source, symbols="NVDA", shocks=-3)
    assert answer.structured["shocks"] == alone.structured["shocks"]


async def test_what_of_the_open_interest_was_repriced_is_said() -> None:
    chain = a_chain(
        [a_put(95.0, open_interest=3_000.0), a_call(105.0, open_interest=3_000.0), a_call(110.0, iv=float("nan"))], symbol="NVDA"
    )
    answer = await stressed(chains_source(chain), symbols="NVDA", shocks=-3)
    assert answer.structured["repriced"]["contracts"] == 2
    assert answer.structured["repriced"]["open_interest_used"] == pytest.approx(6 / 7, abs=1e-6)
    assert "2 contracts, 85.7% of their open interest" in answer.text


async def test_nothing_to_answer_from_is_an_error_with_the_reasons(era: Era) -> None:
    refusal = await refused(chains_source(flipping_chain()), era, symbols="ZZZZ,YYYY")
    assert "ZZZZ, YYYY: unknown_symbol" in refusal
    assert "No name with weight" in await refused(chains_source(flipping_chain()), symbols="NVDA,ZZZZ", weights=[0, 1])


async def test_a_source_of_nets_alone_gives_todays_nets_and_null_for_the_rest(era: Era) -> None:
    source = a_source(a_vendor_row("NVDA", 300e6), a_vendor_row("AMD", -100e6), missing=[a_missing("TSM")])
    answer = await stressed(source, era, symbols="NVDA,AMD,TSM", shocks="-3", days_forward=2)
    structured = answer.structured
    assert structured["now"]["net_gex"] == 100e6
    assert structured["now"]["net_gex_sum"] == 200e6
    for field in ("flip", "flip_sum", "repriced", "shocks", "name_flips", "names"):
        assert structured[field] is None, field
    assert structured["repriced_null"] == "source_publishes_nets_only"
    assert codes(answer)[:2] == ["partial_basket", "source_publishes_nets_only"]
    assert "nothing could be repriced (source_publishes_nets_only)" in structured["headline"]
    assert "null" in answer.text
    assert "0%:" not in answer.text


async def test_nets_that_would_cost_more_than_the_quota_has_left_are_refused_without_naming_an_argument_there_is_not() -> None:
    class Metered(HandMadeSource):
        def calls_needed(self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False) -> CallsNeeded:
            return CallsNeeded(len(symbols), 1)

    refusal = await refused(Metered({}), symbols="NVDA,AMD")
    assert refusal.startswith("This source publishes nets and no chains, so nothing can be repriced")
    assert "allow_calls" not in refusal


async def test_a_vendors_nets_under_another_convention_are_refused() -> None:
    refusal = await refused(a_source(a_vendor_row("NVDA", 300e6)), symbols="NVDA", convention="dealers_short_all")
    assert "convention" in refusal


async def test_days_past_the_last_expiry_leave_nothing_and_say_so() -> None:
    refusal = await refused(chains_source(flipping_chain()), symbols="NVDA", days_forward=31)
    assert refusal == (
        "Every contract of these names expires within 31 days, so nothing is left to reprice. Choose fewer days_forward."
    )


async def test_what_expires_on_the_way_is_counted_out_and_told() -> None:
    later = a_chain(
        [a_put(95.0, expiry=date(2024, 8, 16)), a_call(105.0, expiry=date(2024, 8, 16)), a_put(95.0), a_call(105.0)], symbol="AMD"
    )
    source = chains_source(flipping_chain("NVDA"), later)
    answer = await stressed(source, symbols="NVDA,AMD", days_forward=31, shocks="-3,0")
    repriced = answer.structured["repriced"]
    assert repriced["expired_net_gex_sum"] is not None
    assert repriced["expired_hedge_sum"] is not None
    assert (repriced["contracts"], repriced["open_interest_used"]) == (2, pytest.approx(2_000 / 10_000))
    assert "; 2 contracts, 20.0% of their open interest; expired by then" in answer.text
    assert "contracts of 2 names" in warned(answer, "expired_before")
    assert "Every contract of NVDA expires within 31 days" in warned(answer, "nothing_left")
    assert "in the scenario" in answer.structured["headline"]


async def test_a_scenario_that_turns_the_sign_by_itself_says_so_beside_todays_net() -> None:
    later = [a_put(95.0, expiry=date(2024, 8, 16)), a_call(105.0, expiry=date(2024, 8, 16), open_interest=2_000.0)]
    chain = a_chain([a_put(100.0, open_interest=9_000.0), *later], symbol="NVDA")
    answer = await stressed(chains_source(chain), symbols="NVDA", days_forward=31, shocks="-1,1")
    unmoved = answer.structured["repriced"]["unmoved_net_gex"]
    assert answer.structured["now"]["net_gex"] < 0 < unmoved
    assert f"in the scenario it is {money(unmoved)} before any move; it changes sign at" in answer.structured["headline"]
    plain = await stressed(chains_source(chain), symbols="NVDA")
    assert plain.structured["repriced"]["unmoved_net_gex"] == plain.structured["now"]["net_gex"]
    assert "in the scenario" not in plain.structured["headline"]


async def test_volatility_and_days_put_no_move_at_all_among_the_usual_shocks() -> None:
    usual = await stressed(chains_source(flipping_chain()), symbols="NVDA")
    moved = await stressed(chains_source(flipping_chain()), symbols="NVDA", volatility_points=5, days_forward=1)
    assert [row["shock_pct"] for row in usual.structured["shocks"]] == [-15, -10, -5, -3, -1, 1, 3, 5, 10, 15]
    assert row_at(moved, 0)["vanna"] != 0
    assert row_at(moved, 0)["charm"] != 0
    assert "volatilities change by +5 points and 1 day passes" in moved.structured["statement"]


async def test_one_sided_conventions_have_no_flip_by_assumption() -> None:
    answer = await stressed(chains_source(flipping_chain()), symbols="NVDA", convention="dealers_short_all", shocks=-3)
    assert answer.structured["flip"] == {"status": "none_in_range", "shock_pct": None, "roots_pct": [], "roots_found": 0}
    assert "no sign change between -15% and +15% (the convention is one-sided)." in answer.structured["headline"]


async def test_todays_nets_are_those_of_basket_exposure() -> None:
    async with a_desk(the_demo(), tools=(BASKET, TOOL)) as desk:
        basket = await desk.answer("basket_exposure", basket="semis")
        stress = await desk.answer("stress_basket", basket="semis", shocks=0)
    now = stress.structured["now"]
    assert now["net_gex"] == basket.structured["aggregate"]["net_gex"]
    assert now["net_gex_sum"] == basket.structured["aggregate_sum"]["net_gex"]
    assert now["dealer_gamma"] == basket.structured["dealer_gamma"]
    assert row_at(stress, 0)["net_gex"] == pytest.approx(now["net_gex"], rel=1e-6)
    for field in ("as_of", "oi_date", "convention", "missing", "source", "mode"):
        assert stress.structured[field] == basket.structured[field]


async def test_a_replay_names_its_instants_and_is_the_same_in_both_eras() -> None:
    asked: dict[str, Any] = {"basket": "semis", "at": "2020-03-16T15:30", "shocks": "-3", "betas": "estimated"}
    first, second = [await stressed(the_demo(), era, **asked) for era in ("auto", "legacy")]
    assert first == second
    assert first.structured["mode"] == "replay"
    assert first.structured["at_resolved"] == first.structured["as_of"] == "2020-03-16T19:30:00Z"
    assert first.structured["scenario"]["beta_until"] == "2020-03-13"


async def test_full_detail_gives_every_name_its_flow_and_shares_and_the_whole_curve(era: Era) -> None:
    answer = await stressed(the_demo(), era, basket="semis", detail="full")
    structured = answer.structured
    assert len(structured["names"]) == 8
    assert structured["names_not_listed"] == 0
    places = {row["shock_pct"]: place for place, row in enumerate(structured["shocks"])}
    for shock, place in places.items():
        flows = [row["detail"]["hedge_flow"][place] for row in structured["names"]]
        assert sum(flows) == pytest.approx(row_at(answer, shock)["hedge_flow_sum"], rel=2e-4)
        for row in structured["names"]:
            price = row["underlying_price"] * (1 + shock / 100)
            assert row["detail"]["hedge_shares"][place] * price == pytest.approx(row["detail"]["hedge_flow"][place], rel=1e-4)
    curve = structured["curve"]
    assert len(curve["shock_pct"]) == len(curve["net_gex"]) == len(curve["hedge_flow_sum"]) == 61
    for shock in places:
        at = curve["shock_pct"].index(shock)
        assert curve["net_gex"][at] == row_at(answer, shock)["net_gex"]
        assert curve["hedge_flow_sum"][at] == row_at(answer, shock)["hedge_flow_sum"]
    for row in structured["names"]:
        assert f"\n{row['symbol']} " in answer.text
    default = await stressed(the_demo(), basket="semis")
    assert "curve" not in default.structured
    assert all("detail" not in row for row in default.structured["names"])
    assert "shares" not in json.dumps(default.structured)


async def test_every_number_is_finite_and_the_synthetic_label_comes_first(era: Era) -> None:
    answer = await stressed(the_demo(), era, basket="semis", detail="full", **HARSH)
    json.dumps(answer.structured, allow_nan=False)
    assert list(numbers(answer.structured))
    assert answer.text.startswith("SYNTHETIC DEMO MARKET")
    assert not {"nan", "inf", "none"} & set(re.split(r"[\s,;()%]+", answer.text.lower())) - {"none"}


async def test_symbols_named_twice_and_funds_with_their_members_are_warned_about() -> None:
    answer = await stressed(the_demo(), symbols="SPY,NVDA,NVDA", shocks=-3)
    assert "NVDA" in warned(answer, "merged_symbols")
    assert "SPY may hold or track NVDA" in warned(answer, "double_counting")


async def test_no_word_of_an_answer_is_advice() -> None:
    answer = await stressed(the_demo(), basket="semis", detail="full")
    for word in ("should", "recommend", "consider", "opportunity", "must"):
        assert word not in answer.text.lower()
