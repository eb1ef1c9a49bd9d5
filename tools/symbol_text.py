"""The answer of `symbol_exposure` as text: the same facts and numbers, for hosts that show their model the text alone."""

from __future__ import annotations

from tools.answer import source_text, warning_lines
from tools.basket_text import conventions_text
from tools.figures import money, percent
from tools.symbol_levels import price_text
from tools.symbol_model import (
    ChainCoverage,
    Curve,
    CurveRow,
    Expiries,
    ExpiryRow,
    FullDetail,
    GexLevel,
    PriceLevels,
    RollOffRow,
    StrikeTable,
    SymbolAnswer,
)


def symbol_text(answer: SymbolAnswer) -> str:
    """All lines, headline first."""
    lines = [
        answer.headline,
        f"Regime by net {answer.regime.value}, by flip {answer.regime_by_flip.value if answer.regime_by_flip else 'null'}; "
        f"dealer_gamma {answer.dealer_gamma.value if answer.dealer_gamma else 'null'} "
        f"({', '.join(answer.dealer_gamma_reasons)}): {answer.flip_statement}.",
        f"{answer.symbol} ({answer.asset_class.value}) at {price_text(answer.underlying_price)}, net: {answer.nets.text()}.",
        _legs_text(answer),
        conventions_text(answer.net_gex_by_convention),
        *(_level_lines(answer, answer.levels) if answer.levels else [f"Levels null: {answer.levels_null}."]),
        *(_expiry_lines(answer.expiries) if answer.expiries else []),
        f"Coverage: {_coverage_text(answer.coverage)}.",
        f"ATM IV {percent(answer.atm_iv)} at 30 days{_curve_text(answer.curve)}.",
        source_text(answer),
        f"{answer.units}. {answer.reading}",
        *(_full_lines(answer.full) if answer.full else []),
    ]
    return "\n".join([*lines, *warning_lines(answer)])


def _legs_text(answer: SymbolAnswer) -> str:
    legs, same_day = answer.legs, answer.same_day
    sides = (
        f"GEX {money(legs.gex_call)}/{money(legs.gex_put)} DEX {money(legs.dex_call)}/{money(legs.dex_put)} "
        f"VEX {money(legs.vex_call)}/{money(legs.vex_put)} CHEX {money(legs.chex_call)}/{money(legs.chex_put)}"
        if legs
        else "null"
    )
    today = f"net GEX {money(same_day.net_gex)}, {percent(same_day.gross_share)} of gross" if same_day else "null"
    return f"Legs call/put: {sides}. Expiring the same day: {today}."


def _level_lines(answer: SymbolAnswer, levels: PriceLevels) -> list[str]:
    span = f"{price_text(levels.searched_from)} to {price_text(levels.searched_to)}, {levels.smile}"
    if answer.gamma_flip is None:
        flip = f"gamma_flip null ({answer.flip_status}, {span})"
    else:
        flip = f"gamma_flip {price_text(answer.gamma_flip)} ({answer.flip_status}), {_signed_percent(levels)} from spot ({span})"
    if levels.roots_found > 1:
        listed = ", ".join(f"{price_text(root.spot)}{' unstable' if root.unstable else ''}" for root in levels.roots)
        flip += f"; {levels.roots_found} roots, {'all' if len(levels.roots) == levels.roots_found else 'nearest'}: {listed}"
    interest, pain = levels.highest_open_interest, levels.max_pain
    return [
        f"Flip: {flip}.",
        f"Levels: call wall {_level_text(levels.call_wall)}, put wall {_level_text(levels.put_wall)}, max positive gamma "
        f"{_level_text(levels.max_positive_gamma)}, max negative gamma {_level_text(levels.max_negative_gamma)}, highest open "
        f"interest {f'{price_text(interest.strike)} ({interest.contracts} contracts)' if interest else 'null'}, same-day magnet "
        f"{_level_text(levels.same_day_magnet)}, max pain "
        f"{f'{price_text(pain.strike)} ({money(pain.payout)}, {pain.expiry})' if pain else 'null'}.",
    ]


def _signed_percent(levels: PriceLevels) -> str:
    return "null" if levels.flip_distance_pct is None else f"{levels.flip_distance_pct:+.2f}%"


def _level_text(level: GexLevel | None) -> str:
    return "null" if level is None else f"{price_text(level.strike)} ({money(level.gex)})"


def _expiry_lines(expiries: Expiries) -> list[str]:
    rest = expiries.rest
    others = [f"rest({rest.expiries}) {money(rest.net_gex)} {percent(rest.gross_share)}"] if rest else []
    buckets = [f"{one.days}d({one.expiries}) {money(one.net_gex)} {percent(one.gross_share)}" for one in expiries.by_dte]
    lines = [
        f"Net GEX and share of gross by days to expiry (dates): {', '.join(buckets)}.",
        f"By expiry: {', '.join([*(_expiry_text(row) for row in expiries.rows), *others])}.",
    ]
    if expiries.roll_off:
        lines.append(f"After each roll-off: {', '.join(_roll_off_text(row) for row in expiries.roll_off)}.")
    return lines


def _expiry_text(row: ExpiryRow) -> str:
    mark = f" {row.opex} opex" if row.opex else ""
    nets = f" [{row.nets.text()}]" if row.nets else ""
    return f"{row.expiry} {row.days}d{mark} {money(row.net_gex)} {percent(row.gross_share)}{nets}"


def _roll_off_text(row: RollOffRow) -> str:
    return f"{row.expiry} net GEX {money(row.net_gex_after)} flip {price_text(row.flip_before)} to {price_text(row.flip_after)}"


def _coverage_text(coverage: ChainCoverage | None) -> str:
    if coverage is None:
        return "null"
    lost = [
        f"{reason.value} {part.contracts} ({'unknown' if part.open_interest is None else percent(part.open_interest)})"
        for reason, part in coverage.dropped.items()
    ]
    return (
        f"{coverage.contracts_used} of {coverage.contracts_seen} contracts with open interest, "
        f"{percent(coverage.open_interest_used)} of open interest used; dropped: {', '.join(lost) or 'none'}"
    )


def _curve_text(curve: Curve | None) -> str:
    if curve is None:
        return "; forwards null"
    points = ", ".join(_point_text(row) for row in curve.points)
    return f"; forwards {curve.forward_basis.value}, rates {curve.rate_basis.value}; forward, rate, ATM IV: {points}"


def _point_text(row: CurveRow) -> str:
    opening = " (settles at the open)" if row.settles == "open" else ""
    return f"{row.expiry}{opening} {price_text(row.forward)} {row.basis.value} {percent(row.rate, 2)} {percent(row.atm_iv)}"


def _full_lines(full: FullDetail) -> list[str]:
    nets = [f"{name.value}: {nets.text() if nets else 'null'}" for name, nets in full.nets_by_convention.items()]
    return [*nets, *(_table_lines(full.strikes) if full.strikes else [])]


def _table_lines(table: StrikeTable) -> list[str]:
    expiry = f", expiry {table.expiry}" if table.expiry else ""
    return [
        f"Strikes{expiry}: {table.narrowing} Net GEX of the others {money(table.rest_net_gex)}.",
        "strike call_GEX put_GEX net_GEX call_OI put_OI",
        *(
            f"{price_text(row.strike)} {money(row.call_gex)} {money(row.put_gex)} {money(row.net_gex)} "
            f"{row.call_open_interest} {row.put_open_interest}"
            for row in table.rows
        ),
    ]
