"""The volatility side of an index and its names: who is used and who is left out; and gamma side by side."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from exposure.basket import Basket, BasketExposure, aggregate
from exposure.dealer import AtTheMoneyCurve, SignConvention
from exposure.dispersion import (
    Agreement,
    Correlation,
    LeftOut,
    RealisedCorrelation,
    Undefined,
    VolatilityFrame,
    compare_gamma,
    frame_volatility,
    implied_correlation,
)
from tests.builders import a_snapshot, a_vendor_row, an_exposure
from tests.exposure.test_dispersion import (
    GOLDEN_INDEX,
    GOLDEN_VOLATILITIES,
    GOLDEN_WEIGHTS,
    assert_same,
    equal_correlation_panel,
    of_panel,
)


def a_frame(
    weights: dict[str, float],
    ivs: dict[str, float | None],
    index_iv: float | None = GOLDEN_INDEX,
    closes: dict[str, tuple[float, ...]] | None = None,
    tenor: float = 30.0,
) -> VolatilityFrame:
    known = {name: an_exposure(name, atm_iv=iv) for name, iv in {**ivs, "SPX": index_iv}.items()}
    return frame_volatility(weights, known, "SPX", tenor, closes)


def closes_for(names: str, days: int = 40, seed: int = 1) -> dict[str, tuple[float, ...]]:
    """Prices of each name, and of SPX as the equal-weighted index of them."""
    _, _, returns = equal_correlation_panel(0.3, len(names), days - 1, seed)
    panel = np.column_stack([returns, returns.mean(axis=1)])
    prices = 100.0 * np.cumprod(np.vstack([np.ones(panel.shape[1]), 1.0 + panel]), axis=0)
    return {name: tuple(prices[:, column].tolist()) for column, name in enumerate([*names, "SPX"])}


def test_the_golden_basket_volatility_and_its_parts() -> None:
    frame = a_frame(dict(zip("ABC", GOLDEN_WEIGHTS, strict=True)), dict(zip("ABC", GOLDEN_VOLATILITIES, strict=True)))
    assert frame.basket_volatility == pytest.approx(0.224, abs=1e-15)
    shares = [frame.share_of_volatility(name) for name in "ABC"]
    assert shares == pytest.approx([0.09 / 0.224, 0.042 / 0.224, 0.092 / 0.224], abs=1e-15)
    assert frame.share_of_volatility("D") is None
    assert isinstance(frame.implied, Correlation)
    assert frame.implied.value == pytest.approx(0.022482, abs=5e-7)


THIRDS = dict.fromkeys("ABC", 1 / 3)
IVS: dict[str, float | None] = {"A": 0.2, "B": 0.3, "C": 0.4}


def test_the_realised_leg_of_a_frame_is_that_of_simple_daily_returns_and_the_index_own_closes() -> None:
    closes = closes_for("ABC")
    frame = a_frame(THIRDS, IVS, closes=closes)
    panel = np.array([closes[name] for name in ("A", "B", "C", "SPX")]).T
    returns = np.diff(panel, axis=0) / panel[:-1]
    assert_same(frame.realised, of_panel([1 / 3] * 3, returns[:, :3], returns[:, 3]))
    assert isinstance(frame.implied, Correlation)
    assert isinstance(frame.realised, RealisedCorrelation)
    assert frame.premium == frame.implied.value - frame.realised.correlation.value
    logged = np.diff(np.log(panel), axis=0)
    of_logs = of_panel([1 / 3] * 3, logged[:, :3], logged[:, 3]).correlation.value
    assert abs(frame.realised.correlation.value - of_logs) > 1e-4


def test_a_name_without_volatility_is_left_out_of_both_legs_and_the_others_renormalised() -> None:
    frame = a_frame({"A": 0.5, "B": 0.3, "C": 0.2}, {**IVS, "B": None}, closes=closes_for("ABC"))
    assert frame.left_out == {"B": LeftOut.NO_ATM_IV}
    assert frame.weights == pytest.approx({"A": 5 / 7, "C": 2 / 7})
    assert frame.basket_volatility == pytest.approx(5 / 7 * 0.2 + 2 / 7 * 0.4)
    closes = closes_for("ABC")
    panel = np.array([closes[name] for name in ("A", "C", "SPX")]).T
    returns = panel[1:] / panel[:-1] - 1.0
    assert_same(frame.realised, of_panel([5 / 7, 2 / 7], returns[:, :2], returns[:, 2]))


def test_a_name_without_closes_is_left_out_of_both_legs_so_that_the_premium_compares_like_with_like() -> None:
    closes = closes_for("ABC")
    del closes["B"]
    frame = a_frame(THIRDS, IVS, closes=closes)
    assert frame.left_out == {"B": LeftOut.NO_DAILY_CLOSES}
    assert list(frame.weights) == ["A", "C"]
    assert frame.implied == implied_correlation([0.5, 0.5], [0.2, 0.4], GOLDEN_INDEX)


@pytest.mark.parametrize("bad", [(0.0,), (math.nan,), (-1.0,)])
def test_a_price_that_is_none_counts_as_no_closes(bad: tuple[float]) -> None:
    closes = closes_for("ABC")
    closes["B"] = (*closes["B"][:-1], *bad)
    assert a_frame(THIRDS, IVS, closes=closes).left_out == {"B": LeftOut.NO_DAILY_CLOSES}


def test_when_most_names_lack_closes_the_implied_leg_keeps_them_and_there_is_no_realised_leg() -> None:
    closes = {name: series for name, series in closes_for("ABC").items() if name in ("A", "SPX")}
    frame = a_frame(THIRDS, IVS, closes=closes)
    assert frame.left_out == {}
    assert len(frame.weights) == 3
    assert frame.realised is Undefined.NO_DAILY_CLOSES
    assert frame.premium is None
    assert isinstance(frame.implied, Correlation)


def test_without_closes_at_all_or_without_the_index_own_there_is_no_realised_leg() -> None:
    assert a_frame(THIRDS, IVS).realised is Undefined.NO_DAILY_CLOSES
    closes = closes_for("ABC")
    del closes["SPX"]
    assert a_frame(THIRDS, IVS, closes=closes).realised is Undefined.NO_DAILY_CLOSES


def test_too_short_a_history_says_so() -> None:
    for days in (0, 1, 10):
        closes = {name: series[:days] for name, series in closes_for("ABC").items()}
        assert a_frame(THIRDS, IVS, closes=closes).realised is Undefined.TOO_FEW_DAYS


def test_an_index_without_volatility_at_the_tenor_leaves_a_realised_leg() -> None:
    frame = a_frame(THIRDS, IVS, index_iv=None, closes=closes_for("ABC"))
    assert frame.implied is frame.spread is Undefined.NO_INDEX_VOLATILITY
    assert frame.left_out == {"SPX": LeftOut.NO_ATM_IV}
    assert isinstance(frame.realised, RealisedCorrelation)


def test_an_index_that_did_not_arrive_leaves_nothing_to_compare_with() -> None:
    known = {name: an_exposure(name, atm_iv=iv) for name, iv in IVS.items()}
    frame = frame_volatility(THIRDS, known, "SPX", 30.0, closes_for("ABC"))
    assert frame.implied is frame.spread is frame.realised is Undefined.INDEX_MISSING
    assert frame.basket_volatility == pytest.approx(0.3)


def test_a_tenor_outside_the_chain_is_told_from_a_chain_without_volatility() -> None:
    frame = a_frame(THIRDS, {**IVS, "C": None}, tenor=31.0)
    outside = LeftOut.TENOR_OUTSIDE_CHAIN
    assert frame.left_out == {"SPX": outside, "A": outside, "B": outside, "C": LeftOut.NO_ATM_IV}
    assert frame.basket_volatility is None
    assert frame.implied is Undefined.NO_INDEX_VOLATILITY


def test_a_first_expiry_after_the_tenor_stands_for_it_and_is_named() -> None:
    known = {name: an_exposure(name, atm_iv=0.2) for name in ("SPX", "A", "B")}
    near = AtTheMoneyCurve((5 / 365, 60 / 365), (0.2, 0.2))
    known["B"] = replace(known["B"], at_the_money=near)
    frame = frame_volatility({"A": 0.5, "B": 0.5}, known, "SPX", 7.0, None)
    assert frame.extrapolated == ("SPX", "A")


def a_side(symbol: str, *gex: float, missing: tuple[str, ...] = ()) -> BasketExposure:
    """A basket of names with these net GEX, as 2 and 1 (or 1 and 2) parts of call and put leg."""
    names = [
        an_exposure(f"{symbol}{place}", call_gex=max(one, 0.0) + abs(one), put_gex=max(-one, 0.0) + abs(one))
        for place, one in enumerate(gex)
    ]
    asked = Basket.of([*(one.symbol for one in names), *missing])
    return aggregate(asked, a_snapshot(names, missing), SignConvention.STREET)


@pytest.mark.parametrize(
    ("index", "names", "agreement"),
    [
        ((3e9,), (1e9, 2e9), Agreement.AGREE),
        ((-3e9,), (-1e9, -2e9), Agreement.AGREE),
        ((-3e9,), (1e9, 2e9), Agreement.CONFLICT),
        ((3e9,), (-1e9, -2e9), Agreement.CONFLICT),
        ((3e9,), (2e9, -2e9), Agreement.UNDECIDED),
    ],
)
def test_agreement_is_of_the_verdicts(index: tuple[float], names: tuple[float, ...], agreement: Agreement) -> None:
    assert compare_gamma(a_side("I", *index), a_side("N", *names)).agreement is agreement


def test_missing_names_that_could_turn_the_sign_leave_it_undecided() -> None:
    assert compare_gamma(a_side("I", 3e9), a_side("N", 1e9, missing=("M0", "M1"))).agreement is Agreement.UNDECIDED


def test_nets_without_legs_leave_it_undecided_and_have_no_imbalance() -> None:
    vendor = aggregate(Basket.of(["SPX"]), a_snapshot([a_vendor_row("SPX", 5e9)]), SignConvention.STREET)
    gap = compare_gamma(vendor, a_side("N", 1e9, -2e9))
    assert gap.agreement is Agreement.UNDECIDED
    assert gap.imbalance is None
    assert gap.net_gex == pytest.approx(6e9)


def test_the_gap_is_the_index_less_the_names_on_both_scales() -> None:
    gap = compare_gamma(a_side("I", 6e9), a_side("N", 1e9, 1e9, -4e9))
    assert gap.net_gex == pytest.approx(6e9 - (-2e9)), "dollars against the plain sum"
    assert gap.imbalance == pytest.approx(1 / 3 - (-2 / 18)), "net over gross of each"


def test_opposing_names_have_the_other_sign_and_the_largest_comes_first() -> None:
    gap = compare_gamma(a_side("I", -1e9), a_side("N", 1e9, -9e9, 3e9, 0.0, 2e9))
    assert [one.exposure.symbol for one in gap.opposing] == ["N2", "N4", "N0"]
