"""Exposures at a past minute, composed of one call a symbol: the historical host has no basket.

It answers for minutes of a regular session only, so an instant between sessions is first moved to the close before it. `at` is
New York's wall clock without an offset, and so are the stamps that come back; one after the instant asked for is never used.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

import anyio

from exposure.dealer import SymbolExposure
from exposure.sessions import EASTERN, last_session
from exposure.snapshot import Missing, MissingReason, Mode, Notice, Provenance, Snapshot
from sources.background import Progress, SharedWork, arrivals
from sources.base import Check
from sources.flashalpha import wire
from sources.flashalpha.connection import Connection
from sources.flashalpha.door import Tally
from sources.flashalpha.legs import GammaAnswer, GammaReader, eastern_wall_clock
from sources.flashalpha.live import Told, Wait, put_gamma_into
from sources.flashalpha.published import UNITS, VEX_AND_CHEX, exposure_of
from sources.flashalpha.refusals import Refusal

FIRST_MINUTE = datetime(2018, 4, 16, 13, 30, tzinfo=UTC)
COVERED = "SPY"
"""The one symbol the historical host covers today."""
TOP_PLAN = "Alpha"

_OPEN_INTEREST = (
    "FlashAlpha's historical open interest is the end-of-day value for the whole day: a mild look-ahead that cannot be checked."
)
_CHECKED = "FlashAlpha historical"
_CHECKED_PATH = "/v1/tickers"
"""What it covers: of the paths that the historical host has, one that takes no symbol and no instant."""
_CHECK_SECONDS = 3.0
_KEPT = 8192
_NOTHING_KEPT_SECONDS = 900.0
"""A minute without data may be filled in later the same day, so its absence is not kept as long as data are."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the host said of one symbol at one minute. `seconds` is how long that is worth keeping."""

    outcome: SymbolExposure | Missing
    seconds: float = 0.0


class Replay:
    """Past exposures. `calls_needed` and `snapshot` look into the same cache."""

    def __init__(self, connection: Connection, *, cache_seconds: float) -> None:
        self._connection = connection
        self._cache_seconds = cache_seconds
        self._gamma = GammaReader(connection, lifetime=cache_seconds)
        self._work: SharedWork[tuple[str, str, datetime, str], Replayed] = SharedWork(
            connection.background, lifetime=lambda answer: answer.seconds, capacity=_KEPT
        )

    def calls_needed(self, symbols: Sequence[str], at: datetime, *, legs: bool) -> int:
        """What `snapshot` would cost now."""
        minute = session_minute(at)
        if minute is None:
            return 0
        calls = 0
        for symbol in symbols:
            key = self._key(symbol, minute)
            known = self._work.known(key)
            calls += known is None and not self._work.under_way(key)
            if legs and not (known is not None and isinstance(known.outcome, Missing)):
                calls += self._gamma.calls_needed(symbol, minute)
        return calls

    async def snapshot(self, symbols: Sequence[str], at: datetime, *, legs: bool, progress: Progress | None) -> Snapshot:
        """Every symbol's exposure as it was known at `at`, or why there is none."""
        minute = session_minute(at)
        if minute is None:
            return self._before_the_first_minute(symbols, at)
        said, tally, told = self.calls_needed(symbols, at, legs=legs), Tally(), Told(progress, len(symbols))
        turn = anyio.Semaphore(self._connection.host.at_once)

        waits: dict[Hashable, Callable[[], Awaitable[Replayed | GammaAnswer]]] = {}
        for symbol in symbols:
            waits["nets", symbol] = Wait(partial(self._nets, symbol, minute, tally, turn), told, 1)
        for symbol in symbols if legs else ():
            waits[symbol] = partial(self._legs, symbol, minute, tally, turn)
        arrived = await arrivals(waits, told.say)
        exposures: dict[str, SymbolExposure] = {}
        missing: list[Missing] = []
        for symbol in symbols:
            answer = arrived.get(("nets", symbol))
            if not isinstance(answer, Replayed):
                sentence = f"FlashAlpha had not answered for {symbol} in time; ask again, what has arrived since costs nothing."
                missing.append(Missing(symbol, MissingReason.TIMED_OUT, sentence))
            elif isinstance(answer.outcome, Missing):
                missing.append(answer.outcome)
            else:
                exposures[symbol] = answer.outcome
        notices: list[Notice] = []
        if exposures:
            notices += [Notice("vendor_units_unverified", VEX_AND_CHEX), Notice("historical_open_interest", _OPEN_INTEREST)]
        if legs:
            notices += put_gamma_into(exposures, arrived)
        plural = "" if said == 1 else "s"
        left = self._connection.quota.sentence(self._connection.clock())
        when = f"{minute.astimezone(EASTERN):%Y-%m-%d %H:%M}"
        sentence = f"The replay of {when} Eastern needed {said:,} FlashAlpha call{plural} and used {tally.calls:,}; {left}."
        notices.append(Notice("upstream_calls", sentence))
        return Snapshot(exposures, tuple(missing), _provenance(at, notices))

    async def check(self) -> Check:
        """Whether the historical host answers, for `doctor`. Costs no call."""
        host = self._connection.host
        advice = "Look at the network, the proxy and DEALER_EXPOSURE_FLASHALPHA_HISTORICAL_URL, then run doctor again."
        with anyio.move_on_after(_CHECK_SECONDS):
            refusal = await self._connection.door.knock(host, _CHECKED_PATH)
            down = refusal is not None and refusal.reason in (MissingReason.FETCH_FAILED, MissingReason.TIMED_OUT)
            said = refusal.sentence if refusal is not None and down else f"{host.name} answers"
            return Check(_CHECKED, not down, said, advice)
        return Check(_CHECKED, False, f"{host.name} did not answer in time.", advice)

    def _before_the_first_minute(self, symbols: Sequence[str], at: datetime) -> Snapshot:
        sentence = f"FlashAlpha's historical host begins on {FIRST_MINUTE:%Y-%m-%d} at 09:30 Eastern."
        missing = tuple(Missing(symbol, MissingReason.NO_DATA_AT, sentence) for symbol in symbols)
        return Snapshot({}, missing, _provenance(at, ()))

    def _key(self, symbol: str, minute: datetime) -> tuple[str, str, datetime, str]:
        return ("summary", symbol, minute, self._connection.door.fingerprint)

    async def _nets(self, symbol: str, minute: datetime, tally: Tally, turn: anyio.Semaphore) -> Replayed:
        return await self._work.get(self._key(symbol, minute), partial(self._load, symbol, minute, tally, turn))

    async def _legs(self, symbol: str, minute: datetime, tally: Tally, turn: anyio.Semaphore) -> GammaAnswer:
        # After the nets: most names are not covered, and each call for one that is not would be one of the quota's.
        nets = await self._nets(symbol, minute, tally, turn)
        if isinstance(nets.outcome, Missing):
            return GammaAnswer(problem=nets.outcome.detail)
        return await self._gamma.get(symbol, minute, tally)

    async def _load(self, symbol: str, minute: datetime, tally: Tally, turn: anyio.Semaphore) -> Replayed:
        async with turn:
            if tally.barred is not None:
                return Replayed(_refused(symbol, minute, tally.barred))
            path = f"/v1/exposure/summary/{quote(symbol, safe='')}"
            found = await self._connection.ask(path, {"at": eastern_wall_clock(minute)}, tally)
        if isinstance(found, Refusal):
            if found.for_all:
                tally.barred = found
            return Replayed(_refused(symbol, minute, found), self._nothing_kept_seconds if found.absent else 0.0)
        reply = wire.summary_reply(found)
        if reply.as_of is not None and reply.as_of > minute:
            stamp = eastern_wall_clock(reply.as_of)
            sentence = f"FlashAlpha answered for {symbol} with numbers of {stamp} Eastern, after the instant asked for."
            return Replayed(Missing(symbol, MissingReason.NO_DATA_AT, sentence), self._nothing_kept_seconds)
        outcome = exposure_of(symbol, reply.row, reply.as_of, self._connection.clock())
        usable = isinstance(outcome, SymbolExposure)
        return Replayed(outcome, self._cache_seconds if usable else self._nothing_kept_seconds)

    @property
    def _nothing_kept_seconds(self) -> float:
        return min(_NOTHING_KEPT_SECONDS, self._cache_seconds)


def session_minute(at: datetime) -> datetime | None:
    """The last minute of a regular session at or before `at`, as a UTC instant; None before the first there is."""
    try:
        session = last_session(at)
    except ValueError:
        return None
    minute = min(at, session.close).astimezone(UTC).replace(second=0, microsecond=0)
    return minute if minute >= FIRST_MINUTE else None


def _refused(symbol: str, minute: datetime, refusal: Refusal) -> Missing:
    if refusal.absent:
        when = f"{minute.astimezone(EASTERN):%Y-%m-%d %H:%M} Eastern"
        reach = "it covers that name alone today, with gaps" if symbol == COVERED else f"it covers {COVERED} alone today"
        sentence = f"FlashAlpha's historical host has no data for {symbol} at {when}; {reach}."
        return Missing(symbol, MissingReason.NO_DATA_AT, sentence)
    if refusal.plan_needed:
        sentence = f"{refusal.sentence[:-1]}; every replay needs FlashAlpha's top plan, {TOP_PLAN}."
        return Missing(symbol, refusal.reason, sentence)
    return Missing(symbol, refusal.reason, refusal.sentence)


def _provenance(at: datetime, notices: Sequence[Notice]) -> Provenance:
    return Provenance("flashalpha", Mode.REPLAY, synthetic=False, at=at, notices=tuple(notices), units=UNITS)
