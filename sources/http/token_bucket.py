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

    async def take(self, until: float = math.inf) -> float:
        """Wait for one's turn: 0 when it has come, else, at once, the seconds of a pause that ends after `until`.

        Who is cancelled while waiting leaves the turn to the next.
        """
        if left := self._pause_beyond(until):
            return left
        async with self._turn:
            while True:
                if left := self._pause_beyond(until):
                    return left
                now = anyio.current_time()
                opening = max(self._earliest_of_even_pace - self._slack, self._paused_until)
                if opening <= now:
                    break
                await anyio.sleep_until(opening)  # and look again: a pause may have begun meanwhile
            self._earliest_of_even_pace = max(self._earliest_of_even_pace, now) + self._apart
        return 0.0

    def _pause_beyond(self, until: float) -> float:
        now = anyio.current_time()
        return self._paused_until - now if self._paused_until > max(until, now) else 0.0
