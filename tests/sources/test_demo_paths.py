"""The demo market's prices, volatilities and positioning."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from exposure.instruments import AssetClass, asset_class, canonical_symbol
from exposure.sessions import session_on
from sources.demo.events import MarketEvent
from sources.demo.noise import Recent, decaying_sum, identity, normals
from sources.demo.paths import BASE_DAY, Market, Moment
from sources.universe import FUNDS, SECTOR_FUNDS, Sector, all_symbols, index_weights, names_in, single_names

STOCKS = slice(len(FUNDS), None)


@pytest.fixture(scope="module")
def market() -> Market:
    return Market()


def moment_at(market: Market, day: date, minute: int) -> Moment:
    session = session_on(day)
    assert session is not None
    return Moment(market.index_of(day), session, minute)


@pytest.mark.parametrize("sector", list(Sector))
def test_every_sector_has_at_least_ten_names_and_an_etf(sector: Sector) -> None:
    assert len(names_in(sector)) >= 10
    assert SECTOR_FUNDS[sector] in all_symbols()


def test_the_names_of_the_products_own_examples_exist_once_and_in_their_canonical_spelling() -> None:
    wanted = "NVDA AMD AVGO MU SMCI TSM QCOM ASML AAPL MSFT AMZN META GOOGL TSLA JPM BAC WFC C GS MS BRK.B SPX NDX SPY QQQ IWM"
    assert set(wanted.split()) <= set(all_symbols())
    assert len(set(all_symbols())) == len(all_symbols())
    assert all(canonical_symbol(symbol) == symbol for symbol in all_symbols())
    assert all(asset_class(symbol) is AssetClass.STOCK for symbol in single_names())
    assert not any(asset_class(fund.symbol) is AssetClass.STOCK for fund in FUNDS)


def test_index_weights_are_positive_sum_to_one_and_name_only_stocks_of_the_market() -> None:
    for fund in FUNDS:
        weights = index_weights(fund.symbol)
        assert weights is not None
        assert sum(weights.values()) == pytest.approx(1.0, abs=1e-12)
        assert min(weights.values()) > 0
        assert set(weights) <= set(single_names())
        assert list(weights.values()) == sorted(weights.values(), reverse=True)
    assert index_weights("NVDA") is None


def test_an_index_returns_what_its_weighted_constituents_return_day_by_day(market: Market) -> None:
    simple = np.expm1(np.diff(market.days.log_close, axis=1))
    for fund in FUNDS:
        weights = index_weights(fund.symbol) or {}
        expected = sum(weight * simple[market.row[symbol]] for symbol, weight in weights.items())
        np.testing.assert_allclose(simple[market.row[fund.symbol]], expected, atol=1e-13)


@pytest.mark.parametrize("minute", [0, 1, 137, 390])
def test_an_index_returns_what_its_weighted_constituents_return_within_the_day(market: Market, minute: int) -> None:
    now = moment_at(market, date(2022, 3, 15), minute)
    simple = market.at(now).spot / np.exp(market.days.log_close[:, now.index - 1]) - 1.0
    for fund in FUNDS:
        weights = index_weights(fund.symbol) or {}
        expected = sum(weight * simple[market.row[symbol]] for symbol, weight in weights.items())
        assert simple[market.row[fund.symbol]] == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize(("day", "last_minute"), [(date(2022, 3, 15), 390), (date(2019, 11, 29), 210)])
def test_the_minutes_of_a_session_end_on_its_close(market: Market, day: date, last_minute: int) -> None:
    now = moment_at(market, day, last_minute)
    assert now.instant == now.session.close
    np.testing.assert_allclose(market.at(now).spot, np.exp(market.days.log_close[:, now.index]), rtol=1e-12)


def test_every_symbol_closes_the_day_before_the_market_opens_at_its_table_price(market: Market) -> None:
    assert market.sessions[0] == BASE_DAY
    np.testing.assert_allclose(np.exp(market.days.log_close[: len(FUNDS), 0]), [fund.price for fund in FUNDS], rtol=1e-12)


def test_prices_and_volatilities_stay_plausible_through_2030(market: Market) -> None:
    prices = np.exp(market.days.log_close[STOCKS])
    assert prices.min() > 2.0
    assert prices.max() < 5000.0
    yearly = np.diff(market.days.log_close, axis=1).std(axis=1) * np.sqrt(252.0)
    assert 0.14 < yearly[market.row["SPX"]] < 0.19
    assert np.all((yearly[STOCKS] > 0.12) & (yearly[STOCKS] < 0.75))
    assert np.median(yearly[STOCKS]) == pytest.approx(0.30, abs=0.06)
    assert np.diff(market.days.log_close[market.row["SPX"]]).min() > -0.12


def test_a_minute_moves_about_as_much_as_a_day_says_it_should(market: Market) -> None:
    spots = np.array([market.at(moment_at(market, date(2021, 6, 9), minute)).spot for minute in range(391)])
    steps = np.diff(np.log(spots[:, STOCKS]), axis=0)
    yearly = steps.std(axis=0) * np.sqrt(390 * 252)
    assert 0.08 < np.median(yearly) < 0.6
    assert np.abs(steps).max() < 0.02


def test_volatility_rises_when_the_market_falls(market: Market) -> None:
    spx = np.diff(market.days.log_close[market.row["SPX"]])
    rise = np.diff(np.log(market.days.volatility))
    assert np.corrcoef(spx, rise)[0, 1] < -0.4


def test_one_names_path_does_not_depend_on_how_much_is_drawn() -> None:
    np.testing.assert_array_equal(normals("NVDA", 0, 100), normals("NVDA", 0, 5000)[:100])
    assert identity("NVDA") != identity("AMD")


def test_a_decaying_sum_is_the_recursion_it_stands_for() -> None:
    shocks = np.random.default_rng(1).standard_normal((2, 300))
    total = np.zeros_like(shocks)
    for day in range(300):
        total[:, day] = shocks[:, day] + (0.9 * total[:, day - 1] if day else 0.0)
    np.testing.assert_allclose(decaying_sum(shocks, 0.9), total, atol=1e-12)


def test_only_the_most_recent_results_are_kept() -> None:
    recent: Recent[int, int] = Recent(2)
    computed: list[int] = []

    def square(number: int) -> int:
        def compute() -> int:
            computed.append(number)
            return number * number

        return recent.get(number, compute)

    assert [square(number) for number in (1, 2, 1, 3, 1, 2)] == [1, 4, 1, 9, 1, 4]
    assert computed == [1, 2, 3, 2]


EVENT_AT = datetime(2024, 5, 14, 15, 30, tzinfo=UTC)


def test_a_planted_event_moves_its_names_from_its_minute_on_and_nothing_before(market: Market) -> None:
    event = MarketEvent(("KO", "PEP"), EVENT_AT, jump=-0.10, volatility_ratio=1.5, call_tilt=-0.8, sessions=3)
    shocked = Market([event])
    at_event = market.moment(EVENT_AT)
    before = market.moment(EVENT_AT - timedelta(minutes=1))
    np.testing.assert_array_equal(shocked.at(before).spot, market.at(before).spot)
    np.testing.assert_array_equal(shocked.at(before).volatility, market.at(before).volatility)

    coke, bystander = market.row["KO"], market.row["NVDA"]
    moved = shocked.at(at_event).spot / market.at(at_event).spot
    assert moved[coke] == pytest.approx(np.exp(-0.10))
    assert moved[bystander] == 1.0
    assert moved[market.row["XLP"]] < 0.99
    assert shocked.at(at_event).volatility[coke] == pytest.approx(1.5 * market.at(at_event).volatility[coke])

    lean = shocked.days.call_tilt[coke] - market.days.call_tilt[coke]
    assert np.all(lean[: at_event.index] == 0.0)
    assert np.all(lean[at_event.index : at_event.index + 3] < -0.5)
    later = market.moment(EVENT_AT + timedelta(days=60))
    assert shocked.at(later).volatility[coke] == market.at(later).volatility[coke]
    assert shocked.at(later).spot[coke] == pytest.approx(market.at(later).spot[coke] * np.exp(-0.10))


def test_what_passes_is_whole_for_the_days_of_the_event_and_then_halves_every_three(market: Market) -> None:
    shocked = Market([MarketEvent(("KO",), EVENT_AT, volatility_ratio=2.0, call_tilt=0.4, sessions=3)])
    row, start = market.row["KO"], market.moment(EVENT_AT).index
    for after, left in ((0, 1.0), (2, 1.0), (5, 0.5), (8, 0.25)):
        now = moment_at(market, market.sessions[start + after], 390)
        assert shocked.at(now).volatility[row] == pytest.approx(market.at(now).volatility[row] * 2.0**left)
        tilt = shocked.days.call_tilt[row, start + after] - market.days.call_tilt[row, start + after]
        assert tilt == pytest.approx(0.4 * left)


def test_a_jump_can_be_spread_over_minutes_of_its_session(market: Market) -> None:
    shocked = Market([MarketEvent(("KO",), EVENT_AT, jump=-0.10, minutes=100, volatility_ratio=2.0)])
    row = market.row["KO"]
    for minutes, share in ((-1, 0.0), (0, 0.01), (49, 0.5), (99, 1.0), (150, 1.0)):
        now = market.moment(EVENT_AT + timedelta(minutes=minutes))
        assert shocked.at(now).spot[row] == pytest.approx(market.at(now).spot[row] * np.exp(-0.10 * share))
        assert shocked.at(now).volatility[row] == pytest.approx(market.at(now).volatility[row] * 2.0**share)


def test_a_jump_that_does_not_fit_into_its_session_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Market([MarketEvent(("KO",), EVENT_AT, jump=-0.10, minutes=300)])


def test_open_interest_of_one_expiry_is_built_up_evenly_and_no_other_changes(market: Market) -> None:
    expiry = date(2024, 6, 21)
    crowd = MarketEvent(("KO",), EVENT_AT, open_interest_ratio=16.0, expiry=expiry, sessions=4)
    shocked = Market([crowd])
    row, start = market.row["KO"], market.moment(EVENT_AT).index
    ratios = [shocked.crowding(row, start + after, expiry) for after in (-1, 0, 1, 3, 6)]
    assert ratios == pytest.approx([1.0, 2.0, 4.0, 16.0, 4.0])
    assert shocked.crowding(row, start + 3, date(2024, 7, 19)) == 1.0
    assert shocked.crowding(market.row["PEP"], start + 3, expiry) == 1.0


def test_an_event_between_sessions_is_felt_at_the_next_open(market: Market) -> None:
    night = MarketEvent(("KO",), datetime(2024, 5, 14, 23, tzinfo=UTC), jump=0.05)
    shocked = Market([night])
    close, following_open = moment_at(market, date(2024, 5, 14), 390), moment_at(market, date(2024, 5, 15), 0)
    row = market.row["KO"]
    assert shocked.at(close).spot[row] == market.at(close).spot[row]
    assert shocked.at(following_open).spot[row] == pytest.approx(market.at(following_open).spot[row] * np.exp(0.05))


def test_an_index_cannot_be_made_to_jump_apart_from_its_constituents() -> None:
    with pytest.raises(ValueError, match="Only single stocks can jump"):
        Market([MarketEvent(("SPX",), EVENT_AT, jump=-0.05)])
