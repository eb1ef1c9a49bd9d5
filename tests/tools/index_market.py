"""Hand-made markets with an index: closes and published weights beside exposures, and the tool behind a client."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from exposure.dealer import SymbolExposure
from sources.base import DailyCloses
from tests.builders import an_exposure
from tests.tools.desk import HandMadeSource, Reply
from tests.tools.figures_in_text import figures, numbers

LAST_DAY = date(2024, 6, 5)


@dataclass
class IndexSource(HandMadeSource):
    """A source that also knows closes (oldest first, the last on 2024-06-05) and published weights."""

    closes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    asked_closes: list[tuple[tuple[str, ...], datetime | None, int]] = field(default_factory=list)

    async def daily_closes(self, symbols: Sequence[str], at: datetime | None, count: int) -> DailyCloses | None:
        self.asked_closes.append((tuple(symbols), at, count))
        if not self.closes:
            return None
        length = min(count, len(next(iter(self.closes.values()))))
        days = tuple(LAST_DAY - timedelta(days=length - 1 - number) for number in range(length))
        return DailyCloses(days, {name: self.closes[name][-length:] for name in symbols if name in self.closes})

    async def index_weights(self, index: str, at: datetime | None) -> Mapping[str, float] | None:
        return self.published.get(index)


def an_index_source(
    *exposures: SymbolExposure,
    closes: Mapping[str, tuple[float, ...]] | None = None,
    published: Mapping[str, Mapping[str, float]] | None = None,
) -> IndexSource:
    """A source that knows these exposures, and closes and weights where given."""
    return IndexSource({one.symbol: one for one in exposures}, closes=closes or {}, published=published or {})


def the_golden_names() -> tuple[SymbolExposure, ...]:
    """SPX at 13.8% and three names at 18%, 14% and 46%, all long gamma but the last."""
    return (
        an_exposure("SPX", call_gex=3e9, put_gex=1e9, atm_iv=0.138),
        an_exposure("AAPL", atm_iv=0.18),
        an_exposure("MSFT", atm_iv=0.14),
        an_exposure("NVDA", call_gex=50e6, put_gex=90e6, atm_iv=0.46),
    )


def correlated_closes(names: Sequence[str], index: str, *, days: int = 61, rho: float = 0.3) -> dict[str, tuple[float, ...]]:
    """Prices whose returns have correlation rho, and the equal-weighted index of them."""
    random = np.random.default_rng(4)
    common, own = random.standard_normal((days - 1, 1)), random.standard_normal((days - 1, len(names)))
    returns = 0.02 * (math.sqrt(rho) * common + math.sqrt(1.0 - rho) * own)
    panel = np.column_stack([returns, returns.mean(axis=1)])
    prices = 100.0 * np.cumprod(np.vstack([np.ones(panel.shape[1]), 1.0 + panel]), axis=0)
    return {name: tuple(prices[:, column].tolist()) for column, name in enumerate([*names, index])}


def unsupported_figures(answer: Reply) -> list[str]:
    """The numbers of the text that the structured answer does not hold, at the text's own precision.

    Sentences that stand verbatim in the structured answer and name fixed quantities are left out; its statement is not.
    """
    structured, rest = answer.structured, answer.text
    fixed = [structured["units"], *(one["message"] for one in structured["warnings"])]
    fixed += [one["detail"] for one in structured["missing"] if one["detail"]]
    for sentence in fixed:
        rest = rest.replace(sentence, " ")
    held = list(numbers(structured))
    absent = [one for one in structured["missing_symbols"] if one != structured["index"]]
    hidden = structured["volatility"]["left_out_count"] - len(structured["volatility"]["left_out"])
    held += [structured["constituent_count"] + len(absent), 1.0 - structured["weight_coverage"], hidden, len(absent) - 3, 0.0]
    found = []
    for one in figures(rest):
        digits = one.written.partition(".")[2]
        # A negative correlation has a sign like dollars, but decimals like a share.
        reach = 0.5 * 10.0 ** -len(digits) if digits.isdigit() else one.reach
        if not any(one.is_of(number) or abs(one.value - number) <= reach * (1 + 1e-6) for number in held):
            found.append(one.written)
    return found
