"""Spot, volatility and positioning of the demo market, day by day and minute by minute.

One day's log return of a stock is beta · market + sector + own, each a factor with its own daily shocks and its own path
through the session; an index's simple return is the weighted sum of its constituents' simple returns, at every minute, so that
both always belong together. A mean-reverting volatility level (falling markets raise it) scales the shocks and the implied
volatilities. Everything at a minute is a function of shocks up to it: a session's close is drawn first and the minutes are a
bridge towards it, but the close is a sum of shocks of its own and no later day enters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from exposure.greeks import Floats
from exposure.sessions import LAST_DAY, Session, last_session, next_session, sessions_between
from sources.demo.events import Landing, MarketEvent
from sources.demo.noise import Recent, Words, decaying_sum, identity, normals, scramble, unit
from sources.universe import FUNDS, NAMES, SECTOR_FUNDS, Sector, all_symbols, index_weights

BASE_DAY = date(2018, 4, 13)
"""The session before the market opens: every symbol closes it at its table price, and its open interest is the first known."""
FIRST_SESSION = date(2018, 4, 16)

_BURN_IN = 512
"""Days simulated before BASE_DAY, so that the slow processes start from their usual range rather than from zero."""
_DAY = 1.0 / 252.0
_CALM_VOLATILITY = 0.118
_DRIFT = 0.065
_OWN_DRAG = 0.3
"""Share of a stock's own variance taken off its drift: without it, rebalancing makes equal-weighted indices run away."""
_SECTOR_SHARE = 0.50
"""Volatility of a sector factor as a share of the market factor's."""
_OVERNIGHT_SHARE = 0.25
"""Share of a day's variance that falls between the close and the next open."""
_STOCK_PREMIUM = 1.06
_INDEX_PREMIUM = 1.21
"""Implied over expected volatility; larger for an index, whose price carries the correlation premium."""
_LOWEST_OWN_SHARE = 0.45
_BUILDING_DAYS = 3.0
"""Half-life in days with which open interest follows what its holders want."""
_BROAD_FUNDS = ("SPX", "NDX", "SPY", "QQQ", "IWM", "DIA", "SMH")


@dataclass(frozen=True, slots=True)
class Days:
    """The market at every close from BASE_DAY on; `days` columns, symbols in the order of `all_symbols`, stocks last.

    `log_close`, `centre` and `recent` (its averages over weeks and over days) and `call_tilt` (log of call over put open
    interest) have shape (symbols, days). `market`, `sector` and `own` are the day's log returns of the factors, shapes
    (days,), (sectors, days) and (stocks, days); `volatility` is the market factor's, a fraction a year, shape (days,);
    `own_volatility` (stocks, days).
    """

    log_close: Floats
    centre: Floats
    recent: Floats
    call_tilt: Floats
    market: Floats
    sector: Floats
    own: Floats
    volatility: Floats
    own_volatility: Floats


@dataclass(frozen=True, slots=True)
class MinuteState:
    """Every symbol at one minute: spot in dollars and expected volatility times premium, a fraction; shapes (symbols,)."""

    spot: Floats
    volatility: Floats


@dataclass(frozen=True, slots=True)
class Moment:
    """A trading minute: the session's index (BASE_DAY is 0), its day, and whole minutes since the open."""

    index: int
    session: Session
    minute: int

    @property
    def instant(self) -> datetime:
        return self.session.open + timedelta(minutes=self.minute)


class Market:
    """The whole demo market's paths. Building one draws every daily shock; minutes are drawn on demand."""

    def __init__(self, events: Sequence[MarketEvent] = ()) -> None:
        self.symbols = all_symbols()
        self.row = {symbol: row for row, symbol in enumerate(self.symbols)}
        self.sessions = [BASE_DAY, *sessions_between(FIRST_SESSION, LAST_DAY)]
        self._index_of_day = {day: index for index, day in enumerate(self.sessions)}
        self._names = [name for names in NAMES.values() for name in names]
        self._sector_of_name = np.repeat(np.arange(len(NAMES)), [len(names) for names in NAMES.values()])
        self._funds = len(FUNDS)
        self._weights = self._weight_matrix()
        self._beta = np.array([name.beta for name in self._names])
        self._usual_own = np.array([_own_volatility(name.volatility, name.beta) for name in self._names])
        self._landings = [self._land(event) for event in events]
        crowded = [one for one in self._landings if one.event.open_interest_ratio != 1.0]
        self._crowded = {row: [one for one in crowded if row in one.rows] for one in crowded for row in one.rows}
        self._labels = np.array(
            [identity(label) for label in ("market", *(str(sector) for sector in Sector), *self.symbols[self._funds :])],
            dtype=np.uint64,
        )
        self._bridges: Recent[int, Floats] = Recent(16)
        self._minutes: Recent[tuple[int, int], MinuteState] = Recent(16)
        self.days = self._draw_days()
        self.usual_volatility = self._volatilities(_CALM_VOLATILITY, self._usual_own)

    def index_of(self, day: date) -> int:
        """The column of a session's day; KeyError where the day has no session."""
        return self._index_of_day[day]

    def moment(self, instant: datetime) -> Moment:
        """The last trading minute at or before a UTC instant: the running session's, else the last session's close."""
        session = last_session(instant)
        whole = int((min(instant, session.close) - session.open).total_seconds()) // 60
        return Moment(self.index_of(session.date), session, whole)

    def at(self, moment: Moment) -> MinuteState:
        """Spot and volatility of every symbol at a trading minute."""
        return self._minutes.get((moment.index, moment.minute), lambda: self._minute(moment))

    def crowding(self, row: int, settled: int, expiry: date) -> float:
        """What planted events multiply the open interest of one symbol's expiry by when a session (its index) has settled."""
        ratio = 1.0
        for landing in self._crowded.get(row, ()):
            if landing.event.expiry in {None, expiry}:
                ratio *= landing.event.open_interest_ratio ** landing.built(settled)
        return ratio

    def _weight_matrix(self) -> Floats:
        weights = np.zeros((self._funds, len(self._names)))
        for row, fund in enumerate(FUNDS):
            for symbol, weight in (index_weights(fund.symbol) or {}).items():
                weights[row, self.row[symbol] - self._funds] = weight
        return weights

    def _land(self, event: MarketEvent) -> Landing:
        rows = tuple(self.row[symbol] for symbol in event.symbols)
        if event.jump and min(rows) < self._funds:
            raise ValueError("Only single stocks can jump; indices and ETFs follow their constituents.")
        session = last_session(event.start)
        minute = math.ceil((event.start - session.open).total_seconds() / 60)
        if event.start > session.close:
            session, minute = next_session(session.date), 0
        if not 1 <= event.minutes <= _length(session) - minute + 1:
            raise ValueError(f"A jump over {event.minutes} minutes does not fit into the session of {session.date}.")
        return Landing(rows, self.index_of(session.date), minute, event)

    def _stocks(self, landing: Landing) -> list[int]:
        return [row - self._funds for row in landing.rows]

    def _draw_days(self) -> Days:
        count = _BURN_IN + len(self.sessions)
        kept = slice(_BURN_IN, None)
        shock = normals("market", 0, count)
        level = _volatility_level(shock, count)
        before = np.concatenate([[_CALM_VOLATILITY], level[:-1]])
        market = _reverting_returns(before * math.sqrt(_DAY) * shock, 0.25) + _DRIFT * _DAY
        sector = np.stack(
            [_reverting_returns(_SECTOR_SHARE * before * math.sqrt(_DAY) * normals(str(one), 0, count), 0.4) for one in Sector]
        )
        own_volatility = np.empty((len(self._names), count))
        own = np.empty((len(self._names), count))
        for row, name in enumerate(self._names):
            mood = np.exp(_wandering(normals(name.symbol, 1, count), 40.0, 0.22))
            own_volatility[row] = self._usual_own[row] * mood * np.sqrt(level / _CALM_VOLATILITY)
            own[row, 0] = 0.0
            own[row, 1:] = own_volatility[row, :-1] * math.sqrt(_DAY) * normals(name.symbol, 0, count)[1:]
        own = _reverting_returns(own, 0.5) - (_OWN_DRAG * _DAY) * self._usual_own[:, None] ** 2
        log_return = self._beta[:, None] * market + sector[self._sector_of_name] + own
        for landing in self._landings:
            if landing.event.jump:
                log_return[self._stocks(landing), _BURN_IN + landing.index] += landing.event.jump
        fund_return = np.log1p(self._weights @ np.expm1(log_return))
        returns = np.concatenate([fund_return, log_return])
        tilt = self._call_tilts(market, returns, count)
        path = np.cumsum(returns, axis=1)
        centre, recent = (decaying_sum(path * (1.0 - _decay(days)), _decay(days)) for days in (15.0, 2.0))
        prices = np.array([fund.price for fund in FUNDS] + [name.price for name in self._names])
        offset = (np.log(prices) - path[:, _BURN_IN])[:, None]
        return Days(
            log_close=path[:, kept] + offset,
            centre=centre[:, kept] + offset,
            recent=recent[:, kept] + offset,
            call_tilt=tilt[:, kept],
            market=market[kept],
            sector=sector[:, kept],
            own=own[:, kept],
            volatility=level[kept],
            own_volatility=own_volatility[:, kept],
        )

    def _call_tilts(self, market: Floats, returns: Floats, count: int) -> Floats:
        """Who holds calls and who holds puts wanders slowly, together and apart; after a fall there are more puts."""
        common = _wandering(normals("positioning", 0, count), 20.0, 0.16)
        common += np.clip(6.0 * decaying_sum(market, _decay(7.0)), -0.9, 0.4)
        by_sector = {one: _wandering(normals(str(one), 2, count), 25.0, 0.20) for one in Sector}
        group: list[Floats] = [common * 0.4 for _ in _BROAD_FUNDS]
        group += [by_sector[sector] for sector in SECTOR_FUNDS]
        group += [by_sector[sector] for sector, names in NAMES.items() for _ in names]
        own = np.stack([_wandering(normals(symbol, 3, count), 25.0, 0.28) for symbol in self.symbols])
        recent = np.clip(1.2 * decaying_sum(returns, _decay(10.0)), -0.35, 0.35)
        own[: self._funds] *= 0.4
        recent[: self._funds] *= 0.5
        wanted = common + np.stack(group) + own + recent
        # Positions are built over days: without this the whole open interest would follow one day's move at once.
        tilt = decaying_sum((1.0 - _decay(_BUILDING_DAYS)) * wanted, _decay(_BUILDING_DAYS))
        for landing in self._landings:
            if landing.event.call_tilt:
                pressure = np.array([landing.pressure(index) for index in range(len(self.sessions))])
                tilt[list(landing.rows), _BURN_IN:] += landing.event.call_tilt * pressure
        return np.asarray(np.clip(tilt, -1.6, 1.6))

    def _minute(self, moment: Moment) -> MinuteState:
        days, index, minute = self.days, moment.index, moment.minute
        length = _length(moment.session)
        bridge = self._bridges.get(index, lambda: self._bridge(index, length))[:, minute]
        elapsed = float(_clock(length)[minute])
        before = index - 1
        level = float(days.volatility[before])
        scale = math.sqrt(_DAY)
        market_bridge = level * scale * float(bridge[0])
        sectors = len(Sector)
        market = elapsed * float(days.market[index]) + market_bridge
        sector = elapsed * days.sector[:, index] + _SECTOR_SHARE * level * scale * bridge[1 : 1 + sectors]
        own = elapsed * days.own[:, index] + days.own_volatility[:, before] * scale * bridge[1 + sectors :]
        log_return = self._beta * market + sector[self._sector_of_name] + own
        for landing in self._landings:
            if landing.index == index and landing.event.jump:
                log_return[self._stocks(landing)] += landing.event.jump * landing.arrived(index, minute)
        simple = np.expm1(log_return)
        spot = np.exp(days.log_close[:, before]) * (1.0 + np.concatenate([self._weights @ simple, simple]))

        rise = elapsed * math.log(days.volatility[index] / level) - _LEVERAGE / (level * scale) * market_bridge
        own_volatility = days.own_volatility[:, before] ** (1.0 - elapsed) * days.own_volatility[:, index] ** elapsed
        volatility = self._volatilities(level * math.exp(rise), own_volatility)
        for landing in self._landings:
            felt = landing.pressure(index) * landing.arrived(index, minute)
            if felt and landing.event.volatility_ratio != 1.0:
                volatility[list(landing.rows)] *= landing.event.volatility_ratio**felt
        return MinuteState(spot, volatility)

    def _bridge(self, index: int, length: int) -> Floats:
        """Each factor's wandering about a straight line to its close, in daily standard deviations, (factors, minutes + 1).

        It ends at 0; the first minute holds the overnight gap.
        """
        clock = _clock(length)
        day = np.uint64(self.sessions[index].toordinal())
        minutes: Words = np.arange(length + 1, dtype=np.uint64)
        words = scramble(scramble(self._labels + day)[:, None] + minutes)
        steps = (unit(words) - 0.5) * np.sqrt(12.0 * np.diff(clock, prepend=0.0))
        path = np.cumsum(steps, axis=1)
        return np.asarray(path - path[:, -1:] * clock)

    def _volatilities(self, level: float, own: Floats) -> Floats:
        """Implied volatility scale of every symbol from the factors' volatilities, fractions a year, shape (symbols,)."""
        factor = np.eye(len(Sector))[self._sector_of_name]
        fund_beta, fund_sector = self._weights @ self._beta, self._weights @ factor
        fund = level**2 * (fund_beta**2 + _SECTOR_SHARE**2 * (fund_sector**2).sum(axis=1)) + self._weights**2 @ own**2
        stock = level**2 * (self._beta**2 + _SECTOR_SHARE**2) + own**2
        return np.concatenate([_INDEX_PREMIUM * np.sqrt(fund), _STOCK_PREMIUM * np.sqrt(stock)])


def _length(session: Session) -> int:
    """Trading minutes of a session."""
    return int((session.close - session.open).total_seconds()) // 60


def _own_volatility(total: float, beta: float) -> float:
    """What is left of a stock's typical volatility after market and sector, a fraction a year."""
    shared = _CALM_VOLATILITY**2 * (beta**2 + _SECTOR_SHARE**2)
    return math.sqrt(max(total**2 - shared, (_LOWEST_OWN_SHARE * total) ** 2))


def _decay(half_life: float) -> float:
    """Daily decay of a process with that half-life in days."""
    return math.exp(-math.log(2.0) / half_life)


def _wandering(shock: Floats, half_life: float, deviation: float) -> Floats:
    """A mean-reverting process with that half-life in days and that long-run standard deviation, from standard normals."""
    decay = _decay(half_life)
    return decaying_sum(shock * (deviation * math.sqrt(1.0 - decay**2)), decay)


def _reverting_returns(shock: Floats, speed: float) -> Floats:
    """Daily log returns of a price that is pulled back to its trend at `speed` per year, so that no path runs away."""
    level = decaying_sum(shock, math.exp(-speed * _DAY))
    return np.diff(level, axis=-1, prepend=0.0)


_FAST_DAYS, _FAST_DEVIATION, _CORRELATION = 15.0, 0.30, 0.75
_SLOW_DAYS, _SLOW_DEVIATION = 120.0, 0.24
_LEVERAGE = _CORRELATION * _FAST_DEVIATION * math.sqrt(1.0 - _decay(_FAST_DAYS) ** 2)
"""Rise of log volatility for a market fall of one daily standard deviation."""


def _volatility_level(market_shock: Floats, count: int) -> Floats:
    """Volatility of the market factor at each close, a fraction a year: a fast part that falls feed, and a slow one."""
    mixed = math.sqrt(1.0 - _CORRELATION**2) * normals("volatility", 0, count) - _CORRELATION * market_shock
    fast = _wandering(mixed, _FAST_DAYS, _FAST_DEVIATION)
    slow = _wandering(normals("volatility", 1, count), _SLOW_DAYS, _SLOW_DEVIATION)
    return np.asarray(_CALM_VOLATILITY * np.exp(fast + slow))


def _clock(length: int) -> Floats:
    """Share of the day's variance spent by each minute, from the overnight share at the open to 1 at the close."""
    position = (np.arange(length) + 0.5) / length
    busy = 1.0 + 1.6 * (2.0 * position - 1.0) ** 2
    spent = np.concatenate([[0.0], np.cumsum(busy)]) / busy.sum()
    spent[-1] = 1.0
    return np.asarray(_OVERNIGHT_SHARE + (1.0 - _OVERNIGHT_SHARE) * spent)
