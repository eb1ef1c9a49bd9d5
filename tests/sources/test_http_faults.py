"""The way to the network where something goes wrong: each fault through a real server, and what becomes of it."""

from __future__ import annotations

import gzip
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import pytest

from sources.background import Background
from sources.http import FetchError, FetchProblem, Host, Http, Reply
from sources.http.body import Body, BodyCutOffError, BodyTooLargeError
from sources.http.circuit import Circuit
from sources.http.retry_after import retry_after
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

pytestmark = pytest.mark.anyio

GOOD = Serving(b"[1]")


@asynccontextmanager
async def a_way_to(host: Host) -> AsyncIterator[Http]:
    async with Background() as background:
        yield Http(background, [host], user_agent="test")


def a_host(loopback: Loopback, **limits: float) -> Host:
    usual: dict[str, float] = {"backoff_seconds": 0.02, "read_seconds": 5.0, "total_seconds": 10.0}
    return Host(loopback.url, **(usual | limits))  # type: ignore[arg-type]


async def reply_of(host: Host, path: str = "/") -> Reply:
    async with a_way_to(host) as http:
        return await http.get(host, path)


async def problem_of(host: Host, path: str = "/") -> FetchError:
    async with a_way_to(host) as http:
        with pytest.raises(FetchError) as caught:
            await http.get(host, path)
    assert host.name in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value


def in_seconds(seconds: float, now: datetime | None = None) -> str:
    return format_datetime((now or datetime.now(UTC)) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_a_broken_or_busy_host_is_asked_again(status: int) -> None:
    with Loopback({"/": [Status(status), Status(status), GOOD]}) as loopback:
        assert (await reply_of(a_host(loopback))).body == b"[1]"
    assert len(loopback.requests) == 3


async def test_the_last_reply_is_given_when_the_retries_are_used_up() -> None:
    with Loopback({"/": Status(503, body=b'{"message": "maintenance"}')}) as loopback:
        reply = await reply_of(a_host(loopback, retries=1))
    assert (reply.status, reply.body) == (503, b'{"message": "maintenance"}')
    assert len(loopback.requests) == 2


async def test_the_pause_between_retries_grows() -> None:
    with Loopback({"/": Status(500)}) as loopback:
        await reply_of(a_host(loopback, retries=2, backoff_seconds=0.2))
    first, second, third = (request.at for request in loopback.requests)
    assert second - first >= 0.1
    assert third - second >= 0.2


@pytest.mark.parametrize(("status", "form"), [(429, "seconds"), (503, "date")])
async def test_a_host_is_asked_again_when_it_says_so(status: int, form: str) -> None:
    now = datetime.now(UTC) + timedelta(days=400)  # a clock that differs from this machine's
    headers = {"Retry-After": "1"} if form == "seconds" else {"Retry-After": in_seconds(1, now), "Date": in_seconds(0, now)}
    with Loopback({"/": [Status(status, headers), GOOD]}) as loopback:
        assert (await reply_of(a_host(loopback))).status == 200
    first, second = (request.at for request in loopback.requests)
    assert 0.95 <= second - first < 4


@pytest.mark.parametrize("value", ["60", "soon", "", "-1", "nan", "99999999999999999999", "Fri, 05 Jun 2099 14:30:00 GMT"])
async def test_a_wait_that_is_too_long_or_unreadable_is_left_to_the_caller(value: str) -> None:
    begun = time.monotonic()
    with Loopback({"/": Status(429, {"Retry-After": value})}) as loopback:
        reply = await reply_of(a_host(loopback))
    assert reply.status == 429
    assert reply.headers["retry-after"] == value
    assert len(loopback.requests) == 1
    assert time.monotonic() - begun < 4


def test_retry_after_in_each_of_its_forms() -> None:
    assert retry_after({}) is None
    assert retry_after({"retry-after": " 7 "}) == 7
    assert retry_after({"retry-after": "1.5"}) == 1.5
    assert retry_after({"retry-after": in_seconds(-50)}) == 0
    assert retry_after({"retry-after": in_seconds(50)}) == pytest.approx(50, abs=3)
    assert retry_after({"retry-after": "Wed, 05 Jun 2024 14:30:09 GMT", "date": "Wed, 05 Jun 2024 14:30:00 GMT"}) == 9
    assert retry_after({"retry-after": "Wednesday, 05-Jun-24 14:30:09 GMT", "date": "Wed Jun  5 14:30:00 2024"}) == 9
    assert retry_after({"retry-after": "Wed, 05 Jun 2024 25:30:09 GMT"}) == math.inf


@pytest.mark.parametrize("hang", [Hang(), Hang(after_head=True)], ids=["before the head", "within the body"])
async def test_a_host_that_hangs_has_timed_out(hang: Behaviour) -> None:
    begun = time.monotonic()
    with Loopback({"/": hang}) as loopback:
        problem = await problem_of(a_host(loopback, read_seconds=0.3))
    assert problem.problem is FetchProblem.TIMED_OUT
    assert time.monotonic() - begun < 4
    assert len(loopback.requests) == 1


async def test_a_slow_drip_ends_with_the_total_time() -> None:
    with Loopback({"/": Drip(b"[1]" + b" " * 100, seconds=60, pieces=1000)}) as loopback:
        begun = time.monotonic()
        problem = await problem_of(a_host(loopback, read_seconds=5, total_seconds=0.5))
    assert problem.problem is FetchProblem.TIMED_OUT
    assert 0.45 < time.monotonic() - begun < 4


async def test_the_total_time_covers_the_retries_and_keeps_the_last_reply() -> None:
    with Loopback({"/": Status(500)}) as loopback:
        begun = time.monotonic()
        reply = await reply_of(a_host(loopback, retries=50, backoff_seconds=0.1, total_seconds=0.6))
    assert reply.status == 500
    assert time.monotonic() - begun < 4
    assert 2 <= len(loopback.requests) <= 6


async def test_a_retry_whose_turn_would_come_too_late_leaves_the_last_reply() -> None:
    with Loopback({"/": Status(500)}) as loopback:
        reply = await reply_of(a_host(loopback, seconds_apart=30, total_seconds=0.5))
    assert reply.status == 500
    assert len(loopback.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [HalfBody(), HalfBody(chunked=True), Reset(), Reset(after_head=True)],
    ids=["half a body", "half a chunk", "reset before the head", "reset within the body"],
)
async def test_an_answer_that_breaks_off_is_asked_for_again(fault: Behaviour) -> None:
    with Loopback({"/once": [fault, GOOD], "/always": fault}) as loopback:
        assert (await reply_of(a_host(loopback), "/once")).body == b"[1]"
        problem = await problem_of(a_host(loopback), "/always")
    assert problem.problem is FetchProblem.CUT_OFF
    assert loopback.paths() == ["/once"] * 2 + ["/always"] * 3


async def test_a_gzip_that_ends_too_early_is_not_taken_for_the_whole() -> None:
    packed = gzip.compress(b"[" + b"1," * 10_000 + b"1]")
    half = Serving(packed[: len(packed) // 2], headers={"content-encoding": "gzip"})
    with Loopback({"/": half}) as loopback:
        assert (await problem_of(a_host(loopback))).problem is FetchProblem.CUT_OFF


@pytest.mark.parametrize("large", [Large(30), Large(30, announced=False)], ids=["announced", "in chunks"])
async def test_a_body_that_is_too_large_is_not_read_to_its_end(large: Behaviour) -> None:
    with Loopback({"/": large}) as loopback:
        problem = await problem_of(a_host(loopback, largest_body=2 * 1024 * 1024))
    assert problem.problem is FetchProblem.TOO_LARGE
    assert "2 MB" in str(problem)
    assert len(loopback.requests) == 1


async def test_thirty_megabytes_fit_where_they_are_allowed() -> None:
    with Loopback({"/": Large(30)}) as loopback:
        assert len((await reply_of(a_host(loopback))).body) == 30_000_002


async def test_a_small_gzip_cannot_unpack_beyond_the_cap() -> None:
    bomb = Serving(b" " * 50_000_000, compressed=True)
    with Loopback({"/": bomb}) as loopback:
        assert (await problem_of(a_host(loopback))).problem is FetchProblem.TOO_LARGE


def test_a_body_is_unpacked_piece_by_piece_up_to_its_cap() -> None:
    whole = b"[" + b"1," * 1000 + b"1]"
    packed = gzip.compress(whole[:500]) + gzip.compress(whole[500:])
    body = Body(len(whole), "gzip")
    for start in range(0, len(packed), 7):
        body.add(packed[start : start + 7])
    assert body.complete() == whole
    with pytest.raises(BodyTooLargeError):
        Body(len(whole) - 1, "gzip").add(packed)
    with pytest.raises(BodyTooLargeError):
        Body(2, "").add(b"123")
    with pytest.raises(BodyCutOffError):
        Body(100, "gzip").add(b"this is no gzip")
    assert Body(100, "gzip").complete() == b""


@pytest.mark.parametrize(
    "answer",
    [
        WrongType(),
        WrongType("application/json", b"\r\n<html>Sign in</html>"),
        WrongType("text/plain", b"Sign in"),
        WrongType("application/octet-stream", b"[1]"),
        Serving(headers={"content-encoding": "br"}),
    ],
)
async def test_what_is_not_json_is_no_reply(answer: Behaviour) -> None:
    with Loopback({"/": answer}) as loopback:
        problem = await problem_of(a_host(loopback))
    assert problem.problem is FetchProblem.WRONG_TYPE
    assert len(loopback.requests) == 1


async def test_json_that_does_not_parse_is_left_to_the_reader() -> None:
    with Loopback({"/": BadJson(b'{"half": [')}) as loopback:
        assert (await reply_of(a_host(loopback))).body == b'{"half": ['


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_the_key_goes_nowhere(code: int) -> None:
    with Loopback(fallback=GOOD) as elsewhere, Loopback() as loopback:
        loopback.serve("/", Redirect(f"{elsewhere.url}/steal", code))
        loopback.serve("/here", Redirect("/", code))
        host = a_host(loopback)
        async with a_way_to(host) as http:
            for path in ("/", "/here"):
                with pytest.raises(FetchError, match="redirects are not followed") as caught:
                    await http.get(host, path, headers={"x-api-key": "canary"})
                assert caught.value.problem is FetchProblem.REDIRECTED
    assert not elsewhere.requests
    assert loopback.paths() == ["/", "/here"]


async def test_a_refused_connection_is_tried_again_and_then_unreachable() -> None:
    with Loopback() as loopback:
        pass
    begun = time.monotonic()
    problem = await problem_of(a_host(loopback, backoff_seconds=0.1))
    assert problem.problem is FetchProblem.UNREACHABLE
    assert time.monotonic() - begun >= 0.05 + 0.1


async def test_a_host_that_never_agrees_on_a_secure_connection_is_unreachable() -> None:
    with Loopback(fallback=GOOD) as loopback:
        host = Host(loopback.url.replace("http:", "https:"), connect_seconds=0.3, backoff_seconds=0.01)
        assert (await problem_of(host)).problem is FetchProblem.UNREACHABLE


@pytest.mark.parametrize("fault", [Status(500), Reset(), Hang()], ids=["500", "reset", "hang"])
async def test_a_host_that_fails_in_a_row_rests_until_a_probe_succeeds(fault: Behaviour) -> None:
    broken, pause, sentences = True, 0.4, set[str]()

    def answer(request: Request) -> Behaviour:
        return fault if broken else GOOD

    with Loopback(fallback=answer) as loopback:
        host = a_host(loopback, retries=0, failures_in_a_row=3, pause_seconds=pause, read_seconds=0.3)
        async with a_way_to(host) as http:

            async def ask() -> FetchProblem | int:
                try:
                    return (await http.get(host, "/")).status
                except FetchError as problem:
                    sentences.add(str(problem))
                    return problem.problem

            for _ in range(3):
                assert await ask() is not FetchProblem.PAUSED
            assert [await ask() for _ in range(5)] == [FetchProblem.PAUSED] * 5
            assert len(loopback.requests) == 3
            await anyio.sleep(pause + 0.05)
            assert await ask() is not FetchProblem.PAUSED  # the probe, which fails
            assert await ask() is FetchProblem.PAUSED
            assert len(loopback.requests) == 4
            await anyio.sleep(pause + 0.05)
            broken = False
            assert [await ask() for _ in range(5)] == [200] * 5
            assert len(loopback.requests) == 9
    assert f"{host.name} failed several times in a row and is left alone for 1 more second." in sentences


async def test_one_probe_goes_alone_and_a_probe_given_up_is_replaced() -> None:
    with Loopback({"/": [Status(500), Hang(), Serving(b"[1]", delay=0.3), GOOD]}) as loopback:
        host = a_host(loopback, retries=0, failures_in_a_row=1, pause_seconds=0.1)
        async with a_way_to(host) as http:
            await http.get(host, "/")
            await anyio.sleep(0.15)
            with anyio.move_on_after(0.2):
                await http.get(host, "/")
            outcomes: list[FetchProblem | int] = []

            async def ask() -> None:
                try:
                    outcomes.append((await http.get(host, "/")).status)
                except FetchError as problem:
                    outcomes.append(problem.problem)

            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(ask)
    assert outcomes == [FetchProblem.PAUSED] * 3 + [200]
    assert len(loopback.requests) == 3


async def test_requests_that_wait_for_their_turn_learn_that_the_host_rests() -> None:
    with Loopback(fallback=Status(500)) as loopback:
        host = a_host(loopback, at_once=1, retries=0, failures_in_a_row=2, pause_seconds=60)
        problems: list[FetchProblem] = []
        async with a_way_to(host) as http:

            async def ask() -> None:
                try:
                    await http.get(host, "/")
                except FetchError as problem:
                    problems.append(problem.problem)

            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(ask)
    assert problems == [FetchProblem.PAUSED] * 18
    assert len(loopback.requests) == 2


def test_the_circuit_counts_only_failures_in_a_row() -> None:
    seconds = 0.0
    circuit = Circuit(2, 10, lambda: seconds)
    for _ in range(3):
        circuit.failed(probe=circuit.admit())
        circuit.answered()
    assert circuit.seconds_paused() == 0
    circuit.failed(probe=False)
    circuit.failed(probe=False)
    assert circuit.seconds_paused() == 10
    seconds = 4.0
    circuit.failed(probe=False)  # one that was under way when the pause began
    assert circuit.seconds_paused() == 6
    seconds = 10.0
    assert circuit.seconds_paused() == 0
    assert circuit.admit()
    assert circuit.seconds_paused() == 10
    circuit.undecided(probe=True)
    assert circuit.seconds_paused() == 0
    circuit.failed(probe=circuit.admit())
    assert circuit.seconds_paused() == 10


def limited(seconds: float, status: int = 429) -> Behaviour:
    return Status(status, {"Retry-After": f"{seconds:g}"})


async def outcomes_of(host: Host, count: int) -> list[int | FetchError]:
    """What so many requests bring that are made at the same time, each path its number."""
    outcomes: list[int | FetchError] = []
    async with a_way_to(host) as http:

        async def ask(path: str) -> None:
            try:
                outcomes.append((await http.get(host, path)).status)
            except FetchError as problem:
                outcomes.append(problem)

        async with anyio.create_task_group() as group:
            for number in range(count):
                group.start_soon(ask, f"/{number}")
    return outcomes


@pytest.mark.parametrize(("status", "count"), [(429, 10), (503, 3)])
async def test_a_host_that_asks_for_a_pause_gets_it_from_every_request(status: int, count: int) -> None:
    with Loopback({"/0": [limited(1, status), GOOD]}, fallback=GOOD) as loopback:
        outcomes = await outcomes_of(a_host(loopback, seconds_apart=0.2, at_once=10), count)
    assert outcomes == [200] * count
    refused, *others = (request.at for request in loopback.requests)
    assert len(others) == count
    assert others[0] - refused >= 0.95
    assert others[-1] - others[0] >= 0.2 * (count - 1) - 0.1, "the pace holds after the pause"


async def test_a_pause_that_no_deadline_can_wait_for_is_said_at_once() -> None:
    begun = time.monotonic()
    with Loopback(fallback=limited(3600)) as loopback:
        host = a_host(loopback, at_once=1, total_seconds=5.0)
        reply, *others = await outcomes_of(host, 10)
    assert reply == 429
    assert time.monotonic() - begun < 4
    assert len(loopback.requests) == 1
    for problem in others:
        assert isinstance(problem, FetchError)
        assert problem.problem is FetchProblem.LIMITED
        assert str(problem) == f"{host.name} asked for a pause and is left alone for 60 more seconds."


async def test_who_asks_with_less_patience_than_the_pause_lasts_is_not_kept_waiting() -> None:
    with Loopback(fallback=limited(3)) as loopback:
        host = a_host(loopback, retries=0)
        async with a_way_to(host) as http:
            assert (await http.get(host, "/")).status == 429
            with anyio.fail_after(1.0), pytest.raises(FetchError, match="left alone for 3 more seconds"):
                await http.get(host, "/")
    assert len(loopback.requests) == 1


async def test_a_retry_is_held_back_by_a_pause_that_began_meanwhile() -> None:
    with Loopback({"/": [Status(500), GOOD], "/busy": limited(30)}) as loopback:
        host = a_host(loopback, backoff_seconds=0.5)
        async with a_way_to(host) as http, anyio.create_task_group() as group:
            group.start_soon(http.get, host, "/busy")
            with pytest.raises(FetchError) as caught:
                await http.get(host, "/")
    assert caught.value.problem is FetchProblem.LIMITED
    assert sorted(loopback.paths()) == ["/", "/busy"]


@pytest.mark.parametrize("value", ["soon", "-1", "0"])
async def test_a_pause_that_cannot_be_read_or_is_none_holds_nobody_back(value: str) -> None:
    with Loopback({"/0": Status(429, {"Retry-After": value})}, fallback=GOOD) as loopback:
        outcomes = await outcomes_of(a_host(loopback, at_once=1, retries=0), 5)
    assert outcomes == [429, 200, 200, 200, 200]
