"""Small builders for tests: say only what a test is about, take the rest from sensible defaults.

The default chain is valued at the 16:00 close of 2024-06-05; `EXPIRY` is exactly 30 days later at the same clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import numpy as np

from exposure.chain import Chain, QuoteRows, build_chain
from exposure.dealer import AtTheMoneyCurve, ComputedLegs, FourLegs, Legs, Nets, PublishedNets, SignConvention, SymbolExposure
from exposure.greeks import greeks
from exposure.instruments import asset_class
from exposure.snapshot import Missing, MissingReason, Mode, Provenance, Snapshot

QUOTE_TIME = datetime(2024, 6, 5, 20, 0, tzinfo=UTC)
EXPIRY = date(2024, 7, 5)
OI_DATE = date(2024, 6, 4)
NAN = math.nan


@dataclass(frozen=True, slots=True)
class Contract:
    """One listed contract; NaN where the source gives nothing. `root` None means the standard root of the symbol."""

    strike: float
    is_call: bool
    expiry: date = EXPIRY
    iv: float = 0.20
    open_interest: float = 1000.0
    bid: float = NAN
    ask: float = NAN
    multiplier: float = 100.0
    root: str | None = None


def a_call(strike: float = 100.0, **changes: object) -> Contract:
    """A call with 1,000 contracts at 20% volatility and no quote."""
    return replace(Contract(strike, True), **changes)  # type: ignore[arg-type]


def a_put(strike: float = 100.0, **changes: object) -> Contract:
    """A put with 1,000 contracts at 20% volatility and no quote."""
    return replace(Contract(strike, False), **changes)  # type: ignore[arg-type]


def a_quoted_pair(
    strike: float,
    *,
    forward: float = 100.0,
    rate: float = 0.04,
    years: float = 30 / 365,
    iv: float = 0.20,
    half_spread: float = 0.05,
    **changes: object,
) -> tuple[Contract, Contract]:
    """A call and a put of one strike, quoted around their Black value at this forward; no volatility is listed."""
    spot = forward * math.exp(-rate * years)
    strikes, rights = np.array([strike, strike]), np.array([True, False])
    call, put = greeks(spot, strikes, years, np.array([iv, iv]), rights, rate=rate).price.tolist()
    blank = replace(Contract(strike, True, iv=NAN), **changes)  # type: ignore[arg-type]
    return (
        replace(blank, bid=call - half_spread, ask=call + half_spread),
        replace(blank, is_call=False, bid=put - half_spread, ask=put + half_spread),
    )


def some_rows(
    contracts: Iterable[Contract] = (Contract(100.0, True), Contract(100.0, False)),
    *,
    symbol: str = "NVDA",
    spot: float = 100.0,
    quote_time: datetime = QUOTE_TIME,
    oi_date: date | None = OI_DATE,
    unreadable: int = 0,
) -> QuoteRows:
    """What a reader would hand over for these contracts, in the order given."""
    listed = list(contracts)
    names = [one.root or symbol.replace(".", "") for one in listed]
    roots = list(dict.fromkeys(names))
    expiry_dates = list(dict.fromkeys(one.expiry for one in listed))

    def column(values: Iterable[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.array(list(values), dtype=np.float64)

    return QuoteRows(
        symbol=symbol,
        spot=spot,
        quote_time=quote_time,
        oi_date=oi_date,
        roots=roots,
        expiry_dates=expiry_dates,
        root_index=np.array([roots.index(name) for name in names], dtype=np.int64),
        expiry_index=np.array([expiry_dates.index(one.expiry) for one in listed], dtype=np.int64),
        is_call=np.array([one.is_call for one in listed], dtype=bool),
        strike=column(one.strike for one in listed),
        bid=column(one.bid for one in listed),
        ask=column(one.ask for one in listed),
        iv=column(one.iv for one in listed),
        open_interest=column(one.open_interest for one in listed),
        multiplier=column(one.multiplier for one in listed),
        unreadable=unreadable,
    )


def a_chain(
    contracts: Iterable[Contract] = (Contract(100.0, True), Contract(100.0, False)),
    *,
    symbol: str = "NVDA",
    spot: float = 100.0,
    quote_time: datetime = QUOTE_TIME,
    flat_rate: float = 0.04,
) -> Chain:
    """The chain built from these contracts."""
    return build_chain(some_rows(contracts, symbol=symbol, spot=spot, quote_time=quote_time), flat_rate=flat_rate)


def some_legs(
    *, gex: tuple[float, float] = (0.0, 0.0), dex: tuple[float, float] = (0.0, 0.0),
    vex: tuple[float, float] = (0.0, 0.0), chex: tuple[float, float] = (0.0, 0.0),
) -> FourLegs:  # fmt: skip
    """Four (call, put) legs in dollars."""
    return FourLegs(Legs(*gex), Legs(*dex), Legs(*vex), Legs(*chex))


def an_exposure(
    symbol: str = "NVDA",
    *,
    call_gex: float = 300e6,
    put_gex: float = 100e6,
    call_dex: float = 900e6,
    put_dex: float = -500e6,
    call_vex: float = 20e6,
    put_vex: float = -30e6,
    call_chex: float = -6e6,
    put_chex: float = 4e6,
    same_day_call_gex: float = 0.0,
    same_day_put_gex: float = 0.0,
    spot: float = 100.0,
    quote_time: datetime = QUOTE_TIME,
    atm_iv: float | None = 0.20,
) -> SymbolExposure:
    """One symbol with computed legs in dollars; the asset class follows from the symbol."""
    total = some_legs(
        gex=(call_gex, put_gex), dex=(call_dex, put_dex), vex=(call_vex, put_vex), chex=(call_chex, put_chex)
    )  # fmt: skip
    same_day = some_legs(gex=(same_day_call_gex, same_day_put_gex))
    return SymbolExposure(
        symbol=symbol,
        asset_class=asset_class(symbol),
        spot=spot,
        measured=ComputedLegs(total, same_day),
        quote_time=quote_time,
        oi_date=OI_DATE,
        at_the_money=None if atm_iv is None else AtTheMoneyCurve((30 / 365,), (atm_iv,)),
        coverage=None,
    )


def a_vendor_row(
    symbol: str = "NVDA",
    gex: float = 100e6,
    dex: float = 0.0,
    vex: float = 0.0,
    chex: float = 0.0,
    *,
    convention: SignConvention = SignConvention.STREET,
    spot: float = 100.0,
    quote_time: datetime = QUOTE_TIME,
) -> SymbolExposure:
    """One symbol with nets a vendor published, in dollars: no legs, no coverage."""
    return SymbolExposure(
        symbol=symbol,
        asset_class=asset_class(symbol),
        spot=spot,
        measured=PublishedNets(Nets(gex, dex, vex, chex), convention),
        quote_time=quote_time,
        oi_date=None,
        at_the_money=None,
        coverage=None,
    )


def a_missing(symbol: str, reason: MissingReason = MissingReason.FETCH_FAILED) -> Missing:
    """A symbol that did not arrive."""
    return Missing(symbol, reason, f"{symbol} could not be fetched.")


def a_snapshot(
    exposures: Iterable[SymbolExposure], missing: Sequence[str | Missing] = (), *, synthetic: bool = False
) -> Snapshot:
    """A live answer holding these exposures; a bare symbol in `missing` becomes a failed fetch."""
    return Snapshot(
        exposures={one.symbol: one for one in exposures},
        missing=tuple(a_missing(one) if isinstance(one, str) else one for one in missing),
        provenance=Provenance("test", Mode.LIVE, synthetic),
    )
