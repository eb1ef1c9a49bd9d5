"""From live files to Parquet: the day's chains first, then its rows, and only then is the live file given up.

Killed anywhere in between, both places hold the same rows under the same keys, and the next export finds nothing new to write.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path

from archive.answers import Tidied
from archive.chain_files import write_chains
from archive.layout import Layout
from archive.live_day import LiveDay, naming_damage, one_writer
from archive.quarantine import Quarantine
from archive.record_files import merged, write_day
from archive.view import LivePool

_SUFFIXES = ("", "-wal", "-shm")


def export_day(layout: Layout, pool: LivePool, quarantine: Quarantine, day: date) -> Tidied:
    """Merge what is live of a day into the next generation of its files. Raises sqlite3.Error, OSError, DamagedFileError."""
    with one_writer(layout.turnstile), ExitStack() as stack:
        lives: list[LiveDay] = []
        for file in layout.live_files(day, day):
            if quarantine.shuns(file.path):
                continue
            try:
                with naming_damage(file.path):
                    live = LiveDay.open(file.path)
                    stack.callback(live.close)
                    retired = live.retired()
            except FileNotFoundError:
                continue
            if retired:
                _remove(live, pool, layout)
            else:
                lives.append(live)
        if not lives:
            return Tidied()
        with ExitStack() as held:
            for live in lives:
                held.enter_context(live.exporting())
            written = _write_chains(layout, quarantine, day, lives)
            written += _write_rows(layout, quarantine, day, lives)
            for live in lives:
                live.retire()
        for live in lives:
            _remove(live, pool, layout)
    return Tidied(written=written, removed=len(lives))


def _write_rows(layout: Layout, quarantine: Quarantine, day: date, lives: Sequence[LiveDay]) -> int:
    """How many files it took to have everything in a day file that is at least as new as the live files."""
    every = layout.every_record_file(day, day)
    previous = next((one for one in reversed(every) if not quarantine.shuns(one.path)), None)
    table, footer, new = merged(previous, [row for live in lives for row in live.all_rows()])
    highest = layout.highest_generation(day)
    # The next live file is numbered after the day file: one that lagged behind would bring back the name of a live file.
    if previous is not None and not new and previous.generation == highest:
        return 0
    recorded = every[-1].generation if every else 0
    write_day(layout.record_file(day, highest if highest > recorded else highest + 1), table, footer)
    return 1


def _write_chains(layout: Layout, quarantine: Quarantine, day: date, lives: Sequence[LiveDay]) -> int:
    sound = {one.symbol: one.path for one in layout.every_chain_file(day) if not quarantine.shuns(one.path)}
    written = 0
    for symbol in sorted({symbol for live in lives for symbol in live.chain_symbols()}):
        path = layout.chain_file(day, symbol, layout.highest_chain_generation(day, symbol) + 1)
        chains = [chain for live in lives for chain in live.chains_of(symbol)]
        written += write_chains(path, sound.get(symbol), chains)
    return written


def _remove(live: LiveDay, pool: LivePool, layout: Layout) -> None:
    """Unlink a retired file; where a reader still holds on to it, the next export or compaction does."""
    pool.keep_only(file.path for file in layout.live_files() if file.path != live.path)
    try:
        if not live.settle():
            return
    except sqlite3.Error:
        return
    live.close()
    for suffix in _SUFFIXES:
        with contextlib.suppress(OSError):
            Path(f"{live.path}{suffix}").unlink(missing_ok=True)
