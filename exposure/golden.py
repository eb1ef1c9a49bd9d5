"""Two published results, recomputed in this process: the arithmetic of this installation is the one that was tested."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from exposure.basket import Basket, aggregate
from exposure.dealer import Nets, PublishedNets, SignConvention, SymbolExposure
from exposure.instruments import AssetClass
from exposure.snapshot import Mode, Provenance, Snapshot


@dataclass(frozen=True, slots=True)
class GoldenCheck:
    """One recomputed number and what it has to be."""

    name: str
    expected: float
    computed: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return abs(self.computed - self.expected) <= self.tolerance


def golden_checks() -> tuple[GoldenCheck, ...]:
    """One check of the greeks (a dollar gamma) and one of the aggregation (a weighted mean); numpy is imported here."""
    return (
        GoldenCheck("GEX of one call leg, $ per 1%", 692_276.40, _gex_of_one_leg(), 0.005),
        GoldenCheck("net GEX of the vendor's three names, $ per 1%", 584e6, _net_gex_of_three_names(), 1e-6),
    )


def _gex_of_one_leg() -> float:
    import numpy as np

    from exposure.greeks import greeks

    at_the_money = np.array([100.0])
    gamma = greeks(100.0, at_the_money, 30 / 365, np.array([0.20]), np.array([True]), rate=0.05).gamma[0]
    return float(gamma) * 1_000 * 100 * 100.0**2 * 0.01


def _net_gex_of_three_names() -> float:
    rows = {
        "AAPL": Nets(920e6, -120e6, 340e6, 260e6),
        "MSFT": Nets(410e6, -60e6, 140e6, 90e6),
        "NVDA": Nets(310e6, -30e6, 100e6, 70e6),
    }
    stamp = datetime(2026, 5, 29, 15, 30, tzinfo=UTC)
    exposures = {
        symbol: SymbolExposure(symbol, AssetClass.STOCK, 100.0, PublishedNets(nets), stamp, None, None, None)
        for symbol, nets in rows.items()
    }
    snapshot = Snapshot(exposures, (), Provenance("golden", Mode.SNAPSHOT, synthetic=True))
    return aggregate(Basket.of(list(rows), [0.4, 0.3, 0.3]), snapshot, SignConvention.STREET).net.gex
