"""frame_dispersion: where do the constituents pull against their index, in gamma and in implied correlation?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import Field

from exposure.basket import MAX_SYMBOLS, Basket, EmptyBasketError, aggregate
from exposure.dispersion import compare_gamma, frame_volatility
from exposure.instruments import canonical_symbol
from sources.baskets import BasketCatalogue, NamedBasket
from sources.market import Market
from tools.answer import age_notices, nothing_arrived, tool_result
from tools.arguments import (
    AllowCallsArgument,
    AtArgument,
    BasketArgument,
    ConventionArgument,
    SymbolsArgument,
    WeightsArgument,
    chosen_convention,
    requested_basket,
)
from tools.asking import asked_market
from tools.at import replay_instant
from tools.baskets import named_basket
from tools.definition import ToolDefinition
from tools.dispersion_answer import fitting_answer, structured
from tools.dispersion_findings import Findings, Frame
from tools.dispersion_model import DispersionAnswer, WeightsBasis
from tools.dispersion_text import dispersion_text
from tools.figures import echoed
from tools.state import AppState


async def frame_dispersion(
    ctx: Context[AppState],
    index: Annotated[
        str | None, Field(description="Index or fund; the basket's own if left out. Alone: its own members", examples=["SPX"])
    ] = None,
    symbols: SymbolsArgument = None,
    weights: WeightsArgument = None,
    basket: BasketArgument = None,
    at: AtArgument = None,
    tenor_days: Annotated[int, Field(ge=7, le=365, description="Tenor of all volatilities, days", examples=[30])] = 30,
    window_days: Annotated[
        int, Field(ge=20, le=252, description="Daily returns of the realised correlation", examples=[60])
    ] = 60,
    convention: ConventionArgument = None,
    detail: Annotated[Literal["default", "full"], Field(description="full lists every name", examples=["full"])] = "default",
    allow_calls: AllowCallsArgument = None,
) -> Annotated[CallToolResult, DispersionAnswer]:
    state = ctx.request_context.lifespan_context
    replay = replay_instant(at, state.clock())
    instant = replay.instant if replay else None
    frame = await _framed(state.market, state.baskets, index, symbols, weights, basket, instant)
    chosen = chosen_convention(convention, state.convention)
    asked = (frame.index, *frame.names.weights)
    spent = 0 if allow_calls is None else await state.market.calls_needed(asked, instant, legs=detail == "full")
    snapshot = await asked_market(ctx, asked, instant, legs=detail == "full", allow_calls=allow_calls)
    try:
        names = aggregate(frame.names, snapshot, chosen, ambiguous_below=state.ambiguous_below)
    except EmptyBasketError as problem:
        arrived = any(symbol in snapshot.exposures for symbol in frame.names.weights)
        raise nothing_arrived(snapshot.missing, str(problem) if arrived else "No name could be answered.") from None
    try:
        of_index = aggregate(Basket.of([frame.index]), snapshot, chosen, ambiguous_below=state.ambiguous_below)
    except EmptyBasketError:
        of_index = None
    weights_of_names = {one.exposure.symbol: one.weight for one in names.constituents}
    closes = await state.market.daily_closes(tuple(snapshot.exposures), instant, window_days + 1)
    findings = Findings(
        snapshot=snapshot,
        names=names,
        index=of_index,
        gap=compare_gamma(of_index, names) if of_index else None,
        volatility=frame_volatility(
            weights_of_names, snapshot.exposures, frame.index, tenor_days, closes.prices if closes else None
        ),
        window_days=window_days,
        window_end=closes.days[-1] if closes and closes.days else None,
    )
    left = None if allow_calls is None else allow_calls - spent
    published = await state.market.dispersion(frame.index, weights_of_names, window_days, instant, allow_calls=left)
    if published is not None:
        findings = findings.with_published(published)
    read = replay.notices if replay else age_notices(snapshot, state.clock())
    answer = fitting_answer(frame, findings, read, full=detail == "full")
    return tool_result(dispersion_text(answer), structured(answer))


TOOL = ToolDefinition(
    name="frame_dispersion",
    title="Index against its constituents",
    description=(
        "An index beside its constituents, live or replayed: whether dealers are on the same side of gamma in both and which "
        "names pull the other way, and implied correlation at one tenor against realised correlation with its standard error, "
        "premium, dispersion spread and each name's part. Says what share of the index the names stand for. "
        "Market-wide figures; reports, does not advise. basket_exposure gives the names alone."
    ),
    function=frame_dispersion,
)


async def _framed(
    market: Market,
    catalogue: BasketCatalogue,
    index: str | None,
    symbols: object,
    weights: object,
    basket: str | None,
    at: datetime | None,
) -> Frame:
    """The index, its names and their weights: the user's, else the basket's own, else published ones, else equal.

    Raises ToolError with a sentence when it cannot be understood.
    """
    if index is None and basket is None and symbols is None:
        raise ToolError('Name the index, for example "SPX", or a basket that has one, for example "semis".')
    named = named_basket(catalogue, basket) if basket is not None and symbols is None else None
    chosen = _index(index, named)
    published = await market.index_weights(chosen, at)
    if basket is not None or symbols is not None:
        names = requested_basket(symbols, weights, basket, catalogue)
        if chosen in names.weights:
            raise ToolError(f"{chosen} is the index itself; leave it out of the names.")
        if weights is not None or _carries_weights(symbols):
            return Frame(chosen, names, WeightsBasis.USER, published)
        if named is not None and named.weights is not None:
            return Frame(chosen, names, WeightsBasis.BASKET, published)
        return _weighed(chosen, names, published)
    if weights is not None:
        raise ToolError("weights belong to symbols or to a basket; give those too, or leave weights out.")
    if published is not None:
        largest = sorted(published, key=lambda symbol: (-published[symbol], symbol))[:MAX_SYMBOLS]
        return _weighed(chosen, Basket.of(largest), published)
    own = _standing_for(chosen, catalogue)
    if own.weights is not None:
        return Frame(chosen, Basket.of(own.symbols, own.weights), WeightsBasis.BASKET, None)
    return _weighed(chosen, Basket.of(own.symbols), None)


def _index(index: str | None, named: NamedBasket | None) -> str:
    if index is None:
        if named is None:
            raise ToolError("Name the index these symbols belong to, for example index SPX.")
        if named.index is None:
            raise ToolError(f"The basket {named.name} has no index of its own; name one, for example index SPX.")
        return named.index
    symbol = canonical_symbol(index)
    if symbol is None:
        raise ToolError(f"index '{echoed(index, 20)}' is not a ticker. An index or fund looks like SPX, NDX or XLK.")
    return symbol


def _standing_for(index: str, catalogue: BasketCatalogue) -> NamedBasket:
    """The one basket that stands for an index; a list made for it comes before groups that merely have a fund."""
    candidates = [one for one in catalogue.baskets().values() if one.index == index]
    made_for_it = [one for one in candidates if one.partial] or candidates
    if len(made_for_it) == 1:
        return made_for_it[0]
    if made_for_it:
        choices = " or ".join(one.name for one in made_for_it)
        raise ToolError(f"{index} is the index of several baskets; name one, for example basket {choices}.")
    listed = ", ".join(one.index for one in catalogue.baskets().values() if one.partial and one.index)
    raise ToolError(f"The members of {index} are not known here. Give symbols or a basket with it; alone, {listed} are known.")


def _weighed(index: str, names: Basket, published: Mapping[str, float] | None) -> Frame:
    """Names whose weights nobody gave: the published ones where there are any among them, else equal."""
    found = [(published or {}).get(symbol, 0.0) for symbol in names.weights]
    if not any(found):
        return Frame(index, names, WeightsBasis.EQUAL, published)
    weighed = replace(Basket.of(list(names.weights), found), merged=names.merged)
    return Frame(index, weighed, WeightsBasis.PUBLISHED, published)


def _carries_weights(symbols: object) -> bool:
    """True where symbols came as an object {symbol: weight}, or as the JSON text of one."""
    if isinstance(symbols, str) and symbols.strip().startswith("{"):
        return isinstance(json.loads(symbols), Mapping)
    return isinstance(symbols, Mapping)
