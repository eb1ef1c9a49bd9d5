"""One unchanging look at the days of a window, live files and day files together.

Live files are looked at before day files are listed: a day that is exported meanwhile is then seen twice rather than not at
all, and where both have a row the day file counts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import TracebackType

import numpy as np

from archive.answers import Family, Kind
from archive.chain_bytes import from_bytes
from archive.chain_files import Aside, ChainFile, ChainKey, chain_file
from archive.layout import DayFile, Layout
from archive.live_day import LiveDay, naming_damage
from archive.quarantine import Quarantine
from archive.record_files import PACKED_TYPE, Columns, RecordFiles
from archive.rows import Row, unpacked
from exposure.chain import Chain


class LivePool:
    """Open connections to live files, lent to one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Path, list[LiveDay]] = {}

    def borrow(self, path: Path) -> LiveDay:
        """A connection of the caller's own. Raises FileNotFoundError, ArchiveError, sqlite3.Error."""
        with self._lock:
            idle = self._idle.get(path)
            if idle:
                return idle.pop()
        return LiveDay.open(path)

    def give_back(self, day: LiveDay) -> None:
        """Keep a connection for the next one who needs it."""
        with self._lock:
            self._idle.setdefault(day.path, []).append(day)

    def keep_only(self, paths: Iterable[Path]) -> None:
        """Close idle connections to files that are gone."""
        kept = set(paths)
        with self._lock:
            gone = [day for path in set(self._idle) - kept for day in self._idle.pop(path)]
        for day in gone:
            day.close()


@dataclass(frozen=True, slots=True)
class _Live:
    """A live file within a read transaction."""

    day: LiveDay
    families: dict[Family, int]


class ChainDay:
    """What a view holds of the chains of one symbol on one day."""

    def __init__(self, symbol: str, file: ChainFile | None, lives: Sequence[LiveDay]) -> None:
        self._symbol, self._file, self._lives = symbol, file, lives
        keys = set(file.keys) if file is not None else set()
        for live in lives:
            with naming_damage(live.path):
                keys.update(live.chain_keys(symbol))
        self.instants: dict[str, list[int]] = {}
        """When the chains became known (microseconds, ascending), by source."""
        for source, known in sorted(keys):
            self.instants.setdefault(source, []).append(known)

    def read(self, wanted: Set[ChainKey], aside: Aside = nullcontext) -> Iterator[list[tuple[ChainKey, Chain]]]:
        """Those of the chains, each once, a few at a time; see `archive.chain_files` for `aside`."""
        left = set(wanted)
        if self._file is not None:
            for chains in self._file.read(wanted, aside):
                left.difference_update(key for key, _ in chains)
                yield chains
        for live in self._lives:
            for key in sorted(left):
                with naming_damage(live.path):
                    content = live.chain(self._symbol, *key)
                if content is not None:
                    left.discard(key)
                    yield [(key, from_bytes(content))]


class View:
    """What the archive holds of the days `first` to `last` (all where None). A context manager, used by one thread.

    Its methods raise DamagedFileError, sqlite3.Error and OSError; FileNotFoundError where a file went meanwhile.
    """

    def __init__(
        self,
        layout: Layout,
        pool: LivePool,
        records: RecordFiles,
        quarantine: Quarantine,
        first: date | None,
        last: date | None,
    ) -> None:
        self._layout, self._pool, self._quarantine = layout, pool, quarantine
        self._first, self._last = first, last
        self._stack = ExitStack()
        self._live: dict[date, list[_Live]] = {}
        self._chain_files: dict[date, dict[str, Path]] = {}
        self.records = records
        self.files: dict[date, DayFile] = {}

    def __enter__(self) -> View:
        try:
            live_files = self._layout.live_files()
            self._pool.keep_only(file.path for file in live_files)
            for file in live_files:
                inside = self.bounds[0] <= file.day.toordinal() <= self.bounds[1]
                if inside and not self._quarantine.shuns(file.path):
                    self._look_at(file)
            for file in self._layout.every_record_file(self._first, self._last):
                if not self._quarantine.shuns(file.path):
                    self.files[file.day] = file
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def _look_at(self, file: DayFile) -> None:
        with naming_damage(file.path):
            try:
                live = self._pool.borrow(file.path)
            except FileNotFoundError:
                return
            self._stack.callback(self._pool.give_back, live)
            self._stack.enter_context(live.reading())
            families, retired = live.families(), live.retired()
        if not retired:
            self._live.setdefault(file.day, []).append(_Live(live, families))

    @property
    def bounds(self) -> tuple[int, int]:
        """Ordinals of the first and the last day looked at."""
        first, last = self._first or date.min, self._last or date.max
        return first.toordinal(), last.toordinal()

    @property
    def days(self) -> list[date]:
        """Every day with a file, newest first."""
        return sorted({*self.files, *self._live}, reverse=True)

    def has_live(self, day: date) -> bool:
        """Whether part of a day is not exported yet."""
        return day in self._live

    @property
    def chain_days(self) -> list[date]:
        """Every day that may have chains, newest first."""
        return sorted({*self._layout.chain_days(self._first, self._last), *self._live}, reverse=True)

    @contextmanager
    def chain_day(self, day: date, symbol: str) -> Iterator[ChainDay]:
        """The chains of a symbol on a day."""
        path, lives = self._chain_files_of(day).get(symbol), [live.day for live in self._live.get(day, ())]
        with chain_file(path) if path is not None else nullcontext() as file:
            yield ChainDay(symbol, file, lives)

    def chain_symbols(self, day: date) -> set[str]:
        """Symbols with chains on a day."""
        symbols = set(self._chain_files_of(day))
        for live in self._live.get(day, ()):
            with naming_damage(live.day.path):
                symbols.update(live.day.chain_symbols())
        return symbols

    def _chain_files_of(self, day: date) -> dict[str, Path]:
        if day not in self._chain_files:
            there = [one for one in self._layout.every_chain_file(day) if not self._quarantine.shuns(one.path)]
            self._chain_files[day] = {one.symbol: one.path for one in there}
        return self._chain_files[day]

    def parts(self, day: date) -> list[tuple[Family, str, int, int, int]]:
        """Family, symbol, number of rows, first and last known of everything on a day."""
        found: dict[tuple[Family, str], tuple[int, int, int]] = {}
        if day in self.files:
            for family, parts in self.records.index(self.files[day].path).parts.items():
                for symbol, part in parts.items():
                    found[family, symbol] = part.stop - part.start, part.first, part.last
        for live in self._live.get(day, ()):
            names = {number: family for family, number in live.families.items()}
            for number, symbol, rows, first, last in live.day.parts():
                key = names[number], symbol
                if key in found:
                    known = self.columns(day, *key[:1], [symbol], ("known",))[symbol]["known"]
                    found[key] = len(known), int(known[0]), int(known[-1])
                else:
                    found[key] = rows, first, last
        return [(*key, *counts) for key, counts in sorted(found.items())]

    def symbols(self, day: date, family: Family) -> list[str]:
        """Symbols with rows of a family on a day."""
        return [symbol for one, symbol, _, _, _ in self.parts(day) if one == family]

    def families(self, day: date, source: str | None, kind: Kind | None) -> list[Family]:
        """Families with rows on that day, by name."""
        found = {family for live in self._live.get(day, ()) for family in live.families}
        if day in self.files:
            found |= set(self.records.index(self.files[day].path).parts)
        return sorted(one for one in found if source in (None, one.source) and kind in (None, one.kind))

    def last_rows(self, day: date, family: Family, symbols: Sequence[str], at: int) -> dict[str, tuple[int, Row]]:
        """Of each symbol the day's last row known by `at` (microseconds), with when it became known."""
        found: dict[str, tuple[int, Row]] = {}
        if day in self.files:
            found = self.records.last_rows(self.files[day].path, family, symbols, at)
        for live in self._live.get(day, ()):
            if family not in live.families:
                continue
            with naming_damage(live.day.path):
                rows = live.day.last_rows(live.families[family], symbols, at)
            for symbol, (known, fields, curve) in rows.items():
                if symbol not in found or known > found[symbol][0]:
                    found[symbol] = known, unpacked(fields, curve)
        return found

    def columns(self, day: date, family: Family, symbols: Sequence[str], names: Sequence[str]) -> dict[str, Columns]:
        """Columns of a day's rows, oldest first; `names` begins with `known` and what else it holds is in `archive.rows`."""
        found: dict[str, Columns] = {}
        if day in self.files:
            found = self.records.columns(self.files[day].path, family, symbols, names)
        for live in self._live.get(day, ()):
            if family not in live.families:
                continue
            for symbol in symbols:
                with naming_damage(live.day.path):
                    rows = live.day.rows_of(live.families[family], symbol)
                if rows:
                    found[symbol] = _with_live(found.get(symbol), rows, names)
        return found


def _with_live(columns: Columns | None, rows: Sequence[tuple[int, bytes]], names: Sequence[str]) -> Columns:
    packed = np.frombuffer(b"".join(fields for _, fields in rows), dtype=PACKED_TYPE)
    known = np.array([instant for instant, _ in rows], dtype=np.int64)
    added: Columns = {name: known if name == "known" else packed[name] for name in names}
    if columns is None:
        return added
    both = {name: np.concatenate((columns[name], added[name])) for name in names}
    order = np.argsort(both["known"], kind="stable")
    order = order[np.diff(both["known"][order], prepend=np.iinfo(np.int64).min) != 0]
    return {name: values[order] for name, values in both.items()}
