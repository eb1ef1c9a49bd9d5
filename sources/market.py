"""The one door through which tools reach market data: now is asked of the live source, then of the replay source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exposure.snapshot import Snapshot
    from sources.base import Source, SourceStatus


@dataclass(frozen=True, slots=True)
class MarketStatus:
    """What both halves of the market can be asked."""

    live: SourceStatus
    replay: SourceStatus


class Market:
    """A live source and a replay source (often the same one)."""

    def __init__(self, live: Source, replay: Source | None = None) -> None:
        self._live = live
        self._replay = replay or live

    async def snapshot(self, symbols: Sequence[str], at: datetime | None) -> Snapshot:
        """Exposure of each symbol: the newest there is, or as it was known at the UTC instant `at`."""
        source = self._live if at is None else self._replay
        return await source.exposures(symbols, at)

    async def status(self) -> MarketStatus:
        live = await self._live.status()
        return MarketStatus(live, live if self._replay is self._live else await self._replay.status())
