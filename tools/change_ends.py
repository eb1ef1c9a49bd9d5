"""The two instants of a change: what was known at each, with the chains where there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

from exposure.basket import Basket, BasketExposure
from exposure.dealer import SignConvention
from exposure.snapshot import MissingReason, Snapshot
from sources.background import Progress
from sources.computed import measured
from tools.answer import aggregate_or_refuse
from tools.asking import asked_chains, asked_market
from tools.figures import eastern_clock
from tools.state import AppState

if TYPE_CHECKING:
    # numpy is imported by the functions that need it: this module is imported at start-up.
    from exposure.chain import Chain

# Reasons for which a chain can be missing of a name whose exposure was recorded.
_WITHOUT_CHAIN = (MissingReason.NO_DATA_AT, MissingReason.STALE)


@dataclass(frozen=True, slots=True)
class End:
    """One instant; a name in the snapshot may be without a chain."""

    snapshot: Snapshot
    chains: Mapping[str, Chain]
    publishes_chains: bool


async def read_end(
    ctx: Context[AppState],
    symbols: Sequence[str],
    instant: datetime | None,
    *,
    half: int,
    legs: bool,
    allow_calls: int | None,
    besides: int = 0,
) -> End:
    """What is known at an instant, or now; nets alone where the source has no chains.

    `half` is 0 for the end that is read first and 1 for the other; `besides` are upstream calls the other is to cost. Raises
    ToolError when it would cost more calls than it may.
    """
    progress = _half(ctx, half)
    chains = await asked_chains(ctx, symbols, instant, progress)
    snapshot = None
    if chains is not None:
        snapshot = await anyio.to_thread.run_sync(partial(measured, chains), abandon_on_cancel=True)
    lacking = symbols if snapshot is None else [one.symbol for one in snapshot.missing if one.reason in _WITHOUT_CHAIN]
    if lacking:
        others = await asked_market(ctx, lacking, instant, progress, legs=legs, allow_calls=allow_calls, besides=besides)
        snapshot = others if snapshot is None else _completed(snapshot, others)
    assert snapshot is not None
    if chains is None:
        return End(snapshot, {}, publishes_chains=False)
    known = {symbol: chain for symbol, chain in chains.chains.items() if symbol in snapshot.exposures}
    return End(snapshot, known, publishes_chains=True)


def aggregated(
    asked: Basket, end: End, convention: SignConvention, which: datetime | None, *, ambiguous_below: float
) -> BasketExposure:
    """The basket at one end. Raises ToolError with a sentence where nothing of it arrived."""
    when = f"at {eastern_clock(which)}" if which else "now"
    unanswered = f"No name of the basket could be answered {when}."
    return aggregate_or_refuse(asked, end.snapshot, convention, ambiguous_below=ambiguous_below, otherwise=unanswered)


def refuse_incomparable(before: Snapshot, after: Snapshot) -> None:
    """Raises ToolError where the ends are in other units, one is synthetic, or nothing is newer at the later one."""
    was, is_now = before.provenance, after.provenance
    if was.units != is_now.units and was.source == is_now.source:
        raise ToolError(
            f"The source {was.source} has the two ends from different providers, in other units, which cannot be compared. "
            "Name two instants of one of them; basket_exposure with at says whose numbers it holds."
        )
    if was.units != is_now.units:
        raise ToolError(
            f"This would compare numbers of the source {is_now.source} with those of {was.source}, which are in other units. "
            "Give at, so that both ends are in the past, or choose one source for now and for the past."
        )
    if was.synthetic != is_now.synthetic:
        raise ToolError(
            f"This would compare the source {is_now.source} with {was.source}, and only one of the two is real market data. "
            "Choose one source for now and for the past."
        )
    both = nothing_newer(before, after)
    if both and after.as_of and len(both) == len(before.exposures) == len(after.exposures):
        if before.as_of != after.as_of:
            raise ToolError(
                f"The quotes of the later end, of {eastern_clock(after.as_of)}, are older than those of the earlier one. "
                "Give an earlier since, or at, so that both ends come from the same source."
            )
        raise ToolError(
            f"Both ends have the same quotes, those of {eastern_clock(after.as_of)}: nothing newer is known at the later one. "
            "Give an earlier since."
        )


def nothing_newer(before: Snapshot, after: Snapshot) -> list[str]:
    """Names whose quotes at the later end are older than at the earlier one, or the same with the same open interest.

    Their change says nothing about the time between.
    """
    found = []
    for symbol, now in after.exposures.items():
        was = before.exposures.get(symbol)
        if was and (was.quote_time > now.quote_time or (was.quote_time, was.oi_date) == (now.quote_time, now.oi_date)):
            found.append(symbol)
    return found


def _completed(snapshot: Snapshot, others: Snapshot) -> Snapshot:
    """With the exposures of names without a chain, where they are of the same kind."""
    if others.provenance.units != snapshot.provenance.units:
        return snapshot
    missing = tuple(one for one in snapshot.missing if one.symbol not in others.exposures)
    notices = tuple(dict.fromkeys((*snapshot.provenance.notices, *others.provenance.notices)))
    provenance = replace(snapshot.provenance, notices=notices)
    return Snapshot({**snapshot.exposures, **others.exposures}, missing, provenance)


def _half(ctx: Context[AppState], half: int) -> Progress:
    """Progress of one end as half of the whole: it may only go up."""

    async def report(done: int, total: int) -> None:
        await ctx.report_progress(half + (done / total if total else 0.0), 2)

    return report
