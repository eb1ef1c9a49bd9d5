"""Repricing over spots: against the greeks one by one, under both smile rules; roots of any curve; published recipes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from exposure.chain import Chain
from exposure.dealer import ComputedLegs, Greek, SignConvention, SignPair, sign_pair
from exposure.greeks import greeks
from exposure.holdings import Holdings, SmileRule, holdings_of, holdings_of_rows, moved_volatility
from exposure.legs import measure
from exposure.profile import BLOCK_CELLS, leg_gex_by_row, net_gex_profile, plain_grid, points_at_narrow_strikes
from exposure.zero_gamma import zero_gamma
from tests.builders import EXPIRY, Contract, a_call, a_chain, a_put, some_rows
from tests.exposure.test_index_chains import FOLDER, recorded

CALLS_LESS_PUTS = SignPair(1, -1)
LATER = date(2024, 9, 20)


def a_smiling_chain(spot: float = 100.0, symbol: str = "NVDA") -> Chain:
    contracts = []
    for expiry in (EXPIRY, LATER):
        for index, strike in enumerate(np.arange(80.0, 121.0, 5.0).tolist()):
            iv = 0.25 + 0.6 * (strike / 100.0 - 1.0) ** 2 - 0.2 * (strike / 100.0 - 1.0)
            contracts += [
                a_call(strike, expiry=expiry, iv=iv, open_interest=500.0 + 70 * index),
                a_put(strike, expiry=expiry, iv=iv, open_interest=1100.0 - 80 * index),
            ]
    return a_chain(contracts, spot=spot, symbol=symbol)


def one_by_one(chain: Chain, signs: SignPair, spot: float, smile: SmileRule) -> float:
    """Net GEX at `spot` from the greeks of each contract."""
    curve = chain.curve
    carry = np.log(curve.forward / chain.spot) / curve.years
    iv = chain.iv.copy()
    if smile is SmileRule.STICKY_DELTA:
        for position in range(len(chain)):
            alike = (chain.term == chain.term[position]) & (chain.is_call == chain.is_call[position])
            asked = chain.strike[position] * chain.spot / spot
            iv[position] = np.interp(asked, chain.strike[alike], chain.iv[alike])
    gamma = greeks(
        spot,
        chain.strike,
        curve.years[chain.term],
        iv,
        chain.is_call,
        rate=curve.rate[chain.term],
        dividend_yield=(curve.rate - carry)[chain.term],
    ).gamma
    side = np.where(chain.is_call, signs.call, signs.put)
    return float(np.sum(side * gamma * chain.open_interest * chain.multiplier) * spot**2 * 0.01)


@pytest.mark.parametrize("smile", SmileRule)
@pytest.mark.parametrize("signs", [SignPair(1, -1), SignPair(-1, -1), SignPair(-1, 1), SignPair(1, 1)])
def test_profile_is_the_sum_of_the_greeks_at_every_spot(smile: SmileRule, signs: SignPair) -> None:
    chain = a_smiling_chain()
    spots = np.array([70.0, 85.0, 97.3, 100.0, 101.0, 116.0, 130.0])
    expected = [one_by_one(chain, signs, spot, smile) for spot in spots.tolist()]
    np.testing.assert_allclose(net_gex_profile(holdings_of(chain, smile), signs, spots), expected, rtol=1e-11, atol=1e-6)


@pytest.mark.parametrize("smile", SmileRule)
@pytest.mark.parametrize("convention", SignConvention)
def test_profile_at_todays_spot_is_the_net_exposure(smile: SmileRule, convention: SignConvention) -> None:
    chain = a_smiling_chain()
    signs = sign_pair(convention, chain.asset_class, Greek.GEX)
    (here,) = net_gex_profile(holdings_of(chain, smile), signs, np.array([chain.spot]))
    assert here == pytest.approx(measure(chain).net(Greek.GEX, convention), rel=1e-12)


def test_legs_by_row_add_up_to_the_legs_of_the_chain() -> None:
    chain = a_smiling_chain()
    measured = measure(chain).measured
    assert isinstance(measured, ComputedLegs)
    call, put = leg_gex_by_row(holdings_of(chain))
    assert (call.sum(), put.sum()) == pytest.approx((measured.total.gex.call, measured.total.gex.put), rel=1e-12)


def test_a_call_and_a_put_of_one_volatility_share_a_row_and_others_do_not() -> None:
    merged = holdings_of(a_chain([a_call(100.0), a_put(100.0), a_put(95.0)]))
    assert len(merged) == 2
    own = some_rows([a_call(100.0, iv=0.2), a_put(100.0, iv=0.3)])
    assert len(holdings_of_rows(own)) == 2
    assert len(holdings_of(a_chain([a_call(100.0), a_put(100.0)]), SmileRule.STICKY_DELTA)) == 2


def test_contracts_without_open_interest_shape_the_smile_and_nothing_else() -> None:
    held, silent = a_call(100.0, iv=0.2), a_call(110.0, iv=0.4, open_interest=0.0)
    spots = np.array([95.0, 105.0])
    without, with_silent = a_chain([held]), a_chain([held, silent])
    for smile, same in ((SmileRule.STICKY_STRIKE, True), (SmileRule.STICKY_DELTA, False)):
        alone = net_gex_profile(holdings_of(without, smile), CALLS_LESS_PUTS, spots)
        joined = net_gex_profile(holdings_of(with_silent, smile), CALLS_LESS_PUTS, spots)
        assert joined[1] == pytest.approx(alone[1], rel=1e-12)  # above spot the smile is read below its lowest strike
        assert bool(joined[0] == pytest.approx(alone[0], rel=1e-12)) is same


def test_a_flat_smile_makes_both_rules_one() -> None:
    chain = a_chain([a_call(float(strike)) for strike in range(90, 111)] + [a_put(float(strike)) for strike in range(85, 101)])
    spots = plain_grid(80.0, 120.0, 50)
    sticky_strike, sticky_delta = (net_gex_profile(holdings_of(chain, smile), CALLS_LESS_PUTS, spots) for smile in SmileRule)
    np.testing.assert_allclose(sticky_strike, sticky_delta, rtol=1e-12)


@pytest.mark.parametrize("points", [1, 7, BLOCK_CELLS + 1])
def test_the_size_of_a_block_changes_nothing(points: int) -> None:
    holdings = holdings_of(a_smiling_chain())
    spots = np.linspace(80.0, 120.0, points)
    whole = net_gex_profile(holdings, CALLS_LESS_PUTS, spots)
    single = net_gex_profile(holdings, CALLS_LESS_PUTS, spots[-1:])
    assert whole[-1] == pytest.approx(single[0], rel=1e-12)


def test_volatility_moves_in_points_down_to_a_floor_and_no_further() -> None:
    moved = moved_volatility(np.array([0.30, 0.03, 0.004]), -5.0)
    np.testing.assert_allclose(moved, [0.25, 0.01, 0.004])
    np.testing.assert_allclose(moved_volatility(np.array([0.30, 0.004]), 5.0), [0.35, 0.054])


def test_an_empty_chain_has_a_profile_of_zeros() -> None:
    holdings = holdings_of(a_chain([]))
    assert net_gex_profile(holdings, CALLS_LESS_PUTS, np.array([90.0, 100.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (2.0, 1.0), (np.nan, 1.0), (1.0, np.inf)])
def test_a_grid_that_is_not_one_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="0 < low < high"):
        plain_grid(low, high)


class TestRecipeOfPublishedScripts:
    @pytest.mark.real_data
    @pytest.mark.parametrize(
        ("name", "symbol", "stamp", "expected"),
        [
            ("spx_quotedata_2022-02-05.csv", "SPX", datetime(2022, 2, 5, 21, tzinfo=UTC), -18.8549e9),
            ("spx_quotedata_2022-12-12.csv", "SPX", datetime(2022, 12, 12, 20, 30, tzinfo=UTC), -3.0469e9),
            ("ndx_quotedata_2022-12-12.csv", "NDX", datetime(2022, 12, 12, 20, 30, tzinfo=UTC), 1.2069e9),
            ("rut_quotedata_2022-12-12.csv", "RUT", datetime(2022, 12, 12, 20, 30, tzinfo=UTC), -0.4084e9),
        ],
    )
    def test_net_exposure_of_a_recorded_chain(self, name: str, symbol: str, stamp: datetime, expected: float) -> None:
        holdings = holdings_of_rows(recorded(FOLDER / name, symbol, stamp).rows)
        (net,) = net_gex_profile(holdings, CALLS_LESS_PUTS, np.array([holdings.spot]))
        assert net == pytest.approx(expected, abs=0.5e5)

    def test_days_are_whole_and_at_least_one_and_rates_are_none(self) -> None:
        rows = some_rows([a_call(expiry=date(2024, 6, 4)), a_call(expiry=date(2024, 6, 5)), a_call(), a_call(iv=np.nan)])
        holdings = holdings_of_rows(rows)
        np.testing.assert_allclose(np.sort(holdings.terms.years), [1 / 365, 1 / 365, 30 / 365])
        assert not holdings.terms.carry.any()
        assert not holdings.terms.dividend_yield.any()

    def test_each_part_of_it_is_a_keyword(self) -> None:
        rows = some_rows([a_call(expiry=date(2024, 6, 4)), a_call()])
        holdings = holdings_of_rows(rows, rate=0.05, dividend_yield=0.02, whole_days=False, keep_expired=False)
        np.testing.assert_allclose(holdings.terms.years, [30 / 365])
        np.testing.assert_allclose(holdings.terms.carry, [0.03])
        np.testing.assert_allclose(holdings.terms.dividend_yield, [0.02])


class TestNarrowStrikes:
    @staticmethod
    def minutes_before_the_close(short: float = 4000.0) -> Holdings:
        today = date(2024, 6, 5)
        contracts: list[Contract] = [a_call(float(strike), expiry=LATER, open_interest=800.0) for strike in range(90, 111)]
        contracts.append(a_put(103.0, expiry=today, open_interest=short))
        chain = a_chain(contracts, quote_time=datetime(2024, 6, 5, 19, 59, tzinfo=UTC))
        return holdings_of(chain)

    def test_a_spike_between_two_points_of_the_grid_is_seen(self) -> None:
        holdings = self.minutes_before_the_close()
        plain = plain_grid(85.0, 115.0)
        profile = net_gex_profile(holdings, CALLS_LESS_PUTS, plain)
        assert (profile > 0).all() or len(np.flatnonzero(np.diff(np.sign(profile)))) == 2
        found = zero_gamma(holdings, CALLS_LESS_PUTS)
        assert len(found.roots) == 2
        assert all(root.unstable and abs(root.at - 103.0) < 0.3 for root in found.roots)
        np.testing.assert_allclose(
            net_gex_profile(holdings, CALLS_LESS_PUTS, np.array([root.at for root in found.roots])),
            0.0,
            atol=1e-6 * float(np.max(profile)),
        )

    def test_a_spike_too_low_to_turn_the_total_is_not_looked_at(self) -> None:
        holdings = self.minutes_before_the_close(short=0.01)
        plain = plain_grid(85.0, 115.0)
        profile = net_gex_profile(holdings, CALLS_LESS_PUTS, plain)
        assert len(points_at_narrow_strikes(holdings, CALLS_LESS_PUTS, plain, profile)) == 0
