"""Why one name changed: each factor alone, all together against a slow revaluation, exactness, and two real days."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exposure.attribution import CHAIN_PARTS, AttributionError, NameAttribution, Part, attribute
from exposure.chain import Chain, QuoteRows, build_chain
from exposure.dealer import Greek, SignConvention
from exposure.greeks import greeks
from exposure.legs import measure
from tests.builders import NAN, QUOTE_TIME, Contract, a_call, a_chain, a_put, a_quoted_pair
from tests.exposure.stressed import some_contracts
from tests.real_data import FOLDER

STREET = SignConvention.STREET
NEAR, FAR = date(2024, 7, 5), date(2024, 9, 20)


def gross(chain: Chain, greek: Greek) -> float:
    legs = measure(chain).legs(greek)
    assert legs is not None
    return legs.gross


def room_for_rounding(split: NameAttribution, before: Chain, after: Chain, greek: Greek) -> float:
    """Dollars by which two ways of summing may differ; parts can be larger than both ends."""
    largest = max(abs(part) for part in parts_of(split, greek))
    return 1e-6 + 1e-9 * max(gross(before, greek), gross(after, greek), largest)


def parts_of(split: NameAttribution, greek: Greek) -> list[float]:
    return [split.parts[part].of(greek) for part in CHAIN_PARTS]


def assert_adds_up(split: NameAttribution) -> None:
    assert tuple(split.parts) == CHAIN_PARTS
    for greek in Greek:
        parts = parts_of(split, greek)
        change = split.after.of(greek) - split.before.of(greek)
        assert split.change.of(greek) == change
        assert sum(parts) == sum(reversed(parts)) == sum(sorted(parts)) == math.fsum(parts) == change
        assert split.before.of(greek) + sum(parts) == split.after.of(greek)


def assert_ends_are_measured(split: NameAttribution, before: Chain, after: Chain) -> None:
    for greek in Greek:
        room = room_for_rounding(split, before, after, greek)
        assert split.before.of(greek) == pytest.approx(measure(before).net(greek, split.convention), abs=room)
        assert split.after.of(greek) == pytest.approx(measure(after).net(greek, split.convention), abs=room)


def with_open_interest(factor: float) -> list[Contract]:
    return [replace(one, open_interest=one.open_interest * factor) for one in some_contracts()]


def with_volatility(points: float) -> list[Contract]:
    return [replace(one, iv=one.iv + points / 100) for one in some_contracts()]


def with_dividend(chain: Chain) -> Chain:
    """The forward grows at 1.3% a year instead of the rate."""
    return replace(chain, curve=replace(chain.curve, forward=chain.spot * np.exp(0.013 * chain.curve.years)))


def without_volatility(strike: float) -> list[Contract]:
    return [replace(one, iv=NAN) if one.strike == strike else one for one in some_contracts()]


def without(strike: float) -> list[Contract]:
    return [one for one in some_contracts() if one.strike != strike]


LATER = QUOTE_TIME + timedelta(days=3, hours=1)
PLAIN = some_contracts()
NO_VOLATILITY_YET = [*PLAIN, a_call(90.0, expiry=FAR, iv=NAN, open_interest=0.0), a_call(101.0, iv=NAN, open_interest=0.0)]

FACTORS: dict[str, tuple[Part, Callable[[], tuple[Chain, Chain]]]] = {
    "time": (Part.TIME, lambda: (a_chain(PLAIN), a_chain(PLAIN, quote_time=LATER))),
    "time to the last minutes": (
        Part.TIME,
        lambda: (
            a_chain([a_call(), a_put(98.0)]),
            a_chain([a_call(), a_put(98.0)], quote_time=datetime(2024, 7, 5, 19, 50, tzinfo=UTC)),
        ),
    ),
    "time under a dividend": (
        Part.TIME,
        lambda: (with_dividend(a_chain(PLAIN)), with_dividend(a_chain(PLAIN, quote_time=LATER))),
    ),
    "a dividend": (Part.CARRY, lambda: (a_chain(PLAIN), with_dividend(a_chain(PLAIN)))),
    "the rate": (Part.CARRY, lambda: (a_chain(PLAIN), a_chain(PLAIN, flat_rate=0.05))),
    "spot": (Part.SPOT, lambda: (a_chain(PLAIN), a_chain(PLAIN, spot=103.7))),
    "volatility": (Part.VOLATILITY, lambda: (a_chain(PLAIN), a_chain(with_volatility(2.0)))),
    "open interest": (Part.OPEN_INTEREST, lambda: (a_chain(PLAIN), a_chain(with_open_interest(1.3)))),
    "multiplier": (
        Part.OPEN_INTEREST,
        lambda: (a_chain(PLAIN), a_chain([replace(one, multiplier=10.0) for one in PLAIN])),
    ),
    "a strike that comes": (Part.NEW_LISTINGS, lambda: (a_chain(without(105.0)), a_chain(PLAIN))),
    "an expiry that comes": (
        Part.NEW_LISTINGS,
        lambda: (a_chain([one for one in PLAIN if one.expiry == NEAR]), a_chain(PLAIN)),
    ),
    "an expiry that comes beside unusable contracts": (
        Part.NEW_LISTINGS,
        lambda: (a_chain([one for one in without_volatility(110.0) if one.expiry == NEAR]), a_chain(
            [one for one in PLAIN if one.expiry == FAR] + [one for one in without_volatility(110.0) if one.expiry == NEAR]
        )),
    ),
    "a contract that loses its volatility": (Part.COVERAGE, lambda: (a_chain(PLAIN), a_chain(without_volatility(105.0)))),
    "a contract that finds a volatility": (Part.COVERAGE, lambda: (a_chain(without_volatility(105.0)), a_chain(PLAIN))),
    "open interest that goes, and the row with it": (Part.OPEN_INTEREST, lambda: (a_chain(PLAIN), a_chain(without(105.0)))),
    "open interest that goes, and the volatility with it": (
        Part.OPEN_INTEREST,
        lambda: (a_chain([*PLAIN, a_call(101.0)]), a_chain(NO_VOLATILITY_YET)),
    ),
    "open interest of a contract whose other right was known": (
        Part.OPEN_INTEREST,
        lambda: (a_chain([a_put(100.0)]), a_chain([a_call(100.0), a_put(100.0)])),
    ),
}  # fmt: skip


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("convention", [STREET, SignConvention.SHORT_ALL])
def test_one_factor_alone_is_the_only_part(factor: str, convention: SignConvention) -> None:
    part, chains = FACTORS[factor]
    before, after = chains()
    split = attribute(before, after, convention)
    assert_adds_up(split)
    assert_ends_are_measured(split, before, after)
    for greek in Greek:
        others = [split.parts[other].of(greek) for other in CHAIN_PARTS if other is not part]
        assert others == [0.0] * len(others)
        assert all(math.copysign(1.0, other) == 1.0 for other in others)
    assert split.parts[part].gex != 0.0


def test_roll_off_takes_the_expired_at_their_value_before() -> None:
    before = a_chain(PLAIN)
    kept = [one for one in PLAIN if one.expiry == FAR]
    after = a_chain(kept, quote_time=datetime(2024, 7, 5, 20, 0, tzinfo=UTC))
    split = attribute(before, after, STREET)
    for greek in Greek:
        expired = measure(a_chain([one for one in PLAIN if one.expiry == NEAR])).net(greek, STREET)
        assert expired is not None
        assert split.parts[Part.ROLL_OFF].of(greek) == pytest.approx(-expired, rel=1e-9)
    assert split.parts[Part.TIME].gex != 0.0
    assert [part for part in CHAIN_PARTS if split.parts[part].gex != 0.0] == [Part.ROLL_OFF, Part.TIME]
    assert (split.contracts.expired, split.contracts.matched, split.contracts.lost) == (14, 14, 0)
    back = attribute(after, before, STREET)
    assert back.parts[Part.ROLL_OFF].gex == pytest.approx(-split.parts[Part.ROLL_OFF].gex, rel=1e-9)
    assert back.contracts.returned == 14
    assert_adds_up(back)


def test_roll_off_alone_when_only_the_last_second_passed() -> None:
    just_before = datetime(2024, 7, 5, 19, 59, 59, tzinfo=UTC)
    before, after = a_chain(PLAIN, quote_time=just_before), a_chain(PLAIN, quote_time=just_before + timedelta(seconds=1))
    split = attribute(before, after, STREET)
    assert abs(split.parts[Part.TIME].gex) < 1e-6 * gross(before, Greek.GEX)
    assert abs(split.parts[Part.ROLL_OFF].gex) > 0.1 * gross(before, Greek.GEX)


def test_a_dividend_priced_in_is_carry_and_spot_moves_with_it_held() -> None:
    before = a_chain(PLAIN)
    cum = a_chain(PLAIN, spot=102.0)
    after = replace(cum, curve=replace(cum.curve, forward=cum.curve.forward * np.exp(-0.02 * cum.curve.years)))
    split = attribute(before, after, STREET)
    assert [part for part in CHAIN_PARTS if split.parts[part].gex != 0.0] == [Part.CARRY, Part.SPOT]
    at_the_old_spot = replace(
        before, curve=replace(before.curve, forward=before.curve.forward * np.exp(-0.02 * before.curve.years))
    )
    assert split.parts[Part.CARRY].gex == pytest.approx(attribute(before, at_the_old_spot, STREET).change.gex, rel=1e-9)


def test_a_quoted_forward_that_moves_with_spot_is_spot_alone() -> None:
    strikes = [80.0, 90.0, 95.0, 100.0, 105.0, 110.0, 120.0]

    def quoted(forward: float) -> Chain:
        contracts = [one for strike in strikes for one in a_quoted_pair(strike, forward=forward)]
        listed = [replace(one, iv=0.2) for one in contracts]
        return a_chain(listed, spot=forward * 0.999)

    before, after = quoted(100.0), quoted(101.0)
    assert before.curve.from_parity.all()
    split = attribute(before, after, STREET)
    others = [abs(split.parts[part].gex) for part in CHAIN_PARTS if part is not Part.SPOT]
    assert max(others) < 1e-9 * gross(before, Greek.GEX)


def test_a_contract_that_goes_unusable_moves_with_the_rest_until_it_goes() -> None:
    before, after = a_chain(PLAIN), a_chain(without_volatility(105.0), spot=103.0)
    split = attribute(before, after, STREET)
    everything = attribute(before, a_chain(PLAIN, spot=103.0), STREET)
    assert split.parts[Part.SPOT] == everything.parts[Part.SPOT]
    alone = measure(a_chain([one for one in PLAIN if one.strike == 105.0], spot=103.0)).net(Greek.GEX, STREET)
    assert alone is not None
    assert split.parts[Part.COVERAGE].gex == pytest.approx(-alone, rel=1e-9)
    assert (split.contracts.lost, split.contracts.gained, split.contracts.emptied) == (4, 0, 0)


def test_am_and_pm_contracts_of_one_day_are_not_each_other() -> None:
    third_friday = date(2024, 6, 21)
    am, pm = a_call(100.0, expiry=third_friday, root="SPX"), a_call(100.0, expiry=third_friday, root="SPXW", open_interest=50.0)
    before = a_chain([am, pm], symbol="SPX")
    after = a_chain([am, replace(pm, open_interest=70.0)], symbol="SPX")
    split = attribute(before, after, STREET)
    assert split.contracts.matched == 2
    assert split.parts[Part.OPEN_INTEREST].gex == split.change.gex > 0


def test_an_empty_end_is_coverage() -> None:
    full, empty = a_chain(PLAIN), a_chain(PLAIN, spot=math.nan)
    assert len(empty) == 0
    for split in (attribute(full, empty, STREET), attribute(empty, full, STREET)):
        assert_adds_up(split)
        assert split.parts[Part.COVERAGE] == split.change
    nothing = attribute(empty, empty, STREET)
    assert set(parts_of(nothing, Greek.GEX)) == {0.0}


def test_identical_chains_have_no_parts() -> None:
    split = attribute(a_chain(PLAIN), a_chain(PLAIN), STREET)
    for greek in Greek:
        assert set(parts_of(split, greek)) == {0.0}
    assert split.before == split.after


def test_two_symbols_are_refused() -> None:
    with pytest.raises(AttributionError, match="The change of NVDA cannot be explained with a chain of AMD"):
        attribute(a_chain(), a_chain(symbol="AMD"), STREET)


def slow_gex(contracts: list[tuple[float, bool, float, float]], spot: float, years: float, rate: float) -> float:
    """Net GEX under street of (strike, is_call, iv, open interest), one contract at a time."""
    total = 0.0
    for strike, is_call, iv, open_interest in contracts:
        one = greeks(spot, np.array([strike]), years, np.array([iv]), np.array([is_call]), rate=rate)
        total += (1 if is_call else -1) * float(one.gamma[0]) * open_interest * 100 * spot**2 * 0.01
    return total


def test_all_factors_together_follow_the_documented_order() -> None:
    """A hand-written revaluation, step by step, of one expiry with every factor moving at once."""
    before_rows = [(95.0, True, 0.30, 500.0), (100.0, True, 0.25, 900.0), (105.0, False, 0.24, 700.0), (90.0, False, 0.33, 400.0)]
    after_rows = [(95.0, True, 0.33, 450.0), (100.0, True, 0.26, 990.0), (105.0, False, 0.22, 800.0), (110.0, True, 0.21, 300.0)]
    later = QUOTE_TIME + timedelta(days=1)
    dying = [(100.0, True, 0.5, 800.0)]

    def contracts(rows: list[tuple[float, bool, float, float]], expiry: date) -> list[Contract]:
        return [Contract(strike, is_call, expiry, iv, open_interest) for strike, is_call, iv, open_interest in rows]

    before = a_chain(contracts(before_rows, NEAR) + contracts(dying, date(2024, 6, 6)))
    after = a_chain(
        [*contracts(after_rows, NEAR), Contract(90.0, False, NEAR, NAN, 600.0), Contract(100.0, True, FAR, 0.28, 200.0)],
        spot=102.0, quote_time=later, flat_rate=0.05,
    )  # fmt: skip
    split = attribute(before, after, STREET)
    soon, t0, t1, t_far = 1 / 365, 30 / 365, 29 / 365, 106 / 365
    aged = slow_gex(before_rows, 100.0, t1, 0.04)
    carried = slow_gex(before_rows, 100.0, t1, 0.05)
    moved = slow_gex(before_rows, 102.0, t1, 0.05)
    restruck_rows = [
        (95.0, True, 0.33, 500.0),
        (100.0, True, 0.26, 900.0),
        (105.0, False, 0.22, 700.0),
        (90.0, False, 0.33, 400.0),
    ]
    restruck = slow_gex(restruck_rows, 102.0, t1, 0.05)
    held = slow_gex([*after_rows[:3], (90.0, False, 0.33, 400.0)], 102.0, t1, 0.05)
    expected = {
        Part.ROLL_OFF: -slow_gex(dying, 100.0, soon, 0.04),
        Part.TIME: aged - slow_gex(before_rows, 100.0, t0, 0.04),
        Part.CARRY: carried - aged,
        Part.SPOT: moved - carried,
        Part.VOLATILITY: restruck - moved,
        Part.OPEN_INTEREST: held - restruck,
        Part.NEW_LISTINGS: slow_gex(after_rows[3:], 102.0, t1, 0.05) + slow_gex([(100.0, True, 0.28, 200.0)], 102.0, t_far, 0.05),
        Part.COVERAGE: -slow_gex([(90.0, False, 0.33, 400.0)], 102.0, t1, 0.05),
    }  # fmt: skip
    for part, value in expected.items():
        assert split.parts[part].gex == pytest.approx(value, rel=1e-9), part
    assert_adds_up(split)
    assert_ends_are_measured(split, before, after)


volatilities = st.one_of(st.just(NAN), st.floats(0.05, 2.0))
listings = st.lists(
    st.builds(
        Contract,
        strike=st.sampled_from([80.0, 90.0, 95.0, 99.5, 100.0, 100.5, 105.0, 110.0, 130.0]),
        is_call=st.booleans(),
        expiry=st.sampled_from([date(2024, 6, 6), date(2024, 6, 7), NEAR, FAR, date(2026, 1, 16)]),
        iv=volatilities,
        open_interest=st.one_of(st.just(0.0), st.floats(1.0, 1e6)),
        multiplier=st.sampled_from([100.0, 10.0]),
    ),
    max_size=30,
)
chains = st.builds(
    a_chain,
    listings,
    spot=st.floats(60.0, 160.0),
    quote_time=st.sampled_from([QUOTE_TIME, QUOTE_TIME + timedelta(minutes=1), QUOTE_TIME + timedelta(days=1), LATER]),
    flat_rate=st.floats(-0.01, 0.1),
)


@settings(max_examples=150, deadline=None)
@given(chains, chains, st.sampled_from(list(SignConvention)))
def test_any_two_chains_add_up_to_the_last_bit(before: Chain, after: Chain, convention: SignConvention) -> None:
    split = attribute(before, after, convention)
    assert_adds_up(split)
    assert_ends_are_measured(split, before, after)
    swapped = attribute(after, before, convention)
    assert_adds_up(swapped)
    for greek in Greek:
        room = max(room_for_rounding(one, before, after, greek) for one in (split, swapped))
        assert swapped.change.of(greek) == pytest.approx(-split.change.of(greek), abs=room)


@settings(max_examples=50, deadline=None)
@given(chains, chains)
def test_negating_the_convention_negates_every_part(before: Chain, after: Chain) -> None:
    long, short = (attribute(before, after, one) for one in (SignConvention.LONG_ALL, SignConvention.SHORT_ALL))
    for greek in Greek:
        assert parts_of(long, greek) == [-value for value in parts_of(short, greek)]


class TestGoogleOnTwoDays:
    """2015-12-23 and the half day after it, as recorded; quotes at the close, a volatility of 0 means there is none."""

    @staticmethod
    def chain(day: str, close: datetime) -> Chain:
        with (FOLDER / "lean" / f"goog_{day}.csv").open() as file:
            _, underlying, *rows = csv.reader(file)
        dates = sorted({row[0] for row in rows})

        def column(place: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
            return np.array([float(row[place] or 0.0) for row in rows])

        return build_chain(
            QuoteRows(
                symbol="GOOG",
                spot=float(underlying[6]),
                quote_time=close,
                oi_date=None,
                roots=["GOOG"],
                expiry_dates=[datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date() for day in dates],
                root_index=np.zeros(len(rows), dtype=np.int64),
                expiry_index=np.array([dates.index(row[0]) for row in rows], dtype=np.int64),
                is_call=np.array([row[2] == "C" for row in rows]),
                strike=column(1),
                bid=np.full(len(rows), np.nan),
                ask=np.full(len(rows), np.nan),
                iv=column(9),
                open_interest=column(8),
                multiplier=np.full(len(rows), 100.0),
            )
        )

    @pytest.mark.real_data
    def test_parts_add_up_to_the_last_bit(self) -> None:
        before = self.chain("20151223", datetime(2015, 12, 23, 21, 0, tzinfo=UTC))
        after = self.chain("20151224", datetime(2015, 12, 24, 18, 0, tzinfo=UTC))
        split = attribute(before, after, STREET)
        assert_adds_up(split)
        assert_ends_are_measured(split, before, after)
        swapped = attribute(after, before, STREET)
        assert_adds_up(swapped)
        assert swapped.change.gex == pytest.approx(-split.change.gex, abs=1e-9 * gross(before, Greek.GEX))
        assert split.contracts.matched > 1000
        # One call of January 2017 was listed at a volatility of 1.35% on the first day, and at none on the second.
        (oddity,) = np.flatnonzero(
            (before.iv < 0.02) & (before.strike == 770.0) & before.is_call & (before.open_interest == 818.0)
        )
        same = (after.expiry == before.expiry[oddity]) & (after.strike == 770.0) & after.is_call
        assert not same.any()
        assert split.contracts.lost > 0
        assert split.parts[Part.COVERAGE].gex < -0.5 * split.before.gex
        unchanged = attribute(before, before, STREET)
        assert {nets.of(greek) for nets in unchanged.parts.values() for greek in Greek} == {0.0}
