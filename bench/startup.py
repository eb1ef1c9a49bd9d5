"""Spawn to tools/list, ours against a bare server of the same SDK, interleaved: what a host waits for."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

from bench.timing import Ratio, interleaved

BARE_SERVER = Path(__file__).parent / "peers" / "bare_server.py"
_MESSAGES = (
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "bench", "version": "1"},
        },
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
)


def installed_script() -> Path:
    """The console script of this environment."""
    suffix = ".exe" if sys.platform == "win32" else ""
    return Path(sysconfig.get_path("scripts")) / f"dealer-exposure-mcp{suffix}"


def list_tools_once(command: list[str]) -> None:
    """Spawn, shake hands, list the tools, and stop. Raises RuntimeError when the server does not answer."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for message in _MESSAGES:
            process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()
        for line in process.stdout:
            if json.loads(line).get("id") == 2:
                process.kill()
                return
    raise RuntimeError(f"{command[0]} did not list its tools")


def compare(rounds: int = 21) -> Ratio:
    """Seconds from spawn to the answer of tools/list."""
    ours, bare = [str(installed_script())], [sys.executable, str(BARE_SERVER)]
    return interleaved(ours=lambda: list_tools_once(ours), theirs=lambda: list_tools_once(bare), rounds=rounds)
