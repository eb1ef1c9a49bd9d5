"""Which side of gamma a basket is on, told so that noise round zero is not a flip.

The reading is net GEX over gross GEX (call leg plus put leg), -1..1. A side is entered at 5% and left below 2.5%; between sides a
basket is neutral, and inside the band nothing has flipped. Source: this project's methodology, section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from exposure.basket import BasketExposure
from exposure.dealer import Greek

ENTER = 0.05
LEAVE = 0.025


class Side(StrEnum):
    """Where a basket stands."""

    LONG = "long_gamma"
    SHORT = "short_gamma"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Flip:
    """A change from one side to the other."""

    before: Side
    after: Side


def gross_gex(result: BasketExposure) -> float | None:
    """Weighted mean of call leg plus put leg, $ per 1%; None for a source without legs."""
    terms = []
    for one in result.constituents:
        legs = one.exposure.legs(Greek.GEX)
        if legs is None:
            return None
        terms.append(one.weight * legs.gross)
    return math.fsum(terms)


def imbalance(result: BasketExposure) -> float | None:
    """Net over gross GEX, -1..1; None without legs or without any gamma."""
    gross = gross_gex(result)
    return result.net.gex / gross if gross else None


def next_side(reading: float, current: Side = Side.NEUTRAL) -> Side:
    """The side after one more reading."""
    if current is Side.LONG and reading >= LEAVE:
        return Side.LONG
    if current is Side.SHORT and reading <= -LEAVE:
        return Side.SHORT
    if abs(reading) >= ENTER:
        return Side.LONG if reading > 0 else Side.SHORT
    return Side.NEUTRAL


def flip_between(before: float | None, after: float | None) -> Flip | None:
    """The flip between two readings, or None when either is neutral, unknown, or both are on one side."""
    if before is None or after is None:
        return None
    first = next_side(before)
    second = next_side(after, first)
    if Side.NEUTRAL in (first, second) or first is second:
        return None
    return Flip(first, second)
