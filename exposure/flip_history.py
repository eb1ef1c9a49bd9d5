"""The sides of gamma a basket was on over a series, and its flips, told so that noise round zero is not one.

Each reading is net over gross GEX, with the thresholds of `exposure.flips`. A side counts from two readings in a row at 5% or
more, until two in a row are below 2.5% of it. A flip is a change from one side to the other, with any time in the neutral band
between: inside the band nothing has flipped. Source: this project's methodology, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from exposure.chain import Instants
from exposure.flips import Side, next_side
from exposure.greeks import Bools, Floats
from exposure.runs import to_datetime


@dataclass(frozen=True, slots=True)
class ObservedFlip:
    """A change of side. `at` is the first reading on the new side, `confirmed_at` the second, when it could be known; UTC."""

    before: Side
    after: Side
    at: datetime
    confirmed_at: datetime
    names_changed: bool
    """Whether the names present at `at` are not those of the last reading on the old side: the flip may be theirs."""


@dataclass(frozen=True, slots=True)
class SideHistory:
    """What the counted sides add up to; shares are of readings, not of time, and sum to 1."""

    current: Side
    shares: Mapping[Side, float]
    flips: tuple[ObservedFlip, ...]
    readings: int
    """Readings with legs; the first of two that confirm a side still counts for what was before it."""


def counted_sides(imbalance: Floats) -> list[Side]:
    """The side that counts after each reading, from net over gross of shape (readings,), finite, oldest first."""
    counted, sides = Side.NEUTRAL, []
    before = 0.0
    for reading in imbalance.tolist():
        entered = next_side(reading)
        if entered is not Side.NEUTRAL and entered is next_side(before):
            counted = entered
        elif counted not in (next_side(before, counted), next_side(reading, counted)):
            counted = Side.NEUTRAL
        sides.append(counted)
        before = reading
    return sides


def side_history(instants: Instants, imbalance: Floats, present: Bools) -> SideHistory | None:
    """Sides and flips of a series with NaN where there is no reading; None where there is none at all.

    `instants` UTC and `imbalance` have shape (n,), `present` (which names are in each) has shape (names, n).
    """
    known = np.flatnonzero(np.isfinite(imbalance))
    if len(known) == 0:
        return None
    sides = counted_sides(imbalance[known])
    flips = []
    held, held_at = Side.NEUTRAL, 0
    for place, side in enumerate(sides):
        if side not in (Side.NEUTRAL, held):
            first, second = known[place - 1], known[place]
            if held is not Side.NEUTRAL:
                names_changed = bool(np.any(present[:, first] != present[:, held_at]))
                flips.append(ObservedFlip(held, side, to_datetime(instants[first]), to_datetime(instants[second]), names_changed))
            held = side
        if next_side(float(imbalance[known[place]]), held) is held:
            held_at = known[place]
    shares = {side: sides.count(side) / len(sides) for side in Side}
    return SideHistory(sides[-1], shares, tuple(flips), len(sides))
