"""One line of a book as people write it: `AAPL 240000`, `NVDA, 1200 sh`, `short TSLA 15%`, `$50k MSFT`, `-300 shares AMD`.

A line is one ticker, one amount, and words that say the unit and the side. Whatever can be read in two ways is refused: a book
read wrongly looks as complete as one read rightly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from mcp.server.mcpserver.exceptions import ToolError

from tools.figures import echoed
from tools.tickers import canonical_ticker

_EXAMPLES = "AAPL 240000, NVDA 1200 sh or short TSLA 15%"
LARGEST = 1e15
"""No position is larger than this, in its own unit."""


class Unit(StrEnum):
    """What an amount counts."""

    DOLLARS = "dollars"
    SHARES = "shares"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True)
class Lot:
    """One line: a canonical symbol and a signed amount (negative is short); `unit` is None for a bare number."""

    symbol: str
    amount: float
    unit: Unit | None


UNIT_WORDS = {
    **dict.fromkeys(("sh", "shs", "share", "shares"), Unit.SHARES),
    **dict.fromkeys(("$", "usd", "dollar", "dollars"), Unit.DOLLARS),
    **dict.fromkeys(("%", "pct", "percent"), Unit.PERCENT),
}
SIDE_WORDS = {"long": 1.0, "bought": 1.0, "short": -1.0, "sold": -1.0}
_EXPONENTS = {"k": 3, "m": 6, "mm": 6, "mn": 6, "b": 9, "bn": 9, "thousand": 3, "million": 6, "billion": 9}
_FILLERS = frozenset(("of", "in", "worth"))

_NUMBER = re.compile(
    r"(?P<sign>[-+]?)(?P<dollar>\$?)(?P<inner>[-+]?)(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)"
    r"(?P<letters>[A-Za-z]*)(?P<mark> ?%|\$)?(?![\w.]|,\d)",
    re.ASCII,
)
_WORD = re.compile(r"[\^$_]?[A-Za-z][A-Za-z0-9]*(?:[./-][A-Za-z0-9]+)*", re.ASCII)
_BLANKS = re.compile(r"[\s,:=|\"]+", re.ASCII)
_OPTION = re.compile(
    r"\d{6}[CP]\d|\d[CP]\b|\b(?:calls?|puts?|strike|expir\w*|contracts?|cts)\b|\b\d{1,2}/\d{1,2}\b", re.ASCII | re.IGNORECASE
)
_TYPOGRAPHY = str.maketrans({"\u2212": "-", "\u2013": "-", "\u00a0": " ", "\u2007": " ", "\u2009": " ", "\u202f": " ", "\t": " "})


@dataclass(frozen=True, slots=True)
class _Amount:
    """A number as written: digits, the power of ten a letter behind it stands for, sign, the unit that stands with it."""

    digits: str
    exponent: int
    negative: bool
    unit: Unit | None

    def size(self, exponent: int) -> float:
        """The number times 10**exponent, rounded once."""
        return float(f"{self.digits}e{exponent}")


def plain(text: str) -> str:
    """The text with ordinary blanks and minus signs, as a word processor or a web page may not have them."""
    return text.translate(_TYPOGRAPHY)


def option_sentence(what: str) -> str:
    """Why an option contract is refused."""
    return (
        f"{what} looks like an option contract; positions are underlyings (stocks, ETFs, indices) in dollars, shares or percent."
    )


def refuse_option(text: str) -> None:
    """Raises ToolError for what looks like an option contract."""
    if _OPTION.search(text):
        raise ToolError(option_sentence(f"'{echoed(text, 40)}'"))


def read_lot(text: str) -> Lot:
    """The lot that a line of plain text says. Raises ToolError with a sentence when it does not say exactly one."""
    refuse_option(text)
    tokens = _tokens(text)
    amounts = [index for index, token in enumerate(tokens) if isinstance(token, _Amount)]
    if len(amounts) != 1:
        what = f"has {len(amounts)} numbers" if amounts else "has no amount"
        _refuse(text, f"{what}; a position is one ticker and one amount")
    amount = tokens[amounts[0]]
    assert isinstance(amount, _Amount)
    return _lot(text, tokens, amounts[0], amount)


def _lot(text: str, tokens: list[_Amount | str], place: int, amount: _Amount) -> Lot:
    exponents, units, sides, names = {amount.exponent} - {0}, {amount.unit} - {None}, set[float](), list[str]()
    behind = place + 1
    for index, token in enumerate(tokens):
        if isinstance(token, _Amount):
            continue
        word = token.lower()
        if index == behind and word in _EXPONENTS and len(word) > 2:
            exponents.add(_EXPONENTS[word])
            behind += 1
        elif (index == behind and word in UNIT_WORDS) or (index == place - 1 and word == "usd"):
            units.add(UNIT_WORDS[word])
        elif word in SIDE_WORDS:
            sides.add(SIDE_WORDS[word])
        else:
            names.append(token)
    symbol = _ticker(text, names)
    if len(units) > 1 or len(exponents) > 1 or (exponents and Unit.PERCENT in units):
        _refuse(text, "gives its amount in two units")
    if len(sides) > 1 or (1.0 in sides and amount.negative):
        _refuse(text, "is both long and short")
    short = amount.negative or -1.0 in sides
    size = checked(amount.size(sum(exponents)), symbol)
    return Lot(symbol, -size if short else size, next(iter(units), None))


def _ticker(text: str, names: Sequence[str]) -> str:
    """The one word that is left when unit and side are taken away."""
    if len(names) > 1:
        names = [name for name in names if name.lower() not in _FILLERS]
    if not names:
        _refuse(text, "names no ticker")
    if len(names) > 1 and any(name.lower() in ("c", "p") for name in names):
        raise ToolError(option_sentence(f"'{echoed(text, 40)}'"))
    if len(names) > 1:
        _refuse(text, "has more words than a ticker, an amount, a unit and a side")
    return canonical_ticker(names[0])


def checked(amount: float, symbol: str) -> float:
    """A finite amount of a size a position can have. Raises ToolError otherwise."""
    if not math.isfinite(amount) or abs(amount) > LARGEST:
        raise ToolError(f"The amount of {symbol} is not a number a position can have (at most {LARGEST:.0e} either way).")
    return amount


def _tokens(text: str) -> list[_Amount | str]:
    tokens: list[_Amount | str] = []
    place = 0
    while place < len(text):
        if blank := _BLANKS.match(text, place):
            place = blank.end()
        elif number := _NUMBER.match(text, place):
            if "," in number["digits"] and text[place - 1 : place] == ",":
                _refuse(text, "can be read as one number or as several columns; put a blank after the ticker's comma")
            tokens.append(_amount(text, number))
            place = number.end()
        elif word := _WORD.match(text, place):
            tokens.append(word[0])
            place = word.end()
        elif text[place] == "-":
            _refuse(text, "has a dash apart from its number, a minus or a mere dash; write short, or -300 in one piece")
        else:
            _refuse(text, f"was not understood from '{echoed(text[place:], 10)}' on")
    return tokens


def _amount(text: str, number: re.Match[str]) -> _Amount:
    letters, mark = number["letters"].lower(), (number["mark"] or "").strip()
    exponent = _EXPONENTS.get(letters)
    units = {UNIT_WORDS[one] for one in (number["dollar"], mark, letters if exponent is None else "") if one in UNIT_WORDS}
    if letters and exponent is None and letters not in UNIT_WORDS:
        _refuse(text, f"has an amount that was not understood: '{echoed(number[0], 20)}'")
    if len(units) > 1:
        _refuse(text, "gives its amount in two units")
    if number["sign"] and number["inner"]:
        _refuse(text, "has two signs")
    negative = "-" in (number["sign"], number["inner"])
    return _Amount(number["digits"].replace(",", ""), exponent or 0, negative, next(iter(units), None))


def _refuse(text: str, why: str) -> NoReturn:
    raise ToolError(f"'{echoed(text, 40)}' {why}. Write for example {_EXAMPLES}.")
