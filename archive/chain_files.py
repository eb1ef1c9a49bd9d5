"""Chain files: the chains of one symbol and session date, one row a chain with its contracts as lists, sorted (source, known).

The contracts keep the order of `exposure.chain.Chain`, so that sums over them come out the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from archive.chain_bytes import CONTRACT_COLUMNS, CURVE_COLUMNS, from_bytes
from archive.layout import from_microseconds, to_microseconds
from archive.live_day import LiveChain
from archive.parquet_file import DamagedFileError, as_numpy, left_open, list_parts, naming_file, opened, write_parquet
from archive.rows import ASSET_CLASSES, COVERAGE_FIELDS, coverage_fields, date_from_number, date_to_number, rebuilt_coverage
from exposure.chain import Chain
from exposure.parity import ForwardCurve
from exposure.stack import runs_within

_CONTRACTS_A_GROUP = 65_536
_EXPIRY = "<M8[s]"

ChainKey = tuple[str, int]
"""Which of a symbol's chains: its source, and when it became known (microseconds)."""

Aside = Callable[[], AbstractContextManager[object]]
"""A context for work that leaves the interpreter to other threads."""

_NUMBERS = ("symbol", "asset_class", "spot", "oi_date", "refused", "rate_from_parity")


def chain_schema() -> Any:
    """The explicit schema of a chain file."""
    import pyarrow as pa

    types = {"q": pa.int64(), "i": pa.int32(), "b": pa.int8(), "d": pa.float64()}
    leaves = {_EXPIRY: pa.timestamp("ms", tz="UTC"), "<i8": pa.int32(), "|b1": pa.bool_(), "<f8": pa.float64()}
    instant, repeats = pa.timestamp("us", tz="UTC"), {"repeats": "yes"}

    def listed(name: str, kind: str) -> Any:
        kept = repeats if name in ("strike", "multiplier", "open_interest") else None
        return pa.field(name, pa.list_(pa.field("element", leaves[kind], nullable=False)), nullable=False, metadata=kept)

    fields = [pa.field(name, pa.string(), nullable=False) for name in ("source", "symbol")]
    fields += [pa.field(name, instant, nullable=False) for name in ("known", "quote_time")]
    fields += [pa.field("oi_date", pa.int32(), nullable=False), pa.field("asset_class", pa.int8(), nullable=False)]
    fields += [pa.field("spot", pa.float64(), nullable=False), pa.field("refused", pa.int64(), nullable=False)]
    fields += [pa.field("rate_from_parity", pa.bool_(), nullable=False)]
    fields += [pa.field(name, types[code], nullable=False, metadata=repeats) for name, code in COVERAGE_FIELDS]
    fields += [listed(f"curve_{name}", kind) for name, kind in CURVE_COLUMNS.items()]
    fields += [listed(name, kind) for name, kind in CONTRACT_COLUMNS.items()]
    return pa.schema(fields)


def write_chains(path: Path, previous: Path | None, chains: Sequence[LiveChain]) -> bool:
    """Write `previous` and `chains` together; False, and no file, where `previous` already holds them all."""
    import pyarrow as pa

    tables, keys = [], []
    if previous is not None:
        with opened(previous) as (file, footer):
            keys += _keys(previous, file, footer)
            tables.append(file.read().cast(chain_schema()))
    there = set(keys)
    new = [chain for chain in chains if (chain.source, chain.known) not in there]
    if not new:
        return False
    tables.append(pa.concat_tables(_row(chain) for chain in new))
    keys += [(chain.source, chain.known) for chain in new]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    table = pa.concat_tables(tables).take(pa.array(order))
    write_parquet(path, _groups(table), chain_schema(), {"chains": [keys[row] for row in order]})
    return True


@contextmanager
def chain_file(path: Path) -> Iterator[ChainFile]:
    """An open chain file. This and its methods raise as `archive.parquet_file.opened` does."""
    file, footer = left_open(path)
    with file:
        yield ChainFile(path, file, _keys(path, file, footer))


class ChainFile:
    """What a chain file holds; `keys` are in its order, by source and then in order of time."""

    def __init__(self, path: Path, file: Any, keys: Sequence[ChainKey]) -> None:
        self._path, self._file = path, file
        self.keys = keys

    def read(self, wanted: Container[ChainKey], aside: Aside = nullcontext) -> Iterator[list[tuple[ChainKey, Chain]]]:
        """Those of the chains, in the file's order, a row group at a time; `aside` is entered while nothing but pyarrow works."""
        start = 0
        for group in range(self._file.metadata.num_row_groups):
            stop = start + self._file.metadata.row_group(group).num_rows
            rows = [row for row in range(start, stop) if self.keys[row] in wanted]
            if rows:
                with naming_file(self._path):
                    with aside():
                        table = self._file.read_row_group(group, use_threads=False)
                    decoded = _Decoded(self._path, table, shared=len(rows) == stop - start)
                    chains = [(self.keys[row], decoded.chain(row - start)) for row in rows]
                yield chains
            start = stop


def verify_chains(path: Path) -> None:
    """Decode a whole file, which verifies every checksum."""
    with opened(path) as (file, footer):
        _keys(path, file, footer)
        file.read()


def _keys(path: Path, file: Any, footer: Mapping[str, Any]) -> list[ChainKey]:
    with naming_file(path):
        keys = [(source, known) for source, known in footer["chains"]]
    if len(keys) != file.metadata.num_rows:
        raise DamagedFileError(path, "its footer names chains it does not hold")
    return keys


def _groups(table: Any) -> Iterator[Any]:
    """Runs of chains that hold about a row group's worth of contracts."""
    offsets, _ = list_parts(table["strike"])
    return (table.slice(first, last - first) for first, last in runs_within(offsets, _CONTRACTS_A_GROUP))


def _row(stored: LiveChain) -> Any:
    import pyarrow as pa

    chain, schema = from_bytes(stored.content), chain_schema()

    def listed(name: str, column: Any) -> Any:
        values = column.astype("datetime64[ms]") if column.dtype.kind == "M" else column
        offsets = pa.array(np.array([0, len(column)], dtype=np.int32))
        kind = schema.field(name).type
        return pa.ListArray.from_arrays(offsets, pa.array(values).cast(kind.value_type)).cast(kind)

    columns: dict[str, Any] = {
        "source": [stored.source],
        "symbol": [stored.symbol],
        "known": pa.array([stored.known]).cast(schema.field("known").type),
        "quote_time": pa.array([to_microseconds(chain.quote_time)]).cast(schema.field("quote_time").type),
        "oi_date": [date_to_number(chain.oi_date)],
        "asset_class": [ASSET_CLASSES.index(chain.asset_class)],
        "spot": [chain.spot],
        "refused": [chain.curve.refused],
        "rate_from_parity": [chain.curve.rate_from_parity],
    }
    for (name, _), number in zip(COVERAGE_FIELDS, coverage_fields(chain.coverage), strict=True):
        columns[name] = [number]
    for name in CURVE_COLUMNS:
        columns[f"curve_{name}"] = listed(f"curve_{name}", getattr(chain.curve, name))
    for name in CONTRACT_COLUMNS:
        columns[name] = listed(name, getattr(chain, name))
    return pa.table(columns, schema=schema)


class _Decoded:
    """The chains of one row group. `shared` ones are views of the group's columns and keep all of it in memory."""

    def __init__(self, path: Path, table: Any, *, shared: bool) -> None:
        self._shared = shared
        self._numbers = {name: table[name].to_pylist() for name in _NUMBERS}
        self._quote_times = as_numpy(table["quote_time"]).tolist()
        self._coverage = list(zip(*(table[name].to_pylist() for name, _ in COVERAGE_FIELDS), strict=True))
        self._contracts = _Lists(path, {name: table[name] for name in CONTRACT_COLUMNS}, CONTRACT_COLUMNS)
        self._curves = _Lists(path, {name: table[f"curve_{name}"] for name in CURVE_COLUMNS}, CURVE_COLUMNS)

    def chain(self, row: int) -> Chain:
        number = {name: values[row] for name, values in self._numbers.items()}
        curve, contracts = (lists.of(row, shared=self._shared) for lists in (self._curves, self._contracts))
        return Chain(
            symbol=number["symbol"],
            asset_class=ASSET_CLASSES[number["asset_class"]],
            spot=number["spot"],
            quote_time=from_microseconds(self._quote_times[row]),
            oi_date=date_from_number(number["oi_date"]),
            coverage=rebuilt_coverage(self._coverage[row]),
            curve=ForwardCurve(**curve, refused=number["refused"], rate_from_parity=number["rate_from_parity"]),
            **contracts,
        )


class _Lists:
    """Columns of lists that are equally long in each row, in the types that a chain has them in."""

    def __init__(self, path: Path, columns: Mapping[str, Any], kinds: Mapping[str, str]) -> None:
        parts = {name: list_parts(column) for name, column in columns.items()}
        first, *others = (offsets for offsets, _ in parts.values())
        if not all(np.array_equal(first, other) for other in others):
            raise DamagedFileError(path, "the columns of a chain differ in length")
        self._bounds = first.tolist()
        self._values = {name: _typed(values, kinds[name]) for name, (_, values) in parts.items()}

    def of(self, row: int, *, shared: bool) -> dict[str, Any]:
        """The lists of one row."""
        start, stop = self._bounds[row], self._bounds[row + 1]
        parts = {name: values[start:stop] for name, values in self._values.items()}
        return parts if shared else {name: part.copy() for name, part in parts.items()}


def _typed(values: Any, kind: str) -> Any:
    if kind == _EXPIRY:
        # numpy's own conversion between units of time takes twenty times as long as this division.
        return (values // 1000).view(kind)
    return values.astype(kind, copy=False)
