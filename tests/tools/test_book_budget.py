"""A book of thirty lines stays under 1,200 tokens (4 characters each) in each channel, and its entry in tools/list is short."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace

import pytest

from exposure.snapshot import Missing, MissingReason
from server.strict import strict_tool
from tests.tools.book_desk import answer_of, assert_same_figures
from tests.tools.desk import HandMadeSource, a_source
from tests.tools.scenarios import a_random_name, covered
from tools import book

pytestmark = pytest.mark.anyio
BUDGET = 1_200 * 4


def thirty_lines(missing: int, *, long_names: bool, unit: str) -> tuple[HandMadeSource, str]:
    """Thirty positions; long names, long reasons and every kind of remark make the worst of it."""
    random_ = random.Random(missing)
    names = [f"LONGNAME{number:02d}.XYZ" if long_names else f"TK{number}" for number in range(30)]
    detail = "None of the 12345 contracts of {} with open interest is usable (1234 expired, 1234 adjusted_series, 12345 bad_row)."
    known = [
        covered(a_random_name(name, random_, 1e11 if long_names else 1e9), used=800, parity_share=0.1) for name in names[missing:]
    ]
    absent = [Missing(name, MissingReason.UNUSABLE_CHAIN, detail.format(name)) for name in names[:missing]]
    lines = [
        f"{'short ' if number % 3 else ''}{name} {random_.uniform(1e3, 9e6):,.2f}{unit}" for number, name in enumerate(names)
    ]
    return a_source(*known, missing=absent, synthetic=True), "\n".join(lines)


@pytest.mark.parametrize("unit", ["", " sh", "%"])
@pytest.mark.parametrize(
    ("missing", "long_names"), [(0, False), (1, False), (5, False), (10, False), (0, True), (1, True), (5, True)]
)
async def test_a_book_of_thirty_lines_stays_within_its_tokens_in_each_channel(missing: int, long_names: bool, unit: str) -> None:
    source, lines = thirty_lines(missing, long_names=long_names, unit=unit)
    answer = await answer_of(lines, source, at="2024-06-06T09:59")
    assert len(answer.text) < BUDGET
    assert len(answer.compact_json) < BUDGET
    assert_same_figures(answer)
    structured = answer.structured
    assert [one["reason"] for one in structured["missing"]] == ["unusable_chain"] * missing
    hidden = structured["rest"]["positions"] if structured["rest"] else 0
    assert len(structured["positions"]) + hidden == structured["constituent_count"] == 30 - missing
    assert len(structured["positions"]) >= {0: 6, 1: 5, 5: 2, 10: 2}[missing]
    shares = math.fsum(row["dollar_share"] for row in [*structured["positions"], structured["rest"]])
    assert shares == pytest.approx(structured["weight_coverage"] or shares, abs=2e-5)
    contributions = math.fsum(row["contribution_pct"] for row in [*structured["positions"], structured["rest"]])
    assert contributions == pytest.approx(100.0, abs=2e-3)


@pytest.mark.parametrize("unit", ["", " sh", "%"])
async def test_ten_missing_names_of_the_longest_spelling_lengthen_it_by_little(unit: str) -> None:
    source, lines = thirty_lines(10, long_names=True, unit=unit)
    answer = await answer_of(lines, source, at="2024-06-06T09:59")
    assert len(answer.text) < BUDGET
    assert len(answer.compact_json) < 1.1 * BUDGET


async def test_an_ordinary_book_of_thirty_lists_at_least_ten() -> None:
    random_ = random.Random(3)
    names = [f"TK{number}" for number in range(30)]
    source = a_source(*(replace(a_random_name(name, random_), coverage=None) for name in names))
    answer = await answer_of({name: random_.randint(1, 100) * 1_000 for name in names}, source)
    assert len(answer.compact_json) < BUDGET
    assert len(answer.structured["positions"]) >= 10


async def test_full_detail_lists_every_position_with_its_price_and_every_reason() -> None:
    source, lines = thirty_lines(10, long_names=True, unit=" sh")
    answer = await answer_of(lines, source, detail="full")
    assert len(answer.structured["positions"]) == 20
    assert answer.structured["rest"] is None
    assert all(row["underlying_price"] > 0 for row in answer.structured["positions"])
    assert all(one["detail"] for one in answer.structured["missing"])
    for row in answer.structured["positions"]:
        assert f"\n{row['symbol']} {row['side']} " in answer.text
    assert_same_figures(answer)


def test_the_entry_of_the_tool_stays_small() -> None:
    tool = strict_tool(book.TOOL)
    entry = [tool.name, tool.description, tool.parameters, tool.fn_metadata.output_schema]
    assert sum(len(one if isinstance(one, str) else json.dumps(one, separators=(",", ":"))) for one in entry) < 4_200
    assert len(tool.description) <= 500
    properties = tool.parameters["properties"]
    assert all(one["description"] for one in properties.values())
    assert properties["positions"]["examples"]
