"""The text of basket_exposure: everything the design lists is in it, and its numbers are the structured ones."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.tools.desk import Era, Reply, a_desk
from tests.tools.figures_in_text import Figure, figures, unsupported
from tests.tools.scenarios import SCENARIOS, Scenario, a_partial_one, fifty_long_names, random_baskets

pytestmark = pytest.mark.anyio


async def answer_of(scenario: Scenario, era: Era = "auto", **more: Any) -> Reply:
    async with a_desk(scenario.source, era) as desk:
        return await desk.answer(**scenario.arguments, **more)


def line(text: str, beginning: str) -> str:
    (found,) = [one for one in text.splitlines() if one.startswith(beginning)]
    return found


def only(text: str, pattern: str) -> Figure:
    """The figure at one place of the text."""
    match = re.search(pattern, text)
    assert match, (pattern, text)
    (figure,) = figures(match[1])
    return figure


def eastern(stamp: str) -> str:
    """Structured instants are UTC; the scenarios are all in summer time."""
    return f"{stamp[:11].replace('T', ' ')}{int(stamp[11:13]) - 4:02d}{stamp[13:16]} ET"


@pytest.mark.parametrize("detail", ["default", "full"])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_every_number_of_the_text_is_a_structured_number(name: str, detail: str, era: Era) -> None:
    answer = await answer_of(SCENARIOS[name](), era, detail=detail)
    assert unsupported(answer.text, answer.structured) == []


@pytest.mark.parametrize("seed", range(25))
async def test_every_number_of_a_random_baskets_text_is_a_structured_number(seed: int) -> None:
    for detail in ("default", "full"):
        answer = await answer_of(random_baskets(seed), detail=detail)
        assert unsupported(answer.text, answer.structured) == []


async def test_the_checker_itself_notices_a_number_that_is_off_by_its_last_digit() -> None:
    answer = await answer_of(SCENARIOS["partial"]())
    for right, wrong in (("+125.00m", "+125.01m"), ("62.5%", "62.6%"), ("-333.33m", "+333.33m"), ("900 of", "901 of")):
        assert right in answer.text
        assert wrong.split(" ", maxsplit=1)[0] in unsupported(answer.text.replace(right, wrong), answer.structured)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_the_text_holds_everything_the_design_lists(name: str, era: Era) -> None:
    answer = await answer_of(SCENARIOS[name](), era)
    text, structured = answer.text, answer.structured
    assert text.startswith(structured["headline"] + "\n")
    assert line(text, "Weighted mean: GEX").count("EX ") == 4
    assert line(text, "Plain sum: GEX").count("EX ") == 4
    assert "% of weight" in line(text, "Coverage:")
    for one in structured["missing"]:
        assert f"{one['symbol']} {one['reason']}" in line(text, "Missing:")
        assert one["detail"] in text
    assert ("Bounds of net GEX" in text) == (structured["bounds"] is not None)
    regime = line(text, "Regime")
    assert structured["regime"] in regime
    assert f"dealer_gamma {structured['dealer_gamma'] or 'null'} ({', '.join(structured['dealer_gamma_reasons'])})" in regime
    assert structured["flip_statement"] in regime
    source = line(text, "Source")
    assert source.startswith(f"Source {structured['source']} ({structured['mode']}")
    assert f"as_of {eastern(structured['as_of'])}" in source
    assert f"oldest quote {eastern(structured['oldest_quote'])}" in source
    assert f"session {structured['session']}" in source
    assert f"open interest of {structured['oi_date'] or 'unknown date'}" in source
    assert f"convention {structured['convention']}" in source
    assert structured["units"] in text
    assert structured["reading"] in text
    for one in structured["warnings"]:
        assert f"Warning {one['code']}: {one['message']}" in text
    assert text.splitlines().index("symbol weight spot GEX DEX VEX CHEX share dealer_gamma") > 5


@pytest.mark.parametrize("name", [*SCENARIOS, *map(str, range(5))])
async def test_each_number_stands_where_its_label_says(name: str) -> None:
    scenario = SCENARIOS[name]() if name in SCENARIOS else random_baskets(int(name))
    answer = await answer_of(scenario)
    text, structured = answer.text, answer.structured
    for beginning, field in (("Weighted mean:", "aggregate"), ("Plain sum:", "aggregate_sum")):
        for label in ("GEX", "DEX", "VEX", "CHEX"):
            value = structured[field][f"net_{label.lower()}"]
            assert only(line(text, beginning), rf" {label} (\S+?)[,.]?(?:$|\s)").is_of(value), (beginning, label)
    conventions = line(text, "Net GEX by convention")
    for convention, value in structured["net_gex_by_convention"].items():
        if value is None:
            assert f"{convention} null" in conventions
        else:
            assert only(conventions, rf"(?:: |, ){convention} (\S+?)[,.]?(?:$|\s)").is_of(value)
    if structured["bounds"]:
        bounds = line(text, "Bounds")
        assert only(bounds, r"names: (\S+) to").is_of(structured["bounds"]["low"])
        assert only(bounds, r" to (\S+) \(").is_of(structured["bounds"]["high"])
        assert only(bounds, r"average (\S+?)\.$").is_of(structured["bounds"]["break_even"])
        assert only(bounds, r"zero-filled GEX (\S+?),").is_of(structured["bounds"]["zero_filled"]["net_gex"])
        assert ("sign safe" in bounds) == structured["bounds"]["sign_safe"]
    for one in structured["missing"]:
        assert only(line(text, "Missing:"), rf"{one['symbol']} \w+ (\S+?)[,.]?\s").is_of(one["weight"])


@pytest.mark.parametrize("name", [*SCENARIOS, *map(str, range(5))])
async def test_each_cell_of_the_table_is_its_own_structured_number(name: str) -> None:
    scenario = SCENARIOS[name]() if name in SCENARIOS else random_baskets(int(name))
    answer = await answer_of(scenario)
    lines = answer.text.splitlines()
    start = lines.index("symbol weight spot GEX DEX VEX CHEX share dealer_gamma") + 1
    fields = ("weight", "underlying_price", "net_gex", "net_dex", "net_vex", "net_chex", "contribution_pct")
    for row, written in zip(answer.structured["constituents"], lines[start:], strict=False):
        symbol, *cells, verdict = written.split()
        assert symbol == row["symbol"]
        assert verdict == (row["dealer_gamma"] or "null")
        for field, cell in zip(fields, cells, strict=True):
            if field == "underlying_price":
                assert float(cell) == pytest.approx(row[field], rel=1e-5)
                continue
            (figure,) = figures(cell)
            assert figure.is_of(row[field]), (symbol, field, cell)
    if answer.structured["rest"]:
        rest = lines[start + len(answer.structured["constituents"])]
        assert rest.startswith(f"rest({answer.structured['rest']['names']}) ")


async def test_the_headline_says_how_many_names_arrived_which_did_not_and_when_it_is_from() -> None:
    answer = await answer_of(a_partial_one())
    assert answer.structured["headline"] == (
        "1 of 3 names (TSM: stale, 25.0% of weight, ZZZZ: unknown_symbol, 12.5% of weight). Net GEX +200.00m per 1% move "
        "as of 2024-06-05 16:00 ET, dealer gamma long_gamma."
    )


async def test_a_headline_of_many_missing_names_stays_short_and_gives_their_weight_in_all() -> None:
    answer = await answer_of(fifty_long_names(20, cancelling=False))
    assert "and 17 more; 40.0% of weight in all" in answer.structured["headline"]
    assert len(answer.structured["headline"]) < 400
