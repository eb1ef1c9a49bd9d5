"""Readings of a basket at consecutive minutes of June 2024, for the tests of its history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

import numpy as np
from hypothesis import strategies as st

from exposure.basket import Basket
from exposure.chain import Instants
from exposure.history import BasketSeries, HistorySummary, Readings, basket_series, summarise
from exposure.sampling import Step, sample_instants
from exposure.sessions import eastern

NAN = math.nan
MINUTES = sample_instants(eastern(date(2024, 6, 5), 9, 30), eastern(date(2024, 6, 28), 16), Step.MINUTE)


def some_readings(
    *names: Sequence[float], weights: Sequence[float] | None = None, gross: Sequence[Sequence[float]] | None = None
) -> Readings:
    """One row of net GEX a name, at consecutive minutes; gross is ten times the largest net unless given."""
    net = np.array(names, dtype=np.float64)
    known = np.where(np.isfinite(net), np.nanmax(np.abs(net), initial=1.0) * 10.0, np.nan)
    return Readings(
        basket=Basket.of([f"N{place}" for place in range(len(names))], weights),
        instants=MINUTES[: net.shape[1]],
        net_gex=net,
        gross_gex=known if gross is None else np.array(gross, dtype=np.float64),
    )


def a_series(*names: Sequence[float], weights: Sequence[float] | None = None, minimum_coverage: float = 0.0) -> BasketSeries:
    return basket_series(some_readings(*names, weights=weights), minimum_coverage=minimum_coverage)


def a_summary(*names: Sequence[float], weights: Sequence[float] | None = None, minimum_coverage: float = 0.0) -> HistorySummary:
    return summarise(a_series(*names, weights=weights, minimum_coverage=minimum_coverage))


def minutes_of(*values: float) -> Instants:
    return MINUTES[: len(values)]


nets = st.one_of(st.just(NAN), st.floats(-1e9, 1e9).map(lambda value: round(value, 3)))


@st.composite
def panels(draw: st.DrawFn) -> Readings:
    names, count = draw(st.integers(1, 5)), draw(st.integers(1, 60))
    rows = draw(st.lists(st.lists(nets, min_size=count, max_size=count), min_size=names, max_size=names))
    weights = draw(st.lists(st.floats(0.01, 10.0), min_size=names, max_size=names))
    factors = draw(st.lists(st.floats(1.0, 50.0), min_size=names, max_size=names))
    gross = [[abs(value) * factor for value in row] for row, factor in zip(rows, factors, strict=True)]
    return some_readings(*rows, weights=weights, gross=gross)
