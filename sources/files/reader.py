"""A folder of chain files as a source: which file answers for which symbol at which instant.

A file counts as known from its own stamp on. Without an instant the newest session of the folder is the present, and a symbol
whose newest file is from an earlier session is stale; with one, each symbol answers from its last file at or before it.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from exposure.instruments import canonical_symbol
from exposure.sessions import EASTERN
from exposure.snapshot import Missing, MissingReason, Mode, Notice, Provenance
from sources.base import ChainSnapshot, SourceStatus
from sources.files.cboe_csv import CboeCsv
from sources.files.cboe_json import CboeJson
from sources.files.formats import ChainFormat, Listing, UnreadableFileError, valuation_time
from sources.files.quote_list_json import QuoteListJson
from sources.files.table_csv import TableCsv

if TYPE_CHECKING:
    from exposure.chain import Chain

FORMATS: tuple[type[ChainFormat], ...] = (CboeJson, QuoteListJson, TableCsv, CboeCsv)
_HEAD_BYTES = 4096
_LARGEST_FILE_BYTES = 512 * 1024 * 1024
_UNLISTED_FOLDER = -1
_CHAINS_KEPT = 64
_CHAIN_SUFFIXES = (".json", ".csv")
_REMARKS_AT_MOST = 5
_LONGEST_NAME = 60
# A ticker at the start of a file name, class shares with one letter after the mark: NVDA.json, brk-b_2026-08-21.csv, _SPX.json
_NAMED_SYMBOL = re.compile(r"[_^$]?[A-Za-z]{1,6}([.\-][A-Za-z](?![A-Za-z]))?")


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    """A file's content as far as the file system tells it apart."""

    path: Path
    bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file of the folder: what it lists, or what is wrong with it. Neither: no reader knows its format."""

    fingerprint: _Fingerprint
    reader: ChainFormat | None = None
    listings: tuple[Listing, ...] = ()
    problem: str | None = None

    @property
    def named_symbol(self) -> str | None:
        """The symbol a file's name begins with, the only hint an unreadable file gives."""
        found = _NAMED_SYMBOL.match(self.fingerprint.path.name)
        return canonical_symbol(found[0]) if found else None

    def known_at(self, at: datetime | None) -> bool:
        """Whether the file was there at that instant: a broken one says no stamp, so its time of writing has to do."""
        return at is None or self.fingerprint.modified_ns <= at.timestamp() * 1e9


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One chain of the folder that can be asked for."""

    entry: _Entry
    listing: Listing
    quote_time: datetime


class FilesReader:
    """Chains from the files below `folder`. Safe to call from several threads.

    `clock` gives the present as a UTC instant: a file stamped later is not known yet. `flat_rate` and `staleness` are settings:
    the rate used where parity cannot say, and how old a replayed chain may be.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], datetime], flat_rate: float, staleness: timedelta) -> None:
        self._folder = folder
        self._clock = clock
        self._flat_rate = flat_rate
        self._staleness = staleness
        self._formats = tuple(build() for build in FORMATS)
        self._lock = threading.Lock()
        self._entries: dict[_Fingerprint, _Entry] = {}
        self._recent = _RecentChains(_CHAINS_KEPT)

    def read(self, symbols: Sequence[str], at: datetime | None) -> ChainSnapshot:
        """The chain of each symbol, newest in the folder or as known at `at`."""
        mode = Mode.SNAPSHOT if at is None else Mode.REPLAY
        try:
            entries = self._refresh()
        except OSError as problem:
            sentence = f"The folder of chain files cannot be read: {problem.strerror}."
            missing = tuple(Missing(symbol, MissingReason.FETCH_FAILED, sentence) for symbol in symbols)
            return ChainSnapshot({}, missing, Provenance("files", mode, synthetic=False, at=at))
        now = self._clock()
        candidates = _by_symbol(entries, now)
        broken = [entry for entry in entries if entry.problem is not None and entry.known_at(at)]
        newest_day = max((_day(one.quote_time) for many in candidates.values() for one in many), default=None)
        chosen: dict[str, _Candidate] = {}
        missing_ones: list[Missing] = []
        for symbol in symbols:
            found = candidates.get(symbol, ())
            choice = _newest(symbol, found, newest_day) if at is None else _as_of(symbol, found, at, self._staleness)
            if isinstance(choice, _Candidate):
                rival = _rival(choice, found)
                if rival is None:
                    chosen[symbol] = choice
                else:
                    missing_ones.append(rival)
            else:
                missing_ones.append(choice if found else _explained(choice, entries, broken, at or now))
        chains, unusable = self._load(list(chosen.values()))
        notices = _notices_of_bad_files(broken, set(chosen))
        provenance = Provenance("files", mode, synthetic=False, at=at, notices=notices)
        return ChainSnapshot(chains, (*missing_ones, *unusable), provenance)

    def describe(self) -> SourceStatus:
        try:
            entries = self._refresh()
        except OSError as problem:
            remark = f"The folder of chain files cannot be read: {problem.strerror}."
            return SourceStatus("files", Mode.SNAPSHOT, False, (), None, None, None, (remark,))
        now = self._clock()
        candidates = [one for many in _by_symbol(entries, now).values() for one in many]
        stamps = [one.listing.stamp for one in candidates]
        broken = [entry for entry in entries if entry.problem]
        remarks = [f"{_name(entry)} cannot be read: {entry.problem}." for entry in broken[:_REMARKS_AT_MOST]]
        if len(broken) > _REMARKS_AT_MOST:
            remarks.append(f"{len(broken) - _REMARKS_AT_MOST} more files cannot be read.")
        unknown = [entry for entry in entries if entry.reader is None and entry.problem is None]
        if unknown:
            names = ", ".join(one.name for one in self._formats)
            remarks.append(f"{len(unknown)} of the files are in no known format ({names}), {_name(unknown[0])} for one.")
        ahead = sum(1 for entry in entries for listing in entry.listings if listing.stamp > now)
        if ahead:
            remarks.append(f"{ahead} chains are stamped in the future and wait until then.")
        return SourceStatus(
            source="files",
            mode=Mode.SNAPSHOT,
            synthetic=False,
            symbols=tuple(sorted({one.listing.symbol for one in candidates})),
            newest_quote=max((one.quote_time for one in candidates), default=None),
            replay_from=min(stamps, default=None),
            replay_to=max(stamps, default=None),
            remarks=tuple(remarks),
        )

    def _refresh(self) -> list[_Entry]:
        """Every file of the folder, reading only those that are new or have changed."""
        with self._lock:
            present = list(_files_below(self._folder))
            self._entries = {one: self._entries.get(one) or self._inspect(one) for one in present}
            return list(self._entries.values())

    def _inspect(self, fingerprint: _Fingerprint) -> _Entry:
        path = fingerprint.path
        if fingerprint.bytes == _UNLISTED_FOLDER:
            return _Entry(fingerprint, problem="the folder cannot be listed")
        if fingerprint.bytes > _LARGEST_FILE_BYTES:
            return _Entry(fingerprint, problem=f"it is larger than {_LARGEST_FILE_BYTES >> 20} MB")
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD_BYTES)
                reader = next((one for one in self._formats if one.recognises(path, head)), None)
                if reader is None:
                    return _Entry(fingerprint, problem=self._why_unknown(path, head))
                listings = tuple(reader.listings(head + file.read()))
            for listing in listings:
                valuation_time(listing.stamp)
        except UnreadableFileError as problem:
            return _Entry(fingerprint, problem=str(problem))
        except OSError as problem:
            return _Entry(fingerprint, problem=f"the system says {problem.strerror}")
        return _Entry(fingerprint, reader, listings)

    def _why_unknown(self, path: Path, head: bytes) -> str | None:
        """What is wrong with a file that no reader knows; nothing, where its name does not promise a chain."""
        if not head:
            return "it is empty"
        if path.suffix.lower() not in _CHAIN_SUFFIXES:
            return None
        return f"it is in no known format ({', '.join(one.name for one in self._formats)})"

    def _load(self, chosen: Sequence[_Candidate]) -> tuple[dict[str, Chain], list[Missing]]:
        """The chain of each candidate; every file is opened once, however many of its chains are wanted."""
        chains: dict[str, Chain] = {}
        missing: list[Missing] = []
        by_file: dict[_Entry, list[Listing]] = {}
        for candidate in chosen:
            by_file.setdefault(candidate.entry, []).append(candidate.listing)
        for entry, listings in by_file.items():
            known = {one: chain for one in listings if (chain := self._recent.get((entry.fingerprint, one))) is not None}
            fresh = self._build(entry, [one for one in listings if one not in known])
            for listing, outcome in (known | fresh).items():
                if isinstance(outcome, UnreadableFileError):
                    detail = f"{_name(entry)} cannot be read: {outcome}."
                    missing.append(Missing(listing.symbol, MissingReason.UNUSABLE_CHAIN, detail))
                else:
                    chains[listing.symbol] = outcome
        return chains, missing

    def _build(self, entry: _Entry, wanted: Sequence[Listing]) -> dict[Listing, Chain | UnreadableFileError]:
        from exposure.chain import build_chain

        if not wanted or entry.reader is None:
            return {}
        built: dict[Listing, Chain | UnreadableFileError] = {}
        try:
            found = entry.reader.rows(entry.fingerprint.path.read_bytes(), wanted)
        except UnreadableFileError as problem:
            return dict.fromkeys(wanted, problem)
        except OSError as problem:
            return dict.fromkeys(wanted, UnreadableFileError(f"the system says {problem.strerror}"))
        for listing, rows in found.items():
            if isinstance(rows, UnreadableFileError):
                built[listing] = rows
            else:
                chain = build_chain(rows, flat_rate=self._flat_rate)
                self._recent.put((entry.fingerprint, listing), chain)
                built[listing] = chain
        return built


class _RecentChains:
    """The chains built last, by file content and listing."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._chains: OrderedDict[tuple[_Fingerprint, Listing], Chain] = OrderedDict()

    def get(self, key: tuple[_Fingerprint, Listing]) -> Chain | None:
        with self._lock:
            chain = self._chains.get(key)
            if chain is not None:
                self._chains.move_to_end(key)
            return chain

    def put(self, key: tuple[_Fingerprint, Listing], chain: Chain) -> None:
        with self._lock:
            self._chains[key] = chain
            while len(self._chains) > self._capacity:
                self._chains.popitem(last=False)


def _files_below(folder: Path) -> Iterator[_Fingerprint]:
    """Every visible file, in a stable order. Raises OSError where `folder` itself cannot be listed.

    A file that goes while the folder is being listed, a dangling link and a pipe are not files to read.
    """

    unlisted: list[Path] = []

    def note(problem: OSError) -> None:
        if problem.filename == os.fspath(folder):
            raise problem
        if not isinstance(problem, FileNotFoundError):
            unlisted.append(Path(problem.filename))

    for parent, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or name.endswith(("~", ".tmp", ".part")):
                continue
            path = Path(parent, name)
            try:
                facts = path.stat()
            except OSError:
                continue
            if stat.S_ISREG(facts.st_mode):
                yield _Fingerprint(path, facts.st_size, facts.st_mtime_ns)
    for path in unlisted:
        yield _Fingerprint(path, _UNLISTED_FOLDER, 0)


def _by_symbol(entries: Sequence[_Entry], now: datetime) -> dict[str, list[_Candidate]]:
    """Every chain known by `now`, oldest stamp first; a later file name wins where two stamps are equal."""
    found: dict[str, list[_Candidate]] = {}
    for entry in entries:
        for listing in entry.listings:
            if listing.stamp > now:
                continue
            candidate = _Candidate(entry, listing, listing.quote_time or valuation_time(listing.stamp))
            found.setdefault(listing.symbol, []).append(candidate)
    for candidates in found.values():
        candidates.sort(key=lambda one: one.listing.stamp)
    return found


def _newest(symbol: str, candidates: Sequence[_Candidate], newest_day: date | None) -> _Candidate | Missing:
    """The newest chain, unless the folder has moved on to a later session without this symbol."""
    if not candidates:
        return Missing(symbol, MissingReason.UNKNOWN_SYMBOL, f"No file in the folder has options of {symbol}.")
    last = candidates[-1]
    if _day(last.quote_time) == newest_day:
        return last
    detail = f"The newest file of {symbol} is from {_day(last.quote_time)}, the folder's newest session is {newest_day}."
    return Missing(symbol, MissingReason.STALE, detail)


def _as_of(symbol: str, candidates: Sequence[_Candidate], at: datetime, staleness: timedelta) -> _Candidate | Missing:
    """The last chain written at or before `at`, unless it is older than the staleness limit.

    Nothing written later may change the answer, so a symbol that came later and one that never came are told alike.
    """
    known = [one for one in candidates if one.listing.stamp <= at]
    if known and at - known[-1].quote_time <= staleness:
        return known[-1]
    detail = f"No file of {symbol} had been written by {_wall_clock(at)}; data_status says which instants there are."
    if known:
        limit = f"{staleness.total_seconds() / 86400:g} days"
        detail = f"The last file of {symbol} by then is from {_wall_clock(known[-1].listing.stamp)}, more than {limit} before."
    return Missing(symbol, MissingReason.NO_DATA_AT, detail)


def _explained(missing: Missing, entries: Sequence[_Entry], broken: Sequence[_Entry], now: datetime) -> Missing:
    """A symbol without a file that can answer: perhaps its file is unreadable, or stamped in the future."""
    if missing.reason is MissingReason.NO_DATA_AT:
        return _blame_bad_file(missing, broken)
    for entry in entries:
        if any(listing.symbol == missing.symbol and listing.stamp > now for listing in entry.listings):
            detail = f"{_name(entry)} of {missing.symbol} is stamped in the future and waits until then."
            return Missing(missing.symbol, MissingReason.NO_DATA_AT, detail)
    return _blame_bad_file(missing, broken)


def _blame_bad_file(missing: Missing, broken: Sequence[_Entry]) -> Missing:
    """A symbol without a readable file whose name is on an unreadable one is not unknown."""
    for entry in broken:
        if entry.named_symbol == missing.symbol:
            detail = f"{_name(entry)} cannot be read: {entry.problem}."
            return Missing(missing.symbol, MissingReason.UNUSABLE_CHAIN, detail)
    if not broken:
        return missing
    others = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
    detail = f"No readable file in the folder has options of {missing.symbol}; {_name(broken[0])}{others} cannot be read."
    return Missing(missing.symbol, missing.reason, detail)


def _notices_of_bad_files(broken: Sequence[_Entry], answered: set[str]) -> tuple[Notice, ...]:
    """Symbols that were answered from an older file although a newer one may be broken."""
    named = [entry for entry in broken if entry.named_symbol in answered]
    if not named:
        return ()
    others = f"; nor can {len(named) - 1} more" if len(named) > 1 else ""
    sentence = f"{_name(named[0])} cannot be read ({named[0].problem}){others}. Other files answer for the same names."
    return (Notice("unreadable_file", sentence),)


def _rival(choice: _Candidate, candidates: Sequence[_Candidate]) -> Missing | None:
    """A second file of the same symbol and instant: perhaps the puts of a chain whose calls are in the first."""
    others = [one for one in candidates if one.listing == choice.listing and one.entry != choice.entry]
    if not others:
        return None
    names = f"{_name(choice.entry)} and {_name(others[0].entry)}"
    detail = f"{names} both hold {choice.listing.symbol} of one instant; put the whole chain into one file, or remove one."
    return Missing(choice.listing.symbol, MissingReason.UNUSABLE_CHAIN, detail)


def _name(entry: _Entry) -> str:
    """A file's name as a person may see it: never its folder, no control characters, not endless."""
    name = "".join(character if character.isprintable() else "?" for character in entry.fingerprint.path.name)
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"


def _day(instant: datetime) -> date:
    return instant.astimezone(EASTERN).date()


def _wall_clock(instant: datetime) -> str:
    return f"{instant.astimezone(EASTERN):%Y-%m-%d %H:%M} Eastern"
