"""A basket through a window: its weighted net GEX at each expected instant, and what that series amounts to.

Weights are fixed. At each instant, with the requested weights w and over the names known then,

    weight_coverage = sum of w
    value           = sum of w·g / sum of w       the aggregate of `exposure.basket`, to the last bit
    imbalance       = sum of w·net / sum of w·gross
    low, high       = R ± w_M B                   bounds of the whole basket from that instant alone (methodology, section 5)

so that a name that drops out changes what the value is a mean of; presence, coverage and like-for-like percentiles say so.
Source: this project's methodology, sections 3 to 5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from exposure.basket import Basket
from exposure.chain import Instants
from exposure.flip_history import SideHistory, side_history
from exposure.greeks import Bools, Floats
from exposure.percentiles import MINIMUM_EARLIER, CurrentPercentile, current_percentile
from exposure.reliability import Regime
from exposure.runs import STATES, Gap, ReadingState, Run, gaps, longest_runs, sign_runs, to_datetime
from exposure.sparkline import WIDTH, Sparkline, sparkline

DEFAULT_MINIMUM_COVERAGE = 0.5
QUANTILES = (5, 25, 50, 75, 95)


class HistoryError(ValueError):
    """Readings that cannot be put together; the message is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Readings:
    """What was known of each name of a basket at each expected instant.

    `instants` UTC `datetime64[s]`, strictly ascending, shape (n,). `net_gex` and `gross_gex` (call leg plus put leg), $ per 1%,
    shape (names, n), rows in the order of `basket.weights`; NaN where a name was not known, or for gross has no legs.
    `quote_time` UTC `datetime64[s]` or NaT, shape (names, n), is when each was quoted; with it, an instant at which no name is
    newer than it was at the readings before has no reading of its own.
    """

    basket: Basket
    instants: Instants
    net_gex: Floats
    gross_gex: Floats
    quote_time: Instants | None = None


@dataclass(frozen=True, slots=True)
class BasketSeries:
    """The basket at each expected instant; arrays of shape (n,) unless said, NaN where there is no reading.

    `value`, `low`, `high` $ of delta per 1% move; `imbalance` -1..1, NaN also where a name present has no legs.
    `weight_coverage` 0..1 is known everywhere. `present` has shape (names, n). `state` points into `runs.STATES`.
    """

    basket: Basket
    instants: Instants
    value: Floats
    low: Floats
    high: Floats
    imbalance: Floats
    weight_coverage: Floats
    present: Bools
    state: NDArray[np.int8]
    net_gex: Floats
    """Each name's own, as read, shape (names, n)."""

    @property
    def read(self) -> Bools:
        """Which instants have a reading."""
        return np.asarray(self.state == STATES.index(ReadingState.READ))


@dataclass(frozen=True, slots=True)
class Reading:
    """One value, $ of delta per 1% move, with the instant it was expected at (UTC) and the weight it stands for (0..1)."""

    at: datetime
    value: float
    weight_coverage: float


@dataclass(frozen=True, slots=True)
class ValueSummary:
    """The values of a series; `quantiles` by percent (linear between values), the extremes' instants are their first."""

    first: Reading
    last: Reading
    lowest: Reading
    highest: Reading
    quantiles: Mapping[int, float]
    share_negative: float
    """Share of readings (not of time) with net GEX below zero, whatever its size; see `SideHistory` for clear sides."""
    current: CurrentPercentile


@dataclass(frozen=True, slots=True)
class NamePresence:
    """When one name was known. `share_missing` is of all expected instants; `first_seen` and `last_seen` UTC, None if never."""

    symbol: str
    weight: float
    share_missing: float
    first_seen: datetime | None
    last_seen: datetime | None
    present_now: bool
    """Whether it is in the last reading."""


@dataclass(frozen=True, slots=True)
class HistorySummary:
    """A series in a few numbers."""

    expected: int
    """Instants of the window at the step."""
    readings: int
    """Those with a reading."""
    values: ValueSummary | None
    """None without any reading."""
    sides: SideHistory | None
    """None where no reading has legs."""
    longest_runs: Mapping[Regime, Run]
    """The longest run of each sign that occurs."""
    gaps: tuple[Gap, ...]
    """In order of time."""
    names: tuple[NamePresence, ...]
    """In the order of the basket."""
    sparkline: Sparkline | None
    """None without any reading."""


def basket_series(readings: Readings, *, minimum_coverage: float = DEFAULT_MINIMUM_COVERAGE) -> BasketSeries:
    """The weighted series; an instant whose names carry less than `minimum_coverage` of the weight has no reading.

    Raises HistoryError for shapes that do not fit, or instants that do not ascend.
    """
    _check(readings, minimum_coverage)
    weight = np.array(list(readings.basket.weights.values()), dtype=np.float64)
    net_gex, gross_gex = (np.where(np.isfinite(column), column, np.nan) for column in (readings.net_gex, readings.gross_gex))
    present = np.isfinite(net_gex)
    observed, missing = _weight_in(present, weight), _weight_in(~present, weight)
    coverage = np.where(missing > 0.0, observed, np.where(observed > 0.0, 1.0, 0.0))
    state = _states(readings, present, coverage, minimum_coverage)
    read = state == STATES.index(ReadingState.READ)

    value, low, high, imbalance = (np.full(len(read), np.nan) for _ in range(4))
    share = weight[:, None] / observed[read]
    value[read] = _sums(share, net_gex[:, read], present[:, read])
    largest = np.abs(np.where(present[:, read], net_gex[:, read], 0.0)).max(axis=0)
    zero_filled = value[read] * coverage[read]
    reach = missing[read] * largest
    complete = missing[read] == 0.0
    low[read] = np.where(complete, value[read], np.minimum(zero_filled - reach, value[read]))
    high[read] = np.where(complete, value[read], np.maximum(zero_filled + reach, value[read]))
    gross = _sums(share, gross_gex[:, read], present[:, read])
    gross[~(gross > 0.0)] = np.nan
    imbalance[read] = value[read] / gross
    return BasketSeries(
        basket=readings.basket,
        instants=readings.instants,
        value=value,
        low=low,
        high=high,
        imbalance=imbalance,
        weight_coverage=coverage,
        present=present,
        state=state,
        net_gex=net_gex,
    )


def summarise(series: BasketSeries, *, minimum_earlier: int = MINIMUM_EARLIER, width: int = WIDTH) -> HistorySummary:
    """What a series amounts to; `minimum_earlier` is how many earlier readings a percentile needs, `width` the sparkline's."""
    return HistorySummary(
        expected=len(series.instants),
        readings=int(np.count_nonzero(series.read)),
        values=_values(series, minimum_earlier) if series.read.any() else None,
        sides=side_history(series.instants, series.imbalance, series.present),
        longest_runs=longest_runs(sign_runs(series.instants, series.value)),
        gaps=tuple(gaps(series.instants, series.state)),
        names=_presence(series),
        sparkline=sparkline(series.value, width=width),
    )


def _check(readings: Readings, minimum_coverage: float) -> None:
    shape = (len(readings.basket.weights), len(readings.instants))
    for name, column in (("net_gex", readings.net_gex), ("gross_gex", readings.gross_gex), ("quote_time", readings.quote_time)):
        if column is not None and column.shape != shape:
            raise HistoryError(f"{name} has shape {column.shape}; {shape[0]} names at {shape[1]} instants need {shape}.")
    if np.any(np.diff(readings.instants.astype("datetime64[s]").astype(np.int64)) <= 0):
        raise HistoryError("The instants of a history must ascend.")
    if not 0.0 <= minimum_coverage <= 1.0:
        raise HistoryError(f"The minimum coverage is {minimum_coverage:g}; it is a share of the weight, from 0 to 1.")


def _weight_in(chosen: Bools, weight: Floats) -> Floats:
    """The weight of the names chosen at each instant, shape (n,); exactly rounded, as in `exposure.basket`."""
    patterns, which = np.unique(chosen, axis=1, return_inverse=True)
    sums = np.array([math.fsum(weight[pattern].tolist()) for pattern in patterns.T], dtype=np.float64)
    return sums[which.reshape(-1)] if len(sums) else np.zeros(chosen.shape[1])


def _sums(share: Floats, column: Floats, present: Bools) -> Floats:
    """The weighted mean at each reading, shape (readings,); NaN where a name that is present has no number."""
    terms = np.where(present, share * column, 0.0)
    return np.array([math.fsum(each) for each in terms.T.tolist()], dtype=np.float64)


def _states(readings: Readings, present: Bools, coverage: Floats, minimum_coverage: float) -> NDArray[np.int8]:
    state = np.full(len(coverage), STATES.index(ReadingState.READ), dtype=np.int8)
    state[coverage < minimum_coverage] = STATES.index(ReadingState.LOW_COVERAGE)
    state[coverage <= 0.0] = STATES.index(ReadingState.NOTHING_KNOWN)
    if readings.quote_time is not None:
        enough = np.flatnonzero(state == STATES.index(ReadingState.READ))
        state[enough[~_has_news(readings.quote_time[:, enough], present[:, enough])]] = STATES.index(ReadingState.REPEATED)
    return state


def _has_news(quote_time: Instants, present: Bools) -> Bools:
    """Whether a name has a quote newer than at every reading before, shape (instants,); one without a time always does."""
    unknown = np.isnat(quote_time)
    seconds = np.where(present & ~unknown, quote_time.astype("datetime64[s]").astype(np.int64), np.iinfo(np.int64).min)
    newest = np.maximum.accumulate(seconds, axis=1)
    news = present & unknown
    news[:, :1] = True
    news[:, 1:] |= seconds[:, 1:] > newest[:, :-1]
    return np.asarray(news.any(axis=0))


def _values(series: BasketSeries, minimum_earlier: int) -> ValueSummary:
    places = np.flatnonzero(series.read)
    values = series.value[places]
    low, high = _whole_basket(series, places, minimum_earlier)

    def reading(place: int) -> Reading:
        at = places[place]
        return Reading(to_datetime(series.instants[at]), float(series.value[at]), float(series.weight_coverage[at]))

    return ValueSummary(
        first=reading(0),
        last=reading(-1),
        lowest=reading(int(values.argmin())),
        highest=reading(int(values.argmax())),
        quantiles={percent: float(np.quantile(values, percent / 100.0)) for percent in QUANTILES},
        share_negative=float(np.count_nonzero(values < 0.0)) / len(values),
        current=current_percentile(
            values,
            _of_names_now(series, places),
            low,
            high,
            complete=series.weight_coverage[places] == 1.0,
            minimum=minimum_earlier,
        ),
    )


def _whole_basket(series: BasketSeries, places: NDArray[np.intp], minimum_earlier: int) -> tuple[Floats, Floats]:
    """What the whole basket may have been at each reading, with hindsight; two arrays of shape (readings,).

    A missing name may have held anything up to the largest net it showed in the window; one that was hardly ever seen, the
    largest that any name showed. The bounds of a single instant know only the names present at it, which may all be small.
    """
    known = np.abs(np.where(series.present, series.net_gex, 0.0))[:, : places[-1] + 1]
    often = np.count_nonzero(series.present[:, : places[-1] + 1], axis=1) >= minimum_earlier
    largest = np.where(often, known.max(axis=1), known.max())
    weight = np.array(list(series.basket.weights.values()), dtype=np.float64)
    reach = (weight * largest) @ ~series.present[:, places]
    value, coverage = series.value[places], series.weight_coverage[places]
    low = np.where(coverage == 1.0, value, np.minimum(value * coverage - reach, value))
    return low, np.where(coverage == 1.0, value, np.maximum(value * coverage + reach, value))


def _of_names_now(series: BasketSeries, places: NDArray[np.intp]) -> Floats:
    """The basket of the names in the last reading, at each reading that has them all; NaN at the others, shape (readings,)."""
    weight = np.array(list(series.basket.weights.values()), dtype=np.float64)
    now = series.present[:, places[-1]] & (weight > 0.0)
    net = series.net_gex[now][:, places]
    share = weight[now] / math.fsum(weight[now].tolist())
    return _sums(share[:, None], net, np.ones(net.shape, dtype=bool))


def _presence(series: BasketSeries) -> tuple[NamePresence, ...]:
    places = np.flatnonzero(series.read)
    names = []
    for row, (symbol, weight) in enumerate(series.basket.weights.items()):
        seen = np.flatnonzero(series.present[row])
        expected = series.present.shape[1]
        names.append(
            NamePresence(
                symbol=symbol,
                weight=weight,
                share_missing=(expected - len(seen)) / expected if expected else 0.0,
                first_seen=to_datetime(series.instants[seen[0]]) if len(seen) else None,
                last_seen=to_datetime(series.instants[seen[-1]]) if len(seen) else None,
                present_now=bool(len(places) and series.present[row, places[-1]]),
            )
        )
    return tuple(names)
