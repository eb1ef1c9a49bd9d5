"""The tools in the order an assistant sees them."""

from __future__ import annotations

from tools import basket, book, change, dispersion, history, scan, status, stress, symbol
from tools.definition import ToolDefinition

TOOLS: tuple[ToolDefinition, ...] = (
    basket.TOOL,
    scan.TOOL,
    book.TOOL,
    dispersion.TOOL,
    symbol.TOOL,
    history.TOOL,
    change.TOOL,
    stress.TOOL,
    status.TOOL,
)
