"""Forward and rate from put-call parity: exact on clean quotes, unmoved by a bad one, honest where it cannot say."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exposure.chain import Chain
from tests.builders import EXPIRY, NAN, Contract, a_call, a_chain, a_put, a_quoted_pair

MONTH, HALF_YEAR, YEAR = EXPIRY, date(2024, 12, 6), date(2025, 6, 6)
DAYS = {MONTH: 30, HALF_YEAR: 184, YEAR: 366}


def years_to(expiry: date) -> float:
    """From the close of 2024-06-05; the clocks go back one hour between it and December."""
    return DAYS[expiry] / 365 + (1 / 24 / 365 if expiry is HALF_YEAR else 0.0)


def a_smile(
    expiry: date, forward: float, rate: float, *, half_spread: float = 0.05, strikes: range = range(85, 116, 2)
) -> list[Contract]:
    """Every strike of one expiry, quoted around parity."""
    return [
        contract
        for strike in strikes
        for contract in a_quoted_pair(
            strike, forward=forward, rate=rate, years=years_to(expiry), half_spread=half_spread, expiry=expiry
        )
    ]


def index_chain(contracts: list[Contract], *, flat_rate: float = 0.04) -> Chain:
    """The contracts as European ones: rates may be read off their quotes."""
    return a_chain(contracts, symbol="XSP", flat_rate=flat_rate)


def spoiled(contracts: list[Contract], strike: float, *, by: float, locked: bool) -> list[Contract]:
    """The same quotes with the call of one strike too dear, and that strike's market locked if asked."""

    def changed(one: Contract) -> Contract:
        if one.strike != strike:
            return one
        bid = one.bid + (by if one.is_call else 0.0)
        return replace(one, bid=bid, ask=bid if locked else bid + 0.10)

    return [changed(one) for one in contracts]


@settings(max_examples=60, deadline=None)
@given(st.floats(97.5, 102.5), st.floats(-0.01, 0.12))
def test_forward_and_rate_of_european_quotes_are_recovered_exactly(forward: float, rate: float) -> None:
    smiles = [contract for expiry in DAYS for contract in a_smile(expiry, forward, rate)]
    curve = index_chain(smiles).curve
    assert curve.forward.tolist() == pytest.approx([forward] * 3, rel=1e-11)
    assert curve.rate.tolist() == pytest.approx([rate] * 3, abs=1e-10)
    assert curve.from_parity.tolist() == [True, True, True]


def test_a_rate_that_changes_with_the_term_is_followed_and_held_flat_outside() -> None:
    rates = {expiry: 0.05 - 0.02 * (years_to(expiry) - years_to(MONTH)) for expiry in DAYS}
    contracts = [contract for expiry, rate in rates.items() for contract in a_smile(expiry, 100.0, rate)]
    weekly = date(2024, 6, 7)
    contracts += [replace(one, expiry=weekly) for one in a_quoted_pair(100.0, years=2 / 365)]
    curve = index_chain(contracts).curve
    assert curve.rate[0] == curve.rate[1]
    assert curve.rate.tolist() == pytest.approx([0.05, *rates.values()], abs=1e-9)


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("strike", [85, 99, 115])
@pytest.mark.parametrize("by", [4.0, 0.6, -0.6])
def test_one_bad_quote_moves_neither_forward_nor_rate(strike: int, by: float, locked: bool) -> None:
    contracts = spoiled(a_smile(YEAR, 101.0, 0.05), strike, by=by, locked=locked)
    curve = index_chain(contracts).curve
    assert curve.rate.tolist() == pytest.approx([0.05], abs=1e-9)
    assert curve.forward.tolist() == pytest.approx([101.0], rel=1e-9)


@pytest.mark.parametrize("locked", [False, True])
def test_one_bad_quote_does_not_move_the_forward_of_an_american_name(locked: bool) -> None:
    contracts = spoiled(a_smile(MONTH, 100.5, 0.04), 101, by=1.5, locked=locked)
    assert a_chain(contracts).curve.forward.tolist() == pytest.approx([100.5], rel=1e-9)


def test_american_names_keep_the_flat_rate_but_take_their_forward_from_parity() -> None:
    curve = a_chain(a_smile(YEAR, 101.0, 0.07), symbol="NVDA", flat_rate=0.03).curve
    assert curve.rate.tolist() == [0.03]
    assert curve.from_parity.tolist() == [True]
    assert curve.forward[0] == pytest.approx(101.0, abs=0.1)


def test_oex_is_american_and_keeps_the_flat_rate() -> None:
    assert a_chain(a_smile(YEAR, 101.0, 0.07), symbol="OEX", flat_rate=0.03).curve.rate.tolist() == [0.03]


def test_without_two_sided_pairs_the_forward_is_spot_at_the_flat_rate() -> None:
    call_only, put_only = a_quoted_pair(100.0)[0], a_quoted_pair(105.0)[1]
    no_bid = [replace(one, bid=0.0) for one in a_quoted_pair(110.0)]
    curve = index_chain([call_only, put_only, *no_bid, a_call(90), a_put(90)], flat_rate=0.06).curve
    assert curve.rate.tolist() == [0.06]
    assert curve.forward.tolist() == pytest.approx([100 * math.exp(0.06 * 30 / 365)], rel=1e-15)
    assert curve.from_parity.tolist() == [False]


def test_one_pair_is_enough_for_a_forward() -> None:
    curve = a_chain(a_quoted_pair(97.0, forward=100.8)).curve
    assert curve.forward.tolist() == pytest.approx([100.8], rel=1e-12)


@pytest.mark.parametrize("factor", [0.93, 1.08, 2.0])
def test_a_forward_too_far_from_spot_is_refused(factor: float) -> None:
    """30 days allow 3% + 0.15 x 30/365 = 4.2% either way."""
    curve = a_chain(a_smile(MONTH, 100 * factor, 0.04)).curve
    assert curve.from_parity.tolist() == [False]
    assert curve.forward.tolist() == pytest.approx([100 * math.exp(0.04 * 30 / 365)])


@pytest.mark.parametrize("factor", [0.965, 1.04])
def test_a_forward_that_borrow_or_dividends_explain_is_taken(factor: float) -> None:
    curve = a_chain(a_smile(MONTH, 100 * factor, 0.04)).curve
    assert curve.forward.tolist() == pytest.approx([100 * factor], rel=1e-11)


def test_a_negative_forward_is_refused() -> None:
    call, put = a_quoted_pair(100.0)
    curve = a_chain([replace(call, bid=1.0, ask=1.1), replace(put, bid=150.0, ask=151.0)]).curve
    assert curve.from_parity.tolist() == [False]
    assert np.isfinite(curve.forward).all()


@pytest.mark.parametrize("rate", [-0.05, 0.25])
def test_an_implausible_rate_falls_back_to_the_flat_one(rate: float) -> None:
    assert index_chain(a_smile(HALF_YEAR, 100.0, rate), flat_rate=0.04).curve.rate.tolist() == [0.04]


def test_too_few_pairs_do_not_make_a_rate() -> None:
    nine = a_smile(YEAR, 100.0, 0.07, strikes=range(92, 110, 2))
    ten = a_smile(YEAR, 100.0, 0.07, strikes=range(92, 112, 2))
    assert index_chain(nine).curve.rate.tolist() == [0.04]
    assert index_chain(ten).curve.rate.tolist() == pytest.approx([0.07])


def test_strikes_far_from_the_money_do_not_bend_the_rate() -> None:
    near = a_smile(YEAR, 100.0, 0.05)
    far = [replace(one, bid=one.bid + 3 * one.is_call, ask=one.ask + 3 * one.is_call) for one in
           a_smile(YEAR, 100.0, 0.05, strikes=range(130, 180, 2))]  # fmt: skip
    assert index_chain(near + far).curve.rate.tolist() == pytest.approx([0.05], abs=1e-9)


def test_parity_needs_no_listed_volatility_and_no_open_interest() -> None:
    contracts = [replace(one, open_interest=0.0, iv=NAN) for one in a_smile(MONTH, 100.9, 0.04)]
    assert a_chain(contracts).curve.forward.tolist() == pytest.approx([100.9], rel=1e-11)
