"""Everything that can go wrong between Cboe and an answer: it costs the symbol it happens to, never the deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import pytest

from exposure.chain import Chain, QuoteRows, build_chain
from exposure.snapshot import MissingReason
from sources.market import Market
from tests.sources.cboe_upstream import UNKNOWN_TO_CBOE, a_file, a_source, serving, some_names
from tests.sources.loopback import (
    BadJson,
    Behaviour,
    Drip,
    HalfBody,
    Hang,
    Large,
    Loopback,
    Redirect,
    Reset,
    Serving,
    Status,
    WrongType,
)

pytestmark = pytest.mark.anyio

DEADLINE = 4.0
HEALTHY = ["AMD", "TSM"]


def in_a_while(seconds: float) -> str:
    """A Retry-After as a date."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


BLOCKED = Serving(b"<!DOCTYPE html><html>Access denied</html>", 403, {"content-type": "text/html"})

FAULTS = [
    pytest.param(Status(429), MissingReason.RATE_LIMITED, id="429 without Retry-After"),
    pytest.param(Status(429, {"retry-after": "120"}), MissingReason.RATE_LIMITED, id="429 with seconds"),
    pytest.param(Status(429, {"retry-after": in_a_while(600)}), MissingReason.RATE_LIMITED, id="429 with a date"),
    pytest.param(Status(429, {"retry-after": "soon"}), MissingReason.RATE_LIMITED, id="429 with nonsense"),
    pytest.param(Status(429, {"retry-after": "-5"}), MissingReason.RATE_LIMITED, id="429 with less than nothing"),
    pytest.param(Status(500), MissingReason.FETCH_FAILED, id="500"),
    pytest.param(Hang(), MissingReason.TIMED_OUT, id="a hang"),
    pytest.param(Hang(after_head=True), MissingReason.TIMED_OUT, id="a hang in the middle"),
    pytest.param(HalfBody(), MissingReason.FETCH_FAILED, id="half a body"),
    pytest.param(HalfBody(chunked=True), MissingReason.FETCH_FAILED, id="half a chunked body"),
    pytest.param(Large(30), MissingReason.FETCH_FAILED, id="30 MB, announced"),
    pytest.param(Large(30, announced=False), MissingReason.FETCH_FAILED, id="30 MB, not announced"),
    pytest.param(WrongType(), MissingReason.FETCH_FAILED, id="a web page"),
    pytest.param(BadJson(), MissingReason.UNUSABLE_CHAIN, id="invalid JSON"),
    pytest.param(BadJson(a_file()[:-20]), MissingReason.UNUSABLE_CHAIN, id="JSON that breaks off"),
    pytest.param(Serving(b'{"timestamp": 7, "data": []}'), MissingReason.UNUSABLE_CHAIN, id="another JSON"),
    pytest.param(Serving(b"[" * 100_000), MissingReason.UNUSABLE_CHAIN, id="deeply nested JSON"),
    pytest.param(Redirect("https://example.org/NVDA.json"), MissingReason.FETCH_FAILED, id="a redirect to another host"),
    pytest.param(Drip(a_file(), seconds=30), MissingReason.TIMED_OUT, id="a drip"),
    pytest.param(Reset(), MissingReason.FETCH_FAILED, id="a reset"),
    pytest.param(Reset(after_head=True), MissingReason.FETCH_FAILED, id="a reset in the middle"),
    pytest.param(UNKNOWN_TO_CBOE, MissingReason.UNKNOWN_SYMBOL, id="403 as Cboe answers it"),
    pytest.param(Status(404), MissingReason.UNKNOWN_SYMBOL, id="404"),
    pytest.param(BLOCKED, MissingReason.NOT_ENTITLED, id="403 with a web page"),
    pytest.param(Status(401), MissingReason.NOT_ENTITLED, id="401"),
    pytest.param(Serving(a_file(contracts=[])), MissingReason.UNUSABLE_CHAIN, id="no options"),
]


@pytest.mark.parametrize(("fault", "reason"), FAULTS)
async def test_a_fault_costs_the_symbol_it_happens_to(fault: Behaviour, reason: MissingReason) -> None:
    with Loopback(serving(["NVDA", *HEALTHY], NVDA=fault)) as upstream:
        async with a_source(upstream, total_seconds=1.5, read_seconds=1.0, largest_body=20_000_000) as source:
            began = anyio.current_time()
            answer = await Market(source, deadline=DEADLINE).snapshot(["NVDA", *HEALTHY], None)
            assert anyio.current_time() - began < DEADLINE
    assert sorted(answer.exposures) == sorted(HEALTHY)
    assert [(one.symbol, one.reason) for one in answer.missing] == [("NVDA", reason)]
    detail = answer.missing[0].detail
    assert detail.endswith(".")
    assert "http" not in detail
    assert "html" not in detail
    assert ".json" not in detail


@pytest.mark.parametrize("first", [Status(500), Status(429, {"retry-after": "0"}), Reset()], ids=["500", "429", "reset"])
async def test_what_a_second_attempt_mends_is_never_seen(first: Behaviour) -> None:
    with Loopback({"/NVDA.json": [first, Serving(a_file())]}) as upstream:
        async with a_source(upstream, retries=2) as source:
            answer = await Market(source, deadline=DEADLINE).snapshot(["NVDA"], None)
    assert list(answer.exposures) == ["NVDA"]
    assert upstream.paths() == ["/NVDA.json"] * 2


@pytest.mark.parametrize(("said", "told"), [("120", "in 120 seconds"), ("soon", "in a minute"), ("999999", "in a minute")])
async def test_a_refusal_says_when_to_ask_again(said: str, told: str) -> None:
    with Loopback({"/NVDA.json": Status(429, {"retry-after": said})}) as upstream:
        async with a_source(upstream) as source:
            answer = await Market(source, deadline=DEADLINE).snapshot(["NVDA"], None)
    assert told in answer.missing[0].detail


async def test_a_server_that_is_not_there_is_not_an_unknown_symbol() -> None:
    with Loopback() as upstream:
        pass
    async with a_source(upstream) as source:
        answer = await Market(source, deadline=DEADLINE).snapshot(["NVDA", "AMD"], None)
    assert {one.reason for one in answer.missing} == {MissingReason.FETCH_FAILED}


async def test_fifty_symbols_with_six_faults_answer_in_time_each_with_its_own_reason() -> None:
    names = some_names(50)
    faults: dict[str, Behaviour] = {
        names[3]: UNKNOWN_TO_CBOE,
        names[10]: Status(500),
        names[17]: Reset(),
        names[24]: Hang(),
        names[31]: Drip(a_file(), seconds=30),
        names[49]: BadJson(),
    }
    with Loopback(serving(names, **faults)) as upstream:
        async with a_source(upstream, total_seconds=2.0, read_seconds=1.5) as source:
            began = anyio.current_time()
            answer = await Market(source, deadline=6.0).snapshot(names, None)
            assert anyio.current_time() - began < 6.0
    assert list(answer.exposures) == [name for name in names if name not in faults]
    assert len(answer.exposures) == 44
    assert {one.symbol: one.reason for one in answer.missing} == {
        names[3]: MissingReason.UNKNOWN_SYMBOL,
        names[10]: MissingReason.FETCH_FAILED,
        names[17]: MissingReason.FETCH_FAILED,
        names[24]: MissingReason.TIMED_OUT,
        names[31]: MissingReason.TIMED_OUT,
        names[49]: MissingReason.UNUSABLE_CHAIN,
    }
    assert len({one.detail for one in answer.missing}) == 6


async def test_a_file_that_nobody_foresaw_costs_its_own_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def built(rows: QuoteRows, *, flat_rate: float) -> Chain:
        if rows.symbol == "NVDA":
            raise ZeroDivisionError("a defect of ours")
        return build_chain(rows, flat_rate=flat_rate)

    monkeypatch.setattr("sources.cboe.loading.build_chain", built)
    with Loopback(serving(["NVDA", *HEALTHY])) as upstream:
        async with a_source(upstream) as source:
            answer = await Market(source, deadline=DEADLINE).snapshot(["NVDA", *HEALTHY], None)
    assert sorted(answer.exposures) == sorted(HEALTHY)
    assert [(one.symbol, one.reason) for one in answer.missing] == [("NVDA", MissingReason.UNUSABLE_CHAIN)]
    assert "defect" not in answer.missing[0].detail


async def test_slow_names_that_outlast_the_deadline_leave_the_others_whole() -> None:
    names = ["NVDA", "SLOW", "AMD"]
    with Loopback(serving(names, SLOW=Hang())) as upstream:
        async with a_source(upstream) as source:
            answer = await Market(source, deadline=0.8).snapshot(names, None)
    assert list(answer.exposures) == ["NVDA", "AMD"]
    assert [one.reason for one in answer.missing] == [MissingReason.WARMING]
