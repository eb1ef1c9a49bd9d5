"""explain_change through a real client: the change of each net, its parts, what flipped, and what cannot be explained."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from exposure.snapshot import MissingReason
from sources.market import Market
from tests.builders import a_call, a_chain, a_put, a_vendor_row, an_exposure
from tests.tools.change_desk import (
    BEFORE,
    PARTS,
    TOOLS,
    NetsAtTwoInstants,
    TwoInstants,
    a_book,
    assert_it_adds_up,
    books,
    change_of,
    codes,
    demo,
    part,
    refused,
)
from tests.tools.desk import ERAS, NOW, Era, a_desk, a_source
from tests.tools.figures_in_text import numbers

pytestmark = pytest.mark.anyio


def two(**more: object) -> TwoInstants:
    before = [a_book("NVDA", at=BEFORE), a_book("AMD", at=BEFORE, spot=98.0)]
    after = [a_book("NVDA", spot=103.0), a_book("AMD", spot=92.0, puts=5_000.0, iv=0.4)]
    return TwoInstants(books(before), books(after), **more)  # type: ignore[arg-type]


async def test_both_ends_are_what_basket_exposure_says_of_them(era: Era) -> None:
    asked: dict[str, Any] = {"symbols": "JNJ,LLY,SPX", "weights": [1, 2, 3], "convention": "by_asset_class"}
    answer = await change_of(demo(), era, at="2023-04-18T15:30", since="2023-04-17", **asked)
    nets = answer.structured["nets"]
    async with a_desk(demo(), era, tools=TOOLS) as desk:
        for row, at in (("before", "2023-04-17"), ("after", "2023-04-18T15:30")):
            other = (await desk.answer("basket_exposure", at=at, **asked)).structured
            for place, column in enumerate(nets["columns"]):
                assert abs(nets[row][place] - other["aggregate"][column]) <= 0.51 * nets["rounded_to"][place]
            if row == "after":
                for field in ("as_of", "oldest_quote", "oi_date", "session", "at_requested", "at_resolved", "units", "missing"):
                    assert answer.structured[field] == other[field]
    assert nets["columns"] == ["net_gex", "net_dex", "net_vex", "net_chex"]


async def test_the_planted_crash_against_the_previous_close(era: Era) -> None:
    answer = await change_of(demo(), era, basket="health_care", at="2023-04-18T15:30")
    structured = answer.structured
    assert structured["before"]["as_of"] == "2023-04-17T20:00:00Z"
    assert structured["flip"] == {"before": "long_gamma", "after": "short_gamma", "names_changed": False}
    assert structured["before"]["imbalance"] > 0.25
    assert structured["after"]["imbalance"] < -0.15
    assert abs(part(answer, "spot")) == max(abs(part(answer, name)) for name in PARTS)
    assert part(answer, "volatility") != 0
    assert part(answer, "unexplained") == part(answer, "weights_and_membership") == 0
    assert structured["kinds"] == {"attributed": 12}
    assert structured["flipped_names_count"] >= 6
    assert "flipped from long_gamma to short_gamma" in structured["headline"]
    assert "largest part spot" in structured["headline"]


async def test_the_planted_expiry_rolls_off() -> None:
    answer = await change_of(demo(), symbols="KO", since="2019-06-20", at="2019-06-24")
    assert abs(part(answer, "roll_off")) == max(abs(part(answer, name)) for name in PARTS)
    assert answer.structured["names"][0]["largest_part"] == "roll_off"
    assert answer.structured["flip"] is None


async def test_now_against_the_previous_close_is_what_is_asked_by_default(era: Era) -> None:
    answer = await change_of(demo(), era, symbols="SPX,NVDA")
    assert answer.structured["mode"] == "live"
    assert answer.structured["at_requested"] is None
    assert answer.structured["as_of"] == "2024-06-06T14:00:00Z"
    assert answer.structured["before"]["at_requested"] == "2024-06-05T20:00:00Z"
    weekend = await change_of(demo(), era, symbols="SPX", at="2022-06-18T12:00")
    assert weekend.structured["as_of"] == "2022-06-17T20:00:00Z"
    assert weekend.structured["before"]["as_of"] == "2022-06-16T20:00:00Z"
    assert "resolved_earlier" in codes(weekend)


async def test_full_lists_every_name_with_parts_that_add_up_to_its_change(era: Era) -> None:
    answer = await change_of(demo(), era, basket="technology", at="2023-04-18T15:30", detail="full")
    rows = answer.structured["names"]
    assert len(rows) == answer.structured["constituent_count"] == 19
    assert answer.structured["rest"] is None
    assert all(row["parts"] for row in rows)
    assert [abs(row["net_gex_change"]) for row in rows] == sorted((abs(row["net_gex_change"]) for row in rows), reverse=True)
    assert f"{rows[-1]['symbol']} " in answer.text


async def test_fixed_weights_leave_nothing_to_weights(era: Era) -> None:
    answer = await change_of(two(), era, symbols="NVDA,AMD", weights=[3, 1])
    assert part(answer, "weights_and_membership") == 0
    assert part(answer, "open_interest") != 0
    assert part(answer, "spot") != 0
    assert answer.structured["kinds"] == {"attributed": 2}


async def test_a_name_without_a_chain_at_one_end_is_unexplained_and_the_other_is_not(era: Era) -> None:
    source = two()
    known = (await source.exposures(["AMD"], BEFORE)).exposures["AMD"]
    source = replace(source, before={"NVDA": source.before["NVDA"]}, recorded={"AMD": known})
    answer, whole = await change_of(source, era, symbols="NVDA,AMD"), await change_of(two(), era, symbols="NVDA,AMD")
    assert answer.structured["kinds"] == {"attributed": 1, "unexplained": 1}
    nets = answer.structured["nets"]
    for place, change in enumerate(whole.structured["nets"]["change"]):
        assert nets["change"][place] == pytest.approx(change, abs=2 * nets["rounded_to"][place])
    rows = {row["symbol"]: row for row in answer.structured["names"]}
    assert rows["AMD"]["largest_part"] == "unexplained"
    assert rows["AMD"]["largest_part_net_gex"] == rows["AMD"]["net_gex_change"] == part(answer, "unexplained") != 0
    assert rows["NVDA"]["largest_part"] != "unexplained"
    assert part(answer, "spot") != 0
    assert part(answer, "weights_and_membership") == 0
    (sentence,) = [one["message"] for one in answer.structured["warnings"] if one["code"] == "unexplained_names"]
    assert "1 name: AMD" in sentence
    assert "unexplained" in answer.structured["headline"]


async def test_a_name_at_one_end_only_is_membership(era: Era) -> None:
    source = two()
    source = replace(source, before={"NVDA": source.before["NVDA"]})
    answer = await change_of(source, era, symbols="NVDA,AMD")
    assert answer.structured["kinds"] == {"attributed": 1, "joined": 1}
    assert answer.structured["missing_before"] == {"AMD": "no_data_at"}
    assert answer.structured["before"]["weight_coverage"] == 0.5
    assert answer.structured["missing"] == []
    assert part(answer, "weights_and_membership") != 0
    assert "membership_changed" in codes(answer)
    gone = await change_of(replace(two(), after={"NVDA": two().after["NVDA"]}), era, symbols="NVDA,AMD")
    assert gone.structured["kinds"] == {"attributed": 1, "left": 1}
    assert gone.structured["missing_symbols"] == ["AMD"]
    assert codes(gone)[0] == "partial_basket"
    assert "AMD left" in gone.text


async def test_a_flip_that_other_names_make_says_so() -> None:
    short = a_book("AMD", calls=0.1, puts=9e5)
    source = TwoInstants(books([a_book("NVDA", at=BEFORE)]), books([a_book("NVDA"), short]))
    answer = await change_of(source, symbols="NVDA,AMD")
    assert answer.structured["flip"] == {"before": "long_gamma", "after": "short_gamma", "names_changed": True}
    assert answer.structured["flipped_names"] == {}
    assert "other names at the two ends" in answer.text


async def test_a_source_of_nets_leaves_everything_unexplained(era: Era) -> None:
    before = {"SPX": a_vendor_row("SPX", -5e9, 1e9, 2e9, -3e8, quote_time=BEFORE)}
    after = {"SPX": a_vendor_row("SPX", 4e9, 3e9, 1e9, -2e8, quote_time=NOW)}
    answer = await change_of(NetsAtTwoInstants(before, after), era, symbols="SPX")
    assert answer.structured["nets"]["change"] == [9e9, 2e9, -1e9, 1e8]
    assert answer.structured["nets"]["parts"]["unexplained"] == answer.structured["nets"]["change"]
    assert all(value == 0 for name in PARTS if name != "unexplained" for value in answer.structured["nets"]["parts"][name])
    assert "nets_only" in codes(answer)
    assert answer.structured["flip"] is None
    assert answer.structured["before"]["side"] is None
    assert "Flip of the basket: null" in answer.text


async def test_what_could_not_be_used_of_the_earlier_end_is_said_as_well() -> None:
    unusable = [
        a_call(105.0, open_interest=3_000.0, iv=0.3),
        a_put(95.0, open_interest=1_000.0, iv=0.3),
        a_put(90.0, iv=math.nan),
    ]
    before = a_chain(unusable, symbol="NVDA", quote_time=BEFORE)
    source = TwoInstants(books([before]), books([a_book("NVDA", spot=103.0)]))
    answer = await change_of(source, symbols="NVDA")
    (sentence,) = [one["message"] for one in answer.structured["warnings"] if one["code"] == "thin_coverage"]
    assert sentence == "At the earlier end: Less than 90% of the open interest was usable in 1 name: NVDA 80%."


async def test_nothing_changed_is_an_answer(era: Era) -> None:
    before = {name: an_exposure(name, quote_time=BEFORE) for name in ("NVDA", "AMD")}
    after = {name: an_exposure(name, quote_time=NOW) for name in ("NVDA", "AMD")}
    answer = await change_of(NetsAtTwoInstants(before, after), era, symbols="NVDA,AMD")
    assert answer.structured["nets"]["change"] == [0, 0, 0, 0]
    assert "change 0, no part moved it" in answer.structured["headline"]
    assert [row["largest_part"] for row in answer.structured["names"]] == [None, None]
    assert answer.structured["flip"] is None
    assert "Flip of the basket: none" in answer.text


async def test_some_names_with_the_same_quotes_are_named() -> None:
    source = two()
    source = replace(source, after={"NVDA": source.after["NVDA"], "AMD": source.before["AMD"]})
    answer = await change_of(source, symbols="NVDA,AMD")
    (sentence,) = [one["message"] for one in answer.structured["warnings"] if one["code"] == "same_quotes"]
    assert "AMD" in sentence
    assert {row["symbol"]: row["net_gex_change"] for row in answer.structured["names"]}["AMD"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"since": "2024-06-05", "at": "2024-06-03"}, ["since (2024-06-05 16:00 ET) is after the later end", "previous_close"]),
        ({"since": "2024-06-05", "at": "2024-06-05"}, ["is the same instant as the later end"]),
        ({"since": "2022-06-18T10:00", "at": "2022-06-18T12:00"}, ["Both ends have the same quotes", "2022-06-17 16:00 ET"]),
        ({"since": "2030-01-01"}, ["since is in the future"]),
        ({"at": "2030-01-01"}, ["at is in the future"]),
        ({"since": "last week"}, ["since was not understood: 'last week'"]),
        ({"since": "2024-03-10T02:30"}, ["since names 02:30", "does not exist"]),
        ({"since": "2015-01-05", "at": "2024-06-03"}, ["No name of the basket could be answered at 2015-01-05 16:00 ET"]),
        ({"symbols": "ZZZZ"}, ["No name of the basket could be answered now", "unknown_symbol"]),
        ({"symbols": None}, ["Name what to look at"]),
        ({"before": "2024-06-03"}, ["'before' is not an argument"]),
    ],
)
async def test_what_cannot_be_compared_is_refused_with_a_sentence(
    arguments: dict[str, object], words: list[str], era: Era
) -> None:
    sentence = await refused(demo(), era, **{"symbols": "SPX", **arguments})
    assert all(word in sentence for word in words), sentence


async def test_the_same_quotes_at_both_ends_are_no_change() -> None:
    source = replace(two(), after=two().before)
    sentence = await refused(source, symbols="NVDA,AMD", since="2024-06-05T15:00")
    assert "Both ends have the same quotes, those of 2024-06-05 16:00 ET" in sentence


async def test_a_change_is_not_explained_backwards() -> None:
    """The later end has the older quotes: a delayed source now, an archive of a faster one before."""
    source = two()
    swapped = replace(source, before=source.after, after=source.before)
    sentence = await refused(swapped, symbols="NVDA,AMD")
    assert "The quotes of the later end, of 2024-06-05 16:00 ET, are older than those of the earlier one" in sentence
    older = replace(source.before["AMD"], oi_date=date(2024, 1, 2))
    before, after = {**source.after, "NVDA": source.before["NVDA"]}, {**source.after, "AMD": older}
    answer = await change_of(replace(source, before=before, after=after), symbols="NVDA,AMD")
    (warned,) = [one["message"] for one in answer.structured["warnings"] if one["code"] == "same_quotes"]
    assert "AMD" in warned


async def test_other_units_at_the_two_ends_are_refused() -> None:
    before, after = ({"SPX": a_vendor_row("SPX", 1e9, quote_time=at)} for at in (BEFORE, NOW))
    sentence = await refused(NetsAtTwoInstants(before, after, units=("per point", None)), symbols="SPX")
    assert "other units" in sentence


async def test_both_ends_are_counted_before_either_is_asked() -> None:
    before, after = ({"SPX": a_vendor_row("SPX", 1e9 + at.hour, quote_time=at)} for at in (BEFORE, NOW))
    source = NetsAtTwoInstants(before, after, cost=3, left=100)
    sentence = await refused(source, symbols="SPX", allow_calls=5)
    assert "needs 6 upstream calls" in sentence
    assert source.asked == []
    await change_of(source, symbols="SPX", allow_calls=6)
    assert len(source.asked) == 2


async def test_nets_under_another_convention_are_refused() -> None:
    before, after = ({"SPX": a_vendor_row("SPX", 1e9, quote_time=at)} for at in (BEFORE, NOW))
    sentence = await refused(NetsAtTwoInstants(before, after), symbols="SPX", convention="dealers_short_all")
    assert "publishes nets under another convention" in sentence


async def test_every_number_is_finite_and_both_eras_say_the_same_bytes() -> None:
    for source, asked in ((demo(), {"basket": "semis"}), (two(), {"symbols": "NVDA,AMD,ZZZZ"}), (demo(), {"symbols": "VIX,KO"})):
        for detail in ("default", "full"):
            first, second = [await change_of(source, era, detail=detail, **asked) for era in ERAS]
            assert first.compact_json == second.compact_json
            assert first.text == second.text
            assert all(math.isfinite(number) for number in numbers(first.structured))
            json.dumps(first.structured, allow_nan=False)


async def test_progress_goes_up_over_both_ends() -> None:
    heard: list[float] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async with a_desk(demo(), tools=TOOLS) as desk:
        await desk.client.call_tool("explain_change", {"symbols": "SPX,KO"}, progress_callback=listen)
    assert heard == sorted(heard) == [1.0, 2.0]


async def test_a_source_that_has_one_snapshot_alone_has_no_change() -> None:
    assert "same quotes" in await refused(a_source(), symbols="NVDA", since="2024-06-03")
    reason = replace(two(), before={}, reason=MissingReason.UNKNOWN_SYMBOL)
    assert "could be answered at 2024-06-05 16:00 ET" in await refused(reason, symbols="NVDA")
    late = NOW - timedelta(minutes=1)
    assert "same quotes" in await refused(a_source(an_exposure()), symbols="NVDA", since=f"{late:%Y-%m-%dT%H:%MZ}")


async def test_synthetic_numbers_are_not_compared_with_real_ones() -> None:
    async with a_desk(two(), tools=TOOLS, market=Market(two(), replace(two(), synthetic=True))) as desk:
        sentence = await desk.refusal("explain_change", symbols="NVDA,AMD")
    assert "only one of the two is real market data" in sentence


async def test_chains_now_and_nets_alone_in_the_past_are_unexplained(era: Era) -> None:
    was = (await two().exposures(["NVDA", "AMD"], BEFORE)).exposures
    past = NetsAtTwoInstants(was, was)
    async with a_desk(two(), era, tools=TOOLS, market=Market(two(), past)) as desk:
        answer = await desk.answer("explain_change", symbols="NVDA,AMD")
    assert_it_adds_up(answer)
    assert answer.structured["kinds"] == {"unexplained": 2}
    assert "no option chains at one end" in answer.text
