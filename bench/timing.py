"""Timing side by side: rounds of the two sides alternate, so that a busy machine slows both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """Seconds of both sides, one entry a round."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def theirs_over_ours(self) -> float:
        return statistics.median(self.theirs) / statistics.median(self.ours)

    @property
    def ours_over_theirs(self) -> float:
        return 1.0 / self.theirs_over_ours

    def text(self) -> str:
        return f"ours {_summary(self.ours)}, theirs {_summary(self.theirs)}, {len(self.ours)} rounds"


def _summary(times: tuple[float, ...]) -> str:
    return f"median {1e3 * statistics.median(times):.1f} ms (min {1e3 * min(times):.1f})"


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleaved(*, ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> Ratio:
    """Alternate both sides `rounds` times after one warm-up each."""
    ours()
    theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    return Ratio(tuple(first for first, _ in pairs), tuple(second for _, second in pairs))
