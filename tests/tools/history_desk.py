"""Sources that remember what was recorded when, behind a desk with basket_history."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from archive.answers import Family, Kind, SeriesBlock
from exposure.dealer import SymbolExposure
from exposure.sessions import session_on, sessions_between
from exposure.snapshot import Missing, MissingReason, Mode, Notice, Provenance, Snapshot
from sources.background import Progress
from sources.base import SourceStatus
from sources.computed import ComputedSource
from sources.demo.reader import DemoReader
from tests.builders import a_vendor_row, an_exposure
from tests.tools.desk import NOW, Era, Reply, a_desk
from tests.tools.figures_in_text import unsupported
from tools import basket, history

TOOLS = (history.TOOL, basket.TOOL)
# Numbers that name things and stand in the text alone: quantiles and how many names a quantile line has.
NAMED = (5.0, 25.0, 50.0, 75.0, 95.0)


@dataclass(frozen=True, slots=True)
class Record:
    """What became known of one name at an instant: call and put leg of GEX, in $ per 1%."""

    known: datetime
    call: float
    put: float


@dataclass
class RecordedSource:
    """Answers with the last record of a name at or before an instant, unless it is older than `staleness`.

    `published` makes its numbers a vendor's nets without legs. `room` is how many instants of a series there is time for.
    """

    records: Mapping[str, Sequence[Record]]
    staleness: timedelta = timedelta(days=5)
    published: bool = False
    units: str | None = None
    room: int = 1_000_000
    notices: tuple[Notice, ...] = ()
    remarks: tuple[str, ...] = ()
    synthetic: bool = False
    reason: MissingReason = MissingReason.NO_DATA_AT
    detail: str = "Nothing was recorded of {}."
    asked: list[int] = field(default_factory=list)

    def last(self, symbol: str, at: datetime) -> Record | None:
        """Brute force: look at every record."""
        known = [one for one in self.records.get(symbol, ()) if one.known <= at]
        newest = max(known, key=lambda one: one.known, default=None)
        return newest if newest and at - newest.known <= self.staleness else None

    def exposure(self, symbol: str, at: datetime) -> SymbolExposure | None:
        found = self.last(symbol, at)
        if found is None:
            return None
        if self.published:
            return a_vendor_row(symbol, found.call - found.put, quote_time=found.known)
        return an_exposure(
            symbol, call_gex=found.call, put_gex=found.put, spot=100.0 + found.known.timestamp() % 997, quote_time=found.known
        )

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        instant = at or NOW
        found = {symbol: one for symbol in symbols if (one := self.exposure(symbol, instant)) is not None}
        missing = tuple(Missing(one, self.reason, self.detail.format(one)) for one in symbols if one not in found)
        mode = Mode.LIVE if at is None else Mode.REPLAY
        return Snapshot(found, missing, Provenance("recorded", mode, self.synthetic, at, self.notices, self.units))

    async def series(
        self,
        symbols: Sequence[str],
        instants: Sequence[datetime],
        columns: Sequence[str],
        *,
        progress: Progress | None = None,
    ) -> SeriesBlock:
        self.asked.append(len(instants))
        chosen = list(instants)[max(len(instants) - self.room, 0) :]
        values = {column: np.full((len(symbols), len(chosen)), math.nan) for column in columns}
        for row, symbol in enumerate(symbols):
            for place, at in enumerate(chosen):
                for column, value in self._columns(symbol, at).items():
                    if column in values:
                        values[column][row, place] = value
        left_out = len(instants) - len(chosen)
        remarks = (*self.remarks, *([f"The oldest {left_out} instants were left out."] if left_out else []))
        kind = Kind.PUBLISHED if self.published else Kind.COMPUTED
        stamps = np.array([one.astimezone(UTC).replace(tzinfo=None) for one in chosen], dtype="datetime64[us]")
        return SeriesBlock(tuple(symbols), Family("recorded", kind, self.units or ""), stamps, values, remarks)

    def _columns(self, symbol: str, at: datetime) -> dict[str, float]:
        found, exposure = self.last(symbol, at), self.exposure(symbol, at)
        if found is None or exposure is None:
            return {}
        if self.published:
            return {"spot": exposure.spot + found.known.timestamp() % 997, "net_gex": found.call - found.put}
        return {"spot": exposure.spot, "gex_call": found.call, "gex_put": found.put}

    async def status(self) -> SourceStatus:
        return SourceStatus("recorded", Mode.LIVE, self.synthetic, tuple(self.records), None, None, None)


def closes(first: date, last: date) -> list[datetime]:
    """The close of every session, both ends included."""
    return [session.close for day in sessions_between(first, last) if (session := session_on(day))]


SPRING = closes(date(2024, 3, 1), date(2024, 5, 31))


def recorded(values: Iterable[tuple[float, float]], instants: Iterable[datetime]) -> list[Record]:
    """Records from (call, put) legs and when they became known."""
    return [Record(at, call, put) for (call, put), at in zip(values, instants, strict=True)]


def wandering(instants: Sequence[datetime], seed: int = 1, size: float = 1e8) -> list[Record]:
    """Legs that wander, so that their net changes sign now and then."""
    random_ = np.random.default_rng(seed)
    net = np.cumsum(random_.standard_normal(len(instants))) * 0.1
    return [Record(at, size * (2 + step), size * (2 - step)) for at, step in zip(instants, np.tanh(net).tolist(), strict=True)]


def demo(now: datetime = NOW) -> ComputedSource:
    return ComputedSource(DemoReader(lambda: now))


async def history_of(source: Any, era: Era = "auto", changes: Mapping[str, Any] | None = None, **arguments: Any) -> Reply:
    """The answer of a call that has to succeed, its text held against its structure."""
    async with a_desk(source, era, tools=TOOLS, **(changes or {})) as desk:
        answer = await desk.answer("basket_history", **arguments)
    meaning = answer.structured["rank"]["meaning"]
    assert meaning in answer.text
    text = answer.text.replace(meaning, "")
    if answer.structured["series"]:
        text = text.replace(answer.structured["series"]["how_to_page"], "")
    strangers = unsupported(text, answer.structured, NAMED)
    assert not strangers, f"{strangers} in {answer.text[:3_000]}"
    assert answer.text.splitlines()[0] == answer.structured["headline"]
    return answer


async def refused(source: Any, era: Era = "auto", **arguments: Any) -> str:
    """The sentence of a call that has to be refused."""
    async with a_desk(source, era, tools=TOOLS) as desk:
        return await desk.refusal("basket_history", **arguments)


def codes(answer: Reply) -> list[str]:
    """The codes of its warnings, in order."""
    return [one["code"] for one in answer.structured["warnings"]]


def rows(answer: Reply) -> list[dict[str, Any]]:
    """The series of an answer with detail=full."""
    return list(answer.structured["series"]["rows"])
