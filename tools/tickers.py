"""A ticker as it was written, and how it is spelled here."""

from __future__ import annotations

from mcp.server.mcpserver.exceptions import ToolError

from exposure.instruments import canonical_symbol
from tools.figures import echoed


class NotATickerError(ToolError):
    """What was written cannot be a ticker."""

    def __init__(self, written: str) -> None:
        super().__init__(f"'{echoed(written, 20)}' is not a ticker. Tickers look like NVDA, BRK.B or SPX.")
        self.written = written


def canonical_ticker(written: str) -> str:
    """The canonical spelling. Raises NotATickerError."""
    symbol = canonical_symbol(written)
    if symbol is None:
        raise NotATickerError(written)
    return symbol
