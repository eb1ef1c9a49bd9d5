"""What an assistant gets when the whole server stands before Cboe's delayed quotes: terms, faults, the throttle, the past."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import anyio
import pytest

from sources.baskets import sector_baskets
from tests.builders import a_call, a_put
from tests.sources.cboe_upstream import PRESENT, UNKNOWN_TO_CBOE, a_file, serving, some_names
from tests.sources.loopback import After, Behaviour, Hang, Loopback, Serving, Status
from tests.tools.desk import Era, Reply
from tests.tools.figures_in_text import unsupported
from tests.tools.network_desk import a_cboe_desk

pytestmark = pytest.mark.anyio
FIFTY = some_names(50)
SECTORS = sorted({symbol for basket in sector_baskets() for symbol in (*basket.symbols, *basket.fund)})


def reasons(answer: Reply) -> dict[str, str]:
    return {one["symbol"]: one["reason"] for one in answer.structured["missing"]}


def lopsided(symbol: str) -> Serving:
    """A file whose gamma does not cancel."""
    return Serving(a_file(symbol, [a_call(open_interest=900.0), a_put(open_interest=100.0)]))


async def test_without_accepted_terms_nothing_is_requested_and_the_way_to_files_is_told(era: Era) -> None:
    with Loopback(serving(["NVDA"])) as host:
        async with a_cboe_desk(host, era, cboe_accept_terms="false") as desk:
            refusals = [
                await desk.refusal(symbols="NVDA"),
                await desk.refusal("scan_sectors"),
                await desk.refusal("book_exposure", positions={"NVDA": 1000}),
                await desk.refusal("frame_dispersion", basket="semis"),
            ]
            status = await desk.answer("data_status")
    assert host.requests == []
    for said in (*refusals, status.text):
        assert "forbids automatic extraction" in said
        assert "DEALER_EXPOSURE_CBOE_ACCEPT_TERMS=true" in said
        assert "download the quotes by hand and use the source `files`" in said
    assert all("not_entitled" in refusal for refusal in refusals)


async def test_fifty_names_with_six_faults_answer_in_time_with_a_reason_for_each(era: Era) -> None:
    unknown, broken, refused, malformed = FIFTY[3], FIFTY[14], FIFTY[25], FIFTY[36]
    silent, slow = FIFTY[40], FIFTY[47]
    faults: dict[str, Behaviour] = {
        unknown: UNKNOWN_TO_CBOE,
        broken: Status(500),
        refused: Status(429),
        malformed: Serving(a_file(malformed)[:-40]),
        silent: Hang(),
        slow: After(30, lopsided(slow)),
    }
    with Loopback(serving(FIFTY, **faults)) as host:
        async with a_cboe_desk(host, era, tool_timeout_seconds="5", network_timeout_seconds="20") as desk:
            started = time.monotonic()
            answer = await desk.answer(symbols=FIFTY)
            assert time.monotonic() - started < 5
            started = time.monotonic()
            alone = await desk.answer(symbols=FIFTY[0])
            assert time.monotonic() - started < 1
    found = answer.structured
    assert found["constituent_count"] == 44
    assert reasons(answer) == {
        unknown: "unknown_symbol",
        broken: "fetch_failed",
        refused: "rate_limited",
        malformed: "unusable_chain",
        silent: "warming",
        slow: "warming",
    }
    details = {one["symbol"]: one.get("detail") for one in found["missing"]}
    assert "status 500" in details[broken]
    assert f"no option chain of {unknown}" in details[unknown]
    assert all(f"{one} {reason} 2.0%" in answer.text for one, reason in reasons(answer).items())
    assert found["weight_coverage"] == pytest.approx(0.88)
    assert found["warnings"][0]["code"] == "partial_basket"
    assert unsupported(answer.text, found) == []
    assert alone.structured["missing"] == []


async def test_a_name_too_slow_for_the_first_question_is_warming_and_there_for_the_next(era: Era) -> None:
    with Loopback(serving(["NVDA", "AMD"], AMD=After(1.8, lopsided("AMD")))) as host:
        async with a_cboe_desk(host, era, tool_timeout_seconds="2") as desk:
            first = await desk.answer(symbols="NVDA,AMD")
            await anyio.sleep(1.0)
            second = await desk.answer(symbols="NVDA,AMD")
    assert reasons(first) == {"AMD": "warming"}
    assert "fetched on in the background; ask again in" in first.structured["missing"][0]["detail"]
    assert (reasons(second), second.structured["weight_coverage"]) == ({}, 1.0)
    assert sorted(host.paths()) == ["/AMD.json", "/NVDA.json"]


async def test_an_unknown_symbol_and_an_old_file_are_not_taken_for_each_other(era: Era) -> None:
    old = a_file("OLD", published=PRESENT - timedelta(days=2))
    with Loopback(serving(["NVDA", "OLD", "NONE"], OLD=Serving(old), NONE=UNKNOWN_TO_CBOE)) as host:
        async with a_cboe_desk(host, era) as desk:
            answer = await desk.answer(symbols="NVDA,OLD,NONE")
    assert reasons(answer) == {"OLD": "stale", "NONE": "unknown_symbol"}
    sentences = {one["symbol"]: one["detail"] for one in answer.structured["missing"]}
    assert sentences["OLD"] == "Cboe's newest file of OLD is from the session of 2024-06-03; it should be that of 2024-06-05."
    assert sentences["NONE"] == "Cboe publishes no option chain of NONE."
    assert answer.structured["as_of"] == "2024-06-05T17:45:00Z"
    assert answer.structured["mode"] == "delayed"


async def test_a_scan_under_the_throttle_is_partial_at_first_and_whole_in_the_end(era: Era) -> None:
    with Loopback(serving(SECTORS, **{symbol: lopsided(symbol) for symbol in SECTORS})) as host:
        async with a_cboe_desk(host, era, tool_timeout_seconds="2", cboe_seconds_apart="0.02") as desk:
            scans = [await desk.answer("scan_sectors")]
            while reasons(scans[-1]) and len(scans) < 20:
                scans.append(await desk.answer("scan_sectors"))
    first, last = scans[0].structured, scans[-1].structured
    assert set(reasons(scans[0]).values()) == {"warming"}
    assert 0.0 < first["weight_coverage"] < 1.0
    assert first["warnings"][0]["code"] == "partial_basket"
    assert (last["missing"], last["weight_coverage"], len(last["baskets"])) == ([], 1.0, 11)
    assert all(row["dealer_gamma"] == "long_gamma" for row in last["baskets"])
    # One request a name, however often the question was put.
    assert sorted(host.paths()) == sorted(f"/{symbol}.json" for symbol in SECTORS)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("basket_exposure", {"symbols": "NVDA"}),
        ("scan_sectors", {"baskets": "semis"}),
        ("book_exposure", {"positions": {"NVDA": 1000}}),
        ("frame_dispersion", {"basket": "semis"}),
    ],
)
async def test_the_past_is_not_to_be_had_and_the_sentence_says_where_it_is(tool: str, arguments: dict[str, Any]) -> None:
    with Loopback(serving(["NVDA"])) as host:
        async with a_cboe_desk(host, replay="cboe") as desk:
            refusal = await desk.refusal(tool, **arguments, at="2024-06-04T10:30")
        async with a_cboe_desk(host) as desk:
            unrecorded = await desk.refusal(tool, **arguments, at="2024-06-04T10:30")
            status = await desk.answer("data_status")
    assert host.requests == []
    assert "no_data_at" in refusal
    assert "Cboe publishes the present only" in refusal
    assert "DEALER_EXPOSURE_REPLAY=archive" in refusal
    assert "files for files you have" in refusal
    assert "no_data_at" in unrecorded
    assert "archive" in unrecorded
    assert "The archive is empty: fill it with" in status.text


async def test_a_comparison_with_a_past_that_is_not_there_still_answers_for_now(era: Era) -> None:
    with Loopback(serving(SECTORS)) as host:
        async with a_cboe_desk(host, era) as desk:
            answer = await desk.answer("scan_sectors", baskets="semis", since="previous_close")
    assert answer.structured["weight_coverage"] > 0.0
    assert "nothing could be compared" in answer.structured["headline"]
    assert "no_data_at then" in answer.text
