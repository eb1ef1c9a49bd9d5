"""`backfill`: exposures of the past, computed from the chains the archive holds, or asked of FlashAlpha within a budget of calls.

Both are idempotent, and resumed by running them again. From chains, the work is split by session and a few symbols into pure
tasks for an executor, and their results are put together in the order of the tasks, so that what is stored does not depend on how
many workers there were.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

import anyio.to_thread

from archive.answers import Appended, Kind, Recording
from exposure.sampling import Step, sample_instants
from exposure.sessions import EASTERN, eastern
from exposure.snapshot import Missing, MissingReason
from sources.base import MeteredSource
from sources.computed import measured_each

if TYPE_CHECKING:
    from archive.store import Archive
    from exposure.dealer import SymbolExposure
    from exposure.snapshot import Snapshot
    from sources.base import Source

_TASKS_AHEAD = 16
_SYMBOLS_A_TASK = 8
_HOPELESS = frozenset({MissingReason.NOT_ENTITLED, MissingReason.RATE_LIMITED})
_FAILED = frozenset({MissingReason.FETCH_FAILED, MissingReason.TIMED_OUT})
_FAILURES_IN_A_ROW = 3
IN_VAIN_IN_A_ROW = 20
"""After so many instants in a row at which a symbol was not given, it is asked for no more: each of them costs a call."""

Told = Callable[[int, int, str], None]
"""Told how much is done, of how much, and what is at hand."""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """One exposure computed from a chain of the archive: filed under the chain's own source and instant."""

    source: str
    known: datetime
    exposure: SymbolExposure


@dataclass(frozen=True, slots=True)
class FromVendor:
    """What a backfill from FlashAlpha did; `stopped` says why it ended before the last instant, as a sentence.

    `not_given` counts what was asked for and did not come, a symbol and an instant each; `not_given_because` is the reason of the
    last one, a sentence. `given_up` are the symbols that were asked for no more.
    """

    stored: Appended
    calls: int
    stopped: str | None = None
    not_given: int = 0
    not_given_because: str | None = None
    given_up: tuple[str, ...] = ()


def instants_of(start: datetime, stop: datetime, step: Step) -> list[datetime]:
    """The instants of a backfill, UTC; ValueError (a sentence) where there can be none."""
    return [moment.replace(tzinfo=UTC) for moment in sample_instants(start, stop, step).tolist()]


@dataclass(frozen=True, slots=True)
class Task:
    """Some symbols and the instants of one session; chains known by `since` belong to the task of the session before."""

    day: date
    symbols: tuple[str, ...]
    since: datetime
    instants: tuple[datetime, ...]


def recompute(archive: Archive, task: Task, staleness: timedelta) -> list[Recomputed]:
    """The exposures of the chains that are the last as of the instants of a task, each chain once. Pure but for the reading."""
    found = archive.map_chains(task.symbols, task.instants, measured_each, after=task.since, staleness=staleness)
    return [Recomputed(source, known, exposure) for source, known, exposure in found if not isinstance(exposure, Missing)]


def tasks_of(symbols: Sequence[str], instants: Sequence[datetime]) -> list[Task]:
    """The work of a backfill, session by session; the same however many workers there are."""
    tasks: list[Task] = []
    split = [tuple(symbols[start : start + _SYMBOLS_A_TASK]) for start in range(0, len(symbols), _SYMBOLS_A_TASK)]
    since: datetime | None = None
    for day, together in groupby(instants, key=lambda at: at.astimezone(EASTERN).date()):
        moments = tuple(together)
        after = since or eastern(day, 0)
        tasks += [Task(day, some, after, moments) for some in split]
        since = moments[-1]
    return tasks


def backfill_from_chains(
    archive: Archive,
    symbols: Sequence[str],
    instants: Sequence[datetime],
    *,
    staleness: timedelta,
    executor: Executor,
    told: Told = lambda _done, _total, _detail: None,
) -> Appended:
    """Store the exposures of every chain that is the last of its symbol at one of these ascending instants.

    Raises ArchiveError; the days before are stored then.
    """
    return archive.append_many(_recordings(recomputed(archive, symbols, instants, staleness, executor, told)))


def recomputed(
    archive: Archive,
    symbols: Sequence[str],
    instants: Sequence[datetime],
    staleness: timedelta,
    executor: Executor,
    told: Told,
) -> Generator[list[Recomputed], None, None]:
    """The results of each session, in order; a few tasks are handed to the executor ahead of the one that is waited for."""
    tasks = tasks_of(symbols, instants)
    running: deque[tuple[Task, Future[list[Recomputed]]]] = deque()
    handed, done, total = 0, 0, sum(len(task.symbols) for task in tasks)
    current: list[Recomputed] = []
    try:
        while handed < len(tasks) or running:
            while handed < len(tasks) and len(running) < _TASKS_AHEAD:
                running.append((tasks[handed], executor.submit(recompute, archive, tasks[handed], staleness)))
                handed += 1
            task, future = running.popleft()
            current.extend(future.result())
            for symbol in task.symbols:
                done += 1
                told(done, total, f"{symbol} of {task.day}")
            if not running or running[0][0].day != task.day:
                yield current
                current = []
    finally:
        for _, future in running:
            future.cancel()


def _recordings(days: Iterator[list[Recomputed]]) -> Iterator[Recording]:
    for day in days:
        day.sort(key=lambda one: (one.known, one.source, one.exposure.symbol))
        for (known, source), together in groupby(day, key=lambda one: (one.known, one.source)):
            yield Recording(known, [one.exposure for one in together], source)


async def backfill_from_vendor(
    source: Source,
    source_name: str,
    archive: Archive,
    symbols: Sequence[str],
    instants: Sequence[datetime],
    *,
    calls: int,
    told: Told = lambda _done, _total, _detail: None,
) -> FromVendor:
    """Ask a source that counts calls for what the archive lacks of these symbols and instants, newest first, up to `calls` calls.

    What is stored counts as known from the instant it was asked for. Raises ArchiveError.
    """
    stored, spent, failures = Appended(0, 0), 0, 0
    in_vain = _InVain()

    def done(stopped: str | None = None) -> FromVendor:
        return FromVendor(stored, spent, stopped, in_vain.count, in_vain.because, in_vain.given_up(symbols))

    for position, at in enumerate(reversed(instants)):
        told(position, len(instants), f"{spent:,} of {calls:,} calls, {at.astimezone(EASTERN):%Y-%m-%d %H:%M}")
        asked_for = [symbol for symbol in symbols if symbol not in in_vain.given_up(symbols)]
        wanted = await anyio.to_thread.run_sync(_lacking, archive, source_name, asked_for, at) if asked_for else []
        affordable = _affordable(source, wanted, at, calls - spent)
        if wanted and not affordable:
            return done(f"The budget of {calls:,} calls is used up; run it again to go on from there.")
        if not wanted:
            continue
        spent += _cost(source, affordable, at)
        answer = await source.exposures(affordable, at)
        in_vain.note(answer)
        reasons = {one.reason for one in answer.missing}
        if answer.exposures:
            recording = Recording(at, list(answer.exposures.values()), source_name, (), answer.provenance.units)
            stored = stored.plus(await anyio.to_thread.run_sync(_append, archive, recording))
        elif reasons and reasons <= _HOPELESS:
            return done(answer.missing[0].detail)
        failures = failures + 1 if reasons and not answer.exposures and reasons <= _FAILED else 0
        if failures == _FAILURES_IN_A_ROW:
            return done(f"It was given up after {failures} failures in a row; run it again to go on.")
    told(len(instants), len(instants), f"{spent:,} of {calls:,} calls")
    return done()


class _InVain:
    """What a vendor was asked for and did not give, so far."""

    def __init__(self) -> None:
        self.count = 0
        self.because: str | None = None
        self._in_a_row: dict[str, int] = {}

    def note(self, answer: Snapshot) -> None:
        """Take account of one more answer."""
        for one in answer.missing:
            self.count += 1
            self.because = one.detail
            self._in_a_row[one.symbol] = self._in_a_row.get(one.symbol, 0) + 1
        self._in_a_row.update(dict.fromkeys(answer.exposures, 0))

    def given_up(self, symbols: Sequence[str]) -> tuple[str, ...]:
        """Those of the symbols that were asked for in vain too often."""
        return tuple(symbol for symbol in symbols if self._in_a_row.get(symbol, 0) >= IN_VAIN_IN_A_ROW)


def _append(archive: Archive, recording: Recording) -> Appended:
    return archive.append(recording.known, recording.exposures, source=recording.source, units=recording.units)


def _lacking(archive: Archive, source_name: str, symbols: Sequence[str], at: datetime) -> list[str]:
    """The symbols without a row that became known at exactly that instant."""
    found = archive.as_of(symbols, at, staleness=timedelta(days=1), source=source_name, kind=Kind.PUBLISHED)
    return [symbol for symbol in symbols if found.known.get(symbol) != at]


def _affordable(source: Source, symbols: Sequence[str], at: datetime, calls: int) -> list[str]:
    """As many of the symbols, from the first, as the calls left allow."""
    for count in range(len(symbols), 0, -1):
        if _cost(source, symbols[:count], at) <= calls:
            return list(symbols[:count])
    return []


def _cost(source: Source, symbols: Sequence[str], at: datetime) -> int:
    return source.calls_needed(symbols, at).calls if isinstance(source, MeteredSource) else 0
