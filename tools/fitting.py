"""Answers that fit: the fullest of several forms that keeps both channels within their budget."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

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


def json_length(structured: Mapping[str, object]) -> int:
    """Characters of the compact JSON."""
    return len(json.dumps(structured, separators=(",", ":")))
