"""Backfill of 200 symbol-days of chains: two workers against one, to the same bytes.

The chains are those of the demo market, ten sessions of twenty names recorded every half hour; every side computes from the same
archive, and what it would store is compared byte for byte. Workers are threads, and processes behind the same seam. Beside
them stands what two processes gain with work that shares nothing: less than that is not to be had while the machine is as busy.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from archive.rows import flat
from archive.store import Archive
from bench.timing import Ratio, interleaved
from exposure.sampling import Step
from server.backfill import Recomputed, instants_of, recomputed, tasks_of
from sources.demo.reader import DemoReader

_SYMBOLS = (
    "SPX", "NDX", "SPY", "QQQ", "NVDA", "MSFT", "AAPL", "AVGO", "TSM", "AMZN",
    "META", "GOOGL", "TSLA", "AMD", "MU", "JPM", "BAC", "NFLX", "LLY", "XOM",
)  # fmt: skip
_START, _STOP = datetime(2026, 8, 3, 13, tzinfo=UTC), datetime(2026, 8, 14, 21, tzinfo=UTC)
_NOW = datetime(2026, 8, 21, 20, tzinfo=UTC)
_STALENESS = timedelta(days=1)
_STEP = Step.THIRTY_MINUTES


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was computed, and how long each side took; two workers are `ours`, one is `theirs`."""

    symbol_days: int
    chains: int
    contracts: int
    threads: Ratio
    processes: Ratio
    machine: Ratio

    def text(self) -> str:
        return (
            f"{self.symbol_days} symbol-days, {self.chains:,} chains, {self.contracts:,} contracts, identical byte for byte: "
            f"two threads {self.threads.ours_over_theirs:.2f} of one ({self.threads.text()}); "
            f"two processes {self.processes.ours_over_theirs:.2f} of one ({self.processes.text()}); "
            f"two processes that share nothing {self.machine.ours_over_theirs:.2f} of one"
        )


def compare(rounds: int = 9) -> Comparison:
    """Time all sides alternately. Raises AssertionError where they would not store the same."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        chains, contracts = _fill(folder)
        threads = [stack.enter_context(ThreadPoolExecutor(count)) for count in (1, 2)]
        # Forking a process in which a library has started threads may deadlock it.
        spawn = get_context("spawn")
        processes = [stack.enter_context(ProcessPoolExecutor(count, mp_context=spawn)) for count in (1, 2)]
        assert len({_stored(_computed(folder, executor)) for executor in (*threads, *processes)}) == 1

        def ratio(work: Callable[[Executor], object], pools: Sequence[Executor]) -> Ratio:
            return interleaved(ours=partial(work, pools[1]), theirs=partial(work, pools[0]), rounds=rounds)

        compute = partial(_computed, folder)
        sides = ratio(compute, threads), ratio(compute, processes), ratio(_spun, processes)
    return Comparison(sum(len(task.symbols) for task in tasks_of(_SYMBOLS, _instants())), chains, contracts, *sides)


def _now() -> datetime:
    return _NOW


def _instants() -> list[datetime]:
    return instants_of(_START, _STOP, _STEP)


def _fill(folder: Path) -> tuple[int, int]:
    archive, reader = Archive(folder, clock=_now), DemoReader(_now)
    recorded = contracts = 0
    for at in _instants():
        chains = list(reader.read(_SYMBOLS, at).chains.values())
        recorded += len(chains)
        contracts += sum(len(chain) for chain in chains)
        archive.append(at, (), source="demo", chains=chains)
    archive.export_finished_days()
    return recorded, contracts


def _computed(folder: Path, executor: Executor) -> list[Recomputed]:
    """What would be stored, in the order in which it would be."""
    days = recomputed(Archive(folder, clock=_now), _SYMBOLS, _instants(), _STALENESS, executor, lambda *_: None)
    found = [one for day in days for one in day]
    assert len(found) == len(_SYMBOLS) * len(_instants())
    return found


def _stored(found: Sequence[Recomputed]) -> bytes:
    return b"".join(b"".join(flat(one.exposure).packed()) for one in found)


def _spun(executor: Executor) -> int:
    return sum(executor.map(sum, [range(2_000_000)] * 40))


if __name__ == "__main__":
    print(compare().text())
