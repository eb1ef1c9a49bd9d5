"""The spawned server: both older handshakes, clean bytes, a quick start, a clean end."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.transport.noisy_server import NOISE
from tests.transport.stdio import HANDSHAKES, PYTHON, RawClient, run_command, spawned
from tools.catalogue import TOOLS

AT = "2024-06-05T10:30"
HEAVY = (
    "numpy",
    "msgspec",
    "pandas",
    "httpx",
    "pyarrow",
    "tools.catalogue",
    "exposure.legs",
    "exposure.chain",
    "exposure.greeks",
    "sources.demo.reader",
)


@pytest.mark.parametrize("version", HANDSHAKES)
def test_a_host_of_the_older_handshakes_lists_the_tools_and_gets_an_answer(version: str) -> None:
    with spawned() as client:
        greeting = client.handshake(version)
        assert greeting["protocolVersion"] == version
        assert greeting["serverInfo"]["name"] == "dealer-exposure"
        assert greeting["serverInfo"]["version"]
        assert "basket_exposure" in greeting["instructions"]
        names = [tool["name"] for tool in client.ask("tools/list")["tools"]]
        assert names == [one.name for one in TOOLS]
        answer = client.call("basket_exposure", {"symbols": ["NVDA", "AMD"], "at": AT})
        assert answer.get("isError") is not True
        assert answer["structuredContent"]["constituent_count"] == 2
        assert answer["content"][0]["text"].startswith("SYNTHETIC")
        refused = client.call("basket_exposure", {"symbols": "NVDA", "wieghts": "1"})
        assert refused["isError"] is True
        assert "Did you mean weights?" in refused["content"][0]["text"]
        prompt = client.ask("prompts/get", {"name": "basket_check", "arguments": {"symbols": "NVDA,AMD"}})
        assert "NVDA,AMD" in prompt["messages"][0]["content"]["text"]
        assert client.close() == 0
    assert_pure(client)


@pytest.mark.parametrize("version", HANDSHAKES)
def test_a_noisy_source_leaves_the_wire_clean(version: str, tmp_path: Path) -> None:
    script = Path(__file__).with_name("noisy_server.py")
    log = tmp_path / "stderr"
    with log.open("wb") as stderr, spawned([PYTHON, "-P", script], log=stderr) as client:
        client.handshake(version)
        client.ask("tools/list")
        answer = client.call("basket_exposure", {"symbols": "NVDA,AMD"})
        assert answer.get("isError") is not True
        assert client.call("data_status", {}).get("isError") is not True
        assert client.close() == 0
    assert_pure(client)
    assert NOISE not in b"".join(client.received).decode()
    noise = log.read_text(encoding="utf-8")
    for kind in ("printed", "printed without a line end", "written to descriptor 1", "warned", "logged", "from a child"):
        assert f"{NOISE} {kind}" in noise


def test_nothing_heavy_is_imported_before_the_tools_are_listed_and_everything_soon_after(tmp_path: Path) -> None:
    log = tmp_path / "imports"
    with log.open("wb") as stderr, spawned(environment={"PYTHONPROFILEIMPORTTIME": "1"}, log=stderr) as client:
        client.handshake()
        client.ask("tools/list")
        before = imported(log)
        assert "server.app" in before
        assert not before & set(HEAVY)
        assert not {one for one in before if one.split(".")[0] in ("numpy", "msgspec", "pandas")}
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not {"numpy", "exposure.legs", "sources.demo.reader"} <= imported(log):
            time.sleep(0.05)
        assert {"numpy", "exposure.legs", "sources.demo.reader"} <= imported(log)
        assert client.close() == 0
    assert "pandas" not in imported(log)


def test_a_host_that_never_lists_the_tools_gets_a_warm_server_too(tmp_path: Path) -> None:
    log = tmp_path / "imports"
    with log.open("wb") as stderr, spawned(environment={"PYTHONPROFILEIMPORTTIME": "1"}, log=stderr) as client:
        client.handshake()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and "numpy" not in imported(log):
            time.sleep(0.05)
        assert "numpy" in imported(log)


def test_it_starts_where_packages_of_the_same_names_lie_around(tmp_path: Path) -> None:
    for package in ("server", "tools", "prompts", "exposure", "sources"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('the wrong package')\n", encoding="utf-8")
    with spawned(folder=tmp_path) as client:
        client.handshake()
        assert client.call("basket_exposure", {"basket": "semis", "at": AT})["structuredContent"]["constituent_count"] == 8
        assert client.close() == 0
    demo = run_command("demo", folder=tmp_path)
    assert demo.returncode == 0, demo.stderr
    assert "SEMIS" in demo.stdout


@pytest.mark.parametrize("pause", [0.0, 0.12, 0.2])
def test_it_ends_cleanly_when_the_host_goes_even_while_warming_up(pause: float, tmp_path: Path) -> None:
    log = tmp_path / "stderr"
    with log.open("wb") as stderr, spawned(log=stderr) as client:
        client.handshake()
        client.ask("tools/list")
        time.sleep(pause)
        started = time.monotonic()
        assert client.close() == 0
        assert time.monotonic() - started < 5
    assert log.read_bytes() == b""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind exist on POSIX only")
def test_an_interrupt_ends_it_at_once_and_in_silence(tmp_path: Path) -> None:
    import signal

    log = tmp_path / "stderr"
    with log.open("wb") as stderr, spawned(log=stderr) as client:
        client.handshake()
        client.process.send_signal(signal.SIGINT)
        assert client.process.wait(5) == 130
    assert log.read_bytes() == b""


def test_garbage_on_the_wire_does_not_end_the_conversation() -> None:
    with spawned() as client:
        client.handshake()
        assert client.process.stdin
        client.process.stdin.write(b"this is no JSON\n\xff\xfe\n")
        client.process.stdin.flush()
        assert client.ask("tools/list")["tools"]
        assert client.close() == 0
    assert_pure(client)


def imported(log: Path) -> set[str]:
    """The modules an import-time profile lists so far."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return {line.rsplit("|", 1)[1].strip() for line in lines if line.startswith("import time:")}


def assert_pure(client: RawClient) -> None:
    """Every byte on stdout belongs to a JSON-RPC message on a line of its own."""
    assert client.received
    for line in client.received:
        assert line.endswith(b"\n")
        message: dict[str, Any] = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        assert {"method", "result", "error"} & message.keys()
