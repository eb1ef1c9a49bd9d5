"""The arguments several tools share, and how they are read.

Hosts send a list as a list, as a JSON string, as a comma string or as an object; all four mean the same here. Whatever cannot be
understood is refused with a sentence that says what was wrong and what is allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field, WithJsonSchema

from exposure.basket import MAX_SYMBOLS, Basket, BasketError
from exposure.dealer import SignConvention
from sources.baskets import BasketCatalogue
from tools.baskets import baskets_pointed_out, named_basket
from tools.figures import echoed, kind_of
from tools.tickers import canonical_ticker

_LIST_OF = {"type": "array", "items": {"type": "string"}}
_NUMBERS = {"type": "array", "items": {"type": "number"}}
_BY_SYMBOL = {"type": "object", "additionalProperties": {"type": "number"}}
_TEXT = {"type": "string"}
_SEPARATORS = re.compile(r"[,;\s]+")
_MOST_ITEMS = 500

SymbolsArgument = Annotated[
    object,
    WithJsonSchema({"anyOf": [_LIST_OF, _BY_SYMBOL, _TEXT]}),
    Field(description=f"Up to {MAX_SYMBOLS} tickers: list, comma string or {{symbol: weight}}", examples=["NVDA,AMD,BRK.B"]),
]
WeightsArgument = Annotated[
    object,
    WithJsonSchema({"anyOf": [_NUMBERS, _BY_SYMBOL, _TEXT]}),
    Field(description="One number >= 0 a symbol, any scale; equal if left out", examples=[[4, 3, 3]]),
]
BasketArgument = Annotated[
    str | None, Field(description="A named basket instead of symbols", examples=["semis", "banks", "energy"])
]
AtArgument = Annotated[
    str | None,
    Field(
        description="Replay instant: Eastern YYYY-MM-DDTHH:MM, with Z or an offset, or a date (its close); live if left out",
        examples=["2020-03-16T15:30"],
    ),
]
AllowCallsArgument = Annotated[
    int | None,
    WithJsonSchema({"type": "integer"}),
    Field(ge=0, le=10_000, description="Most provider calls it may cost, quota or not", examples=[10]),
]
SmileName = Literal["sticky_strike", "sticky_delta"]
"""What the smile does when spot moves; see `exposure.holdings.SmileRule`."""
ConventionName = Literal[
    "street",
    "dealers_long_calls_short_puts",
    "dealers_short_calls_long_puts",
    "dealers_short_all",
    "dealers_long_all",
    "by_asset_class",
]
ConventionArgument = Annotated[
    ConventionName | None, Field(description="Who dealers are assumed to be long; default street (call - put)")
]
DetailArgument = Annotated[Literal["default", "full"], Field(description="full lists every name with legs and coverage")]


def requested_basket(symbols: object, weights: object, basket: str | None, catalogue: BasketCatalogue) -> Basket:
    """The basket that was asked for, by symbols or by name.

    Raises ToolError with a sentence when it cannot be understood, is empty, too large or badly weighted.
    """
    if basket is not None and symbols is not None:
        raise ToolError("Give either symbols or basket, not both.")
    if basket is not None:
        found = named_basket(catalogue, basket)
        own = list(found.weights) if found.weights and weights is None else None
        names, inline = list(found.symbols), own
    elif symbols is not None:
        with baskets_pointed_out(catalogue):
            names, inline = _symbols(symbols)
    else:
        raise ToolError('Name what to look at: symbols, for example "NVDA,AMD", or basket, for example "semis".')
    if inline is not None and weights is not None:
        raise ToolError("Weights were given twice: inside symbols and as weights. Leave one out.")
    numbers = inline if weights is None else _weights(weights, names)
    try:
        return Basket.of(names, numbers)
    except BasketError as problem:
        raise ToolError(str(problem)) from None


def chosen_convention(name: ConventionName | None, default: SignConvention) -> SignConvention:
    """The convention asked for, or the one of the settings."""
    return default if name is None else SignConvention(name)


def _symbols(given: object) -> tuple[list[str], list[float] | None]:
    """Canonical symbols, and their weights when they came as an object."""
    value = _parsed(given, "symbols")
    if isinstance(value, Mapping):
        texts = [str(symbol) for symbol in value]
        return _canonical(texts), [_number(weight, f"The weight of {echoed(text, 20)}") for text, weight in value.items()]
    if isinstance(value, str):
        return _canonical(_split(value)), None
    if isinstance(value, Sequence):
        pieces: list[str] = []
        for item in value:
            if not isinstance(item, str):
                raise ToolError(f"symbols holds {kind_of(item)} where a ticker belongs. Give tickers as text.")
            pieces.extend(_split(item))
        return _canonical(pieces), None
    raise ToolError(f"symbols is {kind_of(value)}. Give a list of tickers, a comma string or an object {{symbol: weight}}.")


def _weights(given: object, symbols: Sequence[str]) -> list[float]:
    value = _parsed(given, "weights")
    if isinstance(value, Mapping):
        by_symbol: dict[str, float] = {}
        for text, weight in value.items():
            symbol = _canonical([str(text)])[0]
            by_symbol[symbol] = by_symbol.get(symbol, 0.0) + _number(weight, f"The weight of {symbol}")
        return _matched(by_symbol, symbols)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = [value]
    items = _split(value) if isinstance(value, str) else value
    if not isinstance(items, Sequence):
        raise ToolError(f"weights is {kind_of(value)}. Give one number a symbol, as a list, a comma string or an object.")
    _refuse_too_many(items)
    return [_number(item, f"Weight {position}") for position, item in enumerate(items, start=1)]


def _matched(by_symbol: Mapping[str, float], symbols: Sequence[str]) -> list[float]:
    """Weights in the order of the symbols; both must name the same ones."""
    unweighted = [symbol for symbol in symbols if symbol not in by_symbol]
    unasked = [symbol for symbol in by_symbol if symbol not in symbols]
    if unweighted:
        raise ToolError(f"weights has no number for {', '.join(unweighted[:5])}. Give one for every symbol.")
    if unasked:
        raise ToolError(f"weights names {', '.join(unasked[:5])}, which is not among the symbols.")
    # A symbol named twice gets its one weight once: merging would otherwise double it.
    first = {symbol: symbols.index(symbol) for symbol in by_symbol}
    return [by_symbol[symbol] if first[symbol] == position else 0.0 for position, symbol in enumerate(symbols)]


def _parsed(given: object, what: str) -> object:
    """A JSON list or object that arrived as text, as what it says; any other text as it is."""
    if not isinstance(given, str) or given.strip()[:1] not in ("[", "{"):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        raise ToolError(f"{what} begins like JSON but is not. Give a list, an object or a comma string.") from None


def _split(text: str) -> list[str]:
    return [piece for piece in _SEPARATORS.split(text) if piece]


def _canonical(texts: Sequence[str]) -> list[str]:
    _refuse_too_many(texts)
    return [canonical_ticker(text) for text in texts]


def _refuse_too_many(items: Sequence[object]) -> None:
    if len(items) > _MOST_ITEMS:
        raise ToolError(f"{len(items)} items; at most {MAX_SYMBOLS} distinct symbols are answered in one call.")


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ToolError(f"{what} is {kind_of(value)}. Weights are numbers of 0 or more.")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise ToolError(f"{what} is not a number. Weights are numbers of 0 or more, for example 0.4.") from None
