"""The answer of `book_exposure` as text: the same facts and numbers, for hosts that show their model the text alone."""

from __future__ import annotations

from collections.abc import Sequence

from tools.answer import missing_text, source_text, warning_lines
from tools.basket_text import bounds_text, conventions_text
from tools.book_model import BookAnswer, PositionRow, RankGap, SideOfBook
from tools.figures import counted, money, percent


def book_text(answer: BookAnswer) -> str:
    count = answer.constituent_count + len(answer.missing)
    covered = "an unknown share" if answer.weight_coverage is None else percent(answer.weight_coverage)
    size = (
        "in percent" if answer.gross_dollars is None else f"gross {money(answer.gross_dollars)}, net {money(answer.net_dollars)}"
    )
    lines = [
        answer.headline,
        f"{_verdict_text(answer)}: {answer.flip_statement}.",
        f"Mean by gross weight: {answer.aggregate.text()}.",
        f"Plain sum: {answer.aggregate_sum.text()}.",
        f"Book: {size}; {answer.constituent_count} of {count} names arrived, {covered} of the gross book.",
        *([missing_text(answer.missing)] if answer.missing else []),
        *([bounds_text(answer.bounds)] if answer.bounds else []),
        _side_text("Long", answer.long_side, valued_only=answer.weight_coverage is None),
        _side_text("Short", answer.short_side, valued_only=answer.weight_coverage is None),
        *([f"Missing and held short: {', '.join(answer.missing_short)}."] if answer.missing_short else []),
        conventions_text(answer.net_gex_by_convention),
        f"Sign assumptions: {answer.convention_statement}.",
        f"Dollars against dealer gamma: {answer.gap_statement}{_gaps_text(answer.rank_gaps)}",
        source_text(answer),
        f"{answer.units}. {answer.reading}",
        "symbol side dollar_share dollars (at price, if in shares) GEX gamma_share dealer_gamma",
        *(_row_text(row) for row in answer.positions),
    ]
    if answer.rest:
        rest = answer.rest
        lines.append(
            f"rest({rest.positions}) - {percent(rest.dollar_share)} {money(rest.dollars)} {money(rest.net_gex)} "
            f"{percent(rest.contribution_pct / 100.0)} -"
        )
    return "\n".join([*lines, *warning_lines(answer)])


def _verdict_text(answer: BookAnswer | SideOfBook) -> str:
    verdict = answer.dealer_gamma.value if answer.dealer_gamma else "null"
    return f"Regime {answer.regime.value}; dealer_gamma {verdict} ({', '.join(answer.dealer_gamma_reasons)})"


def _side_text(word: str, side: SideOfBook | None, *, valued_only: bool) -> str:
    if side is None:
        return f"{word} side: no position arrived."
    return (
        f"{word} side: {counted(side.positions, 'position')}, {percent(side.dollar_share)} of the "
        f"{'valued positions' if valued_only else 'gross book'}; mean of its own weights {side.text()}. {_verdict_text(side)}."
    )


def _gaps_text(gaps: Sequence[RankGap]) -> str:
    """Share of dollars / of dealer gamma, then the two ranks."""
    if not gaps:
        return ""
    parts = [
        f"{one.symbol} {percent(one.dollar_share)}/{percent(one.contribution_pct / 100.0)} "
        f"rank {one.dollar_rank}/{one.contribution_rank}"
        for one in gaps
    ]
    return f" Dollars/gamma: {', '.join(parts)}."


def _row_text(row: PositionRow) -> str:
    price = "" if row.underlying_price is None else f" at {row.underlying_price:g}"
    return (
        f"{row.symbol} {row.side.value} {percent(row.dollar_share)} {money(row.dollars)}{price} {money(row.net_gex)} "
        f"{percent(row.contribution_pct / 100.0)} {row.dealer_gamma.value if row.dealer_gamma else 'null'}"
    )
