"""basket_history: the same basket through a window, and how unusual its latest reading is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult

from exposure.basket import absent
from tools.answer import aggregate_or_refuse, nothing_arrived, tool_result
from tools.arguments import (
    BasketArgument,
    ConventionArgument,
    SymbolsArgument,
    WeightsArgument,
    chosen_convention,
    requested_basket,
)
from tools.asking import asked_market
from tools.definition import ToolDefinition
from tools.figures import eastern_clock
from tools.history_answer import HistoryFindings, HistoryQuestion, fitting_answer, structured
from tools.history_arguments import (
    HistoryDetailArgument,
    PageArgument,
    StepArgument,
    WindowArgument,
    WindowEndArgument,
    expected_instants,
    requested_step,
    requested_window,
)
from tools.history_model import HistoryAnswer
from tools.history_readings import COLUMNS, History, history_of
from tools.history_text import history_text
from tools.off_the_loop import in_a_thread
from tools.state import AppState

_OTHER_PROVIDER = (
    "The window's readings and the basket of its last one, {}, are from different providers, in other units, and one answer "
    "never mixes two. End the window at an instant at which one of them has more of the names, or ask for fewer names."
)
_NO_SERIES = (
    "The source that answers past instants keeps no series, or could read none of it in time. A shorter window, a longer step or "
    "fewer names take less time; data_status says what can be asked."
)


async def basket_history(
    ctx: Context[AppState],
    symbols: SymbolsArgument = None,
    weights: WeightsArgument = None,
    basket: BasketArgument = None,
    window: WindowArgument = "1y",
    at: WindowEndArgument = None,
    step: StepArgument = "auto",
    convention: ConventionArgument = None,
    detail: HistoryDetailArgument = "default",
    page: PageArgument = 1,
) -> Annotated[CallToolResult, HistoryAnswer]:
    state = ctx.request_context.lifespan_context
    asked = requested_basket(symbols, weights, basket, state.baskets)
    span = requested_window(window, at, state.clock())
    chosen = await in_a_thread(partial(requested_step, step, span, len(asked.weights)))
    instants, off_step = await in_a_thread(partial(expected_instants, span, chosen))
    signed = chosen_convention(convention, state.convention)
    block = await state.market.series(tuple(asked.weights), instants, COLUMNS, ctx.report_progress)
    if block is None:
        raise ToolError(_NO_SERIES)
    history = await in_a_thread(partial(history_of, block, asked, signed, instants, off_step=off_step))
    values = history.summary.values
    # What stands behind the last reading: reasons of missing names, quote times, open interest.
    resolved = values.last.at if values else span.end
    snapshot = await asked_market(ctx, tuple(asked.weights), resolved)
    if values is None:
        raise nothing_arrived(absent(asked.weights, snapshot), _no_reading(history))
    if snapshot.exposures and snapshot.provenance.units != history.units:
        raise ToolError(_OTHER_PROVIDER.format(eastern_clock(resolved)))
    snapshot = replace(snapshot, provenance=replace(snapshot.provenance, at=span.end))
    unread = f"The basket of {eastern_clock(resolved)} could not be read again."
    result = aggregate_or_refuse(asked, snapshot, signed, ambiguous_below=state.ambiguous_below, otherwise=unread)
    question = HistoryQuestion(asked, span, chosen, page, detail == "full")
    findings = HistoryFindings(question, history, values, snapshot, result)
    answer = await in_a_thread(partial(fitting_answer, findings))
    return tool_result(history_text(answer), structured(answer))


TOOL = ToolDefinition(
    name="basket_history",
    title="A basket through a window",
    description=(
        "Net dealer gamma (GEX) of a basket with fixed weights at every step of a past window: how unusual the latest reading is "
        "(percentile among earlier ones, also where names were missing), extremes, quantiles, time short gamma, flips, longest "
        "runs, gaps, a sparkline; detail=full adds the series. explain_change says why it moved between two instants. Reports, "
        "does not advise."
    ),
    function=basket_history,
)


def _no_reading(history: History) -> str:
    if not history.summary.expected:
        return f"None of {history.asked} instants could be read in time; ask for a longer step, a shorter window or fewer names."
    gaps = ", ".join(dict.fromkeys(gap.reason.value for gap in history.summary.gaps)) or "no instant"
    return f"The window has no reading at any of its {history.summary.expected} instants ({gaps})."
