"""Repricing over spots and shocks: an index-sized profile, and the stress curve of 50 real names, against a row-wise script.

The script is timed on a sample and compared by the time that one contract costs at one spot; the whole would take it minutes.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.timing import seconds
from exposure.basket import Basket
from exposure.chain import Chain, QuoteRows, build_chain, is_same_day, to_instant
from exposure.dealer import Coverage, SignConvention, SignPair
from exposure.hedge_flow import revalue
from exposure.holdings import holdings_of
from exposure.instruments import AssetClass
from exposure.parity import ForwardCurve
from exposure.profile import net_gex_profile
from exposure.stress import DEFAULT_SHOCKS, Stress, stress
from sources.files.quote_list_json import QuoteListJson

NAMES = 50
SPOTS = 60
EXPIRIES, STRIKES = 60, 125
_NOW = datetime(2026, 8, 21, 15, 30, tzinfo=UTC)
_SIGNS = SignPair(1, -1)
_SAMPLE_ROWS, _SAMPLE_SPOTS = 400, 3


@dataclass(frozen=True, slots=True)
class Measured:
    """Median seconds, the work it was for in (contract, spot) pairs, and what the row-wise script needs for one pair."""

    what: str
    seconds: float
    pairs: int
    script_seconds_per_pair: float

    def text(self) -> str:
        ours = self.seconds / self.pairs
        return (
            f"{self.what}: {1e3 * self.seconds:.1f} ms, {1e9 * ours:.1f} ns a contract and spot; "
            f"{self.script_seconds_per_pair / ours:,.0f} times faster than row by row"
        )


def index_chain(seed: int = 7) -> Chain:
    """15,000 contracts to two years; no two share a volatility, so that nothing can be priced once for two."""
    random = np.random.default_rng(seed)
    spot, carry, rate = 4500.0, 0.02, 0.04
    days = np.unique(np.concatenate([np.arange(1, EXPIRIES - 9), np.linspace(90, 720, 10)]).astype(int))
    instants = np.array([to_instant(_NOW + timedelta(days=int(day))) for day in days])
    years = days / 365
    strike = np.tile(np.linspace(0.6, 1.4, STRIKES) * spot, len(days) * 2)
    term = np.repeat(np.arange(len(days)), STRIKES * 2).astype(np.int64)
    count = len(strike)
    open_interest = np.ceil(random.lognormal(4, 1.5, count))
    total = float(open_interest.sum())
    return Chain(
        symbol="SPX",
        asset_class=AssetClass.INDEX,
        spot=spot,
        quote_time=_NOW,
        oi_date=None,
        expiry=instants[term],
        term=term,
        is_call=np.tile(np.repeat([True, False], STRIKES), len(days)),
        strike=strike,
        iv=0.15 + 0.3 * np.log(strike / spot) ** 2 + random.uniform(0, 0.05, count),
        open_interest=open_interest,
        multiplier=np.full(count, 100.0),
        bid=np.full(count, np.nan),
        ask=np.full(count, np.nan),
        curve=ForwardCurve(
            years,
            spot * np.exp(carry * years),
            np.full(len(days), rate),
            np.zeros(len(days), dtype=bool),
            is_same_day(_NOW, instants),
        ),
        coverage=Coverage(count, count, count, total, total),
    )


def index_profile(rounds: int = 25) -> Measured:
    """60 spots of an index chain, preparing its columns included."""
    chain = index_chain()
    spots = np.linspace(0.85, 1.15, SPOTS) * chain.spot
    times = [seconds(lambda: net_gex_profile(holdings_of(chain), _SIGNS, spots)) for _ in range(rounds)]
    gamma, _ = _row_by_row(chain)
    what = f"profile of {len(chain):,} contracts at {SPOTS} spots"
    return Measured(what, statistics.median(times), len(chain) * SPOTS, gamma)


def basket_curve(folder: Path, rounds: int = 9) -> Measured:
    """The stress curve of 50 names at 61 shocks, hedge flow and every flip included, chains already decoded."""
    chains = _real_chains(folder)
    basket = Basket.of(list(chains))

    def curve() -> Stress:
        return stress(basket, chains, SignConvention.STREET)

    times = [seconds(curve) for _ in range(rounds)]
    contracts = sum(int(np.count_nonzero(chain.open_interest > 0)) for chain in chains.values())
    both = sum(_row_by_row(chains["NVDA"] if "NVDA" in chains else next(iter(chains.values()))))
    what = f"net GEX, hedge flow and flips of {len(chains)} names ({contracts:,} contracts) at {len(DEFAULT_SHOCKS)} shocks"
    return Measured(what, statistics.median(times), contracts * len(DEFAULT_SHOCKS), both)


def _real_chains(folder: Path) -> dict[str, Chain]:
    reader, chains = QuoteListJson(), {}
    for path in sorted(folder.glob("*.json"))[:NAMES]:
        content = path.read_bytes()
        for rows in reader.rows(content, reader.listings(content)).values():
            assert isinstance(rows, QuoteRows)
            chains[rows.symbol] = build_chain(rows)
    return chains


def _row_by_row(chain: Chain) -> tuple[float, float]:
    """Seconds the script needs for one contract at one spot: for gamma, and for delta. Raises AssertionError if it disagrees."""
    import pandas as pd

    from bench.peers import pandas_rows

    held = np.flatnonzero(chain.open_interest > 0)
    sample = held[:: max(1, len(held) // _SAMPLE_ROWS)][:_SAMPLE_ROWS]
    sampled = holdings_of(_only(chain, sample))
    terms, term = sampled.terms, chain.term[sample]
    table = pd.DataFrame(
        {
            "strike": chain.strike[sample],
            "iv": chain.iv[sample],
            "years": terms.years[term],
            "carry": terms.carry[term],
            "dividend_yield": terms.dividend_yield[term],
            "is_call": chain.is_call[sample],
            "shares": chain.open_interest[sample] * chain.multiplier[sample],
        }
    )
    spots = np.linspace(0.9, 1.1, _SAMPLE_SPOTS) * chain.spot
    ours = revalue(sampled, _SIGNS, spots)
    theirs: dict[str, list[float]] = {}
    gamma = seconds(lambda: theirs.update(gex=pandas_rows.net_gex(table, spots.tolist())))
    delta = seconds(lambda: theirs.update(flow=pandas_rows.hedge_flow(table, chain.spot, spots.tolist())))
    for mine, other in ((ours.net_gex, theirs["gex"]), (ours.flow.total, theirs["flow"])):
        gap = np.abs(mine - np.array(other))
        assert np.all(gap <= 1e-9 * np.max(np.abs(mine))), gap
    # The flow prices the present spot as well.
    return gamma / (len(sample) * len(spots)), delta / (len(sample) * (len(spots) + 1))


def _only(chain: Chain, rows: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> Chain:
    columns = ("expiry", "term", "is_call", "strike", "iv", "open_interest", "multiplier", "bid", "ask")
    return replace(chain, **{name: getattr(chain, name)[rows] for name in columns})
