"""The answer of `stress_basket` as text: the same facts and numbers, for hosts that show their model the text alone."""

from __future__ import annotations

from collections.abc import Sequence

from tools.answer import missing_text, source_text, warning_lines
from tools.dispersion_model import NetGexRange
from tools.figures import money, percent
from tools.stress_betas import BetaBasis
from tools.stress_model import CurvePart, FlipPart, NameRow, ScenarioPart, ShockRow, StressAnswer
from tools.stress_split import money_together

TABLE = "shock: mean net GEX regime | total flow = gamma, vanna, charm, rest | linear estimate, off by | mean flow"
NAMES = "symbol weight beta spot GEX flip (own move, status)"


def stress_text(answer: StressAnswer) -> str:
    """All lines, headline first."""
    now, scenario = answer.now, answer.scenario
    lines = [
        answer.headline,
        answer.statement,
        *_flip_lines(answer),
        f"Now: net GEX mean {money(now.net_gex)}, sum {money(now.net_gex_sum)}; {now.regime.value}, dealer_gamma "
        f"{now.dealer_gamma.value if now.dealer_gamma else 'null'} ({', '.join(now.dealer_gamma_reasons)}), flip share "
        f"{percent(now.flip_share)}.",
        _scenario_text(scenario),
        _coverage_text(answer),
        *([missing_text(answer.missing)] if answer.missing else []),
        *([_bounds_text(answer.bounds)] if answer.bounds else []),
        source_text(answer),
        f"{answer.units}. {answer.reading}",
        *_table_lines(answer),
        *_name_lines(answer),
        *(_curve_lines(answer.curve) if answer.curve else []),
    ]
    return "\n".join([*lines, *warning_lines(answer)])


def percent_points(fraction: float) -> float:
    """A fraction as a percentage to three decimals."""
    return round(100.0 * fraction, 3) + 0.0


def flip_phrase(answer: StressAnswer) -> str:
    """Where the weighted mean changes sign, in words that go on from what it is now."""
    flip, scenario = answer.flip, answer.scenario
    if flip is None:
        return f"nothing could be repriced ({answer.repriced_null.value if answer.repriced_null else 'null'})"
    then = ""
    if answer.repriced and (scenario.volatility_points or scenario.days_forward):
        # Volatility and time may turn the sign by themselves; a flip told beside today's net would then read the wrong way round.
        then = f"in the scenario it is {money(answer.repriced.unmoved_net_gex)} before any move; "
    if flip.shock_pct is None:
        return f"{then}no sign change between {_shock(scenario.low_pct)} and {_shock(scenario.high_pct)}"
    unstable = "" if flip.status == "found" else f" ({flip.status})"
    where = f"where {scenario.beta_index} moves" if scenario.beta_index else "at a common move of"
    return f"{then}it changes sign {where} {flip.shock_pct:+.2f}%{unstable}"


def statement_of(answer: StressAnswer, told: ShockRow | None, symbols: Sequence[str]) -> str:
    """What dealers would trade at one shock, and on which side of gamma the basket would be."""
    if told is None:
        return "What dealers would trade in a shock cannot be told: the source publishes nets only."
    subject = symbols[0] if len(symbols) == 1 else "these names"
    off = "" if told.off_pct is None else f", off by {told.off_pct:.1f}%"
    premise = _premise(answer, told.shock_pct, symbols)
    return (
        f"If {premise}, dealers would have to {_trade(told.hedge_flow_sum)} in {subject} (linear estimate: {_trade(told.linear)}"
        f"{off}); mean net GEX would be {money(told.net_gex)} ({told.regime.value})."
    )


def _premise(answer: StressAnswer, shock: float, symbols: Sequence[str]) -> str:
    """What happens, in words: the move, and what goes with it."""
    scenario, alone = answer.scenario, symbols[0] if len(symbols) == 1 else None
    several = "the names that arrived" if answer.missing else "all names"
    if not shock:
        moved = "no price moves"
    elif scenario.betas is BetaBasis.ONE:
        verb = ("rise" if shock > 0.0 else "fall") + ("s" if alone else "")
        moved = f"{alone or several} {verb} {abs(shock):g}%"
    else:
        verb = "rises" if shock > 0.0 else "falls"
        moved = f"{scenario.beta_index or 'the market'} {verb} {abs(shock):g}% ({alone or 'each name'} by its beta)"
    points, days = scenario.volatility_points, scenario.days_forward
    parts = [f"volatilities change by {points:+g} points"] if points else []
    parts += [f"{_days(days)} {'passes' if days == 1 else 'pass'}"] if days else []
    return " and ".join([moved, *parts])


def _days(days: float) -> str:
    return f"{days:g} {'day' if days == 1 else 'days'}"


def _trade(dollars: float) -> str:
    if not dollars:
        return "trade nothing"
    return f"{'buy' if dollars > 0.0 else 'sell'} ${money(dollars)[1:]}"


def _shock(value: float) -> str:
    return f"{value:+g}%" if value else "0%"


def _flip_lines(answer: StressAnswer) -> list[str]:
    if answer.flip is None or answer.flip_sum is None or answer.name_flips is None:
        return []
    flips, scenario = answer.name_flips, answer.scenario
    return [
        f"Flip of the mean: {_flip_text(answer.flip)}. Flip of the plain sum: {_flip_text(answer.flip_sum)}. Searched "
        f"{_shock(scenario.low_pct)} to {_shock(scenario.high_pct)}. Nearest flips of the names: {flips.falling} in a fall, "
        f"{flips.rising} in a rise, {flips.none_in_range} none."
    ]


def _flip_text(flip: FlipPart) -> str:
    if flip.shock_pct is None:
        return f"null ({flip.status})"
    if flip.roots_found == 1:
        return f"{flip.shock_pct:+.2f}% ({flip.status})"
    nearest = "" if flip.roots_found == len(flip.roots_pct) else ", nearest"
    return f"{flip.shock_pct:+.2f}% ({flip.status}; {flip.roots_found} roots{nearest} {_list(flip.roots_pct)})"


def _list(values: Sequence[float]) -> str:
    return ", ".join(f"{value:+.2f}%" for value in values)


def _scenario_text(scenario: ScenarioPart) -> str:
    low, high = f"{scenario.beta_low:g}", f"{scenario.beta_high:g}"
    betas = f"betas {scenario.betas.value} ({low if low == high else f'{low} to {high}'}"
    if scenario.beta_index:
        betas += f"; {scenario.beta_returns} daily returns on {scenario.beta_index} to {scenario.beta_until}"
    if scenario.beta_assumed_count:
        others = scenario.beta_assumed_count - len(scenario.beta_assumed)
        betas += (
            f"; 1 assumed for {scenario.beta_assumed_count}: {', '.join(scenario.beta_assumed)}{' and more' if others else ''}"
        )
    points = f"{scenario.volatility_points:+g}" if scenario.volatility_points else "0"
    return f"Scenario: volatilities {points} points, {_days(scenario.days_forward)} forward, {scenario.smile}, {betas})."


def _coverage_text(answer: StressAnswer) -> str:
    arrived = answer.constituent_count
    names = f"{arrived} of {arrived + len(answer.missing)} names, {percent(answer.weight_coverage)} of weight"
    repriced = answer.repriced
    if repriced is None:
        return f"Arrived: {names}; repriced: null ({answer.repriced_null.value if answer.repriced_null else 'null'})."
    expired = (
        ""
        if repriced.expired_net_gex_sum is None
        else f"; expired by then: net GEX sum {money(repriced.expired_net_gex_sum)}, hedge {money(repriced.expired_hedge_sum)}"
    )
    return (
        f"Repriced: {names}; {repriced.contracts} contracts, "
        f"{percent(repriced.open_interest_used)} of their open interest{expired}."
    )


def _bounds_text(bounds: NetGexRange) -> str:
    safety = "sign safe" if bounds.sign_safe else "sign NOT safe"
    return (
        f"Bounds of today's mean net GEX with the missing names: {money(bounds.low)} to {money(bounds.high)} ({safety}); "
        f"zero-filled {money(bounds.zero_filled)}; the sign flips if the missing names average {money(bounds.break_even)}."
    )


def _table_lines(answer: StressAnswer) -> list[str]:
    return [TABLE, *(_row_text(row) for row in answer.shocks)] if answer.shocks is not None else []


def _row_text(row: ShockRow) -> str:
    total, gamma, vanna, charm, rest, linear = money_together(
        row.hedge_flow_sum, row.gamma, row.vanna, row.charm, row.rest, row.linear
    )
    off = "null" if row.off_pct is None else f"{row.off_pct:.1f}%"
    return (
        f"{_shock(row.shock_pct)}: {money(row.net_gex)} {row.regime.value} | {total} = {gamma}, {vanna}, {charm}, {rest} | "
        f"{linear}, {off}{' linear_off' if row.linear_off else ''} | {money(row.hedge_flow)}"
    )


def _name_lines(answer: StressAnswer) -> list[str]:
    if not answer.names:
        return []
    lines = [NAMES, *(_name_text(row) for row in answer.names)]
    if answer.names_not_listed:
        lines.append(f"{answer.names_not_listed} more names are not listed; detail=full lists them.")
    return lines


def _name_text(row: NameRow) -> str:
    moved = "" if row.flip_move_pct is None else f"{row.flip_move_pct:+.2f}%, "
    flip = f"{'null' if row.flip_price is None else format(row.flip_price, 'g')} ({moved}{row.flip_status})"
    line = f"{row.symbol} {percent(row.weight)} {row.beta:g} {row.underlying_price:g} {money(row.net_gex)} {flip}"
    if row.detail is None:
        return line
    detail = row.detail
    trades = zip(detail.hedge_flow, detail.hedge_shares, strict=True)
    flows = ", ".join(f"{money(flow)} ({money(shares)} shares)" for flow, shares in trades)
    at = "null" if detail.flip_shock_pct is None else f"{detail.flip_shock_pct:+.2f}%"
    return f"{line} | flip at a common move of {at}; at the shocks, net GEX {', '.join(map(money, detail.net_gex))}; flow {flows}"


def _curve_lines(curve: CurvePart) -> list[str]:
    points = zip(curve.shock_pct, curve.net_gex, curve.hedge_flow_sum, strict=True)
    parts = [f"{_shock(shock)} {money(net_gex)} {money(flow)}" for shock, net_gex, flow in points]
    return ["Curve (shock, mean net GEX, total flow): " + "; ".join(parts) + "."]
