"""The answer of `scan_sectors` as text."""

from __future__ import annotations

from tools.answer import missing_text, source_text, warning_lines
from tools.figures import eastern_clock, money, percent
from tools.scan_model import BasketRow, ScanAnswer


def scan_text(answer: ScanAnswer) -> str:
    """The same facts and numbers as the structured answer, a line a basket."""
    compared = f"; compared with {eastern_clock(answer.since_resolved)}" if answer.since_resolved else ""
    return "\n".join(
        [
            answer.headline,
            f"Coverage {percent(answer.weight_coverage)} of weight, mean over baskets. Ranked by {answer.rank_by}{compared}.",
            *([missing_text(answer.missing)] if answer.missing else []),
            *([f"Flipped: {', '.join(answer.flipped)}."] if answer.flipped else []),
            "basket: net GEX per 1% (sum) net/gross, dealer gamma (reasons, flip share), negative names, driven by, fund",
            *(_row_text(row) for row in answer.baskets),
            source_text(answer),
            f"{answer.units}. {answer.reading}",
            *warning_lines(answer),
        ]
    )


def _row_text(row: BasketRow) -> str:
    if row.net_gex is None:
        return f"{row.basket}: null, no name arrived (missing {', '.join(row.missing)})"
    verdict = row.dealer_gamma.value if row.dealer_gamma else "null"
    parts = [
        f"{row.basket}: {money(row.net_gex)} ({money(row.sum_gex)}) {percent(row.imbalance)}",
        f"{verdict} ({', '.join(row.reasons)}, {percent(row.flip_share)})",
        f"{row.negative_names}/{row.names} ({percent(row.negative_weight)})",
        f"{row.driven_by} {row.effective_names or 'null'}",
    ]
    if row.drivers:
        parts.append(" ".join(f"{symbol} {share:g}%" for symbol, share in row.drivers.items()))
    if row.pivotal:
        parts.append(f"pivotal {' '.join(row.pivotal)}")
    if row.missing:
        parts.append(f"missing {' '.join(row.missing)}")
    parts += [f"{symbol} {money(net_gex)}" for symbol, net_gex in row.fund.items()]
    if row.change:
        flip = f", FLIP {row.change.flip}" if row.change.flip else ""
        parts.append(f"change {money(row.change.net_gex)}{flip}")
    if row.detail:
        fund = row.detail.fund_dealer_gamma.value if row.detail.fund_dealer_gamma else "null"
        parts.append(f"fund {fund}; mean {row.detail.aggregate.text()}; sum {row.detail.aggregate_sum.text()}")
    return ", ".join(parts)
