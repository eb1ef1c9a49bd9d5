"""The arguments of `stress_basket` that no other tool has, and how they are read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field, WithJsonSchema

from exposure.instruments import canonical_symbol
from tools.arguments import SmileName
from tools.figures import echoed, kind_of

WIDEST_SHOCK = 30.0
MOST_SHOCKS = 10
LARGEST_BETA = 5.0

ShocksArgument = Annotated[
    object,
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}]}),
    Field(description="Moves to show, percent", examples=["-3,3"]),
]
BetasArgument = Annotated[
    object,
    WithJsonSchema({"anyOf": [{"type": "object", "additionalProperties": {"type": "number"}}, {"type": "string"}]}),
    Field(description="{symbol: beta} or estimated; else 1", examples=["estimated"]),
]
BetaIndexArgument = Annotated[str | None, Field(description="Of estimated betas; else the basket's or SPX", examples=["QQQ"])]
VolatilityPointsArgument = Annotated[
    float, Field(ge=-20, le=50, allow_inf_nan=False, description="Added to all IVs", examples=[5])
]
DaysForwardArgument = Annotated[float, Field(ge=0, le=60, allow_inf_nan=False, description="Days passing", examples=[3])]
SmileArgument = Annotated[SmileName, Field(description="IVs as spot moves")]
StressDetailArgument = Annotated[Literal["default", "full"], Field(description="full: all names, curve")]

_USUAL = (-15.0, -10.0, -5.0, -3.0, -1.0, 1.0, 3.0, 5.0, 10.0, 15.0)
_USUAL_FIRST = -3.0
_SEPARATORS = re.compile(r"[,;\s]+")
_SHOCKS_ALLOWED = f"Give percent moves between {-WIDEST_SHOCK:g} and {WIDEST_SHOCK:g}, for example -3,3."
_BETAS_ALLOWED = 'Give an object {symbol: beta}, or "estimated", or leave betas out for 1.'


@dataclass(frozen=True, slots=True)
class AskedShocks:
    """The shocks to show, percent and ascending; `first` is the one the answer is told of in words."""

    percents: tuple[float, ...]
    first: float
    given: bool
    """False where the caller named none, so that an answer that gets long may show fewer."""


def requested_shocks(given: object, *, with_zero: bool) -> AskedShocks:
    """The shocks that were asked for, or the usual ones; `with_zero` puts no move at all among the latter.

    Raises ToolError with a sentence when they cannot be read, are too large or too many.
    """
    if given is None:
        usual = sorted((*_USUAL, 0.0)) if with_zero else _USUAL
        return AskedShocks(tuple(usual), _USUAL_FIRST, given=False)
    value = _parsed(given, "shocks", "Give a list of numbers, for example [-3, 3].")
    items: Sequence[object]
    if isinstance(value, str):
        items = [piece for piece in _SEPARATORS.split(value) if piece]
    elif isinstance(value, Sequence):
        items = value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        items = [value]
    else:
        raise ToolError(f"shocks is {kind_of(value)}. {_SHOCKS_ALLOWED}")
    if not items:
        raise ToolError(f"shocks is empty. {_SHOCKS_ALLOWED}")
    if len(items) > 10 * MOST_SHOCKS:
        raise ToolError(f"{len(items)} shocks; at most {MOST_SHOCKS} are shown in one answer.")
    percents = list(dict.fromkeys(_shock(item) for item in items))
    if len(percents) > MOST_SHOCKS:
        raise ToolError(
            f"{len(percents)} shocks; at most {MOST_SHOCKS} are shown in one answer. detail=full has the whole curve."
        )
    return AskedShocks(tuple(sorted(percents)), percents[0], given=True)


def _shock(item: object) -> float:
    text = item.strip().removesuffix("%") if isinstance(item, str) else item
    number = _finite(text)
    if number is None:
        what = f"'{echoed(item, 20)}'" if isinstance(item, str) else kind_of(item)
        raise ToolError(f"shocks holds {what} where a finite number belongs. {_SHOCKS_ALLOWED}")
    if abs(number) > WIDEST_SHOCK:
        raise ToolError(f"A shock of {number:g}% is out of range. {_SHOCKS_ALLOWED}")
    # To a ten-thousandth of a percent, so that what is shown is what was computed; + 0.0 makes -0 a 0.
    return round(number, 4) + 0.0


@dataclass(frozen=True, slots=True)
class AskedBetas:
    """`estimated` from closes, or the ones `given` by symbol (empty: all are 1)."""

    given: Mapping[str, float]
    estimated: bool = False


def requested_betas(given: object, symbols: Collection[str]) -> AskedBetas:
    """The betas that were asked for. Raises ToolError with a sentence when they cannot be read or name other symbols."""
    if given is None:
        return AskedBetas({})
    value = _parsed(given, "betas", _BETAS_ALLOWED)
    if isinstance(value, str) and value.strip().lower() == "estimated":
        return AskedBetas({}, estimated=True)
    if isinstance(value, str):
        raise ToolError(f"betas '{echoed(value, 20)}' was not understood. {_BETAS_ALLOWED}")
    if not isinstance(value, Mapping):
        raise ToolError(f"betas is {kind_of(value)}. {_BETAS_ALLOWED}")
    betas: dict[str, float] = {}
    for text, number in value.items():
        symbol = canonical_symbol(str(text))
        if symbol is None or symbol not in symbols:
            raise ToolError(f"betas names '{echoed(str(text), 20)}', which is not among the symbols.")
        beta = _finite(number)
        if beta is None or abs(beta) > LARGEST_BETA:
            shown = f"{beta:g}" if beta is not None else "not a finite number"
            raise ToolError(f"The beta of {symbol} is {shown}. Betas are numbers between -{LARGEST_BETA:g} and {LARGEST_BETA:g}.")
        if betas.setdefault(symbol, beta) != beta:
            raise ToolError(f"betas gives {symbol} twice, with different numbers.")
    return AskedBetas(betas)


def _parsed(given: object, what: str, allowed: str) -> object:
    """A JSON list or object that arrived as text, as what it says; any other text as it is."""
    if not isinstance(given, str) or given.strip()[:1] not in ("[", "{"):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        raise ToolError(f"{what} begins like JSON but is not. {allowed}") from None


def _finite(value: object) -> float | None:
    """A number, also one written as text; None for anything else, NaN and infinity among it."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
