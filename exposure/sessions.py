"""The NYSE trading calendar: which days trade, when they open and close, and when monthly options expire.

Instants are timezone-aware datetimes. Those passed in may be in any timezone, those returned are in UTC.
Days are Eastern calendar days. The holidays come from the generated table in exposure/nyse_table.py, so
questions about days outside FIRST_DAY..LAST_DAY raise ValueError rather than guess.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from exposure import nyse_table

EASTERN = ZoneInfo("America/New_York")

FIRST_DAY = date.fromisoformat(nyse_table.FIRST_DAY)
LAST_DAY = date.fromisoformat(nyse_table.LAST_DAY)

_OPEN_TIME = time(9, 30)
_FULL_CLOSE_TIME = time(16, 0)
_EARLY_CLOSE_TIME = time.fromisoformat(nyse_table.EARLY_CLOSE_TIME)
_FULL_DAY_LENGTH = timedelta(hours=6, minutes=30)

# Offsets from the open and the close give the same instants as Eastern wall-clock times (04:00, and 20:00 or
# 17:00 on a half day) because the clocks only change on Sundays, when there is no session.
_PRE_MARKET_LENGTH = timedelta(hours=5, minutes=30)
_POST_MARKET_LENGTH = timedelta(hours=4)

_FRIDAY = 4
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day: its Eastern date and its regular-hours open and close as UTC instants."""

    date: date
    open: datetime
    close: datetime

    @property
    def is_half_day(self) -> bool:
        """Whether the session closes early."""
        return self.close - self.open < _FULL_DAY_LENGTH


class Phase(StrEnum):
    """The part of the trading day an instant falls in."""

    PRE = "pre"
    OPEN = "open"
    POST = "post"
    CLOSED = "closed"


def eastern(day: date, hour: int, minute: int = 0) -> datetime:
    """The instant, in UTC, at which clocks in New York show that time on that day; works for any year.

    A time that the autumn clock change repeats means its first occurrence. Raises ValueError when hour is
    not in 0..23 or minute not in 0..59.
    """
    return datetime.combine(day, time(hour, minute), tzinfo=EASTERN).astimezone(UTC)


def session_on(day: date) -> Session | None:
    """The session held on that day, or None when the exchange is closed all day.

    Raises ValueError when the day is outside FIRST_DAY..LAST_DAY.
    """
    _require_covered(day)
    return _cached_session_on(day)


def last_session(instant: datetime) -> Session:
    """The session with the latest open at or before the instant: the running one, else the one before.

    Raises ValueError when the instant has no timezone, when its Eastern day is outside FIRST_DAY..LAST_DAY,
    or when it precedes the first open the calendar covers.
    """
    day = _eastern_day(instant)
    session = session_on(day)
    if session is not None and session.open <= instant:
        return session
    return previous_session(day)


def previous_session(day: date) -> Session:
    """The latest session strictly before the day.

    Raises ValueError when the day is outside FIRST_DAY..LAST_DAY, or that session would be.
    """
    _require_covered(day)
    return _session_at(bisect_left(_session_days(), day) - 1, f"before {day}")


def next_session(day: date) -> Session:
    """The earliest session strictly after the day.

    Raises ValueError when the day is outside FIRST_DAY..LAST_DAY, or that session would be.
    """
    _require_covered(day)
    return _session_at(bisect_right(_session_days(), day), f"after {day}")


def sessions_between(first: date, last: date) -> list[date]:
    """The days with a session from first to last, both included, in order; empty when last precedes first.

    Raises ValueError when either day is outside FIRST_DAY..LAST_DAY.
    """
    _require_covered(first)
    _require_covered(last)
    days = _session_days()
    return list(days[bisect_left(days, first) : bisect_right(days, last)])


def phase_at(instant: datetime) -> Phase:
    """The phase of the trading day at the instant.

    PRE runs from 04:00 Eastern to the open, OPEN from the open up to but not including the close, POST from
    the close up to but not including 20:00 Eastern (17:00 on half days). All else is CLOSED. Raises
    ValueError when the instant has no timezone or its Eastern day is outside FIRST_DAY..LAST_DAY.
    """
    session = session_on(_eastern_day(instant))
    if session is None:
        return Phase.CLOSED
    if session.open <= instant < session.close:
        return Phase.OPEN
    if session.open - _PRE_MARKET_LENGTH <= instant < session.open:
        return Phase.PRE
    if session.close <= instant < session.close + _POST_MARKET_LENGTH:
        return Phase.POST
    return Phase.CLOSED


def monthly_expiry(year: int, month: int) -> date:
    """The day standard monthly options expire: the third Friday, or the session before it on a holiday.

    Outside FIRST_DAY..LAST_DAY, where holidays are unknown, it is the third Friday itself. Before February
    2015 contracts formally expired the Saturday after; this is still their last trading day. Raises
    ValueError when there is no such month.
    """
    fifteenth = date(year, month, 15)
    third_friday = fifteenth + timedelta(days=(_FRIDAY - fifteenth.weekday()) % 7)
    if _is_covered(third_friday) and session_on(third_friday) is None:
        return previous_session(third_friday).date
    return third_friday


def _is_covered(day: date) -> bool:
    return FIRST_DAY <= day <= LAST_DAY


def _require_covered(day: date) -> None:
    if not _is_covered(day):
        raise ValueError(f"{day} is outside the NYSE calendar, which covers {FIRST_DAY} to {LAST_DAY}.")


def _eastern_day(instant: datetime) -> date:
    # astimezone would silently read a naive datetime as the machine's local time.
    if instant.tzinfo is None:
        raise ValueError(f"The instant {instant} has no timezone.")
    return instant.astimezone(EASTERN).date()


# Separate from session_on because lru_cache hides the parameter types of what it wraps from mypy.
@lru_cache(maxsize=8192)
def _cached_session_on(day: date) -> Session | None:
    if day.weekday() >= _SATURDAY or day in _holidays():
        return None
    close = _EARLY_CLOSE_TIME if day in _early_closes() else _FULL_CLOSE_TIME
    return Session(
        date=day,
        open=eastern(day, _OPEN_TIME.hour, _OPEN_TIME.minute),
        close=eastern(day, close.hour, close.minute),
    )


def _session_at(index: int, where: str) -> Session:
    days = _session_days()
    session = session_on(days[index]) if 0 <= index < len(days) else None
    if session is None:
        raise ValueError(f"No session {where} in the NYSE calendar, which covers {FIRST_DAY} to {LAST_DAY}.")
    return session


@cache
def _session_days() -> tuple[date, ...]:
    holidays = _holidays()
    every_day = (FIRST_DAY + timedelta(days=offset) for offset in range((LAST_DAY - FIRST_DAY).days + 1))
    return tuple(day for day in every_day if day.weekday() < _SATURDAY and day not in holidays)


@cache
def _holidays() -> frozenset[date]:
    return _parse(nyse_table.HOLIDAYS)


@cache
def _early_closes() -> frozenset[date]:
    return _parse(nyse_table.EARLY_CLOSES)


def _parse(month_days_by_year: dict[int, str]) -> frozenset[date]:
    return frozenset(
        date.fromisoformat(f"{year}-{month_day}")
        for year, month_days in month_days_by_year.items()
        for month_day in month_days.split()
    )
