"""A plain table, comma-separated with a header line, one contract a row. Several symbols and instants may share a file.

| column          | required | is                                                                          |
|-----------------|----------|-----------------------------------------------------------------------------|
| `symbol`        | yes      | underlying, for example NVDA                                                |
| `quote_time`    | yes      | ISO date and time with Z or an offset: one for all rows of a snapshot       |
| `spot`          | yes      | price of the underlying, dollars                                            |
| `expiry`        | yes      | expiration date, YYYY-MM-DD                                                 |
| `strike`        | yes      | dollars                                                                     |
| `right`         | yes      | C, P, call or put                                                           |
| `open_interest` | yes      | contracts                                                                   |
| `iv`            | no       | implied volatility as a fraction (0.25 for 25%)                             |
| `bid`, `ask`    | no       | dollars; they give the forward, and the volatility where `iv` is empty      |
| `root`          | no       | option root; index options need it (SPX settles in the morning, SPXW not)   |
| `multiplier`    | no       | 100 unless given                                                            |
| `oi_date`       | no       | session the open interest is from, YYYY-MM-DD                               |

Rows of one symbol whose `quote_time` differs by less than a minute are refused: each would count as a chain of its own.
Header names are matched without case; other columns are ignored; an empty cell is an unknown value. A row with more or fewer
cells than the header cannot be used, and a file whose last line does not end was cut off.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from exposure.chain import QuoteRows
from exposure.instruments import canonical_symbol
from sources.files.formats import Listing, UnreadableFileError, instant_of, root_of, valuation_time, volatilities

REQUIRED_COLUMNS = ("symbol", "quote_time", "spot", "expiry", "strike", "right", "open_interest")
OPTIONAL_COLUMNS = ("iv", "bid", "ask", "root", "multiplier", "oi_date")
_KEY_COLUMNS = ("symbol", "quote_time")
_SHORTEST_INTERVAL = timedelta(minutes=1)
_RIGHTS = {"c": True, "call": True, "p": False, "put": False}

Row = Mapping[str, str]


class TableCsv:
    """Reader of the format in the module docstring."""

    name = "plain table CSV"

    def recognises(self, path: Path, head: bytes) -> bool:
        if path.suffix.lower() != ".csv":
            return False
        first_line = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace")
        return {"symbol", "quote_time"} <= set(_normalised(first_line.split(",")))

    def listings(self, content: bytes) -> Sequence[Listing]:
        found = {listing for row in _table(content) if (listing := _listing(row)) is not None}
        if not found:
            raise UnreadableFileError("it holds no row with a symbol and a quote_time that has a time zone")
        ordered = sorted(found, key=lambda listing: (listing.symbol, listing.stamp))
        for one, following in pairwise(ordered):
            if one.symbol == following.symbol and following.stamp - one.stamp < _SHORTEST_INTERVAL:
                raise UnreadableFileError(
                    f"its quote_time differs by less than a minute between rows of {one.symbol}; "
                    "write one quote_time for all rows of a snapshot"
                )
        return ordered

    def rows(self, content: bytes, wanted: Collection[Listing]) -> Mapping[Listing, QuoteRows | UnreadableFileError]:
        mine: dict[Listing, list[Row]] = {listing: [] for listing in wanted}
        nobodys = 0
        for row in _table(content):
            listing = _listing(row)
            if listing is None:
                nobodys += 1
            elif listing in mine:
                mine[listing].append(row)
        return {listing: _rows_or_problem(listing, rows, nobodys) for listing, rows in mine.items()}


def _rows_or_problem(listing: Listing, rows: Sequence[Row], nobodys: int) -> QuoteRows | UnreadableFileError:
    try:
        return _chain_rows(listing, rows, nobodys)
    except UnreadableFileError as problem:
        return problem


def _chain_rows(listing: Listing, rows: Sequence[Row], nobodys: int) -> QuoteRows:
    """`nobodys` rows of the file name no chain; they may belong to any, so every chain of the file counts them."""
    contracts = [contract for row in rows if (contract := _Contract.parse(row, listing)) is not None]
    spots = {contract.spot for contract in contracts}
    if not contracts:
        raise UnreadableFileError(f"none of its {len(rows)} rows of {listing.symbol} at that quote_time can be read")
    if len(spots) > 1:
        raise UnreadableFileError(f"it gives {len(spots)} spot prices for {listing.symbol} at one quote_time, not one")
    oi_dates = {contract.oi_date for contract in contracts}
    roots = sorted({contract.root for contract in contracts})
    dates = sorted({contract.expiry for contract in contracts})
    root_position = {root: index for index, root in enumerate(roots)}
    date_position = {day: index for index, day in enumerate(dates)}
    return QuoteRows(
        symbol=listing.symbol,
        spot=spots.pop(),
        quote_time=valuation_time(listing.stamp),
        oi_date=oi_dates.pop() if len(oi_dates) == 1 else None,
        roots=roots,
        expiry_dates=dates,
        root_index=np.array([root_position[contract.root] for contract in contracts], dtype=np.int64),
        expiry_index=np.array([date_position[contract.expiry] for contract in contracts], dtype=np.int64),
        is_call=np.array([contract.is_call for contract in contracts], dtype=bool),
        strike=np.array([contract.strike for contract in contracts], dtype=np.float64),
        bid=np.array([contract.bid for contract in contracts], dtype=np.float64),
        ask=np.array([contract.ask for contract in contracts], dtype=np.float64),
        iv=volatilities([contract.iv for contract in contracts]),
        open_interest=np.array([contract.open_interest for contract in contracts], dtype=np.float64),
        multiplier=np.array([contract.multiplier for contract in contracts], dtype=np.float64),
        unreadable=nobodys + len(rows) - len(contracts),
    )


@dataclass(frozen=True, slots=True)
class _Contract:
    """One parsed row."""

    spot: float
    root: str
    expiry: date
    is_call: bool
    strike: float
    bid: float
    ask: float
    iv: float
    open_interest: float
    multiplier: float
    oi_date: date | None

    @staticmethod
    def parse(row: Row, listing: Listing) -> _Contract | None:
        """The contract of a row, or None when a cell is not what it has to be."""
        try:
            spot = float(row["spot"])
            if not (math.isfinite(spot) and spot > 0):
                return None
            return _Contract(
                spot=spot,
                root=root_of(row.get("root", "")) or listing.symbol.replace(".", ""),
                expiry=date.fromisoformat(row["expiry"].strip()),
                is_call=_RIGHTS[row["right"].strip().lower()],
                strike=float(row["strike"]),
                bid=_number(row, "bid"),
                ask=_number(row, "ask"),
                iv=_number(row, "iv"),
                open_interest=float(row["open_interest"]),
                multiplier=_number(row, "multiplier", 100.0),
                oi_date=date.fromisoformat(text) if (text := row.get("oi_date", "").strip()) else None,
            )
        except (KeyError, ValueError):
            return None


def _number(row: Row, column: str, unknown: float = math.nan) -> float:
    text = row.get(column, "").strip()
    return float(text) if text else unknown


def _table(content: bytes) -> Iterator[Row]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableFileError("it is not UTF-8") from None
    if not text.endswith(("\n", "\r")):
        # Nothing else tells a file that was cut off between two rows, and the chain would look complete.
        raise UnreadableFileError("its last line has no end, as if the file were cut off; end it with a newline")
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        header = _normalised(next(lines, []))
        absent = [column for column in REQUIRED_COLUMNS if column not in header]
        repeated = [column for column in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS) if header.count(column) > 1]
        if repeated:
            raise UnreadableFileError(f"it has the column {repeated[0]} twice")
        if absent:
            raise UnreadableFileError(f"it lacks the column{'s' if len(absent) > 1 else ''} {', '.join(absent)}")
        for cells in lines:
            if cells:
                row = dict(zip(header, cells, strict=False))
                # A cell too many or too few shifts values into other columns (7,560 without quotes), so that only who and when
                # are kept of such a row: enough to count it as unreadable where it belongs.
                yield row if len(cells) == len(header) else {name: row.get(name, "") for name in _KEY_COLUMNS}
    except csv.Error:
        raise UnreadableFileError(f"line {lines.line_num} is not a CSV line") from None


def _normalised(header: Sequence[str]) -> list[str]:
    return [name.strip().strip('"').lower() for name in header]


def _listing(row: Row) -> Listing | None:
    """The chain a row belongs to, or None when it does not say."""
    symbol, stamp = _symbol(row.get("symbol", "")), _stamp(row.get("quote_time", ""))
    return Listing(symbol, stamp) if symbol and stamp else None


@lru_cache(maxsize=1024)
def _symbol(text: str) -> str | None:
    return canonical_symbol(text)


@lru_cache(maxsize=1024)
def _stamp(text: str) -> datetime | None:
    """The UTC instant of a row, or None when it is not one at which there are sessions to value it at."""
    try:
        stamp = instant_of(text.strip())
        valuation_time(stamp)
    except UnreadableFileError:
        return None
    return stamp
