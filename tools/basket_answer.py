"""From the maths of a basket to the fields of its answer: what is shown, what is summed up, what has to be said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exposure.basket import Basket, BasketExposure, Constituent
from exposure.dealer import Coverage, DropReason, ForwardBasis, Greek, Nets, SymbolExposure
from exposure.instruments import AssetClass
from exposure.reliability import DominantSide, GammaReason, Reliability
from exposure.snapshot import Notice, Snapshot
from tools.answer import FourNets, common_fields, coverage_sentence, time_notices, warning_list, without_detail
from tools.basket_model import (
    BasketAnswer,
    BasketCoverage,
    ConstituentDetail,
    ConstituentRow,
    LegsOfName,
    NetGexBounds,
    RestOfBasket,
)
from tools.baskets import overlaps
from tools.figures import counted, eastern_clock, money, percent, some_of
from tools.fitting import first_that_fits, json_length

_FUNDS_IN_WARNINGS = 2
_THIN_COVERAGE = 0.9
_MANY_BAD_ROWS = 0.01
_READING = "A weighted mean of the whole market's dealer exposure: a reading, not a hedge, and not your own gamma."


def fitting_answer(
    asked: Basket, snapshot: Snapshot, result: BasketExposure, read: Sequence[Notice], *, full: bool
) -> BasketAnswer:
    """The answer, with as many names listed as the default's budget has room for, or with all of them.

    `read` is what has to be said about how the arguments were understood.
    """
    if full:
        return basket_answer(asked, snapshot, result, read, None)
    return first_that_fits(
        _ROOMS,
        lambda room: basket_answer(asked, snapshot, result, read, room),
        lambda answer: json_length(structured(answer)),
        _DEFAULT_ANSWER_CHARACTERS,
    )


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


def basket_answer(
    asked: Basket, snapshot: Snapshot, result: BasketExposure, read: Sequence[Notice], room: _Room | None
) -> BasketAnswer:
    """The answer with everything listed, or with what fits into `room`."""
    full = room is None
    shown = _shown(result, room)
    common = common_fields(snapshot, result.convention, result.missing, result.weight_coverage)
    draft = BasketAnswer(
        **common,
        headline="",
        warnings=warning_list(_notices(asked, snapshot, result, read, shown)),
        constituent_count=len(result.constituents),
        aggregate=FourNets.of(result.net),
        aggregate_sum=FourNets.of(result.total),
        regime=result.regime,
        dealer_gamma=result.reliability.verdict,
        dealer_gamma_reasons=list(result.reliability.reasons),
        flip_share=result.reliability.flip_share,
        flip_statement=flip_statement(result.net.gex, result.reliability),
        net_gex_by_convention=dict(result.by_convention),
        bounds=net_gex_bounds(result),
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
        legs=_legs(exposure),
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


def _legs(exposure: SymbolExposure) -> LegsOfName | None:
    """The legs there are; None where a source publishes nets only."""
    sides = {greek: legs for greek in Greek if (legs := exposure.legs(greek)) is not None}
    if not sides:
        return None
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


def net_gex_bounds(result: BasketExposure) -> NetGexBounds | None:
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


def flip_statement(net_gex: float, reliability: Reliability) -> str:
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
    notices = [*partial_notices(result), *read, *snapshot.provenance.notices, *time_notices(snapshot), *chain_notices(result)]
    if asked.merged:
        notices.append(Notice("merged_symbols", f"Named more than once, weights added: {some_of(asked.merged)}."))
    notices += overlap_notices(result)
    unlisted = len(set(result.pivotal) - {one.exposure.symbol for one in shown})
    if unlisted:
        notices.append(Notice("pivotal_not_listed", f"{unlisted} more pivotal names have no row; detail=full lists them."))
    return [*notices, *weak_sign_notices(result)]


def partial_notices(result: BasketExposure) -> list[Notice]:
    """How much weight is missing, and whether that could change the sign."""
    if result.bounds is None:
        return []
    safe = "cannot" if result.bounds.sign_safe else "could"
    sentence = (
        f"{percent(1.0 - result.weight_coverage)} of the weight is missing; names as large as the largest observed "
        f"{safe} change the sign of net GEX."
    )
    return [Notice("partial_basket", sentence)]


def overlap_notices(result: BasketExposure) -> list[Notice]:
    """Which indices and funds hold other names that arrived."""
    notices = []
    doubled = overlaps([one.exposure.symbol for one in result.constituents])
    for fund, held in doubled[:_FUNDS_IN_WARNINGS]:
        notices.append(Notice("double_counting", f"{fund} may hold or track {some_of(held)}: what it holds counts twice."))
    if len(doubled) > _FUNDS_IN_WARNINGS:
        funds = some_of([fund for fund, _ in doubled[_FUNDS_IN_WARNINGS:]])
        notices.append(Notice("double_counting", f"The same goes for {funds} and other names of the basket."))
    return notices


def weak_sign_notices(result: BasketExposure) -> list[Notice]:
    """A sentence where most of the weight is single stocks."""
    single = sum(one.weight for one in result.constituents if one.exposure.asset_class is AssetClass.STOCK)
    if single < 0.5:
        return []
    sentence = f"{percent(single, 0)} of the weight is single stocks, where the assumed dealer sign is weak evidence."
    return [Notice("weak_sign_assumption", sentence)]


def chain_notices(result: BasketExposure) -> list[Notice]:
    """Which chains were thin, and which forwards were assumed."""
    notices = []
    thin = {
        one.exposure.symbol: share
        for one in result.constituents
        if one.exposure.coverage and (share := one.exposure.coverage.open_interest_share) is not None and share < _THIN_COVERAGE
    }
    if thin:
        worst = ", ".join(f"{symbol} {percent(share, 0)}" for symbol, share in sorted(thin.items(), key=lambda one: one[1])[:3])
        notices.append(
            Notice("thin_coverage", f"Less than 90% of the open interest was usable in {counted(len(thin), 'name')}: {worst}.")
        )
    spoiled = {
        one.exposure.symbol: bad.contracts / one.exposure.coverage.listed
        for one in result.constituents
        if one.exposure.coverage
        and (bad := one.exposure.coverage.dropped.get(DropReason.BAD_ROW))
        and bad.contracts > _MANY_BAD_ROWS * one.exposure.coverage.listed
    }
    if spoiled:
        worst = ", ".join(f"{name} {percent(share)}" for name, share in sorted(spoiled.items(), key=lambda one: -one[1])[:3])
        sentence = (
            f"Rows that could not be used, their open interest unknown, in {counted(len(spoiled), 'name')}: {worst} of the rows."
        )
        notices.append(Notice("unusable_rows", sentence))
    flat = [
        one.exposure.symbol
        for one in result.constituents
        if one.exposure.coverage
        and one.exposure.coverage.forward_basis is not ForwardBasis.MODEL
        and one.exposure.coverage.parity_share < 0.5
    ]
    if flat:
        sentence = f"Few two-sided quotes: forwards at the rate, no dividend, for {some_of(flat)}."
        notices.append(Notice("flat_forward", sentence))
    return notices


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def structured(answer: BasketAnswer) -> dict[str, object]:
    """The answer as structured content; a row, also one of `missing`, has `detail` only where there is one."""
    hidden = {"constituents": without_detail(answer.constituents), "missing": without_detail(answer.missing)}
    return answer.model_dump(mode="json", exclude=hidden)
