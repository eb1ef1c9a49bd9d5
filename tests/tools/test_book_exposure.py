"""book_exposure through a real client: both channels, both eras, what is missing, what is said, what is refused."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from typing import Any

import pytest

from exposure.dealer import SignConvention
from exposure.snapshot import Missing, MissingReason
from tests.builders import a_vendor_row
from tests.tools.book_desk import AMD, NVDA, SPY, a_book_desk, answer_of, assert_same_figures, checkable, refusal_of
from tests.tools.desk import Era, HandMadeSource, Reply, a_source
from tests.tools.figures_in_text import figures, numbers, strings, unsupported
from tests.tools.scenarios import a_random_name
from tests.tools.test_refusals import assert_a_sentence

pytestmark = pytest.mark.anyio

LONG_SHORT = "NVDA 220; SPY 480; short AMD 300"


def warnings_of(answer: Reply) -> dict[str, str]:
    return {one["code"]: one["message"] for one in answer.structured["warnings"]}


def random_book(seed: int) -> tuple[HandMadeSource, list[dict[str, Any]]]:
    random_ = random.Random(seed)
    names = [f"S{number}" for number in range(random_.randint(1, 12))]
    missing = [name for name in names[1:] if random_.random() < 0.2]
    source = a_source(*(a_random_name(name, random_) for name in names if name not in missing), synthetic=bool(seed % 2))
    units = random_.choice([["dollars"], ["shares"], ["percent"], ["dollars", "shares"]])
    positions = [
        {"symbol": name, random_.choice(units): random_.uniform(-1, 1) * 10 ** random_.uniform(-2, 9)} for name in names
    ]  # fmt: skip
    return source, positions


FIELDS = [
    "headline", "source", "mode", "synthetic", "as_of", "oldest_quote", "oi_date", "session", "at_requested", "at_resolved",
    "convention", "units", "missing_symbols", "missing", "weight_coverage", "warnings", "constituent_count", "gross_dollars",
    "net_dollars", "aggregate", "aggregate_sum", "regime", "dealer_gamma", "dealer_gamma_reasons", "flip_share", "flip_statement",
    "net_gex_by_convention", "conventions_same_sign", "convention_statement", "bounds", "long_side", "short_side",
    "missing_short", "rank_gaps", "gap_statement", "reading", "positions", "rest",
]  # fmt: skip


async def test_the_answer_is_worked_by_hand(era: Era) -> None:
    """NVDA +700m at .22, SPY -300m at .48, AMD -20m at .30: mean 154 - 144 - 6 = 4m; |terms| 154, 144, 6 of 304."""
    structured = (await answer_of(LONG_SHORT, era=era)).structured
    assert list(structured) == FIELDS
    assert structured["aggregate"]["net_gex"] == 4_000_000
    assert structured["aggregate_sum"]["net_gex"] == 380_000_000
    assert (structured["gross_dollars"], structured["net_dollars"]) == (1_000, 400)
    assert structured["regime"] == "positive_gamma"
    assert structured["weight_coverage"] == 1.0
    assert (structured["missing"], structured["bounds"], structured["rest"]) == ([], None, None)
    rows = [(row["symbol"], row["side"], row["dollar_share"], row["dollars"]) for row in structured["positions"]]
    assert rows == [("NVDA", "long", 0.22, 220), ("SPY", "long", 0.48, 480), ("AMD", "short", 0.3, -300)]
    assert [row["contribution_pct"] for row in structured["positions"]] == [50.6579, 47.3684, 1.9737]
    assert structured["long_side"]["net_gex"] == pytest.approx((0.22 * 700e6 - 0.48 * 300e6) / 0.7, abs=1)
    assert (structured["long_side"]["positions"], structured["long_side"]["dollar_share"]) == (2, 0.7)
    assert structured["short_side"]["net_gex"] == -20_000_000
    assert (structured["short_side"]["positions"], structured["short_side"]["dollar_share"]) == (1, 0.3)
    assert (structured["short_side"]["regime"], structured["short_side"]["dealer_gamma"]) == ("negative_gamma", "short_gamma")


async def test_the_widest_gap_between_dollars_and_gamma_is_a_sentence_in_both_channels(era: Era) -> None:
    answer = await answer_of("NVDA 220; SPY 480; AMD 300", era=era)
    assert answer.structured["gap_statement"].startswith(
        "NVDA is 22.0% of your dollars and 50.7% of the dealer gamma behind your book."
    )
    assert answer.structured["gap_statement"] in answer.text
    gaps = [(one["symbol"], one["dollar_rank"], one["contribution_rank"]) for one in answer.structured["rank_gaps"]]
    assert gaps == [("NVDA", 3, 1), ("AMD", 2, 3), ("SPY", 1, 2)]
    shorts = await answer_of(LONG_SHORT)
    assert "22.0% of your gross dollars" in shorts.structured["gap_statement"]


async def test_the_text_says_whose_gamma_it_is_and_every_line_of_the_contract(era: Era) -> None:
    answer = await answer_of(LONG_SHORT, era=era)
    structured = answer.structured
    assert answer.text.splitlines()[0] == structured["headline"]
    assert "not the greeks of your own positions or options" in structured["reading"]
    for fact in ("reading", "units", "flip_statement", "convention_statement", "gap_statement"):
        assert structured[fact] in answer.text
    for beginning in ("Regime ", "Mean by gross weight: GEX", "Plain sum: GEX", "Book: gross ", "Long side: 2 positions",
                      "Short side: 1 position,", "Net GEX by convention: street", "Source hand-made (live)"):  # fmt: skip
        assert sum(line.startswith(beginning) for line in answer.text.splitlines()) == 1, beginning
    for one in structured["warnings"]:
        assert f"Warning {one['code']}: {one['message']}" in answer.text
    lines = answer.text.splitlines()
    table = next(index for index, line in enumerate(lines) if line.startswith("symbol side "))
    assert [line.split()[0] for line in lines[table + 1 : table + 4]] == ["NVDA", "SPY", "AMD"]


@pytest.mark.parametrize("detail", ["default", "full"])
@pytest.mark.parametrize("seed", range(25))
async def test_text_and_structured_answer_carry_the_same_numbers(seed: int, detail: str) -> None:
    source, positions = random_book(seed)
    answer = await answer_of(positions, source, detail=detail)
    assert_same_figures(answer)
    json.dumps(answer.structured, allow_nan=False)
    assert all(math.isfinite(number) for number in numbers(answer.structured))
    for text in (answer.text, *strings(answer.structured)):
        assert not {"nan", "inf", "+inf", "-inf"} & set(text.lower().replace(",", " ").split())


async def test_the_checker_notices_a_number_that_is_off_by_its_last_digit() -> None:
    answer = await answer_of(LONG_SHORT)
    for right, wrong in (("+4.00m", "+4.01m"), ("50.7%", "50.8%"), ("-300", "-301"), ("30.0%", "30.1%")):
        assert right in answer.text
        assert wrong in unsupported(answer.text.replace(right, wrong), checkable(answer.structured))


async def test_each_cell_of_a_row_is_its_own_structured_number() -> None:
    source, positions = random_book(4)
    answer = await answer_of(positions, source, detail="full")
    lines = answer.text.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("symbol side ")) + 1
    for row, written in zip(answer.structured["positions"], lines[start:], strict=False):
        symbol, side, *cells, verdict = written.replace(f" at {row.get('underlying_price', 0):g}", "").split()
        assert (symbol, side, verdict) == (row["symbol"], row["side"], row["dealer_gamma"] or "null")
        for field, cell in zip(("dollar_share", "dollars", "net_gex", "contribution_pct"), cells, strict=True):
            if row.get(field) is None:
                assert cell == "null"
            else:
                (figure,) = figures(cell)
                assert figure.is_of(row[field]), (field, cell)


async def test_a_position_that_turns_short_changes_sides_and_nothing_of_the_whole(era: Era) -> None:
    long, short = [(await answer_of(f"NVDA 220; SPY 480; {word} AMD 300", era=era)).structured for word in ("long", "short")]
    moved = {"long_side", "short_side", "net_dollars", "positions", "gap_statement"}
    assert {field for field in FIELDS if long[field] != short[field]} == moved
    assert long["short_side"] is None
    assert (short["long_side"]["positions"], short["short_side"]["positions"]) == (2, 1)


async def test_a_book_in_shares_is_the_book_in_dollars_at_the_prices_it_names(era: Era) -> None:
    shares = await answer_of("NVDA 100 sh; AMD -50 sh", era=era)
    dollars = await answer_of({"NVDA": 12_050, "AMD": -8_000}, era=era)
    assert warnings_of(shares)["valued_at_prices"].startswith(
        "2 positions in shares valued at the underlying price of 2024-06-05 16:00 ET"
    )
    assert "valued_at_prices" not in warnings_of(dollars)
    assert [row.pop("underlying_price") for row in shares.structured["positions"]] == [120.5, 160.0]
    assert "NVDA long 60.1% +12.05k at 120.5 " in shares.text
    for one in (shares, dollars):
        one.structured["warnings"] = []
    assert shares.structured == dollars.structured


async def test_a_book_in_percent_has_no_dollars(era: Era) -> None:
    answer = await answer_of("NVDA 60%; short AMD 40%", era=era)
    assert (answer.structured["gross_dollars"], answer.structured["net_dollars"]) == (None, None)
    assert not any("dollars" in row for row in answer.structured["positions"])
    assert "NVDA long 60.0% null +700.00m " in answer.text
    assert "Book: in percent; 2 of 2 names arrived" in answer.text
    assert_same_figures(answer)


async def test_a_missing_position_of_known_dollars_keeps_its_weight_and_bounds_are_given(era: Era) -> None:
    missing = [Missing("TSM", MissingReason.STALE, "The newest file of TSM is from 2024-06-01.")]
    answer = await answer_of("NVDA 600; AMD 200; short TSM 200", a_source(NVDA, AMD, missing=missing), era)
    structured = answer.structured
    assert structured["missing"] == [
        {"symbol": "TSM", "reason": "stale", "detail": "The newest file of TSM is from 2024-06-01.", "weight": 0.2}
    ]
    assert (structured["missing_symbols"], structured["missing_short"]) == (["TSM"], ["TSM"])
    assert structured["weight_coverage"] == 0.8
    assert structured["short_side"] is None
    # R = .6·700 - .2·20 = 416m; B = 700m.
    assert (structured["bounds"]["low"], structured["bounds"]["high"]) == (276_000_000, 556_000_000)
    assert structured["warnings"][0]["code"] == "partial_basket"
    assert structured["headline"].startswith("2 of 3 names (TSM: stale, 20.0% of weight). Net GEX behind the book +520.00m")
    assert "Missing: TSM stale 20.0%." in answer.text
    assert "Missing and held short: TSM." in answer.text
    assert "Bounds of net GEX" in answer.text
    assert "of the dealer gamma behind the names that arrived" in structured["gap_statement"]
    assert_same_figures(answer)


async def test_a_missing_position_in_shares_has_no_weight_and_nothing_is_invented(era: Era) -> None:
    answer = await answer_of("NVDA 600; AMD 200; TSM 10 sh; ZZZZ 70", era=era)
    structured = answer.structured
    assert [(one["symbol"], one["weight"]) for one in structured["missing"]] == [("TSM", None), ("ZZZZ", None)]
    assert (structured["weight_coverage"], structured["bounds"]) == (None, None)
    assert (structured["dealer_gamma"], structured["dealer_gamma_reasons"]) == ("ambiguous", ["missing_could_flip"])
    assert structured["warnings"][0]["code"] == "partial_basket"
    assert "without a price here: TSM." in structured["warnings"][0]["message"]
    assert structured["headline"].startswith(
        "2 of 4 names (TSM: unknown_symbol, weight unknown, ZZZZ: unknown_symbol, weight unknown)"
    )
    assert "an unknown share of the gross book" in answer.text
    assert "of the dollars that have a value" in structured["gap_statement"]
    assert_same_figures(answer)


async def test_how_many_conventions_agree_is_counted(era: Era) -> None:
    """Under street NVDA and SPY leave +; by_asset_class takes NVDA short, so that the sum turns."""
    structured = (await answer_of("NVDA 50; SPY 50", era=era)).structured
    signs = {name: net >= 0 for name, net in structured["net_gex_by_convention"].items()}
    assert signs == {
        "street": True, "dealers_long_calls_short_puts": True, "dealers_short_calls_long_puts": False,
        "dealers_short_all": False, "dealers_long_all": True, "by_asset_class": False,
    }  # fmt: skip
    assert structured["conventions_same_sign"] == 3
    assert structured["convention_statement"] == (
        "net GEX has this sign under 3 of the six conventions, the chosen one included (two or more always differ)"
    )
    index = (await answer_of("SPY -50", era=era, convention="by_asset_class")).structured
    assert (index["conventions_same_sign"], index["convention"]) == (4, "by_asset_class")


async def test_a_vendors_nets_say_that_other_conventions_are_unknown(era: Era) -> None:
    answer = await answer_of("AAPL 5; MSFT 7", a_source(a_vendor_row("AAPL", 9e6), a_vendor_row("MSFT", -4e6)), era)
    assert answer.structured["conventions_same_sign"] == 1
    assert answer.structured["convention_statement"] == "the source publishes signed nets, so other sign conventions are unknown"
    assert answer.structured["dealer_gamma"] is None
    assert_same_figures(answer)
    refusal = await refusal_of("AAPL 5", a_source(a_vendor_row("AAPL")), convention=SignConvention.SHORT_ALL.value)
    assert "another convention than dealers_short_all" in refusal


async def test_a_synthetic_answer_says_so_first_also_for_one_position(era: Era) -> None:
    answer = await answer_of("NVDA 5", replace(a_source(NVDA), synthetic=True), era)
    assert answer.structured["headline"].startswith("SYNTHETIC DEMO MARKET, not market data. Net GEX behind the book +700.00m")


async def test_how_the_book_was_read_is_said(era: Era) -> None:
    answer = await answer_of("Symbol, Quantity\nNVDA, 5\nNVDA, -2\nAMD 3\nAMD -3\nCash 50", era=era, at="2024-06-05T18:00")
    assert list(warnings_of(answer)) == [
        "valued_at_prices", "header_read", "skipped_lines", "netted_positions", "zero_positions", "resolved_earlier",
        "weak_sign_assumption",
    ]  # fmt: skip
    assert answer.structured["at_requested"] == "2024-06-05T22:00:00Z"
    assert answer.structured["at_resolved"] == "2024-06-05T20:00:00Z"


async def test_positions_that_cancel_at_the_price_found_are_said() -> None:
    answer = await answer_of("AMD 160; AMD -1 sh; NVDA 5")
    assert warnings_of(answer)["zero_positions"] == "Net to zero at these prices and left out: AMD."
    assert answer.structured["constituent_count"] == 1
    assert answer.structured["missing"] == []


async def test_each_symbol_is_fetched_once(era: Era) -> None:
    source = a_source(NVDA, AMD, SPY)
    await answer_of("NVDA 5; AMD 7; NVDA 1; SPY 2 sh; AMD -1", source, era)
    assert source.asked == [(("NVDA", "AMD", "SPY"), None)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "positions is required"),
        ({"positions": None}, "positions is null"),
        ({"positions": "AAPL 200C Jan"}, "looks like an option contract"),
        ({"positions": "AAPL 15%; MSFT 3"}, "Percent cannot be mixed"),
        ({"positions": "AAPL 5", "symbols": "AAPL"}, "is not an argument of this tool"),
        ({"positions": "AAPL 5", "at": "2030-01-01"}, "at is in the future"),
        ({"positions": "AAPL 5", "detail": "fulll"}, "Did you mean full"),
    ],
)
async def test_what_cannot_be_answered_is_refused_before_the_source_is_asked(
    arguments: dict[str, Any], words: str, era: Era
) -> None:
    source = a_source(NVDA)
    async with a_book_desk(source, era) as desk:
        refusal = await desk.refusal("book_exposure", **arguments)
    assert words in refusal
    assert source.asked == []


async def test_a_book_of_which_nothing_arrived_names_the_reasons(era: Era) -> None:
    refusal = await refusal_of("ZZZZ 5; YYYY 3 sh", a_source(NVDA), era)
    assert refusal.startswith("No position of the book could be answered. ZZZZ, YYYY: unknown_symbol")
    assert_a_sentence(refusal)
