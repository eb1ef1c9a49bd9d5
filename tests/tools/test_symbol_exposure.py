"""symbol_exposure through a real client: every part of the answer, what is partial, and what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from exposure.dealer import ComputedLegs, GammaLegs, Legs, PublishedNets, SignConvention
from exposure.expiries import by_bucket, by_expiry, roll_offs
from exposure.legs import measure
from exposure.levels import by_strike, levels_of
from exposure.snapshot import Mode
from sources.base import CallsNeeded
from tests.builders import a_call, a_chain, a_put, a_quoted_pair, a_vendor_row, an_exposure
from tests.tools.desk import ERAS, NOW, Era, HandMadeSource, a_desk, a_source
from tests.tools.figures_in_text import numbers, strings
from tests.tools.symbol_desk import (
    TOOLS,
    an_inverted_chain,
    answer_of,
    calls_and_puts,
    chains,
    codes,
    demo,
    forty_expiries,
    refusal_of,
)

pytestmark = pytest.mark.anyio

COMMON = [
    "headline", "source", "mode", "synthetic", "as_of", "oldest_quote", "oi_date", "session", "at_requested", "at_resolved",
    "convention", "units", "missing_symbols", "missing", "weight_coverage", "warnings",
]  # fmt: skip
OWN = [
    "symbol", "asset_class", "underlying_price", "nets", "legs", "same_day", "net_gex_by_convention", "regime", "regime_by_flip",
    "dealer_gamma", "dealer_gamma_reasons", "flip_share", "flip_statement", "gamma_flip", "flip_status", "levels", "levels_null",
    "expiries", "coverage", "atm_iv", "curve", "reading", "full",
]  # fmt: skip


@pytest.mark.parametrize("detail", ["default", "full"])
async def test_every_answer_has_every_field_and_only_numbers(detail: str, era: Era) -> None:
    for source in (demo(), a_source(a_vendor_row("SPX")), chains(forty_expiries()), chains(an_inverted_chain())):
        answer = await answer_of(source, era=era, detail=detail)
        assert list(answer.structured) == [*COMMON, *OWN]
        assert all(math.isfinite(number) for number in numbers(answer.structured))
        json.dumps(answer.structured, allow_nan=False)
        for text in (answer.text, *strings(answer.structured)):
            assert not {"nan", "inf", "+nan", "+inf", "-inf", "nannan"} & set(text.lower().replace(",", " ").split())


async def test_the_numbers_are_those_of_the_chain() -> None:
    chain = forty_expiries()
    answer = (await answer_of(chains(chain))).structured
    exposure, levels = measure(chain), levels_of(chain, SignConvention.STREET)
    assert isinstance(exposure.measured, ComputedLegs)
    assert answer["legs"]["gex_call"] == round(exposure.measured.total.gex.call)
    assert answer["legs"]["chex_put"] == round(exposure.measured.total.chex.put)
    assert answer["nets"]["net_gex"] == pytest.approx(answer["legs"]["gex_call"] - answer["legs"]["gex_put"], abs=1)
    assert answer["gamma_flip"] == pytest.approx(levels.gamma_flip, abs=1e-4)
    assert answer["flip_status"] == levels.zero_gamma.status.value
    shown = answer["levels"]
    assert shown["flip_distance_pct"] == pytest.approx(100 * (answer["gamma_flip"] / 5432.1 - 1), abs=1e-3)
    assert (shown["searched_from"], shown["searched_to"]) == (pytest.approx(0.85 * 5432.1), pytest.approx(1.15 * 5432.1))
    assert levels.call_wall is not None
    assert shown["call_wall"] == {"strike": levels.call_wall.strike, "gex": round(levels.call_wall.value)}
    assert levels.max_pain is not None
    assert shown["max_pain"]["strike"] == levels.max_pain.strike
    assert shown["max_pain"]["expiry"] == "2024-06-06"
    assert levels.same_day_magnet is not None
    assert shown["same_day_magnet"]["strike"] == levels.same_day_magnet.strike
    gamma = exposure.gamma()
    assert gamma is not None
    same_day = gamma.same_day
    assert answer["same_day"]["net_gex"] == round(same_day.call - same_day.put)
    assert answer["same_day"]["gross_share"] == pytest.approx(same_day.gross / gamma.total.gross, abs=1e-4)
    assert answer["gamma_flip"] is not None
    assert answer["atm_iv"] == pytest.approx(exposure.atm_iv(), abs=1e-6)
    assert answer["underlying_price"] == 5432.1


async def test_expiries_buckets_and_roll_off_add_up_and_are_those_of_the_chain() -> None:
    chain = forty_expiries()
    answer = (await answer_of(chains(chain))).structured
    shown, known = answer["expiries"], {str(one.expiry): one for one in by_expiry(chain, SignConvention.STREET)}
    assert len(known) == 40
    total = math.fsum(row["net_gex"] for row in shown["rows"]) + shown["rest"]["net_gex"]
    assert total == pytest.approx(answer["nets"]["net_gex"], rel=1e-9, abs=20)
    shares = math.fsum(row["gross_share"] for row in shown["rows"]) + shown["rest"]["gross_share"]
    assert shares == pytest.approx(1.0, abs=2e-3)
    assert len(shown["rows"]) + shown["rest"]["expiries"] == 40
    assert [row["expiry"] for row in shown["rows"]] == sorted(row["expiry"] for row in shown["rows"])
    assert shown["rows"][0]["expiry"] == "2024-06-06"
    for row in shown["rows"]:
        one = known[row["expiry"]]
        assert (row["days"], row["net_gex"]) == (one.days, round(one.nets.gex))
        assert row["opex"] == ("quarterly" if one.quarterly else "monthly" if one.opex else None)
        assert "nets" not in row
    buckets = by_bucket(chain, SignConvention.STREET)
    assert [one["days"] for one in shown["by_dte"]] == ["0-7", "8-30", "31-60", "61-180", "181+"]
    assert [one["net_gex"] for one in shown["by_dte"]] == [round(one.nets.gex) for one in buckets]
    assert sum(one["expiries"] for one in shown["by_dte"]) == 40
    rolled = roll_offs(chain, SignConvention.STREET, first=3)
    assert shown["roll_off"]
    for row, gone in zip(shown["roll_off"], rolled, strict=False):
        assert row["net_gex_after"] == round(gone.net_gex_after)
        assert row["flip_after"] == pytest.approx(gone.flip_after.nearest, abs=1e-4)
    assert shown["roll_off"][0]["flip_before"] == answer["gamma_flip"]


async def test_standard_monthly_and_quarterly_expiries_are_marked() -> None:
    days = [date(2024, 6, 14), date(2024, 6, 21), date(2024, 7, 19)]
    contracts = [side(100.0, expiry=day) for day in days for side in (a_call, a_put)]
    answer = await answer_of(chains(a_chain(contracts)), "NVDA")
    assert [row["opex"] for row in answer.structured["expiries"]["rows"]] == [None, "quarterly", "monthly"]
    assert "2024-06-21 16d quarterly opex" in answer.text
    assert answer.structured["expiries"]["rest"] is None


async def test_six_conventions_stand_side_by_side_and_full_has_all_nets(era: Era) -> None:
    answer = (await answer_of(chains(forty_expiries()), era=era, detail="full")).structured
    gex = answer["net_gex_by_convention"]
    assert list(gex) == [one.value for one in SignConvention]
    assert gex["dealers_short_all"] == -gex["dealers_long_all"]
    assert gex["street"] == gex["dealers_long_calls_short_puts"] == answer["nets"]["net_gex"]
    nets = answer["full"]["nets_by_convention"]
    assert {name: one["net_gex"] for name, one in nets.items()} == gex
    assert nets["street"] == answer["nets"]
    legs = answer["legs"]
    assert nets["dealers_short_all"]["net_dex"] == pytest.approx(-legs["dex_call"] - legs["dex_put"], abs=1)
    assert nets["street"]["net_dex"] == pytest.approx(legs["dex_call"] + legs["dex_put"], abs=1)


@pytest.mark.parametrize("convention", [None, *(one.value for one in SignConvention)])
async def test_a_basket_of_the_one_name_agrees_to_the_last_digit(convention: str | None) -> None:
    for source, name in ((demo(), "SPX"), (demo(), "NVDA"), (chains(forty_expiries()), "SPX"), (a_source(an_exposure()), "NVDA")):
        async with a_desk(source, tools=TOOLS) as desk:
            one = (await desk.answer("symbol_exposure", symbol=name, convention=convention)).structured
            other = (await desk.answer(symbols=name, convention=convention, detail="full")).structured
        assert one["nets"] == other["aggregate"] == other["aggregate_sum"]
        for field in ("net_gex_by_convention", "regime", "dealer_gamma", "dealer_gamma_reasons", "flip_share", "flip_statement"):
            assert one[field] == other[field]
        for field in COMMON[1:-1]:
            assert one[field] == other[field]
        detail = other["constituents"][0]["detail"]
        assert one["legs"] == detail["legs"]
        assert one["atm_iv"] == detail["atm_iv"]
        if one["coverage"]:
            assert one["coverage"]["open_interest_used"] == other["coverage"]["open_interest_used"]
            dropped = {reason: part["open_interest"] for reason, part in one["coverage"]["dropped"].items()}
            assert dropped == other["coverage"]["dropped_open_interest"]


async def test_a_convention_with_one_side_has_no_flip_and_no_regime_by_it() -> None:
    answer = await answer_of(demo(), convention="dealers_short_all")
    assert answer.structured["gamma_flip"] is None
    assert answer.structured["flip_status"] == "none_in_range"
    assert answer.structured["regime_by_flip"] is None
    assert answer.structured["levels"]["flip_distance_pct"] is None
    assert answer.structured["levels"]["roots"] == []
    assert "gamma_flip null (none_in_range" in answer.text
    assert "by flip null" in answer.text
    assert "no flip from" in answer.structured["headline"]


async def test_spot_below_the_flip_with_positive_net_gamma_is_a_contradiction_and_a_warning(era: Era) -> None:
    answer = await answer_of(chains(an_inverted_chain()), era=era)
    structured = answer.structured
    assert structured["nets"]["net_gex"] > 0
    assert structured["regime"] == "positive_gamma"
    assert structured["gamma_flip"] > structured["underlying_price"]
    assert structured["regime_by_flip"] == "negative_gamma"
    assert codes(answer)[0] == "regime_contradicts_flip"
    assert "is positive_gamma, yet spot 98 below the flip" in structured["warnings"][0]["message"]
    assert "contradicts the sign of net GEX" in structured["headline"]
    other = await answer_of(chains(an_inverted_chain()), convention="dealers_short_calls_long_puts")
    assert other.structured["regime_by_flip"] == other.structured["regime"] == "negative_gamma"
    assert "regime_contradicts_flip" not in codes(other)


async def test_several_roots_are_listed_and_said() -> None:
    held = [(90.0, 9_000.0, 0.0), (97.0, 0.0, 9_000.0), (104.0, 9_000.0, 0.0), (111.0, 0.0, 9_000.0)]
    answer = await answer_of(chains(calls_and_puts(held, expiry=date(2024, 6, 12))), "NVDA")
    roots = answer.structured["levels"]["roots"]
    assert answer.structured["levels"]["roots_found"] == len(roots) >= 3
    assert [one["spot"] for one in roots] == sorted(one["spot"] for one in roots)
    assert answer.structured["gamma_flip"] in [one["spot"] for one in roots]
    assert "several_flips" in codes(answer)
    assert f"{len(roots)} roots, all: " in answer.text


async def test_two_roots_within_a_strike_step_are_unstable() -> None:
    held = [(80.0, 3_000.0, 0.0), (100.0, 1_000.0, 1_010.0), (120.0, 3_000.0, 0.0), (140.0, 0.0, 0.0)]
    chain = calls_and_puts(held, expiry=date(2024, 6, 6), spot=99.0)
    answer = await answer_of(chains(chain), "NVDA")
    known = levels_of(chain, SignConvention.STREET)
    assert answer.structured["flip_status"] == known.zero_gamma.status.value == "unstable"
    assert "unstable_flip" in codes(answer)
    assert " unstable" in answer.text


async def test_coverage_says_what_was_dropped_and_why() -> None:
    answer = await answer_of(chains(forty_expiries()))
    coverage = answer.structured["coverage"]
    assert set(coverage["dropped"]) == {"expired", "adjusted_series", "no_iv", "bad_row", "duplicate"}
    assert coverage["dropped"]["expired"]["contracts"] == 40
    assert coverage["dropped"]["bad_row"]["open_interest"] is None
    known = [part["open_interest"] for part in coverage["dropped"].values() if part["open_interest"] is not None]
    assert coverage["open_interest_used"] + math.fsum(known) == pytest.approx(1.0, abs=1e-5)
    assert f"expired 40 ({100 * coverage['dropped']['expired']['open_interest']:.1f}%)" in answer.text
    assert "bad_row 40 (unknown)" in answer.text


async def test_forwards_and_rates_say_where_they_came_from() -> None:
    quoted = [one for strike in (95.0, 97.5, 100.0, 102.5, 105.0) for one in a_quoted_pair(strike)]
    later = [a_call(100.0, expiry=date(2024, 9, 20)), a_put(100.0, expiry=date(2024, 9, 20))]
    spot = 100.0 * math.exp(-0.04 * 30 / 365)
    answer = await answer_of(chains(a_chain([*quoted, *later], spot=spot)), "NVDA")
    curve = answer.structured["curve"]
    assert (curve["forward_basis"], curve["rate_basis"]) == ("mixed", "flat_rate")
    assert [point["basis"] for point in curve["points"]] == ["parity", "flat_rate"]
    assert curve["points"][0]["forward"] == pytest.approx(100.0, abs=0.05)
    assert curve["points"][0]["atm_iv"] == pytest.approx(0.2, abs=1e-3)
    assert curve["points"][1]["rate"] == 0.04
    assert "forwards mixed, rates flat_rate" in answer.text
    bare = await answer_of(chains(a_chain()), "NVDA")
    assert bare.structured["curve"]["forward_basis"] == "flat_rate"
    assert "flat_forward" in codes(bare)


async def test_the_morning_and_the_afternoon_contracts_of_an_index_are_told_apart() -> None:
    third_friday = date(2024, 6, 21)
    contracts = [side(100.0, expiry=third_friday, root=root) for root in ("SPX", "SPXW") for side in (a_call, a_put)]
    answer = await answer_of(chains(a_chain(contracts, symbol="SPX")))
    assert [(one["expiry"], one["settles"]) for one in answer.structured["curve"]["points"]] == [
        ("2024-06-21", "open"),
        ("2024-06-21", "close"),
    ]
    assert len(answer.structured["expiries"]["rows"]) == 1


async def test_the_strike_table_is_part_of_full_alone_and_adds_up() -> None:
    chain = forty_expiries()
    assert (await answer_of(chains(chain))).structured["full"] is None
    answer = await answer_of(chains(chain), detail="full")
    table, known = answer.structured["full"]["strikes"], by_strike(chain, SignConvention.STREET)
    assert table["strikes_found"] == table["listed"] == len(known) == 41
    assert [row["strike"] for row in table["rows"]] == [one.strike for one in known]
    assert math.fsum(row["net_gex"] for row in table["rows"]) == pytest.approx(answer.structured["nets"]["net_gex"], abs=50)
    assert table["rest_net_gex"] == 0
    assert len(answer.structured["expiries"]["rows"]) == 40
    assert answer.structured["expiries"]["rest"] is None
    assert all(
        list(row["nets"]) == ["net_gex", "net_dex", "net_vex", "net_chex"] for row in answer.structured["expiries"]["rows"]
    )


async def test_a_long_strike_table_holds_the_sixty_nearest_to_spot_and_says_how_to_narrow() -> None:
    chain = calls_and_puts([(50.0 + step, 1_000.0, 700.0) for step in range(100)])
    answer = await answer_of(chains(chain), "NVDA", detail="full")
    table = answer.structured["full"]["strikes"]
    assert (table["strikes_found"], table["listed"], len(table["rows"])) == (100, 60, 60)
    assert (table["rows"][0]["strike"], table["rows"][-1]["strike"]) == (70.0, 129.0)
    assert "60 of 100 strikes" in table["narrowing"]
    assert 'strikes="low-high"' in table["narrowing"]
    assert table["narrowing"] in answer.text
    total = math.fsum(row["net_gex"] for row in table["rows"]) + table["rest_net_gex"]
    assert total == pytest.approx(answer.structured["nets"]["net_gex"], rel=1e-6)


async def test_strikes_without_full_are_said_to_change_nothing() -> None:
    answer = await answer_of(demo(), strikes="4500-4700")
    assert "no_strike_table" in codes(answer)
    assert answer.structured["full"] is None


async def test_an_expiry_narrows_the_table_and_moves_max_pain(era: Era) -> None:
    answer = await answer_of(demo(), era=era, expiry="2024-06-21", detail="full", strikes="4600-4700")
    assert answer.structured["levels"]["max_pain"]["expiry"] == "2024-06-21"
    table = answer.structured["full"]["strikes"]
    assert table["expiry"] == "2024-06-21"
    everything = await answer_of(demo(), detail="full", strikes="4600-4700")
    assert abs(table["rows"][0]["call_gex"]) < abs(everything.structured["full"]["strikes"]["rows"][0]["call_gex"])
    assert answer.structured["nets"] == everything.structured["nets"]


async def test_the_smile_moves_the_flip_and_nothing_else() -> None:
    strike, delta = [(await answer_of(demo(), smile=smile)).structured for smile in ("sticky_strike", "sticky_delta")]
    assert strike["gamma_flip"] != delta["gamma_flip"]
    assert delta["levels"]["smile"] == "sticky_delta"
    assert strike["nets"] == delta["nets"]
    assert strike["levels"]["call_wall"] == delta["levels"]["call_wall"]


async def test_a_replay_names_its_instants(era: Era) -> None:
    answer = await answer_of(demo(), "NVDA", era, at="2022-06-18T12:00")
    assert answer.structured["mode"] == "replay"
    assert answer.structured["at_requested"] == "2022-06-18T16:00:00Z"
    assert answer.structured["at_resolved"] == answer.structured["as_of"] == "2022-06-17T20:00:00Z"
    assert "resolved_earlier" in codes(answer)
    assert answer.text.startswith("SYNTHETIC DEMO MARKET, not market data. NVDA net GEX")


async def test_the_same_snapshot_gives_the_same_bytes_in_both_eras() -> None:
    for detail in ("default", "full"):
        first, second, third = [await answer_of(demo(), era=one, detail=detail) for one in (*ERAS, ERAS[0])]
        assert first.compact_json == second.compact_json == third.compact_json
        assert first.text == second.text == third.text


@pytest.mark.parametrize("detail", ["default", "full"])
async def test_a_source_of_nets_gives_a_partial_answer_and_invents_nothing(detail: str, era: Era) -> None:
    row = a_vendor_row("SPX", -5e9, 1e9, 2e9, -3e8, spot=5_000.0)
    answer = await answer_of(a_source(row, mode=Mode.DELAYED), era=era, detail=detail)
    structured = answer.structured
    assert structured["nets"] == {
        "net_gex": -5_000_000_000,
        "net_dex": 1_000_000_000,
        "net_vex": 2_000_000_000,
        "net_chex": -300_000_000,
    }
    assert structured["levels_null"] == "source_publishes_nets_only"
    for field in ("legs", "same_day", "levels", "expiries", "coverage", "curve", "atm_iv", "gamma_flip", "flip_status"):
        assert structured[field] is None, field
    assert structured["regime"] == "negative_gamma"
    assert structured["regime_by_flip"] is None
    assert structured["dealer_gamma"] is None
    assert structured["dealer_gamma_reasons"] == ["legs_unavailable"]
    others = {name: net for name, net in structured["net_gex_by_convention"].items() if name != "street"}
    assert set(others.values()) == {None}
    assert codes(answer)[0] == "nets_only"
    assert "what other conventions would need are null here." in structured["warnings"][0]["message"]
    assert "nets only, no levels" in structured["headline"]
    assert "Levels null: source_publishes_nets_only." in answer.text
    if detail == "full":
        assert structured["full"]["strikes"] is None
        assert structured["full"]["nets_by_convention"]["street"] == structured["nets"]
        assert structured["full"]["nets_by_convention"]["dealers_long_all"] is None


async def test_published_legs_of_gamma_are_shown_and_judged() -> None:
    row = a_vendor_row("SPY", 0.0)
    assert isinstance(row.measured, PublishedNets)
    gamma = GammaLegs(Legs(3e9, 1e9), Legs(1e9, 0.0))
    published = replace(row, measured=PublishedNets(replace(row.measured.nets, gex=2e9), gamma=gamma))
    answer = await answer_of(a_source(published), "SPY")
    assert answer.structured["legs"]["gex_call"] == 3_000_000_000
    assert answer.structured["legs"]["dex_call"] is None
    assert answer.structured["dealer_gamma"] == "long_gamma"
    assert answer.structured["same_day"] == {"net_gex": 1_000_000_000, "gross_share": 0.25}
    assert answer.structured["net_gex_by_convention"]["dealers_short_all"] == -4_000_000_000
    (said,) = [one["message"] for one in answer.structured["warnings"] if one["code"] == "nets_only"]
    assert "the legs of DEX, VEX and CHEX, on which other conventions depend, are null here." in said
    assert "DEX null/null" in answer.text


class _Asked(HandMadeSource):
    """Remembers whether legs were asked for, and counts its calls."""

    legs: bool = False

    async def exposures(self, symbols: Any, at: Any, *, legs: bool = False, progress: Any = None) -> Any:
        self.legs = legs
        return await super().exposures(symbols, at, legs=legs, progress=progress)

    def calls_needed(self, symbols: Any, at: Any, *, legs: bool = False) -> CallsNeeded:
        return CallsNeeded(3, 1)


async def test_a_counted_source_is_asked_for_legs_and_refuses_beyond_its_quota() -> None:
    source = _Asked({"SPX": a_vendor_row("SPX")})
    sentence = await refusal_of(source, symbol="SPX")
    assert "needs 3 upstream calls" in sentence
    assert "allow_calls=3" in sentence
    await answer_of(source, allow_calls=3)
    assert source.legs is True


async def test_nets_under_another_convention_are_refused_with_the_reason() -> None:
    sentence = await refusal_of(a_source(a_vendor_row("SPX")), symbol="SPX", convention="dealers_short_all")
    assert "publishes nets under another convention" in sentence


async def test_one_expiry_of_today_alone_is_all_same_day() -> None:
    chain = calls_and_puts(
        [(95.0, 500.0, 900.0), (100.0, 1_000.0, 800.0), (105.0, 900.0, 100.0)], expiry=date(2024, 6, 6), quote_time=NOW
    )
    answer = await answer_of(chains(chain), "NVDA")
    assert answer.structured["same_day"]["gross_share"] == 1.0
    assert answer.structured["levels"]["same_day_magnet"]["strike"] == 100.0
    (row,) = answer.structured["expiries"]["rows"]
    assert (row["days"], row["gross_share"]) == (0, 1.0)
    (rolled,) = answer.structured["expiries"]["roll_off"]
    assert (rolled["net_gex_after"], rolled["flip_after"]) == (0, None)
    assert answer.structured["atm_iv"] is None
    assert "ATM IV null at 30 days" in answer.text
