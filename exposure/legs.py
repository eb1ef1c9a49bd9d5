"""From a chain to the call and put legs of the four exposures, in one pass over its contracts.

The per-contract work is only what differs between contracts of one expiry and right (d1, the bell, the distribution's tail and
three weighted products); spot, years, rate and forward are constants of an expiry and multiply the sums. The formulas are those
of `exposure.greeks` and `exposure.dealer`; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exposure.chain import Chain
from exposure.dealer import ComputedLegs, FourLegs, Legs, SymbolExposure
from exposure.greeks import INVERSE_SQRT_2PI, Bools, Floats, bell, normal_cdf
from exposure.implied import at_the_money_curve


def measure(chain: Chain) -> SymbolExposure:
    """Dealer-unsigned exposure of a chain, with its same-day part, at-the-money volatility and coverage."""
    parts = exposure_by_group(chain)
    everything = np.ones(len(parts.is_call), dtype=bool)
    return SymbolExposure(
        symbol=chain.symbol,
        asset_class=chain.asset_class,
        spot=chain.spot,
        measured=ComputedLegs(total=_legs(parts, everything), same_day=_legs(parts, chain.curve.same_day[parts.term])),
        quote_time=chain.quote_time,
        oi_date=chain.oi_date,
        at_the_money=at_the_money_curve(chain),
        coverage=chain.coverage,
    )


@dataclass(frozen=True, slots=True)
class GroupExposure:
    """Dollar exposure of each (expiry, right) that has open interest; arrays of shape (groups,), no dealer sign."""

    term: NDArray[np.int64]
    is_call: Bools
    gex: Floats
    dex: Floats
    vex: Floats
    chex: Floats


def exposure_by_group(chain: Chain) -> GroupExposure:
    """The four exposures of each expiry and right, in the units of `exposure.dealer`."""
    held = np.flatnonzero(chain.open_interest > 0)
    term, is_call, iv = chain.term[held], chain.is_call[held], chain.iv[held]
    group = term * 2 + ~is_call
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    group_term, group_is_call = term[starts], is_call[starts]
    curve = chain.curve

    deviation = iv * np.sqrt(curve.years)[term]
    d1 = np.log(curve.forward)[term]
    d1 -= np.log(chain.strike[held])
    d1 /= deviation
    d1 += 0.5 * deviation
    d2 = d1 - deviation
    bell_d1 = bell(d1)
    shares = chain.open_interest[held] * chain.multiplier[held]
    side = np.where(is_call, 1.0, -1.0)
    tail = normal_cdf(side * d1, bell_d1)
    tail *= shares
    bell_d1 *= shares
    over_iv = bell_d1 / iv
    bell_d1 *= d2
    sum_tail, sum_over_iv, sum_d2, sum_d2_over_iv = (
        np.add.reduceat(column, starts) if len(starts) else np.zeros(0) for column in (tail, over_iv, bell_d1, over_iv * d2)
    )

    years, rate, spot = curve.years[group_term], curve.rate[group_term], chain.spot
    carry = np.log(curve.forward[group_term] / spot) / years
    dividend_discount = np.exp(-(rate - carry) * years)
    density = INVERSE_SQRT_2PI * dividend_discount
    delta = np.where(group_is_call, 1.0, -1.0) * dividend_discount * sum_tail
    charm = (rate - carry) * delta - density * (carry / np.sqrt(years) * sum_over_iv - sum_d2 / (2.0 * years))
    return GroupExposure(
        term=group_term,
        is_call=group_is_call,
        gex=density / np.sqrt(years) * sum_over_iv * spot * 0.01,
        dex=delta * spot,
        vex=-density * sum_d2_over_iv * spot * 0.01,
        chex=charm * spot / 365.0,
    )


def _legs(parts: GroupExposure, included: Bools) -> FourLegs:
    call, put = included & parts.is_call, included & ~parts.is_call

    def leg(column: Floats) -> Legs:
        return Legs(float(column[call].sum()), float(column[put].sum()))

    return FourLegs(leg(parts.gex), leg(parts.dex), leg(parts.vex), leg(parts.chex))
