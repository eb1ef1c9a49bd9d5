"""Baskets with a name: the built-in ones, looked up with forgiveness, and the funds that hold their own constituents."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from mcp.server.mcpserver.exceptions import ToolError

from exposure.instruments import AssetClass, asset_class
from sources.universe import Sector, names_in
from tools.figures import echoed

_THEMES: dict[str, tuple[str, ...]] = {
    "semis": ("NVDA", "AMD", "AVGO", "MU", "SMCI", "TSM", "QCOM", "ASML"),
    "megacap": ("AAPL", "MSFT", "NVDA", "AMZN", "META", "GOOGL", "TSLA"),
    "banks": ("JPM", "BAC", "WFC", "C", "GS", "MS"),
}
_BROAD_FUNDS = frozenset(
    ["SPX", "SPY", "VOO", "IVV", "RSP", "VTI", "XSP", "NDX", "QQQ", "QQQM", "XND", "RUT", "IWM", "DJX", "DIA"]
)
_SECTOR_FUNDS: dict[str, Sector] = {
    "XLK": Sector.TECHNOLOGY,
    "XLC": Sector.COMMUNICATION_SERVICES,
    "XLY": Sector.CONSUMER_DISCRETIONARY,
    "XLP": Sector.CONSUMER_STAPLES,
    "XLE": Sector.ENERGY,
    "XLF": Sector.FINANCIALS,
    "XLV": Sector.HEALTH_CARE,
    "XLI": Sector.INDUSTRIALS,
    "XLB": Sector.MATERIALS,
    "XLRE": Sector.REAL_ESTATE,
    "XLU": Sector.UTILITIES,
}
_SEMICONDUCTOR_FUNDS = frozenset(("SMH", "SOXX", "SOXL", "SOXS"))


def basket_names() -> tuple[str, ...]:
    """Every built-in basket: the themes, then the 11 sectors."""
    return (*_THEMES, *(sector.value for sector in Sector))


def basket_symbols(name: str) -> tuple[str, ...]:
    """The symbols of a built-in basket; blanks, hyphens and case are forgiven.

    Raises ToolError with the nearest names when there is none.
    """
    wanted = name.strip().lower().replace("-", "_").replace(" ", "_")
    if wanted in _THEMES:
        return _THEMES[wanted]
    if wanted in set(Sector):
        return names_in(Sector(wanted))
    near = difflib.get_close_matches(wanted, basket_names(), n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    raise ToolError(f"There is no basket named '{echoed(name, 40)}'. {hint}Baskets: {', '.join(basket_names())}.")


def overlaps(symbols: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Each index or fund of the basket with the other members it holds or tracks, so that they count twice."""
    stocks = {symbol for symbol in symbols if asset_class(symbol) is AssetClass.STOCK}
    found = []
    for fund in symbols:
        if fund in _BROAD_FUNDS:
            held = (stocks | _BROAD_FUNDS) & set(symbols) - {fund}
        elif fund in _SECTOR_FUNDS:
            held = stocks & set(names_in(_SECTOR_FUNDS[fund]))
        elif fund in _SEMICONDUCTOR_FUNDS:
            held = stocks & set(_THEMES["semis"])
        else:
            continue
        if held:
            found.append((fund, tuple(symbol for symbol in symbols if symbol in held)))
    return found
