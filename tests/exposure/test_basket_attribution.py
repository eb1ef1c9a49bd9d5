"""Why a basket changed: names, weights, membership, and what cannot be split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exposure.attribution import CHAIN_PARTS, AttributionError, Part, attribute
from exposure.basket import Basket, aggregate
from exposure.basket_attribution import BasketAttribution, BasketEnd, ChangeKind, NameChange, attribute_basket
from exposure.chain import Chain
from exposure.dealer import Greek, SignConvention, SymbolExposure
from exposure.legs import measure
from tests.builders import QUOTE_TIME, a_chain, a_snapshot, a_vendor_row
from tests.exposure.stressed import some_contracts

STREET = SignConvention.STREET
LATER = QUOTE_TIME + timedelta(days=1)


def a_name(symbol: str, *, puts: float = 1.0, moved: float = 1.0, later: bool = False) -> Chain:
    """`puts` scales put open interest, `moved` scales spot."""
    contracts = [
        replace(one, open_interest=one.open_interest * (1.0 if one.is_call else puts)) for one in some_contracts()
    ]  # fmt: skip
    return a_chain(contracts, symbol=symbol, spot=100.0 * moved, quote_time=LATER if later else QUOTE_TIME)


def an_end(
    weights: Mapping[str, float],
    chains: Sequence[Chain] = (),
    published: Sequence[SymbolExposure] = (),
    convention: SignConvention = STREET,
) -> BasketEnd:
    arrived = {chain.symbol: measure(chain) for chain in chains} | {one.symbol: one for one in published}
    missing = [symbol for symbol in weights if symbol not in arrived]
    result = aggregate(Basket.of(list(weights), list(weights.values())), a_snapshot(arrived.values(), missing), convention)
    return BasketEnd(result, {chain.symbol: chain for chain in chains})


def name_of(answer: BasketAttribution, symbol: str) -> NameChange:
    return next(one for one in answer.names if one.symbol == symbol)


def assert_adds_up(answer: BasketAttribution, before: BasketEnd, after: BasketEnd) -> None:
    assert tuple(answer.parts) == tuple(Part)
    for greek in Greek:
        parts = [answer.parts[part].of(greek) for part in Part]
        assert sum(parts) == sum(reversed(parts)) == math.fsum(parts) == answer.change.of(greek)
        assert answer.before.of(greek) + sum(parts) == answer.after.of(greek)
        assert sum(one.change.of(greek) for one in answer.names) == answer.change.of(greek)
        gross = sum(abs(one.weight * one.nets.of(greek)) for end in (before, after) for one in end.result.constituents)
        assert answer.before.of(greek) == pytest.approx(before.result.net.of(greek), abs=1e-8 * gross)
        assert answer.after.of(greek) == pytest.approx(after.result.net.of(greek), abs=1e-8 * gross)


def only_part(answer: BasketAttribution) -> Part:
    (part,) = [part for part in Part if answer.parts[part].gex != 0.0]
    return part


def test_one_name_is_the_name() -> None:
    chains = a_name("NVDA"), a_name("NVDA", puts=1.5, moved=1.03, later=True)
    before, after = (an_end({"NVDA": 1.0}, [chain]) for chain in chains)
    answer = attribute_basket(before, after)
    own = attribute(*chains, STREET)
    assert_adds_up(answer, before, after)
    for part in CHAIN_PARTS:
        assert answer.parts[part].gex == pytest.approx(own.parts[part].gex, rel=1e-9)
    assert answer.parts[Part.WEIGHTS_AND_MEMBERSHIP].gex == answer.parts[Part.UNEXPLAINED].gex == 0.0
    assert answer.names[0].own == own


def test_parts_are_the_weighted_parts_of_the_names() -> None:
    weights = {"NVDA": 3.0, "AMD": 1.0}
    pairs = {
        "NVDA": (a_name("NVDA"), a_name("NVDA", moved=1.04, later=True)),
        "AMD": (a_name("AMD", puts=2.0), a_name("AMD", puts=2.2, moved=0.98, later=True)),
    }
    before, after = (an_end(weights, [pairs[symbol][end] for symbol in weights]) for end in (0, 1))
    answer = attribute_basket(before, after)
    assert_adds_up(answer, before, after)
    each = {symbol: attribute(*pair, STREET) for symbol, pair in pairs.items()}
    for part in CHAIN_PARTS:
        expected = 0.75 * each["NVDA"].parts[part].gex + 0.25 * each["AMD"].parts[part].gex
        assert answer.parts[part].gex == pytest.approx(expected, rel=1e-9, abs=1e-6)
    assert [one.kind for one in answer.names] == [ChangeKind.ATTRIBUTED] * 2
    assert abs(answer.names[0].change.gex) >= abs(answer.names[1].change.gex)


def test_weights_alone_are_weights_alone() -> None:
    chains = [a_name("NVDA"), a_name("AMD", puts=2.0)]
    before, after = an_end({"NVDA": 0.5, "AMD": 0.5}, chains), an_end({"NVDA": 0.8, "AMD": 0.2}, chains)
    answer = attribute_basket(before, after)
    assert only_part(answer) is Part.WEIGHTS_AND_MEMBERSHIP
    assert_adds_up(answer, before, after)
    assert name_of(answer, "NVDA").weight_before == 0.5
    assert name_of(answer, "NVDA").weight_after == 0.8


def test_the_same_basket_twice_did_not_change() -> None:
    end = an_end({"NVDA": 0.5, "AMD": 0.5}, [a_name("NVDA"), a_name("AMD", puts=2.0)])
    answer = attribute_basket(end, end)
    assert {nets.of(greek) for nets in answer.parts.values() for greek in Greek} == {0.0}


def test_a_name_that_goes_missing_is_membership_and_reweighs_the_others() -> None:
    chains = [a_name("NVDA"), a_name("AMD", puts=2.0)]
    before, after = an_end({"NVDA": 0.5, "AMD": 0.5}, chains), an_end({"NVDA": 0.5, "AMD": 0.5}, chains[:1])
    answer = attribute_basket(before, after)
    assert only_part(answer) is Part.WEIGHTS_AND_MEMBERSHIP
    assert_adds_up(answer, before, after)
    gone, stays = name_of(answer, "AMD"), name_of(answer, "NVDA")
    assert (gone.kind, gone.after, gone.weight_after) == (ChangeKind.LEFT, None, 0.0)
    assert gone.before is not None
    assert gone.change.gex == pytest.approx(-0.5 * gone.before.gex)
    assert (stays.weight_before, stays.weight_after) == (0.5, 1.0)
    back = attribute_basket(after, before)
    assert name_of(back, "AMD").kind is ChangeKind.JOINED
    assert back.change.gex == pytest.approx(-answer.change.gex)
    assert_adds_up(back, after, before)


@pytest.mark.parametrize("lacking", ["before", "after", "both"])
def test_a_name_without_a_chain_at_an_end_is_unexplained(lacking: str) -> None:
    weights = {"NVDA": 0.5, "AMD": 0.5}
    ends = [
        an_end(weights, [a_name("NVDA", later=later), a_name("AMD", puts=2.0, moved=1.02 if later else 1.0, later=later)])
        for later in (False, True)
    ]
    for place, end in enumerate(("before", "after")):
        if lacking in (end, "both"):
            ends[place] = BasketEnd(ends[place].result, {"NVDA": ends[place].chains["NVDA"]})
    before, after = ends
    answer = attribute_basket(before, after)
    assert_adds_up(answer, before, after)
    name = name_of(answer, "AMD")
    assert name.kind is ChangeKind.UNEXPLAINED
    assert name.own is None
    assert name.before is not None
    assert name.after is not None
    assert answer.parts[Part.UNEXPLAINED].gex == pytest.approx(0.5 * (name.after.gex - name.before.gex))
    assert only_part(replace(answer, parts={part: name.parts[part] for part in Part})) is Part.UNEXPLAINED
    assert answer.parts[Part.TIME].gex == name_of(answer, "NVDA").parts[Part.TIME].gex


def test_an_empty_chain_is_a_chain() -> None:
    empty = a_chain([], symbol="AMD")
    before = an_end({"NVDA": 0.5, "AMD": 0.5}, [a_name("NVDA"), a_name("AMD")])
    after = an_end({"NVDA": 0.5, "AMD": 0.5}, [a_name("NVDA"), empty])
    answer = attribute_basket(before, after)
    assert name_of(answer, "AMD").kind is ChangeKind.ATTRIBUTED
    assert only_part(answer) is Part.COVERAGE


def test_published_nets_beside_other_chains_leave_the_difference_unexplained() -> None:
    chains = a_name("NVDA"), a_name("NVDA", moved=1.05, later=True)
    own = attribute(*chains, STREET)
    before, after = (
        BasketEnd(an_end({"NVDA": 1.0}, published=[a_vendor_row("NVDA", gex=gex)]).result, {"NVDA": chain})
        for gex, chain in zip((1e6, 4e6), chains, strict=True)
    )
    answer = attribute_basket(before, after)
    assert_adds_up(answer, before, after)
    assert answer.change.gex == pytest.approx(3e6)
    assert answer.parts[Part.UNEXPLAINED].gex == pytest.approx(3e6 - own.change.gex)


def test_ends_under_two_conventions_are_refused() -> None:
    chain = a_name("NVDA")
    ends = [an_end({"NVDA": 1.0}, [chain], convention=one) for one in (STREET, SignConvention.SHORT_ALL)]
    with pytest.raises(AttributionError, match="signed by street, the other by dealers_short_all"):
        attribute_basket(*ends)


SYMBOLS = ["NVDA", "AMD", "SPY", "TSLA"]


@st.composite
def ends(draw: st.DrawFn) -> BasketEnd:
    weights = {symbol: draw(st.floats(0.01, 5.0)) for symbol in draw(st.sets(st.sampled_from(SYMBOLS), min_size=1))}
    known = draw(st.sets(st.sampled_from(sorted(weights)), min_size=1))
    chains = [
        a_name(symbol, puts=draw(st.floats(0.2, 3.0)), moved=draw(st.floats(0.8, 1.2)), later=draw(st.booleans()))
        for symbol in known
    ]
    end = an_end(weights, chains)
    kept = draw(st.sets(st.sampled_from(sorted(known))))
    return BasketEnd(end.result, {symbol: chain for symbol, chain in end.chains.items() if symbol in kept})


@settings(max_examples=60, deadline=None)
@given(ends(), ends())
def test_any_two_ends_add_up_to_the_last_bit(before: BasketEnd, after: BasketEnd) -> None:
    answer = attribute_basket(before, after)
    assert_adds_up(answer, before, after)
    assert {one.symbol for one in answer.names} == {*before.symbols(), *after.symbols()}
    swapped = attribute_basket(after, before)
    assert_adds_up(swapped, after, before)
    for greek in Greek:
        gross = sum(abs(one.weight * one.nets.of(greek)) for end in (before, after) for one in end.result.constituents)
        assert swapped.change.of(greek) == pytest.approx(-answer.change.of(greek), abs=1e-8 * gross)
