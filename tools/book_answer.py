"""From the maths of a book to the fields of its answer: what is shown, what is summed up, what has to be said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exposure.book import BookExposure, BookSide, PositionExposure, PositionSide, disagreements
from exposure.dealer import SignConvention
from exposure.reliability import regime
from exposure.snapshot import Notice, Snapshot
from tools.answer import FourNets, MissingName, common_fields, coverage_sentence, time_notices, warning_list, without_detail
from tools.basket_answer import (
    chain_notices,
    flip_statement,
    net_gex_bounds,
    overlap_notices,
    partial_notices,
    weak_sign_notices,
)
from tools.book_model import BookAnswer, PositionRow, RankGap, RestOfBook, SideOfBook
from tools.book_text import book_text
from tools.figures import counted, eastern_clock, money, percent, some_of
from tools.fitting import first_that_fits, json_length
from tools.positions import RequestedBook

_READING = (
    "The whole market's dealer gamma behind your names, weighed by gross share: not the greeks of your own positions or options; "
    "being short does not turn its sign."
)
_NO_GAP = "Dollars and dealer gamma have the same ranks and nearly the same shares."


@dataclass(frozen=True, slots=True)
class _Room:
    """How much a default answer lists: the positions that drive it most, gaps between the ranks, and details of missing names."""

    positions: int
    gaps: int
    details: int


_DEFAULT_ANSWER_CHARACTERS = 4_750
# From the fullest to the shortest; the first that keeps the answer within its budget is given.
_ROOMS = (
    *(_Room(positions, 3, 3) for positions in (50, 40, 30, 25, 20, 17, 15, 13, 12, 11, 10, 9, 8)),
    *(_Room(positions, 3, 1) for positions in (8, 7, 6)),
    *(_Room(positions, 3, 0) for positions in (7, 6, 5)),
    *(_Room(positions, 1, 0) for positions in (5, 4, 3, 2, 1)),
)


def fitting_answer(
    asked: RequestedBook, snapshot: Snapshot, result: BookExposure, read: Sequence[Notice], *, full: bool
) -> BookAnswer:
    """The answer, with as many positions listed as the default's budget has room for, or with all of them.

    `read` is what has to be said about how the arguments were understood.
    """
    if full:
        return _answer(asked, snapshot, result, read, None)
    return first_that_fits(
        _ROOMS,
        lambda room: _answer(asked, snapshot, result, read, room),
        lambda answer: max(json_length(structured(answer)), len(book_text(answer))),
        _DEFAULT_ANSWER_CHARACTERS,
    )


def structured(answer: BookAnswer) -> dict[str, object]:
    """The answer as structured content; what a row does not have (dollars, a price used, a detail) is left out."""
    hidden = {
        index: {name for name in ("dollars", "underlying_price") if getattr(row, name) is None}
        for index, row in enumerate(answer.positions)
    }
    return answer.model_dump(mode="json", exclude={"positions": hidden, "missing": without_detail(answer.missing)})


def _answer(
    asked: RequestedBook, snapshot: Snapshot, result: BookExposure, read: Sequence[Notice], room: _Room | None
) -> BookAnswer:
    whole = result.whole
    shown = result.positions if room is None else result.positions[: room.positions]
    in_shares = {one.symbol for one in asked.holdings if one.shares}
    gaps = disagreements(result.positions)[: room.gaps if room else None]
    same_sign = sum(net is not None and regime(net) is whole.regime for net in whole.by_convention.values())
    missing = [
        MissingName(
            symbol=one.missing.symbol,
            reason=one.missing.reason,
            detail=one.missing.detail if room is None or index < room.details else None,
            weight=one.weight,
        )
        for index, one in enumerate(result.absent)
    ]
    common = common_fields(snapshot, whole.convention, (), 1.0) | {
        "missing_symbols": [one.symbol for one in missing],
        "missing": missing,
        "weight_coverage": result.weight_coverage,
    }
    count = len(result.positions) + len(missing)
    opening = coverage_sentence(count, missing, result.weight_coverage, synthetic=snapshot.provenance.synthetic)
    verdict = whole.reliability.verdict.value if whole.reliability.verdict else "not judged"
    as_of = f" as of {eastern_clock(snapshot.as_of)}" if snapshot.as_of else ""
    return BookAnswer(
        **common,
        headline=f"{opening} Net GEX behind the book {money(whole.net.gex)} per 1% move{as_of}, dealer gamma {verdict}.".strip(),
        warnings=warning_list(_notices(asked, snapshot, result, read)),
        constituent_count=len(result.positions),
        gross_dollars=None if asked.in_percent else result.gross,
        net_dollars=None if asked.in_percent else result.net,
        aggregate=FourNets.of(whole.net),
        aggregate_sum=FourNets.of(whole.total),
        regime=whole.regime,
        dealer_gamma=whole.reliability.verdict,
        dealer_gamma_reasons=list(whole.reliability.reasons),
        flip_share=whole.reliability.flip_share,
        flip_statement=flip_statement(whole.net.gex, whole.reliability),
        net_gex_by_convention=dict(whole.by_convention),
        conventions_same_sign=same_sign,
        convention_statement=_convention_statement(whole.by_convention, whole.convention, same_sign),
        bounds=net_gex_bounds(whole),
        long_side=_side(result.long),
        short_side=_side(result.short),
        missing_short=[one.missing.symbol for one in result.absent if one.side is PositionSide.SHORT],
        rank_gaps=[_gap(one) for one in gaps],
        gap_statement=_gap_statement(gaps, result),
        reading=_READING,
        positions=[_row(one, in_percent=asked.in_percent, in_shares=one.symbol in in_shares) for one in shown],
        rest=_rest(result.positions[len(shown) :], in_percent=asked.in_percent),
    )


def _side(side: BookSide | None) -> SideOfBook | None:
    if side is None:
        return None
    return SideOfBook(
        positions=len(side.exposure.constituents),
        dollar_share=side.share,
        **FourNets.of(side.exposure.net).model_dump(),
        regime=side.exposure.regime,
        dealer_gamma=side.exposure.reliability.verdict,
        dealer_gamma_reasons=list(side.exposure.reliability.reasons),
    )


def _row(one: PositionExposure, *, in_percent: bool, in_shares: bool) -> PositionRow:
    return PositionRow(
        symbol=one.symbol,
        side=one.side,
        dollar_share=one.weight,
        dollars=None if in_percent else one.dollars,
        underlying_price=round(one.constituent.exposure.spot, 4) if in_shares else None,
        net_gex=one.constituent.nets.gex,
        contribution_pct=_percentage(one.constituent.contribution_pct),
        dealer_gamma=one.constituent.reliability.verdict,
    )


def _rest(others: Sequence[PositionExposure], *, in_percent: bool) -> RestOfBook | None:
    if not others:
        return None
    return RestOfBook(
        positions=len(others),
        dollar_share=math.fsum(one.weight for one in others),
        dollars=None if in_percent else math.fsum(one.dollars for one in others),
        net_gex=math.fsum(one.constituent.nets.gex for one in others),
        contribution_pct=_percentage(math.fsum(one.constituent.contribution_pct for one in others)),
    )


def _percentage(value: float) -> float:
    """Four decimals of 0..100; what only rounding would make 0 or 100 is given as it is."""
    rounded = round(value, 4)
    return value if rounded in (0.0, 100.0) and abs(value - rounded) > 1e-10 else rounded


def _gap(one: PositionExposure) -> RankGap:
    return RankGap(
        symbol=one.symbol,
        dollar_share=one.weight,
        contribution_pct=_percentage(one.constituent.contribution_pct),
        dollar_rank=one.dollar_rank,
        contribution_rank=one.contribution_rank,
    )


def _gap_statement(gaps: Sequence[PositionExposure], result: BookExposure) -> str:
    """The widest gap in share, and the widest in rank where that is another name."""
    if not gaps:
        return _NO_GAP
    first = gaps[0]
    dollars = "your dollars" if abs(result.net) == result.gross else "your gross dollars"
    if result.weight_coverage is None:
        dollars = "the dollars that have a value"
    behind = "the names that arrived" if result.absent else "your book"
    share = percent(first.constituent.contribution_pct / 100.0)
    sentence = f"{first.symbol} is {percent(first.weight)} of {dollars} and {share} of the dealer gamma behind {behind}."
    if len(gaps) > 1 and gaps[1].rank_gap > first.rank_gap:
        second = gaps[1]
        sentence += f" {second.symbol} ranks {second.dollar_rank} by dollars and {second.contribution_rank} by dealer gamma."
    return sentence


def _convention_statement(nets: Mapping[SignConvention, float | None], convention: SignConvention, same_sign: int) -> str:
    """Whether the regime survives the other sign conventions, and under which it does not."""
    net = nets[convention]
    known = {name: value for name, value in nets.items() if value is not None}
    if net is None or len(known) < 2:
        return "the source publishes signed nets, so other sign conventions are unknown"
    return f"net GEX has this sign under {same_sign} of the six conventions, the chosen one included (two or more always differ)"


def _notices(asked: RequestedBook, snapshot: Snapshot, result: BookExposure, read: Sequence[Notice]) -> list[Notice]:
    """Everything to be careful about, what limits the answer most first."""
    whole = result.whole
    notices = _unpriced(asked, result) if result.weight_coverage is None else partial_notices(whole)
    priced = [one.symbol for one in asked.holdings if one.shares and one.symbol in snapshot.exposures]
    if priced and snapshot.as_of:
        sentence = (
            f"{counted(len(priced), 'position')} in shares valued at the underlying price of {eastern_clock(snapshot.as_of)}; "
            "detail=full lists them all."
        )
        notices.append(Notice("valued_at_prices", sentence))
    if result.worthless:
        notices.append(Notice("zero_positions", f"Net to zero at these prices and left out: {some_of(result.worthless)}."))
    return [
        *notices,
        *asked.notices,
        *read,
        *snapshot.provenance.notices,
        *time_notices(snapshot),
        *chain_notices(whole),
        *overlap_notices(whole),
        *weak_sign_notices(whole),
    ]


def _unpriced(asked: RequestedBook, result: BookExposure) -> list[Notice]:
    shares = {one.symbol for one in asked.holdings if one.shares}
    names = [one.missing.symbol for one in result.absent if one.missing.symbol in shares]
    sentence = (
        f"Held in shares and without a price here: {some_of(names)}. How much of the book is missing is unknown, no bounds hold, "
        "and every share is of the positions that have a value."
    )
    return [Notice("partial_basket", sentence)]
