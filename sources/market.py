"""The one door through which tools reach market data: now is asked of the live source, then of the replay source.

A question is put to a source a few symbols at a time, so that progress can be told and a deadline gives what has arrived.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import anyio

from exposure.snapshot import Missing, MissingReason, Mode, Provenance, Snapshot
from sources.base import DailyCloses, HistorySource

if TYPE_CHECKING:
    from sources.base import Source, SourceStatus

Progress = Callable[[int, int], Awaitable[None]]
"""Told after each step: how many symbols have been asked for, and of how many."""

DEFAULT_SYMBOLS_A_STEP = 25
DEFAULT_DEADLINE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class MarketStatus:
    """What both halves of the market can be asked."""

    live: SourceStatus
    replay: SourceStatus


class Market:
    """A live source and a replay source (often the same one).

    `deadline` is seconds for one question. `symbols_a_step` is how many symbols a source is asked for at once: small where each
    one costs a wait, so that there is progress to tell; large for a source on this machine, whose one answer is of one moment.
    """

    def __init__(
        self,
        live: Source,
        replay: Source | None = None,
        *,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
        symbols_a_step: int = DEFAULT_SYMBOLS_A_STEP,
    ) -> None:
        self._live = live
        self._replay = replay or live
        self._deadline = deadline
        self._step = symbols_a_step

    async def snapshot(self, symbols: Sequence[str], at: datetime | None, progress: Progress | None = None) -> Snapshot:
        """Exposure of each symbol: the newest there is, or as it was known at the UTC instant `at`.

        Symbols that the deadline cut off are missing as `timed_out`.
        """
        source = self._live if at is None else self._replay
        steps = [tuple(symbols[start : start + self._step]) for start in range(0, len(symbols), self._step)]
        parts: list[Snapshot] = []
        with anyio.move_on_after(self._deadline):
            for step in steps:
                parts.append(await source.exposures(step, at))
                if progress is not None:
                    await progress(sum(map(len, steps[: len(parts)])), len(symbols))
        late = [symbol for step in steps[len(parts) :] for symbol in step]
        sentence = f"It had not arrived after {self._deadline:g} seconds; ask again."
        timed_out = [Missing(symbol, MissingReason.TIMED_OUT, sentence) for symbol in late]
        if not parts:
            # Nothing came from any source, so there is nothing whose origin could be told.
            mode = Mode.LIVE if at is None else Mode.REPLAY
            return Snapshot({}, tuple(timed_out), Provenance("none", mode, synthetic=False, at=at))
        return _joined(parts, timed_out)

    async def daily_closes(self, symbols: Sequence[str], at: datetime | None, count: int) -> DailyCloses | None:
        """Closes of the last sessions that were over by then; None where the source has none."""
        source = self._live if at is None else self._replay
        return await source.daily_closes(symbols, at, count) if isinstance(source, HistorySource) else None

    async def index_weights(self, index: str) -> Mapping[str, float] | None:
        """Published weights of an index; None where the live source publishes none. They are never invented."""
        return await self._live.index_weights(index) if isinstance(self._live, HistorySource) else None

    async def status(self) -> MarketStatus:
        """What can be asked, of each half."""
        live = await self._live.status()
        return MarketStatus(live, live if self._replay is self._live else await self._replay.status())


def _joined(parts: Sequence[Snapshot], late: Sequence[Missing]) -> Snapshot:
    notices = dict.fromkeys(notice for part in parts for notice in part.provenance.notices)
    return Snapshot(
        {symbol: one for part in parts for symbol, one in part.exposures.items()},
        (*(one for part in parts for one in part.missing), *late),
        replace(parts[0].provenance, notices=tuple(notices)),
    )
