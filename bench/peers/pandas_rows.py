"""Exposure over a grid of spots as published chart scripts have it: a table, and one Python call for each of its rows."""

from __future__ import annotations

import math

import pandas as pd
from scipy.stats import norm


def net_gex(table: pd.DataFrame, spots: list[float]) -> list[float]:
    """Calls less puts in $ per 1% at each spot; columns strike, iv, years, carry, dividend_yield, is_call, shares."""
    return [float(table.apply(_signed_gex, axis=1, spot=spot).sum()) for spot in spots]


def hedge_flow(table: pd.DataFrame, today: float, spots: list[float]) -> list[float]:
    """Dollars that dealers long calls and short puts trade when spot moves from `today` to each of `spots`."""
    before = table.apply(_signed_delta, axis=1, spot=today)
    return [-float((table.apply(_signed_delta, axis=1, spot=spot) - before).sum()) * spot for spot in spots]


def _d1(row: pd.Series, spot: float) -> float:
    deviation = row["iv"] * math.sqrt(row["years"])
    return float((math.log(spot / row["strike"]) + row["carry"] * row["years"]) / deviation + 0.5 * deviation)


def _signed_gex(row: pd.Series, spot: float) -> float:
    deviation = row["iv"] * math.sqrt(row["years"])
    gamma = math.exp(-row["dividend_yield"] * row["years"]) * norm.pdf(_d1(row, spot)) / (spot * deviation)
    return float((1 if row["is_call"] else -1) * gamma * row["shares"] * spot * spot * 0.01)


def _signed_delta(row: pd.Series, spot: float) -> float:
    discount = math.exp(-row["dividend_yield"] * row["years"])
    tail = norm.cdf(_d1(row, spot))
    return float(discount * (tail if row["is_call"] else 1.0 - tail) * row["shares"])
