"""Why the weighted dealer exposure of a basket changed between two instants.

With v the weights renormalised over the survivors of each end and g a name's net,

    change = sum of v1·g1 - sum of v0·g0
           = sum over names at both ends of v0·(g1 - g0)      split by `exposure.attribution`, or unexplained
           + sum over names at both ends of (v1 - v0)·g1      weights_and_membership
           + v1·g1 of names that came - v0·g0 of names that left      weights_and_membership

A name whose nets are known at both ends but not its chains has a known change that cannot be split: `unexplained`. A name missing
at one end changes the weights of all others too. Parts add up exactly (`exposure.exact_sums`). Source: this project's
methodology, section 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, pairwise

from exposure.attribution import CHAIN_PARTS, AttributionError, NameAttribution, Part, attribute
from exposure.basket import BasketExposure, Constituent
from exposure.chain import Chain
from exposure.dealer import Greek, Nets, SignConvention
from exposure.exact_sums import Grid

# In the last minute before an expiry two ways of computing a charm agree to no more than this.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class BasketEnd:
    """One instant: the aggregate, and the chains of those of its names that have one."""

    result: BasketExposure
    chains: Mapping[str, Chain]

    def symbols(self) -> list[str]:
        """The survivors, in the order of the aggregate."""
        return [one.exposure.symbol for one in self.result.constituents]

    def constituent(self, symbol: str) -> Constituent | None:
        """One survivor, None where the symbol is not one."""
        return next((one for one in self.result.constituents if one.exposure.symbol == symbol), None)


class ChangeKind(StrEnum):
    """How much is known of one name's change."""

    ATTRIBUTED = "attributed"
    UNEXPLAINED = "unexplained"
    """At both ends, but without a chain at one of them."""
    JOINED = "joined"
    """Only at the later end: not asked for, or missing, before."""
    LEFT = "left"
    """Only at the earlier end: not asked for, or missing, after."""


@dataclass(frozen=True, slots=True)
class NameChange:
    """One name's share of a basket's change; dollars in the units of `exposure.dealer`.

    `before` and `after` are its own unweighted nets, None at an end it is not part of, where its weight is 0. `parts` has every
    `Part`, weighted, so that their sum over the names is the basket's part.
    """

    symbol: str
    kind: ChangeKind
    weight_before: float
    weight_after: float
    before: Nets | None
    after: Nets | None
    parts: Mapping[Part, Nets]
    own: NameAttribution | None
    """The unweighted split; None unless `kind` is attributed."""

    @property
    def change(self) -> Nets:
        """Its weighted contribution to the basket's change: exactly the sum of its parts."""
        return _summed(self.parts.values())


@dataclass(frozen=True, slots=True)
class BasketAttribution:
    """The change of a basket's weighted mean; for each greek before + sum of parts == after exactly, in any order.

    `before` and `after` are the nets of the two aggregates up to the same rounding as a name's.
    """

    convention: SignConvention
    before: Nets
    after: Nets
    parts: Mapping[Part, Nets]
    """Every `Part`, in the order of revaluation."""
    names: tuple[NameChange, ...]
    """Every name of either end, largest change of net GEX first."""

    @property
    def change(self) -> Nets:
        """After minus before, exactly the sum of the parts."""
        return Nets.from_each(lambda greek: self.after.of(greek) - self.before.of(greek))


def attribute_basket(before: BasketEnd, after: BasketEnd) -> BasketAttribution:
    """Split the change of the four nets of a basket between two instants; the two ends may hold different names and weights.

    Where a chain's nets are not those of the aggregate (a vendor's published nets beside a chain of its own), the difference of
    the two changes is unexplained. Raises AttributionError for ends under two conventions.
    """
    if before.result.convention is not after.result.convention:
        raise AttributionError(
            f"One end is signed by {before.result.convention.value}, the other by {after.result.convention.value}. "
            "Ask for both with one convention."
        )
    symbols = dict.fromkeys([*before.symbols(), *after.symbols()])
    known = [_Known.of(symbol, before, after) for symbol in symbols]
    paths = {greek: _weighted_paths(known, greek) for greek in Greek}
    names = [_name_change(one, {greek: paths[greek][place] for greek in Greek}) for place, one in enumerate(known)]
    return BasketAttribution(
        convention=before.result.convention,
        before=Nets.from_each(lambda greek: sum(path[0] for path in paths[greek])),
        after=Nets.from_each(lambda greek: sum(path[-1] for path in paths[greek])),
        parts={part: _summed(name.parts[part] for name in names) for part in Part},
        names=tuple(sorted(names, key=lambda name: (-abs(name.change.gex), name.symbol))),
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """What the two ends say of one name; it is at one of them at least."""

    symbol: str
    first: Constituent | None
    last: Constituent | None
    own: NameAttribution | None

    @staticmethod
    def of(symbol: str, before: BasketEnd, after: BasketEnd) -> _Known:
        first, last = before.constituent(symbol), after.constituent(symbol)
        sooner, later = before.chains.get(symbol), after.chains.get(symbol)
        own = None
        if first and last and sooner is not None and later is not None:
            own = attribute(sooner, later, before.result.convention)
        return _Known(symbol, first, last, own)

    @property
    def kind(self) -> ChangeKind:
        if self.first is None:
            return ChangeKind.JOINED
        if self.last is None:
            return ChangeKind.LEFT
        return ChangeKind.ATTRIBUTED if self.own else ChangeKind.UNEXPLAINED

    def path(self, greek: Greek) -> list[float]:
        """Its contribution at the start and after each `Part`, unrounded."""
        if self.first is None or self.last is None:
            start = self.first.weight * self.first.nets.of(greek) if self.first else 0.0
            stop = self.last.weight * self.last.nets.of(greek) if self.last else 0.0
            return [start] * len(Part) + [stop]
        start, stop = self.first.nets.of(greek), self.last.nets.of(greek)
        steps = [self.own.parts[part].of(greek) if self.own else 0.0 for part in CHAIN_PARTS]
        if self.own and _agree(self.own.before, self.first, greek) and _agree(self.own.after, self.last, greek):
            start, stop = self.own.before.of(greek), self.own.after.of(greek)
        own_weight = [self.first.weight * value for value in (*accumulate(steps, initial=start), stop)]
        return [*own_weight, self.last.weight * stop]


def _agree(own: Nets, constituent: Constituent, greek: Greek) -> bool:
    """Whether a chain's net is the constituent's but for rounding."""
    net = constituent.nets.of(greek)
    legs = constituent.exposure.legs(greek)
    return abs(own.of(greek) - net) <= _ROUNDING * (legs.gross if legs else abs(net))


def _weighted_paths(known: Sequence[_Known], greek: Greek) -> list[list[float]]:
    """Every name's path on one grid, on which they add up exactly."""
    paths = [one.path(greek) for one in known]
    gross = max((sum(abs(value) for value in step) for step in zip(*paths, strict=True)), default=0.0)
    grid = Grid.below(gross)
    return [[grid.nearest(value) for value in path] for path in paths]


def _name_change(known: _Known, paths: Mapping[Greek, list[float]]) -> NameChange:
    steps = {greek: [later - sooner for sooner, later in pairwise(path)] for greek, path in paths.items()}

    def part_at(place: int) -> Nets:
        return Nets.from_each(lambda greek: steps[greek][place])

    return NameChange(
        symbol=known.symbol,
        kind=known.kind,
        weight_before=known.first.weight if known.first else 0.0,
        weight_after=known.last.weight if known.last else 0.0,
        before=known.first.nets if known.first else None,
        after=known.last.nets if known.last else None,
        parts={part: part_at(place) for place, part in enumerate(Part)},
        own=known.own,
    )


def _summed(each: Iterable[Nets]) -> Nets:
    listed = list(each)
    return Nets.from_each(lambda greek: sum(nets.of(greek) for nets in listed))
