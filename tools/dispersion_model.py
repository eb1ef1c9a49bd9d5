"""The answer of `frame_dispersion`, field by field; dollars are in the units that `units` names."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from exposure.dispersion import Agreement, LeftOut, Undefined
from exposure.reliability import DealerGamma, GammaReason, Regime
from tools.answer import Answer, FourNets
from tools.figures import Dollars, ShortShare
from tools.part import Part

_OBJECT = WithJsonSchema({"type": ["object", "null"]})
_OBJECTS = WithJsonSchema({"type": "array", "items": {"type": "object"}})


class WeightsBasis(StrEnum):
    """Where the weights are from."""

    USER = "user"
    BASKET = "basket"
    PUBLISHED = "published"
    EQUAL = "equal"


class GammaSide(Part):
    """One side's nets, and how far its sign is to be trusted; imbalance is net over gross GEX, -1..1."""

    net_gex: Dollars
    net_dex: Dollars
    net_vex: Dollars
    net_chex: Dollars
    regime: Regime
    dealer_gamma: DealerGamma | None
    dealer_gamma_reasons: list[GammaReason]
    flip_share: ShortShare | None
    imbalance: ShortShare | None


class GammaDifference(Part):
    """The index less its names; `opposing_*` are the names whose net GEX has the other sign than the index's."""

    agreement: Agreement
    imbalance_gap: ShortShare | None
    net_gex_gap: Dollars
    opposing_names: int
    opposing_weight: ShortShare
    opposing_pct: ShortShare


class LeftOutName(Part):
    symbol: str
    reason: LeftOut
    weight: ShortShare


class VolatilitySide(Part):
    """Both legs over the same names at one tenor; volatilities are fractions a year."""

    tenor_days: int | None
    names: int
    coverage: ShortShare | None
    index_iv: ShortShare | None
    basket_iv: ShortShare | None
    implied_correlation: ShortShare | None
    implied_null: Undefined | None = None
    realised_correlation: ShortShare | None
    realised_null: Undefined | None = None
    standard_error: ShortShare | None
    premium: ShortShare | None
    dispersion_spread: ShortShare | None
    spread_null: Undefined | None = None
    correlation_to_index: ShortShare | None
    index_realised_volatility: ShortShare | None
    window_days: int
    window_end: date | None
    left_out: list[LeftOutName]
    left_out_count: int


class NetGexRange(Part):
    """What the missing names could do to the mean net GEX, $."""

    low: Dollars
    high: Dollars
    zero_filled: Dollars
    break_even: Dollars
    sign_safe: bool


class NameRow(Part):
    symbol: str
    weight: ShortShare
    net_gex: Dollars
    contribution_pct: float
    dealer_gamma: DealerGamma | None
    opposes_index: bool | None
    atm_iv: ShortShare | None
    volatility_share: ShortShare | None


class RestOfNames(Part):
    """Sums over the names that are not listed."""

    names: int
    weight: ShortShare
    net_gex: Dollars
    contribution_pct: float
    volatility_share: ShortShare | None


class DispersionAnswer(Answer):
    """An index beside its names; headline, provenance, missing and warnings as in basket_exposure."""

    index: str
    constituent_count: int
    weights_basis: WeightsBasis
    coverage: ShortShare | None = Field(description="Share of the index's published weight that arrived; null if unknown")
    statement: str
    index_gamma: Annotated[GammaSide | None, _OBJECT] = Field(description="Nets, regime, dealer_gamma, imbalance (net/gross)")
    index_null: str | None
    aggregate: Annotated[GammaSide, WithJsonSchema({"type": "object"})] = Field(description="The same, weighted mean of names")
    aggregate_sum: Annotated[FourNets, WithJsonSchema({"type": "object"})] = Field(description="Plain sum")
    gap: Annotated[GammaDifference | None, _OBJECT] = Field(
        description="agreement, index minus names (imbalance; net GEX against plain sum), names opposing the index's sign"
    )
    bounds: Annotated[NetGexRange | None, _OBJECT]
    volatility: Annotated[VolatilitySide, WithJsonSchema({"type": "object"})] = Field(
        description="implied_correlation, realised_correlation, premium (implied - realised) and standard_error, "
        "dispersion_spread sqrt(sum w s^2 - s_I^2), basket_iv sum w s; correlation_to_index is another quantity; *_null say why"
    )
    constituents: Annotated[list[NameRow], _OBJECTS] = Field(
        description="Opposing and largest names: own net_gex, contribution_pct, atm_iv, volatility_share w s"
    )
    rest: Annotated[RestOfNames | None, _OBJECT]

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The fields every answer has are described in full by `basket_exposure`; here they keep their types alone."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        common = Answer.model_fields.keys()
        properties = schema["properties"]
        schema["properties"] = {name: value for name, value in properties.items() if name not in common}
        schema["required"] = [name for name in schema["required"] if name not in common]
        return schema
