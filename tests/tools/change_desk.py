"""Chains of several instants behind a desk with explain_change, and the reading of its printed numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from exposure.chain import Chain
from exposure.dealer import SymbolExposure
from exposure.snapshot import Missing, MissingReason, Mode, Notice, Provenance, Snapshot
from sources.background import Progress
from sources.base import CallsNeeded, ChainSnapshot, SourceStatus
from sources.computed import ComputedSource, measured
from sources.demo.reader import DemoReader
from tests.builders import a_call, a_chain, a_put
from tests.tools.desk import NOW, Era, Reply, a_desk
from tests.tools.figures_in_text import unsupported
from tools import basket, change

TOOLS = (change.TOOL, basket.TOOL)
BEFORE = datetime(2024, 6, 5, 20, 0, tzinfo=UTC)
"""The previous close, as seen from NOW."""
PARTS = [
    "roll_off", "time", "carry", "spot", "volatility", "open_interest", "new_listings", "coverage", "unexplained",
    "weights_and_membership",
]  # fmt: skip
_SCALES = {"k": 3, "m": 6, "bn": 9, "tn": 12}


@dataclass
class TwoInstants:
    """Chains at BEFORE and at NOW; `recorded` are exposures that are known without a chain."""

    before: Mapping[str, Chain]
    after: Mapping[str, Chain]
    recorded: Mapping[str, SymbolExposure] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    synthetic: bool = False
    reason: MissingReason = MissingReason.NO_DATA_AT

    async def chains(self, symbols: Sequence[str], at: datetime | None, *, progress: Progress | None = None) -> ChainSnapshot:
        held = self.before if at is not None and at < NOW - timedelta(minutes=5) else self.after
        found = {symbol: held[symbol] for symbol in symbols if symbol in held}
        missing = tuple(Missing(one, self.reason, f"No chain of {one} was kept.") for one in symbols if one not in found)
        return ChainSnapshot(found, missing, self._provenance(at))

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        computed = measured(await self.chains(symbols, at))
        early = at is not None and at < NOW - timedelta(minutes=5)
        found = {
            symbol: self.recorded[symbol] for symbol in symbols if early and symbol in self.recorded
        } | dict(computed.exposures)  # fmt: skip
        missing = tuple(one for one in computed.missing if one.symbol not in found)
        return Snapshot(found, missing, self._provenance(at))

    def _provenance(self, at: datetime | None) -> Provenance:
        return Provenance("two", Mode.LIVE if at is None else Mode.REPLAY, self.synthetic, at, self.notices)

    async def status(self) -> SourceStatus:
        return SourceStatus("two", Mode.LIVE, self.synthetic, tuple(self.after), NOW, BEFORE, NOW)


@dataclass
class NetsAtTwoInstants:
    """A vendor's nets, at BEFORE and at NOW; `cost` is what a name costs in calls."""

    before: Mapping[str, SymbolExposure]
    after: Mapping[str, SymbolExposure]
    units: tuple[str | None, str | None] = (None, None)
    cost: int = 0
    left: int | None = None
    asked: list[datetime | None] = field(default_factory=list)

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        self.asked.append(at)
        early = at is not None and at < NOW - timedelta(minutes=5)
        held = self.before if early else self.after
        found = {symbol: held[symbol] for symbol in symbols if symbol in held}
        missing = tuple(Missing(one, MissingReason.NO_DATA_AT, f"No {one}.") for one in symbols if one not in found)
        mode = Mode.LIVE if at is None else Mode.REPLAY
        return Snapshot(found, missing, Provenance("vendor", mode, False, at, (), self.units[0 if early else 1]))

    def calls_needed(self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False) -> CallsNeeded:
        return CallsNeeded(self.cost * len(symbols), self.left)

    async def status(self) -> SourceStatus:
        return SourceStatus("vendor", Mode.LIVE, False, tuple(self.after), NOW, BEFORE, NOW)


def a_book(
    symbol: str = "NVDA",
    *,
    spot: float = 100.0,
    at: datetime = NOW,
    calls: float = 3_000.0,
    puts: float = 2_000.0,
    iv: float = 0.3,
) -> Chain:
    """Calls above and puts below 100."""
    contracts = [a_call(105.0, open_interest=calls, iv=iv), a_put(95.0, open_interest=puts, iv=iv)]
    return a_chain(contracts, symbol=symbol, spot=spot, quote_time=at)


def books(chains: Iterable[Chain]) -> dict[str, Chain]:
    return {one.symbol: one for one in chains}


def demo(now: datetime = NOW) -> ComputedSource:
    return ComputedSource(DemoReader(lambda: now))


async def change_of(source: Any, era: Era = "auto", **arguments: Any) -> Reply:
    """The answer of a call that has to succeed: both channels say the same, and all that is printed adds up."""
    async with a_desk(source, era, tools=TOOLS) as desk:
        answer = await desk.answer("explain_change", **arguments)
    strangers = unsupported(answer.text, answer.structured)
    assert not strangers, f"{strangers} in {answer.text[:3_000]}"
    assert answer.text.splitlines()[0] == answer.structured["headline"]
    assert_it_adds_up(answer)
    return answer


async def refused(source: Any, era: Era = "auto", **arguments: Any) -> str:
    """The sentence of a call that has to be refused."""
    async with a_desk(source, era, tools=TOOLS) as desk:
        return await desk.refusal("explain_change", **arguments)


def assert_it_adds_up(answer: Reply) -> None:
    """In the structured numbers and, digit by digit, in the text."""
    nets = answer.structured["nets"]
    assert list(nets["parts"]) == PARTS
    table = printed_table(answer)
    for place in range(4):
        before, after, shift = (exact(nets[row][place]) for row in ("before", "after", "change"))
        parts = sum((exact(values[place]) for values in nets["parts"].values()), Decimal(0))
        assert before + parts == after
        assert before + shift == after
        assert table["before"][place] + sum(table[part][place] for part in PARTS) == table["after"][place]
        assert table["before"][place] + table["change"][place] == table["after"][place]
        assert [table[row][place] for row in ("before", "after", "change")] == [before, after, shift]
    names, rest = answer.structured["names"], answer.structured["rest"]
    total = sum((exact(row["net_gex_change"]) for row in names), exact(rest["net_gex_change"]) if rest else Decimal(0))
    assert total == exact(nets["change"][0])
    for row in names:
        if row.get("parts"):
            assert sum(map(exact, row["parts"].values())) == exact(row["net_gex_change"])


def exact(number: float) -> Decimal:
    """The decimal number that JSON shows."""
    return Decimal(repr(number))


def printed_table(answer: Reply) -> dict[str, list[Decimal]]:
    """The rows of the text's table in dollars."""
    found = {}
    for line in answer.text.splitlines():
        name, *cells = line.split(" ")
        if name in (*PARTS, "before", "after", "change") and len(cells) == 4:
            found[name] = [_printed(cell) for cell in cells]
    assert len(found) == len(PARTS) + 3
    return found


def _printed(cell: str) -> Decimal:
    suffix = cell.lstrip("+-0123456789.")
    return Decimal(cell.removesuffix(suffix)).scaleb(_SCALES.get(suffix, 0))


def codes(answer: Reply) -> list[str]:
    """The codes of its warnings, in order."""
    return [one["code"] for one in answer.structured["warnings"]]


def part(answer: Reply, name: str, column: int = 0) -> float:
    """One part of the change of one net."""
    return float(answer.structured["nets"]["parts"][name][column])
