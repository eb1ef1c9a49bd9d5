"""What dealers trade to stay hedged when the market moves: full revaluation of delta, and its parts.

With u the signed shares of the dealers' position under GEX's pair of signs (under `street` the published DEX has another sign
for puts, and would give call + put gamma):

    flow   = -Σ u · (delta(S', s', t') - delta(S, s, t)) · S'     $ traded at the shocked spot; negative = dealers sell
    gamma  = -net GEX · 100 (S'/S - 1)                             from the published net GEX
    vanna  = -Σ u · vanna · (s' - s) · S                           = -net VEX · points while no volatility meets its floor
    charm  = -net CHEX · days
    rest   = flow - (gamma + vanna + charm)

so the parts add up by construction. What is linear is what a reader computes from published nets; the rest is of the order of the
shock squared and includes that the trade happens at S' rather than S. Contracts that expire within the days forward are in none
of these (their hedge goes with them): see `ExpiredBefore`. Under sticky delta s' - s contains the smile's own move. Source: this
project's methodology, section 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from exposure.dealer import SignPair
from exposure.greeks import INVERSE_SQRT_2PI, Bools, Floats, bell, normal_cdf
from exposure.holdings import Holdings, outlive
from exposure.profile import blocks, weighted_sum

LINEAR_TOLERANCE = 0.20


@dataclass(frozen=True, slots=True)
class HedgeFlow:
    """Dollars that dealers trade, and the parts, each of shape (shocks,); negative = they sell.

    `total` = `gamma` + `vanna` + `charm` + `rest` to rounding.
    """

    total: Floats
    gamma: Floats
    vanna: Floats
    charm: Floats
    rest: Floats

    @property
    def linear(self) -> Floats:
        """What today's nets alone say: gamma + vanna + charm."""
        return self.gamma + self.vanna + self.charm

    @property
    def linear_is_off(self) -> Bools:
        """Where `linear` misses `total` by more than 20% of it; shape (shocks,)."""
        return np.abs(self.rest) > LINEAR_TOLERANCE * np.abs(self.total)

    def times(self, factor: float) -> HedgeFlow:
        parts = (self.total, self.gamma, self.vanna, self.charm, self.rest)
        return HedgeFlow(*(factor * part for part in parts))


def summed(flows: Sequence[HedgeFlow]) -> HedgeFlow:
    """The flow of several names together; the rest is taken anew, so that the parts still add up to the last bit or so."""
    total, gamma, vanna, charm = (
        np.sum([getattr(flow, part) for flow in flows], axis=0) for part in ("total", "gamma", "vanna", "charm")
    )
    return HedgeFlow(total, gamma, vanna, charm, total - (gamma + vanna + charm))


@dataclass(frozen=True, slots=True)
class ExpiredBefore:
    """Contracts that expire within the days forward and therefore are in no curve and no flow, valued today."""

    expiries: tuple[date, ...]
    shares: float
    """Open interest times multiplier, calls and puts together."""
    net_gex: float
    """$ of delta per 1% move, signed by the convention."""
    hedge: float
    """$ of the underlying that dealers hold against them today (minus their delta), which they no longer need."""


@dataclass(frozen=True, slots=True)
class Revaluation:
    """One symbol's contracts at each shocked spot, after the volatilities have moved and the days have passed."""

    net_gex: Floats
    """Shape (spots,), $ of delta per 1% move at that spot."""
    flow: HedgeFlow
    later: Holdings
    """What was repriced: the contracts that outlive the days, at their new volatility and time."""
    expired: ExpiredBefore | None


def revalue(
    holdings: Holdings, signs: SignPair, spots: Floats, *, volatility_points: float = 0.0, days_forward: float = 0.0
) -> Revaluation:
    """Net GEX and hedge flow at each of `spots` (dollars, > 0, shape (spots,)).

    `signs` is the pair of GEX, `volatility_points` is added to every volatility (1 point = 0.01; see `moved_volatility` for the
    floor), `days_forward` >= 0 calendar days pass. A contract whose time is up by then is left out altogether.
    """
    alive = outlive(holdings.terms.years, days_forward)[holdings.term]
    expired = None if alive.all() else _expired(holdings.keeping(~alive), signs)
    now = holdings if expired is None else holdings.keeping(alive)
    later = now.shifted(volatility_points, days_forward)
    today = _today(now, signs)

    signed, discount = now.signed_shares(signs), later.terms.dividend_discount[now.term]
    weight = signed * discount
    density, delta_change, vanna_change = (np.zeros(len(spots)) for _ in range(3))
    for block in blocks(later, np.log(spots / now.spot)):
        bell_d1 = bell(block.d1)
        tail = normal_cdf(block.d1, bell_d1)
        tail -= today.tail[block.rows, None]
        delta_change += weight[block.rows] @ tail
        density += weighted_sum(weight[block.rows], bell_d1, block.deviation)
        vanna_change += today.signed_vanna[block.rows] @ (block.iv - now.iv[block.rows, None])
    discount_change = discount - now.terms.dividend_discount[now.term]
    # A put's delta is the call's less the discount, so the difference between the two moves with time alone.
    delta_change += np.sum(discount_change * (signed * today.tail - signs.put * now.put_shares))

    total = -delta_change * spots
    gamma = -today.net_gex * 100.0 * (spots / now.spot - 1.0)
    vanna = -vanna_change * now.spot
    charm = np.full(len(spots), -today.net_chex * days_forward)
    return Revaluation(
        net_gex=density * spots * (0.01 * INVERSE_SQRT_2PI),
        flow=HedgeFlow(total, gamma, vanna, charm, total - (gamma + vanna + charm)),
        later=later,
        expired=expired,
    )


@dataclass(frozen=True, slots=True)
class _Today:
    """Where the flow starts: N(d1) and the signed vanna in shares of each row, and the nets that are linear in a move."""

    tail: Floats
    signed_vanna: Floats
    net_gex: float
    net_chex: float


def _today(now: Holdings, signs: SignPair) -> _Today:
    terms, term = now.terms, now.term
    deviation, signed = now.deviation, now.signed_shares(signs)
    # By way of the same blocks as the shocked values, so that no move is exactly no flow.
    d1 = np.concatenate([block.d1[:, 0].copy() for block in blocks(now, np.zeros(1))] or [np.zeros(0)])
    bell_d1 = bell(d1)
    tail = normal_cdf(d1, bell_d1)
    discount = terms.dividend_discount[term]
    density = INVERSE_SQRT_2PI * discount * bell_d1
    d2 = d1 - deviation
    signed_delta = discount * (signed * tail - signs.put * now.put_shares)
    charm = terms.dividend_yield[term] * signed_delta
    charm -= signed * density * (terms.carry[term] / deviation - d2 / (2.0 * terms.years[term]))
    return _Today(
        tail=tail,
        signed_vanna=-signed * density * d2 / now.iv,
        net_gex=float(np.sum(signed * density / deviation)) * now.spot * 0.01,
        net_chex=float(np.sum(charm)) * now.spot / 365.0,
    )


def _expired(gone: Holdings, signs: SignPair) -> ExpiredBefore:
    today = _today(gone, signs)
    signed_delta = gone.terms.dividend_discount[gone.term] * (
        gone.signed_shares(signs) * today.tail - signs.put * gone.put_shares
    )
    days = np.unique(gone.terms.dates[gone.term])
    return ExpiredBefore(
        expiries=tuple(days.tolist()),
        shares=float(np.sum(gone.call_shares + gone.put_shares)),
        net_gex=today.net_gex,
        hedge=-float(np.sum(signed_delta)) * gone.spot,
    )
