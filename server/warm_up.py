"""Prepares for the first question once the host has its list of tools, so that neither waits for the other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

THREAD_NAME = "warm-up"
_HANDSHAKES = frozenset({"initialize", "server/discover"})
_LONGEST_WAIT_SECONDS = 1.5  # a host that never lists the tools
_GRACE_SECONDS = 0.1  # the answer to tools/list leaves the process first

_log = logging.getLogger(__name__)


class WarmUp:
    """MCP middleware that starts one background thread at the handshake; the thread works once tools/list is answered.

    The thread is a daemon: a process whose host has gone does not wait for it.
    """

    def __init__(self, prepare: Callable[[], object]) -> None:
        self._prepare = prepare
        self._tools_listed = threading.Event()
        self._started = False

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        answer = await call_next(ctx)
        if not self._started and (ctx.method in _HANDSHAKES or ctx.method == "tools/list"):
            self._started = True
            threading.Thread(target=self._run, name=THREAD_NAME, daemon=True).start()
        if ctx.method == "tools/list":
            self._tools_listed.set()
        return answer

    def _run(self) -> None:
        self._tools_listed.wait(_LONGEST_WAIT_SECONDS)
        time.sleep(_GRACE_SECONDS)
        try:
            self._prepare()
        except Exception:  # noqa: BLE001 - the first question meets the same problem and reports it properly
            _log.debug("The warm-up stopped early", exc_info=True)
