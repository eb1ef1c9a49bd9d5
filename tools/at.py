"""The argument `at`: from what a person writes to one UTC instant.

Without an offset the text is US Eastern wall clock; a date alone means that day's session close. A wall-clock time that does not
exist (the spring change) is refused; one that exists twice (the autumn change) takes the earlier and says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from mcp.server.mcpserver.exceptions import ToolError

from exposure.sessions import EASTERN, FIRST_DAY, LAST_DAY, eastern, session_on
from exposure.snapshot import Notice
from tools.figures import eastern_clock, echoed

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# fromisoformat alone also reads 20240605 and 2024-W23-3, as midnight rather than as that day's close.
_CLOCK_TIME = re.compile(_DATE.pattern + r"[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:?\d{2})?", re.ASCII)
_FAR_FUTURE = datetime(9999, 12, 1, tzinfo=UTC)
_ALLOWED = "Write YYYY-MM-DDTHH:MM (US Eastern), add Z or an offset for another zone, or give a date for that day's close."


@dataclass(frozen=True, slots=True)
class ReplayInstant:
    """A past instant, UTC, and what has to be said about how it was read."""

    instant: datetime
    notices: tuple[Notice, ...] = ()


def replay_instant(text: str | None, now: datetime) -> ReplayInstant | None:
    """The instant a replay was asked for, or None when the newest data are wanted.

    Raises ToolError with a sentence for anything that is not a past instant.
    """
    if text is None or not text.strip():
        return None
    written = text.strip()
    found = _close_of(written) if _DATE.fullmatch(written) else _clock_time(written)
    if found.instant > now:
        raise ToolError(
            f"at is in the future: {eastern_clock(found.instant)}, and it is {eastern_clock(now)} now. "
            "Leave at out for the newest data."
        )
    return found


def instant_of(subject: str, written: str) -> ReplayInstant:
    """An instant in the notation of `at`, past or future; a refusal names `subject` as what was not understood."""
    try:
        found = replay_instant(written, _FAR_FUTURE)
    except ToolError as problem:
        raise ToolError(f"{subject} {str(problem).removeprefix('at ')}") from None
    if found is None:
        raise ToolError(f"{subject} is empty. {_ALLOWED}")
    return found


def _close_of(written: str) -> ReplayInstant:
    try:
        day = date.fromisoformat(written)
    except ValueError:
        raise ToolError(f"at names a day that does not exist ({written}). {_ALLOWED}") from None
    session = session_on(day) if FIRST_DAY <= day <= LAST_DAY else None
    return ReplayInstant(session.close if session else eastern(day, 16))


def _clock_time(written: str) -> ReplayInstant:
    try:
        if not _CLOCK_TIME.fullmatch(written):
            raise ValueError
        moment = datetime.fromisoformat(written.upper())
    except ValueError:
        raise ToolError(f"at was not understood: '{echoed(written, 40)}'. {_ALLOWED}") from None
    if moment.tzinfo is not None:
        try:
            return ReplayInstant(moment.astimezone(UTC))
        except OverflowError:
            raise ToolError(f"at names a time that does not exist. {_ALLOWED}") from None
    return _from_wall_clock(moment)


def _from_wall_clock(moment: datetime) -> ReplayInstant:
    if not (1900 <= moment.year <= 2200):
        raise ToolError(f"at is in the year {moment.year}. {_ALLOWED}")
    earlier = moment.replace(tzinfo=EASTERN, fold=0).astimezone(UTC)
    later = moment.replace(tzinfo=EASTERN, fold=1).astimezone(UTC)
    if earlier.astimezone(EASTERN).replace(tzinfo=None) != moment:
        first = datetime.combine(moment.date(), time(3))
        raise ToolError(
            f"at names {moment:%H:%M} on {moment:%Y-%m-%d}, which does not exist in US Eastern time: clocks went forward. "
            f"The first minute after the change is {first:%H:%M}."
        )
    if later - earlier > timedelta(0):
        sentence = f"{moment:%Y-%m-%d %H:%M} exists twice in US Eastern time (clocks went back); the earlier was taken."
        return ReplayInstant(earlier, (Notice("wall_clock_twice", sentence),))
    return ReplayInstant(earlier)
