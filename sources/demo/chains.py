"""From a listing and a minute to a chain: forwards, the smile, and quotes around the model's price."""

from __future__ import annotations

from datetime import date

import numpy as np

from exposure.chain import Chain, is_same_day, years_between
from exposure.greeks import Floats, bell, normal_cdf
from exposure.instruments import AssetClass
from exposure.parity import ForwardCurve
from sources.demo.listing import Listing, Profile
from sources.demo.paths import MinuteState, Moment

_RATE = 0.035
_REVERSION = 3.5
"""Speed per year at which expected variance returns to its usual level."""
_SKEW = {AssetClass.STOCK: -0.035, AssetClass.ETF: -0.065, AssetClass.INDEX: -0.075}
_CURVATURE = {AssetClass.STOCK: 0.020, AssetClass.ETF: 0.014, AssetClass.INDEX: 0.012}
"""Slope and curvature of volatility over at-the-money volatility, per standard deviation and per its square."""
_WING = 6.0
"""Standard deviations beyond which the smile flattens."""
_TIGHT_SPREAD, _RELATIVE_SPREAD = 0.02, 0.03


def quote_chain(
    one: Profile, listing: Listing, state: MinuteState, moment: Moment, usual_volatility: float, oi_date: date
) -> Chain:
    """The chain of one symbol at a trading minute; `usual_volatility` is where its term structure leads, a fraction a year."""
    quote_time = moment.instant
    spot = round(float(state.spot[one.row]), 2)
    years = years_between(quote_time, listing.instants)
    forward = spot * np.exp((_RATE - one.dividend_yield) * years)
    curve = ForwardCurve(
        years=years,
        forward=forward,
        rate=np.full(len(years), _RATE),
        from_parity=np.zeros(len(years), dtype=bool),
        same_day=is_same_day(quote_time, listing.instants),
    )
    at_the_money = _term_structure(float(state.volatility[one.row]), usual_volatility, years)
    deviation = at_the_money * np.sqrt(years)
    distance = (listing.log_strike - np.log(forward)[listing.term]) / deviation[listing.term]
    iv = at_the_money[listing.term] * _smile(distance, _SKEW[one.asset_class], _CURVATURE[one.asset_class])
    bid, ask = _quotes(listing, curve, iv)
    return Chain(
        symbol=one.symbol,
        asset_class=one.asset_class,
        spot=spot,
        quote_time=quote_time,
        oi_date=oi_date,
        expiry=listing.instants[listing.contract_term],
        term=listing.contract_term,
        is_call=listing.is_call,
        strike=listing.strike[listing.rung],
        iv=iv[listing.rung],
        open_interest=listing.open_interest,
        multiplier=listing.multiplier,
        bid=bid,
        ask=ask,
        curve=curve,
        coverage=listing.coverage,
    )


def _term_structure(now: float, usual: float, years: Floats) -> Floats:
    """At-the-money volatility by expiry: the average of a variance that returns from its present to its usual level."""
    pull = _REVERSION * years
    present_share = -np.expm1(-pull) / pull
    return np.sqrt(usual**2 + (now**2 - usual**2) * present_share)


def _smile(distance: Floats, skew: float, curvature: float) -> Floats:
    """Volatility over at-the-money volatility, by standardised log distance from the forward."""
    bent = distance / (1.0 + np.abs(distance) / _WING)
    return 1.0 + bent * (skew + curvature * bent)


def _quotes(listing: Listing, curve: ForwardCurve, iv: Floats) -> tuple[Floats, Floats]:
    """Bid and ask of each contract, whole cents around its Black price, dollars; a bid of 0 where that is less than a cent."""
    term, strike = listing.term, listing.strike
    forward = curve.forward[term]
    discount = np.exp(-curve.rate * curve.years)[term]
    deviation = iv * np.sqrt(curve.years)[term]
    d1 = (np.log(curve.forward)[term] - listing.log_strike) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    side = np.where(strike >= forward, 1.0, -1.0)
    # Out of the money first: the other right is this plus the discounted intrinsic value, and keeps its digits.
    outside = side * (forward * normal_cdf(side * d1, bell(d1)) - strike * normal_cdf(side * d2, bell(d2)))
    intrinsic = forward - strike
    half = 0.5 * np.maximum(_TIGHT_SPREAD, _RELATIVE_SPREAD * outside)
    rung = listing.rung
    inside = np.where(listing.is_call, intrinsic[rung], -intrinsic[rung])
    price = discount[rung] * (outside[rung] + np.maximum(inside, 0.0))
    cents, wide = 100.0 * price, 100.0 * half[rung]
    return np.maximum(np.floor(cents - wide), 0.0) / 100.0, np.ceil(cents + wide) / 100.0
