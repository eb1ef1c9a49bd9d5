"""Arguments and sentences that several prompts share. They describe what the user wants to know and name no tool."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

AtText = Annotated[str, Field(description="A past instant, US Eastern, such as 2024-06-05T10:30; now if left out.")]
ConventionText = Annotated[str, Field(description="Who dealers are assumed to be long; street if left out.")]
BasketText = Annotated[str, Field(description="A named basket such as semis, or symbols separated by commas.")]

CLOSING = (
    "Where a number is missing, say so rather than estimate it. A description of positioning is enough, no trade recommendation."
)
_ZONED = re.compile(r"T.*(Z|[+-]\d{2}:?\d{2})$", re.IGNORECASE)


def as_of(at: str) -> str:
    """` as of 2024-06-05T10:30 (US Eastern)`, or nothing for now."""
    instant = at.strip()
    if not instant:
        return ""
    return f" as of {instant}" if _ZONED.search(instant) else f" as of {instant} (US Eastern)"


def assuming(convention: str) -> str:
    """` under the sign convention dealers_short_all`, or nothing for the usual one."""
    return f" under the sign convention {convention.strip()}" if convention.strip() else ""


def the_basket(name_or_symbols: str, otherwise: str) -> str:
    """`the basket semis`, `the basket NVDA,AMD`, or what is meant when none is given."""
    return f"the basket {name_or_symbols.strip()}" if name_or_symbols.strip() else otherwise
