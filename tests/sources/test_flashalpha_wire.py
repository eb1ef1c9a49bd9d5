"""FlashAlpha's JSON: what was recorded is read to the last digit, and what is odd costs no more than itself."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exposure.dealer import Greek, PublishedNets
from exposure.sessions import EASTERN
from exposure.snapshot import Missing
from sources.flashalpha import wire
from sources.flashalpha.aggregate import aggregate_notice
from sources.flashalpha.dispersion import identity_notice
from sources.flashalpha.legs import legs_of
from sources.flashalpha.published import exposure_of
from tests.sources.flashalpha_upstream import PRESENT, RECORDED, recorded, wall


def found(name: str) -> wire.Document:
    document = wire.document(recorded(name))
    assert document is not None
    return document


@pytest.mark.real_data
def test_the_recorded_strikes_sum_to_their_headline_bit_for_bit() -> None:
    reply = wire.gamma_reply(found("live_exposure_gex_SPY_2026-05-27.json"), UTC)
    nets = [strike.net for strike in reply.strikes if strike.net is not None]
    assert len(nets) == len(reply.strikes) == 491
    assert sum(nets) == reply.net == 5080761699.612014
    assert reply.symbol == "SPY"
    assert reply.as_of == datetime(2026, 5, 27, 17, 58, 14, 930357, tzinfo=UTC)


@pytest.mark.real_data
def test_the_recorded_legs_carry_no_sign_and_their_difference_is_the_printed_net() -> None:
    reply = wire.gamma_reply(found("live_exposure_gex_SPY_2026-05-27.json"), UTC)
    legs = legs_of(reply)
    assert not isinstance(legs, str)
    assert legs.call > 0.0
    assert legs.put > 0.0
    assert legs.call - legs.put == pytest.approx(5080761699.612014, rel=1e-12)


@pytest.mark.real_data
def test_the_recorded_levels_and_historical_answers_can_all_be_read() -> None:
    for path in sorted(RECORDED.glob("*.json")):
        document = wire.document(path.read_bytes())
        assert document is not None or path.name == "endpoints.json"
        if document is None or "as_of" not in document:
            continue
        assert wire.instant(document["as_of"], EASTERN) is not None, path.name


@pytest.mark.real_data
def test_a_historical_summary_is_read_by_the_clocks_of_new_york() -> None:
    reply = wire.summary_reply(found("historical_exposure_summary_SPY_2020-03-16T1530.json"))
    assert reply.as_of == datetime(2020, 3, 16, 19, 30, tzinfo=UTC)
    assert reply.row.spot == 246.01
    assert reply.row.nets == {
        Greek.GEX: -2633970601.0,
        Greek.DEX: -169419489077.0,
        Greek.VEX: 152461756844.0,
        Greek.CHEX: -13122349.0,
    }


@pytest.mark.real_data
@pytest.mark.parametrize("greek", ["dex", "chex"])
def test_a_payload_wrapper_is_opened(greek: str) -> None:
    document = found(f"historical_{greek}_SPY_2020-03-16T1530.json")
    wrapped = {"symbol": "SPY", "as_of": "2020-03-16T15:30:00", "payload": {"exposures": document["payload"]}}
    assert wire.summary_reply(wrapped).row.nets[Greek(greek)] == {"dex": -169419489077.0, "chex": -13122349.0}[greek]


@pytest.mark.parametrize(
    ("stamp", "instant"),
    [
        ("2026-05-27T17:58:14.9303577Z", datetime(2026, 5, 27, 17, 58, 14, 930357, tzinfo=UTC)),
        ("2026-05-27T17:58:14Z", datetime(2026, 5, 27, 17, 58, 14, tzinfo=UTC)),
        ("2026-05-27T13:58:14.5-04:00", datetime(2026, 5, 27, 17, 58, 14, 500000, tzinfo=UTC)),
        ("2020-03-16T15:30:00", wall("2020-03-16T15:30:00")),
        ("2020-03-16T15:30", wall("2020-03-16T15:30:00")),
        ("2024-11-03T01:30:00", datetime(2024, 11, 3, 5, 30, tzinfo=UTC)),
        ("20200316", None),
        ("2020-02-31T10:00:00", None),
        ("0001-01-01T00:00:00", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("2020-03-16T15:30:00 or so", None),
        (1584372600, None),
        (None, None),
    ],
)
def test_stamps(stamp: object, instant: datetime | None) -> None:
    assert wire.instant(stamp, EASTERN) == instant


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"[1, 2]", b'"text"', b"null", b"7", b'{"half": [1, 2', b"\xff\xfe", b"<html>", b"[" * 200_000]
)
def test_what_is_not_an_object_is_none(body: bytes) -> None:
    assert wire.document(body) is None


@pytest.mark.parametrize("value", ["12", "NaN", True, None, [], {}, "1e5", float("nan"), float("inf"), 10**400, 1e300])
def test_only_a_finite_number_is_a_number(value: object) -> None:
    assert wire.number(value) is None


def test_a_number_that_is_none_costs_its_own_leaf_only() -> None:
    body = b'{"constituents": [{"symbol": "brk-b", "net_gex": NaN, "net_dex": 1e999, "net_vex": 5}]}'
    document = wire.document(body)
    assert document is not None
    (row,) = wire.basket_reply(document).rows
    assert row.symbol == "BRK.B"
    assert row.nets == {Greek.GEX: None, Greek.DEX: None, Greek.VEX: 5.0, Greek.CHEX: None}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"constituents": 5, "missing_symbols": "AAPL", "aggregate": [], "payload": "text"},
        {"constituents": [None, [], "x", 5], "missing_symbols": [None, {}, 5]},
        {"strikes": {"a": 1}, "top_contributors": [[1]], "exposures": 3},
    ],
)
def test_shapes_nobody_promised_are_read_as_nothing(document: dict[str, object]) -> None:
    document = json.loads(json.dumps(document))
    assert wire.basket_reply(document).rows == ()
    assert wire.gamma_reply(document, UTC).strikes == ()
    assert wire.dispersion_reply(document).rows == ()
    assert set(wire.summary_reply(document).row.nets.values()) == {None}


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=5),
    st.integers(),
    st.floats(),
    st.just([]),
    st.floats(-1e11, 1e11),
    st.just("AAPL"),
)
FIELDS = "symbol weight underlying_price net_gex net_dex net_vex net_chex call_gex put_gex call_oi put_oi iv".split()
ROWS = st.lists(st.dictionaries(st.sampled_from(FIELDS), LEAVES), max_size=4)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            (*FIELDS, "as_of", "implied_vol_index", "implied_correlation", "horizon_days", "missing_symbols"), LEAVES
        ),
        **dict.fromkeys(("constituents", "strikes", "top_contributors"), ROWS),
        **{name: st.dictionaries(st.sampled_from(FIELDS), LEAVES) for name in ("aggregate", "exposures", "payload")},
    },
)


@given(DOCUMENTS)
def test_whatever_the_leaves_are_nothing_is_raised_and_no_number_is_not_finite(document: dict[str, object]) -> None:
    found = wire.document(json.dumps(document).encode())
    assert found is not None
    basket = wire.basket_reply(found)
    aggregate_notice(basket)
    identity_notice(wire.dispersion_reply(found))
    legs = legs_of(wire.gamma_reply(found, UTC))
    assert isinstance(legs, str) or math.isfinite(legs.gross)
    for row in (*basket.rows, wire.summary_reply(found).row):
        outcome = exposure_of("AAPL", row, PRESENT, PRESENT)
        if isinstance(outcome, Missing):
            continue
        assert isinstance(outcome.measured, PublishedNets)
        assert all(math.isfinite(outcome.measured.nets.of(greek)) for greek in Greek)
        assert None not in row.nets.values()
