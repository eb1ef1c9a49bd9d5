"""explain_change: what changed in one basket between two instants, and what moved it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult

from exposure.basket import BasketExposure
from tools.answer import age_notices, tool_result
from tools.arguments import (
    AllowCallsArgument,
    BasketArgument,
    ConventionArgument,
    SymbolsArgument,
    WeightsArgument,
    chosen_convention,
    requested_basket,
)
from tools.at import replay_instant
from tools.change_answer import ChangeFindings, fitting_answer, structured
from tools.change_arguments import (
    PREVIOUS_CLOSE,
    ChangeDetailArgument,
    LaterArgument,
    SinceArgument,
    earlier_instant,
    refuse_reversed,
    requested_since,
)
from tools.change_ends import End, aggregated, read_end, refuse_incomparable
from tools.change_model import ChangeAnswer
from tools.change_text import change_text
from tools.definition import ToolDefinition
from tools.off_the_loop import in_a_thread
from tools.state import AppState

if TYPE_CHECKING:
    # numpy is imported by the functions that need it: this module is imported at start-up.
    from exposure.basket_attribution import BasketAttribution


async def explain_change(
    ctx: Context[AppState],
    symbols: SymbolsArgument = None,
    weights: WeightsArgument = None,
    basket: BasketArgument = None,
    since: SinceArgument = PREVIOUS_CLOSE,
    at: LaterArgument = None,
    convention: ConventionArgument = None,
    detail: ChangeDetailArgument = "default",
    allow_calls: AllowCallsArgument = None,
) -> Annotated[CallToolResult, ChangeAnswer]:
    state = ctx.request_context.lifespan_context
    asked = requested_basket(symbols, weights, basket, state.baskets)
    names, now = tuple(asked.weights), state.clock()
    replay, named = replay_instant(at, now), requested_since(since, now)
    instant, full = replay.instant if replay else None, detail == "full"
    refuse_reversed(named, instant or now)
    # Both ends are counted before either is asked: half a comparison is worth nothing, and its calls would be gone.
    likely = earlier_instant(named, instant or now).instant
    besides = await state.market.calls_needed(names, likely, legs=full)
    after = await read_end(ctx, names, instant, half=0, legs=full, allow_calls=allow_calls, besides=besides)
    signed = chosen_convention(convention, state.convention)
    is_now = aggregated(asked, after, signed, instant, ambiguous_below=state.ambiguous_below)
    earlier = earlier_instant(named, after.snapshot.as_of or instant or now)
    before = await read_end(ctx, names, earlier.instant, half=1, legs=full, allow_calls=allow_calls)
    was = aggregated(asked, before, signed, earlier.instant, ambiguous_below=state.ambiguous_below)
    refuse_incomparable(before.snapshot, after.snapshot)
    read = [*earlier.notices, *(replay.notices if replay else age_notices(after.snapshot, now))]
    attribution = await in_a_thread(partial(_attribution, was, before, is_now, after))
    findings = ChangeFindings(asked, before, after, was, is_now, attribution, read, full)
    answer = await in_a_thread(partial(fitting_answer, findings))
    return tool_result(change_text(answer), structured(answer))


TOOL = ToolDefinition(
    name="explain_change",
    title="What changed in a basket, and why",
    description=(
        "What changed in one basket between two instants (now against the previous close by default): each net, what flipped, "
        "and how much is roll-off, time, carry, spot, volatility, open interest, new listings, coverage, weights and "
        "membership, adding up exactly; what lacks chains is called unexplained. scan_sectors compares many baskets. Reports, "
        "does not advise."
    ),
    function=explain_change,
)


def _attribution(was: BasketExposure, before: End, is_now: BasketExposure, after: End) -> BasketAttribution:
    from exposure.basket_attribution import BasketEnd, attribute_basket

    return attribute_basket(BasketEnd(was, before.chains), BasketEnd(is_now, after.chains))
