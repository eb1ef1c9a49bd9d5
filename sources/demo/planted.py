"""What is planted in the demo market, and what a reader must find there: the answer key of `docs/demo-events.md`.

Everything here is invented. The days are easy to remember, and what is planted on them never happened. Before its first `start` a
plant changes nothing, to the last bit. Jumps stay in the prices; volatility, tilt and open interest fade as `MarketEvent` says.
Margins are in net over gross GEX under the convention `street`, the reading of `exposure.flips`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from exposure.flips import Side
from exposure.sessions import eastern, sessions_between
from sources.demo.events import MarketEvent
from sources.universe import FUNDS, Sector, names_in


@dataclass(frozen=True, slots=True)
class SectorFlips:
    """The sectors, as equal-weighted baskets, that are on side `before` at `since` and on side `after` at `at`; no other flips.

    Those that flip are at least 0.10 away from nothing on both sides, also a quarter of an hour around `at`.
    """

    name: str
    day: date
    since: datetime
    at: datetime
    flipped: tuple[Sector, ...]
    before: Side
    after: Side
    events: tuple[MarketEvent, ...]


@dataclass(frozen=True, slots=True)
class RollOff:
    """A symbol that keeps at most `left` of its gross GEX, a share, from `since` to `at`, because one monthly expiry is gone."""

    name: str
    day: date
    symbol: str
    since: datetime
    at: datetime
    left: float
    events: tuple[MarketEvent, ...]


@dataclass(frozen=True, slots=True)
class Squeeze:
    """A name that becomes the largest contributor of its equal-weighted sector in a few days.

    Of the sector's net GEX it has at most `contribution_before` % at `since` and at least `contribution_after` % at `at`, when
    its price has risen by at least the fraction `rise`.
    """

    name: str
    day: date
    symbol: str
    sector: Sector
    since: datetime
    at: datetime
    contribution_before: float
    contribution_after: float
    rise: float
    events: tuple[MarketEvent, ...]


Planted = SectorFlips | RollOff | Squeeze

_FUND_SYMBOLS = tuple(fund.symbol for fund in FUNDS)


def _sector_move(
    start: datetime, planted: Mapping[Sector, float], others: Mapping[Sector, float], volatility: tuple[float, float]
) -> tuple[MarketEvent, ...]:
    """Every sector's log return of a day, spread over 300 minutes, with volatility ratios of the planted and of the rest."""
    chosen, rest = volatility
    moves = [
        MarketEvent(
            names_in(sector),
            start,
            jump=jump,
            minutes=300,
            volatility_ratio=chosen if sector in planted else rest,
            sessions=3,
        )
        for sector, jump in {**others, **planted}.items()
    ]
    return (*moves, MarketEvent(_FUND_SYMBOLS, start, minutes=300, volatility_ratio=chosen, sessions=3))


def _crash_day() -> SectorFlips:
    """Tax Day 2023: five sectors fall by about a tenth between 09:45 and 14:45, the others by one or two percent."""
    day = date(2023, 4, 18)
    falls = {
        Sector.COMMUNICATION_SERVICES: -0.10,
        Sector.CONSUMER_STAPLES: -0.10,
        Sector.HEALTH_CARE: -0.10,
        Sector.MATERIALS: -0.11,
        Sector.REAL_ESTATE: -0.11,
    }
    others = dict.fromkeys(Sector, -0.02) | {Sector.CONSUMER_DISCRETIONARY: -0.01, Sector.INDUSTRIALS: -0.01}
    return SectorFlips(
        name="crash day",
        day=day,
        since=eastern(date(2023, 4, 17), 16),
        at=eastern(day, 15, 30),
        flipped=tuple(falls),
        before=Side.LONG,
        after=Side.SHORT,
        events=_sector_move(eastern(day, 9, 45), falls, others, (1.3, 1.12)),
    )


def _melt_up() -> SectorFlips:
    """St Patrick's Day 2021: four sectors rise by a tenth between 09:45 and 14:45, the others hardly more than they would."""
    day = date(2021, 3, 17)
    rises = {
        Sector.CONSUMER_STAPLES: 0.07,
        Sector.FINANCIALS: 0.10,
        Sector.HEALTH_CARE: 0.10,
        Sector.UTILITIES: 0.095,
    }
    others = dict.fromkeys(Sector, 0.005) | {Sector.INDUSTRIALS: 0.0}
    return SectorFlips(
        name="melt-up",
        day=day,
        since=eastern(date(2021, 3, 16), 16),
        at=eastern(day, 16),
        flipped=tuple(rises),
        before=Side.SHORT,
        after=Side.LONG,
        events=_sector_move(eastern(day, 9, 45), rises, others, (0.9, 1.0)),
    )


def _roll_off() -> RollOff:
    """The June expiry of 2019: KO's open interest in it grows to ten times the usual in two weeks, and is gone on the Friday.

    Measured from Thursday's close, the last at which the expiry is alive: at Friday's close it has just died.
    """
    expiry = date(2019, 6, 21)
    crowd = MarketEvent(("KO",), eastern(date(2019, 6, 7), 9, 30), open_interest_ratio=10.0, expiry=expiry, sessions=10)
    return RollOff(
        name="OPEX roll-off",
        day=expiry,
        symbol="KO",
        since=eastern(date(2019, 6, 20), 16),
        at=eastern(date(2019, 6, 24), 16),
        left=0.40,
        events=(crowd,),
    )


def _squeeze() -> Squeeze:
    """The week of 5 May 2025: ALB rises every day and calls pile up in it; over the two weeks after, it gives back half."""
    monday = date(2025, 5, 5)
    days = sessions_between(monday, date(2025, 5, 23))
    jumps = (0.08, 0.12, 0.15, 0.12, 0.06, -0.05, -0.08, -0.06, -0.04, -0.03)
    start = eastern(monday, 10)
    rally = [MarketEvent(("ALB",), eastern(day, 10), jump=jump, minutes=240) for day, jump in zip(days, jumps, strict=False)]
    calls = MarketEvent(("ALB",), start, minutes=240, volatility_ratio=1.6, call_tilt=1.2, sessions=5)
    crowd = MarketEvent(("ALB",), start, open_interest_ratio=12.0, sessions=5)
    return Squeeze(
        name="single-name squeeze",
        day=monday,
        symbol="ALB",
        sector=Sector.MATERIALS,
        since=eastern(date(2025, 5, 2), 16),
        at=eastern(date(2025, 5, 9), 16),
        contribution_before=5.0,
        contribution_after=40.0,
        rise=0.60,
        events=(*rally, calls, crowd),
    )


OPEX_ROLL_OFF = _roll_off()
MELT_UP = _melt_up()
CRASH_DAY = _crash_day()
SQUEEZE = _squeeze()

PLANTED: tuple[Planted, ...] = (OPEX_ROLL_OFF, MELT_UP, CRASH_DAY, SQUEEZE)
"""The answer key, oldest first."""

PLANTED_EVENTS: tuple[MarketEvent, ...] = tuple(event for planted in PLANTED for event in planted.events)
"""What the default demo market is told to do."""
