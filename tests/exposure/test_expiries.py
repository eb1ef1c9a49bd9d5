"""Exposure by expiry and bucket, the flags of expiry days, and what is left when gamma rolls off."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from exposure.chain import Chain
from exposure.dealer import ComputedLegs, Greek, SignConvention, sign_pair
from exposure.expiries import BUCKETS, by_bucket, by_expiry, is_opex, is_quarterly, roll_offs
from exposure.holdings import SmileRule, holdings_of
from exposure.legs import measure
from exposure.zero_gamma import FlipStatus, zero_gamma
from tests.builders import EXPIRY, QUOTE_TIME, a_call, a_chain, a_put

STREET = SignConvention.STREET
SOON, LATER = date(2024, 6, 21), date(2024, 12, 20)


def a_dated_chain() -> Chain:
    contracts = []
    for expiry, centre in ((SOON, 98.0), (EXPIRY, 100.0), (LATER, 103.0)):
        contracts += [
            a_call(centre + 6.0, expiry=expiry, iv=0.22, open_interest=900.0),
            a_call(centre, expiry=expiry, iv=0.21, open_interest=400.0),
            a_put(centre, expiry=expiry, iv=0.21, open_interest=300.0),
            a_put(centre - 7.0, expiry=expiry, iv=0.26, open_interest=1000.0),
            a_put(centre - 20.0, expiry=expiry, iv=0.30, open_interest=0.0),
        ]
    return a_chain(contracts)


def without(chain: Chain, terms: int) -> Chain:
    """The chain after its first `terms` expiries are gone, everything else as it was."""
    kept = chain.term >= terms
    columns = ("expiry", "term", "is_call", "strike", "iv", "open_interest", "multiplier", "bid", "ask")
    return replace(chain, **{name: getattr(chain, name)[kept] for name in columns})


@pytest.mark.parametrize(
    ("day", "opex", "quarterly"),
    [
        (date(2024, 6, 21), True, True),
        (date(2024, 7, 19), True, False),
        (date(2024, 6, 28), False, False),
        (date(2022, 4, 14), True, False),  # the third Friday was Good Friday
        (date(2022, 4, 15), False, False),
        (date(2026, 6, 18), True, True),  # the third Friday is Juneteenth
        (date(2026, 6, 19), False, False),
        (date(2040, 3, 16), True, True),  # beyond the calendar: the third Friday itself
    ],
)
def test_flags_of_expiry_days(day: date, opex: bool, quarterly: bool) -> None:
    assert (is_opex(day), is_quarterly(day)) == (opex, quarterly)


@pytest.mark.parametrize("convention", SignConvention)
def test_expiries_add_up_to_the_chain_in_all_four(convention: SignConvention) -> None:
    chain = a_dated_chain()
    measured, dated = measure(chain), by_expiry(chain, convention)
    assert isinstance(measured.measured, ComputedLegs)
    for greek in Greek:
        whole = measured.measured.total.of(greek)
        assert sum(one.legs.of(greek).call for one in dated) == pytest.approx(whole.call, rel=1e-12)
        assert sum(one.legs.of(greek).put for one in dated) == pytest.approx(whole.put, rel=1e-12)
        assert sum(one.nets.of(greek) for one in dated) == pytest.approx(measured.net(greek, convention), rel=1e-11)
    assert sum(one.gross_share for one in dated) == pytest.approx(1.0)
    assert sum(one.open_interest for one in dated) == chain.open_interest.sum()


def test_an_expiry_says_when_it_is_and_what_it_holds() -> None:
    first, second, third = by_expiry(a_dated_chain(), STREET)
    assert [one.expiry for one in (first, second, third)] == [SOON, EXPIRY, LATER]
    assert [one.days for one in (first, second, third)] == [16, 30, 198]
    assert [(one.opex, one.quarterly) for one in (first, second, third)] == [(True, True), (False, False), (True, True)]
    assert (first.contracts, first.open_interest) == (4, 2600.0)


def test_an_index_date_with_morning_and_afternoon_contracts_is_one_expiry() -> None:
    contracts = [a_call(root="SPX", expiry=SOON), a_call(root="SPXW", expiry=SOON), a_put(root="SPXW", expiry=SOON)]
    (only,) = by_expiry(a_chain(contracts, symbol="SPX"), STREET)
    assert (only.expiry, only.contracts) == (SOON, 3)
    assert len(roll_offs(a_chain(contracts, symbol="SPX"), STREET)) == 1


@pytest.mark.parametrize(
    ("days", "name"),
    [(0, "0-7"), (7, "0-7"), (8, "8-30"), (30, "8-30"), (31, "31-60"), (60, "31-60"), (61, "61-180"), (180, "61-180"),
     (181, "181+"), (4000, "181+")],
)  # fmt: skip
def test_every_number_of_days_is_in_one_bucket(days: int, name: str) -> None:
    assert [bucket.name for bucket in BUCKETS if bucket.holds(days)] == [name]


def test_days_are_eastern_calendar_days() -> None:
    # 21:30 in New York on the 5th, which is the 6th in UTC.
    late = datetime(2024, 6, 6, 1, 30, tzinfo=UTC)
    (only,) = by_expiry(a_chain([a_call()], quote_time=late), STREET)
    assert only.days == 30
    (today,) = by_expiry(a_chain([a_call(expiry=date(2024, 6, 5))], quote_time=QUOTE_TIME - timedelta(hours=3)), STREET)
    assert today.days == 0


def test_buckets_are_the_sum_of_their_expiries() -> None:
    chain = a_dated_chain()
    dated, buckets = by_expiry(chain, STREET), by_bucket(chain, STREET)
    assert [(one.bucket.name, one.expiries) for one in buckets] == [
        ("0-7", 0),
        ("8-30", 2),
        ("31-60", 0),
        ("61-180", 0),
        ("181+", 1),
    ]
    for greek in Greek:
        assert buckets[1].nets.of(greek) == pytest.approx(dated[0].nets.of(greek) + dated[1].nets.of(greek), rel=1e-12)
        assert buckets[4].nets.of(greek) == dated[2].nets.of(greek)
        assert buckets[0].nets.of(greek) == 0.0
    assert (buckets[1].contracts, buckets[1].open_interest) == (8, 5200.0)


@pytest.mark.parametrize("smile", SmileRule)
def test_what_rolls_off_is_gone_and_the_flip_is_that_of_the_rest(smile: SmileRule) -> None:
    chain = a_dated_chain()
    signs = sign_pair(STREET, chain.asset_class, Greek.GEX)
    rolled, dated = roll_offs(chain, STREET, smile=smile), by_expiry(chain, STREET)
    assert [one.expiry for one in rolled] == [SOON, EXPIRY, LATER]
    for place, one in enumerate(rolled):
        rest = without(chain, place + 1)
        assert one.rolling_off_gex == pytest.approx(dated[place].nets.gex, rel=1e-9)
        assert one.net_gex_after == pytest.approx(measure(rest).net(Greek.GEX, STREET), rel=1e-9, abs=1e-6)
        for flip, terms in ((one.flip_before, place), (one.flip_after, place + 1)):
            expected = zero_gamma(holdings_of(without(chain, terms), smile), signs)
            assert flip.status is expected.status
            assert [root.at for root in flip.roots] == pytest.approx([root.at for root in expected.roots], rel=1e-9)
    assert rolled[-1].flip_after.status is FlipStatus.NONE_IN_RANGE
    assert rolled[-1].net_gex_after == 0.0


def test_only_the_first_few_on_request() -> None:
    assert roll_offs(a_dated_chain(), STREET, first=2) == roll_offs(a_dated_chain(), STREET)[:2]
    assert roll_offs(a_dated_chain(), STREET, first=0) == ()


def test_an_empty_chain_has_no_expiries() -> None:
    empty = a_chain([])
    assert by_expiry(empty, STREET) == ()
    assert roll_offs(empty, STREET) == ()
    assert [one.expiries for one in by_bucket(empty, STREET)] == [0, 0, 0, 0, 0]


def test_a_flip_moves_when_the_near_calls_are_gone() -> None:
    chain = a_chain([a_call(102.0, expiry=SOON, open_interest=5000.0), a_call(115.0), a_put(95.0)])
    first = roll_offs(chain, STREET)[0]
    assert first.rolling_off_gex > 0
    assert first.flip_before.nearest is not None
    assert first.flip_after.nearest is not None
    assert first.flip_before.nearest < first.flip_after.nearest
