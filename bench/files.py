"""The bytes of 50 real files to the answer of a basket, and where the time goes."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.timing import seconds
from exposure.basket import Basket, aggregate
from exposure.chain import Chain, QuoteRows, build_chain
from exposure.dealer import SignConvention, SymbolExposure
from exposure.legs import measure
from exposure.snapshot import Mode, Provenance, Snapshot
from sources.computed import measured
from sources.files.quote_list_json import QuoteListJson
from sources.files.reader import FilesReader

NAMES = 50


def present() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Stages:
    """Seconds of each stage for 50 names, and megabytes read."""

    megabytes: float
    read: float
    decode: float
    chains: float
    greeks: float
    aggregation: float
    whole_first_call: float

    @property
    def total(self) -> float:
        return self.read + self.decode + self.chains + self.greeks + self.aggregation

    def text(self) -> str:
        parts = {
            "read": self.read,
            "decode": self.decode,
            "chain building (forwards, volatilities)": self.chains,
            "greeks": self.greeks,
            "aggregation": self.aggregation,
        }
        shares = ", ".join(f"{name} {100 * value / self.total:.0f}%" for name, value in parts.items())
        return (
            f"{self.megabytes:.1f} MB in {1e3 * self.total:.0f} ms: {shares}. "
            f"First call on a cold folder, indexing included: {1e3 * self.whole_first_call:.0f} ms"
        )


def stages(folder: Path, rounds: int = 7) -> Stages:
    """Medians over `rounds` of each stage."""
    paths = sorted(folder.glob("*.json"))[:NAMES]
    runs = [_one_run(folder, paths) for _ in range(rounds)]
    names = ("read", "decode", "chains", "greeks", "aggregation", "whole_first_call")
    medians = {name: statistics.median(getattr(run, name) for run in runs) for name in names}
    return Stages(megabytes=runs[0].megabytes, **medians)


def _one_run(folder: Path, paths: list[Path]) -> Stages:
    reader = QuoteListJson()
    contents: list[bytes] = []
    rows: list[QuoteRows] = []
    chains: list[Chain] = []
    exposures: list[SymbolExposure] = []

    def decode() -> None:
        for content in contents:
            for found in reader.rows(content, reader.listings(content)).values():
                assert isinstance(found, QuoteRows)
                rows.append(found)

    read = seconds(lambda: contents.extend(path.read_bytes() for path in paths))
    decoded = seconds(decode)
    built = seconds(lambda: chains.extend(build_chain(one) for one in rows))
    greeks = seconds(lambda: exposures.extend(measure(chain) for chain in chains))
    by_symbol = {one.symbol: one for one in exposures}
    snapshot = Snapshot(by_symbol, (), Provenance("files", Mode.SNAPSHOT, synthetic=False))
    basket = Basket.of(list(by_symbol))
    aggregated = seconds(lambda: aggregate(basket, snapshot, SignConvention.STREET))

    def first_call() -> None:
        cold = FilesReader(folder, clock=present, flat_rate=0.04, staleness=timedelta(days=5))
        aggregate(basket, measured(cold.read(list(by_symbol), None)), SignConvention.STREET)

    return Stages(
        megabytes=sum(map(len, contents)) / 1e6,
        read=read,
        decode=decoded,
        chains=built,
        greeks=greeks,
        aggregation=aggregated,
        whole_first_call=seconds(first_call),
    )
