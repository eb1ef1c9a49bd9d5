"""The answer of `basket_history`, field by field; dollars are in the units that `units` names, shares are 0..1."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from exposure.flips import Side
from exposure.reliability import Regime
from tools.answer import Answer
from tools.figures import Dollars, Instant, Share
from tools.part import Part

_OBJECT = WithJsonSchema({"type": "object"})
_MAYBE_OBJECT = WithJsonSchema({"type": ["object", "null"]})

GapReason = Literal["nothing_known", "low_coverage"]
StepShown = Literal["1m", "5m", "15m", "30m", "1h", "1d", "1w", "1mo"]


class WindowPart(Part):
    """`expected` instants were looked at, `readings` of them have one; `asked` is more where time ran out."""

    start: Instant
    end: Instant
    step: StepShown
    asked: int
    expected: int
    readings: int


class ReadingPart(Part):
    at: Instant
    net_gex: Dollars


class LatestPart(Part):
    """The last reading; `imbalance` is net over gross GEX, `side` the one that counts by hysteresis; null without legs."""

    at: Instant
    net_gex: Dollars
    weight_coverage: Share
    imbalance: Share | None
    side: Side | None


class PercentilePart(Part):
    """0..100 among strictly earlier readings; null below twenty. `lowest` and `highest` bound it for the whole basket."""

    percentile: float | None
    earlier: int
    like_for_like: float | None
    comparable: int
    lowest: float | None
    highest: float | None
    meaning: str


class FlipRow(Part):
    """`at` the first reading on the new side, `confirmed_at` the second; `names_changed`: the flip may be theirs."""

    at: Instant
    confirmed_at: Instant
    to: Side
    names_changed: bool


class FlipsPart(Part):
    """Changes of side by hysteresis on net over gross GEX, the latest listed in order of time."""

    found: int
    latest: list[FlipRow]


class RunPart(Part):
    start: Instant
    stop: Instant
    readings: int


class GapRow(Part):
    reason: GapReason
    start: Instant
    stop: Instant
    instants: int


class SpanPart(Part):
    start: Instant
    stop: Instant
    instants: int


class GapsPart(Part):
    """Instants without enough names for a reading; the longest gaps listed in order of time.

    At `carried_forward` instants names were known, and nothing of them was new since the reading before.
    """

    found: int
    instants: int
    longest: list[GapRow]
    carried_forward: int = 0
    longest_carried_forward: SpanPart | None = None


class NameRow(Part):
    """A name that was not always known."""

    symbol: str
    weight: Share
    missing_share: Share
    first_seen: Instant | None
    last_seen: Instant | None
    present_now: bool


class NamesPart(Part):
    """How many names were known at every instant, and those that most often were not."""

    always: int
    not_always: int
    rows: list[NameRow]


class SparklinePart(Part):
    """Means of equal stretches, oldest first; `negative_blocks` are the characters below zero, a dot has no reading."""

    text: str
    low: Dollars
    high: Dollars
    negative_blocks: str


class SeriesRow(Part):
    at: Instant
    net_gex: Dollars | None
    imbalance: Share | None
    weight_coverage: Share


class SeriesPage(Part):
    """One page of the series, in order of time; page 1 holds the newest instants."""

    page: int
    pages: int
    listed: int
    rows: list[SeriesRow]
    how_to_page: str


class HistoryAnswer(Answer):
    """Missing and warnings as in basket_exposure."""

    constituent_count: int
    window: Annotated[WindowPart, _OBJECT]
    latest: Annotated[LatestPart, _OBJECT] = Field(description="side by hysteresis on imbalance = net/gross GEX")
    rank: Annotated[PercentilePart, _OBJECT] = Field(description="Percentile 0..100 among earlier readings")
    first: Annotated[ReadingPart, _OBJECT]
    lowest: Annotated[ReadingPart, _OBJECT]
    highest: Annotated[ReadingPart, _OBJECT]
    quantiles: Annotated[dict[str, Dollars], _OBJECT]
    negative_share: Share
    side_shares: Annotated[dict[Side, Share] | None, _MAYBE_OBJECT]
    flips: Annotated[FlipsPart | None, _MAYBE_OBJECT]
    longest_runs: Annotated[dict[Regime, RunPart], _OBJECT]
    gaps: Annotated[GapsPart, _OBJECT]
    names: Annotated[NamesPart, _OBJECT]
    sparkline: Annotated[SparklinePart, _OBJECT]
    reading: str
    series: Annotated[SeriesPage | None, _MAYBE_OBJECT] = Field(description="One page, with detail=full")

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Only the fields that need words: those every answer has are in `basket_exposure`, the rest are told by their names."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        described = {name for name, field in cls.model_fields.items() if field.description} - Answer.model_fields.keys()
        schema["properties"] = {name: value for name, value in schema["properties"].items() if name in described}
        del schema["required"]
        return schema
