"""How often a host may be asked: so many at once, then one each so many seconds, in the order in which they came."""

from __future__ import annotations

import math

import anyio


class TokenBucket:
    """Lets `burst` through at once and then one each `seconds_apart`. Belongs to the event loop in which it is first used."""

    def __init__(self, seconds_apart: float, burst: int) -> None:
        self._apart = seconds_apart
        self._slack = seconds_apart * (burst - 1)
        self._turn = anyio.Lock()
        self._earliest_of_even_pace = -math.inf
        self._paused_until = -math.inf

    def pause(self, seconds: float) -> None:
        """Let nobody through for so long, those who wait already included."""
        self._paused_until = max(self._paused_until, anyio.current_time() + seconds)

    async def take(self, patience: float = math.inf) -> float:
        """Wait for one's turn: 0 when it has come, else the seconds of a pause that is longer than `patience`, at once.

        Who is cancelled while waiting leaves the turn to the next.
        """
        async with self._turn:
            while True:
                now = anyio.current_time()
                paused = self._paused_until - now
                if paused > max(patience, 0.0):
                    return paused
                opening = max(self._earliest_of_even_pace - self._slack, self._paused_until)
                if opening <= now:
                    break
                await anyio.sleep_until(opening)  # and look again: a pause may have begun meanwhile
            self._earliest_of_even_pace = max(self._earliest_of_even_pace, now) + self._apart
        return 0.0
