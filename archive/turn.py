"""One thread at a time, except where it waits for others than Python."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType


class Turn:
    """A lock for threads whose work is many short calls of numpy; a context manager.

    Two such threads hand the interpreter lock to and fro at every call, and together take longer than one of them alone. So one
    works at a time, and steps aside where it reads a file, which needs no interpreter.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self._lock.release()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let another thread have its turn until the block is over; for the one whose turn it is."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()
