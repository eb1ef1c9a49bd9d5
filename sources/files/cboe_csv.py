"""Cboe's quote table as CSV: what the download button of its delayed-quotes page gives, calls and puts of a strike on one line.

    Standard & Poors 500 Index,Last: 3990.5601,Change:  56.1801
    "Date: December 12, 2022 at 8:30 PM EST",Bid: 3962.01,Ask: 4016.6299,Size: 1*1,Volume: 0
    Expiration Date,Calls,Last Sale,Net,Bid,Ask,Volume,IV,Delta,Gamma,Open Interest,Strike,Puts,Last Sale,...,Open Interest
    Fri Dec 16 2022,SPX221216C04000000,33,13.2,32.9,33.6,1204,0.245,0.47,0.0044,41022,4000.00,SPX221216P04000000,...,37733

The underlying, expiry, right and strike of a contract are read from its option symbol, which no spreadsheet rewrites. The rest is
read by column name, from files as they come back from a spreadsheet too: semicolons, decimal commas, quotes, empty columns.
The date line is the time of the page, whose quotes are 15 minutes older. Without it a file has no time and is refused.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from exposure.chain import QuoteRows
from exposure.greeks import Floats
from sources.files.cboe_date import instant_in_words
from sources.files.cboe_rows import Clock, Contracts, Quotes, clock_of, contracts_of, quote_rows, underlying_of
from sources.files.formats import Listing, UnreadableFileError

_COLUMNS = ("bid", "ask", "iv", "open interest")
_HEADER_WITHIN = 4096
_DATE = re.compile(r"\bDate: *(.+?)(?=, *(?:Bid|Ask|Size|Volume|Last|Change) *:|$)", re.IGNORECASE)
_LAST = re.compile(r"\s*Last:(.*)", re.IGNORECASE)
# What stands between groups of three digits, apart from commas and points: blanks of every width, apostrophes.
_GROUP_MARKS = dict.fromkeys(map(ord, " \t\u00a0\u2009\u202f'\u2019"))
_SWAPPED_MARKS = str.maketrans(",.", ".,")
_NUMBER = re.compile(r"[+-]?(?:[1-9]\d{0,2}(?:,\d{3})+|\d+|(?=\.\d))(?:\.\d*)?(?:e[+-]?\d+)?", re.IGNORECASE)


class CboeCsv:
    """Reader of the format in the module docstring."""

    name = "Cboe CSV"

    def recognises(self, path: Path, head: bytes) -> bool:
        return path.suffix.lower() == ".csv" and _header_line(_text(head)) is not None

    def listings(self, content: bytes) -> Sequence[Listing]:
        table = _Table.read(content)
        return [_listing(table, contracts_of(table.symbols()), _clock(table))]

    def rows(self, content: bytes, wanted: Collection[Listing]) -> Mapping[Listing, QuoteRows | UnreadableFileError]:
        listing, rows = self._read(content)
        changed = UnreadableFileError("it changed while it was being read; ask again")
        return {one: rows if one == listing else changed for one in wanted}

    @staticmethod
    def _read(content: bytes) -> tuple[Listing, QuoteRows]:
        table = _Table.read(content)
        contracts, clock = contracts_of(table.symbols()), _clock(table)
        listing = _listing(table, contracts, clock)
        cells = {name: table.column(name) for name in _COLUMNS}
        comma = _has_decimal_comma(table, cells, contracts)
        quotes = Quotes(*(_numbers(cells[name], comma) for name in _COLUMNS))
        return listing, quote_rows(listing, _spot(table, contracts, comma), clock, contracts, quotes)


@dataclass(frozen=True, slots=True)
class _Table:
    """A file's cells: those above the column names, and one line for each pair of a call and a put."""

    above: Sequence[Sequence[str]]
    lines: Sequence[Sequence[str]]
    delimiter: str
    call_columns: Mapping[str, int]
    put_columns: Mapping[str, int]
    strike_column: int

    @staticmethod
    def read(content: bytes) -> _Table:
        text = _text(content)
        if not text.endswith(("\n", "\r")):
            # Nothing else tells a file that was cut off inside its last number, and the chain would look complete.
            raise UnreadableFileError("its last line has no end, as if the file were cut off; end it with a newline")
        header_line = _header_line(text)
        if header_line is None:
            raise UnreadableFileError("it has no line of column names with Calls, Strike and Puts")
        delimiter = max(",;\t", key=header_line.count)
        lines = _cells(io.StringIO(text, newline=""), delimiter)
        if len(lines) and max(len(line) for line in lines) == 1:
            # A spreadsheet that splits at semicolons keeps each line of a comma-separated file as one quoted cell.
            lines = _cells(iter([line[0] for line in lines if line]), delimiter)
        start = next((number for number, line in enumerate(lines) if _is_header(",".join(line))), None)
        if start is None:
            raise UnreadableFileError("its line of column names is not a CSV line")
        names = [cell.strip().lower().removesuffix(".1") for cell in lines[start]]
        calls, strike, puts = (names.index(name) if name in names else len(names) for name in ("calls", "strike", "puts"))
        if not calls < strike < puts < len(names):
            raise UnreadableFileError("its column names are not in Cboe's order: Calls, Strike, Puts")
        body = [line for line in lines[start + 1 :] if any(map(str.strip, line))]
        table = _Table(lines[:start], body, delimiter, _named(names, calls, strike), _named(names, puts, len(names)), strike)
        for side, columns in (("calls", table.call_columns), ("puts", table.put_columns)):
            if "open interest" not in columns:
                raise UnreadableFileError(f"it lacks the column Open Interest of the {side}")
        return table

    def symbols(self) -> list[str]:
        """The option symbols of all calls, then of all puts; some vendors of the table put a point before, or .X behind."""
        calls, puts = self._side(self.call_columns["calls"]), self._side(self.put_columns["puts"])
        return [cell.strip().upper().removeprefix(".").removesuffix(".X") for cell in (*calls, *puts)]

    def column(self, name: str) -> list[str]:
        """The cells of one column for all calls, then for all puts."""
        return [*self._side(self.call_columns.get(name)), *self._side(self.put_columns.get(name))]

    def strikes(self) -> list[str]:
        """The strike cell of each line."""
        return self._side(self.strike_column)

    def _side(self, column: int | None) -> list[str]:
        if column is None:
            return [""] * len(self.lines)
        return [line[column] if column < len(line) else "" for line in self.lines]


def _text(content: bytes) -> str:
    """The text of a file. Where it is not UTF-8 it is a spreadsheet's, in which all that counts here is ASCII or a blank."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _header_line(text: str) -> str | None:
    return next((line for line in re.split(r"[\r\n]+", text[:_HEADER_WITHIN]) if _is_header(line)), None)


def _is_header(line: str) -> bool:
    return all(name in line.lower() for name in ("calls", "strike", "puts", "open interest"))


def _cells(lines: Iterator[str], delimiter: str) -> list[list[str]]:
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        return list(reader)
    except csv.Error:
        raise UnreadableFileError(f"line {reader.line_num} is not a CSV line") from None


def _named(names: Sequence[str], start: int, end: int) -> dict[str, int]:
    return {name: start + offset for offset, name in reversed(list(enumerate(names[start:end])))}


def _clock(table: _Table) -> Clock:
    return clock_of(_stamp(table))


def _stamp(table: _Table) -> datetime:
    for line in table.above:
        if found := _DATE.search(",".join(line).rstrip(", ")):
            return instant_in_words(found[1])
    raise UnreadableFileError(
        "it does not say when it was downloaded; put Cboe's date line back above the column names, "
        "as in Date: December 12, 2022 at 8:30 PM EST"
    )


def _listing(table: _Table, contracts: Contracts, clock: Clock) -> Listing:
    symbol = underlying_of(contracts)
    if symbol is None:
        raise UnreadableFileError("it has no row with an option symbol that can be read")
    return Listing(symbol, _stamp(table), clock.quote_time)


def _spot(table: _Table, contracts: Contracts, comma: bool) -> float | None:
    """The Last price above the table. A spreadsheet may rewrite its marks or not, so the strikes say which reading it is."""
    strikes = contracts.strike[contracts.readable]
    low, high = 0.5 * float(strikes.min()), 2.0 * float(strikes.max())
    for line in table.above:
        for cell in line:
            if found := _LAST.match(cell):
                readings = (_number(found[1], comma), _number(found[1], not comma))
                return next((price for price in readings if low <= price <= high), None)
    raise UnreadableFileError(
        "it does not say the price of the underlying; put Cboe's line with Last: back above the column names"
    )


def _has_decimal_comma(table: _Table, cells: Mapping[str, Sequence[str]], contracts: Contracts) -> bool:
    """Whether numbers are written 1.234,5 rather than 1,234.5: the way in which more cells are numbers and more strikes right."""
    if table.delimiter != ";" and not any("," in cell for column in cells.values() for cell in column):
        return False
    known = np.where(contracts.readable, contracts.strike, np.nan)[: len(table.lines)]
    right = []
    for comma in (False, True):
        numbers = sum(int(np.isfinite(_numbers(column, comma)).sum()) for column in cells.values())
        right.append(numbers + int((_numbers(table.strikes(), comma) == known).sum()))
    return right[1] > right[0] or (right[1] == right[0] and table.delimiter == ";")


def _numbers(cells: Sequence[str], comma: bool) -> Floats:
    """A column as numbers, NaN where a cell is none."""
    if not comma:
        try:
            return np.array(list(map(float, cells)), dtype=np.float64)
        except ValueError:
            pass
    return np.array([_number(cell, comma) for cell in cells], dtype=np.float64)


def _number(cell: str, comma: bool) -> float:
    text = cell.translate(_GROUP_MARKS)
    text = text.translate(_SWAPPED_MARKS) if comma else text
    return float(text.replace(",", "")) if _NUMBER.fullmatch(text) else math.nan
