"""Replay from FlashAlpha's historical host: one call a symbol, New York's clock, and nothing from after the instant."""

from __future__ import annotations

from datetime import UTC, datetime

import anyio
import pytest

from exposure.dealer import Nets, PublishedNets
from exposure.snapshot import MissingReason, Mode, Snapshot
from sources.base import CallsNeeded
from sources.flashalpha.replay import session_minute
from tests.sources.flashalpha_upstream import REPLAYED, Upstream, a_source, gamma_table, nets_of, sent, serving, wall
from tests.sources.loopback import Hang, Request, Serving

pytestmark = pytest.mark.anyio

TEN_NAMES = "SPY AAPL MSFT NVDA AMZN META GOOGL TSLA AVGO JPM".split()
AT = wall("2024-06-05T10:00:00")


def said(answer: Snapshot) -> dict[str, str]:
    return {notice.code: notice.message for notice in answer.provenance.notices}


def reasons(answer: Snapshot) -> dict[str, MissingReason]:
    return {one.symbol: one.reason for one in answer.missing}


@pytest.mark.real_data
async def test_the_recorded_minute_of_march_2020_is_replayed() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["SPY"], REPLAYED)
    exposure = answer.exposures["SPY"]
    assert exposure.measured == PublishedNets(Nets(-2633970601.0, -169419489077.0, 152461756844.0, -13122349.0))
    assert (exposure.spot, exposure.quote_time) == (246.01, REPLAYED)
    (request,) = upstream.requests
    assert (request.path, request.query) == ("/v1/exposure/summary/SPY", {"at": "2020-03-16T15:30:00"})
    assert (answer.provenance.mode, answer.provenance.at) == (Mode.REPLAY, REPLAYED)
    assert "end-of-day" in said(answer)["historical_open_interest"]


async def test_a_fan_out_of_ten_says_ten_and_uses_ten_and_a_repeat_uses_none() -> None:
    with serving(Upstream(covered=set(TEN_NAMES))) as upstream:
        async with a_source(upstream) as source:
            assert source.calls_needed(TEN_NAMES, AT) == CallsNeeded(10, None)
            answer = await source.exposures(TEN_NAMES, AT)
            assert len(upstream.requests) == 10
            assert source.calls_needed(TEN_NAMES, AT) == CallsNeeded(0, 2490)
            again = await source.exposures(TEN_NAMES, AT)
            assert source.calls_needed([*TEN_NAMES, "LLY"], AT).calls == 1
            assert source.calls_needed(TEN_NAMES, wall("2024-06-05T10:01:00")).calls == 10
    assert len(upstream.requests) == 10
    replay, left = "The replay of 2024-06-05 10:00 Eastern", "2,490 of today's 2,500 are left."
    assert said(answer)["upstream_calls"] == f"{replay} needed 10 FlashAlpha calls and used 10; {left}"
    assert said(again)["upstream_calls"] == f"{replay} needed 0 FlashAlpha calls and used 0; {left}"
    assert again.exposures == answer.exposures
    assert {symbol: one.measured for symbol, one in answer.exposures.items()} == {
        symbol: PublishedNets(nets_of(symbol)) for symbol in TEN_NAMES
    }


async def test_names_that_are_not_covered_are_missing_in_a_sentence_that_says_what_is() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["SPY", "AAPL"], AT)
            assert source.calls_needed(["AAPL"], AT).calls == 0
    assert list(answer.exposures) == ["SPY"]
    assert reasons(answer) == {"AAPL": MissingReason.NO_DATA_AT}
    assert "no data for AAPL at 2024-06-05 10:00 Eastern; it covers SPY alone today" in answer.missing[0].detail


@pytest.mark.parametrize(
    ("at", "asked"),
    [
        ("2024-06-05T10:00:00", "2024-06-05T10:00:00"),
        ("2024-06-05T10:00:59", "2024-06-05T10:00:00"),
        ("2024-06-05T09:29:59", "2024-06-04T16:00:00"),
        ("2024-06-05T09:30:00", "2024-06-05T09:30:00"),
        ("2024-06-05T18:00:00", "2024-06-05T16:00:00"),
        ("2024-06-08T12:00:00", "2024-06-07T16:00:00"),
        ("2024-07-03T15:00:00", "2024-07-03T13:00:00"),
        ("2024-07-04T12:00:00", "2024-07-03T13:00:00"),
        ("2018-04-16T09:30:00", "2018-04-16T09:30:00"),
        ("2018-04-16T09:29:00", None),
        ("1900-01-01T00:00:00", None),
    ],
)
def test_an_instant_is_moved_to_the_last_minute_of_a_session(at: str, asked: str | None) -> None:
    assert session_minute(wall(at)) == (wall(asked) if asked else None)


async def test_before_the_first_minute_nothing_is_asked() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            at = wall("2017-01-03T10:00:00")
            assert source.calls_needed(["SPY"], at).calls == 0
            answer = await source.exposures(["SPY"], at)
    assert upstream.requests == []
    assert reasons(answer) == {"SPY": MissingReason.NO_DATA_AT}
    assert "2018-04-16" in answer.missing[0].detail


async def test_after_the_close_and_at_the_close_are_one_call() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            await source.exposures(["SPY"], wall("2024-06-05T16:00:00"))
            await source.exposures(["SPY"], wall("2024-06-05T19:45:00"))
    assert [request.query["at"] for request in upstream.requests] == ["2024-06-05T16:00:00"]


async def test_numbers_from_after_the_instant_are_never_used() -> None:
    contract = Upstream()
    late = Upstream(instead={"/v1/exposure/summary/SPY": lambda _: contract._summary("SPY", {"at": "2024-06-05T10:01:00"})})
    with serving(late) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["SPY"], AT)
    assert reasons(answer) == {"SPY": MissingReason.NO_DATA_AT}
    assert "after the instant" in answer.missing[0].detail


async def test_a_stamp_of_the_repeated_hour_is_the_earlier_one() -> None:
    at = datetime(2024, 11, 1, 15, 0, tzinfo=UTC)
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["SPY"], at)
    assert upstream.requests[0].query["at"] == "2024-11-01T11:00:00"
    assert answer.exposures["SPY"].quote_time == at


async def test_a_wrapped_answer_is_opened() -> None:
    row = Upstream().row("SPY")
    nets = {name: row[name] for name in ("net_gex", "net_dex", "net_vex", "net_chex")}
    wrapped = {"symbol": "SPY", "underlying_price": 529.0, "as_of": "2024-06-05T10:00:00", "payload": {"exposures": nets}}
    with serving(Upstream(instead={"/v1/exposure/summary/SPY": sent(wrapped)})) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["SPY"], AT)
    assert answer.exposures["SPY"].measured == PublishedNets(nets_of("SPY"))


async def test_a_plan_that_may_not_replay_is_told_which_may_and_the_rest_is_not_asked() -> None:
    body = {"error": "tier_restricted", "message": "x", "current_plan": "Growth", "required_plan": "Alpha"}
    with serving(Upstream(instead={f"/v1/exposure/summary/{name}": sent(body, 403) for name in TEN_NAMES})) as upstream:
        async with a_source(upstream, at_once=2) as source:
            answer = await source.exposures(TEN_NAMES, AT)
    assert set(reasons(answer).values()) == {MissingReason.NOT_ENTITLED}
    assert len(answer.missing) == 10
    assert "top plan, Alpha" in answer.missing[-1].detail
    assert "(Growth)" in answer.missing[-1].detail
    assert len(upstream.requests) <= 2
    assert f"needed 10 FlashAlpha calls and used {len(upstream.requests)};" in said(answer)["upstream_calls"]


async def test_what_had_arrived_by_the_deadline_is_answered_and_the_rest_is_there_for_the_next() -> None:
    contract = Upstream(covered=set(TEN_NAMES))
    contract.instead["/v1/exposure/summary/JPM"] = Hang()
    told: list[tuple[int, int]] = []

    async def progress(arrived: int, of: int) -> None:
        told.append((arrived, of))

    with serving(contract) as upstream:
        async with a_source(upstream, at_once=10) as source:
            await source.exposures(["SPY"], wall("2024-06-04T10:00:00"))  # the client's first request costs imports
            with anyio.move_on_after(1.2):
                answer = await source.exposures(TEN_NAMES, AT, progress=progress)
    assert len(answer.exposures) == 9
    assert reasons(answer) == {"JPM": MissingReason.TIMED_OUT}
    assert told[-1] == (9, 10)
    assert told == sorted(told)


async def test_legs_of_a_replay_cost_two_calls_more_and_know_the_day() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            assert source.calls_needed(["SPY"], AT, legs=True).calls == 3
            answer = await source.exposures(["SPY"], AT, legs=True)
            assert source.calls_needed(["SPY"], AT, legs=True).calls == 0
    queries = [dict(request.query) for request in upstream.requests if "/gex/" in request.path]
    assert queries == [{"at": "2024-06-05T10:00:00"}, {"at": "2024-06-05T10:00:00", "expiration": "2024-06-05"}]
    gamma = answer.exposures["SPY"].gamma()
    assert gamma is not None
    assert gamma.total.call - gamma.total.put == pytest.approx(nets_of("SPY").gex)
    assert said(answer)["upstream_calls"].startswith(
        "The replay of 2024-06-05 10:00 Eastern needed 3 FlashAlpha calls and used 3;"
    )


async def test_names_that_are_not_covered_cost_no_calls_for_legs() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["AAPL", "MSFT"], AT, legs=True)
            assert source.calls_needed(["AAPL", "MSFT"], AT, legs=True).calls == 0
    assert len(upstream.requests) == len(answer.missing) == 2
    assert said(answer)["upstream_calls"].startswith(
        "The replay of 2024-06-05 10:00 Eastern needed 6 FlashAlpha calls and used 2;"
    )
    assert "legs_unavailable" not in said(answer)


async def test_strikes_of_the_day_without_gamma_are_a_gap_and_no_zero() -> None:
    def table(request: Request) -> Serving:
        stamp = request.query["at"]
        whole = gamma_table("SPY", stamp)
        if "expiration" not in request.query:
            return sent(whole)
        empty = {"strike": 520, "call_gex": 0, "put_gex": None, "net_gex": 0, "call_oi": 50, "put_oi": 70}
        return sent({**whole, "net_gex": 0, "strikes": [empty]})

    with serving(Upstream(instead={"/v1/exposure/gex/SPY": table})) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["SPY"], AT, legs=True)
    assert answer.exposures["SPY"].gamma() is None
    assert "no gamma at any of them" in said(answer)["legs_unavailable"]


async def test_a_minute_replayed_later_than_the_listed_coverage_moves_its_end() -> None:
    later = wall("2026-05-20T15:00:00")
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            await source.exposures(["SPY"], later)
            status = await source.status()
    assert status.replay_to == later
