"""The answer of `book_exposure`, field by field; dollars are in the units that `units` names."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, WithJsonSchema

from exposure.book import PositionSide
from exposure.dealer import SignConvention
from exposure.reliability import DealerGamma, GammaReason, Regime
from exposure.sessions import Phase
from exposure.snapshot import Mode
from tools.answer import Answer, FourNets, MissingName, WarningLine
from tools.basket_model import NetGexBounds
from tools.figures import Dollars, Instant, Share
from tools.part import Part

# Shapes that other tools describe in full; here one line each keeps tools/list short.
_TEXT = WithJsonSchema({"type": "string"})
_TEXT_OR_NULL = WithJsonSchema({"type": ["string", "null"]})
_OBJECT = WithJsonSchema({"type": "object"})
_OBJECT_OR_NULL = WithJsonSchema({"type": ["object", "null"]})
_LIST = WithJsonSchema({"type": "array"})


class SideOfBook(FourNets):
    """One side as a basket of its own weights: the positions that arrived and their share of the gross book."""

    positions: int
    dollar_share: Share
    regime: Regime
    dealer_gamma: DealerGamma | None
    dealer_gamma_reasons: list[GammaReason]


class PositionRow(Part):
    """One position: its own unweighted net GEX, and its shares of the gross book and of the dealer gamma behind it."""

    symbol: str
    side: PositionSide
    dollar_share: Share
    dollars: Dollars | None = None
    underlying_price: float | None = None
    net_gex: Dollars
    contribution_pct: float
    dealer_gamma: DealerGamma | None


class RestOfBook(Part):
    """Sums over the positions that are not listed; dollars are signed."""

    positions: int
    dollar_share: Share
    dollars: Dollars | None
    net_gex: Dollars
    contribution_pct: float


class RankGap(Part):
    """A position whose share of the dollars and of the dealer gamma differ; rank 1 is the largest."""

    symbol: str
    dollar_share: Share
    contribution_pct: float
    dollar_rank: int
    contribution_rank: int


class BookAnswer(Answer):
    """Dealer exposure behind a book."""

    as_of: Annotated[Instant, _TEXT]
    oldest_quote: Annotated[Instant, _TEXT]
    oi_date: Annotated[date | None, _TEXT_OR_NULL]
    at_requested: Annotated[Instant | None, _TEXT_OR_NULL]
    at_resolved: Annotated[Instant | None, _TEXT_OR_NULL]
    mode: Annotated[Mode, _TEXT]
    session: Annotated[Phase, _TEXT]
    convention: Annotated[SignConvention, _TEXT]
    missing: Annotated[list[MissingName], _LIST] = Field(description="symbol, reason, detail, weight (null if unknown)")
    weight_coverage: Share | None = Field(description="Share of the gross book that arrived; null if unknown")
    warnings: Annotated[list[WarningLine], _LIST] = Field(description="code, message")
    constituent_count: int
    gross_dollars: Dollars | None
    net_dollars: Dollars | None
    aggregate: Annotated[FourNets, _OBJECT] = Field(description="Mean by gross weight: net_gex, net_dex, net_vex, net_chex")
    aggregate_sum: Annotated[FourNets, _OBJECT] = Field(description="Plain sum")
    regime: Annotated[Regime, _TEXT]
    dealer_gamma: Annotated[DealerGamma | None, _TEXT_OR_NULL] = Field(description="long_gamma, short_gamma or ambiguous")
    dealer_gamma_reasons: Annotated[list[GammaReason], _LIST]
    flip_share: Share | None
    flip_statement: str
    net_gex_by_convention: Annotated[dict[SignConvention, Dollars | None], _OBJECT]
    conventions_same_sign: int
    convention_statement: str
    bounds: Annotated[NetGexBounds | None, _OBJECT_OR_NULL] = Field(description="What missing names could do to net GEX")
    long_side: Annotated[SideOfBook | None, _OBJECT_OR_NULL] = Field(
        description="Own weights: positions, dollar_share, nets, regime, dealer_gamma"
    )
    short_side: Annotated[SideOfBook | None, _OBJECT_OR_NULL]
    missing_short: Annotated[list[str], _LIST] = Field(description="Missing names held short")
    rank_gaps: Annotated[list[RankGap], _LIST] = Field(
        description="Where dollars and gamma differ most: shares, dollar_rank, contribution_rank"
    )
    gap_statement: str
    reading: str
    positions: Annotated[list[PositionRow], _LIST] = Field(
        description="symbol, side, dollar_share, dollars, own net_gex, contribution_pct, dealer_gamma; price if in shares"
    )
    rest: Annotated[RestOfBook | None, _OBJECT_OR_NULL]
