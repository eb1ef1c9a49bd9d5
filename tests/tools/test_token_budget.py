"""The default answer for 50 names stays under 1,500 tokens (4 characters a token) in each channel, also at its worst."""

from __future__ import annotations

import random

import pytest

from exposure.dealer import SignConvention
from tests.tools.desk import Reply, a_desk, a_source
from tests.tools.figures_in_text import unsupported
from tests.tools.scenarios import Scenario, a_random_name, fifty_long_names

pytestmark = pytest.mark.anyio
BUDGET = 1_500 * 4


async def answer_of(scenario: Scenario, **more: str) -> Reply:
    async with a_desk(scenario.source) as desk:
        return await desk.answer(**scenario.arguments, **more)


def assert_within_budget(answer: Reply) -> None:
    assert len(answer.text) < BUDGET
    assert len(answer.compact_json) < BUDGET
    assert unsupported(answer.text, answer.structured) == []


async def test_an_ordinary_answer_of_fifty_names_lists_its_ten_largest_within_the_budget() -> None:
    random_ = random.Random(1)
    names = [f"TK{chr(65 + number % 26)}{number}" for number in range(50)]
    scenario = Scenario(a_source(*(a_random_name(name, random_) for name in names)), {"symbols": names})
    answer = await answer_of(scenario)
    assert_within_budget(answer)
    assert len(answer.structured["constituents"]) >= 10


@pytest.mark.parametrize("convention", list(SignConvention))
@pytest.mark.parametrize("missing", [0, 1, 10])
@pytest.mark.parametrize("cancelling", [True, False])
async def test_the_worst_answer_of_fifty_names_stays_within_the_budget(
    missing: int, cancelling: bool, convention: SignConvention
) -> None:
    answer = await answer_of(fifty_long_names(missing, cancelling=cancelling, notices=2), convention=convention.value)
    assert_within_budget(answer)
    assert len(answer.structured["missing"]) == missing
    assert all(one["reason"] == "unusable_chain" and one["weight"] == 0.02 for one in answer.structured["missing"])
    shown = len(answer.structured["constituents"])
    assert shown >= 1
    hidden = answer.structured["rest"]["names"] if answer.structured["rest"] else 0
    assert shown + hidden == answer.structured["constituent_count"] == 50 - missing


@pytest.mark.parametrize("missing", [25, 47])
async def test_more_missing_names_than_arrived_all_keep_their_reason_and_the_answer_stays_bounded(missing: int) -> None:
    answer = await answer_of(fifty_long_names(missing, cancelling=False, notices=2))
    assert [one["reason"] for one in answer.structured["missing"]] == ["unusable_chain"] * missing
    assert len(answer.compact_json) < 1.5 * BUDGET
    assert len(answer.text) < BUDGET


async def test_ten_missing_names_of_fifty_keep_every_reason_and_the_first_details() -> None:
    answer = await answer_of(fifty_long_names(10, cancelling=False))
    missing = answer.structured["missing"]
    assert "detail" not in missing[-1]
    for one in missing:
        assert f"{one['symbol']} unusable_chain 2.0%" in answer.text


@pytest.mark.parametrize("missing", [0, 10])
async def test_full_detail_lists_every_name_and_every_reason(missing: int) -> None:
    answer = await answer_of(fifty_long_names(missing, cancelling=True), detail="full")
    assert len(answer.structured["constituents"]) == 50 - missing
    assert answer.structured["rest"] is None
    assert all(one["detail"] for one in answer.structured["missing"])
    for row in answer.structured["constituents"]:
        assert f"\n{row['symbol']} " in answer.text
        assert row["detail"]["contracts_seen"] == 1_000
    assert unsupported(answer.text, answer.structured) == []
