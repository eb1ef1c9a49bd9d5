"""Keeping the folder small and sound: what nobody needs any more goes, what is damaged is put aside."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain, groupby
from pathlib import Path
from typing import Any

from archive.answers import ArchiveError, Tidied
from archive.chain_files import verify_chains
from archive.durable import ASIDE_SUFFIX
from archive.layout import DayFile, Layout, SymbolFile, names_in
from archive.live_day import LiveDay, naming_damage, one_writer
from archive.parquet_file import DamagedFileError, opened
from archive.quarantine import Quarantine
from archive.record_files import read_whole


def compact(layout: Layout, *, now: datetime, grace: timedelta) -> Tidied:
    """Remove generations that were replaced longer than `grace` ago, and what killed writers left. Raises OSError."""
    if next(chain(_generations(layout), _leftovers(layout)), None) is None:
        # Even the lock would be a file in a folder that is not there, or is no archive.
        return Tidied()
    before = (now - grace).timestamp()
    removed = 0
    with one_writer(layout.turnstile):
        for files in _generations(layout):
            newest = files[-1]
            if len(files) > 1 and newest.stat().st_mtime <= before and _opens(newest):
                removed += sum(_unlink(path) for path in files[:-1])
        for path in _leftovers(layout):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime <= before:
                    removed += _unlink(path)
    return Tidied(removed=removed)


def check(layout: Layout, quarantine: Quarantine) -> Tidied:
    """Read every current file to the end and put damaged ones into quarantine. Raises OSError and sqlite3.Error."""
    remarks: list[str] = []
    for path, read in _readings(layout):
        if quarantine.shuns(path):
            continue
        try:
            read(path)
        except DamagedFileError as problem:
            quarantine.put_aside(path, str(problem))
            remarks.append(str(problem))
        except ArchiveError as problem:
            remarks.append(str(problem))
        except FileNotFoundError:
            continue
    return Tidied(removed=len(remarks), remarks=tuple(remarks))


def _readings(layout: Layout) -> Iterator[tuple[Path, Callable[[Path], object]]]:
    for live in layout.live_files():
        yield live.path, _read_live
    for record in layout.record_files().values():
        yield record.path, read_whole
    for day in layout.chain_days():
        for chains in layout.chain_files(day).values():
            yield chains.path, verify_chains
    for symbol in layout.series_symbols():
        for series in layout.series_files(symbol).values():
            yield series.path, _read_series


def _read_live(path: Path) -> None:
    with naming_damage(path):
        live = LiveDay.open(path)
        try:
            damaged = live.damaged()
        finally:
            live.close()
    if damaged:
        raise DamagedFileError(path, "SQLite finds it inconsistent")


def _read_series(path: Path) -> None:
    with opened(path) as (file, _):
        file.read()


def _generations(layout: Layout) -> Iterator[list[Path]]:
    """The generations of each thing, oldest first."""
    yield from _by(layout.every_record_file(), lambda file: str(file.day))
    for day in layout.chain_days():
        yield from _by(layout.every_chain_file(day), lambda file: file.symbol)
    for symbol in layout.series_symbols():
        yield from _by(layout.every_series_file(symbol), lambda file: file.period)


def _by(files: Iterable[DayFile | SymbolFile], key: Callable[[Any], str]) -> Iterator[list[Path]]:
    for _, group in groupby(files, key=key):
        yield [file.path for file in sorted(group, key=lambda file: file.generation)]


def _leftovers(layout: Layout) -> Iterator[Path]:
    """Files a killed writer was still filling, and the logs of live files that are gone."""
    live = set(names_in(layout.live))
    for name in live:
        stem = name.removesuffix("-wal").removesuffix("-shm")
        if stem != name and stem not in live:
            yield layout.live / name
    for parent, _, names in os.walk(layout.root):
        yield from (Path(parent, name) for name in names if ASIDE_SUFFIX in name and name.startswith("."))


def _opens(path: Path) -> bool:
    try:
        with opened(path):
            return True
    except DamagedFileError:
        return False


def _unlink(path: Path) -> int:
    # Windows refuses while a reader has the file open; the next compaction tries again.
    try:
        path.unlink()
    except OSError:
        return 0
    return 1
