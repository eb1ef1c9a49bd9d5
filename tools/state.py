"""What every tool call is handed: the market, the clock and the choices the user made in the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from exposure.dealer import SignConvention
from sources.baskets import BasketCatalogue

if TYPE_CHECKING:
    from sources.market import Market


@dataclass(frozen=True, slots=True)
class AppState:
    """State of one server process, built once by its lifespan. `clock` returns the present as a UTC instant."""

    market: Market
    clock: Callable[[], datetime]
    convention: SignConvention
    ambiguous_below: float
    staleness: timedelta
    baskets: BasketCatalogue = field(default_factory=BasketCatalogue)
