"""One symbol's option chain: from the rows a source listed to the contracts an exposure can be computed from.

`QuoteRows` is what a reader hands over, before any judgement. `build_chain` drops what cannot count (and says how much open
interest that was), finds the forward of each expiry and a volatility for each contract. `Chain` is the result, sorted by
(expiry, right, strike), so that sums by expiry and right are sums over runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from exposure.dealer import Coverage, Dropped, DropReason, ForwardBasis
from exposure.greeks import Bools, Floats
from exposure.implied import implied_volatility
from exposure.instruments import AssetClass, asset_class, is_adjusted_series, is_european, settles_at_open
from exposure.parity import ForwardCurve, ParityPairs, fit_forwards
from exposure.sessions import EASTERN, FIRST_DAY, LAST_DAY, eastern, session_on

Indices = NDArray[np.int64]
Instants = NDArray[np.datetime64]

SECONDS_PER_YEAR = 365 * 86400
_STRIKE_STEPS = 1 << 40
_LARGEST_STRIKE = _STRIKE_STEPS / 1000
# A listed volatility outside these is a placeholder, not a volatility, and would overflow the greeks.
_LOWEST_IV, _HIGHEST_IV = 1e-4, 1e2


@dataclass(frozen=True, slots=True)
class QuoteRows:
    """Every contract a source listed for one symbol at one instant.

    All arrays have shape (rows,). `root_index` and `expiry_index` point into `roots` and `expiry_dates`. A quote, volatility
    or open interest that the source does not give is NaN. `iv` is a fraction. `quote_time` is the instant the quotes are
    from, which is where the chain is valued. `unreadable` counts rows the reader could not parse.
    """

    symbol: str
    spot: float
    quote_time: datetime
    oi_date: date | None
    roots: Sequence[str]
    expiry_dates: Sequence[date]
    root_index: Indices
    expiry_index: Indices
    is_call: Bools
    strike: Floats
    bid: Floats
    ask: Floats
    iv: Floats
    open_interest: Floats
    multiplier: Floats
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Chain:
    """One symbol's usable contracts at one instant, sorted by (expiry, right with calls first, strike).

    Contract columns have shape (contracts,); `term` points into `curve`, whose arrays have shape (expiries,). `expiry` is a
    UTC instant, `iv` a fraction > 0, `open_interest` contracts >= 0, `bid` and `ask` dollars or NaN.
    """

    symbol: str
    asset_class: AssetClass
    spot: float
    quote_time: datetime
    oi_date: date | None
    expiry: Instants
    term: Indices
    is_call: Bools
    strike: Floats
    iv: Floats
    open_interest: Floats
    multiplier: Floats
    bid: Floats
    ask: Floats
    curve: ForwardCurve
    coverage: Coverage

    def __len__(self) -> int:
        return len(self.strike)


def expiry_instant(root: str, day: date) -> datetime:
    """When a contract stops living, UTC: 09:30 Eastern for AM-settled index roots, otherwise that day's close.

    The close is 16:00 Eastern, 13:00 on a half day: a contract that died at 13:00 would otherwise show three hours of gamma.
    """
    if settles_at_open(root):
        return eastern(day, 9, 30)
    session = session_on(day) if FIRST_DAY <= day <= LAST_DAY else None
    return session.close if session else eastern(day, 16)


def years_between(start: datetime, ends: Instants) -> Floats:
    """ACT/365 by the second from `start` to each of `ends`; negative for what has passed."""
    seconds = ends.astype("datetime64[s]").astype(np.int64) - start.timestamp()
    return np.asarray(seconds / SECONDS_PER_YEAR, dtype=np.float64)


def to_instant(moment: datetime) -> np.datetime64:
    """A timezone-aware datetime as the UTC `datetime64[s]` that chain columns hold."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")


def is_same_day(quote_time: datetime, expiries: Instants) -> Bools:
    """Which expiries fall on the Eastern date of the quotes."""
    day = quote_time.astimezone(EASTERN).date()
    first, last = to_instant(eastern(day, 0)), to_instant(eastern(day, 23, 59))
    return np.asarray((expiries >= first) & (expiries <= last))


def build_chain(rows: QuoteRows, *, flat_rate: float = 0.04) -> Chain:
    """The usable contracts of `rows`, with forwards, volatilities and coverage.

    `flat_rate` is the continuously compounded rate used where parity cannot say; see `exposure.parity`. Bad rows never fail
    the chain: they are dropped under a `DropReason`. The result may be empty, and is where spot is not a price.
    """
    expiry, verdict = _first_judgement(rows)
    position = np.flatnonzero(verdict == _KEPT)
    position, repeated = _sorted_and_repeated(rows, expiry, position)
    verdict[repeated] = _CODE[DropReason.DUPLICATE]

    listed = _Listed.take(rows, expiry, position)
    instants = np.unique(listed.expiry)
    term = np.searchsorted(instants, listed.expiry).astype(np.int64)
    sides = _Sides.match(term, listed.is_call, listed.strike)
    curve = fit_forwards(
        rows.spot,
        years_between(rows.quote_time, instants),
        is_same_day(rows.quote_time, instants),
        _parity_pairs(listed, term, sides),
        european=is_european(rows.symbol),
        flat_rate=flat_rate,
    )
    iv = _choose_iv(listed, term, sides, curve)
    has_iv = np.isfinite(iv)
    verdict[position[~has_iv & (listed.open_interest > 0)]] = _CODE[DropReason.NO_IV]
    used = listed.open_interest[has_iv]
    return Chain(
        symbol=rows.symbol,
        asset_class=asset_class(rows.symbol),
        spot=rows.spot,
        quote_time=rows.quote_time,
        oi_date=rows.oi_date,
        expiry=listed.expiry[has_iv],
        term=term[has_iv],
        is_call=listed.is_call[has_iv],
        strike=listed.strike[has_iv],
        iv=iv[has_iv],
        open_interest=used,
        multiplier=listed.multiplier[has_iv],
        bid=listed.bid[has_iv],
        ask=listed.ask[has_iv],
        curve=curve,
        coverage=_coverage(rows, verdict, used, curve.from_parity[term[has_iv]]),
    )


_DROP_REASONS = tuple(DropReason)
_CODE = {reason: code for code, reason in enumerate(_DROP_REASONS)}
_KEPT = -1


def _first_judgement(rows: QuoteRows) -> tuple[Instants, NDArray[np.int8]]:
    """Each row's expiry instant, and the code of the reason to drop it before any pricing (or `_KEPT`)."""
    instants = [[to_instant(expiry_instant(root, day)) for day in rows.expiry_dates] for root in rows.roots]
    by_root_and_date = np.array(instants, dtype="datetime64[s]").reshape(len(rows.roots), len(rows.expiry_dates))
    expiry = by_root_and_date[rows.root_index, rows.expiry_index]
    adjusted = np.array([is_adjusted_series(root, rows.symbol) for root in rows.roots], dtype=bool)
    well_formed = (rows.strike > 0) & (rows.strike < _LARGEST_STRIKE)
    well_formed &= (rows.multiplier > 0) & np.isfinite(rows.multiplier)
    well_formed &= (rows.open_interest >= 0) & np.isfinite(rows.open_interest)
    well_formed &= 0 < rows.spot < np.inf
    verdict = np.full(len(rows.strike), _KEPT, dtype=np.int8)
    verdict[expiry <= to_instant(rows.quote_time)] = _CODE[DropReason.EXPIRED]
    verdict[adjusted[rows.root_index]] = _CODE[DropReason.ADJUSTED_SERIES]
    verdict[~well_formed] = _CODE[DropReason.BAD_ROW]
    return expiry, verdict


def _sorted_and_repeated(
    rows: QuoteRows, expiry: Instants, position: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions in chain order, one a contract, and those of the rows that list a contract again.

    Of several rows for one contract the one with the most open interest counts, wherever it stands.
    """
    key = _contract_key(expiry[position], rows.is_call[position], rows.strike[position])
    order = np.argsort(key, kind="stable")
    if np.any(np.diff(key[order]) == 0):
        order = np.lexsort((-rows.open_interest[position], key))
    again = np.diff(key[order], prepend=-1) == 0
    return position[order[~again]], position[order[again]]


def _contract_key(expiry: Instants, is_call: Bools, strike: Floats) -> Indices:
    """One integer a contract that sorts by (expiry, right, strike) and is equal only for the same contract."""
    _, term = np.unique(expiry, return_inverse=True)
    return _level(term.astype(np.int64) * 2 + ~is_call, strike)


def _level(group: Indices, strike: Floats) -> Indices:
    """Group and strike (to a tenth of a cent) as one sortable integer."""
    return np.asarray(group * _STRIKE_STEPS + np.rint(strike * 1000).astype(np.int64))


@dataclass(frozen=True, slots=True)
class _Listed:
    """The rows that survive the first judgement, in chain order."""

    expiry: Instants
    is_call: Bools
    strike: Floats
    bid: Floats
    ask: Floats
    iv: Floats
    open_interest: Floats
    multiplier: Floats

    @staticmethod
    def take(rows: QuoteRows, expiry: Instants, position: NDArray[np.intp]) -> _Listed:
        return _Listed(
            expiry[position],
            rows.is_call[position],
            rows.strike[position],
            rows.bid[position],
            rows.ask[position],
            rows.iv[position],
            rows.open_interest[position],
            rows.multiplier[position],
        )

    @property
    def two_sided(self) -> Bools:
        return np.asarray((self.bid > 0) & (self.ask >= self.bid) & np.isfinite(self.ask))

    @property
    def mid(self) -> Floats:
        return np.asarray(0.5 * (self.bid + self.ask))


@dataclass(frozen=True, slots=True)
class _Sides:
    """The calls and puts that share an expiry and strike: positions pair by pair, and each contract's other side.

    `other` is the contract's own position where it has no other side.
    """

    call: NDArray[np.intp]
    put: NDArray[np.intp]
    other: NDArray[np.intp]

    @staticmethod
    def match(term: Indices, is_call: Bools, strike: Floats) -> _Sides:
        level = _level(term, strike)
        calls, puts = np.flatnonzero(is_call), np.flatnonzero(~is_call)
        other = np.arange(len(strike))
        if len(calls) == 0 or len(puts) == 0:
            return _Sides(calls[:0], puts[:0], other)
        nearest = np.minimum(np.searchsorted(level[calls], level[puts]), len(calls) - 1)
        paired = level[calls[nearest]] == level[puts]
        call, put = calls[nearest[paired]], puts[paired]
        other[call], other[put] = put, call
        return _Sides(call, put, other)


def _parity_pairs(listed: _Listed, term: Indices, sides: _Sides) -> ParityPairs:
    """The strikes at which both sides have a two-sided quote."""
    quoted = listed.two_sided[sides.call] & listed.two_sided[sides.put]
    call, put = sides.call[quoted], sides.put[quoted]
    mid, spread = listed.mid, listed.ask - listed.bid
    return ParityPairs(term[call], listed.strike[call], mid[call] - mid[put], spread[call] + spread[put])


def _choose_iv(listed: _Listed, term: Indices, sides: _Sides, curve: ForwardCurve) -> Floats:
    """A volatility for each contract, NaN where there is none.

    Both rights of a strike take the out-of-the-money side's volatility (a quote deep in the money is mostly intrinsic value and
    noise), then the other side's, then one solved from the mid of the contract's own two-sided quote.
    """
    own = np.where((listed.iv >= _LOWEST_IV) & (listed.iv <= _HIGHEST_IV), listed.iv, np.nan)
    opposite = own[sides.other]
    forward = curve.forward[term]
    out_of_the_money = listed.is_call == (listed.strike >= forward)
    preferred = np.where(out_of_the_money, own, opposite)
    iv = np.where(np.isfinite(preferred), preferred, np.where(out_of_the_money, opposite, own))
    unsolved = np.flatnonzero(~np.isfinite(iv) & (listed.open_interest > 0))
    if len(unsolved):
        iv[unsolved] = _solved_iv(listed, term, sides, curve, unsolved)
    return iv


def _solved_iv(listed: _Listed, term: Indices, sides: _Sides, curve: ForwardCurve, unsolved: NDArray[np.intp]) -> Floats:
    """Volatility from a mid: the out-of-the-money side's where it has a two-sided quote, else the contract's own; or NaN."""
    other = sides.other[unsolved]
    in_the_money = listed.is_call[unsolved] != (listed.strike[unsolved] >= curve.forward[term[unsolved]])
    quoted = np.where(in_the_money & listed.two_sided[other], other, unsolved)
    solved = implied_volatility(
        listed.mid[quoted],
        curve.forward[term[quoted]],
        listed.strike[quoted],
        curve.years[term[quoted]],
        curve.rate[term[quoted]],
        listed.is_call[quoted],
    )
    return np.where(listed.two_sided[quoted], solved, np.nan)


def _coverage(rows: QuoteRows, verdict: NDArray[np.int8], used: Floats, from_parity: Bools) -> Coverage:
    known = np.isfinite(rows.open_interest) & (rows.open_interest >= 0)
    open_interest = np.where(known, rows.open_interest, 0.0)
    dropped = {}
    for reason in _DROP_REASONS:
        is_bad = reason is DropReason.BAD_ROW
        hit = (verdict == _CODE[reason]) & ((open_interest > 0) | is_bad)
        contracts = int(np.count_nonzero(hit)) + (rows.unreadable if is_bad else 0)
        if contracts:
            told = bool(known[hit].all()) and not (is_bad and rows.unreadable)
            dropped[reason] = Dropped(contracts, float(open_interest[hit].sum()) if told else None)
    total = float(used.sum())
    parity_share = float(used[from_parity].sum()) / total if total > 0 else float(from_parity.any())
    return Coverage(
        listed=len(rows.strike) + rows.unreadable,
        seen=int(np.count_nonzero(open_interest > 0)),
        used=int(np.count_nonzero(used > 0)),
        open_interest_seen=float(open_interest.sum()),
        open_interest_used=total,
        dropped=dropped,
        forward_basis=_basis(parity_share),
        parity_share=parity_share,
    )


def _basis(parity_share: float) -> ForwardBasis:
    if parity_share == 0.0:
        return ForwardBasis.FLAT_RATE
    return ForwardBasis.PARITY if parity_share == 1.0 else ForwardBasis.MIXED
