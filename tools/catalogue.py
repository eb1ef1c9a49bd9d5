"""The tools in the order an assistant sees them."""

from __future__ import annotations

from tools import basket, status
from tools.definition import ToolDefinition

TOOLS: tuple[ToolDefinition, ...] = (basket.TOOL, status.TOOL)
