"""Betas from daily closes, and where there is none to be had."""

from __future__ import annotations

import numpy as np
import pytest

from exposure.betas import estimated_betas

MARKET = [0.01 * float(np.sin(1.7 * day)) + 0.002 for day in range(40)]


def path(returns: list[float]) -> list[float]:
    closes: list[float] = (100.0 * np.cumprod([1.0, *(1.0 + one for one in returns)])).tolist()
    return closes


def test_recovers_the_slope_and_not_the_drift() -> None:
    name = path([1.5 * one + 0.001 for one in MARKET])
    found = estimated_betas({"NVDA": name, "INVERSE": path([-one for one in MARKET])}, path(MARKET))
    assert found == {"NVDA": pytest.approx(1.5, rel=1e-6), "INVERSE": pytest.approx(-1.0, rel=1e-6)}


def test_without_a_market_the_names_are_it() -> None:
    found = estimated_betas({"A": path(MARKET), "B": path([3.0 * one for one in MARKET])})
    assert found == {"A": pytest.approx(0.5, rel=1e-6), "B": pytest.approx(1.5, rel=1e-6)}


def test_too_few_days_or_a_market_that_stands_still_have_none() -> None:
    short = path(MARKET[:19])
    assert estimated_betas({"A": short}, short) == {"A": None}
    assert estimated_betas({"A": path(MARKET)}, [100.0] * 41) == {"A": None}
    gaps = path(MARKET)
    gaps[5:25] = [float("nan")] * 20
    assert estimated_betas({"A": gaps}, path(MARKET)) == {"A": None}
    assert estimated_betas({}) == {}


def test_a_missing_close_costs_its_two_returns_only() -> None:
    name = path([0.8 * one for one in MARKET])
    name[7] = float("nan")
    assert estimated_betas({"A": name}, path(MARKET)) == {"A": pytest.approx(0.8, rel=1e-6)}


def test_series_of_different_days_are_refused() -> None:
    with pytest.raises(ValueError, match="same days"):
        estimated_betas({"A": [1.0, 2.0], "B": [1.0, 2.0, 3.0]})
