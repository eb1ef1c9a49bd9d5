"""Lists that end before a text becomes too long, and say so."""

from __future__ import annotations

from collections.abc import Sequence

_ROOM_FOR_THE_COUNT = 40


def within(opening: Sequence[str], items: Sequence[str], longest: int) -> str:
    """The opening lines and as many items as fit into `longest` characters; the number of the others closes the text."""
    lines, used = list(opening), sum(len(line) + 1 for line in opening) + _ROOM_FOR_THE_COUNT
    for number, item in enumerate(items):
        used += len(item) + 1
        if used > longest:
            lines.append(f"* and {len(items) - number} more.")
            break
        lines.append(item)
    return "\n".join(lines) + "\n"
