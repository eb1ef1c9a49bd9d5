"""A key that is really sent to a provider comes out nowhere, whatever the provider does with it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from mcp import Client

from server.app import build_market, build_server
from server.settings import Settings
from tests.sources.flashalpha_upstream import KEY, Upstream, sent
from tests.sources.loopback import BadJson, Behaviour, HalfBody, Hang, Loopback, Redirect, Request, Reset, Serving, Status
from tests.transport.stdio import run_command, spawned

Route = Callable[[Request], Behaviour]


def echo(request: Request) -> Behaviour:
    """Gives the key back wherever it can."""
    key = request.headers.get("x-api-key", "none")
    text = {"error": key, "message": f"apiKey={key}", "detail": key, "current_plan": key, "required_plan": key, key: key}
    return Serving(json.dumps(text).encode(), 403, {"X-Echo": key, "Retry-After": key, "X-RateLimit-Remaining": key})


def echo_as_data(request: Request) -> Behaviour:
    key = request.headers.get("x-api-key", "none")
    row = {"symbol": key, "net_gex": key, "underlying_price": key}
    return sent({"as_of": key, "missing_symbols": [key], "constituents": [row], "aggregate": {"net_gex": key}, key: key})


MISBEHAVIOUR: dict[str, Route] = {
    "a good upstream": Upstream(),
    "one that echoes the key in an error": echo,
    "one that echoes the key as data": echo_as_data,
    "one that refuses the key": lambda _: Status(401, body=b'{"title":"Unauthorized","status":401}'),
    "one that limits": lambda _: Status(429, {"Retry-After": "3600"}),
    "one that is broken": lambda _: Status(500, body=b'{"detail":"Internal server error"}'),
    "one that redirects": lambda _: Redirect("http://127.0.0.1:9/elsewhere"),
    "one that breaks off": lambda _: HalfBody(b'{"as_of": "2026'),
    "one that resets": lambda _: Reset(),
    "one that answers no JSON": lambda _: BadJson(),
    "one that hangs": lambda _: Hang(),
}


def environment(url: str) -> dict[str, str]:
    return {
        "FLASHALPHA_API_KEY": KEY,
        "DEALER_EXPOSURE_FLASHALPHA_URL": url,
        "DEALER_EXPOSURE_FLASHALPHA_HISTORICAL_URL": url,
        "DEALER_EXPOSURE_TOOL_TIMEOUT_SECONDS": "2",
        "DEALER_EXPOSURE_NETWORK_TIMEOUT_SECONDS": "1",
        "DEALER_EXPOSURE_LOG_LEVEL": "DEBUG",
    }


@pytest.mark.parametrize("upstream", list(MISBEHAVIOUR))
def test_no_answer_error_or_log_line_shows_a_key_that_was_sent(upstream: str, tmp_path: Path) -> None:
    log = tmp_path / "stderr"
    with Loopback(fallback=MISBEHAVIOUR[upstream]) as host:
        with log.open("wb") as stderr, spawned(environment=environment(host.url), log=stderr) as client:
            client.handshake()
            client.call("data_status", {"detail": "full"})
            client.call("basket_exposure", {"symbols": "NVDA,AMD,SPY", "detail": "full"})
            client.call("basket_exposure", {"symbols": "SPY", "at": "2020-03-16T15:30"})
            client.call("frame_dispersion", {"basket": "spx_top"})
            client.close()
        assert any(request.headers.get("x-api-key") == KEY for request in host.requests)
    written = b"".join(client.received).decode() + log.read_text(encoding="utf-8")
    assert_silent(written)


@pytest.mark.parametrize("upstream", ["a good upstream", "one that echoes the key in an error"])
@pytest.mark.parametrize("command", [["doctor"], ["config", "cursor"]])
def test_no_command_shows_a_key_that_was_sent(command: list[str], upstream: str) -> None:
    with Loopback(fallback=MISBEHAVIOUR[upstream]) as host:
        answer = run_command(*command, environment=environment(host.url))
    assert_silent(answer.stdout + answer.stderr)


def test_no_object_that_holds_the_key_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(fallback=Upstream()) as host:
        for name, value in environment(host.url).items():
            monkeypatch.setenv(name, value)
        settings = Settings.load()
        market = build_market(settings)

        async def ask() -> None:
            async with market:
                assert (await market.snapshot(["SPY"], None)).exposures

        anyio.run(ask)
    source = market._live._source
    shown = [repr(one) + str(one) for one in (settings, market, market._live, source, *vars(source).values())]
    assert_silent("".join(shown))
    assert_silent(settings.model_dump_json())


def assert_silent(written: str) -> None:
    assert written
    assert "canary" not in written.lower()
    assert KEY.lower() not in written.lower()


def test_no_file_of_the_archive_holds_a_key(tmp_path: Path) -> None:
    with Loopback(fallback=Upstream()) as host:
        recorded = run_command(
            *("record", "--once", "--symbols", "SPY,NVDA", "--archive-dir", str(tmp_path)), environment=environment(host.url)
        )
    assert recorded.returncode == 0, recorded.stderr
    assert_silent(recorded.stdout + recorded.stderr)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert KEY.encode() not in content
        assert b"canary" not in content.lower()
        if path.suffix == ".db":
            with sqlite3.connect(path) as database:
                # Values may be packed inside; what SQLite itself holds as text is compared as it is.
                assert_silent("\n".join(database.iterdump()))


def test_no_span_holds_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="the SDK that records spans is installed for development only")
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    with Loopback(fallback=MISBEHAVIOUR["one that echoes the key as data"]) as host:
        for name, value in environment(host.url).items():
            monkeypatch.setenv(name, value)

        async def ask() -> None:
            async with Client(build_server(Settings.load())) as client:
                for tool in ("basket_exposure", "symbol_exposure", "stress_basket", "data_status"):
                    arguments = {} if tool == "data_status" else {"symbol" if tool == "symbol_exposure" else "symbols": "SPY"}
                    await client.call_tool(tool, arguments)

        anyio.run(ask)
    assert any(request.headers.get("x-api-key") == KEY for request in host.requests)
    recorded = [span.to_json() for span in spans.get_finished_spans()]
    assert any("basket_exposure" in span for span in recorded)
    assert_silent("\n".join(recorded))
