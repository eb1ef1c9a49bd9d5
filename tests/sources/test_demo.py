"""The demo source: what it answers at an instant, and what its chains look like."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exposure.chain import Chain, expiry_instant, to_instant, years_between
from exposure.dealer import ForwardBasis, Greek, SignConvention
from exposure.greeks import greeks
from exposure.legs import measure
from exposure.sessions import eastern, monthly_expiry, session_on, sessions_between
from exposure.snapshot import MissingReason, Mode
from sources.demo.events import MarketEvent
from sources.demo.reader import DemoReader
from sources.universe import all_symbols, index_weights

NOW = datetime(2026, 6, 10, 15, 42, 30, tzinfo=UTC)
Contracts = dict[tuple[int, bool, float], float]


MONTHLY_INSTANTS = frozenset(
    expiry_instant(root, monthly_expiry(year, month)).timestamp()
    for root in ("SPX", "NDX", "NVDA")
    for year in (2025, 2026, 2027)
    for month in range(1, 13)
)


def at_now() -> datetime:
    return NOW


@pytest.fixture(scope="module")
def reader() -> DemoReader:
    return DemoReader(at_now)


def one(reader: DemoReader, symbol: str, at: datetime | None) -> Chain:
    answer = reader.read([symbol], at)
    assert answer.missing == ()
    return answer.chains[symbol]


def net_gex(chain: Chain) -> float:
    net = measure(chain).net(Greek.GEX, SignConvention.STREET)
    assert net is not None
    return net


def contracts(chain: Chain) -> Contracts:
    """Open interest by (expiry in seconds, right, strike)."""
    columns = (chain.expiry.astype(np.int64).tolist(), chain.is_call.tolist(), chain.strike.tolist())
    return dict(zip(zip(*columns, strict=True), chain.open_interest.tolist(), strict=True))


def assert_same(left: Chain, right: Chain) -> None:
    assert (left.spot, left.quote_time, left.oi_date, left.coverage) == (
        right.spot,
        right.quote_time,
        right.oi_date,
        right.coverage,
    )
    for column in ("expiry", "term", "is_call", "strike", "iv", "open_interest", "multiplier", "bid", "ask"):
        np.testing.assert_array_equal(getattr(left, column), getattr(right, column))
    for column in ("years", "forward", "rate", "same_day"):
        np.testing.assert_array_equal(getattr(left.curve, column), getattr(right.curve, column))


def expires_on(chain: Chain, day: date) -> bool:
    return any(instant.astype("datetime64[D]").astype(date) == day for instant in np.unique(chain.expiry))


FIRST_MINUTE = datetime(2018, 4, 16, 13, 30, tzinfo=UTC)
MINUTES = st.integers(0, 8 * 365 * 1440).map(lambda minutes: FIRST_MINUTE + timedelta(minutes=minutes))


@settings(max_examples=25, deadline=None)
@given(at=MINUTES, others=st.lists(st.tuples(st.sampled_from(all_symbols()), MINUTES), max_size=3))
def test_a_chain_is_the_same_whatever_was_asked_before(
    reader: DemoReader, at: datetime, others: list[tuple[str, datetime]]
) -> None:
    fresh = DemoReader(lambda: at + timedelta(minutes=1))
    for symbol, other in others:
        reader.read([symbol], other)
    for symbol in ("NVDA", "SPX"):
        assert_same(one(reader, symbol, at), one(fresh, symbol, at))


def test_two_readers_asked_in_opposite_order_agree() -> None:
    first, second = DemoReader(at_now), DemoReader(at_now)
    instants = [datetime(2020, 3, 3, 15, minute, tzinfo=UTC) for minute in (0, 1, 30)]
    forwards = [one(first, "SPY", at) for at in instants]
    backwards = [one(second, "SPY", at) for at in reversed(instants)]
    for left, right in zip(forwards, reversed(backwards), strict=True):
        assert_same(left, right)


def test_threads_asking_at_once_get_what_one_would() -> None:
    shared, alone = DemoReader(at_now), DemoReader(at_now)
    instants = [datetime(2023, 2, day, 16, day, tzinfo=UTC) for day in (1, 2, 3, 6, 7, 8)] * 3
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda at: one(shared, "QQQ", at), instants))
    for at, chain in zip(instants, together, strict=True):
        assert_same(chain, one(alone, "QQQ", at))


def test_a_replay_of_now_is_the_live_answer(reader: DemoReader) -> None:
    live, replay = reader.read(["AAPL"], None), reader.read(["AAPL"], NOW)
    assert_same(live.chains["AAPL"], replay.chains["AAPL"])
    assert (live.provenance.mode, live.provenance.at) == (Mode.LIVE, None)
    assert (replay.provenance.mode, replay.provenance.at) == (Mode.REPLAY, NOW)
    assert live.provenance.synthetic
    assert replay.provenance.synthetic
    assert live.provenance.source == "demo"


@pytest.mark.parametrize("symbol", ["SPX", "NDX", "SPY", "NVDA", "KO", "F", "BRK.B", "XLRE"])
@pytest.mark.parametrize(
    "at",
    [datetime(2018, 4, 16, 13, 30, tzinfo=UTC), datetime(2020, 12, 18, 20, 59, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC)],
)
def test_every_chain_is_well_formed(reader: DemoReader, symbol: str, at: datetime) -> None:
    chain = one(reader, symbol, at)
    assert np.all(np.isfinite(chain.iv) & (chain.iv > 0.02) & (chain.iv < 5.0))
    assert np.all((chain.open_interest >= 0) & (chain.open_interest == np.rint(chain.open_interest)))
    assert np.all(chain.expiry > to_instant(chain.quote_time))
    assert np.all((chain.bid >= 0) & (chain.ask > chain.bid))
    key = list(zip(chain.expiry.astype(np.int64).tolist(), (~chain.is_call).tolist(), chain.strike.tolist(), strict=True))
    assert key == sorted(key)
    assert len(set(key)) == len(key)
    assert 10 <= len(chain.curve.years) <= 34
    np.testing.assert_allclose(chain.curve.years[chain.term], years_between(chain.quote_time, chain.expiry), rtol=0)
    np.testing.assert_array_equal(np.unique(chain.term), np.arange(len(chain.curve.years)))
    assert not chain.curve.from_parity.any()
    coverage = chain.coverage
    assert coverage.listed == len(chain)
    assert coverage.seen == coverage.used == np.count_nonzero(chain.open_interest)
    assert coverage.open_interest_seen == coverage.open_interest_used == chain.open_interest.sum()
    assert (coverage.forward_basis, coverage.parity_share, dict(coverage.dropped)) == (ForwardBasis.MODEL, 0.0, {})


def test_quotes_stand_around_the_model_price_of_their_own_volatility(reader: DemoReader) -> None:
    chain = one(reader, "SPY", NOW)
    years, rate = chain.curve.years[chain.term], chain.curve.rate[chain.term]
    dividend_yield = rate - np.log(chain.curve.forward[chain.term] / chain.spot) / years
    model = greeks(chain.spot, chain.strike, years, chain.iv, chain.is_call, rate=rate, dividend_yield=dividend_yield)
    assert np.all(chain.bid <= model.price + 1e-9)
    assert np.all(chain.ask >= model.price - 1e-9)


@pytest.mark.parametrize("symbol", ["SPX", "NDX"])
def test_index_monthlies_die_at_the_open_and_their_weeklies_at_the_close(reader: DemoReader, symbol: str) -> None:
    third_friday = monthly_expiry(2024, 3)
    chain = one(reader, symbol, datetime(2024, 3, 13, 15, tzinfo=UTC))
    weekly_root = {"SPX": "SPXW", "NDX": "NDXP"}[symbol]
    assert to_instant(expiry_instant(symbol, third_friday)) in chain.expiry
    assert to_instant(expiry_instant(weekly_root, third_friday)) in chain.expiry
    on_the_day = one(reader, symbol, eastern(third_friday, 9, 30))
    assert to_instant(expiry_instant(symbol, third_friday)) not in on_the_day.expiry
    assert to_instant(expiry_instant(weekly_root, third_friday)) in on_the_day.expiry


def test_liquid_symbols_have_same_day_expiries_on_any_weekday_and_small_names_on_fridays_only(reader: DemoReader) -> None:
    tuesday, friday = date(2024, 5, 14), date(2024, 5, 10)
    for symbol in ("SPY", "QQQ", "SPX", "NDX", "IWM"):
        assert expires_on(one(reader, symbol, eastern(tuesday, 11)), tuesday)
    for symbol in ("CF", "NVDA"):
        assert not expires_on(one(reader, symbol, eastern(tuesday, 11)), tuesday)
        assert expires_on(one(reader, symbol, eastern(friday, 11)), friday)
    assert expires_on(one(reader, "NVDA", eastern(date(2024, 5, 13), 11)), date(2024, 5, 13))


def test_same_day_contracts_live_until_the_minute_before_the_close(reader: DemoReader) -> None:
    day = date(2024, 5, 14)
    assert one(reader, "SPY", eastern(day, 15, 59)).curve.same_day.any()
    assert not one(reader, "SPY", eastern(day, 16)).curve.same_day.any()


def test_a_friday_holiday_moves_the_weekly_expiry_to_thursday(reader: DemoReader) -> None:
    chain = one(reader, "KO", eastern(date(2024, 3, 26), 11))
    assert expires_on(chain, date(2024, 3, 28))
    assert not expires_on(chain, date(2024, 3, 29))


def test_every_expiry_falls_on_a_session_and_is_listed_once(reader: DemoReader) -> None:
    for symbol in ("SPY", "NVDA", "KO"):
        for day in sessions_between(date(2024, 3, 18), date(2024, 4, 19)):
            days = [
                instant.astype("datetime64[D]").astype(date)
                for instant in np.unique(one(reader, symbol, eastern(day, 11)).expiry)
            ]
            assert len(set(days)) == len(days)
            assert all(session_on(expiry) is not None for expiry in days)


def test_open_interest_concentrates_on_round_strikes_near_the_money(reader: DemoReader) -> None:
    chain = one(reader, "SPY", NOW)
    monthly = chain.expiry == to_instant(expiry_instant("SPY", monthly_expiry(2026, 7)))
    near = monthly & (np.abs(chain.strike / chain.spot - 1) < 0.05)
    round_strike = chain.strike % 10 == 0
    assert chain.open_interest[near & round_strike].mean() > 2.5 * chain.open_interest[near & ~round_strike].mean()
    far = monthly & (np.abs(chain.strike / chain.spot - 1) > 0.15)
    assert chain.open_interest[near & round_strike].mean() > 5 * chain.open_interest[far].mean()


@pytest.mark.parametrize(
    ("symbol", "usual", "most"),
    [
        pytest.param("SPX", 0.10, 0.20, id="day traders"),
        ("NDX", 0.05, 0.15),
        ("NVDA", 0.05, 0.15),
        ("KO", 0.05, 0.15),
        ("SMCI", 0.05, 0.15),
    ],
)
def test_open_interest_of_a_contract_changes_gradually_from_session_to_session(
    reader: DemoReader, symbol: str, usual: float, most: float
) -> None:
    days = sessions_between(date(2025, 9, 2), date(2025, 10, 31))
    before = contracts(one(reader, symbol, eastern(days[0], 11)))
    turnover: list[float] = []
    monthly: list[float] = []
    for day in days[1:]:
        now = contracts(one(reader, symbol, eastern(day, 11)))
        opened = eastern(day, 9, 30).timestamp()
        alive = {key: held for key, held in before.items() if key[0] > opened}
        change = {key: abs(now.get(key, 0.0) - held) for key, held in alive.items()}
        turnover.append(sum(change.values()) / sum(alive.values()))
        monthly += [change[key] / held for key, held in alive.items() if held >= 500 and key[0] in MONTHLY_INSTANTS]
        before = now
    assert np.median(turnover) < usual
    assert max(turnover) < most
    assert len(monthly) > 500
    assert np.quantile(monthly, 0.99) < 0.30


def test_open_interest_is_the_same_all_session_long(reader: DemoReader) -> None:
    day = date(2025, 9, 16)
    np.testing.assert_array_equal(
        one(reader, "SPY", eastern(day, 9, 30)).open_interest, one(reader, "SPY", eastern(day, 15, 59)).open_interest
    )


@pytest.mark.parametrize(
    ("at", "quotes", "oi_date"),
    [
        pytest.param(eastern(date(2024, 5, 14), 11, 7), eastern(date(2024, 5, 14), 11, 7), date(2024, 5, 13), id="in session"),
        pytest.param(eastern(date(2024, 5, 11), 12), eastern(date(2024, 5, 10), 16), date(2024, 5, 9), id="Saturday"),
        pytest.param(eastern(date(2024, 5, 13), 6, 29), eastern(date(2024, 5, 10), 16), date(2024, 5, 9), id="Monday 06:29"),
        pytest.param(eastern(date(2024, 5, 13), 6, 30), eastern(date(2024, 5, 10), 16), date(2024, 5, 10), id="Monday 06:30"),
        pytest.param(eastern(date(2024, 5, 13), 8), eastern(date(2024, 5, 10), 16), date(2024, 5, 10), id="Monday 08:00"),
        pytest.param(eastern(date(2024, 5, 14), 22), eastern(date(2024, 5, 14), 16), date(2024, 5, 13), id="night"),
        pytest.param(eastern(date(2024, 7, 4), 12), eastern(date(2024, 7, 3), 13), date(2024, 7, 2), id="holiday after half day"),
        pytest.param(eastern(date(2024, 7, 3), 13, 1), eastern(date(2024, 7, 3), 13), date(2024, 7, 2), id="half day, afternoon"),
        pytest.param(
            datetime(2024, 3, 8, 14, 30, tzinfo=UTC), eastern(date(2024, 3, 8), 9, 30), date(2024, 3, 7), id="winter open"
        ),
        pytest.param(
            datetime(2024, 3, 11, 13, 30, tzinfo=UTC), eastern(date(2024, 3, 11), 9, 30), date(2024, 3, 8), id="summer open"
        ),
        pytest.param(eastern(date(2018, 4, 16), 9, 30), eastern(date(2018, 4, 16), 9, 30), date(2018, 4, 13), id="first minute"),
        pytest.param(None, datetime(2026, 6, 10, 15, 42, tzinfo=UTC), date(2026, 6, 9), id="now"),
    ],
)
def test_an_instant_is_answered_with_the_last_minute_and_the_open_interest_known_by_then(
    reader: DemoReader, at: datetime | None, quotes: datetime, oi_date: date
) -> None:
    for symbol in ("SPY", "JPM"):
        chain = one(reader, symbol, at)
        assert (chain.quote_time, chain.oi_date) == (quotes, oi_date)


@pytest.mark.parametrize("second", [0, 1, 59])
def test_seconds_are_floored_to_the_minute(reader: DemoReader, second: int) -> None:
    at = datetime(2024, 5, 14, 15, 7, second, tzinfo=UTC)
    assert one(reader, "KO", at).quote_time == datetime(2024, 5, 14, 15, 7, tzinfo=UTC)


def test_a_minute_before_the_market_opens_is_no_data_with_the_range_that_exists(reader: DemoReader) -> None:
    answer = reader.read(["SPY", "ZZZZ", "KO"], datetime(2018, 4, 16, 13, 29, 59, tzinfo=UTC))
    assert answer.chains == {}
    reasons = {one.symbol: one.reason for one in answer.missing}
    assert reasons == {
        "SPY": MissingReason.NO_DATA_AT,
        "ZZZZ": MissingReason.UNKNOWN_SYMBOL,
        "KO": MissingReason.NO_DATA_AT,
    }
    assert "2018-04-16 13:30 UTC to 2026-06-10 15:42 UTC" in answer.missing[0].detail


def test_the_future_is_no_data(reader: DemoReader) -> None:
    (missing,) = reader.read(["SPY"], NOW + timedelta(minutes=1)).missing
    assert missing.reason is MissingReason.NO_DATA_AT


def test_an_unknown_ticker_is_named_and_the_rest_is_answered_once(reader: DemoReader) -> None:
    answer = reader.read(["NVDA", "ZZZZ", "NVDA", "ZZZZ"], None)
    assert list(answer.chains) == ["NVDA"]
    assert [(one.symbol, one.reason) for one in answer.missing] == [("ZZZZ", MissingReason.UNKNOWN_SYMBOL)]
    assert "ZZZZ" in answer.missing[0].detail


@pytest.mark.parametrize("now", [datetime(2031, 3, 3, 15, tzinfo=UTC), datetime(2017, 3, 3, 15, tzinfo=UTC)])
def test_a_clock_outside_the_calendar_is_no_data_rather_than_an_error(now: datetime) -> None:
    reader = DemoReader(lambda: now)
    assert reader.read(["SPY"], None).missing[0].reason is MissingReason.NO_DATA_AT
    assert reader.describe().newest_quote is None


def test_the_last_day_of_the_calendar_is_answered() -> None:
    reader = DemoReader(lambda: eastern(date(2030, 12, 31), 20))
    assert one(reader, "SPX", None).quote_time == eastern(date(2030, 12, 31), 16)
    assert reader.daily_closes(["SPX"], None, 5).days[-1] == date(2030, 12, 31)


def test_the_status_lists_every_symbol_and_the_range(reader: DemoReader) -> None:
    status = reader.describe()
    assert status.symbols == all_symbols()
    assert status.synthetic
    assert status.newest_quote == datetime(2026, 6, 10, 15, 42, tzinfo=UTC)
    assert (status.replay_from, status.replay_to) == (datetime(2018, 4, 16, 13, 30, tzinfo=UTC), NOW)


def closes(reader: DemoReader, symbol: str, at: datetime | None, count: int) -> list[float]:
    return list(reader.daily_closes([symbol], at, count).prices[symbol])


def test_closes_end_with_the_last_completed_session_and_are_the_spots_of_the_closes(reader: DemoReader) -> None:
    on_sunday = eastern(date(2026, 6, 7), 12)
    found = reader.daily_closes(["NVDA", "XYZZ"], on_sunday, 3)
    assert found.days == tuple(date(2026, 6, day) for day in (3, 4, 5))
    assert list(found.prices) == ["NVDA"]
    assert list(found.prices["NVDA"]) == [one(reader, "NVDA", eastern(day, 16)).spot for day in found.days]
    assert closes(reader, "NVDA", None, 1) == [one(reader, "NVDA", eastern(date(2026, 6, 9), 16)).spot]
    assert len(closes(reader, "NVDA", eastern(date(2018, 4, 17), 16), 30)) == 2
    assert closes(reader, "NVDA", eastern(date(2018, 4, 15), 16), 30) == []


def test_a_close_is_not_known_before_the_session_is_over(reader: DemoReader) -> None:
    day = date(2026, 6, 5)
    assert reader.daily_closes(["NVDA"], eastern(day, 15, 59), 1).days == (date(2026, 6, 4),)
    assert reader.daily_closes(["NVDA"], eastern(day, 16), 1).days == (day,)


def test_the_reader_publishes_the_universes_index_weights(reader: DemoReader) -> None:
    assert reader.index_weights("SPX", None) == index_weights("SPX")
    assert reader.index_weights("KO", None) is None


def test_a_planted_event_reaches_the_chains_of_its_names_only() -> None:
    event_at = datetime(2024, 5, 14, 15, tzinfo=UTC)
    event = MarketEvent(("KO",), event_at, jump=-0.08, volatility_ratio=1.6, call_tilt=-1.5, sessions=5)
    plain, shocked = DemoReader(at_now, events=()), DemoReader(at_now, events=[event])
    for symbol in ("KO", "JPM"):
        assert_same(one(plain, symbol, event_at - timedelta(minutes=1)), one(shocked, symbol, event_at - timedelta(minutes=1)))
    the_day_after = event_at + timedelta(days=1)
    assert_same(one(plain, "JPM", the_day_after), one(shocked, "JPM", the_day_after))
    before, after = one(plain, "KO", the_day_after), one(shocked, "KO", the_day_after)
    assert after.spot < 0.95 * before.spot
    held = Counter[bool]()
    for (_, is_call, _), count in contracts(after).items():
        held[is_call] += int(count)
    assert held[False] > held[True]
    assert net_gex(after) < net_gex(before)
