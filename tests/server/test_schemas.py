"""Compacting a schema changes its length, not its meaning."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from server.schemas import compact_input, compact_output


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    colour: Colour | None


class Outer(BaseModel):
    title: str = Field(description="A property that happens to be called title")
    default: float | None = None
    inner: Inner
    others: list[Inner]
    once: Colour


def test_a_property_named_like_a_keyword_stays() -> None:
    schema = compact_output(Outer.model_json_schema())
    assert schema["properties"]["title"] == {
        "type": "string",
        "description": "A property that happens to be called title",
    }
    assert schema["properties"]["default"] == {"type": ["number", "null"]}
    assert "title" not in schema


def test_what_is_used_twice_stays_a_definition_and_is_still_nullable() -> None:
    schema = compact_output(Outer.model_json_schema())
    assert set(schema["$defs"]) == {"Inner", "Colour"}
    assert schema["properties"]["inner"] == {"$ref": "#/$defs/Inner"}
    assert {"type": "null"} in schema["$defs"]["Inner"]["properties"]["colour"]["anyOf"]


def test_an_input_schema_has_no_references_and_refuses_what_it_does_not_know() -> None:
    schema = compact_input(Outer.model_json_schema())
    assert "$ref" not in str(schema)
    assert "$defs" not in schema
    assert schema["additionalProperties"] is False
    assert schema["properties"]["inner"]["properties"]["colour"] == {"enum": ["red", "blue"], "type": "string"}


def test_a_nullable_enumeration_of_an_answer_keeps_its_null() -> None:
    class Answer(BaseModel):
        colour: Colour | None

    schema: dict[str, Any] = compact_output(Answer.model_json_schema())
    assert schema["properties"]["colour"] == {"anyOf": [{"enum": ["red", "blue"], "type": "string"}, {"type": "null"}]}
