"""Backfill of 200 symbol-days of chains: two threads against one, to the same bytes.

The chains are those of the demo market, ten sessions of twenty names; both sides compute from the same archive, and what they
would store is compared byte for byte.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from archive.rows import flat
from archive.store import Archive
from bench.timing import Ratio, interleaved
from exposure.sampling import Step
from server.backfill import instants_of, recomputed
from sources.demo.reader import DemoReader

_SYMBOLS = (
    "SPX", "NDX", "SPY", "QQQ", "NVDA", "MSFT", "AAPL", "AVGO", "TSM", "AMZN",
    "META", "GOOGL", "TSLA", "AMD", "MU", "JPM", "BAC", "NFLX", "LLY", "XOM",
)  # fmt: skip
_START, _STOP = datetime(2026, 8, 3, 13, tzinfo=UTC), datetime(2026, 8, 14, 21, tzinfo=UTC)
_NOW = datetime(2026, 8, 21, 20, tzinfo=UTC)
_STALENESS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was computed, and how long each side took; two threads are `ours`, one is `theirs`."""

    symbol_days: int
    contracts: int
    times: Ratio

    @property
    def two_over_one(self) -> float:
        return self.times.ours_over_theirs

    def text(self) -> str:
        return f"{self.symbol_days} symbol-days with {self.contracts:,} contracts, identical byte for byte: {self.times.text()}"


def compare(rounds: int = 5) -> Comparison:
    """Time both sides alternately. Raises AssertionError where they would not store the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contracts = _fill(folder)
        one, two = partial(_computed, folder, 1), partial(_computed, folder, 2)
        assert one() == two()
        times = interleaved(ours=two, theirs=one, rounds=rounds)
    return Comparison(len(_SYMBOLS) * len(_instants()), contracts, times)


def _instants() -> list[datetime]:
    return instants_of(_START, _STOP, Step.DAY)


def _fill(folder: Path) -> int:
    archive, reader = Archive(folder, clock=lambda: _NOW), DemoReader(lambda: _NOW)
    contracts = 0
    for at in _instants():
        chains = list(reader.read(_SYMBOLS, at).chains.values())
        contracts += sum(len(chain) for chain in chains)
        archive.append(at, (), source="demo", chains=chains)
    archive.export_finished_days()
    return contracts


def _computed(folder: Path, threads: int) -> bytes:
    """What would be stored, in the order in which it would be."""
    archive = Archive(folder, clock=lambda: _NOW)
    with ThreadPoolExecutor(threads) as executor:
        days = recomputed(archive, _SYMBOLS, _instants(), _STALENESS, executor, lambda *_: None)
        found = [b"".join(flat(one.exposure).packed()) for day in days for one in day]
    assert len(found) == len(_SYMBOLS) * len(_instants())
    return b"".join(found)
