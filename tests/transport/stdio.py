"""A tiny MCP client over raw lines, so that what is on the wire is tested and not what an SDK makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from server.hosts import installed_script

HANDSHAKES = ("2025-06-18", "2025-11-25")
PYTHON = sys.executable
_PATIENCE_SECONDS = 60.0


class RawClient:
    """One conversation with a spawned server. Everything it wrote to stdout is in `received`, line by line."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.received: list[bytes] = []
        self._next_id = 1

    def handshake(self, version: str = HANDSHAKES[0]) -> dict[str, Any]:
        """Initialise with this protocol version and return the server's answer."""
        client = {"name": "raw", "version": "1"}
        answer = self.ask("initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": client})
        self.tell("notifications/initialized")
        return answer

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and return its result."""
        number, self._next_id = self._next_id, self._next_id + 1
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": dict(params or {})})
        while True:
            message = self._receive()
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                result: dict[str, Any] = message["result"]
                return result

    def tell(self, method: str) -> None:
        """Send a notification."""
        self._send({"jsonrpc": "2.0", "method": method})

    def call(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a tool and return its result."""
        return self.ask("tools/call", {"name": tool, "arguments": dict(arguments)})

    def close(self) -> int:
        """Close stdin as a host does, collect what is left on stdout and return the exit code."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.received += self.process.stdout.read().splitlines(keepends=True)
        return self.process.wait(_PATIENCE_SECONDS)

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"the server closed its stdout, exit code {self.process.wait(_PATIENCE_SECONDS)}"
        self.received.append(line)
        message: dict[str, Any] = json.loads(line)
        return message


@contextmanager
def spawned(
    command: Sequence[str | Path] | None = None,
    *,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    log: BinaryIO | None = None,
) -> Iterator[RawClient]:
    """A running server, the installed console script unless another `command` is given; `log` takes its stderr."""
    process = subprocess.Popen(
        [*(command or [installed_script()]), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log or subprocess.DEVNULL,
        cwd=folder,
        env=clean_environment(environment),
    )
    # A server that hangs fails its test instead of the whole run.
    patience = threading.Timer(_PATIENCE_SECONDS, process.kill)
    patience.start()
    try:
        yield RawClient(process)
    finally:
        patience.cancel()
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def clean_environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without settings of ours, plus `changes`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DEALER_EXPOSURE_", "FLASHALPHA_"))}
    # Left out, as a host would: the checkout must not be importable by accident.
    inherited.pop("PYTHONPATH", None)
    return inherited | dict(changes or {})


def run_command(
    *arguments: str, text: str = "", environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the installed console script to its end."""
    return subprocess.run(
        [installed_script(), *arguments],
        input=text,
        capture_output=True,
        encoding="utf-8",
        timeout=_PATIENCE_SECONDS,
        env=clean_environment({"PYTHONUTF8": "1", **(environment or {})}),
        cwd=folder,
        check=False,
    )
