"""The answer of `symbol_exposure`, field by field; dollars are in the units that `units` names."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from exposure.dealer import DropReason, ForwardBasis, SignConvention
from exposure.instruments import AssetClass
from exposure.reliability import DealerGamma, GammaReason, Regime
from tools.answer import Answer, FlipStatusName, FourNets
from tools.arguments import SmileName
from tools.basket_model import LegsOfName
from tools.figures import Dollars, Share, ShortShare
from tools.part import Part

_OBJECT = WithJsonSchema({"type": "object"})
_MAYBE_OBJECT = WithJsonSchema({"type": ["object", "null"]})
_TEXT = WithJsonSchema({"type": "string"})
_MAYBE_TEXT = WithJsonSchema({"type": ["string", "null"]})


class LevelsNull(StrEnum):
    """Why an answer has no levels, expiries and forwards."""

    NETS_ONLY = "source_publishes_nets_only"


class SameDay(Part):
    """Contracts that expire on the Eastern date of the quotes; `gross_share` is their call plus put GEX over all."""

    net_gex: Dollars
    gross_share: ShortShare | None


class SignChange(Part):
    """A spot at which repriced net GEX changes sign; unstable within a strike step of another."""

    spot: float
    unstable: bool


class GexLevel(Part):
    strike: float
    gex: Dollars


class OpenInterestLevel(Part):
    strike: float
    contracts: int


class MaxPainLevel(Part):
    """The strike at which the options of one expiry date would pay their holders least."""

    strike: float
    payout: Dollars
    expiry: date


class PriceLevels(Part):
    """Practitioners' constructions. Wall GEX carries no dealer sign; `max_*_gamma` are the extremes of net GEX by strike."""

    flip_distance_pct: float | None
    roots: list[SignChange]
    roots_found: int
    searched_from: float
    searched_to: float
    smile: SmileName
    call_wall: GexLevel | None
    put_wall: GexLevel | None
    max_positive_gamma: GexLevel | None
    max_negative_gamma: GexLevel | None
    highest_open_interest: OpenInterestLevel | None
    same_day_magnet: GexLevel | None
    max_pain: MaxPainLevel | None


class ExpiryRow(Part):
    """One Eastern expiry date; `gross_share` is its call plus put GEX over that of the chain."""

    expiry: date
    days: int
    opex: Literal["monthly", "quarterly"] | None
    net_gex: Dollars
    gross_share: ShortShare
    nets: FourNets | None = None


class ExpiriesRest(Part):
    """Sums over the expiry dates that are not listed."""

    expiries: int
    net_gex: Dollars
    gross_share: ShortShare


class RollOffRow(Part):
    """What is left when this date and all before it are gone, the rest valued as today; a null flip is none in range."""

    expiry: date
    net_gex_after: Dollars
    flip_before: float | None
    flip_after: float | None


class BucketRow(Part):
    """Expiry dates by calendar days to expiry."""

    days: str
    expiries: int
    net_gex: Dollars
    gross_share: ShortShare


class DroppedPart(Part):
    contracts: int
    open_interest: Share | None


class ChainCoverage(Part):
    """Contracts with open interest, seen and used; shares of the open interest seen."""

    contracts_seen: int
    contracts_used: int
    open_interest_used: Share | None
    dropped: dict[DropReason, DroppedPart]


class Expiries(Part):
    """The nearest and the largest expiry dates, the rest as one sum, and what the first to go leave behind."""

    by_dte: list[BucketRow]
    rows: list[ExpiryRow]
    rest: ExpiriesRest | None
    roll_off: list[RollOffRow]


class CurveRow(Part):
    """What contracts of one expiry were valued with; `settles` tells an index's morning contracts from its others."""

    expiry: date
    settles: Literal["open", "close"]
    forward: float
    rate: ShortShare
    basis: ForwardBasis
    atm_iv: ShortShare | None


class Curve(Part):
    """Where forwards and rates came from, and those of some expiries with their at-the-money volatility."""

    forward_basis: ForwardBasis
    rate_basis: ForwardBasis
    points: list[CurveRow]


class StrikeRow(Part):
    strike: float
    call_gex: Dollars
    put_gex: Dollars
    net_gex: Dollars
    call_open_interest: int
    put_open_interest: int


class StrikeTable(Part):
    """Strikes nearest to spot, ascending; `rest_net_gex` sums those of the selection that are not listed."""

    expiry: date | None
    strikes_found: int
    lowest: float
    highest: float
    listed: int
    rest_net_gex: Dollars
    narrowing: str
    rows: list[StrikeRow]


class FullDetail(Part):
    """What only detail=full has."""

    nets_by_convention: dict[SignConvention, FourNets | None]
    strikes: StrikeTable | None


class SymbolAnswer(Answer):
    """Beside these, the common fields of basket_exposure."""

    symbol: str
    asset_class: Annotated[AssetClass, _TEXT]
    underlying_price: float
    nets: Annotated[FourNets, _OBJECT]
    legs: Annotated[LegsOfName | None, _MAYBE_OBJECT]
    same_day: Annotated[SameDay | None, _MAYBE_OBJECT]
    net_gex_by_convention: Annotated[dict[SignConvention, Dollars | None], _OBJECT]
    regime: Annotated[Regime, _TEXT]
    regime_by_flip: Annotated[Regime | None, _MAYBE_TEXT] = Field(description="Spot above or below gamma_flip")
    dealer_gamma: Annotated[DealerGamma | None, _MAYBE_TEXT]
    dealer_gamma_reasons: Annotated[list[GammaReason], WithJsonSchema({"type": "array"})]
    flip_share: Share | None
    flip_statement: str
    gamma_flip: float | None
    flip_status: Annotated[FlipStatusName | None, _MAYBE_TEXT]
    levels: Annotated[PriceLevels | None, _MAYBE_OBJECT]
    levels_null: Annotated[LevelsNull | None, _MAYBE_TEXT]
    expiries: Annotated[Expiries | None, _MAYBE_OBJECT]
    coverage: Annotated[ChainCoverage | None, _MAYBE_OBJECT]
    atm_iv: Share | None = Field(description="30 days")
    curve: Annotated[Curve | None, _MAYBE_OBJECT] = Field(description="Forwards, rates, ATM IV")
    reading: str
    full: Annotated[FullDetail | None, _MAYBE_OBJECT]

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The fields every answer has are described in full by `basket_exposure`; here only the tool's own stand."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        common = Answer.model_fields.keys()
        properties = schema["properties"]
        schema["properties"] = {name: value for name, value in properties.items() if name not in common}
        del schema["required"]
        return schema
