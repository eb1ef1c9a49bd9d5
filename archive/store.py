"""The archive as the rest of the house sees it: append what is known now, ask what was known then.

Layout below the folder (session dates are US Eastern, `gN` is a generation, the highest one counts):

    live/2024-05-23.g1.db                       SQLite WAL: what was appended and not yet exported
    record/year=2024/2024-05-22.g1.parquet      every symbol of a day, sorted (family, symbol, known)
    chains/date=2024-05-22/symbol=SPY.g1.parquet   one row a chain
    series/symbol=SPY/2024.g3.parquet           scan projection, rebuilt at will
    quarantine/                                 damaged files, each with a sentence beside it
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from archive.answers import (
    Appended,
    ArchiveCoverage,
    ArchiveError,
    AsOf,
    ChainsAsOf,
    ChainsHeld,
    Kind,
    Nearest,
    Recording,
    SeriesBlock,
    Tidied,
)
from archive.layout import session_date

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archive.engine import Engine
    from exposure.chain import Chain
    from exposure.dealer import SymbolExposure

Computed = TypeVar("Computed")


class Archive:
    """An embedded store in one folder. Safe to use from several threads and several processes at once; can be pickled.

    `clock` gives the present as a timezone-aware instant; it decides which days are finished. Nothing is created before the
    first append. Every method is synchronous and raises `ArchiveError` (one sentence) where the folder cannot be used.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._started: Engine | None = None

    def __reduce__(self) -> tuple[partial[Archive], tuple[Path]]:
        # A task of another process or machine opens the same folder there; its clock has to be a function of a module.
        return partial(Archive, clock=self._clock), (self._folder,)

    def append(
        self,
        known: datetime,
        exposures: Sequence[SymbolExposure],
        *,
        source: str,
        chains: Sequence[Chain] = (),
        units: str | None = None,
    ) -> Appended:
        """Store one snapshot, all or nothing; returns once it is on disk.

        `known` is when the snapshot became known (received, or for an import the file's own stamp). A quote stamped a little
        later than that moves the whole snapshot to its stamp; one more than five minutes later is refused. `units` says what
        a vendor's published nets are in. Appending the same again changes nothing.
        """
        return self._engine().append(Recording(known, exposures, source, chains, units))

    def append_many(self, recordings: Iterable[Recording], *, export: bool = True) -> Appended:
        """Store many snapshots, days of history at a time, each day durably before the next; an import.

        Best handed over in order of time. `export` writes each finished day to its Parquet file as soon as a later day begins.
        """
        today = session_date(self._clock())
        return self._engine().append_many(recordings, finished=lambda day: export and day < today)

    def as_of(
        self,
        symbols: Sequence[str],
        at: datetime,
        *,
        staleness: timedelta,
        source: str | None = None,
        kind: Kind | None = None,
    ) -> AsOf:
        """The last exposure of each symbol known at or before `at`, unless its quotes are older than `staleness`.

        The age is `at` minus `quote_time`, as in `sources.files`. All rows of an answer are of one family; where several fit
        `source` and `kind`, it is the one that knows most of the symbols by then, then the newest by session, then by name.
        Nothing appended with a later `known` changes the answer.
        """
        return self._engine().as_of(symbols, at, staleness=staleness, source=source, kind=kind)

    def chains_as_of(
        self, symbols: Sequence[str], at: datetime, *, staleness: timedelta, source: str | None = None
    ) -> ChainsAsOf:
        """The last chain of each symbol known at or before `at`, under the rules of `as_of`."""
        return self._engine().chains_as_of(symbols, at, staleness=staleness, source=source)

    def map_chains(
        self,
        symbols: Sequence[str],
        instants: Sequence[datetime],
        compute: Callable[[Sequence[Chain]], Sequence[Computed]],
        *,
        after: datetime,
        staleness: timedelta,
        source: str | None = None,
    ) -> list[tuple[str, datetime, Computed]]:
        """`compute` of every chain that `chains_as_of` gives of one of these symbols alone at one of these ascending instants.

        Each chain comes once; left out is what became known by `after`. A result comes with the chain's source and the instant
        it became known, symbol by symbol and in order of that instant. Each file is decoded once, and few chains are in memory
        at a time: `compute` is given some and answers for each of them. It has no other effect than its result, since it may
        be called again where a damaged file had to be put aside. A file stays open for each day looked at: ask for some sessions
        at a time. Threads that share an archive read side by side and compute one at a time.
        """
        return self._engine().map_chains(symbols, instants, compute, after=after, staleness=staleness, source=source)

    def nearest(self, symbols: Sequence[str], at: datetime, *, source: str | None = None) -> dict[str, Nearest]:
        """The instants nearest to `at` at which something is known of each symbol, however old.

        Kept out of `as_of` because `first_after` is news from after `at`: good in an error message, never part of an answer.
        """
        return self._engine().nearest(symbols, at, source=source)

    def instants(self, start: datetime, stop: datetime, *, source: str | None = None) -> tuple[datetime, ...]:
        """When snapshots became known, from `start` to `stop`, both included, ascending, each once."""
        return self._engine().instants(start, stop, source=source)

    def series(
        self,
        symbols: Sequence[str],
        instants: Sequence[datetime] | NDArray[np.datetime64],
        columns: Sequence[str],
        *,
        staleness: timedelta,
        source: str | None = None,
        kind: Kind | None = None,
    ) -> SeriesBlock:
        """`quote_time` or columns of `SERIES_COLUMNS`, carried forward: at each instant what `as_of` would have answered.

        `instants` ascend; an array of `datetime64` is taken as UTC. All values are of one family, chosen as in `as_of` by what
        is known at the last instant; a remark tells of others that have something where it has nothing.
        """
        return self._engine().series(symbols, instants, columns, staleness=staleness, source=source, kind=kind)

    def percentile_ranks(
        self,
        symbols: Sequence[str],
        column: str,
        at: datetime,
        window: timedelta,
        *,
        staleness: timedelta,
        source: str | None = None,
    ) -> dict[str, float | None]:
        """Share of a symbol's snapshots known in (`at` - `window`, `at`] whose value is at most the one as of `at`; 0..1.

        None where there is no value as of `at`.
        """
        return self._engine().percentile_ranks(symbols, column, at, window, staleness=staleness, source=source)

    def coverage(self) -> ArchiveCoverage:
        """What there is, read from file footers."""
        return self._engine().coverage()

    def chains_held(self) -> ChainsHeld:
        """Of what symbols there are chains, and since when."""
        return self._engine().chains_held()

    def export_finished_days(self, *, through: date | None = None) -> Tidied:
        """Write every live day before today (US Eastern), or up to `through`, to its Parquet files and drop the live file."""
        engine = self._engine()
        last = through or session_date(self._clock()) - timedelta(days=1)
        return engine.export([day for day in engine.live_days() if day <= last])

    def rebuild_series(self, *, everything: bool = False) -> Tidied:
        """Bring the scan projection up to date with the day files; `everything` rewrites what is current as well."""
        return self._engine().rebuild_series(everything=everything)

    def compact(self, *, grace: timedelta = timedelta(hours=1)) -> Tidied:
        """Remove generations that a newer one replaced longer than `grace` ago, and what killed writers left behind."""
        return self._engine().compact(now=self._clock(), grace=grace)

    def check(self) -> Tidied:
        """Read every file completely; put damaged ones into quarantine and say so."""
        return self._engine().check()

    def _engine(self) -> Engine:
        # A server that replays nothing never pays for loading a storage library.
        with self._lock:
            if self._started is None:
                if self._folder.is_file():
                    raise ArchiveError(f"The archive is a folder, and {self._folder} is a file; name another.")
                from archive.engine import Engine

                self._started = Engine(self._folder)
            return self._started
