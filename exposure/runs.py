"""Stretches of a series: how long it kept one sign, and where it has no readings.

A stretch counts expected instants, not readings: an instant without a reading ends a run, because nobody knows that the sign held
through it. Grouping the readings alone would join what lies on both sides of a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from exposure.chain import Instants
from exposure.greeks import Floats
from exposure.reliability import Regime


class ReadingState(StrEnum):
    """Whether an expected instant has a reading, and why it has none."""

    READ = "read"
    NOTHING_KNOWN = "nothing_known"
    """No name with weight was known."""
    LOW_COVERAGE = "low_coverage"
    """The names known carry less weight than was asked for as a minimum."""
    REPEATED = "repeated"
    """No quote is newer than at the readings before: nothing new was recorded."""


STATES = tuple(ReadingState)


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive expected instants, all with a reading, all of one sign; `start` and `stop` are its first and last, UTC."""

    regime: Regime
    start: datetime
    stop: datetime
    readings: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Consecutive expected instants without a reading for one reason; `start` and `stop` are the first and last, UTC."""

    reason: ReadingState
    start: datetime
    stop: datetime
    instants: int


def to_datetime(instant: np.datetime64) -> datetime:
    """A UTC `datetime64` as a timezone-aware datetime."""
    return datetime.fromtimestamp(int(instant.astype("datetime64[s]").astype(np.int64)), UTC)


def sign_runs(instants: Instants, values: Floats) -> list[Run]:
    """Every run in order, from values of shape (n,) with NaN for no reading; zero counts as positive, as in `Regime`."""
    sign = np.where(np.isfinite(values), (values < 0).astype(np.int8), -1).astype(np.int8)
    regimes = (Regime.POSITIVE_GAMMA, Regime.NEGATIVE_GAMMA)
    return [
        Run(regimes[sign[start]], to_datetime(instants[start]), to_datetime(instants[stop - 1]), stop - start)
        for start, stop in _stretches(sign)
        if sign[start] >= 0
    ]


def longest_runs(runs: Sequence[Run]) -> Mapping[Regime, Run]:
    """The run with most readings of each sign that occurs; the latest of equals."""
    longest: dict[Regime, Run] = {}
    for run in runs:
        if run.regime not in longest or run.readings >= longest[run.regime].readings:
            longest[run.regime] = run
    return longest


def gaps(instants: Instants, state: NDArray[np.int8]) -> list[Gap]:
    """Every gap in order, from the positions in `STATES` of the instants' states, shape (n,)."""
    return [
        Gap(STATES[state[start]], to_datetime(instants[start]), to_datetime(instants[stop - 1]), stop - start)
        for start, stop in _stretches(state)
        if STATES[state[start]] is not ReadingState.READ
    ]


def _stretches(labels: NDArray[np.int8]) -> Iterator[tuple[int, int]]:
    """First position and one past the last of each stretch of equal labels."""
    edges = np.flatnonzero(np.diff(labels)) + 1
    starts = [0, *edges.tolist()] if len(labels) else []
    return zip(starts, [*edges.tolist(), len(labels)], strict=False)
