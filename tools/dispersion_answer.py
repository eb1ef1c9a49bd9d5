"""From an index and its names to the fields of `frame_dispersion`: what is shown, what is summed up, what has to be said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exposure.basket import BasketExposure, Constituent, WeightedMissing, absent
from exposure.dispersion import Agreement, Correlation, GammaGap, Undefined, VolatilityFrame
from exposure.flips import imbalance
from exposure.reliability import DealerGamma
from exposure.snapshot import Notice
from tools.answer import SYNTHETIC_LABEL, FourNets, common_fields, coverage_sentence, warning_list
from tools.dispersion_findings import NAMES_IN_A_SENTENCE, Findings, Frame, notices
from tools.dispersion_model import (
    DispersionAnswer,
    GammaDifference,
    GammaSide,
    LeftOutName,
    NameRow,
    NetGexRange,
    RestOfNames,
    VolatilitySide,
)
from tools.dispersion_text import dispersion_text
from tools.figures import eastern_clock, percent
from tools.fitting import first_that_fits, json_length

_DEFAULT_ANSWER_CHARACTERS = 3_550
_SIDES = {DealerGamma.LONG_GAMMA: "long gamma", DealerGamma.SHORT_GAMMA: "short gamma", DealerGamma.AMBIGUOUS: "ambiguous"}


@dataclass(frozen=True, slots=True)
class _Room:
    """How much a default answer lists: names opposing the index, largest names beside them, left-out names, details."""

    opposing: int
    largest: int
    left_out: int
    details: int


# From the usual to the shortest; the first that keeps both channels within the budget is given.
_ROOMS = (_Room(4, 6, 6, 3), _Room(3, 5, 4, 3), _Room(3, 3, 3, 1), _Room(2, 2, 3, 0), _Room(1, 1, 2, 0), _Room(0, 1, 1, 0))


def fitting_answer(frame: Frame, findings: Findings, read: Sequence[Notice], *, full: bool) -> DispersionAnswer:
    """The answer, with as many names listed as the default's budget has room for, or with all of them.

    `read` is what has to be said about how the arguments were understood.
    """
    if full:
        return dispersion_answer(frame, findings, read, None)
    return first_that_fits(
        _ROOMS,
        lambda room: dispersion_answer(frame, findings, read, room),
        lambda answer: max(json_length(structured(answer)), len(dispersion_text(answer))),
        _DEFAULT_ANSWER_CHARACTERS,
    )


def structured(answer: DispersionAnswer) -> dict[str, object]:
    """The answer as structured content; the reason for a null only where there is a null."""
    side = answer.volatility
    valued = {name for name in ("implied_null", "realised_null", "spread_null") if getattr(side, name) is None}
    return answer.model_dump(mode="json", exclude={"volatility": valued})


def dispersion_answer(frame: Frame, findings: Findings, read: Sequence[Notice], room: _Room | None) -> DispersionAnswer:
    """The answer with everything listed, or with what fits into `room`."""
    names, gap = findings.names, findings.gap
    missing = [*(WeightedMissing(one, 0.0) for one in absent([frame.index], findings.snapshot)), *names.missing]
    shown = _shown(findings, room)
    volatility = _volatility_side(frame, findings)
    draft = DispersionAnswer(
        **common_fields(findings.snapshot, names.convention, missing, names.weight_coverage),
        headline="",
        warnings=warning_list(notices(frame, findings, read)),
        index=frame.index,
        constituent_count=len(names.constituents),
        weights_basis=frame.basis,
        coverage=frame.coverage([one.exposure.symbol for one in names.constituents]),
        statement=_statement(frame, findings),
        index_gamma=_gamma_side(findings.index) if findings.index else None,
        index_null=_why_no_index(frame, findings),
        aggregate=_gamma_side(names),
        aggregate_sum=FourNets.of(names.total),
        gap=_difference(gap) if gap else None,
        bounds=_bounds(names),
        volatility=volatility,
        constituents=[_row(one, findings) for one in shown],
        rest=_rest([one for one in names.constituents if one not in shown], findings.volatility),
    )
    if room is not None:
        del draft.volatility.left_out[room.left_out :]
        for one in draft.missing[room.details :]:
            one.detail = None
    return draft.model_copy(update={"headline": _headline(frame, draft)})


def _shown(findings: Findings, room: _Room | None) -> list[Constituent]:
    """All names, or the largest and those that oppose the index, in the order of their contribution."""
    every = findings.names.constituents
    if room is None:
        return list(every)
    opposing = findings.gap.opposing[: room.opposing] if findings.gap else ()
    return [one for place, one in enumerate(every) if place < room.largest or one in opposing]


def _gamma_side(side: BasketExposure) -> GammaSide:
    return GammaSide(
        **FourNets.of(side.net).model_dump(),
        regime=side.regime,
        dealer_gamma=side.reliability.verdict,
        dealer_gamma_reasons=list(side.reliability.reasons),
        flip_share=side.reliability.flip_share,
        imbalance=imbalance(side),
    )


def _difference(gap: GammaGap) -> GammaDifference:
    return GammaDifference(
        agreement=gap.agreement,
        imbalance_gap=gap.imbalance,
        net_gex_gap=gap.net_gex,
        opposing_names=len(gap.opposing),
        opposing_weight=math.fsum(one.weight for one in gap.opposing),
        opposing_pct=math.fsum(one.contribution_pct for one in gap.opposing),
    )


def _bounds(names: BasketExposure) -> NetGexRange | None:
    if names.bounds is None:
        return None
    return NetGexRange(
        low=names.bounds.low,
        high=names.bounds.high,
        zero_filled=names.bounds.zero_filled.gex,
        break_even=names.bounds.break_even,
        sign_safe=names.bounds.sign_safe,
    )


def _volatility_side(frame: Frame, findings: Findings) -> VolatilitySide:
    found = findings.volatility
    realised = None if isinstance(found.realised, Undefined) else found.realised
    weights = {one.exposure.symbol: one.weight for one in findings.names.constituents}
    left_out = [LeftOutName(symbol=name, reason=reason, weight=weights.get(name, 0.0)) for name, reason in found.left_out.items()]
    return VolatilitySide(
        tenor_days=None if found.tenor_days is None else round(found.tenor_days),
        names=len(found.weights),
        coverage=frame.coverage(list(found.weights)),
        index_iv=found.index_iv,
        basket_iv=found.basket_volatility,
        implied_correlation=found.implied.value if isinstance(found.implied, Correlation) else None,
        implied_null=found.implied if isinstance(found.implied, Undefined) else None,
        realised_correlation=realised.correlation.value if realised else None,
        realised_null=found.realised if isinstance(found.realised, Undefined) else None,
        standard_error=realised.standard_error if realised else None,
        premium=found.premium,
        dispersion_spread=None if isinstance(found.spread, Undefined) else found.spread,
        spread_null=found.spread if isinstance(found.spread, Undefined) else None,
        correlation_to_index=realised.to_index if realised else findings.published_to_index,
        index_realised_volatility=realised.index_volatility if realised else None,
        window_days=realised.days if realised else findings.window_days,
        window_end=findings.window_end if realised else None,
        left_out=left_out,
        left_out_count=len(left_out),
    )


def _row(one: Constituent, findings: Findings) -> NameRow:
    index = findings.index
    return NameRow(
        symbol=one.exposure.symbol,
        weight=one.weight,
        net_gex=one.nets.gex,
        contribution_pct=round(one.contribution_pct, 2),
        dealer_gamma=one.reliability.verdict,
        opposes_index=None if index is None else one.nets.gex * index.net.gex < 0.0,
        atm_iv=_atm_iv(one, findings.volatility),
        volatility_share=findings.volatility.share_of_volatility(one.exposure.symbol),
    )


def _atm_iv(one: Constituent, volatility: VolatilityFrame) -> float | None:
    if volatility.tenor_days is None:
        return volatility.ivs.get(one.exposure.symbol)
    return one.exposure.atm_iv(volatility.tenor_days)


def _rest(others: Sequence[Constituent], volatility: VolatilityFrame) -> RestOfNames | None:
    if not others:
        return None
    shares = [volatility.share_of_volatility(one.exposure.symbol) for one in others]
    known = [share for share in shares if share is not None]
    return RestOfNames(
        names=len(others),
        weight=math.fsum(one.weight for one in others),
        net_gex=math.fsum(one.nets.gex for one in others),
        contribution_pct=round(math.fsum(one.contribution_pct for one in others), 2),
        volatility_share=math.fsum(known) if known else None,
    )


def _why_no_index(frame: Frame, findings: Findings) -> str | None:
    if findings.index is not None:
        return None
    reasons = [one.reason.value for one in absent([frame.index], findings.snapshot)]
    return reasons[0] if reasons else "other_convention"


def _statement(frame: Frame, findings: Findings) -> str:
    """Agreement or conflict in words, and the names that carry the divergence."""
    if findings.index is None or findings.gap is None:
        return f"no comparison in gamma: {frame.index} has no net GEX here ({_why_no_index(frame, findings)})"
    sides = [side.reliability.verdict for side in (findings.index, findings.names)]
    index, names = ("not judged" if side is None else _SIDES[side] for side in sides)
    opening = {
        Agreement.AGREE: f"index and names agree: both {index}",
        Agreement.CONFLICT: f"index and names conflict: {frame.index} {index}, its names {names}",
        Agreement.UNDECIDED: f"undecided: {frame.index} {index}, its names {names}",
    }[findings.gap.agreement]
    opposing = findings.gap.opposing
    if not opposing:
        return f"{opening}; no name opposes {frame.index}"
    weight = percent(math.fsum(one.weight for one in opposing))
    led = ", ".join(one.exposure.symbol for one in opposing[:NAMES_IN_A_SENTENCE])
    count = f"{len(opposing)} of {len(findings.names.constituents)} names ({weight} of weight)"
    return f"{opening}; {count} oppose {frame.index}, first {led}"


def _headline(frame: Frame, draft: DispersionAnswer) -> str:
    """What limits the answer most, then the correlations, then the gamma."""
    codes = {one.code for one in draft.warnings}
    names = [one for one in draft.missing if one.symbol != frame.index]
    share = draft.volatility.coverage if draft.volatility.names else draft.coverage
    stand = f"The names stand for {'an unknown share' if share is None else percent(share)} of {frame.index}."
    arrived = coverage_sentence(len(frame.names.weights), names, draft.weight_coverage, synthetic=False)
    sentences = [
        SYNTHETIC_LABEL if draft.synthetic else "",
        f"{frame.index} is missing ({draft.index_null})." if "index_missing" in codes else "",
        *((stand, arrived) if "partial_coverage" in codes else (arrived, stand)),
        "The volatilities do not belong together (inconsistent_inputs)." if "inconsistent_inputs" in codes else "",
        f"Implied correlation {_correlations(draft.volatility)} as of {eastern_clock(draft.as_of)};",
        draft.statement.split("; ", maxsplit=1)[0] + ".",
    ]
    return " ".join(one for one in sentences if one)


def _correlations(side: VolatilitySide) -> str:
    implied = f"null ({side.implied_null})" if side.implied_correlation is None else f"{side.implied_correlation:.2f}"
    if side.realised_correlation is None:
        return f"{implied}, realised null ({side.realised_null})"
    error = "null" if side.standard_error is None else f"{side.standard_error:.2f}"
    return f"{implied} vs realised {side.realised_correlation:.2f} (se {error})"
