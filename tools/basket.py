"""basket_exposure: what is the weighted dealer exposure of these names, and who drives it?"""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult

from tools.answer import age_notices, aggregate_or_refuse, tool_result
from tools.arguments import (
    AllowCallsArgument,
    AtArgument,
    BasketArgument,
    ConventionArgument,
    DetailArgument,
    SymbolsArgument,
    WeightsArgument,
    chosen_convention,
    requested_basket,
)
from tools.asking import asked_market
from tools.at import replay_instant
from tools.basket_answer import fitting_answer, structured
from tools.basket_model import BasketAnswer
from tools.basket_text import basket_text
from tools.definition import ToolDefinition
from tools.state import AppState


async def basket_exposure(
    ctx: Context[AppState],
    symbols: SymbolsArgument = None,
    weights: WeightsArgument = None,
    basket: BasketArgument = None,
    at: AtArgument = None,
    convention: ConventionArgument = None,
    detail: DetailArgument = "default",
    allow_calls: AllowCallsArgument = None,
) -> Annotated[CallToolResult, BasketAnswer]:
    state = ctx.request_context.lifespan_context
    asked = requested_basket(symbols, weights, basket, state.baskets)
    replay = replay_instant(at, state.clock())
    instant = replay.instant if replay else None
    full = detail == "full"
    snapshot = await asked_market(ctx, tuple(asked.weights), instant, legs=full, allow_calls=allow_calls)
    result = aggregate_or_refuse(
        asked,
        snapshot,
        chosen_convention(convention, state.convention),
        ambiguous_below=state.ambiguous_below,
        otherwise="No name of the basket could be answered.",
    )
    read = replay.notices if replay else age_notices(snapshot, state.clock())
    answer = fitting_answer(asked, snapshot, result, read, full=full)
    return tool_result(basket_text(answer), structured(answer))


TOOL = ToolDefinition(
    name="basket_exposure",
    title="Dealer exposure of a basket",
    description=(
        "Weighted net dealer exposure (GEX, DEX, VEX, CHEX) of up to 50 symbols, live or replayed at a past minute: which names "
        "drive it, which are missing and what they could change, whether dealers are long or short gamma and how much that "
        "depends on the assumed dealer sign. Dollar figures are market-wide, not the caller's position. data_status lists what "
        "can be asked. Reports, does not advise."
    ),
    function=basket_exposure,
)
