"""Implied volatility of one contract, and the at-the-money volatility of a chain at one tenor."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from exposure.chain import Chain
from exposure.dealer import AtTheMoneyCurve
from exposure.greeks import Floats, greeks
from exposure.implied import at_the_money_curves, implied_volatility
from exposure.stack import Stack
from tests.builders import NAN, QUOTE_TIME, Contract, a_call, a_chain, a_put


def black(forward: float, strike: float, years: float, iv: float, is_call: bool, rate: float) -> float:
    """Price today of one option on a forward."""
    spot = forward * math.exp(-rate * years)
    return float(greeks(spot, np.array([strike]), years, np.array([iv]), np.array([is_call]), rate=rate).price[0])


def solve(price: float, forward: float, strike: float, years: float, is_call: bool, rate: float = 0.04) -> float:
    def one(value: float) -> Floats:
        return np.array([value])

    return float(implied_volatility(one(price), one(forward), one(strike), one(years), one(rate), np.array([is_call]))[0])


@settings(max_examples=400, deadline=None)
@given(
    forward=st.floats(0.5, 50_000),
    away=st.floats(-6.0, 6.0),
    years=st.floats(math.log10(1 / (365 * 24 * 60)), 1.0).map(lambda power: 10.0**power),
    iv=st.floats(-2.0, 0.7).map(lambda power: 10.0**power),
    is_call=st.booleans(),
    rate=st.floats(-0.02, 0.12),
)
@example(forward=100.0, away=0.0, years=10.0, iv=2.0, is_call=True, rate=0.04)
@example(forward=100.0, away=5.5, years=30 / 365, iv=0.2, is_call=True, rate=0.04)
@example(forward=100.0, away=5.5, years=30 / 365, iv=0.2, is_call=False, rate=0.04)
def test_a_volatility_survives_the_round_trip_through_its_price(
    forward: float, away: float, years: float, iv: float, is_call: bool, rate: float
) -> None:
    """`away` is in deviations. What rounding of the price can do to the volatility is price error over vega."""
    deviation = iv * math.sqrt(years)
    assume(1.1e-4 < deviation < 6.0)
    strike = forward * math.exp(away * deviation)
    price = black(forward, strike, years, iv, is_call, rate)
    over_intrinsic = black(forward, strike, years, iv, strike >= forward, rate)
    assume(over_intrinsic * math.exp(rate * years) > 1e-8 * min(forward, strike))
    assume(over_intrinsic * math.exp(rate * years) < 0.999 * min(forward, strike))
    d1 = -away + 0.5 * deviation
    vega = forward * math.exp(-0.5 * d1 * d1) / math.sqrt(2 * math.pi) * math.sqrt(years)
    rounding = 1e-14 * max(forward, strike) / vega
    assume(rounding < 1e-3 * iv)
    assert solve(price, forward, strike, years, is_call, rate) == pytest.approx(iv, rel=1e-8, abs=rounding)


@pytest.mark.parametrize(
    ("price", "strike", "is_call"),
    [
        (-1.0, 110.0, True),
        (0.0, 110.0, True),
        (9.99, 90.0, True),
        (10.0, 90.0, True),
        (9.99, 110.0, False),
        (100.0, 110.0, True),
        (150.0, 110.0, True),
        (90.0, 90.0, False),
        (110.0, 110.0, False),
        (NAN, 100.0, True),
        (math.inf, 100.0, True),
    ],
)
def test_a_price_outside_its_bounds_has_no_volatility(price: float, strike: float, is_call: bool) -> None:
    assert math.isnan(solve(price, 100.0, strike, 0.25, is_call, rate=0.0))


def test_bounds_are_those_of_the_undiscounted_price() -> None:
    discount = math.exp(-0.10)
    assert math.isnan(solve(9.99 * discount, 100.0, 90.0, 1.0, True, rate=0.10))
    assert solve(10.5 * discount, 100.0, 90.0, 1.0, True, rate=0.10) > 0.01


def test_a_contract_without_time_has_no_volatility() -> None:
    assert math.isnan(solve(5.0, 100.0, 100.0, 0.0, True))


def test_a_price_that_only_an_absurd_deviation_explains_has_no_volatility() -> None:
    assert math.isnan(solve(99.9999, 100.0, 100.0, 1.0, True, rate=0.0))


def test_one_unsolvable_contract_spoils_no_other() -> None:
    fair = black(100.0, 105.0, 0.5, 0.3, True, 0.0)
    same = np.array([100.0] * 3)
    found = implied_volatility(
        np.array([fair, 0.0, fair]), same, np.array([105.0] * 3), np.array([0.5] * 3), np.zeros(3), np.array([True] * 3)
    )
    assert found.tolist() == pytest.approx([0.3, NAN, 0.3], nan_ok=True)
    none = np.zeros(0)
    assert implied_volatility(none, none, none, none, none, np.zeros(0, dtype=bool)).shape == (0,)


def at_the_money_of(chain: Chain) -> AtTheMoneyCurve:
    (curve,) = at_the_money_curves(Stack.of((chain,)))
    return curve


def smile(days: int, below: float, above: float | None = None, *, strikes: tuple[float, float] = (95.0, 105.0)) -> list[Contract]:
    """Both rights at two strikes; `below` and `above` are the volatilities of the lower and the upper strike."""
    expiry = (QUOTE_TIME + timedelta(days=days)).date()
    sides = zip(strikes, (below, below if above is None else above), strict=True)
    return [make(strike, iv=iv, expiry=expiry) for strike, iv in sides for make in (a_call, a_put)]


@pytest.mark.parametrize("tenor", [7.0, 30.0, 45.0, 60.0])
def test_a_flat_surface_returns_its_volatility(tenor: float) -> None:
    assert at_the_money_of(a_chain(smile(20, 0.25) + smile(60, 0.25))).at(tenor) == pytest.approx(0.25, rel=1e-14)


def test_between_two_expiries_total_variance_is_linear() -> None:
    chain = a_chain(smile(20, 0.40) + smile(50, 0.20))
    variance = (0.40**2 * 20 * 2 / 3 + 0.20**2 * 50 / 3) / 30
    assert at_the_money_of(chain).at() == pytest.approx(math.sqrt(variance), rel=1e-12)


def test_at_an_expiry_the_volatility_is_that_expirys() -> None:
    chain = a_chain(smile(20, 0.40) + smile(30, 0.20) + smile(50, 0.90))
    assert at_the_money_of(chain).at() == pytest.approx(0.20, rel=1e-12)


def test_before_the_first_expiry_the_first_expiry_speaks() -> None:
    assert at_the_money_of(a_chain(smile(50, 0.3) + smile(90, 0.6))).at() == pytest.approx(0.3, rel=1e-14)


def test_between_two_strikes_volatility_is_linear_at_the_forward() -> None:
    chain = a_chain(smile(30, 0.40, 0.20, strikes=(99.0, 104.0)), flat_rate=0.0)
    assert at_the_money_of(chain).at() == pytest.approx(0.40 - 0.20 * (1.0 / 5.0), rel=1e-12)


def test_the_money_is_at_the_forward_not_at_spot() -> None:
    """A forward of 102 lies 3/5 of the way from 99 to 104."""
    rate = math.log(1.02) * 365 / 30
    chain = a_chain(smile(30, 0.40, 0.20, strikes=(99.0, 104.0)), flat_rate=rate)
    assert at_the_money_of(chain).at() == pytest.approx(0.40 - 0.20 * (3.0 / 5.0), rel=1e-12)


@pytest.mark.parametrize("forward", [1e13, 1e300, math.inf, NAN])
@pytest.mark.parametrize("first", [True, False])
def test_an_odd_chain_changes_no_other_chains_curve(forward: float, first: bool) -> None:
    good = a_chain(smile(20, 0.40, 0.20, strikes=(99.0, 104.0)) + smile(60, 0.25))
    odd = replace(good, curve=replace(good.curve, forward=np.full(2, forward)))
    curves = at_the_money_curves(Stack.of((odd, good, good) if first else (good, good, odd)))
    assert curves[1] == at_the_money_of(good)
    assert curves[1].at(20) == pytest.approx(0.40 - 0.20 / 5.0, abs=0.02)


def test_only_the_nearest_strike_on_each_side_speaks() -> None:
    wild = smile(30, 3.0, 4.0, strikes=(60.0, 140.0))
    assert at_the_money_of(a_chain(smile(30, 0.2) + wild)).at() == pytest.approx(0.2, rel=1e-14)


@pytest.mark.parametrize(
    "contracts",
    [
        [],
        smile(20, 0.25),
        smile(30, 0.25, strikes=(105.0, 110.0)),
        smile(30, 0.25, strikes=(90.0, 95.0)),
        [a_call(105, expiry=date(2024, 7, 5)), a_call(95, expiry=date(2024, 7, 5))],
        smile(20, 0.25) + smile(50, 0.25, strikes=(105.0, 110.0)),
    ],
)
def test_a_chain_that_does_not_bracket_the_money_at_the_tenor_has_none(contracts: list[Contract]) -> None:
    assert at_the_money_of(a_chain(contracts)).at() is None
