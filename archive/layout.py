"""Where things are below the archive's folder, and what their names say.

Names carry a generation that only grows, so that no file is ever replaced and none comes back under a name it had before.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from exposure.sessions import EASTERN

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.g(\d+)\.(parquet|db)")
_YEAR_NAME = re.compile(r"(\d{4})\.g(\d+)\.parquet")
_SYMBOL_NAME = re.compile(r"symbol=([A-Z0-9.]+)\.g(\d+)\.parquet")
_YEAR_FOLDER = re.compile(r"year=(\d{4})")
_DATE_FOLDER = re.compile(r"date=(\d{4}-\d{2}-\d{2})")
_SYMBOL_FOLDER = re.compile(r"symbol=([A-Z0-9.]+)")


def to_microseconds(instant: datetime) -> int:
    """Microseconds since 1970 UTC. Raises ValueError for an instant without a timezone."""
    if instant.tzinfo is None:
        raise ValueError(f"The instant {instant} has no timezone.")
    return (instant - EPOCH) // _MICROSECOND


def from_microseconds(instant: int) -> datetime:
    """The UTC instant."""
    return EPOCH + timedelta(microseconds=instant)


def session_date(instant: datetime) -> date:
    """The US Eastern date that an instant is filed under."""
    return instant.astimezone(EASTERN).date()


@dataclass(frozen=True, slots=True, order=True)
class DayFile:
    """A file of one session date."""

    day: date
    generation: int
    path: Path


@dataclass(frozen=True, slots=True, order=True)
class SymbolFile:
    """A file of one symbol; `period` is a date in ISO form for chains, a year for series."""

    symbol: str
    period: str
    generation: int
    path: Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below one folder. A folder that does not exist lists as empty; other failures raise OSError."""

    root: Path

    @property
    def live(self) -> Path:
        return self.root / "live"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def turnstile(self) -> Path:
        """What writers of Parquet files lock, one at a time."""
        return self.live / "turnstile.db"

    def live_file(self, day: date, generation: int) -> Path:
        return self.live / f"{day}.g{generation}.db"

    def record_file(self, day: date, generation: int) -> Path:
        return self.root / "record" / f"year={day.year}" / f"{day}.g{generation}.parquet"

    def chain_file(self, day: date, symbol: str, generation: int) -> Path:
        return self.root / "chains" / f"date={day}" / f"symbol={symbol}.g{generation}.parquet"

    def series_file(self, symbol: str, year: int, generation: int) -> Path:
        return self.root / "series" / f"symbol={symbol}" / f"{year}.g{generation}.parquet"

    def live_files(self, first: date | None = None, last: date | None = None) -> list[DayFile]:
        """Live days from `first` to `last`, oldest first."""
        return sorted(_day_files(self.live, ".db", first, last))

    def every_record_file(self, first: date | None = None, last: date | None = None) -> list[DayFile]:
        """Every generation of every day, oldest first."""
        folder = self.root / "record"
        years = (int(found[1]) for name in names_in(folder) if (found := _YEAR_FOLDER.fullmatch(name)))
        found_files: list[DayFile] = []
        for year in years:
            if (first is None or year >= first.year) and (last is None or year <= last.year):
                found_files.extend(_day_files(folder / f"year={year}", ".parquet", first, last))
        return sorted(found_files)

    def record_files(self, first: date | None = None, last: date | None = None) -> dict[date, DayFile]:
        """The highest generation of each day, oldest first."""
        return {one.day: one for one in self.every_record_file(first, last)}

    def chain_days(self, first: date | None = None, last: date | None = None) -> list[date]:
        """Days with a folder of chains, oldest first."""
        names = names_in(self.root / "chains")
        days = (date.fromisoformat(found[1]) for name in names if (found := _DATE_FOLDER.fullmatch(name)))
        return sorted(day for day in days if (first is None or day >= first) and (last is None or day <= last))

    def every_chain_file(self, day: date) -> list[SymbolFile]:
        """Every generation of every symbol's chains of a day."""
        folder = self.root / "chains" / f"date={day}"
        return sorted(
            SymbolFile(found[1], day.isoformat(), int(found[2]), folder / name)
            for name in names_in(folder)
            if (found := _SYMBOL_NAME.fullmatch(name))
        )

    def chain_files(self, day: date) -> dict[str, SymbolFile]:
        """The highest generation of each symbol's chains of a day."""
        return {one.symbol: one for one in self.every_chain_file(day)}

    def series_symbols(self) -> list[str]:
        """Symbols that have a folder in the projection."""
        names = names_in(self.root / "series")
        return sorted(found[1] for name in names if (found := _SYMBOL_FOLDER.fullmatch(name)))

    def every_series_file(self, symbol: str) -> list[SymbolFile]:
        """Every generation of every year of a symbol's projection."""
        folder = self.root / "series" / f"symbol={symbol}"
        return sorted(
            SymbolFile(symbol, found[1], int(found[2]), folder / name)
            for name in names_in(folder)
            if (found := _YEAR_NAME.fullmatch(name))
        )

    def series_files(self, symbol: str) -> dict[int, SymbolFile]:
        """The highest generation of each year of a symbol's projection."""
        return {int(one.period): one for one in self.every_series_file(symbol)}

    def size(self) -> int:
        """Bytes of all files."""
        total = 0
        for parent, _, names in os.walk(self.root):
            for name in names:
                try:
                    total += Path(parent, name).stat().st_size
                except OSError:
                    continue
        return total

    def highest_generation(self, day: date) -> int:
        """The highest generation any file of the day has or had, also in quarantine; 0 where there was none."""
        pattern = re.compile(re.escape(str(day)) + r"\.g(\d+)\.")
        folders = (self.live, self.root / "record" / f"year={day.year}", self.quarantine)
        found = (pattern.search(name) for folder in folders for name in names_in(folder))
        return max((int(one[1]) for one in found if one), default=0)

    def highest_chain_generation(self, day: date, symbol: str) -> int:
        """As `highest_generation`, of a symbol's chains of a day."""
        return self._highest(self.chain_file(day, symbol, 0))

    def highest_series_generation(self, symbol: str, year: int) -> int:
        """As `highest_generation`, of a year of a symbol's projection."""
        return self._highest(self.series_file(symbol, year, 0))

    def _highest(self, zeroth: Path) -> int:
        """The highest generation of a file, also in quarantine, from what its path would be in generation 0."""
        stem = re.escape(zeroth.name.removesuffix("0.parquet")) + r"(\d+)\."
        home = re.escape(".".join(zeroth.relative_to(self.root).parts[:-1]) + ".")
        names = [*names_in(zeroth.parent), *names_in(self.quarantine)]
        return max((int(found[1]) for name in names if (found := re.match(f"(?:{home})?{stem}", name))), default=0)


def names_in(folder: Path) -> list[str]:
    """Names in a folder, none where it does not exist."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _day_files(folder: Path, suffix: str, first: date | None, last: date | None) -> Iterator[DayFile]:
    # Names sort as their dates do; comparing them first spares most of a year's names the parsing.
    low, high = str(first or date.min), str(last or date.max)
    for name in names_in(folder):
        if low <= name[:10] <= high and name.endswith(suffix) and (found := _DAY_NAME.fullmatch(name)):
            yield DayFile(date.fromisoformat(found[1]), int(found[2]), folder / name)
