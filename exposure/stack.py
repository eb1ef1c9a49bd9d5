"""Several chains end to end, so that one pass of array arithmetic serves them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exposure.chain import Chain, Indices
from exposure.greeks import Bools, Floats

CONTRACTS = 32_768
"""A good size for a stack: the work on expiries is shared by many chains, and the columns still fit into a processor's cache."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The contracts and expiries of some chains, chain after chain, each in its own order.

    Contract columns have shape (contracts,), columns of expiries shape (expiries,). `run` numbers the runs of contracts of one
    expiry and right: twice the expiry's position, plus one for puts; it ascends, and strikes ascend within a run. `shares` are
    those behind the open interest. `first` has shape (chains + 1,): chain i has the expiries from `first[i]` to `first[i + 1]`.
    """

    chains: Sequence[Chain]
    run: Indices
    strike: Floats
    iv: Floats
    shares: Floats
    first: Indices
    spot: Floats
    years: Floats
    forward: Floats
    rate: Floats
    same_day: Bools

    @staticmethod
    def of(chains: Sequence[Chain]) -> Stack:
        """Put chains end to end."""
        expiries = [len(chain.curve.years) for chain in chains]
        first = np.cumsum([0, *expiries])
        bounds = np.cumsum([0, *map(len, chains)]).tolist()
        # The largest block that was ever freed decides how much memory an allocator keeps for reuse (glibc: twice as much). With
        # one block for all columns, and none too small, that is enough for the temporary columns of a stack as well.
        strike, iv, shares, run = np.empty((4, max(bounds[-1], 2 * CONTRACTS)))[:, : bounds[-1]]
        runs = run.view(np.int64)
        for chain, start, begin, end in zip(chains, first.tolist(), bounds, bounds[1:], strict=False):
            strike[begin:end], iv[begin:end] = chain.strike, chain.iv
            np.multiply(chain.open_interest, chain.multiplier, out=shares[begin:end])
            np.subtract(2 * chain.term + (2 * start + 1), chain.is_call, out=runs[begin:end])
        return Stack(
            chains=chains,
            run=runs,
            strike=strike,
            iv=iv,
            shares=shares,
            first=first,
            spot=np.repeat(np.array([chain.spot for chain in chains], dtype=np.float64), expiries),
            years=np.concatenate([chain.curve.years for chain in chains]),
            forward=np.concatenate([chain.curve.forward for chain in chains]),
            rate=np.concatenate([chain.curve.rate for chain in chains]),
            same_day=np.concatenate([chain.curve.same_day for chain in chains]),
        )

    @property
    def owner(self) -> Indices:
        """Which chain each expiry is of."""
        return np.repeat(np.arange(len(self.chains)), np.diff(self.first))


def runs_within(bounds: NDArray[np.intp], most: int) -> Iterator[tuple[int, int]]:
    """Ranges of parts, in order, that hold `most` together or are a single one; part i is from `bounds[i]` to `bounds[i + 1]`."""
    first = 0
    while first < len(bounds) - 1:
        within = int(np.searchsorted(bounds, bounds[first] + most, "right")) - 1
        last = max(first + 1, within)
        yield first, last
        first = last
