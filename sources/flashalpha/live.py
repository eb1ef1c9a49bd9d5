"""Live exposures from the native basket: fifty symbols a call, so that a scan of eleven sectors costs at most three.

The endpoint is asked with equal weights and only its rows are used; the weighted mean is ours. A row is kept for a few seconds,
so that a subset asked right after costs nothing. Symbols that a running call asks for already are waited for, not asked again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Generic, TypeVar

from cachetools import LRUCache, TTLCache

from exposure.dealer import SymbolExposure
from exposure.instruments import AssetClass
from exposure.snapshot import Missing, MissingReason, Mode, Notice, Provenance, Snapshot
from sources.background import Progress, SharedWork, arrivals
from sources.flashalpha import wire
from sources.flashalpha.aggregate import aggregate_notice
from sources.flashalpha.connection import Connection
from sources.flashalpha.door import Tally
from sources.flashalpha.legs import GammaAnswer, GammaReader, difference_notices, differs, legs_notices
from sources.flashalpha.listing import names
from sources.flashalpha.published import UNITS, VEX_AND_CHEX, exposure_of, with_gamma
from sources.flashalpha.refusals import Refusal

SYMBOLS_A_CALL = 50

_PATH = "/v1/exposure/basket"
_SYMBOLS_KEPT = 4096
_WARMS_FOR = timedelta(seconds=30)
_SAME_MOMENT = 1.0
"""Seconds in which a second question for the same call gets the answer of the first, whatever that was."""

Answer = TypeVar("Answer")

Call = tuple[str, ...]
"""The symbols of one basket call."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a call said of one symbol. `lasting` where asking again at once would only cost another call."""

    outcome: SymbolExposure | Missing
    notices: tuple[Notice, ...] = ()
    lasting: bool = True


@dataclass(slots=True)
class Plan:
    """How a question is answered: rows at hand, running calls that will bring more, and calls to make."""

    known: dict[str, Row] = field(default_factory=dict)
    running: list[Call] = field(default_factory=list)
    new: list[Call] = field(default_factory=list)


class Absences:
    """Since when a symbol has been asked for in vain: a new one may still be loading upstream, a later one is unknown."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._since: MutableMapping[str, datetime] = LRUCache(_SYMBOLS_KEPT)

    def found(self, symbol: str) -> None:
        """It is there after all."""
        self._since.pop(symbol, None)

    def missing(self, symbol: str) -> Missing:
        """The reason to give for it now."""
        now = self._clock()
        if now - self._since.setdefault(symbol, now) < _WARMS_FOR:
            sentence = f"FlashAlpha has no data for {symbol}: invalid, illiquid or still loading; ask again in a moment."
            return Missing(symbol, MissingReason.WARMING, sentence)
        return Missing(symbol, MissingReason.UNKNOWN_SYMBOL, f"FlashAlpha still has no data for {symbol}: invalid or illiquid.")


class Live:
    """The newest exposures. `calls_needed` and `snapshot` go by the same plan."""

    def __init__(self, connection: Connection, absences: Absences, *, cache_seconds: float) -> None:
        self._connection = connection
        self._absences = absences
        self._gamma = GammaReader(connection, lifetime=cache_seconds)
        self._rows: MutableMapping[str, Row] = TTLCache(_SYMBOLS_KEPT, cache_seconds)
        self._asked: MutableMapping[str, Call] = LRUCache(_SYMBOLS_KEPT)
        self._work: SharedWork[tuple[str, Call, str], Mapping[str, Row]] = SharedWork(
            connection.background, lifetime=min(_SAME_MOMENT, cache_seconds), capacity=64
        )

    def calls_needed(self, symbols: Sequence[str], *, legs: bool) -> int:
        """What `snapshot` would cost now."""
        return len(self._plan(symbols).new) + sum(self._gamma.calls_needed(symbol, None) for symbol in symbols if legs)

    async def snapshot(self, symbols: Sequence[str], *, legs: bool, progress: Progress | None) -> Snapshot:
        """Every symbol's newest exposure, or why there is none."""
        tally, told = Tally(), Told(progress, len(symbols))
        plan = self._plan(symbols)
        for call in plan.new:
            self._asked.update(dict.fromkeys(call, call))
        waits: dict[Hashable, Callable[[], Awaitable[Mapping[str, Row] | GammaAnswer]]] = {}
        for call in (*plan.running, *plan.new):
            waits[call] = Wait(partial(self._rows_of, call, tally), told, 0 if legs else _wanted(call, symbols))
        for symbol in symbols if legs else ():
            waits[symbol] = Wait(partial(self._gamma.get, symbol, None, tally), told, 1)
        told.add(0 if legs else len(plan.known))
        await told.say()
        arrived = await arrivals(waits, told.say)
        rows = dict(plan.known)
        for answer in arrived.values():
            if not isinstance(answer, GammaAnswer):
                rows.update(answer)
        return self._snapshot(symbols, rows, arrived if legs else None, tally)

    def _plan(self, symbols: Sequence[str]) -> Plan:
        plan = Plan()
        wanted: list[str] = []
        for symbol in symbols:
            row, call = self._rows.get(symbol), self._asked.get(symbol)
            if row is not None:
                plan.known[symbol] = row
            elif call is not None and self._is_shared(call):
                if call not in plan.running:
                    plan.running.append(call)
            else:
                wanted.append(symbol)
        plan.new = [tuple(wanted[start : start + SYMBOLS_A_CALL]) for start in range(0, len(wanted), SYMBOLS_A_CALL)]
        return plan

    def _is_shared(self, call: Call) -> bool:
        key = self._key(call)
        return self._work.under_way(key) or self._work.known(key) is not None

    def _key(self, call: Call) -> tuple[str, Call, str]:
        return ("basket", call, self._connection.door.fingerprint)

    async def _rows_of(self, call: Call, tally: Tally) -> Mapping[str, Row]:
        return await self._work.get(self._key(call), lambda: self._load(call, tally))

    async def _load(self, call: Call, tally: Tally) -> Mapping[str, Row]:
        found = await self._connection.ask(_PATH, {"symbols": ",".join(call)}, tally)
        if isinstance(found, Refusal):
            rows = {symbol: self._refused(symbol, found) for symbol in call}
        else:
            reply = wire.basket_reply(found)
            notice = aggregate_notice(reply)
            rows = {symbol: self._row(symbol, reply, (notice,) if notice is not None else ()) for symbol in call}
        self._rows.update({symbol: row for symbol, row in rows.items() if row.lasting})
        return rows

    def _refused(self, symbol: str, refusal: Refusal) -> Row:
        if refusal.absent:
            return self._absent(symbol)
        return Row(Missing(symbol, refusal.reason, refusal.sentence), lasting=False)

    def _absent(self, symbol: str) -> Row:
        missing = self._absences.missing(symbol)
        return Row(missing, lasting=missing.reason is MissingReason.UNKNOWN_SYMBOL)

    def _row(self, symbol: str, reply: wire.BasketReply, notices: tuple[Notice, ...]) -> Row:
        found = [row for row in reply.rows if row.symbol == symbol]
        if not found or symbol in reply.missing:
            return self._absent(symbol)
        self._absences.found(symbol)
        if len(found) > 1:
            sentence = f"FlashAlpha lists {symbol} {len(found)} times in one basket."
            return Row(Missing(symbol, MissingReason.UNUSABLE_CHAIN, sentence))
        outcome = exposure_of(symbol, found[0], reply.as_of, self._connection.clock())
        return Row(outcome, notices if isinstance(outcome, SymbolExposure) else ())

    def _snapshot(
        self, symbols: Sequence[str], rows: Mapping[str, Row], gamma: Mapping[Hashable, object] | None, tally: Tally
    ) -> Snapshot:
        exposures: dict[str, SymbolExposure] = {}
        missing: list[Missing] = []
        notices: dict[Notice, None] = {}
        for symbol in symbols:
            row = rows.get(symbol)
            if row is None:
                sentence = f"FlashAlpha had not answered for {symbol} in time; ask again."
                missing.append(Missing(symbol, MissingReason.TIMED_OUT, sentence))
            elif isinstance(row.outcome, Missing):
                missing.append(row.outcome)
            else:
                exposures[symbol] = row.outcome
                notices.update(dict.fromkeys(row.notices))
        if exposures:
            notices[Notice("vendor_units_unverified", VEX_AND_CHEX)] = None
        notices.update(dict.fromkeys(_entitlement(exposures)))
        if gamma is not None:
            notices.update(dict.fromkeys(put_gamma_into(exposures, gamma)))
        notices[self._connection.calls_notice("The live figures", tally)] = None
        provenance = Provenance("flashalpha", Mode.LIVE, synthetic=False, notices=tuple(notices), units=UNITS)
        return Snapshot(exposures, tuple(missing), provenance)


class Told:
    """Passes on how many symbols have arrived, which is not how many calls have."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._arrived = 0
        self._said = 0

    def add(self, symbols: int) -> None:
        """So many more have arrived."""
        self._arrived += symbols

    async def say(self, *_: int) -> None:
        """Tell it where there is something new to tell. Raises what the listener raises."""
        if self._progress is not None and self._arrived > self._said:
            self._said = self._arrived
            await self._progress(self._arrived, self._total)


class Wait(Generic[Answer]):
    """A wait that counts the symbols it brings."""

    def __init__(self, wait: Callable[[], Awaitable[Answer]], told: Told, symbols: int) -> None:
        self._wait = wait
        self._told = told
        self._symbols = symbols

    async def __call__(self) -> Answer:
        answer = await self._wait()
        self._told.add(self._symbols)
        return answer


def put_gamma_into(exposures: dict[str, SymbolExposure], arrived: Mapping[Hashable, object]) -> list[Notice]:
    """Give each exposure its legs, where they came; a notice names those that keep their nets only."""
    answers: dict[str, GammaAnswer] = {}
    late: list[str] = []
    differing: list[str] = []
    for symbol, exposure in exposures.items():
        answer = arrived.get(symbol)
        if not isinstance(answer, GammaAnswer):
            late.append(symbol)
            continue
        answers[symbol] = answer
        if answer.gamma is not None and answer.as_of is not None:
            if differs(exposure, answer):
                differing.append(symbol)
            exposures[symbol] = with_gamma(exposure, answer.gamma, answer.net, answer.as_of)
    return [*legs_notices(answers, late), *difference_notices(differing)]


def _entitlement(exposures: Mapping[str, SymbolExposure]) -> list[Notice]:
    concerned = [symbol for symbol, one in exposures.items() if one.asset_class is not AssetClass.STOCK]
    if not concerned:
        return []
    sentence = (
        f"Whether your plan covers {names(concerned)} (index or ETF) is unverified: FlashAlpha's basket endpoint does not check "
        "each name."
    )
    return [Notice("entitlement_unverified", sentence)]


def _wanted(call: Call, symbols: Sequence[str]) -> int:
    return len(set(call) & set(symbols))
