"""From a recording to rows on disk: what may be stored, under which instant, and in which live file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import date, timedelta

from archive.answers import Appended, ArchiveError, Family, Kind, Recording
from archive.chain_bytes import to_bytes
from archive.chain_files import ChainKey, chain_file
from archive.layout import Layout, session_date, to_microseconds
from archive.live_day import LiveChain, LiveDay, LiveRow, is_damage
from archive.parquet_file import DamagedFileError
from archive.quarantine import Quarantine
from archive.record_files import RecordFiles
from archive.rows import flat, kind_of
from archive.view import LivePool
from exposure.instruments import canonical_symbol

_TOLERATED_LEAD = timedelta(minutes=5)
_ATTEMPTS = 20


def prepared(recording: Recording) -> tuple[date, list[LiveRow], list[LiveChain]]:
    """The session date of a recording, its rows and its chains. Raises ArchiveError where it must not be stored."""
    times = [exposure.quote_time for exposure in recording.exposures] + [chain.quote_time for chain in recording.chains]
    newest = max(times, default=recording.known)
    if newest - recording.known > _TOLERATED_LEAD:
        raise ArchiveError(
            f"A snapshot of {recording.source} known at {recording.known.isoformat()} has quotes from {newest.isoformat()}, "
            "which is later; one of the two clocks is wrong, and nothing was stored."
        )
    for symbol in [exposure.symbol for exposure in recording.exposures] + [chain.symbol for chain in recording.chains]:
        if canonical_symbol(symbol) != symbol:
            raise ArchiveError(f"{symbol!r} is not a symbol the archive can file; nothing was stored.")
    # A quote must not be replayed before its own stamp, and a snapshot becomes known as a whole.
    instant = max(recording.known, newest)
    known = to_microseconds(instant)
    rows = []
    for exposure in recording.exposures:
        kind = kind_of(exposure)
        family = Family(recording.source, kind, (recording.units or "") if kind is Kind.PUBLISHED else "")
        rows.append(LiveRow(family, exposure.symbol, known, *flat(exposure).packed()))
    chains = [LiveChain(recording.source, chain.symbol, known, to_bytes(chain)) for chain in recording.chains]
    return session_date(instant), rows, chains


class Appender:
    """Writes to the live file of a day. Safe for several threads."""

    def __init__(self, layout: Layout, pool: LivePool, records: RecordFiles, quarantine: Quarantine) -> None:
        self._layout, self._pool, self._records, self._quarantine = layout, pool, records, quarantine

    def append(self, day: date, rows: Sequence[LiveRow], chains: Sequence[LiveChain]) -> Appended:
        """Store all or nothing, durably. Raises ArchiveError, sqlite3.Error and OSError; nothing is stored then."""
        exported, rows = self._without_exported_rows(day, rows)
        chains = self._without_exported_chains(day, chains)
        if not rows and not chains:
            return exported
        for _ in range(_ATTEMPTS):
            live = self._live_day(day)
            try:
                stored = live.append(rows, chains)
            except sqlite3.Error as problem:
                live.close()
                if not is_damage(problem):
                    raise
                self._quarantine.put_aside(live.path, f"{live.path.name} is damaged ({problem}).")
                continue
            if stored is not None:
                self._pool.give_back(live)
                return exported.plus(stored)
            live.close()
        raise ArchiveError(f"The live file of {day} was replaced again and again while it was written to; nothing was stored.")

    def _live_day(self, day: date) -> LiveDay:
        """A connection to the newest live file of the day that is neither retired nor damaged; made where there is none."""
        for _ in range(_ATTEMPTS):
            files = [one for one in self._layout.live_files(day, day) if not self._quarantine.shuns(one.path)]
            if files:
                path = files[-1].path
                try:
                    live = self._pool.borrow(path)
                    if not live.retired():
                        return live
                    live.close()
                except FileNotFoundError:
                    continue
                except sqlite3.Error as problem:
                    if not is_damage(problem):
                        raise
                    self._quarantine.put_aside(path, f"{path.name} is damaged ({problem}).")
                    continue
            LiveDay.create(self._layout.live_file(day, self._layout.highest_generation(day) + 1))
        raise ArchiveError(f"No live file of {day} could be opened; nothing was stored.")

    def _without_exported_rows(self, day: date, rows: Sequence[LiveRow]) -> tuple[Appended, list[LiveRow]]:
        file = self._layout.record_files(day, day).get(day)
        if file is None or self._quarantine.shuns(file.path):
            return Appended(0, 0), list(rows)
        same = different = 0
        left: list[LiveRow] = []
        groups: dict[tuple[Family, int], list[LiveRow]] = {}
        for row in rows:
            groups.setdefault((row.family, row.known), []).append(row)
        for (family, known), some in groups.items():
            try:
                there = self._records.last_rows(file.path, family, [row.symbol for row in some], known)
            except DamagedFileError as problem:
                self._records.forget(file.path)
                self._quarantine.put_aside(file.path, str(problem))
                there = {}
            for row in some:
                found = there.get(row.symbol)
                if found is None or found[0] != known:
                    left.append(row)
                elif found[1].packed() == (row.fields, row.curve):
                    same += 1
                else:
                    different += 1
        return Appended(0, same, different), left

    def _without_exported_chains(self, day: date, chains: Sequence[LiveChain]) -> list[LiveChain]:
        if not chains:
            return []
        files = self._layout.chain_files(day)
        there: dict[str, set[ChainKey]] = {}
        for symbol in {chain.symbol for chain in chains} & set(files):
            try:
                with chain_file(files[symbol].path) as file:
                    there[symbol] = set(file.keys)
            except DamagedFileError as problem:
                self._quarantine.put_aside(files[symbol].path, str(problem))
        return [chain for chain in chains if (chain.source, chain.known) not in there.get(chain.symbol, ())]
