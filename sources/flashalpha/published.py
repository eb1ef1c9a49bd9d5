"""From a row FlashAlpha printed to a `SymbolExposure`, or to the reason why it must not be used."""

from __future__ import annotations

from datetime import datetime, timedelta

from exposure.dealer import GammaLegs, Greek, Nets, PublishedNets, SymbolExposure
from exposure.instruments import asset_class
from exposure.snapshot import Missing, MissingReason
from sources.flashalpha.wire import PublishedRow

UNITS = (
    "as published by FlashAlpha, unverified: GEX $ per 1% move; DEX $ of delta; VEX $ per 1.00 of volatility, by its size; "
    "CHEX $, signed as in time to expiry"
)
VEX_AND_CHEX = (
    "Units and signs are FlashAlpha's own, unverified, and nothing was converted: VEX looks like $ per 1.00 of volatility, not "
    "per point, CHEX like a derivative in time to expiry."
)

_LARGEST_DOLLARS = 1e17
_LARGEST_SPOT = 1e7
_CLOCKS_APART = timedelta(hours=1)


def exposure_of(symbol: str, row: PublishedRow, as_of: datetime | None, known_until: datetime) -> SymbolExposure | Missing:
    """The exposure in a row stamped `as_of`; missing where a number is absent or absurd, or the stamp is after `known_until`."""
    problem = _stamp_problem(symbol, as_of, known_until) or _number_problem(symbol, row)
    if problem is not None or as_of is None or row.spot is None:
        return Missing(symbol, MissingReason.UNUSABLE_CHAIN, problem or f"FlashAlpha's row of {symbol} is incomplete.")
    nets = Nets.from_each(lambda greek: row.nets[greek] or 0.0)
    return SymbolExposure(
        symbol=symbol,
        asset_class=asset_class(symbol),
        spot=row.spot,
        measured=PublishedNets(nets),
        quote_time=as_of,
        oi_date=None,
        at_the_money=None,
        coverage=None,
    )


def with_gamma(exposure: SymbolExposure, gamma: GammaLegs, net: float, as_of: datetime) -> SymbolExposure:
    """The same with the legs of gamma, whose own net replaces the printed one so that the two agree."""
    assert isinstance(exposure.measured, PublishedNets)
    nets = exposure.measured.nets
    return SymbolExposure(
        symbol=exposure.symbol,
        asset_class=exposure.asset_class,
        spot=exposure.spot,
        measured=PublishedNets(Nets(net, nets.dex, nets.vex, nets.chex), gamma=gamma),
        quote_time=min(exposure.quote_time, as_of),
        oi_date=None,
        at_the_money=None,
        coverage=None,
    )


def is_absurd(dollars: float) -> bool:
    """Whether a number of dollars is beyond any market's size."""
    return abs(dollars) >= _LARGEST_DOLLARS


def _stamp_problem(symbol: str, as_of: datetime | None, known_until: datetime) -> str | None:
    if as_of is None:
        return f"FlashAlpha does not say when its numbers of {symbol} are from."
    if as_of > known_until + _CLOCKS_APART:
        stamp, clock = f"{as_of:%Y-%m-%d %H:%M} UTC", f"{known_until:%Y-%m-%d %H:%M}"
        return f"FlashAlpha's numbers of {symbol} are stamped {stamp}, after this machine's {clock}; one of the clocks is wrong."
    return None


def _number_problem(symbol: str, row: PublishedRow) -> str | None:
    if row.symbol != symbol:
        return f"FlashAlpha answered for another symbol than {symbol}."
    if row.spot is None or not 0.0 < row.spot < _LARGEST_SPOT:
        return f"FlashAlpha gives no usable price of {symbol}."
    absent = [greek.value.upper() for greek in Greek if row.nets[greek] is None]
    if absent:
        return f"FlashAlpha gives no usable {', '.join(absent)} of {symbol}, and what is absent is not zero."
    values = [row.nets[greek] or 0.0 for greek in Greek]
    if any(is_absurd(value) for value in values):
        return f"FlashAlpha's numbers of {symbol} are beyond any market's size."
    if not any(values):
        return f"FlashAlpha prints exactly zero for all four exposures of {symbol}, which is a gap in its data."
    return None
