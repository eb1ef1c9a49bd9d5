"""The archive's work, behind `archive.store.Archive`, which imports this (and numpy, SQLite and pyarrow with it) on first use."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from archive import asking, compaction, elsewhere
from archive.answers import (
    SERIES_COLUMNS,
    Appended,
    ArchiveCoverage,
    ArchiveError,
    AsOf,
    ChainsAsOf,
    ChainsHeld,
    Family,
    Kind,
    Nearest,
    Recording,
    SeriesBlock,
    Tidied,
)
from archive.appending import Appender, prepared
from archive.carrying import History, Window
from archive.exporting import export_day
from archive.layout import Layout, from_microseconds, session_date, to_microseconds
from archive.live_day import LiveChain, LiveRow, one_writer
from archive.parquet_file import DamagedFileError
from archive.quarantine import Quarantine
from archive.record_files import Columns, RecordFiles
from archive.refusals import refusal
from archive.rows import rebuilt
from archive.series_files import rebuild_year
from archive.turn import Turn
from archive.view import LivePool, View
from exposure.chain import Chain

Answer = TypeVar("Answer")
_ATTEMPTS = 50
_MICROSECOND = timedelta(microseconds=1)


class Engine:
    """Everything `Archive` does; see there. Safe for several threads."""

    def __init__(self, folder: Path) -> None:
        self._turn = Turn()
        self._layout = Layout(folder)
        self._pool = LivePool()
        self._records = RecordFiles()
        self._quarantine = Quarantine(self._layout)
        self._appender = Appender(self._layout, self._pool, self._records, self._quarantine)

    def append(self, recording: Recording) -> Appended:
        day, rows, chains = prepared(recording)
        return self._guarded(lambda: self._appender.append(day, rows, chains))

    def append_many(self, recordings: Iterable[Recording], *, finished: Callable[[date], bool]) -> Appended:
        """As `Archive.append_many`; exports the days that `finished` says are over."""
        total = Appended(0, 0)
        current: date | None = None
        rows: list[LiveRow] = []
        chains: list[LiveChain] = []

        def store() -> Appended:
            if current is None:
                return Appended(0, 0)
            day, some, others = current, list(rows), list(chains)
            stored = self._guarded(lambda: self._appender.append(day, some, others))
            if stored.rows_new and finished(day):
                self.export([day])
            rows.clear()
            chains.clear()
            return stored

        for recording in recordings:
            day, new_rows, new_chains = prepared(recording)
            if day != current:
                total = total.plus(store())
                current = day
            rows += new_rows
            chains += new_chains
        return total.plus(store())

    def as_of(self, symbols: Sequence[str], at: datetime, *, staleness: timedelta, source: str | None, kind: Kind | None) -> AsOf:
        wanted, instant = list(dict.fromkeys(symbols)), to_microseconds(at)
        first, last = session_date(at - staleness), session_date(at)
        family, rows = self._ask(first, last, lambda view: asking.last_rows(view, wanted, instant, source, kind))
        exposures, known, last_before = {}, {}, {}
        for symbol in wanted:
            found = rows.get(symbol)
            when = from_microseconds(found[0]) if found else None
            if found is not None and when is not None and instant - int(found[1].fields[0]) <= staleness // _MICROSECOND:
                exposures[symbol] = rebuilt(symbol, found[1])
                known[symbol] = when
            else:
                last_before[symbol] = when
        remarks = self._quarantine.sentences(first, last)
        return AsOf(at, family if exposures else None, exposures, known, last_before, remarks)

    def chains_as_of(self, symbols: Sequence[str], at: datetime, *, staleness: timedelta, source: str | None) -> ChainsAsOf:
        wanted, instant = list(dict.fromkeys(symbols)), to_microseconds(at)
        first, last = session_date(at - staleness), session_date(at)
        name, found = self._ask(first, last, lambda view: asking.last_chains(view, wanted, instant, source))
        fresh = {symbol for symbol, (_, chain) in found.items() if at - chain.quote_time <= staleness}
        return ChainsAsOf(
            at,
            name if fresh else None,
            {symbol: found[symbol][1] for symbol in wanted if symbol in fresh},
            {symbol: from_microseconds(found[symbol][0]) for symbol in wanted if symbol in fresh},
            {
                symbol: from_microseconds(found[symbol][0]) if symbol in found else None
                for symbol in wanted
                if symbol not in fresh
            },
            self._quarantine.sentences(first, last),
        )

    def map_chains(
        self,
        symbols: Sequence[str],
        instants: Sequence[datetime],
        compute: Callable[[Sequence[Chain]], Sequence[Answer]],
        *,
        after: datetime,
        staleness: timedelta,
        source: str | None,
    ) -> list[tuple[str, datetime, Answer]]:
        if not instants:
            return []
        moments, since, limit = [to_microseconds(at) for at in instants], to_microseconds(after), staleness // _MICROSECOND
        # What became known later than `after` is not filed under an earlier day.
        first = max(session_date(after), session_date(instants[0] - staleness))

        def of_symbol(view: View, symbol: str) -> list[tuple[str, datetime, Answer]]:
            found: list[tuple[int, str, Answer]] = []
            parts = asking.each_last_chain(view, symbol, moments, source, after=since, aside=self._turn.aside)
            with closing(parts):
                for chains in parts:
                    fresh = [one for one in chains if one.at - to_microseconds(one.chain.quote_time) <= limit]
                    answers = compute([one.chain for one in fresh])
                    found += [(one.known, one.source, answer) for one, answer in zip(fresh, answers, strict=True)]
            found.sort(key=lambda one: one[:2])
            return [(name, from_microseconds(known), answer) for known, name, answer in found]

        def question(view: View) -> list[tuple[str, datetime, Answer]]:
            return [one for symbol in symbols for one in of_symbol(view, symbol)]

        with self._turn:
            return self._ask(first, session_date(instants[-1]), question)

    def nearest(self, symbols: Sequence[str], at: datetime, *, source: str | None) -> dict[str, Nearest]:
        instant = to_microseconds(at)
        return self._ask(None, None, lambda view: asking.nearest(view, list(symbols), instant, source))

    def instants(self, start: datetime, stop: datetime, *, source: str | None) -> tuple[datetime, ...]:
        low, high = to_microseconds(start), to_microseconds(stop)

        def question(view: View) -> set[int]:
            found: set[int] = set()
            for day in view.days:
                for family in view.families(day, source, None):
                    for columns in view.columns(day, family, view.symbols(day, family), ("known",)).values():
                        found.update(columns["known"].tolist())
            return found

        everything = self._ask(session_date(start), session_date(stop), question)
        return tuple(from_microseconds(known) for known in sorted(everything) if low <= known <= high)

    def series(
        self,
        symbols: Sequence[str],
        instants: Sequence[datetime] | NDArray[np.datetime64],
        columns: Sequence[str],
        *,
        staleness: timedelta,
        source: str | None,
        kind: Kind | None,
    ) -> SeriesBlock:
        held = ("quote_time", *SERIES_COLUMNS)
        unknown = sorted(set(columns) - set(held))
        if unknown:
            raise ArchiveError(f"The archive has no series of {', '.join(unknown)}; it has {', '.join(held)}.")
        wanted, moments = list(dict.fromkeys(symbols)), _as_microseconds(instants)
        empty = {name: np.full((len(wanted), len(moments)), np.nan) for name in columns}
        stamps = moments.astype("datetime64[us]")
        if not len(moments) or not wanted:
            return SeriesBlock(tuple(wanted), None, stamps, empty)
        limit = staleness // _MICROSECOND
        low, high = int(moments[0]) - limit, int(moments[-1])
        first, last = session_date(from_microseconds(low)), session_date(from_microseconds(high))
        family = self._family(wanted, first, high, limit, source, kind)
        if family is None:
            return SeriesBlock(tuple(wanted), None, stamps, empty, self._quarantine.sentences(first, last))

        def question(view: View) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.bool_]]:
            return History(view, self._layout, self._quarantine).carried(family, wanted, moments, columns, limit)

        values, known = self._ask(first, last, question)
        blank = moments[~known.any(axis=0)]
        told = self._elsewhere(family, wanted, blank, limit, source, kind) if len(blank) else ()
        return SeriesBlock(tuple(wanted), family, stamps, values, (*self._quarantine.sentences(first, last), *told))

    def _elsewhere(
        self, family: Family, symbols: list[str], blank: NDArray[np.int64], limit: int, source: str | None, kind: Kind | None
    ) -> tuple[str, ...]:
        """Sentences about what other families have at instants at which `family` has nothing."""

        def day(instant: int) -> date:
            return session_date(from_microseconds(instant))

        def question(view: View) -> list[tuple[Family, NDArray[np.int64]]]:
            history = History(view, self._layout, self._quarantine)
            return elsewhere.elsewhere(view, history, family, symbols, blank, limit, source, kind)

        told = []
        for one, there in self._ask(day(int(blank[0]) - limit), day(int(blank[-1])), question):
            end = elsewhere.last_minute(there)
            reachable = self._family(symbols, day(end - limit), end, limit, source, kind) == one
            told.append(elsewhere.sentence(one, there, family, reachable=reachable))
        return tuple(told)

    def percentile_ranks(
        self, symbols: Sequence[str], column: str, at: datetime, window: timedelta, *, staleness: timedelta, source: str | None
    ) -> dict[str, float | None]:
        if column not in SERIES_COLUMNS:
            raise ArchiveError(f"The archive has no series of {column}; it has {', '.join(SERIES_COLUMNS)}.")
        wanted = list(dict.fromkeys(symbols))
        newest = self.as_of(wanted, at, staleness=staleness, source=source, kind=None)
        family = newest.family
        if family is None:
            return dict.fromkeys(wanted)
        ranks: dict[str, float | None] = dict.fromkeys(wanted)
        low, high = to_microseconds(at - window) + 1, to_microseconds(at)

        def rank(position: int, columns: Columns) -> None:
            if wanted[position] not in newest.exposures:
                return
            values = columns[column]
            if len(values) and not np.isnan(values[-1]):
                counted = len(values) - int(np.count_nonzero(np.isnan(values)))
                ranks[wanted[position]] = float(np.count_nonzero(values <= values[-1])) / counted

        def question(view: View) -> None:
            History(view, self._layout, self._quarantine).values(family, wanted, column, Window(low, high, (column,)), rank)

        self._ask(session_date(at - window), session_date(at), question)
        return ranks

    def coverage(self) -> ArchiveCoverage:
        def question(view: View) -> ArchiveCoverage:
            symbols: set[str] = set()
            families: set[Family] = set()
            bounds: list[int] = []
            rows = 0
            sessions = []
            for day in reversed(view.days):
                parts = view.parts(day)
                for family, symbol, count, first, last in parts:
                    symbols.add(symbol)
                    families.add(family)
                    bounds += (first, last)
                    rows += count
                if parts:
                    sessions.append(day)
            return ArchiveCoverage(
                from_microseconds(min(bounds)) if bounds else None,
                from_microseconds(max(bounds)) if bounds else None,
                tuple(sorted(symbols)),
                tuple(sorted(families)),
                rows,
                tuple(sessions),
                self._layout.size(),
                self._quarantine.sentences(),
            )

        return self._ask(None, None, question)

    def chains_held(self) -> ChainsHeld:
        return self._ask(None, None, asking.chains_held)

    def live_days(self) -> list[date]:
        """Days with a live file, oldest first."""
        return self._guarded(lambda: sorted({file.day for file in self._layout.live_files()}))

    def export(self, days: Sequence[date]) -> Tidied:
        """Export these days."""
        written = removed = 0
        remarks: list[str] = []
        for day in days:
            for _ in range(_ATTEMPTS):
                try:
                    done = self._guarded(partial(export_day, self._layout, self._pool, self._quarantine, day))
                except DamagedFileError as problem:
                    self._put_aside(problem)
                    remarks.append(str(problem))
                    continue
                written, removed = written + done.written, removed + done.removed
                break
        return Tidied(written, removed, tuple(remarks))

    def rebuild_series(self, *, everything: bool) -> Tidied:
        def rebuild() -> int:
            if not self._layout.record_files():
                return 0
            with one_writer(self._layout.turnstile), View(*self._seen(None, None)) as view:
                years = sorted({day.year for day in view.files})
                return sum(
                    rebuild_year(
                        self._layout,
                        self._records,
                        year,
                        {day: file for day, file in view.files.items() if day.year == year},
                        everything=everything,
                    )
                    for year in years
                )

        for _ in range(_ATTEMPTS):
            try:
                return Tidied(written=self._guarded(rebuild))
            except DamagedFileError as problem:
                self._put_aside(problem)
        raise ArchiveError("The archive has more damaged files than a rebuild can put aside; check it first.")

    def compact(self, *, now: datetime, grace: timedelta) -> Tidied:
        return self._guarded(lambda: compaction.compact(self._layout, now=now, grace=grace))

    def check(self) -> Tidied:
        return self._guarded(lambda: compaction.check(self._layout, self._quarantine))

    def _family(
        self, symbols: list[str], first: date, at: int, limit: int, source: str | None, kind: Kind | None
    ) -> Family | None:
        """The family that answers as of `at`; where nothing is fresh then, as of the newest day since `first` that has rows."""
        last = session_date(from_microseconds(at))

        def question(view: View) -> date | None:
            for day in view.days:
                if any(view.last_rows(day, one, symbols, at) for one in view.families(day, source, kind)):
                    return day
            return None

        newest = self._ask(first, last, question)
        if newest is None:
            return None
        sooner = max(first, newest - timedelta(microseconds=limit))
        return self._ask(sooner, newest, lambda view: asking.last_rows(view, symbols, at, source, kind)[0])

    def _seen(
        self, first: date | None, last: date | None
    ) -> tuple[Layout, LivePool, RecordFiles, Quarantine, date | None, date | None]:
        return self._layout, self._pool, self._records, self._quarantine, first, last

    def _ask(self, first: date | None, last: date | None, question: Callable[[View], Answer]) -> Answer:
        """Put a question to a view of these days; again where a damaged file had to be put aside, or one went meanwhile."""
        for _ in range(_ATTEMPTS):
            try:
                with View(*self._seen(first, last)) as view:
                    return question(view)
            except DamagedFileError as problem:
                self._put_aside(problem)
            except FileNotFoundError:
                continue
            except (OSError, sqlite3.Error) as problem:
                raise refusal(problem) from problem
        raise ArchiveError("The archive has more damaged files than one question can put aside; check it first.")

    def _guarded(self, work: Callable[[], Answer]) -> Answer:
        try:
            return work()
        except (OSError, sqlite3.Error) as problem:
            raise refusal(problem) from problem

    def _put_aside(self, problem: DamagedFileError) -> None:
        self._records.forget(problem.path)
        self._quarantine.put_aside(problem.path, str(problem))


def _as_microseconds(instants: Sequence[datetime] | NDArray[np.datetime64]) -> NDArray[np.int64]:
    if isinstance(instants, np.ndarray):
        moments = instants.astype("datetime64[us]").astype(np.int64)
    else:
        moments = np.array([to_microseconds(instant) for instant in instants], dtype=np.int64)
    if np.any(np.diff(moments) < 0):
        raise ValueError("The instants of a series have to ascend.")
    return moments
