"""basket_history over a year stays under 900 tokens (4 characters a token) in each channel, its entry in tools/list under 625."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from exposure.snapshot import MissingReason, Notice
from tests.tools.desk import Reply, listed_entry
from tests.tools.history_desk import RecordedSource, closes, demo, history_of, wandering
from tools.history import TOOL

pytestmark = pytest.mark.anyio
BUDGET = 900 * 4
YEAR = closes(date(2023, 6, 6), date(2024, 6, 5))
LONG = tuple(Notice(f"source_notice_{number}", "A source has something to say in a sentence. " * 3) for number in range(3))
UNITS = (
    "gex $ of delta per 1% move of the underlying as the vendor publishes it; dex $; vex $ per vol point; chex $ per calendar day"
)


def assert_within_budget(answer: Reply) -> None:
    print(f"text {len(answer.text)}, json {len(answer.compact_json)}, headline {len(answer.structured['headline'])}")
    assert len(answer.text) < BUDGET
    assert len(answer.compact_json) < BUDGET


# A basket over a year is thousands of chains: two of the nine are enough for every run.
@pytest.mark.parametrize(
    ("basket", "at"),
    [
        ("semis", None),
        ("health_care", "2023-04-18T15:30"),
        *(
            pytest.param(basket, at, marks=pytest.mark.slow)
            for basket in ("semis", "health_care", "spx_top")
            for at in ("2020-06-30T15:30", "2023-04-18T15:30", None)
        ),
    ],
)
async def test_a_year_of_a_named_basket_stays_within_the_budget(basket: str, at: str | None) -> None:
    answer = await history_of(demo(), basket=basket, window="1y", at=at)
    assert_within_budget(answer)
    assert len(answer.structured["flips"]["latest"]) >= min(answer.structured["flips"]["found"], 3)


@pytest.mark.parametrize("window", ["5d", "3mo", "2y", "2018-03-01..2018-06-01", "2019-01-02..2019-02-28"])
async def test_other_windows_of_a_pair_stay_within_the_budget(window: str) -> None:
    assert_within_budget(await history_of(demo(), symbols="SPY,ALB", window=window))


def fifty_names(missing: int, spelling: str, **more: Any) -> tuple[RecordedSource, list[str]]:
    """Names known for ever other stretches of the year, and some that never were."""
    names = [spelling.format(number) for number in range(50)]
    records = {
        name: [
            one
            for place, one in enumerate(wandering(YEAR, number, 1e12))
            if number < 25 or (place // (3 + number % 5)) % 2 or place == len(YEAR) - 1
        ]
        for number, name in enumerate(names[: 50 - missing])
    }
    detail = "None of the 12345 contracts of {} with open interest is usable (1234 expired, 1234 adjusted_series, 12345 bad_row)."
    source = RecordedSource(
        records, timedelta(days=1), reason=MissingReason.UNUSABLE_CHAIN, detail=detail, synthetic=True, notices=LONG, **more
    )
    return source, names


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize(
    ("missing", "spelling", "most"),
    [
        (0, "LONGNAME{:02d}.XYZ", 1.0),
        (1, "LONGNAME{:02d}.XYZ", 1.0),
        (5, "TK{:02d}", 1.0),
        (10, "TK{:02d}", 1.0),
        (25, "LONGNAME{:02d}.XYZ", 1.5),
    ],
)
async def test_fifty_names_that_come_and_go_stay_within_the_budget(
    missing: int, spelling: str, most: float, published: bool
) -> None:
    said = (
        "A file of the archive was damaged and put aside; older rows may stand in for its own in this answer.",
        "The archive also holds flashalpha, 2023-06-06 to 2023-12-29, at 143 instants without cboe; one answer never mixes the "
        "two. End the window at 2023-12-29T16:00 to see it.",
    )
    source, names = fifty_names(
        missing, spelling, published=published, units=UNITS if published else None, remarks=said, room=240
    )
    answer = await history_of(source, symbols=[*names, *names[:3]], window="1y", at="2024-06-05T16:05", step="1d")
    print(f"{missing} missing: text {len(answer.text)}, json {len(answer.compact_json)}")
    assert len(answer.text) < BUDGET
    assert len(answer.compact_json) < most * BUDGET
    # However many are missing, each keeps its reason.
    assert [one["reason"] for one in answer.structured["missing"]] == ["unusable_chain"] * missing
    assert answer.structured["warnings"][0]["code"] == ("partial_basket" if missing else "history_remark")


async def test_a_year_that_flips_every_other_day_stays_within_the_budget() -> None:
    records = wandering(YEAR)
    flipping = [type(one)(one.known, 3e12 if number // 2 % 2 else 1e12, 2e12) for number, one in enumerate(records)]
    for number, one in enumerate(flipping):
        flipping[number] = type(one)(one.known, one.call + number, one.put)
    answer = await history_of(RecordedSource({"NVDA": flipping}), symbols="NVDA", window="1y", step="1d")
    assert_within_budget(answer)
    assert answer.structured["flips"]["found"] > 100
    assert 3 <= len(answer.structured["flips"]["latest"]) < 10
    everything = await history_of(RecordedSource({"NVDA": flipping}), symbols="NVDA", window="1y", step="1d", detail="full")
    assert len(everything.structured["flips"]["latest"]) == everything.structured["flips"]["found"]


async def test_a_full_page_is_bounded() -> None:
    answer = await history_of(demo(), symbols="SPX", window="2y", step="1d", detail="full")
    assert answer.structured["series"]["listed"] == 260
    print(f"full: text {len(answer.text)}, json {len(answer.compact_json)}")
    assert len(answer.compact_json) < 9_000 * 4
    assert len(answer.text) < 5_000 * 4


def test_the_entry_in_the_list_of_tools_is_short_and_every_argument_described() -> None:
    entry = listed_entry(TOOL)
    length = len(json.dumps(entry, separators=(",", ":")))
    print(f"entry {length}")
    assert length < 2_500
    assert len(TOOL.description) <= 500
    for name, argument in entry["inputSchema"]["properties"].items():
        assert argument.get("description"), name
        assert argument.get("examples") or argument.get("enum"), name
