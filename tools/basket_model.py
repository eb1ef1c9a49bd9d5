"""The answer of `basket_exposure`, field by field; dollars are in the units that `units` names."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, WithJsonSchema

from exposure.dealer import DropReason, ForwardBasis, SignConvention
from exposure.instruments import AssetClass
from exposure.reliability import DealerGamma, GammaReason, Regime
from tools.answer import Answer, FourNets
from tools.figures import Dollars, Instant, Share
from tools.part import Part


class LegsOfName(Part):
    """Call and put leg before any dealer sign, $."""

    gex_call: Dollars
    gex_put: Dollars
    dex_call: Dollars | None = None
    dex_put: Dollars | None = None
    vex_call: Dollars | None = None
    vex_put: Dollars | None = None
    chex_call: Dollars | None = None
    chex_put: Dollars | None = None


class ConstituentDetail(Part):
    """How one name was made."""

    asset_class: AssetClass
    legs: LegsOfName | None
    signed_share: float | None
    flip_share: Share | None
    dealer_gamma_reasons: list[GammaReason]
    atm_iv: Share | None
    quote_time: Instant
    oi_date: date | None
    contracts_seen: int | None
    contracts_used: int | None
    open_interest_used: Share | None
    dropped_open_interest: dict[DropReason, Share | None]
    forward_basis: ForwardBasis | None


class ConstituentRow(Part):
    symbol: str
    weight: Share
    underlying_price: float
    net_gex: Dollars
    net_dex: Dollars
    net_vex: Dollars
    net_chex: Dollars
    contribution_pct: float
    regime: Regime
    dealer_gamma: DealerGamma | None
    detail: Annotated[ConstituentDetail | None, WithJsonSchema({"type": ["object", "null"]})] = Field(
        None, description="With detail=full: legs, flip share, reasons, ATM IV, times, coverage"
    )


class RestOfBasket(Part):
    """Plain sums over the names that are not listed."""

    names: int
    weight: Share
    net_gex: Dollars
    net_dex: Dollars
    net_vex: Dollars
    net_chex: Dollars
    contribution_pct: float


class NetGexBounds(Part):
    """What the missing names could do to net GEX, $; other nets zero-filled."""

    low: Dollars
    high: Dollars
    renormalised: Dollars
    zero_filled: FourNets
    break_even: Dollars = Field(description="Mean net GEX of the missing names that flips the sign")
    sign_safe: bool


class BasketCoverage(Part):
    """Contracts behind the answer; shares of open interest."""

    contracts_seen: int
    contracts_used: int
    open_interest_used: Share | None
    dropped_open_interest: dict[DropReason, Share | None]


class BasketAnswer(Answer):
    """Weighted dealer exposure of a basket."""

    constituent_count: int
    aggregate: FourNets = Field(description="Weighted mean")
    aggregate_sum: FourNets = Field(description="Plain sum, market-wide")
    regime: Regime
    dealer_gamma: DealerGamma | None
    dealer_gamma_reasons: list[GammaReason]
    flip_share: Share | None = Field(description="Share of the dominant side that flips the sign if held the other way, 0..0.5")
    flip_statement: str
    net_gex_by_convention: dict[SignConvention, Dollars | None]
    bounds: NetGexBounds | None
    effective_names: float | None
    cancellation: Share | None
    negative_names: int
    negative_weight: Share
    pivotal: list[str] = Field(description="Names whose removal changes the sign")
    coverage: BasketCoverage | None
    reading: str
    constituents: list[ConstituentRow] = Field(description="Own unweighted nets")
    rest: RestOfBasket | None
