"""A series in one line of block characters.

Zero lies on the border of two blocks, so that a character tells the sign: with both signs present the lowest blocks are negative,
the others positive, all of one height. A stretch without readings is a middle dot.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from exposure.greeks import Floats

BLOCKS = "▁▂▃▄▅▆▇█"
NO_READING = "·"
WIDTH = 40


@dataclass(frozen=True, slots=True)
class Sparkline:
    """The picture and its scale, in the units of the values."""

    text: str
    """At most `width` characters, oldest first, each the mean of an equal number of expected instants (one fewer in some)."""
    low: float
    high: float
    """The least and the largest of the means shown."""
    negative_blocks: str
    """The characters that mean a value below zero; empty where there is none."""


def sparkline(values: Floats, *, width: int = WIDTH) -> Sparkline | None:
    """Draw a series of shape (n,) with NaN where there is no reading; None without any reading. `width` >= 1."""
    means = _means(values, width)
    known = means[np.isfinite(means)]
    if len(known) == 0:
        return None
    low, high = float(known.min()), float(known.max())
    negative = _negative_levels(low, high)
    characters = [NO_READING if math.isnan(mean) else BLOCKS[_level(mean, low, high, negative)] for mean in means.tolist()]
    return Sparkline("".join(characters), low, high, BLOCKS[:negative])


def _means(values: Floats, width: int) -> Floats:
    count = min(width, len(values))
    edges = [place * len(values) // count for place in range(count + 1)] if count else []
    stretches = [values[start:stop][np.isfinite(values[start:stop])] for start, stop in pairwise(edges)]
    return np.array([float(one.mean()) if len(one) else math.nan for one in stretches])


def _negative_levels(low: float, high: float) -> int:
    """How many of the blocks lie below zero, in proportion to the range below it."""
    if low >= 0.0:
        return 0
    if high < 0.0:
        return len(BLOCKS)
    return min(max(round(len(BLOCKS) * low / (low - high)), 1), len(BLOCKS) - 1)


def _level(value: float, low: float, high: float, negative: int) -> int:
    top = len(BLOCKS) - 1
    if low == high:
        return top // 2
    if negative in (0, len(BLOCKS)):
        return min(int((value - low) / (high - low) * len(BLOCKS)), top)
    height = max(-low / negative, high / (len(BLOCKS) - negative), sys.float_info.min)
    if value >= 0.0:
        return min(negative + int(value / height), top)
    return max(negative - max(math.ceil(-value / height), 1), 0)
