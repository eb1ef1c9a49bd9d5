"""`import`: chain files into the archive, known there from the stamp they carry.

Nothing is taken on trust: a file or a chain that the source `files` would not answer from is dropped with its reason. Importing
the same again changes nothing, so an import that was interrupted is continued by running it again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from exposure.sessions import EASTERN
from exposure.snapshot import Missing
from server.progress import ProgressLine
from sources.computed import measured_each
from sources.files.formats import ChainFormat, Listing, UnreadableFileError, valuation_time
from sources.files.import_formats import IMPORT_FORMATS

if TYPE_CHECKING:
    from archive.answers import Appended, Recording
    from archive.store import Archive
    from exposure.chain import Chain, QuoteRows
    from exposure.dealer import Coverage, SymbolExposure

ANY_FORMAT = "auto"
SOURCE = "files"
"""What imported rows are filed under, whatever their format: one answer may put chains of several formats side by side."""

_HEAD_BYTES = 4096
_LARGEST_FILE_BYTES = 512 * 1024 * 1024
_KEPT_FILE_BYTES = 256 * 1024 * 1024
_CHAIN_SUFFIXES = (".json", ".csv")


class ImportRefusedError(Exception):
    """An import that cannot begin; the message is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A chain that is imported, or would be."""

    path: Path
    listing: Listing
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A file, or one chain of it, that is not imported; `reason` has no full stop."""

    path: Path
    reason: str
    listing: Listing | None = None


@dataclass(slots=True)
class Report:
    """What became of the files of an import; `stored` is None for a dry run."""

    taken: list[Taken] = field(default_factory=list)
    dropped: list[NotTaken] = field(default_factory=list)
    stored: Appended | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """A file that can be read, the chains it lists, and a fingerprint of its content."""

    path: Path
    reader: ChainFormat
    listings: tuple[Listing, ...]
    content: bytes
    bytes: int


Told = Callable[[int, int, str], None]
"""Told how many chains are done, of how many, and the one at hand."""


def import_chains(
    archive: Archive | None,
    format_name: str,
    paths: Sequence[Path],
    *,
    now: datetime,
    flat_rate: float,
    told: Told = lambda _done, _total, _detail: None,
) -> Report:
    """Import every chain below `paths` in the named format (or `ANY_FORMAT`); without an archive it is a dry run.

    Chains stamped after `now` are dropped. Raises ImportRefusedError where a path does not exist or the format is unknown, and
    ArchiveError where the archive cannot take them.
    """
    report = Report()
    files = [one for path in _files_below(paths) if (one := _inspected(path, format_name, report)) is not None]
    wanted = list(_without_rivals(files, now, report))
    wanted.sort(key=lambda one: (one[1].stamp, one[1].symbol))
    with closing(_recordings(wanted, flat_rate, report, told)) as recordings:
        if archive is None:
            for _ in recordings:
                pass
        else:
            report.stored = archive.append_many(recordings)
    return report


def _files_below(paths: Sequence[Path]) -> Iterator[Path]:
    """Every visible file named or below a folder named, each once, in a stable order."""
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise ImportRefusedError(f"{path} does not exist.")
        for file in [path] if path.is_file() else _walked(path):
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _walked(folder: Path) -> Iterator[Path]:
    def refuse(problem: OSError) -> None:
        raise ImportRefusedError(f"{problem.filename} cannot be listed: {problem.strerror}.")

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if not name.startswith(".") and path.is_file():
                yield path


def _inspected(path: Path, format_name: str, report: Report) -> _File | None:
    """The file with what it lists; None, and a line of the report, where it cannot be used."""
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE_BYTES:
            raise UnreadableFileError(f"it is larger than {_LARGEST_FILE_BYTES >> 20} MB")
        content = path.read_bytes()
        reader = _reader(path, content[:_HEAD_BYTES], format_name)
        if reader is None:
            return None
        listings = tuple(reader.listings(content))
        for listing in listings:
            valuation_time(listing.stamp)
        return _File(path, reader, listings, blake2b(content).digest(), size)
    except UnreadableFileError as problem:
        report.dropped.append(NotTaken(path, str(problem)))
    except OSError as problem:
        report.dropped.append(NotTaken(path, f"the system says {problem.strerror}"))
    return None


def _reader(path: Path, head: bytes, format_name: str) -> ChainFormat | None:
    """What reads the file; None where nothing promises that it is a chain."""
    if format_name != ANY_FORMAT:
        build = IMPORT_FORMATS.get(format_name)
        if build is None:
            raise ImportRefusedError(f"{format_name!r} is not a format; there are {', '.join((*IMPORT_FORMATS, ANY_FORMAT))}.")
        reader = build(path)
        if not reader.recognises(path, head):
            raise UnreadableFileError(f"it is not in the format {format_name}")
        return reader
    for build in IMPORT_FORMATS.values():
        reader = build(path)
        if reader.recognises(path, head):
            return reader
    if path.suffix.lower() in _CHAIN_SUFFIXES:
        raise UnreadableFileError(f"it is in none of the formats {', '.join(IMPORT_FORMATS)}")
    return None


def _without_rivals(files: Sequence[_File], now: datetime, report: Report) -> Iterator[tuple[_File, Listing]]:
    """Every chain that one file alone holds, or several copies of one file, and that is not stamped in the future."""
    holders: dict[Listing, list[_File]] = {}
    for file in files:
        for listing in file.listings:
            holders.setdefault(listing, []).append(file)
    for listing, several in holders.items():
        first = several[0]
        rival = next((one for one in several if one.content != first.content), None)
        if listing.stamp > now:
            report.dropped.append(NotTaken(first.path, "it is stamped in the future", listing))
        elif rival is not None:
            reason = f"{rival.path.name} holds the same symbol and instant; put the whole chain into one file, or remove one"
            report.dropped.append(NotTaken(first.path, reason, listing))
        else:
            yield first, listing


def _recordings(
    wanted: Sequence[tuple[_File, Listing]], flat_rate: float, report: Report, told: Told
) -> Generator[Recording, None, None]:
    """The chains as snapshots, one for each stamp."""
    from archive.answers import Recording

    rows, done = _Rows(wanted), 0
    for stamp, together in groupby(wanted, key=lambda one: one[1].stamp):
        exposures: list[SymbolExposure] = []
        chains: list[Chain] = []
        for file, listing in together:
            found = rows.of(file, listing)
            outcome = found if isinstance(found, UnreadableFileError) else _measured(found, flat_rate)
            if isinstance(outcome, tuple):
                chains.append(outcome[0])
                exposures.append(outcome[1])
                report.taken.append(Taken(file.path, listing, outcome[0].coverage))
            else:
                reason = outcome.detail if isinstance(outcome, Missing) else str(outcome)
                report.dropped.append(NotTaken(file.path, reason.rstrip("."), listing))
            done += 1
            told(done, len(wanted), f"{listing.symbol} of {stamp.astimezone(EASTERN):%Y-%m-%d %H:%M}")
        if chains:
            yield Recording(stamp, exposures, SOURCE, chains)


def _measured(rows: QuoteRows, flat_rate: float) -> tuple[Chain, SymbolExposure] | Missing:
    from exposure.chain import build_chain

    chain = build_chain(rows, flat_rate=flat_rate)
    (exposure,) = measured_each([chain])
    return exposure if isinstance(exposure, Missing) else (chain, exposure)


class _Rows:
    """The rows of chains, one after the other. A file with many chains is parsed once, unless that takes much memory."""

    def __init__(self, wanted: Iterable[tuple[_File, Listing]]) -> None:
        self._left: dict[_File, list[Listing]] = {}
        for file, listing in wanted:
            self._left.setdefault(file, []).append(listing)
        self._parsed: dict[_File, dict[Listing, QuoteRows | UnreadableFileError]] = {}

    def of(self, file: _File, listing: Listing) -> QuoteRows | UnreadableFileError:
        parsed = self._parsed.get(file)
        if parsed is None:
            kept = sum(one.bytes for one in self._parsed) + file.bytes <= _KEPT_FILE_BYTES
            parsed = self._parse(file, self._left[file] if kept else [listing])
            if kept:
                self._parsed[file] = parsed
        self._left[file].remove(listing)
        found = parsed.pop(listing)
        if not self._left[file]:
            self._parsed.pop(file, None)
        return found

    @staticmethod
    def _parse(file: _File, wanted: Sequence[Listing]) -> dict[Listing, QuoteRows | UnreadableFileError]:
        try:
            return dict(file.reader.rows(file.path.read_bytes(), wanted))
        except UnreadableFileError as problem:
            return dict.fromkeys(wanted, problem)
        except OSError as problem:
            return dict.fromkeys(wanted, UnreadableFileError(f"the system says {problem.strerror}"))


def print_import(archive: Archive | None, format_name: str, paths: Sequence[Path], *, now: datetime, flat_rate: float) -> bool:
    """Import, with a progress line on stderr and the report on stdout. Returns whether everything was taken. Raises as above."""
    line = ProgressLine("Reading chains:" if archive is None else "Importing chains:")
    try:
        report = import_chains(archive, format_name, paths, now=now, flat_rate=flat_rate, told=line.show)
    finally:
        line.end()
    if archive is None:
        sys.stdout.writelines(f"take  {_described(one)}\n" for one in report.taken)
    sys.stdout.writelines(f"drop  {_named(one.path, one.listing)}: {one.reason}.\n" for one in report.dropped)
    symbols = len({one.listing.symbol for one in report.taken})
    if not (report.taken or report.dropped):
        sys.stdout.write(f"No file that could hold chains ({', '.join(_CHAIN_SUFFIXES)}) is in {', '.join(map(str, paths))}.\n")
    sys.stdout.write(f"{_verdict(report, symbols)}\n")
    different = report.stored.rows_different if report.stored is not None else 0
    return not report.dropped and not different and bool(report.taken)


def _verdict(report: Report, symbols: int) -> str:
    counted = f"{_count(len(report.taken), 'chain')} of {_count(symbols, 'symbol')}"
    dropped = f"{len(report.dropped):,} dropped"
    if report.stored is None:
        return f"Dry run: {counted} would be taken, {dropped}; nothing was written."
    stored = report.stored
    different = (
        f", {stored.rows_different:,} differ from what the archive holds and were left as they were"
        if stored.rows_different
        else ""
    )
    return f"{counted}: {stored.rows_new:,} new, {stored.rows_already_there:,} already there{different}; {dropped}."


def _described(one: Taken) -> str:
    coverage = one.coverage
    share = coverage.open_interest_share
    of_interest = "" if share is None else f" ({share:.1%} of the open interest)"
    lost = ", ".join(f"{dropped.contracts:,} {reason.value}" for reason, dropped in coverage.dropped.items())
    left_out = f"; left out {lost}" if lost else ""
    return f"{_named(one.path, one.listing)}: {coverage.used:,} of {coverage.seen:,} contracts{of_interest}{left_out}"


def _named(path: Path, listing: Listing | None) -> str:
    if listing is None:
        return path.name
    return f"{listing.symbol} {listing.stamp.astimezone(EASTERN):%Y-%m-%d %H:%M} Eastern, {path.name}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
