"""Which options of a symbol are listed on a day: expiry dates by kind, and when each kind begins to trade.

A contract's kind follows from its date alone and its first day from its kind, so that what is listed today is what was listed
yesterday, less what expired, plus what begins today.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from exposure.chain import expiry_instant
from exposure.sessions import FIRST_DAY, LAST_DAY, monthly_expiry, previous_session, session_on
from sources.universe import Cadence

_MONDAY, _WEDNESDAY, _FRIDAY = 0, 2, 4
_WEEKLY_ROOTS = {"SPX": "SPXW", "NDX": "NDXP"}


@dataclass(frozen=True, slots=True)
class Habit:
    """How a kind of expiry is traded.

    `size` is its open interest at maturity against a plain monthly; `ripening` the days in which it reaches 63% of that;
    `width_days` the shortest time to expiry its spread over strikes remembers (open interest far from the money was opened when
    there was still time to get there); `notches` how much coarser its strikes are; `recency` the share of its holders who came
    within days rather than weeks, and so chose strikes around where spot has just been.
    """

    size: float
    ripening: float
    width_days: float
    notches: int
    recency: float


class Kind(Enum):
    """The kinds of expiry, with their habits."""

    DAILY = Habit(0.20, 5.0, 3.0, 0, 1.0)
    WEEKLY = Habit(0.30, 15.0, 8.0, 0, 0.5)
    MONTHLY = Habit(1.0, 45.0, 25.0, 0, 0.0)
    QUARTERLY = Habit(1.5, 90.0, 30.0, 0, 0.0)
    LEAP = Habit(1.7, 250.0, 45.0, 1, 0.0)


@dataclass(frozen=True, slots=True)
class Expiry:
    """One listed expiry: its root and day, the UTC instant it dies, its kind, and the day it began to trade."""

    root: str
    day: date
    instant: datetime
    kind: Kind
    listed_on: date


def listed_expiries(symbol: str, cadence: Cadence, day: date) -> list[Expiry]:
    """Every expiry of a symbol that trades on that day, soonest first.

    Those that die during the day are included; an AM-settled index root dies at that morning's open.
    """
    return sorted(_monthlies(symbol, cadence, day) + _weeklies(symbol, cadence, day), key=lambda expiry: expiry.instant)


def _monthlies(symbol: str, cadence: Cadence, today: date) -> list[Expiry]:
    lead = _lead_days(cadence)
    found = []
    for offset in range(33):
        year, month = divmod(today.year * 12 + today.month - 1 + offset, 12)
        day = monthly_expiry(year, month + 1)
        kind, days = lead(month + 1)
        listed_on = day - timedelta(days=days)
        if day >= today >= listed_on:
            found.append(Expiry(symbol, day, expiry_instant(symbol, day), kind, listed_on))
    return found


def _lead_days(cadence: Cadence) -> Callable[[int], tuple[Kind, int]]:
    """Kind of a monthly expiry by its month, and how many days before it begins to trade."""
    busy = cadence is not Cadence.WEEKLY

    def lead(month: int) -> tuple[Kind, int]:
        if month == 1:
            return Kind.LEAP, 920
        if month == 12 and cadence is Cadence.DAILY:
            return Kind.LEAP, 920
        if month == 6 and busy:
            return Kind.LEAP, 600
        if month % 3 == 0:
            return Kind.QUARTERLY, 400 if busy else 280
        return Kind.MONTHLY, 190 if busy else 140

    return lead


def _weeklies(symbol: str, cadence: Cadence, today: date) -> list[Expiry]:
    root = _WEEKLY_ROOTS.get(symbol, symbol)
    found = []
    for offset in range(60):
        nominal = today + timedelta(days=offset)
        kind, days = (Kind.WEEKLY, 56) if nominal.weekday() == _FRIDAY else (Kind.DAILY, 14)
        if offset > days or not _is_nominal(nominal.weekday(), cadence):
            continue
        day = _trading_day(nominal) if kind is Kind.WEEKLY else nominal
        is_monthly = day == monthly_expiry(nominal.year, nominal.month)
        if day < today or not _trades(day) or (is_monthly and root == symbol):
            continue
        found.append(Expiry(root, day, expiry_instant(root, day), kind, nominal - timedelta(days=days)))
    return _one_a_day(found)


def _one_a_day(expiries: list[Expiry]) -> list[Expiry]:
    """A Friday's contracts that move to a Thursday replace the Thursday's own."""
    by_day: dict[date, Expiry] = {}
    for expiry in expiries:
        if expiry.day not in by_day or expiry.kind is Kind.WEEKLY:
            by_day[expiry.day] = expiry
    return list(by_day.values())


def _is_nominal(weekday: int, cadence: Cadence) -> bool:
    match cadence:
        case Cadence.DAILY:
            return weekday <= _FRIDAY
        case Cadence.THRICE_WEEKLY:
            return weekday in {_MONDAY, _WEDNESDAY, _FRIDAY}
        case Cadence.WEEKLY:
            return weekday == _FRIDAY


def _trades(day: date) -> bool:
    return not FIRST_DAY <= day <= LAST_DAY or session_on(day) is not None


def _trading_day(day: date) -> date:
    return day if _trades(day) else previous_session(day).date
