"""Wiring: settings in, an MCP server with its market, tools and prompts out."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

import anyio.to_thread
from mcp.server.mcpserver import MCPServer

from prompts.catalogue import PROMPTS
from server.completions import add_completions
from server.offered_prompts import PromptRequests, mcp_prompt
from server.resources import add_resources
from server.settings import Settings, SourceName
from server.strict import StrictServer, strict_tool
from server.warm_up import WarmUp
from sources.base import DailyCloses, HistorySource
from sources.baskets import BasketCatalogue
from sources.market import Market
from tools.catalogue import TOOLS
from tools.definition import ToolDefinition
from tools.state import AppState

if TYPE_CHECKING:
    from exposure.snapshot import Snapshot
    from sources.base import Source, SourceStatus

NAME = "dealer-exposure"
DISTRIBUTION = "dealer-exposure-mcp"

_LOCAL_SYMBOLS_A_STEP = 1_000
"""Both sources there are compute on this machine, so that one question gets one answer of one moment."""

INSTRUCTIONS = """\
Dealer exposure of baskets of US stocks, ETFs and indices, computed from option chains: net gamma (GEX), delta (DEX), \
vanna (VEX) and charm (CHEX) exposure in dollars, now or at a past minute.

Which tool:
- `basket_exposure`: one name, or a weighted basket of up to 50 names.
- `scan_sectors`: many baskets at once; which sectors are short gamma, how broadly, and with `since` what flipped.
- `book_exposure`: the user's positions, long and short, in dollars, shares or percent.
- `frame_dispersion`: an index against its constituents, in gamma and in correlation.
- `data_status`: source, symbols, baskets, dates, freshness, a self-check; with `topic` the methodology or a glossary.

Reading an answer:
- `headline` says first what limits the answer. Answers can be partial: `missing` names what did not arrive and why, \
`weight_coverage` is the share of the weight that did, `bounds` how far the missing part could move the result. Null means not \
known, never zero.
- `regime` is only the sign of net GEX. `dealer_gamma` says whether that sign survives other assumptions: `long_gamma`, \
`short_gamma` or `ambiguous`. Who holds which side of the open interest is an assumption (`convention`), not an observation.
- `warnings` belong to the numbers beside them.
- `as_of` is when the data are from. `at` (US Eastern, for example 2024-06-05T10:30) replays a past minute with what was known \
then.
- The default source is a SYNTHETIC demo market: plausible, deterministic, and not market data (`synthetic: true`).

The tools describe positioning. They read only, and recommend no trade.
"""


def now() -> datetime:
    """The present as a UTC instant."""
    return datetime.now(UTC)


class _LazySource:
    """A source that is built when it is first asked, in a worker thread, because building it imports numpy and its reader."""

    def __init__(self, build: Callable[[], Source]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._built: Source | None = None

    def source(self) -> Source:
        """The source itself; the first call builds it. Safe to call from several threads."""
        with self._lock:
            if self._built is None:
                self._built = self._build()
            return self._built

    async def exposures(self, symbols: Sequence[str], at: datetime | None) -> Snapshot:
        return await (await self._ready()).exposures(symbols, at)

    async def status(self) -> SourceStatus:
        return await (await self._ready()).status()

    async def daily_closes(self, symbols: Sequence[str], at: datetime | None, count: int) -> DailyCloses | None:
        source = await self._ready()
        return await source.daily_closes(symbols, at, count) if isinstance(source, HistorySource) else None

    async def index_weights(self, index: str) -> Mapping[str, float] | None:
        source = await self._ready()
        return await source.index_weights(index) if isinstance(source, HistorySource) else None

    async def _ready(self) -> Source:
        if self._built is not None:
            return self._built
        return await anyio.to_thread.run_sync(self.source, abandon_on_cancel=True)


def build_market(settings: Settings, clock: Callable[[], datetime] = now) -> Market:
    """The market the settings choose. Nothing is read or imported before the first question."""
    return Market(
        _LazySource(lambda: _build_source(settings, clock)),
        deadline=0.8 * settings.tool_timeout_seconds,
        symbols_a_step=_LOCAL_SYMBOLS_A_STEP,
    )


def _build_source(settings: Settings, clock: Callable[[], datetime]) -> Source:
    from sources.base import ComputedSource

    if settings.source is SourceName.FILES:
        from sources.files.reader import FilesReader

        assert settings.files_dir is not None  # Settings refuses the source `files` without it
        staleness = timedelta(days=settings.staleness_days)
        reader = FilesReader(settings.files_dir, clock=clock, flat_rate=settings.flat_rate, staleness=staleness)
        return ComputedSource(reader)
    from sources.demo.reader import DemoReader

    return ComputedSource(DemoReader(clock))


def build_server(
    settings: Settings,
    *,
    market: Market | None = None,
    clock: Callable[[], datetime] = now,
    tools: Sequence[ToolDefinition] = TOOLS,
    warm_up: bool = False,
) -> StrictServer:
    """An MCP server ready to run. `warm_up` is for a process that serves one host over stdio."""
    state = AppState(
        market=market or build_market(settings, clock),
        clock=clock,
        convention=settings.convention,
        ambiguous_below=settings.ambiguous_below,
        staleness=timedelta(days=settings.staleness_days),
        baskets=BasketCatalogue(settings.baskets),
    )

    @asynccontextmanager
    async def lifespan(_: MCPServer[AppState]) -> AsyncIterator[AppState]:
        yield state

    server = StrictServer(
        NAME,
        tools=[strict_tool(definition) for definition in tools],
        tool_timeout_seconds=settings.tool_timeout_seconds,
        title="Dealer exposure",
        instructions=INSTRUCTIONS,
        version=version(DISTRIBUTION),
        log_level=settings.log_level.value,
        lifespan=lifespan,
        subscriptions=False,
        middleware=[
            *([WarmUp(partial(_import_what_questions_need, settings.source))] if warm_up else []),
            PromptRequests(PROMPTS),
        ],
    )
    for prompt in PROMPTS:
        server.add_prompt(mcp_prompt(prompt))
    add_resources(server, state)
    add_completions(server, state, PROMPTS)
    return server


def _import_what_questions_need(source: SourceName) -> None:
    """What `_build_source` and the first exposure would otherwise import while somebody waits."""
    import numpy  # noqa: F401

    import exposure.basket
    import exposure.legs  # noqa: F401

    if source is SourceName.FILES:
        import sources.files.reader
    else:
        import sources.demo.reader  # noqa: F401
