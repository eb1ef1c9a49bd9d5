"""Makes the JSON schemas that pydantic writes short: the same meaning, about half the tokens."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_DEFINITION = "#/$defs/"
_NAMED_CHILDREN = ("properties", "patternProperties", "$defs")


def compact_input(schema: Schema) -> Schema:
    """An input schema without generated titles, empty defaults and references; unknown arguments are refused."""
    return {**_without_noise(_inlined(schema, {}, frozenset()), nullable=False), "additionalProperties": False}


def compact_output(schema: Schema) -> Schema:
    """An output schema without generated titles and empty defaults; a definition used only once stands where it is used."""
    uses: dict[str, int] = {}
    _count_references(schema, uses)
    shared = frozenset(name for name, count in uses.items() if count > 1)
    compacted = _without_noise(_inlined(schema, {}, shared), nullable=True)
    definitions = {
        name: _without_noise(_inlined(definition, schema["$defs"], shared), nullable=True)
        for name, definition in schema.get("$defs", {}).items()
        if name in shared
    }
    return {**compacted, "$defs": definitions} if definitions else compacted


def _count_references(node: object, uses: dict[str, int]) -> None:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(_DEFINITION):
            name = reference.removeprefix(_DEFINITION)
            uses[name] = uses.get(name, 0) + 1
        for child in node.values():
            _count_references(child, uses)
    elif isinstance(node, list):
        for child in node:
            _count_references(child, uses)


def _inlined(node: Any, definitions: Schema, kept: frozenset[str]) -> Any:
    """The node with every reference replaced by its definition, except those to `kept`; `$defs` are dropped."""
    if isinstance(node, list):
        return [_inlined(child, definitions, kept) for child in node]
    if not isinstance(node, dict):
        return node
    definitions = node.get("$defs", definitions)
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith(_DEFINITION):
        name = reference.removeprefix(_DEFINITION)
        if name not in kept:
            beside = {key: value for key, value in node.items() if key != "$ref"}
            return _inlined({**definitions[name], **beside}, definitions, kept)
    return {key: _inlined(value, definitions, kept) for key, value in node.items() if key != "$defs"}


def _without_noise(node: Any, *, nullable: bool) -> Any:
    if isinstance(node, list):
        return [_without_noise(child, nullable=nullable) for child in node]
    if not isinstance(node, dict):
        return node
    kept: Schema = {}
    for key, value in node.items():
        if key in _NAMED_CHILDREN:
            kept[key] = {name: _without_noise(child, nullable=nullable) for name, child in value.items()}
        elif key in ("title", "examples") and not isinstance(value, dict):
            if key == "examples":
                kept[key] = value
        elif not (key == "default" and value is None):
            kept[key] = value if key in ("default", "enum", "const") else _without_noise(value, nullable=nullable)
    return _merged_null(kept, nullable=nullable)


def _merged_null(schema: Schema, *, nullable: bool) -> Schema:
    """`anyOf: [X, null]` as X, with null among its types where the reader has to expect it."""
    options = schema.get("anyOf")
    if not isinstance(options, list) or {"type": "null"} not in options:
        return schema
    others = [option for option in options if option != {"type": "null"}]
    beside = {key: value for key, value in schema.items() if key != "anyOf"}
    if not nullable:
        return {**others[0], **beside} if len(others) == 1 else {"anyOf": others, **beside}
    only = others[0] if len(others) == 1 else {}
    if isinstance(only.get("type"), str) and "enum" not in only and "const" not in only:
        return {**only, "type": [only["type"], "null"], **beside}
    return schema
