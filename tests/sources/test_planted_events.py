"""What is planted in the demo market: the answer key holds, with margins, and the document says the same."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from exposure.basket import Basket, BasketExposure, aggregate
from exposure.dealer import Greek, SignConvention
from exposure.flips import Flip, Side, flip_between, imbalance
from exposure.legs import measure
from exposure.sessions import eastern, monthly_expiry, previous_session, session_on, sessions_between
from exposure.snapshot import Snapshot
from sources.baskets import sector_baskets
from sources.demo.paths import Market
from sources.demo.planted import CRASH_DAY, MELT_UP, OPEX_ROLL_OFF, PLANTED, PLANTED_EVENTS, SQUEEZE, Planted, SectorFlips
from sources.demo.reader import DemoReader
from sources.universe import FUNDS, Sector, all_symbols, index_weights, names_in
from tests.sources.test_demo import assert_same

NOW = datetime(2026, 6, 10, 15, 42, tzinfo=UTC)
DOCUMENT = Path(__file__).parents[2] / "docs" / "demo-events.md"
QUARTER = timedelta(minutes=15)


def at_now() -> datetime:
    return NOW


@pytest.fixture(scope="module")
def reader() -> DemoReader:
    return DemoReader(at_now)


@pytest.fixture(scope="module")
def plain() -> DemoReader:
    return DemoReader(at_now, events=())


def sector_exposure(reader: DemoReader, sector: str, at: datetime) -> BasketExposure:
    symbols = next(basket.symbols for basket in sector_baskets() if basket.name == sector)
    answer = reader.read(symbols, at)
    exposures = {symbol: measure(chain) for symbol, chain in answer.chains.items()}
    return aggregate(Basket.of(symbols), Snapshot(exposures, answer.missing, answer.provenance), SignConvention.STREET)


def imbalances(reader: DemoReader, at: datetime) -> dict[str, float]:
    found = {basket.name: imbalance(sector_exposure(reader, basket.name, at)) for basket in sector_baskets()}
    return {name: reading for name, reading in found.items() if reading is not None}


def flips(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, Flip]:
    each = {name: flip_between(before[name], after[name]) for name in before}
    return {name: flip for name, flip in each.items() if flip is not None}


def gross(reader: DemoReader, symbol: str, at: datetime) -> float:
    legs = measure(reader.read([symbol], at).chains[symbol]).legs(Greek.GEX)
    assert legs is not None
    return legs.gross


@pytest.mark.parametrize("key", [CRASH_DAY, MELT_UP], ids=lambda key: key.name)
def test_the_planted_sectors_flip_and_no_other_does(reader: DemoReader, key: SectorFlips) -> None:
    toward = 1.0 if key.after is Side.LONG else -1.0
    wanted = {sector.value: Flip(key.before, key.after) for sector in key.flipped}
    before = imbalances(reader, key.since)
    for at in (key.at - QUARTER, key.at, key.at + QUARTER):
        after = imbalances(reader, at)
        assert len(after) == 11
        assert flips(before, after) == wanted
        for name in after:
            if name in wanted:
                assert toward * before[name] <= -0.10
                assert toward * after[name] >= 0.10
            else:
                # Clearly on one side before, and still 0.03 or more on it: another 0.08 would make it a flip.
                assert abs(before[name]) >= 0.08
                assert np.sign(before[name]) * after[name] >= 0.03


@pytest.mark.parametrize("key", [CRASH_DAY, MELT_UP], ids=lambda key: key.name)
def test_without_the_plant_nothing_flips(plain: DemoReader, key: SectorFlips) -> None:
    assert flips(imbalances(plain, key.since), imbalances(plain, key.at)) == {}


def test_the_index_falls_with_its_constituents_on_the_crash_day(reader: DemoReader) -> None:
    weights = index_weights("SPX") or {}
    before, after = (reader.read(["SPX", *weights], at).chains for at in (CRASH_DAY.since, CRASH_DAY.at))
    move = {symbol: after[symbol].spot / before[symbol].spot - 1.0 for symbol in after}
    assert -0.07 < move["SPX"] < -0.02
    assert move["SPX"] == pytest.approx(sum(weight * move[symbol] for symbol, weight in weights.items()), abs=2e-4)


def test_each_plant_belongs_to_a_session_and_the_crash_is_read_against_the_previous_close() -> None:
    for key in PLANTED:
        assert session_on(key.day) is not None
        assert key.since < key.at
    for flip in (CRASH_DAY, MELT_UP):
        assert flip.since == previous_session(flip.day).close
        assert 4 <= len(flip.flipped) <= 6
    assert monthly_expiry(2019, 6) == OPEX_ROLL_OFF.day
    assert len({key.day.year for key in PLANTED}) == len(PLANTED) >= 4


@pytest.mark.parametrize("symbol", ["SPX", "KO", "JPM", "XLV"])
def test_before_the_first_start_and_after_what_passes_the_market_is_the_unplanted_one(
    reader: DemoReader, plain: DemoReader, symbol: str
) -> None:
    quiet = [min(event.start for event in PLANTED_EVENTS) - timedelta(minutes=1), eastern(date(2019, 6, 24), 10)]
    for at in (*quiet, MELT_UP.events[0].start - timedelta(minutes=1)):
        assert_same(reader.read([symbol], at).chains[symbol], plain.read([symbol], at).chains[symbol])


@pytest.mark.parametrize("key", PLANTED, ids=lambda key: key.name)
def test_no_plant_is_felt_before_its_own_start(reader: DemoReader, key: Planted) -> None:
    earlier = DemoReader(at_now, events=[event for one in PLANTED[: PLANTED.index(key)] for event in one.events])
    at = min(event.start for event in key.events) - timedelta(minutes=1)
    for symbol in ("SPX", "NVDA", "KO", "ALB", "PLD", "XLB"):
        assert_same(reader.read([symbol], at).chains[symbol], earlier.read([symbol], at).chains[symbol])


def test_planted_prices_stay_plausible_and_indices_follow_their_constituents() -> None:
    market = Market(PLANTED_EVENTS)
    daily = np.diff(market.days.log_close, axis=1)
    assert np.abs(daily[: len(FUNDS)]).max() < 0.15
    assert np.abs(daily).max() < 0.30
    prices = np.exp(market.days.log_close[len(FUNDS) :])
    assert prices.min() > 2.0
    assert prices.max() < 5000.0
    simple = np.expm1(daily)
    for symbol in ("SPX", "XLB"):
        expected = sum(weight * simple[market.row[name]] for name, weight in (index_weights(symbol) or {}).items())
        np.testing.assert_allclose(simple[market.row[symbol]], expected, atol=1e-13)


def test_the_roll_off_takes_most_of_the_names_gamma_and_nobody_elses(reader: DemoReader, plain: DemoReader) -> None:
    key = OPEX_ROLL_OFF
    start = gross(reader, key.symbol, key.since)
    for at in (eastern(key.day, 16), key.at):
        assert gross(reader, key.symbol, at) < (key.left - 0.03) * start
    assert gross(plain, key.symbol, key.at) > 0.70 * gross(plain, key.symbol, key.since)
    others = [symbol for symbol in names_in(Sector.CONSUMER_STAPLES) if symbol != key.symbol]
    kept = [gross(reader, symbol, key.at) / gross(reader, symbol, key.since) for symbol in others]
    assert min(kept) > 0.5


def test_the_squeezed_name_becomes_the_largest_contributor_of_its_sector(reader: DemoReader) -> None:
    key = SQUEEZE
    shares = []
    for at in (key.since, key.at):
        sector = sector_exposure(reader, key.sector.value, at)
        shares.append({one.exposure.symbol: one.contribution_pct for one in sector.constituents})
    before, after = shares
    assert before[key.symbol] < key.contribution_before - 1.0
    ranked = sorted(after, key=lambda symbol: -after[symbol])
    assert ranked[0] == key.symbol
    assert after[key.symbol] > key.contribution_after + 5.0
    assert after[ranked[1]] < 0.5 * after[key.symbol]
    spot = [reader.read([key.symbol], at).chains[key.symbol].spot for at in (key.since, key.at)]
    assert spot[1] / spot[0] - 1.0 > key.rise
    assert np.abs(np.diff(np.log(reader.daily_closes([key.symbol], key.at, 6).prices[key.symbol]))).max() < 0.25


def test_the_squeeze_comes_gradually_and_fades(reader: DemoReader) -> None:
    days = sessions_between(date(2025, 5, 2), date(2025, 6, 30))
    levels = [gross(reader, SQUEEZE.symbol, eastern(day, 16)) for day in days]
    growth = [later / sooner for sooner, later in pairwise(levels)]
    assert max(growth) < 3.0
    assert levels[-1] < 2.5 * levels[0]


def test_the_document_gives_the_same_key() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert "synthetic" in text.lower()
    sections = dict(zip((key.name for key in PLANTED), text.split("\n## ")[1:], strict=False))
    for key in PLANTED:
        section = sections[key.name]
        assert section.lower().startswith(key.name.lower())
        assert key.day.isoformat() in section
        named = {sector.value for sector in Sector if f"`{sector.value}`" in section}
        match key:
            case SectorFlips(flipped=flipped):
                assert named == {sector.value for sector in flipped}
                assert f"from {key.before.value} to {key.after.value}" in section
            case _:
                assert f"`{key.symbol}`" in section
                assert key.symbol in all_symbols()
