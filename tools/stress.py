"""stress_basket: where does the basket flip in a common shock, and what must dealers trade on the way?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult

from exposure.basket import BasketExposure
from exposure.instruments import canonical_symbol
from exposure.snapshot import Snapshot
from sources.baskets import BasketCatalogue
from sources.computed import measured
from tools.answer import age_notices, aggregate_or_refuse, tool_result
from tools.arguments import (
    AtArgument,
    BasketArgument,
    ConventionArgument,
    SymbolsArgument,
    WeightsArgument,
    chosen_convention,
    requested_basket,
)
from tools.asking import asked_chains, asked_market
from tools.at import replay_instant
from tools.baskets import named_basket
from tools.definition import ToolDefinition
from tools.figures import echoed
from tools.off_the_loop import in_a_thread
from tools.state import AppState
from tools.stress_answer import fitting_answer, structured
from tools.stress_arguments import (
    BetaIndexArgument,
    BetasArgument,
    DaysForwardArgument,
    ShocksArgument,
    SmileArgument,
    StressDetailArgument,
    VolatilityPointsArgument,
    requested_betas,
    requested_shocks,
)
from tools.stress_betas import Betas, resolved_betas
from tools.stress_findings import Findings, StressQuestion
from tools.stress_model import StressAnswer
from tools.stress_text import stress_text

if TYPE_CHECKING:
    # numpy is imported by the functions that need it: this module is imported at start-up.
    from exposure.chain import Chain
    from exposure.stress import Stress

_BROAD_INDEX = "SPX"


async def stress_basket(
    ctx: Context[AppState],
    symbols: SymbolsArgument = None,
    weights: WeightsArgument = None,
    basket: BasketArgument = None,
    at: AtArgument = None,
    convention: ConventionArgument = None,
    shocks: ShocksArgument = None,
    betas: BetasArgument = None,
    index: BetaIndexArgument = None,
    volatility_points: VolatilityPointsArgument = 0,
    days_forward: DaysForwardArgument = 0,
    smile: SmileArgument = "sticky_strike",
    detail: StressDetailArgument = "default",
) -> Annotated[CallToolResult, StressAnswer]:
    state = ctx.request_context.lifespan_context
    asked = requested_basket(symbols, weights, basket, state.baskets)
    asked_betas = requested_betas(betas, asked.weights)
    against = _index(index, basket, state.baskets, estimated=asked_betas.estimated)
    replay = replay_instant(at, state.clock())
    instant = replay.instant if replay else None
    question = StressQuestion(
        asked=asked,
        convention=chosen_convention(convention, state.convention),
        shocks=requested_shocks(shocks, with_zero=bool(volatility_points or days_forward)),
        volatility_points=volatility_points,
        days_forward=days_forward,
        smile=smile,
        full=detail == "full",
    )
    chains = await asked_chains(ctx, tuple(asked.weights), instant)
    if chains is None:
        snapshot = await _published_nets(ctx, tuple(asked.weights), instant)
        result, used = _together(question, snapshot, state.ambiguous_below), Betas.none()
        repriced = None
    else:
        snapshot = await in_a_thread(partial(measured, chains))
        result = _together(question, snapshot, state.ambiguous_below)
        used = await resolved_betas(asked_betas, state.market, against, tuple(snapshot.exposures), instant)
        usable = {symbol: chains.chains[symbol] for symbol in snapshot.exposures}
        repriced = await in_a_thread(partial(_repriced, question, usable, used))
    read = replay.notices if replay else age_notices(snapshot, state.clock())
    findings = Findings(question, snapshot, result, used, repriced, tuple(read))
    answer = await in_a_thread(partial(fitting_answer, findings))
    return tool_result(stress_text(answer), structured(answer))


TOOL = ToolDefinition(
    name="stress_basket",
    title="Basket in a common shock",
    description=(
        "Where a basket's net dealer gamma changes sign in a common move, live or replayed, and what dealers would trade on the "
        "way: full revaluation beside the linear estimate, split into gamma, vanna, charm and rest. Market-wide dollars; "
        "reports, does not advise. basket_exposure has the nets."
    ),
    function=stress_basket,
)


async def _published_nets(ctx: Context[AppState], symbols: tuple[str, ...], instant: datetime | None) -> Snapshot:
    """The nets of a source without chains. Raises ToolError where they would cost more than the quota still has."""
    try:
        return await asked_market(ctx, symbols, instant)
    except ToolError:
        raise ToolError(
            "This source publishes nets and no chains, so nothing can be repriced, and even the nets would cost more upstream "
            "calls than the quota has left. Ask for fewer symbols, or use a source with chains (demo, cboe, files)."
        ) from None


def _together(question: StressQuestion, snapshot: Snapshot, ambiguous_below: float) -> BasketExposure:
    """Today's exposure of the basket. Raises ToolError with a sentence when no name with weight arrived."""
    unanswered = "No name of the basket could be answered."
    return aggregate_or_refuse(
        question.asked, snapshot, question.convention, ambiguous_below=ambiguous_below, otherwise=unanswered
    )


def _repriced(question: StressQuestion, chains: Mapping[str, Chain], betas: Betas) -> Stress:
    """The basket over the whole curve and the shocks to show. Raises ToolError with a sentence when nothing can be repriced."""
    from exposure.stress import Scenario, StressError, stress

    scenario = Scenario(
        shocks=question.curve_shocks(),
        volatility_points=question.volatility_points,
        days_forward=question.days_forward,
        smile=question.smile_rule(),
    )
    try:
        found = stress(question.asked, chains, question.convention, scenario, betas.by_symbol)
    except StressError as problem:
        raise ToolError(str(problem)) from None
    if all(one.expired and not one.net_gex.any() for one in found.names):
        raise ToolError(
            f"Every contract of these names expires within {question.days_forward:g} days, so nothing is left to reprice. "
            "Choose fewer days_forward."
        )
    return found


def _index(index: str | None, basket: str | None, catalogue: BasketCatalogue, *, estimated: bool) -> str:
    """What betas are estimated against: the index asked for, else the basket's own, else a broad one."""
    if index is None:
        own = named_basket(catalogue, basket).index if basket is not None else None
        return own or _BROAD_INDEX
    symbol = canonical_symbol(index)
    if symbol is None:
        raise ToolError(f"index '{echoed(index, 20)}' is not a ticker. An index or fund looks like SPX, NDX or XLK.")
    if not estimated:
        raise ToolError('index is for estimated betas only. Ask with betas "estimated", or leave index out.')
    return symbol
