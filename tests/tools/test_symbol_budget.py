"""symbol_exposure stays under 1,200 tokens (4 characters a token) in each channel, its entry in tools/list under 700."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exposure.dealer import SignConvention
from exposure.snapshot import Notice
from server.strict import strict_tool
from tests.builders import a_chain, a_vendor_row
from tests.tools.desk import Reply, a_source
from tests.tools.symbol_desk import answer_of, before, chains, demo, forty_expiries
from tools.symbol import TOOL

pytestmark = pytest.mark.anyio
BUDGET = 1_200 * 4
LONG = tuple(Notice(f"source_notice_{number}", "A source has something to say in a sentence. " * 3) for number in range(3))


def assert_within_budget(answer: Reply) -> None:
    print(f"{answer.structured['symbol']}: text {len(answer.text)}, json {len(answer.compact_json)}")
    assert len(answer.text) < BUDGET
    assert len(answer.compact_json) < BUDGET


@pytest.mark.parametrize("at", [None, "2020-03-16T15:30", "2024-03-15", "2022-06-18T12:00"])
@pytest.mark.parametrize("symbol", ["SPX", "NDX", "SPY", "NVDA", "XLK", "TSLA"])
async def test_names_of_every_kind_stay_within_the_budget(symbol: str, at: str | None) -> None:
    answer = await answer_of(demo(), symbol, at=at)
    assert_within_budget(answer)
    assert len(answer.structured["expiries"]["rows"]) >= 6
    assert len(answer.structured["expiries"]["roll_off"]) == 3
    assert len(answer.structured["curve"]["points"]) >= 4


@pytest.mark.parametrize("convention", list(SignConvention))
async def test_forty_expiries_and_every_warning_stay_within_the_budget(convention: SignConvention) -> None:
    chain = forty_expiries(quote_time=before(3))
    answer = await answer_of(chains(chain, notices=LONG, synthetic=True), at="2024-06-06T09:59", convention=convention.value)
    assert_within_budget(answer)
    assert len(answer.structured["warnings"]) >= 6
    shown = answer.structured["expiries"]
    assert len(shown["rows"]) >= 1
    assert len(shown["rows"]) + shown["rest"]["expiries"] == 40


async def test_forty_expiries_without_trouble_list_most_of_what_there_is_room_for() -> None:
    answer = await answer_of(chains(forty_expiries("SPY", 543.21)), "SPY")
    assert_within_budget(answer)
    assert len(answer.structured["expiries"]["rows"]) >= 4


async def test_one_expiry_and_nets_alone_are_short() -> None:
    for source, name in ((chains(a_chain()), "NVDA"), (a_source(a_vendor_row("SPX", -5e9, 9e9, 8e9, 7e9)), "SPX")):
        answer = await answer_of(source, name)
        assert_within_budget(answer)
        assert len(answer.compact_json) < 0.85 * BUDGET


async def test_full_detail_is_bounded_by_its_strike_table() -> None:
    answer = await answer_of(demo(), "SPX", detail="full")
    assert len(answer.structured["full"]["strikes"]["rows"]) == 60
    assert len(answer.compact_json) < 6_000 * 4
    assert len(answer.text) < 3_000 * 4


def _entry() -> dict[str, Any]:
    tool = strict_tool(TOOL)
    assert tool.annotations is not None
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.parameters,
        "outputSchema": tool.fn_metadata.output_schema,
        "annotations": tool.annotations.model_dump(by_alias=True, exclude_none=True),
    }


def test_the_entry_in_the_list_of_tools_is_short_and_every_argument_described() -> None:
    entry = _entry()
    length = len(json.dumps(entry, separators=(",", ":")))
    print(f"entry {length}")
    assert length < 2_800
    assert len(TOOL.description) <= 500
    for name, argument in entry["inputSchema"]["properties"].items():
        assert argument.get("description"), name
        assert argument.get("examples") or argument.get("enum"), name
