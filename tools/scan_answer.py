"""From the snapshots of a scan to the rows of its answer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from exposure.basket import Basket, BasketExposure, Constituent, EmptyBasketError, WeightedMissing, aggregate
from exposure.dealer import SignConvention
from exposure.flips import flip_between, imbalance
from exposure.reliability import DealerGamma
from exposure.snapshot import Missing, Notice, Snapshot
from sources.baskets import NamedBasket
from tools.answer import (
    SYNTHETIC_LABEL,
    FourNets,
    common_fields,
    nothing_arrived,
    time_notices,
    warning_list,
    without_detail,
)
from tools.figures import eastern_clock, percent, some_of
from tools.fitting import first_that_fits, json_length
from tools.scan_model import BasketRow, ChangeRow, RowDetail, ScanAnswer

_DEFAULT_ANSWER_CHARACTERS = 5_900


@dataclass(frozen=True, slots=True)
class _Room:
    """How much an answer lists: drivers a basket, missing names with the sentence that explains each, changes not known."""

    drivers: int
    details: int
    unknown_changes: bool = True


_DRIVERS = 3
_ROOMS = (
    _Room(_DRIVERS, 500),
    _Room(_DRIVERS, 3),
    _Room(_DRIVERS, 0),
    _Room(2, 0),
    _Room(1, 0),
    _Room(1, 0, unknown_changes=False),
    _Room(0, 0, unknown_changes=False),
)
_ONE_NAME = 2.0
_FEW_NAMES = 4.0
"""Effective names below which a basket is one name's doing, or a few names'."""
_READING = "Net GEX is the weighted mean of a basket: the whole market's dealer exposure."


class RankBy(StrEnum):
    """What puts a basket first."""

    NET_GEX = "net_gex"
    IMBALANCE = "imbalance"
    BREADTH = "breadth"


@dataclass(frozen=True, slots=True)
class Scan:
    """Everything a scan is computed from; `before` is the snapshot at the earlier instant."""

    baskets: Sequence[NamedBasket]
    snapshot: Snapshot
    before: Snapshot | None
    convention: SignConvention
    ambiguous_below: float

    def comparable(self, basket: NamedBasket) -> list[str]:
        """The names with quotes of two different times; the same quotes at both ends would read as no change."""
        if self.before is None:
            return []
        pairs = {symbol: (self.snapshot.exposures.get(symbol), self.before.exposures.get(symbol)) for symbol in basket.symbols}
        return [symbol for symbol, (now, was) in pairs.items() if now and was and was.quote_time < now.quote_time]

    def result(self, symbols: Sequence[str], weights: Sequence[float] | None, snapshot: Snapshot) -> BasketExposure | None:
        """The exposure of these symbols, or None when none of them arrived."""
        asked = Basket.of(symbols, weights)
        try:
            return aggregate(asked, snapshot, self.convention, ambiguous_below=self.ambiguous_below)
        except EmptyBasketError:
            return None


def fitting_scan(scan: Scan, read: Sequence[Notice], mistakes: Sequence[str], rank_by: RankBy, *, full: bool) -> ScanAnswer:
    """The answer, with as many drivers a basket and sentences about missing names as the default's budget has room for.

    `read` is what has to be said about the arguments, `mistakes` about the user's baskets file. Raises ToolError when no name of
    any basket arrived.
    """
    everything = _scan_answer(scan, read, mistakes, rank_by, full=full)
    if full:
        return everything
    return first_that_fits(
        _ROOMS,
        lambda room: _trimmed(everything, room),
        lambda answer: json_length(structured(answer)),
        _DEFAULT_ANSWER_CHARACTERS,
    )


def _trimmed(answer: ScanAnswer, room: _Room) -> ScanAnswer:
    rows = [row.model_copy(update={"drivers": dict(list(row.drivers.items())[: room.drivers])}) for row in answer.baskets]
    if not room.unknown_changes:
        # The warning partial_comparison names their baskets, or says how many there are.
        rows = [row if _is_known(row.change) else row.model_copy(update={"change": None}) for row in rows]
    missing = [
        one if index < room.details else one.model_copy(update={"detail": None}) for index, one in enumerate(answer.missing)
    ]
    return answer.model_copy(update={"baskets": rows, "missing": missing})


def _is_known(change: ChangeRow | None) -> bool:
    return change is not None and change.net_gex is not None


def _scan_answer(scan: Scan, read: Sequence[Notice], mistakes: Sequence[str], rank_by: RankBy, *, full: bool) -> ScanAnswer:
    results = [scan.result(one.symbols, one.weights, scan.snapshot) for one in scan.baskets]
    if not any(results):
        raise nothing_arrived(scan.snapshot.missing, _why_nothing(scan))
    rows = [_row(scan, basket, result, full=full) for basket, result in zip(scan.baskets, results, strict=True)]
    coverage = math.fsum(result.weight_coverage if result else 0.0 for result in results) / len(results)
    missing = _missing_of_members(scan)
    common = common_fields(scan.snapshot, scan.convention, missing, coverage)
    notices = [
        *_partial(scan.baskets, results),
        *_uncompared(scan),
        *_missing_funds(scan),
        *read,
        *_of_the_sources(scan),
        *time_notices(scan.snapshot),
        *_double_counting(scan),
        *(Notice("baskets_file", sentence) for sentence in mistakes),
        Notice("weak_sign_assumption", "For single stocks the assumed dealer sign is weak evidence."),
    ]
    ranked = sorted(rows, key=lambda row: _rank(row, rank_by))
    return ScanAnswer(
        **common,
        headline=_headline(scan, ranked, missing),
        warnings=warning_list(notices),
        rank_by=rank_by.value,
        reading=_READING,
        since_resolved=scan.before.as_of if scan.before else None,
        flipped=[row.basket for row in ranked if row.change and row.change.flip],
        baskets=ranked,
    )


def _why_nothing(scan: Scan) -> str:
    """Why no basket has a result: nothing arrived, or what did has no net in this convention."""
    arrived = [symbol for basket in scan.baskets for symbol in basket.symbols if symbol in scan.snapshot.exposures]
    if arrived:
        try:
            aggregate(Basket.of(arrived[:1]), scan.snapshot, scan.convention, ambiguous_below=scan.ambiguous_below)
        except EmptyBasketError as problem:
            return str(problem)
    return "No name of any basket could be answered."


def structured(answer: ScanAnswer) -> dict[str, object]:
    """The answer as structured content; a row has `change` and `detail` only where there is one."""
    hidden = {
        index: {name for name in ("change", "detail") if getattr(row, name) is None} for index, row in enumerate(answer.baskets)
    }
    return answer.model_dump(mode="json", exclude={"baskets": hidden, "missing": without_detail(answer.missing)})


def _row(scan: Scan, basket: NamedBasket, result: BasketExposure | None, *, full: bool) -> BasketRow:
    absent = [symbol for symbol in basket.symbols if symbol not in scan.snapshot.exposures]
    fund = None if basket.index is None else scan.result([basket.index], None, scan.snapshot)
    common = {
        "basket": basket.name,
        "missing": absent,
        "fund": dict.fromkeys(basket.fund, fund.net.gex if fund else None),
        "change": _change(scan, basket, result),
    }
    if result is None:
        return BasketRow(
            **common,
            net_gex=None, sum_gex=None, imbalance=None, regime=None, dealer_gamma=None, reasons=[], flip_share=None, names=0,
            negative_names=0, negative_weight=0.0, driven_by="nothing", effective_names=None, pivotal=[], drivers={},
        )  # fmt: skip
    top = result.constituents[:_DRIVERS]
    return BasketRow(
        **common,
        net_gex=result.net.gex,
        sum_gex=result.total.gex,
        imbalance=imbalance(result),
        regime=result.regime,
        dealer_gamma=result.reliability.verdict,
        reasons=list(result.reliability.reasons),
        flip_share=result.reliability.flip_share,
        names=len(result.constituents),
        negative_names=result.negative_names,
        negative_weight=result.negative_weight,
        driven_by=_driven_by(result),
        effective_names=None if result.effective_names is None else round(result.effective_names, 2),
        pivotal=list(result.pivotal),
        drivers={one.exposure.symbol: _signed_percent(one) for one in top},
        detail=RowDetail(
            aggregate=FourNets.of(result.net),
            aggregate_sum=FourNets.of(result.total),
            fund_dealer_gamma=fund.reliability.verdict if fund else None,
        )
        if full
        else None,
    )


def _signed_percent(one: Constituent) -> float:
    """Share of gross in percent with the sign of the name's own gamma: whole from 10% up, a decimal below."""
    share = one.contribution_pct
    return math.copysign(float(round(share)) if share >= 10 else round(share, 1), one.nets.gex)


def _driven_by(result: BasketExposure) -> str:
    effective = result.effective_names
    if effective is None:
        return "nothing"
    if effective < _ONE_NAME or result.constituents[0].exposure.symbol in result.pivotal:
        return "one_name"
    return "few_names" if effective < _FEW_NAMES or result.pivotal else "broad"


def _change(scan: Scan, basket: NamedBasket, result: BasketExposure | None) -> ChangeRow | None:
    """Against the earlier snapshot, over the names that can be compared: one that came or went is not a change."""
    if scan.before is None:
        return None
    common = scan.comparable(basket)
    if not common or result is None:
        return ChangeRow(net_gex=None, flip=None)
    weights = None if basket.weights is None else [basket.weights[basket.symbols.index(symbol)] for symbol in common]
    was, is_now = (scan.result(common, weights, one) for one in (scan.before, scan.snapshot))
    if was is None or is_now is None:
        return ChangeRow(net_gex=None, flip=None)
    flip = flip_between(imbalance(was), imbalance(is_now))
    return ChangeRow(net_gex=is_now.net.gex - was.net.gex, flip=f"to_{flip.after.value}" if flip else None)


def _rank(row: BasketRow, rank_by: RankBy) -> tuple[bool, float, str]:
    """Most negative first; what is unknown last."""
    reading = {
        RankBy.NET_GEX: row.net_gex,
        RankBy.IMBALANCE: row.imbalance,
        RankBy.BREADTH: None if row.net_gex is None else -row.negative_weight,
    }[rank_by]
    return (reading is None, reading or 0.0, row.basket)


def _missing_of_members(scan: Scan) -> list[WeightedMissing]:
    """Missing members (not funds), each with its mean weight over the baskets of the scan."""
    weights: Counter[str] = Counter()
    for basket in scan.baskets:
        for symbol, weight in Basket.of(basket.symbols, basket.weights).weights.items():
            weights[symbol] += weight / len(scan.baskets)  # type: ignore[assignment]  # a Counter of shares
    return [WeightedMissing(one, weights[one.symbol]) for one in scan.snapshot.missing if one.symbol in weights]


def _partial(baskets: Sequence[NamedBasket], results: Sequence[BasketExposure | None]) -> list[Notice]:
    lacking = [
        f"{basket.name} {percent(result.weight_coverage if result else 0.0)}"
        for basket, result in zip(baskets, results, strict=True)
        if result is None or result.weight_coverage < 1.0
    ]
    if not lacking:
        return []
    sentence = f"{len(lacking)} of {len(baskets)} baskets are partial, weight covered: {some_of(lacking)}."
    return [Notice("partial_basket", sentence)]


def _uncompared(scan: Scan) -> list[Notice]:
    """What the comparison leaves out: baskets with fewer names at both ends than arrived now."""
    if scan.before is None:
        return []
    short = []
    for basket in scan.baskets:
        arrived, both = sum(symbol in scan.snapshot.exposures for symbol in basket.symbols), len(scan.comparable(basket))
        if both < arrived:
            short.append(f"{basket.name} {both}/{arrived}")
    if not short:
        return []
    reasons = sorted({one.reason.value for one in scan.before.missing})
    why = f" ({', '.join(reasons)} then)" if reasons else " (the same quotes at both ends)"
    return [Notice("partial_comparison", f"Names with quotes of both times, of those that arrived: {some_of(short)}{why}.")]


def _of_the_sources(scan: Scan) -> list[Notice]:
    """What the sources say of both ends of a comparison; what holds for both is said once."""
    ends = [scan.snapshot, *([scan.before] if scan.before else [])]
    return list(dict.fromkeys(notice for end in ends for notice in end.provenance.notices))


def _missing_funds(scan: Scan) -> list[Notice]:
    funds = {symbol for basket in scan.baskets for symbol in basket.fund}
    members = {symbol for basket in scan.baskets for symbol in basket.symbols}
    lost = [_reason(one) for one in scan.snapshot.missing if one.symbol in funds - members]
    return [Notice("missing_funds", f"Funds that did not arrive: {some_of(lost)}.")] if lost else []


def _double_counting(scan: Scan) -> list[Notice]:
    notices = []
    if any(basket.index for basket in scan.baskets):
        notices.append(Notice("double_counting", "A fund holds members of its basket: fund and basket are not to be added up."))
    counts = Counter(symbol for basket in scan.baskets for symbol in set(basket.symbols))
    shared = sorted(symbol for symbol, count in counts.items() if count > 1)
    if shared:
        notices.append(Notice("shared_names", f"In more than one basket, so rows are not to be added up: {some_of(shared)}."))
    return notices


def _headline(scan: Scan, rows: Sequence[BasketRow], missing: Sequence[WeightedMissing]) -> str:
    members = {symbol for basket in scan.baskets for symbol in basket.symbols}
    label = f"{SYNTHETIC_LABEL} " if scan.snapshot.provenance.synthetic else ""
    lost = f" (missing: {some_of([_reason(one.missing) for one in missing])})" if missing else ""
    arrived = f"{len(members) - len(missing)} of {len(members)} names in {len(rows)} baskets{lost}"
    sides = [
        f"{word}: {', '.join(names) or 'none'}"
        for word, verdict in (("short gamma", DealerGamma.SHORT_GAMMA), ("ambiguous", DealerGamma.AMBIGUOUS))
        for names in ([row.basket for row in rows if row.dealer_gamma is verdict],)
    ]
    as_of = f"as of {eastern_clock(scan.snapshot.as_of)}" if scan.snapshot.as_of else ""
    flips = sum(1 for row in rows if row.change and row.change.flip)
    compared = sum(1 for row in rows if row.change and row.change.net_gex is not None)
    flipped = f"; flipped: {flips} of {compared} compared" if compared else "; nothing could be compared" if scan.before else ""
    return f"{label}{arrived} {as_of}; {'; '.join(sides)}{flipped}."


def _reason(missing: Missing) -> str:
    return f"{missing.symbol} {missing.reason.value}"
