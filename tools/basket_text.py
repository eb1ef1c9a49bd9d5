"""The answer of `basket_exposure` as text: the same facts and numbers, for hosts that show their model the text alone."""

from __future__ import annotations

from collections.abc import Mapping

from exposure.dealer import SignConvention
from tools.answer import missing_text, source_text, warning_lines
from tools.basket_model import BasketAnswer, BasketCoverage, ConstituentDetail, ConstituentRow, NetGexBounds
from tools.figures import eastern_clock, money, percent


def basket_text(answer: BasketAnswer) -> str:
    lines = [
        answer.headline,
        f"Regime {answer.regime.value}; dealer_gamma {answer.dealer_gamma.value if answer.dealer_gamma else 'null'} "
        f"({', '.join(answer.dealer_gamma_reasons)}): {answer.flip_statement}.",
        f"Weighted mean: {answer.aggregate.text()}.",
        f"Plain sum: {answer.aggregate_sum.text()}.",
        f"Coverage: {answer.constituent_count} of {answer.constituent_count + len(answer.missing)} names, "
        f"{percent(answer.weight_coverage)} of weight{_contracts_text(answer.coverage)}.",
        *([missing_text(answer.missing)] if answer.missing else []),
        *([bounds_text(answer.bounds)] if answer.bounds else []),
        conventions_text(answer.net_gex_by_convention),
        f"Concentration: {_number_text(answer.effective_names)} effective names, cancellation {percent(answer.cancellation)}, "
        f"names in negative gamma: {answer.negative_names} ({percent(answer.negative_weight)} of weight), "
        f"pivotal: {', '.join(answer.pivotal) or 'none'}.",
        source_text(answer),
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
    return "\n".join([*lines, *warning_lines(answer)])


def _row_text(row: ConstituentRow) -> str:
    line = (
        f"{row.symbol} {percent(row.weight)} {row.underlying_price:g} {money(row.net_gex)} {money(row.net_dex)} "
        f"{money(row.net_vex)} {money(row.net_chex)} {percent(row.contribution_pct / 100.0)} "
        f"{row.dealer_gamma.value if row.dealer_gamma else 'null'}"
    )
    return line if row.detail is None else f"{line} | {_detail_text(row.detail)}"


def _detail_text(detail: ConstituentDetail) -> str:
    legs = detail.legs
    sides = (
        f"call/put legs GEX {money(legs.gex_call)}/{money(legs.gex_put)} DEX {money(legs.dex_call)}/{money(legs.dex_put)} "
        f"VEX {money(legs.vex_call)}/{money(legs.vex_put)} CHEX {money(legs.chex_call)}/{money(legs.chex_put)}"
        if legs
        else "no legs"
    )
    dropped = "".join(
        f", {reason.value} {'unknown' if share is None else percent(share)}"
        for reason, share in detail.dropped_open_interest.items()
    )
    signed = "null" if detail.signed_share is None else percent(detail.signed_share)
    contracts = "unknown" if detail.contracts_seen is None else f"{detail.contracts_used}/{detail.contracts_seen}"
    basis = detail.forward_basis.value if detail.forward_basis else "unknown"
    return (
        f"{detail.asset_class.value}, {sides}, signed share {signed}, {', '.join(detail.dealer_gamma_reasons)}, flip "
        f"{percent(detail.flip_share)}, atm iv {percent(detail.atm_iv)}, quotes {eastern_clock(detail.quote_time)}, "
        f"open interest of {detail.oi_date or 'unknown date'}, contracts {contracts}, "
        f"open interest used {percent(detail.open_interest_used)}{dropped}, forward {basis}"
    )


def conventions_text(nets: Mapping[SignConvention, float | None]) -> str:
    """Net GEX under each convention."""
    return f"Net GEX by convention: {', '.join(f'{name.value} {money(value)}' for name, value in nets.items())}."


def bounds_text(bounds: NetGexBounds) -> str:
    """What the missing names could do to net GEX."""
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


def _number_text(value: float | None) -> str:
    return "null" if value is None else f"{value:.1f}"
