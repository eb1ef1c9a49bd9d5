"""The strike table of one name: the strikes nearest to spot, and what the others add up to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tools.symbol_findings import Question
from tools.symbol_levels import price, price_text
from tools.symbol_model import StrikeRow, StrikeTable

if TYPE_CHECKING:
    from exposure.levels import StrikeExposure

MOST_STRIKES = 60


def strike_table(spot: float, strikes: Sequence[StrikeExposure], question: Question) -> StrikeTable:
    """The strikes nearest to spot of those asked for, at most `MOST_STRIKES`, ascending; the rest as one sum."""
    by_distance = sorted(strikes, key=lambda one: (abs(one.strike - spot), one.strike))
    listed = sorted(by_distance[:MOST_STRIKES], key=lambda one: one.strike)
    return StrikeTable(
        expiry=question.expiry,
        strikes_found=len(strikes),
        lowest=price(strikes[0].strike),
        highest=price(strikes[-1].strike),
        listed=len(listed),
        rest_net_gex=math.fsum(one.net_gex for one in by_distance[MOST_STRIKES:]),
        narrowing=_narrowing(strikes, listed),
        rows=[
            StrikeRow(
                strike=price(one.strike),
                call_gex=one.call_gex,
                put_gex=one.put_gex,
                net_gex=one.net_gex,
                call_open_interest=round(one.call_open_interest),
                put_open_interest=round(one.put_open_interest),
            )
            for one in listed
        ],
    )


def _narrowing(strikes: Sequence[StrikeExposure], listed: Sequence[StrikeExposure]) -> str:
    low, high = price_text(strikes[0].strike), price_text(strikes[-1].strike)
    if len(listed) == len(strikes):
        return f"All {len(strikes)} strikes with open interest that were asked for, {low} to {high}."
    shown = f"{price_text(listed[0].strike)}-{price_text(listed[-1].strike)}"
    return (
        f"{len(listed)} of {len(strikes)} strikes with open interest ({low} to {high}), those nearest to spot ({shown}); "
        f'another part with strikes="low-high", one date with expiry="YYYY-MM-DD".'
    )
