"""The fused sums of `measure`, against golden dollars, the contract-by-contract formulas and finite differences of a position."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exposure.chain import Chain
from exposure.dealer import UNITS, ComputedLegs, FourLegs, Greek, Legs, SignConvention
from exposure.greeks import greeks
from exposure.legs import exposure_by_group, measure, measure_all
from exposure.sessions import eastern
from tests.builders import EXPIRY, NAN, OI_DATE, QUOTE_TIME, Contract, a_call, a_chain, a_put, a_quoted_pair

STREET = SignConvention.STREET
COHERENT = [one for one in SignConvention if one is not STREET]
TODAY = date(2024, 6, 5)
MORNING = eastern(TODAY, 10)


def computed(chain: Chain) -> ComputedLegs:
    found = measure(chain).measured
    assert isinstance(found, ComputedLegs)
    return found


def net(chain: Chain, greek: Greek, convention: SignConvention) -> float:
    found = measure(chain).net(greek, convention)
    assert found is not None
    return found


def noise(chain: Chain, greek: Greek) -> float:
    """What rounding may do: a little of the absolute dollars of every expiry and right, and of the notional (terms cancel)."""
    column: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = getattr(exposure_by_group(chain), greek)
    notional = float((chain.open_interest * chain.multiplier).sum()) * chain.spot
    return 1e-11 * float(np.abs(column).sum()) + 1e-12 * notional


def naive(chain: Chain, *, same_day_only: bool = False) -> FourLegs:
    """The formulas of section 2 contract by contract, from `exposure.greeks`."""
    curve, spot, term = chain.curve, chain.spot, chain.term
    years, rate = curve.years[term], curve.rate[term]
    dividend_yield = rate - np.log(curve.forward[term] / spot) / years
    each = greeks(spot, chain.strike, years, chain.iv, chain.is_call, rate=rate, dividend_yield=dividend_yield)
    shares = chain.open_interest * chain.multiplier
    included = curve.same_day[term] if same_day_only else np.ones(len(chain), dtype=bool)

    def legs(dollars: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Legs:
        call = math.fsum(dollars[included & chain.is_call])
        return Legs(call, math.fsum(dollars[included & ~chain.is_call]))

    return FourLegs(
        gex=legs(each.gamma * shares * spot**2 * 0.01),
        dex=legs(each.delta * shares * spot),
        vex=legs(each.vanna * shares * spot * 0.01),
        chex=legs(each.charm / 365 * shares * spot),
    )


CONTRACTS = st.builds(
    Contract,
    strike=st.integers(160, 260).map(lambda halves: halves / 2),
    is_call=st.booleans(),
    expiry=st.sampled_from([TODAY, date(2024, 6, 7), EXPIRY, date(2024, 12, 20), date(2026, 1, 16)]),
    iv=st.floats(0.05, 1.5),
    open_interest=st.integers(0, 50_000).map(float),
    multiplier=st.sampled_from([100.0, 10.0]),
)
CHAINS = st.lists(CONTRACTS, min_size=1, max_size=40).map(
    lambda contracts: a_chain([*contracts, *a_quoted_pair(100.0, forward=100.9, open_interest=0)], quote_time=MORNING)
)
"""Up to forty contracts of five expiries, one of them the same day, one on a parity forward with a dividend yield below zero."""


EMPTY, IDLE = a_chain([]), a_chain([a_call(open_interest=0), a_put()])
LARGE = a_chain(
    [
        Contract(50.0 + 0.01 * step, is_call, iv=0.2 + 1e-5 * step, open_interest=1 + step % 7, expiry=expiry)
        for expiry, steps in ((EXPIRY, 5_000), (date(2024, 8, 16), 300), (date(2024, 9, 20), 9_000))
        for is_call in (True, False)
        for step in range(steps)
    ]
)
"""More contracts than are taken at once, in runs smaller and larger than that."""


def test_one_thousand_calls_are_worth_the_golden_dollars() -> None:
    chain = a_chain([a_call(iv=0.20, open_interest=1000)], flat_rate=0.05)
    legs = computed(chain).total
    assert round(legs.gex.call, 2) == 692_276.40
    assert round(legs.vex.call, 2) == -8_534.91
    assert round(legs.chex.call, 2) == -6_638.27
    assert legs.dex.call == pytest.approx(0.5399635 * 1000 * 100 * 100, abs=0.5)
    assert {leg.put for leg in (legs.gex, legs.dex, legs.vex, legs.chex)} == {0.0}


def test_a_put_fills_the_put_leg_with_negative_delta() -> None:
    legs = computed(a_chain([a_put(open_interest=1000)], flat_rate=0.05)).total
    assert legs.gex.call == 0.0
    assert legs.gex.put == pytest.approx(692_276.40, abs=0.01)
    assert legs.dex.put == pytest.approx((0.5399635 - 1) * 1e7, abs=1)
    assert legs.vex.put == pytest.approx(-8_534.91, abs=0.01)


@settings(max_examples=150, deadline=None)
@given(CHAINS)
def test_the_fused_sums_equal_the_naive_ones(chain: Chain) -> None:
    found = computed(chain)
    for fused, plain in ((found.total, naive(chain)), (found.same_day, naive(chain, same_day_only=True))):
        for greek in Greek:
            tolerance = noise(chain, greek)
            assert fused.of(greek).call == pytest.approx(plain.of(greek).call, rel=1e-10, abs=tolerance)
            assert fused.of(greek).put == pytest.approx(plain.of(greek).put, rel=1e-10, abs=tolerance)


@settings(max_examples=60, deadline=None)
@given(st.lists(CHAINS | st.just(EMPTY) | st.just(IDLE) | st.just(LARGE), max_size=5))
def test_chains_measured_together_are_measured_as_if_alone(chains: list[Chain]) -> None:
    """To the last bit, whatever stands beside them and wherever the blocks of contracts begin."""
    assert measure_all(chains) == [measure(chain) for chain in chains]


def test_only_what_expires_on_the_eastern_date_of_the_quotes_is_same_day() -> None:
    today, tomorrow = a_call(101, expiry=TODAY), a_call(101, expiry=date(2024, 6, 6))
    both = computed(a_chain([today, tomorrow], quote_time=MORNING))
    assert both.same_day == computed(a_chain([today], quote_time=MORNING)).total
    assert both.total.gex.call > both.same_day.gex.call > 0
    assert computed(a_chain([tomorrow], quote_time=MORNING)).same_day.gex == Legs(0.0, 0.0)


@given(CHAINS, st.floats(0.01, 1000.0))
@settings(max_examples=60, deadline=None)
def test_open_interest_scaled_by_k_scales_all_four(chain: Chain, k: float) -> None:
    scaled = replace(chain, open_interest=chain.open_interest * k)
    for greek in Greek:
        once, often = computed(chain).total.of(greek), computed(scaled).total.of(greek)
        tolerance = k * noise(chain, greek)
        assert often.call == pytest.approx(once.call * k, rel=1e-12, abs=tolerance)
        assert often.put == pytest.approx(once.put * k, rel=1e-12, abs=tolerance)


@given(st.lists(CONTRACTS, min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_a_two_for_one_split_leaves_the_dollars_unchanged(contracts: list[Contract]) -> None:
    halved = [replace(one, strike=one.strike / 2, open_interest=one.open_interest * 2) for one in contracts]
    before, after = a_chain(contracts, quote_time=MORNING), a_chain(halved, spot=50.0, quote_time=MORNING)
    for greek in Greek:
        for convention in SignConvention:
            expected = net(before, greek, convention)
            assert net(after, greek, convention) == pytest.approx(expected, rel=1e-12, abs=noise(before, greek))


def shocked(chain: Chain, *, spot: float = 0.0, iv: float = 0.0, years: float = 0.0) -> Chain:
    """The same position after spot moved by a share, volatility by points and time forward, rates and yields unchanged."""
    curve = chain.curve
    later = curve.years - years
    carried = (curve.forward / chain.spot) ** (later / curve.years)
    moved = chain.spot * (1 + spot)
    return replace(chain, spot=moved, iv=chain.iv + iv, curve=replace(curve, years=later, forward=moved * carried))


def slope(shock: Callable[[float], Chain], convention: SignConvention, step: float) -> float:
    """Change of net DEX for one unit of a shock, by central difference."""
    up, down = net(shock(step), Greek.DEX, convention), net(shock(-step), Greek.DEX, convention)
    return (up - down) / (2 * step)


@pytest.fixture
def book() -> Chain:
    """A lopsided position of a single stock in three expiries, with rates, a dividend yield and a smile."""
    contracts = [
        Contract(strike, is_call, expiry, 0.2 + abs(strike - 100) / 200, 10.0 * strike + 700 * is_call + 3 * index)
        for index, expiry in enumerate([date(2024, 6, 21), EXPIRY, date(2025, 1, 17)])
        for strike in (85, 95, 100, 105, 120)
        for is_call in (True, False)
    ]
    return a_chain([*contracts, *a_quoted_pair(101.0, forward=99.6, open_interest=0)], flat_rate=0.05)


@pytest.mark.parametrize("convention", COHERENT)
def test_a_one_percent_move_changes_net_dex_by_net_gex_and_the_spot_term(book: Chain, convention: SignConvention) -> None:
    """DEX is delta times S, so that a move also reprices the delta already there: that is the spot term, 1% of net DEX."""
    per_percent = slope(lambda move: shocked(book, spot=move / 100), convention, 0.01)
    expected = net(book, Greek.GEX, convention) + 0.01 * net(book, Greek.DEX, convention)
    assert per_percent == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("convention", COHERENT)
def test_a_volatility_point_changes_net_dex_by_net_vex(book: Chain, convention: SignConvention) -> None:
    per_point = slope(lambda points: shocked(book, iv=points / 100), convention, 0.01)
    assert per_point == pytest.approx(net(book, Greek.VEX, convention), rel=1e-6)


@pytest.mark.parametrize("convention", COHERENT)
def test_a_day_changes_net_dex_by_net_chex(book: Chain, convention: SignConvention) -> None:
    per_day = slope(lambda days: shocked(book, years=days / 365), convention, 0.001)
    assert per_day == pytest.approx(net(book, Greek.CHEX, convention), rel=1e-6)


def test_street_is_mixed_so_its_dex_is_not_the_integral_of_its_gex(book: Chain) -> None:
    per_percent = slope(lambda move: shocked(book, spot=move / 100), STREET, 0.01)
    assert abs(per_percent - net(book, Greek.GEX, STREET) - 0.01 * net(book, Greek.DEX, STREET)) > 0.1 * abs(per_percent)


def test_street_dex_is_call_plus_put_and_the_others_call_minus_put(book: Chain) -> None:
    legs = computed(book).total
    assert net(book, Greek.DEX, STREET) == legs.dex.call + legs.dex.put
    for greek in (Greek.GEX, Greek.VEX, Greek.CHEX):
        assert net(book, greek, STREET) == legs.of(greek).call - legs.of(greek).put


@pytest.mark.parametrize("greek", list(Greek))
def test_the_negated_convention_negates_every_net(book: Chain, greek: Greek) -> None:
    long_calls, short_calls = SignConvention.LONG_CALLS_SHORT_PUTS, SignConvention.SHORT_CALLS_LONG_PUTS
    assert net(book, greek, long_calls) == -net(book, greek, short_calls) != 0
    assert net(book, greek, SignConvention.LONG_ALL) == -net(book, greek, SignConvention.SHORT_ALL) != 0


@pytest.mark.parametrize(
    ("symbol", "same_as"),
    [
        ("NVDA", SignConvention.SHORT_ALL),
        ("SPY", SignConvention.LONG_CALLS_SHORT_PUTS),
        ("SPX", SignConvention.LONG_CALLS_SHORT_PUTS),
    ],
)
def test_by_asset_class_is_short_all_for_stocks_and_the_street_pair_for_the_rest(symbol: str, same_as: SignConvention) -> None:
    chain = a_chain([a_call(103), a_put(96)], symbol=symbol)
    for greek in Greek:
        assert net(chain, greek, SignConvention.BY_ASSET_CLASS) == net(chain, greek, same_as)


def test_a_measured_chain_keeps_its_provenance_and_at_the_money_volatility() -> None:
    chain = a_chain([make(strike, iv=0.31) for strike in (95, 105) for make in (a_call, a_put)], symbol="SPY")
    found = measure(chain)
    assert (found.symbol, found.spot, found.quote_time, found.oi_date) == ("SPY", 100.0, QUOTE_TIME, OI_DATE)
    assert found.atm_iv() == pytest.approx(0.31)
    assert found.coverage is chain.coverage
    assert found.legs(Greek.GEX) == computed(chain).total.gex


@pytest.mark.parametrize("contracts", [[], [a_call(open_interest=0)], [a_call(iv=NAN)]])
def test_a_chain_without_open_interest_has_legs_of_zero(contracts: list[Contract]) -> None:
    zero = Legs(0.0, 0.0)
    assert computed(a_chain(contracts)) == ComputedLegs(FourLegs(zero, zero, zero, zero), FourLegs(zero, zero, zero, zero))


@settings(max_examples=150, deadline=None)
@given(
    st.floats(1e-3, 1e6),
    st.floats(1e-3, 1e6),
    st.floats(1e-4, 1e2),
    st.booleans(),
    st.integers(0, 10**9),
    st.sampled_from([1e-6, 1.0, 60.0, 86400.0, 1e8]),
)
def test_no_contract_however_odd_gives_nan_or_infinity(
    spot: float, strike: float, iv: float, is_call: bool, open_interest: int, seconds: float
) -> None:
    chain = a_chain([Contract(strike, is_call, iv=iv, open_interest=open_interest)], spot=spot)
    odd = replace(chain, curve=replace(chain.curve, years=np.full(len(chain.curve.years), seconds / 31536000)))
    for greek in Greek:
        assert math.isfinite(net(odd, greek, STREET))


def test_groups_carry_one_sum_an_expiry_and_right() -> None:
    near, far = date(2024, 6, 21), EXPIRY
    contracts = [a_call(expiry=near), a_call(105, expiry=near), a_put(expiry=near, open_interest=0), a_put(expiry=far)]
    groups = exposure_by_group(a_chain(contracts))
    assert list(zip(groups.term.tolist(), groups.is_call.tolist(), strict=True)) == [(0, True), (1, False)]
    assert (groups.gex > 0).all()


def test_every_greek_says_its_unit() -> None:
    assert set(UNITS) == set(Greek)
