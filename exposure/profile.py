"""Total gamma exposure repriced at other spots.

With u = ln(S'/S), D the dividend discount of the expiry and w the signed shares of a row,

    net GEX(S') = Σ w · gamma(S') · S'² · 0.01 = 0.01 S' / sqrt(2 pi) · Σ w D / (s sqrt T) · e^{-d1(u)²/2}

and d1 is affine in u (`exposure.holdings`), so the work of a (row, spot) is one exponential. Blocks are kept small enough to stay
in the processor's cache, because at this size an array's page faults cost more than its arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from exposure.dealer import SignPair
from exposure.greeks import INVERSE_SQRT_2PI, Bools, Floats
from exposure.holdings import Holdings, moved_volatility

DEFAULT_WIDTH = 0.15
GRID_POINTS = 241
BLOCK_CELLS = 1 << 15
# A gamma narrower than this many steps of the plain grid gets points of its own...
_NARROW_STEPS = 4.0
# ...if it is at least this share of the total beside it: a lower one cannot turn the sign, even with its neighbours on top.
_TALL_ENOUGH = 0.1
_FINE_OFFSETS = np.linspace(-4.0, 4.0, 17)


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows at all spots: `d1` of shape (rows, spots), `deviation` and `iv` of shape (rows, 1) or (rows, spots).

    `d1` may be overwritten by whoever takes the block; nothing of it outlives the next one.
    """

    rows: slice
    d1: Floats
    deviation: Floats
    iv: Floats


def blocks(holdings: Holdings, log_moves: Floats) -> Iterator[Block]:
    """The rows in order, a cache-sized block at a time, at S·e^u for each u of `log_moves`, shape (spots,)."""
    if holdings.smile is not None:
        yield from _sticky_delta_blocks(holdings, log_moves)
        return
    deviation = holdings.deviation[:, None]
    slope = 1.0 / deviation
    level = holdings.log_moneyness[:, None] * slope + 0.5 * deviation
    height = max(1, BLOCK_CELLS // max(1, len(log_moves)))
    space = np.empty((min(height, len(holdings)), len(log_moves)))
    for start in range(0, len(holdings), height):
        rows = slice(start, min(start + height, len(holdings)))
        d1 = space[: rows.stop - start]
        np.multiply(slope[rows], log_moves, out=d1)
        d1 += level[rows]
        yield Block(rows, d1, deviation[rows], holdings.iv[rows, None])


def _sticky_delta_blocks(holdings: Holdings, log_moves: Floats) -> Iterator[Block]:
    """A strike takes the volatility that K·S/S' has today; one block a (expiry, right), whose smile it reads."""
    smile, run = holdings.smile, holdings.run
    assert smile is not None
    assert run is not None
    moneyness, root_years = holdings.log_moneyness, np.sqrt(holdings.terms.years)
    back = np.exp(-log_moves)
    for start, stop in pairwise([*np.flatnonzero(np.diff(run, prepend=-1)).tolist(), len(run)]):
        rows = slice(start, stop)
        iv = smile.at(int(run[start]), holdings.strike[rows, None] * back)
        iv = moved_volatility(iv, holdings.volatility_points)
        deviation = iv * root_years[holdings.term[start]]
        d1 = (moneyness[rows, None] + log_moves) / deviation
        d1 += 0.5 * deviation
        yield Block(rows, d1, deviation, iv)


def bell_in_place(d1: Floats) -> Floats:
    """e^{-d1²/2} in the memory of `d1`."""
    np.multiply(d1, d1, out=d1)
    d1 *= -0.5
    return np.exp(d1, out=d1)


def weighted_sum(weight: Floats, density: Floats, deviation: Floats) -> Floats:
    """Σ over rows of weight · density / deviation, shape (spots,); `density` may be overwritten."""
    if deviation.shape[1] == 1:
        return np.asarray((weight / deviation[:, 0]) @ density)
    density /= deviation
    return np.asarray(weight @ density)


def net_gex_profile(holdings: Holdings, signs: SignPair, spots: Floats) -> Floats:
    """Net GEX at each of `spots` (dollars, > 0), shape (spots,), $ of delta per 1% move.

    Signed by `signs`, the pair of GEX. Strikes or deltas keep their volatility as `holdings` was built.
    """
    weight = holdings.signed_shares(signs) * holdings.terms.dividend_discount[holdings.term]
    total = np.zeros(len(spots))
    for block in blocks(holdings, np.log(spots / holdings.spot)):
        total += weighted_sum(weight[block.rows], bell_in_place(block.d1), block.deviation)
    return total * spots * (0.01 * INVERSE_SQRT_2PI)


def leg_gex_by_row(holdings: Holdings) -> tuple[Floats, Floats]:
    """Call and put GEX of each row at today's spot, shapes (rows,), $ of delta per 1% move, no dealer sign."""
    deviation = holdings.deviation
    d1 = holdings.log_moneyness / deviation + 0.5 * deviation
    dollars = bell_in_place(d1) * holdings.terms.dividend_discount[holdings.term] / deviation
    dollars *= holdings.spot * 0.01 * INVERSE_SQRT_2PI
    return dollars * holdings.call_shares, dollars * holdings.put_shares


def gross_gex(holdings: Holdings) -> float:
    """Call plus put GEX at today's spot, $ of delta per 1% move, no dealer sign."""
    return float(sum(leg.sum() for leg in leg_gex_by_row(holdings)))


def plain_grid(low: float, high: float, points: int = GRID_POINTS) -> Floats:
    """Evenly spaced points from `low` to `high`, both included, shape (points,). Raises ValueError unless 0 < low < high."""
    if not 0.0 < low < high < np.inf:
        raise ValueError(f"A grid of spots needs 0 < low < high, not {low} and {high}.")
    return np.linspace(low, high, points)


def is_narrow(holdings: Holdings, spots: Floats) -> Bools:
    """Rows whose gamma an evenly spaced grid of spots (ascending, dollars) could step over, shape (rows,).

    Those of strikes that expire within hours, and of volatilities next to nothing.
    """
    step = float(spots[1] - spots[0]) / holdings.spot
    return np.asarray(holdings.deviation_at_strike < _NARROW_STEPS * step)


def points_at_narrow_strikes(holdings: Holdings, signs: SignPair, spots: Floats, total: Floats, *, share: float = 1.0) -> Floats:
    """Further spots between those of a grid, where a narrow gamma could turn the sign of a total unseen; ascending.

    `spots` evenly spaced, ascending, in dollars; `total` on them, in $ per 1%: what is to be turned. `share` is what a dollar of
    these holdings counts in that total.
    """
    narrow = np.flatnonzero(is_narrow(holdings, spots))
    if len(narrow) == 0:
        return np.zeros(0)
    deviation = holdings.deviation_at_strike[narrow]
    centre = holdings.spot * np.exp(-holdings.log_moneyness[narrow] - 0.5 * deviation**2)  # where d1 = 0
    discount = holdings.terms.dividend_discount[holdings.term[narrow]]
    peak = np.abs(holdings.signed_shares(signs)[narrow]) * discount / deviation
    peak *= share * centre * (0.01 * INVERSE_SQRT_2PI)
    place = np.clip(np.searchsorted(spots, centre), 1, len(spots) - 1)
    beside = np.minimum(np.abs(total[place - 1]), np.abs(total[place]))
    fine = centre[:, None] * np.exp(deviation[:, None] * _FINE_OFFSETS)
    fine = fine[peak > _TALL_ENOUGH * beside]
    return np.unique(fine[(fine > spots[0]) & (fine < spots[-1])])
