"""Computing beside the event loop: other questions and the host's pings are answered meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread

Found = TypeVar("Found")


async def in_a_thread(compute: Callable[[], Found]) -> Found:
    """What `compute` returns, from a worker thread; it runs on there, unheard, where the question is given up."""
    return await anyio.to_thread.run_sync(compute, abandon_on_cancel=True)
