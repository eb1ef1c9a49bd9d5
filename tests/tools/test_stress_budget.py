"""stress_basket stays under 1,200 tokens (4 characters a token) in each channel, its entry in tools/list under 700."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from exposure.snapshot import Notice
from sources.computed import ComputedSource
from sources.universe import all_symbols
from tests.builders import a_call, a_chain, a_put, a_vendor_row
from tests.tools.desk import Reply, a_source, listed_entry
from tests.tools.stress_desk import ChainsReader, HistoryChainsReader, moving_closes, row_at, stressed, the_demo
from tools.stress import TOOL
from tools.stress_arguments import MOST_SHOCKS

pytestmark = pytest.mark.anyio

BUDGET = 1_200 * 4
FIFTY = list(all_symbols()[:50])
ALL_AT_ONCE: dict[str, Any] = {"betas": "estimated", "volatility_points": -7.5, "days_forward": 3, "smile": "sticky_delta"}
LONG = [f"LONGNAM{chr(65 + number // 10)}{chr(65 + number % 10)}" for number in range(50)]


def assert_within_budget(answer: Reply) -> None:
    assert len(answer.text) < BUDGET
    assert len(answer.compact_json) < BUDGET


def long_names(missing: int) -> ComputedSource:
    """Fifty names with long symbols and big odd numbers, of which the last few are not there, and a talkative source."""
    chains = {
        symbol: a_chain(
            [
                a_put(0.93 * (spot := 4_321.87 + number), open_interest=123_456.0 + 999 * number, iv=0.31),
                a_call(1.04 * spot, open_interest=234_567.0 - 999 * number, iv=0.27),
                a_call(1.10 * spot, open_interest=98_765.0, iv=float("nan")),
            ],
            symbol=symbol,
            spot=spot,
        )
        for number, symbol in enumerate(LONG[: 50 - missing])
    }
    notice = Notice(
        "from_the_source", "Something the source has to say about its answer, at the usual length of such a sentence."
    )
    return ComputedSource(
        HistoryChainsReader(chains, (notice, replace(notice, code="another")), closes=moving_closes({LONG[0]: 1.3}))
    )


@pytest.mark.parametrize("at", [None, "2020-03-16T15:30", "2024-03-15", "2022-06-18T12:00"])
@pytest.mark.parametrize("scenario", [{}, ALL_AT_ONCE], ids=["plain", "all at once"])
async def test_fifty_names_stay_within_the_budget_and_show_the_usual_shocks(scenario: dict[str, Any], at: str | None) -> None:
    answer = await stressed(the_demo(), symbols=FIFTY, at=at, **scenario)
    assert_within_budget(answer)
    assert len(answer.structured["shocks"]) >= 4
    assert answer.structured["names"]
    assert len(answer.structured["names"]) + answer.structured["names_not_listed"] == 50
    row_at(answer, -3)


@pytest.mark.parametrize("missing", [0, 1, 10])
async def test_the_worst_answer_of_fifty_names_stays_within_the_budget(missing: int) -> None:
    answer = await stressed(long_names(missing), symbols=LONG, at="2024-06-06T09:59", **ALL_AT_ONCE)
    assert_within_budget(answer)
    assert [one["reason"] for one in answer.structured["missing"]] == ["unknown_symbol"] * missing
    assert (answer.structured["bounds"] is not None) == (missing > 0)
    row_at(answer, -3)


async def test_all_shocks_that_were_asked_for_are_shown_also_where_it_gets_tight() -> None:
    shocks = list(range(-12, MOST_SHOCKS - 12))
    answer = await stressed(the_demo(), symbols=FIFTY, shocks=shocks)
    assert_within_budget(answer)
    assert [row["shock_pct"] for row in answer.structured["shocks"]] == shocks
    crowded = await stressed(long_names(10), symbols=LONG, shocks=shocks, **ALL_AT_ONCE)
    assert [row["shock_pct"] for row in crowded.structured["shocks"]] == shocks
    assert len(crowded.compact_json) < 1.5 * BUDGET
    assert len(crowded.text) < 1.1 * BUDGET


async def test_far_more_missing_than_arrived_stays_bounded_with_every_reason() -> None:
    answer = await stressed(long_names(45), symbols=LONG, **ALL_AT_ONCE)
    assert [one["reason"] for one in answer.structured["missing"]] == ["unknown_symbol"] * 45
    assert len(answer.compact_json) < 2 * BUDGET


async def test_many_roots_are_counted_and_the_nearest_are_listed() -> None:
    spots = [86 + 2 * number for number in range(15)]
    contracts = [
        (a_call if place % 2 else a_put)(strike, iv=0.03, open_interest=2_000.0 + 300 * place)
        for place, strike in enumerate(spots)
    ]
    reader = ChainsReader({"NVDA": a_chain(contracts, symbol="NVDA")})
    default = await stressed(ComputedSource(reader), symbols="NVDA")
    full = await stressed(ComputedSource(reader), symbols="NVDA", detail="full")
    every = full.structured["flip"]["roots_pct"]
    assert len(every) == full.structured["flip"]["roots_found"] == default.structured["flip"]["roots_found"] > 6
    shown = default.structured["flip"]["roots_pct"]
    assert shown == sorted(sorted(every, key=abs)[: len(shown)])
    assert len(shown) < len(every)
    assert f"{len(every)} roots, nearest " in default.text
    assert default.structured["flip"]["shock_pct"] == min(every, key=abs)


async def test_full_detail_lists_fifty_names_and_stays_readable() -> None:
    answer = await stressed(the_demo(), symbols=FIFTY, detail="full", **ALL_AT_ONCE)
    assert len(answer.structured["names"]) == 50
    assert len(answer.structured["shocks"]) == 11
    assert max(len(answer.text), len(answer.compact_json)) < 45_000


async def test_fifty_names_of_a_source_without_chains_stay_within_the_budget() -> None:
    rows = [a_vendor_row(symbol, 123_456_789.0 * (number - 20)) for number, symbol in enumerate(LONG)]
    assert_within_budget(await stressed(a_source(*rows), symbols=LONG))


def test_the_entry_in_the_list_of_tools_is_short_and_every_argument_described() -> None:
    entry = listed_entry(TOOL)
    assert len(json.dumps(entry, separators=(",", ":"))) < 2_800
    assert len(TOOL.description) <= 500
    for name, argument in entry["inputSchema"]["properties"].items():
        assert argument.get("description"), name
        assert argument.get("examples") or argument.get("enum"), name
