"""explain_change of 50 names stays under 900 tokens (4 characters a token) in each channel, its entry in tools/list under 625."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from exposure.chain import Chain
from exposure.snapshot import MissingReason, Notice
from sources.baskets import built_in_baskets
from tests.builders import a_call, a_chain, a_put
from tests.tools.change_desk import BEFORE, NetsAtTwoInstants, TwoInstants, books, change_of, demo
from tests.tools.desk import NOW, Reply, listed_entry
from tools.change import TOOL

pytestmark = pytest.mark.anyio
BUDGET = 900 * 4
LONG = tuple(Notice(f"source_notice_{number}", "A source has something to say in a sentence. " * 3) for number in range(3))


def assert_within_budget(answer: Reply, most: float = 1.0) -> None:
    print(f"text {len(answer.text)}, json {len(answer.compact_json)}, names {len(answer.structured['names'])}")
    assert len(answer.text) < BUDGET
    assert len(answer.compact_json) < most * BUDGET


def demo_names(count: int) -> list[str]:
    everything = [symbol for one in built_in_baskets().values() for symbol in one.symbols]
    return list(dict.fromkeys(everything))[:count]


@pytest.mark.parametrize(
    ("since", "at"), [("previous_close", "2023-04-18T15:30"), ("2022-01-03", "2023-04-18"), ("previous_close", None)]
)
async def test_fifty_names_of_the_demo_market_stay_within_the_budget(since: str, at: str | None) -> None:
    answer = await change_of(demo(), symbols=demo_names(50), since=since, at=at)
    assert_within_budget(answer)
    assert len(answer.structured["names"]) >= 3
    assert len(answer.structured["names"]) + answer.structured["rest"]["names"] == 50


@pytest.mark.parametrize("basket", ["semis", "banks", "health_care", "technology", "spx_top"])
async def test_named_baskets_stay_within_the_budget(basket: str) -> None:
    answer = await change_of(demo(), basket=basket, at="2023-04-18T15:30")
    assert_within_budget(answer)
    assert len(answer.structured["names"]) >= 4


def _chain(symbol: str, size: float, *, late: bool) -> Chain:
    spot = 107.0 if late else 93.0
    held = size * (1.1 if late else 1.0)
    contracts = [a_call(100.0, open_interest=held), a_put(100.0, open_interest=held * (0.7 if late else 1.3), iv=0.37)]
    contracts += [a_put(90.0, open_interest=held if late else 0.0), a_call(110.0, root=f"{symbol[:4]}9", open_interest=held / 3)]
    return a_chain(
        contracts, symbol=symbol, spot=spot, quote_time=(NOW if late else BEFORE) - timedelta(hours=2 if "07" in symbol else 0)
    )


def fifty_names(spelling: str, absent: int, moved: int, without_chain: int) -> tuple[TwoInstants, list[str]]:
    """Fifty large names: some known at neither end, some at the later end alone, some without a chain at the earlier one."""
    names = [spelling.format(number) for number in range(50)]
    there = names[: 50 - absent]
    before = books(_chain(name, 1e7 + 12_345.0 * number, late=False) for number, name in enumerate(there))
    after = books(_chain(name, 1e7 + 12_345.0 * number, late=True) for number, name in enumerate(there))
    source = TwoInstants(before, after, notices=LONG, synthetic=True)
    return replace(source, before={name: before[name] for name in there[moved:]}), names


@pytest.mark.parametrize("spelling", ["TK{:02d}X", "LONGNAME{:02d}.XYZ"])
@pytest.mark.parametrize(("absent", "moved"), [(0, 0), (0, 10), (3, 3), (10, 0)])
async def test_fifty_large_names_with_all_that_can_be_wrong_stay_within_the_budget(
    spelling: str, absent: int, moved: int
) -> None:
    source, names = fifty_names(spelling, absent, moved, 0)
    answer = await change_of(source, symbols=[*names, *names[:3]], at="2024-06-06T09:59", since="2024-06-05T16:30")
    # However many are missing, each keeps its reason: ten of the longest names are 900 characters by themselves.
    assert_within_budget(answer, 1.2 if absent == 10 and "LONG" in spelling else 1.0)
    assert len(answer.structured["missing"]) == absent
    assert answer.structured["missing_before_count"] == absent + moved
    rest = answer.structured["rest"]
    assert len(answer.structured["names"]) + (rest["names"] if rest else 0) == 50 - absent


async def test_more_missing_than_arrived_all_keep_their_reason_and_the_answer_stays_bounded() -> None:
    source, names = fifty_names("LONGNAME{:02d}.XYZ", 25, 0, 0)
    answer = await change_of(replace(source, reason=MissingReason.UNUSABLE_CHAIN), symbols=names)
    assert [one["reason"] for one in answer.structured["missing"]] == ["unusable_chain"] * 25
    assert_within_budget(answer, 1.5)


async def test_full_detail_of_fifty_names_is_bounded() -> None:
    answer = await change_of(demo(), symbols=demo_names(50), at="2023-04-18T15:30", detail="full")
    assert len(answer.structured["names"]) == 50
    print(f"full: text {len(answer.text)}, json {len(answer.compact_json)}")
    assert len(answer.compact_json) < 5_000 * 4
    assert len(answer.text) < 4_000 * 4


async def test_nets_alone_are_short() -> None:
    source, names = fifty_names("TK{:02d}X", 0, 0, 0)
    before, after = [(await source.exposures(names, at)).exposures for at in (BEFORE, None)]
    answer = await change_of(NetsAtTwoInstants(before, after), symbols=names)
    assert_within_budget(answer)
    assert answer.structured["kinds"] == {"unexplained": 50}


def test_the_entry_in_the_list_of_tools_is_short_and_every_argument_described() -> None:
    entry = listed_entry(TOOL)
    length = len(json.dumps(entry, separators=(",", ":")))
    print(f"entry {length}")
    assert length < 2_500
    assert len(TOOL.description) <= 500
    for name, argument in entry["inputSchema"]["properties"].items():
        assert argument.get("description"), name
        assert argument.get("examples") or argument.get("enum"), name
