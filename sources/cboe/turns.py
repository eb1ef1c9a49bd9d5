"""Whose request goes next: names of the newest question first, so that a scan being fetched on does not hold up one name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import anyio


class Turns:
    """Lets `at_once` requests through; of those that wait, the one the newest question wants is next. For one event loop."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._question = 0
        self._asked: dict[str, int] = {}
        self._waiting: dict[str, anyio.Event] = {}
        self._running: set[str] = set()

    def ask(self, symbols: Collection[str]) -> None:
        """A new question wants these; what an older one wanted too moves up with it."""
        self._question += 1
        self._asked.update((symbol, self._question) for symbol in symbols if symbol not in self._running)

    def requests_until(self, symbols: Collection[str]) -> int:
        """How many requests come before the last of these has been made, itself included."""
        order = sorted(self._waiting, key=self._rank)
        last = max((place for place, symbol in enumerate(order, 1) if symbol in symbols), default=0)
        return len(self._running) + last

    @asynccontextmanager
    async def turn(self, symbol: str) -> AsyncIterator[None]:
        """Holds one of the places; each symbol may wait only once at a time."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(symbol)
        self._asked.pop(symbol, None)
        self._running.add(symbol)
        try:
            yield
        finally:
            self._running.discard(symbol)
            self._pass_on()

    async def _wait(self, symbol: str) -> None:
        mine = self._waiting[symbol] = anyio.Event()
        try:
            await mine.wait()
        except BaseException:
            if self._waiting.pop(symbol, None) is None:
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        if self._waiting:
            self._waiting.pop(min(self._waiting, key=self._rank)).set()
        else:
            self._free += 1

    def _rank(self, symbol: str) -> int:
        return -self._asked.get(symbol, 0)
