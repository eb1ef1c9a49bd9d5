"""What an assistant gets when the whole server replays from FlashAlpha's historical host: calls, quota, reach, instants."""

from __future__ import annotations

import re

import pytest

from sources.flashalpha.published import UNITS
from tests.sources.flashalpha_upstream import Upstream, nets_of, sent, serving
from tests.tools.desk import Era, Reply
from tests.tools.figures_in_text import unsupported
from tests.tools.network_desk import a_flashalpha_desk

pytestmark = pytest.mark.anyio
TEN = ["SPY", "AAPL", "MSFT", "NVDA", "AMZN", "META", "GOOGL", "AVGO", "TSLA", "JPM"]
AT = "2024-06-05T10:30"
NATIVE = "/v1/exposure/basket"


def calls(answer: Reply) -> list[str]:
    return [one["message"] for one in answer.structured["warnings"] if one["code"] == "upstream_calls"]


def codes(answer: Reply) -> list[str]:
    return [one["code"] for one in answer.structured["warnings"]]


async def test_a_replay_of_ten_names_says_ten_calls_uses_ten_and_its_repeat_none(era: Era) -> None:
    with serving(Upstream(covered=set(TEN))) as host:
        async with a_flashalpha_desk(host, era) as desk:
            answer = await desk.answer(symbols=TEN, at=AT)
            assert len(host.requests) == 10
            again = await desk.answer(symbols=TEN, at=AT)
        assert sorted(host.paths()) == sorted(f"/v1/exposure/summary/{symbol}" for symbol in TEN)
    assert {request.query["at"] for request in host.requests} == {"2024-06-05T10:30:00"}
    when = "The replay of 2024-06-05 10:30 Eastern"
    assert calls(answer) == [f"{when} needed 10 FlashAlpha calls and used 10; 2,490 of today's 2,500 are left."]
    assert calls(again) == [f"{when} needed 0 FlashAlpha calls and used 0; 2,490 of today's 2,500 are left."]
    found = answer.structured
    assert (found["mode"], found["at_requested"], found["at_resolved"]) == ("replay", *["2024-06-05T14:30:00Z"] * 2)
    assert found["units"] == UNITS
    assert found["aggregate"]["net_gex"] == pytest.approx(sum(nets_of(symbol).gex for symbol in TEN) / 10)
    assert {"vendor_units_unverified", "historical_open_interest"} <= set(codes(answer))
    assert found["constituents"] == again.structured["constituents"]
    assert unsupported(answer.text, found) == []


async def test_more_calls_than_are_left_are_refused_with_the_numbers_unless_allowed(era: Era) -> None:
    upstream = Upstream(covered=set(TEN), limit=4)
    with serving(upstream) as host:
        async with a_flashalpha_desk(host, era) as desk:
            await desk.answer(symbols="SPY", at="2024-06-05T15:00")
            refusal = await desk.refusal(symbols=TEN, at=AT)
            assert len(host.requests) == 1
            answer = await desk.answer(symbols=TEN, at=AT, allow_calls=10)
    assert "needs 10 upstream calls, and 3 of today's quota are left" in refusal
    assert "allow_calls=10" in refusal
    assert "midnight UTC" in refusal
    assert len(host.requests) == 11
    assert "used 10; 0 of today's 4 are left" in calls(answer)[0]


async def test_an_allowance_below_the_need_is_refused_before_anything_is_asked(era: Era) -> None:
    with serving(Upstream(covered=set(TEN))) as host:
        async with a_flashalpha_desk(host, era) as desk:
            refusal = await desk.refusal(symbols=TEN, at=AT, allow_calls=9)
            legs = await desk.refusal(symbols="SPY,AAPL", at=AT, detail="full", allow_calls=5)
    assert "needs 10 upstream calls, and allow_calls is 9. Allow 10" in refusal
    assert "needs 6 upstream calls" in legs
    assert host.requests == []


@pytest.mark.parametrize(
    ("at", "asked"),
    [
        ("2024-06-09", "2024-06-07T16:00:00"),
        ("2024-06-09T11:00", "2024-06-07T16:00:00"),
        ("2024-06-19T12:00", "2024-06-18T16:00:00"),
        ("2024-07-04", "2024-07-03T13:00:00"),
        ("2024-06-10T08:00", "2024-06-07T16:00:00"),
    ],
)
async def test_without_a_session_the_last_one_answers_and_the_answer_says_so(at: str, asked: str) -> None:
    with serving(Upstream()) as host:
        async with a_flashalpha_desk(host) as desk:
            answer = await desk.answer(symbols="SPY", at=at)
    assert [request.query["at"] for request in host.requests] == [asked]
    assert "resolved_earlier" in codes(answer)
    assert answer.structured["at_requested"] != answer.structured["at_resolved"] == answer.structured["as_of"]
    assert f"The replay of {asked[:10]} {asked[11:16]} Eastern needed 1 FlashAlpha call" in calls(answer)[0]


async def test_names_other_than_spy_are_missing_with_a_sentence_that_says_what_is_covered(era: Era) -> None:
    with serving(Upstream()) as host:
        async with a_flashalpha_desk(host, era) as desk:
            answer = await desk.answer(symbols="SPY,NVDA,AMD", at=AT)
            refusal = await desk.refusal(symbols="NVDA,AMD", at=AT)
            before = await desk.refusal(symbols="SPY", at="2018-04-13")
    assert [(one["symbol"], one["reason"]) for one in answer.structured["missing"]] == [
        ("NVDA", "no_data_at"),
        ("AMD", "no_data_at"),
    ]
    for one in answer.structured["missing"]:
        assert f"no data for {one['symbol']} at 2024-06-05 10:30 Eastern; it covers SPY alone today" in one["detail"]
    assert answer.structured["weight_coverage"] == pytest.approx(1 / 3)
    assert codes(answer)[0] == "partial_basket"
    assert "NVDA, AMD: no_data_at" in refusal
    assert "begins on 2018-04-16" in before


async def test_a_plan_without_the_past_is_told_which_plan_has_it(era: Era) -> None:
    refused = sent({"error": "tier_restricted", "current_plan": "Growth", "required_plan": "Alpha"}, 403)
    with serving(Upstream(instead={"/v1/exposure/summary/SPY": refused})) as host:
        async with a_flashalpha_desk(host, era) as desk:
            refusal = await desk.refusal(symbols="SPY", at=AT)
    assert "SPY: not_entitled" in refusal
    assert "FlashAlpha plan Alpha or higher, and your FlashAlpha plan (Growth)" in refusal
    assert "every replay needs FlashAlpha's top plan, Alpha" in refusal


async def test_a_comparison_with_the_past_says_the_calls_of_both_ends(era: Era) -> None:
    covered = {"NVDA", "AMD", "SMH"}
    with serving(Upstream(covered=covered)) as host:
        async with a_flashalpha_desk(host, era) as desk:
            answer = await desk.answer("scan_sectors", baskets="semis", since="previous_close")
    assert [path == NATIVE for path in host.paths()].count(True) == 1
    assert len(host.requests) == 10
    assert re.fullmatch(r"The live figures used 1 FlashAlpha call; .*", calls(answer)[0])
    assert re.fullmatch(r"The replay of 2026-05-26 16:00 Eastern needed 9 .* used 9; .*", calls(answer)[1])
    assert codes(answer).count("vendor_units_unverified") == 1
    assert "historical_open_interest" in codes(answer)
    assert "semis 2/8 (no_data_at then)" in answer.text


async def test_a_comparison_is_counted_whole_before_either_end_is_asked() -> None:
    with serving(Upstream()) as host:
        async with a_flashalpha_desk(host) as desk:
            live = await desk.refusal("scan_sectors", baskets="semis", since="previous_close", allow_calls=9)
            past = await desk.refusal("scan_sectors", baskets="semis", since="2024-06-04", at="2024-06-05", allow_calls=17)
            assert host.requests == []
            await desk.answer("scan_sectors", baskets="semis", since="previous_close", allow_calls=10)
    assert "needs 10 upstream calls, and allow_calls is 9" in live
    assert "needs 18 upstream calls, and allow_calls is 17" in past
    assert len(host.requests) == 10


async def test_all_sectors_with_their_past_stay_within_the_budget_of_each_channel() -> None:
    with serving(Upstream(plain_sums=True)) as host:
        async with a_flashalpha_desk(host) as desk:
            answer = await desk.answer("scan_sectors", since="previous_close")
    assert len(calls(answer)) == 2
    assert "nothing could be compared" in answer.structured["headline"]
    assert len(answer.text) < 6_000
    assert len(answer.compact_json) < 6_000
    assert unsupported(answer.text, answer.structured, (11, 135)) == []
