"""One symbol's file, from the request to its chain and exposure, or to the reason why there is none."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import anyio
import anyio.to_thread

from exposure.chain import Chain, build_chain
from exposure.dealer import SymbolExposure
from exposure.snapshot import Missing, MissingReason
from sources.cboe.stems import path_of
from sources.computed import measured_each
from sources.files.cboe_json import CboeJson
from sources.files.formats import UnreadableFileError
from sources.http import FetchError, FetchProblem, Host, Http, Reply
from sources.http.retry_after import retry_after

NAME = "cboe"
_LONGEST_WAIT = 86_400.0
"""Seconds; a host that says more does not mean it."""
_WITHOUT_REPLY = {FetchProblem.TIMED_OUT: MissingReason.TIMED_OUT, FetchProblem.LIMITED: MissingReason.RATE_LIMITED}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read: its chain, and what that measures or why it must not be answered from."""

    chain: Chain
    measured: SymbolExposure | Missing
    arrived: float
    """Seconds of the clock that `Loader` was given."""


class Loader:
    """Fetches and builds one symbol's chain. `now` is a monotonic clock in seconds; the building is done in a worker thread."""

    def __init__(self, http: Http, host: Host, *, flat_rate: float, now: Callable[[], float]) -> None:
        self._http = http
        self._host = host
        self._flat_rate = flat_rate
        self._now = now
        self._format = CboeJson()
        # One at a time: numpy lets go of the interpreter lock at every step, and two builders would mostly wait for each other.
        self._builder = anyio.CapacityLimiter(1)

    async def fetch(self, symbol: str) -> Reply | Missing:
        """The file of a symbol as it came, status 200, or why there is none. Raises only for programming errors."""
        path = path_of(symbol)
        if path is None:
            return Missing(symbol, MissingReason.UNKNOWN_SYMBOL, f"{symbol} is not a ticker.")
        try:
            reply = await self._http.get(self._host, path)
        except FetchError as problem:
            return Missing(symbol, _WITHOUT_REPLY.get(problem.problem, MissingReason.FETCH_FAILED), str(problem))
        return reply if reply.status == 200 else _refused(symbol, reply)

    async def build(self, symbol: str, reply: Reply) -> Loaded | Missing:
        """The chain and exposure in a file, or what is wrong with it. Raises only for programming errors."""
        return await anyio.to_thread.run_sync(self._built, symbol, reply.body, limiter=self._builder)

    def _built(self, symbol: str, body: bytes) -> Loaded | Missing:
        try:
            return self._read(symbol, body)
        except UnreadableFileError as problem:
            sentence = f"Cboe's file of {symbol} cannot be read: {problem}."
        except Exception:  # noqa: BLE001 - one file that nobody foresaw must not cost the answer its other names
            _log.exception("the chain of %s could not be built", symbol)
            sentence = f"Cboe's file of {symbol} cannot be used; the log says why."
        return Missing(symbol, MissingReason.UNUSABLE_CHAIN, sentence)

    def _read(self, symbol: str, body: bytes) -> Loaded:
        found = self._format.rows_of(body)
        if _letters(found.listing.symbol) != _letters(symbol):
            raise UnreadableFileError("it holds the options of another symbol")
        chain = build_chain(replace(found.rows, symbol=symbol), flat_rate=self._flat_rate)
        (exposure,) = measured_each([chain])
        return Loaded(chain, exposure, self._now())


def _letters(symbol: str) -> str:
    return symbol.replace(".", "")


def _refused(symbol: str, reply: Reply) -> Missing:
    """What a status other than 200 means. Cboe answers 403 with a few lines of XML for a symbol it does not know."""
    if reply.status == 404 or (reply.status == 403 and not _is_page(reply)):
        return Missing(symbol, MissingReason.UNKNOWN_SYMBOL, f"Cboe publishes no option chain of {symbol}.")
    if reply.status == 429:
        asked = retry_after(reply.headers)
        wait = "a minute" if asked is None or not asked < _LONGEST_WAIT else f"{max(1, math.ceil(asked))} seconds"
        return Missing(symbol, MissingReason.RATE_LIMITED, f"Cboe says that it is asked too often; ask again in {wait}.")
    if reply.status in {401, 403}:
        sentence = "Cboe refused the request although the symbol may exist; download the file by hand and use the source `files`."
        return Missing(symbol, MissingReason.NOT_ENTITLED, sentence)
    return Missing(symbol, MissingReason.FETCH_FAILED, f"Cboe answered with status {reply.status}; ask again later.")


def _is_page(reply: Reply) -> bool:
    """A web page is what a block or a proxy answers, and says nothing about the symbol."""
    return b"<html" in reply.body[:1024].lower()
