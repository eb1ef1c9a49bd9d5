"""The betas of stress_basket: given, estimated from closes, or 1 and said to be."""

from __future__ import annotations

import pytest

from sources.computed import ComputedSource
from tests.tools.desk import Era
from tests.tools.stress_desk import (
    ChainsReader,
    HistoryChainsReader,
    chains_source,
    flipping_chain,
    moving_closes,
    refused,
    row_at,
    stressed,
    the_demo,
    warned,
)

pytestmark = pytest.mark.anyio


async def test_given_betas_move_each_name_by_its_own(era: Era) -> None:
    source = chains_source(flipping_chain("NVDA"), flipping_chain("AMD", 50.0))
    answer = await stressed(source, era, symbols="NVDA,AMD", betas={"nvda": 2}, shocks="-2", detail="full")
    plain = await stressed(source, symbols="NVDA", shocks="-4")
    names = {row["symbol"]: row for row in answer.structured["names"]}
    assert (names["NVDA"]["beta"], names["AMD"]["beta"]) == (2, 1)
    assert names["NVDA"]["detail"]["hedge_flow"] == [row_at(plain, -4)["hedge_flow"]]
    assert names["NVDA"]["detail"]["flip_shock_pct"] == pytest.approx(names["NVDA"]["flip_move_pct"] / 2, abs=2e-3)
    scenario = answer.structured["scenario"]
    assert (scenario["betas"], scenario["beta_low"], scenario["beta_high"], scenario["beta_assumed"]) == ("given", 1, 2, ["AMD"])
    assert "betas given (1 to 2; 1 assumed for 1: AMD)" in answer.text
    assert answer.structured["statement"].startswith("If the market falls 2% (each name by its beta), ")
    assert "beta_index" not in scenario


@pytest.mark.parametrize("betas", ['{"NVDA": 2}', {"NVDA": "2"}])
async def test_betas_may_arrive_as_text(betas: object) -> None:
    answer = await stressed(chains_source(flipping_chain()), symbols="NVDA", betas=betas)
    assert answer.structured["names"][0]["beta"] == 2


@pytest.mark.parametrize(
    ("betas", "sentence"),
    [
        ("high", "betas 'high' was not understood."),
        (1.5, "betas is a number."),
        ([1, 2], "betas is a list."),
        ({"AMD": 1}, "betas names 'AMD', which is not among the symbols."),
        ({"NVDA": "much"}, "The beta of NVDA is not a finite number."),
        ({"NVDA": "nan"}, "The beta of NVDA is not a finite number."),
        ({"NVDA": None}, "The beta of NVDA is not a finite number."),
        ({"NVDA": 9}, "The beta of NVDA is 9. Betas are numbers between -5 and 5."),
        ({"NVDA": 1, "nvda": 2}, "betas gives NVDA twice, with different numbers."),
        ("{NVDA", "betas begins like JSON but is not."),
    ],
)
async def test_betas_that_make_no_sense_are_refused_in_one_sentence(betas: object, sentence: str) -> None:
    refusal = await refused(chains_source(flipping_chain()), symbols="NVDA", betas=betas)
    assert refusal.startswith(sentence)
    assert "\n" not in refusal


async def test_a_beta_that_takes_a_name_to_zero_is_refused_by_name() -> None:
    refusal = await refused(chains_source(flipping_chain()), symbols="NVDA", betas={"NVDA": 5}, shocks=-25)
    assert "A beta of 5 takes NVDA to zero or below" in refusal


async def test_beta_nought_does_not_move_and_a_negative_one_moves_the_other_way() -> None:
    source = chains_source(flipping_chain("NVDA"), flipping_chain("AMD"))
    answer = await stressed(source, symbols="NVDA,AMD", betas={"NVDA": 0, "AMD": -1}, shocks="-3", detail="full")
    against = await stressed(source, symbols="AMD", shocks="3")
    names = {row["symbol"]: row for row in answer.structured["names"]}
    still = names["NVDA"]
    assert (still["flip_status"], still["flip_price"], still["detail"]["flip_shock_pct"]) == ("none_in_range", None, None)
    assert still["detail"]["hedge_flow"] == [0]
    assert row_at(answer, -3)["hedge_flow_sum"] == row_at(against, 3)["hedge_flow_sum"]
    moved = names["AMD"]
    assert moved["detail"]["flip_shock_pct"] == pytest.approx(-moved["flip_move_pct"], abs=2e-3)
    flips = answer.structured["name_flips"]
    assert flips["none_in_range"] == 1
    assert (flips["falling"], flips["rising"]) == ((1, 0) if moved["flip_move_pct"] > 0 else (0, 1))


async def test_estimated_betas_are_the_slopes_of_the_closes_and_say_what_they_are_from(era: Era) -> None:
    reader = HistoryChainsReader(
        {"NVDA": flipping_chain("NVDA"), "AMD": flipping_chain("AMD")}, closes=moving_closes({"NVDA": 1.8, "AMD": 0.5})
    )
    answer = await stressed(ComputedSource(reader), era, symbols="NVDA,AMD", betas="estimated", detail="full")
    betas = {row["symbol"]: row["beta"] for row in answer.structured["names"]}
    assert betas == {"NVDA": 1.8, "AMD": 0.5}
    assert reader.asked_closes == [(("SPX", "NVDA", "AMD"), None, 253)]
    scenario = answer.structured["scenario"]
    assert (scenario["betas"], scenario["beta_index"], scenario["beta_returns"]) == ("estimated", "SPX", 252)
    assert scenario["beta_until"] == "2024-06-05"
    assert "betas estimated (0.5 to 1.8; 252 daily returns on SPX to 2024-06-05)" in answer.text
    assert answer.structured["statement"].startswith("If SPX falls 3% (each name by its beta), ")
    assert "it changes sign where SPX moves -" in answer.structured["headline"]


async def test_betas_are_estimated_against_the_baskets_own_index_or_the_one_asked_for() -> None:
    semis = await stressed(the_demo(), basket="semis", betas="estimated", shocks=-3)
    assert semis.structured["scenario"]["beta_index"] == "SMH"
    broad = await stressed(the_demo(), basket="semis", betas="ESTIMATED", index="spx", shocks=-3)
    assert broad.structured["scenario"]["beta_index"] == "SPX"
    assert broad.structured["names"] != semis.structured["names"]


async def test_a_name_without_enough_closes_keeps_beta_one_and_is_named() -> None:
    closes = moving_closes({"NVDA": 1.8})
    chains = {"NVDA": flipping_chain("NVDA"), "AMD": flipping_chain("AMD")}
    answer = await stressed(
        ComputedSource(HistoryChainsReader(chains, closes=closes)), symbols="NVDA,AMD", betas="estimated", shocks=-3
    )
    assert {row["symbol"]: row["beta"] for row in answer.structured["names"]} == {"NVDA": 1.8, "AMD": 1}
    assert answer.structured["scenario"]["beta_assumed"] == ["AMD"]
    assert "AMD" in warned(answer, "beta_assumed")


@pytest.mark.parametrize("closes", ["none", "no index", "too few", "no names", "senseless"])
async def test_without_closes_betas_are_one_and_the_headline_says_so(closes: str) -> None:
    chains = {"NVDA": flipping_chain("NVDA")}
    known = {
        "no index": moving_closes({"NVDA": 1.2}, index="QQQ"),
        "too few": moving_closes({"NVDA": 1.2}, days=10),
        "no names": moving_closes({}),
        "senseless": moving_closes({"NVDA": 40.0}),
    }
    reader = ChainsReader(chains) if closes == "none" else HistoryChainsReader(chains, closes=known[closes])
    answer = await stressed(ComputedSource(reader), symbols="NVDA", betas="estimated", shocks=-3)
    plain = await stressed(chains_source(flipping_chain("NVDA")), symbols="NVDA", shocks=-3)
    assert answer.structured["scenario"]["betas"] == "one"
    assert answer.structured["shocks"] == plain.structured["shocks"]
    assert "Betas 1, not estimated." in answer.structured["headline"]
    assert "Every beta is 1" in warned(answer, "betas_not_estimated")


async def test_an_index_without_estimated_betas_is_refused_and_so_is_one_that_is_no_ticker() -> None:
    source = chains_source(flipping_chain())
    assert "estimated" in await refused(source, symbols="NVDA", index="SPX")
    assert "is not a ticker" in await refused(source, symbols="NVDA", betas="estimated", index="S P X!")
