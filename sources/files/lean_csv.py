"""LEAN's daily option universe: one CSV a symbol and day, named `<symbol>_<yyyymmdd>.csv`, with open interest and volatility.

    #expiry,strike,right,open,high,low,close,volume,open_interest,implied_volatility,delta,gamma,vega,theta,rho
    ,,,749.5500,749.9900,748.5400,748.5400,11492,,,,,,,
    20151224,590,C,159.8000,164.4000,154.4500,160.0500,0,,0,0,0,0,0,0

The row without expiry, strike and right is the underlying, whose close is the spot price. A file counts as known from the close
of its session on, with the open interest it carries. Closing prices of options are last trades, some of them days old, and no
quotes: they are not used, so that forwards are those of the flat rate and a contract without a volatility has none.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from exposure.chain import QuoteRows
from exposure.greeks import Floats
from exposure.instruments import canonical_symbol
from exposure.sessions import FIRST_DAY, LAST_DAY, session_on
from sources.files.formats import Listing, UnreadableFileError, volatilities

_COLUMNS = ("expiry", "strike", "right", "close", "open_interest", "implied_volatility")
_KEY_COLUMNS = _COLUMNS[:3]
_FILE_NAME = re.compile(r"(?P<symbol>[A-Za-z][A-Za-z.]{0,9})_(?P<day>\d{8})\.csv", re.ASCII | re.IGNORECASE)
_DAY = re.compile(r"\d{8}", re.ASCII)
_RIGHTS = {"C": True, "P": False}
_MULTIPLIER = 100.0


@dataclass(frozen=True, slots=True)
class LeanCsv:
    """Reader of the format in the module docstring, for the file of this name: only the name says whose and when."""

    file_name: str

    name = "LEAN daily CSV"

    @staticmethod
    def of(path: Path) -> LeanCsv:
        """The reader of that file."""
        return LeanCsv(path.name)

    def recognises(self, path: Path, head: bytes) -> bool:
        first_line = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace")
        return first_line.startswith("#") and set(_COLUMNS) <= set(_names(first_line.strip().split(",")))

    def listings(self, content: bytes) -> Sequence[Listing]:
        _lines(content)
        return [self._listing()]

    def rows(self, content: bytes, wanted: Collection[Listing]) -> Mapping[Listing, QuoteRows | UnreadableFileError]:
        listing = self._listing()
        rows = _quote_rows(listing, _lines(content))
        changed = UnreadableFileError("its name says another symbol or day than before; ask again")
        return {one: rows if one == listing else changed for one in wanted}

    def _listing(self) -> Listing:
        found = _FILE_NAME.fullmatch(self.file_name)
        symbol = canonical_symbol(found["symbol"]) if found else None
        day = _date(found["day"]) if found else None
        if symbol is None or day is None:
            raise UnreadableFileError("its name does not say whose and of which day it is; call it like goog_20151224.csv")
        session = session_on(day) if FIRST_DAY <= day <= LAST_DAY else None
        if session is None:
            raise UnreadableFileError(f"its name says {day}, on which there was no session between {FIRST_DAY} and {LAST_DAY}")
        return Listing(symbol, session.close)


Row = Mapping[str, str]


def _lines(content: bytes) -> list[Row]:
    """Every line as a row; one with a cell too many or too few has none that can be trusted."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableFileError("it is not UTF-8") from None
    if not text.endswith(("\n", "\r")):
        # Nothing else tells a file that was cut off between two rows, and the chain would look complete.
        raise UnreadableFileError("its last line has no end, as if the file were cut off; end it with a newline")
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        header = _names(next(lines, []))
        absent = [column for column in _COLUMNS if column not in header]
        if absent:
            raise UnreadableFileError(f"it lacks the column{'s' if len(absent) > 1 else ''} {', '.join(absent)}")
        return [dict(zip(header, cells, strict=True)) if len(cells) == len(header) else {} for cells in lines if cells]
    except csv.Error:
        raise UnreadableFileError(f"line {lines.line_num} is not a CSV line") from None


def _quote_rows(listing: Listing, lines: Sequence[Row]) -> QuoteRows:
    underlying = [line for line in lines if line and not any(line[column].strip() for column in _KEY_COLUMNS)]
    if len(underlying) != 1:
        raise UnreadableFileError(f"it has {len(underlying)} rows of the underlying, not one")
    spot = _number(underlying[0]["close"])
    if not (math.isfinite(spot) and spot > 0):
        raise UnreadableFileError("its price of the underlying is missing or not above 0")
    contracts = [one for line in lines if (one := _Contract.parse(line)) is not None]
    if not contracts:
        raise UnreadableFileError("it has no row of an option that can be read")
    dates = sorted({one.expiry for one in contracts})
    position = {day: index for index, day in enumerate(dates)}
    unknown = np.full(len(contracts), np.nan)
    return QuoteRows(
        symbol=listing.symbol,
        spot=spot,
        quote_time=listing.stamp,
        oi_date=None,
        roots=(listing.symbol.replace(".", ""),),
        expiry_dates=dates,
        root_index=np.zeros(len(contracts), dtype=np.int64),
        expiry_index=np.array([position[one.expiry] for one in contracts], dtype=np.int64),
        is_call=np.array([one.is_call for one in contracts], dtype=bool),
        strike=np.array([one.strike for one in contracts], dtype=np.float64),
        bid=unknown,
        ask=unknown,
        iv=volatilities([one.iv for one in contracts]),
        open_interest=_open_interest(contracts),
        multiplier=np.full(len(contracts), _MULTIPLIER),
        unreadable=len(lines) - 1 - len(contracts),
    )


@dataclass(frozen=True, slots=True)
class _Contract:
    """One parsed row; `open_interest` is None where its cell is empty."""

    expiry: date
    strike: float
    is_call: bool
    iv: float
    open_interest: float | None

    @staticmethod
    def parse(line: Row) -> _Contract | None:
        """The contract of a row, or None when a cell is not what it has to be."""
        try:
            expiry = _date(line["expiry"].strip())
            if expiry is None:
                return None
            held = line["open_interest"].strip()
            return _Contract(
                expiry=expiry,
                strike=float(line["strike"]),
                is_call=_RIGHTS[line["right"].strip().upper()],
                iv=_number(line["implied_volatility"]),
                open_interest=float(held) if held else None,
            )
        except (KeyError, ValueError):
            return None


def _open_interest(contracts: Sequence[_Contract]) -> Floats:
    """An empty cell is how a file that never writes 0 writes it; in one that does, it is not known."""
    empty = math.nan if any(one.open_interest == 0.0 for one in contracts) else 0.0
    return np.array([empty if one.open_interest is None else one.open_interest for one in contracts], dtype=np.float64)


def _names(cells: Sequence[str]) -> list[str]:
    return [cell.strip().lstrip("#").lower() for cell in cells]


def _number(cell: str) -> float:
    return float(cell) if cell.strip() else math.nan


def _date(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date() if _DAY.fullmatch(text) else None
    except ValueError:
        return None
