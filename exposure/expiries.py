"""Exposure by expiry date: what each contributes, what rolls off when it is gone, and where the flip goes.

Everything is valued at today's spot, volatilities and clock: what a date takes away is what it adds today. Source: this
project's methodology, sections 2 and 6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np

from exposure.chain import Chain
from exposure.dealer import FourLegs, Greek, Legs, Nets, SignConvention, sign_pair
from exposure.greeks import Bools, Floats
from exposure.holdings import SmileRule, holdings_of, terms_of
from exposure.legs import GroupExposure, exposure_by_group
from exposure.profile import DEFAULT_WIDTH, net_gex_profile, plain_grid
from exposure.sessions import EASTERN, monthly_expiry
from exposure.zero_gamma import ZeroGamma, zero_gamma_on

QUARTER_ENDS = frozenset((3, 6, 9, 12))


@dataclass(frozen=True, slots=True)
class Bucket:
    """Calendar days to expiry, both ends included; `last` None means no end."""

    name: str
    first: int
    last: int | None

    def holds(self, days: int) -> bool:
        return self.first <= days and (self.last is None or days <= self.last)


BUCKETS = (
    Bucket("0-7", 0, 7),
    Bucket("8-30", 8, 30),
    Bucket("31-60", 31, 60),
    Bucket("61-180", 61, 180),
    Bucket("181+", 181, None),
)


@dataclass(frozen=True, slots=True)
class ExpiryExposure:
    """One Eastern expiry date; dollars in the units of `exposure.dealer`, only contracts with open interest counted."""

    expiry: date
    days: int
    """Calendar days from the Eastern date of the quotes."""
    opex: bool
    """The standard monthly expiry: the third Friday, or the session before it on a holiday."""
    quarterly: bool
    """That of March, June, September or December."""
    legs: FourLegs
    nets: Nets
    """Legs signed by the convention asked for; `nets.gex` is the gamma that rolls off with this date."""
    contracts: int
    """Distinct contracts with open interest."""
    open_interest: float
    gross_share: float
    """Call plus put GEX of this date over that of the chain, 0..1; 0 where the chain has none."""


@dataclass(frozen=True, slots=True)
class RollOff:
    """What is left when one expiry date and all before it are gone, the rest valued as today."""

    expiry: date
    rolling_off_gex: float
    """Net GEX of this date, $ per 1%."""
    net_gex_after: float
    flip_before: ZeroGamma
    """With this date, all before it gone."""
    flip_after: ZeroGamma


@dataclass(frozen=True, slots=True)
class BucketExposure:
    """Expiry dates of one bucket together; fields as in `ExpiryExposure`."""

    bucket: Bucket
    legs: FourLegs
    nets: Nets
    contracts: int
    open_interest: float
    gross_share: float
    expiries: int


def is_opex(day: date) -> bool:
    """Whether standard monthly options expire on this day, holidays considered."""
    return monthly_expiry(day.year, day.month) == day


def is_quarterly(day: date) -> bool:
    """Whether this day is the monthly expiry of March, June, September or December."""
    return day.month in QUARTER_ENDS and is_opex(day)


def by_expiry(chain: Chain, convention: SignConvention) -> tuple[ExpiryExposure, ...]:
    """Exposure of each expiry date with open interest, in order of time. They add up to the exposure of the chain."""
    groups = exposure_by_group(chain)
    held = chain.open_interest > 0
    dates = terms_of(chain).dates
    gross = float(groups.gex.sum())
    today = chain.quote_time.astimezone(EASTERN).date()
    answer = []
    for day in np.unique(dates[chain.term[held]]):
        of_day = dates == day
        legs = _legs(groups, of_day)
        rows = held & of_day[chain.term]
        when: date = day.astype(object)
        answer.append(
            ExpiryExposure(
                expiry=when,
                days=(when - today).days,
                opex=is_opex(when),
                quarterly=is_quarterly(when),
                legs=legs,
                nets=_nets(chain, legs, convention),
                contracts=int(np.count_nonzero(rows)),
                open_interest=float(chain.open_interest[rows].sum()),
                gross_share=legs.gex.gross / gross if gross > 0 else 0.0,
            )
        )
    return tuple(answer)


def by_bucket(chain: Chain, convention: SignConvention) -> tuple[BucketExposure, ...]:
    """The expiry dates summed into `BUCKETS`, all five in order, empty ones included as zeros with `expiries` 0."""
    dated = by_expiry(chain, convention)
    return tuple(_bucketed(chain, bucket, [one for one in dated if bucket.holds(one.days)], convention) for bucket in BUCKETS)


def roll_offs(
    chain: Chain,
    convention: SignConvention,
    *,
    smile: SmileRule = SmileRule.STICKY_STRIKE,
    width: float = DEFAULT_WIDTH,
    first: int | None = None,
) -> tuple[RollOff, ...]:
    """The gamma that rolls off at each coming expiry date and the flip before and after, in order of time.

    `first` limits the answer to so many dates. The roots are looked for as in `exposure.zero_gamma`.
    """
    signs = sign_pair(convention, chain.asset_class, Greek.GEX)
    holdings = holdings_of(chain, smile)
    if len(holdings) == 0:
        return ()
    dates = holdings.terms.dates[holdings.term]
    days = np.unique(dates)
    spots = plain_grid(chain.spot * (1.0 - width), chain.spot * (1.0 + width))
    # One profile a date, so that what is left after each is a sum and not another repricing.
    at_spot_too = np.append(spots, chain.spot)
    profiles = np.array([net_gex_profile(holdings.keeping(dates == day), signs, at_spot_too) for day in days])
    left = np.vstack([np.cumsum(profiles[::-1], axis=0)[::-1], np.zeros(len(at_spot_too))])
    limit = len(days) if first is None else min(first, len(days))
    flips = [
        zero_gamma_on(holdings.keeping(dates >= days[place]), signs, spots, left[place, :-1])
        if place < len(days)
        else ZeroGamma.of((), here=chain.spot, step=0.0, low=float(spots[0]), high=float(spots[-1]))
        for place in range(limit + 1)
    ]
    return tuple(
        RollOff(
            expiry=days[place].astype(object),
            rolling_off_gex=float(profiles[place, -1]),
            net_gex_after=float(left[place + 1, -1]),
            flip_before=flips[place],
            flip_after=flips[place + 1],
        )
        for place in range(limit)
    )


def _legs(groups: GroupExposure, wanted: Bools) -> FourLegs:
    """Legs of the terms that `wanted`, shape (expiries,), marks."""
    chosen = wanted[groups.term]
    call, put = chosen & groups.is_call, chosen & ~groups.is_call

    def leg(column: Floats) -> Legs:
        return Legs(float(column[call].sum()), float(column[put].sum()))

    return FourLegs(leg(groups.gex), leg(groups.dex), leg(groups.vex), leg(groups.chex))


def _nets(chain: Chain, legs: FourLegs, convention: SignConvention) -> Nets:
    return Nets.from_each(lambda greek: legs.of(greek).net(sign_pair(convention, chain.asset_class, greek)))


def _bucketed(chain: Chain, bucket: Bucket, members: list[ExpiryExposure], convention: SignConvention) -> BucketExposure:
    def leg(greek: Greek) -> Legs:
        return Legs(math.fsum(one.legs.of(greek).call for one in members), math.fsum(one.legs.of(greek).put for one in members))

    legs = FourLegs(leg(Greek.GEX), leg(Greek.DEX), leg(Greek.VEX), leg(Greek.CHEX))
    return BucketExposure(
        bucket=bucket,
        legs=legs,
        nets=_nets(chain, legs, convention),
        contracts=sum(one.contracts for one in members),
        open_interest=math.fsum(one.open_interest for one in members),
        gross_share=math.fsum(one.gross_share for one in members),
        expiries=len(members),
    )
