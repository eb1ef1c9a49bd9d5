"""One exposure as a flat row of numbers, and back, bit for bit.

`FIELDS` names the numbers in order. A live day keeps a row packed into bytes, a day file keeps one column a field; both meet in
the tuple that `flat` makes and `rebuilt` reads. Codes and order are part of the stored format: append, never reorder.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from archive.answers import SERIES_COLUMNS, Kind
from archive.layout import from_microseconds, to_microseconds
from exposure.dealer import (
    AtTheMoneyCurve,
    ComputedLegs,
    Coverage,
    Dropped,
    DropReason,
    ForwardBasis,
    FourLegs,
    GammaLegs,
    Legs,
    Nets,
    PublishedNets,
    SignConvention,
    SymbolExposure,
)
from exposure.instruments import AssetClass

METHOD_VERSION = 1
"""Which formulas computed the legs of rows written now; 0 marks numbers a vendor published."""

ASSET_CLASSES = (AssetClass.INDEX, AssetClass.ETF, AssetClass.STOCK)
CONVENTIONS = (
    SignConvention.STREET,
    SignConvention.LONG_CALLS_SHORT_PUTS,
    SignConvention.SHORT_CALLS_LONG_PUTS,
    SignConvention.SHORT_ALL,
    SignConvention.LONG_ALL,
    SignConvention.BY_ASSET_CLASS,
)
BASES = (ForwardBasis.PARITY, ForwardBasis.FLAT_RATE, ForwardBasis.MIXED, ForwardBasis.MODEL)
REASONS = (
    DropReason.EXPIRED,
    DropReason.ADJUSTED_SERIES,
    DropReason.NO_IV,
    DropReason.BAD_ROW,
    DropReason.DUPLICATE,
)
_NO_CONVENTION, _NO_DATE, _NOT_DROPPED = -1, -(2**31), -1
_UNTOLD = -1.0
_HAS_GAMMA, _HAS_CURVE, _HAS_COVERAGE = 1, 2, 4
_NAN = math.nan
_EPOCH_DAY = date(1970, 1, 1)

COVERAGE_FIELDS: tuple[tuple[str, str], ...] = (
    ("listed", "q"),
    ("seen", "q"),
    ("used", "q"),
    ("open_interest_seen", "d"),
    ("open_interest_used", "d"),
    ("parity_share", "d"),
    ("forward_basis", "b"),
    *(
        field
        for reason in REASONS
        for field in ((f"dropped_{reason.value}_contracts", "i"), (f"dropped_{reason.value}_open_interest", "d"))
    ),
)
FIELDS: tuple[tuple[str, str], ...] = (
    ("quote_time", "q"),
    ("oi_date", "i"),
    ("method", "h"),
    ("asset_class", "b"),
    ("convention", "b"),
    ("flags", "b"),
    *((name, "d") for name in SERIES_COLUMNS),
    *COVERAGE_FIELDS,
)
"""Name and `struct` code of each number of a row."""

FIELD_NAMES = tuple(name for name, _ in FIELDS)
PACKED = struct.Struct("<" + "".join(code for _, code in FIELDS))
_FIRST_FLOAT = FIELD_NAMES.index("spot")
_FIRST_COVERAGE = FIELD_NAMES.index("listed")
_TOTAL, _SAME_DAY, _NETS = (
    slice(_FIRST_FLOAT + 1, _FIRST_FLOAT + 9),
    slice(_FIRST_FLOAT + 9, _FIRST_FLOAT + 17),
    slice(_FIRST_FLOAT + 17, _FIRST_FLOAT + 21),
)

Flat = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """An exposure taken apart: the numbers of `FIELDS`, and its volatility curve (years and fractions, NaN for None)."""

    fields: Flat
    curve_years: tuple[float, ...]
    curve_iv: tuple[float, ...]

    def packed(self) -> tuple[bytes, bytes]:
        """Fields and curve as little-endian bytes; equal bytes mean equal content, NaN included."""
        points = (*self.curve_years, *self.curve_iv)
        return PACKED.pack(*self.fields), struct.pack(f"<{len(points)}d", *points)


def unpacked(fields: bytes, curve: bytes) -> Row:
    """The row that `Row.packed` made these bytes of. Raises struct.error where they are not of that shape."""
    points = struct.unpack(f"<{len(curve) // 8}d", curve)
    half = len(points) // 2
    return Row(PACKED.unpack(fields), points[:half], points[half:])


def kind_of(exposure: SymbolExposure) -> Kind:
    """Whether its numbers were computed here or published by a vendor."""
    return Kind.COMPUTED if isinstance(exposure.measured, ComputedLegs) else Kind.PUBLISHED


def flat(exposure: SymbolExposure) -> Row:
    """Take an exposure apart."""
    curve, coverage = exposure.at_the_money, exposure.coverage
    match exposure.measured:
        case ComputedLegs(total=total, same_day=same_day):
            numbers = (*_of_four(total), *_of_four(same_day), _NAN, _NAN, _NAN, _NAN)
            convention, method, flags = _NO_CONVENTION, METHOD_VERSION, 0
        case PublishedNets(nets=nets, convention=named, gamma=gamma):
            rest = (_NAN,) * 6
            known = (gamma.total, gamma.same_day) if gamma is not None else (Legs(_NAN, _NAN), Legs(_NAN, _NAN))
            legs = tuple(number for one in known for number in (one.call, one.put, *rest))
            numbers = (*legs, nets.gex, nets.dex, nets.vex, nets.chex)
            convention, method, flags = CONVENTIONS.index(named), 0, _HAS_GAMMA if gamma is not None else 0
    flags |= (_HAS_CURVE if curve is not None else 0) | (_HAS_COVERAGE if coverage is not None else 0)
    volatility = exposure.atm_iv()
    fields = (
        to_microseconds(exposure.quote_time),
        date_to_number(exposure.oi_date),
        method,
        ASSET_CLASSES.index(exposure.asset_class),
        convention,
        flags,
        exposure.spot,
        *numbers,
        _NAN if volatility is None else volatility,
        *coverage_fields(coverage),
    )
    if curve is None:
        return Row(fields, (), ())
    return Row(fields, curve.years, tuple(_NAN if iv is None else iv for iv in curve.iv))


def rebuilt(symbol: str, row: Row) -> SymbolExposure:
    """The exposure that `flat` took apart."""
    fields = row.fields
    quote_time, oi_date, _, asset_class, convention, flags = map(int, fields[:_FIRST_FLOAT])
    spot, total, same_day = fields[_FIRST_FLOAT], fields[_TOTAL], fields[_SAME_DAY]
    measured: ComputedLegs | PublishedNets
    if convention == _NO_CONVENTION:
        measured = ComputedLegs(_four(total), _four(same_day))
    else:
        gamma = GammaLegs(Legs(*total[:2]), Legs(*same_day[:2])) if flags & _HAS_GAMMA else None
        measured = PublishedNets(Nets(*fields[_NETS]), CONVENTIONS[convention], gamma)
    curve = None
    if flags & _HAS_CURVE:
        lacking = math.isnan(sum(row.curve_iv))
        curve = AtTheMoneyCurve(row.curve_years, _none_for_nan(row.curve_iv) if lacking else row.curve_iv)
    return SymbolExposure(
        symbol=symbol,
        asset_class=ASSET_CLASSES[asset_class],
        spot=spot,
        measured=measured,
        quote_time=from_microseconds(quote_time),
        oi_date=date_from_number(oi_date),
        at_the_money=curve,
        coverage=rebuilt_coverage(fields[_FIRST_COVERAGE:]) if flags & _HAS_COVERAGE else None,
    )


def date_to_number(day: date | None) -> int:
    """Days since 1970, or the mark for none."""
    return (day - _EPOCH_DAY).days if day else _NO_DATE


def date_from_number(number: int) -> date | None:
    """The date that `date_to_number` wrote."""
    return None if number == _NO_DATE else _EPOCH_DAY + timedelta(days=number)


def coverage_fields(coverage: Coverage | None) -> Flat:
    """The numbers of `COVERAGE_FIELDS`."""
    if coverage is None:
        return (0, 0, 0, 0.0, 0.0, 0.0, 0, *(_NOT_DROPPED, 0.0) * len(REASONS))
    numbers: list[float] = []
    for reason in REASONS:
        dropped = coverage.dropped.get(reason)
        if dropped is None:
            numbers += (_NOT_DROPPED, 0.0)
        else:
            numbers += (dropped.contracts, _UNTOLD if dropped.open_interest is None else dropped.open_interest)
    return (
        coverage.listed,
        coverage.seen,
        coverage.used,
        coverage.open_interest_seen,
        coverage.open_interest_used,
        coverage.parity_share,
        BASES.index(coverage.forward_basis),
        *numbers,
    )


def rebuilt_coverage(numbers: Sequence[float]) -> Coverage:
    """The coverage that `coverage_fields` took apart; equal ones share one object."""
    return _coverage(tuple(numbers))


@lru_cache(maxsize=4096)
def _coverage(numbers: tuple[float, ...]) -> Coverage:
    listed, seen, used, open_interest_seen, open_interest_used, share, basis = numbers[:7]
    dropped = {
        reason: Dropped(int(contracts), None if open_interest == _UNTOLD else open_interest)
        for reason, contracts, open_interest in zip(REASONS, numbers[7::2], numbers[8::2], strict=True)
        if contracts != _NOT_DROPPED
    }
    return Coverage(
        listed=int(listed),
        seen=int(seen),
        used=int(used),
        open_interest_seen=float(open_interest_seen),
        open_interest_used=float(open_interest_used),
        dropped=dropped,
        forward_basis=BASES[int(basis)],
        parity_share=float(share),
    )


def _none_for_nan(numbers: Sequence[float]) -> tuple[float | None, ...]:
    return tuple([None if math.isnan(number) else number for number in numbers])


def _of_four(legs: FourLegs) -> Flat:
    gex, dex, vex, chex = legs.gex, legs.dex, legs.vex, legs.chex
    return (gex.call, gex.put, dex.call, dex.put, vex.call, vex.put, chex.call, chex.put)


def _four(numbers: Sequence[float]) -> FourLegs:
    call_gex, put_gex, call_dex, put_dex, call_vex, put_vex, call_chex, put_chex = numbers
    return FourLegs(Legs(call_gex, put_gex), Legs(call_dex, put_dex), Legs(call_vex, put_vex), Legs(call_chex, put_chex))
