"""A full source made of a `ChainReader`: exposures are computed from its chains, off the event loop.

A series is read instant by instant, newest first, and ends where the deadline of the question is near.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from exposure.dealer import DropReason, Greek
from exposure.snapshot import Missing, MissingReason, Snapshot
from sources.background import Progress
from sources.base import ChainReader, ChainSnapshot, DailyCloses, HistoryReader, SourceStatus

if TYPE_CHECKING:
    from archive.answers import SeriesBlock
    from exposure.chain import Chain
    from exposure.dealer import SymbolExposure

_LARGEST_DOLLARS = 1e17
_MOST_BAD_ROWS = 0.25
_SLICE_SECONDS = 0.5
_MARGIN_SECONDS = 0.5


class ComputedSource:
    """A `ChainSource` over a `ChainReader`: exposures are computed from its chains, in a worker thread."""

    def __init__(self, reader: ChainReader) -> None:
        self._reader = reader

    async def chains(self, symbols: Sequence[str], at: datetime | None, *, progress: Progress | None = None) -> ChainSnapshot:
        answer = await anyio.to_thread.run_sync(self._reader.read, symbols, at, abandon_on_cancel=True)
        if progress is not None:
            await progress(len(symbols), len(symbols))
        return answer

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        answer = await anyio.to_thread.run_sync(self._measure, symbols, at, abandon_on_cancel=True)
        if progress is not None:
            await progress(len(symbols), len(symbols))
        return answer

    async def status(self) -> SourceStatus:
        return await anyio.to_thread.run_sync(self._reader.describe, abandon_on_cancel=True)

    async def daily_closes(self, symbols: Sequence[str], at: datetime | None, count: int) -> DailyCloses | None:
        if not isinstance(self._reader, HistoryReader):
            return None
        return await anyio.to_thread.run_sync(self._reader.daily_closes, symbols, at, count, abandon_on_cancel=True)

    async def index_weights(self, index: str, at: datetime | None) -> Mapping[str, float] | None:
        return self._reader.index_weights(index, at) if isinstance(self._reader, HistoryReader) else None

    async def series(
        self,
        symbols: Sequence[str],
        instants: Sequence[datetime],
        columns: Sequence[str],
        *,
        progress: Progress | None = None,
    ) -> SeriesBlock:
        """See `sources.base.SeriesSource`."""
        left = anyio.current_effective_deadline() - anyio.current_time()
        stop = time.monotonic() + left - min(_MARGIN_SECONDS, left / 4) if left < math.inf else math.inf
        readings = _Readings(self._reader, symbols, instants, columns)
        while not readings.over(stop):
            await anyio.to_thread.run_sync(readings.read_on, stop, abandon_on_cancel=True)
            if progress is not None:
                await progress(readings.done, len(instants))
        return readings.block()

    def _measure(self, symbols: Sequence[str], at: datetime | None) -> Snapshot:
        return measured(self._reader.read(symbols, at))


class _Readings:
    """The readings of a series so far, newest first. Each call may come from another thread, one at a time."""

    def __init__(self, reader: ChainReader, symbols: Sequence[str], instants: Sequence[datetime], columns: Sequence[str]) -> None:
        self._reader = reader
        self._symbols = tuple(dict.fromkeys(symbols))
        self._instants = instants
        self._columns = tuple(columns)
        self._values: list[list[list[float]]] = []
        self._source: str | None = None
        self._measured: dict[str, tuple[Chain, SymbolExposure | None]] = {}
        self._slowest = 0.0

    @property
    def done(self) -> int:
        """How many instants have been read."""
        return len(self._values)

    def over(self, stop: float) -> bool:
        """Whether all are read, or the next would not be before the monotonic time `stop`."""
        return self.done == len(self._instants) or time.monotonic() + self._slowest > stop

    def read_on(self, stop: float) -> None:
        """Read for a while, at least one instant."""
        pause = time.monotonic() + _SLICE_SECONDS
        while True:
            began = time.monotonic()
            self._values.append(self._read(self._instants[-1 - self.done]))
            now = time.monotonic()
            # The first reading also builds what the later ones find ready, and says nothing of how long they take.
            self._slowest = max(self._slowest, now - began) if self.done > 1 else 0.0
            if now > pause or self.over(stop):
                return

    def block(self) -> SeriesBlock:
        """What was read, oldest first."""
        import numpy as np

        from archive.answers import Family, Kind, SeriesBlock

        first = len(self._instants) - self.done
        moments = [one.astimezone(UTC).replace(tzinfo=None) for one in self._instants[first:]]
        values = np.array(self._values[::-1], dtype=np.float64).reshape(self.done, len(self._symbols), len(self._columns))
        remarks: tuple[str, ...] = ()
        if first:
            sentence = (
                f"The oldest {first} of {len(self._instants)} instants were left out because the time for the question was over; "
                "ask for a longer step or a shorter window."
            )
            remarks = (sentence,)
        return SeriesBlock(
            symbols=self._symbols,
            family=Family(self._source, Kind.COMPUTED) if self._source is not None else None,
            instants=np.array(moments, dtype="datetime64[us]"),
            values={column: np.ascontiguousarray(values[:, :, index].T) for index, column in enumerate(self._columns)},
            remarks=remarks,
        )

    def _read(self, at: datetime) -> list[list[float]]:
        """The columns of each symbol."""
        from archive.rows import FIELD_NAMES, flat

        answer = self._reader.read(self._symbols, at)
        # A reader that carries a chain forward answers with the same object again, which need not be measured again.
        fresh = {
            one: chain for one, chain in answer.chains.items() if one not in self._measured or self._measured[one][0] is not chain
        }
        exposures = measured(ChainSnapshot(fresh, (), answer.provenance)).exposures
        self._measured.update({symbol: (chain, exposures.get(symbol)) for symbol, chain in fresh.items()})
        where = [FIELD_NAMES.index(column) for column in self._columns]
        rows: list[list[float]] = []
        for symbol in self._symbols:
            exposure = self._measured[symbol][1] if symbol in answer.chains else None
            if exposure is None:
                rows.append([math.nan] * len(where))
                continue
            self._source = answer.provenance.source
            fields = flat(exposure).fields
            rows.append([float(fields[index]) for index in where])
        return rows


def measured(answer: ChainSnapshot) -> Snapshot:
    """Exposures of every chain of an answer; a chain without a usable contract becomes missing."""
    found = measured_each(list(answer.chains.values()))
    together = dict(zip(answer.chains, found, strict=True))
    exposures = {symbol: one for symbol, one in together.items() if not isinstance(one, Missing)}
    missing = [one for one in found if isinstance(one, Missing)]
    return Snapshot(exposures, (*answer.missing, *missing), answer.provenance)


def measured_each(chains: Sequence[Chain]) -> list[SymbolExposure | Missing]:
    """The exposure of each chain, or why it has none."""
    from exposure.legs import measure_all

    problems = [_unusable(chain) for chain in chains]
    exposures = iter(measure_all([chain for chain, problem in zip(chains, problems, strict=True) if problem is None]))
    return [problem or _plausible(next(exposures)) for problem in problems]


def _unusable(chain: Chain) -> Missing | None:
    """Why a chain must not be answered from, although it has contracts: what is left of it would look complete and is not."""
    import numpy as np

    coverage, symbol = chain.coverage, chain.symbol
    if not coverage.used:
        return _without_contracts(symbol, chain)
    bad = coverage.dropped.get(DropReason.BAD_ROW)
    if bad is not None and bad.contracts > _MOST_BAD_ROWS * coverage.listed:
        sentence = f"{bad.contracts} of the {coverage.listed} rows of {symbol} cannot be used, too many to answer from the rest."
        return Missing(symbol, MissingReason.UNUSABLE_CHAIN, sentence)
    calls = int(np.count_nonzero(chain.is_call & (chain.open_interest > 0)))
    if calls in (0, coverage.used):
        sentence = f"Only {'calls' if calls else 'puts'} of {symbol} have usable open interest; an exposure needs both rights."
        return Missing(symbol, MissingReason.UNUSABLE_CHAIN, sentence)
    if chain.curve.refused > int(chain.curve.from_parity.sum()):
        sentence = f"The spot price of {symbol} ({chain.spot:g}) does not fit its option quotes; one of the two is wrong."
        return Missing(symbol, MissingReason.UNUSABLE_CHAIN, sentence)
    return None


def _plausible(exposure: SymbolExposure) -> SymbolExposure | Missing:
    """The exposure, unless a leg is beyond any market's size or not a number; sums over such legs would overflow."""
    legs = [exposure.legs(greek) for greek in Greek]
    if math.isfinite(exposure.spot) and all(leg is None or leg.gross < _LARGEST_DOLLARS for leg in legs):
        return exposure
    detail = f"The exposure of {exposure.symbol} is beyond any market's size; its spot, multiplier or open interest is wrong."
    return Missing(exposure.symbol, MissingReason.UNUSABLE_CHAIN, detail)


def _without_contracts(symbol: str, chain: Chain) -> Missing:
    coverage = chain.coverage
    if coverage.seen == 0 and not coverage.dropped:
        detail = f"{symbol} lists {coverage.listed} contracts and none has open interest."
        return Missing(symbol, MissingReason.NO_OPTIONS, detail)
    reasons = ", ".join(f"{dropped.contracts} {reason.value}" for reason, dropped in coverage.dropped.items())
    detail = f"None of the {coverage.seen} contracts of {symbol} with open interest is usable ({reasons})."
    return Missing(symbol, MissingReason.UNUSABLE_CHAIN, detail)
