"""The arguments of `symbol_exposure` that no other tool has, and how they are read."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field, WithJsonSchema

from sources.baskets import BasketCatalogue
from tools.arguments import SmileName, requested_basket
from tools.figures import echoed, kind_of

SymbolArgument = Annotated[object, WithJsonSchema({"type": "string"}), Field(description="One ticker", examples=["SPX", "BRK.B"])]
StrikesArgument = Annotated[
    object,
    WithJsonSchema({"type": "string"}),
    Field(description="Narrows the strike table", examples=["4500-4700"]),
]
ExpiryArgument = Annotated[
    str | None,
    Field(
        description="Narrows that table; also for max pain",
        examples=["2024-06-21"],
    ),
]
SmileArgument = Annotated[SmileName, Field(description="Volatilities when spot moves")]
SymbolDetailArgument = Annotated[Literal["default", "full"], Field(description="full adds strikes and every expiry")]

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PRICE = r"\$?\s*(\d{1,12}(?:\.\d{1,6})?)"
_RANGE = re.compile(rf"{_PRICE}\s*(?:[-\u2013\u2014:]|to|\.\.)\s*{_PRICE}", re.ASCII | re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))", re.ASCII)
_ONE = re.compile(_PRICE, re.ASCII)
_STRIKES_ALLOWED = 'Write a range such as "4500-4700", or one strike such as "4600".'


@dataclass(frozen=True, slots=True)
class StrikeRange:
    """Strikes in dollars, both ends included."""

    low: float
    high: float

    def holds(self, strike: float) -> bool:
        return self.low <= strike <= self.high


def requested_symbol(given: object, catalogue: BasketCatalogue) -> str:
    """The one symbol that was asked for, in its canonical spelling; a list of one is forgiven.

    Raises ToolError with a sentence for anything else.
    """
    if isinstance(given, str | Sequence | Mapping) and not (given.strip() if isinstance(given, str) else given):
        raise ToolError("symbol is empty. Name one ticker, for example SPX.")
    if not isinstance(given, str | Sequence | Mapping):
        raise ToolError(f"symbol is {kind_of(given)}. Name one ticker as text, for example SPX.")
    names = list(requested_basket(given, None, None, catalogue).weights)
    if len(names) > 1:
        raise ToolError(
            f"symbol names {len(names)} tickers; symbol_exposure looks at one. basket_exposure takes several, or ask for each."
        )
    return names[0]


def requested_strikes(given: object) -> StrikeRange | None:
    """The strikes the table is narrowed to; None for all. Raises ToolError with a sentence when they cannot be read."""
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    if isinstance(given, Sequence) and not isinstance(given, str):
        given = "-".join(str(one) for one in given)
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ToolError(f"strikes is {kind_of(given)}. {_STRIKES_ALLOWED}")
    text = f"{given:f}" if isinstance(given, float) and math.isfinite(given) else _THOUSANDS.sub("", str(given).strip())
    found = _RANGE.fullmatch(text) or _ONE.fullmatch(text)
    if found is None:
        raise ToolError(f"strikes was not understood: '{echoed(text, 40)}'. {_STRIKES_ALLOWED}")
    ends = [float(one) for one in found.groups()]
    return StrikeRange(min(ends), max(ends))


def requested_expiry(given: str | None) -> date | None:
    """The expiry date asked for; None when none was. Raises ToolError with a sentence when it is not a date."""
    if given is None or not given.strip():
        return None
    written = given.strip()
    try:
        if not _DATE.fullmatch(written):
            raise ValueError
        return date.fromisoformat(written)
    except ValueError:
        raise ToolError(
            f"expiry was not understood: '{echoed(written, 40)}'. Write the Eastern date as YYYY-MM-DD, for example 2024-06-21."
        ) from None
