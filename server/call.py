"""`call`: one question to one tool, answered as an assistant would see it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from server.settings import Settings

_LARGEST_ARGUMENTS = 4 * 1024 * 1024


class BadArgumentsError(Exception):
    """The arguments of a call cannot be read; the text says why."""


def call_once(settings: Settings, tool: str, given: Sequence[str], *, as_json: bool) -> int:
    """Call a tool through an in-memory MCP client and print its answer on stdout, or its error on stderr.

    Returns the exit code: 0 with an answer, 2 without.
    """
    try:
        arguments = read_arguments(given)
    except BadArgumentsError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    result = anyio.run(_ask, settings, tool, arguments)
    text = "\n".join(block.text for block in result.content if block.type == "text")
    if result.is_error:
        sys.stderr.write(f"{text}\n")
        return 2
    if as_json:
        text = json.dumps(result.structured_content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    sys.stdout.write(f"{text}\n")
    return 0


def read_arguments(given: Sequence[str]) -> dict[str, Any]:
    """The arguments of a call from key=value pairs, one JSON object, `@file` or `-`.

    Raises BadArgumentsError with a sentence when they cannot be read.
    """
    if len(given) == 1 and given[0] == "-":
        return _json_object(sys.stdin.read(_LARGEST_ARGUMENTS), "stdin")
    if len(given) == 1 and given[0].startswith("@"):
        return _json_object(_file_text(given[0][1:]), given[0][1:])
    if len(given) == 1 and given[0].lstrip().startswith("{"):
        return _json_object(given[0], "the argument")
    arguments: dict[str, Any] = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise BadArgumentsError(f"{pair!r} is not key=value. Write for example symbols=NVDA,AMD, or one JSON object.")
        if key.strip() in arguments:
            raise BadArgumentsError(f"{key.strip()} is given twice.")
        arguments[key.strip()] = _value(value)
    return arguments


def _file_text(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            return file.read(_LARGEST_ARGUMENTS)
    except OSError as problem:
        raise BadArgumentsError(f"{path} cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise BadArgumentsError(f"{path} is not UTF-8 text.") from None


def _json_object(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as problem:
        place = f" (line {problem.lineno}, column {problem.colno})" if isinstance(problem, json.JSONDecodeError) else ""
        raise BadArgumentsError(
            f"{where} is not valid JSON{place}. Where the shell eats quotes, write key=value pairs or use @file."
        ) from None
    if not isinstance(value, dict):
        raise BadArgumentsError(f'{where} holds JSON that is not an object. Write for example {{"symbols": "NVDA,AMD"}}.')
    return value


def _value(text: str) -> Any:
    """A value that reads as JSON is JSON, everything else is text. NaN and Infinity are no JSON and stay text."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


async def _ask(settings: Settings, tool: str, arguments: dict[str, Any]) -> CallToolResult:
    from mcp import Client

    from server.app import build_server

    async with Client(build_server(settings)) as client:
        return await client.call_tool(tool, arguments)
