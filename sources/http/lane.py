"""The queue before one host: how many are let through, how often, how a failure is tried again, and when the host rests."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from sources.http import FetchError, FetchProblem, Host, Reply
from sources.http.circuit import Circuit
from sources.http.client import Failure
from sources.http.retry_after import retry_after
from sources.http.token_bucket import TokenBucket

if TYPE_CHECKING:
    from sources.http.client import Client

_ASKS_FOR_A_PAUSE = (429, 503)
_LONGEST_PAUSE = 60.0
"""Seconds; a host that wants more is asked once in between, so that a wrong number cannot shut it out for a day."""


class Lane:
    """The way to one host. Belongs to the event loop in which it is first used."""

    def __init__(self, host: Host, client: Client) -> None:
        self._host = host
        self._client = client
        self._places = anyio.CapacityLimiter(host.at_once)
        self._tokens = TokenBucket(host.seconds_apart, host.burst)
        self._circuit = Circuit(host.failures_in_a_row, host.pause_seconds)

    async def get(self, path: str, query: Mapping[str, str] | None, headers: Mapping[str, str]) -> Reply:
        """The reply, after waiting for a turn and the retries that could help. Raises FetchError."""
        self._refuse_while_paused()
        async with self._places:
            self._refuse_while_paused()  # others may have found the host broken in the meantime
            if left := await self._tokens.take(self._latest_turn()):
                raise FetchError(FetchProblem.LIMITED, _limited(self._host, left))
            self._refuse_while_paused()
            outcome = await self._noted(_Attempts(self._host, self._client, self._tokens, self._circuit, path, query, headers))
        if isinstance(outcome, Failure):
            raise FetchError(outcome.problem, outcome.sentence)
        return outcome

    async def _noted(self, attempts: _Attempts) -> Reply | Failure:
        probe = self._circuit.admit()
        outcome: Reply | Failure | None = None
        try:
            outcome = await attempts.outcome(retries=0 if probe else self._host.retries)
        finally:
            if outcome is None or (isinstance(outcome, Failure) and outcome.problem is FetchProblem.LIMITED):
                self._circuit.undecided(probe=probe)
            elif outcome.blames_host if isinstance(outcome, Failure) else outcome.status >= 500:
                self._circuit.failed(probe=probe)
            else:
                self._circuit.answered()
        return outcome

    def _refuse_while_paused(self) -> None:
        if left := self._circuit.seconds_paused():
            sentence = f"{self._host.name} failed several times in a row and is left alone for {_more_seconds(left)}."
            raise FetchError(FetchProblem.PAUSED, sentence)

    def _latest_turn(self) -> float:
        return min(anyio.current_time() + self._host.total_seconds, anyio.current_effective_deadline())


class _Attempts:
    """One request with its retries, the first of which has had its turn."""

    def __init__(
        self,
        host: Host,
        client: Client,
        tokens: TokenBucket,
        circuit: Circuit,
        path: str,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> None:
        self._host = host
        self._client = client
        self._tokens = tokens
        self._circuit = circuit
        self._request = (path, query, headers)
        self._count = 0
        self._latest: Reply | Failure | None = None
        self._deadline = math.inf

    async def outcome(self, *, retries: int) -> Reply | Failure:
        """The last attempt's; a failure where the total time ends while an attempt runs."""
        retrying = AsyncRetrying(
            sleep=anyio.sleep,
            retry=retry_if_result(_can_be_better),
            wait=self._seconds_to_wait,
            stop=lambda state: self._count > retries or self._is_pointless(state.upcoming_sleep),
            retry_error_callback=_last,
        )
        with anyio.move_on_after(self._host.total_seconds) as total:
            self._deadline = total.deadline
            await retrying(self._attempt)
        sentence = f"{self._host.name} had not answered completely after {self._host.total_seconds:g} seconds."
        return self._latest or Failure(FetchProblem.TIMED_OUT, sentence, again=False, blames_host=True)

    async def _attempt(self) -> Reply | Failure:
        if self._count and (left := await self._tokens.take(self._deadline)):
            self._latest = Failure(FetchProblem.LIMITED, _limited(self._host, left), again=False, blames_host=False)
            return self._latest
        self._count += 1
        self._latest = None
        self._latest = await self._client.attempt(self._host, *self._request)
        self._pause_all()
        return self._latest

    def _pause_all(self) -> None:
        """Hold back every request to the host where it has just asked for that."""
        if isinstance(self._latest, Reply) and self._latest.status in _ASKS_FOR_A_PAUSE:
            seconds = retry_after(self._latest.headers)
            if seconds is not None and math.isfinite(seconds):
                self._tokens.pause(min(seconds, _LONGEST_PAUSE))

    def _seconds_to_wait(self, state: RetryCallState) -> float:
        backoff: float = self._host.backoff_seconds * 2 ** (self._count - 1) * random.uniform(0.5, 1.5)
        asked = retry_after(self._latest.headers) if isinstance(self._latest, Reply) else None
        # Jitter on top of what the host asked for: all that it refused at once would come back at once.
        return backoff if asked is None else asked + min(backoff, self._host.backoff_seconds)

    def _is_pointless(self, seconds: float) -> bool:
        return anyio.current_time() + seconds >= self._deadline or self._circuit.seconds_paused() > 0


def _can_be_better(outcome: Reply | Failure) -> bool:
    return outcome.again if isinstance(outcome, Failure) else outcome.status == 429 or outcome.status >= 500


def _limited(host: Host, seconds: float) -> str:
    return f"{host.name} asked for a pause and is left alone for {_more_seconds(seconds)}."


def _more_seconds(left: float) -> str:
    seconds = max(1, math.ceil(left))
    return "1 more second" if seconds == 1 else f"{seconds} more seconds"


def _last(state: RetryCallState) -> object:
    return None if state.outcome is None else state.outcome.result()
