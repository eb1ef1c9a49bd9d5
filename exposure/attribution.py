"""Why one symbol's dealer exposure changed between two instants.

The chain at t0 is revalued in a fixed order until it is the chain at t1; each step is one part:

    roll_off       contracts that expired go, at their value at t0
    time           the others age; carry and rate of each expiry, spot and volatilities stay
    carry          forward (ln(F/S)/T of each expiry) and rate become those of t1
    spot           spot moves, with the carry held (F' = F·S'/S) and each strike's volatility kept (sticky strike)
    volatility     the volatility of each contract becomes that of t1
    open_interest  contracts times multiplier become those of t1
    new_listings   contracts that did not exist at t0 come, at their value at t1
    coverage       contracts usable at one end only come or go, at their value after the steps before

so that a change in one factor alone is attributed to it alone. Another order would give other parts with the same sum; what two
factors do together goes to the later one. Values are rounded as in `exposure.exact_sums`, so before + parts = after to the last
bit, in any order of summation. Source: this project's methodology, section 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from exposure.chain import Chain, Indices, Instants, years_between
from exposure.dealer import Greek, Nets, SignConvention, sign_pair
from exposure.exact_sums import Grid
from exposure.greeks import Bools, Floats, greeks
from exposure.matching import ContractCounts, Matching, count_contracts, expiries_of, match_contracts

# Carry comes from a logarithm over a time; what differs by less than this in ln(F) is the rounding of that.
_SAME_LOG_FORWARD = 1e-15


class Part(StrEnum):
    """What moved an exposure, in the order of revaluation. The last two are parts of a basket only."""

    ROLL_OFF = "roll_off"
    TIME = "time"
    CARRY = "carry"
    SPOT = "spot"
    VOLATILITY = "volatility"
    OPEN_INTEREST = "open_interest"
    NEW_LISTINGS = "new_listings"
    COVERAGE = "coverage"
    UNEXPLAINED = "unexplained"
    WEIGHTS_AND_MEMBERSHIP = "weights_and_membership"


CHAIN_PARTS = (
    Part.ROLL_OFF,
    Part.TIME,
    Part.CARRY,
    Part.SPOT,
    Part.VOLATILITY,
    Part.OPEN_INTEREST,
    Part.NEW_LISTINGS,
    Part.COVERAGE,
)
"""The parts that two chains of one symbol explain."""


class AttributionError(ValueError):
    """Two ends that cannot be compared; the message is a sentence for the person who asked."""


@dataclass(frozen=True, slots=True)
class NameAttribution:
    """One symbol's change, unweighted; dollars in the units of `exposure.dealer`, signed by `convention`.

    `before` and `after` are the nets of `exposure.legs.measure` up to rounding (1e-12 of gross, more within minutes of an
    expiry). `parts` has every one of `CHAIN_PARTS`, in that order, and for each greek before + sum of parts == after exactly.
    """

    symbol: str
    convention: SignConvention
    before: Nets
    after: Nets
    parts: Mapping[Part, Nets]
    contracts: ContractCounts

    @property
    def change(self) -> Nets:
        """After minus before, exactly the sum of the parts."""
        return Nets.from_each(lambda greek: self.after.of(greek) - self.before.of(greek))


def attribute(before: Chain, after: Chain, convention: SignConvention) -> NameAttribution:
    """Split the change of the four nets of one symbol between two chains.

    `after` may also be the earlier instant: expired contracts then come back under roll_off. A stock split lists every strike
    anew and is not recognised. Raises AttributionError for chains of two different symbols.
    """
    if before.symbol != after.symbol:
        raise AttributionError(f"The change of {before.symbol} cannot be explained with a chain of {after.symbol}.")
    matching = match_contracts(before, after)
    book = _Book.of(before, after, matching)
    signs = np.array([_signs(before, convention, is_call=False), _signs(before, convention, is_call=True)])
    start, finish = book.start.signed_dollars(signs), book.finish.signed_dollars(signs)
    kept, aged, carried, moved, restruck, held = (stage.signed_dollars(signs) for stage in book.stages)
    split = {}
    for row, greek in enumerate(Greek):
        columns = [stage[row] for stage in (start, finish, kept, aged, carried, moved, restruck, held)]
        grid = Grid.below(max(float(np.abs(column).sum()) for column in columns))
        ages, carries, moves, revaluations = (
            grid.total(later[row]) - grid.total(sooner[row])
            for sooner, later in ((kept, aged), (aged, carried), (carried, moved), (moved, restruck))
        )
        returned, filled, listed, gained = (
            grid.total(finish[row, kind]) for kind in (matching.returned, matching.filled, matching.listed, matching.gained)
        )
        split[greek] = _Split(
            before=grid.total(start[row]),
            parts={
                Part.ROLL_OFF: returned - grid.total(start[row, matching.expired]),
                Part.TIME: ages,
                Part.CARRY: carries,
                Part.SPOT: moves,
                Part.VOLATILITY: revaluations,
                Part.OPEN_INTEREST: grid.total(held[row]) - grid.total(restruck[row]) + filled,
                Part.NEW_LISTINGS: listed,
                Part.COVERAGE: gained - grid.total(held[row, book.lost]),
            },
        )
    return NameAttribution(
        symbol=before.symbol,
        convention=convention,
        before=Nets.from_each(lambda greek: split[greek].before),
        after=Nets.from_each(lambda greek: split[greek].after),
        parts={part: _nets_of(split, part) for part in CHAIN_PARTS},
        contracts=count_contracts(matching, before, after),
    )


@dataclass(frozen=True, slots=True)
class _Split:
    """One greek of one name."""

    before: float
    parts: Mapping[Part, float]

    @property
    def after(self) -> float:
        return self.before + sum(self.parts.values())


def _nets_of(split: Mapping[Greek, _Split], part: Part) -> Nets:
    return Nets.from_each(lambda greek: split[greek].parts[part])


def _signs(chain: Chain, convention: SignConvention, *, is_call: bool) -> list[int]:
    pairs = [sign_pair(convention, chain.asset_class, greek) for greek in Greek]
    return [pair.call if is_call else pair.put for pair in pairs]


@dataclass(frozen=True, slots=True)
class _State:
    """Contracts in one market; arrays of shape (contracts,), `carry` = ln(F/S)/T, `shares` open interest times multiplier."""

    spot: float
    years: Floats
    carry: Floats
    rate: Floats
    strike: Floats
    iv: Floats
    is_call: Bools
    shares: Floats

    @staticmethod
    def of(chain: Chain) -> _State:
        curve = chain.curve
        carry = _carry(chain)
        return _State(
            spot=chain.spot,
            years=curve.years[chain.term],
            carry=carry[chain.term],
            rate=curve.rate[chain.term],
            strike=chain.strike,
            iv=chain.iv,
            is_call=chain.is_call,
            shares=chain.open_interest * chain.multiplier,
        )

    def take(self, positions: Indices) -> _State:
        return _State(
            self.spot,
            self.years[positions],
            self.carry[positions],
            self.rate[positions],
            self.strike[positions],
            self.iv[positions],
            self.is_call[positions],
            self.shares[positions],
        )

    def signed_dollars(self, signs: NDArray[np.int64]) -> Floats:
        """The four exposures of each contract in the order of `Greek`, shape (4, contracts); `signs` has shape (2, 4)."""
        each = greeks(
            self.spot, self.strike, self.years, self.iv, self.is_call, rate=self.rate, dividend_yield=self.rate - self.carry
        )
        dollars = np.stack(
            (
                each.gamma * (self.spot * self.spot * 0.01),
                each.delta * self.spot,
                each.vanna * (self.spot * 0.01),
                each.charm * (self.spot / 365.0),
            )
        )
        dollars *= self.shares
        dollars *= signs[self.is_call.astype(np.int64)].T
        return dollars


def _carry(chain: Chain) -> Floats:
    """ln(F/S)/T of each expiry, shape (expiries,); the rate itself where the forward is spot at the rate."""
    curve = chain.curve
    grown = np.log(curve.forward / chain.spot)
    return np.where(np.abs(grown - curve.rate * curve.years) <= _SAME_LOG_FORWARD, curve.rate, grown / curve.years)


@dataclass(frozen=True, slots=True)
class _Book:
    """The chain at t0 on its way to t1: both ends, and the contracts that live on, step by step."""

    start: _State
    finish: _State
    stages: tuple[_State, _State, _State, _State, _State, _State]
    """As at t0, aged, with the new carry, the new spot, the new volatilities, the new open interest."""
    lost: Indices
    """Places in the stages of the contracts that are not usable at t1."""

    @staticmethod
    def of(before: Chain, after: Chain, matching: Matching) -> _Book:
        start, finish = _State.of(before), _State.of(after)
        alive = np.setdiff1d(np.arange(len(before)), matching.expired)
        matched, emptied, lost = (
            np.searchsorted(alive, kind) for kind in (matching.matched_before, matching.emptied, matching.lost)
        )
        kept = start.take(alive)
        aged, carried = _aged(kept, before.expiry[alive], after)
        moved = replace(carried, spot=after.spot) if 0.0 < after.spot < np.inf else carried
        iv, shares = kept.iv.copy(), kept.shares.copy()
        iv[matched] = after.iv[matching.matched_after]
        shares[matched] = finish.shares[matching.matched_after]
        shares[emptied] = 0.0
        restruck = replace(moved, iv=iv)
        return _Book(start, finish, (kept, aged, carried, moved, restruck, replace(restruck, shares=shares)), lost)


def _aged(kept: _State, expiry: Instants, after: Chain) -> tuple[_State, _State]:
    """The contracts at the instant of `after`, then with its carry and rate; an expiry it does not have keeps its own."""
    listed = expiries_of(after)
    place = np.searchsorted(listed, expiry)
    known = np.isin(expiry, listed)
    term = place[known]
    years, carry, rate = years_between(after.quote_time, expiry), kept.carry.copy(), kept.rate.copy()
    years[known] = after.curve.years[term]
    rate[known] = after.curve.rate[term]
    new_carry = _carry(after)[term]
    noise = _SAME_LOG_FORWARD * (1.0 + years[known] / kept.years[known])
    is_new = np.abs(new_carry - carry[known]) * years[known] > noise
    carry[known] = np.where(is_new, new_carry, carry[known])
    aged = replace(kept, years=years)
    return aged, replace(aged, carry=carry, rate=rate)
