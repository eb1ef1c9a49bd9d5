"""How often a host may be asked: so many at once, then one each so many seconds, in the order in which they came."""

from __future__ import annotations

import anyio


class TokenBucket:
    """Lets `burst` through at once and then one each `seconds_apart`. Belongs to the event loop in which it is first used."""

    def __init__(self, seconds_apart: float, burst: int) -> None:
        self._apart = seconds_apart
        self._slack = seconds_apart * (burst - 1)
        self._turn = anyio.Lock()
        self._earliest_of_even_pace = float("-inf")

    async def take(self) -> None:
        """Wait for one's turn. Who is cancelled while waiting leaves the turn to the next."""
        if not self._apart:
            return
        async with self._turn:
            await anyio.sleep_until(self._earliest_of_even_pace - self._slack)
            self._earliest_of_even_pace = max(self._earliest_of_even_pace, anyio.current_time()) + self._apart
