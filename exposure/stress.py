"""A basket in a common shock: where its dealer gamma flips, and what dealers must trade on the way.

The shock x moves each name by its beta, S_i(x) = S_i (1 + beta_i x); volatility may move by some points and time by some days as
well. Two aggregates are given, as everywhere (`exposure.basket`): the weighted mean over the survivors, and the plain sum, which
is the whole market's dollar flow in these names. Both need no more than each name's own curve. Source: this project's
methodology, sections 4 and 6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from exposure.basket import Basket
from exposure.basket_flip import Profiled, common_flip
from exposure.chain import Chain
from exposure.dealer import Greek, SignConvention, sign_pair
from exposure.greeks import Bools, Floats
from exposure.hedge_flow import ExpiredBefore, HedgeFlow, revalue, summed
from exposure.holdings import SmileRule, holdings_of, outlive
from exposure.zero_gamma import ZeroGamma

DEFAULT_SHOCKS = tuple(step / 200.0 for step in range(-30, 31))
"""-15% to +15% in 61 steps, as fractions."""


class StressError(ValueError):
    """A shock that cannot be applied; the message is a sentence for the person who asked."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to every name together with the shock."""

    shocks: tuple[float, ...] = DEFAULT_SHOCKS
    """Common moves as fractions, ascending; 0.05 is +5%."""
    volatility_points: float = 0.0
    """Added to every volatility; 1 point is 0.01."""
    days_forward: float = 0.0
    """Calendar days that pass; expiries that pass with them drop out."""
    smile: SmileRule = SmileRule.STICKY_STRIKE


PLAIN_SHOCK = Scenario()


@dataclass(frozen=True, slots=True)
class Curve:
    """One aggregate over the shocks, arrays of shape (shocks,) in the order of the scenario.

    `net_gex` $ of delta per 1% move at the shocked market; `flow` $ that dealers trade, negative when they sell.
    """

    net_gex: Floats
    flow: HedgeFlow
    zero_gamma: ZeroGamma
    """Sign changes of `net_gex` between the first and the last shock; the roots are shocks as fractions."""

    @property
    def linear_is_off(self) -> Bools:
        """Shape (shocks,): where the number from today's nets alone misses the full revaluation by more than 20% of it."""
        return self.flow.linear_is_off


@dataclass(frozen=True, slots=True)
class NameCurve:
    """One name under the scenario, unweighted."""

    symbol: str
    weight: float
    """Share of the survivors' weight."""
    beta: float
    spot: float
    spots: Floats
    """Spot at each shock, shape (shocks,)."""
    net_gex: Floats
    flow: HedgeFlow
    zero_gamma: ZeroGamma
    """In dollars of its own spot, over the spots that the shocks span; `none_in_range` where the beta is 0."""
    expired: ExpiredBefore | None
    """What drops out within the days forward; None where nothing does."""
    contracts: int
    """Contracts with open interest that were repriced: those that outlive the days forward."""
    open_interest: float
    """That of these contracts."""


@dataclass(frozen=True, slots=True)
class Stress:
    """A basket over a common shock under one convention."""

    convention: SignConvention
    scenario: Scenario
    mean: Curve
    """Weighted mean over the survivors, like `aggregate.net_*`."""
    total: Curve
    """Plain sum over the survivors: dollars the whole market's dealers trade in these names."""
    names: tuple[NameCurve, ...]
    """In the order of the basket."""
    not_repriced: tuple[str, ...]
    """Names of the basket without a chain, or whose chain has no contract with open interest."""
    weight_coverage: float
    """Share of the requested weight that was repriced, 0..1."""


def stress(
    basket: Basket,
    chains: Mapping[str, Chain],
    convention: SignConvention,
    scenario: Scenario = PLAIN_SHOCK,
    betas: Mapping[str, float] | None = None,
) -> Stress:
    """Reprice every name of `basket` that has a chain, at every shock.

    `betas` by symbol; a name without one has 1. Raises StressError when no name with weight has a chain, when the shocks are not
    finite, ascending and at least two, when the days are negative or not finite or the points not finite, or when a beta takes a
    name's spot to zero or below within the shocks; the message names it.
    """
    _require_possible(scenario)
    repriced = {symbol: chain for symbol in basket.weights if (chain := chains.get(symbol)) and np.any(chain.open_interest > 0)}
    coverage = math.fsum(basket.weights[symbol] for symbol in repriced)
    if coverage <= 0.0:
        raise StressError("No name with weight has a chain with open interest, so there is nothing to reprice.")
    given = betas or {}
    members = [
        _member(chain, convention, scenario, basket.weights[symbol] / coverage, given.get(symbol, 1.0))
        for symbol, chain in repriced.items()
    ]
    weights = [one.curve.weight for one in members]
    mean = _aggregate(members, weights)
    # With equal weights the sum is the mean times their number, and flips where it does.
    same = mean.zero_gamma if min(weights) == max(weights) else None
    return Stress(
        convention=convention,
        scenario=scenario,
        mean=mean,
        total=_aggregate(members, [1.0] * len(members), same),
        names=tuple(one.curve for one in members),
        not_repriced=tuple(symbol for symbol in basket.weights if symbol not in repriced),
        weight_coverage=1.0 if len(repriced) == len(basket.weights) else coverage,
    )


@dataclass(frozen=True, slots=True)
class _Member:
    """A name's own answer, and what its share of the basket's flip is made of."""

    curve: NameCurve
    profiled: Profiled


def _member(chain: Chain, convention: SignConvention, scenario: Scenario, weight: float, beta: float) -> _Member:
    shocks = np.array(scenario.shocks)
    if not (math.isfinite(beta) and np.all(1.0 + beta * shocks > 0.0)):
        raise StressError(
            f"A beta of {beta:g} takes {chain.symbol} to zero or below within shocks of {shocks[0]:+.0%} to {shocks[-1]:+.0%}. "
            "Give a smaller beta or a narrower range of shocks."
        )
    signs = sign_pair(convention, chain.asset_class, Greek.GEX)
    spots = chain.spot * (1.0 + beta * shocks)
    revalued = revalue(
        holdings_of(chain, scenario.smile),
        signs,
        spots,
        volatility_points=scenario.volatility_points,
        days_forward=scenario.days_forward,
    )
    profiled = Profiled.over(revalued.later, signs, beta, shocks)
    repriced = chain.open_interest[outlive(chain.curve.years, scenario.days_forward)[chain.term]]
    curve = NameCurve(
        symbol=chain.symbol,
        weight=weight,
        beta=beta,
        spot=chain.spot,
        spots=spots,
        net_gex=revalued.net_gex,
        flow=revalued.flow,
        zero_gamma=profiled.own_flip(),
        expired=revalued.expired,
        contracts=int(np.count_nonzero(repriced > 0)),
        open_interest=float(repriced.sum()),
    )
    return _Member(curve, profiled)


def _aggregate(members: Sequence[_Member], factors: Sequence[float], flip: ZeroGamma | None = None) -> Curve:
    """Σ factor · name; `flip` is where that changes sign, where it is known already."""
    return Curve(
        net_gex=np.sum([factor * one.curve.net_gex for one, factor in zip(members, factors, strict=True)], axis=0),
        flow=summed([one.curve.flow.times(factor) for one, factor in zip(members, factors, strict=True)]),
        zero_gamma=flip or common_flip([one.profiled for one in members], factors, _relative_step(members)),
    )


def _relative_step(members: Sequence[_Member]) -> float:
    """The basket's strike step as a shock: the weighted mean of each name's, as a share of its spot and by its beta."""
    return math.fsum(
        one.curve.weight * one.profiled.holdings.strike_step(one.curve.spot) / (one.curve.spot * abs(one.curve.beta))
        for one in members
        if one.curve.beta != 0.0
    )


def _require_possible(scenario: Scenario) -> None:
    shocks = scenario.shocks
    if len(shocks) < 2 or not all(map(math.isfinite, shocks)) or any(after <= before for before, after in pairwise(shocks)):
        raise StressError("Shocks are at least two finite fractions in ascending order, for example -0.05, 0 and 0.05.")
    if not (math.isfinite(scenario.days_forward) and scenario.days_forward >= 0.0):
        raise StressError("The days forward are a number of 0 or more.")
    if not math.isfinite(scenario.volatility_points):
        raise StressError("The volatility points are a finite number, for example 5 or -3.")
