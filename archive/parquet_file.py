"""How the archive writes and opens Parquet: encodings, checksums, a footer of our own, and what counts as damage.

pyarrow is imported on first use; it in turn would import pandas for a few conversions, which nothing here asks for.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive.answers import ArchiveError
from archive.durable import write_aside

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCHEMA_VERSION = 1
"""Raised when a column changes its meaning; columns that are only added do not raise it."""

ROW_GROUP_ROWS = 32_768
_FOOTER_KEY = b"dealer_exposure_archive"


class DamagedFileError(ArchiveError):
    """A file whose content is not what was once written to it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path.name} is damaged ({problem}).")
        self.path = path


def write_parquet(path: Path, groups: Iterable[Any], schema: Any, footer: Mapping[str, Any]) -> None:
    """Write tables of `schema`, one row group each, durably and all or nothing; `footer` goes into the file's metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    encodings: dict[str, str] = {}
    dictionary: list[str] = []
    for field in schema:
        listed = pa.types.is_list(field.type)
        leaf, name = (field.type.value_type, f"{field.name}.list.element") if listed else (field.type, field.name)
        if pa.types.is_floating(leaf) and field.metadata != {b"repeats": b"yes"}:
            encodings[name] = "BYTE_STREAM_SPLIT"
        elif pa.types.is_timestamp(leaf) and not listed:
            encodings[name] = "DELTA_BINARY_PACKED"
        else:
            dictionary.append(name)

    def fill(aside: Path) -> None:
        with pq.ParquetWriter(
            aside,
            schema,
            compression="zstd",
            compression_level=3,
            use_dictionary=dictionary,
            column_encoding=encodings,
            write_statistics=["source", "kind", "symbol", "known"],
            write_page_checksum=True,
            store_schema=False,
        ) as writer:
            for group in groups:
                writer.write_table(group, row_group_size=max(1, len(group)))
            text = json.dumps({"schema": SCHEMA_VERSION, "columns": schema.names, **footer}, separators=(",", ":"))
            # Parquet has checksums for pages, none for its own footer: a flipped bit there could hide a column.
            writer.add_key_value_metadata({_FOOTER_KEY: f"{zlib.crc32(text.encode()):08x}{text}"})

    write_aside(path, fill)


def groups_of(table: Any, rows: int = ROW_GROUP_ROWS) -> Iterator[Any]:
    """Slices of a table, as row groups."""
    return (table.slice(start, rows) for start in range(0, len(table), rows))


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A `pyarrow.parquet.ParquetFile` and our footer.

    Raises DamagedFileError for broken content, there or while the block reads, ArchiveError where a newer version wrote the
    file, and OSError where it cannot be reached.
    """
    file, footer = left_open(path)
    with naming_file(path), file:
        yield file, footer


def left_open(path: Path) -> tuple[Any, dict[str, Any]]:
    """As `opened`, for a caller that closes the file and reads in `naming_file`."""
    import pyarrow.parquet as pq

    with naming_file(path), ExitStack() as stack:
        file = stack.enter_context(pq.ParquetFile(path, page_checksum_verification=True))
        footer = _footer(path, file)
        stack.pop_all()
    return file, footer


def _footer(path: Path, file: Any) -> dict[str, Any]:
    written = (file.metadata.metadata or {}).get(_FOOTER_KEY)
    if written is None:
        raise DamagedFileError(path, "its footer is not ours")
    if int(written[:8], 16) != zlib.crc32(written[8:]):
        raise DamagedFileError(path, "its footer fails its checksum")
    footer: dict[str, Any] = json.loads(written[8:])
    if footer["schema"] > SCHEMA_VERSION:
        raise ArchiveError(
            f"{path.name} was written by a newer version of dealer-exposure-mcp (schema {footer['schema']}, this one "
            f"knows {SCHEMA_VERSION}); update to read it."
        )
    if _column_names(file) != footer["columns"]:
        raise DamagedFileError(path, "its columns are not those it was written with")
    return footer


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Turns what pyarrow raises for broken content into DamagedFileError."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, ValueError, KeyError) as problem:
        raise DamagedFileError(path, _first_line(problem)) from problem
    except OSError as problem:
        if problem.errno is not None:
            raise
        # pyarrow reports a page that fails its checksum or does not decompress as an OSError without a number.
        raise DamagedFileError(path, _first_line(problem)) from problem


def present(file: Any, names: Sequence[str]) -> list[str]:
    """Those of the columns that the file has; one written by an older version lacks what was added since."""
    there = set(_column_names(file))
    return [name for name in names if name in there]


def as_numpy(column: Any) -> NDArray[Any]:
    """A column of numbers, booleans or instants as an array; instants and dates as integers of their unit.

    A missing date becomes the lowest 32-bit integer, which is the mark for "no date" in `archive.rows`.
    """
    return _plain(_whole(column))


def list_parts(column: Any) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Offsets (rows + 1) and values of a column of lists."""
    import numpy as np

    whole = _whole(column)
    return _plain(whole.offsets).astype(np.int64), _plain(whole.values)


def _column_names(file: Any) -> list[str]:
    schema = file.schema
    return [schema.column(index).path.split(".", 1)[0] for index in range(len(schema))]


def _whole(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _plain(array: Any) -> NDArray[Any]:
    """An array over Arrow's own memory. pyarrow's `to_numpy` would import pandas, which takes longer than the answer."""
    import numpy as np
    import pyarrow as pa

    validity, content = array.buffers()
    start, stop = array.offset, array.offset + len(array)
    if content is None or start == stop:
        content = b""
        stop = start = 0
    if pa.types.is_boolean(array.type):
        return np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")[start:stop].view(np.bool_)
    width = array.type.bit_width // 8
    values = np.frombuffer(content, f"<f{width}" if pa.types.is_floating(array.type) else f"<i{width}")[start:stop]
    if array.null_count == 0:
        return values
    there = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")[start:stop].astype(bool)
    return np.where(there, values, -(2**31))


def _first_line(problem: BaseException) -> str:
    lines = str(problem).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(problem).__name__
