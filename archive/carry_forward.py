"""Last observation carried forward: the only way several symbols that each miss some minutes can be put side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def rows_at(known: Integers, quote_time: Integers, instants: Integers, staleness: int) -> NDArray[np.intp]:
    """Of each instant, shape (instants,), the last row known by then, or -1 where there is none or its quotes are too old.

    All in microseconds; `known` and `instants` ascend. A row is too old where `instants` minus `quote_time` exceeds
    `staleness`; an older one never stands in for it.
    """
    row = known.searchsorted(instants, side="right") - 1
    if len(known) == 0:
        return row
    row[(row < 0) | (instants - quote_time[row] > staleness)] = -1
    return row


def values_at(values: NDArray[Any], row: NDArray[np.intp], out: NDArray[np.float64]) -> None:
    """Write the values of those rows into `out`, NaN for -1."""
    if len(values) == 0:
        out.fill(np.nan)
        return
    np.take(values.astype(np.float64, copy=False), row, out=out, mode="clip")
    out[row < 0] = np.nan
