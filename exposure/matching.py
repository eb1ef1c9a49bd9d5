"""The same contract in two chains of one symbol, and what became of those that are in one chain only.

Contracts are matched by (expiry instant, right, strike to a tenth of a cent); the instant tells an AM-settled root from a
PM-settled one of the same date. A chain does not list what it dropped, so a contract that is there at one end only is told apart
by what must hold: an exchange does not delist a series with open interest before it expires, and it lists calls and puts of a
strike together. Where a chain dropped contracts that hold open interest, the other end's extra ones count as coverage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exposure.chain import SECONDS_PER_YEAR, Chain, Indices, Instants, to_instant
from exposure.dealer import DropReason
from exposure.greeks import Bools

_STRIKE_STEPS = 1 << 40
_HIDING = (DropReason.NO_IV, DropReason.BAD_ROW, DropReason.ADJUSTED_SERIES)


@dataclass(frozen=True, slots=True)
class Matching:
    """Positions in two chains, each array of shape (contracts of that kind,). Every contract of either chain is in one kind.

    The first four point into the earlier-named chain `before` (its matched ones, and those that are not in `after`), the others
    into `after`. `returned` is empty unless `after` is the earlier instant.
    """

    matched_before: Indices
    expired: Indices
    """Dead at the instant of `after`."""
    emptied: Indices
    """Not in `after` although it dropped nothing: their open interest went to zero."""
    lost: Indices
    """Not in `after`, which dropped contracts: taken to be unusable there."""
    matched_after: Indices
    returned: Indices
    """Dead at the instant of `before`."""
    filled: Indices
    """Not in `before` although it dropped nothing and had the other right: their open interest was zero."""
    listed: Indices
    """Expiries, or strikes of an expiry, that `before` did not have."""
    gained: Indices
    """Not in `before`, which dropped contracts: taken to have been unusable there."""


@dataclass(frozen=True, slots=True)
class ContractCounts:
    """How many contracts of each kind of `Matching` hold open interest (the matched ones: at either end)."""

    matched: int
    expired: int
    emptied: int
    lost: int
    returned: int
    filled: int
    listed: int
    gained: int


def count_contracts(matching: Matching, before: Chain, after: Chain) -> ContractCounts:
    """Count the contracts with open interest of the two chains that were matched."""
    held_before, held_after = before.open_interest > 0, after.open_interest > 0
    return ContractCounts(
        matched=_count(held_before[matching.matched_before] | held_after[matching.matched_after]),
        expired=_count(held_before[matching.expired]),
        emptied=_count(held_before[matching.emptied]),
        lost=_count(held_before[matching.lost]),
        returned=_count(held_after[matching.returned]),
        filled=_count(held_after[matching.filled]),
        listed=_count(held_after[matching.listed]),
        gained=_count(held_after[matching.gained]),
    )


def match_contracts(before: Chain, after: Chain) -> Matching:
    """Pair the contracts of two chains of one symbol, in either order of time."""
    level_before, level_after = _levels(before, after)
    key_before = level_before * 2 + ~before.is_call
    key_after = level_after * 2 + ~after.is_call
    _, matched_before, matched_after = np.intersect1d(key_before, key_after, assume_unique=True, return_indices=True)
    only_before = np.setdiff1d(np.arange(len(before)), matched_before, assume_unique=True)
    only_after = np.setdiff1d(np.arange(len(after)), matched_after, assume_unique=True)

    dead = before.expiry[only_before] <= to_instant(after.quote_time)
    gone = only_before[~dead]
    hidden = len(after) == 0 or _hides_contracts(after)

    unborn = after.expiry[only_after] <= to_instant(before.quote_time)
    new = only_after[~unborn]
    known_strike = np.isin(level_after[new], level_before)
    new_expiry = ~np.isin(after.expiry[new], expiries_of(before))
    if len(before) == 0:
        is_listed, is_filled = _none(new), _none(new)
    elif _hides_contracts(before):
        is_listed, is_filled = new_expiry, _none(new)
    else:
        is_listed, is_filled = ~known_strike, known_strike
    return Matching(
        matched_before=matched_before.astype(np.int64),
        expired=only_before[dead],
        emptied=gone[:0] if hidden else gone,
        lost=gone if hidden else gone[:0],
        matched_after=matched_after.astype(np.int64),
        returned=only_after[unborn],
        filled=new[is_filled],
        listed=new[is_listed],
        gained=new[~is_listed & ~is_filled],
    )


def expiries_of(chain: Chain) -> Instants:
    """The instant of each term of the chain's curve, UTC, shape (expiries,); also of terms none of whose contracts is usable."""
    seconds = chain.quote_time.timestamp() + chain.curve.years * SECONDS_PER_YEAR
    instants = np.rint(seconds).astype(np.int64).astype("datetime64[s]")
    instants[chain.term] = chain.expiry
    return np.asarray(instants)


def _levels(before: Chain, after: Chain) -> tuple[Indices, Indices]:
    """Expiry and strike of each contract as one integer, comparable between the chains."""
    _, term = np.unique(np.concatenate([before.expiry, after.expiry]), return_inverse=True)
    strike = np.rint(np.concatenate([before.strike, after.strike]) * 1000).astype(np.int64)
    level = term.astype(np.int64) * _STRIKE_STEPS + strike
    return level[: len(before)], level[len(before) :]


def _hides_contracts(chain: Chain) -> bool:
    """Whether the chain dropped a contract that may hold open interest."""
    return any(reason in chain.coverage.dropped for reason in _HIDING)


def _count(held: Bools) -> int:
    return int(np.count_nonzero(held))


def _none(positions: NDArray[np.int64]) -> Bools:
    return np.zeros(len(positions), dtype=bool)
