"""From chains to the call and put legs of the four exposures, in one pass over their contracts.

The per-contract work is only what differs between contracts of one expiry and right (d1, the bell, the distribution's tail and
three weighted products); spot, years, rate and forward are constants of an expiry and multiply the sums. The formulas are those
of `exposure.greeks` and `exposure.dealer`; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exposure.chain import Chain
from exposure.dealer import ComputedLegs, FourLegs, Legs, SymbolExposure
from exposure.greeks import INVERSE_SQRT_2PI, Bools, Floats, bell, normal_cdf
from exposure.implied import at_the_money_curves
from exposure.stack import CONTRACTS, Stack, runs_within

# The temporary columns of so many contracts stay in a core's own cache.
_BLOCK = 8192


def measure(chain: Chain) -> SymbolExposure:
    """Dealer-unsigned exposure of a chain, with its same-day part, at-the-money volatility and coverage."""
    (exposure,) = measure_all((chain,))
    return exposure


def measure_all(chains: Sequence[Chain]) -> list[SymbolExposure]:
    """`measure` of each chain, to the same bits, with most of the work done for all of them at once."""
    bounds = np.cumsum([0, *map(len, chains)])
    return [exposure for first, last in runs_within(bounds, CONTRACTS) for exposure in _measured(Stack.of(chains[first:last]))]


def _measured(stack: Stack) -> list[SymbolExposure]:
    groups = _by_group(stack)
    total = _legs(stack, groups, np.ones(len(groups.term)))
    same_day = _legs(stack, groups, stack.same_day[groups.term].astype(np.float64))
    return [
        SymbolExposure(
            symbol=chain.symbol,
            asset_class=chain.asset_class,
            spot=chain.spot,
            measured=ComputedLegs(total=all_of_it, same_day=of_today),
            quote_time=chain.quote_time,
            oi_date=chain.oi_date,
            at_the_money=curve,
            coverage=chain.coverage,
        )
        for chain, all_of_it, of_today, curve in zip(stack.chains, total, same_day, at_the_money_curves(stack), strict=True)
    ]


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
    return _by_group(Stack.of((chain,)))


def _by_group(stack: Stack) -> GroupExposure:
    held = np.flatnonzero(stack.shares > 0)
    run = stack.run[held]
    starts = np.flatnonzero(np.diff(run, prepend=-1))
    sum_tail, sum_over_iv, sum_d2, sum_d2_over_iv = _sums_of_runs(stack, held, run, starts)

    term, is_call = run[starts] >> 1, (run[starts] & 1) == 0
    years, rate, forward, spot = stack.years[term], stack.rate[term], stack.forward[term], stack.spot[term]
    carry = np.log(forward / spot) / years
    dividend_discount = np.exp(-(rate - carry) * years)
    density = INVERSE_SQRT_2PI * dividend_discount
    delta = np.where(is_call, 1.0, -1.0) * dividend_discount * sum_tail
    charm = (rate - carry) * delta - density * (carry / np.sqrt(years) * sum_over_iv - sum_d2 / (2.0 * years))
    return GroupExposure(
        term=term,
        is_call=is_call,
        gex=density / np.sqrt(years) * sum_over_iv * spot * 0.01,
        dex=delta * spot,
        vex=-density * sum_d2_over_iv * spot * 0.01,
        chex=charm * spot / 365.0,
    )


def _sums_of_runs(stack: Stack, held: NDArray[np.intp], run: NDArray[np.int64], starts: NDArray[np.intp]) -> Floats:
    """Open-interest weighted sums of N(±d1), n(d1)/iv, n(d1) d2 and n(d1) d2/iv, without their constants; shape (4, groups)."""
    root_years, log_forward = np.sqrt(stack.years), np.log(stack.forward)
    sums = np.empty((4, len(starts)))
    for first, last in runs_within(np.append(starts, len(held)), _BLOCK):
        begin, end = starts[first], starts[last] if last < len(starts) else len(held)
        some, of_run = held[begin:end], run[begin:end]
        term, is_put, iv = of_run >> 1, (of_run & 1).astype(np.bool_), stack.iv[some]
        deviation = iv * root_years[term]
        d1 = log_forward[term]
        d1 -= np.log(stack.strike[some])
        d1 /= deviation
        d1 += 0.5 * deviation
        d2 = d1 - deviation
        bell_d1 = bell(d1)
        shares = stack.shares[some]
        tail = normal_cdf(np.where(is_put, -d1, d1), bell_d1)
        tail *= shares
        bell_d1 *= shares
        over_iv = bell_d1 / iv
        bell_d1 *= d2
        d2 *= over_iv
        for row, column in enumerate((tail, over_iv, bell_d1, d2)):
            np.add.reduceat(column, starts[first:last] - begin, out=sums[row, first:last])
    return sums


def _legs(stack: Stack, groups: GroupExposure, counted: Floats) -> list[FourLegs]:
    """Of each chain the sums over its groups by right; `counted` is 1 for a group that counts and 0 for one that does not."""
    leg = 2 * stack.owner[groups.term] + ~groups.is_call
    count = 2 * len(stack.chains)
    gex, dex, vex, chex = (
        np.bincount(leg, weights=column * counted, minlength=count).reshape(-1, 2).tolist()
        for column in (groups.gex, groups.dex, groups.vex, groups.chex)
    )
    return [FourLegs(*(Legs(*pair) for pair in four)) for four in zip(gex, dex, vex, chex, strict=True)]
