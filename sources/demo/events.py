"""Planted events: what the demo market can be told to do to chosen names, over and above its own noise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MarketEvent:
    """One shock to the given symbols, felt from the first trading minute at or after `start` (UTC).

    `jump` is a log return (-0.08 = about 8% down) that stays; only single stocks can jump, indices and ETFs follow by weight.
    `volatility_ratio` multiplies implied volatility and `call_tilt` is the log of call over put open interest added, both for
    `sessions` trading days. The tilt shows in settled open interest, so a reader sees it the morning after.
    """

    symbols: tuple[str, ...]
    start: datetime
    jump: float = 0.0
    volatility_ratio: float = 1.0
    call_tilt: float = 0.0
    sessions: int = 1
