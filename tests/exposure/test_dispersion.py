"""Both legs of dispersion: the golden case, equal-correlation panels, the jackknife, and what is undefined."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exposure.dispersion import (
    Correlation,
    RealisedCorrelation,
    Undefined,
    dispersion_spread,
    implied_correlation,
    realised_correlation,
)
from exposure.greeks import Floats

GOLDEN_WEIGHTS, GOLDEN_VOLATILITIES, GOLDEN_INDEX = (0.5, 0.3, 0.2), (0.18, 0.14, 0.46), 0.138
VOLATILITY = st.floats(0.05, 1.5)
NAMES = st.lists(st.tuples(st.floats(0.01, 1.0), VOLATILITY), min_size=2, max_size=30)


def value_of(found: Correlation | Undefined) -> float:
    assert isinstance(found, Correlation), found
    return found.value


def assert_same(found: RealisedCorrelation | Undefined, expected: RealisedCorrelation) -> None:
    assert isinstance(found, RealisedCorrelation), found
    assert found.days == expected.days
    assert found.correlation.value == pytest.approx(expected.correlation.value, rel=1e-12)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=1e-9)
    assert found.to_index == pytest.approx(expected.to_index, rel=1e-12)
    assert found.index_volatility == pytest.approx(expected.index_volatility, rel=1e-12)


def of_panel(weights: list[float], returns: Floats, index: Floats | None = None) -> RealisedCorrelation:
    found = realised_correlation(weights, returns, index)
    assert isinstance(found, RealisedCorrelation), found
    return found


def normalised(values: list[float]) -> list[float]:
    return [value / math.fsum(values) for value in values]


def equal_correlation_panel(rho: float, names: int, days: int, seed: int) -> tuple[list[float], list[float], Floats]:
    """Weights, daily volatilities, and simple daily returns (days, names) whose every pair has correlation rho."""
    random = np.random.default_rng(seed)
    volatilities = random.uniform(0.01, 0.04, names)
    common, own = random.standard_normal((days, 1)), random.standard_normal((days, names))
    returns = (math.sqrt(rho) * common + math.sqrt(1.0 - rho) * own) * volatilities
    return normalised(random.uniform(0.2, 2.0, names).tolist()), volatilities.tolist(), returns


def index_volatility_of(rho: float, weights: list[float], volatilities: list[float]) -> float:
    """The volatility of the weighted sum when every pair has correlation rho, by the double sum."""
    terms = [weight * volatility for weight, volatility in zip(weights, volatilities, strict=True)]
    pairs = [one * other * (1.0 if i == j else rho) for i, one in enumerate(terms) for j, other in enumerate(terms)]
    return math.sqrt(math.fsum(pairs))


def test_the_golden_case() -> None:
    found = implied_correlation(GOLDEN_WEIGHTS, GOLDEN_VOLATILITIES, GOLDEN_INDEX)
    assert value_of(found) == pytest.approx(0.022482, abs=5e-7)
    assert isinstance(found, Correlation)
    assert found.consistent


def test_the_spread_of_the_golden_case() -> None:
    variance = 0.5 * 0.18**2 + 0.3 * 0.14**2 + 0.2 * 0.46**2 - 0.138**2
    assert dispersion_spread(GOLDEN_WEIGHTS, GOLDEN_VOLATILITIES, GOLDEN_INDEX) == pytest.approx(math.sqrt(variance), rel=1e-15)


@settings(deadline=None)
@given(NAMES, st.floats(-0.03, 1.0))
def test_the_implied_leg_of_an_equal_correlation_index_is_that_correlation(names: list[tuple[float, float]], rho: float) -> None:
    weights, volatilities = normalised([weight for weight, _ in names]), [volatility for _, volatility in names]
    found = implied_correlation(weights, volatilities, index_volatility_of(rho, weights, volatilities))
    assert value_of(found) == pytest.approx(rho, abs=1e-9)
    assert isinstance(found, Correlation)
    assert found.consistent


@pytest.mark.parametrize("rho", [0.1, 0.3, 0.5])
def test_over_two_hundred_panels_both_legs_average_to_the_true_correlation(rho: float) -> None:
    implied, realised = [], []
    for seed in range(200):
        weights, volatilities, returns = equal_correlation_panel(rho, 15, 120, seed)
        index_volatility = index_volatility_of(rho, weights, volatilities)
        implied.append(value_of(implied_correlation(weights, volatilities, index_volatility)))
        realised.append(of_panel(weights, returns).correlation.value)
    error = float(np.std(realised, ddof=1)) / math.sqrt(len(realised))
    assert abs(float(np.mean(realised)) - rho) < 3.0 * error
    assert error < 0.006
    assert max(abs(value - rho) for value in implied) < 1e-12


@pytest.mark.parametrize("rho", [0.1, 0.5])
def test_the_standard_error_is_the_spread_of_the_estimate_over_panels(rho: float) -> None:
    found = []
    for seed in range(200):
        weights, _, returns = equal_correlation_panel(rho, 10, 60, 1_000 + seed)
        found.append(of_panel(weights, returns))
    spread = float(np.std([one.correlation.value for one in found], ddof=1))
    errors = [one.standard_error for one in found if one.standard_error is not None]
    assert len(errors) == 200
    assert float(np.mean(errors)) == pytest.approx(spread, rel=0.15)


def test_the_jackknife_is_the_naive_leave_one_out_loop() -> None:
    weights, _, returns = equal_correlation_panel(0.3, 6, 40, 5)
    index = returns @ np.array(weights) + np.random.default_rng(6).normal(0.0, 0.001, 40)
    values = np.array(
        [
            of_panel(weights, np.delete(returns, day, axis=0), np.delete(index, day)).correlation.value
            for day in range(len(returns))
        ]
    )
    naive = math.sqrt(39 / 40 * float(((values - values.mean()) ** 2).sum()))
    assert of_panel(weights, returns, index).standard_error == pytest.approx(naive, rel=1e-10)


def test_the_realised_leg_is_the_weighted_mean_of_the_pairwise_correlations() -> None:
    weights, _, returns = equal_correlation_panel(0.4, 5, 60, 11)
    volatility, matrix = returns.std(axis=0, ddof=1), np.corrcoef(returns.T)
    parts = np.outer(np.array(weights) * volatility, np.array(weights) * volatility)
    np.fill_diagonal(parts, 0.0)
    found = of_panel(weights, returns)
    assert found.correlation.value == pytest.approx(float((parts * matrix).sum() / parts.sum()), rel=1e-12)
    assert found.days == 60
    assert found.index_volatility == pytest.approx(float((returns @ np.array(weights)).std(ddof=1)) * math.sqrt(252), rel=1e-12)


@pytest.mark.parametrize(("rho", "looks_like"), [(0.1, 0.32), (0.3, 0.55), (0.5, 0.71)])
def test_correlation_to_the_index_is_another_quantity_about_the_root(rho: float, looks_like: float) -> None:
    weights, _, returns = equal_correlation_panel(rho, 300, 400, 3)
    found = of_panel(weights, returns)
    assert found.to_index == pytest.approx(looks_like, abs=0.03)
    assert found.correlation.value == pytest.approx(rho, abs=0.05)


def test_an_index_of_its_own_is_not_the_weighted_return_of_the_names() -> None:
    weights, _, returns = equal_correlation_panel(0.3, 5, 60, 2)
    own = 0.5 * (returns @ np.array(weights))
    found = of_panel(weights, returns, own)
    assert found.correlation.value < of_panel(weights, returns).correlation.value - 0.1
    assert found.to_index == pytest.approx(of_panel(weights, returns).to_index, rel=1e-12)


def test_one_name_has_no_correlation_with_itself() -> None:
    assert implied_correlation([1.0], [0.2], 0.2) is Undefined.FEWER_THAN_TWO_NAMES
    assert implied_correlation([1.0, 0.0], [0.2, 0.3], 0.2) is Undefined.FEWER_THAN_TWO_NAMES
    assert dispersion_spread([1.0], [0.2], 0.1) is Undefined.FEWER_THAN_TWO_NAMES
    assert realised_correlation([1.0], np.zeros((30, 1))) is Undefined.FEWER_THAN_TWO_NAMES


def test_identical_names_that_make_the_index_are_fully_correlated() -> None:
    found = implied_correlation([0.25] * 4, [0.2] * 4, 0.2)
    assert value_of(found) == pytest.approx(1.0, abs=1e-15)
    series = np.random.default_rng(1).normal(0.0, 0.01, (30, 1))
    realised = of_panel([0.25] * 4, np.repeat(series, 4, axis=1))
    assert realised.correlation.value == pytest.approx(1.0, abs=1e-12)
    assert realised.correlation.consistent
    assert realised.to_index == pytest.approx(1.0, abs=1e-12)


def test_names_that_do_not_move_have_no_diversification() -> None:
    assert implied_correlation([0.5, 0.5], [0.0, 0.0], 0.1) is Undefined.NO_DIVERSIFICATION
    assert implied_correlation([0.5, 0.5], [0.3, 0.0], 0.1) is Undefined.NO_DIVERSIFICATION
    assert realised_correlation([0.5, 0.5], np.zeros((30, 2))) is Undefined.NO_DIVERSIFICATION


def test_an_index_more_volatile_than_its_names_has_no_spread_and_an_impossible_correlation() -> None:
    assert dispersion_spread([0.5, 0.5], [0.2, 0.2], 0.21) is Undefined.NEGATIVE_VARIANCE
    found = implied_correlation([0.5, 0.5], [0.2, 0.2], 0.21)
    assert value_of(found) == pytest.approx(1.205, abs=1e-12), "not clipped"
    assert isinstance(found, Correlation)
    assert not found.consistent


@pytest.mark.parametrize("count", [2, 3, 10])
def test_below_minus_one_over_n_minus_one_no_correlation_matrix_exists(count: int) -> None:
    weights, volatilities, lowest = [1.0 / count] * count, [0.2] * count, -1.0 / (count - 1)
    at_the_bound = implied_correlation(weights, volatilities, 0.0)
    assert isinstance(at_the_bound, Correlation)
    assert at_the_bound.value == pytest.approx(lowest, abs=1e-12)
    assert at_the_bound.consistent
    own = sum((weight * volatility) ** 2 for weight, volatility in zip(weights, volatilities, strict=True))
    skewed = implied_correlation([0.9, *[0.1 / (count - 1)] * (count - 1)], volatilities, math.sqrt(own) * 0.2)
    assert isinstance(skewed, Correlation)
    assert skewed.value < lowest
    assert not skewed.consistent


def test_a_name_without_weight_is_none_of_the_names() -> None:
    without = implied_correlation([0.5, 0.5], [0.2, 0.3], 0.01)
    with_it = implied_correlation([0.5, 0.5, 0.0], [0.2, 0.3, 0.9], 0.01)
    assert with_it == without, "neither the sums nor the bound -1/(n-1)"


@settings(deadline=None)
@given(NAMES, VOLATILITY, st.randoms(use_true_random=False))
def test_the_order_of_the_names_changes_nothing(names: list[tuple[float, float]], index: float, random: Random) -> None:
    total = math.fsum(weight for weight, _ in names)
    shuffled = random.sample(names, len(names))
    for function in (implied_correlation, dispersion_spread):
        straight = function([weight / total for weight, _ in names], [one for _, one in names], index)
        assert function([weight / total for weight, _ in shuffled], [one for _, one in shuffled], index) == straight


def test_the_order_of_names_and_of_days_changes_nothing_in_the_realised_leg() -> None:
    weights, _, returns = equal_correlation_panel(0.3, 7, 50, 8)
    straight = of_panel(weights, returns)
    names, days = np.random.default_rng(1).permutation(7), np.random.default_rng(2).permutation(50)
    shuffled = of_panel([weights[name] for name in names], returns[days][:, names])
    assert shuffled.correlation.value == pytest.approx(straight.correlation.value, rel=1e-12)
    assert shuffled.standard_error == pytest.approx(straight.standard_error, rel=1e-9)
    assert shuffled.to_index == pytest.approx(straight.to_index, rel=1e-12)


def test_fewer_than_ten_days_are_no_sample() -> None:
    _, _, returns = equal_correlation_panel(0.3, 3, 10, 1)
    assert isinstance(realised_correlation([0.4, 0.3, 0.3], returns), RealisedCorrelation)
    assert realised_correlation([0.4, 0.3, 0.3], returns[:9]) is Undefined.TOO_FEW_DAYS


def test_when_one_day_makes_all_the_movement_there_is_no_standard_error() -> None:
    returns = np.zeros((20, 2))
    returns[7] = 0.05, -0.02
    found = of_panel([0.5, 0.5], returns)
    assert found.standard_error is None
    assert found.correlation.value == pytest.approx(-1.0, abs=1e-9)


def test_a_name_that_never_moves_leaves_correlation_to_the_index_undefined() -> None:
    _, _, returns = equal_correlation_panel(0.3, 3, 30, 1)
    returns[:, 1] = 0.0
    assert of_panel([0.4, 0.3, 0.3], returns).to_index is None
    assert of_panel([0.5, 0.0, 0.5], returns).to_index is not None, "without weight it does not matter"
