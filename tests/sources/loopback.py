"""A real HTTP/1.1 server on 127.0.0.1 for tests and benches, in threads of its own: the event loop under test is not shared.

    with Loopback({"/a.json": Serving(b"{}"), "/b.json": [Status(500), Serving(b"{}")]}) as loopback:
        ...  # ask loopback.url + "/a.json", then look at loopback.requests

A route is a behaviour, a script of behaviours (one for each request, the last one repeated) or a function of the request that
gives a behaviour. A path without a route goes to `fallback`, which is a 404 with an empty JSON object unless told otherwise.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import BinaryIO, Protocol, Self
from urllib.parse import parse_qsl, urlsplit

_JSON = "application/json"


class Connection:
    """One client's connection, as behaviours use it. `open` turns False where a behaviour ends it."""

    def __init__(self, wire: socket.socket, stopping: threading.Event) -> None:
        self._wire = wire
        self._stopping = stopping
        self.open = True

    def send(self, data: bytes) -> None:
        """Raises OSError where the client has gone."""
        self._wire.sendall(data)

    def wait(self, seconds: float) -> bool:
        """Sleep that the end of the server interrupts. Whether the whole time has passed."""
        return not self._stopping.wait(seconds)

    def end(self) -> None:
        """An orderly close after this behaviour."""
        self.open = False

    def reset(self) -> None:
        """A RST instead of an orderly close."""
        self._wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.open = False


class Behaviour(Protocol):
    """What the server does with one request."""

    def play(self, connection: Connection) -> None: ...


@dataclass(frozen=True)
class Request:
    """One request as it arrived. Header names are lower case; `path` is as sent; `at` is in seconds of `time.monotonic`."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    at: float


Route = Behaviour | Sequence[Behaviour] | Callable[[Request], Behaviour]


@dataclass(frozen=True)
class Serving:
    """A well-formed reply, built once and served from memory. `headers` win over the usual ones; `delay` is in seconds."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    compressed: bool = False
    delay: float = 0.0
    _message: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        body = gzip.compress(self.body, 6) if self.compressed else self.body
        usual = {"content-type": _JSON, "content-length": str(len(body))}
        if self.compressed:
            usual["content-encoding"] = "gzip"
        given = {name.lower(): value for name, value in self.headers.items()}
        object.__setattr__(self, "_message", _head(self.status, usual | given) + body)

    def play(self, connection: Connection) -> None:
        if self.delay and not connection.wait(self.delay):
            connection.end()
            return
        connection.send(self._message)


def Status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b"{}") -> Serving:  # noqa: N802 - reads as a behaviour
    """A reply with this status."""
    return Serving(body, code, headers or {})


def Redirect(url: str, code: int = 302) -> Serving:  # noqa: N802 - reads as a behaviour
    """A reply that points elsewhere."""
    return Serving(b"", code, {"location": url})


def WrongType(content_type: str = "text/html; charset=utf-8", body: bytes = b"<html>Welcome</html>") -> Serving:  # noqa: N802
    """Status 200 with something that is not JSON, as a sign-in page or a proxy gives."""
    return Serving(body, 200, {"content-type": content_type})


def BadJson(body: bytes = b'{"half": [1, 2') -> Serving:  # noqa: N802 - reads as a behaviour
    """Status 200 and the right type, but the body does not parse."""
    return Serving(body)


@dataclass(frozen=True)
class Large:
    """A valid JSON string of so many megabytes; with `announced` False in chunks, without saying its length beforehand."""

    megabytes: int
    announced: bool = True

    def play(self, connection: Connection) -> None:
        piece = b"x" * 1_000_000
        length = {"content-length": str(self.megabytes * len(piece) + 2)} if self.announced else {"transfer-encoding": "chunked"}
        connection.send(_head(200, {"content-type": _JSON} | length))
        for data in (b'"', *[piece] * self.megabytes, b'"'):
            connection.send(data if self.announced else _chunk(data))
        if not self.announced:
            connection.send(_chunk(b""))


@dataclass(frozen=True)
class Hang:
    """Reads the request and says nothing more; with `after_head` the head of a reply comes first."""

    after_head: bool = False
    seconds: float = 3600.0

    def play(self, connection: Connection) -> None:
        if self.after_head:
            connection.send(_head(200, {"content-type": _JSON, "content-length": "1000"}) + b"{")
        connection.wait(self.seconds)
        connection.end()


@dataclass(frozen=True)
class Drip:
    """A well-formed reply whose body comes in equal pieces spread over `seconds`."""

    body: bytes
    seconds: float
    pieces: int = 40

    def play(self, connection: Connection) -> None:
        connection.send(_head(200, {"content-type": _JSON, "content-length": str(len(self.body))}))
        size = max(1, -(-len(self.body) // self.pieces))
        starts = range(0, len(self.body), size)
        for start in starts:
            if not connection.wait(self.seconds / len(starts)):
                connection.end()
                return
            connection.send(self.body[start : start + size])


@dataclass(frozen=True)
class HalfBody:
    """Announces the whole body, sends half of it and closes; with `chunked` the last chunk is the one that breaks off."""

    body: bytes = b'{"numbers": [1, 2, 3, 4, 5, 6, 7, 8]}'
    chunked: bool = False

    def play(self, connection: Connection) -> None:
        half = self.body[: len(self.body) // 2]
        if self.chunked:
            head = _head(200, {"content-type": _JSON, "transfer-encoding": "chunked"})
            connection.send(head + _chunk(half) + b"40\r\nab")
        else:
            connection.send(_head(200, {"content-type": _JSON, "content-length": str(len(self.body))}) + half)
        connection.end()


@dataclass(frozen=True)
class Reset:
    """Resets the connection: before any reply, or with `after_head` in the middle of one."""

    after_head: bool = False

    def play(self, connection: Connection) -> None:
        if self.after_head:
            connection.send(_head(200, {"content-type": _JSON, "content-length": "1000"}) + b"{")
            connection.wait(0.05)  # a RST sent at once would overtake what the client has not yet read
        connection.reset()


@dataclass(frozen=True)
class After:
    """Another behaviour, so many seconds later."""

    seconds: float
    behaviour: Behaviour

    def play(self, connection: Connection) -> None:
        if connection.wait(self.seconds):
            self.behaviour.play(connection)
        else:
            connection.end()


class Loopback:
    """The server, from `with` to its end. Use it once.

    `requests` holds every request in the order of arrival, `busiest` how many were being answered at once at most, `connections`
    how many connections were accepted. After the end its `url` refuses connections.
    """

    def __init__(self, routes: Mapping[str, Route] | None = None, *, fallback: Route | None = None) -> None:
        self.requests: list[Request] = []
        self.busiest = 0
        self.connections = 0
        self._routes: dict[str, Route] = dict(routes or {})
        self._fallback: Route = fallback or Status(404)
        self._played: dict[str, int] = {}
        self._busy = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._wires: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.bind(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def serve(self, path: str, route: Route) -> None:
        """Add or replace a route while running; a script starts from its beginning."""
        with self._lock:
            self._routes[path] = route
            self._played.pop(path, None)

    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [request.path for request in self.requests]

    def __enter__(self) -> Self:
        self._listener.listen(256)
        self._begin(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts; closing alone would not
        with self._lock:
            for wire in self._wires:
                with contextlib.suppress(OSError):
                    wire.shutdown(socket.SHUT_RDWR)
            threads = list(self._threads)
        for thread in threads:
            thread.join(5)
        self._listener.close()

    def _begin(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="loopback", daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                wire, _ = self._listener.accept()
            except OSError:
                return
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                self._wires.add(wire)
            self._begin(partial(self._converse, wire))

    def _converse(self, wire: socket.socket) -> None:
        connection = Connection(wire, self._stopping)
        try:
            # A client that goes away in the middle is an everyday event here: deadlines and cancellation are what is tested.
            with contextlib.suppress(OSError), wire.makefile("rb") as reader:
                while connection.open and not self._stopping.is_set() and (request := _read(reader)) is not None:
                    self._answer(request, connection)
        finally:
            with self._lock:
                self._wires.discard(wire)
            wire.close()

    def _answer(self, request: Request, connection: Connection) -> None:
        with self._lock:
            self.requests.append(request)
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
        try:
            self._behaviour(request).play(connection)
        finally:
            with self._lock:
                self._busy -= 1

    def _behaviour(self, request: Request) -> Behaviour:
        with self._lock:
            route = self._routes.get(request.path, self._fallback)
            if isinstance(route, Sequence):
                turn = self._played.get(request.path, 0)
                self._played[request.path] = turn + 1
                return route[min(turn, len(route) - 1)]
        return route(request) if callable(route) else route


def _read(reader: BinaryIO) -> Request | None:
    """The next request; None where the client closed the connection or speaks something else. Bodies are not expected."""
    first = reader.readline().decode("latin-1").split(" ")
    if len(first) != 3 or not first[2].startswith("HTTP/1."):
        return None
    method, target, _ = first
    headers: dict[str, str] = {}
    while line := reader.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    parts = urlsplit(target)
    return Request(method, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers, time.monotonic())


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Loopback", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
