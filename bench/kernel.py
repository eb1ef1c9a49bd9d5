"""250,000 contracts to four exposures, ours against the naive script; both results are compared before anything is timed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from bench.peers import naive_numpy
from bench.timing import Ratio, interleaved
from exposure.chain import Chain, is_same_day, to_instant
from exposure.dealer import ComputedLegs, Coverage, Greek
from exposure.instruments import AssetClass
from exposure.legs import measure_all
from exposure.parity import ForwardCurve

SYMBOLS, EXPIRIES, STRIKES = 50, 20, 125
_NOW = datetime(2026, 8, 21, 15, 30, tzinfo=UTC)


def synthetic_chains(seed: int = 7) -> list[Chain]:
    """50 chains of 5,000 contracts: 20 expiries to two years, 125 strikes, both rights."""
    random = np.random.default_rng(seed)
    return [_chain(f"S{index}", random) for index in range(SYMBOLS)]


def _chain(symbol: str, random: np.random.Generator) -> Chain:
    spot = float(random.uniform(20, 800))
    days = np.unique(np.concatenate([np.arange(1, 11) * 7, np.linspace(90, 720, EXPIRIES - 10)]).astype(int))
    instants = np.array([to_instant(_NOW + timedelta(days=int(day))) for day in days])
    years = days / 365
    strike = np.tile(np.linspace(0.5, 1.6, STRIKES) * spot, len(days) * 2)
    term = np.repeat(np.arange(len(days)), STRIKES * 2)
    is_call = np.tile(np.repeat([True, False], STRIKES), len(days))
    count = len(strike)
    iv = 0.25 + 0.3 * np.log(strike / spot) ** 2 + random.uniform(0, 0.05, count)
    open_interest = np.ceil(random.lognormal(4, 1.5, count))
    rate, carry = np.full(len(days), 0.04), float(random.uniform(0, 0.04))
    total = float(open_interest.sum())
    return Chain(
        symbol=symbol,
        asset_class=AssetClass.STOCK,
        spot=spot,
        quote_time=_NOW,
        oi_date=None,
        expiry=instants[term],
        term=term.astype(np.int64),
        is_call=is_call,
        strike=strike,
        iv=iv,
        open_interest=open_interest,
        multiplier=np.full(count, 100.0),
        bid=np.full(count, np.nan),
        ask=np.full(count, np.nan),
        curve=ForwardCurve(
            years, spot * np.exp(carry * years), rate, np.zeros(len(days), dtype=bool), is_same_day(_NOW, instants)
        ),
        coverage=Coverage(count, count, count, total, total),
    )


def compare(rounds: int = 15) -> Ratio:
    """Naive time over ours, interleaved. Raises AssertionError when the two do not agree to 1e-9 of gross."""
    chains = synthetic_chains()
    curves = [chain.curve for chain in chains]
    columns = {
        "symbol": np.repeat(np.arange(len(chains)), [len(chain) for chain in chains]),
        "is_call": np.concatenate([chain.is_call for chain in chains]),
        "spot": np.concatenate([np.full(len(chain), chain.spot) for chain in chains]),
        "strike": np.concatenate([chain.strike for chain in chains]),
        "years": np.concatenate([curve.years[chain.term] for chain, curve in zip(chains, curves, strict=True)]),
        "rate": np.concatenate([curve.rate[chain.term] for chain, curve in zip(chains, curves, strict=True)]),
        "dividend_yield": np.concatenate(
            [
                (curve.rate - np.log(curve.forward / chain.spot) / curve.years)[chain.term]
                for chain, curve in zip(chains, curves, strict=True)
            ]
        ),
        "iv": np.concatenate([chain.iv for chain in chains]),
        "shares": np.concatenate([chain.open_interest * chain.multiplier for chain in chains]),
    }
    naive = naive_numpy.four_exposures(**columns)
    for index, (chain, exposure) in enumerate(zip(chains, measure_all(chains), strict=True)):
        measured = exposure.measured
        assert isinstance(measured, ComputedLegs)
        for greek in Greek:
            legs = measured.total.of(greek)
            gap = abs(naive[greek][2 * index] - legs.call) + abs(naive[greek][2 * index + 1] - legs.put)
            assert gap <= 1e-9 * legs.gross, (chain.symbol, greek, gap)
    return interleaved(
        ours=lambda: measure_all(chains),
        theirs=lambda: naive_numpy.four_exposures(**columns),
        rounds=rounds,
    )
