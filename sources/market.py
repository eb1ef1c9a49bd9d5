"""The one door through which tools reach market data: now is asked of the live source, then of the replay source.

Every question has a deadline. A source answers shortly before it with what has arrived; one that does not is given up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from exposure.snapshot import Missing, MissingReason, Mode, Notice, Provenance, Snapshot
from sources.background import Progress
from sources.base import (
    CallsNeeded,
    ChainSnapshot,
    ChainSource,
    Check,
    CheckedSource,
    DailyCloses,
    DispersionSource,
    HistorySource,
    MeteredSource,
    PublishedDispersion,
    SeriesSource,
)

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from archive.answers import SeriesBlock
    from sources.base import Source, SourceStatus

SourceMaker = Callable[[], "Source"]
"""Builds a source when it is first asked; called in a worker thread, because it imports numpy and more."""

DEFAULT_DEADLINE_SECONDS = 20.0
_SHARE_OF_A_CALL = 0.8
"""Of the time a tool call has left; the rest is for computing and writing the answer."""


class CallBudgetError(Exception):
    """A question would cost more upstream calls than it may; the text gives the numbers and what to do."""


@dataclass(frozen=True, slots=True)
class MarketStatus:
    """What both halves of the market can be asked."""

    live: SourceStatus
    replay: SourceStatus


class Market:
    """A live source and a replay source (often the same one), each given as it is or as what builds it on first use.

    `deadline` is seconds for one question. `running` is what the sources need while the server runs; `async with market` holds
    it open.
    """

    def __init__(
        self,
        live: Source | SourceMaker,
        replay: Source | SourceMaker | None = None,
        *,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
        running: AbstractAsyncContextManager[object] | None = None,
    ) -> None:
        self._live = _Slot(live)
        self._replay = self._live if replay is None else _Slot(replay)
        self._deadline = deadline
        self._running = running or nullcontext()

    async def __aenter__(self) -> Self:
        await self._running.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.__aexit__(kind, problem, trace)

    async def snapshot(
        self,
        symbols: Sequence[str],
        at: datetime | None,
        progress: Progress | None = None,
        *,
        legs: bool = False,
        allow_calls: int | None = None,
        besides: int = 0,
    ) -> Snapshot:
        """Exposure of each symbol: the newest there is, or as it was known at the UTC instant `at`.

        `legs` asks for call and put legs even where they cost upstream calls of their own. Symbols that the deadline cut off
        are missing as `timed_out`. Raises CallBudgetError when a counted source would need more calls than `allow_calls`, or,
        where that is None, a fan-out of more than the quota still has; `besides` are calls the same question is still to cost.
        """
        with self._within_deadline():
            source = await self._slot(at).source()
            if isinstance(source, MeteredSource):
                needed = source.calls_needed(symbols, at, legs=legs)
                _refuse_too_many(CallsNeeded(needed.calls + besides, needed.remaining), allow_calls)
            return await source.exposures(symbols, at, legs=legs, progress=progress)
        # Nothing came from any source, so there is nothing whose origin could be told.
        return Snapshot({}, _timed_out(symbols), _no_provenance(at))

    async def calls_needed(self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False) -> int:
        """Upstream calls that asking `snapshot` the same would cost; 0 where nobody counts them."""
        with self._within_deadline():
            source = await self._slot(at).source()
            return source.calls_needed(symbols, at, legs=legs).calls if isinstance(source, MeteredSource) else 0
        return 0

    async def chains(self, symbols: Sequence[str], at: datetime | None, progress: Progress | None = None) -> ChainSnapshot | None:
        """The chain of each symbol, under the same rules; None where the source publishes exposures only."""
        with self._within_deadline():
            source = await self._slot(at).source()
            return await source.chains(symbols, at, progress=progress) if isinstance(source, ChainSource) else None
        return ChainSnapshot({}, _timed_out(symbols), _no_provenance(at))

    async def series(
        self,
        symbols: Sequence[str],
        instants: Sequence[datetime],
        columns: Sequence[str],
        progress: Progress | None = None,
    ) -> SeriesBlock | None:
        """Columns of `archive.answers.SERIES_COLUMNS` at past instants, of the replay source; None where it has no series.

        Also None where nothing came in time.
        """
        with self._within_deadline():
            source = await self._replay.source()
            if isinstance(source, SeriesSource):
                return await source.series(symbols, instants, columns, progress=progress)
        return None

    async def daily_closes(self, symbols: Sequence[str], at: datetime | None, count: int) -> DailyCloses | None:
        """Closes of the last sessions that were over by then; None where the source has none, or not in time."""
        with self._within_deadline():
            source = await self._slot(at).source()
            return await source.daily_closes(symbols, at, count) if isinstance(source, HistorySource) else None
        return None

    async def index_weights(self, index: str, at: datetime | None) -> Mapping[str, float] | None:
        """Published weights of an index; None where the source publishes none. They are never invented."""
        with self._within_deadline():
            source = await self._slot(at).source()
            return await source.index_weights(index, at) if isinstance(source, HistorySource) else None
        return None

    async def dispersion(
        self,
        index: str,
        weights: Mapping[str, float],
        horizon_days: int,
        at: datetime | None,
        *,
        allow_calls: int | None = None,
    ) -> PublishedDispersion | Notice | None:
        """What the live source's provider publishes on dispersion, or why it gives nothing; None where it publishes none.

        It costs an upstream call, and is not asked where `allow_calls` leaves none.
        """
        if at is not None:
            return None
        with self._within_deadline():
            source = await self._live.source()
            if not isinstance(source, DispersionSource):
                return None
            if allow_calls is not None and allow_calls < 1:
                return Notice("dispersion_unavailable", "The provider's dispersion figures cost a call more than allow_calls.")
            return await source.dispersion(index, weights, horizon_days)
        return Notice("dispersion_unavailable", "The provider's dispersion figures did not arrive in time.")

    async def status(self) -> MarketStatus:
        """What can be asked, of each half."""
        live = await (await self._live.source()).status()
        return MarketStatus(live, live if self._replay is self._live else await (await self._replay.source()).status())

    async def checks(self) -> tuple[Check, ...]:
        """What the sources find when they look at what they depend on."""
        found: list[Check] = []
        for slot in dict.fromkeys((self._live, self._replay)):
            source = await slot.source()
            if isinstance(source, CheckedSource):
                found += await source.checks(past=slot is self._replay)
        return tuple(found)

    def _slot(self, at: datetime | None) -> _Slot:
        return self._live if at is None else self._replay

    def _within_deadline(self) -> anyio.CancelScope:
        left = anyio.current_effective_deadline() - anyio.current_time()
        return anyio.move_on_after(min(self._deadline, _SHARE_OF_A_CALL * left))


class _Slot:
    """A source, or what builds it when it is first asked. Safe to ask from several threads."""

    def __init__(self, given: Source | SourceMaker) -> None:
        self._make = given if callable(given) else None
        self._source = None if callable(given) else given
        self._lock = threading.Lock()

    async def source(self) -> Source:
        if self._source is not None:
            return self._source
        return await anyio.to_thread.run_sync(self._built, abandon_on_cancel=True)

    def _built(self) -> Source:
        with self._lock:
            if self._source is None:
                assert self._make is not None
                self._source = self._make()
            return self._source


def _refuse_too_many(needed: CallsNeeded, allowed: int | None) -> None:
    cost = f"This question needs {needed.calls} upstream calls"
    if allowed is not None and needed.calls > allowed:
        raise CallBudgetError(f"{cost}, and allow_calls is {allowed}. Allow {needed.calls}, or ask for fewer symbols.")
    # A single call is let through: it tells what the quota really is.
    if allowed is None and needed.remaining is not None and needed.calls > max(needed.remaining, 1):
        raise CallBudgetError(
            f"{cost}, and {needed.remaining} of today's quota are left. Ask for fewer symbols, wait for the quota's reset at "
            f"midnight UTC, or set allow_calls={needed.calls} to get what the quota still gives."
        )


def _timed_out(symbols: Sequence[str]) -> tuple[Missing, ...]:
    sentence = "It had not arrived when the time for the question was over; ask again."
    return tuple(Missing(symbol, MissingReason.TIMED_OUT, sentence) for symbol in symbols)


def _no_provenance(at: datetime | None) -> Provenance:
    return Provenance("none", Mode.LIVE if at is None else Mode.REPLAY, synthetic=False, at=at)
