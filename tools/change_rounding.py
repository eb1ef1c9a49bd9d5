"""Dollars rounded so that they still add up as printed: start, parts and end of a column are whole multiples of one unit.

The unit is a power of ten, five digits of the largest number of the column. Start and end are rounded to the nearest multiple; of
the parts, those with the largest remainders are moved by one unit until start + parts = end. A part that is 0 stays 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

_DIGITS = 5
_SCALES = ((12, "tn"), (9, "bn"), (6, "m"), (3, "k"))


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit for a whole column: ten to the power of `exponent`, written at the scale of the largest number."""

    exponent: int
    scale: int
    suffix: str

    @staticmethod
    def of(numbers: Sequence[float]) -> Unit:
        """The unit of these numbers; 1 where all of them are 0."""
        largest = max((abs(number) for number in numbers), default=0.0)
        if largest <= 0.0:
            return Unit(0, 0, "")
        magnitude = math.floor(math.log10(largest))
        scale, suffix = next(((power, word) for power, word in _SCALES if magnitude >= power), (0, ""))
        return Unit(magnitude + 1 - _DIGITS, scale, suffix)

    @staticmethod
    def of_rounded(numbers: Sequence[float], dollars: float) -> Unit:
        """The unit whose size is known, at the scale of numbers that were rounded to it."""
        return replace(Unit.of(numbers), exponent=round(math.log10(dollars)))

    @property
    def dollars(self) -> float:
        """Its size."""
        return self.value(1)

    def nearest(self, number: float) -> int:
        """How many units a number is, rounded."""
        return round(Decimal(number).scaleb(-self.exponent))

    def value(self, units: int) -> float:
        """So many units in dollars, as the decimal number they are."""
        return float(Decimal(units).scaleb(self.exponent))

    def text(self, dollars: float) -> str:
        """A multiple of the unit as text: +1.2346bn, all of a column with the same number of decimals; 0."""
        if dollars == 0.0:
            return "0"
        decimals = max(self.scale - self.exponent, 0)
        exact = Decimal(self.nearest(dollars)).scaleb(self.exponent - self.scale)
        return f"{exact:+.{decimals}f}{self.suffix}"


@dataclass(frozen=True, slots=True)
class Column:
    """One net on its way from `before` to `after`, dollars in multiples of `unit`: before + sum of parts = after."""

    unit: Unit
    before: float
    after: float
    parts: tuple[float, ...]

    @property
    def change(self) -> float:
        """After minus before, both as rounded."""
        return self.unit.value(self.unit.nearest(self.after) - self.unit.nearest(self.before))

    @staticmethod
    def of(before: float, after: float, parts: Sequence[float]) -> Column:
        """Round numbers of which before + sum of parts = after."""
        unit = Unit.of((before, after, *parts))
        start, stop = unit.nearest(before), unit.nearest(after)
        return Column(unit, unit.value(start), unit.value(stop), adding_up(parts, unit.value(stop - start), unit))


def adding_up(parts: Sequence[float], total: float, unit: Unit) -> tuple[float, ...]:
    """Parts in multiples of the unit that sum to `total`, itself such a multiple; none is further off than needed."""
    exact = [Decimal(part).scaleb(-unit.exponent) for part in parts]
    units = [round(one) for one in exact]
    lacking = unit.nearest(total) - sum(units)
    step = 1 if lacking > 0 else -1
    movable = [place for place, part in enumerate(parts) if part != 0.0]
    movable.sort(key=lambda place: step * (units[place] - exact[place]))
    for turn in range(abs(lacking) if movable else 0):
        units[movable[turn % len(movable)]] += step
    return tuple(unit.value(one) for one in units)
