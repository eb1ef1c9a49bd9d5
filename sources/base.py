"""What every source of market data looks like to the rest of the house.

A source answers every symbol it is asked for: with an exposure, or with a `Missing` that says why not. It raises only for
programming errors. Sources that hold option chains implement the small synchronous `ChainReader`; `sources.computed`
makes a full source of one, off the event loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from exposure.snapshot import Missing, Mode, Notice, Provenance, Snapshot
from sources.background import Progress

if TYPE_CHECKING:
    from archive.answers import SeriesBlock
    from exposure.chain import Chain


@dataclass(frozen=True, slots=True)
class ChainSnapshot:
    """Chains of the symbols that arrived; every other symbol asked for is in `missing`."""

    chains: Mapping[str, Chain]
    missing: tuple[Missing, ...]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """What a source can be asked. `symbols` is None where the source cannot list them; instants are UTC."""

    source: str
    mode: Mode
    synthetic: bool
    symbols: tuple[str, ...] | None
    newest_quote: datetime | None
    replay_from: datetime | None
    replay_to: datetime | None
    remarks: tuple[str, ...] = ()


class Source(Protocol):
    """A place market data come from.

    A source that has to wait for its data answers shortly before the deadline of the surrounding cancel scope with what has
    arrived, and names the rest as missing (see `sources.background.arrivals`).
    """

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        """Exposure of each symbol: the newest there is, or as it was known at the UTC instant `at`.

        `legs` asks for call and put legs even where they cost upstream calls of their own.
        """
        ...

    async def status(self) -> SourceStatus:
        """What can be asked, and how fresh it is."""
        ...


@runtime_checkable
class ChainSource(Source, Protocol):
    """A source that can also hand over the chains themselves."""

    async def chains(self, symbols: Sequence[str], at: datetime | None, *, progress: Progress | None = None) -> ChainSnapshot:
        """Chain of each symbol, under the same rules as `exposures`."""
        ...


@dataclass(frozen=True, slots=True)
class CallsNeeded:
    """What a question would cost of a quota: upstream calls, and how many are left today (None where that is not known)."""

    calls: int
    remaining: int | None


@runtime_checkable
class SeriesSource(Protocol):
    """A source that answers for many past instants at once."""

    async def series(
        self,
        symbols: Sequence[str],
        instants: Sequence[datetime],
        columns: Sequence[str],
        *,
        progress: Progress | None = None,
    ) -> SeriesBlock:
        """Columns of `archive.answers.SERIES_COLUMNS` at ascending UTC instants, each as `exposures` would have it then.

        `quote_time` is a column too, in microseconds since 1970 UTC. Shape (symbols, instants), NaN where nothing is known. Where
        the deadline of the surrounding cancel scope comes first, the oldest instants are left out, and a remark says how many.
        """
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """One thing a source looked at for `doctor`; `advice` says what to do where it is not in order. Never holds a key."""

    subject: str
    passed: bool
    detail: str
    advice: str = ""


@runtime_checkable
class CheckedSource(Protocol):
    """A source that depends on more than this machine."""

    async def checks(self, *, past: bool = False) -> Sequence[Check]:
        """What stands between this source and an answer: terms, key, reachability, quota, a clock that is wrong.

        With `past` also what stands between it and an answer for a past instant. Asks the provider; does not raise.
        """
        ...


@runtime_checkable
class MeteredSource(Protocol):
    """A source whose provider counts calls."""

    def calls_needed(self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False) -> CallsNeeded:
        """The cost of asking `exposures` the same; what is in the cache costs nothing. Asks nobody."""
        ...


@dataclass(frozen=True, slots=True)
class PublishedDispersion:
    """A vendor's live dispersion figures, as published; volatilities are fractions a year, None where the vendor gives none.

    `constituent_iv` holds every constituent that has one. `correlation_to_index` is the weighted mean correlation of the
    names with the index over `horizon_days`, which the vendor calls realised.
    """

    as_of: datetime
    index_iv: float | None
    basket_iv: float | None
    constituent_iv: Mapping[str, float]
    implied_correlation: float | None
    correlation_to_index: float | None
    horizon_days: int
    missing: tuple[Missing, ...] = ()
    notices: tuple[Notice, ...] = ()


@runtime_checkable
class DispersionSource(Protocol):
    """A source that publishes dispersion itself."""

    async def dispersion(self, index: str, weights: Mapping[str, float], horizon_days: int) -> PublishedDispersion | Notice:
        """The provider's live figures for these names, or why there are none. Costs an upstream call."""
        ...


@dataclass(frozen=True, slots=True)
class DailyCloses:
    """Closing prices of several symbols on the same sessions, oldest first; every series is as long as `days`."""

    days: tuple[date, ...]
    prices: Mapping[str, tuple[float, ...]]


@runtime_checkable
class HistorySource(Protocol):
    """A source that also knows daily closes and what its indices are made of."""

    async def daily_closes(self, symbols: Sequence[str], at: datetime | None, count: int) -> DailyCloses | None:
        """Up to `count` closes of sessions that were over by `at` (now if None); symbols it lacks are left out.

        None where the source has no closes at all.
        """
        ...

    async def index_weights(self, index: str, at: datetime | None) -> Mapping[str, float] | None:
        """Weights of an index or fund published by then, summing to 1; None where the source publishes none."""
        ...


@runtime_checkable
class HistoryReader(Protocol):
    """What a `ChainReader` offers beside chains when it knows closes and index weights; see `HistorySource`."""

    def daily_closes(self, symbols: Sequence[str], at: datetime | None, count: int) -> DailyCloses: ...

    def index_weights(self, index: str, at: datetime | None) -> Mapping[str, float] | None: ...


class ChainReader(Protocol):
    """The synchronous heart of a chain source; called in a worker thread, possibly from several at once."""

    def read(self, symbols: Sequence[str], at: datetime | None) -> ChainSnapshot: ...

    def describe(self) -> SourceStatus: ...
