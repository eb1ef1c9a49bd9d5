"""The spawned server before a provider: what it imports before it is asked, and how it ends while a fetch is under way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sources.flashalpha_upstream import KEY, Upstream
from tests.sources.loopback import Hang, Loopback
from tests.transport.stdio import spawned
from tests.transport.test_stdio import assert_pure, imported

Settings = Callable[[str], dict[str, str]]
NETWORK_LIBRARIES = {"httpx", "httpcore", "tenacity", "cachetools", "pyarrow", "numpy"}


def flashalpha(url: str) -> dict[str, str]:
    return {
        "DEALER_EXPOSURE_SOURCE": "flashalpha",
        "FLASHALPHA_API_KEY": KEY,
        "DEALER_EXPOSURE_FLASHALPHA_URL": url,
        "DEALER_EXPOSURE_FLASHALPHA_HISTORICAL_URL": url,
        "DEALER_EXPOSURE_TOOL_TIMEOUT_SECONDS": "2",
        "DEALER_EXPOSURE_NETWORK_TIMEOUT_SECONDS": "50",
    }


def cboe(url: str) -> dict[str, str]:
    return {
        "DEALER_EXPOSURE_SOURCE": "cboe",
        "DEALER_EXPOSURE_CBOE_ACCEPT_TERMS": "true",
        "DEALER_EXPOSURE_CBOE_URL": url,
        "DEALER_EXPOSURE_TOOL_TIMEOUT_SECONDS": "2",
        "DEALER_EXPOSURE_NETWORK_TIMEOUT_SECONDS": "50",
    }


@pytest.mark.parametrize("settings", [flashalpha, cboe])
def test_no_library_of_the_network_is_imported_before_the_tools_are_listed(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "imports"
    with Loopback(fallback=Upstream()) as host:
        environment = settings(host.url) | {"PYTHONPROFILEIMPORTTIME": "1"}
        with log.open("wb") as stderr, spawned(environment=environment, log=stderr) as client:
            client.handshake()
            client.ask("tools/list")
            before = {name.split(".")[0] for name in imported(log)}
            assert "server" in before
            assert not before & NETWORK_LIBRARIES
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and "httpx" not in imported(log):
                time.sleep(0.05)
            assert "httpx" in imported(log)
            assert client.close() == 0
        assert host.requests == []
    assert "pyarrow" not in imported(log)


@pytest.mark.parametrize("settings", [flashalpha, cboe])
def test_it_ends_cleanly_and_at_once_while_a_fetch_hangs_in_the_background(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "stderr"
    with Loopback(fallback=Hang()) as host:
        with log.open("wb") as stderr, spawned(environment=settings(host.url), log=stderr) as client:
            client.handshake()
            refused = client.call("basket_exposure", {"symbols": "NVDA"})
            assert refused["isError"] is True
            assert len(host.requests) == 1
            started = time.monotonic()
            assert client.close() == 0
            assert time.monotonic() - started < 5
        # The host has not said a word to this day.
        assert len(host.requests) == 1
    assert_pure(client)
    assert log.read_bytes() == b""
