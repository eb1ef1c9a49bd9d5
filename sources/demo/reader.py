"""The demo market behind the protocol of a chain source: what was known at an instant, and what is missing and why."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime

import numpy as np

from exposure.chain import Chain
from exposure.sessions import EASTERN, LAST_DAY, eastern, next_session, previous_session
from exposure.snapshot import Missing, MissingReason, Mode, Provenance
from sources.base import ChainSnapshot, DailyCloses, SourceStatus
from sources.demo.chains import quote_chain
from sources.demo.events import MarketEvent
from sources.demo.listing import Listing, Profile, list_contracts, profile
from sources.demo.noise import Recent
from sources.demo.paths import BASE_DAY, FIRST_SESSION, Market, Moment
from sources.demo.planted import PLANTED_EVENTS
from sources.universe import all_symbols, index_weights

SOURCE = "demo"
REPLAY_FROM = eastern(FIRST_SESSION, 9, 30)
_END = eastern(LAST_DAY, 23, 59)
"""Last instant of the exchange calendar, and so of the demo market."""
_LISTINGS_KEPT = 128


class DemoReader:
    """A `ChainReader` over the synthetic market. Nothing is drawn before the first read; safe to call from several threads.

    `clock` gives the present as a timezone-aware instant. `events` are planted on top of the market's own noise: the documented
    ones of `sources.demo.planted` unless others are given, none with `events=()`.
    """

    def __init__(self, clock: Callable[[], datetime], *, events: Sequence[MarketEvent] = PLANTED_EVENTS) -> None:
        self._clock = clock
        self._events = tuple(events)
        self._known = frozenset(all_symbols())
        self._lock = threading.Lock()
        self._drawn: Market | None = None
        self._profiles: dict[str, Profile] = {}
        self._listings: Recent[tuple[str, int, int, bool], Listing] = Recent(_LISTINGS_KEPT)

    def read(self, symbols: Sequence[str], at: datetime | None) -> ChainSnapshot:
        """The chain of each symbol at the last trading minute at or before `at` (UTC), or now."""
        now = self._clock()
        instant = now if at is None else at
        provenance = Provenance(SOURCE, Mode.LIVE if at is None else Mode.REPLAY, synthetic=True, at=at)
        refusal = _out_of_range(instant, now)
        missing = tuple(
            _unknown(symbol) if symbol not in self._known else Missing(symbol, MissingReason.NO_DATA_AT, refusal or "")
            for symbol in dict.fromkeys(symbols)
            if refusal or symbol not in self._known
        )
        chains: dict[str, Chain] = {}
        if refusal is None:
            moment, settled = self._market().moment(instant), self._settled(instant)
            chains = {symbol: self._chain(symbol, moment, settled) for symbol in symbols if symbol in self._known}
        return ChainSnapshot(chains, missing, provenance)

    def describe(self) -> SourceStatus:
        """Everything there is to ask, and the range of instants it can be asked at."""
        now = self._clock()
        in_range = _out_of_range(now, now) is None
        return SourceStatus(
            source=SOURCE,
            mode=Mode.LIVE,
            synthetic=True,
            symbols=all_symbols(),
            newest_quote=self._market().moment(now).instant if in_range else None,
            replay_from=REPLAY_FROM,
            replay_to=min(now, _END),
            remarks=("A synthetic market for trying things out: no price, volatility or open interest in it is real.",),
        )

    def index_weights(self, index: str, at: datetime | None) -> Mapping[str, float] | None:
        """The weights an index or ETF of this market publishes, summing to 1; None for anything else."""
        return index_weights(index)

    def daily_closes(self, symbols: Sequence[str], at: datetime | None, count: int) -> DailyCloses:
        """Up to `count` daily closes in dollars of every session over by `at`; symbols outside the market are left out."""
        market = self._market()
        until = self._last_closed(self._clock() if at is None else min(at, self._clock()))
        stop = bisect_right(market.sessions, until) if until >= FIRST_SESSION else 0
        start = max(stop - count, 1) if stop else 0
        return DailyCloses(
            tuple(market.sessions[start:stop]),
            {
                symbol: tuple(np.exp(market.days.log_close[market.row[symbol], start:stop]).round(2).tolist())
                for symbol in symbols
                if symbol in self._known
            },
        )

    def _market(self) -> Market:
        with self._lock:
            if self._drawn is None:
                self._drawn = Market(self._events)
            return self._drawn

    def _last_closed(self, instant: datetime) -> date:
        """The last session that was over by then; `BASE_DAY` where there was none."""
        known = min(instant, _END)
        if known < REPLAY_FROM:
            return BASE_DAY
        session = self._market().moment(known).session
        return session.date if session.close <= known else previous_session(session.date).date

    def _settled(self, instant: datetime) -> int:
        """Index of the latest session whose settled open interest was published by then."""
        day = previous_session(instant.astimezone(EASTERN).date()).date
        while _published(day) > instant:
            day = previous_session(day).date
        return self._market().index_of(day)

    def _chain(self, symbol: str, moment: Moment, settled: int) -> Chain:
        market = self._market()
        one = self._profiles.get(symbol)
        if one is None:
            one = self._profiles[symbol] = profile(market, symbol)
        at_close = moment.instant >= moment.session.close
        listing = self._listings.get(
            (symbol, moment.index, settled, at_close), lambda: list_contracts(market, one, moment, settled)
        )
        usual = float(market.usual_volatility[one.row])
        return quote_chain(one, listing, market.at(moment), moment, usual, market.sessions[settled])


def _published(day: date) -> datetime:
    """When the settled open interest of a session is known: 06:30 Eastern of the session after it."""
    return eastern(next_session(day).date, 6, 30)


def _out_of_range(instant: datetime, now: datetime) -> str | None:
    """Why there are no data at that instant, as a sentence, or None when there are."""
    if REPLAY_FROM <= instant <= min(now, _END):
        return None
    upto = min(now, _END).astimezone(UTC)
    return (
        f"The demo market has no data at {instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC; "
        f"it runs from {REPLAY_FROM:%Y-%m-%d %H:%M} UTC to {upto:%Y-%m-%d %H:%M} UTC."
    )


def _unknown(symbol: str) -> Missing:
    return Missing(
        symbol, MissingReason.UNKNOWN_SYMBOL, f"The demo market has no symbol {symbol}; data_status lists those it has."
    )
