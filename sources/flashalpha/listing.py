"""Names in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

_NAMES_SHOWN = 5


def names(symbols: Sequence[str]) -> str:
    """`SPY`, `SPY and QQQ`, or the first five and how many more."""
    shown = list(symbols[:_NAMES_SHOWN])
    if len(symbols) > _NAMES_SHOWN:
        return f"{', '.join(shown)} and {len(symbols) - _NAMES_SHOWN} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
