"""What the names that did not arrive could do to the answer.

With the requested weights w (sum 1), the observed nets g, R = sum over observed of w·g and w_M the missing weight:

    renormalised  R / (1 - w_M)    equals imputing the observed mean
    zero-filled   R
    break_even    -R / w_M         mean net GEX of the missing names that would flip the sign
    bounds        R ± w_M B        B = the largest |g| observed in this basket
    sign_safe     |R| > w_M B

Source: this project's methodology, section 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exposure.dealer import Nets


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of net GEX, and the zero-filled nets of all four; dollars, in the units of each exposure."""

    zero_filled: Nets
    break_even: float
    largest_observed: float
    low: float
    high: float
    sign_safe: bool


def bounds(observed: Sequence[tuple[float, Nets]], missing_weight: float) -> Bounds | None:
    """Bounds from (requested weight, nets) of every survivor; None where nothing of weight is missing."""
    if missing_weight <= 0.0:
        return None
    zero_filled = Nets.from_each(lambda greek: math.fsum(weight * nets.of(greek) for weight, nets in observed))
    largest = max((abs(nets.gex) for _, nets in observed), default=0.0)
    reach = missing_weight * largest
    return Bounds(
        zero_filled=zero_filled,
        break_even=-zero_filled.gex / missing_weight,
        largest_observed=largest,
        low=zero_filled.gex - reach,
        high=zero_filled.gex + reach,
        sign_safe=abs(zero_filled.gex) > reach,
    )
