"""Flips on recorded chains, walls, magnets and max pain, and what each says when there is nothing to say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exposure.chain import build_chain
from exposure.dealer import ComputedLegs, SignConvention, SignPair
from exposure.holdings import SmileRule, holdings_of, holdings_of_rows
from exposure.legs import measure
from exposure.levels import Levels, MaxPain, by_strike, levels_of, max_pain
from exposure.profile import net_gex_profile
from exposure.zero_gamma import FlipStatus, ZeroGamma, zero_gamma
from tests.builders import EXPIRY, Contract, a_call, a_chain, a_put
from tests.exposure.test_index_chains import FOLDER, recorded

STREET = SignConvention.STREET
CALLS_LESS_PUTS = SignPair(1, -1)
TODAY, LATER = date(2024, 6, 5), date(2024, 9, 20)
STAMP = datetime(2022, 12, 12, 20, 30, tzinfo=UTC)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "symbol", "stamp", "expected", "unstable"),
    [
        ("spx_quotedata_2022-02-05.csv", "SPX", datetime(2022, 2, 5, 21, tzinfo=UTC), [4587.71], 0),
        (
            "ndx_quotedata_2022-12-12.csv", "NDX", STAMP,
            [10681.81, 10720.87, 10791.95, 10810.67, 10983.26, 11020.30, 11180.03], 0,
        ),
        (
            "rut_quotedata_2022-12-12.csv", "RUT", STAMP,
            [1890.99, 1939.82, 1940.18, 1949.44, 1950.56, 2048.98, 2051.02], 6,
        ),
    ],
)  # fmt: skip
def test_every_root_of_a_recorded_chain(name: str, symbol: str, stamp: datetime, expected: list[float], unstable: int) -> None:
    found = zero_gamma(holdings_of_rows(recorded(FOLDER / name, symbol, stamp).rows), CALLS_LESS_PUTS)
    assert [root.at for root in found.roots] == pytest.approx(expected, abs=0.01)
    assert [root.unstable for root in found.roots].count(True) == unstable
    assert found.status is FlipStatus.FOUND


@pytest.mark.real_data
@pytest.mark.parametrize("minutes", [1, 5, 60, 300])
def test_no_root_of_a_chain_about_to_expire_is_missed(minutes: int) -> None:
    close = datetime(2022, 12, 12, 21, tzinfo=UTC).timestamp()
    rows = recorded(FOLDER / "ndx_quotedata_2022-12-12.csv", "NDX", STAMP).rows
    chain = build_chain(replace(rows, quote_time=datetime.fromtimestamp(close - 60 * minutes, UTC)))
    holdings = holdings_of(chain)
    today = holdings.keeping(holdings.terms.same_day[holdings.term])
    for part in (holdings, today):
        dense = np.linspace(0.85, 1.15, 20_001) * chain.spot
        profile = net_gex_profile(part, CALLS_LESS_PUTS, dense)
        told = np.abs(profile) > 1e-9 * np.abs(profile).max()
        changes = np.count_nonzero(np.diff(np.sign(profile[told])))
        assert changes >= 1
        assert len(zero_gamma(part, CALLS_LESS_PUTS).roots) >= changes


def straddles(*, calls_at: float = 110.0, puts_at: float = 90.0) -> list[Contract]:
    return [a_call(calls_at, open_interest=3000.0), a_put(puts_at, open_interest=3000.0)]


class TestFlip:
    @pytest.mark.parametrize("smile", SmileRule)
    def test_gamma_is_short_below_and_long_above_a_root_between_puts_and_calls(self, smile: SmileRule) -> None:
        chain = a_chain(straddles())
        levels = levels_of(chain, STREET, smile=smile)
        assert levels.zero_gamma.status is FlipStatus.FOUND
        assert levels.gamma_flip is not None
        assert 95.0 < levels.gamma_flip < 105.0
        around = levels.gamma_flip * np.array([0.999, 1.0, 1.001])
        below, here, above = net_gex_profile(holdings_of(chain, smile), CALLS_LESS_PUTS, around)
        assert below < 0 < above
        assert abs(here) < 1e-6 * above

    def test_none_is_none_and_never_zero(self) -> None:
        for convention in (SignConvention.LONG_ALL, SignConvention.SHORT_ALL):
            levels = levels_of(a_chain(straddles()), convention)
            assert levels.gamma_flip is None
            assert levels.zero_gamma.status is FlipStatus.NONE_IN_RANGE
            assert levels.zero_gamma.roots == ()
            assert (levels.zero_gamma.low, levels.zero_gamma.high) == pytest.approx((85.0, 115.0))

    @pytest.mark.parametrize("smile", SmileRule)
    def test_a_book_that_cancels_has_no_flip_in_its_rounding(self, smile: SmileRule) -> None:
        pairs = [one for strike in range(80, 121) for one in (a_call(float(strike)), a_put(float(strike)))]
        assert levels_of(a_chain(pairs), STREET, smile=smile).zero_gamma.roots == ()

    def test_the_width_is_the_range(self) -> None:
        chain = a_chain(straddles(calls_at=112.0, puts_at=111.0))
        assert levels_of(chain, STREET, width=0.05).gamma_flip is None
        assert levels_of(chain, STREET, width=0.30).gamma_flip == pytest.approx(111.5, abs=1.0)

    @pytest.mark.parametrize("width", [0.0, 1.0, -0.1, float("nan")])
    def test_a_width_that_is_none_is_refused(self, width: float) -> None:
        with pytest.raises(ValueError, match="0 < low < high"):
            levels_of(a_chain(), STREET, width=width)

    @given(st.sampled_from([0.5, 2.0, 3.0]), st.sampled_from([0.01, 7.0]))
    def test_splits_and_the_size_of_the_market_move_nothing_else(self, split: float, size: float) -> None:
        base = levels_of(a_chain(straddles()), STREET)
        moved = [replace(one, strike=one.strike / split, open_interest=one.open_interest * split * size) for one in straddles()]
        levels = levels_of(a_chain(moved, spot=100.0 / split), STREET)
        assert base.gamma_flip is not None
        assert levels.gamma_flip == pytest.approx(base.gamma_flip / split, rel=1e-9)

    def test_the_nearest_root_gives_the_status_and_pairs_within_a_strike_step_are_unstable(self) -> None:
        found = ZeroGamma.of([90.0, 92.0, 101.0, 120.0], here=100.0, step=2.0, low=80.0, high=130.0)
        assert found.nearest == 101.0
        assert found.status is FlipStatus.FOUND
        assert [root.unstable for root in found.roots] == [True, True, False, False]
        assert ZeroGamma.of([90.0, 92.0], here=100.0, step=2.0, low=80.0, high=130.0).status is FlipStatus.UNSTABLE
        assert ZeroGamma.of([90.0, 92.0], here=100.0, step=1.9, low=80.0, high=130.0).status is FlipStatus.FOUND


class TestStrikes:
    CONTRACTS = (
        a_call(105.0, expiry=TODAY, open_interest=900.0),
        a_call(110.0, open_interest=5000.0),
        a_call(110.0, expiry=LATER, open_interest=100.0),
        a_put(110.0, open_interest=50.0),
        a_put(90.0, open_interest=4000.0),
        a_put(80.0, expiry=LATER, open_interest=9000.0),
        a_put(99.0, expiry=TODAY, open_interest=300.0),
    )
    MORNING = datetime(2024, 6, 5, 14, 0, tzinfo=UTC)

    def levels(self) -> Levels:
        return levels_of(a_chain(self.CONTRACTS, quote_time=self.MORNING), STREET)

    def test_the_table_adds_up_to_the_legs(self) -> None:
        chain = a_chain(self.CONTRACTS, quote_time=self.MORNING)
        table = by_strike(chain, STREET)
        measured = measure(chain).measured
        assert isinstance(measured, ComputedLegs)
        legs = measured.total.gex
        assert [one.strike for one in table] == [80.0, 90.0, 99.0, 105.0, 110.0]
        assert sum(one.call_gex for one in table) == pytest.approx(legs.call, rel=1e-12)
        assert sum(one.put_gex for one in table) == pytest.approx(legs.put, rel=1e-12)
        assert all(one.net_gex == one.call_gex - one.put_gex for one in table)
        assert (table[-1].call_open_interest, table[-1].put_open_interest) == (5100.0, 50.0)

    def test_the_table_of_one_date_and_of_today(self) -> None:
        chain = a_chain(self.CONTRACTS, quote_time=self.MORNING)
        assert [one.strike for one in by_strike(chain, STREET, expiry=LATER)] == [80.0, 110.0]
        assert by_strike(chain, STREET, expiry=TODAY) == by_strike(chain, STREET, only_same_day=True)
        assert by_strike(chain, STREET, expiry=date(2030, 1, 1)) == ()

    def test_each_level_is_the_best_of_the_table(self) -> None:
        levels, table = self.levels(), by_strike(a_chain(self.CONTRACTS, quote_time=self.MORNING), STREET)
        by_strike_price = {one.strike: one for one in table}
        assert levels.call_wall is not None
        assert levels.call_wall.value == max(one.call_gex for one in table)
        assert by_strike_price[levels.call_wall.strike].call_gex == levels.call_wall.value
        assert levels.put_wall is not None
        assert levels.put_wall.value == max(one.put_gex for one in table)
        assert levels.largest_positive is not None
        assert levels.largest_positive.value == max(one.net_gex for one in table)
        assert levels.largest_negative is not None
        assert levels.largest_negative.value == min(one.net_gex for one in table) < 0
        assert levels.highest_open_interest is not None
        assert (levels.highest_open_interest.strike, levels.highest_open_interest.value) == (80.0, 9000.0)

    def test_the_magnet_looks_at_what_expires_today(self) -> None:
        magnet = self.levels().same_day_magnet
        assert magnet is not None
        assert magnet.strike == 99.0
        assert levels_of(a_chain(straddles()), STREET).same_day_magnet is None

    def test_walls_carry_no_dealer_sign(self) -> None:
        chain = a_chain(self.CONTRACTS, quote_time=self.MORNING)
        first, second = levels_of(chain, STREET), levels_of(chain, SignConvention.SHORT_ALL)
        assert (first.call_wall, first.put_wall) == (second.call_wall, second.put_wall)
        assert second.largest_positive is None

    def test_a_chain_of_one_right_has_no_wall_of_the_other(self) -> None:
        levels = levels_of(a_chain([a_call(100.0)]), STREET)
        assert levels.put_wall is None
        assert levels.largest_negative is None
        assert levels.call_wall == levels.largest_positive

    def test_an_empty_chain_has_no_level_at_all(self) -> None:
        levels = levels_of(a_chain([]), STREET)
        assert levels.gamma_flip is None
        assert levels.zero_gamma.status is FlipStatus.NONE_IN_RANGE
        assert levels.call_wall is None
        assert levels.put_wall is None
        assert levels.highest_open_interest is None
        assert levels.max_pain is None


class TestMaxPain:
    def test_worked_by_hand(self) -> None:
        chain = a_chain([a_call(100.0, open_interest=10.0), a_call(110.0, open_interest=0.0), a_put(120.0, open_interest=30.0)])
        # At 120 the calls are paid 20 · 10 and the puts nothing; at 100 the puts 20 · 30; at 110 10 · 10 + 10 · 30.
        assert max_pain(chain) == MaxPain(EXPIRY, 120.0, 20.0 * 10 * 100)

    def test_of_the_nearest_expiry_that_has_open_interest_or_the_one_asked_for(self) -> None:
        chain = a_chain(
            [
                a_call(100.0, expiry=date(2024, 6, 21), open_interest=0.0),
                a_call(90.0, open_interest=5.0),
                a_put(95.0, open_interest=5.0),
                a_put(70.0, expiry=LATER, open_interest=1e6),
            ]
        )
        nearest, later = max_pain(chain), max_pain(chain, LATER)
        assert nearest is not None
        assert (nearest.expiry, nearest.strike) == (EXPIRY, 90.0)
        assert later is not None
        assert (later.expiry, later.strike, later.payout) == (LATER, 70.0, 0.0)
        assert max_pain(chain, date(2024, 6, 21)) is None
        assert max_pain(chain, date(2030, 1, 1)) is None

    @given(
        st.lists(
            st.tuples(st.booleans(), st.sampled_from([80.0, 90.0, 95.0, 100.0, 105.0, 120.0]), st.integers(1, 500)),
            min_size=1,
            max_size=8,
            unique_by=lambda one: one[:2],
        )
    )
    def test_is_the_lowest_of_all_listed_strikes(self, listed: list[tuple[bool, float, int]]) -> None:
        contracts = [Contract(strike, is_call, open_interest=float(count)) for is_call, strike, count in listed]
        strikes = sorted({one.strike for one in contracts})

        def payout(settlement: float) -> float:
            return sum(
                100.0 * one.open_interest * max(settlement - one.strike if one.is_call else one.strike - settlement, 0.0)
                for one in contracts
            )

        found = max_pain(a_chain(contracts))
        assert found is not None
        assert found.payout == pytest.approx(min(map(payout, strikes)))
        assert found.strike == min(strikes, key=payout)
