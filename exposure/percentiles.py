"""Where the latest value of a series stands among the values before it.

    percentile = 100 · (earlier values below it + half of those equal to it) / earlier values

Only strictly earlier values count, and there must be twenty. A basket whose names were not always all there has three answers:
among whatever was present at each reading; like for like, where only readings with every name that is present now count, and only
those names in them; and the range that the missing names leave open, each of them within ± the largest net it showed.
Source: this project's methodology, sections 5 and 8.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from exposure.greeks import Bools, Floats

MINIMUM_EARLIER = 20


@dataclass(frozen=True, slots=True)
class CurrentPercentile:
    """The latest reading among the earlier ones; percentiles are 0..100, None below twenty comparable readings."""

    percentile: float | None
    """Among all earlier readings, each over the names present at it."""
    earlier: int
    """Readings before the latest one."""
    like_for_like: float | None
    """Among the earlier readings at which every name present now was there too, over those names only."""
    comparable: int
    """How many readings those are."""
    lowest: float | None
    highest: float | None
    """The range of `percentile` for the whole basket, had each missing name held at most the largest net it showed."""
    meaning: str
    """One sentence that says what the three compare."""


def percentile_among(current: float, earlier: Floats, *, minimum: int = MINIMUM_EARLIER) -> float | None:
    """Share of `earlier`, shape (n,), below `current` in percent, ties by half; None below `minimum` values."""
    if len(earlier) < max(minimum, 1):
        return None
    below, equal = int(np.count_nonzero(earlier < current)), int(np.count_nonzero(earlier == current))
    return 100.0 * (below + 0.5 * equal) / len(earlier)


def current_percentile(
    value: Floats, like_for_like: Floats, low: Floats, high: Floats, *, complete: Bools, minimum: int = MINIMUM_EARLIER
) -> CurrentPercentile:
    """Rank the last reading; all of shape (readings,) with readings >= 1, oldest first.

    `value` is the basket at each reading, `like_for_like` the basket of the names present at the last one (NaN where one of them
    was missing), `low` and `high` what the whole basket may have been (equal to `value` where `complete`).
    """
    comparable = like_for_like[:-1][np.isfinite(like_for_like[:-1])]
    result = CurrentPercentile(
        percentile=percentile_among(value[-1], value[:-1], minimum=minimum),
        earlier=len(value) - 1,
        like_for_like=percentile_among(like_for_like[-1], comparable, minimum=minimum),
        comparable=len(comparable),
        lowest=percentile_among(low[-1], high[:-1], minimum=minimum),
        highest=percentile_among(high[-1], low[:-1], minimum=minimum),
        meaning="",
    )
    return replace(result, meaning=_meaning(result, complete, minimum))


def _meaning(result: CurrentPercentile, complete: Bools, minimum: int) -> str:
    if result.percentile is None:
        there = f"is {result.earlier} earlier reading" if result.earlier == 1 else f"are {result.earlier} earlier readings"
        return f"There {there} in the window; a percentile needs {minimum}."
    compared = f"The latest value is above {result.percentile:.1f}% of the {result.earlier} earlier readings (ties count half)"
    if complete.all():
        return f"{compared}, and no weight was missing at any of them."
    lacking = f"{np.count_nonzero(~complete[:-1])} of them lacked a name" + ("" if complete[-1] else ", as does the latest")
    if result.like_for_like is None:
        alike = f"only {result.comparable} held every name present now, fewer than the {minimum} a like-for-like percentile needs"
    else:
        alike = f"on the names present now it is above {result.like_for_like:.1f}% of the {result.comparable} that held them all"
    limits = f"what was missing leaves the whole basket from {result.lowest:.1f}% to {result.highest:.1f}%"
    return f"{compared}, but {lacking}: {alike}, and {limits}."
