"""What the noise of the demo market looks like over the years, with nothing planted in it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
import pytest

from exposure.dealer import ComputedLegs
from exposure.dispersion import Correlation, RealisedCorrelation, implied_correlation, realised_correlation
from exposure.greeks import Floats
from exposure.legs import measure
from exposure.sessions import eastern, sessions_between
from sources.demo.reader import DemoReader
from sources.universe import all_symbols, index_weights, single_names
from tests.sources.test_demo import closes, net_gex, one

NOW = datetime(2026, 6, 10, 15, 42, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def noise() -> DemoReader:
    return DemoReader(lambda: NOW, events=())


def gex_table(reader: DemoReader, symbols: Sequence[str], days: Sequence[date]) -> Floats:
    rows = [[net_gex(chain) for chain in reader.read(symbols, eastern(day, 12)).chains.values()] for day in days]
    return np.array(rows)


DAYS = sessions_between(date(2019, 1, 2), date(2026, 5, 29))[::37]


def test_regimes_differ_across_names_and_change_over_time(noise: DemoReader) -> None:
    names = single_names()[::4]
    table = gex_table(noise, names, DAYS)
    assert 0.20 < np.mean(table < 0) < 0.45
    assert np.all((table < 0).any(axis=0) & (table > 0).any(axis=0))
    spx = gex_table(noise, ["SPX"], DAYS)
    assert 0.05 < np.mean(spx < 0) < 0.5
    assert 1e9 < np.median(np.abs(spx)) < 2e10


def test_more_names_are_in_negative_gamma_after_the_market_fell(noise: DemoReader) -> None:
    names = single_names()[::4]
    week = [closes(noise, "SPX", eastern(day, 9), 6) for day in DAYS]
    returns = np.array([prices[-1] / prices[0] - 1 for prices in week])
    negative = (gex_table(noise, names, DAYS) < 0).mean(axis=1)
    fallen, risen = negative[returns < np.quantile(returns, 0.25)], negative[returns > np.quantile(returns, 0.75)]
    assert fallen.mean() > risen.mean() + 0.10


def test_sizes_are_those_of_a_large_a_liquid_and_a_small_name(noise: DemoReader) -> None:
    table = np.median(np.abs(gex_table(noise, ["SPX", "NVDA", "CF"], DAYS)), axis=0)
    assert 1e9 < table[0] < 2e10
    assert 1e8 < table[1] < 3e9
    assert 1e5 < table[2] < 2e7


@pytest.mark.parametrize("symbol", ["SPX", "SPY", "QQQ"])
def test_a_fifth_of_the_busiest_gamma_expires_the_same_day(noise: DemoReader, symbol: str) -> None:
    shares = []
    for day in DAYS:
        measured = measure(one(noise, symbol, eastern(day, 12))).measured
        assert isinstance(measured, ComputedLegs)
        shares.append(measured.same_day.gex.gross / measured.total.gex.gross)
    assert np.quantile(shares, 0.1) > 0.08
    assert 0.15 < np.median(shares) < 0.35
    assert max(shares) < 0.60


def test_an_index_carries_a_correlation_premium(noise: DemoReader) -> None:
    weights = index_weights("SPX") or {}
    premiums = []
    for day in DAYS[::4]:
        at = eastern(day, 16)
        volatility = {symbol: measure(chain).atm_iv(30) for symbol, chain in noise.read([*weights, "SPX"], at).chains.items()}
        names = [volatility[symbol] or 0.0 for symbol in weights]
        implied = implied_correlation(list(weights.values()), names, volatility["SPX"] or 0.0)
        prices = noise.daily_closes([*weights, "SPX"], at, 61).prices
        returns = {symbol: np.diff(prices[symbol]) / prices[symbol][:-1] for symbol in prices}
        panel = np.column_stack([returns[symbol] for symbol in weights])
        realised = realised_correlation(list(weights.values()), panel, returns["SPX"])
        assert isinstance(implied, Correlation)
        assert isinstance(realised, RealisedCorrelation)
        assert 0.15 < implied.value < 0.70
        premiums.append(implied.value - realised.correlation.value)
    assert np.mean(np.array(premiums) > 0) > 0.75
    assert 0.02 < np.mean(premiums) < 0.25


def test_chains_are_of_a_realistic_size(noise: DemoReader) -> None:
    sizes = {symbol: len(chain) for symbol, chain in noise.read(all_symbols(), NOW).chains.items()}
    assert 4_000 < sizes["SPX"] < 12_000
    assert min(sizes.values()) > 300
    assert 1_000 < np.median(list(sizes.values())) < 3_000
