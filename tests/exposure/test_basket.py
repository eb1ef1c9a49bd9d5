"""Baskets: the golden numbers, what is refused, and how one name, one weight or one order of asking enters the answer."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exposure.basket import Basket, BasketError, BasketExposure, EmptyBasketError, aggregate
from exposure.dealer import Greek, Nets, SignConvention, SymbolExposure
from exposure.reliability import DealerGamma, GammaReason, Regime, regime
from exposure.snapshot import Snapshot
from tests.builders import a_snapshot, a_vendor_row, an_exposure

STREET = SignConvention.STREET
SYMBOLS = [f"S{letter}" for letter in "ABCDEFGHIJ"]
DOLLARS = st.one_of(st.floats(-1e11, 1e11), st.just(0.0), st.floats(-1.0, 1.0)).map(lambda dollars: round(dollars, 2))
WEIGHTS = st.one_of(st.floats(0.01, 100.0), st.just(1.0))


@pytest.fixture
def golden() -> BasketExposure:
    rows = [
        a_vendor_row("AAA", 920e6, -120e6, 340e6, 260e6),
        a_vendor_row("BBB", 410e6, -60e6, 140e6, 90e6),
        a_vendor_row("CCC", 310e6, -30e6, 100e6, 70e6),
    ]
    return aggregate(Basket.of(["AAA", "BBB", "CCC"], [0.4, 0.3, 0.3]), a_snapshot(rows), STREET)


def of_gex(values: list[float], weights: list[float] | None = None, missing: tuple[str, ...] = ()) -> BasketExposure:
    """A basket of vendor rows with these net GEX; names in `missing` come last, each with the last weights."""
    symbols = SYMBOLS[: len(values)]
    rows = [a_vendor_row(symbol, gex, gex / 3, -gex / 7, 1e6) for symbol, gex in zip(symbols, values, strict=True)]
    return aggregate(Basket.of([*symbols, *missing], weights), a_snapshot(rows, missing), STREET)


def weight_lists(least: int = 1, most: int = 8) -> st.SearchStrategy[list[tuple[float, float]]]:
    """Pairs of (weight, net GEX)."""
    return st.lists(st.tuples(WEIGHTS, DOLLARS), min_size=least, max_size=most)


def test_the_golden_basket_is_the_weighted_mean_of_its_names(golden: BasketExposure) -> None:
    millions = [golden.net.of(greek) / 1e6 for greek in Greek]
    assert millions == pytest.approx([584.0, -75.0, 208.0, 152.0], rel=1e-14)


def test_the_golden_contributions_are_gross_shares_that_add_to_a_hundred(golden: BasketExposure) -> None:
    assert [round(one.contribution_pct, 4) for one in golden.constituents] == [63.0137, 21.0616, 15.9247]
    assert [one.exposure.symbol for one in golden.constituents] == ["AAA", "BBB", "CCC"]
    assert [one.signed_share for one in golden.constituents] == pytest.approx([0.630137, 0.210616, 0.159247], abs=1e-6)


def test_the_total_is_the_plain_sum(golden: BasketExposure) -> None:
    assert golden.total == Nets(1640e6, -210e6, 580e6, 420e6)


def test_the_golden_basket_is_complete(golden: BasketExposure) -> None:
    assert (golden.weight_coverage, golden.bounds, golden.missing, golden.pivotal) == (1.0, None, (), ())
    assert (golden.regime, golden.cancellation) == (Regime.POSITIVE_GAMMA, 0.0)
    assert golden.effective_names == pytest.approx(1 / (0.630137**2 + 0.210616**2 + 0.159247**2), rel=1e-5)
    assert golden.convention is STREET


def test_weights_are_the_same_to_the_last_bit_in_tenths_and_in_units() -> None:
    units, tenths = Basket.of(list("ABC"), [4, 3, 3]), Basket.of(list("ABC"), [0.4, 0.3, 0.3])
    assert units == tenths
    assert dict(units.weights) == {"A": 0.4, "B": 0.3, "C": 0.3}


@given(weight_lists(), st.floats(1e-6, 1e6))
def test_weights_w_and_k_times_w_agree(pairs: list[tuple[float, float]], k: float) -> None:
    """To rounding of k·w: two units in the last place."""
    symbols, weights = SYMBOLS[: len(pairs)], [weight for weight, _ in pairs]
    once, often = Basket.of(symbols, weights), Basket.of(symbols, [k * weight for weight in weights])
    assert list(often.weights.values()) == pytest.approx(list(once.weights.values()), rel=6e-16)
    assert math.fsum(once.weights.values()) == pytest.approx(1.0, abs=1e-15)


def test_weights_are_equal_unless_given() -> None:
    assert dict(Basket.of(["A", "B", "C", "D"]).weights) == dict.fromkeys("ABCD", 0.25)


def test_a_symbol_named_twice_carries_both_weights_and_is_reported() -> None:
    twice = Basket.of(["A", "B", "A", "C"], [0.1, 0.5, 0.2, 0.2])
    once = Basket.of(["A", "B", "C"], [0.1 + 0.2, 0.5, 0.2])
    assert twice.weights == once.weights
    assert (twice.merged, once.merged) == (("A",), ())
    assert dict(Basket.of(["A", "B", "A"]).weights) == {"A": 2 / 3, "B": 1 / 3}


@given(weight_lists(2), st.randoms(use_true_random=False))
@example([(0.1, 1e10), (0.2, -1e10), (0.3, 1.0), (0.7, -3e9)], Random(1))
def test_the_order_of_the_symbols_changes_no_bit(pairs: list[tuple[float, float]], random: Random) -> None:
    order = [*range(len(pairs)), 0]
    shuffled = list(order)
    random.shuffle(shuffled)
    rows = a_snapshot(a_vendor_row(SYMBOLS[index], gex, gex / 3, -gex / 7) for index, (_, gex) in enumerate(pairs))

    def answer(order: list[int]) -> BasketExposure:
        basket = Basket.of([SYMBOLS[index] for index in order], [pairs[index][0] for index in order])
        return replace(aggregate(basket, rows, STREET), by_convention={})

    assert answer(order) == answer(shuffled)


@given(DOLLARS, WEIGHTS)
def test_a_basket_of_one_is_that_name(gex: float, weight: float) -> None:
    found = of_gex([gex], [weight])
    alone = a_vendor_row("SA", gex, gex / 3, -gex / 7, 1e6)
    assert all(found.net.of(greek) == alone.net(greek, STREET) == found.total.of(greek) for greek in Greek)
    assert found.constituents[0].weight == 1.0
    assert found.constituents[0].contribution_pct == (100.0 if gex else 0.0)
    assert found.pivotal == ()


@given(weight_lists())
@example([(1.0, 0.0), (1.0, 0.0)])
def test_contributions_sum_to_a_hundred_or_are_all_zero(pairs: list[tuple[float, float]]) -> None:
    found = of_gex([gex for _, gex in pairs], [weight for weight, _ in pairs])
    expected = 100.0 if any(gex for _, gex in pairs) else 0.0
    assert math.fsum(one.contribution_pct for one in found.constituents) == pytest.approx(expected, abs=1e-11)
    assert list(found.constituents) == sorted(found.constituents, key=lambda one: (-one.contribution_pct, one.exposure.symbol))


def test_a_basket_of_zeros_has_no_shares_to_speak_of() -> None:
    found = of_gex([0.0, 0.0])
    assert (found.effective_names, found.cancellation, found.pivotal) == (None, None, ())
    assert [one.signed_share for one in found.constituents] == [None, None]


@pytest.mark.parametrize(("short", "share"), [(-99.0, None), (-98.1, None), (-97.9, pytest.approx(100 / 2.1))])
def test_the_signed_share_is_null_when_the_net_is_under_one_percent_of_gross(short: float, share: float | None) -> None:
    """100 and -98.02 leave 1% of gross: just inside is a number, just outside is null."""
    assert of_gex([100.0, short]).constituents[0].signed_share == share


def test_signed_shares_sum_to_one_and_carry_the_sign_against_the_net() -> None:
    shares = {one.exposure.symbol: one.signed_share for one in of_gex([-300.0, 100.0]).constituents}
    assert shares == {"SA": 1.5, "SB": -0.5}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_equal_contributions_make_as_many_effective_names(count: int) -> None:
    assert of_gex([(-1.0) ** index * 50.0 for index in range(count)]).effective_names == pytest.approx(count)


def test_cancellation_is_what_offsets_within_the_basket() -> None:
    assert of_gex([300.0, -100.0]).cancellation == pytest.approx(0.5)
    assert of_gex([300.0, -300.0]).cancellation == 1.0
    assert of_gex([-300.0, -100.0]).cancellation == 0.0


def test_breadth_counts_names_and_weight_in_negative_gamma() -> None:
    found = of_gex([100.0, -1.0, -1.0, 0.0], [0.4, 0.3, 0.1, 0.2])
    assert found.negative_names == 2
    assert found.negative_weight == pytest.approx(0.4)
    assert [one.regime for one in found.constituents] == [regime(gex) for gex in (100.0, -1.0, -1.0, 0.0)]


@settings(max_examples=200)
@given(weight_lists(2))
@example([(1.0, 100.0), (1.0, -60.0), (1.0, -30.0)])
@example([(1.0, -100.0), (1.0, 40.0), (1.0, 40.0)])
def test_pivotal_names_are_those_whose_removal_changes_the_sign(pairs: list[tuple[float, float]]) -> None:
    whole = of_gex([gex for _, gex in pairs], [weight for weight, _ in pairs])
    expected = set()
    for index, symbol in enumerate(SYMBOLS[: len(pairs)]):
        rest = [(one.weight, one.nets.gex) for one in whole.constituents if one.exposure.symbol != symbol]
        assert len(rest) == len(pairs) - 1 > 0, index
        if regime(math.fsum(weight * gex for weight, gex in rest)) is not whole.regime:
            expected.add(symbol)
    assert set(whole.pivotal) == expected
    ranked = [one.exposure.symbol for one in whole.constituents]
    assert list(whole.pivotal) == [symbol for symbol in ranked if symbol in expected]


def test_one_heavy_name_against_two_light_ones_is_pivotal() -> None:
    assert of_gex([100.0, -60.0, -30.0]).pivotal == ("SA",)
    assert of_gex([100.0, -60.0, 30.0]).pivotal == ("SA",)
    assert of_gex([100.0, 60.0, 30.0]).pivotal == ()


def test_a_name_whose_companions_weigh_nothing_is_not_pivotal() -> None:
    assert of_gex([-100.0, 50.0], [1.0, 0.0]).pivotal == ()


def test_survivors_are_renormalised_and_the_missing_keep_their_requested_weight() -> None:
    found = of_gex([100.0, -50.0, 20.0], [0.4, 0.3, 0.2, 0.1], ("SMCI",))
    assert found.net.gex == pytest.approx(29.0 / 0.9)
    assert [one.missing.symbol for one in found.missing] == ["SMCI"]
    assert found.missing[0].weight == pytest.approx(0.1)
    assert found.weight_coverage == pytest.approx(0.9)
    assert math.fsum(one.weight for one in found.constituents) == pytest.approx(1.0, abs=1e-15)
    assert found.bounds is not None


def test_a_missing_name_of_weight_zero_is_listed_but_makes_no_partial_basket() -> None:
    found = of_gex([100.0, -50.0], [0.5, 0.5, 0.0], ("SMCI",))
    assert [(one.missing.symbol, one.weight) for one in found.missing] == [("SMCI", 0.0)]
    assert (found.weight_coverage, found.bounds) == (1.0, None)


def test_a_complete_basket_covers_exactly_one_whatever_its_weights_add_to() -> None:
    """49 times 1/49 is a unit in the last place short of 1."""
    symbols = [f"S{index}" for index in range(49)]
    found = aggregate(Basket.of(symbols), a_snapshot(a_vendor_row(symbol) for symbol in symbols), STREET)
    assert math.fsum(Basket.of(symbols).weights.values()) < 1.0 == found.weight_coverage


def test_survivors_that_all_weigh_nothing_are_an_error() -> None:
    with pytest.raises(EmptyBasketError, match=r"No name with weight arrived\."):
        of_gex([100.0, -50.0], [0.0, 0.0, 1.0], ("SMCI",))
    with pytest.raises(EmptyBasketError):
        aggregate(Basket.of(["SMCI"]), a_snapshot([], ["SMCI"]), STREET)


def test_a_snapshot_may_answer_more_than_this_basket_asked_for() -> None:
    wide = a_snapshot([a_vendor_row("A", 5.0), a_vendor_row("B", 7.0)], ["C", "D"])
    found = aggregate(Basket.of(["A", "C"]), wide, STREET)
    assert ([one.missing.symbol for one in found.missing], found.total.gex, found.weight_coverage) == (["C"], 5.0, 0.5)


@pytest.mark.parametrize(
    ("symbols", "weights", "sentence"),
    [
        ([], None, "The basket is empty. Name at least one symbol"),
        (["A", "B"], [1.0], "2 symbols but 1 weights"),
        (["A"], [], "1 symbols but 0 weights"),
        (["A", "B"], [1.0, -0.5], r"The weight of B is negative \(-0.5\)"),
        (["A", "A"], [1.0, -0.5], "The weight of A is negative"),
        (["A", "B"], [math.nan, 1.0], "The weight of A is not a finite number"),
        (["A", "B"], [1.0, math.inf], "The weight of B is not a finite number"),
        (["A", "B"], [0.0, 0.0], "Every weight is zero"),
        ([f"S{index}" for index in range(51)], None, "51 distinct symbols; at most 50"),
    ],
)
def test_a_basket_that_cannot_be_weighted_is_refused_with_a_sentence(
    symbols: list[str], weights: list[float] | None, sentence: str
) -> None:
    with pytest.raises(BasketError, match=sentence) as refused:
        Basket.of(symbols, weights)
    assert str(refused.value).endswith(".")


def test_fifty_distinct_symbols_are_taken_however_often_they_are_named() -> None:
    assert len(Basket.of([f"S{index % 50}" for index in range(200)]).weights) == 50


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([1e308, 1e308], [0.5, 0.5]),
        ([1e-308, 1e-308], [0.5, 0.5]),
        ([5e-324, 5e-324], [0.5, 0.5]),
        ([1e308, 1e-308], [1.0, 0.0]),
        ([1.7e308, 0.0], [1.0, 0.0]),
    ],
)
def test_extreme_weights_stay_finite(weights: list[float], expected: list[float]) -> None:
    assert list(Basket.of(["A", "B"], weights).weights.values()) == expected


def test_extreme_weights_of_one_symbol_named_twice_stay_finite() -> None:
    assert dict(Basket.of(["A", "A", "B", "B"], [1e308] * 4).weights) == {"A": 0.5, "B": 0.5}


def test_the_mean_is_given_under_every_convention() -> None:
    names = [an_exposure("SPY", call_gex=300.0, put_gex=100.0), an_exposure("NVDA", call_gex=50.0, put_gex=70.0)]
    found = aggregate(Basket.of(["SPY", "NVDA"], [0.75, 0.25]), a_snapshot(names), STREET)
    assert dict(found.by_convention) == {
        SignConvention.STREET: 145.0,
        SignConvention.LONG_CALLS_SHORT_PUTS: 145.0,
        SignConvention.SHORT_CALLS_LONG_PUTS: -145.0,
        SignConvention.SHORT_ALL: -330.0,
        SignConvention.LONG_ALL: 330.0,
        SignConvention.BY_ASSET_CLASS: 120.0,
    }
    for convention in SignConvention:
        same = aggregate(Basket.of(["SPY", "NVDA"], [0.75, 0.25]), a_snapshot(names), convention)
        assert same.net.gex == found.by_convention[convention]


def test_published_nets_are_null_under_another_convention_and_cannot_be_asked_for_in_it() -> None:
    rows = a_snapshot([a_vendor_row("A", 5.0)])
    found = aggregate(Basket.of(["A"]), rows, STREET)
    assert found.by_convention[STREET] == 5.0
    assert {value for other, value in found.by_convention.items() if other is not STREET} == {None}
    with pytest.raises(EmptyBasketError, match="dealers_short_all"):
        aggregate(Basket.of(["A"]), rows, SignConvention.SHORT_ALL)


def judged(exposures: list[SymbolExposure], weights: list[float], missing: tuple[str, ...] = ()) -> BasketExposure:
    snapshot: Snapshot = a_snapshot(exposures, missing)
    return aggregate(Basket.of([*(one.symbol for one in exposures), *missing], weights), snapshot, STREET)


def test_a_missing_name_that_could_flip_the_sign_makes_the_verdict_ambiguous() -> None:
    clear = [an_exposure("NVDA", call_gex=300.0, put_gex=100.0)]
    assert judged(clear, [0.51, 0.49], ("SMCI",)).reliability.verdict is DealerGamma.LONG_GAMMA
    flippable = judged(clear, [0.49, 0.51], ("SMCI",)).reliability
    assert (flippable.verdict, flippable.reasons) == (DealerGamma.AMBIGUOUS, (GammaReason.MISSING_COULD_FLIP,))


def test_the_threshold_of_ambiguity_is_a_setting_for_the_basket_and_each_name() -> None:
    names = a_snapshot([an_exposure("NVDA", call_gex=300.0, put_gex=240.0)])
    found = aggregate(Basket.of(["NVDA"]), names, STREET, ambiguous_below=0.11)
    assert found.reliability.verdict is found.constituents[0].reliability.verdict is DealerGamma.AMBIGUOUS
    assert aggregate(Basket.of(["NVDA"]), names, STREET).reliability.verdict is DealerGamma.LONG_GAMMA
