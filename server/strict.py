"""The strict tool layer over the SDK's public hooks: nothing is dropped in silence, nothing internal leaks out.

Out of the box the SDK ignores unknown arguments, answers bad ones with a pydantic dump and lets a call run for ever.
"""

from __future__ import annotations

import difflib
import logging
import secrets
from typing import Any

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, InputRequiredResult, ToolAnnotations
from mcp.types import Tool as ListedTool
from pydantic import ValidationError

from server.schemas import Schema, compact_input, compact_output
from server.tool_shelf import ToolShelf
from tools.definition import ToolDefinition
from tools.state import AppState

_log = logging.getLogger(__name__)


def strict_tool(definition: ToolDefinition) -> Tool:
    """The MCP tool of a definition: read-only, unknown arguments refused, schemas compact."""
    tool = Tool.from_function(
        definition.function,
        name=definition.name,
        title=definition.title,
        description=definition.description,
        annotations=ToolAnnotations(
            title=definition.title,
            read_only_hint=True,
            destructive_hint=False,
            idempotent_hint=True,
            open_world_hint=False,
        ),
    )
    metadata = tool.fn_metadata
    metadata.arg_model.model_config["extra"] = "forbid"
    metadata.arg_model.model_rebuild(force=True)
    tool.parameters = compact_input(tool.parameters)
    if metadata.output_schema is not None:
        metadata.output_schema = compact_output(metadata.output_schema)
    return tool


class StrictServer(MCPServer[AppState]):
    """An MCP server whose tool calls have a deadline and whose every failure is a sentence."""

    def __init__(self, name: str, *, shelf: ToolShelf, tool_timeout_seconds: float, **options: Any) -> None:
        super().__init__(name, **options)
        self._shelf = shelf
        self._tool_timeout_seconds = tool_timeout_seconds

    async def list_tools(self) -> list[ListedTool]:
        return self._shelf.listed

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[AppState, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool. Raises ToolError with a sentence for a person, whatever went wrong."""
        known = [one.name for one in self._shelf.listed]
        if name not in known:
            raise ToolError(_unknown("tool", name, sorted(known)))
        tools = await anyio.to_thread.run_sync(self._shelf.tools)
        tool = tools[name]
        try:
            with anyio.fail_after(self._tool_timeout_seconds):
                answer: CallToolResult = await tool.run(arguments, context or Context(mcp_server=self), convert_result=True)
                return answer
        except TimeoutError:
            _log.warning("%s gave no answer within %g s", name, self._tool_timeout_seconds)
            raise ToolError(
                f"{name} gave no answer within {self._tool_timeout_seconds:g} seconds and was given up; nothing was computed. "
                "Ask for fewer symbols, or ask again."
            ) from None
        except UnexpectedToolError as crash:
            reference = secrets.token_hex(4)
            _log.exception("%s crashed, reference %s", name, reference, exc_info=crash.__cause__ or crash)
            raise ToolError(
                f"Something unexpected went wrong in {name}, and there is no answer. "
                f"The log of this server (stderr) has the details under reference {reference}."
            ) from None
        except ToolError as refusal:
            cause = refusal.__cause__
            if isinstance(cause, ValidationError):
                raise ToolError(_refused_arguments(cause, tool.parameters)) from cause
            raise ToolError(str(cause or refusal)) from None


def _refused_arguments(problem: ValidationError, parameters: Schema) -> str:
    """One sentence for each argument that cannot be used; the first problem of an argument speaks for it."""
    sentences: dict[str, str] = {}
    for error in problem.errors(include_url=False):
        name = str(error["loc"][0]) if error["loc"] else "arguments"
        if name not in sentences:
            sentences[name] = _refused_argument(name, dict(error), parameters["properties"])
    return " ".join(sentences.values())


def _refused_argument(name: str, error: Schema, properties: Schema) -> str:
    if error["type"] == "extra_forbidden":
        return _unknown("argument", name, list(properties))
    if error["type"] in ("value_error", "assertion_error"):
        return f"{name}: {error['ctx']['error']}"
    described = properties.get(name, {}).get("description", "")
    meaning = f" {name}: {described.rstrip('.')}." if described else ""
    if error["type"] == "missing":
        return f"{name} is required.{meaning}"
    choices = _choices(properties.get(name, {}))
    if choices:
        given = str(error.get("input"))[:40]
        return f"{name} cannot be {given!r}; {_allowed(given, choices)}{meaning}"
    message = str(error["msg"])
    reason = message.removeprefix("Input should be ") if message.startswith("Input should be ") else "of another type"
    return f"{name} should be {_expected(properties.get(name, {})) or reason}.{meaning}"


def _expected(schema: Schema) -> str | None:
    """The types a parameter accepts, in words; None where one type has limits that say more than its name."""
    words = {"string": "text", "array": "a list", "object": "an object", "boolean": "true or false"}
    options = [option.get("type") for option in schema.get("anyOf", [schema])]
    known = [words.get(one, "a number") for one in options if isinstance(one, str)]
    if len(options) == 1 and options[0] in ("number", "integer"):
        return None
    return " or ".join(dict.fromkeys(known)) or None


def _choices(schema: Schema) -> list[str]:
    return [str(choice) for option in schema.get("anyOf", [schema]) for choice in option.get("enum", ())]


def _unknown(noun: str, name: str, known: list[str]) -> str:
    article = "an" if noun[0] in "aeiou" else "a"
    return f"{name[:60]!r} is not {article} {noun} {'here' if noun == 'tool' else 'of this tool'}; {_allowed(name, known)}"


def _allowed(given: str, known: list[str]) -> str:
    close = difflib.get_close_matches(given.lower(), known, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"allowed {'is' if len(known) == 1 else 'are'} {', '.join(known)}.{hint}"
