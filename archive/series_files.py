"""The scan projection: one file a symbol and year, one row group a month and family, so that a year is one short read.

It repeats what the day files say and can be rebuilt from them at any time. Its footer names the generation of every day it was
made from; a day that has another generation by now is read from its day file instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archive.answers import SERIES_COLUMNS, Family, Kind
from archive.layout import DayFile, Layout
from archive.parquet_file import DamagedFileError, as_numpy, opened, present, write_parquet
from archive.record_files import Columns, RecordFiles

_ROWS_A_BATCH = 2_000_000
_COLUMNS = ("known", "quote_time", *SERIES_COLUMNS)
_FLOATS = frozenset(SERIES_COLUMNS)


@dataclass(frozen=True, slots=True)
class SeriesSlice:
    """Rows of one symbol and year, oldest first, and the generation of each day (ordinal) that they stand for."""

    columns: Columns
    generations: Mapping[int, int]


def series_schema() -> Any:
    """The explicit schema of a projection file."""
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    return pa.schema([pa.field(name, pa.float64() if name in _FLOATS else instant, nullable=False) for name in _COLUMNS])


def read_slice(path: Path, family: Family, names: Sequence[str], start: int, stop: int) -> SeriesSlice:
    """Columns of the months that have rows known from `start` to `stop` (microseconds)."""
    with opened(path) as (file, footer):
        generations, months = _months(path, footer, family, start, stop)
        groups = [group for group, _, _ in months]
        if not groups:
            return SeriesSlice({name: np.zeros(0, np.float64 if name in _FLOATS else np.int64) for name in names}, generations)
        there = present(file, names)
        table = file.read_row_groups(groups, columns=there, use_threads=False)
        columns = {name: as_numpy(table[name]) if name in there else np.full(len(table), np.nan) for name in names}
    return SeriesSlice(columns, generations)


def read_values(path: Path, family: Family, name: str, start: int, stop: int) -> SeriesSlice:
    """One column of the rows known from `start` to `stop`, oldest first; when they became known is not read where all count."""
    pieces: list[NDArray[np.float64]] = []
    with opened(path) as (file, footer):
        generations, months = _months(path, footer, family, start, stop)
        if not present(file, [name]):
            months = []
        inside = [group for group, first, last in months if start <= first and last <= stop]
        for group, _first, _last in months:
            if group not in inside:
                table = file.read_row_group(group, columns=["known", name], use_threads=False)
                low, high = as_numpy(table["known"]).searchsorted([start, stop + 1]).tolist()
                pieces.append(as_numpy(table[name])[low:high])
            elif group == inside[0]:
                pieces.append(as_numpy(file.read_row_groups(inside, columns=[name], use_threads=False)[name]))
    return SeriesSlice({name: np.concatenate(pieces) if pieces else np.zeros(0)}, generations)


def _months(
    path: Path, footer: Mapping[str, Any], family: Family, start: int, stop: int
) -> tuple[dict[int, int], list[tuple[int, int, int]]]:
    """The generations of the days, and of each row group that is asked for: number, first and last known."""
    try:
        families = [Family(source, Kind(kind), units) for source, kind, units in footer["families"]]
        months = [
            (group, first, last)
            for group, (number, first, last) in enumerate(footer["groups"])
            if families[number] == family and first <= stop and last >= start
        ]
        return dict(footer["days"]), months
    except (ValueError, TypeError, IndexError) as problem:
        raise DamagedFileError(path, "its footer cannot be understood") from problem


def read_generations(path: Path) -> dict[int, int]:
    """The generation of each day (ordinal) that a file was made from."""
    with opened(path) as (_, footer):
        return dict(footer["days"])


def rebuild_year(layout: Layout, records: RecordFiles, year: int, files: Mapping[date, DayFile], *, everything: bool) -> int:
    """Write the files of a year that are not made from exactly `files`; how many that were."""
    wanted = {day.toordinal(): file.generation for day, file in sorted(files.items())}
    rows: dict[str, int] = {}
    for file in files.values():
        for parts in records.index(file.path).parts.values():
            for symbol, part in parts.items():
                rows[symbol] = rows.get(symbol, 0) + part.stop - part.start
    written = 0
    for batch in _batches([symbol for symbol in sorted(rows) if everything or _outdated(layout, symbol, year, wanted)], rows):
        collected = _collected(records, files, batch)
        for symbol in batch:
            path = layout.series_file(symbol, year, layout.highest_series_generation(symbol, year) + 1)
            _write(path, collected[symbol], list(wanted.items()))
            written += 1
    return written


def _outdated(layout: Layout, symbol: str, year: int, wanted: Mapping[int, int]) -> bool:
    file = layout.series_files(symbol).get(year)
    try:
        return file is None or read_generations(file.path) != wanted
    except DamagedFileError:
        return True


def _batches(symbols: Sequence[str], rows: Mapping[str, int]) -> Iterator[list[str]]:
    """As many symbols at a time as fit into memory."""
    batch: list[str] = []
    total = 0
    for symbol in symbols:
        if batch and total + rows[symbol] > _ROWS_A_BATCH:
            yield batch
            batch, total = [], 0
        batch.append(symbol)
        total += rows[symbol]
    if batch:
        yield batch


_Month = tuple[Family, Columns]


def _collected(records: RecordFiles, files: Mapping[date, DayFile], batch: Sequence[str]) -> dict[str, list[_Month]]:
    """Of each symbol its rows, month by month and family by family."""
    collected: dict[str, list[_Month]] = {symbol: [] for symbol in batch}
    for _, days in groupby(sorted(files), key=lambda day: day.month):
        pieces: dict[tuple[Family, str], list[Columns]] = {}
        for day in days:
            path = files[day].path
            for family in sorted(records.index(path).parts):
                for symbol, columns in records.columns(path, family, batch, _COLUMNS).items():
                    pieces.setdefault((family, symbol), []).append(columns)
        for (family, symbol), parts in sorted(pieces.items(), key=lambda one: one[0]):
            month = {name: np.concatenate([part[name] for part in parts]) for name in _COLUMNS}
            collected[symbol].append((family, month))
    return collected


def _write(path: Path, months: Iterable[_Month], days: Sequence[tuple[int, int]]) -> None:
    import pyarrow as pa

    schema = series_schema()
    listed = list(months)
    families = sorted({family for family, _ in listed})
    groups = [[families.index(family), int(one["known"][0]), int(one["known"][-1])] for family, one in listed]
    footer = {"families": [[one.source, one.kind.value, one.units] for one in families], "groups": groups, "days": days}

    def tables() -> Iterator[Any]:
        for _, month in listed:
            yield pa.table([pa.array(month[name]).cast(schema.field(name).type) for name in _COLUMNS], schema=schema)

    write_parquet(path, tables(), schema, footer)
