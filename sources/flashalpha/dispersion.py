"""FlashAlpha's live dispersion figures, as published, with its own arithmetic checked against its own rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from exposure.dispersion import Undefined, implied_correlation
from exposure.snapshot import Missing, Notice
from sources.background import SharedWork
from sources.base import PublishedDispersion
from sources.flashalpha import wire
from sources.flashalpha.connection import Connection
from sources.flashalpha.door import Tally
from sources.flashalpha.live import SYMBOLS_A_CALL, Absences
from sources.flashalpha.refusals import Refusal

SHORTEST_HORIZON, LONGEST_HORIZON = 5, 252

_PATH = "/v1/dispersion"
_LARGEST_VOLATILITY = 10.0
_PRINTED_APART = 0.02
"""How far the printed correlation may lie from our identity on the printed volatilities, which are rounded."""

_Question = tuple[str, str, str, int, str]


class Dispersion:
    """Asks the dispersion endpoint, one call a question."""

    def __init__(self, connection: Connection, absences: Absences, *, cache_seconds: float) -> None:
        self._connection = connection
        self._absences = absences
        self._work: SharedWork[_Question, wire.DispersionReply | Refusal] = SharedWork(
            connection.background, lifetime=lambda answer: 0.0 if isinstance(answer, Refusal) else cache_seconds, capacity=32
        )

    async def ask(self, index: str, weights: Mapping[str, float], horizon_days: int) -> PublishedDispersion | Notice:
        """The published figures, or why there are none."""
        wanted = {symbol: weight for symbol, weight in weights.items() if math.isfinite(weight) and weight > 0.0}
        if not wanted or len(wanted) > SYMBOLS_A_CALL:
            return _unavailable(f"FlashAlpha's dispersion takes 1 to {SYMBOLS_A_CALL} names with a weight, not {len(wanted)}.")
        horizon = min(max(horizon_days, SHORTEST_HORIZON), LONGEST_HORIZON)
        tally = Tally()
        total = math.fsum(wanted.values())
        shares = ",".join(f"{weight / total:.12f}" for weight in wanted.values())
        question = (index, ",".join(wanted), shares, horizon, self._connection.door.fingerprint)
        found = await self._work.get(question, lambda: self._load(question, tally))
        if isinstance(found, Refusal):
            code = "dispersion_not_entitled" if found.plan_needed else "dispersion_unavailable"
            return Notice(code, "FlashAlpha has no figures for this index and these names." if found.absent else found.sentence)
        if found.as_of is None:
            return _unavailable("FlashAlpha does not say when its dispersion figures are from.")
        return self._published(found, found.as_of, list(wanted), horizon, tally)

    async def _load(self, question: _Question, tally: Tally) -> wire.DispersionReply | Refusal:
        index, symbols, weights, horizon, _ = question
        query = {"index": index, "symbols": symbols, "weights": weights, "horizon_days": str(horizon)}
        found = await self._connection.ask(_PATH, query, tally)
        return found if isinstance(found, Refusal) else wire.dispersion_reply(found)

    def _published(
        self, reply: wire.DispersionReply, as_of: datetime, wanted: list[str], horizon: int, tally: Tally
    ) -> PublishedDispersion:
        rows = {row.symbol: row for row in reply.rows if row.symbol in wanted}
        iv = {symbol: value for symbol in wanted if symbol in rows and (value := volatility(rows[symbol].iv)) is not None}
        missing: list[Missing] = []
        for symbol in wanted:
            if symbol in rows and symbol not in reply.missing:
                self._absences.found(symbol)
            else:
                missing.append(self._absences.missing(symbol))
        notices = [*([differs] if (differs := identity_notice(reply)) is not None else [])]
        notices.append(self._connection.calls_notice("The dispersion figures", tally))
        said = reply.horizon_days
        return PublishedDispersion(
            as_of=as_of,
            index_iv=volatility(reply.index_iv),
            basket_iv=volatility(reply.basket_iv),
            constituent_iv=iv,
            implied_correlation=reply.implied_correlation,
            correlation_to_index=_correlation(reply.realized_correlation),
            horizon_days=int(said) if said is not None and SHORTEST_HORIZON <= said <= LONGEST_HORIZON else horizon,
            missing=tuple(missing),
            notices=tuple(notices),
        )


def identity_notice(reply: wire.DispersionReply) -> Notice | None:
    """What is to be said where the printed implied correlation is not that of the printed volatilities and weights."""
    parts = [(row.weight, volatility(row.iv)) for row in reply.rows]
    known = [(weight, iv) for weight, iv in parts if weight is not None and iv is not None]
    index = volatility(reply.index_iv)
    if reply.implied_correlation is None or index is None or len(known) < max(len(parts), 2):
        return None
    if abs(math.fsum(weight for weight, _ in known) - 1.0) > 1e-3:
        return None
    found = implied_correlation([weight for weight, _ in known], [iv for _, iv in known], index)
    if isinstance(found, Undefined) or abs(found.value - reply.implied_correlation) <= _PRINTED_APART:
        return None
    sentence = (
        f"FlashAlpha prints an implied correlation of {reply.implied_correlation:.3f}, but its own volatilities and weights give "
        f"{found.value:.3f}, which is used here."
    )
    return Notice("vendor_implied_correlation_differs", sentence)


def volatility(value: float | None) -> float | None:
    """A fraction a year that can be one; None otherwise, a percentage in place of a fraction included."""
    return value if value is not None and 0.0 < value < _LARGEST_VOLATILITY else None


def _correlation(value: float | None) -> float | None:
    return value if value is not None and -1.0 <= value <= 1.0 else None


def _unavailable(sentence: str) -> Notice:
    return Notice("dispersion_unavailable", sentence)
