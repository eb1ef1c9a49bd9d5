"""How far a gamma regime can be trusted: the flip share, what makes a verdict ambiguous, and when there is none."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exposure.dealer import SignConvention, SymbolExposure
from exposure.reliability import DealerGamma, DominantSide, GammaReason, Regime, Reliability, judge, regime
from tests.builders import a_vendor_row, an_exposure

STREET = SignConvention.STREET
DOLLARS = st.floats(1e-3, 1e10)


def verdict(
    *names: SymbolExposure,
    weights: tuple[float, ...] | None = None,
    convention: SignConvention = STREET,
    missing_could_flip: bool = False,
    ambiguous_below: float = 0.05,
) -> Reliability:
    each = weights or (1.0,) * len(names)
    return judge(
        zip(each, names, strict=True), convention, missing_could_flip=missing_could_flip, ambiguous_below=ambiguous_below
    )


def legs(call: float, put: float, symbol: str = "NVDA", *, same_day: tuple[float, float] = (0.0, 0.0)) -> SymbolExposure:
    return an_exposure(symbol, call_gex=call, put_gex=put, same_day_call_gex=same_day[0], same_day_put_gex=same_day[1])


@pytest.mark.parametrize(
    ("net", "word"), [(1.0, "positive_gamma"), (0.0, "positive_gamma"), (-0.0, "positive_gamma"), (-1.0, "negative_gamma")]
)
def test_the_regime_is_the_sign_and_zero_counts_as_positive(net: float, word: str) -> None:
    assert regime(net) is Regime(word)


def test_a_clear_sign_is_a_clear_verdict() -> None:
    assert verdict(legs(300.0, 100.0)) == Reliability(DealerGamma.LONG_GAMMA, (GammaReason.CLEAR,), 200 / 600, DominantSide.CALL)
    assert verdict(legs(100.0, 400.0)) == Reliability(DealerGamma.SHORT_GAMMA, (GammaReason.CLEAR,), 300 / 800, DominantSide.PUT)


def test_a_side_with_nothing_against_it_has_a_flip_share_of_one_half() -> None:
    assert verdict(legs(300.0, 0.0)).flip_share == 0.5


def test_equal_sides_are_a_coin_flip() -> None:
    found = verdict(legs(300.0, 300.0))
    assert (found.verdict, found.reasons, found.flip_share) == (DealerGamma.AMBIGUOUS, (GammaReason.NEAR_COIN_FLIP,), 0.0)


@given(DOLLARS, DOLLARS)
def test_moving_the_flip_share_of_the_larger_side_to_the_other_makes_the_net_zero(call: float, put: float) -> None:
    share = verdict(legs(call, put)).flip_share
    assert share is not None
    moved = share * max(call, put)
    larger, smaller = max(call, put) - moved, min(call, put) + moved
    assert larger - smaller == pytest.approx(0.0, abs=1e-15 * max(call, put))


@given(st.lists(st.tuples(DOLLARS, DOLLARS, st.floats(0.01, 5.0)), min_size=2, max_size=6))
def test_the_flip_share_of_a_basket_moves_long_terms_against_short_ones(names: list[tuple[float, float, float]]) -> None:
    """by_asset_class with alternating stocks and ETFs: long terms are the ETFs' calls, short ones all the rest."""
    symbols = ["SPY", "NVDA", "QQQ", "AMD", "IWM", "TSLA"]
    exposures = [legs(call, put, symbol) for (call, put, _), symbol in zip(names, symbols, strict=False)]
    weights = tuple(weight for _, _, weight in names)
    long = sum(weight * call for index, (call, _, weight) in enumerate(names) if index % 2 == 0)
    short = sum(weight * (put if index % 2 == 0 else call + put) for index, (call, put, weight) in enumerate(names))
    found = verdict(*exposures, weights=weights, convention=SignConvention.BY_ASSET_CLASS)
    assert found.flip_share == pytest.approx(abs(long - short) / (2 * max(long, short)), abs=1e-14)


@pytest.mark.parametrize(("put", "ambiguous"), [(90.0, False), (90.001, True), (111.2, False), (111.1, True)])
def test_a_sign_that_five_percent_would_turn_is_near_a_coin_flip(put: float, ambiguous: bool) -> None:
    """Against calls of 100, puts of 90 and of 111.11 put the flip share at 5% exactly; exactly 5% is not under it."""
    assert (GammaReason.NEAR_COIN_FLIP in verdict(legs(100.0, put)).reasons) is ambiguous


def test_the_coin_flip_threshold_is_a_setting() -> None:
    assert verdict(legs(300.0, 100.0), ambiguous_below=0.34).verdict is DealerGamma.AMBIGUOUS
    assert verdict(legs(300.0, 290.0), ambiguous_below=0.01).verdict is DealerGamma.LONG_GAMMA


@pytest.mark.parametrize(
    ("convention", "expected", "side"),
    [
        (SignConvention.SHORT_ALL, DealerGamma.SHORT_GAMMA, DominantSide.SHORT),
        (SignConvention.LONG_ALL, DealerGamma.LONG_GAMMA, DominantSide.LONG),
        (SignConvention.BY_ASSET_CLASS, DealerGamma.SHORT_GAMMA, DominantSide.SHORT),
    ],
)
def test_a_one_sided_assumption_has_no_flip_share_and_says_so(
    convention: SignConvention, expected: DealerGamma, side: DominantSide
) -> None:
    found = verdict(legs(300.0, 100.0), convention=convention)
    assert found == Reliability(expected, (GammaReason.ASSUMED_ONE_SIDED,), None, side)


def test_the_inverse_convention_turns_the_verdict_but_not_the_flip_share() -> None:
    straight, inverse = verdict(legs(300.0, 100.0)), verdict(legs(300.0, 100.0), convention=SignConvention.SHORT_CALLS_LONG_PUTS)
    assert inverse == Reliability(DealerGamma.SHORT_GAMMA, straight.reasons, straight.flip_share, DominantSide.CALL)


def test_a_sign_that_same_day_contracts_decide_is_ambiguous() -> None:
    found = verdict(legs(300.0, 100.0, same_day=(250.0, 10.0)))
    assert (found.verdict, found.reasons) == (DealerGamma.AMBIGUOUS, (GammaReason.SAME_DAY_DECIDES,))
    assert verdict(legs(300.0, 100.0, same_day=(150.0, 10.0))).reasons == (GammaReason.CLEAR,)


def test_a_chain_that_is_all_same_day_is_not_decided_against_the_rest() -> None:
    assert verdict(legs(300.0, 100.0, same_day=(300.0, 100.0))).reasons == (GammaReason.CLEAR,)


def test_every_reason_to_doubt_is_listed() -> None:
    found = verdict(legs(105.0, 100.0, same_day=(50.0, 0.0)), missing_could_flip=True)
    assert found.reasons == (GammaReason.NEAR_COIN_FLIP, GammaReason.SAME_DAY_DECIDES, GammaReason.MISSING_COULD_FLIP)
    assert found.verdict is DealerGamma.AMBIGUOUS


def test_missing_names_make_even_a_one_sided_verdict_ambiguous() -> None:
    found = verdict(legs(300.0, 100.0), convention=SignConvention.SHORT_ALL, missing_could_flip=True)
    assert (found.verdict, found.reasons) == (DealerGamma.AMBIGUOUS, (GammaReason.MISSING_COULD_FLIP,))


def test_published_nets_are_not_judged_and_not_called_ambiguous() -> None:
    none = Reliability(None, (GammaReason.LEGS_UNAVAILABLE,), None, None)
    assert verdict(a_vendor_row("NVDA", 5.0)) == none
    assert verdict(legs(300.0, 100.0), a_vendor_row("AMD", 5.0)) == none
    assert verdict(a_vendor_row("NVDA", 5.0), missing_could_flip=True) == none


@pytest.mark.parametrize("names", [(), (legs(0.0, 0.0),), (legs(0.0, 0.0), legs(0.0, 0.0, "AMD"))])
def test_without_gamma_there_is_nothing_to_judge(names: tuple[SymbolExposure, ...]) -> None:
    assert verdict(*names) == Reliability(None, (GammaReason.NO_GAMMA,), None, None)


def test_by_asset_class_mixes_stocks_and_etfs() -> None:
    """SPY: calls +300, puts -100. NVDA: calls -50, puts -70. Long 300 against short 220; calls stand on both sides."""
    found = verdict(legs(300.0, 100.0, "SPY"), legs(50.0, 70.0, "NVDA"), convention=SignConvention.BY_ASSET_CLASS)
    assert found == Reliability(DealerGamma.LONG_GAMMA, (GammaReason.CLEAR,), 80 / 600, DominantSide.LONG)
    short = verdict(legs(300.0, 100.0, "SPY"), legs(250.0, 70.0, "NVDA"), convention=SignConvention.BY_ASSET_CLASS)
    assert (short.verdict, short.dominant_side) == (DealerGamma.SHORT_GAMMA, DominantSide.SHORT)
    assert short.flip_share == pytest.approx(120 / 840)


def test_weights_scale_each_names_legs() -> None:
    found = verdict(legs(300.0, 100.0), legs(10.0, 500.0, "AMD"), weights=(0.9, 0.1))
    assert found.flip_share == pytest.approx((271 - 140) / (2 * 271))


def test_a_name_without_weight_is_not_judged() -> None:
    """Neither its missing legs nor its opposed sides say anything about the rest."""
    stock = legs(300.0, 100.0, "NVDA")
    alone = verdict(stock, convention=SignConvention.BY_ASSET_CLASS)
    for companion in (legs(1.0, 1.0, "SPY"), a_vendor_row("SPY", 5.0)):
        assert verdict(stock, companion, weights=(1.0, 0.0), convention=SignConvention.BY_ASSET_CLASS) == alone


@given(DOLLARS, DOLLARS, st.floats(1e-3, 1e3))
def test_the_verdict_does_not_depend_on_the_size_of_the_weights(call: float, put: float, k: float) -> None:
    once, often = verdict(legs(call, put)), verdict(legs(call, put), weights=(k,))
    assert once.flip_share is not None
    assume(abs(once.flip_share - 0.05) > 1e-9)
    assert often.flip_share == pytest.approx(once.flip_share, abs=1e-14)
    assert often.verdict is once.verdict
