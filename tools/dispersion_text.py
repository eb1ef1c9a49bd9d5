"""The answer of `frame_dispersion` as text: the same facts and numbers, for hosts that show their model the text alone."""

from __future__ import annotations

from tools.answer import missing_text, source_text, warning_lines
from tools.dispersion_model import DispersionAnswer, GammaSide, NameRow, NetGexRange, VolatilitySide, WeightsBasis
from tools.figures import money, percent

_WEIGHTS = {
    WeightsBasis.USER: "weights as given (user)",
    WeightsBasis.BASKET: "the basket's own weights (basket)",
    WeightsBasis.PUBLISHED: "published index weights (published)",
    WeightsBasis.EQUAL: "equal weights (equal), not the index's",
}
TABLE = "symbol weight GEX share dealer_gamma opposes iv vol_share"


def dispersion_text(answer: DispersionAnswer) -> str:
    """All lines; the order of the structured answer."""
    gap = answer.gap
    lines = [
        answer.headline,
        f"Gamma: {answer.statement}.",
        f"{answer.index}: {_side_text(answer.index_gamma)}." if answer.index_gamma else f"{answer.index}: {answer.index_null}.",
        f"Names, weighted mean: {_side_text(answer.aggregate)}.",
        f"Names, plain sum: {answer.aggregate_sum.text()}.",
    ]
    if gap:
        lines.append(
            f"Gap, index minus names ({gap.agreement.value}): imbalance {correlation(gap.imbalance_gap)}, "
            f"net GEX {money(gap.net_gex_gap)}; opposing names {gap.opposing_names}, {percent(gap.opposing_weight)} of weight, "
            f"{percent(gap.opposing_pct / 100.0)} of gross."
        )
    lines += [
        *_volatility_lines(answer.volatility),
        f"Coverage: {answer.constituent_count} of {_asked(answer)} names, {percent(answer.weight_coverage)} of weight arrived; "
        f"{_WEIGHTS[answer.weights_basis]}; share of {answer.index}: {_known(answer.coverage)}, of it in the volatility side: "
        f"{_known(answer.volatility.coverage)}.",
        *([missing_text(answer.missing)] if answer.missing else []),
        *([_bounds_text(answer.bounds)] if answer.bounds else []),
        source_text(answer),
        f"{answer.units}.",
        TABLE,
        *(_row_text(row) for row in answer.constituents),
    ]
    if answer.rest:
        rest = answer.rest
        lines.append(
            f"rest({rest.names}) {percent(rest.weight)} {money(rest.net_gex)} {percent(rest.contribution_pct / 100.0)} - - - "
            f"{percent(rest.volatility_share)}"
        )
    return "\n".join([*lines, *warning_lines(answer)])


def correlation(value: float | None) -> str:
    """A correlation or an imbalance with three decimals."""
    return "null" if value is None else f"{round(value, 4):.3f}"


def _asked(answer: DispersionAnswer) -> int:
    return answer.constituent_count + len(answer.missing) - (answer.index in answer.missing_symbols)


def _known(share: float | None) -> str:
    return "unknown" if share is None else percent(share)


def _side_text(side: GammaSide) -> str:
    verdict = side.dealer_gamma.value if side.dealer_gamma else "null"
    return (
        f"GEX {money(side.net_gex)}, DEX {money(side.net_dex)}, VEX {money(side.net_vex)}, CHEX {money(side.net_chex)}; "
        f"{side.regime.value}, dealer_gamma {verdict} ({', '.join(side.dealer_gamma_reasons)}), "
        f"flip share {percent(side.flip_share)}, imbalance {correlation(side.imbalance)}"
    )


def _volatility_lines(side: VolatilitySide) -> list[str]:
    error = correlation(side.standard_error)
    implied = f"null ({side.implied_null.value})" if side.implied_null else correlation(side.implied_correlation)
    realised = (
        f"null ({side.realised_null.value})"
        if side.realised_null
        else f"{correlation(side.realised_correlation)} (se {error}, {side.window_days} returns to {side.window_end})"
    )
    tenor = "at a tenor the vendor does not state" if side.tenor_days is None else f"at {side.tenor_days} days"
    spread = f"null ({side.spread_null.value})" if side.spread_null else percent(side.dispersion_spread)
    lines = [
        f"Volatility {tenor} over {side.names} names: index ATM IV {percent(side.index_iv)}, names "
        f"{percent(side.basket_iv)}; implied correlation {implied}, realised {realised}, premium {correlation(side.premium)}"
        f"{f' (se {error})' if side.premium is not None else ''}; dispersion spread {spread}.",
        f"Correlation to index (another quantity) {correlation(side.correlation_to_index)}; realised volatility of the index "
        f"{percent(side.index_realised_volatility)}.",
    ]
    if side.left_out:
        parts = [f"{one.symbol} {one.reason.value} {percent(one.weight)}" for one in side.left_out]
        others = side.left_out_count - len(side.left_out)
        more = f" and {others} more" if others else ""
        lines.append(f"Left out of the volatility side ({side.left_out_count}): {', '.join(parts)}{more}.")
    return lines


def _bounds_text(bounds: NetGexRange) -> str:
    safety = "sign safe" if bounds.sign_safe else "sign NOT safe"
    return (
        f"Bounds of mean net GEX with the missing names: {money(bounds.low)} to {money(bounds.high)} ({safety}); zero-filled "
        f"{money(bounds.zero_filled)}; the sign flips if the missing names average {money(bounds.break_even)}."
    )


def _row_text(row: NameRow) -> str:
    verdict = row.dealer_gamma.value if row.dealer_gamma else "null"
    opposes = "null" if row.opposes_index is None else "yes" if row.opposes_index else "no"
    return (
        f"{row.symbol} {percent(row.weight)} {money(row.net_gex)} {percent(row.contribution_pct / 100.0)} "
        f"{verdict} {opposes} {percent(row.atm_iv)} {percent(row.volatility_share)}"
    )
