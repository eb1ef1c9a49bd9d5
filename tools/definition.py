"""How a tool is described; `server.strict` turns a definition into a registered MCP tool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mcp.types import CallToolResult


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """One question an assistant can ask. `description` is at most 500 characters and gives no orders to the model."""

    name: str
    title: str
    description: str
    function: Callable[..., Awaitable[CallToolResult]]
