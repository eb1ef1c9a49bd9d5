"""The archive behind the protocol of a source: the newest snapshot it holds, or what it held to be known at an instant.

Where it has the chain of a snapshot the exposure is measured from the chain, so that the answer is what the source of the chain
would have said; else the stored exposure answers. All rows of an answer come from one source, and nothing known later than the
instant asked for enters it: not in a number, not in a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import anyio.to_thread

from archive.answers import ArchiveError, AsOf, ChainsAsOf, Kind, SeriesBlock
from exposure.sessions import EASTERN
from exposure.snapshot import Missing, MissingReason, Mode, Notice, Provenance, Snapshot
from sources.background import Progress
from sources.base import ChainSnapshot, SourceStatus
from sources.computed import measured_each

if TYPE_CHECKING:
    from archive.store import Archive
    from exposure.chain import Chain
    from exposure.dealer import SymbolExposure

NAME = "archive"
SYNTHETIC_SOURCE = "demo"
"""What is recorded from it is synthetic, and stays so."""
_QUARANTINED_TOLD = 5


class ArchiveSource:
    """A `ChainSource` and `SeriesSource` over an archive.

    `clock` gives the present as a UTC instant. `staleness` is how old the quotes of a row may be and still answer.
    """

    def __init__(self, archive: Archive, *, clock: Callable[[], datetime], staleness: timedelta) -> None:
        self._archive = archive
        self._clock = clock
        self._staleness = staleness

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        """Exposure of each symbol in the newest snapshot, or as it was known at the UTC instant `at`."""
        answer = await anyio.to_thread.run_sync(self._exposures, symbols, at, abandon_on_cancel=True)
        if progress is not None:
            await progress(len(symbols), len(symbols))
        return answer

    async def chains(self, symbols: Sequence[str], at: datetime | None, *, progress: Progress | None = None) -> ChainSnapshot:
        """Chain of each symbol, under the same rules; missing where the archive has its exposure alone."""
        answer = await anyio.to_thread.run_sync(self._chains, symbols, at, abandon_on_cancel=True)
        if progress is not None:
            await progress(len(symbols), len(symbols))
        return answer

    async def series(
        self,
        symbols: Sequence[str],
        instants: Sequence[datetime],
        columns: Sequence[str],
        *,
        progress: Progress | None = None,
    ) -> SeriesBlock:
        """See `sources.base.SeriesSource`; an archive that cannot be read gives a series of nothing, with a remark."""
        block = await anyio.to_thread.run_sync(self._series, symbols, instants, columns, abandon_on_cancel=True)
        if progress is not None:
            await progress(len(instants), len(instants))
        return block

    async def status(self) -> SourceStatus:
        """What the archive holds."""
        return await anyio.to_thread.run_sync(self._status, abandon_on_cancel=True)

    def _exposures(self, symbols: Sequence[str], at: datetime | None) -> Snapshot:
        wanted = tuple(dict.fromkeys(symbols))
        try:
            found = self._look_up(wanted, at)
        except ArchiveError as problem:
            return Snapshot({}, _unreadable(wanted, problem), _provenance(at, None, ()))
        exposures: dict[str, SymbolExposure] = {}
        missing: list[Missing] = []
        from_chains = dict(zip(found.chains, measured_each(list(found.chains.values())), strict=True))
        for symbol in wanted:
            # A chain that nothing can be measured from is the last that was known; an older row must not cover it up.
            one = from_chains.get(symbol) or found.exposures.get(symbol)
            if isinstance(one, Missing):
                missing.append(one)
            elif one is not None:
                exposures[symbol] = one
        absent = self._absences([one for one in wanted if one not in found.chains and one not in found.exposures], at, found)
        stale = _behind(exposures, at)
        kept = {symbol: one for symbol, one in exposures.items() if symbol not in stale}
        return Snapshot(kept, (*absent, *missing, *stale.values()), found.provenance)

    def _chains(self, symbols: Sequence[str], at: datetime | None) -> ChainSnapshot:
        wanted = tuple(dict.fromkeys(symbols))
        try:
            found = self._look_up(wanted, at)
        except ArchiveError as problem:
            return ChainSnapshot({}, _unreadable(wanted, problem), _provenance(at, None, ()))
        stale = _behind(found.chains, at)
        without = [
            Missing(one, MissingReason.NO_DATA_AT, _NO_CHAIN.format(one)) for one in found.exposures if one not in found.chains
        ]
        absent = self._absences([one for one in wanted if one not in found.chains and one not in found.exposures], at, found)
        chains = {symbol: chain for symbol, chain in found.chains.items() if symbol not in stale}
        return ChainSnapshot(chains, (*absent, *without, *stale.values()), found.provenance)

    def _look_up(self, wanted: Sequence[str], at: datetime | None) -> _Found:
        """What the archive has as of the instant, or of its newest snapshot."""
        instant = at if at is not None else self._newest()
        if instant is None:
            return _Found({}, {}, None, _provenance(at, None, ()))
        rows = self._archive.as_of(wanted, instant, staleness=self._staleness)
        stored: ChainsAsOf | None = None
        if rows.family is None or rows.family.kind is Kind.COMPUTED:
            source = rows.family.source if rows.family is not None else None
            stored = self._archive.chains_as_of(wanted, instant, staleness=self._staleness, source=source)
        taken = {symbol: chain for symbol, chain in stored.chains.items() if _is_last(symbol, stored, rows)} if stored else {}
        source = rows.family.source if rows.family is not None else stored.source if stored is not None else None
        units = rows.family.units if rows.family is not None and rows.family.kind is Kind.PUBLISHED else None
        remarks = dict.fromkeys((*rows.remarks, *(stored.remarks if stored is not None else ())))
        return _Found(taken, dict(rows.exposures), rows, _provenance(at, source, remarks, units))

    def _newest(self) -> datetime | None:
        """When the newest snapshot of the archive became known; None where it is empty."""
        last = self._archive.coverage().last
        return min(last, self._clock()) if last is not None else None

    def _absences(self, symbols: Sequence[str], at: datetime | None, found: _Found) -> list[Missing]:
        """Why each of these symbols has no exposure; told from what was known at `at` alone."""
        if not symbols:
            return []
        if found.rows is None:
            return [Missing(symbol, MissingReason.NO_DATA_AT, _EMPTY) for symbol in symbols]
        instant, limit = found.rows.at, f"{self._staleness / timedelta(days=1):g} days"
        try:
            nearest = self._archive.nearest(symbols, instant)
        except ArchiveError as problem:
            return list(_unreadable(symbols, problem))
        missing = []
        for symbol in symbols:
            last, anywhere = found.rows.last_before.get(symbol), nearest[symbol].last_before
            reason = MissingReason.NO_DATA_AT if at is not None else MissingReason.STALE
            if last is not None:
                detail = (
                    f"The last snapshot of {symbol} by then is of {_wall_clock(last)}; its quotes are more than {limit} older."
                )
            elif anywhere is not None and found.rows.family is not None:
                detail = (
                    f"The archive has {symbol}, last of {_wall_clock(anywhere)}, but not from {found.rows.family.source}, "
                    "and one answer never mixes two sources."
                )
            elif anywhere is not None:
                detail = f"The last snapshot of {symbol} by then is of {_wall_clock(anywhere)}, more than {limit} before."
            elif at is not None:
                detail = (
                    f"Nothing of {symbol} was in the archive by {_wall_clock(at)}; data_status says which instants there are."
                )
            else:
                reason, detail = (
                    MissingReason.UNKNOWN_SYMBOL,
                    f"The archive holds nothing of {symbol}; record or import it first.",
                )
            missing.append(Missing(symbol, reason, detail))
        return missing

    def _series(self, symbols: Sequence[str], instants: Sequence[datetime], columns: Sequence[str]) -> SeriesBlock:
        wanted = tuple(dict.fromkeys(symbols))
        try:
            return self._archive.series(wanted, instants, columns, staleness=self._staleness)
        except ArchiveError as problem:
            return _empty_block(wanted, columns, str(problem))

    def _status(self) -> SourceStatus:
        try:
            held = self._archive.coverage()
            newest = None
            if held.last is not None:
                rows = self._archive.as_of(held.symbols, held.last, staleness=self._staleness)
                newest = max((one.quote_time for one in rows.exposures.values()), default=None)
        except ArchiveError as problem:
            return SourceStatus(NAME, Mode.SNAPSHOT, False, (), None, None, None, (str(problem),))
        remarks = [_EMPTY]
        if held.rows:
            days = f"{len(held.sessions):,} day{'' if len(held.sessions) == 1 else 's'}"
            remarks = [f"The archive holds {held.rows:,} exposures on {days}, from {' and '.join(held.sources)}."]
        remarks += held.quarantined[:_QUARANTINED_TOLD]
        if len(held.quarantined) > _QUARANTINED_TOLD:
            remarks.append(f"{len(held.quarantined) - _QUARANTINED_TOLD} more files are in quarantine.")
        return SourceStatus(
            source=NAME,
            mode=Mode.SNAPSHOT,
            synthetic=held.sources == (SYNTHETIC_SOURCE,),
            symbols=held.symbols,
            newest_quote=newest,
            replay_from=held.first,
            replay_to=held.last,
            remarks=tuple(remarks),
        )


_NO_CHAIN = "The archive has the exposure of {0} then, but not its chain."
_EMPTY = "The archive is empty: fill it with the commands record, import or backfill."


@dataclass(frozen=True, slots=True)
class _Found:
    """What was looked up: chains that are the last of their symbol, and rows; `rows` is None where the archive is empty."""

    chains: dict[str, Chain]
    exposures: dict[str, SymbolExposure]
    rows: AsOf | None
    provenance: Provenance


def _is_last(symbol: str, stored: ChainsAsOf, rows: AsOf) -> bool:
    return symbol not in rows.known or stored.known[symbol] >= rows.known[symbol]


def _behind(answers: dict[str, SymbolExposure] | dict[str, Chain], at: datetime | None) -> dict[str, Missing]:
    """Where the newest is asked for, the symbols whose newest is of an earlier session than that of the others."""
    if at is not None or not answers:
        return {}
    days = {symbol: _day(one.quote_time) for symbol, one in answers.items()}
    newest = max(days.values())
    sentence = "The newest snapshot of {} is from {}, the newest of the others from {}."
    return {
        symbol: Missing(symbol, MissingReason.STALE, sentence.format(symbol, day, newest))
        for symbol, day in days.items()
        if day < newest
    }


def _unreadable(symbols: Sequence[str], problem: ArchiveError) -> tuple[Missing, ...]:
    return tuple(Missing(symbol, MissingReason.FETCH_FAILED, str(problem)) for symbol in symbols)


def _provenance(at: datetime | None, source: str | None, remarks: Iterable[str], units: str | None = None) -> Provenance:
    notices = [Notice("damaged_file", remark) for remark in remarks]
    if source is not None:
        notices.insert(0, Notice("recorded_source", f"The archive holds these numbers as they came from the source {source}."))
    mode = Mode.SNAPSHOT if at is None else Mode.REPLAY
    return Provenance(NAME, mode, synthetic=source == SYNTHETIC_SOURCE, at=at, notices=tuple(notices), units=units)


def _empty_block(symbols: Sequence[str], columns: Sequence[str], remark: str) -> SeriesBlock:
    import numpy as np

    nothing = np.zeros((len(symbols), 0), dtype=np.float64)
    instants = np.zeros(0, dtype="datetime64[us]")
    return SeriesBlock(tuple(symbols), None, instants, dict.fromkeys(columns, nothing), (remark,))


def _day(instant: datetime) -> date:
    return instant.astimezone(EASTERN).date()


def _wall_clock(instant: datetime) -> str:
    return f"{instant.astimezone(EASTERN):%Y-%m-%d %H:%M} Eastern"
