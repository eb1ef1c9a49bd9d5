"""What dealers hold behind a book of long and short positions.

A position weighs by its gross dollars, w = |dollars| / sum |dollars|, whichever side it is on: the dealers' gamma behind a name
is the whole market's, and it does not change sign because the reader is short. The long and the short side are baskets of their
own. A position in shares is worth its shares at the snapshot's underlying price; without a price its weight is unknown, and then
so is every share of the whole that it would have been part of.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from exposure.basket import (
    DEFAULT_AMBIGUOUS_BELOW,
    Basket,
    BasketError,
    BasketExposure,
    Constituent,
    EmptyBasketError,
    absent,
    aggregate,
)
from exposure.dealer import SignConvention
from exposure.reliability import judge
from exposure.snapshot import Missing, Snapshot

WIDEST_IN_RANK = 3
_NEGLIGIBLE = 5e-4
"""A gap in share, 0..1, under which two shares are the same."""


class PositionSide(StrEnum):
    """Which way the reader is positioned."""

    LONG = "long"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Holding:
    """One symbol of a book, signed (negative is short): `dollars` plus `shares` at the price of the moment.

    Where a book is given in percent, every holding's `dollars` are percent points instead, and no holding has shares.
    """

    symbol: str
    dollars: float = 0.0
    shares: float = 0.0

    def value(self, price: float | None) -> float | None:
        """Signed dollars at a price in $; None where there are shares and no price."""
        if self.shares == 0.0:
            return self.dollars
        return None if price is None else self.dollars + self.shares * price

    def side(self, price: float | None) -> PositionSide | None:
        """Long or short; None where that depends on a price there is not."""
        value = self.value(price)
        if value is None:
            value = self.shares if self.dollars * self.shares >= 0.0 else 0.0
        if value == 0.0:
            return None
        return PositionSide.LONG if value > 0.0 else PositionSide.SHORT


@dataclass(frozen=True, slots=True)
class PositionExposure:
    """One position that arrived. `weight` is its share of the gross book as it was asked for, 0..1."""

    constituent: Constituent
    side: PositionSide
    dollars: float
    weight: float
    dollar_rank: int
    contribution_rank: int

    @property
    def symbol(self) -> str:
        return self.constituent.exposure.symbol

    @property
    def rank_gap(self) -> int:
        return abs(self.dollar_rank - self.contribution_rank)

    @property
    def share_gap(self) -> float:
        """How far the share of dealer gamma is from the share of the dollars that arrived, 0..1."""
        return abs(self.constituent.contribution_pct / 100.0 - self.constituent.weight)


@dataclass(frozen=True, slots=True)
class BookSide:
    """One side as a basket of its own weights; `share` is its share of the gross book that arrived, 0..1."""

    share: float
    exposure: BasketExposure


@dataclass(frozen=True, slots=True)
class AbsentPosition:
    """A position whose name did not arrive; `weight` is None where the weights of the book are unknown."""

    missing: Missing
    weight: float | None
    side: PositionSide | None


@dataclass(frozen=True, slots=True)
class BookExposure:
    """The answer for one book. `whole` weighs every position by gross dollars; its `missing` are only those of known value."""

    whole: BasketExposure
    long: BookSide | None
    short: BookSide | None
    positions: tuple[PositionExposure, ...]
    """Those that arrived, largest contribution first."""
    absent: tuple[AbsentPosition, ...]
    weight_coverage: float | None
    """Share of the gross book that arrived; None where a missing position has no value."""
    worthless: tuple[str, ...]
    """Symbols whose positions cancel at the prices found, and which are left out."""
    gross: float
    net: float
    """Dollars (or percent points) of every position of known value, also of missing ones."""


def book_exposure(
    holdings: Sequence[Holding],
    snapshot: Snapshot,
    convention: SignConvention,
    *,
    ambiguous_below: float = DEFAULT_AMBIGUOUS_BELOW,
) -> BookExposure:
    """Combine a snapshot into the exposure behind a book; `holdings` name each symbol once.

    Raises EmptyBasketError when no position with weight arrived.
    """
    prices = {symbol: one.spot for symbol, one in snapshot.exposures.items()}
    values = {one.symbol: one.value(prices.get(one.symbol)) for one in holdings}
    sides = {one.symbol: one.side(prices.get(one.symbol)) for one in holdings}
    unpriced = frozenset(symbol for symbol, value in values.items() if value is None)
    valued = {symbol: value for symbol, value in values.items() if value}
    if not valued:
        raise EmptyBasketError("No position with weight arrived.")
    basket = _gross_basket(valued, valued)

    whole = aggregate(basket, snapshot, convention, ambiguous_below=ambiguous_below)

    def side(which: PositionSide) -> BookSide | None:
        symbols = [symbol for symbol in valued if sides[symbol] is which]
        try:
            found = aggregate(_gross_basket(valued, symbols), snapshot, convention, ambiguous_below=ambiguous_below)
        except BasketError:
            return None
        share = math.fsum(basket.weights[symbol] for symbol in symbols if symbol in snapshot.exposures)
        # A name of unknown value may be on this side, unless it is known to be on the other.
        doubtful = any(sides[symbol] in (which, None) for symbol in unpriced)
        return BookSide(share, _doubted(found, ambiguous_below) if doubtful else found)

    return BookExposure(
        whole=_doubted(whole, ambiguous_below) if unpriced else whole,
        long=side(PositionSide.LONG),
        short=side(PositionSide.SHORT),
        positions=_positions(whole, valued, basket),
        absent=tuple(
            AbsentPosition(one, None if unpriced else basket.weights[one.symbol], sides[one.symbol])
            for one in absent([symbol for symbol, value in values.items() if value != 0.0], snapshot)
        ),
        weight_coverage=None if unpriced else whole.weight_coverage,
        worthless=tuple(symbol for symbol, value in values.items() if value == 0.0),
        gross=math.fsum(map(abs, valued.values())),
        net=math.fsum(valued.values()),
    )


def disagreements(positions: Collection[PositionExposure]) -> tuple[PositionExposure, ...]:
    """Where dollars and dealer gamma disagree: first the widest gap in share, then the three widest in rank; a name once."""
    by_share = sorted(positions, key=lambda one: (-one.share_gap, -one.rank_gap, one.symbol))
    by_rank = sorted(positions, key=lambda one: (-one.rank_gap, -one.share_gap, one.symbol))
    found = [one for one in by_share[:1] if one.share_gap >= _NEGLIGIBLE]
    return (*found, *(one for one in by_rank[:WIDEST_IN_RANK] if one.rank_gap and one not in found))


def _gross_basket(values: dict[str, float], symbols: Iterable[str]) -> Basket:
    chosen = list(symbols)
    return Basket.of(chosen, [abs(values[symbol]) for symbol in chosen])


def _doubted(result: BasketExposure, ambiguous_below: float) -> BasketExposure:
    """The same nets, where names of unknown weight are missing: no bound holds, and no verdict is safe from them."""
    return replace(
        result,
        bounds=None,
        reliability=judge(
            ((one.weight, one.exposure) for one in result.constituents),
            result.convention,
            missing_could_flip=True,
            ambiguous_below=ambiguous_below,
        ),
    )


def _positions(whole: BasketExposure, values: dict[str, float], basket: Basket) -> tuple[PositionExposure, ...]:
    """Ranks are 1 for the largest; names that tie in one are ordered by the other, so that a tie is never a gap."""
    size = {one.exposure.symbol: abs(values[one.exposure.symbol]) for one in whole.constituents}
    share = {one.exposure.symbol: one.contribution_pct for one in whole.constituents}
    by_dollars = sorted(size, key=lambda symbol: (-size[symbol], -share[symbol], symbol))
    by_contribution = sorted(size, key=lambda symbol: (-share[symbol], -size[symbol], symbol))
    dollar_rank = {symbol: rank for rank, symbol in enumerate(by_dollars, start=1)}
    contribution_rank = {symbol: rank for rank, symbol in enumerate(by_contribution, start=1)}
    return tuple(
        PositionExposure(
            constituent=one,
            side=PositionSide.LONG if values[symbol] > 0.0 else PositionSide.SHORT,
            dollars=values[symbol],
            weight=basket.weights[symbol],
            dollar_rank=dollar_rank[symbol],
            contribution_rank=contribution_rank[symbol],
        )
        for one in whole.constituents
        for symbol in (one.exposure.symbol,)
    )
