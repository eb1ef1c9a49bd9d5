"""A hedge flow and its parts, rounded together so that the parts still add up in the numbers as they stand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

_DIGITS = 5
_SMALLEST_EXPONENT = -10
_SCALES = ((12, "tn"), (9, "bn"), (6, "m"), (3, "k"))


@dataclass(frozen=True, slots=True)
class Split:
    """Dollars that dealers trade, all multiples of one power of ten, of which the largest has five digits.

    gamma + vanna + charm = linear and linear + rest = total, exactly: the total and three parts are rounded, the rest is what
    remains.
    """

    total: float
    gamma: float
    vanna: float
    charm: float
    rest: float
    linear: float


def split_of(total: float, gamma: float, vanna: float, charm: float) -> Split:
    """The flow and its parts in dollars, rounded together."""
    largest = max(map(abs, (total, gamma, vanna, charm)))
    exponent = max(math.floor(math.log10(largest)) - (_DIGITS - 1), _SMALLEST_EXPONENT) if largest > 0.0 else 0
    units = [_units(value, exponent) for value in (total, gamma, vanna, charm)]
    linear = sum(units[1:])
    return Split(*(_dollars(number, exponent) for number in (*units, units[0] - linear, linear)))


def money_together(*values: float) -> list[str]:
    """Signed dollars in one unit, with the decimals that none of them loses by: -12.346bn, +0.120bn, 0."""
    largest = max(map(abs, values))
    power, unit = next(((power, unit) for power, unit in _SCALES if largest >= 10.0**power), (0, ""))
    scaled = [Decimal(repr(value)).scaleb(-power) for value in values]
    decimals = max(0, *(-int(one.normalize().as_tuple().exponent) for one in scaled))
    return [f"{one:+.{decimals}f}{unit}" if one else "0" for one in scaled]


def _units(value: float, exponent: int) -> int:
    return round(value / 10.0**exponent) if exponent >= 0 else round(value * 10.0**-exponent)


def _dollars(units: int, exponent: int) -> float:
    return float(units * 10**exponent) if exponent >= 0 else units / 10**-exponent
