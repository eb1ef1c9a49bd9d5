"""How far a gamma regime can be trusted: the share of the assumption that would have to be wrong.

With D the larger and d the smaller of two opposed sides of gamma,

    flip_share = |net| / (2 D)

is the share of the dominant side that would have to sit on the other side of the dealers' book for the sign of the net to
change: 0 is a coin flip, 0.5 means nothing stands against it. It says nothing where every contract is on one side by
assumption. Source: this project's methodology, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from exposure.dealer import Greek, Legs, SignConvention, SignPair, SymbolExposure, sign_pair

_ROUNDING = 1e-12


class Regime(StrEnum):
    """The sign of net GEX, whatever it is worth; zero counts as positive (the FlashAlpha basket rule)."""

    POSITIVE_GAMMA = "positive_gamma"
    NEGATIVE_GAMMA = "negative_gamma"


class DealerGamma(StrEnum):
    """Which way dealers are hedged, where the data can tell."""

    LONG_GAMMA = "long_gamma"
    SHORT_GAMMA = "short_gamma"
    AMBIGUOUS = "ambiguous"


class GammaReason(StrEnum):
    """Why a verdict is what it is."""

    CLEAR = "clear"
    ASSUMED_ONE_SIDED = "assumed_one_sided"
    NEAR_COIN_FLIP = "near_coin_flip"
    SAME_DAY_DECIDES = "same_day_decides"
    MISSING_COULD_FLIP = "missing_could_flip"
    LEGS_UNAVAILABLE = "legs_unavailable"
    NO_GAMMA = "no_gamma"


class DominantSide(StrEnum):
    """Which side of gamma is the larger: one right everywhere, or a mixture that only its sign describes."""

    CALL = "call"
    PUT = "put"
    LONG = "long"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Reliability:
    """A verdict with its reasons; `verdict` is None where there is nothing to judge."""

    verdict: DealerGamma | None
    reasons: tuple[GammaReason, ...]
    flip_share: float | None
    dominant_side: DominantSide | None


def regime(net_gex: float) -> Regime:
    """The sign of a net GEX as a word."""
    return Regime.POSITIVE_GAMMA if net_gex >= 0 else Regime.NEGATIVE_GAMMA


def judge(
    weighted: Iterable[tuple[float, SymbolExposure]],
    convention: SignConvention,
    *,
    missing_could_flip: bool,
    ambiguous_below: float,
) -> Reliability:
    """The reliability of the weighted net GEX of one or more names.

    `weighted` pairs each name with its weight (>= 0). `ambiguous_below` is the flip share under which a sign is called a coin
    flip. A name without legs makes the whole unjudgeable; one without weight is not judged.
    """
    terms: list[_Term] = []
    for weight, name in weighted:
        if weight == 0.0:
            continue
        gamma = name.gamma()
        if gamma is None:
            return Reliability(None, (GammaReason.LEGS_UNAVAILABLE,), None, None)
        signs = sign_pair(convention, name.asset_class, Greek.GEX)
        terms.append(_Term(weight, signs, gamma.total, gamma.total.minus(gamma.same_day)))
    net = math.fsum(term.weight * term.legs.net(term.signs) for term in terms)
    sides = [signed for term in terms for signed in term.sides()]
    long_side = math.fsum(value for _, value in sides if value > 0)
    short_side = -math.fsum(value for _, value in sides if value < 0)
    dominant = max(long_side, short_side)
    if dominant == 0.0:
        return Reliability(None, (GammaReason.NO_GAMMA,), None, None)
    one_sided = all(term.signs.one_sided for term in terms)
    flip_share = None if one_sided else abs(net) / (2.0 * dominant)
    reasons = []
    if flip_share is not None and flip_share < ambiguous_below:
        reasons.append(GammaReason.NEAR_COIN_FLIP)
    without_same_day = math.fsum(term.weight * term.later.net(term.signs) for term in terms)
    # What is left after subtracting nearly all is rounding, and has no sign.
    if net * without_same_day < 0.0 and abs(without_same_day) > _ROUNDING * dominant:
        reasons.append(GammaReason.SAME_DAY_DECIDES)
    if missing_could_flip:
        reasons.append(GammaReason.MISSING_COULD_FLIP)
    if reasons:
        verdict = DealerGamma.AMBIGUOUS
    else:
        verdict = DealerGamma.LONG_GAMMA if net >= 0 else DealerGamma.SHORT_GAMMA
        reasons.append(GammaReason.ASSUMED_ONE_SIDED if one_sided else GammaReason.CLEAR)
    long_dominates = long_side >= short_side
    dominant_rights = {right for right, value in sides if value != 0 and (value > 0) == long_dominates}
    other_rights = {right for right, value in sides if value != 0 and (value > 0) != long_dominates}
    return Reliability(verdict, tuple(reasons), flip_share, _describe(dominant_rights, other_rights, long_dominates))


@dataclass(frozen=True, slots=True)
class _Term:
    weight: float
    signs: SignPair
    legs: Legs
    later: Legs

    def sides(self) -> tuple[tuple[DominantSide, float], tuple[DominantSide, float]]:
        return (
            (DominantSide.CALL, self.weight * self.signs.call * self.legs.call),
            (DominantSide.PUT, self.weight * self.signs.put * self.legs.put),
        )


def _describe(rights: set[DominantSide], others: set[DominantSide], long_dominates: bool) -> DominantSide:
    """One right, where it is all of the dominant side and none of the other; otherwise only the sign describes the side."""
    if len(rights) == 1 and not rights & others:
        return next(iter(rights))
    return DominantSide.LONG if long_dominates else DominantSide.SHORT
