"""The tools in the order an assistant sees them."""

from __future__ import annotations

from tools import basket, book, dispersion, scan, status, stress, symbol
from tools.definition import ToolDefinition

TOOLS: tuple[ToolDefinition, ...] = (
    basket.TOOL,
    scan.TOOL,
    book.TOOL,
    dispersion.TOOL,
    symbol.TOOL,
    stress.TOOL,
    status.TOOL,
)
