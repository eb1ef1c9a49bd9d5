"""The one way to the network: GET from a few known hosts, bounded in every direction.

What every host gets: connect, read and total deadlines; a cap on the body; so many requests at once and so many a second;
retries with jitter where a retry can help; a circuit breaker; a pause of all requests where it asks for one. What no host gets:
a key it was not meant for. Redirects are never followed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from sources.http.retry_after import host_time

if TYPE_CHECKING:
    from sources.background import Background
    from sources.http.client import Client
    from sources.http.lane import Lane

LOOPBACK_NAMES = frozenset({"127.0.0.1", "::1", "localhost"})

_BASE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9.\[\]:_-]+(/[A-Za-z0-9._~!$&'()*+,;=:%/-]*)?")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?|")


@dataclass(frozen=True, slots=True)
class Host:
    """A host that may be asked, and how gently. `base_url` is https, or http on a loopback address; ValueError otherwise."""

    base_url: str
    at_once: int = 8
    seconds_apart: float = 0.0
    burst: int = 1
    largest_body: int = 32 * 1024 * 1024
    connect_seconds: float = 5.0
    read_seconds: float = 10.0
    total_seconds: float = 20.0
    """For one request with all its retries and waiting for its turn counted from its first attempt."""
    retries: int = 2
    backoff_seconds: float = 0.4
    """Before the first retry, give or take half; doubled before each further one."""
    failures_in_a_row: int = 5
    """So many requests that fail at the host, one after the other, pause it."""
    pause_seconds: float = 15.0

    def __post_init__(self) -> None:
        if not _BASE.fullmatch(self.base_url) or not _is_allowed(self.base_url):
            # What was given is not repeated: a key may have been pasted into it.
            raise ValueError(
                "The address of a host must be https://name, or http:// on a loopback address, without user, query and fragment."
            )
        if min(self.at_once, self.burst, self.largest_body, self.failures_in_a_row) < 1 or self.retries < 0:
            raise ValueError(f"The limits of {self.name} must allow one request.")
        positive = (self.connect_seconds, self.read_seconds, self.total_seconds)
        others = (self.seconds_apart, self.backoff_seconds, self.pause_seconds)
        if not all(map(math.isfinite, (*positive, *others))) or min(positive) <= 0 or min(others) < 0:
            raise ValueError(f"The seconds of {self.name} must be finite and not negative, and its deadlines above 0.")

    @property
    def name(self) -> str:
        """How the host is called in sentences: its name, and its port if it has an unusual one."""
        return urlsplit(self.base_url).netloc


@dataclass(frozen=True, slots=True)
class Reply:
    """What a host answered, any status. `headers` names are lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class FetchProblem(StrEnum):
    """Why there is no reply."""

    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    CUT_OFF = "cut_off"
    TOO_LARGE = "too_large"
    WRONG_TYPE = "wrong_type"
    REDIRECTED = "redirected"
    PAUSED = "paused"
    LIMITED = "limited"


class FetchError(Exception):
    """No reply. The message is one sentence for a person. It names the host and no path, query, header or key."""

    def __init__(self, problem: FetchProblem, sentence: str) -> None:
        super().__init__(sentence)
        self.problem = problem


class Http:
    """GET requests to `hosts`. The client is made on the first request and closed with the background's end."""

    def __init__(self, background: Background, hosts: Sequence[Host], *, user_agent: str) -> None:
        self._background = background
        self._hosts = tuple(hosts)
        self._headers = _checked({"user-agent": user_agent, "accept": "application/json", "accept-encoding": "gzip"})
        self._opening: _Opening | None = None
        self._seconds_ahead: dict[Host, float] = {}

    def seconds_ahead(self, host: Host) -> float | None:
        """How far this machine's clock was ahead of the host's at its last reply; None where that gave no time."""
        return self._seconds_ahead.get(host)

    async def get(
        self,
        host: Host,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """The reply to GET `host.base_url + path`, whatever its status, after the retries that could help.

        Retried with jitter: connect errors, resets, 5xx, and 429 whose Retry-After (seconds or an HTTP date) ends within the
        total time. A Retry-After of a 429 or 503 holds back every request to that host, for a minute at most: those that can
        wait for its end within their total time do, the others fail at once. A reply with status 200 must be JSON
        (`application/json`, or text/plain that begins like JSON).

        Raises FetchError; ValueError for a host that was not given to the constructor, a path that is not percent-encoded or
        begins without a slash, and a header that cannot be sent; RuntimeError where the background is not open.
        """
        if host not in self._hosts:
            raise ValueError(f"{host.name} is not one of the hosts that may be asked.")
        if not _PATH.fullmatch(path) or any(step in {".", ".."} for step in path.lower().replace("%2e", ".").split("/")):
            raise ValueError(f"A path asked of {host.name} must begin with a slash, be percent-encoded and not climb.")
        given = self._headers | _checked(headers or {})
        lane = await self._lane(host)
        reply = await lane.get(path, dict(query) if query else None, given)
        if (theirs := host_time(reply.headers)) is not None:
            self._seconds_ahead[host] = (datetime.now(UTC) - theirs).total_seconds()
        return reply

    async def _lane(self, host: Host) -> Lane:
        opening = self._opening
        if opening is None:
            opening = _Opening(self._hosts)
            self._background.on_close(self._close)
            self._opening = opening
        return await opening.lane(host)

    async def _close(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            await opening.close()


class _Opening:
    """What belongs to one event loop: the client, and a lane for each host. Made anew each time the background is opened."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = hosts
        self._making = anyio.Lock()
        self._client: Client | None = None
        self._lanes: dict[Host, Lane] = {}

    async def lane(self, host: Host) -> Lane:
        if not self._lanes:
            async with self._making:
                if not self._lanes:
                    # In a thread: the imports and the certificates take a moment, and the loop has other questions to answer.
                    await anyio.to_thread.run_sync(self._make)
        return self._lanes[host]

    async def close(self) -> None:
        async with self._making:  # a client that is being made is closed too
            if self._client is not None:
                await self._client.close()

    def _make(self) -> None:
        from sources.http.client import Client
        from sources.http.lane import Lane

        client = Client(self._hosts)
        self._client = client
        self._lanes = {host: Lane(host, client) for host in self._hosts}


def _is_allowed(address: str) -> bool:
    try:
        parts = urlsplit(address)
        name, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return bool(name) and (parts.scheme == "https" or (parts.scheme == "http" and name in LOOPBACK_NAMES))


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    """With lower-case names. What cannot be sent is refused here: deeper down, the refusal would quote the value."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError("A header holds a character that cannot be sent; keys are plain ASCII without spaces around them.")
    return {name.lower(): value for name, value in headers.items()}
