"""Cboe's delayed quotes as JSON: the file behind its quote-table page, one underlying with every listed option.

    {"timestamp": "2023-09-21 03:17:42", "symbol": "_RUT",
     "data": {"symbol": "^RUT", "current_price": 1806.12, "close": 1806.12, "last_trade_time": "2023-09-20T16:15:04",
              "options": [{"option": "RUTW231020C01800000", "bid": 38.1, "ask": 38.9, "iv": 0.1703, "open_interest": 22.0}]}}

`timestamp` is UTC and says when the file was published; its quotes are 15 minutes older. `last_trade_time` is New York time.
Fields are read by name and others ignored, the greeks among them: at four decimals most of an index's gamma is 0.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from exposure.chain import QuoteRows
from exposure.greeks import Floats
from exposure.sessions import EASTERN
from sources.files.cboe_rows import Clock, Quotes, clock_of, contracts_of, quote_rows, symbol_of
from sources.files.formats import Listing, UnreadableFileError

_MARK = b"\xef\xbb\xbf"
_DATA_OBJECT = re.compile(rb'"data"\s*:\s*\{')


class _Option(msgspec.Struct, gc=False):
    option: str
    bid: float | None = None
    ask: float | None = None
    iv: float | None = None
    open_interest: float | None = None


class _Facts(msgspec.Struct):
    symbol: str | None = None
    current_price: float | None = None
    close: float | None = None
    last_trade_time: str | None = None


class _Data(_Facts, kw_only=True):
    options: list[_Option]


class _LenientData(_Facts, kw_only=True):
    options: list[msgspec.Raw]


class _Header(msgspec.Struct):
    timestamp: str
    data: _Facts
    symbol: str | None = None


class _Document(_Header):
    data: _Data


class _LenientDocument(_Header):
    data: _LenientData


_Decoded = TypeVar("_Decoded", bound=_Header)


@dataclass(frozen=True, slots=True)
class CboeQuotes:
    """One file: whose and when published, its rows, and when its underlying last traded (UTC), None where it does not say.

    `stale` says that the last trade is of an earlier session than the publication: the rows are then those of that session.
    """

    listing: Listing
    rows: QuoteRows
    last_trade_time: datetime | None
    stale: bool


class CboeJson:
    """Reader of the format in the module docstring. Safe to call from several threads."""

    name = "Cboe JSON"

    def __init__(self) -> None:
        self._header = msgspec.json.Decoder(_Header)
        self._document = msgspec.json.Decoder(_Document)
        self._lenient = msgspec.json.Decoder(_LenientDocument)
        self._option = msgspec.json.Decoder(_Option)

    def recognises(self, path: Path, head: bytes) -> bool:
        start = head.removeprefix(_MARK).lstrip()
        if path.suffix.lower() != ".json" or not start.startswith(b"{"):
            return False
        return _DATA_OBJECT.search(start) is not None and b'"options"' in start

    def listings(self, content: bytes) -> Sequence[Listing]:
        header = _decoded(self._header, content)
        return [_listing(header, _clock(header))]

    def rows(self, content: bytes, wanted: Collection[Listing]) -> Mapping[Listing, QuoteRows | UnreadableFileError]:
        found = self.rows_of(content)
        changed = UnreadableFileError("it changed while it was being read; ask again")
        return {listing: found.rows if listing == found.listing else changed for listing in wanted}

    def rows_of(self, content: bytes) -> CboeQuotes:
        """All that a file holds. Raises UnreadableFileError, and nothing else, for bytes that are not a whole file of Cboe's."""
        document, options, malformed = self._decode(content)
        clock = _clock(document)
        listing = _listing(document, clock)
        facts = document.data
        closed = not clock.in_session and facts.close is not None and facts.close > 0
        quotes = Quotes(
            bid=_column([one.bid for one in options]),
            ask=_column([one.ask for one in options]),
            iv=_column([one.iv for one in options]),
            open_interest=_column([one.open_interest for one in options]),
        )
        # Outside the session the current price may be an extended print, hours after the quotes.
        spot = facts.close if closed else facts.current_price
        contracts = contracts_of([one.option for one in options])
        rows = quote_rows(listing, spot, clock, contracts, quotes, malformed)
        return CboeQuotes(listing, rows, _last_trade(facts), clock.stale)

    def _decode(self, content: bytes) -> tuple[_Document | _LenientDocument, Sequence[_Option], int]:
        """The document and its options; where one of them is malformed, the others are still read one by one."""
        try:
            document = self._document.decode(content.removeprefix(_MARK))
            return document, document.data.options, 0
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            lenient = _decoded(self._lenient, content)
        options = []
        for raw in lenient.data.options:
            try:
                options.append(self._option.decode(raw))
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
        return lenient, options, len(lenient.data.options) - len(options)


def _decoded(decoder: msgspec.json.Decoder[_Decoded], content: bytes) -> _Decoded:
    try:
        return decoder.decode(content.removeprefix(_MARK))
    except msgspec.DecodeError as problem:
        # The decoder's messages name types, fields and positions, never values.
        raise UnreadableFileError(f"it is not a complete file of Cboe's: {str(problem).rstrip('.')}") from None
    except UnicodeDecodeError:
        raise UnreadableFileError("it is not UTF-8") from None
    except RecursionError:
        raise UnreadableFileError("it is nested too deeply to be a file of Cboe's") from None


def _listing(header: _Header, clock: Clock) -> Listing:
    symbol = symbol_of(header.symbol or header.data.symbol or "")
    if symbol is None:
        raise UnreadableFileError("its symbol is missing or not a ticker")
    return Listing(symbol, _published(header), clock.quote_time)


def _clock(header: _Header) -> Clock:
    return clock_of(_published(header), _last_trade(header.data))


def _published(header: _Header) -> datetime:
    try:
        stamp = datetime.fromisoformat(header.timestamp)
        return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnreadableFileError("its timestamp is not a date and time") from None


def _last_trade(facts: _Facts) -> datetime | None:
    try:
        trade = datetime.fromisoformat(facts.last_trade_time or "")
        return (trade.replace(tzinfo=EASTERN) if trade.tzinfo is None else trade).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _column(values: Sequence[float | None]) -> Floats:
    return np.array(values, dtype=np.float64)
