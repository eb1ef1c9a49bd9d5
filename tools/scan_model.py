"""The answer of `scan_sectors`, field by field; dollars are in the units that `units` names."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, WithJsonSchema

from exposure.reliability import DealerGamma, GammaReason, Regime
from tools.answer import Answer, FourNets
from tools.figures import Dollars, Instant, Percent, ShortShare
from tools.part import Part


class ChangeRow(Part):
    """Against the earlier instant, over the names that arrived at both."""

    net_gex: Dollars | None
    flip: str | None


class RowDetail(Part):
    """All four nets, weighted mean and plain sum, and the verdict on the fund."""

    aggregate: FourNets
    aggregate_sum: FourNets
    fund_dealer_gamma: DealerGamma | None


class BasketRow(Part):
    basket: str
    net_gex: Dollars | None
    sum_gex: Dollars | None
    imbalance: ShortShare | None = Field(description="Net over gross (call + put) GEX, -1..1")
    regime: Regime | None
    dealer_gamma: DealerGamma | None
    reasons: list[GammaReason]
    flip_share: ShortShare | None
    names: int
    negative_names: int
    negative_weight: ShortShare
    driven_by: str = Field(description="one_name, few_names or broad")
    effective_names: float | None
    pivotal: list[str]
    drivers: dict[str, Percent] = Field(description="Percent of gross, negative where the name is in negative gamma")
    missing: list[str]
    fund: dict[str, Dollars | None] = Field(description="Net GEX of its index or fund alone; null if it did not arrive")
    change: Annotated[ChangeRow | None, WithJsonSchema({"type": ["object", "null"]})] = Field(
        None, description="With since: change of net_gex, flip (to_short_gamma)"
    )
    detail: Annotated[RowDetail | None, WithJsonSchema({"type": ["object", "null"]})] = Field(
        None, description="With detail=full: all four nets, verdict on the fund"
    )


class ScanAnswer(Answer):
    """Baskets in the order of rank_by."""

    rank_by: str
    reading: str
    since_resolved: Instant | None
    flipped: list[str]
    baskets: list[BasketRow]
