"""The formats that can be imported into the archive, by the name the command line gives them.

To add one: implement `ChainFormat` in a module of its own and add what builds it for a file to `IMPORT_FORMATS`. One that the
source `files` can read too, which knows a file by its content alone, belongs into `FORMATS` of `sources/files/reader.py` as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sources.files.cboe_csv import CboeCsv
from sources.files.cboe_json import CboeJson
from sources.files.formats import ChainFormat
from sources.files.lean_csv import LeanCsv
from sources.files.quote_list_json import QuoteListJson
from sources.files.table_csv import TableCsv

IMPORT_FORMATS: Mapping[str, Callable[[Path], ChainFormat]] = {
    "cboe-json": lambda _: CboeJson(),
    "cboe-csv": lambda _: CboeCsv(),
    "quote-list": lambda _: QuoteListJson(),
    "table-csv": lambda _: TableCsv(),
    "lean-csv": LeanCsv.of,
}
"""What builds the reader of a file, by name of the format."""
