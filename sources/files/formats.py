"""What a reader of one file format offers; each format is one module beside this one.

To add a format: implement `ChainFormat` in a module of its own and add it to `FORMATS` in `sources/files/reader.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from exposure.sessions import last_session

if TYPE_CHECKING:
    from exposure.chain import QuoteRows
    from exposure.greeks import Floats

# A chain whose typical volatility is above 400% does not exist; one written as percentages always looks like that.
_LARGEST_TYPICAL_VOLATILITY = 4.0
_ROOT_MARKS = str.maketrans("", "", "./- ")


class UnreadableFileError(Exception):
    """A file, or one chain in it, that cannot be read; the message is a sentence that does not quote the file."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A chain that a file holds: whose, and the UTC instant at which the file says it was written.

    `quote_time` is the instant its quotes are from, None where `valuation_time` of the stamp is that instant.
    """

    symbol: str
    stamp: datetime
    quote_time: datetime | None = field(default=None, compare=False)


class ChainFormat(Protocol):
    """One file format. Both readers raise UnreadableFileError, and nothing else, for a file they cannot use at all."""

    @property
    def name(self) -> str: ...

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether a file with these first bytes is of this format, judged without reading on."""
        ...

    def listings(self, content: bytes) -> Sequence[Listing]:
        """The chains in a file, cheaply: called once for every file of the folder."""
        ...

    def rows(self, content: bytes, wanted: Collection[Listing]) -> Mapping[Listing, QuoteRows | UnreadableFileError]:
        """The rows of each wanted chain of the file, or what is wrong with that one."""
        ...


def instant_of(text: str) -> datetime:
    """The UTC instant of an ISO stamp with an offset or Z. A stamp without one could be any of 24 hours, so it is refused."""
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        raise UnreadableFileError("its time stamp is not an ISO date and time") from None
    if stamp.tzinfo is None:
        raise UnreadableFileError("its time stamp has no time zone; write it with Z or an offset such as -04:00")
    try:
        return stamp.astimezone(UTC)
    except OverflowError:
        raise UnreadableFileError("its time stamp is not a time that exists") from None


def valuation_time(stamp: datetime) -> datetime:
    """The instant that quotes written at `stamp` are from: the stamp inside a session, otherwise the last session's close."""
    try:
        return min(stamp, last_session(stamp).close)
    except ValueError as problem:
        raise UnreadableFileError(f"its time stamp is outside the trading calendar: {str(problem).rstrip('.')}") from None


def volatilities(column: Sequence[float]) -> Floats:
    """The volatility column as fractions, NaN where unknown; a column of percentages is refused."""
    found = np.array(column, dtype=np.float64)
    positive = found[found > 0]
    if len(positive) and np.median(positive) > _LARGEST_TYPICAL_VOLATILITY:
        raise UnreadableFileError("its volatilities look like percentages; write fractions, 0.25 for 25%")
    return found


def root_of(text: str) -> str:
    """An option root as this project spells it: upper case, without the marks some vendors put into class shares."""
    return text.strip().upper().translate(_ROOT_MARKS)
