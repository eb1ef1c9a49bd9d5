"""How a tool asks the market: with progress told to the host, and a refusal for its cost turned into a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

from exposure.snapshot import Snapshot
from sources.market import CallBudgetError
from tools.state import AppState


async def asked_market(
    ctx: Context[AppState],
    symbols: Sequence[str],
    instant: datetime | None,
    *,
    legs: bool = False,
    allow_calls: int | None = None,
    besides: int = 0,
) -> Snapshot:
    """The market's answer; see `Market.snapshot`. Raises ToolError when it would cost more upstream calls than it may."""
    market = ctx.request_context.lifespan_context.market
    try:
        return await market.snapshot(symbols, instant, ctx.report_progress, legs=legs, allow_calls=allow_calls, besides=besides)
    except CallBudgetError as refusal:
        raise ToolError(str(refusal)) from None
