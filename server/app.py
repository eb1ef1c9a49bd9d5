"""Wiring: settings in, an MCP server with its market, tools and prompts out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from mcp.server.mcpserver import MCPServer

from prompts.catalogue import PROMPTS
from server.completions import add_completions
from server.offered_prompts import PromptRequests, mcp_prompt
from server.resources import add_resources
from server.settings import Settings, SourceName
from server.strict import StrictServer
from server.tool_shelf import ToolShelf
from server.warm_up import WarmUp
from server.wiring import build_source, import_what_questions_need
from sources.background import Background
from sources.baskets import BasketCatalogue
from sources.market import Market
from tools.definition import ToolDefinition
from tools.state import AppState

if TYPE_CHECKING:
    from sources.base import Source

NAME = "dealer-exposure"
DISTRIBUTION = "dealer-exposure-mcp"

INSTRUCTIONS = """\
Dealer exposure of baskets of US stocks, ETFs and indices, computed from option chains: net gamma (GEX), delta (DEX), \
vanna (VEX) and charm (CHEX) exposure in dollars, now or at a past minute.

Which tool:
- `basket_exposure`: one name, or a weighted basket of up to 50 names.
- `scan_sectors`: many baskets at once; which sectors are short gamma, how broadly, and with `since` what flipped.
- `book_exposure`: the user's positions, long and short, in dollars, shares or percent.
- `frame_dispersion`: an index against its constituents, in gamma and in correlation.
- `symbol_exposure`: one name in depth: legs, gamma flip, walls, expiries, quality of its chain.
- `basket_history`: the same basket through a window: percentile, flips, what is unusual.
- `explain_change`: what changed between two instants, and how much is spot, volatility, time, open interest, roll-off.
- `stress_basket`: where a basket flips in a common shock, and what dealers would have to trade.
- `data_status`: source, symbols, dates, freshness, a self-check; with `topic` the methodology or a glossary.

Reading an answer:
- `headline` says first what limits the answer. `missing` names what did not arrive and why, `weight_coverage` is the share of \
the weight that did, `bounds` how far the rest could move the result. Null means not known, never zero.
- `regime` is only the sign of net GEX; `dealer_gamma` (`long_gamma`, `short_gamma`, `ambiguous`) says whether it survives other \
assumptions. Who holds which side of the open interest is an assumption (`convention`), not an observation.
- `warnings` belong to the numbers beside them.
- `as_of` is when the data are from. `at` (US Eastern, for example 2024-06-05T10:30) replays a past minute with what was known \
then.
- The default source is a SYNTHETIC demo market: plausible, deterministic, and not market data (`synthetic: true`).

The tools describe positioning. They read only, and recommend no trade.
"""


def now() -> datetime:
    """The present as a UTC instant."""
    return datetime.now(UTC)


def build_market(settings: Settings, clock: Callable[[], datetime] = now) -> Market:
    """The market the settings choose. Nothing is read or imported before the first question; `async with` it around questions."""
    background = Background()
    makers: dict[SourceName, Callable[[], Source]] = {}
    for name in (settings.live_source, settings.replay_source):
        makers[name] = partial(build_source, name, settings, clock, background)
    live, replay = settings.live_source, settings.replay_source
    return Market(
        makers[live],
        None if replay is live else makers[replay],
        deadline=0.8 * settings.tool_timeout_seconds,
        running=background,
    )


def build_server(
    settings: Settings,
    *,
    market: Market | None = None,
    clock: Callable[[], datetime] = now,
    tools: Sequence[ToolDefinition] | None = None,
    warm_up: bool = False,
) -> StrictServer:
    """An MCP server ready to run. `warm_up` is for a process that serves one host over stdio."""
    shelf = ToolShelf(tools)
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
        async with state.market:
            yield state

    server = StrictServer(
        NAME,
        shelf=shelf,
        tool_timeout_seconds=settings.tool_timeout_seconds,
        title="Dealer exposure",
        instructions=INSTRUCTIONS,
        version=version(DISTRIBUTION),
        log_level=settings.log_level.value,
        lifespan=lifespan,
        subscriptions=False,
        middleware=[
            *([WarmUp(partial(_prepare, shelf, settings.live_source))] if warm_up else []),
            PromptRequests(PROMPTS),
        ],
    )
    for prompt in PROMPTS:
        server.add_prompt(mcp_prompt(prompt))
    add_resources(server, state)
    add_completions(server, state, PROMPTS)
    return server


def _prepare(shelf: ToolShelf, source: SourceName) -> None:
    """Everything the first question would otherwise import and build while somebody waits."""
    shelf.tools()
    import_what_questions_need(source)
