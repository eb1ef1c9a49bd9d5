"""What is listed on one symbol for one session, and how much of each contract is open.

Strikes and open interest depend on the settled state of earlier sessions only, so they hold for the whole session. Open
interest of a contract is a life cycle (its kind's size, ripening since it was listed) times a place (distance from an
average of spot, round strikes first) times its own fixed noise times the symbol's call tilt: every factor moves slowly, so a
contract's open interest does too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from exposure.chain import Indices, Instants, to_instant
from exposure.dealer import Coverage, ForwardBasis
from exposure.greeks import Bools, Floats
from exposure.instruments import AssetClass, asset_class
from sources.demo.expiries import Expiry, Kind, listed_expiries
from sources.demo.noise import Words, identity, scramble, unit
from sources.demo.paths import Market, Moment
from sources.universe import FUNDS, NAMES, Cadence, Fund, Name, Sector

_NOTCHES = (0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0)
"""Distances between strikes in dollars; two notches up is the coarse grid, always a multiple of the fine one."""
_FINENESS = 0.024
"""Distance between strikes over spot and usual volatility; smaller for the busiest underlyings."""
_BUSY_FINENESS = {"SPX": 0.0115, "NDX": 0.016, "SPY": 0.014, "QQQ": 0.016, "IWM": 0.018}
_FINE_REACH, _FULL_REACH = 1.5, 4.0
"""Standard deviations over which the fine, and any, strikes reach."""
_LEAST_FINE, _LEAST_FULL = 0.025, 0.11
"""The same as least log distances, for short dates."""
_HIGHEST_REACH = 1.0
"""Largest log distance of a strike above spot, so that long dates do not reach absurd prices."""

_GAMMA_PER_MARKET_VALUE = 1.1e6
"""Usual gross gamma of a stock worth a billion dollars, dollars per 1%; it grows with size to the power below."""
_GAMMA_POWER = 0.9
_CONTRACTS_PER_GAMMA = 0.027
"""Contracts times spot in a plain monthly expiry for one dollar of gross gamma and a volatility of 1."""
_DAY_TRADED = {"SPX": 5.0, "SPY": 5.0, "QQQ": 5.0}
"""Times the usual open interest of a daily or weekly expiry on its last day; the excess halves with every session before that."""
_OTHERS_SHARE = 0.7
"""What is left for everything else where there are day traders, so that gross gamma stays at the usual figure."""
_CALL_BIAS = {AssetClass.STOCK: 0.15, AssetClass.ETF: 0.10, AssetClass.INDEX: 0.15}
"""Log of call over put open interest at a call tilt of 0."""
_YIELDS = {
    Sector.TECHNOLOGY: 0.007,
    Sector.COMMUNICATION_SERVICES: 0.012,
    Sector.CONSUMER_DISCRETIONARY: 0.010,
    Sector.CONSUMER_STAPLES: 0.028,
    Sector.ENERGY: 0.035,
    Sector.FINANCIALS: 0.020,
    Sector.HEALTH_CARE: 0.018,
    Sector.INDUSTRIALS: 0.017,
    Sector.MATERIALS: 0.019,
    Sector.REAL_ESTATE: 0.036,
    Sector.UTILITIES: 0.033,
}
_FUND_YIELD = 0.014
_MULTIPLIER = 100.0


@dataclass(frozen=True, slots=True)
class Profile:
    """What distinguishes one symbol's options: `activity` is dollars of spot in a plain monthly at maturity."""

    symbol: str
    row: int
    asset_class: AssetClass
    cadence: Cadence
    activity: float
    dividend_yield: float


@dataclass(frozen=True, slots=True)
class Listing:
    """The contracts of one symbol during one session, after those that died before the quote.

    A rung is one strike of one expiry: `strike` and `term` have shape (rungs,), sorted by (term, strike). `rung` maps each
    contract, in chain order, to its rung; the other columns have shape (contracts,).
    """

    instants: Instants
    strike: Floats
    log_strike: Floats
    term: Indices
    rung: Indices
    is_call: Bools
    open_interest: Floats
    contract_term: Indices
    multiplier: Floats
    coverage: Coverage


def profile(market: Market, symbol: str) -> Profile:
    """The options profile of a symbol of the market."""
    row = market.row[symbol]
    usual = float(market.usual_volatility[row])
    listed, dividend_yield = _table_row(symbol)
    if isinstance(listed, Fund):
        gamma = listed.gross_gamma * 1e9
    else:
        gamma = _GAMMA_PER_MARKET_VALUE * listed.market_value**_GAMMA_POWER * listed.crowd
    others = _OTHERS_SHARE if symbol in _DAY_TRADED else 1.0
    activity = others * gamma * usual * _CONTRACTS_PER_GAMMA
    return Profile(symbol, row, asset_class(symbol), listed.cadence, activity, dividend_yield)


def list_contracts(market: Market, one: Profile, moment: Moment, settled: int) -> Listing:
    """What is listed at a trading minute, with the open interest of session `settled` (an index before the moment's).

    It is the same at every minute of a session but the close, when that day's contracts are gone.
    """
    quote_time = moment.instant
    listed = [expiry for expiry in listed_expiries(one.symbol, one.cadence, moment.session.date) if expiry.instant > quote_time]
    ladder = _ladder(market, one, listed, moment.index, settled)
    calls, puts = _open_interest(market, one, listed, ladder, settled)
    stops = np.searchsorted(ladder.term, np.arange(len(listed) + 1))
    rungs = np.arange(len(ladder.strike))
    rung = np.concatenate([rungs[start:stop] for start, stop in pairwise(stops) for _ in range(2)])
    is_call = np.repeat(np.tile([True, False], len(listed)), np.repeat(np.diff(stops), 2))
    open_interest = np.where(is_call, calls[rung], puts[rung])
    held, total = int(np.count_nonzero(open_interest)), float(open_interest.sum())
    return Listing(
        instants=np.array([to_instant(expiry.instant) for expiry in listed], dtype="datetime64[s]"),
        strike=ladder.strike,
        log_strike=np.log(ladder.strike),
        term=ladder.term,
        rung=rung,
        is_call=is_call,
        open_interest=open_interest,
        contract_term=ladder.term[rung],
        multiplier=np.full(len(rung), _MULTIPLIER),
        coverage=Coverage(len(rung), held, held, total, total, {}, ForwardBasis.MODEL, 0.0),
    )


def _table_row(symbol: str) -> tuple[Name | Fund, float]:
    for fund in FUNDS:
        if fund.symbol == symbol:
            return fund, _FUND_YIELD
    for sector, names in NAMES.items():
        for name in names:
            if name.symbol == symbol:
                return name, _YIELDS[sector]
    raise KeyError(symbol)


@dataclass(frozen=True, slots=True)
class _Ladder:
    """Every strike of every expiry, shape (rungs,), sorted by (term, strike).

    `steps` is the strike in fine steps, `coarse` how many of them make a coarse one, `place` its log distance from the
    average of spot its holders go by, `spread` the standard deviation of that for the expiry. `weight` is the share of an
    expiry's open interest that one strike stands for, per dollar of spot; it fades to 0 where the fine strikes and where the
    whole ladder end, so that no contract with open interest vanishes.
    """

    term: Indices
    strike: Floats
    steps: Indices
    coarse: Indices
    place: Floats
    spread: Floats
    weight: Floats


def _ladder(market: Market, one: Profile, listed: Sequence[Expiry], session: int, settled: int) -> _Ladder:
    days = market.days
    recency = np.array([expiry.kind.value.recency for expiry in listed])
    centre = (1.0 - recency) * days.centre[one.row, settled] + recency * days.recent[one.row, settled]
    last = float(days.log_close[one.row, session - 1])
    step, coarse = _steps(market, one, listed, session)
    ordinal = market.sessions[settled].toordinal()
    life = np.array([max(expiry.day.toordinal() - ordinal, expiry.kind.value.width_days) for expiry in listed])
    spread = float(market.usual_volatility[one.row]) * np.sqrt(life / 365.0)
    fine = np.clip(_FINE_REACH * spread, _LEAST_FINE, _HIGHEST_REACH)
    full = np.maximum(_FULL_REACH * spread, _LEAST_FULL)

    lowest = np.maximum(np.ceil(np.exp(np.minimum(centre, last) - full) / step), 1.0).astype(np.int64)
    highest = np.floor(np.exp(np.maximum(centre, last) + np.minimum(full, _HIGHEST_REACH)) / step).astype(np.int64)
    counts = highest - lowest + 1
    term = np.repeat(np.arange(len(listed)), counts)
    steps = np.arange(len(term)) - np.repeat(np.cumsum(counts) - counts - lowest, counts)
    is_coarse = steps % coarse[term] == 0
    price = steps * step[term]
    near_low, near_high = np.exp(np.minimum(centre, last) - fine), np.exp(np.maximum(centre, last) + fine)
    kept = np.flatnonzero(is_coarse | ((price > near_low[term]) & (price < near_high[term])))
    term, steps, price, is_coarse = term[kept], steps[kept], price[kept], is_coarse[kept]
    place = np.log(price) - centre[term]
    end = np.where(is_coarse, np.minimum(full, _HIGHEST_REACH)[term], fine[term])
    fade = np.maximum(1.0 - (place / end) ** 2, 0.0)
    return _Ladder(
        term=term,
        strike=price,
        steps=steps,
        coarse=coarse[term],
        place=place,
        spread=spread[term],
        weight=fade * (step / spread * np.exp(-2.0 * centre))[term],
    )


def _steps(market: Market, one: Profile, listed: Sequence[Expiry], session: int) -> tuple[Floats, Indices]:
    """Fine step in dollars and fine steps in a coarse one, by expiry: fixed by spot when the expiry began to trade."""
    began = [bisect_left(market.sessions, expiry.listed_on, hi=session) - 1 for expiry in listed]
    price = np.exp(market.days.log_close[one.row, np.maximum(began, 0)])
    dollars = np.array(_NOTCHES)
    wanted = price * float(market.usual_volatility[one.row]) * _BUSY_FINENESS.get(one.symbol, _FINENESS)
    notch = np.searchsorted(np.sqrt(dollars[:-1] * dollars[1:]), wanted)
    notch = np.clip(notch + [expiry.kind.value.notches for expiry in listed], 0, len(dollars) - 3)
    return dollars[notch], np.rint(dollars[notch + 2] / dollars[notch]).astype(np.int64)


def _open_interest(
    market: Market, one: Profile, listed: Sequence[Expiry], ladder: _Ladder, settled: int
) -> tuple[Floats, Floats]:
    """Open calls and puts of each rung, whole contracts, shapes (rungs,)."""
    day = market.sessions[settled]
    age = np.array([(day - expiry.listed_on).days + 1 for expiry in listed])
    ripening = np.array([expiry.kind.value.ripening for expiry in listed])
    size = np.array([expiry.kind.value.size for expiry in listed]) * (1.0 - np.exp(-np.maximum(age, 0) / ripening))
    size *= [market.crowding(one.row, settled, expiry.day) * _day_traders(market, one, expiry, settled) for expiry in listed]
    base = one.activity * size[ladder.term] * ladder.weight * _roundness(ladder)
    lean = 0.5 * (float(market.days.call_tilt[one.row, settled]) + _CALL_BIAS[one.asset_class])

    codes = np.array([identity(f"{one.symbol} {expiry.root} {expiry.day}") for expiry in listed], dtype=np.uint64)
    words = scramble(codes[ladder.term] + np.rint(ladder.strike * 1000.0).astype(np.uint64))
    place = ladder.place / ladder.spread
    # Calls are held above spot and puts below it: that is why dealers are short gamma after a fall.
    calls = base * _hump(place - 0.50, below=0.6, above=1.15) * np.exp(lean)
    puts = base * _hump(place + 0.50, below=1.15, above=0.6) * np.exp(-lean)
    turn = day.toordinal() / 40.0
    return np.rint(calls * _habit(words, turn)), np.rint(puts * _habit(scramble(words), turn))


def _day_traders(market: Market, one: Profile, expiry: Expiry, settled: int) -> float:
    """What those who trade only its last days multiply the open interest of an expiry by."""
    most = _DAY_TRADED.get(one.symbol, 1.0)
    if most == 1.0 or expiry.kind not in {Kind.DAILY, Kind.WEEKLY}:
        return 1.0
    sessions_left = bisect_left(market.sessions, expiry.day, lo=settled) - settled
    return 1.0 + (most - 1.0) * 0.5 ** (sessions_left - 1)


def _roundness(ladder: _Ladder) -> Floats:
    """How much a strike attracts for being round: every coarse step, every second, every fourth."""
    liking = np.where(ladder.steps % ladder.coarse == 0, 2.0, 0.6)
    liking[ladder.steps % (2 * ladder.coarse) == 0] *= 1.5
    liking[ladder.steps % (4 * ladder.coarse) == 0] *= 1.4
    return np.asarray(liking)


def _hump(distance: Floats, *, below: float, above: float) -> Floats:
    """1 at no distance, falling off exponentially, at different rates on either side; in standard deviations."""
    scaled = distance / np.where(distance < 0.0, below, above)
    return np.exp(1.0 - np.sqrt(1.0 + 2.0 * scaled * scaled))


def _habit(words: Words, turn: float) -> Floats:
    """A contract's fixed share of the attention its neighbours get, with a slow swing of its own."""
    share = unit(words)
    phase = unit(scramble(words))
    return np.asarray(np.exp(1.5 * (share - 0.5)) * (1.0 + 0.12 * np.sin((2.0 * np.pi) * (turn + phase))))
