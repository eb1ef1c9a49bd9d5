"""Dealer exposure of one symbol: two legs a greek, and the sign conventions that turn legs into a net.

| leg  | formula (summed over the contracts of one right)  | unit                                   |
|------|----------------------------------------------------|----------------------------------------|
| GEX  | gamma · OI · m · S² · 0.01                         | $ of delta per 1% move of the underlying |
| DEX  | delta · OI · m · S (puts negative by nature)       | $ of delta                             |
| VEX  | vanna · OI · m · S · 0.01                          | $ of delta per 1 volatility point      |
| CHEX | charm/365 · OI · m · S                             | $ of delta per calendar day            |

OI is open interest in contracts, m the multiplier, S spot. Legs carry no dealer sign; keeping both makes every
convention a two-term sum. The sign assumption is a practitioner's construction: well supported for index options, weak
for single stocks.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from exposure.instruments import AssetClass


class Greek(StrEnum):
    """The four exposures."""

    GEX = "gex"
    DEX = "dex"
    VEX = "vex"
    CHEX = "chex"


UNITS = {
    Greek.GEX: "$ of delta per 1% move",
    Greek.DEX: "$ of delta",
    Greek.VEX: "$ of delta per 1 vol point",
    Greek.CHEX: "$ of delta per calendar day",
}


class SignConvention(StrEnum):
    """Who is assumed to be long what; one convention signs all four greeks."""

    STREET = "street"
    LONG_CALLS_SHORT_PUTS = "dealers_long_calls_short_puts"
    SHORT_CALLS_LONG_PUTS = "dealers_short_calls_long_puts"
    SHORT_ALL = "dealers_short_all"
    LONG_ALL = "dealers_long_all"
    BY_ASSET_CLASS = "by_asset_class"


@dataclass(frozen=True, slots=True)
class SignPair:
    """+1 where dealers are assumed long the leg, -1 where short."""

    call: int
    put: int

    @property
    def one_sided(self) -> bool:
        """True when both legs carry the same sign, so that no offset between them can change the sign of the net."""
        return self.call == self.put


_FIXED_PAIRS = {
    SignConvention.STREET: SignPair(1, -1),
    SignConvention.LONG_CALLS_SHORT_PUTS: SignPair(1, -1),
    SignConvention.SHORT_CALLS_LONG_PUTS: SignPair(-1, 1),
    SignConvention.SHORT_ALL: SignPair(-1, -1),
    SignConvention.LONG_ALL: SignPair(1, 1),
}


def sign_pair(convention: SignConvention, asset_class: AssetClass, greek: Greek) -> SignPair:
    """The pair (call, put) a convention applies to one greek of one kind of underlying.

    `street` is the only mixed one: its DEX sums natural deltas (call + put) while the others are call - put.
    """
    if convention is SignConvention.STREET and greek is Greek.DEX:
        return SignPair(1, 1)
    if convention is SignConvention.BY_ASSET_CLASS:
        single_stock = asset_class is AssetClass.STOCK
        convention = SignConvention.SHORT_ALL if single_stock else SignConvention.LONG_CALLS_SHORT_PUTS
    return _FIXED_PAIRS[convention]


@dataclass(frozen=True, slots=True)
class Legs:
    """Call and put dollar exposure of one greek, before any dealer sign."""

    call: float
    put: float

    @property
    def gross(self) -> float:
        return abs(self.call) + abs(self.put)

    def net(self, signs: SignPair) -> float:
        return signs.call * self.call + signs.put * self.put

    def minus(self, other: Legs) -> Legs:
        return Legs(self.call - other.call, self.put - other.put)


@dataclass(frozen=True, slots=True)
class FourLegs:
    """The legs of all four greeks of one symbol."""

    gex: Legs
    dex: Legs
    vex: Legs
    chex: Legs

    def of(self, greek: Greek) -> Legs:
        match greek:
            case Greek.GEX:
                return self.gex
            case Greek.DEX:
                return self.dex
            case Greek.VEX:
                return self.vex
            case Greek.CHEX:
                return self.chex


@dataclass(frozen=True, slots=True)
class Nets:
    """One signed dollar number a greek."""

    gex: float
    dex: float
    vex: float
    chex: float

    def of(self, greek: Greek) -> float:
        match greek:
            case Greek.GEX:
                return self.gex
            case Greek.DEX:
                return self.dex
            case Greek.VEX:
                return self.vex
            case Greek.CHEX:
                return self.chex

    @staticmethod
    def from_each(value: Callable[[Greek], float]) -> Nets:
        """Build the four numbers by asking for each greek in turn."""
        return Nets(value(Greek.GEX), value(Greek.DEX), value(Greek.VEX), value(Greek.CHEX))


@dataclass(frozen=True, slots=True)
class ComputedLegs:
    """Exposure that was computed from a chain: every convention can be applied to it."""

    total: FourLegs
    same_day: FourLegs
    """The part of `total` in contracts that expire on the Eastern date of the quotes."""


@dataclass(frozen=True, slots=True)
class GammaLegs:
    """Call and put gamma exposure a vendor published beside its nets: before any dealer sign, in all and expiring that day."""

    total: Legs
    same_day: Legs


@dataclass(frozen=True, slots=True)
class PublishedNets:
    """Exposure a vendor published already signed: no other convention, and no reliability unless gamma's legs are there too."""

    nets: Nets
    convention: SignConvention = SignConvention.STREET
    gamma: GammaLegs | None = None


class DropReason(StrEnum):
    """Why a listed contract is not part of an exposure."""

    EXPIRED = "expired"
    ADJUSTED_SERIES = "adjusted_series"
    NO_IV = "no_iv"
    BAD_ROW = "bad_row"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Dropped:
    """Contracts left out, and their open interest; None where a row does not say how much that was."""

    contracts: int
    open_interest: float | None


class ForwardBasis(StrEnum):
    """Where the forwards of a chain came from."""

    PARITY = "parity"
    FLAT_RATE = "flat_rate"
    MIXED = "mixed"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a chain was made of.

    `listed` counts every row of the source; `seen` those with open interest; `used` those that entered the exposure.
    Contracts without open interest change nothing and are not counted as dropped.
    """

    listed: int
    seen: int
    used: int
    open_interest_seen: float
    open_interest_used: float
    dropped: Mapping[DropReason, Dropped] = field(default_factory=dict)
    forward_basis: ForwardBasis = ForwardBasis.PARITY
    parity_share: float = 1.0
    """Share of the open interest used whose forward came from put-call parity (the rest: flat rate, no dividend)."""

    @property
    def open_interest_share(self) -> float | None:
        """Share of the open interest that was used; None when the source lists none."""
        return self.open_interest_used / self.open_interest_seen if self.open_interest_seen > 0 else None


@dataclass(frozen=True, slots=True)
class AtTheMoneyCurve:
    """At-the-money-forward volatility of each expiry: years ascending, a fraction or None where strikes are lacking."""

    years: tuple[float, ...]
    iv: tuple[float | None, ...]

    def at(self, tenor_days: float = 30.0) -> float | None:
        """Volatility at one tenor, linear in total variance between the two expiries around it.

        A tenor before the first expiry takes the first expiry's; None after the last, or where an expiry beside it has none.
        """
        tenor = tenor_days / 365.0
        after = bisect.bisect_left(self.years, tenor)
        if after == len(self.years):
            return None
        later = self.iv[after]
        if after == 0 or self.years[after] == tenor:
            return later
        sooner = self.iv[after - 1]
        if later is None or sooner is None:
            return None
        start, stop = self.years[after - 1], self.years[after]
        share = (tenor - start) / (stop - start)
        return math.sqrt(((1.0 - share) * sooner**2 * start + share * later**2 * stop) / tenor)


@dataclass(frozen=True, slots=True)
class SymbolExposure:
    """One symbol's dealer exposure at one instant, and what it was made of."""

    symbol: str
    asset_class: AssetClass
    spot: float
    measured: ComputedLegs | PublishedNets
    quote_time: datetime
    oi_date: date | None
    at_the_money: AtTheMoneyCurve | None
    coverage: Coverage | None

    def atm_iv(self, tenor_days: float = 30.0) -> float | None:
        """At-the-money volatility at a tenor, a fraction; None where the chain does not bracket it."""
        return self.at_the_money.at(tenor_days) if self.at_the_money else None

    def net(self, greek: Greek, convention: SignConvention) -> float | None:
        """Net dollar exposure, or None when a vendor's published net cannot be expressed in this convention."""
        match self.measured:
            case ComputedLegs(total=legs):
                return legs.of(greek).net(sign_pair(convention, self.asset_class, greek))
            case PublishedNets(nets=nets, convention=published):
                if convention is published:
                    return nets.of(greek)
                legs_of_greek = self.legs(greek)
                return legs_of_greek.net(sign_pair(convention, self.asset_class, greek)) if legs_of_greek else None

    def legs(self, greek: Greek) -> Legs | None:
        """Call and put leg, or None where a source publishes only nets."""
        match self.measured:
            case ComputedLegs(total=legs):
                return legs.of(greek)
            case PublishedNets(gamma=gamma):
                return gamma.total if gamma is not None and greek is Greek.GEX else None

    def gamma(self) -> GammaLegs | None:
        """The legs of GEX, in all and expiring on the day of the quotes; None where a source publishes only nets."""
        match self.measured:
            case ComputedLegs(total=total, same_day=same_day):
                return GammaLegs(total.gex, same_day.gex)
            case PublishedNets(gamma=gamma):
                return gamma
