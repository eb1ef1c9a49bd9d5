"""The free delayed chains that Cboe publishes for its quote pages: one request a symbol, and only for who has accepted its terms.

A question waits for the names that are not in the cache until shortly before its deadline. What has not come by then is fetched
on in the background, is missing as `warming`, and is there for the next question. A name that was fetched before is refreshed
after a minute; until the newer file is there, and for at most a quarter of an hour, the older one answers, and a notice says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from itertools import chain as joined

import anyio
from cachetools import TTLCache

from exposure.dealer import SymbolExposure
from exposure.sessions import EASTERN, last_session
from exposure.snapshot import Missing, MissingReason, Mode, Notice, Provenance, Snapshot
from sources.background import Background, Progress, SharedWork, arrivals
from sources.base import ChainSnapshot, Check, SourceStatus
from sources.cboe.loading import NAME, Loaded, Loader
from sources.cboe.turns import Turns
from sources.clock_check import clock_checks
from sources.http import Host, Http

ACCEPT_SETTING = "DEALER_EXPOSURE_CBOE_ACCEPT_TERMS"

_DELAY = timedelta(minutes=15)
# After the open a file keeps the last session until the delay is over, the name has traded and the file is published anew.
_FIRST_FILE_WITHIN = timedelta(minutes=15)
_CHAINS_KEPT = 400
_UNKNOWN_KEPT_SECONDS = 3600.0
_ANSWERS_SECONDS = 900.0
_USUAL_SECONDS = 2.0
_NAMES_TOLD = 5
_CHECKED_NAME = "KO"
_CHECK_SECONDS = 10.0
# Faults on the way, for which an older file of the symbol is none the worse.
_PASSING = frozenset(
    {
        MissingReason.WARMING,
        MissingReason.TIMED_OUT,
        MissingReason.FETCH_FAILED,
        MissingReason.RATE_LIMITED,
        MissingReason.UNUSABLE_CHAIN,
    }
)

_TERMS = (
    "Cboe's page forbids automatic extraction of its delayed quotes. Read its terms and set "
    f"{ACCEPT_SETTING}=true to accept them yourself, or download the quotes by hand and use the source `files`."
)
_NO_REPLAY = (
    "Cboe publishes the present only, 15 minutes delayed; for the past, choose another replay source: "
    "DEALER_EXPOSURE_REPLAY=archive for what you have recorded, or files for files you have."
)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a question found: every symbol is in one of the two."""

    loaded: Mapping[str, Loaded]
    missing: tuple[Missing, ...]
    provenance: Provenance


class CboeSource:
    """A `ChainSource` over Cboe's delayed chains; see the module docstring. For one event loop.

    `host` carries the throttle. `clock` gives the present as a UTC instant: a file whose underlying last traded in an earlier
    session than the one that should be visible by then, or whose quotes are older than `staleness`, is stale. `flat_rate` is used
    where parity gives none. `cache_seconds` is how long a file is good before it is fetched again. Nothing is ever requested
    unless `terms_accepted`. `now` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        http: Http,
        *,
        host: Host,
        background: Background,
        clock: Callable[[], datetime],
        flat_rate: float,
        staleness: timedelta,
        cache_seconds: float = 60.0,
        terms_accepted: bool,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._host = host
        self._clock = clock
        self._staleness = staleness
        self._cache_seconds = cache_seconds
        self._terms_accepted = terms_accepted
        self._now = now
        self._loader = Loader(http, host, flat_rate=flat_rate, now=now)
        self._turns = Turns(host.at_once)
        self._work: SharedWork[str, Loaded | Missing] = SharedWork(
            background, lifetime=self._lifetime, capacity=_CHAINS_KEPT, now=now
        )
        self._held: TTLCache[str, Loaded] = TTLCache(_CHAINS_KEPT, max(_ANSWERS_SECONDS, cache_seconds), timer=now)
        self._failed: TTLCache[str, Missing] = TTLCache(_CHAINS_KEPT, _ANSWERS_SECONDS, timer=now)
        self._newest_quote: datetime | None = None

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        """Exposure of each symbol in its newest file; legs are always there. Nothing but `no_data_at` for an instant `at`."""
        answer = await self._ask(symbols, at, progress)
        exposures = {symbol: one.measured for symbol, one in answer.loaded.items() if isinstance(one.measured, SymbolExposure)}
        return Snapshot(exposures, answer.missing, answer.provenance)

    async def chains(self, symbols: Sequence[str], at: datetime | None, *, progress: Progress | None = None) -> ChainSnapshot:
        """Chain of each symbol, under the same rules as `exposures`."""
        answer = await self._ask(symbols, at, progress)
        return ChainSnapshot({symbol: one.chain for symbol, one in answer.loaded.items()}, answer.missing, answer.provenance)

    async def status(self) -> SourceStatus:
        """What this source has shown so far; asks nobody."""
        remarks: tuple[str, ...] = (_TERMS,)
        if self._terms_accepted:
            apart = self._host.seconds_apart
            pace = f", one request every {apart:g} seconds" if apart else ""
            remarks = (
                "Quotes are delayed by 15 minutes, and outside the session they are those of the last close.",
                f"Every name costs one request{pace}; names that do not come in time are fetched on in the background.",
                f"{self._warm()} names are warm, which lasts {self._cache_seconds:g} seconds for each.",
            )
        return SourceStatus(NAME, Mode.DELAYED, False, None, self._newest_quote, None, None, remarks)

    async def checks(self, *, past: bool = False) -> tuple[Check, ...]:
        """Whether the terms are accepted, one file arrives, and the clocks agree; of the past there is nothing."""
        if not self._terms_accepted:
            return (Check("Cboe", False, _TERMS, f"Set {ACCEPT_SETTING}=true, or use the source files."),)
        with anyio.move_on_after(_CHECK_SECONDS):
            answer = await self._ask([_CHECKED_NAME], None, None)
            advice = "Look at the network and the proxy, then run doctor again."
            passed, detail = (False, answer.missing[0].detail) if answer.missing else (True, f"{self._host.name} answers")
            return (Check("Cboe", passed, detail, advice), *clock_checks(self._http, self._host))
        return (Check("Cboe", False, f"{self._host.name} did not answer in time.", "Look at the network and the proxy."),)

    async def _ask(self, symbols: Sequence[str], at: datetime | None, progress: Progress | None) -> _Answer:
        wanted = tuple(dict.fromkeys(symbols))
        if at is not None:
            missing = tuple(Missing(symbol, MissingReason.NO_DATA_AT, _NO_REPLAY) for symbol in wanted)
            return _Answer({}, missing, Provenance(NAME, Mode.REPLAY, synthetic=False, at=at))
        if not self._terms_accepted:
            missing = tuple(Missing(symbol, MissingReason.NOT_ENTITLED, _TERMS) for symbol in wanted)
            return _Answer({}, missing, Provenance(NAME, Mode.DELAYED, synthetic=False))
        newest = await self._newest(wanted, progress)
        seconds = self._seconds_until([symbol for symbol in wanted if symbol not in newest])
        loaded: dict[str, Loaded] = {}
        refused: list[Missing] = []
        older: list[Loaded] = []
        for symbol in wanted:
            result = self._judged(symbol, newest[symbol]) if symbol in newest else self._not_yet(symbol, seconds)
            if isinstance(result, Missing) and result.reason in _PASSING and (held := self._older(symbol)) is not None:
                older.append(held)
                result = held
            if isinstance(result, Loaded):
                loaded[symbol] = result
            else:
                refused.append(result)
        provenance = Provenance(NAME, Mode.DELAYED, synthetic=False, notices=self._told_of(older))
        return _Answer(loaded, tuple(refused), provenance)

    async def _newest(self, wanted: Sequence[str], progress: Progress | None) -> dict[str, Loaded | Missing]:
        """What is known of each symbol, and what arrives before the deadline."""
        known = {symbol: value for symbol in wanted if (value := self._work.known(symbol)) is not None}
        # Names never fetched come first: for the others there is an older file to answer from.
        cold = [symbol for symbol in wanted if symbol not in known and symbol not in self._held]
        aged = [symbol for symbol in wanted if symbol not in known and symbol in self._held]

        async def told(done: int, _: int) -> None:
            if progress is not None:
                await progress(len(known) + done, len(wanted))

        if not (cold or aged):
            await told(0, 0)
            return known
        self._turns.ask(aged)
        self._turns.ask(cold)
        waits = {symbol: partial(self._work.get, symbol, partial(self._load, symbol)) for symbol in joined(cold, aged)}
        return known | await arrivals(waits, told)

    async def _load(self, symbol: str) -> Loaded | Missing:
        async with self._turns.turn(symbol):
            reply = await self._loader.fetch(symbol)
        result = reply if isinstance(reply, Missing) else await self._loader.build(symbol, reply)
        if isinstance(result, Loaded):
            self._held[symbol] = result
            self._failed.pop(symbol, None)
            self._newest_quote = max(self._newest_quote or result.chain.quote_time, result.chain.quote_time)
        else:
            self._failed[symbol] = result
        return result

    def _lifetime(self, value: Loaded | Missing) -> float:
        if isinstance(value, Loaded):
            return self._cache_seconds
        return _UNKNOWN_KEPT_SECONDS if value.reason is MissingReason.UNKNOWN_SYMBOL else 0.0

    def _seconds_until(self, symbols: Sequence[str]) -> int:
        """In about how many seconds these will have been fetched."""
        return math.ceil(self._turns.requests_until(symbols) * self._host.seconds_apart + _USUAL_SECONDS)

    def _not_yet(self, symbol: str, seconds: int) -> Missing:
        """A symbol that did not come in time: its last failure where it has failed before, else that it is on its way."""
        failed = self._failed.get(symbol)
        if failed is not None:
            return Missing(symbol, failed.reason, f"{failed.detail.rstrip('.')}; it is being tried again in the background.")
        detail = f"{symbol} is fetched on in the background; ask again in {seconds} seconds."
        return Missing(symbol, MissingReason.WARMING, detail)

    def _older(self, symbol: str) -> Loaded | None:
        """The file fetched before, where it is still fit to answer."""
        held = self._held.get(symbol)
        return held if held is not None and self._judged(symbol, held) is held else None

    def _judged(self, symbol: str, found: Loaded | Missing) -> Loaded | Missing:
        """The file unless it is stale or unusable."""
        if isinstance(found, Missing):
            return found
        return self._stale(symbol, found) or (found.measured if isinstance(found.measured, Missing) else found)

    def _stale(self, symbol: str, found: Loaded) -> Missing | None:
        # The reader values a file in the session of its last trade at the latest, whatever its stamp.
        present, day = self._clock(), _day(found.chain.quote_time)
        try:
            expected = last_session(present - _DELAY - _FIRST_FILE_WITHIN).date
        except ValueError:
            # Outside the calendar only the age can tell.
            expected = day
        if day < expected:
            detail = f"Cboe's newest file of {symbol} is from the session of {day}; it should be that of {expected}."
            return Missing(symbol, MissingReason.STALE, detail)
        if present - found.chain.quote_time > self._staleness:
            limit = self._staleness / timedelta(days=1)
            detail = (
                f"The quotes in Cboe's newest file of {symbol} are from {day}, more than {limit:g} days before {_day(present)}."
            )
            return Missing(symbol, MissingReason.STALE, detail)
        return None

    def _told_of(self, older: Sequence[Loaded]) -> tuple[Notice, ...]:
        if not older:
            return ()
        names = ", ".join(one.chain.symbol for one in older[:_NAMES_TOLD])
        more = f" and {len(older) - _NAMES_TOLD} more" if len(older) > _NAMES_TOLD else ""
        minutes = math.ceil(max(self._now() - one.arrived for one in older) / 60.0)
        sentence = f"{names}{more} answer from files fetched up to {minutes} minutes ago; newer ones have not arrived yet."
        return (Notice("older_files", sentence),)

    def _warm(self) -> int:
        held = [self._held.get(symbol) for symbol in list(self._held)]
        return sum(1 for one in held if one is not None and self._now() - one.arrived < self._cache_seconds)


def _day(instant: datetime) -> date:
    return instant.astimezone(EASTERN).date()
