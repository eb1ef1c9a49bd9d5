"""A desk with stress_basket over hand-made chains or the demo market."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from exposure.chain import Chain
from exposure.snapshot import Missing, MissingReason, Mode, Notice, Provenance
from sources.base import ChainSnapshot, DailyCloses, Source, SourceStatus
from sources.computed import ComputedSource
from sources.demo.reader import DemoReader
from tests.builders import Contract, a_call, a_chain, a_put
from tests.tools.desk import NOW, Era, Reply, a_desk
from tests.tools.figures_in_text import unsupported
from tools.stress import TOOL

LAST_CLOSE = date(2024, 6, 5)


@dataclass
class ChainsReader:
    """Hands over the chains it was given; any other symbol is unknown."""

    known: Mapping[str, Chain]
    notices: tuple[Notice, ...] = ()
    asked: list[tuple[tuple[str, ...], datetime | None]] = field(default_factory=list)

    def read(self, symbols: Sequence[str], at: datetime | None) -> ChainSnapshot:
        self.asked.append((tuple(symbols), at))
        chains = {symbol: self.known[symbol] for symbol in symbols if symbol in self.known}
        missing = tuple(
            Missing(symbol, MissingReason.UNKNOWN_SYMBOL, f"Nobody lists options of {symbol}.")
            for symbol in symbols
            if symbol not in self.known
        )
        mode = Mode.LIVE if at is None else Mode.REPLAY
        return ChainSnapshot(chains, missing, Provenance("hand-made", mode, False, at=at, notices=self.notices))

    def describe(self) -> SourceStatus:
        return SourceStatus("hand-made", Mode.LIVE, False, tuple(self.known), NOW, NOW, NOW)


@dataclass
class HistoryChainsReader(ChainsReader):
    """The same with daily closes, the last on 2024-06-05."""

    closes: Mapping[str, Sequence[float]] = field(default_factory=dict)
    asked_closes: list[tuple[tuple[str, ...], datetime | None, int]] = field(default_factory=list)

    def daily_closes(self, symbols: Sequence[str], at: datetime | None, count: int) -> DailyCloses:
        self.asked_closes.append((tuple(symbols), at, count))
        length = len(next(iter(self.closes.values())))
        days = tuple(LAST_CLOSE - timedelta(days=length - 1 - number) for number in range(length))
        return DailyCloses(days, {name: tuple(self.closes[name]) for name in symbols if name in self.closes})

    def index_weights(self, index: str, at: datetime | None) -> Mapping[str, float] | None:
        return None


def a_book_of(*, puts: float = 3_000.0, calls: float = 3_000.0, spot: float = 100.0) -> list[Contract]:
    """Puts 5% below spot and calls 5% above it, so that net GEX is negative in a fall and positive in a rise."""
    return [a_put(0.95 * spot, open_interest=puts), a_call(1.05 * spot, open_interest=calls)]


def flipping_chain(symbol: str = "NVDA", spot: float = 100.0, *, puts: float = 3_000.0, calls: float = 3_000.0) -> Chain:
    return a_chain(a_book_of(puts=puts, calls=calls, spot=spot), symbol=symbol, spot=spot)


def chains_source(*chains: Chain, notices: Iterable[Notice] = ()) -> ComputedSource:
    return ComputedSource(ChainsReader({one.symbol: one for one in chains}, tuple(notices)))


def moving_closes(betas: Mapping[str, float], index: str = "SPX", *, days: int = 253) -> dict[str, list[float]]:
    """Closes of an index and of names whose every return is beta times the index's."""
    returns = 0.01 * np.random.default_rng(3).standard_normal(days - 1)
    return {
        name: (100.0 * np.cumprod(np.concatenate([[1.0], 1.0 + beta * returns]))).tolist()
        for name, beta in {index: 1.0, **betas}.items()
    }


def the_demo(now: datetime = NOW) -> ComputedSource:
    return ComputedSource(DemoReader(lambda: now))


async def stressed(source: Source, era: Era = "auto", changes: Mapping[str, Any] | None = None, **arguments: Any) -> Reply:
    """An answer whose two channels have been checked to say the same."""
    async with a_desk(source, era, tools=(TOOL,), **(changes or {})) as desk:
        answer = await desk.answer("stress_basket", **arguments)
    # "falls 3%" is the shock of -3.
    falls = [-row["shock_pct"] for row in answer.structured["shocks"] or ()]
    strangers = unsupported(answer.text, answer.structured, falls)
    assert not strangers, f"{strangers} in {answer.text}"
    assert answer.text.splitlines()[:2] == [answer.structured["headline"], answer.structured["statement"]]
    return answer


async def refused(source: Source, era: Era = "auto", **arguments: Any) -> str:
    async with a_desk(source, era, tools=(TOOL,)) as desk:
        return await desk.refusal("stress_basket", **arguments)


def row_at(answer: Reply, shock: float) -> dict[str, Any]:
    (row,) = [one for one in answer.structured["shocks"] if one["shock_pct"] == shock]
    return dict(row)


def warned(answer: Reply, code: str) -> str:
    (message,) = [one["message"] for one in answer.structured["warnings"] if one["code"] == code]
    assert f"Warning {code}: {message}" in answer.text
    return str(message)


def codes(answer: Reply) -> list[str]:
    return [one["code"] for one in answer.structured["warnings"]]
