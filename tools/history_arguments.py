"""The arguments of `basket_history` that no other tool has, and how a window and a step are read."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field, WithJsonSchema

from exposure.sessions import EASTERN, eastern, last_session, previous_session
from exposure.snapshot import Notice
from tools.at import ReplayInstant, instant_of, replay_instant
from tools.figures import counted, eastern_clock, echoed

if TYPE_CHECKING:
    # numpy is imported by the functions that need it: this module is imported at start-up.
    from exposure.sampling import Step

WindowArgument = Annotated[
    str, Field(description="5d (sessions), 2w, 3mo, 1y or start..end (Eastern)", examples=["2020-02-03..2020-04-30"])
]
WindowEndArgument = Annotated[str | None, Field(description="End of the window; now if left out", examples=["2020-03-16T15:30"])]
StepName = Literal["auto", "1m", "5m", "15m", "30m", "1h", "1d", "1w", "1mo"]
StepArgument = Annotated[StepName, Field(description="auto gives some hundred readings")]
HistoryDetailArgument = Annotated[Literal["default", "full"], Field(description="full adds the series")]
PageArgument = Annotated[
    int,
    WithJsonSchema({"type": "integer", "minimum": 1, "default": 1}),
    Field(ge=1, le=10_000, description="Of the series, newest first", examples=[2]),
]

MOST_READINGS = 2_000
# Two years of sessions, and fewer for large baskets: a year of sessions of fifty names.
_READINGS_BY_DEFAULT = 510
_NAME_READINGS_BY_DEFAULT = 13_000

_LENGTH = re.compile(r"(\d{1,4})\s*(d|w|mo|y)", re.ASCII)
_ENDS = re.compile(r"(.+?)\s*(?:\.\.\.?|\bto\b)\s*(.*)", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_WINDOW_ALLOWED = "Write a length such as 5d (sessions), 2w, 3mo or 1y, or start..end such as 2020-02-03..2020-04-30."


@dataclass(frozen=True, slots=True)
class Window:
    """Both ends as UTC instants, to the second, and what has to be said about how they were read."""

    start: datetime
    end: datetime
    notices: tuple[Notice, ...] = ()


def requested_window(window: str, at: str | None, now: datetime) -> Window:
    """The window asked for, ending at `at`, at its own end, or now.

    Raises ToolError with a sentence for anything that is not a past window, earlier end first.
    """
    written = window.strip()
    between, length = _ENDS.fullmatch(written), _LENGTH.fullmatch(written.lower())
    if between is None and length is None:
        raise ToolError(f"window was not understood: '{echoed(written, 40)}'. {_WINDOW_ALLOWED}")
    if between is not None:
        return _between(between[1], between[2], at, now)
    assert length is not None
    end = replay_instant(at, now) or ReplayInstant(now)
    stop = end.instant.replace(microsecond=0)
    return Window(_start_of(int(length[1]), length[2], stop), stop, end.notices)


def requested_step(name: StepName, window: Window, names: int) -> Step:
    """The step asked for, or the shortest that gives no more than some hundred readings of that many names.

    Raises ToolError when it would give more than `MOST_READINGS`, or the window holds nothing to read.
    """
    from exposure.sampling import Step, finest_step, sample_instants

    try:
        if name == "auto":
            most = min(_READINGS_BY_DEFAULT, _NAME_READINGS_BY_DEFAULT // max(names, 1))
            chosen = finest_step(window.start, window.end, most)
            return chosen or Step.MONTH
        step, finest = Step(name), finest_step(window.start, window.end, MOST_READINGS)
        count = len(sample_instants(window.start, window.end, step))
    except ValueError as problem:
        raise ToolError(f"window: {problem}") from None
    if count > MOST_READINGS:
        coarser = f"use step {finest.value}, or " if finest else ""
        raise ToolError(
            f"step {name} gives {counted(count, 'reading')} in this window; at most {MOST_READINGS} are read in one call. "
            f"{coarser[:1].upper()}{coarser[1:]}{'ask' if coarser else 'Ask'} for a shorter window."
        )
    return step


def expected_instants(window: Window, step: Step) -> tuple[list[datetime], bool]:
    """The instants of the window at that step, UTC, and its end; whether the end is between two steps.

    Raises ToolError when the exchange was closed throughout.
    """
    from exposure.runs import to_datetime
    from exposure.sampling import sample_instants

    try:
        instants = [to_datetime(one) for one in sample_instants(window.start, window.end, step)]
        session = last_session(window.end)
    except ValueError as problem:
        raise ToolError(f"window: {problem}") from None
    if not instants and session.close < window.start:
        raise ToolError(
            f"The exchange was closed throughout the window, {eastern_clock(window.start)} to {eastern_clock(window.end)}. "
            "Ask for a longer one, for example 5d."
        )
    off_step = not instants or instants[-1] < window.end
    return [*instants, window.end] if off_step else instants, off_step


def _between(start: str, end: str, at: str | None, now: datetime) -> Window:
    if end and at is not None and at.strip():
        raise ToolError("Give the end of the window either in window or as at, not both.")
    opened = _end_of_window("start", start, now)
    if _DATE.fullmatch(start):
        opened = ReplayInstant(eastern(date.fromisoformat(start), 0))
    closed = _end_of_window("end", end, now) if end else replay_instant(at, now) or ReplayInstant(now)
    first, stop = opened.instant.replace(microsecond=0), closed.instant.replace(microsecond=0)
    if first >= stop:
        raise ToolError(
            f"window ends before it starts: {eastern_clock(first)} to {eastern_clock(stop)}. Give the earlier end first."
        )
    return Window(first, stop, (*opened.notices, *closed.notices))


def _end_of_window(which: str, written: str, now: datetime) -> ReplayInstant:
    found = instant_of(f"The {which} of window", written)
    if found.instant > now and not (which == "end" and _is_today(written, now)):
        raise ToolError(
            f"The {which} of window is in the future: {eastern_clock(found.instant)}, and it is {eastern_clock(now)} now. "
            "Leave the end out for a window up to now."
        )
    return ReplayInstant(min(found.instant, now), found.notices) if which == "end" else found


def _is_today(written: str, now: datetime) -> bool:
    """A date means that day's close; of today, that is as much of the session as there has been."""
    return written == f"{now.astimezone(EASTERN):%Y-%m-%d}"


def _start_of(count: int, unit: str, end: datetime) -> datetime:
    """The open of the first of `count` sessions, or midnight Eastern of the day so many weeks, months or years before.

    Raises ToolError for a length of nothing, or one that reaches beyond the calendar.
    """
    if count == 0:
        raise ToolError(f"window is of length 0. {_WINDOW_ALLOWED}")
    try:
        if unit == "d":
            session = last_session(end)
            for _ in range(count - 1):
                session = previous_session(session.date)
            return session.open
        day = end.astimezone(EASTERN).date()
        if unit == "w":
            return eastern(date.fromordinal(day.toordinal() - 7 * count), 0)
        months = day.year * 12 + day.month - 1 - (count if unit == "mo" else 12 * count)
        year, month = months // 12, months % 12 + 1
        return eastern(date(year, month, min(day.day, calendar.monthrange(year, month)[1])), 0)
    except ValueError as problem:
        reason = str(problem) if "calendar" in str(problem) else "There is no such day."
        raise ToolError(f"window reaches too far back: {reason}") from None


def page_count(rows: int, rows_a_page: int) -> int:
    """Pages of a series; 1 where it is empty."""
    return max(-(-rows // rows_a_page), 1)
