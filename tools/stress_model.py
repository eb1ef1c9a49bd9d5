"""The answer of `stress_basket`, field by field; dollars are in the units that `units` names, shocks in percent."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from exposure.reliability import DealerGamma, GammaReason, Regime
from tools.answer import Answer, FlipStatusName
from tools.arguments import SmileName
from tools.dispersion_model import NetGexRange
from tools.figures import Dollars, Percent, Share, ShortShare
from tools.part import Part
from tools.stress_betas import BetaBasis

ExactDollars = Percent
"""Dollars that were rounded together with others; rounding them once more would spoil their sum."""

_OBJECT = WithJsonSchema({"type": "object"})
_MAYBE_OBJECT = WithJsonSchema({"type": ["object", "null"]})
_MAYBE_OBJECTS = WithJsonSchema({"type": ["array", "null"], "items": {"type": "object"}})


class RepricedNull(StrEnum):
    """Why nothing could be repriced."""

    NETS_ONLY = "source_publishes_nets_only"


class ScenarioPart(Part):
    """What happens to every name: a move of the shock times its beta, and what goes with it; flips are searched low to high."""

    low_pct: Percent
    high_pct: Percent
    volatility_points: Percent
    days_forward: Percent
    smile: SmileName
    betas: BetaBasis
    beta_low: Percent
    beta_high: Percent
    beta_assumed: list[str] = Field(description="Names with beta 1 although betas were given or estimated")
    beta_assumed_count: int
    beta_index: str | None = None
    beta_returns: int | None = None
    beta_until: date | None = None


class NowPart(Part):
    """Today's net GEX, before any shock: weighted mean and plain sum."""

    net_gex: Dollars
    net_gex_sum: Dollars
    regime: Regime
    dealer_gamma: DealerGamma | None
    dealer_gamma_reasons: list[GammaReason]
    flip_share: ShortShare | None


class FlipPart(Part):
    """The shock nearest to none at which net GEX changes sign, and the shocks at which it does."""

    status: FlipStatusName
    shock_pct: Percent | None
    roots_pct: list[Percent]
    roots_found: int


class RepricedPart(Part):
    """What was repriced; contracts that expire within the days forward are in no curve and no flow, and not counted here."""

    unmoved_net_gex: Dollars = Field(description="Mean net GEX once volatilities have moved and days have passed, without a move")
    contracts: int
    open_interest_used: Share | None
    expired_net_gex_sum: Dollars | None
    expired_hedge_sum: Dollars | None


class ShockRow(Part):
    """One shock. gamma + vanna + charm = linear, and linear + rest = hedge_flow_sum, in the numbers as they stand."""

    shock_pct: Percent
    net_gex: Dollars
    regime: Regime
    hedge_flow: Dollars
    hedge_flow_sum: ExactDollars
    gamma: ExactDollars
    vanna: ExactDollars
    charm: ExactDollars
    rest: ExactDollars
    linear: ExactDollars
    linear_off: bool
    off_pct: Percent | None


class NameDetail(Part):
    """One name at each of the shocks, in their order; shares at the shocked price."""

    flip_shock_pct: Percent | None
    net_gex: list[Dollars]
    hedge_flow: list[Dollars]
    hedge_shares: list[Dollars]


class NameRow(Part):
    """One name's own net GEX today and its nearest flip: price, and move from today's price in percent."""

    symbol: str
    weight: ShortShare
    beta: Percent
    underlying_price: float
    net_gex: Dollars
    flip_status: FlipStatusName
    flip_price: float | None
    flip_move_pct: Percent | None
    detail: NameDetail | None = None


class NameFlips(Part):
    """On which side of the common shock the names' nearest flips lie, in numbers of names."""

    falling: int
    rising: int
    none_in_range: int


class CurvePart(Part):
    """The aggregate over all shocks that were computed, in the order of `shock_pct`."""

    shock_pct: list[Percent]
    net_gex: list[Dollars]
    hedge_flow_sum: list[Dollars]


class StressAnswer(Answer):
    """Missing and warnings as in basket_exposure."""

    constituent_count: int
    statement: str
    scenario: Annotated[ScenarioPart, _OBJECT]
    now: Annotated[NowPart, _OBJECT]
    bounds: Annotated[NetGexRange | None, _MAYBE_OBJECT]
    flip: Annotated[FlipPart | None, _MAYBE_OBJECT] = Field(description="Of mean net GEX")
    flip_sum: Annotated[FlipPart | None, _MAYBE_OBJECT]
    repriced: Annotated[RepricedPart | None, _MAYBE_OBJECT]
    repriced_null: Annotated[RepricedNull | None, WithJsonSchema({"type": ["string", "null"]})]
    shocks: Annotated[list[ShockRow] | None, _MAYBE_OBJECTS] = Field(
        description="hedge_flow_sum = linear (gamma + vanna + charm) + rest"
    )
    name_flips: Annotated[NameFlips | None, _MAYBE_OBJECT]
    names: Annotated[list[NameRow] | None, _MAYBE_OBJECTS]
    names_not_listed: int
    curve: Annotated[CurvePart | None, _MAYBE_OBJECT] = None
    reading: str

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Only the fields that need words: those every answer has are in `basket_exposure`, the rest are told by their names."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        described = {name for name, field in cls.model_fields.items() if field.description} - Answer.model_fields.keys()
        schema["properties"] = {name: value for name, value in schema["properties"].items() if name in described}
        del schema["required"]
        return schema
