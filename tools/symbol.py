"""symbol_exposure: one name in depth, with its legs, flip, walls, expiries and the quality of its chain."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult

from exposure.basket import Basket, BasketExposure
from exposure.snapshot import Snapshot
from sources.base import ChainSnapshot
from sources.computed import measured
from tools.answer import age_notices, aggregate_or_refuse, tool_result
from tools.arguments import AllowCallsArgument, AtArgument, ConventionArgument, chosen_convention
from tools.asking import asked_chains, asked_market
from tools.at import replay_instant
from tools.definition import ToolDefinition
from tools.off_the_loop import in_a_thread
from tools.state import AppState
from tools.symbol_answer import fitting_answer, structured
from tools.symbol_arguments import (
    ExpiryArgument,
    SmileArgument,
    StrikesArgument,
    SymbolArgument,
    SymbolDetailArgument,
    requested_expiry,
    requested_strikes,
    requested_symbol,
)
from tools.symbol_findings import ChainFindings, Question, findings_of
from tools.symbol_model import SymbolAnswer
from tools.symbol_text import symbol_text


async def symbol_exposure(
    ctx: Context[AppState],
    symbol: SymbolArgument,
    at: AtArgument = None,
    convention: ConventionArgument = None,
    detail: SymbolDetailArgument = "default",
    strikes: StrikesArgument = None,
    expiry: ExpiryArgument = None,
    smile: SmileArgument = "sticky_strike",
    allow_calls: AllowCallsArgument = None,
) -> Annotated[CallToolResult, SymbolAnswer]:
    state = ctx.request_context.lifespan_context
    asked = Basket.of([requested_symbol(symbol, state.baskets)])
    question = Question(
        convention=chosen_convention(convention, state.convention),
        smile=smile,
        strikes=requested_strikes(strikes),
        expiry=requested_expiry(expiry),
        full=detail == "full",
    )
    replay = replay_instant(at, state.clock())
    instant = replay.instant if replay else None
    chains = await asked_chains(ctx, tuple(asked.weights), instant)
    if chains is None:
        snapshot = await asked_market(ctx, tuple(asked.weights), instant, legs=True, allow_calls=allow_calls)
    else:
        snapshot = await in_a_thread(partial(measured, chains))
    result = _alone(asked, snapshot, question, state.ambiguous_below)
    findings = await in_a_thread(partial(_findings, chains, snapshot, question)) if chains is not None else None
    read = replay.notices if replay else age_notices(snapshot, state.clock())
    answer = await in_a_thread(partial(fitting_answer, snapshot, result, findings, question, read))
    return tool_result(symbol_text(answer), structured(answer))


TOOL = ToolDefinition(
    name="symbol_exposure",
    title="One symbol in depth",
    description=(
        "One symbol, live or replayed at a past minute: call and put legs and nets (GEX, DEX, VEX, CHEX), six dealer-sign "
        "conventions, regime by net and by gamma flip, walls, max pain, expiries and roll-off, forwards, ATM IV, and how much of "
        "the chain was usable. basket_exposure takes several. Market-wide figures; reports, does not advise."
    ),
    function=symbol_exposure,
)


def _alone(asked: Basket, snapshot: Snapshot, question: Question, ambiguous_below: float) -> BasketExposure:
    """The basket of one name. Raises ToolError with a sentence when it did not arrive."""
    unanswered = f"{next(iter(asked.weights))} could not be answered."
    return aggregate_or_refuse(asked, snapshot, question.convention, ambiguous_below=ambiguous_below, otherwise=unanswered)


def _findings(chains: ChainSnapshot, snapshot: Snapshot, question: Question) -> ChainFindings:
    (symbol,) = snapshot.exposures
    return findings_of(chains.chains[symbol], snapshot.exposures[symbol].at_the_money, question)
