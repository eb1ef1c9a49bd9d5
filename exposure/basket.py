"""The weighted dealer exposure of a basket, and how much of it one name, one assumption or one gap decides.

With requested weights w (sum 1 over what was asked for) and v the same weights renormalised over the survivors:

    net_g             = sum of v·g                   weighted mean, the FlashAlpha formula
    total_g           = sum of g                     plain sum: the market-wide dollar flow of the group
    contribution_pct  = 100 |v g| / sum |v g|        gross share on GEX; all zero when every term is
    signed_share      = v g / sum v g                null when |sum| < 1% of sum |v g|
    effective_names   = 1 / sum (contribution/100)²
    cancellation      = 1 - |sum v g| / sum |v g|

A weighted mean of dollar GEX is a reading, not a hedge, and it is the whole market's dealer exposure, not the reader's own
gamma. Sums are exactly rounded (`math.fsum`), so that the order of the symbols changes nothing. Source: this project's
methodology, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exposure.bounds import Bounds, bounds
from exposure.dealer import Greek, Nets, SignConvention, SymbolExposure
from exposure.reliability import Regime, Reliability, judge, regime
from exposure.snapshot import Missing, MissingReason, Snapshot

MAX_SYMBOLS = 50
_SIGNED_SHARE_FLOOR = 0.01
DEFAULT_AMBIGUOUS_BELOW = 0.05


class BasketError(ValueError):
    """A basket that cannot be weighted; the message is a sentence for the person who asked."""


class EmptyBasketError(BasketError):
    """No name with weight arrived, so there is nothing to average."""


@dataclass(frozen=True, slots=True)
class Basket:
    """Distinct symbols with requested weights that sum to 1, in the order they were first named."""

    weights: Mapping[str, float]
    merged: tuple[str, ...] = ()
    """Symbols that were named more than once; their weights were added."""

    @staticmethod
    def of(symbols: Sequence[str], weights: Sequence[float] | None = None) -> Basket:
        """Validate and normalise. `symbols` in their canonical spelling; equal weights unless given.

        Raises BasketError for an empty basket, more than 50 distinct symbols, a count that does not match, or weights that are
        negative, not finite or all zero.
        """
        if not symbols:
            raise BasketError("The basket is empty. Name at least one symbol, for example NVDA.")
        given = [1.0] * len(symbols) if weights is None else [float(weight) for weight in weights]
        if len(given) != len(symbols):
            raise BasketError(
                f"{len(symbols)} symbols but {len(given)} weights. Give one weight a symbol, or leave weights out for equal ones."
            )
        for symbol, weight in zip(symbols, given, strict=True):
            if not math.isfinite(weight):
                raise BasketError(f"The weight of {symbol} is not a finite number. Weights are numbers of 0 or more.")
            if weight < 0:
                raise BasketError(
                    f"The weight of {symbol} is negative ({weight:g}). Weights are numbers of 0 or more; "
                    "a short position cannot be asked for here."
                )
        # Scaling by a power of two is exact, and keeps sums near the ends of the float range from overflowing or vanishing.
        exponent = math.frexp(max(given))[1]
        requested: dict[str, list[float]] = {}
        for symbol, weight in zip(symbols, given, strict=True):
            requested.setdefault(symbol, []).append(math.ldexp(weight, -exponent))
        if len(requested) > MAX_SYMBOLS:
            raise BasketError(
                f"{len(requested)} distinct symbols; at most {MAX_SYMBOLS} are answered in one call. Split the basket."
            )
        scaled = {symbol: math.fsum(parts) for symbol, parts in requested.items()}
        total = math.fsum(scaled.values())
        if total == 0.0:
            raise BasketError("Every weight is zero. At least one weight must be above 0.")
        merged = tuple(symbol for symbol, parts in requested.items() if len(parts) > 1)
        return Basket({symbol: weight / total for symbol, weight in scaled.items()}, merged)


@dataclass(frozen=True, slots=True)
class Constituent:
    """One survivor: its share of the basket, its own (unweighted) nets, and how it enters the aggregate."""

    exposure: SymbolExposure
    weight: float
    nets: Nets
    contribution_pct: float
    signed_share: float | None
    regime: Regime
    reliability: Reliability


@dataclass(frozen=True, slots=True)
class WeightedMissing:
    """A missing name and the share of the requested weight it carried."""

    missing: Missing
    weight: float


@dataclass(frozen=True, slots=True)
class BasketExposure:
    """The answer for one basket under one convention; dollars in the units of `exposure.dealer`."""

    convention: SignConvention
    net: Nets
    total: Nets
    constituents: tuple[Constituent, ...]
    """Survivors, largest contribution first."""
    missing: tuple[WeightedMissing, ...]
    weight_coverage: float
    regime: Regime
    reliability: Reliability
    bounds: Bounds | None
    by_convention: Mapping[SignConvention, float | None]
    """Weighted mean net GEX under each convention; None where a source's nets cannot be expressed in it."""
    effective_names: float | None
    cancellation: float | None
    negative_names: int
    negative_weight: float
    pivotal: tuple[str, ...]
    """Names whose removal alone changes the sign of net GEX, largest contribution first."""


def aggregate(
    basket: Basket,
    snapshot: Snapshot,
    convention: SignConvention,
    *,
    ambiguous_below: float = DEFAULT_AMBIGUOUS_BELOW,
) -> BasketExposure:
    """Combine a snapshot into the weighted exposure of a basket.

    `snapshot` answers every symbol of `basket`, and may answer others too. Raises EmptyBasketError when no name with weight
    arrived, or when a survivor's nets exist only under another convention.
    """
    arrived = [(symbol, snapshot.exposures[symbol]) for symbol in basket.weights if symbol in snapshot.exposures]
    observed_weight = math.fsum(basket.weights[symbol] for symbol, _ in arrived)
    if observed_weight <= 0.0:
        raise EmptyBasketError("No name with weight arrived.")
    survivors = [
        _Survivor(exposure, basket.weights[symbol], basket.weights[symbol] / observed_weight, nets)
        for symbol, exposure in arrived
        if (nets := _nets(exposure, convention)) is not None
    ]
    if len(survivors) < len(arrived):
        raise EmptyBasketError(
            f"The source publishes nets under another convention than {convention.value}; ask with the convention street."
        )
    missing = tuple(WeightedMissing(one, basket.weights[one.symbol]) for one in absent(basket.weights, snapshot))
    missing_weight = math.fsum(one.weight for one in missing)
    limits = bounds([(one.requested, one.nets) for one in survivors], missing_weight)

    weighted_gex = [one.weight * one.nets.gex for one in survivors]
    net_gex, gross_gex = math.fsum(weighted_gex), math.fsum(map(abs, weighted_gex))
    constituents = sorted(
        (_constituent(one, convention, net_gex, gross_gex, ambiguous_below) for one in survivors),
        key=lambda one: (-one.contribution_pct, one.exposure.symbol),
    )
    net = Nets.from_each(lambda greek: math.fsum(one.weight * one.nets.of(greek) for one in survivors))
    squares = math.fsum((one.contribution_pct / 100.0) ** 2 for one in constituents)
    return BasketExposure(
        convention=convention,
        net=net,
        total=Nets.from_each(lambda greek: math.fsum(one.nets.of(greek) for one in survivors)),
        constituents=tuple(constituents),
        missing=missing,
        weight_coverage=1.0 if missing_weight == 0.0 else observed_weight,
        regime=regime(net.gex),
        reliability=judge(
            ((one.weight, one.exposure) for one in survivors),
            convention,
            missing_could_flip=limits is not None and not limits.sign_safe,
            ambiguous_below=ambiguous_below,
        ),
        bounds=limits,
        by_convention={other: _weighted_gex(survivors, other) for other in SignConvention},
        effective_names=1.0 / squares if squares > 0 else None,
        cancellation=1.0 - abs(net_gex) / gross_gex if gross_gex > 0 else None,
        negative_names=sum(1 for one in survivors if one.nets.gex < 0),
        negative_weight=math.fsum(one.weight for one in survivors if one.nets.gex < 0),
        pivotal=_pivotal(constituents),
    )


def absent(symbols: Iterable[str], snapshot: Snapshot) -> list[Missing]:
    """Every one of the symbols that did not arrive, also one that the source said nothing about."""
    said = {one.symbol: one for one in snapshot.missing}
    silent = "The source gave neither an exposure nor a reason."
    return [
        said.get(symbol) or Missing(symbol, MissingReason.FETCH_FAILED, silent)
        for symbol in symbols
        if symbol not in snapshot.exposures
    ]


@dataclass(frozen=True, slots=True)
class _Survivor:
    exposure: SymbolExposure
    requested: float
    weight: float
    nets: Nets


def _nets(exposure: SymbolExposure, convention: SignConvention) -> Nets | None:
    each = {greek: exposure.net(greek, convention) for greek in Greek}
    if any(value is None for value in each.values()):
        return None
    return Nets.from_each(lambda greek: each[greek] or 0.0)


def _constituent(
    one: _Survivor, convention: SignConvention, net_gex: float, gross_gex: float, ambiguous_below: float
) -> Constituent:
    weighted = one.weight * one.nets.gex
    return Constituent(
        exposure=one.exposure,
        weight=one.weight,
        nets=one.nets,
        contribution_pct=100.0 * (abs(weighted) / gross_gex) if gross_gex > 0 else 0.0,
        signed_share=weighted / net_gex if abs(net_gex) >= _SIGNED_SHARE_FLOOR * gross_gex > 0 else None,
        regime=regime(one.nets.gex),
        reliability=judge([(1.0, one.exposure)], convention, missing_could_flip=False, ambiguous_below=ambiguous_below),
    )


def _weighted_gex(survivors: Sequence[_Survivor], convention: SignConvention) -> float | None:
    values = [(one.weight, one.exposure.net(Greek.GEX, convention)) for one in survivors]
    if any(value is None for _, value in values):
        return None
    return math.fsum(weight * value for weight, value in values if value is not None)


def _pivotal(constituents: Sequence[Constituent]) -> tuple[str, ...]:
    """A basket with one name of weight has no pivotal name: without it there is no basket whose sign could differ."""
    if sum(one.weight > 0.0 for one in constituents) < 2:
        return ()
    terms = [one.weight * one.nets.gex for one in constituents]
    sign = regime(math.fsum(terms))
    return tuple(
        one.exposure.symbol
        for index, one in enumerate(constituents)
        if regime(math.fsum(terms[:index] + terms[index + 1 :])) is not sign
    )
