"""Where an index's constituents pull against it: implied and realised correlation on one identity, and gamma side by side.

With index weights w (sum 1 over the n names used), volatilities s_i and the index's s_I at the same tenor:

    rho     = (s_I² - sum w²s²) / ((sum w s)² - sum w²s²)
    spread  = sqrt(sum w s² - s_I²)            (the idea of Cboe's DSPX)

The implied leg takes at-the-money volatilities, the realised leg those of daily simple returns (annualised by 252), with the
index's return the weighted return of the very names used unless its own closes are given. The average correlation of the
names *to the index* is another quantity (about the root of rho) and has a name of its own. Nothing is clipped: a value outside
[-1/(n-1), 1] means that the inputs do not belong together. Source: this project's methodology, section 7; Driessen, Maenhout
and Vilkov, The Price of Correlation Risk (2009).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from exposure.basket import BasketExposure, Constituent
from exposure.dealer import SymbolExposure
from exposure.flips import imbalance
from exposure.reliability import DealerGamma

if TYPE_CHECKING:
    # numpy is imported by the functions that need it: the enums here are part of a tool's schema, which is made at start-up.
    from exposure.greeks import Floats

TRADING_DAYS = 252
_ENOUGH_CLOSES = 0.5
"""Share of the weight that needs daily closes for a realised leg; with less, the implied leg keeps its names instead."""


class Undefined(StrEnum):
    """Why a correlation or a spread has no value."""

    FEWER_THAN_TWO_NAMES = "fewer_than_two_names"
    NO_DIVERSIFICATION = "no_diversification"
    NEGATIVE_VARIANCE = "negative_variance"
    INDEX_MISSING = "index_missing"
    NO_INDEX_VOLATILITY = "no_index_volatility"
    NO_DAILY_CLOSES = "no_daily_closes"
    TOO_FEW_DAYS = "too_few_days"


@dataclass(frozen=True, slots=True)
class Correlation:
    """An average pairwise correlation. `consistent` is False when no correlation matrix could give it."""

    value: float
    consistent: bool


def implied_correlation(
    weights: Sequence[float], volatilities: Sequence[float], index_volatility: float
) -> Correlation | Undefined:
    """The correlation that makes the names' volatilities add up to the index's; weights sum to 1, volatilities are fractions.

    A name without weight is not one of the names: it enters neither the sums nor n.
    """
    pairs = [(weight, volatility) for weight, volatility in zip(weights, volatilities, strict=True) if weight > 0.0]
    if len(pairs) < 2:
        return Undefined.FEWER_THAN_TWO_NAMES
    own = math.fsum((weight * volatility) ** 2 for weight, volatility in pairs)
    full = math.fsum(weight * volatility for weight, volatility in pairs) ** 2
    if full - own <= 1e-15 * full:
        return Undefined.NO_DIVERSIFICATION
    value = (index_volatility**2 - own) / (full - own)
    lowest = -1.0 / (len(pairs) - 1)
    return Correlation(value, lowest - 1e-12 <= value <= 1.0 + 1e-12)


def dispersion_spread(weights: Sequence[float], volatilities: Sequence[float], index_volatility: float) -> float | Undefined:
    """sqrt(sum w s² - s_I²), a volatility; undefined where the index is more volatile than its names."""
    if sum(weight > 0.0 for weight in weights) < 2:
        return Undefined.FEWER_THAN_TWO_NAMES
    names = math.fsum(weight * volatility**2 for weight, volatility in zip(weights, volatilities, strict=True))
    gap = names - index_volatility**2
    return math.sqrt(gap) if gap >= 0 else Undefined.NEGATIVE_VARIANCE


@dataclass(frozen=True, slots=True)
class RealisedCorrelation:
    """Realised leg over a window of days; volatilities are fractions a year.

    `standard_error` is the delete-one jackknife over days, None where a window without one of its days has no correlation.
    `to_index` is the weighted mean of the names' Pearson correlations to the index, the figure FlashAlpha publishes; it is not
    comparable with the implied leg, and None where a name or the index did not move.
    """

    correlation: Correlation
    standard_error: float | None
    to_index: float | None
    index_volatility: float
    days: int


_FEWEST_DAYS = 10


def realised_correlation(
    weights: Sequence[float], returns: Floats, index_returns: Floats | None = None
) -> RealisedCorrelation | Undefined:
    """The same identity on daily simple returns.

    `returns` has shape (days, names), columns in the order of `weights`; `index_returns` shape (days,), the weighted return of
    the names unless given.
    """
    import numpy as np

    if sum(weight > 0.0 for weight in weights) < 2:
        return Undefined.FEWER_THAN_TWO_NAMES
    days = len(returns)
    if days < _FEWEST_DAYS:
        return Undefined.TOO_FEW_DAYS
    weight = np.asarray(weights, dtype=np.float64)
    index = returns @ weight if index_returns is None else index_returns
    panel = np.column_stack([returns, index])
    variances = np.asarray(panel.var(axis=0, ddof=1))
    whole = _correlation_of(weight, variances)
    if isinstance(whole, Undefined):
        return whole
    return RealisedCorrelation(
        correlation=whole,
        standard_error=_jackknife([_correlation_of(weight, one) for one in _variances_without_each_day(panel)]),
        to_index=_average_to_index(weight, returns, index),
        index_volatility=math.sqrt(float(variances[-1]) * TRADING_DAYS),
        days=days,
    )


def _correlation_of(weight: Floats, variances: Floats) -> Correlation | Undefined:
    volatility = (variances**0.5).tolist()
    return implied_correlation(weight.tolist(), volatility[:-1], volatility[-1])


def _jackknife(without: Sequence[Correlation | Undefined]) -> float | None:
    """Standard error from the value without each day: sqrt((n-1)/n · sum (value - mean)²), Efron (1982)."""
    values = [one.value for one in without if isinstance(one, Correlation)]
    if len(values) < len(without):
        return None
    mean = math.fsum(values) / len(values)
    return math.sqrt((len(values) - 1) / len(values) * math.fsum((value - mean) ** 2 for value in values))


def _variances_without_each_day(panel: Floats) -> list[Floats]:
    """Sample variances of every column with one day left out.

    Computed afresh for each day: where one day makes nearly all the movement, subtracting it from sums would leave rounding.
    """
    import numpy as np

    return [np.asarray(np.delete(panel, day, axis=0).var(axis=0, ddof=1)) for day in range(len(panel))]


def _average_to_index(weight: Floats, returns: Floats, index: Floats) -> float | None:
    weighed = weight > 0.0
    centred, centred_index = returns[:, weighed] - returns[:, weighed].mean(axis=0), index - index.mean()
    scale = ((centred**2).sum(axis=0) * (centred_index**2).sum()) ** 0.5
    if (scale <= 0).any():
        return None
    return float(weight[weighed] @ ((centred * centred_index[:, None]).sum(axis=0) / scale))


class LeftOut(StrEnum):
    """Why a name that arrived is not part of the volatility side."""

    NO_ATM_IV = "no_atm_iv"
    TENOR_OUTSIDE_CHAIN = "tenor_outside_chain"
    NO_DAILY_CLOSES = "no_daily_closes"


@dataclass(frozen=True, slots=True)
class VolatilityFrame:
    """The volatility side of an index and its names, both legs over the same names; volatilities are fractions a year."""

    tenor_days: float | None
    """None where a vendor publishes its volatilities without saying at what tenor."""
    index_iv: float | None
    weights: Mapping[str, float]
    """Names used, renormalised to sum 1."""
    ivs: Mapping[str, float]
    """At-the-money volatility of each name used."""
    left_out: Mapping[str, LeftOut]
    extrapolated: tuple[str, ...]
    """The index and names used whose first expiry is after the tenor, so that its volatility stands for it."""
    implied: Correlation | Undefined
    spread: float | Undefined
    realised: RealisedCorrelation | Undefined

    @property
    def basket_volatility(self) -> float | None:
        """sum w s, the volatility the index would have if all names moved as one; None without names."""
        return math.fsum(self.weights[name] * self.ivs[name] for name in self.weights) if self.weights else None

    @property
    def premium(self) -> float | None:
        """Implied less realised correlation, where both are defined."""
        if isinstance(self.implied, Undefined) or isinstance(self.realised, Undefined):
            return None
        return self.implied.value - self.realised.correlation.value

    def share_of_volatility(self, name: str) -> float | None:
        """w s of one name over sum w s; None for a name that is not used."""
        total = self.basket_volatility
        return self.weights[name] * self.ivs[name] / total if name in self.weights and total else None


def frame_volatility(
    weights: Mapping[str, float],
    exposures: Mapping[str, SymbolExposure],
    index: str,
    tenor_days: float,
    closes: Mapping[str, Sequence[float]] | None,
) -> VolatilityFrame:
    """Implied and realised leg over the names that have what both need.

    `weights` are those of the names (a name without weight plays no part), `exposures` what arrived of names and index, `closes`
    daily prices of the same sessions, oldest first, or None where the source has none. A name without closes is left out of
    both legs, unless so many lack them that there is no realised leg.
    """
    known = {name: one for name in (index, *weights) if (one := exposures.get(name)) is not None}
    ivs = {name: iv for name, one in known.items() if (iv := one.atm_iv(tenor_days)) is not None}
    left_out = {
        name: _why_without_iv(one, tenor_days)
        for name, one in known.items()
        if name not in ivs and (name == index or weights[name] > 0.0)
    }
    used = {name: weight for name, weight in weights.items() if name in ivs and weight > 0.0}
    prices = {name: series for name, series in (closes or {}).items() if all(0.0 < price < math.inf for price in series)}
    priced = {name: weight for name, weight in used.items() if name in prices}
    has_realised = index in prices and math.fsum(priced.values()) > _ENOUGH_CLOSES * math.fsum(used.values())
    if has_realised:
        left_out |= {name: LeftOut.NO_DAILY_CLOSES for name in used if name not in priced}
        used = priced
    total = math.fsum(used.values())
    used = {name: weight / total for name, weight in used.items()}
    iv_of_index = ivs.get(index)
    lacking = Undefined.NO_INDEX_VOLATILITY if index in known else Undefined.INDEX_MISSING
    volatilities = [ivs[name] for name in used]
    realised: RealisedCorrelation | Undefined = lacking if index not in known else Undefined.NO_DAILY_CLOSES
    if index in known and has_realised:
        realised = _realised_over(used, prices, index)
    return VolatilityFrame(
        tenor_days=tenor_days,
        index_iv=iv_of_index,
        weights=used,
        ivs={name: ivs[name] for name in used},
        left_out=left_out,
        extrapolated=tuple(name for name in (index, *used) if name in ivs and _starts_after(known[name], tenor_days)),
        implied=lacking if iv_of_index is None else implied_correlation(list(used.values()), volatilities, iv_of_index),
        spread=lacking if iv_of_index is None else dispersion_spread(list(used.values()), volatilities, iv_of_index),
        realised=realised,
    )


def published_volatility(weights: Mapping[str, float], ivs: Mapping[str, float], index_iv: float | None) -> VolatilityFrame:
    """The implied leg from the volatilities a vendor publishes, by the identity used here; there is no realised leg.

    `weights` are those of the names that arrived, `ivs` the vendor's volatility of each name that has one.
    """
    used = {name: weight for name, weight in weights.items() if name in ivs and weight > 0.0}
    total = math.fsum(used.values())
    used = {name: weight / total for name, weight in used.items()}
    volatilities = [ivs[name] for name in used]
    lacking = Undefined.NO_INDEX_VOLATILITY
    return VolatilityFrame(
        tenor_days=None,
        index_iv=index_iv,
        weights=used,
        ivs={name: ivs[name] for name in used},
        left_out={name: LeftOut.NO_ATM_IV for name, weight in weights.items() if name not in ivs and weight > 0.0},
        extrapolated=(),
        implied=lacking if index_iv is None else implied_correlation(list(used.values()), volatilities, index_iv),
        spread=lacking if index_iv is None else dispersion_spread(list(used.values()), volatilities, index_iv),
        realised=Undefined.NO_DAILY_CLOSES,
    )


def _realised_over(
    used: Mapping[str, float], prices: Mapping[str, Sequence[float]], index: str
) -> RealisedCorrelation | Undefined:
    import numpy as np

    panel = np.array([prices[name] for name in (*used, index)], dtype=np.float64).T
    returns = panel[1:] / panel[:-1] - 1.0
    return realised_correlation(list(used.values()), returns[:, :-1], returns[:, -1])


def _why_without_iv(exposure: SymbolExposure, tenor_days: float) -> LeftOut:
    curve = exposure.at_the_money
    outside = curve is not None and bool(curve.years) and curve.years[-1] < tenor_days / 365.0
    return LeftOut.TENOR_OUTSIDE_CHAIN if outside else LeftOut.NO_ATM_IV


def _starts_after(exposure: SymbolExposure, tenor_days: float) -> bool:
    curve = exposure.at_the_money
    return curve is not None and curve.years[0] > tenor_days / 365.0


class Agreement(StrEnum):
    """Whether dealers stand on the same side of gamma in an index and in its names."""

    AGREE = "agree"
    CONFLICT = "conflict"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class GammaGap:
    """An index less its names. Imbalance is net over gross GEX, -1..1; dollars are net GEX per 1% move."""

    agreement: Agreement
    imbalance: float | None
    net_gex: float
    """The index's own less the plain sum of its names'."""
    opposing: tuple[Constituent, ...]
    """Names whose net GEX has the other sign than the index's, largest |weight · net GEX| first."""


def compare_gamma(index: BasketExposure, names: BasketExposure) -> GammaGap:
    """Where the names' gamma stands against the index's; `index` is a basket of the index alone."""
    sides = (index.reliability.verdict, names.reliability.verdict)
    agreement = Agreement.AGREE if sides[0] is sides[1] else Agreement.CONFLICT
    if None in sides or DealerGamma.AMBIGUOUS in sides:
        agreement = Agreement.UNDECIDED
    readings = (imbalance(index), imbalance(names))
    return GammaGap(
        agreement=agreement,
        imbalance=None if readings[0] is None or readings[1] is None else readings[0] - readings[1],
        net_gex=index.net.gex - names.total.gex,
        opposing=tuple(one for one in names.constituents if one.weight > 0.0 and one.nets.gex * index.net.gex < 0.0),
    )
