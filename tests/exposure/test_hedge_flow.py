"""Hedge flows against the greeks one by one, the split into gamma, vanna, charm and the rest, and what expires on the way."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exposure.chain import Chain
from exposure.dealer import Greek, SignConvention, sign_pair
from exposure.greeks import greeks
from exposure.hedge_flow import revalue
from exposure.holdings import SmileRule, holdings_of
from exposure.legs import measure
from exposure.profile import net_gex_profile
from exposure.stress import Scenario
from exposure.zero_gamma import FlipStatus
from tests.builders import a_call, a_chain, a_put
from tests.exposure.stressed import LATER, STREET, a_dividend_chain, only, some_contracts

CONVENTIONS = tuple(SignConvention)
TODAY, SOON = date(2024, 6, 5), date(2024, 6, 12)
NOON = datetime(2024, 6, 5, 16, 0, tzinfo=UTC)


def dollars_of_delta(chain: Chain, convention: SignConvention, spot: float, points: float, days: float) -> float:
    """Signed shares of delta at another spot, volatility and day, contract by contract, with the signs of GEX."""
    curve = chain.curve
    carry = np.log(curve.forward / chain.spot) / curve.years
    signs = sign_pair(convention, chain.asset_class, Greek.GEX)
    delta = greeks(
        spot,
        chain.strike,
        (curve.years - days / 365)[chain.term],
        chain.iv + points / 100,
        chain.is_call,
        rate=curve.rate[chain.term],
        dividend_yield=(curve.rate - carry)[chain.term],
    ).delta
    side = np.where(chain.is_call, signs.call, signs.put)
    return float(np.sum(side * delta * chain.open_interest * chain.multiplier))


class TestHedgeFlow:
    @pytest.mark.parametrize("convention", CONVENTIONS)
    @pytest.mark.parametrize(("points", "days"), [(0.0, 0.0), (4.0, 0.0), (-3.0, 0.0), (0.0, 5.0), (2.5, 9.0)])
    def test_is_the_change_of_delta_times_the_new_spot(self, convention: SignConvention, points: float, days: float) -> None:
        chain = a_dividend_chain(some_contracts())
        flow = only(chain, Scenario((-0.1, 0.0, 0.02), points, days), convention).total.flow
        before = dollars_of_delta(chain, convention, 100.0, 0.0, 0.0)
        for place, spot in enumerate((90.0, 100.0, 102.0)):
            after = dollars_of_delta(chain, convention, spot, points, days)
            assert flow.total[place] == pytest.approx(-(after - before) * spot, rel=1e-9, abs=1e-4)

    @pytest.mark.parametrize("smile", SmileRule)
    def test_no_move_is_exactly_no_flow(self, smile: SmileRule) -> None:
        flow = only(a_dividend_chain(some_contracts()), Scenario((-0.1, 0.0, 0.1), smile=smile)).total.flow
        for part in (flow.total, flow.gamma, flow.vanna, flow.charm, flow.rest):
            assert part[1] == 0.0
        assert not flow.linear_is_off[1]

    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_converges_to_minus_net_gex_times_the_move(self, convention: SignConvention) -> None:
        chain = a_dividend_chain(some_contracts())
        net_gex = measure(chain).net(Greek.GEX, convention)
        assert net_gex is not None
        for shock in (1e-3, 1e-4, 1e-5):
            flow = only(chain, Scenario((-shock, shock)), convention).total.flow.total
            expected = net_gex * 100.0 * shock
            assert flow == pytest.approx(np.array([expected, -expected]), rel=100 * shock)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @pytest.mark.parametrize("smile", SmileRule)
    def test_the_linear_parts_are_the_published_nets(self, convention: SignConvention, smile: SmileRule) -> None:
        chain = a_dividend_chain(some_contracts())
        measured = measure(chain)
        signs = sign_pair(convention, chain.asset_class, Greek.GEX)
        flow = only(chain, Scenario((-0.02, 0.0, 0.03), 1.5, 2.0, smile), convention).total.flow
        gex = measured.net(Greek.GEX, convention)
        legs = measured.legs(Greek.VEX), measured.legs(Greek.CHEX)
        assert gex is not None
        assert legs[0] is not None
        assert legs[1] is not None
        assert flow.gamma == pytest.approx(-gex * np.array([-2.0, 0.0, 3.0]), rel=1e-9)
        assert flow.vanna[1] == pytest.approx(-1.5 * legs[0].net(signs), rel=1e-9)
        assert flow.charm == pytest.approx(np.full(3, -2.0 * legs[1].net(signs)), rel=1e-9)

    @settings(deadline=None)
    @given(
        spot=st.floats(-1.0, 1.0),
        points=st.floats(-1.0, 1.0),
        days=st.floats(0.0, 1.0),
        convention=st.sampled_from(CONVENTIONS),
        smile=st.sampled_from(list(SmileRule)),
    )
    def test_the_rest_shrinks_with_the_square_of_the_shock(
        self, spot: float, points: float, days: float, convention: SignConvention, smile: SmileRule
    ) -> None:
        chain = a_dividend_chain(some_contracts())
        signs = sign_pair(convention, chain.asset_class, Greek.GEX)
        holdings = holdings_of(chain, smile)
        gross = measure(chain).legs(Greek.GEX)
        assert gross is not None

        def rest(size: float) -> float:
            moved = np.array([chain.spot * (1.0 + 0.02 * size * spot)])
            shifted = revalue(holdings, signs, moved, volatility_points=2.0 * size * points, days_forward=3.0 * size * days)
            return float(shifted.flow.rest[0])

        # Half the shock leaves a quarter of the rest, up to what is of the third order.
        small, smaller = rest(0.02), rest(0.01)
        assert abs(smaller - small / 4.0) <= 0.03 * abs(small) + 1e-7 * gross.gross

    @pytest.mark.parametrize("smile", SmileRule)
    def test_the_parts_add_up(self, smile: SmileRule) -> None:
        answer = only(a_dividend_chain(some_contracts()), Scenario(volatility_points=3.0, days_forward=4.0, smile=smile))
        for flow in (answer.total.flow, answer.mean.flow, answer.names[0].flow):
            parts = flow.gamma + flow.vanna + flow.charm + flow.rest
            assert parts == pytest.approx(flow.total, rel=1e-12, abs=1e-9 * float(np.max(np.abs(flow.total))))
            np.testing.assert_array_equal(flow.linear, flow.gamma + flow.vanna + flow.charm)

    @settings(deadline=None)
    @given(
        strike=st.floats(80.0, 120.0),
        iv=st.floats(0.05, 3.0),
        calls=st.integers(0, 5000),
        puts=st.integers(1, 5000),
        convention=st.sampled_from(CONVENTIONS),
        smile=st.sampled_from(list(SmileRule)),
    )
    def test_a_strike_that_expires_today_never_needs_more_than_its_whole_delta(
        self, strike: float, iv: float, calls: int, puts: int, convention: SignConvention, smile: SmileRule
    ) -> None:
        contracts = [
            a_call(strike, expiry=TODAY, iv=iv, open_interest=float(calls)),
            a_put(strike, expiry=TODAY, iv=iv, open_interest=float(puts)),
        ]
        answer = only(a_chain(contracts, quote_time=NOON), Scenario(smile=smile), convention).names[0]
        assert np.all(np.abs(answer.flow.total) <= (calls + puts) * 100.0 * answer.spots * (1 + 1e-12))

    def test_the_flow_is_bounded_where_the_linear_number_is_not(self) -> None:
        contracts = [a_call(100.0, expiry=TODAY, open_interest=1000.0)]
        flow = only(a_chain(contracts, quote_time=datetime(2024, 6, 5, 19, 45, tzinfo=UTC)), Scenario()).total.flow
        assert abs(flow.linear[-1]) > 10 * 1000 * 100 * 115.0
        assert flow.linear_is_off[-1]

    def test_linear_is_off_beyond_a_fifth_of_the_exact_flow(self) -> None:
        flow = only(a_dividend_chain(some_contracts()), Scenario()).total.flow
        expected = np.abs(flow.linear - flow.total) > 0.2 * np.abs(flow.total)
        assert expected.any()
        assert not expected.all()
        np.testing.assert_array_equal(flow.linear_is_off, expected)

    def test_dealers_long_gamma_sell_a_rise_and_buy_a_fall(self) -> None:
        fall, rise = only(a_chain([a_call(100.0)]), Scenario((-0.01, 0.01))).total.flow.total
        assert rise < 0 < fall


class TestTime:
    def test_expiries_that_pass_drop_out_and_are_told(self) -> None:
        near = [a_call(100.0, expiry=SOON, open_interest=800.0), a_put(95.0, expiry=SOON)]
        far = [a_call(105.0, expiry=LATER), a_put(95.0, expiry=LATER)]
        scenario = Scenario((-0.05, 0.0, 0.05), days_forward=10.0)
        both, alone = only(a_chain(near + far), scenario), only(a_chain(far), scenario)
        np.testing.assert_allclose(both.total.net_gex, alone.total.net_gex, rtol=1e-12)
        np.testing.assert_allclose(both.total.flow.total, alone.total.flow.total, rtol=1e-9)
        told = both.names[0].expired
        assert told is not None
        assert told.expiries == (SOON,)
        assert told.shares == 180_000.0
        gone = measure(a_chain(near))
        assert told.net_gex == pytest.approx(gone.net(Greek.GEX, STREET))
        # Against what dealers are long by the signs of GEX, which for DEX is the coherent convention and not `street`.
        held = gone.net(Greek.DEX, SignConvention.LONG_CALLS_SHORT_PUTS)
        assert held is not None
        assert told.hedge == pytest.approx(-held)
        assert alone.names[0].expired is None

    def test_everything_may_pass(self) -> None:
        answer = only(a_chain([a_call(expiry=SOON)]), Scenario((-0.05, 0.05), days_forward=30.0))
        assert answer.total.net_gex.tolist() == [0.0, 0.0]
        assert answer.total.flow.total.tolist() == [0.0, 0.0]
        assert answer.total.zero_gamma.status is FlipStatus.NONE_IN_RANGE

    def test_net_gex_is_that_of_the_shocked_market(self) -> None:
        chain = a_dividend_chain(some_contracts())
        answer = only(chain, Scenario((0.0, 0.05), 3.0, 4.0))
        signs = sign_pair(STREET, chain.asset_class, Greek.GEX)
        later = holdings_of(chain).shifted(3.0, 4.0)
        np.testing.assert_allclose(answer.total.net_gex, net_gex_profile(later, signs, np.array([100.0, 105.0])), rtol=1e-12)
