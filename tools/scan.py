"""scan_sectors: which sectors are short gamma, how broad is it, who drives it, what flipped?"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import Field

from exposure.sessions import FIRST_DAY, LAST_DAY, last_session, previous_session
from exposure.snapshot import Provenance
from tools.answer import age_notices, tool_result
from tools.arguments import AllowCallsArgument, AtArgument, ConventionArgument, DetailArgument, chosen_convention
from tools.asking import asked_market
from tools.at import ReplayInstant, replay_instant
from tools.baskets import chosen_baskets, mistakes_in
from tools.definition import ToolDefinition
from tools.figures import eastern_clock
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
    allow_calls: AllowCallsArgument = None,
) -> Annotated[CallToolResult, ScanAnswer]:
    state = ctx.request_context.lifespan_context
    chosen = chosen_baskets(state.baskets, baskets)
    now = state.clock()
    replay = replay_instant(at, now)
    instant = replay.instant if replay else None
    named = None if since is None or _is_previous_close(since) else replay_instant(since, now)
    symbols = tuple(dict.fromkeys(symbol for one in chosen for symbol in (*one.symbols, *one.fund)))
    # Both ends are counted before either is asked: half a comparison is worth nothing, and its calls would be gone.
    comparison = _earlier_than(since, named, instant or now)
    besides = await state.market.calls_needed(symbols, comparison.instant) if comparison else 0
    snapshot = await asked_market(ctx, symbols, instant, allow_calls=allow_calls, besides=besides)
    earlier = _earlier(since, named, snapshot.as_of or instant or now)
    before = await asked_market(ctx, symbols, earlier.instant, allow_calls=allow_calls) if earlier else None
    if before is not None and before.exposures and snapshot.exposures:
        _refuse_other_units(snapshot.provenance, before.provenance)
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


def _refuse_other_units(now: Provenance, before: Provenance) -> None:
    """Raises ToolError where a vendor's numbers would be compared with numbers in other units."""
    if now.units != before.units:
        raise ToolError(
            f"since would compare numbers of the source {now.source} with those of {before.source}, which are in other units. "
            "Leave since out, or choose one source for now and for the past."
        )


def _is_previous_close(since: str) -> bool:
    return since.strip().lower().replace(" ", "_") == PREVIOUS_CLOSE


def _earlier(since: str | None, named: ReplayInstant | None, as_of: datetime) -> ReplayInstant | None:
    """The instant to compare with: the one named, or the close of the session before the one the answer's quotes are from.

    Raises ToolError when the instant named is not before those quotes: the comparison would be with themselves.
    """
    if named is not None and named.instant >= as_of:
        raise ToolError(
            f"since is not before the quotes it is compared with, which are of {eastern_clock(as_of)}. "
            "Give an earlier instant, or previous_close."
        )
    return _earlier_than(since, named, as_of)


def _earlier_than(since: str | None, named: ReplayInstant | None, as_of: datetime) -> ReplayInstant | None:
    if since is None or not _is_previous_close(since):
        return named
    try:
        return ReplayInstant(previous_session(last_session(as_of).date).close)
    except ValueError:
        raise ToolError(
            f"The close before {eastern_clock(as_of)} is not known: the trading calendar covers {FIRST_DAY} to {LAST_DAY}. "
            "Give since as an instant, or leave it out."
        ) from None
