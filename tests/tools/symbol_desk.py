"""Chains made by hand behind a real client, for the tests of symbol_exposure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from exposure.chain import Chain
from exposure.snapshot import Missing, MissingReason, Mode, Notice, Provenance
from sources.base import ChainSnapshot, SourceStatus
from sources.computed import ComputedSource
from sources.demo.reader import DemoReader
from tests.builders import EXPIRY, NAN, Contract, a_call, a_chain, a_put
from tests.tools.desk import NOW, Era, Reply, a_desk
from tests.tools.figures_in_text import unsupported
from tools import basket, symbol

TOOLS = (symbol.TOOL, basket.TOOL)
# Numbers that name what is counted and stand in the text alone: the tenor of ATM IV and the first day of each bucket.
NAMED = (30.0, 0.0, 8.0, 31.0, 61.0, 181.0)


@dataclass(frozen=True, slots=True)
class HandMadeChains:
    """A `ChainReader` that answers with the chains it was given; any other symbol is unknown."""

    chains: dict[str, Chain]
    notices: tuple[Notice, ...] = ()
    synthetic: bool = False

    def read(self, symbols: Sequence[str], at: datetime | None) -> ChainSnapshot:
        provenance = Provenance("hand-made", Mode.LIVE if at is None else Mode.REPLAY, self.synthetic, at, self.notices)
        unknown = (symbol for symbol in symbols if symbol not in self.chains)
        missing = tuple(Missing(one, MissingReason.UNKNOWN_SYMBOL, f"Nobody lists options of {one}.") for one in unknown)
        return ChainSnapshot({one: self.chains[one] for one in symbols if one in self.chains}, missing, provenance)

    def describe(self) -> SourceStatus:
        return SourceStatus("hand-made", Mode.LIVE, self.synthetic, tuple(self.chains), None, None, None)


def chains(*given: Chain, notices: tuple[Notice, ...] = (), synthetic: bool = False) -> ComputedSource:
    """A source that holds these chains."""
    return ComputedSource(HandMadeChains({one.symbol: one for one in given}, notices, synthetic))


def demo() -> ComputedSource:
    """The demo market at NOW."""
    return ComputedSource(DemoReader(lambda: NOW))


def calls_and_puts(
    held: Iterable[tuple[float, float, float]], symbol: str = "NVDA", spot: float = 100.0, expiry: date = EXPIRY, **more: Any
) -> Chain:
    """A chain of one expiry from (strike, call contracts, put contracts)."""
    contracts: list[Contract] = []
    for strike, called, put in held:
        contracts += [a_call(strike, expiry=expiry, open_interest=called), a_put(strike, expiry=expiry, open_interest=put)]
    return a_chain(contracts, symbol=symbol, spot=spot, **more)


def an_inverted_chain() -> Chain:
    """Calls below spot and puts above it: net gamma falls as spot rises, so below the flip it is positive."""
    return calls_and_puts([(90.0, 5_000.0, 0.0), (115.0, 0.0, 5_000.0)], "SPX", spot=98.0)


def forty_expiries(symbol: str = "SPX", spot: float = 5_432.1, quote_time: datetime = NOW) -> Chain:
    """An index-like chain: forty expiries from today on, much dropped for every reason, no quotes."""
    first = quote_time.date()
    days = [*range(20), *range(21, 91, 7), *range(120, 420, 30)]
    contracts: list[Contract] = []
    for place, ahead in enumerate(days):
        for step in range(-20, 21):
            strike = round(spot / 5.0) * 5.0 + 25.0 * step
            held = 98_765.0 / (1 + abs(step)) / (1 + place % 7)
            called, put = held * (1.5 if step > 2 else 0.5), held
            kept = {
                "expiry": first + timedelta(days=ahead),
                "root": "SPXW" if symbol == "SPX" else None,
                "iv": 0.21 - 0.002 * step,
            }
            contracts += [a_call(strike, open_interest=called, **kept), a_put(strike, open_interest=put, **kept)]
            if step == 7:
                contracts += [
                    a_call(strike, open_interest=held, **kept),
                    a_put(strike + 1, open_interest=held, **{**kept, "iv": NAN}),
                ]
                contracts.append(a_call(strike, open_interest=held, **{**kept, "root": f"{symbol}1"}))
                contracts.append(a_call(strike, open_interest=held, **{**kept, "expiry": first - timedelta(days=1 + ahead)}))
                contracts.append(a_call(strike, **{**kept, "open_interest": NAN}))
    return a_chain(contracts, symbol=symbol, spot=spot, quote_time=quote_time)


async def answer_of(source: Any, symbol: str = "SPX", era: Era = "auto", **arguments: Any) -> Reply:
    """The answer of a call that has to succeed, its text held against its structure."""
    async with a_desk(source, era, tools=TOOLS) as desk:
        answer = await desk.answer("symbol_exposure", symbol=symbol, **arguments)
    assert unsupported(answer.text, answer.structured, NAMED) == []
    assert answer.text.splitlines()[0] == answer.structured["headline"]
    return answer


async def refusal_of(source: Any, era: Era = "auto", **arguments: Any) -> str:
    """The sentence of a call that has to be refused."""
    async with a_desk(source, era, tools=TOOLS) as desk:
        return await desk.refusal("symbol_exposure", **arguments)


def codes(answer: Reply) -> list[str]:
    """The codes of its warnings, in order."""
    return [one["code"] for one in answer.structured["warnings"]]


def before(days: float) -> datetime:
    """An instant so many days before NOW."""
    return (NOW - timedelta(days=days)).astimezone(UTC)
