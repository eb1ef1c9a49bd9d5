"""What an assistant gets when the whole server stands before FlashAlpha's live host: costs, units, warnings, refusals."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exposure.dealer import SignConvention
from sources.flashalpha.published import UNITS
from tests.sources.cboe_upstream import a_file
from tests.sources.flashalpha_upstream import KEY, Upstream, nets_of, sent, serving, wall
from tests.sources.loopback import (
    BadJson,
    Behaviour,
    Drip,
    HalfBody,
    Hang,
    Large,
    Loopback,
    Redirect,
    Request,
    Reset,
    Serving,
    Status,
    WrongType,
)
from tests.tools.desk import Era, Reply
from tests.tools.figures_in_text import unsupported
from tests.tools.network_desk import a_flashalpha_desk

pytestmark = pytest.mark.anyio
BUDGET = 1_500 * 4
NATIVE = "/v1/exposure/basket"
FUNDS = ["SPY", "QQQ", "IWM", "SPX", "NDX", "XLK", "XLF", "SMH", "DIA", "XLE"]
STOCKS = [f"LONG{chr(65 + number % 26)}" for number in range(26)] + [f"SHRT{chr(65 + number)}" for number in range(14)]
FIFTY = [*FUNDS, *STOCKS]
IN_PASSING = "a text of the provider's own"


def warnings(answer: Reply) -> dict[str, str]:
    """The warnings by code; where a code is given twice, the last."""
    return {one["code"]: one["message"] for one in answer.structured["warnings"]}


def assert_both_channels_agree(answer: Reply, *counts: float) -> None:
    assert unsupported(answer.text, answer.structured, counts) == []
    for line in answer.structured["warnings"]:
        assert line["message"] in answer.text
    json.dumps(answer.structured, allow_nan=False)


async def test_a_basket_is_one_native_call_and_its_nets_are_stated_as_published(era: Era) -> None:
    with serving(Upstream()) as host:
        async with a_flashalpha_desk(host, era) as desk:
            answer = await desk.answer(symbols="NVDA,AMD,SPY", weights=[2, 1, 1])
        assert host.paths() == [NATIVE]
    found = answer.structured
    assert (found["source"], found["mode"], found["synthetic"]) == ("flashalpha", "live", False)
    assert found["as_of"] == "2026-05-27T17:58:14Z"
    expected = 0.5 * nets_of("NVDA").gex + 0.25 * nets_of("AMD").gex + 0.25 * nets_of("SPY").gex
    assert found["aggregate"]["net_gex"] == pytest.approx(expected, rel=1e-9)
    assert (found["dealer_gamma"], found["dealer_gamma_reasons"]) == (None, ["legs_unavailable"])
    assert all(row["dealer_gamma"] is None for row in found["constituents"])
    assert found["oi_date"] is found["coverage"] is found["flip_share"] is None
    assert found["units"] == UNITS
    assert "as published by FlashAlpha, unverified" in answer.text
    assert found["net_gex_by_convention"] == dict.fromkeys(SignConvention) | {"street": found["aggregate"]["net_gex"]}
    said = warnings(answer)
    assert "nothing was converted" in said["vendor_units_unverified"]
    assert "SPY (index or ETF) is unverified" in said["entitlement_unverified"]
    assert said["upstream_calls"] == "The live figures used 1 FlashAlpha call; 2,499 of today's 2,500 are left."
    assert "vendor_aggregate_differs" not in said
    assert_both_channels_agree(answer)


async def test_stocks_alone_need_no_remark_on_the_plan(era: Era) -> None:
    with serving(Upstream()) as host:
        async with a_flashalpha_desk(host, era) as desk:
            assert "entitlement_unverified" not in warnings(await desk.answer(symbols="NVDA,AMD"))


async def test_an_aggregate_of_plain_sums_is_said_and_not_used(era: Era) -> None:
    with serving(Upstream(plain_sums=True)) as host:
        async with a_flashalpha_desk(host, era) as desk:
            answer = await desk.answer(symbols="NVDA,AMD")
    assert "plain sum of its rows" in warnings(answer)["vendor_aggregate_differs"]
    assert answer.structured["aggregate"]["net_gex"] == pytest.approx((nets_of("NVDA").gex + nets_of("AMD").gex) / 2)


@pytest.mark.parametrize("absent", [0, 1, 10])
async def test_fifty_names_with_every_warning_stay_within_the_budget_of_each_channel(absent: int) -> None:
    with serving(Upstream(plain_sums=True, absent=set(STOCKS[:absent]))) as host:
        async with a_flashalpha_desk(host) as desk:
            answer = await desk.answer(symbols=FIFTY)
    assert {"vendor_aggregate_differs", "vendor_units_unverified", "entitlement_unverified", "upstream_calls"} <= set(
        warnings(answer)
    )
    assert len(answer.text) < BUDGET
    assert len(answer.compact_json) < BUDGET
    assert len(answer.structured["constituents"]) >= 5
    assert [one["reason"] for one in answer.structured["missing"]] == ["warming"] * absent
    assert_both_channels_agree(answer)


async def test_all_eleven_sectors_cost_three_calls_and_each_symbol_is_asked_for_once(era: Era) -> None:
    with serving(Upstream()) as host:
        async with a_flashalpha_desk(host, era) as desk:
            answer = await desk.answer("scan_sectors")
    assert host.paths() == [NATIVE] * 3
    asked = [symbol for request in host.requests for symbol in request.query["symbols"].split(",")]
    assert len(asked) == len(set(asked)) > 100
    assert len(answer.structured["baskets"]) == 11
    for row in answer.structured["baskets"]:
        assert (row["dealer_gamma"], row["reasons"]) == (None, ["legs_unavailable"])
    utilities = next(row for row in answer.structured["baskets"] if row["basket"] == "utilities")
    assert utilities["fund"] == {"XLU": nets_of("XLU").gex}
    assert "used 3 FlashAlpha calls" in warnings(answer)["upstream_calls"]
    assert_both_channels_agree(answer, 11, len(asked) - 11)


async def test_an_index_and_its_names_are_one_basket_call_and_one_of_dispersion(era: Era) -> None:
    with serving(Upstream()) as host:
        async with a_flashalpha_desk(host, era) as desk:
            answer = await desk.answer("frame_dispersion", basket="spx_top")
    assert host.paths() == [NATIVE, "/v1/dispersion"]
    assert "SPX" in host.requests[0].query["symbols"].split(",")
    assert host.requests[1].query["index"] == "SPX"
    found = answer.structured
    assert found["index_gamma"]["net_gex"] == nets_of("SPX").gex
    assert (found["index_gamma"]["dealer_gamma"], found["aggregate"]["dealer_gamma"]) == (None, None)
    assert found["volatility"]["index_iv"] == pytest.approx(0.138)
    assert found["volatility"]["implied_correlation"] is not None
    assert found["volatility"]["realised_correlation"] is None
    counted = [one["message"] for one in found["warnings"] if one["code"] == "upstream_calls"]
    assert counted == [
        "The live figures used 1 FlashAlpha call; 2,499 of today's 2,500 are left.",
        "The dispersion figures used 1 FlashAlpha call; 2,498 of today's 2,500 are left.",
    ]


async def test_an_allowance_of_one_call_leaves_dispersion_unasked_and_says_so() -> None:
    with serving(Upstream()) as host:
        async with a_flashalpha_desk(host) as desk:
            answer = await desk.answer("frame_dispersion", basket="spx_top", allow_calls=1)
            assert host.paths() == [NATIVE]
            assert "allow_calls" in warnings(answer)["dispersion_unavailable"]
            more = await desk.answer("frame_dispersion", basket="spx_top", allow_calls=2)
    assert host.paths() == [NATIVE, "/v1/dispersion"]
    assert "dispersion_unavailable" not in warnings(more)


async def test_full_detail_costs_two_calls_a_name_and_then_gamma_is_judged(era: Era) -> None:
    with serving(Upstream()) as host:
        async with a_flashalpha_desk(host, era) as desk:
            answer = await desk.answer(symbols="NVDA,AMD", detail="full")
    assert sorted(host.paths()) == [NATIVE, *["/v1/exposure/gex/AMD"] * 2, *["/v1/exposure/gex/NVDA"] * 2]
    found = answer.structured
    assert found["dealer_gamma"] == "long_gamma"
    assert found["net_gex_by_convention"]["dealers_short_all"] < 0 < found["net_gex_by_convention"]["dealers_long_all"]
    for row in found["constituents"]:
        legs = row["detail"]["legs"]
        assert legs["gex_call"] - legs["gex_put"] == pytest.approx(nets_of(row["symbol"]).gex)
        assert legs["dex_call"] is legs["vex_put"] is row["detail"]["contracts_seen"] is None
    assert "used 5 FlashAlpha calls" in warnings(answer)["upstream_calls"]
    assert "None" not in answer.text
    assert_both_channels_agree(answer)


async def test_a_book_is_one_call_and_long_and_short_keep_the_published_sign(era: Era) -> None:
    with serving(Upstream()) as host:
        async with a_flashalpha_desk(host, era) as desk:
            answer = await desk.answer("book_exposure", positions={"NVDA": 300_000, "AMD": -100_000})
    assert host.paths() == [NATIVE]
    found = answer.structured
    assert found["aggregate"]["net_gex"] == pytest.approx(0.75 * nets_of("NVDA").gex + 0.25 * nets_of("AMD").gex)
    assert (found["dealer_gamma"], found["dealer_gamma_reasons"]) == (None, ["legs_unavailable"])
    assert found["units"] == UNITS
    assert "other sign conventions are unknown" in answer.text


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("basket_exposure", {"symbols": "NVDA,AMD"}),
        ("basket_exposure", {"symbols": "NVDA,AMD", "detail": "full"}),
        ("book_exposure", {"positions": {"NVDA": 1000}}),
        ("frame_dispersion", {"basket": "semis"}),
        ("scan_sectors", {"baskets": "semis"}),
    ],
)
async def test_another_convention_is_refused_with_the_one_to_ask_for(tool: str, arguments: dict[str, Any]) -> None:
    with serving(Upstream()) as host:
        async with a_flashalpha_desk(host) as desk:
            refusal = await desk.refusal(tool, **arguments, convention="dealers_short_all")
    assert "under another convention than dealers_short_all" in refusal
    assert "ask with the convention street" in refusal


async def test_names_that_cannot_be_had_are_missing_and_the_others_answer(era: Era) -> None:
    upstream = Upstream(absent={"ZZZZ"})
    with serving(upstream) as host:
        async with a_flashalpha_desk(host, era) as desk:
            answer = await desk.answer(symbols="NVDA,AMD,ZZZZ")
    (missing,) = answer.structured["missing"]
    assert (missing["symbol"], missing["reason"]) == ("ZZZZ", "warming")
    assert "invalid, illiquid or still loading" in missing["detail"]
    assert answer.structured["weight_coverage"] == pytest.approx(2 / 3)
    assert answer.structured["warnings"][0]["code"] == "partial_basket"


def limited(headers: dict[str, str], **more: str) -> Callable[[Request], Behaviour]:
    return lambda _: sent({"error": "rate_limited", "message": IN_PASSING, **more}, 429, headers)


FAULTS: dict[str, tuple[Callable[[Request], Behaviour], str, str]] = {
    "the key": (lambda _: sent({"title": IN_PASSING, "status": 401, "detail": KEY}, 401), "not_entitled", "refused the key"),
    "the plan": (
        lambda _: sent(
            {"error": "tier_restricted", "message": IN_PASSING, "current_plan": "Free", "required_plan": "Growth"}, 403
        ),
        "not_entitled",
        "needs the FlashAlpha plan Growth or higher, and your FlashAlpha plan (Free)",
    ),
    "no data": (lambda _: sent({"error": "no_data", "message": IN_PASSING}, 404), "warming", "ask again in a moment"),
    "a wrong address": (lambda _: Serving(IN_PASSING.encode(), 404), "fetch_failed", "check the base URL"),
    "a reset in seconds": (limited({"Retry-After": "3600"}), "rate_limited", "reached until 2026-05-27 19:00 UTC"),
    "a reset as a date": (
        limited({"Retry-After": "Wed, 27 May 2026 19:30:00 GMT", "Date": "Wed, 27 May 2026 18:00:00 GMT"}),
        "rate_limited",
        "reached until 2026-05-27 19:30 UTC",
    ),
    "a reset in the body": (
        limited({"Retry-After": "3600"}, reset_at="2026-05-28T00:00:00Z"),
        "rate_limited",
        "reached until 2026-05-28 00:00 UTC",
    ),
    "an error of its own": (lambda _: Status(500, body=IN_PASSING.encode()), "fetch_failed", "status 500"),
    "silence": (lambda _: Hang(), "timed_out", "had not answered completely"),
    "silence after the head": (lambda _: Hang(after_head=True), "timed_out", "had not answered completely"),
    "a slow drip": (lambda _: Drip(b'"' + b"x" * 400 + b'"', 60), "timed_out", "had not answered completely"),
    "half a body": (lambda _: HalfBody(), "fetch_failed", "broke off"),
    "a reset connection": (lambda _: Reset(), "fetch_failed", "broke off"),
    "a redirect": (lambda _: Redirect("http://127.0.0.1:9/elsewhere"), "fetch_failed", "redirects are not followed"),
    "no JSON": (lambda _: BadJson(IN_PASSING.encode()), "fetch_failed", "could not be read"),
    "a page": (lambda _: WrongType(body=IN_PASSING.encode()), "fetch_failed", "not JSON"),
    "too much": (lambda _: Large(40), "fetch_failed", "larger than"),
}


@pytest.mark.parametrize("at", [None, "2024-06-05T10:30"])
@pytest.mark.parametrize("fault", list(FAULTS))
async def test_a_fault_of_the_host_is_a_sentence_in_time(fault: str, at: str | None) -> None:
    route, reason, sentence = FAULTS[fault]
    if fault == "no data" and at is not None:
        reason, sentence = "no_data_at", "covers SPY alone today"
    with Loopback(fallback=route) as host:
        async with a_flashalpha_desk(host, tool_timeout_seconds="4", network_timeout_seconds="2") as desk:
            started = time.monotonic()
            refusal = await desk.refusal(symbols="NVDA,AMD", at=at)
            assert time.monotonic() - started < 4
    assert refusal.startswith("No name of the basket could be answered. NVDA, AMD: ")
    assert f"NVDA, AMD: {reason} (" in refusal
    assert sentence in refusal
    assert IN_PASSING not in refusal
    assert KEY not in refusal


async def test_a_fault_in_one_of_three_calls_costs_the_names_of_that_call(era: Era) -> None:
    upstream = Upstream()

    def second_fails(request: Request) -> Behaviour:
        return HalfBody() if request.query["symbols"].startswith(lost) else upstream.basket(request.query)

    with serving(upstream) as host:
        async with a_flashalpha_desk(host, era) as desk:
            await desk.answer("scan_sectors")
            lost = host.requests[1].query["symbols"][:20]
    upstream.instead[NATIVE] = second_fails
    with serving(upstream) as host:
        async with a_flashalpha_desk(host, era) as desk:
            answer = await desk.answer("scan_sectors", detail="full")
    assert len(answer.structured["missing"]) >= 40
    assert {one["reason"] for one in answer.structured["missing"]} == {"fetch_failed"}
    assert 0.5 < answer.structured["weight_coverage"] < 1.0
    assert answer.structured["warnings"][0]["code"] == "partial_basket"


async def test_numbers_of_the_vendor_are_never_compared_with_those_of_files(tmp_path: Path, era: Era) -> None:
    for symbol in ("NVDA", "AMD"):
        yesterday = datetime(2024, 6, 4, 19, 30, tzinfo=UTC)
        (tmp_path / f"{symbol}.json").write_bytes(a_file(symbol, published=yesterday))
    settings = {"replay": "files", "files_dir": str(tmp_path)}
    with serving(Upstream(stamp="2024-06-05T17:58:14Z")) as host:
        async with a_flashalpha_desk(host, era, clock=lambda: wall("2024-06-05T14:00:00"), **settings) as desk:
            alone = await desk.answer(symbols="NVDA,AMD", at="2024-06-04")
            refusal = await desk.refusal("scan_sectors", baskets="semis", since="previous_close")
            status = await desk.answer("data_status")
    assert alone.structured["source"] == "files"
    assert "in other units" in refusal
    assert "Leave since out" in refusal
    assert (status.structured["live"]["source"], status.structured["replay"]["source"]) == ("flashalpha", "files")
    assert "Live: source flashalpha, symbols on demand." in status.text
    assert "Replay: source files, symbols AMD, NVDA." in status.text


async def test_the_status_tells_the_quota_and_what_the_past_covers_before_anyone_asks(era: Era) -> None:
    with serving(Upstream()) as host:
        async with a_flashalpha_desk(host, era) as desk:
            status = await desk.answer("data_status")
        assert host.paths() == ["/v1/account"]
    for said in (
        "FlashAlpha plan Growth: 2,499 of today's 2,500 are left (renewed at midnight UTC).",
        "Replay needs the Alpha plan and the historical host covers SPY alone today",
        "a replay costs one a symbol",
        UNITS,
    ):
        assert said in status.text
        assert said in json.dumps(status.structured, ensure_ascii=False)
    assert status.structured["replay"]["replay_from"] == "2018-04-16T13:30:00Z"
    assert "person@example.org" not in status.text + status.compact_json


async def test_without_a_key_the_assistant_is_told_how_to_give_one(era: Era) -> None:
    with serving(Upstream()) as host:
        async with a_flashalpha_desk(host, era, flashalpha_api_key="") as desk:
            refusal = await desk.refusal(symbols="NVDA")
            status = await desk.answer("data_status")
    assert host.requests == []
    assert "FLASHALPHA_API_KEY" in refusal
    assert "FlashAlpha needs a key" in status.text
