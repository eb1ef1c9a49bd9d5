"""Books: gross weights, the two sides, what a price that did not arrive makes unknown, and where dollars and gamma disagree."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exposure.basket import Basket, EmptyBasketError, aggregate
from exposure.book import BookExposure, Holding, PositionSide, book_exposure, disagreements
from exposure.dealer import SignConvention, SymbolExposure
from exposure.reliability import DealerGamma, GammaReason
from exposure.snapshot import MissingReason
from tests.builders import a_snapshot, a_vendor_row, an_exposure

STREET = SignConvention.STREET
SYMBOLS = [f"S{letter}" for letter in "ABCDEFGH"]
AMOUNTS = st.one_of(st.floats(0.01, 1e9), st.floats(-1e9, -0.01)).map(lambda dollars: round(dollars, 2)).filter(bool)
GEX = st.floats(-1e10, 1e10).map(lambda dollars: round(dollars, 2))
BOOKS = st.lists(st.tuples(AMOUNTS, GEX, st.floats(0.5, 5_000.0)), min_size=1, max_size=8)
"""(signed dollars or shares, net GEX, price) of each name."""


def of_dollars(amounts: dict[str, float], names: list[SymbolExposure], missing: tuple[str, ...] = ()) -> BookExposure:
    return book_exposure([Holding(symbol, dollars) for symbol, dollars in amounts.items()], a_snapshot(names, missing), STREET)


def rows(book: list[tuple[float, float, float]]) -> list[SymbolExposure]:
    return [
        a_vendor_row(symbol, gex, gex / 3, -gex / 7, 1e6, spot=price)
        for symbol, (_, gex, price) in zip(SYMBOLS, book, strict=False)
    ]


def test_a_golden_book_worked_by_hand() -> None:
    """Gross 100: 50 long A, 30 short B, 20 long C. Mean .5·100 - .3·50 + .2·20 = 39; long side (50·100 + 20·20)/70."""
    names = [a_vendor_row("A", 100e6), a_vendor_row("B", -50e6), a_vendor_row("C", 20e6)]
    found = of_dollars({"A": 50.0, "B": -30.0, "C": 20.0}, names)
    assert found.whole.net.gex == pytest.approx(39e6, rel=1e-14)
    assert found.whole.total.gex == 70e6
    assert found.long is not None
    assert found.long.exposure.net.gex == pytest.approx((50 * 100e6 + 20 * 20e6) / 70, rel=1e-14)
    assert found.long.share == pytest.approx(0.7)
    assert found.short is not None
    assert found.short.exposure.net.gex == -50e6
    assert found.short.share == pytest.approx(0.3)
    assert (found.gross, found.net, found.weight_coverage) == (100.0, 40.0, 1.0)
    assert [(one.symbol, one.side, one.dollars) for one in found.positions] == [
        ("A", PositionSide.LONG, 50.0), ("B", PositionSide.SHORT, -30.0), ("C", PositionSide.LONG, 20.0)
    ]  # fmt: skip
    # |terms| 50, 15 and 4 of 69.
    assert [one.constituent.contribution_pct for one in found.positions] == pytest.approx([5000 / 69, 1500 / 69, 400 / 69])
    assert [one.weight for one in found.positions] == pytest.approx([0.5, 0.3, 0.2])


@given(BOOKS)
def test_the_whole_is_the_basket_of_gross_dollars_and_each_side_the_basket_of_its_own(
    book: list[tuple[float, float, float]],
) -> None:
    amounts = {symbol: amount for symbol, (amount, _, _) in zip(SYMBOLS, book, strict=False)}
    names = rows(book)
    found, snapshot = of_dollars(amounts, names), a_snapshot(names)
    assert found.whole == aggregate(Basket.of(list(amounts), list(map(abs, amounts.values()))), snapshot, STREET)
    for side, sign in ((found.long, 1.0), (found.short, -1.0)):
        own = {symbol: abs(amount) for symbol, amount in amounts.items() if amount * sign > 0}
        if not own:
            assert side is None
        else:
            assert side is not None
            assert side.exposure == aggregate(Basket.of(list(own), list(own.values())), snapshot, STREET)
    shares = [side.share for side in (found.long, found.short) if side]
    assert math.fsum(shares) == pytest.approx(1.0, abs=1e-12)


@given(BOOKS, st.integers(0, 7))
def test_a_position_that_turns_short_moves_to_the_short_side_and_changes_nothing_else(
    book: list[tuple[float, float, float]], index: int
) -> None:
    index %= len(book)
    long = {symbol: abs(amount) for symbol, (amount, _, _) in zip(SYMBOLS, book, strict=False)}
    turned = {**long, SYMBOLS[index]: -long[SYMBOLS[index]]}
    before, after = of_dollars(long, rows(book)), of_dollars(turned, rows(book))
    assert before.whole == after.whole
    assert before.gross == after.gross
    assert before.short is None
    assert after.short is not None
    assert [one.exposure.symbol for one in after.short.exposure.constituents] == [SYMBOLS[index]]
    others = {one.exposure.symbol for one in after.long.exposure.constituents} if after.long else set()
    assert others == set(long) - {SYMBOLS[index]}
    assert [replace(one, side=PositionSide.LONG, dollars=abs(one.dollars)) for one in after.positions] == list(before.positions)


@given(BOOKS)
@example([(300.0, 5e9, 137.13), (-0.07, -2e9, 4_999.99)])
def test_a_book_in_shares_is_the_book_in_dollars_at_those_prices_to_the_last_bit(book: list[tuple[float, float, float]]) -> None:
    names = rows(book)
    shares = [Holding(symbol, shares=amount) for symbol, (amount, _, _) in zip(SYMBOLS, book, strict=False)]
    dollars = [
        Holding(symbol, dollars=amount * price) for symbol, (amount, _, price) in zip(SYMBOLS, book, strict=False)
    ]  # fmt: skip
    assert book_exposure(shares, a_snapshot(names), STREET) == book_exposure(dollars, a_snapshot(names), STREET)


@given(BOOKS, st.floats(1e-3, 1e3))
def test_a_book_and_k_times_that_book_agree(book: list[tuple[float, float, float]], k: float) -> None:
    amounts = {symbol: amount for symbol, (amount, _, _) in zip(SYMBOLS, book, strict=False)}
    once, often = of_dollars(amounts, rows(book)), of_dollars({symbol: k * one for symbol, one in amounts.items()}, rows(book))
    scale = max(abs(one.nets.gex) for one in once.whole.constituents) + 1e-12
    assert often.whole.net.gex == pytest.approx(once.whole.net.gex, abs=1e-12 * scale)
    assert often.gross == pytest.approx(k * once.gross, rel=1e-12)


@given(BOOKS, st.integers(0, 255))
def test_shares_of_what_arrived_and_of_what_did_not_add_to_one(book: list[tuple[float, float, float]], lost: int) -> None:
    amounts = {symbol: amount for symbol, (amount, _, _) in zip(SYMBOLS, book, strict=False)}
    arrived = [one for index, one in enumerate(rows(book)) if not lost >> index & 1]
    gone = tuple(symbol for symbol in amounts if symbol not in {one.symbol for one in arrived})
    if not arrived:
        with pytest.raises(EmptyBasketError):
            of_dollars(amounts, arrived, gone)
        return
    found = of_dollars(amounts, arrived, gone)
    assert [one.missing.symbol for one in found.absent] == list(gone)
    assert [one.side for one in found.absent] == [
        PositionSide.LONG if amounts[symbol] > 0 else PositionSide.SHORT for symbol in gone
    ]  # fmt: skip
    weights = [one.weight for one in found.positions] + [one.weight for one in found.absent if one.weight is not None]
    assert len(weights) == len(amounts)
    assert math.fsum(weights) == pytest.approx(1.0, abs=1e-12)
    assert found.weight_coverage == pytest.approx(math.fsum(one.weight for one in found.positions), abs=1e-12)
    assert (found.whole.bounds is None) == (not gone)


@given(BOOKS)
def test_ranks_are_permutations_in_which_more_dollars_or_more_gamma_come_first(book: list[tuple[float, float, float]]) -> None:
    positions = of_dollars({s: one[0] for s, one in zip(SYMBOLS, book, strict=False)}, rows(book)).positions
    for first in positions:
        for second in positions:
            if abs(first.dollars) > abs(second.dollars):
                assert first.dollar_rank < second.dollar_rank
            if first.constituent.contribution_pct > second.constituent.contribution_pct:
                assert first.contribution_rank < second.contribution_rank
    ranks = list(range(1, len(positions) + 1))
    assert sorted(one.dollar_rank for one in positions) == sorted(one.contribution_rank for one in positions) == ranks
    gaps = disagreements(positions)
    assert len({one.symbol for one in gaps}) == len(gaps) <= 4
    widest_share = max(one.share_gap for one in positions)
    assert widest_share < 5e-4 or gaps[0].share_gap == widest_share
    assert {one.rank_gap for one in sorted(positions, key=lambda one: -one.rank_gap)[:3]} - {0} <= {one.rank_gap for one in gaps}


def test_a_tie_in_dollars_is_no_gap_in_rank() -> None:
    found = of_dollars(dict.fromkeys("ABC", 10.0), [a_vendor_row("A", 1e6), a_vendor_row("B", 9e6), a_vendor_row("C", 4e6)])
    assert [(one.symbol, one.dollar_rank, one.contribution_rank) for one in found.positions] == [
        ("B", 1, 1), ("C", 2, 2), ("A", 3, 3)
    ]  # fmt: skip
    assert [one.symbol for one in disagreements(found.positions)] == ["B"], "64% of gamma on a third of the dollars"


def test_the_largest_disagreement_comes_first_then_the_widest_in_rank() -> None:
    names = [
        a_vendor_row("A", 1e6),
        a_vendor_row("B", 500e6),
        a_vendor_row("C", 2e6),
        a_vendor_row("D", 3e6),
        a_vendor_row("E", 6e6),
    ]
    found = of_dollars({"A": 50.0, "B": 22.0, "C": 12.0, "D": 10.0, "E": 6.0}, names)
    assert [(one.symbol, one.dollar_rank, one.contribution_rank) for one in disagreements(found.positions)] == [
        ("B", 2, 1), ("C", 3, 5), ("E", 5, 3)
    ]  # fmt: skip


def test_where_dollars_and_gamma_have_the_same_shares_nothing_disagrees() -> None:
    same = of_dollars({"A": 50.0, "B": -50.0}, [a_vendor_row("A", 4e6), a_vendor_row("B", -4e6)])
    assert disagreements(same.positions) == ()
    assert disagreements(()) == ()


def test_a_position_in_shares_without_a_price_makes_every_weight_of_the_whole_unknown() -> None:
    book = [Holding("A", 50.0), Holding("B", shares=-10.0), Holding("C", -25.0), Holding("D", 25.0)]
    found = book_exposure(book, a_snapshot([an_exposure("A"), an_exposure("D", call_gex=80e6)], ("B", "C")), STREET)
    assert found.weight_coverage is None
    assert [(one.missing.symbol, one.weight, one.side) for one in found.absent] == [
        ("B", None, PositionSide.SHORT), ("C", None, PositionSide.SHORT)
    ]  # fmt: skip
    assert found.whole.bounds is None
    assert found.whole.reliability.verdict is DealerGamma.AMBIGUOUS
    assert found.whole.reliability.reasons == (GammaReason.MISSING_COULD_FLIP,)
    assert found.whole.net.gex == pytest.approx((50 * 200e6 - 25 * 20e6) / 75), "of those with a value that arrived"
    assert [one.weight for one in found.positions] == pytest.approx([0.5, 0.25])
    assert found.short is None
    assert found.long is not None
    assert found.long.exposure.reliability.verdict is DealerGamma.LONG_GAMMA, "what is missing is known to be short"


def test_an_unpriced_short_makes_only_the_short_side_doubtful_and_an_undecided_one_both() -> None:
    names = a_snapshot([an_exposure("A"), an_exposure("B")], ("X",))
    short = book_exposure([Holding("A", 5.0), Holding("B", -5.0), Holding("X", shares=-1.0)], names, STREET)
    assert short.long is not None
    assert short.short is not None
    assert short.long.exposure.reliability.verdict is DealerGamma.LONG_GAMMA
    assert short.short.exposure.reliability.verdict is DealerGamma.AMBIGUOUS
    undecided = book_exposure([Holding("A", 5.0), Holding("B", -5.0), Holding("X", 10.0, -1.0)], names, STREET)
    assert undecided.absent[0].side is None
    assert undecided.long is not None
    assert undecided.long.exposure.reliability.verdict is DealerGamma.AMBIGUOUS
    assert undecided.short is not None
    assert undecided.short.exposure.reliability.verdict is DealerGamma.AMBIGUOUS


def test_a_name_the_source_said_nothing_about_is_a_failed_fetch() -> None:
    found = book_exposure([Holding("A", 5.0), Holding("X", shares=1.0)], a_snapshot([an_exposure("A")]), STREET)
    assert [one.missing.reason for one in found.absent] == [MissingReason.FETCH_FAILED]


def test_dollars_and_shares_that_cancel_at_the_price_found_are_left_out() -> None:
    names = a_snapshot([an_exposure("A", spot=100.0), an_exposure("B")])
    found = book_exposure([Holding("A", 1_000.0, -10.0), Holding("B", 5.0)], names, STREET)
    assert found.worthless == ("A",)
    assert [one.symbol for one in found.positions] == ["B"]
    with pytest.raises(EmptyBasketError, match="No position with weight"):
        book_exposure([Holding("A", 1_000.0, -10.0)], names, STREET)


@pytest.mark.parametrize(
    ("holding", "price", "value", "side"),
    [
        (Holding("A", 5.0), None, 5.0, PositionSide.LONG),
        (Holding("A", -5.0), 7.0, -5.0, PositionSide.SHORT),
        (Holding("A", shares=-2.0), 7.0, -14.0, PositionSide.SHORT),
        (Holding("A", shares=-2.0), None, None, PositionSide.SHORT),
        (Holding("A", 10.0, -2.0), 7.0, -4.0, PositionSide.SHORT),
        (Holding("A", 10.0, -2.0), 3.0, 4.0, PositionSide.LONG),
        (Holding("A", 10.0, -2.0), None, None, None),
        (Holding("A", 10.0, 2.0), None, None, PositionSide.LONG),
        (Holding("A", 10.0, -2.0), 5.0, 0.0, None),
    ],
)
def test_what_a_holding_is_worth_and_on_which_side_it_is(
    holding: Holding, price: float | None, value: float | None, side: PositionSide | None
) -> None:
    assert (holding.value(price), holding.side(price)) == (value, side)


def test_nothing_that_arrived_is_an_error() -> None:
    with pytest.raises(EmptyBasketError):
        book_exposure([Holding("X", shares=1.0)], a_snapshot([], ("X",)), STREET)
