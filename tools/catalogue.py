"""The tools in the order an assistant sees them."""

from __future__ import annotations

from tools import basket, scan, status
from tools.definition import ToolDefinition

TOOLS: tuple[ToolDefinition, ...] = (basket.TOOL, scan.TOOL, status.TOOL)
