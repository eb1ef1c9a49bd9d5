"""Work that outlives the question that started it: a fetch goes on past its caller's deadline, and is there for the next.

`Background` is opened by the server's lifespan. `SharedWork` lets several callers wait for one load and keeps its result a while.
`arrivals` waits for many things at once, until shortly before the deadline of the question.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

import anyio

if TYPE_CHECKING:
    from anyio.abc import TaskGroup
    from cachetools import TLRUCache

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

Progress = Callable[[int, int], Awaitable[None]]
"""Told as symbols arrive: how many have, and of how many."""

_log = logging.getLogger(__name__)

_CLOSING_SECONDS = 5.0


class Background:
    """Runs work beside the questions, from `async with` to its end, which cancels what is still running.

    It can be opened again after it ended. Entering it while it is open raises RuntimeError.
    """

    def __init__(self) -> None:
        self._group: TaskGroup | None = None
        self._closings: list[Callable[[], Awaitable[None]]] = []

    async def __aenter__(self) -> Self:
        if self._group is not None:
            raise RuntimeError("The background is already open.")
        group = anyio.create_task_group()
        await group.__aenter__()
        self._group = group
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        group, self._group = self._opened(), None
        group.cancel_scope.cancel()
        try:
            # Work never raises, so the group has nothing to add; told of `problem` it would wrap it in an exception group.
            await group.__aexit__(None, None, None)
        finally:
            closings, self._closings = self._closings, []
            with anyio.move_on_after(_CLOSING_SECONDS, shield=True):
                for closing in reversed(closings):
                    await _logged(closing)

    def start(self, work: Callable[[], Awaitable[object]]) -> None:
        """Begin `work` now. An exception of the work is logged, never raised.

        Raises RuntimeError where the background is not open.
        """
        self._opened().start_soon(_logged, work)

    def on_close(self, closing: Callable[[], Awaitable[None]]) -> None:
        """Await `closing` once when this opening ends, after all work has, the newest first and all within five seconds.

        Raises RuntimeError where the background is not open. An exception of `closing` is logged, never raised.
        """
        self._opened()
        self._closings.append(closing)

    def _opened(self) -> TaskGroup:
        if self._group is None:
            raise RuntimeError("The background is not open.")
        return self._group


async def _logged(work: Callable[[], Awaitable[object]]) -> None:
    try:
        await work()
    except Exception:  # noqa: BLE001 - one piece of work must not end the others, nor the server
        _log.warning("Work in the background failed", exc_info=True)


class _Load(Generic[Value]):
    """A load under way, and then what came of it: neither a value nor a problem where the background was closed."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.waiters = 0
        self.values: list[Value] = []
        self.problem: Exception | None = None
        self.trace: TracebackType | None = None

    def result(self) -> Value:
        if self.problem is not None:
            # Each raise adds to the traceback of the one exception that all waiters share; it starts anew for each of them.
            raise self.problem.with_traceback(self.trace)
        if not self.values:
            raise RuntimeError("The background was closed while this was loading.")
        return self.values[0]


class SharedWork(Generic[Key, Value]):
    """One load for each key, whoever asks: callers that come while it runs wait for it, callers that come later get its result.

    `lifetime` says for how many seconds a value is good (a number, or a function of the value; 0 is never kept). At most
    `capacity` values are kept, the least recently used goes first; ValueError below 1. `now` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        background: Background,
        *,
        lifetime: float | Callable[[Value], float],
        capacity: int,
        now: Callable[[], float] | None = None,
    ) -> None:
        if capacity < 1:
            raise ValueError("Shared work needs room for one value; a lifetime of 0 keeps none.")
        self._background = background
        self._lifetime = lifetime
        self._capacity = capacity
        self._now = now or time.monotonic
        self._kept: TLRUCache[Key, Value] | None = None
        self._running: dict[Key, _Load[Value]] = {}

    async def get(self, key: Key, load: Callable[[], Awaitable[Value]]) -> Value:
        """The value of `key`. Being cancelled gives up the waiting, not the load. What a load raises reaches every waiter, once.

        Raises RuntimeError where there is no value and the background is not open, or is closed while the load runs.
        """
        if self._kept is not None and key in self._kept:
            kept: Value = self._kept[key]
            return kept
        shared = self._running.get(key) or self._begin(key, load)
        shared.waiters += 1
        try:
            await shared.done.wait()
        finally:
            shared.waiters -= 1
        return shared.result()

    def known(self, key: Key) -> Value | None:
        """The value, if it is there and still good; never waits."""
        return None if self._kept is None else self._kept.get(key)

    def under_way(self, key: Key) -> bool:
        """Whether a load of `key` is running."""
        return key in self._running

    def _begin(self, key: Key, load: Callable[[], Awaitable[Value]]) -> _Load[Value]:
        # Entered before it starts: under an eager task factory the load may be over when `start` returns.
        shared = self._running[key] = _Load()
        try:
            self._background.start(partial(self._carry_out, key, load, shared))
        except BaseException:
            del self._running[key]
            raise
        return shared

    async def _carry_out(self, key: Key, load: Callable[[], Awaitable[Value]], shared: _Load[Value]) -> None:
        try:
            value = await load()
            self._keep(key, value)
            shared.values.append(value)
        except Exception as problem:  # noqa: BLE001 - raised to whoever waits
            shared.problem, shared.trace = problem, problem.__traceback__
            if not shared.waiters:
                _log.debug("A load that nobody waits for any more failed: %s", type(problem).__name__)
        finally:
            del self._running[key]
            shared.done.set()

    def _keep(self, key: Key, value: Value) -> None:
        lifetime = self._lifetime(value) if callable(self._lifetime) else self._lifetime
        if lifetime <= 0:
            return
        if self._kept is None:
            from cachetools import TLRUCache

            self._kept = TLRUCache(self._capacity, self._good_until, self._now)
        self._kept[key] = value

    def _good_until(self, key: Key, value: Value, now: float) -> float:
        return now + (self._lifetime(value) if callable(self._lifetime) else self._lifetime)


async def arrivals(
    waits: Mapping[Key, Callable[[], Awaitable[Value]]], progress: Progress | None = None, *, margin: float = 0.5
) -> dict[Key, Value]:
    """What has arrived `margin` seconds before the deadline of the surrounding cancel scope, in the order of `waits`.

    Without a deadline, all. The margin shrinks to a quarter of the time there is. `waits` must not raise. What `progress` raises
    comes out as it is, and ends the waiting.
    """
    deadline = anyio.current_effective_deadline()
    left = max(0.0, deadline - anyio.current_time())
    arrived: dict[Key, Value] = {}
    problem: Exception | None = None
    sending, receiving = anyio.create_memory_object_stream[Key](len(waits))

    async def wait(key: Key, arrival: Callable[[], Awaitable[Value]]) -> None:
        arrived[key] = await arrival()
        sending.send_nowait(key)

    with sending, receiving, anyio.CancelScope(deadline=deadline - min(margin, left / 4)):
        async with anyio.create_task_group() as group:
            for key, arrival in waits.items():
                group.start_soon(wait, key, arrival)
            try:
                for count in range(1, len(waits) + 1):
                    await receiving.receive()
                    if progress is not None:
                        await progress(count, len(waits))
            except Exception as raised:  # noqa: BLE001 - raised again below, where no group wraps it
                problem = raised
                group.cancel_scope.cancel()
    if problem is not None:
        raise problem
    return {key: arrived[key] for key in waits if key in arrived}
