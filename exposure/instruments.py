"""What an option root says about its contracts: asset class, exercise style, settlement clock, adjustment.

Pure tables, no arrays. Sources: Cboe product specifications for index options (AM or PM settlement, European exercise), the
OCC convention that a root ending in a digit marks a series adjusted for a corporate action.
"""

from __future__ import annotations

import re
from enum import StrEnum


class AssetClass(StrEnum):
    """What the options are written on; decides the sign pair of the convention `by_asset_class`."""

    INDEX = "index"
    ETF = "etf"
    STOCK = "stock"


INDICES = frozenset("SPX NDX RUT XSP MRUT XND VIX DJX OEX XEO MXEA MXEF CBTX SIXC SIXU".split())

# Roots whose monthly contracts settle on the opening print, so that they expire at 09:30 Eastern. The weekly and
# end-of-month roots of the same index (SPXW, NDXP, RUTW) and every equity or ETF option settle on the 16:00 close.
AM_SETTLED_ROOTS = frozenset("SPX NDX RUT VIX VIXW DJX".split())

EUROPEAN_ROOTS = (INDICES | frozenset("SPXW NDXP RUTW VIXW".split())) - {"OEX"}

# An ETF that is not listed here counts as a single stock; only `by_asset_class` and the overlap warning depend on it.
ETFS = frozenset(
    """
    SPY QQQ IWM DIA VOO IVV VTI RSP QQQM MDY IJH IJR VTV VUG IWF IWD IWB MTUM QUAL USMV SCHD VIG VYM JEPI JEPQ DGRO
    XLK XLF XLE XLC XLI XLP XLU XLV XLY XLB XLRE SMH SOXX XBI IBB KRE KBE XHB ITB XRT XOP OIH XME GDX GDXJ JETS IYR
    VNQ IGV HACK CIBR SKYY ARKK ARKG ARKW TAN ICLN URA LIT KWEB FXI MCHI ASHR EEM VWO EFA VEA VXUS INDA EWZ EWJ EWY
    EWT EWW EWG EWU EZU TLT IEF SHY LQD HYG JNK AGG BND TIP TMF TBT GLD IAU SLV PPLT USO UNG DBC BITO IBIT FBTC GBTC
    ETHA TQQQ SQQQ SPXL SPXS SPXU UPRO SSO SDS QLD TNA TZA SOXL SOXS LABU LABD FAS FAZ NUGT UVXY VXX SVXY UVIX SVIX
    BOIL KOLD NVDL TSLL MSTY UUP FXE FXY MAGS
    """.split()
)

_CLASS_SHARE = re.compile(r"^([A-Z]{1,5})[.\-/]([A-Z])$")
_TICKER = re.compile(r"^[A-Z0-9]{1,10}(\.[A-Z0-9]{1,3})?$")
_INDEX_PREFIXES = "^$_"


def canonical_symbol(text: str) -> str | None:
    """The one spelling this project uses for a ticker, or None when the text cannot be one.

    Case and blanks are forgiven, a leading `^`, `$` or `_` (three vendors' mark of an index) is dropped, and a class
    share is written with a dot: `brk-b`, `BRK/B` and `BRK.B` are all `BRK.B`.
    """
    symbol = text.strip().upper().lstrip(_INDEX_PREFIXES)
    symbol = _CLASS_SHARE.sub(r"\1.\2", symbol)
    return symbol if _TICKER.match(symbol) else None


def asset_class(symbol: str) -> AssetClass:
    """Index, ETF or single stock; a ticker in neither list is a single stock."""
    if symbol in INDICES:
        return AssetClass.INDEX
    return AssetClass.ETF if symbol in ETFS else AssetClass.STOCK


def is_adjusted_series(root: str, symbol: str) -> bool:
    """True for a series whose deliverable is not 100 units of `symbol`, so that its strikes mean something else.

    Those are roots with a trailing digit (`AMD1`, after a split or special dividend) and, for a stock or ETF, any root but its
    own (`MRO` listed under COP after the merger). An index may have several roots that begin with its own (SPX, SPXW).
    """
    own, spelled = symbol.replace(".", ""), root.replace(".", "")
    standard = spelled.startswith(own) if symbol in INDICES else spelled == own
    return root[-1:].isdigit() or not standard


def settles_at_open(root: str) -> bool:
    """True when contracts of this root stop living at 09:30 Eastern of their expiry date rather than at 16:00."""
    return root in AM_SETTLED_ROOTS


def is_european(root: str) -> bool:
    """True when contracts of this root cannot be exercised before expiry."""
    return root in EUROPEAN_ROOTS
