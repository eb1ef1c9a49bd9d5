"""The prices at which one symbol's dealer gamma is largest, or changes sign.

Every level is a practitioner's construction under an assumed sign convention, not a result of the academic literature. Walls and
the strike table value each contract at today's spot; the flip reprices all of them at other spots (`exposure.profile`). Source:
this project's methodology, section 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np

from exposure.chain import Chain
from exposure.dealer import Greek, SignConvention, sign_pair
from exposure.greeks import Bools, Floats
from exposure.holdings import SmileRule, holdings_of, terms_of
from exposure.profile import DEFAULT_WIDTH, leg_gex_by_row
from exposure.zero_gamma import ZeroGamma, zero_gamma


@dataclass(frozen=True, slots=True)
class StrikeExposure:
    """One strike summed over expiries: dollars of delta per 1% move, and contracts.

    `call_gex` and `put_gex` carry no dealer sign (both >= 0); `net_gex` is signed by the convention asked for.
    """

    strike: float
    call_gex: float
    put_gex: float
    net_gex: float
    call_open_interest: float
    put_open_interest: float

    @property
    def open_interest(self) -> float:
        return self.call_open_interest + self.put_open_interest


@dataclass(frozen=True, slots=True)
class StrikeLevel:
    """A strike and the number that made it a level: GEX in $ per 1%, or contracts for `highest_open_interest`."""

    strike: float
    value: float


@dataclass(frozen=True, slots=True)
class MaxPain:
    """The listed strike of one expiry date at which its options would pay their holders least, and that payment in dollars."""

    expiry: date
    strike: float
    payout: float


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels of one chain under one convention; each is None where nothing qualifies, never 0."""

    convention: SignConvention
    zero_gamma: ZeroGamma
    call_wall: StrikeLevel | None
    """Strike with the largest call GEX over all expiries (no dealer sign)."""
    put_wall: StrikeLevel | None
    """Strike with the largest put GEX over all expiries (no dealer sign, so positive)."""
    largest_positive: StrikeLevel | None
    """Strike with the largest net GEX above 0."""
    largest_negative: StrikeLevel | None
    """Strike with the lowest net GEX below 0; its value is negative."""
    highest_open_interest: StrikeLevel | None
    """Strike with the most call and put contracts."""
    same_day_magnet: StrikeLevel | None
    """Strike with the largest call plus put GEX among contracts that expire on the Eastern date of the quotes."""
    max_pain: MaxPain | None
    """Of the nearest expiry date that has open interest, or of the one asked for."""

    @property
    def gamma_flip(self) -> float | None:
        """The root nearest to spot, in dollars; None when total gamma does not change sign in the range."""
        return self.zero_gamma.nearest


def levels_of(
    chain: Chain,
    convention: SignConvention,
    *,
    smile: SmileRule = SmileRule.STICKY_STRIKE,
    width: float = DEFAULT_WIDTH,
    max_pain_expiry: date | None = None,
) -> Levels:
    """Flip, walls and the other levels of one chain.

    The flip is looked for within `width` (a fraction, 0 < width < 1) on both sides of spot. Of several strikes with the same
    value the lowest is named. Raises ValueError for another width, or for a chain whose spot is not a price.
    """
    holdings = holdings_of(chain, smile)
    signs = sign_pair(convention, chain.asset_class, Greek.GEX)
    table = by_strike(chain, convention)
    same_day = by_strike(chain, convention, only_same_day=True)
    return Levels(
        convention=convention,
        zero_gamma=zero_gamma(holdings, signs, width=width),
        call_wall=_largest(table, lambda one: one.call_gex),
        put_wall=_largest(table, lambda one: one.put_gex),
        largest_positive=_largest(table, lambda one: one.net_gex),
        largest_negative=_negated(_largest(table, lambda one: -one.net_gex)),
        highest_open_interest=_largest(table, lambda one: one.open_interest),
        same_day_magnet=_largest(same_day, lambda one: one.call_gex + one.put_gex),
        max_pain=max_pain(chain, max_pain_expiry),
    )


def by_strike(
    chain: Chain, convention: SignConvention, *, expiry: date | None = None, only_same_day: bool = False
) -> tuple[StrikeExposure, ...]:
    """Exposure of each strike with open interest, ascending: of every expiry, of one Eastern date, or of what expires today."""
    terms = terms_of(chain)
    wanted = np.ones(len(terms.years), dtype=bool)
    if expiry is not None:
        wanted &= terms.dates == np.datetime64(expiry)
    if only_same_day:
        wanted &= terms.same_day
    counted = wanted[chain.term] & (chain.open_interest > 0)
    strikes = np.unique(chain.strike[counted])

    def by_place(strike: Floats, column: Floats) -> list[float]:
        sums: list[float] = np.bincount(np.searchsorted(strikes, strike), column, len(strikes)).tolist()
        return sums

    holdings = holdings_of(chain)
    holdings = holdings.keeping(wanted[holdings.term])
    calls, puts = counted & chain.is_call, counted & ~chain.is_call
    signs = sign_pair(convention, chain.asset_class, Greek.GEX)
    columns = (by_place(holdings.strike, leg) for leg in leg_gex_by_row(holdings))
    contracts = (by_place(chain.strike[right], chain.open_interest[right]) for right in (calls, puts))
    return tuple(
        StrikeExposure(strike, call, put, signs.call * call + signs.put * put, call_contracts, put_contracts)
        for strike, call, put, call_contracts, put_contracts in zip(strikes.tolist(), *columns, *contracts, strict=True)
    )


def max_pain(chain: Chain, expiry: date | None = None) -> MaxPain | None:
    """Max pain of one Eastern expiry date; without one, of the nearest with open interest. None where that has none.

    The minimum, over the strikes listed for that date, of the sum of open interest · multiplier · intrinsic value; the lowest
    strike of several. A date on which an index's morning and afternoon contracts both expire counts as one expiry.
    """
    held = chain.open_interest > 0
    if not held.any():
        return None
    dates = terms_of(chain).dates
    day = dates[chain.term[held]].min() if expiry is None else np.datetime64(expiry)
    listed = dates[chain.term] == day
    if not (listed & held).any():
        return None
    settlements = np.unique(chain.strike[listed])
    payout = _payout(chain, listed & chain.is_call, settlements, side=1.0)
    payout += _payout(chain, listed & ~chain.is_call, settlements, side=-1.0)
    lowest = int(np.argmin(payout))
    return MaxPain(day.astype(object), float(settlements[lowest]), float(payout[lowest]))


def _payout(chain: Chain, rows: Bools, settlements: Floats, side: float) -> Floats:
    intrinsic = np.maximum(side * (settlements[:, None] - chain.strike[rows]), 0.0)
    return np.asarray(intrinsic @ (chain.open_interest[rows] * chain.multiplier[rows]))


def _largest(table: tuple[StrikeExposure, ...], value: Callable[[StrikeExposure], float]) -> StrikeLevel | None:
    best = max(table, key=value, default=None)
    if best is None or not value(best) > 0.0 or not math.isfinite(value(best)):
        return None
    return StrikeLevel(best.strike, value(best))


def _negated(level: StrikeLevel | None) -> StrikeLevel | None:
    return None if level is None else StrikeLevel(level.strike, -level.value)
