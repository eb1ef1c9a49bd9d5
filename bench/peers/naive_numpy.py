"""Four exposures as a careful quant script has them: textbook formulas over whole arrays, scipy for the normal distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]


def four_exposures(
    symbol: NDArray[np.int64],
    is_call: NDArray[np.bool_],
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    iv: Floats,
    shares: Floats,
) -> dict[str, NDArray[np.generic]]:
    """Exposure by (symbol, right) as arrays of shape (symbols * 2,), calls before puts; all inputs of shape (contracts,)."""
    discount = np.exp(-dividend_yield * years)
    d1 = (np.log(spot / strike) + (rate - dividend_yield + 0.5 * iv**2) * years) / (iv * np.sqrt(years))
    d2 = d1 - iv * np.sqrt(years)
    density = np.exp(-0.5 * d1**2) / np.sqrt(2 * np.pi)
    delta = discount * np.where(is_call, ndtr(d1), -ndtr(-d1))
    gamma = discount * density / (spot * iv * np.sqrt(years))
    vanna = -discount * density * d2 / iv
    charm = dividend_yield * delta - discount * density * (2 * (rate - dividend_yield) * years - d2 * iv * np.sqrt(years)) / (
        2 * years * iv * np.sqrt(years)
    )
    group = symbol * 2 + ~is_call
    return {
        "gex": np.bincount(group, gamma * shares * spot**2 * 0.01),
        "dex": np.bincount(group, delta * shares * spot),
        "vex": np.bincount(group, vanna * shares * spot * 0.01),
        "chex": np.bincount(group, charm / 365 * shares * spot),
    }
