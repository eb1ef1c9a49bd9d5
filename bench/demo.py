"""How long the demo market takes to make its chains."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime, timedelta
from functools import partial

from bench.timing import seconds
from sources.demo.reader import DemoReader
from sources.universe import single_names

_FIRST = datetime(2026, 8, 21, 15, 30, tzinfo=UTC)


def text(rounds: int = 15) -> str:
    """Medians of one chain and of fifty; each round asks for another minute, so that nothing is remembered."""
    reader = DemoReader(lambda: _FIRST + timedelta(days=30))
    names = single_names()[:50]
    cold = seconds(lambda: reader.read(names[:1], _FIRST))
    minutes = [_FIRST + timedelta(minutes=step) for step in range(1, 2 * rounds + 1)]
    one = statistics.median(seconds(partial(reader.read, ["NVDA"], at)) for at in minutes[:rounds])
    index = statistics.median(seconds(partial(reader.read, ["SPX"], at)) for at in minutes[:rounds])
    fifty = statistics.median(seconds(partial(reader.read, names, at)) for at in minutes[rounds:])
    return (
        f"NVDA {1e3 * one:.2f} ms, SPX {1e3 * index:.2f} ms, 50 names {1e3 * fifty:.0f} ms, very first chain {1e3 * cold:.0f} ms"
    )
