"""The names of the synthetic demo market: which exist, in which sector, at what size, and what each index is made of.

Prices are of the size they had on 2018-04-13, the last close before the market opens (a few that have since grown tenfold begin
higher, so that their chains look familiar); market capitalisations are of the size they have today. All of it is scenery for
synthetic data, none of it is market data. The built-in baskets are drawn from exactly these names. No arrays
here: the module is imported at start-up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Sector(StrEnum):
    """The eleven GICS sectors."""

    TECHNOLOGY = "technology"
    COMMUNICATION_SERVICES = "communication_services"
    CONSUMER_DISCRETIONARY = "consumer_discretionary"
    CONSUMER_STAPLES = "consumer_staples"
    ENERGY = "energy"
    FINANCIALS = "financials"
    HEALTH_CARE = "health_care"
    INDUSTRIALS = "industrials"
    MATERIALS = "materials"
    REAL_ESTATE = "real_estate"
    UTILITIES = "utilities"


class Cadence(StrEnum):
    """How often options of a symbol expire."""

    DAILY = "daily"
    """Every trading day."""
    THRICE_WEEKLY = "thrice_weekly"
    """Monday, Wednesday and Friday."""
    WEEKLY = "weekly"
    """Fridays."""


@dataclass(frozen=True, slots=True)
class Name:
    """A single stock: dollars a share, market value in billions of dollars, beta to the market factor, typical volatility a year.

    `crowd` scales its options activity against others of its size (1 = usual).
    """

    symbol: str
    price: float
    market_value: float
    beta: float
    volatility: float
    crowd: float = 1.0
    cadence: Cadence = Cadence.WEEKLY


@dataclass(frozen=True, slots=True)
class Fund:
    """An index or ETF: its level in dollars, and its usual gross gamma in billions of dollars per 1% move."""

    symbol: str
    price: float
    gross_gamma: float
    cadence: Cadence = Cadence.WEEKLY


_THRICE = Cadence.THRICE_WEEKLY

NAMES: Mapping[Sector, tuple[Name, ...]] = {
    Sector.TECHNOLOGY: (
        Name("NVDA", 231.6, 4200, 1.75, 0.44, 2.2, _THRICE),
        Name("MSFT", 93.1, 3700, 1.05, 0.25, 1.2, _THRICE),
        Name("AAPL", 174.7, 3300, 1.15, 0.27, 1.4, _THRICE),
        Name("AVGO", 241.0, 1400, 1.35, 0.36, 1.4, _THRICE),
        Name("ORCL", 45.4, 650, 1.05, 0.32),
        Name("TSM", 142.1, 1100, 1.20, 0.33, 1.2),
        Name("ASML", 199.0, 330, 1.30, 0.35, 0.9),
        Name("AMD", 101.0, 270, 1.70, 0.48, 1.5),
        Name("CSCO", 42.9, 270, 0.90, 0.23),
        Name("CRM", 120.2, 250, 1.20, 0.31, 1.3),
        Name("IBM", 156.7, 240, 0.75, 0.22),
        Name("NOW", 172.0, 190, 1.20, 0.34),
        Name("INTC", 51.9, 110, 1.10, 0.36, 2.0),
        Name("QCOM", 55.2, 170, 1.25, 0.34, 1.3),
        Name("TXN", 101.5, 170, 1.05, 0.28),
        Name("AMAT", 54.6, 150, 1.40, 0.37),
        Name("ADBE", 224.8, 150, 1.15, 0.32),
        Name("MU", 51.3, 180, 1.60, 0.46, 3.0),
        Name("SMCI", 47.2, 28, 1.60, 0.62, 4.0),
    ),
    Sector.COMMUNICATION_SERVICES: (
        Name("GOOGL", 1037.0, 2400, 1.10, 0.28, 1.2, _THRICE),
        Name("META", 164.5, 1800, 1.25, 0.34, 1.4, _THRICE),
        Name("NFLX", 311.7, 500, 1.20, 0.36, 1.6),
        Name("TMUS", 61.1, 260, 0.65, 0.22),
        Name("DIS", 100.4, 200, 1.05, 0.27, 1.4),
        Name("T", 35.3, 200, 0.60, 0.20),
        Name("VZ", 48.0, 180, 0.50, 0.18),
        Name("CMCSA", 33.4, 120, 0.85, 0.24),
        Name("LYV", 41.3, 34, 0.95, 0.30),
        Name("TTWO", 99.5, 42, 0.95, 0.32),
        Name("CHTR", 307.0, 38, 0.90, 0.33),
    ),
    Sector.CONSUMER_DISCRETIONARY: (
        Name("AMZN", 1430.8, 2300, 1.20, 0.29, 1.2, _THRICE),
        Name("TSLA", 300.3, 1100, 1.70, 0.52, 4.0, _THRICE),
        Name("HD", 174.0, 370, 0.95, 0.24),
        Name("MCD", 161.0, 215, 0.65, 0.18),
        Name("LOW", 85.6, 130, 1.00, 0.26),
        Name("TJX", 81.8, 150, 0.90, 0.22),
        Name("SBUX", 59.4, 100, 0.90, 0.27),
        Name("NKE", 66.9, 100, 1.00, 0.30, 1.4),
        Name("CMG", 331.0, 60, 1.05, 0.32),
        Name("GM", 38.9, 55, 1.25, 0.34, 1.4),
        Name("F", 11.3, 45, 1.25, 0.34, 1.8),
        Name("MAR", 135.2, 75, 1.05, 0.28),
    ),
    Sector.CONSUMER_STAPLES: (
        Name("WMT", 86.5, 800, 0.60, 0.19),
        Name("COST", 188.6, 420, 0.80, 0.20),
        Name("PG", 78.3, 370, 0.45, 0.16),
        Name("KO", 44.4, 300, 0.50, 0.15),
        Name("PM", 101.0, 260, 0.60, 0.20),
        Name("PEP", 108.6, 190, 0.50, 0.17),
        Name("MO", 62.9, 110, 0.55, 0.20),
        Name("MDLZ", 41.5, 85, 0.55, 0.19),
        Name("CL", 70.0, 70, 0.45, 0.18),
        Name("KR", 23.7, 46, 0.55, 0.28),
        Name("KMB", 107.2, 42, 0.45, 0.19),
    ),
    Sector.ENERGY: (
        Name("XOM", 77.8, 480, 0.85, 0.26),
        Name("CVX", 118.9, 300, 0.90, 0.26),
        Name("COP", 63.0, 115, 1.10, 0.32),
        Name("WMB", 25.5, 72, 0.90, 0.27),
        Name("EOG", 110.2, 65, 1.10, 0.32),
        Name("KMI", 15.6, 60, 0.80, 0.24),
        Name("MPC", 76.4, 55, 1.15, 0.34),
        Name("PSX", 101.4, 52, 1.10, 0.31),
        Name("SLB", 67.8, 48, 1.20, 0.36, 1.3),
        Name("VLO", 101.9, 48, 1.15, 0.35),
        Name("OXY", 71.5, 44, 1.20, 0.38, 1.8),
        Name("HAL", 50.1, 20, 1.30, 0.41, 1.3),
    ),
    Sector.FINANCIALS: (
        Name("BRK.B", 197.2, 1050, 0.80, 0.18, 0.4),
        Name("JPM", 110.3, 800, 1.05, 0.24),
        Name("V", 120.7, 660, 0.90, 0.21),
        Name("MA", 173.5, 510, 0.95, 0.22),
        Name("BAC", 29.8, 360, 1.20, 0.28, 1.2),
        Name("WFC", 50.9, 260, 1.10, 0.28),
        Name("GS", 253.6, 220, 1.20, 0.28),
        Name("AXP", 93.7, 220, 1.15, 0.27),
        Name("MS", 53.5, 230, 1.25, 0.29),
        Name("C", 71.0, 175, 1.30, 0.31, 1.2),
        Name("SCHW", 51.2, 165, 1.15, 0.31),
        Name("BLK", 530.0, 165, 1.15, 0.26),
        Name("COF", 97.6, 140, 1.35, 0.33),
    ),
    Sector.HEALTH_CARE: (
        Name("LLY", 79.4, 720, 0.70, 0.31, 1.2),
        Name("JNJ", 130.2, 420, 0.50, 0.16),
        Name("ABBV", 91.2, 370, 0.60, 0.23),
        Name("UNH", 226.0, 290, 0.75, 0.29, 1.6),
        Name("ABT", 59.3, 230, 0.75, 0.20),
        Name("MRK", 57.0, 210, 0.55, 0.21),
        Name("TMO", 209.0, 180, 0.85, 0.24),
        Name("AMGN", 172.6, 155, 0.60, 0.23),
        Name("GILD", 74.8, 140, 0.55, 0.24),
        Name("PFE", 36.3, 140, 0.60, 0.23, 1.3),
        Name("BMY", 51.4, 95, 0.55, 0.23),
        Name("CVS", 64.4, 85, 0.70, 0.28),
    ),
    Sector.INDUSTRIALS: (
        Name("GE", 113.5, 290, 1.15, 0.30),
        Name("CAT", 150.1, 200, 1.15, 0.29, 1.2),
        Name("RTX", 121.0, 210, 0.85, 0.23),
        Name("BA", 329.2, 160, 1.25, 0.35, 2.0),
        Name("HON", 146.3, 140, 0.90, 0.20),
        Name("UNP", 133.1, 135, 0.90, 0.22),
        Name("DE", 146.7, 130, 1.05, 0.28),
        Name("LMT", 341.0, 108, 0.60, 0.21),
        Name("MMM", 216.4, 82, 0.95, 0.24),
        Name("UPS", 106.0, 75, 0.95, 0.27),
        Name("FDX", 245.1, 56, 1.15, 0.31),
        Name("DAL", 52.9, 36, 1.30, 0.38, 1.4),
    ),
    Sector.MATERIALS: (
        Name("LIN", 147.0, 220, 0.85, 0.20),
        Name("SHW", 391.5, 86, 0.95, 0.25),
        Name("ECL", 138.2, 76, 0.85, 0.22),
        Name("APD", 160.5, 64, 0.85, 0.24),
        Name("NEM", 39.8, 70, 0.60, 0.36),
        Name("FCX", 18.5, 62, 1.45, 0.42, 1.8),
        Name("VMC", 113.5, 37, 1.00, 0.27),
        Name("NUE", 61.7, 33, 1.30, 0.36),
        Name("DOW", 64.6, 18, 1.15, 0.31),
        Name("CF", 37.8, 14, 0.95, 0.36),
        Name("ALB", 92.1, 10, 1.40, 0.46, 1.8),
    ),
    Sector.REAL_ESTATE: (
        Name("WELL", 53.0, 115, 0.75, 0.22),
        Name("PLD", 62.4, 100, 1.05, 0.26),
        Name("AMT", 141.7, 95, 0.70, 0.24),
        Name("EQIX", 407.0, 78, 0.85, 0.26),
        Name("SPG", 154.0, 62, 1.20, 0.29),
        Name("DLR", 104.8, 58, 0.85, 0.27),
        Name("O", 50.2, 53, 0.70, 0.20),
        Name("PSA", 197.8, 51, 0.65, 0.22),
        Name("CCI", 106.2, 45, 0.70, 0.25),
        Name("VICI", 18.8, 34, 0.85, 0.23),
        Name("AVB", 162.5, 28, 0.80, 0.23),
    ),
    Sector.UTILITIES: (
        Name("NEE", 160.6, 150, 0.65, 0.23, 1.2),
        Name("CEG", 48.0, 100, 0.95, 0.40, 1.4),
        Name("SO", 44.1, 100, 0.45, 0.18),
        Name("DUK", 77.5, 92, 0.42, 0.17),
        Name("VST", 21.4, 65, 1.00, 0.45, 1.8),
        Name("AEP", 67.9, 58, 0.45, 0.18),
        Name("SRE", 110.9, 52, 0.60, 0.21),
        Name("D", 65.8, 50, 0.50, 0.21),
        Name("EXC", 38.6, 44, 0.50, 0.20),
        Name("XEL", 45.0, 42, 0.45, 0.19),
        Name("PEG", 50.1, 42, 0.50, 0.20),
    ),
}

FUNDS: tuple[Fund, ...] = (
    Fund("SPX", 2656.3, 34.0, Cadence.DAILY),
    Fund("NDX", 6624.0, 4.0, Cadence.DAILY),
    Fund("SPY", 265.2, 16.0, Cadence.DAILY),
    Fund("QQQ", 161.3, 8.0, Cadence.DAILY),
    Fund("IWM", 154.4, 3.0, Cadence.DAILY),
    Fund("DIA", 243.5, 0.30),
    Fund("SMH", 101.4, 0.60),
    Fund("XLK", 66.2, 0.25),
    Fund("XLC", 50.1, 0.10),
    Fund("XLY", 102.4, 0.12),
    Fund("XLP", 51.4, 0.12),
    Fund("XLE", 70.4, 0.35),
    Fund("XLF", 27.4, 0.35),
    Fund("XLV", 81.5, 0.15),
    Fund("XLI", 74.0, 0.15),
    Fund("XLB", 57.2, 0.10),
    Fund("XLRE", 31.2, 0.05),
    Fund("XLU", 50.4, 0.15),
)

SECTOR_FUNDS: Mapping[Sector, str] = {
    Sector.TECHNOLOGY: "XLK",
    Sector.COMMUNICATION_SERVICES: "XLC",
    Sector.CONSUMER_DISCRETIONARY: "XLY",
    Sector.CONSUMER_STAPLES: "XLP",
    Sector.ENERGY: "XLE",
    Sector.FINANCIALS: "XLF",
    Sector.HEALTH_CARE: "XLV",
    Sector.INDUSTRIALS: "XLI",
    Sector.MATERIALS: "XLB",
    Sector.REAL_ESTATE: "XLRE",
    Sector.UTILITIES: "XLU",
}

_FOREIGN = "TSM ASML"
_SEMICONDUCTORS = "NVDA TSM AVGO AMD ASML MU QCOM TXN INTC AMAT SMCI"
_NASDAQ = (
    "NVDA MSFT AAPL AVGO ASML AMD CSCO INTC QCOM TXN AMAT ADBE MU GOOGL META NFLX TMUS CMCSA MAR TTWO CHTR AMZN TSLA SBUX "
    "COST PEP MDLZ AMGN GILD HON LIN CEG AEP EXC XEL"
)
_DOW = "GS MSFT CAT HD SHW UNH V AXP JPM MCD AMGN CRM IBM BA AAPL HON PG JNJ CVX MMM NVDA WMT DIS MRK KO CSCO NKE VZ"
_SMALL_BELOW = 75.0
_CYCLICAL_BETA = 0.9
_CAPPED = 0.75
"""Exponent on market value where an index limits its largest members."""


def names_in(sector: Sector) -> tuple[str, ...]:
    """The single stocks of a sector, in the order of the table."""
    return tuple(name.symbol for name in NAMES[sector])


def single_names() -> tuple[str, ...]:
    """Every single stock, sector by sector."""
    return tuple(name.symbol for names in NAMES.values() for name in names)


def all_symbols() -> tuple[str, ...]:
    """Everything the demo market lists options on: indices and ETFs first, then single stocks."""
    return tuple(fund.symbol for fund in FUNDS) + single_names()


def index_weights(index: str) -> Mapping[str, float] | None:
    """The published weights of an index or ETF, summing to 1, largest first; None for anything else.

    They are fixed: the demo market rebalances to them at every close.
    """
    raw = _raw_weights(index)
    if raw is None:
        return None
    total = math.fsum(raw.values())
    return {symbol: raw[symbol] / total for symbol in sorted(raw, key=lambda symbol: (-raw[symbol], symbol))}


def _raw_weights(index: str) -> dict[str, float] | None:
    everything = {name.symbol: name for names in NAMES.values() for name in names}
    domestic = [name for symbol, name in everything.items() if symbol not in _FOREIGN.split()]
    sector = next((sector for sector, fund in SECTOR_FUNDS.items() if fund == index), None)
    if sector is not None:
        return {name.symbol: name.market_value**_CAPPED for name in NAMES[sector] if name in domestic}
    match index:
        case "SPX" | "SPY":
            return {name.symbol: name.market_value for name in domestic}
        case "NDX" | "QQQ" | "SMH":
            members = _SEMICONDUCTORS if index == "SMH" else _NASDAQ
            return {symbol: everything[symbol].market_value ** _CAPPED for symbol in members.split()}
        case "DIA":
            return {symbol: everything[symbol].price for symbol in _DOW.split()}
        case "IWM":
            # Stand-ins for small companies: the smaller half of the table, without its defensive names.
            small = [name for name in domestic if name.market_value < _SMALL_BELOW and name.beta >= _CYCLICAL_BETA]
            return {name.symbol: 1.0 for name in small}
    return None
