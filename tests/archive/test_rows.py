"""An exposure survives being taken apart, to the last bit."""

from __future__ import annotations

import math
import struct
from dataclasses import fields, is_dataclass
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from archive import rows
from archive.answers import Kind
from archive.layout import from_microseconds
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
from tests.builders import a_vendor_row, an_exposure

numbers = st.floats(allow_nan=True, allow_infinity=True)
amounts = st.floats(min_value=0, allow_infinity=False)
counts = st.integers(0, 10**9)
legs = st.builds(Legs, numbers, numbers)
four = st.builds(FourLegs, legs, legs, legs, legs)
gamma = st.none() | st.builds(GammaLegs, legs, legs)
nets = st.builds(Nets, numbers, numbers, numbers, numbers)
volatilities = st.none() | st.floats(0, 100)
coverage = st.builds(
    Coverage,
    counts,
    counts,
    counts,
    amounts,
    amounts,
    st.dictionaries(st.sampled_from(DropReason), st.builds(Dropped, st.integers(0, 10**6), st.none() | amounts)),
    st.sampled_from(ForwardBasis),
    st.floats(0, 1),
)


@st.composite
def curves(draw: st.DrawFn) -> AtTheMoneyCurve:
    years = draw(st.lists(st.floats(0.001, 10), max_size=5, unique=True))
    return AtTheMoneyCurve(tuple(sorted(years)), tuple(draw(volatilities) for _ in years))


exposures = st.builds(
    SymbolExposure,
    st.sampled_from(["SPY", "BRK.B"]),
    st.sampled_from(AssetClass),
    numbers,
    st.builds(ComputedLegs, four, four) | st.builds(PublishedNets, nets, st.sampled_from(SignConvention), gamma),
    st.integers(0, 4 * 10**15).map(from_microseconds),
    st.none() | st.dates(date(1990, 1, 1), date(2100, 1, 1)),
    st.none() | curves(),
    st.none() | coverage,
)


def bits(value: object) -> object:
    """The same, with every float as its bytes, so that NaN equals itself and -0.0 does not equal 0.0."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, tuple):
        return [bits(one) for one in value]
    if isinstance(value, dict):
        return {key: bits(one) for key, one in value.items()}
    if is_dataclass(value):
        return [type(value), *(bits(getattr(value, field.name)) for field in fields(value))]
    return value


@given(exposures)
def test_an_exposure_comes_back_bit_for_bit(exposure: SymbolExposure) -> None:
    packed = rows.flat(exposure).packed()
    back = rows.rebuilt(exposure.symbol, rows.unpacked(*packed))
    assert bits(back) == bits(exposure)
    assert rows.flat(back).packed() == packed


def test_a_row_says_whether_it_was_computed_or_published() -> None:
    assert rows.kind_of(an_exposure()) is Kind.COMPUTED
    assert rows.kind_of(a_vendor_row()) is Kind.PUBLISHED


def test_every_code_of_the_stored_format_is_known() -> None:
    """Whoever adds a member has to add it to the end of its tuple in `archive.rows`, and a field means a migration."""
    assert set(rows.ASSET_CLASSES) == set(AssetClass)
    assert set(rows.CONVENTIONS) == set(SignConvention)
    assert set(rows.BASES) == set(ForwardBasis)
    assert set(rows.REASONS) == set(DropReason)
    assert len(rows.FIELDS) == 45
    assert rows.PACKED.size == 302
