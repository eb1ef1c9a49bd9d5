"""Answers that fit: the fullest of several forms that keeps both channels within their budget."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from exposure.snapshot import Notice
from tools.figures import counted

Room = TypeVar("Room")
Drafted = TypeVar("Drafted")


def first_that_fits(
    rooms: Iterable[Room], build: Callable[[Room], Drafted], length: Callable[[Drafted], int], budget: int
) -> Drafted:
    """The answer for the first room whose `length` is within `budget` characters; the last room's if none is.

    `rooms` go from the fullest to the shortest. Raises ValueError when there are none.
    """
    drafted: Drafted | None = None
    for room in rooms:
        drafted = build(room)
        if length(drafted) <= budget:
            break
    if drafted is None:
        raise ValueError("no room to fit an answer into")
    return drafted


def limited_notices(notices: Sequence[Notice], most: int) -> list[Notice]:
    """The first `most` of the notices, which come in order of importance, and how many more there are."""
    others = len(notices) - most
    if others <= 0:
        return list(notices)
    return [*notices[:most], Notice("more_warnings", f"{counted(others, 'more warning')} with detail=full.")]


def json_length(structured: Mapping[str, object]) -> int:
    """Characters of the compact JSON."""
    return len(json.dumps(structured, separators=(",", ":")))
