"""basket_exposure: what is the weighted dealer exposure of these names, and who drives it?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import BaseModel, Field, WithJsonSchema

from exposure.basket import Basket, BasketExposure, Constituent, EmptyBasketError, aggregate
from exposure.dealer import (
    ComputedLegs,
    Coverage,
    DropReason,
    ForwardBasis,
    Greek,
    Nets,
    SignConvention,
)
from exposure.instruments import AssetClass
from exposure.reliability import DealerGamma, DominantSide, GammaReason, Regime, Reliability
from exposure.snapshot import Notice, Snapshot
from tools.answer import (
    Answer,
    FourNets,
    MissingName,
    WarningLine,
    common_fields,
    coverage_sentence,
    nothing_arrived,
    time_notices,
    tool_result,
)
from tools.arguments import (
    AtArgument,
    BasketArgument,
    ConventionArgument,
    DetailArgument,
    SymbolsArgument,
    WeightsArgument,
    chosen_convention,
    requested_basket,
)
from tools.at import replay_instant
from tools.baskets import overlaps
from tools.definition import ToolDefinition
from tools.figures import Dollars, Instant, Share, eastern_clock, money, percent
from tools.state import AppState

_NAMES_IN_A_WARNING = 3
_FUNDS_IN_WARNINGS = 2
_THIN_COVERAGE = 0.9
_READING = "A weighted mean of the whole market's dealer exposure: a reading, not a hedge, and not your own gamma."


async def basket_exposure(
    ctx: Context[AppState],
    symbols: SymbolsArgument = None,
    weights: WeightsArgument = None,
    basket: BasketArgument = None,
    at: AtArgument = None,
    convention: ConventionArgument = None,
    detail: DetailArgument = "default",
) -> Annotated[CallToolResult, BasketAnswer]:
    state = ctx.request_context.lifespan_context
    asked = requested_basket(symbols, weights, basket)
    replay = replay_instant(at, state.clock())
    snapshot = await state.market.snapshot(tuple(asked.weights), replay.instant if replay else None)
    try:
        result = aggregate(
            asked,
            snapshot,
            chosen_convention(convention, state.convention),
            ambiguous_below=state.ambiguous_below,
        )
    except EmptyBasketError as problem:
        why = str(problem) if snapshot.exposures else "No name of the basket could be answered."
        raise nothing_arrived(snapshot.missing, why) from None
    read = replay.notices if replay else ()
    if detail == "full":
        answer = _answer(asked, snapshot, result, read, None)
        return tool_result(_text(answer), _structured(answer, full=True))
    for room in _ROOMS:
        answer = _answer(asked, snapshot, result, read, room)
        structured = _structured(answer, full=False)
        if len(json.dumps(structured, separators=(",", ":"))) <= _DEFAULT_ANSWER_CHARACTERS:
            break
    return tool_result(_text(answer), structured)


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


class LegsOfName(BaseModel):
    """Call and put leg before any dealer sign, $."""

    gex_call: Dollars
    gex_put: Dollars
    dex_call: Dollars
    dex_put: Dollars
    vex_call: Dollars
    vex_put: Dollars
    chex_call: Dollars
    chex_put: Dollars


class ConstituentDetail(BaseModel):
    """How one name was made."""

    asset_class: AssetClass
    legs: LegsOfName | None
    signed_share: float | None
    flip_share: Share | None
    dealer_gamma_reasons: list[GammaReason]
    atm_iv: Share | None
    quote_time: Instant
    oi_date: date | None
    contracts_seen: int | None
    contracts_used: int | None
    open_interest_used: Share | None
    dropped_open_interest: dict[DropReason, Share | None]
    forward_basis: ForwardBasis | None


class ConstituentRow(BaseModel):
    symbol: str
    weight: Share
    underlying_price: float
    net_gex: Dollars
    net_dex: Dollars
    net_vex: Dollars
    net_chex: Dollars
    contribution_pct: float
    regime: Regime
    dealer_gamma: DealerGamma | None
    detail: Annotated[ConstituentDetail | None, WithJsonSchema({"type": ["object", "null"]})] = Field(
        None, description="With detail=full: legs, flip share, reasons, ATM IV, times, coverage"
    )


class RestOfBasket(BaseModel):
    """Plain sums over the names that are not listed."""

    names: int
    weight: Share
    net_gex: Dollars
    net_dex: Dollars
    net_vex: Dollars
    net_chex: Dollars
    contribution_pct: float


class NetGexBounds(BaseModel):
    """What the missing names could do to net GEX, $; other nets zero-filled."""

    low: Dollars
    high: Dollars
    renormalised: Dollars
    zero_filled: FourNets
    break_even: Dollars = Field(description="Mean net GEX of the missing names that flips the sign")
    sign_safe: bool


class BasketCoverage(BaseModel):
    """Contracts behind the answer; shares of open interest."""

    contracts_seen: int
    contracts_used: int
    open_interest_used: Share | None
    dropped_open_interest: dict[DropReason, Share | None]


class BasketAnswer(Answer):
    """Weighted dealer exposure of a basket."""

    constituent_count: int
    aggregate: FourNets = Field(description="Weighted mean")
    aggregate_sum: FourNets = Field(description="Plain sum, market-wide")
    regime: Regime
    dealer_gamma: DealerGamma | None
    dealer_gamma_reasons: list[GammaReason]
    flip_share: Share | None = Field(description="Share of the dominant side that flips the sign if held the other way, 0..0.5")
    flip_statement: str
    net_gex_by_convention: dict[SignConvention, Dollars | None]
    bounds: NetGexBounds | None
    effective_names: float | None
    cancellation: Share | None
    negative_names: int
    negative_weight: Share
    pivotal: list[str] = Field(description="Names whose removal changes the sign")
    coverage: BasketCoverage | None
    reading: str
    constituents: list[ConstituentRow] = Field(description="Own unweighted nets")
    rest: RestOfBasket | None


@dataclass(frozen=True, slots=True)
class _Room:
    """How much a default answer lists: the largest names, pivotal ones after them, and details of missing names."""

    largest: int
    pivotal: int
    details: int


_DEFAULT_ANSWER_CHARACTERS = 5_900
# From the usual to the shortest; the first that keeps the answer within its budget is given.
_ROOMS = (
    _Room(10, 6, 50),
    _Room(10, 6, 3),
    _Room(10, 3, 3),
    _Room(10, 0, 3),
    _Room(7, 0, 3),
    _Room(5, 0, 1),
    _Room(3, 0, 0),
    _Room(1, 0, 0),
)


def _answer(
    asked: Basket, snapshot: Snapshot, result: BasketExposure, read: Sequence[Notice], room: _Room | None
) -> BasketAnswer:
    """The answer with everything listed, or with what fits into `room`."""
    full = room is None
    shown = _shown(result, room)
    common = common_fields(snapshot, result.convention, result.missing, result.weight_coverage)
    draft = BasketAnswer(
        **common,
        headline="",
        warnings=[WarningLine(code=one.code, message=one.message) for one in _notices(asked, snapshot, result, read, shown)],
        constituent_count=len(result.constituents),
        aggregate=FourNets.of(result.net),
        aggregate_sum=FourNets.of(result.total),
        regime=result.regime,
        dealer_gamma=result.reliability.verdict,
        dealer_gamma_reasons=list(result.reliability.reasons),
        flip_share=result.reliability.flip_share,
        flip_statement=_flip_statement(result.net.gex, result.reliability),
        net_gex_by_convention=dict(result.by_convention),
        bounds=_bounds(result),
        effective_names=_rounded(result.effective_names),
        cancellation=result.cancellation,
        negative_names=result.negative_names,
        negative_weight=result.negative_weight,
        pivotal=list(result.pivotal),
        coverage=_coverage([one.exposure.coverage for one in result.constituents]),
        reading=_READING,
        constituents=[_row(one, full=full) for one in shown],
        rest=_rest(result.constituents[:0] if full else [one for one in result.constituents if one not in shown]),
    )
    for one in draft.missing[room.details if room else len(draft.missing) :]:
        one.detail = None
    opening = coverage_sentence(len(asked.weights), draft.missing, draft.weight_coverage, synthetic=draft.synthetic)
    verdict = draft.dealer_gamma.value if draft.dealer_gamma else "not judged"
    subject = "Net GEX" if len(asked.weights) > 1 else f"{next(iter(asked.weights))} net GEX"
    reading = f"{money(draft.aggregate.net_gex)} per 1% move as of {eastern_clock(draft.as_of)}, dealer gamma {verdict}."
    headline = f"{opening} {subject} {reading}".strip()
    return draft.model_copy(update={"headline": headline})


def _shown(result: BasketExposure, room: _Room | None) -> list[Constituent]:
    """All names, or the largest and the pivotal ones after them, as many as there is room for."""
    if room is None:
        return list(result.constituents)
    others = [one for one in result.constituents[room.largest :] if one.exposure.symbol in result.pivotal]
    return [*result.constituents[: room.largest], *others[: room.pivotal]]


def _row(one: Constituent, *, full: bool) -> ConstituentRow:
    return ConstituentRow(
        symbol=one.exposure.symbol,
        weight=one.weight,
        underlying_price=round(one.exposure.spot, 4),
        **FourNets.of(one.nets).model_dump(),
        contribution_pct=round(one.contribution_pct, 4),
        regime=one.regime,
        dealer_gamma=one.reliability.verdict,
        detail=_detail(one) if full else None,
    )


def _detail(one: Constituent) -> ConstituentDetail:
    exposure = one.exposure
    coverage = _coverage([exposure.coverage])
    return ConstituentDetail(
        asset_class=exposure.asset_class,
        legs=_legs(exposure.measured) if isinstance(exposure.measured, ComputedLegs) else None,
        signed_share=None if one.signed_share is None else round(one.signed_share, 6),
        flip_share=one.reliability.flip_share,
        dealer_gamma_reasons=list(one.reliability.reasons),
        atm_iv=exposure.atm_iv(),
        quote_time=exposure.quote_time,
        oi_date=exposure.oi_date,
        contracts_seen=coverage.contracts_seen if coverage else None,
        contracts_used=coverage.contracts_used if coverage else None,
        open_interest_used=coverage.open_interest_used if coverage else None,
        dropped_open_interest=coverage.dropped_open_interest if coverage else {},
        forward_basis=exposure.coverage.forward_basis if exposure.coverage else None,
    )


def _legs(measured: ComputedLegs) -> LegsOfName:
    sides = {greek: measured.total.of(greek) for greek in Greek}
    return LegsOfName(**{f"{greek}_{side}": getattr(legs, side) for greek, legs in sides.items() for side in ("call", "put")})


def _rest(others: Sequence[Constituent]) -> RestOfBasket | None:
    if not others:
        return None
    return RestOfBasket(
        names=len(others),
        weight=sum(one.weight for one in others),
        **FourNets.of(Nets.from_each(lambda greek: sum(one.nets.of(greek) for one in others))).model_dump(),
        contribution_pct=round(sum(one.contribution_pct for one in others), 4),
    )


def _bounds(result: BasketExposure) -> NetGexBounds | None:
    if result.bounds is None:
        return None
    return NetGexBounds(
        low=result.bounds.low,
        high=result.bounds.high,
        renormalised=result.net.gex,
        zero_filled=FourNets.of(result.bounds.zero_filled),
        break_even=result.bounds.break_even,
        sign_safe=result.bounds.sign_safe,
    )


def _coverage(each: Sequence[Coverage | None]) -> BasketCoverage | None:
    """The sum over names; None where no name has a coverage (a vendor's nets)."""
    known = [one for one in each if one is not None]
    if not known:
        return None
    seen = sum(one.open_interest_seen for one in known)
    dropped: dict[DropReason, float | None] = {}
    for one in known:
        for reason, lost in one.dropped.items():
            before = dropped.get(reason, 0.0)
            dropped[reason] = None if before is None or lost.open_interest is None else before + lost.open_interest
    return BasketCoverage(
        contracts_seen=sum(one.seen for one in known),
        contracts_used=sum(one.used for one in known),
        open_interest_used=sum(one.open_interest_used for one in known) / seen if seen else None,
        dropped_open_interest={reason: lost / seen if lost is not None and seen else None for reason, lost in dropped.items()},
    )


def _flip_statement(net_gex: float, reliability: Reliability) -> str:
    """The share of the assumption that decides the sign, in words."""
    if reliability.flip_share is None or reliability.dominant_side is None:
        if GammaReason.ASSUMED_ONE_SIDED in reliability.reasons:
            return f"net {money(net_gex)}; the convention puts every contract on one side, so the sign is assumed"
        return f"net {money(net_gex)}; the share that would turn the sign is unknown"
    side = {
        DominantSide.CALL: "the call exposure",
        DominantSide.PUT: "the put exposure",
        DominantSide.LONG: "the exposure dealers are long",
        DominantSide.SHORT: "the exposure dealers are short",
    }[reliability.dominant_side]
    return f"net {money(net_gex)}; the sign turns if {percent(reliability.flip_share)} of {side} is held the other way"


def _notices(
    asked: Basket, snapshot: Snapshot, result: BasketExposure, read: Sequence[Notice], shown: Sequence[Constituent]
) -> list[Notice]:
    """Everything to be careful about, what limits the answer most first."""
    notices: list[Notice] = []
    if result.bounds is not None:
        safe = "cannot" if result.bounds.sign_safe else "could"
        sentence = (
            f"{percent(1.0 - result.weight_coverage)} of the weight is missing; names as large as the largest observed "
            f"{safe} change the sign of net GEX."
        )
        notices.append(Notice("partial_basket", sentence))
    notices += [*read, *snapshot.provenance.notices, *time_notices(snapshot), *_chain_notices(result)]
    if asked.merged:
        notices.append(Notice("merged_symbols", f"Named more than once, weights added: {_some_of(asked.merged)}."))
    doubled = overlaps([one.exposure.symbol for one in result.constituents])
    for fund, held in doubled[:_FUNDS_IN_WARNINGS]:
        notices.append(Notice("double_counting", f"{fund} may hold or track {_some_of(held)}: what it holds counts twice."))
    if len(doubled) > _FUNDS_IN_WARNINGS:
        funds = _some_of([fund for fund, _ in doubled[_FUNDS_IN_WARNINGS:]])
        notices.append(Notice("double_counting", f"So do {funds}, which hold or track others of the basket."))
    unlisted = len(set(result.pivotal) - {one.exposure.symbol for one in shown})
    if unlisted:
        notices.append(Notice("pivotal_not_listed", f"{unlisted} more pivotal names have no row; detail=full lists them."))
    single = sum(one.weight for one in result.constituents if one.exposure.asset_class is AssetClass.STOCK)
    if single >= 0.5:
        sentence = f"{percent(single, 0)} of the weight is single stocks, where the assumed dealer sign is weak evidence."
        notices.append(Notice("weak_sign_assumption", sentence))
    return notices


def _some_of(symbols: Sequence[str]) -> str:
    others = len(symbols) - _NAMES_IN_A_WARNING
    return ", ".join(symbols[:_NAMES_IN_A_WARNING]) + (f" and {others} more" if others > 0 else "")


def _chain_notices(result: BasketExposure) -> list[Notice]:
    notices = []
    thin = {
        one.exposure.symbol: share
        for one in result.constituents
        if one.exposure.coverage and (share := one.exposure.coverage.open_interest_share) is not None and share < _THIN_COVERAGE
    }
    if thin:
        worst = ", ".join(f"{symbol} {percent(share, 0)}" for symbol, share in sorted(thin.items(), key=lambda one: one[1])[:3])
        notices.append(Notice("thin_coverage", f"Less than 90% of the open interest was usable in {len(thin)} names: {worst}."))
    flat = [
        one.exposure.symbol
        for one in result.constituents
        if one.exposure.coverage
        and one.exposure.coverage.forward_basis is not ForwardBasis.MODEL
        and one.exposure.coverage.parity_share < 0.5
    ]
    if flat:
        sentence = f"Without two-sided quotes, a flat rate and no dividend are used for {_some_of(flat)}."
        notices.append(Notice("flat_forward", sentence))
    return notices


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _structured(answer: BasketAnswer, *, full: bool) -> dict[str, object]:
    hidden = None if full else {"constituents": {"__all__": {"detail"}}}
    return answer.model_dump(mode="json", exclude=hidden)


def _text(answer: BasketAnswer) -> str:
    lines = [
        answer.headline,
        f"Regime {answer.regime.value}; dealer_gamma {answer.dealer_gamma.value if answer.dealer_gamma else 'null'} "
        f"({', '.join(answer.dealer_gamma_reasons)}): {answer.flip_statement}.",
        f"Weighted mean: {answer.aggregate.text()}.",
        f"Plain sum: {answer.aggregate_sum.text()}.",
        f"Coverage: {answer.constituent_count} of {answer.constituent_count + len(answer.missing)} names, "
        f"{percent(answer.weight_coverage)} of weight{_contracts_text(answer.coverage)}.",
        *([_missing_text(answer.missing)] if answer.missing else []),
        *([_bounds_text(answer.bounds)] if answer.bounds else []),
        "Net GEX by convention: "
        + ", ".join(f"{name.value} {money(value)}" for name, value in answer.net_gex_by_convention.items())
        + ".",
        f"Concentration: {_number_text(answer.effective_names)} effective names, cancellation {percent(answer.cancellation)}, "
        f"{answer.negative_names} names ({percent(answer.negative_weight)} of weight) in negative gamma, "
        f"pivotal: {', '.join(answer.pivotal) or 'none'}.",
        f"Source {answer.source} ({answer.mode.value}{', synthetic' if answer.synthetic else ''}), as_of "
        f"{eastern_clock(answer.as_of)}, oldest quote {eastern_clock(answer.oldest_quote)}, session {answer.session.value}, "
        f"open interest of {answer.oi_date or 'unknown date'}, convention {answer.convention.value}"
        f"{_replay_text(answer)}.",
        f"{answer.units}. {answer.reading}",
        "symbol weight spot GEX DEX VEX CHEX share dealer_gamma",
        *(_row_text(row) for row in answer.constituents),
    ]
    if answer.rest:
        rest = answer.rest
        lines.append(
            f"rest({rest.names}) {percent(rest.weight)} - {money(rest.net_gex)} {money(rest.net_dex)} "
            f"{money(rest.net_vex)} {money(rest.net_chex)} {percent(rest.contribution_pct / 100.0)} -"
        )
    lines += [f"Warning {one.code}: {one.message}" for one in answer.warnings]
    return "\n".join(lines)


def _row_text(row: ConstituentRow) -> str:
    line = (
        f"{row.symbol} {percent(row.weight)} {row.underlying_price:g} {money(row.net_gex)} {money(row.net_dex)} "
        f"{money(row.net_vex)} {money(row.net_chex)} {percent(row.contribution_pct / 100.0)} "
        f"{row.dealer_gamma.value if row.dealer_gamma else 'null'}"
    )
    if row.detail is None:
        return line
    detail = row.detail
    legs = f"GEX legs {money(detail.legs.gex_call)}/{money(detail.legs.gex_put)}" if detail.legs else "no legs"
    return (
        f"{line} | {legs}, flip {percent(detail.flip_share)}, atm iv {percent(detail.atm_iv)}, "
        f"open interest used {percent(detail.open_interest_used)}"
    )


def _missing_text(missing: Sequence[MissingName]) -> str:
    parts = [f"{one.symbol} {one.reason.value} {percent(one.weight)}" for one in missing]
    details = " ".join(dict.fromkeys(one.detail for one in missing[:3] if one.detail))
    return f"Missing: {', '.join(parts)}. {details}"


def _bounds_text(bounds: NetGexBounds) -> str:
    safety = "sign safe" if bounds.sign_safe else "sign NOT safe"
    return (
        f"Bounds of net GEX with the missing names: {money(bounds.low)} to {money(bounds.high)} ({safety}); zero-filled "
        f"{bounds.zero_filled.text()}; the sign flips if the missing names average {money(bounds.break_even)}."
    )


def _contracts_text(coverage: BasketCoverage | None) -> str:
    if coverage is None:
        return ""
    dropped = "".join(
        f", {reason.value} {'unknown' if share is None else percent(share)}"
        for reason, share in coverage.dropped_open_interest.items()
    )
    return (
        f"; {coverage.contracts_used} of {coverage.contracts_seen} contracts, "
        f"{percent(coverage.open_interest_used)} of open interest used{dropped}"
    )


def _replay_text(answer: BasketAnswer) -> str:
    if answer.at_requested is None or answer.at_resolved is None:
        return ""
    return f", at requested {eastern_clock(answer.at_requested)}, resolved {eastern_clock(answer.at_resolved)}"


def _number_text(value: float | None) -> str:
    return "null" if value is None else f"{value:.1f}"
