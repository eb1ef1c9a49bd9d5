"""The file that appends go to: one SQLite database a session date, until its day is exported.

WAL with synchronous=FULL: a commit is on disk before it is acknowledged, readers see whole snapshots and never block the writer.
A database that was exported is marked retired in its last transaction and then unlinked; its name is never used again, so a
writer that still holds the old file finds the mark and goes on to a new one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from archive.answers import Appended, ArchiveError, Family, Kind
from archive.durable import aside_of, make_folder, sync_file, sync_folder
from archive.parquet_file import DamagedFileError

_PATIENCE_SECONDS = 30.0
_RETIRED = "retired"

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
        """CREATE TABLE family (id INTEGER PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, units TEXT NOT NULL,
           UNIQUE (source, kind, units))""",
        """CREATE TABLE exposure (family INTEGER NOT NULL, symbol TEXT NOT NULL, known INTEGER NOT NULL, fields BLOB NOT NULL,
           curve BLOB NOT NULL, PRIMARY KEY (family, symbol, known)) WITHOUT ROWID""",
        """CREATE TABLE chain (source TEXT NOT NULL, symbol TEXT NOT NULL, known INTEGER NOT NULL, content BLOB NOT NULL,
           PRIMARY KEY (source, symbol, known))""",
    ),
)
"""Statements that lead from one schema version to the next; the version is how many were run."""


@dataclass(frozen=True, slots=True)
class LiveRow:
    """One exposure: `fields` and `curve` as `archive.rows` packs them, `known` in microseconds since 1970 UTC."""

    family: Family
    symbol: str
    known: int
    fields: bytes
    curve: bytes


@dataclass(frozen=True, slots=True)
class LiveChain:
    """One chain as `archive.chain_bytes` packs it."""

    source: str
    symbol: str
    known: int
    content: bytes


class LiveDay:
    """A connection to the live file of one day; one thread at a time. Methods raise sqlite3.Error."""

    def __init__(self, path: Path, connection: sqlite3.Connection, unwritable: sqlite3.Error | None = None) -> None:
        self.path = path
        self._connection = connection
        self._unwritable = unwritable

    @staticmethod
    def open(path: Path, *, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> LiveDay:
        """Open an existing file. Raises FileNotFoundError, or ArchiveError where a newer version wrote it."""
        connection, unwritable = _connect(path)
        try:
            found = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if found > len(migrations):
                raise ArchiveError(
                    f"{path.name} was written by a newer version of dealer-exposure-mcp (schema {found}, this one knows "
                    f"{len(migrations)}); update to read it."
                )
            if found < len(migrations):
                _migrate(connection, migrations)
        except BaseException:
            connection.close()
            raise
        return LiveDay(path, connection, unwritable)

    @staticmethod
    def create(path: Path, *, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
        """Make the file if no other process has, and never half of it."""
        make_folder(path.parent)
        aside = aside_of(path)
        try:
            connection = sqlite3.connect(aside, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                _migrate(connection, migrations)
            finally:
                connection.close()
            sync_file(aside)
            _publish(aside, path)
        finally:
            for leftover in (aside, Path(f"{aside}-wal"), Path(f"{aside}-shm"), Path(f"{aside}-journal")):
                leftover.unlink(missing_ok=True)
        sync_folder(path.parent)

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def append(self, rows: Sequence[LiveRow], chains: Sequence[LiveChain]) -> Appended | None:
        """Store all or nothing, durably; None where the file was retired meanwhile and another has to be used."""
        with self._writing():
            if self.retired():
                return None
            ids = self._family_ids({row.family for row in rows})
            counts = [0, 0, 0]
            for row in rows:
                counts[self._insert(ids[row.family], row)] += 1
            self._connection.executemany(
                "INSERT OR IGNORE INTO chain VALUES (?, ?, ?, ?)",
                [(chain.source, chain.symbol, chain.known, chain.content) for chain in chains],
            )
        return Appended(*counts)

    def _insert(self, family: int, row: LiveRow) -> int:
        key = (family, row.symbol, row.known)
        statement = "INSERT OR IGNORE INTO exposure VALUES (?, ?, ?, ?, ?)"
        inserted = self._connection.execute(statement, (*key, row.fields, row.curve))
        if inserted.rowcount == 1:
            return 0
        query = "SELECT fields, curve FROM exposure WHERE family = ? AND symbol = ? AND known = ?"
        return 1 if self._connection.execute(query, key).fetchall() == [(row.fields, row.curve)] else 2

    def _family_ids(self, families: Iterable[Family]) -> dict[Family, int]:
        for family in sorted(families):
            self._connection.execute(
                "INSERT OR IGNORE INTO family (source, kind, units) VALUES (?, ?, ?)",
                (family.source, family.kind.value, family.units),
            )
        return self.families()

    def families(self) -> dict[Family, int]:
        """Every family of the day, and the number it goes by in this file."""
        rows = self._connection.execute("SELECT id, source, kind, units FROM family").fetchall()
        return {Family(source, Kind(kind), units): number for number, source, kind, units in rows}

    def retired(self) -> bool:
        """Whether everything in the file has been exported, for good."""
        return bool(self._connection.execute("SELECT 1 FROM facts WHERE name = ?", (_RETIRED,)).fetchall())

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One unchanging view of the file for several queries."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def exporting(self) -> Iterator[None]:
        """Keep writers out; what the block does becomes durable at its end."""
        with self._writing():
            yield

    def retire(self) -> None:
        """Mark the file as exported; within `exporting`."""
        self._connection.execute("INSERT OR IGNORE INTO facts VALUES (?, 1)", (_RETIRED,))

    def settle(self) -> bool:
        """Move what the write-ahead log holds into the file; False where another connection stands in the way."""
        self._connection.execute("PRAGMA busy_timeout = 1000")
        busy, _, _ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def damaged(self) -> bool:
        """Whether SQLite finds the file inconsistent."""
        return bool(self._connection.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)])

    def last_rows(self, family: int, symbols: Iterable[str], at: int) -> dict[str, tuple[int, bytes, bytes]]:
        """Of each symbol the last row known by `at`: known, fields, curve."""
        query = """SELECT known, fields, curve FROM exposure WHERE family = ? AND symbol = ? AND known <= ?
                   ORDER BY known DESC LIMIT 1"""
        execute = self._connection.execute
        found = ((symbol, execute(query, (family, symbol, at)).fetchall()) for symbol in symbols)
        return {symbol: rows[0] for symbol, rows in found if rows}

    def rows_of(self, family: int, symbol: str) -> list[tuple[int, bytes]]:
        """Known and fields of every row of a symbol, oldest first."""
        query = "SELECT known, fields FROM exposure WHERE family = ? AND symbol = ? ORDER BY known"
        return self._connection.execute(query, (family, symbol)).fetchall()

    def all_rows(self) -> list[LiveRow]:
        """Everything, in no order that means anything."""
        names = {number: family for family, number in self.families().items()}
        rows = self._connection.execute("SELECT family, symbol, known, fields, curve FROM exposure").fetchall()
        return [LiveRow(names[number], symbol, known, fields, curve) for number, symbol, known, fields, curve in rows]

    def parts(self) -> list[tuple[int, str, int, int, int]]:
        """Of each family and symbol: family, symbol, rows, first and last known."""
        query = "SELECT family, symbol, count(*), min(known), max(known) FROM exposure GROUP BY family, symbol"
        return self._connection.execute(query).fetchall()

    def chain_symbols(self) -> list[str]:
        """Symbols with a chain."""
        return [symbol for (symbol,) in self._connection.execute("SELECT DISTINCT symbol FROM chain ORDER BY symbol")]

    def chain_keys(self, symbol: str) -> list[tuple[str, int]]:
        """Source and known of every chain of a symbol."""
        return self._connection.execute("SELECT source, known FROM chain WHERE symbol = ?", (symbol,)).fetchall()

    def chain(self, symbol: str, source: str, known: int) -> bytes | None:
        """The content of a chain that may be there."""
        query = "SELECT content FROM chain WHERE source = ? AND symbol = ? AND known = ?"
        found = self._connection.execute(query, (source, symbol, known)).fetchone()
        return found[0] if found else None

    def chains_of(self, symbol: str) -> list[LiveChain]:
        """Every chain of a symbol."""
        query = "SELECT source, symbol, known, content FROM chain WHERE symbol = ?"
        return [LiveChain(*row) for row in self._connection.execute(query, (symbol,))]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self._unwritable is not None:
            # Why it could only be opened for reading: a full disk has no room for the shared index of the log.
            raise self._unwritable
        with _transaction(self._connection):
            yield


@contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Let one process at a time through; a process that dies gives way at once. Raises sqlite3.Error and OSError."""
    make_folder(path.parent)
    connection = sqlite3.connect(path, timeout=4 * _PATIENCE_SECONDS, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        connection.close()


def is_damage(problem: sqlite3.Error) -> bool:
    """Whether an error says that the content of the file is broken, rather than that it cannot be reached."""
    code = getattr(problem, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or code == sqlite3.SQLITE_IOERR_SHORT_READ


@contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Raise DamagedFileError where SQLite finds the content of `path` broken; every other sqlite3.Error passes."""
    try:
        yield
    except sqlite3.Error as problem:
        if not is_damage(problem):
            raise
        raise DamagedFileError(path, str(problem)) from problem


def _connect(path: Path) -> tuple[sqlite3.Connection, sqlite3.Error | None]:
    """A connection that never creates the file, and, where it can only read, what stood in the way of writing."""
    if not path.exists():
        raise FileNotFoundError(path)
    address = path.absolute().as_uri()
    ways = ["mode=rw", "mode=ro"]
    if not Path(f"{path}-wal").exists():
        ways.append("immutable=1")
    problem: sqlite3.Error | None = None
    for way in ways:
        connection = sqlite3.connect(
            f"{address}?{way}", uri=True, timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlite3.OperationalError as failure:
            connection.close()
            problem = problem or failure
        except BaseException:
            connection.close()
            raise
        else:
            return connection, problem
    if not path.exists():
        raise FileNotFoundError(path)
    assert problem is not None
    raise problem


def _migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]]) -> None:
    with _transaction(connection):
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        for statements in migrations[found:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _publish(aside: Path, path: Path) -> None:
    """Give the new file its name unless another process was first."""
    try:
        os.link(aside, path)
    except FileExistsError:
        return
    except OSError:
        # A file system without hard links; Windows refuses to rename onto a file that exists.
        if not path.exists():
            os.rename(aside, path)
