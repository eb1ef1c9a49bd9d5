"""One attempt at one request, with httpx. What goes wrong comes back as a value: an httpx exception carries the key.

Imported on the first request only; httpx takes longer to load than the rest of the server.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit

import httpx

from sources.http import LOOPBACK_NAMES, FetchError, FetchProblem, Host, Reply
from sources.http.body import Body, BodyCutOffError, BodyTooLargeError

_log = logging.getLogger(__name__)

_JSON_TYPES = ("application/json", "text/json")
_UNTYPED = ("text/plain", "")
_KEEP_ALIVE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt without a reply: whether another could help, and whether it counts against the host."""

    problem: FetchProblem
    sentence: str
    again: bool
    blames_host: bool


class Client:
    """The connections to all hosts. Proxies are taken from the environment, except to loopback; nothing else is.

    Raises FetchError where the environment names a proxy or certificates that cannot be used.
    """

    def __init__(self, hosts: Sequence[Host]) -> None:
        names = frozenset(str(urlsplit(host.base_url).hostname) for host in hosts)
        self._filter = _WithoutAddresses(names)
        unusable = False
        try:
            self._client = httpx.AsyncClient(
                follow_redirects=False,
                limits=_limits(hosts),
                mounts={f"all://{_bracketed(name)}": None for name in names & LOOPBACK_NAMES},
                # A cookie would tie one question to the next.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            )
        except (ValueError, ImportError, OSError, httpx.InvalidURL):
            unusable = True
        if unusable:  # outside the handler: the exception quotes the proxy's address, which may hold a password
            sentence = f"The proxy or the certificates this machine is set to use for {_listed(hosts)} cannot be used."
            raise FetchError(FetchProblem.UNREACHABLE, sentence)
        logging.getLogger("httpx").addFilter(self._filter)

    async def attempt(
        self, host: Host, path: str, query: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> Reply | Failure:
        """The reply, or why there is none. Raises RuntimeError after `close`."""
        if self._client.is_closed:
            raise RuntimeError("The background was closed while a request was waiting.")
        begun = time.perf_counter()
        outcome = await self._asked(host, host.base_url.rstrip("/") + path, query, headers)
        milliseconds = (time.perf_counter() - begun) * 1000
        ending = outcome.problem if isinstance(outcome, Failure) else outcome.status
        _log.debug("GET %s %s: %s after %.0f ms", host.name, path, ending, milliseconds)
        return outcome

    async def close(self) -> None:
        """Close every connection."""
        logging.getLogger("httpx").removeFilter(self._filter)
        await self._client.aclose()

    async def _asked(self, host: Host, url: str, query: Mapping[str, str] | None, headers: Mapping[str, str]) -> Reply | Failure:
        read = host.read_seconds
        timeout = httpx.Timeout(connect=host.connect_seconds, read=read, write=read, pool=None)
        try:
            # Without `auth=None` a later httpx could take a password for the host from the user's .netrc.
            request = self._client.stream("GET", url, params=query, headers=headers, timeout=timeout, auth=None)
            async with request as response:
                return await _received(host, response)
        except (httpx.HTTPError, BodyTooLargeError, BodyCutOffError, OSError) as problem:
            return _failure(host, problem)


class _WithoutAddresses(logging.Filter):
    """Drops httpx's own line about a request to these hosts: it holds the query. Ours tells the rest."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self._names = names

    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args if isinstance(record.args, tuple) else ()
        return not any(isinstance(one, httpx.URL) and one.host in self._names for one in arguments)


async def _received(host: Host, response: httpx.Response) -> Reply | Failure:
    status = response.status_code
    headers = {name.lower(): value for name, value in response.headers.items()}
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind in _JSON_TYPES or kind.endswith("+json")
    if 300 <= status < 400 and status != 304:
        sentence = f"{host.name} points to another address, and redirects are not followed."
        return Failure(FetchProblem.REDIRECTED, sentence, again=False, blames_host=False)
    if status == 200 and not is_json and kind not in _UNTYPED:
        return _wrong_type(host)
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > host.largest_body:
        return _too_large(host)
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in Body.ENCODINGS:
        return _wrong_type(host)
    body = Body(host.largest_body, encoding)
    async for piece in response.aiter_raw():
        body.add(piece)
    content = body.complete()
    begin = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if status == 200 and (begin == b"<" or (not is_json and begin not in {b"{", b"["})):
        return _wrong_type(host)
    return Reply(status, headers, content)


def _failure(host: Host, problem: Exception) -> Failure:
    if isinstance(problem, BodyTooLargeError):
        return _too_large(host)
    if isinstance(problem, httpx.ConnectTimeout):
        return _unreachable(f"No connection to {host.name} came about within {host.connect_seconds:g} seconds.")
    if isinstance(problem, httpx.TimeoutException):
        sentence = f"{host.name} said nothing for {host.read_seconds:g} seconds."
        return Failure(FetchProblem.TIMED_OUT, sentence, again=False, blames_host=True)
    if isinstance(problem, httpx.ConnectError | httpx.ProxyError | httpx.UnsupportedProtocol):
        if "CERTIFICATE_VERIFY_FAILED" in str(problem):
            return _unreachable(f"The certificate of {host.name} cannot be verified.")
        return _unreachable(f"{host.name} cannot be reached.")
    sentence = f"The connection to {host.name} broke off before its answer was complete."
    return Failure(FetchProblem.CUT_OFF, sentence, again=True, blames_host=True)


def _unreachable(sentence: str) -> Failure:
    return Failure(FetchProblem.UNREACHABLE, sentence, again=True, blames_host=True)


def _too_large(host: Host) -> Failure:
    sentence = f"The answer of {host.name} is larger than {host.largest_body / 1024 / 1024:.3g} MB."
    return Failure(FetchProblem.TOO_LARGE, sentence, again=False, blames_host=False)


def _wrong_type(host: Host) -> Failure:
    sentence = f"{host.name} answered with something that is not JSON."
    return Failure(FetchProblem.WRONG_TYPE, sentence, again=False, blames_host=False)


def _limits(hosts: Sequence[Host]) -> httpx.Limits:
    # The lanes bound what runs at once; a second bound here would count as waiting for the host.
    kept = sum(host.at_once for host in hosts)
    return httpx.Limits(max_connections=None, max_keepalive_connections=kept, keepalive_expiry=_KEEP_ALIVE_SECONDS)


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _listed(hosts: Sequence[Host]) -> str:
    return ", ".join(host.name for host in hosts)
