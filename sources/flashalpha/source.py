"""FlashAlpha as a source: published nets, live through the native basket, past by composition, units and signs as printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from exposure.snapshot import Missing, MissingReason, Mode, Notice, Provenance, Snapshot
from sources.background import Background, Progress
from sources.base import CallsNeeded, Check, PublishedDispersion, SourceStatus
from sources.clock_check import clock_checks
from sources.flashalpha.account import Account
from sources.flashalpha.connection import Connection
from sources.flashalpha.dispersion import Dispersion
from sources.flashalpha.door import Door
from sources.flashalpha.live import SYMBOLS_A_CALL, Absences, Live
from sources.flashalpha.published import UNITS
from sources.flashalpha.quota import Quota
from sources.flashalpha.replay import COVERED, FIRST_MINUTE, TOP_PLAN, Replay
from sources.http import Host, Http

_LAST_MINUTE_RECORDED = datetime(2026, 4, 2, 20, 0, tzinfo=UTC)
"""The end of the coverage FlashAlpha listed in April 2026; a later minute that was replayed moves it on."""


class FlashAlphaSource:
    """A `Source` that is also a `MeteredSource` and a `DispersionSource`.

    Without a key nothing is asked and every symbol is missing. `clock` gives the present as a UTC instant. The two cache times
    are in seconds: how long a live row is used again, and how long a replayed minute.
    """

    def __init__(
        self,
        http: Http,
        *,
        live: Host,
        historical: Host,
        key: str | None,
        background: Background,
        clock: Callable[[], datetime],
        live_cache_seconds: float = 15.0,
        replay_cache_seconds: float = 86400.0,
    ) -> None:
        self._http = http
        self._host = live
        self._clock = clock
        self._quota = Quota()
        self._door = Door(http, key, self._quota, clock)
        now = Connection(self._door, live, self._quota, background, clock)
        absences = Absences(clock)
        self._live = Live(now, absences, cache_seconds=live_cache_seconds)
        self._dispersion = Dispersion(now, absences, cache_seconds=live_cache_seconds)
        self._account = Account(now)
        self._replay = Replay(replace(now, host=historical), cache_seconds=replay_cache_seconds)
        self._newest_quote: datetime | None = None
        self._last_replayed = _LAST_MINUTE_RECORDED

    def __repr__(self) -> str:
        return "FlashAlphaSource()"

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        """Published nets of each symbol, live or as known at `at`; with `legs` also the call and put legs of gamma.

        Live, fifty symbols cost one call; a replay costs one a symbol; legs cost two more a symbol.
        """
        distinct = tuple(dict.fromkeys(symbols))
        if self._door.closed is not None:
            missing = tuple(Missing(symbol, MissingReason.NOT_ENTITLED, self._door.closed) for symbol in distinct)
            mode = Mode.LIVE if at is None else Mode.REPLAY
            return Snapshot({}, missing, Provenance("flashalpha", mode, synthetic=False, at=at, units=UNITS))
        if at is None:
            answer = await self._live.snapshot(distinct, legs=legs, progress=progress)
            self._newest_quote = max(filter(None, (self._newest_quote, answer.as_of)), default=None)
            return answer
        answer = await self._replay.snapshot(distinct, at, legs=legs, progress=progress)
        self._last_replayed = max(self._last_replayed, answer.as_of or self._last_replayed)
        return answer

    def calls_needed(self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False) -> CallsNeeded:
        """What `exposures` would cost now. `remaining` is None where nothing is known of today's quota, or it has no limit."""
        known = self._quota.at(self._clock())
        remaining = known.remaining if known is not None else None
        distinct = tuple(dict.fromkeys(symbols))
        if self._door.closed is not None:
            return CallsNeeded(0, remaining)
        if at is None:
            return CallsNeeded(self._live.calls_needed(distinct, legs=legs), remaining)
        return CallsNeeded(self._replay.calls_needed(distinct, at, legs=legs), remaining)

    async def status(self) -> SourceStatus:
        """Quota and reach. Asks for the account where nothing is known of the quota yet, for a few seconds at most."""
        remarks = (
            await self._account.remark(),
            f"Live, {SYMBOLS_A_CALL} names cost one FlashAlpha call; a replay costs one a symbol; legs cost two more each.",
            f"Replay needs the {TOP_PLAN} plan and the historical host covers {COVERED} alone today (listed up to "
            f"{_LAST_MINUTE_RECORDED:%Y-%m-%d}): a replayed basket of other names will be missing.",
            f"Numbers are {UNITS}.",
        )
        return SourceStatus(
            source="flashalpha",
            mode=Mode.LIVE,
            synthetic=False,
            symbols=None,
            newest_quote=self._newest_quote,
            replay_from=FIRST_MINUTE,
            replay_to=min(self._last_replayed, self._clock()),
            remarks=remarks,
        )

    async def checks(self, *, past: bool = False) -> tuple[Check, ...]:
        """Key, live host and quota in one line, as the account answers for all three; the historical host; the clock."""
        found = [await self._account.check()]
        if past and self._door.closed is None:
            found.append(await self._replay.check())
        return (*found, *clock_checks(self._http, self._host))

    async def dispersion(self, index: str, weights: Mapping[str, float], horizon_days: int) -> PublishedDispersion | Notice:
        """FlashAlpha's live dispersion figures, or a Notice that says why there are none. `horizon_days` is clamped to 5..252."""
        if self._door.closed is not None:
            return Notice("dispersion_not_entitled", self._door.closed)
        return await self._dispersion.ask(index, weights, horizon_days)
