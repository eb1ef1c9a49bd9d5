"""What a source answered: exposures, what is missing and why, and where it all came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from exposure.dealer import SymbolExposure


class MissingReason(StrEnum):
    """Why a symbol that was asked for did not arrive. A network failure is never an unknown symbol."""

    UNKNOWN_SYMBOL = "unknown_symbol"
    NO_OPTIONS = "no_options"
    NO_DATA_AT = "no_data_at"
    WARMING = "warming"
    STALE = "stale"
    NOT_ENTITLED = "not_entitled"
    RATE_LIMITED = "rate_limited"
    FETCH_FAILED = "fetch_failed"
    TIMED_OUT = "timed_out"
    UNUSABLE_CHAIN = "unusable_chain"


@dataclass(frozen=True, slots=True)
class Missing:
    """A symbol that did not arrive. `detail` is a sentence for a person."""

    symbol: str
    reason: MissingReason
    detail: str


class Mode(StrEnum):
    """How fresh an answer set out to be."""

    LIVE = "live"
    DELAYED = "delayed"
    SNAPSHOT = "snapshot"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a reader of the numbers has to know; `code` is stable, `message` one sentence with the number in it."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an answer came from. `at` is the instant a replay was asked for, None when the newest data were wanted.

    `units` is None for exposures computed here, in the units of `exposure.dealer`; else what a vendor says of its own numbers.
    """

    source: str
    mode: Mode
    synthetic: bool
    at: datetime | None = None
    notices: tuple[Notice, ...] = ()
    units: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One answer of a source. Every symbol asked for is either in `exposures` or in `missing`, never in both."""

    exposures: Mapping[str, SymbolExposure]
    missing: tuple[Missing, ...]
    provenance: Provenance

    @property
    def as_of(self) -> datetime | None:
        """The newest quote in the answer: when the data are from, never when they were asked for."""
        return max((one.quote_time for one in self.exposures.values()), default=None)

    @property
    def oldest_quote(self) -> datetime | None:
        """The oldest quote in the answer."""
        return min((one.quote_time for one in self.exposures.values()), default=None)
