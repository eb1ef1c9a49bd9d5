"""Baskets in a common shock: the names, their mean and their sum, betas, and every flip."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from exposure.basket import Basket
from exposure.chain import Chain
from exposure.dealer import Greek, sign_pair
from exposure.holdings import SmileRule, holdings_of
from exposure.legs import measure
from exposure.stress import DEFAULT_SHOCKS, Scenario, StressError, stress
from exposure.zero_gamma import FlipStatus, zero_gamma
from tests.builders import Contract, a_call, a_chain, a_put
from tests.exposure.stressed import LATER, STREET, a_dividend_chain, only, some_contracts

TODAY = date(2024, 6, 5)


class TestBasket:
    @staticmethod
    def chains() -> dict[str, Chain]:
        heavy_puts = [
            replace(one, open_interest=one.open_interest * (1.0 if one.is_call else 1.4)) for one in some_contracts(50.0)
        ]
        return {
            "NVDA": a_dividend_chain(some_contracts()),
            "AMD": a_chain(heavy_puts, symbol="AMD", spot=50.0),
            "SPY": a_chain(some_contracts(400.0), symbol="SPY", spot=400.0),
        }

    @pytest.mark.parametrize("smile", SmileRule)
    def test_of_one_name_is_the_name(self, smile: SmileRule) -> None:
        chain = a_dividend_chain(some_contracts())
        answer = only(chain, Scenario(smile=smile))
        (name,) = answer.names
        for curve in (answer.mean, answer.total):
            np.testing.assert_array_equal(curve.net_gex, name.net_gex)
            np.testing.assert_array_equal(curve.flow.total, name.flow.total)
            np.testing.assert_allclose(curve.flow.rest, name.flow.rest, atol=1e-6)
        own = zero_gamma(holdings_of(chain, smile), sign_pair(STREET, chain.asset_class, Greek.GEX))
        assert [root.at for root in name.zero_gamma.roots] == pytest.approx([root.at for root in own.roots], rel=1e-9)
        assert name.zero_gamma.status is own.status
        shocks = [root.at for root in answer.total.zero_gamma.roots]
        assert [chain.spot * (1 + shock) for shock in shocks] == pytest.approx([root.at for root in own.roots], rel=1e-9)
        assert answer.total.zero_gamma.status is own.status

    def test_mean_and_sum_are_those_of_the_names(self) -> None:
        basket = Basket.of(["NVDA", "AMD", "SPY"], [3.0, 2.0, 5.0])
        answer = stress(basket, self.chains(), STREET)
        assert [one.weight for one in answer.names] == pytest.approx([0.3, 0.2, 0.5])
        for pick in ("net_gex", "flow"):
            curves = [getattr(one, pick) for one in answer.names]
            values = [one.total if pick == "flow" else one for one in curves]
            mean, total = getattr(answer.mean, pick), getattr(answer.total, pick)
            mean, total = (mean.total, total.total) if pick == "flow" else (mean, total)
            np.testing.assert_allclose(mean, 0.3 * values[0] + 0.2 * values[1] + 0.5 * values[2], rtol=1e-12)
            np.testing.assert_allclose(total, values[0] + values[1] + values[2], rtol=1e-12)
        assert answer.scenario.shocks == DEFAULT_SHOCKS

    def test_no_shock_is_the_aggregate_of_today(self) -> None:
        chains = self.chains()
        answer = stress(Basket.of(list(chains)), chains, STREET, Scenario((-0.01, 0.0, 0.01)))
        today = [measure(chain).net(Greek.GEX, STREET) or 0.0 for chain in chains.values()]
        assert answer.total.net_gex[1] == pytest.approx(sum(today), rel=1e-12)
        assert answer.mean.net_gex[1] == pytest.approx(sum(today) / 3, rel=1e-12)

    @pytest.mark.parametrize("betas", [{}, {"NVDA": 1.7, "AMD": -0.6, "SPY": 0.9}])
    def test_the_aggregate_is_zero_at_its_roots_and_the_nearest_is_nearest_to_no_shock(self, betas: dict[str, float]) -> None:
        chains = self.chains()
        answer = stress(Basket.of(list(chains), [3.0, 2.0, 5.0]), chains, STREET, betas=betas)
        for curve in (answer.mean, answer.total):
            roots = [root.at for root in curve.zero_gamma.roots]
            assert len(roots) == np.count_nonzero(np.diff(np.sign(curve.net_gex)))
            assert curve.zero_gamma.nearest == (min(roots, key=abs) if roots else None)
        if not betas:
            assert answer.mean.zero_gamma.roots
        for root in answer.mean.zero_gamma.roots:
            there = stress(Basket.of(list(chains), [3.0, 2.0, 5.0]), chains, STREET, Scenario((root.at, 0.2)), betas)
            assert abs(there.mean.net_gex[0]) < 1e-8 * float(np.max(np.abs(answer.mean.net_gex)))

    def test_a_beta_scales_a_names_move(self) -> None:
        chain = a_dividend_chain(some_contracts())
        double, plain = only(chain, Scenario((-0.05, 0.05)), beta=2.0), only(chain, Scenario((-0.10, 0.10)))
        np.testing.assert_allclose(double.names[0].spots, [90.0, 110.0])
        np.testing.assert_allclose(double.total.flow.total, plain.total.flow.total, rtol=1e-12)
        inverse = only(chain, Scenario((-0.10, 0.10)), beta=-1.0)
        np.testing.assert_allclose(inverse.total.flow.total, plain.total.flow.total[::-1], rtol=1e-9)
        assert [root.at for root in inverse.total.zero_gamma.roots] == pytest.approx(
            [-root.at for root in reversed(plain.total.zero_gamma.roots)], abs=1e-9
        )

    def test_a_name_of_no_beta_stays_where_it_is(self) -> None:
        answer = only(a_dividend_chain(some_contracts()), Scenario((-0.1, 0.1)), beta=0.0)
        assert answer.total.flow.total.tolist() == [0.0, 0.0]
        assert answer.names[0].zero_gamma.status is FlipStatus.NONE_IN_RANGE
        assert answer.total.zero_gamma.roots == ()

    def test_names_without_a_chain_or_without_open_interest_are_told_and_weights_renormalised(self) -> None:
        chains = {**self.chains(), "TSM": a_chain([a_call(open_interest=0.0)], symbol="TSM")}
        answer = stress(Basket.of(["NVDA", "TSM", "SMCI", "AMD"]), chains, STREET)
        assert answer.not_repriced == ("TSM", "SMCI")
        assert answer.weight_coverage == pytest.approx(0.5)
        assert [(one.symbol, one.weight) for one in answer.names] == [("NVDA", 0.5), ("AMD", 0.5)]

    def test_the_order_and_the_scale_of_weights_change_nothing(self) -> None:
        chains = self.chains()
        first = stress(Basket.of(["NVDA", "AMD", "SPY"], [1.0, 2.0, 3.0]), chains, STREET)
        second = stress(Basket.of(["SPY", "NVDA", "AMD"], [30.0, 10.0, 20.0]), chains, STREET)
        np.testing.assert_allclose(first.mean.net_gex, second.mean.net_gex, rtol=1e-12)
        assert first.mean.zero_gamma.nearest == pytest.approx(second.mean.zero_gamma.nearest, rel=1e-9)

    def test_a_spike_of_one_name_turns_the_basket_between_two_shocks(self) -> None:
        spike = a_chain(
            [a_put(103.0, expiry=TODAY, open_interest=30_000.0)],
            symbol="AMD",
            quote_time=datetime(2024, 6, 5, 19, 59, tzinfo=UTC),
        )
        calm = a_chain([a_call(float(strike), expiry=LATER) for strike in range(90, 111)])
        answer = stress(Basket.of(["NVDA", "AMD"]), {"NVDA": calm, "AMD": spike}, STREET)
        roots = answer.total.zero_gamma.roots
        assert len(roots) == 2
        assert all(root.unstable and abs(root.at - 0.03) < 0.003 for root in roots)
        assert answer.total.zero_gamma.status is FlipStatus.UNSTABLE

    @pytest.mark.parametrize("smile", SmileRule)
    @pytest.mark.parametrize("betas", [{}, {"NVDA": -1.2, "AMD": 0.7}])
    def test_no_flip_of_a_basket_that_expires_within_minutes_is_missed(self, smile: SmileRule, betas: dict[str, float]) -> None:
        random = np.random.default_rng(11)
        chains = {}
        for symbol, spot in (("NVDA", 100.0), ("AMD", 50.0), ("TSM", 200.0)):
            contracts = [
                Contract(share * spot, is_call, expiry, 0.25, float(random.integers(1, 4000)))
                for share in np.arange(0.9, 1.1, 0.0125).tolist()
                for is_call in (True, False)
                for expiry in (TODAY, LATER)
            ]
            chains[symbol] = a_chain(contracts, symbol=symbol, spot=spot, quote_time=datetime(2024, 6, 5, 19, 50, tzinfo=UTC))
        basket = Basket.of(list(chains), [5.0, 3.0, 2.0])
        dense = Scenario(tuple(np.linspace(-0.15, 0.15, 12_001).tolist()), smile=smile)
        brute = stress(basket, chains, STREET, dense, betas)
        answer = stress(basket, chains, STREET, Scenario(smile=smile), betas)
        for mine, exact in ((answer.mean, brute.mean), (answer.total, brute.total)):
            changes = np.flatnonzero(np.diff(np.sign(exact.net_gex)))
            assert len(changes) > 4
            expected = np.array(dense.shocks)[changes] + 0.0000125
            np.testing.assert_allclose([root.at for root in mine.zero_gamma.roots], expected, atol=0.000013)

    @pytest.mark.parametrize("shocks", [(), (0.01,), (0.02, 0.01), (0.0, 0.0), (float("nan"), 0.1), (0.0, float("inf"))])
    def test_shocks_that_are_none_are_refused(self, shocks: tuple[float, ...]) -> None:
        with pytest.raises(StressError, match="ascending"):
            only(a_chain(), Scenario(shocks))

    @pytest.mark.parametrize("beta", [7.0, -6.7, float("nan"), float("inf")])
    def test_a_beta_that_takes_a_spot_to_zero_is_refused_by_name(self, beta: float) -> None:
        with pytest.raises(StressError, match="NVDA"):
            only(a_chain(), Scenario(), beta=beta)

    @pytest.mark.parametrize("scenario", [Scenario(days_forward=-1.0), Scenario(days_forward=float("nan")),
                                          Scenario(volatility_points=float("inf"))])  # fmt: skip
    def test_days_and_points_that_are_none_are_refused(self, scenario: Scenario) -> None:
        with pytest.raises(StressError, match=r"days|points"):
            only(a_chain(), scenario)

    def test_a_basket_without_chains_is_refused(self) -> None:
        with pytest.raises(StressError, match="nothing to reprice"):
            stress(Basket.of(["NVDA", "AMD"], [1.0, 0.0]), {"AMD": a_chain(symbol="AMD")}, STREET)
