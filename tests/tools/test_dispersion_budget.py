"""frame_dispersion stays under 900 tokens (4 characters a token) in each channel, its entry in tools/list under 4,000."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from exposure.snapshot import Notice
from sources.computed import ComputedSource
from sources.demo.reader import DemoReader
from tests.builders import an_exposure
from tests.tools.desk import HandMadeSource, Reply, a_desk, listed_entry
from tests.tools.index_market import unsupported_figures
from tests.tools.scenarios import a_random_name, covered, fifty_long_names
from tools.dispersion import TOOL

pytestmark = pytest.mark.anyio
BUDGET = 900 * 4
NOW = datetime(2024, 6, 6, 14, 0, tzinfo=UTC)


async def answer_of(source: Any, **arguments: Any) -> Reply:
    async with a_desk(source, tools=[TOOL]) as desk:
        return await desk.answer("frame_dispersion", **arguments)


def assert_within_budget(answer: Reply) -> None:
    assert len(answer.text) < BUDGET
    assert len(answer.compact_json) < BUDGET
    assert unsupported_figures(answer) == []


@pytest.mark.parametrize("at", [None, "2019-07-15T11:11", "2020-03-16T15:30", "2024-03-15", "2022-06-18T12:00"])
@pytest.mark.parametrize("index", ["SPX", "NDX"])
async def test_an_index_against_all_its_names_stays_within_the_budget_and_lists_the_top_few(index: str, at: str | None) -> None:
    answer = await answer_of(ComputedSource(DemoReader(lambda: NOW)), index=index, at=at)
    assert_within_budget(answer)
    shown = answer.structured["constituents"]
    assert len(shown) >= 3
    assert len(shown) + answer.structured["rest"]["names"] == answer.structured["constituent_count"]
    weights = sum(row["weight"] for row in shown) + answer.structured["rest"]["weight"]
    assert weights == pytest.approx(1.0, abs=1e-3)
    shares = sum(row["volatility_share"] for row in shown) + answer.structured["rest"]["volatility_share"]
    assert shares == pytest.approx(1.0, abs=1e-3)


async def test_the_largest_opposing_names_are_listed_although_they_are_small() -> None:
    names = [an_exposure(f"BIG{number}", call_gex=9e9, put_gex=1e9) for number in range(20)]
    against = [an_exposure(f"TINY{number}", call_gex=1e6, put_gex=(4 - number) * 1e6) for number in range(2)]
    answer = await answer_of(
        HandMadeSource({one.symbol: one for one in (an_exposure("SPX"), *names, *against)}),
        index="SPX",
        symbols=[one.symbol for one in (*names, *against)],
    )
    opposing = [row["symbol"] for row in answer.structured["constituents"] if row["opposes_index"]]
    assert opposing == ["TINY0", "TINY1"]
    assert "first TINY0, TINY1" in answer.structured["statement"]


async def test_three_names_missing_of_fifty_stay_within_the_budget_with_reasons_and_bounds() -> None:
    demo = ComputedSource(DemoReader(lambda: NOW))
    published = await demo.index_weights("SPX", None)
    assert published is not None
    weights = {**dict(list(published.items())[:47]), "ZZZA": 0.01, "ZZZB": 0.01, "ZZZC": 0.01}
    answer = await answer_of(demo, index="SPX", symbols=weights, at="2022-06-16T15:00")
    assert_within_budget(answer)
    assert answer.structured["missing_symbols"] == ["ZZZA", "ZZZB", "ZZZC"]
    assert answer.structured["bounds"] is not None
    assert len(answer.structured["constituents"]) >= 2


@pytest.mark.parametrize(("missing", "budget"), [(0, BUDGET), (5, 1.2 * BUDGET)])
async def test_a_bad_day_with_long_names_stays_within_the_budget_and_with_missing_ones_near_it(
    missing: int, budget: float
) -> None:
    scenario = fifty_long_names(missing, cancelling=False)
    index = covered(an_exposure("SPX", call_gex=123_456_789_012.0, put_gex=23_456_789_012.0))
    names = {
        one: replace(known, at_the_money=None) if one < "LONGNAME10" else known for one, known in scenario.source.known.items()
    }
    source = replace(scenario.source, known={**names, "SPX": index})
    symbols = [one for one in dict.fromkeys(scenario.arguments["symbols"]) if one not in ("SPY", "QQQ")]
    answer = await answer_of(source, index="SPX", symbols=symbols, at="2024-06-06T09:59")
    assert len(answer.text) < BUDGET
    assert len(answer.compact_json) < budget
    assert unsupported_figures(answer) == []
    assert [one["reason"] for one in answer.structured["missing"]] == ["unusable_chain"] * missing
    assert answer.structured["volatility"]["left_out_count"] == 10
    assert len(answer.structured["constituents"]) >= 1


async def test_far_more_missing_than_arrived_stays_bounded_with_every_reason() -> None:
    scenario = fifty_long_names(40, cancelling=False, notices=2)
    source = replace(scenario.source, known={**scenario.source.known, "SPX": an_exposure("SPX")})
    answer = await answer_of(source, index="SPX", symbols=scenario.arguments["symbols"], at="2024-06-06T09:59")
    assert len(answer.structured["missing"]) == 40
    assert len(answer.compact_json) < 3 * BUDGET
    assert unsupported_figures(answer) == []


async def test_full_detail_lists_every_name_and_everything_left_out() -> None:
    random_ = random.Random(1)
    names = [replace(a_random_name(f"TK{number}", random_), at_the_money=None) for number in range(50)]
    source = HandMadeSource({one.symbol: one for one in (an_exposure("SPX"), *names)}, notices=(Notice("a", "A sentence."),))
    answer = await answer_of(source, index="SPX", symbols=[one.symbol for one in names], detail="full")
    assert len(answer.structured["constituents"]) == 50
    assert answer.structured["rest"] is None
    assert len(answer.structured["volatility"]["left_out"]) == 50
    for row in answer.structured["constituents"]:
        assert f"\n{row['symbol']} " in answer.text
    assert unsupported_figures(answer) == []


async def test_the_checker_of_figures_notices_a_number_that_is_off_by_its_last_digit() -> None:
    answer = await answer_of(ComputedSource(DemoReader(lambda: NOW)), index="NDX")
    value = answer.structured["volatility"]["implied_correlation"]
    right, wrong = f"implied correlation {value:.3f}", f"implied correlation {value + 0.002:.3f}"
    assert right in answer.text
    assert unsupported_figures(Reply(answer.text.replace(right, wrong), answer.structured)) == [wrong.rsplit(" ", 1)[1]]


def test_the_entry_in_the_list_of_tools_is_short_and_every_argument_described() -> None:
    entry = listed_entry(TOOL)
    assert len(json.dumps(entry, separators=(",", ":"))) < 4_100
    assert len(TOOL.description) <= 500
    for name, argument in entry["inputSchema"]["properties"].items():
        assert argument.get("description"), name
        assert argument.get("examples") or argument.get("enum"), name
