"""From listed rows to usable contracts: what is dropped and counted, and which volatility a contract gets."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exposure.chain import Chain, build_chain, expiry_instant, is_same_day, to_instant, years_between
from exposure.dealer import Coverage, Dropped, DropReason, ForwardBasis
from exposure.instruments import AssetClass
from exposure.sessions import eastern
from tests.builders import EXPIRY, NAN, QUOTE_TIME, Contract, a_call, a_chain, a_put, a_quoted_pair, some_rows

MONTHLY = date(2024, 6, 21)
HALF_DAY = date(2024, 7, 3)


def coverage(contracts: Iterable[Contract], *, symbol: str = "NVDA", quote_time: datetime = QUOTE_TIME) -> Coverage:
    return a_chain(contracts, symbol=symbol, quote_time=quote_time).coverage


@pytest.mark.parametrize(
    ("root", "day", "hour", "minute"),
    [
        ("SPX", MONTHLY, 9, 30),
        ("VIX", MONTHLY, 9, 30),
        ("SPXW", MONTHLY, 16, 0),
        ("XSP", MONTHLY, 16, 0),
        ("NVDA", MONTHLY, 16, 0),
        ("NVDA", HALF_DAY, 13, 0),
        ("SPXW", HALF_DAY, 13, 0),
        ("SPX", HALF_DAY, 9, 30),
        ("NVDA", date(2024, 6, 22), 16, 0),
        ("NVDA", date(2035, 1, 19), 16, 0),
    ],
)
def test_a_contract_lives_until_the_clock_of_its_root(root: str, day: date, hour: int, minute: int) -> None:
    assert expiry_instant(root, day) == eastern(day, hour, minute)


@pytest.mark.parametrize(
    ("root", "expiry", "asked", "lives"),
    [
        ("SPX", MONTHLY, eastern(MONTHLY, 9, 29), True),
        ("SPX", MONTHLY, eastern(MONTHLY, 9, 30), False),
        ("SPXW", MONTHLY, eastern(MONTHLY, 9, 30), True),
        ("SPXW", MONTHLY, eastern(MONTHLY, 15, 59), True),
        ("SPXW", MONTHLY, eastern(MONTHLY, 16), False),
        ("SPXW", HALF_DAY, eastern(HALF_DAY, 12, 59), True),
        ("SPXW", HALF_DAY, eastern(HALF_DAY, 13), False),
        ("SPXW", date(2024, 6, 20), eastern(MONTHLY, 12), False),
    ],
)
def test_a_contract_is_dropped_as_expired_from_that_instant_on(root: str, expiry: date, asked: datetime, lives: bool) -> None:
    chain = a_chain([a_call(expiry=expiry, root=root, open_interest=7)], symbol="SPX", quote_time=asked)
    assert len(chain) == int(lives)
    assert chain.coverage.dropped == ({} if lives else {DropReason.EXPIRED: Dropped(1, 7.0)})


def test_morning_and_afternoon_contracts_of_one_date_are_two_expiries() -> None:
    chain = a_chain([a_call(expiry=MONTHLY, root="SPX"), a_call(expiry=MONTHLY, root="SPXW")], symbol="SPX")
    assert chain.expiry.tolist() == [eastern(MONTHLY, 9, 30).replace(tzinfo=None), eastern(MONTHLY, 16).replace(tzinfo=None)]
    assert chain.curve.years.tolist() == [(15 * 24 + 17.5) / 24 / 365, 16 / 365]


def test_years_run_to_the_second_and_are_negative_for_what_has_passed() -> None:
    ends = np.array([to_instant(QUOTE_TIME + timedelta(seconds=seconds)) for seconds in (-1, 0, 1, 365 * 86400)])
    assert years_between(QUOTE_TIME, ends).tolist() == [-1 / 31536000, 0.0, 1 / 31536000, 1.0]


def test_a_fraction_of_a_second_before_expiry_leaves_a_positive_time() -> None:
    chain = a_chain([a_call()], quote_time=eastern(EXPIRY, 16) - timedelta(milliseconds=250))
    assert chain.curve.years.tolist() == pytest.approx([0.25 / 31536000])


def test_same_day_is_the_eastern_date_not_the_utc_one() -> None:
    evening = datetime(2024, 6, 21, 1, 0, tzinfo=UTC)  # still the 20th in New York
    expiries = np.array([to_instant(expiry_instant("NVDA", date(2024, 6, day))) for day in (20, 21)])
    assert is_same_day(evening, expiries).tolist() == [True, False]


def test_an_adjusted_series_is_dropped_with_its_open_interest() -> None:
    found = coverage([a_call(root="AMD", open_interest=900), a_call(105, root="AMD1", open_interest=100)], symbol="AMD")
    assert found.dropped == {DropReason.ADJUSTED_SERIES: Dropped(1, 100.0)}
    assert found.open_interest_share == 0.9


def test_a_contract_without_volatility_and_quote_is_dropped_with_its_open_interest() -> None:
    found = coverage([a_call(open_interest=30), a_put(90, iv=NAN, open_interest=10)])
    assert found.dropped == {DropReason.NO_IV: Dropped(1, 10.0)}
    assert (found.used, found.seen, found.open_interest_used, found.open_interest_seen) == (1, 2, 30.0, 40.0)


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_rows_for_one_contract_the_one_with_more_open_interest_counts(order: int) -> None:
    twice = [a_call(iv=0.3, open_interest=5), a_call(iv=0.4, open_interest=8)][::order]
    chain = a_chain([*twice, a_put(iv=0.4, open_interest=1)])
    assert chain.coverage.dropped == {DropReason.DUPLICATE: Dropped(1, 5.0)}
    assert chain.open_interest.tolist() == [8.0, 1.0]
    assert chain.iv.tolist() == [0.4, 0.4]


def test_without_any_listed_volatility_both_rights_take_the_one_solved_from_the_out_of_the_money_quote() -> None:
    call, put = a_quoted_pair(90.0, iv=0.35, half_spread=0.01)
    unusable_call = replace(call, bid=1.0, ask=1.2)
    pairs = [one for strike in (99.0, 100.0, 101.0) for one in a_quoted_pair(strike, iv=0.35, half_spread=0.01)]
    chain = a_chain([unusable_call, put, *pairs], spot=100.0 * math.exp(-0.04 * 30 / 365))
    at_90 = chain.strike == 90.0
    assert chain.iv[at_90] == pytest.approx([0.35, 0.35], rel=1e-3)
    assert DropReason.NO_IV not in chain.coverage.dropped


@pytest.mark.parametrize(
    "bad",
    [
        a_call(NAN),
        a_call(0.0),
        a_call(-5.0),
        a_call(math.inf),
        a_call(1e300),
        a_call(open_interest=NAN),
        a_call(open_interest=-3.0),
        a_call(open_interest=math.inf),
        a_call(multiplier=0.0),
        a_call(multiplier=-100.0),
        a_call(multiplier=NAN),
        a_call(multiplier=math.inf),
    ],
)
def test_a_bad_row_is_dropped_and_harms_nothing_else(bad: Contract) -> None:
    chain = a_chain([bad, a_put(open_interest=10)])
    known = bad.open_interest if 0 < bad.open_interest < math.inf else 0.0
    assert chain.coverage.dropped == {DropReason.BAD_ROW: Dropped(1, known or None)}
    assert chain.open_interest.tolist() == [10.0]
    assert chain.coverage.open_interest_seen == 10.0 + known


@pytest.mark.parametrize("spot", [0.0, -1.0, NAN, math.inf])
def test_a_spot_that_is_no_price_leaves_an_empty_chain(spot: float) -> None:
    chain = a_chain([*a_quoted_pair(100.0)], spot=spot)
    assert len(chain) == 0
    assert chain.coverage.dropped == {DropReason.BAD_ROW: Dropped(2, 2000.0)}


def test_unreadable_rows_are_counted_as_bad() -> None:
    rows = some_rows([a_call(), a_call(NAN)], unreadable=3)
    found = build_chain(rows).coverage
    assert found.listed == 5
    assert found.dropped == {DropReason.BAD_ROW: Dropped(4, None)}, "an unreadable row does not say how much it was"
    assert build_chain(some_rows([a_call()], unreadable=2)).coverage.dropped == {DropReason.BAD_ROW: Dropped(2, None)}


@pytest.mark.parametrize(
    "empty",
    [
        a_call(expiry=date(2024, 6, 3), open_interest=0),
        a_call(root="NVDA1", open_interest=0),
        a_call(iv=NAN, open_interest=0),
        a_put(open_interest=0),
    ],
)
def test_a_contract_without_open_interest_is_not_counted_as_dropped(empty: Contract) -> None:
    found = coverage([a_put(), empty])
    assert found.dropped == {}
    assert (found.listed, found.seen, found.used) == (2, 1, 1)
    assert found.open_interest_share == 1.0


@pytest.mark.parametrize("listed", [0.0, -0.2, NAN, math.inf, 1e-300, 1e300])
def test_an_impossible_volatility_is_no_volatility(listed: float) -> None:
    assert coverage([a_call(iv=listed)]).dropped == {DropReason.NO_IV: Dropped(1, 1000.0)}


def test_both_rights_take_the_volatility_of_the_side_out_of_the_money() -> None:
    contracts = [a_call(90, iv=0.9), a_put(90, iv=0.3), a_call(110, iv=0.2), a_put(110, iv=0.8)]
    chain = a_chain(contracts)
    assert list(zip(chain.is_call.tolist(), chain.strike.tolist(), chain.iv.tolist(), strict=True)) == [
        (True, 90.0, 0.3),
        (True, 110.0, 0.2),
        (False, 90.0, 0.3),
        (False, 110.0, 0.2),
    ]


def test_out_of_the_money_is_judged_against_the_forward_not_spot() -> None:
    between = a_chain([a_call(100.2, iv=0.9), a_put(100.2, iv=0.3)], flat_rate=0.05)
    assert between.curve.forward.tolist() == pytest.approx([100 * math.exp(0.05 * 30 / 365)])
    assert between.iv.tolist() == [0.3, 0.3]


def test_a_side_without_volatility_borrows_the_other_before_anything_is_solved() -> None:
    in_the_money_call = a_call(90, iv=0.9)
    put = replace(a_quoted_pair(90.0, iv=0.5)[1], iv=NAN)
    assert a_chain([in_the_money_call, put]).iv.tolist() == [0.9, 0.9]


@pytest.mark.parametrize("strike", [85.0, 100.0, 120.0])
def test_a_volatility_nobody_lists_is_solved_from_the_mid(strike: float) -> None:
    chain = a_chain(a_quoted_pair(strike, forward=100 * math.exp(0.04 * 30 / 365), iv=0.42, half_spread=0.01))
    assert chain.iv.tolist() == pytest.approx([0.42, 0.42], rel=1e-9)
    assert chain.coverage.dropped == {}


@pytest.mark.parametrize(("bid", "ask"), [(0.0, 2.0), (NAN, 2.0), (2.0, NAN), (2.1, 2.0), (2.0, math.inf)])
def test_a_quote_that_is_not_two_sided_gives_no_volatility(bid: float, ask: float) -> None:
    assert DropReason.NO_IV in coverage([a_call(iv=NAN, bid=bid, ask=ask)]).dropped


def test_infinite_asks_everywhere_fail_nothing() -> None:
    pairs = [replace(one, ask=math.inf) for strike in range(80, 121) for one in a_quoted_pair(strike, half_spread=0.001)]
    assert a_chain(pairs, symbol="SPX").coverage.used == 0


def test_the_multiplier_is_the_one_listed() -> None:
    assert a_chain([a_call(multiplier=10.0), a_call(105)]).multiplier.tolist() == [10.0, 100.0]


def test_columns_keep_their_rows_together() -> None:
    contracts = [
        Contract(
            100 + index % 5,
            bool(index % 2),
            date(2024, 7, 5 + index // 10),
            0.1 + index / 100,
            10.0 + index,
            multiplier=50 + index,
        )
        for index in range(20)
    ]
    chain = a_chain(contracts)
    listed = {(eastern(c.expiry, 16), c.is_call, c.strike): (c.open_interest, c.multiplier) for c in contracts}
    for index in range(len(chain)):
        when = chain.expiry[index].item().replace(tzinfo=UTC)
        key = (when, bool(chain.is_call[index]), float(chain.strike[index]))
        assert listed.pop(key) == (chain.open_interest[index], chain.multiplier[index])
        assert chain.curve.years[chain.term[index]] == (when - QUOTE_TIME).total_seconds() / 31536000
    assert not listed


def test_nothing_listed_gives_an_empty_chain_that_can_be_read() -> None:
    chain = a_chain([])
    assert len(chain) == 0
    assert chain.coverage == Coverage(0, 0, 0, 0.0, 0.0, {}, ForwardBasis.FLAT_RATE, 0.0)
    assert chain.coverage.open_interest_share is None


def test_one_row_is_a_chain() -> None:
    chain = a_chain([a_put(95, iv=0.35, open_interest=4)], symbol="SPY")
    assert (len(chain), chain.symbol, chain.asset_class, chain.quote_time) == (1, "SPY", AssetClass.ETF, QUOTE_TIME)
    assert (chain.strike[0], chain.iv[0], chain.open_interest[0], bool(chain.is_call[0])) == (95.0, 0.35, 4.0, False)
    assert chain.coverage.forward_basis is ForwardBasis.FLAT_RATE


def test_the_share_of_open_interest_on_parity_forwards_is_reported() -> None:
    later = date(2024, 8, 16)
    chain = a_chain([*a_quoted_pair(100.0, open_interest=150), a_call(100, expiry=later, open_interest=100)])
    assert chain.coverage.forward_basis is ForwardBasis.MIXED
    assert chain.coverage.parity_share == 0.75
    assert a_chain(a_quoted_pair(100.0)).coverage.forward_basis is ForwardBasis.PARITY


def anything(values: st.SearchStrategy[float], *odd: float) -> st.SearchStrategy[float]:
    return st.one_of(values, values, values, st.sampled_from(odd))


LISTED = st.builds(
    Contract,
    strike=anything(st.integers(80, 120).map(float), NAN, -1.0, 0.0, math.inf),
    is_call=st.booleans(),
    expiry=st.sampled_from([EXPIRY, MONTHLY, HALF_DAY, date(2024, 6, 5), date(2024, 6, 3)]),
    iv=anything(st.floats(0.05, 2.0), NAN, 0.0, -1.0),
    open_interest=anything(st.integers(0, 5000).map(float), NAN, -10.0),
    bid=anything(st.floats(0.05, 5.0), NAN, 0.0),
    ask=anything(st.floats(0.05, 8.0), NAN),
    multiplier=anything(st.just(100.0), 0.0, NAN, 10.0),
    root=st.sampled_from(["SPX", "SPXW", "SPX1"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(LISTED, max_size=25), st.integers(0, 3))
def test_coverage_adds_up_whatever_is_listed(contracts: list[Contract], unreadable: int) -> None:
    chain = build_chain(some_rows(contracts, symbol="SPX", unreadable=unreadable))
    found = chain.coverage
    told = [one.open_interest for one in found.dropped.values() if one.open_interest is not None]
    if len(told) == len(found.dropped):
        assert found.open_interest_seen == found.open_interest_used + sum(told)
    assert found.open_interest_seen >= found.open_interest_used + sum(told)
    dropped = sum(one.contracts for one in found.dropped.values())
    bad_without_interest = sum(not one.open_interest > 0 and is_bad(one) for one in contracts) + unreadable
    assert found.seen + bad_without_interest == found.used + dropped
    assert found.listed == len(contracts) + unreadable
    assert found.used == np.count_nonzero(chain.open_interest > 0)
    assert found.open_interest_used == chain.open_interest.sum()
    assert all(np.isfinite(column).all() and (column > 0).all() for column in (chain.iv, chain.strike, chain.multiplier))
    assert (chain.curve.years > 0).all()


def is_bad(one: Contract) -> bool:
    return not (0 < one.strike < math.inf and one.multiplier > 0 and one.open_interest >= 0)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(LISTED, max_size=20, unique_by=lambda one: (one.strike, one.is_call, one.expiry, one.root)),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_rows_is_irrelevant(contracts: list[Contract], random: Random) -> None:
    shuffled = list(contracts)
    random.shuffle(shuffled)
    assert_identical(a_chain(contracts, symbol="SPX"), a_chain(shuffled, symbol="SPX"))


def assert_identical(one: Chain, other: Chain) -> None:
    for name in ("expiry", "term", "is_call", "strike", "iv", "open_interest", "multiplier", "bid", "ask"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for name in ("years", "forward", "rate", "from_parity", "same_day"):
        np.testing.assert_array_equal(getattr(one.curve, name), getattr(other.curve, name), err_msg=name)
    assert one.coverage == other.coverage
