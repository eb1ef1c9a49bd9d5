"""How much a name has moved with the market, from daily closes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from exposure.greeks import Floats

LEAST_RETURNS = 20


def estimated_betas(closes: Mapping[str, Sequence[float]], market: Sequence[float] | None = None) -> dict[str, float | None]:
    """Slope of each name's simple daily returns on the market's (ordinary least squares with a constant), by symbol.

    Every sequence holds the same days in order, NaN where a close is missing. Without `market` the market is the mean return of
    the names that have one that day, the name itself included. None where fewer than 20 days have both returns or the market did
    not move. Raises ValueError when lengths differ.
    """
    returns = {symbol: _returns(series) for symbol, series in closes.items()}
    lengths = {len(series) for series in returns.values()}
    common = _returns(market) if market is not None else None
    if len(lengths | ({len(common)} if common is not None else set())) > 1:
        raise ValueError("Every series of closes needs the same days: fill a missing close with NaN.")
    if not returns:
        return {}
    if common is None:
        common = _mean_of_known(np.array(list(returns.values())))
    return {symbol: _slope(series, common) for symbol, series in returns.items()}


def _returns(closes: Sequence[float]) -> Floats:
    series = np.asarray(closes, dtype=np.float64)
    known = np.where(series > 0.0, series, np.nan)
    return np.asarray(known[1:] / known[:-1] - 1.0)


def _mean_of_known(returns: Floats) -> Floats:
    known = np.isfinite(returns)
    count = known.sum(axis=0)
    total = np.where(known, returns, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _slope(name: Floats, market: Floats) -> float | None:
    both = np.isfinite(name) & np.isfinite(market)
    if np.count_nonzero(both) < LEAST_RETURNS:
        return None
    deviation = market[both] - market[both].mean()
    variance = float(deviation @ deviation)
    # Closes carry about 1e-4 of rounding at best; a market flatter than that says nothing.
    if variance <= len(deviation) * 1e-12:
        return None
    return float(deviation @ name[both]) / variance
