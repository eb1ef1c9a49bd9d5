"""The contracts of a chain that count, in the form in which they can be repriced at another spot, volatility and day.

Spot moves with the carry of each expiry held (F' = F·S'/S). With u = ln(S'/S) and c = ln(F/S)/T of the expiry,

    d1(u) = (ln(S/K) + c T + u) / (s sqrt T) + s sqrt T / 2

so that d1 is affine in u and one exponential an evaluation is all a gamma costs. A call and a put of one expiry, strike and
volatility have the same gamma, and the same change of delta, so they share a row. Source: this project's methodology, section 6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from exposure.chain import Chain, Indices, Instants, QuoteRows, expiry_instant, is_same_day, to_instant
from exposure.dealer import SignPair
from exposure.greeks import Bools, Floats
from exposure.instruments import AssetClass, asset_class
from exposure.sessions import EASTERN

# A volatility moved down stops here (or where it already was, if that is lower), because no volatility is no price.
LOWEST_MOVED_IV = 0.01


class SmileRule(StrEnum):
    """What a volatility does when spot moves: stay with its strike, or move along with spot (with moneyness)."""

    STICKY_STRIKE = "sticky_strike"
    STICKY_DELTA = "sticky_delta"


@dataclass(frozen=True, slots=True)
class Smile:
    """Volatilities by strike of every listed contract, one run a (expiry, right); `start` has shape (runs + 1,)."""

    start: Indices
    strike: Floats
    iv: Floats

    def at(self, run: int, strikes: Floats | np.float64) -> Floats:
        """Volatility of one run at `strikes` (any shape), linear in strike and flat outside the listed ones."""
        listed = slice(self.start[run], self.start[run + 1])
        return np.asarray(np.interp(strikes, self.strike[listed], self.iv[listed]))


@dataclass(frozen=True, slots=True)
class Terms:
    """What the rows of one expiry share, arrays of shape (expiries,), ascending in time.

    `expiry` UTC instants, `years` > 0, `carry` = r - q and `dividend_yield` = q, continuously compounded per year. `same_day`
    marks expiries on the Eastern date of the quotes.
    """

    expiry: Instants
    years: Floats
    carry: Floats
    dividend_yield: Floats
    same_day: Bools

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """Eastern calendar date of each expiry, `datetime64[D]`, shape (expiries,)."""
        moments = (datetime.fromtimestamp(at, UTC) for at in self.expiry.astype(np.int64).tolist())
        return np.array([at.astimezone(EASTERN).date() for at in moments], dtype="datetime64[D]")

    @property
    def dividend_discount(self) -> Floats:
        return np.asarray(np.exp(-self.dividend_yield * self.years))


@dataclass(frozen=True, slots=True)
class Holdings:
    """One symbol's contracts with open interest; row columns have shape (rows,), sorted by term.

    `call_shares` and `put_shares` are open interest times multiplier, unsigned. `smile` is present under sticky delta only; then
    a row is one contract, `run` points into the smile, and `volatility_points` has been added to what the smile says.
    """

    symbol: str
    asset_class: AssetClass
    spot: float
    quote_time: datetime
    terms: Terms
    term: Indices
    strike: Floats
    iv: Floats
    call_shares: Floats
    put_shares: Floats
    listed_strikes: Floats
    """Distinct strikes with open interest, ascending."""
    smile: Smile | None = None
    run: Indices | None = None
    volatility_points: float = 0.0

    def __len__(self) -> int:
        return len(self.strike)

    def signed_shares(self, signs: SignPair) -> Floats:
        """Shares of the dealers' position, positive where they are long; shape (rows,)."""
        return signs.call * self.call_shares + signs.put * self.put_shares

    @property
    def deviation(self) -> Floats:
        """Volatility times the root of time, shape (rows,)."""
        return np.asarray(self.iv * np.sqrt(self.terms.years)[self.term])

    @property
    def deviation_at_strike(self) -> Floats:
        """The deviation each row would have with spot at its strike, shape (rows,); under sticky strike just its deviation."""
        if self.smile is None or self.run is None:
            return self.deviation
        runs, place = np.unique(self.run, return_inverse=True)
        at_spot = np.array([self.smile.at(run, np.float64(self.spot)) for run in runs.tolist()], dtype=np.float64)
        return moved_volatility(at_spot, self.volatility_points)[place] * np.sqrt(self.terms.years)[self.term]

    @property
    def log_moneyness(self) -> Floats:
        """ln(F/K), shape (rows,)."""
        log_forward = np.log(self.spot) + self.terms.carry * self.terms.years
        return np.asarray(log_forward[self.term] - np.log(self.strike))

    def strike_step(self, spot: float) -> float:
        """Median gap between the distinct listed strikes within 5% of `spot`, in dollars; 0 where there are fewer than two."""
        near = self.listed_strikes[np.abs(self.listed_strikes / spot - 1.0) <= 0.05]
        if len(near) < 2:
            near = self.listed_strikes
        return float(np.median(np.diff(near))) if len(near) > 1 else 0.0

    def keeping(self, rows: Bools) -> Holdings:
        """The same holdings with only these rows; terms keep their places."""
        return replace(
            self,
            term=self.term[rows],
            strike=self.strike[rows],
            iv=self.iv[rows],
            call_shares=self.call_shares[rows],
            put_shares=self.put_shares[rows],
            run=None if self.run is None else self.run[rows],
        )

    def shifted(self, volatility_points: float, days: float) -> Holdings:
        """The same rows `days` later with every volatility moved, spot unchanged.

        Every row must outlive the days: drop the others with `keeping` first.
        """
        years = self.terms.years - days / 365.0
        # A term that is over has no rows, but its place is kept: any time will do there, as long as it has a square root.
        later = replace(self.terms, years=np.where(years > 0.0, years, self.terms.years))
        moved = moved_volatility(self.iv, volatility_points)
        return replace(self, terms=later, iv=moved, volatility_points=self.volatility_points + volatility_points)


def outlive(years: Floats, days: float) -> Bools:
    """Which expiries are still to come when `days` have passed; shape of `years`."""
    return np.asarray(years - days / 365.0 > 0.0)


def moved_volatility(iv: Floats, points: float) -> Floats:
    """Volatility moved by `points` (1 point = 0.01), not below `LOWEST_MOVED_IV` unless it was."""
    if points == 0.0:
        return iv
    return np.maximum(iv + points / 100.0, np.minimum(iv, LOWEST_MOVED_IV))


def terms_of(chain: Chain) -> Terms:
    """The expiries of a chain, at the places that `chain.term` points to."""
    curve = chain.curve
    expiry = np.zeros(len(curve.years), dtype="datetime64[s]")
    expiry[chain.term] = chain.expiry
    carry = np.log(curve.forward / chain.spot) / curve.years
    return Terms(expiry, curve.years, carry, curve.rate - carry, curve.same_day)


def holdings_of(chain: Chain, smile: SmileRule = SmileRule.STICKY_STRIKE) -> Holdings:
    """The contracts of a chain with open interest, on its own clock, forwards and volatilities. May be empty."""
    terms = terms_of(chain)
    held = np.flatnonzero(chain.open_interest > 0)
    shares = chain.open_interest[held] * chain.multiplier[held]
    columns = (chain.term[held], chain.is_call[held], chain.strike[held], chain.iv[held], shares)
    if smile is SmileRule.STICKY_STRIKE:
        return _merged(chain.symbol, chain.asset_class, chain.spot, chain.quote_time, terms, *columns)
    term, is_call, strike, iv, _ = columns
    group = chain.term * 2 + ~chain.is_call
    start = np.append(np.flatnonzero(np.diff(group, prepend=-1)), len(group)).astype(np.int64)
    run = np.cumsum(np.diff(group, prepend=-1) != 0) - 1
    return Holdings(
        symbol=chain.symbol,
        asset_class=chain.asset_class,
        spot=chain.spot,
        quote_time=chain.quote_time,
        terms=terms,
        term=term,
        strike=strike,
        iv=iv,
        call_shares=np.where(is_call, shares, 0.0),
        put_shares=np.where(is_call, 0.0, shares),
        listed_strikes=np.unique(strike),
        smile=Smile(start, chain.strike, chain.iv),
        run=run[held].astype(np.int64),
    )


def holdings_of_rows(
    rows: QuoteRows, *, rate: float = 0.0, dividend_yield: float = 0.0, whole_days: bool = True, keep_expired: bool = True
) -> Holdings:
    """The rows of a source taken as they are: own volatility, one rate and yield for all, nothing fitted and nothing judged.

    The recipe of published chart scripts, against which the repricing is tested; an answer is never made of it. With `whole_days`
    years are the calendar days from the Eastern date of the quotes over 365, at least one. With `keep_expired` a contract that
    expired counts as one that expires on the next day (or, on the exact clock, as one second). Rows without open interest or
    without a volatility are left out.
    """
    today = rows.quote_time.astimezone(EASTERN).date()
    days = np.array([(day - today).days for day in rows.expiry_dates], dtype=np.float64)
    instants = [[to_instant(expiry_instant(root, day)) for day in rows.expiry_dates] for root in rows.roots]
    by_root_and_date = np.array(instants, dtype="datetime64[s]").reshape(len(rows.roots), len(rows.expiry_dates))
    seconds = (by_root_and_date - to_instant(rows.quote_time)).astype("timedelta64[s]").astype(np.float64)
    alive = seconds[rows.root_index, rows.expiry_index] > 0
    used = (rows.open_interest > 0) & (rows.iv > 0) & (alive | keep_expired)
    expiry, term = np.unique(by_root_and_date[rows.root_index[used], rows.expiry_index[used]], return_inverse=True)
    if whole_days:
        years = np.zeros(len(expiry))
        years[term] = np.maximum(days, 1.0)[rows.expiry_index[used]] / 365.0
    else:
        elapsed = (expiry - to_instant(rows.quote_time)).astype("timedelta64[s]").astype(np.float64)
        years = np.maximum(elapsed, 1.0) / (365.0 * 86400.0)
    flat = np.full(len(expiry), 1.0)
    terms = Terms(expiry, years, flat * (rate - dividend_yield), flat * dividend_yield, is_same_day(rows.quote_time, expiry))
    shares = rows.open_interest[used] * rows.multiplier[used]
    columns = (term.astype(np.int64), rows.is_call[used], rows.strike[used], rows.iv[used], shares)
    return _merged(rows.symbol, asset_class(rows.symbol), rows.spot, rows.quote_time, terms, *columns)


def _merged(
    symbol: str,
    kind: AssetClass,
    spot: float,
    quote_time: datetime,
    terms: Terms,
    term: Indices,
    is_call: Bools,
    strike: Floats,
    iv: Floats,
    shares: Floats,
) -> Holdings:
    """Rows of contracts that differ only in their right become one."""
    order = np.lexsort((iv, strike, term))
    term, strike, iv = term[order], strike[order], iv[order]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (np.diff(term) != 0) | (np.diff(strike) != 0) | (np.diff(iv) != 0)
    first = np.flatnonzero(is_first)
    called, put = np.where(is_call, shares, 0.0)[order], np.where(is_call, 0.0, shares)[order]
    return Holdings(
        symbol=symbol,
        asset_class=kind,
        spot=spot,
        quote_time=quote_time,
        terms=terms,
        term=term[first],
        strike=strike[first],
        iv=iv[first],
        call_shares=_sums(called, first),
        put_shares=_sums(put, first),
        listed_strikes=np.unique(strike),
    )


def _sums(column: Floats, first: NDArray[np.intp]) -> Floats:
    return np.add.reduceat(column, first) if len(first) else np.zeros(0)
