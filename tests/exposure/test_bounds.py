"""What the missing names could do: the worked example, and bounds that hold for every imputation in range."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exposure.bounds import Bounds, bounds
from exposure.dealer import Greek, Nets

OBSERVED = st.lists(
    st.tuples(st.floats(0.01, 10.0), st.floats(-1e10, 1e10).map(lambda dollars: round(dollars, 2))), min_size=1, max_size=8
)


def nets(gex: float) -> Nets:
    return Nets(gex, 2 * gex, -gex, 5.0)


def found(observed: list[tuple[float, Nets]], missing_weight: float) -> Bounds:
    limits = bounds(observed, missing_weight)
    assert limits is not None
    return limits


@pytest.fixture
def worked() -> Bounds:
    return found([(0.4, nets(100.0)), (0.3, nets(-50.0)), (0.2, nets(20.0))], 0.1)


def test_the_worked_example_holds(worked: Bounds) -> None:
    assert worked.zero_filled.gex == pytest.approx(29.0)
    assert worked.zero_filled.gex / (1 - 0.1) == pytest.approx(32.22, abs=0.005)
    assert worked.break_even == pytest.approx(-290.0)
    assert worked.largest_observed == 100.0
    assert [worked.low, worked.high] == pytest.approx([19.0, 39.0])
    assert worked.sign_safe


def test_zero_filled_values_are_given_for_all_four(worked: Bounds) -> None:
    assert [worked.zero_filled.of(greek) for greek in Greek] == pytest.approx([29.0, 58.0, -29.0, 4.5])


@pytest.mark.parametrize("weight", [0.0, -0.0])
def test_nothing_missing_leaves_no_bounds(weight: float) -> None:
    assert bounds([(1.0, nets(3.0))], weight) is None


@pytest.mark.parametrize(("missing", "safe"), [(0.49, True), (0.5, False), (0.51, False)])
def test_the_sign_is_safe_only_while_the_missing_cannot_reach_zero(missing: float, safe: bool) -> None:
    assert found([(1 - missing, nets(-80.0))], missing).sign_safe is safe


def test_a_basket_of_zeros_is_not_safe() -> None:
    assert not found([(0.5, nets(0.0))], 0.5).sign_safe


@given(OBSERVED, st.floats(0.01, 10.0), st.floats(-1.0, 1.0))
def test_the_bounds_contain_the_value_of_every_imputation_in_range(
    pairs: list[tuple[float, float]], missing: float, imputed: float
) -> None:
    total = sum(weight for weight, _ in pairs) + missing
    limits = found([(weight / total, nets(gex)) for weight, gex in pairs], missing / total)
    value = limits.zero_filled.gex + missing / total * imputed * limits.largest_observed
    slack = 1e-14 * limits.largest_observed
    assert limits.low - slack <= value <= limits.high + slack
    if limits.sign_safe:
        assert value * limits.zero_filled.gex >= 0


@given(OBSERVED, st.floats(0.01, 10.0))
def test_the_bounds_are_reached_by_the_extreme_imputations(pairs: list[tuple[float, float]], missing: float) -> None:
    total = sum(weight for weight, _ in pairs) + missing
    limits = found([(weight / total, nets(gex)) for weight, gex in pairs], missing / total)
    largest = max(abs(gex) for _, gex in pairs)
    plain = sum(weight / total * gex for weight, gex in pairs)
    assert limits.low == pytest.approx(plain - missing / total * largest, rel=1e-12, abs=1e-12 * largest)
    assert limits.high == pytest.approx(plain + missing / total * largest, rel=1e-12, abs=1e-12 * largest)


@given(OBSERVED, st.floats(0.01, 10.0))
def test_the_break_even_mean_of_the_missing_makes_the_net_zero(pairs: list[tuple[float, float]], missing: float) -> None:
    total = sum(weight for weight, _ in pairs) + missing
    limits = found([(weight / total, nets(gex)) for weight, gex in pairs], missing / total)
    completed = limits.zero_filled.gex + missing / total * limits.break_even
    assert completed == pytest.approx(0.0, abs=1e-14 * limits.largest_observed)


@given(OBSERVED, st.floats(0.01, 10.0))
def test_imputing_the_observed_mean_is_renormalising(pairs: list[tuple[float, float]], missing: float) -> None:
    total = sum(weight for weight, _ in pairs) + missing
    limits = found([(weight / total, nets(gex)) for weight, gex in pairs], missing / total)
    observed_mean = sum(weight * gex for weight, gex in pairs) / sum(weight for weight, _ in pairs)
    completed = limits.zero_filled.gex + missing / total * observed_mean
    assert completed == pytest.approx(observed_mean, abs=1e-11 * limits.largest_observed)
