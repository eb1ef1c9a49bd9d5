"""The answer of `explain_change`, field by field; dollars are in the units that `units` names."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic_core import CoreSchema

from exposure.flips import Side
from exposure.snapshot import MissingReason
from tools.answer import Answer
from tools.figures import Instant, Share
from tools.part import Part

_OBJECT = WithJsonSchema({"type": "object"})
_MAYBE_OBJECT = WithJsonSchema({"type": ["object", "null"]})
_OBJECTS = WithJsonSchema({"type": "array", "items": {"type": "object"}})

PartName = Literal[
    "roll_off",
    "time",
    "carry",
    "spot",
    "volatility",
    "open_interest",
    "new_listings",
    "coverage",
    "unexplained",
    "weights_and_membership",
]
KindName = Literal["attributed", "unexplained", "joined", "left"]
ColumnName = Literal["net_gex", "net_dex", "net_vex", "net_chex"]
COLUMNS: tuple[ColumnName, ...] = ("net_gex", "net_dex", "net_vex", "net_chex")


def _as_rounded(value: float) -> int | float:
    return int(value) if value == int(value) else value


PrintedDollars = Annotated[float, PlainSerializer(_as_rounded)]
"""Dollars that were rounded to the unit of their column."""


class EndPart(Part):
    """One end of the change; `imbalance` is net over gross GEX, `side` what it amounts to; null without legs."""

    as_of: Instant
    at_requested: Instant | None
    weight_coverage: Share
    imbalance: Share | None
    side: Side | None


class ChangeTable(Part):
    """The weighted means in the order of `columns`: before + all parts = after, exactly; `rounded_to` is the unit of each."""

    columns: list[ColumnName]
    rounded_to: list[PrintedDollars]
    before: list[PrintedDollars]
    after: list[PrintedDollars]
    change: list[PrintedDollars]
    parts: dict[PartName, list[PrintedDollars]]


class NameChangeRow(Part):
    """One name's weighted contribution to the change of net GEX; over all names and `rest` these add up to it."""

    symbol: str
    kind: KindName
    net_gex_change: PrintedDollars
    largest_part: PartName | None
    largest_part_net_gex: PrintedDollars
    flip: Side | None
    parts: dict[PartName, PrintedDollars] | None = None


class RestOfNames(Part):
    names: int
    net_gex_change: PrintedDollars


class FlipPart(Part):
    """`names_changed`: other names at the two ends, so the flip may be theirs."""

    before: Side
    after: Side
    names_changed: bool


class ChangeAnswer(Answer):
    """Missing (at the later end) and warnings as in basket_exposure."""

    constituent_count: int
    before: Annotated[EndPart, _OBJECT]
    after: Annotated[EndPart, _OBJECT]
    nets: Annotated[ChangeTable, _OBJECT] = Field(
        description="Rows in the order of columns: before + parts = after exactly, also as rounded"
    )
    flip: Annotated[FlipPart | None, _MAYBE_OBJECT] = Field(description="Of the basket, outside a neutral band")
    flipped_names: Annotated[dict[str, Side], _OBJECT]
    flipped_names_count: int
    missing_before: Annotated[dict[str, MissingReason], _OBJECT]
    missing_before_count: int
    kinds: Annotated[dict[KindName, int], _OBJECT]
    names: Annotated[list[NameChangeRow], _OBJECTS] = Field(description="Weighted, largest change of net GEX first")
    rest: Annotated[RestOfNames | None, _MAYBE_OBJECT]
    reading: str

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Only the fields that need words: those every answer has are in `basket_exposure`, the rest are told by their names."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        described = {name for name, field in cls.model_fields.items() if field.description} - Answer.model_fields.keys()
        schema["properties"] = {name: value for name, value in schema["properties"].items() if name in described}
        del schema["required"]
        return schema
