"""The argument `positions`: from what a person pastes, or a host sends, to signed holdings.

A list of lines, a list of objects, an object {symbol: amount} and pasted text mean the same. Lines that are no position (a
header, a total, cash) are left out and said; everything else that is not understood is refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field, WithJsonSchema

from exposure.basket import MAX_SYMBOLS
from exposure.book import Holding
from exposure.snapshot import Notice
from tools.figures import echoed, kind_of, some_of
from tools.position_line import (
    SIDE_WORDS,
    UNIT_WORDS,
    Lot,
    Unit,
    checked,
    option_sentence,
    plain,
    read_lot,
    refuse_option,
)
from tools.tickers import canonical_ticker

_MOST_LINES = 500
_CANCELLED = 1e-12
_WHOLE_BOOK = 0.5
"""Percent points by which a gross book may miss 100 without a word."""

PositionsArgument = Annotated[
    object,
    WithJsonSchema(
        {"anyOf": [{"type": "array", "items": {"type": ["string", "object"]}}, {"type": "object"}, {"type": "string"}]}
    ),
    Field(
        description=(
            "One underlying a line or ; (bare numbers are dollars), a list, {symbol: dollars} or objects "
            "{symbol, dollars|shares|percent, side}"
        ),
        examples=["AAPL 240000; NVDA, 1200 sh; short TSLA $15k", [{"symbol": "AMD", "shares": -300}]],
    ),
]

_LINES = re.compile(r"[\n\r;\u2028\u2029]+")
_BETWEEN_POSITIONS = re.compile(r",(?=[^\d])", re.ASCII)
_DECORATION = re.compile(r"[\s|:=+*_-]*")
_BULLET = re.compile(r"^[*\u2022\u00b7]\s*")
_NO_POSITION = re.compile(r"^\W*(cash|total|subtotal|grand total)\b", re.ASCII | re.IGNORECASE)
_HEADER_UNITS = {
    **UNIT_WORDS,
    **dict.fromkeys(("quantity", "qty"), Unit.SHARES),
    **dict.fromkeys(("value", "amount", "notional"), Unit.DOLLARS),
    **dict.fromkeys(("weight", "weights", "allocation"), Unit.PERCENT),
}
_HEADER_WORDS = frozenset("symbol symbols ticker tickers position positions holding holdings side market name".split())
_HEADER_PIECES = re.compile(r"[A-Za-z]+|[%$]")

_KEYS = {
    **dict.fromkeys(("symbol", "ticker"), "symbol"),
    **dict.fromkeys(("shares", "quantity", "qty"), "shares"),
    **dict.fromkeys(("dollars", "value", "amount"), "dollars"),
    **dict.fromkeys(("percent", "pct"), "percent"),
    "side": "side",
}
_OPTION_KEYS = frozenset("strike expiry expiration right option option_type contracts put_call".split())


@dataclass(frozen=True, slots=True)
class RequestedBook:
    """The book that was asked for, each symbol once; `notices` say how it was read."""

    holdings: tuple[Holding, ...]
    in_percent: bool
    notices: tuple[Notice, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(one.symbol for one in self.holdings)


@dataclass(slots=True)
class _Reading:
    """What has been read so far; `bare` is the unit of a number without one."""

    bare: Unit = Unit.DOLLARS
    lots: list[Lot] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)


def requested_book(given: object) -> RequestedBook:
    """The holdings of an argument.

    Raises ToolError with a sentence when it cannot be understood, is empty or too large, or mixes percent with other units.
    """
    reading = _Reading()
    _read(_parsed(given), reading)
    if not reading.lots:
        raise ToolError('There are no positions. Give one a line, for example "AAPL 240000; NVDA 1200 sh; short TSLA 500 sh".')
    units = {one: sum(lot.unit is one for lot in reading.lots) for one in Unit}
    in_percent = units[Unit.PERCENT] > 0
    if 0 < units[Unit.PERCENT] < len(reading.lots):
        others = ", ".join(f"{count} in {unit.value}" for unit, count in units.items() if count and unit is not Unit.PERCENT)
        raise ToolError(
            f"Percent cannot be mixed with other units: {units[Unit.PERCENT]} in percent, {others}. "
            "Give every position in percent, or every one in dollars or shares."
        )
    holdings, cancelled = _netted(reading.lots)
    if not holdings:
        raise ToolError("Every position nets to zero, so there is no book to look behind.")
    if len(holdings) > MAX_SYMBOLS:
        raise ToolError(f"{len(holdings)} distinct symbols; at most {MAX_SYMBOLS} are answered in one call. Split the book.")
    return RequestedBook(holdings, in_percent, tuple(_notices(reading, holdings, cancelled, in_percent=in_percent)))


def _parsed(given: object) -> object:
    """A JSON list or object that arrived as text, as what it says; any other text as it is."""
    if not isinstance(given, str) or given.strip()[:1] not in ("[", "{"):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        raise ToolError("positions begins like JSON but is not. Give a list, an object or one position a line.") from None


def _read(value: object, reading: _Reading) -> None:
    if isinstance(value, str):
        _read_text(value, reading)
    elif isinstance(value, Mapping):
        if any(str(key).strip().lower() in ("symbol", "ticker") for key in value):
            reading.lots.append(_from_object(value))
        else:
            _refuse_too_many(value)
            for key, amount in value.items():
                _read_pair(str(key), amount, reading)
    elif isinstance(value, Sequence):
        _refuse_too_many(value)
        for item in value:
            if not isinstance(item, str | Mapping):
                raise ToolError(f"positions holds {kind_of(item)} where a position belongs. Give lines or objects.")
            _read(item, reading)
    else:
        raise ToolError(f"positions is {kind_of(value)}. Give a list, an object {{symbol: dollars}} or one position a line.")


def _read_text(text: str, reading: _Reading) -> None:
    lines = _LINES.split(plain(text))
    _refuse_too_many(lines)
    for line in lines:
        written = _BULLET.sub("", line.split("#", maxsplit=1)[0].strip())
        if _DECORATION.fullmatch(written):
            continue
        if _NO_POSITION.match(written):
            reading.skipped.append(written)
        elif not _is_header(written, reading):
            reading.lots += _in_unit(_lots_of_line(written), reading.bare)
        _refuse_too_many(reading.lots)


def _is_header(line: str, reading: _Reading) -> bool:
    """True for a header, whose unit then holds for the numbers below it that have none."""
    words = [piece.lower() for piece in _HEADER_PIECES.findall(line)]
    if any(character.isdigit() for character in line) or not all(
        word in _HEADER_WORDS or word in _HEADER_UNITS for word in words
    ):
        return False
    if not any(word in _HEADER_WORDS or len(words) > 1 for word in words):
        return False
    units = {_HEADER_UNITS[word] for word in words if word in _HEADER_UNITS}
    if len(units) > 1:
        raise ToolError(f"The header '{echoed(line, 40)}' names amounts in several units. Keep the ticker and one amount a line.")
    reading.bare = next(iter(units), Unit.DOLLARS)
    reading.headers.append(f"'{echoed(line, 40)}' ({reading.bare.value})")
    return True


def _lots_of_line(line: str) -> list[Lot]:
    """One lot, or several where commas stand between whole positions."""
    try:
        return [read_lot(line)]
    except ToolError as refusal:
        pieces = [piece for piece in _BETWEEN_POSITIONS.split(line) if piece.strip()]
        if len(pieces) < 2:
            raise
        try:
            return [read_lot(piece) for piece in pieces]
        except ToolError:
            raise refusal from None


def _in_unit(lots: Iterable[Lot], bare: Unit) -> Iterator[Lot]:
    return (Lot(one.symbol, one.amount, one.unit or bare) for one in lots)


def _read_pair(key: str, amount: object, reading: _Reading) -> None:
    """One entry of {symbol: amount}; a number is signed dollars, a text is read like a line."""
    if _NO_POSITION.fullmatch(key.strip()):
        reading.skipped.append(f"{key}: {amount}")
    elif isinstance(amount, Mapping):
        reading.lots.append(_from_object({**amount, "symbol": key}))
    else:
        reading.lots.append(_with_amount(_symbol(key), amount, Unit.DOLLARS, strict=False))


def _from_object(given: Mapping[object, object]) -> Lot:
    """The lot of {symbol, dollars|shares|percent, side}."""
    allowed = "A position object holds symbol, one of dollars, shares or percent, and side (long or short) if wanted"
    fields: dict[str, object] = {}
    for key, value in given.items():
        name = _KEYS.get(str(key).strip().lower())
        if str(key).strip().lower() in _OPTION_KEYS:
            raise ToolError(option_sentence(f"A position with {echoed(str(key), 20)}"))
        if name is None or name in fields:
            raise ToolError(f"{allowed}, not '{echoed(str(key), 20)}'{' twice' if name else ''}.")
        if value is not None:
            fields[name] = value
    symbol = _symbol(fields.pop("symbol", None))
    side = fields.pop("side", None)
    if len(fields) != 1:
        raise ToolError(f"{allowed}; {symbol} has {len(fields)} amounts.")
    (unit, amount), *_ = fields.items()
    lot = _with_amount(symbol, amount, Unit(unit), strict=True)
    if side is None:
        return lot
    direction = SIDE_WORDS.get(side.strip().lower()) if isinstance(side, str) else None
    if direction is None:
        raise ToolError(f"The side of {symbol} is neither long nor short.")
    if direction > 0 and lot.amount < 0:
        raise ToolError(f"{symbol} is long with a negative amount. Give a positive amount, or side short.")
    return Lot(symbol, math.copysign(lot.amount, direction), lot.unit)


def _with_amount(symbol: str, amount: object, unit: Unit, *, strict: bool) -> Lot:
    """The lot of an amount of its own: a number in `unit`, or a text, which may name a unit (no other when strict)."""
    if isinstance(amount, str):
        lot = read_lot(f"{symbol} {plain(amount)}")
        if strict and lot.unit not in (None, unit):
            raise ToolError(f"{symbol} gives its {unit.value} as '{echoed(amount, 20)}', which is another unit.")
        return Lot(symbol, lot.amount, lot.unit or unit)
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise ToolError(f"The amount of {symbol} is {kind_of(amount)}. Give a number of dollars, shares or percent.")
    try:
        return Lot(symbol, checked(float(amount), symbol), unit)
    except OverflowError:
        return Lot(symbol, checked(math.inf, symbol), unit)


def _symbol(text: object) -> str:
    if not isinstance(text, str):
        raise ToolError(f"The symbol of a position is {kind_of(text)}. Tickers look like NVDA, BRK.B or SPX.")
    refuse_option(text)
    return canonical_ticker(text)


def _netted(lots: Sequence[Lot]) -> tuple[tuple[Holding, ...], list[str]]:
    """One holding a symbol, in the order first named, and the symbols whose lots cancel."""
    by_symbol: dict[str, list[Lot]] = {}
    for lot in lots:
        by_symbol.setdefault(lot.symbol, []).append(lot)
    holdings, cancelled = [], []
    for symbol, own in by_symbol.items():
        dollars = _sum(lot.amount for lot in own if lot.unit is not Unit.SHARES)
        shares = _sum(lot.amount for lot in own if lot.unit is Unit.SHARES)
        if dollars or shares:
            holdings.append(Holding(symbol, dollars, shares))
        else:
            cancelled.append(symbol)
    return tuple(holdings), cancelled


def _sum(amounts: Iterable[float]) -> float:
    """The exactly rounded sum; what only rounding leaves of amounts that cancel is 0."""
    listed = list(amounts)
    total = math.fsum(listed)
    return total if abs(total) > _CANCELLED * math.fsum(map(abs, listed)) else 0.0


def _notices(reading: _Reading, holdings: Sequence[Holding], cancelled: Sequence[str], *, in_percent: bool) -> Iterator[Notice]:
    named = [lot.symbol for lot in reading.lots]
    twice = [symbol for symbol in dict.fromkeys(named) if named.count(symbol) > 1]
    if reading.headers:
        yield Notice("header_read", f"Numbers without a unit are read by their header: {some_of(reading.headers)}.")
    if reading.skipped:
        lines = [f"'{echoed(one, 30)}'" for one in reading.skipped]
        yield Notice(
            "skipped_lines", f"No position, left out: {some_of(lines)}. A ticker of that name can be given as an object."
        )
    if twice:
        yield Notice("netted_positions", f"Named more than once and netted: {some_of(twice)}.")
    if cancelled:
        yield Notice("zero_positions", f"Net to zero and left out: {some_of(cancelled)}.")
    gross = math.fsum(abs(one.dollars) for one in holdings)
    if in_percent and abs(gross - 100.0) > _WHOLE_BOOK:
        yield Notice("percent_scaled", f"The gross percentages add to {gross:.6g}%; shares are of that total.")


def _refuse_too_many(items: Sequence[object] | Mapping[object, object]) -> None:
    if len(items) > _MOST_LINES:
        raise ToolError(f"{len(items)} lines; at most {MAX_SYMBOLS} distinct symbols are answered in one call.")
