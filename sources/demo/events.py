"""Events: what the demo market can be told to do to chosen names, over and above its own noise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

_FADING_SESSIONS = 3.0
"""Trading days in which what is left of an event's pressure halves, once its own days are over."""
_FORGOTTEN = 1e-3
"""Share of an event's pressure below which there is none."""


@dataclass(frozen=True, slots=True)
class MarketEvent:
    """One shock to the given symbols, felt from the first trading minute at or after `start` (UTC); nothing before it changes.

    `jump` is a log return (-0.08 = about 8% down) that stays, spread evenly over `minutes` trading minutes of that session; only
    single stocks can jump, indices and ETFs follow by weight. The other effects last for `sessions` trading days and then fade,
    by half every three. `volatility_ratio` multiplies implied volatility and arrives together with the jump. `call_tilt` is the
    log of call over put open interest added. `open_interest_ratio` multiplies the open interest of one `expiry` (of all without
    it) and is built up evenly over the `sessions`. Open interest is settled, so a reader sees a change the morning after.
    """

    symbols: tuple[str, ...]
    start: datetime
    jump: float = 0.0
    minutes: int = 1
    volatility_ratio: float = 1.0
    call_tilt: float = 0.0
    open_interest_ratio: float = 1.0
    expiry: date | None = None
    sessions: int = 1


@dataclass(frozen=True, slots=True)
class Landing:
    """An event on the market's own clock: the rows it touches, the session (its index) and minute from which it is felt."""

    rows: tuple[int, ...]
    index: int
    minute: int
    event: MarketEvent

    def arrived(self, index: int, minute: int) -> float:
        """The share of the jump that is in the price at a minute, 0..1."""
        if (index, minute) < (self.index, self.minute):
            return 0.0
        return 1.0 if index > self.index else min((minute - self.minute + 1) / self.event.minutes, 1.0)

    def pressure(self, index: int) -> float:
        """The share of the passing effects there is in a session, 1 for the event's own days, then fading to 0."""
        over = index - self.index - self.event.sessions + 1
        if index < self.index:
            return 0.0
        left = 0.5 ** (max(over, 0) / _FADING_SESSIONS)
        return left if left >= _FORGOTTEN else 0.0

    def built(self, index: int) -> float:
        """The share of the extra open interest that is open when a session has settled, 0..1."""
        return self.pressure(index) * min((index - self.index + 1) / self.event.sessions, 1.0)
