"""From a repriced basket to the fields of `stress_basket`: what is shown, how it is rounded, and the sentences about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exposure.basket import BasketExposure
from exposure.reliability import GammaReason, regime
from tools.answer import common_fields, coverage_sentence, warning_list, without_detail
from tools.dispersion_model import NetGexRange
from tools.figures import eastern_clock, money
from tools.fitting import first_that_fits, json_length
from tools.stress_betas import BETAS_NOT_ESTIMATED, BetaBasis, Betas
from tools.stress_findings import Findings, StressQuestion, expired_in, notices
from tools.stress_model import (
    CurvePart,
    FlipPart,
    NameDetail,
    NameFlips,
    NameRow,
    NowPart,
    RepricedNull,
    RepricedPart,
    ScenarioPart,
    ShockRow,
    StressAnswer,
)
from tools.stress_split import split_of
from tools.stress_text import flip_phrase, percent_points, statement_of, stress_text

if TYPE_CHECKING:
    # numpy is imported by the functions that need it: this module is imported at start-up.
    from exposure.stress import NameCurve, Stress
    from exposure.zero_gamma import ZeroGamma

UNITS = "net_gex $ of delta per 1% move at the shocked price; hedge flows $ that dealers trade at it, + they buy, - they sell"
_READING = "What all dealers would trade to stay hedged under the assumed sign, not your own; rounded so that each split adds up."
_ONLY_TODAY = "Today's nets alone; nothing was repriced."
_DEFAULT_ANSWER_CHARACTERS = 4_750
_ALL_BUT_ENDS = (-10.0, -5.0, -3.0, -1.0, 0.0, 1.0, 3.0, 5.0, 10.0)
_SIX = (-10.0, -5.0, -3.0, 0.0, 3.0, 5.0, 10.0)
_THREE = (-3.0, 0.0, 3.0)
_TWO = (-3.0, 3.0)
_FOUR = (-10.0, -3.0, 0.0, 3.0, 10.0)


@dataclass(frozen=True, slots=True)
class _Room:
    """How much a default answer lists: names, roots, details of missing names, and which of the usual shocks."""

    names: int
    roots: int
    details: int
    shocks: tuple[float, ...] | None = None


# From the usual to the shortest; the first that keeps both channels within the budget is given.
_ROOMS = (
    _Room(8, 6, 3),
    _Room(5, 6, 3),
    _Room(3, 4, 3),
    _Room(4, 4, 3, _ALL_BUT_ENDS),
    _Room(5, 4, 3, _SIX),
    _Room(3, 3, 1, _SIX),
    _Room(3, 2, 0, _FOUR),
    _Room(1, 1, 0, _FOUR),
    _Room(0, 1, 0, _FOUR),
    _Room(0, 1, 0, _THREE),
    _Room(0, 1, 0, _TWO),
)


def fitting_answer(findings: Findings) -> StressAnswer:
    """The answer, with as many names and usual shocks as the default's budget has room for, or with everything."""
    if findings.question.full:
        return stress_answer(findings, None)
    return first_that_fits(
        _ROOMS,
        lambda room: stress_answer(findings, room),
        lambda answer: max(json_length(structured(answer)), len(stress_text(answer))),
        _DEFAULT_ANSWER_CHARACTERS,
    )


def structured(answer: StressAnswer) -> dict[str, object]:
    """The answer as structured content; details and what estimated betas were made of only where there are any."""
    estimated = answer.scenario.betas is BetaBasis.ESTIMATED
    dumped = answer.model_dump(
        mode="json",
        exclude={
            "missing": without_detail(answer.missing),
            "names": without_detail(answer.names or ()),
            "scenario": set() if estimated else {"beta_index", "beta_returns", "beta_until"},
        },
    )
    if answer.curve is None:
        del dumped["curve"]
    return dumped


def stress_answer(findings: Findings, room: _Room | None) -> StressAnswer:
    """The answer with everything listed, or with what fits into `room`."""
    question, result, found = findings.question, findings.result, findings.stress
    common = common_fields(findings.snapshot, result.convention, result.missing, result.weight_coverage)
    listed = _names(findings, room)
    draft = StressAnswer(
        **{**common, "units": UNITS if found else common["units"]},
        headline="",
        warnings=warning_list(notices(findings)),
        constituent_count=len(result.constituents),
        statement="",
        scenario=_scenario(question, findings, room),
        now=_now(result),
        bounds=_bounds(result),
        flip=_flip(found.mean.zero_gamma, room) if found else None,
        flip_sum=_flip(found.total.zero_gamma, room) if found else None,
        repriced=_repriced(found, result) if found else None,
        repriced_null=None if found else RepricedNull.NETS_ONLY,
        shocks=_rows(question, found, room) if found else None,
        name_flips=_name_flips(found) if found else None,
        names=listed,
        names_not_listed=len(result.constituents) - len(listed or ()),
        curve=_curve(found) if found and room is None else None,
        reading=_READING if found else _ONLY_TODAY,
    )
    for one in draft.missing[room.details if room else len(draft.missing) :]:
        one.detail = None
    told = next((row for row in draft.shocks or () if row.shock_pct == question.shocks.first), None)
    return draft.model_copy(
        update={
            "headline": _headline(findings, draft),
            "statement": statement_of(draft, told, list(question.asked.weights)),
        }
    )


def _scenario(question: StressQuestion, findings: Findings, room: _Room | None) -> ScenarioPart:
    betas, found = findings.betas, findings.stress
    of_names = [one.beta for one in found.names] if found else [1.0]
    shocks = found.scenario.shocks if found else question.curve_shocks()
    assumed = [symbol for symbol in betas.assumed if symbol in findings.snapshot.exposures]
    estimate = betas.estimate
    return ScenarioPart(
        low_pct=percent_points(shocks[0]),
        high_pct=percent_points(shocks[-1]),
        volatility_points=question.volatility_points,
        days_forward=question.days_forward,
        smile=question.smile,
        betas=betas.basis,
        beta_low=round(min(of_names), 4),
        beta_high=round(max(of_names), 4),
        beta_assumed=assumed if room is None else assumed[:3],
        beta_assumed_count=len(assumed),
        beta_index=estimate.index if estimate else None,
        beta_returns=estimate.returns if estimate else None,
        beta_until=estimate.until if estimate else None,
    )


def _now(result: BasketExposure) -> NowPart:
    return NowPart(
        net_gex=result.net.gex,
        net_gex_sum=result.total.gex,
        regime=result.regime,
        dealer_gamma=result.reliability.verdict,
        dealer_gamma_reasons=list(result.reliability.reasons),
        flip_share=result.reliability.flip_share,
    )


def _bounds(result: BasketExposure) -> NetGexRange | None:
    if result.bounds is None:
        return None
    return NetGexRange(
        low=result.bounds.low,
        high=result.bounds.high,
        zero_filled=result.bounds.zero_filled.gex,
        break_even=result.bounds.break_even,
        sign_safe=result.bounds.sign_safe,
    )


def _flip(found: ZeroGamma, room: _Room | None) -> FlipPart:
    nearest_first = sorted(found.roots, key=lambda root: abs(root.at))
    shown = sorted(root.at for root in nearest_first[: room.roots if room else len(nearest_first)])
    return FlipPart(
        status=found.status.value,
        shock_pct=None if found.nearest is None else percent_points(found.nearest),
        roots_pct=[percent_points(at) for at in shown],
        roots_found=len(found.roots),
    )


def _repriced(found: Stress, result: BasketExposure) -> RepricedPart:
    known = [one.exposure.coverage for one in result.constituents if one.exposure.coverage]
    seen = math.fsum(one.open_interest_seen for one in known)
    expired = expired_in(found)
    return RepricedPart(
        unmoved_net_gex=float(found.mean.net_gex[found.scenario.shocks.index(0.0)]),
        contracts=sum(one.contracts for one in found.names),
        open_interest_used=math.fsum(one.open_interest for one in found.names) / seen if seen else None,
        expired_net_gex_sum=expired.net_gex if expired else None,
        expired_hedge_sum=expired.hedge if expired else None,
    )


def _rows(question: StressQuestion, found: Stress, room: _Room | None) -> list[ShockRow]:
    percents = question.shocks.percents
    if room and room.shocks and not question.shocks.given:
        percents = tuple(percent for percent in percents if percent in room.shocks)
    return [_row(found, percent) for percent in percents]


def _row(found: Stress, percent: float) -> ShockRow:
    place = found.scenario.shocks.index(percent / 100.0)
    mean, flow = found.mean, found.total.flow
    total, rest = float(flow.total[place]), float(flow.rest[place])
    split = split_of(total, float(flow.gamma[place]), float(flow.vanna[place]), float(flow.charm[place]))
    net_gex = float(mean.net_gex[place])
    return ShockRow(
        shock_pct=percent,
        net_gex=net_gex,
        regime=regime(net_gex),
        hedge_flow=float(mean.flow.total[place]),
        hedge_flow_sum=split.total,
        gamma=split.gamma,
        vanna=split.vanna,
        charm=split.charm,
        rest=split.rest,
        linear=split.linear,
        linear_off=bool(found.total.linear_is_off[place]),
        off_pct=_off(rest, total),
    )


def _off(rest: float, total: float) -> float | None:
    """By how much of the flow the linear estimate misses it, percent; None where there is next to none to miss."""
    return round(100.0 * abs(rest / total), 1) if abs(total) > 1e-9 * abs(rest) else None


def _names(findings: Findings, room: _Room | None) -> list[NameRow] | None:
    """The names with the largest part in today's net GEX, or all."""
    if findings.stress is None:
        return None
    curves = {one.symbol: one for one in findings.stress.names}
    places = [findings.stress.scenario.shocks.index(percent / 100.0) for percent in findings.question.shocks.percents]
    largest = findings.result.constituents[: room.names if room else None]
    rows = []
    for one in largest:
        curve = curves[one.exposure.symbol]
        flip = curve.zero_gamma.nearest
        rows.append(
            NameRow(
                symbol=curve.symbol,
                weight=one.weight,
                beta=round(curve.beta, 4),
                underlying_price=round(curve.spot, 4),
                net_gex=one.nets.gex,
                flip_status=curve.zero_gamma.status.value,
                flip_price=None if flip is None else round(flip, 4),
                flip_move_pct=None if flip is None else percent_points(flip / curve.spot - 1.0),
                detail=_detail(curve, places) if room is None else None,
            )
        )
    return rows


def _detail(curve: NameCurve, places: Sequence[int]) -> NameDetail:
    flip = curve.zero_gamma.nearest
    return NameDetail(
        flip_shock_pct=None if flip is None else percent_points((flip / curve.spot - 1.0) / curve.beta),
        net_gex=curve.net_gex[places].tolist(),
        hedge_flow=curve.flow.total[places].tolist(),
        hedge_shares=(curve.flow.total[places] / curve.spots[places]).tolist(),
    )


def _name_flips(found: Stress) -> NameFlips:
    sides = [(one.zero_gamma.nearest / one.spot - 1.0) / one.beta for one in found.names if one.zero_gamma.nearest is not None]
    falling = sum(1 for shock in sides if shock <= 0.0)
    return NameFlips(falling=falling, rising=len(sides) - falling, none_in_range=len(found.names) - len(sides))


def _curve(found: Stress) -> CurvePart:
    flow = found.total.flow
    parts = zip(*(part.tolist() for part in (flow.total, flow.gamma, flow.vanna, flow.charm)), strict=True)
    return CurvePart(
        shock_pct=[percent_points(shock) for shock in found.scenario.shocks],
        net_gex=found.mean.net_gex.tolist(),
        hedge_flow_sum=[split_of(*each).total for each in parts],
    )


def _headline(findings: Findings, draft: StressAnswer) -> str:
    """What limits the answer most, then where the basket flips."""
    asked = findings.question.asked
    subject = "Mean net GEX" if len(asked.weights) > 1 else f"{next(iter(asked.weights))} net GEX"
    one_sided = GammaReason.ASSUMED_ONE_SIDED in draft.now.dealer_gamma_reasons
    sentences = [
        coverage_sentence(len(asked.weights), draft.missing, draft.weight_coverage, synthetic=draft.synthetic),
        "Betas 1, not estimated." if _not_estimated(findings.betas) else "",
        f"{subject} {money(draft.now.net_gex)} per 1% move as of {eastern_clock(draft.as_of)}; {flip_phrase(draft)}"
        f"{' (the convention is one-sided)' if one_sided and draft.flip else ''}.",
    ]
    return " ".join(one for one in sentences if one)


def _not_estimated(betas: Betas) -> bool:
    return any(one.code == BETAS_NOT_ESTIMATED for one in betas.notices)
