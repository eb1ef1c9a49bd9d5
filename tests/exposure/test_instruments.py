"""What a ticker or an option root says: spelling, asset class, exercise, settlement, adjustment."""

from __future__ import annotations

import pytest

from exposure.instruments import (
    AM_SETTLED_ROOTS,
    ETFS,
    INDICES,
    AssetClass,
    asset_class,
    canonical_symbol,
    is_adjusted_series,
    is_european,
    settles_at_open,
)


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("NVDA", "NVDA"),
        (" nvda\n", "NVDA"),
        ("^SPX", "SPX"),
        ("$SPX", "SPX"),
        ("_SPX", "SPX"),
        ("brk-b", "BRK.B"),
        ("BRK/B", "BRK.B"),
        ("BRK.B", "BRK.B"),
        ("BRKB", "BRKB"),
        ("A", "A"),
        ("AMD1", "AMD1"),
        ("", None),
        ("   ", None),
        ("^", None),
        ("NVDA AMD", None),
        ("NVDA,AMD", None),
        ("BRK--B", None),
        ("-B", None),
        ("../etc", None),
        ("ABCDEFGHIJK", None),
        ("NVDA\nX", None),
        ("🚀", None),
    ],
)
def test_a_ticker_has_one_spelling_or_none(text: str, symbol: str | None) -> None:
    assert canonical_symbol(text) == symbol


@pytest.mark.parametrize("symbol", sorted(INDICES | ETFS))
def test_every_listed_symbol_is_in_its_canonical_spelling(symbol: str) -> None:
    assert canonical_symbol(symbol) == symbol


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [
        ("SPX", AssetClass.INDEX),
        ("VIX", AssetClass.INDEX),
        ("XSP", AssetClass.INDEX),
        ("SPY", AssetClass.ETF),
        ("XLK", AssetClass.ETF),
        ("TQQQ", AssetClass.ETF),
        ("NVDA", AssetClass.STOCK),
        ("BRK.B", AssetClass.STOCK),
        ("NEVERHEARD", AssetClass.STOCK),
    ],
)
def test_a_symbol_has_one_asset_class(symbol: str, kind: AssetClass) -> None:
    assert asset_class(symbol) is kind


def test_no_symbol_is_both_an_index_and_an_etf() -> None:
    assert not INDICES & ETFS


def test_only_index_monthlies_settle_at_the_open() -> None:
    assert {root for root in ("SPX", "NDX", "RUT", "VIX") if settles_at_open(root)} == {"SPX", "NDX", "RUT", "VIX"}
    assert not any(settles_at_open(root) for root in ("SPXW", "NDXP", "RUTW", "XSP", "SPY", "NVDA"))
    assert not AM_SETTLED_ROOTS & ETFS


@pytest.mark.parametrize(
    ("root", "european"),
    [
        ("SPX", True),
        ("SPXW", True),
        ("XSP", True),
        ("NDXP", True),
        ("XEO", True),
        ("OEX", False),
        ("SPY", False),
        ("NVDA", False),
    ],
)
def test_cash_index_options_are_european_except_oex(root: str, european: bool) -> None:
    assert is_european(root) is european


@pytest.mark.parametrize(
    ("symbol", "root", "adjusted"),
    [
        ("AMD", "AMD", False),
        ("AMD", "AMD1", True),
        ("BRK.B", "BRKB", False),
        ("BRK.B", "BRK.B", False),
        ("BRK.B", "BRKB2", True),
        ("COP", "MRO", True),
        ("COP", "COPX", True),
        ("SPY", "SPY", False),
        ("SPX", "SPX", False),
        ("SPX", "SPXW", False),
        ("NDX", "NDXP", False),
        ("SPX", "SPX1", True),
        ("SPX", "NDX", True),
    ],
)
def test_a_root_that_is_not_a_symbols_own_is_an_adjusted_series(symbol: str, root: str, adjusted: bool) -> None:
    assert is_adjusted_series(root, symbol) is adjusted
