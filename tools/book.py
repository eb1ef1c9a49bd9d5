"""book_exposure: what dealer flow stands behind my positions?"""

from __future__ import annotations

from typing import Annotated, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from exposure.basket import EmptyBasketError
from exposure.book import book_exposure as exposure_behind
from tools.answer import age_notices, nothing_arrived, tool_result
from tools.arguments import AllowCallsArgument, AtArgument, ConventionArgument, chosen_convention
from tools.asking import asked_market
from tools.at import replay_instant
from tools.baskets import baskets_pointed_out
from tools.book_answer import fitting_answer, structured
from tools.book_model import BookAnswer
from tools.book_text import book_text
from tools.definition import ToolDefinition
from tools.positions import PositionsArgument, requested_book
from tools.state import AppState


async def book_exposure(
    ctx: Context[AppState],
    positions: PositionsArgument,
    at: AtArgument = None,
    convention: ConventionArgument = None,
    detail: Annotated[Literal["default", "full"], Field(description="full lists every position")] = "default",
    allow_calls: AllowCallsArgument = None,
) -> Annotated[CallToolResult, BookAnswer]:
    state = ctx.request_context.lifespan_context
    with baskets_pointed_out(state.baskets):
        asked = requested_book(positions)
    replay = replay_instant(at, state.clock())
    instant = replay.instant if replay else None
    full = detail == "full"
    snapshot = await asked_market(ctx, asked.symbols, instant, legs=full, allow_calls=allow_calls)
    try:
        result = exposure_behind(
            asked.holdings,
            snapshot,
            chosen_convention(convention, state.convention),
            ambiguous_below=state.ambiguous_below,
        )
    except EmptyBasketError as problem:
        why = str(problem) if snapshot.exposures else "No position of the book could be answered."
        raise nothing_arrived(snapshot.missing, why) from None
    read = replay.notices if replay else age_notices(snapshot, state.clock())
    answer = fitting_answer(asked, snapshot, result, read, full=full)
    return tool_result(book_text(answer), structured(answer))


TOOL = ToolDefinition(
    name="book_exposure",
    title="Dealer exposure behind a book",
    description=(
        "Dealer flow behind a book of up to 50 long and short positions in dollars, shares or percent: net GEX, DEX, VEX, CHEX "
        "by gross weight, the long and the short side, names whose share of dealer gamma differs most from their share of the "
        "dollars, what is missing, and whether the regime survives other sign assumptions. Market-wide exposure of the names, "
        "not the greeks of the caller's positions. Reports, does not advise."
    ),
    function=book_exposure,
)
