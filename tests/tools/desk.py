"""A desk for testing tools: the two tools behind a real MCP client, over a source that answers what the test hands it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from mcp import Client
from mcp.server.mcpserver import MCPServer
from mcp.types import CallToolResult, TextContent

from exposure.basket import DEFAULT_AMBIGUOUS_BELOW
from exposure.dealer import SignConvention, SymbolExposure
from exposure.snapshot import Missing, MissingReason, Mode, Notice, Provenance, Snapshot
from server.strict import StrictServer
from server.tool_shelf import ToolShelf
from sources.background import Progress
from sources.base import Source, SourceStatus
from sources.market import Market
from tests.builders import an_exposure
from tools.catalogue import TOOLS
from tools.definition import ToolDefinition
from tools.state import AppState

Era = Literal["auto", "legacy"]
ERAS: tuple[Era, ...] = ("auto", "legacy")
NOW = datetime(2024, 6, 6, 14, 0, tzinfo=UTC)
"""10:00 in New York on the Thursday after the builders' QUOTE_TIME."""


@dataclass
class HandMadeSource:
    """Answers with the exposures and the missing it was given; any other symbol is unknown."""

    known: Mapping[str, SymbolExposure]
    missing: Mapping[str, Missing] = field(default_factory=dict)
    synthetic: bool = False
    mode: Mode = Mode.LIVE
    notices: tuple[Notice, ...] = ()
    listed: tuple[str, ...] | None = None
    remarks: tuple[str, ...] = ()
    asked: list[tuple[tuple[str, ...], datetime | None]] = field(default_factory=list)

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        self.asked.append((tuple(symbols), at))
        provenance = Provenance(
            "hand-made", self.mode if at is None else Mode.REPLAY, self.synthetic, at=at, notices=self.notices
        )  # fmt: skip
        arrived = {symbol: self.known[symbol] for symbol in symbols if symbol in self.known}
        absent = tuple(self._absent(symbol) for symbol in symbols if symbol not in self.known)
        return Snapshot(arrived, absent, provenance)

    def _absent(self, symbol: str) -> Missing:
        unknown = Missing(symbol, MissingReason.UNKNOWN_SYMBOL, f"Nobody lists options of {symbol}.")
        return self.missing.get(symbol, unknown)

    async def status(self) -> SourceStatus:
        times = [one.quote_time for one in self.known.values()]
        listed = tuple(sorted(self.known)) if self.listed is None else self.listed
        return SourceStatus(
            "hand-made", self.mode, self.synthetic, listed, max(times, default=None), min(times, default=None), NOW, self.remarks
        )  # fmt: skip


def a_source(*exposures: SymbolExposure, missing: Iterable[Missing] = (), **facts: Any) -> HandMadeSource:
    """A source that knows these exposures; without any, NVDA and AMD and BRK.B."""
    known = exposures or (an_exposure("NVDA"), an_exposure("AMD", call_gex=80e6), an_exposure("BRK.B", put_gex=350e6))
    return HandMadeSource({one.symbol: one for one in known}, {one.symbol: one for one in missing}, **facts)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back over the wire, in both channels."""

    text: str
    structured: dict[str, Any]

    @property
    def compact_json(self) -> str:
        return json.dumps(self.structured, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Desk:
    """A connected client."""

    client: Client

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        return await self.client.call_tool(tool, arguments)

    async def answer(self, tool: str = "basket_exposure", **arguments: Any) -> Reply:
        """The answer of a call that has to succeed."""
        result = await self.call(tool, **arguments)
        assert not result.is_error, _text(result)
        assert isinstance(result.structured_content, dict)
        return Reply(_text(result), result.structured_content)

    async def refusal(self, tool: str = "basket_exposure", **arguments: Any) -> str:
        """The sentence of a call that has to be refused."""
        result = await self.call(tool, **arguments)
        assert result.is_error, _text(result)
        return _text(result)


def _text(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


def a_state(source: Source, **changes: Any) -> AppState:
    """The state of a server whose clock stands at NOW."""
    state = AppState(
        market=Market(source),
        clock=lambda: NOW,
        convention=SignConvention.STREET,
        ambiguous_below=DEFAULT_AMBIGUOUS_BELOW,
        staleness=timedelta(days=5),
    )
    return replace(state, **changes)


@asynccontextmanager
async def a_desk(
    source: Source | None = None, era: Era = "auto", *, tools: Sequence[ToolDefinition] = TOOLS, **changes: Any
) -> AsyncIterator[Desk]:
    """A client of a fresh server in this process. `changes` are fields of AppState."""
    state = a_state(source or a_source(), **changes)

    @asynccontextmanager
    async def lifespan(_: MCPServer[AppState]) -> AsyncIterator[AppState]:
        yield state

    server = StrictServer(
        "desk", shelf=ToolShelf(tools), tool_timeout_seconds=30.0, lifespan=lifespan
    )  # fmt: skip
    async with Client(server, mode=era) as client:
        yield Desk(client)


def listed_entry(definition: ToolDefinition) -> dict[str, Any]:
    """A tool as `tools/list` sends it."""
    (entry,) = ToolShelf([definition]).listed
    return entry.model_dump(mode="json", by_alias=True, exclude_none=True)
