"""What basket_history is asked for: windows, steps and pages, and the sentence for each that cannot be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from mcp.server.mcpserver.exceptions import ToolError

from tests.tools.desk import NOW, Era, a_desk
from tests.tools.history_desk import SPRING, TOOLS, RecordedSource, demo, refused, wandering
from tools.history_arguments import Window, requested_window

pytestmark = pytest.mark.anyio


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "end", "start", "stop"),
    [
        ("5d", None, "2024-05-31T13:30", "2024-06-06T14:00"),
        ("1d", "2024-06-05", "2024-06-05T13:30", "2024-06-05T20:00"),
        ("5 D", "2022-06-18T12:00", "2022-06-13T13:30", "2022-06-18T16:00"),
        ("2w", None, "2024-05-23T04:00", "2024-06-06T14:00"),
        ("3mo", "2024-05-31", "2024-02-29T05:00", "2024-05-31T20:00"),
        ("1y", "2024-02-29", "2023-02-28T05:00", "2024-02-29T21:00"),
        ("2020-02-03..2020-04-30", None, "2020-02-03T05:00", "2020-04-30T20:00"),
        ("2020-02-03T10:00 to 2020-02-03T11:00:30", None, "2020-02-03T15:00", "2020-02-03T16:00:30"),
        ("2024-06-03..", None, "2024-06-03T04:00", "2024-06-06T14:00"),
        ("2024-06-03..", "2024-06-04", "2024-06-03T04:00", "2024-06-04T20:00"),
        ("2024-06-03..2024-06-06", None, "2024-06-03T04:00", "2024-06-06T14:00"),
        ("2023-11-20T14:30Z..2023-11-24", None, "2023-11-20T14:30", "2023-11-24T18:00"),
    ],
)
async def test_a_window_is_read_as_a_person_means_it(window: str, end: str | None, start: str, stop: str) -> None:
    assert requested_window(window, end, NOW) == Window(at(start), at(stop))


async def test_an_end_that_exists_twice_takes_the_earlier_and_says_so() -> None:
    (notice,) = requested_window("5d", "2023-11-05T01:30", NOW).notices
    assert notice.code == "wall_clock_twice"


@pytest.mark.parametrize(
    ("window", "end", "words"),
    [
        ("yesterday", None, ["window was not understood: 'yesterday'", "5d (sessions)"]),
        ("3m", None, ["was not understood", "3mo"]),
        ("", None, ["was not understood"]),
        ("0d", None, ["length 0"]),
        ("-5d", None, ["was not understood"]),
        ("9999y", None, ["too far back"]),
        ("5000d", None, ["too far back", "2010-01-01"]),
        ("2030-01-01..2030-02-01", None, ["start of window is in the future", "10:00 ET now"]),
        ("2024-06-03..2024-06-20", None, ["end of window is in the future", "Leave the end out"]),
        ("2024-05-31..2024-05-01", None, ["ends before it starts", "earlier end first"]),
        ("2024-06-05T16:00..2024-06-05T16:00", None, ["ends before it starts"]),
        ("2024-05-01..2024-05-31", "2024-06-03", ["either in window or as at"]),
        ("2024-02-30..2024-03-05", None, ["The start of window names a day that does not exist"]),
        ("2024-03-01..2024-03-10T02:30", None, ["The end of window names 02:30", "does not exist in US Eastern time"]),
        ("june..july", None, ["The start of window was not understood: 'june'"]),
        ("1y", "2030-01-01", ["at is in the future"]),
        ("1y", "soon", ["at was not understood"]),
    ],
)
async def test_what_is_no_past_window_is_refused_with_a_sentence(window: str, end: str | None, words: list[str]) -> None:
    with pytest.raises(ToolError) as refusal:
        requested_window(window, end, NOW)
    assert all(word in str(refusal.value) for word in words), str(refusal.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"window": "1y", "step": "1m"}, ["step 1m gives 98", "at most 2000", "Use step 1h"]),
        ({"window": "2010-02-01..2010-03-01"}, ["has no reading", "nothing_known", "NVDA: no_data_at"]),
        ({"window": "1990-01-01..1991-01-01"}, ["window: 1990-01-01 is outside the NYSE calendar"]),
        ({"window": "2023-07-04..2023-07-04"}, ["closed throughout the window", "5d"]),
        ({"window": "2022-06-18..2022-06-19T12:00", "step": "1h"}, ["closed throughout the window"]),
        ({"window": "2024-06-20..2024-07-20"}, ["in the future"]),
        ({"window": "1y", "step": "2h"}, ["step cannot be '2h'"]),
        ({"window": "1y", "page": 0}, ["page should be"]),
        ({"window": 5}, ["window should be"]),
        ({"symbols": None, "window": "1y"}, ["Name what to look at"]),
    ],
)
async def test_what_cannot_be_asked_is_refused_through_the_wire(arguments: dict[str, object], words: list[str], era: Era) -> None:
    sentence = await refused(demo(), era, **{"symbols": "NVDA", **arguments})
    assert all(word in sentence for word in words), sentence


async def test_a_too_fine_step_costs_the_source_nothing() -> None:
    source = RecordedSource({"NVDA": wandering(SPRING)})
    await refused(source, symbols="NVDA", window="1y", step="1m")
    assert source.asked == []


async def test_every_step_reads_as_many_instants_as_it_says() -> None:
    counts = {"1m": 391, "5m": 79, "15m": 27, "30m": 14, "1h": 7, "1d": 1}
    async with a_desk(RecordedSource({"NVDA": wandering(SPRING)}), tools=TOOLS) as desk:
        for step, count in counts.items():
            asked = {"symbols": "NVDA", "window": "2024-05-31T09:30..2024-05-31", "step": step}
            answer = (await desk.answer("basket_history", **asked)).structured
            assert answer["window"]["expected"] == count, step
        for step, count in {"1w": 14, "1mo": 3}.items():
            answer = (await desk.answer("basket_history", symbols="NVDA", window="2024-03-01..2024-05-31", step=step)).structured
            assert answer["window"]["expected"] == count, step
