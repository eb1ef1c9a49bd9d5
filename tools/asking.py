"""How a tool asks the market: with progress told to the host, a refusal for its cost turned into a sentence, and the name of a
basket that was given for a symbol pointed out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

from exposure.snapshot import Missing, MissingReason, Snapshot
from sources.background import Progress
from sources.base import ChainSnapshot
from sources.baskets import BasketCatalogue
from sources.market import CallBudgetError
from tools.baskets import basket_hint
from tools.state import AppState

# What sources say of a name that means nothing to them; FlashAlpha takes one for new that it has not been asked for before.
_PERHAPS_NO_TICKER = (MissingReason.UNKNOWN_SYMBOL, MissingReason.WARMING)


async def asked_market(
    ctx: Context[AppState],
    symbols: Sequence[str],
    instant: datetime | None,
    progress: Progress | None = None,
    *,
    legs: bool = False,
    allow_calls: int | None = None,
    besides: int = 0,
) -> Snapshot:
    """The market's answer; see `Market.snapshot`. Raises ToolError when it would cost more upstream calls than it may."""
    state, told = ctx.request_context.lifespan_context, progress or ctx.report_progress
    try:
        found = await state.market.snapshot(symbols, instant, told, legs=legs, allow_calls=allow_calls, besides=besides)
    except CallBudgetError as refusal:
        raise ToolError(str(refusal)) from None
    return replace(found, missing=_with_baskets_pointed_out(found.missing, state.baskets))


async def asked_chains(
    ctx: Context[AppState], symbols: Sequence[str], instant: datetime | None, progress: Progress | None = None
) -> ChainSnapshot | None:
    """The chains; see `Market.chains`."""
    state = ctx.request_context.lifespan_context
    found = await state.market.chains(symbols, instant, progress or ctx.report_progress)
    if found is None:
        return None
    return replace(found, missing=_with_baskets_pointed_out(found.missing, state.baskets))


def _with_baskets_pointed_out(missing: Iterable[Missing], catalogue: BasketCatalogue) -> tuple[Missing, ...]:
    # Only now: until the source has looked, the name of a basket may be a ticker too.
    return tuple(
        replace(one, detail=f"{one.detail} {hint}")
        if one.reason in _PERHAPS_NO_TICKER and (hint := basket_hint(catalogue, _as_written(one.symbol)))
        else one
        for one in missing
    )


def _as_written(symbol: str) -> str:
    """With the hyphen that a canonical ticker turned into the dot of a class share."""
    return symbol.replace(".", "-")
