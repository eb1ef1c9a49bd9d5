"""Call and put legs of gamma, which only the single-symbol endpoint has: two calls a symbol, all expiries and today's.

The wire gives a call side of plus and a put side of minus; `Legs` carry no dealer sign, so that call - put is the printed net.
Legs that do not add up to the headline above them are not used: nets without legs are better than legs with a hole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import quote

from exposure.dealer import GammaLegs, Legs, PublishedNets, SymbolExposure
from exposure.sessions import EASTERN
from exposure.snapshot import Notice
from sources.background import SharedWork
from sources.flashalpha import wire
from sources.flashalpha.connection import Connection
from sources.flashalpha.door import Tally
from sources.flashalpha.listing import names
from sources.flashalpha.published import is_absurd
from sources.flashalpha.refusals import Refusal

CALLS_A_SYMBOL = 2

_ROUNDING = 1e-6
_QUOTES_MOVED = 1.1
"""The two calls are moments apart, so today's part may pass the whole by that much before it is a contradiction."""
_NETS_APART = 0.05
_KEPT = 2048


@dataclass(frozen=True, slots=True)
class GammaAnswer:
    """The legs and the net they add up to, or in `problem` why there are none."""

    gamma: GammaLegs | None = None
    net: float = 0.0
    as_of: datetime | None = None
    problem: str | None = None


class GammaReader:
    """Asks for legs, the newest or those of a past `minute`, and keeps them for `lifetime` seconds."""

    def __init__(self, connection: Connection, *, lifetime: float) -> None:
        self._connection = connection
        self._work: SharedWork[tuple[str, str, datetime | None, str], GammaAnswer] = SharedWork(
            connection.background, lifetime=lambda answer: lifetime if answer.problem is None else 0.0, capacity=_KEPT
        )

    def calls_needed(self, symbol: str, minute: datetime | None) -> int:
        """What `get` would cost now."""
        key = self._key(symbol, minute)
        return 0 if self._work.known(key) is not None or self._work.under_way(key) else CALLS_A_SYMBOL

    async def get(self, symbol: str, minute: datetime | None, tally: Tally) -> GammaAnswer:
        """The legs of one symbol. Does not raise."""
        return await self._work.get(self._key(symbol, minute), lambda: self._load(symbol, minute, tally))

    def _key(self, symbol: str, minute: datetime | None) -> tuple[str, str, datetime | None, str]:
        return ("gex", symbol, minute, self._connection.door.fingerprint)

    async def _load(self, symbol: str, minute: datetime | None, tally: Tally) -> GammaAnswer:
        whole = await self._ask(symbol, minute, {}, tally)
        if isinstance(whole, Refusal):
            return GammaAnswer(problem=whole.sentence)
        if whole.as_of is None or (minute is not None and whole.as_of > minute):
            return GammaAnswer(problem="FlashAlpha does not say when its strikes are from, or they are from after the instant.")
        total = legs_of(whole)
        if isinstance(total, str) or whole.net is None:
            return GammaAnswer(problem=str(total))
        same_day = await self._same_day(symbol, minute, whole.as_of.astimezone(EASTERN).date(), tally)
        if isinstance(same_day, str):
            return GammaAnswer(problem=same_day)
        if same_day.call > _QUOTES_MOVED * total.call or same_day.put > _QUOTES_MOVED * total.put:
            return GammaAnswer(problem="the part that expires the same day is larger than the whole.")
        part = Legs(min(same_day.call, total.call), min(same_day.put, total.put))
        return GammaAnswer(GammaLegs(total, part), whole.net, whole.as_of)

    async def _same_day(self, symbol: str, minute: datetime | None, day: date, tally: Tally) -> Legs | str:
        found = await self._ask(symbol, minute, {"expiration": day.isoformat()}, tally)
        if isinstance(found, Refusal):
            return Legs(0.0, 0.0) if found.absent else found.sentence
        if not found.strikes:
            return Legs(0.0, 0.0)
        if not any(strike.call or strike.put for strike in found.strikes):
            # The vendor's greeks of contracts about to expire are often 0 or null, which is a gap and not a zero.
            return "the part that expires the same day has strikes, but no gamma at any of them."
        return legs_of(found)

    async def _ask(
        self, symbol: str, minute: datetime | None, more: Mapping[str, str], tally: Tally
    ) -> wire.GammaReply | Refusal:
        path = f"/v1/exposure/gex/{quote(symbol, safe='')}"
        query = {} if minute is None else {"at": eastern_wall_clock(minute)}
        found = await self._connection.ask(path, {**query, **more}, tally)
        if isinstance(found, Refusal):
            return found
        return wire.gamma_reply(found, UTC if minute is None else EASTERN)


def legs_of(reply: wire.GammaReply) -> Legs | str:
    """The two sides of a strike table, or why they are not the whole: they must add up to the headline."""
    gaps = any(
        (strike.call is None and strike.call_open_interest) or (strike.put is None and strike.put_open_interest)
        for strike in reply.strikes
    )
    if gaps:
        return "some strikes have open interest and no gamma."
    call = math.fsum(strike.call or 0.0 for strike in reply.strikes)
    put = -math.fsum(strike.put or 0.0 for strike in reply.strikes)
    if is_absurd(call) or is_absurd(put) or call < 0.0 or put < 0.0:
        return "a side has the wrong sign or an impossible size."
    if reply.net is None or abs(call - put - reply.net) > _ROUNDING * (call + put):
        return "the strikes do not add up to the headline above them."
    return Legs(call + 0.0, put + 0.0)


def legs_notices(answers: Mapping[str, GammaAnswer], late: Iterable[str]) -> list[Notice]:
    """One notice for each reason why some symbols have nets only."""
    by_problem: dict[str, list[str]] = {}
    for symbol, answer in answers.items():
        if answer.problem is not None:
            by_problem.setdefault(answer.problem, []).append(symbol)
    for symbol in late:
        by_problem.setdefault("they had not arrived in time; ask again.", []).append(symbol)
    return [
        Notice("legs_unavailable", f"Only nets, without the call and put legs of gamma, for {names(symbols)}: {problem}")
        for problem, symbols in by_problem.items()
    ]


def differs(exposure: SymbolExposure, answer: GammaAnswer) -> bool:
    """Whether the net printed without strikes is further from the one with them than quotes move between two calls."""
    if answer.gamma is None or not isinstance(exposure.measured, PublishedNets):
        return False
    return abs(exposure.measured.nets.gex - answer.net) > _NETS_APART * answer.gamma.total.gross


def difference_notices(symbols: Sequence[str]) -> list[Notice]:
    """The answer mixes what two endpoints print, so it has to say where they do not tell the same story."""
    if not symbols:
        return []
    sentence = (
        f"FlashAlpha prints two net GEX of {names(symbols)}, more than {_NETS_APART:.0%} of gross apart: the one that its "
        "strikes add up to is used, beside DEX, VEX and CHEX of the other answer."
    )
    return [Notice("vendor_nets_differ", sentence)]


def eastern_wall_clock(minute: datetime) -> str:
    """A UTC instant as the historical host wants it: New York's clock, without an offset."""
    return f"{minute.astimezone(EASTERN):%Y-%m-%dT%H:%M:%S}"
