"""From what is known of one name to the fields of its answer: what is shown, what is summed up, what has to be said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exposure.basket import Basket, BasketExposure
from exposure.dealer import Coverage, Greek, Legs, Nets, SignConvention, SymbolExposure, sign_pair
from exposure.reliability import Regime
from exposure.snapshot import Notice, Snapshot
from tools.answer import SYNTHETIC_LABEL, Answer, FourNets, WarningLine, warning_list
from tools.basket_answer import basket_answer
from tools.basket_model import BasketAnswer
from tools.figures import eastern_clock, money
from tools.fitting import first_that_fits, json_length
from tools.symbol_findings import ChainFindings, Question
from tools.symbol_levels import price, price_levels, price_text
from tools.symbol_model import (
    BucketRow,
    ChainCoverage,
    Curve,
    CurveRow,
    DroppedPart,
    Expiries,
    ExpiriesRest,
    ExpiryRow,
    FullDetail,
    LevelsNull,
    RollOffRow,
    SameDay,
    SymbolAnswer,
)
from tools.symbol_strikes import strike_table
from tools.symbol_text import symbol_text

if TYPE_CHECKING:
    from exposure.expiries import ExpiryExposure, RollOff

_DEFAULT_ANSWER_CHARACTERS = 4_750
_NEAREST_EXPIRIES = 3
# In the order in which they are given up last; the nearest expiry is that of 0 days.
_TENORS = (0.0, 30.0, 90.0, 7.0, 365.0, 182.0)
_READING = "The whole market's dealer exposure under an assumed sign: a reading, not your own gamma."


@dataclass(frozen=True, slots=True)
class _Room:
    """How much a default answer lists: expiry dates, the flips of the first to roll off, points of the curve, and roots."""

    expiries: int
    roll_offs: int
    curve: int
    roots: int


# From the usual to the shortest; the first that keeps the answer within its budget is given.
_ROOMS = (
    _Room(10, 3, 6, 8),
    _Room(9, 3, 5, 8),
    _Room(8, 3, 5, 6),
    _Room(7, 3, 4, 5),
    _Room(6, 3, 4, 5),
    _Room(5, 2, 3, 4),
    _Room(4, 2, 3, 3),
    _Room(3, 1, 2, 3),
    _Room(2, 1, 1, 1),
    _Room(1, 0, 1, 1),
)
_EVERYTHING = _Room(10_000, 10_000, 10_000, 10_000)


def fitting_answer(
    snapshot: Snapshot, result: BasketExposure, findings: ChainFindings | None, question: Question, read: Sequence[Notice]
) -> SymbolAnswer:
    """The answer of one name, with as much listed as the default's budget has room for, or with everything.

    `result` is the basket of that name alone, so that both tools give the same numbers. `findings` is None where the source
    publishes nets only. `read` is what has to be said about how the arguments were understood.
    """
    (name,) = result.constituents
    alone = basket_answer(Basket.of([name.exposure.symbol]), snapshot, result, read, None)
    rooms = (_EVERYTHING,) if question.full else _ROOMS
    return first_that_fits(
        rooms,
        lambda room: _answer(name.exposure, name.nets, alone, findings, question, room),
        lambda answer: max(json_length(structured(answer)), len(symbol_text(answer))),
        _DEFAULT_ANSWER_CHARACTERS,
    )


def structured(answer: SymbolAnswer) -> dict[str, object]:
    """The answer as structured content; an expiry date has its four nets only where they are listed."""
    rows = answer.expiries.rows if answer.expiries else []
    bare = {index: {"nets"} for index, row in enumerate(rows) if row.nets is None}
    return answer.model_dump(mode="json", exclude={"expiries": {"rows": bare}} if bare else None)


def _answer(
    exposure: SymbolExposure,
    nets: Nets,
    alone: BasketAnswer,
    findings: ChainFindings | None,
    question: Question,
    room: _Room,
) -> SymbolAnswer:
    detail = alone.constituents[0].detail
    by_flip = _regime_by_flip(exposure.spot, findings)
    draft = SymbolAnswer(
        **{field: getattr(alone, field) for field in Answer.model_fields},
        symbol=exposure.symbol,
        asset_class=exposure.asset_class,
        underlying_price=price(exposure.spot),
        nets=FourNets.of(nets),
        legs=detail.legs if detail else None,
        same_day=_same_day(exposure, question.convention),
        net_gex_by_convention=alone.net_gex_by_convention,
        regime=alone.regime,
        regime_by_flip=by_flip,
        dealer_gamma=alone.dealer_gamma,
        dealer_gamma_reasons=alone.dealer_gamma_reasons,
        flip_share=alone.flip_share,
        flip_statement=alone.flip_statement,
        gamma_flip=price(findings.levels.gamma_flip) if findings and findings.levels.gamma_flip is not None else None,
        flip_status=findings.levels.zero_gamma.status.value if findings else None,
        levels=price_levels(exposure.spot, findings.levels, question.smile, room.roots) if findings else None,
        levels_null=None if findings else LevelsNull.NETS_ONLY,
        expiries=_expiries(findings, room, full=question.full) if findings else None,
        coverage=_coverage(exposure.coverage) if exposure.coverage else None,
        atm_iv=exposure.atm_iv(),
        curve=_curve(findings, room) if findings else None,
        reading=_READING,
        full=_full(exposure, findings, question) if question.full else None,
    )
    warnings = [*_own_warnings(draft, question), *alone.warnings]
    return draft.model_copy(update={"headline": _headline(draft), "warnings": warnings})


def _regime_by_flip(spot: float, findings: ChainFindings | None) -> Regime | None:
    """The regime as vendors read it off the flip: positive above the root nearest to spot, negative below it.

    The profile at today's spot is net GEX itself, so its sign is `regime`, whatever the roots. Reading the regime off the
    nearest root goes wrong where the profile falls through that root instead of rising, as it does at every other one of
    several; then this differs from `regime`, which is right, and the answer warns.
    """
    flip = findings.levels.gamma_flip if findings else None
    if flip is None:
        return None
    return Regime.POSITIVE_GAMMA if spot >= flip else Regime.NEGATIVE_GAMMA


def _same_day(exposure: SymbolExposure, convention: SignConvention) -> SameDay | None:
    gamma = exposure.gamma()
    if gamma is None:
        return None
    signs = sign_pair(convention, exposure.asset_class, Greek.GEX)
    return SameDay(net_gex=gamma.same_day.net(signs), gross_share=_share(gamma.same_day, gamma.total))


def _share(part: Legs, whole: Legs) -> float | None:
    return part.gross / whole.gross if whole.gross > 0.0 else None


def _full(exposure: SymbolExposure, findings: ChainFindings | None, question: Question) -> FullDetail:
    found: dict[SignConvention, FourNets | None] = {}
    for convention in SignConvention:
        each = {greek: exposure.net(greek, convention) for greek in Greek}
        known = {greek: value for greek, value in each.items() if value is not None}
        found[convention] = FourNets.of(Nets.from_each(known.__getitem__)) if len(known) == len(each) else None
    strikes = strike_table(exposure.spot, findings.strikes, question) if findings and findings.strikes else None
    return FullDetail(nets_by_convention=found, strikes=strikes)


def _expiries(findings: ChainFindings, room: _Room, *, full: bool) -> Expiries:
    """The nearest dates, then those with the largest gross share, in order of time; the rest as one sum."""
    places = range(len(findings.expiries))
    largest = sorted(places, key=lambda place: (-findings.expiries[place].gross_share, place))
    shown = list(dict.fromkeys([*places[:_NEAREST_EXPIRIES], *largest]))[: room.expiries]
    others = [one for place, one in enumerate(findings.expiries) if place not in shown]
    return Expiries(
        by_dte=[
            BucketRow(days=one.bucket.name, expiries=one.expiries, net_gex=one.nets.gex, gross_share=one.gross_share)
            for one in findings.buckets
        ],
        rows=[_expiry_row(findings.expiries[place], full=full) for place in sorted(shown)],
        rest=_rest(others) if others else None,
        roll_off=[_roll_off_row(one) for one in findings.roll_offs[: room.roll_offs]],
    )


def _expiry_row(one: ExpiryExposure, *, full: bool) -> ExpiryRow:
    return ExpiryRow(
        expiry=one.expiry,
        days=one.days,
        opex="quarterly" if one.quarterly else "monthly" if one.opex else None,
        net_gex=one.nets.gex,
        gross_share=one.gross_share,
        nets=FourNets.of(one.nets) if full else None,
    )


def _rest(others: Sequence[ExpiryExposure]) -> ExpiriesRest:
    return ExpiriesRest(
        expiries=len(others),
        net_gex=math.fsum(one.nets.gex for one in others),
        gross_share=math.fsum(one.gross_share for one in others),
    )


def _roll_off_row(one: RollOff) -> RollOffRow:
    before, after = one.flip_before.nearest, one.flip_after.nearest
    return RollOffRow(
        expiry=one.expiry,
        net_gex_after=one.net_gex_after,
        flip_before=None if before is None else price(before),
        flip_after=None if after is None else price(after),
    )


def _coverage(coverage: Coverage) -> ChainCoverage:
    seen = coverage.open_interest_seen
    return ChainCoverage(
        contracts_seen=coverage.seen,
        contracts_used=coverage.used,
        open_interest_used=coverage.open_interest_share,
        dropped={
            reason: DroppedPart(
                contracts=lost.contracts,
                open_interest=lost.open_interest / seen if lost.open_interest is not None and seen > 0.0 else None,
            )
            for reason, lost in coverage.dropped.items()
        },
    )


def _curve(findings: ChainFindings, room: _Room) -> Curve:
    """The nearest expiry and those nearest to a few tenors, as many as there is room for, or all; in order of time."""
    places = range(len(findings.curve))
    chosen = list(places)
    if room.curve < len(chosen):
        by_tenor = [min(places, key=lambda place: abs(findings.curve[place].days - tenor)) for tenor in _TENORS]
        chosen = sorted(list(dict.fromkeys([*by_tenor, *places]))[: room.curve])
    return Curve(
        forward_basis=findings.forward_basis,
        rate_basis=findings.rate_basis,
        points=[
            CurveRow(
                expiry=point.expiry,
                settles="open" if point.at_the_open else "close",
                forward=price(point.forward),
                rate=point.rate,
                basis=point.basis,
                atm_iv=point.atm_iv,
            )
            for point in (findings.curve[place] for place in chosen)
        ],
    )


def _own_warnings(draft: SymbolAnswer, question: Question) -> list[WarningLine]:
    """What has to be said about one name beyond what is said about it in a basket."""
    notices = []
    if draft.levels_null is not None:
        notices.append(Notice("nets_only", _nets_only(draft)))
    if draft.regime_by_flip is not None and draft.regime_by_flip is not draft.regime and draft.gamma_flip is not None:
        sentence = (
            f"Net GEX {money(draft.nets.net_gex)} is {draft.regime.value}, yet spot {price_text(draft.underlying_price)} "
            f"{_side(draft)} the flip {price_text(draft.gamma_flip)} reads as {draft.regime_by_flip.value}: at that flip net GEX "
            "falls as spot rises."
        )
        notices.append(Notice("regime_contradicts_flip", sentence))
    if draft.levels is not None and draft.levels.roots_found > 1:
        sentence = (
            f"Net GEX changes sign at {draft.levels.roots_found} spots between {price_text(draft.levels.searched_from)} and "
            f"{price_text(draft.levels.searched_to)}; gamma_flip is the one nearest to spot."
        )
        notices.append(Notice("several_flips", sentence))
    if draft.flip_status == "unstable":
        sentence = "Another root is within one strike step of gamma_flip, so a single contract's quote decides whether it exists."
        notices.append(Notice("unstable_flip", sentence))
    if not question.full and question.strikes is not None:
        notices.append(Notice("no_strike_table", "strikes narrows the strike table, which is part of detail=full only."))
    return warning_list(notices)


def _nets_only(draft: SymbolAnswer) -> str:
    """What is null; a vendor may publish the legs of gamma, and then other conventions of GEX are known."""
    others = (
        "the legs of DEX, VEX and CHEX, on which other conventions depend," if draft.legs else "what other conventions would need"
    )
    return f"The source publishes no chain: levels, expiries, forwards, coverage and {others} are null here."


def _headline(draft: SymbolAnswer) -> str:
    """What most limits the answer, then the net, its reliability and where spot is to the flip."""
    label = f"{SYNTHETIC_LABEL} " if draft.synthetic else ""
    verdict = draft.dealer_gamma.value if draft.dealer_gamma else "not judged"
    if draft.levels is None:
        where = "nets only, no levels"
    elif draft.gamma_flip is None:
        span = f"{price_text(draft.levels.searched_from)} to {price_text(draft.levels.searched_to)}"
        where = f"no flip from {span}"
    else:
        where = f"spot {price_text(draft.underlying_price)} {_side(draft)} the flip {price_text(draft.gamma_flip)}"
        if draft.regime_by_flip is not draft.regime:
            where += ", which contradicts the sign of net GEX"
    reading = f"{money(draft.nets.net_gex)} per 1% move as of {eastern_clock(draft.as_of)}"
    return f"{label}{draft.symbol} net GEX {reading}, dealer gamma {verdict}; {where}."


def _side(draft: SymbolAnswer) -> str:
    return "above" if draft.regime_by_flip is Regime.POSITIVE_GAMMA else "below"
