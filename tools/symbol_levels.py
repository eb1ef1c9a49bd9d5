"""Prices in the answer of one name, and the levels of its chain as fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.arguments import SmileName
from tools.symbol_model import GexLevel, MaxPainLevel, OpenInterestLevel, PriceLevels, SignChange

if TYPE_CHECKING:
    from exposure.levels import Levels, StrikeLevel


def price(dollars: float) -> float:
    """A price to a hundredth of a cent; six significant digits below a dollar."""
    return round(dollars, 4) if abs(dollars) >= 1.0 else float(f"{dollars:.6g}")


def price_text(dollars: float | None) -> str:
    """A price as it stands in a sentence: cents, or whole dollars where it is that."""
    if dollars is None:
        return "null"
    if abs(dollars) < 1.0:
        return f"{dollars:.4g}"
    return f"{dollars:.0f}" if dollars == round(dollars) else f"{dollars:.2f}"


def price_levels(spot: float, levels: Levels, smile: SmileName, most_roots: int) -> PriceLevels:
    """The levels as fields, with the roots nearest to spot, at most so many, ascending."""
    found = levels.zero_gamma
    nearest = sorted(found.roots, key=lambda root: abs(root.at - spot))[:most_roots]
    pain = levels.max_pain
    return PriceLevels(
        flip_distance_pct=None if found.nearest is None else round(100.0 * (found.nearest / spot - 1.0), 4),
        roots=[SignChange(spot=price(root.at), unstable=root.unstable) for root in sorted(nearest, key=lambda root: root.at)],
        roots_found=len(found.roots),
        searched_from=price(found.low),
        searched_to=price(found.high),
        smile=smile,
        call_wall=_gex(levels.call_wall),
        put_wall=_gex(levels.put_wall),
        max_positive_gamma=_gex(levels.largest_positive),
        max_negative_gamma=_gex(levels.largest_negative),
        highest_open_interest=_contracts(levels.highest_open_interest),
        same_day_magnet=_gex(levels.same_day_magnet),
        max_pain=None if pain is None else MaxPainLevel(strike=price(pain.strike), payout=pain.payout, expiry=pain.expiry),
    )


def _gex(level: StrikeLevel | None) -> GexLevel | None:
    return None if level is None else GexLevel(strike=price(level.strike), gex=level.value)


def _contracts(level: StrikeLevel | None) -> OpenInterestLevel | None:
    return None if level is None else OpenInterestLevel(strike=price(level.strike), contracts=round(level.value))
