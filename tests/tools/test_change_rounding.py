"""Rounded columns add up as printed, and no number moves further than it must."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.change_rounding import Column, Unit, adding_up

DOLLARS = st.one_of(
    st.just(0.0),
    st.floats(min_value=-1e14, max_value=1e14, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-6),
)


def exact(value: float) -> Decimal:
    return Decimal(repr(value))


@given(DOLLARS, st.lists(DOLLARS, min_size=1, max_size=12))
def test_a_column_adds_up_in_numbers_and_in_text(before: float, parts: list[float]) -> None:
    # Whole multiples of a power of two, as the attribution hands them over, add up exactly.
    step = 2.0**-6
    before, parts = round(before / step) * step, [round(part / step) * step for part in parts]
    after = before + sum(parts)
    column = Column.of(before, after, parts)
    assert exact(column.before) + sum(map(exact, column.parts)) == exact(column.after)
    assert exact(column.before) + exact(column.change) == exact(column.after)
    unit = column.unit.dollars
    assert abs(column.before - before) <= 0.5 * unit * (1 + 1e-9)
    assert abs(column.after - after) <= 0.5 * unit * (1 + 1e-9)
    for rounded, part in zip(column.parts, parts, strict=True):
        assert abs(rounded - part) <= 1.5 * unit * (1 + 1e-9)
        assert part != 0.0 or rounded == 0.0
    scale = Decimal(10) ** column.unit.scale
    suffix = column.unit.suffix
    for value in (column.before, column.after, *column.parts):
        text = column.unit.text(value)
        printed = Decimal(text.removesuffix(suffix)) * scale if value else Decimal(0)
        assert printed == exact(value)


@given(st.lists(DOLLARS, min_size=1, max_size=50))
def test_names_add_up_to_the_rounded_change(changes: list[float]) -> None:
    unit = Unit.of((*changes, 1e3))
    total = unit.value(unit.nearest(sum(changes)))
    if any(changes):
        assert sum(map(exact, adding_up(changes, total, unit))) == exact(total)


@pytest.mark.parametrize(
    ("largest", "value", "text"),
    [
        (1_234_567_890.0, 1_234_600_000.0, "+1.2346bn"),
        (1_234_567_890.0, -100_000.0, "-0.0001bn"),
        (35_800_123.0, -54_131_000.0, "-54.131m"),
        (999_999_999.0, 1_000_000_000.0, "+1000.00m"),
        (12_345.6, 12_346.0, "+12.346k"),
        (812.44, 812.44, "+812.44"),
        (3e-9, -1e-9, "-0.0000000010000"),
        (0.0, 0.0, "0"),
        (9e16, 90_000e12, "+90000tn"),
    ],
)
def test_a_column_is_written_at_one_scale(largest: float, value: float, text: str) -> None:
    assert Unit.of([largest]).text(value) == text


def test_a_unit_is_found_again_from_numbers_rounded_to_it() -> None:
    for largest in (1.0, 99_999.6, 1_234_567.0, 999_996_000.0, 5e-3):
        unit = Unit.of([largest])
        rounded = unit.value(unit.nearest(largest))
        assert Unit.of_rounded([rounded], unit.dollars).exponent == unit.exponent


def test_largest_remainders_move_first_and_zero_stays_zero() -> None:
    unit = Unit(0, 0, "")
    assert adding_up([0.4, 0.45, 0.15, 0.0], 1.0, unit) == (0.0, 1.0, 0.0, 0.0)
    assert adding_up([1.6, 1.55, -0.15, 0.0], 3.0, unit) == (2.0, 1.0, 0.0, 0.0)
    assert adding_up([0.0, 0.0], 0.0, unit) == (0.0, 0.0)
