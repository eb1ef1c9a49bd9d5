"""scan_sectors: which sectors are short gamma, how broad is it, who drives it, what flipped?"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import Field

from exposure.sessions import last_session, previous_session
from exposure.snapshot import Snapshot
from sources.market import Market, Progress
from tools.answer import age_notices, tool_result
from tools.arguments import AtArgument, ConventionArgument, DetailArgument, chosen_convention
from tools.at import ReplayInstant, replay_instant
from tools.baskets import chosen_baskets, mistakes_in
from tools.definition import ToolDefinition
from tools.scan_answer import RankBy, Scan, fitting_scan, structured
from tools.scan_model import ScanAnswer
from tools.scan_text import scan_text
from tools.state import AppState

PREVIOUS_CLOSE = "previous_close"


async def scan_sectors(
    ctx: Context[AppState],
    baskets: Annotated[
        list[str] | str | None,
        Field(description="Named baskets, list or comma string; the 11 sectors if left out", examples=["semis,banks"]),
    ] = None,
    at: AtArgument = None,
    since: Annotated[
        str | None, Field(description="Earlier instant to compare with, or previous_close", examples=[PREVIOUS_CLOSE])
    ] = None,
    rank_by: Annotated[
        Literal["net_gex", "imbalance", "breadth"],
        Field(description="First: lowest net GEX, lowest net/gross, or most weight in negative gamma", examples=["imbalance"]),
    ] = "net_gex",
    convention: ConventionArgument = None,
    detail: DetailArgument = "default",
) -> Annotated[CallToolResult, ScanAnswer]:
    state = ctx.request_context.lifespan_context
    chosen = chosen_baskets(state.baskets, baskets)
    now = state.clock()
    replay = replay_instant(at, now)
    instant = replay.instant if replay else None
    earlier = _earlier(since, instant or now, now)
    symbols = tuple(dict.fromkeys(symbol for one in chosen for symbol in (*one.symbols, *one.fund)))
    snapshot, before = await _both(state.market, symbols, instant, earlier, ctx.report_progress)
    scan = Scan(chosen, snapshot, before, chosen_convention(convention, state.convention), state.ambiguous_below)
    read = [notice for one in (replay, earlier) if one for notice in one.notices] + age_notices(snapshot, now)
    answer = fitting_scan(scan, read, mistakes_in(state.baskets), RankBy(rank_by), full=detail == "full")
    return tool_result(scan_text(answer), structured(answer))


TOOL = ToolDefinition(
    name="scan_sectors",
    title="Scan of sectors and baskets",
    description=(
        "Dealer gamma of many named baskets in one call (the 11 sectors unless some are named): net GEX, regime and how sure it "
        "is, how broad, top drivers, missing names, the sector fund apart from its members; with since, what changed and what "
        "flipped outside a neutral band. basket_exposure gives one basket in full."
    ),
    function=scan_sectors,
)


def _earlier(since: str | None, reference: datetime, now: datetime) -> ReplayInstant | None:
    """The instant to compare with; the previous close is that of the session before the one `reference` falls in."""
    if since is None or not since.strip():
        return None
    if since.strip().lower().replace(" ", "_") == PREVIOUS_CLOSE:
        return ReplayInstant(previous_session(last_session(reference).date).close)
    earlier = replay_instant(since, now)
    if earlier is not None and earlier.instant >= reference:
        raise ToolError("since is not before the instant it is compared with. Give an earlier one, or previous_close.")
    return earlier


async def _both(
    market: Market, symbols: tuple[str, ...], at: datetime | None, earlier: ReplayInstant | None, progress: Progress
) -> tuple[Snapshot, Snapshot | None]:
    """Both snapshots side by side, so that one deadline holds for the two; each symbol is asked for once an instant."""
    found: dict[str, Snapshot] = {}

    async def fetch(name: str, instant: datetime | None, told: Progress | None) -> None:
        found[name] = await market.snapshot(symbols, instant, told)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fetch, "now", at, progress)
        if earlier is not None:
            tasks.start_soon(fetch, "before", earlier.instant, None)
    return found["now"], found.get("before")
