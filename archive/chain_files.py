"""Chain files: the chains of one symbol and session date, one row a chain with its contracts as lists, sorted (source, known).

The contracts keep the order of `exposure.chain.Chain`, so that sums over them come out the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archive.chain_bytes import CONTRACT_COLUMNS, CURVE_COLUMNS, from_bytes
from archive.layout import from_microseconds, to_microseconds
from archive.live_day import LiveChain
from archive.parquet_file import DamagedFileError, as_numpy, list_parts, opened, write_parquet
from archive.rows import ASSET_CLASSES, COVERAGE_FIELDS, coverage_fields, date_from_number, date_to_number, rebuilt_coverage
from exposure.chain import Chain
from exposure.parity import ForwardCurve

_CONTRACTS_A_GROUP = 65_536
_EXPIRY = "<M8[s]"

ChainKey = tuple[str, int]
"""Which of a symbol's chains: its source, and when it became known (microseconds)."""

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
            keys += _keys(path, file, footer)
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


def chain_keys(path: Path) -> list[ChainKey]:
    """What a file holds, by source and then in order of time."""
    with opened(path) as (file, footer):
        return _keys(path, file, footer)


def read_chains(path: Path, wanted: Container[ChainKey]) -> Iterator[tuple[ChainKey, Chain]]:
    """Those of a file's chains, in its order; one row group is in memory at a time."""
    with opened(path) as (file, footer):
        keys, start = _keys(path, file, footer), 0
        for group in range(file.metadata.num_row_groups):
            stop = start + file.metadata.row_group(group).num_rows
            rows = [row for row in range(start, stop) if keys[row] in wanted]
            if rows:
                decoded = _Decoded(path, file.read_row_group(group, use_threads=False))
                for row in rows:
                    yield keys[row], decoded.chain(row - start)
            start = stop


def verify_chains(path: Path) -> None:
    """Decode a whole file, which verifies every checksum."""
    with opened(path) as (file, footer):
        _keys(path, file, footer)
        file.read()


def _keys(path: Path, file: Any, footer: Mapping[str, Any]) -> list[ChainKey]:
    keys = [(source, known) for source, known in footer["chains"]]
    if len(keys) != file.metadata.num_rows:
        raise DamagedFileError(path, "its footer names chains it does not hold")
    return keys


def _groups(table: Any) -> Iterator[Any]:
    """Runs of chains that hold about a row group's worth of contracts."""
    offsets, _ = list_parts(table["strike"])
    start = 0
    for row in range(1, len(table) + 1):
        if row == len(table) or offsets[row + 1] - offsets[start] > _CONTRACTS_A_GROUP:
            yield table.slice(start, row - start)
            start = row


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
    """The chains of one row group. Each that is taken has arrays of its own, so that it does not keep the others in memory."""

    def __init__(self, path: Path, table: Any) -> None:
        self._path = path
        self._numbers = {name: table[name].to_pylist() for name in _NUMBERS}
        self._quote_times = as_numpy(table["quote_time"]).tolist()
        self._coverage = list(zip(*(table[name].to_pylist() for name, _ in COVERAGE_FIELDS), strict=True))
        self._contracts = {name: list_parts(table[name]) for name in CONTRACT_COLUMNS}
        self._curves = {name: list_parts(table[f"curve_{name}"]) for name in CURVE_COLUMNS}

    def chain(self, row: int) -> Chain:
        def listed(parts: Mapping[str, tuple[Any, Any]], kinds: Mapping[str, str]) -> dict[str, Any]:
            columns: dict[str, Any] = {}
            for name, kind in kinds.items():
                offsets, values = parts[name]
                picked = values[offsets[row] : offsets[row + 1]]
                columns[name] = picked.astype("datetime64[ms]").astype(kind) if kind == _EXPIRY else picked.astype(kind)
            if len({len(column) for column in columns.values()}) != 1:
                raise DamagedFileError(self._path, "the columns of a chain differ in length")
            return columns

        number = {name: values[row] for name, values in self._numbers.items()}
        curve = listed(self._curves, CURVE_COLUMNS)
        return Chain(
            symbol=number["symbol"],
            asset_class=ASSET_CLASSES[number["asset_class"]],
            spot=number["spot"],
            quote_time=from_microseconds(self._quote_times[row]),
            oi_date=date_from_number(number["oi_date"]),
            coverage=rebuilt_coverage(self._coverage[row]),
            curve=ForwardCurve(**curve, refused=number["refused"], rate_from_parity=number["rate_from_parity"]),
            **listed(self._contracts, CONTRACT_COLUMNS),
        )
