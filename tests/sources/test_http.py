"""The way to the network where all goes well: what is sent, how often, how much at once, and what never gets out."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import anyio
import pytest

from sources.background import Background, SharedWork
from sources.http import FetchError, Host, Http, Reply
from sources.http.token_bucket import TokenBucket
from tests.sources.loopback import After, Hang, Loopback, Redirect, Reset, Route, Serving, Status

pytestmark = pytest.mark.anyio

CANARY = "canary-5f3a9c-key"


def an_http(background: Background, *hosts: Host) -> Http:
    return Http(background, hosts, user_agent="dealer-exposure-mcp/test")


async def test_a_reply_comes_whole_with_its_status_and_headers() -> None:
    body = json.dumps({"numbers": list(range(50_000))}).encode()
    with Loopback({"/data.json": Serving(body, headers={"ETag": '"1"'}, compressed=True)}) as loopback:
        host = Host(loopback.url)
        async with Background() as background:
            reply = await an_http(background, host).get(host, "/data.json", query={"expiry": "2024-06-21", "of": "A&B"})
    assert (reply.status, reply.headers["etag"]) == (200, '"1"')
    assert reply.body == body
    (request,) = loopback.requests
    assert (request.method, request.path, request.query) == ("GET", "/data.json", {"expiry": "2024-06-21", "of": "A&B"})
    assert request.headers["user-agent"] == "dealer-exposure-mcp/test"
    assert request.headers["accept"] == "application/json"
    assert request.headers["accept-encoding"] == "gzip"


async def test_a_path_in_the_base_url_is_kept_and_encoded_symbols_stay_encoded() -> None:
    with Loopback(fallback=Serving()) as loopback:
        host = Host(loopback.url + "/api/")
        async with Background() as background:
            await an_http(background, host).get(host, "/options/%5ESPX.json")
    assert loopback.paths() == ["/api/options/%5ESPX.json"]


@pytest.mark.parametrize("content_type", ["application/json", "application/vnd.api+json; charset=utf-8", "text/plain"])
async def test_json_is_taken_under_each_of_its_types(content_type: str) -> None:
    with Loopback({"/": Serving(b"\n [1]", headers={"content-type": content_type})}) as loopback:
        host = Host(loopback.url)
        async with Background() as background:
            assert (await an_http(background, host).get(host, "/")).body == b"\n [1]"


@pytest.mark.parametrize("status", [304, 400, 401, 403, 404])
async def test_a_refusal_is_a_reply_and_no_failure_of_the_host(status: int) -> None:
    with Loopback({"/no": Status(status, {"content-type": "text/html"}, b"" if status == 304 else b"<p>no</p>")}) as loopback:
        host = Host(loopback.url, failures_in_a_row=2, pause_seconds=60)
        async with Background() as background:
            http = an_http(background, host)
            for _ in range(6):
                assert (await http.get(host, "/no")).status == status
    assert len(loopback.requests) == 6


async def test_connections_are_used_again_and_closed_at_the_end() -> None:
    with Loopback(fallback=Serving()) as loopback:
        host, background = Host(loopback.url), Background()
        http = an_http(background, host)
        for _ in range(2):
            async with background:
                for _ in range(10):
                    await http.get(host, "/")
            with pytest.raises(RuntimeError, match="not open"):
                await http.get(host, "/")
        assert loopback.connections == 2
        assert len(loopback.requests) == 20


async def test_only_so_many_requests_run_at_once() -> None:
    with Loopback(fallback=Serving(delay=0.05)) as loopback:
        host = Host(loopback.url, at_once=3)
        async with Background() as background:
            http = an_http(background, host)
            async with anyio.create_task_group() as group:
                for number in range(12):
                    group.start_soon(http.get, host, f"/{number}")
    assert loopback.busiest == 3
    assert len(loopback.requests) == 12


async def test_waiting_for_a_turn_is_not_held_against_the_host() -> None:
    with Loopback(fallback=Serving(delay=0.1)) as loopback:
        host = Host(loopback.url, at_once=1, total_seconds=0.5, retries=0)
        async with Background() as background:
            http = an_http(background, host)
            async with anyio.create_task_group() as group:
                for number in range(7):
                    group.start_soon(http.get, host, f"/{number}")
    assert loopback.paths() == [f"/{number}" for number in range(7)]


async def test_requests_keep_their_distance_after_a_burst() -> None:
    with Loopback(fallback=Serving()) as loopback:
        host = Host(loopback.url, seconds_apart=0.1, burst=3)
        async with Background() as background:
            http = an_http(background, host)
            async with anyio.create_task_group() as group:
                for number in range(7):
                    group.start_soon(http.get, host, f"/{number}")
    # The first may have reached the server late, so the distance from it is not exact; the next test measures where it is made.
    assert loopback.requests[-1].at - loopback.requests[0].at >= 0.25


async def test_who_cannot_wait_for_the_end_of_a_pause_is_told_at_once_also_behind_one_who_can() -> None:
    bucket, left = TokenBucket(0.0, 1), dict[str, float]()
    bucket.pause(0.5)
    began = anyio.current_time()

    async def take(name: str, until: float) -> None:
        left[name] = await bucket.take(began + until)
        left[f"{name} after"] = anyio.current_time() - began

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take, "patient", 5.0)
        await anyio.sleep(0.01)
        tasks.start_soon(take, "hurried", 0.1)
    assert left["patient"] == 0.0
    assert left["patient after"] >= 0.5
    assert 0.0 < left["hurried"] <= 0.5
    assert left["hurried after"] < 0.4


async def test_turns_go_by_arrival_and_one_given_up_is_not_lost() -> None:
    bucket, order, times = TokenBucket(0.2, 2), list[str](), list[float]()

    async def take(name: str, patience: float) -> None:
        with anyio.move_on_after(patience):
            await bucket.take()
            order.append(name)
            times.append(anyio.current_time() - begun)

    begun = anyio.current_time()
    async with anyio.create_task_group() as group:
        for name, patience in [("a", 5.0), ("b", 5.0), ("gives up", 0.05), ("gives up too", 0.05), ("c", 5.0), ("d", 5.0)]:
            group.start_soon(take, name, patience)
    assert order == ["a", "b", "c", "d"]
    assert times[2] >= 0.2
    assert 0.4 <= times[3] < 0.7


async def test_a_hundred_callers_make_one_request() -> None:
    with Loopback({"/data.json": Serving(b"[1]", delay=0.1)}) as loopback:
        host = Host(loopback.url)
        async with Background() as background:
            http, bodies = an_http(background, host), list[bytes]()
            work = SharedWork[str, Reply](background, lifetime=60, capacity=5)

            async def ask() -> None:
                bodies.append((await work.get("data", lambda: http.get(host, "/data.json"))).body)

            async with anyio.create_task_group() as group:
                for _ in range(100):
                    group.start_soon(ask)
    assert bodies == [b"[1]"] * 100
    assert loopback.paths() == ["/data.json"]


async def test_a_caller_that_gives_up_leaves_the_request_running() -> None:
    with Loopback({"/slow.json": Serving(b"[1]", delay=0.3)}) as loopback:
        host = Host(loopback.url)
        async with Background() as background:
            http, work = an_http(background, host), SharedWork[str, Reply](background, lifetime=60, capacity=5)
            with anyio.move_on_after(0.1) as scope:
                await work.get("slow", lambda: http.get(host, "/slow.json"))
            assert scope.cancelled_caught
            with anyio.fail_after(5):
                assert (await work.get("slow", lambda: http.get(host, "/slow.json"))).body == b"[1]"
    assert loopback.paths() == ["/slow.json"]


async def test_the_end_of_the_background_ends_requests_that_hang() -> None:
    with Loopback({"/": Hang()}) as loopback:
        host, background = Host(loopback.url), Background()
        begun = time.monotonic()
        async with background:
            http = an_http(background, host)
            background.start(lambda: http.get(host, "/"))
            with anyio.fail_after(5):
                while not loopback.requests:
                    await anyio.sleep(0.01)
        assert time.monotonic() - begun < 4


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com",
        "http://127.0.0.1.example.com",
        "http://localhost@example.com",
        "https://user:canary@example.com",
        "https://example.com?canary=1",
        "https://example.com/#canary",
        "https://",
        "https://exa mple.com",
        "https://example.com:port",
        "https://example.com\\@evil.com",
        "ftp://127.0.0.1",
        "example.com",
        "https://example.com\n",
        "http://[::1",
    ],
)
def test_an_address_that_is_not_safe_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(ValueError, match=r"^The address of a host must be") as caught:
        Host(address)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["https://example.com", "https://example.com:8443/v1/", "http://localhost:1", "http://[::1]:1"]
)
def test_safe_addresses_are_taken(address: str) -> None:
    assert address.removeprefix("https://").removeprefix("http://").startswith(Host(address).name)


@pytest.mark.parametrize(
    "limits", [{"at_once": 0}, {"burst": 0}, {"retries": -1}, {"read_seconds": 0.0}, {"total_seconds": float("inf")}]
)
def test_limits_that_let_nothing_through_or_bound_nothing_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"example\.com"):
        Host("https://example.com", **limits)  # type: ignore[arg-type]


async def test_a_host_that_was_not_named_is_never_asked() -> None:
    with Loopback(fallback=Serving()) as loopback:
        async with Background() as background:
            http = an_http(background, Host("https://example.com"))
            with pytest.raises(ValueError, match="not one of the hosts"):
                await http.get(Host(loopback.url), "/")
    assert not loopback.requests


@pytest.mark.parametrize(
    "path", ["data", "", "@evil.com/", ".evil.com/", "/a?b", "/a#b", "/a b", "/../b", "/a/%2e%2E/b", "/a\n", "/é"]
)
async def test_a_path_cannot_lead_elsewhere(path: str) -> None:
    with Loopback(fallback=Serving()) as loopback:
        host = Host(loopback.url)
        async with Background() as background:
            with pytest.raises(ValueError, match="must begin with a slash"):
                await an_http(background, host).get(host, path)
    assert not loopback.requests


@pytest.mark.parametrize("value", [f"{CANARY}\n", f"{CANARY}\r\nx: y", f"{CANARY}é", f" {CANARY}", f"{CANARY}\x00"])
async def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(value: str) -> None:
    with Loopback(fallback=Serving()) as loopback:
        host = Host(loopback.url)
        async with Background() as background:
            with pytest.raises(ValueError, match="cannot be sent") as caught:
                await an_http(background, host).get(host, "/", headers={"X-Api-Key": value})
    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert not loopback.requests


async def test_neither_netrc_nor_cookies_nor_a_loopback_proxy_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with Loopback(fallback=Status(407)) as proxy, Loopback(fallback=Serving(headers={"set-cookie": "a=b; Path=/"})) as loopback:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        host = Host(loopback.url)
        async with Background() as background:
            http = an_http(background, host)
            for _ in range(2):
                await http.get(host, "/", headers={"x-api-key": CANARY})
    assert len(loopback.requests) == 2
    assert not proxy.requests
    for request in loopback.requests:
        assert not {"authorization", "cookie"} & set(request.headers)
        assert request.headers["x-api-key"] == CANARY


async def test_a_proxy_that_cannot_be_used_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"carrier-pigeon://user:{CANARY}@proxy:1")
    host = Host("https://example.com")
    async with Background() as background:
        with pytest.raises(FetchError, match=r"proxy .* for example\.com cannot be used") as caught:
            await an_http(background, host).get(host, "/")
    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    "route",
    [Serving(), Status(500), Status(404), Reset(), Hang(), Redirect("https://example.com/"), After(0.01, Serving(b"<html>"))],
    ids=["serving", "500", "404", "reset", "hang", "redirect", "wrong type"],
)
async def test_a_key_and_a_query_are_in_no_log_record_exception_or_repr(route: Route, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []
    with Loopback({"/v1/NVDA": route}) as loopback:
        host = Host(loopback.url, read_seconds=0.3, retries=1, backoff_seconds=0.01)
        async with Background() as background:
            http = an_http(background, host)
            outcome: Reply | FetchError
            try:
                outcome = await http.get(host, "/v1/NVDA", query={"canary": CANARY}, headers={"X-Api-Key": CANARY})
            except FetchError as problem:
                outcome = problem
            seen += map(repr, (outcome, http, host, background))
    if isinstance(outcome, FetchError):
        assert outcome.__cause__ is outcome.__context__ is None
        assert "NVDA" not in str(outcome)
        assert host.name in str(outcome)
    assert loopback.requests[0].headers["x-api-key"] == CANARY
    assert loopback.requests[0].query == {"canary": CANARY}
    seen += [f"{record.getMessage()} {record.args!r} {record.exc_info!r}" for record in caplog.records]
    assert [text for text in seen if "canary" in text.lower()] == []
    assert any("/v1/NVDA" in record.getMessage() for record in caplog.records if record.name == "sources.http.client")
    assert not logging.getLogger("httpx").filters
