"""A JSON object with the quotes of one symbol as a list of objects.

    {"symbol": "NVDA", "updated": "2026-08-22T09:50:06-04:00", "underlyingPrice": 214.72, "oiDate": "2026-08-20",
     "quotes": [{"symbol": "NVDA260828C00140000", "expiration": "2026-08-28", "side": "call", "strike": 140.0,
                 "bid": 71.15, "ask": 78.6, "iv": 2.1, "openInterest": 22}, ...]}

`oiDate` is optional, and so are `bid`, `ask`, `iv` and `openInterest` of a quote (null or absent); anything else is ignored.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path

import msgspec
import numpy as np

from exposure.chain import QuoteRows
from exposure.instruments import canonical_symbol
from sources.files.formats import Listing, UnreadableFileError, instant_of, root_of, valuation_time, volatilities

_MULTIPLIER = 100.0
_SIDES = {"call": True, "put": False, "c": True, "p": False}
_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_OSI_TAIL = 15
"""Characters after the root in an OSI symbol: six of date, one of right, eight of strike."""


class _Header(msgspec.Struct):
    symbol: str
    updated: str


class _Quote(msgspec.Struct):
    symbol: str
    expiration: str
    side: str
    strike: float
    bid: float | None = None
    ask: float | None = None
    iv: float | None = None
    openInterest: float | None = None  # noqa: N815 (the file's own spelling)


class _Document(_Header):
    underlyingPrice: float  # noqa: N815
    quotes: list[_Quote]
    oiDate: date | None = None  # noqa: N815


class _LenientDocument(_Header):
    underlyingPrice: float  # noqa: N815
    quotes: list[msgspec.Raw]
    oiDate: date | None = None  # noqa: N815


class QuoteListJson:
    """Reader of the format in the module docstring."""

    name = "quote-list JSON"

    def __init__(self) -> None:
        self._header = msgspec.json.Decoder(_Header)
        self._document = msgspec.json.Decoder(_Document)
        self._lenient = msgspec.json.Decoder(_LenientDocument)
        self._quote = msgspec.json.Decoder(_Quote)

    def recognises(self, path: Path, head: bytes) -> bool:
        return path.suffix.lower() == ".json" and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")

    def listings(self, content: bytes) -> Sequence[Listing]:
        try:
            header = self._header.decode(_without_mark(content))
        except _UNDECODABLE as problem:
            raise UnreadableFileError(f"it is not a complete quote list: {_reason(problem)}") from None
        return [self._listing(header)]

    @staticmethod
    def _listing(header: _Header) -> Listing:
        symbol = canonical_symbol(header.symbol)
        if symbol is None:
            raise UnreadableFileError("its symbol is not a ticker")
        return Listing(symbol, instant_of(header.updated))

    def rows(self, content: bytes, wanted: Collection[Listing]) -> Mapping[Listing, QuoteRows | UnreadableFileError]:
        return {listing: self._rows(content, listing) for listing in wanted}

    def _rows(self, content: bytes, listing: Listing) -> QuoteRows:
        document, quotes, unreadable = self._decode(_without_mark(content))
        if self._listing(document) != listing:
            raise UnreadableFileError("it changed while it was being read; ask again")
        if not (math.isfinite(document.underlyingPrice) and document.underlyingPrice > 0):
            raise UnreadableFileError("its underlyingPrice is not a price above 0")
        expiries = _expiry_dates(quotes)
        readable = [quote for quote in quotes if quote.expiration in expiries and quote.side.lower() in _SIDES]
        dates = sorted({expiries[quote.expiration] for quote in readable})
        position = {text: dates.index(day) for text, day in expiries.items() if day in dates}
        own_root = listing.symbol.replace(".", "")
        named = [root_of(quote.symbol[:-_OSI_TAIL]) or own_root for quote in readable]
        roots = sorted(set(named)) or [own_root]
        root_position = {root: index for index, root in enumerate(roots)}
        return QuoteRows(
            symbol=listing.symbol,
            spot=document.underlyingPrice,
            quote_time=valuation_time(listing.stamp),
            oi_date=document.oiDate,
            roots=roots,
            expiry_dates=dates,
            root_index=np.array([root_position[root] for root in named], dtype=np.int64),
            expiry_index=np.array([position[quote.expiration] for quote in readable], dtype=np.int64),
            is_call=np.array([_SIDES[quote.side.lower()] for quote in readable], dtype=bool),
            strike=np.array([quote.strike for quote in readable], dtype=np.float64),
            bid=_column([quote.bid for quote in readable]),
            ask=_column([quote.ask for quote in readable]),
            iv=volatilities([math.nan if quote.iv is None else quote.iv for quote in readable]),
            open_interest=_column([quote.openInterest for quote in readable]),
            multiplier=np.full(len(readable), _MULTIPLIER),
            unreadable=unreadable + len(quotes) - len(readable),
        )

    def _decode(self, content: bytes) -> tuple[_Document | _LenientDocument, list[_Quote], int]:
        """The document and its quotes; where one quote is malformed, the others are still read one by one."""
        try:
            document = self._document.decode(content)
            return document, document.quotes, 0
        except msgspec.ValidationError:
            pass
        except _UNDECODABLE as problem:
            raise UnreadableFileError(f"it is not a complete quote list: {_reason(problem)}") from None
        try:
            lenient = self._lenient.decode(content)
        except _UNDECODABLE as problem:
            raise UnreadableFileError(f"it is not a quote list: {_reason(problem)}") from None
        quotes = []
        for raw in lenient.quotes:
            try:
                quotes.append(self._quote.decode(raw))
            except _UNDECODABLE:
                continue
        return lenient, quotes, len(lenient.quotes) - len(quotes)


def _expiry_dates(quotes: Sequence[_Quote]) -> dict[str, date]:
    dates = {}
    for text in {quote.expiration for quote in quotes}:
        try:
            dates[text] = date.fromisoformat(text)
        except ValueError:
            continue
    return dates


def _column(values: Sequence[float | None]) -> np.typing.NDArray[np.float64]:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _without_mark(content: bytes) -> bytes:
    return content.removeprefix(b"\xef\xbb\xbf")


def _reason(problem: Exception) -> str:
    """What the decoder found wrong; its messages name types, fields and positions, never values."""
    if isinstance(problem, RecursionError):
        return "it is nested too deeply"
    return str(problem).rstrip(".") if isinstance(problem, msgspec.DecodeError) else "it is not UTF-8"
