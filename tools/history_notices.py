"""How many warnings a default answer has room for."""

from __future__ import annotations

from collections.abc import Sequence

from exposure.snapshot import Notice
from tools.figures import counted


def limited_notices(notices: Sequence[Notice], most: int) -> list[Notice]:
    """The first `most` of the notices, which come in order of importance, and how many more there are."""
    others = len(notices) - most
    if others <= 0:
        return list(notices)
    return [*notices[:most], Notice("more_warnings", f"{counted(others, 'more warning')} with detail=full.")]
