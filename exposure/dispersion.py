"""Implied and realised correlation of an index's constituents, on one identity.

With index weights w (sum 1 over the n names used), volatilities s_i and the index's s_I at the same tenor:

    rho     = (s_I² - sum w²s²) / ((sum w s)² - sum w²s²)
    spread  = sqrt(sum w s² - s_I²)            (the idea of Cboe's DSPX)

The implied leg takes at-the-money volatilities, the realised leg those of daily simple returns (annualised by 252), with the
index's return the weighted return of the very names used unless its own closes are given. The average correlation of the
names *to the index* is another quantity (about the root of rho) and has a name of its own. Nothing is clipped: a value outside
[-1/(n-1), 1] means that the inputs do not belong together. Source: this project's methodology, section 7; Driessen, Maenhout
and Vilkov, The Price of Correlation Risk (2009).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from exposure.greeks import Floats

TRADING_DAYS = 252


class Undefined(StrEnum):
    """Why a correlation or a spread has no value."""

    FEWER_THAN_TWO_NAMES = "fewer_than_two_names"
    NO_DIVERSIFICATION = "no_diversification"
    NEGATIVE_VARIANCE = "negative_variance"
    NO_INDEX_VOLATILITY = "no_index_volatility"
    NO_DAILY_CLOSES = "no_daily_closes"
    TOO_FEW_DAYS = "too_few_days"


@dataclass(frozen=True, slots=True)
class Correlation:
    """An average pairwise correlation. `consistent` is False when no correlation matrix could give it."""

    value: float
    consistent: bool


def implied_correlation(
    weights: Sequence[float], volatilities: Sequence[float], index_volatility: float
) -> Correlation | Undefined:
    """The correlation that makes the names' volatilities add up to the index's; weights sum to 1, volatilities are fractions."""
    if len(weights) < 2:
        return Undefined.FEWER_THAN_TWO_NAMES
    own = math.fsum((weight * volatility) ** 2 for weight, volatility in zip(weights, volatilities, strict=True))
    full = math.fsum(weight * volatility for weight, volatility in zip(weights, volatilities, strict=True)) ** 2
    if full - own <= 1e-15 * full:
        return Undefined.NO_DIVERSIFICATION
    value = (index_volatility**2 - own) / (full - own)
    lowest = -1.0 / (len(weights) - 1)
    return Correlation(value, lowest - 1e-12 <= value <= 1.0 + 1e-12)


def dispersion_spread(weights: Sequence[float], volatilities: Sequence[float], index_volatility: float) -> float | Undefined:
    """sqrt(sum w s² - s_I²), a volatility; undefined where the index is more volatile than its names."""
    names = math.fsum(weight * volatility**2 for weight, volatility in zip(weights, volatilities, strict=True))
    gap = names - index_volatility**2
    return math.sqrt(gap) if gap >= 0 else Undefined.NEGATIVE_VARIANCE


@dataclass(frozen=True, slots=True)
class RealisedCorrelation:
    """Realised leg over a window of days.

    `standard_error` is the delete-one jackknife over days. `to_index` is the weighted mean of the names' Pearson correlations to
    the index, the figure FlashAlpha publishes; it is not comparable with the implied leg.
    """

    correlation: Correlation
    standard_error: float
    to_index: float | None
    index_volatility: float
    days: int


_FEWEST_DAYS = 10


def realised_correlation(
    weights: Sequence[float], returns: Floats, index_returns: Floats | None = None
) -> RealisedCorrelation | Undefined:
    """The same identity on daily simple returns.

    `returns` has shape (days, names), columns in the order of `weights`; `index_returns` shape (days,), the weighted return of
    the names unless given.
    """
    if len(weights) < 2:
        return Undefined.FEWER_THAN_TWO_NAMES
    days = len(returns)
    if days < _FEWEST_DAYS:
        return Undefined.TOO_FEW_DAYS
    weight = np.asarray(weights, dtype=np.float64)
    index = returns @ weight if index_returns is None else index_returns
    panel = np.column_stack([returns, index])
    whole = _correlation_of(weight, _variances(panel))
    if isinstance(whole, Undefined):
        return whole
    without = [_correlation_of(weight, one) for one in _variances_without_each_day(panel)]
    values = np.array([one.value for one in without if not isinstance(one, Undefined)])
    spread = values - values.mean()
    error = math.sqrt((len(values) - 1) / len(values) * float(spread @ spread))
    return RealisedCorrelation(
        correlation=whole,
        standard_error=error,
        to_index=_average_to_index(weight, returns, index),
        index_volatility=float(np.sqrt(_variances(panel)[-1] * TRADING_DAYS)),
        days=days,
    )


def _correlation_of(weight: Floats, variances: Floats) -> Correlation | Undefined:
    volatility = np.sqrt(variances)
    return implied_correlation(weight.tolist(), volatility[:-1].tolist(), float(volatility[-1]))


def _variances(panel: Floats) -> Floats:
    return np.asarray(panel.var(axis=0, ddof=1))


def _variances_without_each_day(panel: Floats) -> Floats:
    """Sample variances with one day left out, shape (days, columns), by downdating sums of the centred panel."""
    centred = panel - panel.mean(axis=0)
    days = len(panel)
    squares = (centred**2).sum(axis=0)
    return np.asarray(np.maximum(squares - centred**2 * days / (days - 1), 0.0) / (days - 2))


def _average_to_index(weight: Floats, returns: Floats, index: Floats) -> float | None:
    centred, centred_index = returns - returns.mean(axis=0), index - index.mean()
    scale = np.sqrt((centred**2).sum(axis=0) * (centred_index**2).sum())
    if np.any(scale <= 0):
        return None
    return float(weight @ ((centred * centred_index[:, None]).sum(axis=0) / scale))
