"""How numbers are rounded in structured answers and written in text, so that both channels say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

from pydantic import PlainSerializer

from exposure.sessions import EASTERN

_SCALES = ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k"))


def rounded_dollars(value: float) -> int | float:
    """Whole dollars from $10,000 up, six significant digits below, so that a small number never becomes 0."""
    return round(value) if abs(value) >= 1e4 else float(f"{value:.6g}") + 0.0


def rounded_share(value: float) -> float:
    """Six decimals; a share that only rounding would make 0 or 1 is given as it is."""
    rounded = round(value, 6) + 0.0
    return value if rounded in (0.0, 1.0) and abs(value - rounded) > 1e-12 else rounded


Dollars = Annotated[float, PlainSerializer(rounded_dollars)]
Share = Annotated[float, PlainSerializer(rounded_share)]
"""A fraction, 0..1 unless said otherwise."""


def _short_share(value: float) -> float:
    return round(value, 4) + 0.0


def _whole_if_it_is(value: float) -> int | float:
    return int(value) if value == int(value) else value


Percent = Annotated[float, PlainSerializer(_whole_if_it_is)]
"""A percentage as it was rounded, without a needless decimal."""
ShortShare = Annotated[float, PlainSerializer(_short_share)]
"""A fraction to a hundredth of a percent, where an answer has many."""


def instant_text(moment: datetime) -> str:
    """A UTC instant for structured output, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


Instant = Annotated[datetime, PlainSerializer(instant_text)]


def money(value: float | None) -> str:
    """Signed dollars, two decimals of a scaled unit or six significant digits: +192.85m, -11.03bn, +812.4, 0."""
    if value is None:
        return "null"
    number = float(rounded_dollars(value))
    for scale, unit in _SCALES:
        # 999,995 and up would print as 1000.00k.
        if abs(number) >= scale * 0.999995:
            return f"{number / scale:+.2f}{unit}"
    return f"{number:+.6g}" if number else "0"


def percent(share: float | None, digits: int = 1) -> str:
    """A fraction as a percentage; a share that is almost nothing is not written as 0%, nor almost all as 100%."""
    if share is None:
        return "null"
    text = f"{100.0 * share:.{digits}f}%"
    if share != 0.0 and float(text[:-1]) == 0.0:
        return f"<{10.0**-digits:g}%"
    if share < 1.0 - 1e-12 and float(text[:-1]) == 100.0:
        return f">{100.0 - 10.0**-digits:g}%"
    return text


def echoed(text: str, longest: int) -> str:
    """Text of the caller as a sentence may quote it: short, on one line, without control characters."""
    shown = text.strip()[:longest]
    return "".join(character if character.isprintable() else "?" for character in shown)


def some_of(words: Sequence[str], shown: int = 3) -> str:
    """The first few of several words, and how many more there are."""
    others = len(words) - shown
    return ", ".join(words[:shown]) + (f" and {others} more" if others > 0 else "")


def counted(number: int, noun: str) -> str:
    """1 position, 2 positions."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def kind_of(value: object) -> str:
    """What a value is, in the words of someone who writes JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "an object" if isinstance(value, Mapping) else "a list"


def eastern_clock(moment: datetime) -> str:
    """A UTC instant as the exchange's wall clock: 2026-08-21 16:00 ET."""
    return f"{moment.astimezone(EASTERN):%Y-%m-%d %H:%M} ET"
