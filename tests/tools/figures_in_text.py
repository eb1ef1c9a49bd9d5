"""Reads the numbers back out of an answer's text and looks for each in the structured answer, at the text's own precision."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

_DATES = re.compile(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2} ET)?")
_MONEY = re.compile(r"(?<![\w.+-])([+-]\d+(?:\.(\d+))?(?:e[+-]?\d+)?)(tn|bn|m|k)?(?![\w%])")
_PERCENT = re.compile(r"(?<![\w.])([<>]?)(-?\d+(?:\.(\d+))?)%")
_BARE = re.compile(r"(?<![\w.+-])(\d+(?:\.(\d+))?)(?![\w.%]*\d)(?![%\w])")
_SCALES = {"tn": 1e12, "bn": 1e9, "m": 1e6, "k": 1e3, None: 1.0}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as it stands in the text; `reach` is half a unit of its last digit."""

    written: str
    value: float
    reach: float
    percentage: bool = False
    bound: str = ""

    def is_of(self, number: float) -> bool:
        candidates = (number, 100.0 * number) if self.percentage else (number,)
        if self.bound == "<":
            return any(0.0 < abs(one) < self.value for one in candidates)
        if self.bound == ">":
            return any(self.value < one < 100.0 for one in candidates)
        return any(abs(one - self.value) <= self.reach * (1 + 1e-9) + 1e-12 * abs(one) for one in candidates)


def figures(text: str) -> Iterator[Figure]:
    """Every number of a text, dates and times apart."""
    rest = _DATES.sub(" ", text)
    for match in _PERCENT.finditer(rest):
        reach = 0.5 * 10.0 ** -len(match[3] or "")
        yield Figure(match[0], float(match[2]), reach, percentage=True, bound=match[1])
    rest = _PERCENT.sub(" ", rest)
    for match in _MONEY.finditer(rest):
        scale = _SCALES[match[3]]
        reach = 0.5 * 10.0 ** -len(match[2] or "") * scale
        yield Figure(match[0], float(match[1]) * scale, max(reach if match[3] else 0.0, 1e-5 * abs(float(match[1]))))
    rest = _MONEY.sub(" ", rest)
    for match in _BARE.finditer(rest):
        yield Figure(match[0], float(match[1]), max(0.5 * 10.0 ** -len(match[2]) if match[2] else 0.0, 5e-6 * float(match[1])))


def numbers(node: Any) -> Iterator[float]:
    """Every number in a JSON document; true and false are none."""
    if isinstance(node, dict):
        for value in node.values():
            yield from numbers(value)
    elif isinstance(node, list):
        for value in node:
            yield from numbers(value)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield node


def strings(node: Any) -> Iterator[str]:
    """Every text in a JSON document, keys apart."""
    if isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def unsupported(text: str, structured: dict[str, Any], counts: Iterable[float] = ()) -> list[str]:
    """The numbers of an answer's text that the structured answer does not hold.

    Sentences that stand verbatim in the structured answer and name fixed quantities (units, warnings, details) are left out.
    `counts` are numbers of things the structured answer lists (baskets, names) without writing down how many.
    """
    rest = text
    fixed = [structured["units"], *filter(None, [structured.get("reading")]), *(one["message"] for one in structured["warnings"])]
    fixed += [one["detail"] for one in structured["missing"] if one.get("detail")]
    for sentence in fixed:
        rest = rest.replace(sentence, " ")
    rest = rest.replace("per 1% move", " ")
    held = list(numbers(structured))
    held += [structured.get("constituent_count", 0) + len(structured["missing"]), 1.0 - (structured["weight_coverage"] or 0.0)]
    held += [len(structured["missing"]) - 3, 0.0, *counts]
    return [one.written for one in figures(rest) if not any(one.is_of(number) for number in held)]
