"""Hand-made markets that stretch an answer: good, partial, replayed, synthetic, vendor rows, extremes, and fifty long names."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from exposure.dealer import Coverage, Dropped, DropReason, ForwardBasis, SymbolExposure
from exposure.snapshot import Missing, MissingReason, Notice
from tests.builders import QUOTE_TIME, a_vendor_row, an_exposure
from tests.tools.desk import HandMadeSource, a_source


@dataclass(frozen=True, slots=True)
class Scenario:
    """A source and what it is asked."""

    source: HandMadeSource
    arguments: dict[str, Any]


def covered(exposure: SymbolExposure, *, used: int = 900, parity_share: float = 1.0) -> SymbolExposure:
    """The exposure with a chain behind it of which 900 of 1,000 contracts were usable."""
    lost = {
        DropReason.EXPIRED: Dropped(40, 4_000.0),
        DropReason.ADJUSTED_SERIES: Dropped(30, 3_000.0),
        DropReason.NO_IV: Dropped(20, 20.0),
        DropReason.BAD_ROW: Dropped(9, 900.0),
        DropReason.DUPLICATE: Dropped(1, 100.0),
    }
    coverage = Coverage(1_200, 1_000, used, 100_000.0, 100.0 * used, lost, ForwardBasis.MIXED, parity_share)
    return replace(exposure, coverage=coverage)


def a_random_name(symbol: str, random_: random.Random, size: float = 1e9) -> SymbolExposure:
    def dollars(scale: float = size) -> float:
        return random_.uniform(-1.0, 1.0) * scale * math.exp(random_.uniform(-9.0, 2.0))

    return covered(
        an_exposure(
            symbol,
            call_gex=abs(dollars()), put_gex=abs(dollars()), call_dex=abs(dollars(30 * size)), put_dex=-abs(dollars(30 * size)),
            call_vex=dollars(), put_vex=dollars(), call_chex=dollars(size / 10), put_chex=dollars(size / 10),
            spot=random_.uniform(1.0, 5000.0), atm_iv=random_.uniform(0.05, 2.0),
        )
    )  # fmt: skip


def the_plain_one() -> Scenario:
    return Scenario(a_source(), {"symbols": "NVDA,AMD,BRK.B"})


def a_partial_one() -> Scenario:
    missing = [Missing("TSM", MissingReason.STALE, "The newest file of TSM is from 2024-06-01.")]
    return Scenario(a_source(covered(an_exposure("NVDA")), missing=missing), {"symbols": "NVDA,TSM,ZZZZ", "weights": [5, 2, 1]})


def a_replay() -> Scenario:
    source = a_source(replace(an_exposure("SPY"), oi_date=None), an_exposure("NVDA", quote_time=QUOTE_TIME - timedelta(hours=1)))
    return Scenario(source, {"symbols": {"SPY": 2, "NVDA": 1}, "at": "2024-06-05T18:00", "convention": "by_asset_class"})


def a_synthetic_one() -> Scenario:
    return Scenario(replace_synthetic(a_source()), {"symbols": "NVDA,AMD,ZZZZ"})


def replace_synthetic(source: HandMadeSource) -> HandMadeSource:
    return replace(source, synthetic=True)


def vendor_rows() -> Scenario:
    rows = (
        a_vendor_row("AAPL", 920e6, -120e6, 340e6, 260e6),
        a_vendor_row("MSFT", 410e6, -60e6, 140e6, 90e6),
        a_vendor_row("NVDA", 310e6, -30e6, 100e6, 70e6),
    )
    return Scenario(a_source(*rows), {"symbols": "AAPL,MSFT,NVDA", "weights": [0.4, 0.3, 0.3]})


def extremes() -> Scenario:
    names = (
        covered(an_exposure("BIG", call_gex=9e16, put_gex=1e3, call_dex=9e16, put_dex=-9e16, spot=1e12)),
        an_exposure("TINY", call_gex=1e-9, put_gex=3e-9, call_dex=1e-300, put_dex=-0.0, call_vex=0.4, put_vex=0.0, spot=1e-4),
        an_exposure("ZERO", call_gex=0.0, put_gex=0.0, call_dex=0.0, put_dex=0.0, call_vex=0.0, put_vex=0.0, spot=1.0),
        covered(an_exposure("SMALL", call_gex=9_999.4, put_gex=0.01, call_chex=999.995, put_chex=0.0, atm_iv=None), used=0),
    )
    return Scenario(a_source(*names), {"symbols": "BIG,TINY,ZERO,SMALL,NOPE", "weights": [1e-9, 1, 1, 1, 1e-9]})


def nothing_but_zeros() -> Scenario:
    zero = an_exposure("ZERO", call_gex=0.0, put_gex=0.0, call_dex=0.0, put_dex=0.0, call_vex=0.0, put_vex=0.0, atm_iv=None)
    return Scenario(a_source(replace(zero, oi_date=None)), {"symbols": "ZERO,NOPE"})


def random_baskets(seed: int) -> Scenario:
    random_ = random.Random(seed)
    names = [f"R{number}" for number in range(random_.randint(1, 30))]
    known = [a_random_name(name, random_) for name in names]
    asked = {name: random_.uniform(0.0, 3.0) for name in [*names, *(f"M{number}" for number in range(random_.randint(0, 5)))]}
    return Scenario(a_source(*known), {"symbols": asked})


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    "plain": the_plain_one,
    "partial": a_partial_one,
    "replay": a_replay,
    "synthetic": a_synthetic_one,
    "vendor": vendor_rows,
    "extremes": extremes,
    "zeros": nothing_but_zeros,
}


def fifty_long_names(missing: int, *, cancelling: bool, notices: int = 0) -> Scenario:
    """Fifty names of the longest spelling, some missing for long reasons; cancelling makes nearly every name pivotal."""
    names = [f"LONGNAME{number:02d}.XYZ" for number in range(48 - missing)]
    random_ = random.Random(7)
    known = [covered(a_random_name(name, random_, 1e11), used=800, parity_share=0.1) for name in names]
    if cancelling:
        known = [
            replace(covered(an_exposure(
                name,
                call_gex=123_456_789_012.0 if number % 2 else 23_456_789_012.0,
                put_gex=23_456_789_012.0 if number % 2 else 123_456_789_012.5,
                call_dex=-987_654_321_098.0, put_dex=-123_456_789_876.0, call_vex=-98_765_432_109.0, put_vex=12_345_678_901.0,
                call_chex=-9_876_543_210.0, put_chex=1_234_567_890.0, spot=12_345.6789,
            ), used=800, parity_share=0.1), oi_date=None)
            for number, name in enumerate(names)
        ]  # fmt: skip
    funds = [covered(an_exposure(fund, quote_time=QUOTE_TIME - timedelta(hours=2))) for fund in ("SPY", "QQQ")]
    detail = "None of the 12345 contracts of {} with open interest is usable (1234 expired, 1234 adjusted_series, 12345 bad_row)."
    absent = [
        Missing(f"MISSING{number:03d}.XYZ", MissingReason.UNUSABLE_CHAIN, detail.format(f"MISSING{number:03d}.XYZ"))
        for number in range(missing)
    ]
    said = tuple(
        Notice(f"source_notice_{number}", "A source has something to say in a sentence. " * 3) for number in range(notices)
    )
    asked = [*(one.symbol for one in (*known, *funds)), *(one.symbol for one in absent)]
    arguments: dict[str, Any] = {"symbols": [*asked, *asked], "at": "2024-06-06T09:59"}
    return Scenario(a_source(*known, *funds, missing=absent, notices=said), arguments)
