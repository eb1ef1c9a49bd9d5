"""Prompts on the wire: the catalogue as MCP prompts, and a sentence for every request that cannot be filled in.

Out of the box the SDK answers a missing argument, one too many or an unknown prompt with `Internal server error`, or with the
repr of a Python set.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import PromptArgument
from mcp.types import INVALID_PARAMS

from prompts.definition import PromptDefinition


def mcp_prompt(definition: PromptDefinition) -> Prompt:
    """The MCP prompt of a definition. Its arguments are texts by protocol, so nothing is validated but their presence."""
    return Prompt(
        name=definition.name,
        title=definition.title,
        description=definition.description,
        arguments=[
            PromptArgument(name=one.name, description=one.description, required=one.required) for one in definition.arguments()
        ],
        fn=definition.function,
        context_kwarg=None,
    )


class PromptRequests:
    """MCP middleware that refuses a `prompts/get` which cannot be answered, before the SDK does."""

    def __init__(self, definitions: Sequence[PromptDefinition]) -> None:
        self._definitions = {one.name: one for one in definitions}

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method == "prompts/get":
            refusal = self._refusal(ctx.params or {})
            if refusal is not None:
                raise MCPError(INVALID_PARAMS, refusal)
        return await call_next(ctx)

    def _refusal(self, params: Mapping[str, Any]) -> str | None:
        """Why the request cannot be answered; None where it can, or where it is malformed and the SDK says so."""
        name, given = params.get("name"), params.get("arguments") or {}
        if not isinstance(name, str) or not isinstance(given, Mapping):
            return None
        definition = self._definitions.get(name)
        if definition is None:
            return _unknown("prompt here", name, list(self._definitions))
        arguments = definition.arguments()
        known = [one.name for one in arguments]
        unknown = [_unknown(f"argument of {name}", str(one), known) for one in given if one not in known]
        missing = [
            f"{one.name} is required. {one.name}: {one.description}"
            for one in arguments
            if one.required and not str(given.get(one.name, "")).strip()
        ]
        return " ".join([*unknown, *missing]) or None


def _unknown(noun: str, name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    article = "an" if noun[0] in "aeiou" else "a"
    return f"{name[:60]!r} is not {article} {noun}; there are {', '.join(known)}.{hint}"
