"""A key in the environment comes out nowhere: no answer, no error, no log, no report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.transport.stdio import PYTHON, run_command, spawned

CANARY = "canary-3f9a77c1-do-not-print"
KEYS = {
    "DEALER_EXPOSURE_FLASHALPHA_API_KEY": CANARY,
    "FLASHALPHA_API_KEY": f"fa_{CANARY}",
    "DEALER_EXPOSURE_TOKEN": f"{CANARY}-token",
}
LOUD = {**KEYS, "DEALER_EXPOSURE_SOURCE": "demo", "DEALER_EXPOSURE_LOG_LEVEL": "DEBUG"}
"""The demo source: with these keys alone the server would ask the vendor (see test_canary_network.py)."""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_answer_error_or_log_line_of_the_server_shows_a_key(log_format: str, tmp_path: Path) -> None:
    log = tmp_path / "stderr"
    with (
        log.open("wb") as stderr,
        spawned(environment={**LOUD, "DEALER_EXPOSURE_LOG_FORMAT": log_format}, log=stderr) as client,
    ):
        client.handshake()
        client.ask("tools/list")
        client.ask("prompts/list")
        assert client.call("data_status", {"detail": "full"}).get("isError") is not True
        assert client.call("basket_exposure", {"basket": "semis", "detail": "full"}).get("isError") is not True
        assert client.call("basket_exposure", {"symbols": "NVDA", "colour": "red"})["isError"] is True
        assert client.call("basket_exposure", {"basket": "no such basket"})["isError"] is True
        assert client.close() == 0
    assert log.stat().st_size > 0
    assert_silent(b"".join(client.received).decode() + log.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor"],
        ["demo"],
        ["config", "claude-desktop"],
        ["call", "data_status", "--json"],
        ["call", "no_such_tool"],
        ["--help"],
        ["--source", CANARY, "call", "data_status"],
        ["--flat-rate", f"apiKey={CANARY}", "doctor"],
    ],
)
def test_no_command_shows_a_key(arguments: list[str]) -> None:
    answer = run_command(*arguments, environment=LOUD)
    assert_silent(answer.stdout + answer.stderr)


def test_a_key_that_landed_in_another_setting_is_not_repeated() -> None:
    answer = run_command("doctor", environment={**KEYS, "DEALER_EXPOSURE_CONVENTION": CANARY})
    assert answer.returncode == 1
    assert "DEALER_EXPOSURE_CONVENTION" in answer.stdout
    assert_silent(answer.stdout + answer.stderr)


def test_a_crash_of_the_server_logs_no_key(tmp_path: Path) -> None:
    script = tmp_path / "crashing_server.py"
    script.write_text(CRASHING, encoding="utf-8")
    log = tmp_path / "stderr"
    with log.open("wb") as stderr, spawned([PYTHON, "-P", script], environment=LOUD, log=stderr) as client:
        client.handshake()
        answer = client.call("basket_exposure", {"symbols": "NVDA"})
        assert answer["isError"] is True
        assert client.close() == 0
    written = log.read_text(encoding="utf-8")
    assert "Traceback" in written
    assert_silent(json.dumps(answer) + written)


CRASHING = """\
import os
import server.app
from server import cli
from sources.market import Market

class Crashing:
    async def exposures(self, symbols, at, **_):
        key = os.environ["FLASHALPHA_API_KEY"]
        raise RuntimeError(f"GET https://host/v1?apiKey={key} with {{'X-Api-Key': {key!r}}}")

server.app.build_market = lambda *_: Market(Crashing())
cli.main([])
"""


def assert_silent(written: str) -> None:
    assert written
    assert "3f9a77c1" not in written
    assert "canary" not in written
