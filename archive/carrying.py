"""Series of several symbols from the projection, with day files and live files where it is out of date."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archive.answers import Family
from archive.carry_forward import Integers, rows_at, values_at
from archive.layout import Layout, to_microseconds
from archive.parquet_file import DamagedFileError
from archive.quarantine import Quarantine
from archive.record_files import Columns
from archive.series_files import SeriesSlice, read_slice, read_values
from archive.view import View
from exposure.sessions import eastern

_THREADS = 4


@dataclass(frozen=True, slots=True)
class Window:
    """The rows a question needs: known from `start` to `stop` (microseconds), and which columns beside `known`."""

    start: int
    stop: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Projected:
    """What the projection has of a symbol, and the days (ordinals) it does not have as they are now."""

    pieces: list[Columns]
    outdated: frozenset[int]


class History:
    """The rows of symbols over the days of a view."""

    def __init__(self, view: View, layout: Layout, quarantine: Quarantine) -> None:
        self._view, self._layout, self._quarantine = view, layout, quarantine
        self._live = frozenset(day.toordinal() for day in view.days if view.has_live(day))
        self._exported: dict[int, dict[int, int]] = {}
        for day, file in view.files.items():
            self._exported.setdefault(day.year, {})[day.toordinal()] = file.generation

    def carried(
        self, family: Family, symbols: Sequence[str], instants: Integers, names: Sequence[str], staleness: int
    ) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.bool_]]:
        """Columns as known at each of these ascending instants, and whether anything was; shapes (symbols, instants)."""
        shape = len(symbols), len(instants)
        out = {name: np.empty(shape) for name in names}
        known = np.zeros(shape, dtype=bool)
        window = Window(int(instants[0]) - staleness, int(instants[-1]), tuple(dict.fromkeys(("quote_time", *names))))

        def fill(position: int, columns: Columns) -> None:
            row = rows_at(columns["known"], columns["quote_time"], instants, staleness)
            known[position] = row >= 0
            for name in names:
                values_at(columns[name], row, out[name][position])

        self.each(family, symbols, window, fill)
        return out, known

    def each(self, family: Family, symbols: Sequence[str], window: Window, consume: Callable[[int, Columns], None]) -> None:
        """Call `consume` with the position of each symbol and its rows, oldest first, several threads at a time.

        The rows are at least those of the window; whole months may come with them. Raises what `View.columns` does.
        """
        waiting: dict[int, _Projected] = {}

        def project(position: int) -> None:
            projected = self._projected(family, symbols[position], window)
            if projected.outdated:
                waiting[position] = projected
            else:
                consume(position, _joined(projected.pieces, window))

        with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
            list(pool.map(project, range(len(symbols))))
        # Live files belong to this thread, and a day file is decoded once for all the symbols that need it.
        for day in sorted(frozenset[int]().union(*(one.outdated for one in waiting.values()))):
            needing = {symbols[position]: one for position, one in waiting.items() if day in one.outdated}
            names = ("known", *window.names)
            for symbol, columns in self._view.columns(date.fromordinal(day), family, list(needing), names).items():
                needing[symbol].pieces.append(columns)
        for position, one in waiting.items():
            consume(position, _joined(one.pieces, window))

    def values(
        self, family: Family, symbols: Sequence[str], name: str, window: Window, consume: Callable[[int, Columns], None]
    ) -> None:
        """Call `consume` with the position of each symbol and the one column `name` of its rows in the window, oldest first."""
        waiting: list[int] = []

        def read(position: int) -> None:
            pieces = self._values(family, symbols[position], name, window)
            if pieces is None:
                waiting.append(position)
            else:
                consume(position, {name: np.concatenate([np.zeros(0), *pieces])})

        def cut(place: int, columns: Columns) -> None:
            low, high = columns["known"].searchsorted([window.start, window.stop + 1]).tolist()
            consume(waiting[place], {name: columns[name][low:high]})

        with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
            list(pool.map(read, range(len(symbols))))
        self.each(family, [symbols[position] for position in waiting], window, cut)

    def _values(self, family: Family, symbol: str, name: str, window: Window) -> list[NDArray[Any]] | None:
        """A column straight from the projection; None where that is not up to date."""
        if self._live:
            return None
        there = self._layout.series_files(symbol)
        pieces = []
        for year, days in self._exported.items():
            if year not in there or self._quarantine.shuns(there[year].path):
                return None
            try:
                piece = read_values(there[year].path, family, name, window.start, window.stop)
            except DamagedFileError as problem:
                self._quarantine.put_aside(there[year].path, str(problem))
                return None
            if any(self._differences(days, piece)):
                return None
            pieces.append(piece.columns[name])
        return pieces

    def _differences(self, days: Mapping[int, int], piece: SeriesSlice) -> tuple[set[int], set[int]]:
        """Days a piece lacks or has in another generation, and days it has that are gone."""
        first, last = self._view.bounds
        outdated = {day for day, generation in days.items() if piece.generations.get(day) != generation}
        return outdated, {day for day in piece.generations if day not in days and first <= day <= last}

    def _projected(self, family: Family, symbol: str, window: Window) -> _Projected:
        pieces: list[Columns] = []
        outdated = set(self._live)
        there = self._layout.series_files(symbol)
        for year, days in self._exported.items():
            piece = None
            if year in there and not self._quarantine.shuns(there[year].path):
                piece = self._slice(there[year].path, family, window)
            if piece is None:
                outdated.update(days)
                continue
            lacking, gone = self._differences(days, piece)
            outdated |= lacking
            pieces += _without(piece.columns, gone | {day for day in outdated if date.fromordinal(day).year == year})
        return _Projected(pieces, frozenset(outdated))

    def _slice(self, path: Path, family: Family, window: Window) -> SeriesSlice | None:
        try:
            return read_slice(path, family, ("known", *window.names), window.start, window.stop)
        except DamagedFileError as problem:
            # Nothing is lost with a projection; the day files say the same.
            self._quarantine.put_aside(path, str(problem))
            return None


def _without(columns: Columns, days: set[int]) -> list[Columns]:
    """The rows that are not filed under any of these days, in runs."""
    if not days:
        return [columns]
    pieces: list[Columns] = []
    start = 0
    for day in sorted(days):
        midnight = eastern(date.fromordinal(day), 0)
        following = eastern(date.fromordinal(day) + timedelta(days=1), 0)
        low, high = columns["known"].searchsorted([to_microseconds(midnight), to_microseconds(following)]).tolist()
        pieces.append({name: values[start:low] for name, values in columns.items()})
        start = high
    pieces.append({name: values[start:] for name, values in columns.items()})
    return [piece for piece in pieces if len(piece["known"])]


def _joined(pieces: Sequence[Columns], window: Window) -> Columns:
    if len(pieces) == 1:
        return pieces[0]
    ordered = sorted((piece for piece in pieces if len(piece["known"])), key=lambda piece: int(piece["known"][0]))
    if not ordered:
        return {name: np.zeros(0, np.int64) for name in ("known", *window.names)}
    return {name: np.concatenate([piece[name] for piece in ordered]) for name in ("known", *window.names)}
