"""Sums that come out the same in whatever order they are taken.

Numbers are rounded to whole multiples of one power of two, 2^-48 of the largest gross sum among them (about 4e-15 of it). Sums
and differences of such multiples are exact in double precision, so parts of a change add up to it to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from exposure.greeks import Floats

_BITS = 48
# Far enough above the smallest double that the step itself is one.
_SMALLEST_EXPONENT = -900


@dataclass(frozen=True, slots=True)
class Grid:
    """The multiples of `step`, a power of two."""

    step: float

    @staticmethod
    def below(gross: float) -> Grid:
        """The grid on which up to 16 numbers, each within twice `gross` (>= 0, finite), add up exactly in any order."""
        exponent = max(math.frexp(gross)[1], _SMALLEST_EXPONENT) if gross > 0.0 else 0
        return Grid(math.ldexp(1.0, exponent - _BITS))

    def nearest(self, value: float) -> float:
        """The multiple nearest to a number; never -0.0."""
        return round(value / self.step) * self.step

    def total(self, values: Floats) -> float:
        """The sum of the multiples nearest to each of `values`, shape (n,), independent of their order; never -0.0."""
        return float(np.rint(values / self.step).sum()) * self.step + 0.0
