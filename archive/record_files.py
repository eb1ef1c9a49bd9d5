"""Day files: every symbol of one session date, sorted by (family, symbol, known), written once.

The footer says which rows belong to which symbol, so that a reader goes straight to them.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archive.answers import Family, Kind
from archive.layout import DayFile
from archive.live_day import LiveRow
from archive.parquet_file import DamagedFileError, as_numpy, groups_of, list_parts, opened, present, write_parquet
from archive.rows import FIELD_NAMES, FIELDS, Row

Integers = NDArray[np.int64]
Columns = dict[str, NDArray[Any]]

_BLOCK_BYTES_KEPT = 192 * 1024 * 1024
_INDEXES_KEPT = 2048
_NUMPY = {"q": "<i8", "i": "<i4", "h": "<i2", "b": "i1", "d": "<f8"}
PACKED_TYPE = np.dtype([(name, _NUMPY[code]) for name, code in FIELDS])
"""The numpy type of what `archive.rows` packs."""

_CURVE = ("curve_years", "curve_iv")
_KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one symbol in a day file, and when the first and last became known (microseconds)."""

    start: int
    stop: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class DayIndex:
    """What a day file holds: per family and symbol the rows; `group_starts` has the first row of each row group, and the end."""

    parts: Mapping[Family, Mapping[str, Part]]
    group_starts: tuple[int, ...]

    @property
    def rows(self) -> int:
        return self.group_starts[-1]

    def groups(self, start: int, stop: int) -> range:
        """Row groups that hold rows `start` to `stop`."""
        return range(bisect_right(self.group_starts, start) - 1, bisect_left(self.group_starts, stop))


def day_schema() -> Any:
    """The explicit schema of a day file."""
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    types = {"q": pa.int64(), "i": pa.int32(), "h": pa.int16(), "b": pa.int8(), "d": pa.float64()}
    fields = [pa.field(name, pa.string(), nullable=False) for name in ("source", "kind", "units", "symbol")]
    fields.append(pa.field(_KNOWN, instant, nullable=False))
    for name, code in FIELDS:
        if name == "oi_date":
            fields.append(pa.field(name, pa.date32()))
        else:
            kept = {"repeats": "yes"} if name.startswith(("dropped", "open_interest", "parity")) else None
            fields.append(pa.field(name, instant if name == "quote_time" else types[code], nullable=False, metadata=kept))
    fields += [pa.field(name, pa.list_(pa.field("element", pa.float64(), nullable=False)), nullable=False) for name in _CURVE]
    return pa.schema(fields)


def merged(previous: DayFile | None, rows: Sequence[LiveRow]) -> tuple[Any, dict[str, Any], int]:
    """Table and footer of a day: what `previous` holds and those of `rows` it does not; and how many those are.

    Of two rows with one key the one in `previous` stands.
    """
    import pyarrow as pa

    tables, runs = [_table_of(rows)], [[(row.family, row.symbol, 1) for row in rows]]
    if previous is not None:
        table, index = read_whole(previous.path)
        tables.insert(0, table)
        listed = [(family, symbol, part) for family, parts in index.parts.items() for symbol, part in parts.items()]
        listed.sort(key=lambda one: one[2].start)
        runs.insert(0, [(family, symbol, part.stop - part.start) for family, symbol, part in listed])
    pairs = sorted({(family, symbol) for some in runs for family, symbol, _ in some})
    code = {pair: number for number, pair in enumerate(pairs)}
    every = [run for some in runs for run in some]
    pair = np.repeat([code[family, symbol] for family, symbol, _ in every], [count for _, _, count in every])
    both = pa.concat_tables(tables)
    known = as_numpy(both[_KNOWN])
    order = np.lexsort((known, pair))
    again = (np.diff(pair[order], prepend=-1) == 0) & (np.diff(known[order], prepend=-1) == 0)
    kept = order[~again]
    new = len(kept) - (len(tables[0]) if previous is not None else 0)
    table = both.take(pa.array(kept)).combine_chunks()
    return table, _footer(pairs, pair[kept], known[kept]), new


def write_day(path: Path, table: Any, footer: Mapping[str, Any]) -> None:
    """Write what `merged` put together."""
    write_parquet(path, groups_of(table), day_schema(), footer)


def read_whole(path: Path) -> tuple[Any, DayIndex]:
    """All columns of a day in the current schema, and the index; verifies every checksum."""
    with opened(path) as (file, footer):
        index = _index(path, file, footer)
        names = [field.name for field in day_schema()]
        found = file.read(columns=present(file, names))
    return _completed(found), index


class RecordFiles:
    """Reads day files. Keeps the indexes and decoded row groups it used last; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._indexes: OrderedDict[Path, DayIndex] = OrderedDict()
        self._blocks: OrderedDict[tuple[Path, int], Columns] = OrderedDict()
        self._block_bytes = 0

    def index(self, path: Path) -> DayIndex:
        """What a file holds."""
        with self._lock:
            known = self._indexes.get(path)
        if known is not None:
            return known
        with opened(path) as (file, footer):
            return self._keep_index(path, _index(path, file, footer))

    def last_rows(self, path: Path, family: Family, symbols: Iterable[str], at: int) -> dict[str, tuple[int, Row]]:
        """Of each symbol the last row known by `at`, with when it became known."""
        index = self.index(path)
        parts = index.parts.get(family, {})
        chosen: dict[int, list[tuple[str, int]]] = {}
        for symbol in symbols:
            part = parts.get(symbol)
            if part is None or part.first > at:
                continue
            for group in reversed(index.groups(part.start, part.stop)):
                begin = index.group_starts[group]
                low, high = max(part.start - begin, 0), min(part.stop, index.group_starts[group + 1]) - begin
                known = self._block(path, group)[_KNOWN]
                row = low + int(known[low:high].searchsorted(at, side="right")) - 1
                if row >= low:
                    chosen.setdefault(group, []).append((symbol, row))
                    break
        found: dict[str, tuple[int, Row]] = {}
        for group, picked in chosen.items():
            block = self._block(path, group)
            found.update(_picked(block, [symbol for symbol, _ in picked], np.array([row for _, row in picked])))
        return found

    def columns(self, path: Path, family: Family, symbols: Iterable[str], names: Sequence[str]) -> dict[str, Columns]:
        """Columns of the rows of each symbol that the file has, oldest first; `known` and `quote_time` in microseconds."""
        index = self.index(path)
        parts = index.parts.get(family, {})
        wanted = {symbol: parts[symbol] for symbol in symbols if symbol in parts}
        if not wanted:
            return {}
        groups = sorted({group for part in wanted.values() for group in index.groups(part.start, part.stop)})
        with opened(path) as (file, _):
            table = _completed(file.read_row_groups(groups, columns=present(file, names)), names)
        arrays = {name: as_numpy(table[name]) for name in names}
        offsets = _offsets(index, groups)
        found: dict[str, Columns] = {}
        for symbol, part in wanted.items():
            start = part.start + offsets[index.groups(part.start, part.stop)[0]]
            found[symbol] = {name: array[start : start + part.stop - part.start] for name, array in arrays.items()}
        return found

    def forget(self, path: Path) -> None:
        """Drop what is kept of a file."""
        with self._lock:
            self._indexes.pop(path, None)
            for key in [key for key in self._blocks if key[0] == path]:
                self._block_bytes -= _bytes(self._blocks.pop(key))

    def _keep_index(self, path: Path, index: DayIndex) -> DayIndex:
        with self._lock:
            self._indexes[path] = index
            while len(self._indexes) > _INDEXES_KEPT:
                self._indexes.popitem(last=False)
        return index

    def _block(self, path: Path, group: int) -> Columns:
        key = (path, group)
        with self._lock:
            block = self._blocks.get(key)
            if block is not None:
                self._blocks.move_to_end(key)
                return block
        block = _decoded(path, group)
        with self._lock:
            if key not in self._blocks:
                self._blocks[key] = block
                self._block_bytes += _bytes(block)
            while self._block_bytes > _BLOCK_BYTES_KEPT and len(self._blocks) > 1:
                _, dropped = self._blocks.popitem(last=False)
                self._block_bytes -= _bytes(dropped)
        return block


def _decoded(path: Path, group: int) -> Columns:
    names = [_KNOWN, *FIELD_NAMES, *_CURVE]
    with opened(path) as (file, _):
        table = _completed(file.read_row_group(group, columns=present(file, names)), names)
    block: Columns = {name: as_numpy(table[name]) for name in (_KNOWN, *FIELD_NAMES)}
    for name in _CURVE:
        block["curve_offsets"], block[name] = list_parts(table[name])
    if len(block[_CURVE[0]]) != len(block[_CURVE[1]]):
        raise DamagedFileError(path, "its volatility curves do not match their expiries")
    return block


def _picked(block: Columns, symbols: Sequence[str], rows: Integers) -> Iterator[tuple[str, tuple[int, Row]]]:
    fields = zip(*(block[name][rows].tolist() for name in FIELD_NAMES), strict=True)
    known = block[_KNOWN][rows].tolist()
    starts, stops = block["curve_offsets"][rows].tolist(), block["curve_offsets"][rows + 1].tolist()
    years, iv = block["curve_years"], block["curve_iv"]
    for symbol, instant, numbers, start, stop in zip(symbols, known, fields, starts, stops, strict=True):
        yield symbol, (instant, Row(numbers, tuple(years[start:stop].tolist()), tuple(iv[start:stop].tolist())))


def _bytes(block: Columns) -> int:
    return sum(array.nbytes for array in block.values())


def _offsets(index: DayIndex, groups: Sequence[int]) -> dict[int, int]:
    """What to add to a row of the file to find it in a table of these row groups, by the row's group."""
    offsets, position = {}, 0
    for group in groups:
        offsets[group] = position - index.group_starts[group]
        position += index.group_starts[group + 1] - index.group_starts[group]
    return offsets


def _index(path: Path, file: Any, footer: Mapping[str, Any]) -> DayIndex:
    try:
        families = [Family(source, Kind(kind), units) for source, kind, units in footer["families"]]
        parts: dict[Family, dict[str, Part]] = {family: {} for family in families}
        for number, symbol, start, stop, first, last in footer["parts"]:
            parts[families[number]][symbol] = Part(start, stop, first, last)
    except (ValueError, TypeError, IndexError) as problem:
        raise DamagedFileError(path, "its footer cannot be understood") from problem
    starts = [0]
    for group in range(file.metadata.num_row_groups):
        starts.append(starts[-1] + file.metadata.row_group(group).num_rows)
    return DayIndex(parts, tuple(starts))


def _footer(pairs: Sequence[tuple[Family, str]], pair: Integers, known: Integers) -> dict[str, Any]:
    families = sorted({family for family, _ in pairs})
    bounds = np.searchsorted(pair, np.arange(len(pairs) + 1)).tolist()
    parts = [
        [families.index(family), symbol, start, stop, int(known[start]), int(known[stop - 1])]
        for (family, symbol), start, stop in zip(pairs, bounds, bounds[1:], strict=False)
    ]
    return {"families": [[one.source, one.kind.value, one.units] for one in families], "parts": parts}


def day_table(
    family: Sequence[Family], symbol: Sequence[str], known: Integers, packed: NDArray[Any], curves: tuple[Integers, Columns]
) -> Any:
    """Rows in the schema of a day file, in the order given.

    `packed` is of `PACKED_TYPE`; `curves` are offsets (rows + 1) into the points `curve_years` and `curve_iv`. The other
    sequences have one entry a row, `known` in microseconds.
    """
    import pyarrow as pa

    schema = day_schema()
    columns: dict[str, Any] = {
        "source": [one.source for one in family],
        "kind": [one.kind.value for one in family],
        "units": [one.units for one in family],
        "symbol": symbol,
        _KNOWN: pa.array(known).cast(schema.field(_KNOWN).type),
    }
    for name in FIELD_NAMES:
        values = np.ascontiguousarray(packed[name])
        if name == "oi_date":
            columns[name] = pa.array(values, mask=values == np.iinfo(np.int32).min).cast(pa.date32())
        else:
            columns[name] = pa.array(values).cast(schema.field(name).type)
    offsets, points = curves
    for name in _CURVE:
        listed = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(points[name]))
        columns[name] = listed.cast(schema.field(name).type)
    return pa.table(columns, schema=schema)


def _table_of(rows: Sequence[LiveRow]) -> Any:
    points = [np.frombuffer(row.curve, dtype="<f8").reshape(2, -1) for row in rows]
    offsets = np.cumsum([0, *(one.shape[1] for one in points)])
    both = np.concatenate(points, axis=1) if points else np.zeros((2, 0))
    return day_table(
        [row.family for row in rows],
        [row.symbol for row in rows],
        np.array([row.known for row in rows], dtype=np.int64),
        np.frombuffer(b"".join(row.fields for row in rows), dtype=PACKED_TYPE),
        (offsets, {_CURVE[0]: both[0], _CURVE[1]: both[1]}),
    )


def _completed(table: Any, names: Sequence[str] | None = None) -> Any:
    """The table with every column of the schema (or of `names`), in order; what an older version did not write is empty."""
    import pyarrow as pa

    fields = [field for field in day_schema() if names is None or field.name in names]
    columns = []
    for field in fields:
        if field.name in table.column_names:
            column = table[field.name]
            columns.append(column if column.type == field.type else column.cast(field.type))
            continue
        if pa.types.is_list(field.type):
            empty: Any = pa.ListArray.from_arrays(pa.array(np.zeros(len(table) + 1, np.int32)), pa.array(np.zeros(0)))
        elif pa.types.is_floating(field.type):
            empty = pa.array(np.full(len(table), np.nan))
        elif pa.types.is_string(field.type):
            empty = pa.array([""] * len(table))
        else:
            absent = -1 if field.name.startswith("dropped_") else 0
            empty = pa.array(np.full(len(table), absent))
        columns.append(empty.cast(field.type))
    return pa.table(columns, schema=pa.schema(fields))
