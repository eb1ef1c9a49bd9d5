"""Black-Scholes-Merton, against golden values, 50-digit arithmetic, QuantLib, and finite differences of lower greeks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import mpmath
import numpy as np
import pytest
import QuantLib as ql  # noqa: N813
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from exposure.greeks import Floats, bell, greeks, normal_cdf

ATM = (100.0, 100.0, 30 / 365, 0.20, True, 0.05, 0.0)
OTM_CALL = (100.0, 110.0, 30 / 365, 0.25, True, 0.04, 0.01)
OTM_PUT = (100.0, 90.0, 30 / 365, 0.30, False, 0.04, 0.01)
COLUMNS = ("price", "delta", "gamma", "vega", "vanna", "charm")

mpmath.mp.dps = 50


@dataclass(frozen=True)
class Case:
    """One contract of the domain the properties are stated for."""

    spot: float
    strike: float
    years: float
    iv: float
    is_call: bool
    rate: float
    dividend_yield: float

    @property
    def terms(self) -> tuple[float, float, float, float, bool, float, float]:
        return (self.spot, self.strike, self.years, self.iv, self.is_call, self.rate, self.dividend_yield)

    @property
    def distance(self) -> float:
        """The larger of |d1| and |d2|."""
        deviation = self.iv * math.sqrt(self.years)
        middle = (math.log(self.spot / self.strike) + (self.rate - self.dividend_yield) * self.years) / deviation
        return abs(middle) + 0.5 * deviation

    @property
    def rounding(self) -> float:
        """What a unit in the last place of the logarithm, the carry and the deviation does to d1 and d2."""
        return 2.3e-16 * (2 / (self.iv * math.sqrt(self.years)) + 4 * self.distance + 2)


@st.composite
def cases(draw: st.DrawFn, *, furthest: float = 30.0) -> Case:
    """Spots of cents to indices, strikes as far as `furthest` deviations, 1 second to 10 years, 1% to 500% volatility."""
    spot = draw(st.floats(0.5, 50_000))
    years = 10.0 ** draw(st.floats(np.log10(1 / (365 * 86400)), 1.0))
    iv = 10.0 ** draw(st.floats(-2.0, np.log10(5.0)))
    away = draw(st.floats(-furthest, furthest)) * iv * years**0.5
    assume(abs(away) < 7.0)
    case = Case(
        spot,
        spot * float(np.exp(away)),
        years,
        iv,
        draw(st.booleans()),
        draw(st.floats(-0.02, 0.12)),
        draw(st.floats(-0.05, 0.15)),
    )
    assume(case.distance < 35.0)
    return case


def column(name: str, spot: float, strike: float, years: float, iv: float, is_call: bool, rate: float, q: float) -> float:
    found = greeks(spot, np.array([strike]), years, np.array([iv]), np.array([is_call]), rate=rate, dividend_yield=q)
    value: Floats = getattr(found, name)
    return float(value[0])


def exact(
    name: str, spot: object, strike: object, years: object, iv: object, is_call: bool, rate: object, q: object
) -> mpmath.mpf:
    """Price, delta or gamma in 50 digits, straight from the textbook and sharing nothing with the code under test."""
    s, k, t, v, r, y = (mpmath.mpf(one) for one in (spot, strike, years, iv, rate, q))
    d1 = (mpmath.log(s / k) + (r - y + v * v / 2) * t) / (v * mpmath.sqrt(t))
    d2 = d1 - v * mpmath.sqrt(t)
    side = 1 if is_call else -1
    match name:
        case "price":
            cash = k * mpmath.exp(-r * t) * mpmath.ncdf(side * d2)
            return side * (s * mpmath.exp(-y * t) * mpmath.ncdf(side * d1) - cash)
        case "delta":
            return side * mpmath.exp(-y * t) * mpmath.ncdf(side * d1)
        case "gamma":
            return mpmath.exp(-y * t) * mpmath.npdf(d1) / (s * v * mpmath.sqrt(t))
    raise AssertionError(name)


def differentiated(name: str, case: Case) -> mpmath.mpf:
    """One greek as a central difference, in 50 digits, of `exact` price or delta."""
    spot, strike, years, iv, is_call, rate, q = case.terms

    def slope(of: Callable[[mpmath.mpf], mpmath.mpf], at: float) -> mpmath.mpf:
        here = mpmath.mpf(at)
        step = here * mpmath.mpf(10) ** -14
        return (of(here + step) - of(here - step)) / (2 * step)

    match name:
        case "delta":
            return slope(lambda s: exact("price", s, strike, years, iv, is_call, rate, q), spot)
        case "gamma":
            return slope(lambda s: exact("delta", s, strike, years, iv, is_call, rate, q), spot)
        case "vega":
            return slope(lambda v: exact("price", spot, strike, years, v, is_call, rate, q), iv)
        case "vanna":
            return slope(lambda v: exact("delta", spot, strike, years, v, is_call, rate, q), iv)
        case "charm":
            return -slope(lambda t: exact("delta", spot, strike, t, iv, is_call, rate, q), years)
    raise AssertionError(name)


@pytest.mark.parametrize(
    ("terms", "name", "printed", "digits"),
    [
        (ATM, "price", 2.493377, 6),
        (ATM, "delta", 0.5399635, 7),
        (ATM, "gamma", 0.06922764, 8),
        (ATM, "vega", 11.379886, 6),
        (ATM, "vanna", -0.08534915, 8),
        (ATM, "charm", -0.2422967, 7),
        (OTM_CALL, "price", 0.3447419, 7),
        (OTM_CALL, "delta", 0.1038293, 7),
        (OTM_CALL, "gamma", 0.02515929, 8),
        (OTM_CALL, "vanna", 0.9602085, 7),
        (OTM_CALL, "charm", -1.534757, 6),
        (OTM_PUT, "price", 0.4084899, 7),
        (OTM_PUT, "delta", -0.0972888, 7),
        (OTM_PUT, "gamma", 0.01999424, 8),
        (OTM_PUT, "vanna", -0.6939842, 7),
        (OTM_PUT, "charm", 1.205566, 6),
    ],
)
def test_golden_values_hold_to_the_printed_digits(
    terms: tuple[float, float, float, float, bool, float, float], name: str, printed: float, digits: int
) -> None:
    assert round(column(name, *terms), digits) == printed


@settings(max_examples=250, deadline=None)
@given(cases())
@example(Case(100.0, 100.0, 1 / (365 * 86400), 0.01, True, 0.05, 0.0))
@example(Case(100.0, 250.0, 10.0, 5.0, False, 0.05, 0.02))
def test_price_delta_and_gamma_agree_with_fifty_digits(case: Case) -> None:
    """Tolerances are what rounding does to d1 and d2 (`Case.rounding`), plus what `normal_cdf` promises for delta."""
    gamma = float(exact("gamma", *case.terms))
    assert column("gamma", *case.terms) == pytest.approx(gamma, rel=2e-15 + case.distance * case.rounding, abs=1e-300)
    found, delta = column("delta", *case.terms), float(exact("delta", *case.terms))
    assert found == pytest.approx(delta, rel=1e-8 + 2 * case.distance * case.rounding, abs=1e-300)
    assert found == pytest.approx(delta, rel=0, abs=2 * (5e-16 + 0.4 * case.rounding))
    larger_term = max(case.spot * np.exp(-case.dividend_yield * case.years), case.strike * np.exp(-case.rate * case.years))
    assert column("price", *case.terms) == pytest.approx(float(exact("price", *case.terms)), rel=0, abs=3e-15 * larger_term)


@settings(max_examples=150, deadline=None)
@given(cases(furthest=8.0))
@example(Case(100.0, 60.0, 5 / 365, 0.35, True, 0.04, 0.09))
@example(Case(100.0, 60.0, 5 / 365, 0.35, False, 0.04, 0.09))
def test_every_greek_is_the_derivative_of_a_lower_one(case: Case) -> None:
    """The oracle's own error is below 1e-15 of the value; ours is relative to the larger of a greek's two terms."""
    spot, years, iv = case.spot, case.years, case.iv
    density = float(exact("gamma", *case.terms)) * spot * iv * years**0.5
    carry = abs(case.rate - case.dividend_yield)
    scales = {
        "delta": float(np.exp(-case.dividend_yield * years)),
        "gamma": column("gamma", *case.terms),
        "vega": column("vega", *case.terms),
        "vanna": density * max(case.distance, 1.0) / iv,
        "charm": density * (carry / (iv * years**0.5) + max(case.distance, 1.0) / years) + abs(case.dividend_yield),
    }
    tolerance = 1e-14 + 2 * max(case.distance, 1.0) * case.rounding
    with mpmath.workdps(320):
        derivative = {name: float(differentiated(name, case)) for name in scales}
    for name, scale in scales.items():
        assert column(name, *case.terms) == pytest.approx(derivative[name], rel=0, abs=tolerance * scale + 1e-300), name


@settings(max_examples=200, deadline=None)
@given(cases(furthest=6.0))
def test_quantlib_gives_the_same_price_delta_gamma_vega_and_theta(case: Case) -> None:
    spot, strike, years, iv, is_call, rate, q = case.terms
    assume(iv * years**0.5 < 5.0)
    noise = 4 * case.rounding
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if is_call else ql.Option.Put, strike)
    forward = spot * np.exp((rate - q) * years)
    theirs = ql.BlackCalculator(payoff, forward, iv * years**0.5, np.exp(-rate * years))
    price, delta = column("price", *case.terms), column("delta", *case.terms)
    gamma, vega = column("gamma", *case.terms), column("vega", *case.terms)
    largest = max(spot, strike)
    assert price == pytest.approx(theirs.value(), rel=1e-10, abs=1e-13 * largest)
    assert delta == pytest.approx(theirs.delta(spot), rel=1e-10, abs=1e-12 + noise)
    assert gamma == pytest.approx(theirs.gamma(spot), rel=1e-9, abs=(1e-12 + noise) / (spot * iv * years**0.5))
    assert vega == pytest.approx(theirs.vega(years), rel=1e-10, abs=(1e-13 + noise) * largest * years**0.5)
    # The Black-Scholes equation turns price, delta and gamma into theta, which QuantLib computes for itself.
    theta = rate * price - (rate - q) * spot * delta - 0.5 * (iv * spot) ** 2 * gamma
    assert theta == pytest.approx(theirs.theta(spot, years), rel=1e-8, abs=1e-9 * largest / years)


@settings(max_examples=200, deadline=None)
@given(cases())
def test_call_minus_put_is_parity(case: Case) -> None:
    spot, strike, years, iv, _, rate, q = case.terms
    call, put = (spot, strike, years, iv, True, rate, q), (spot, strike, years, iv, False, rate, q)
    dividend_discount = np.exp(-q * years)

    def difference(name: str) -> float:
        return column(name, *call) - column(name, *put)

    forward_value = spot * dividend_discount - strike * np.exp(-rate * years)
    assert difference("price") == pytest.approx(forward_value, rel=0, abs=1e-14 * max(spot, strike) * 3)
    assert difference("delta") == pytest.approx(dividend_discount, rel=1e-13)
    assert difference("charm") == pytest.approx(q * dividend_discount, rel=0, abs=1e-13 * (1 + abs(column("charm", *call))))
    for name in ("gamma", "vega", "vanna"):
        assert difference(name) == 0.0


def test_charm_of_a_deep_call_is_the_dividend_yield_of_its_delta() -> None:
    """With nothing left to decide, delta is e^{-qT} and grows at q as time runs forward."""
    assert column("charm", 100.0, 10.0, 0.1, 0.2, True, 0.04, 0.03) == pytest.approx(0.03 * np.exp(-0.003), rel=1e-12)


def test_charm_says_an_out_of_the_money_call_loses_delta_as_time_runs_forward() -> None:
    later = column("delta", 100.0, 110.0, 29 / 365, 0.25, True, 0.04, 0.01)
    assert later < column("delta", *OTM_CALL)
    assert column("charm", *OTM_CALL) < 0


def test_columns_of_different_expiries_volatilities_and_rates_are_computed_element_by_element() -> None:
    contracts = [ATM, OTM_CALL, OTM_PUT]
    spot, strike, years, iv, is_call, rate, q = (np.array(one) for one in zip(*contracts, strict=True))
    together = greeks(spot, strike, years, iv, is_call, rate=rate, dividend_yield=q)
    for name in COLUMNS:
        alone = [column(name, *terms) for terms in contracts]
        assert getattr(together, name).tolist() == pytest.approx(alone, rel=1e-14)


def test_no_contracts_give_empty_columns() -> None:
    none = np.zeros(0)
    found = greeks(100.0, none, 0.1, none, np.zeros(0, dtype=bool))
    assert all(getattr(found, name).shape == (0,) for name in COLUMNS)


def cdf(*x: float) -> list[float]:
    points = np.array(x)
    return [float(value) for value in normal_cdf(points, bell(points))]


@settings(max_examples=400, deadline=None)
@given(st.floats(-37.0, 37.0))
@example(0.0)
@example(7.0710678)
@example(7.0710679)
@example(-7.0710678)
@example(-7.0710679)
@example(-37.0)
def test_normal_cdf_keeps_its_digits_in_both_tails(x: float) -> None:
    truth = float(mpmath.ncdf(mpmath.mpf(x)))
    assert cdf(x)[0] == pytest.approx(truth, rel=0, abs=3e-16)
    assert cdf(x)[0] == pytest.approx(truth, rel=1e-12 if x > -4 else 1e-8)


@given(st.floats(-40.0, 40.0))
def test_normal_cdf_of_x_and_of_minus_x_add_to_one(x: float) -> None:
    assert sum(cdf(x, -x)) == pytest.approx(1.0, abs=2.3e-16)


def test_normal_cdf_is_continuous_where_the_formula_changes() -> None:
    below, above = cdf(-7.0710678118654, -7.0710678118655)
    assert above == pytest.approx(below, rel=1e-8)
    assert above < below


def test_normal_cdf_beyond_the_float_range_is_zero_or_one() -> None:
    assert cdf(-40.0, 40.0, -1e6, 1e6) == [0.0, 1.0, 0.0, 1.0]
