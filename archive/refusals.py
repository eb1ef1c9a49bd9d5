"""What the file system or SQLite says, in one sentence for a person."""

from __future__ import annotations

import errno
import sqlite3

from archive.answers import ArchiveError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_SQLITE_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM}
_SQLITE_FORBIDDEN = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_SQLITE_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def refusal(problem: OSError | sqlite3.Error) -> ArchiveError:
    """The sentence for a failure; what was acknowledged before it is not touched by any of them."""
    if isinstance(problem, sqlite3.Error):
        # The low byte is the kind of failure, the rest its detail.
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
        full, forbidden, busy = code in _SQLITE_FULL, code in _SQLITE_FORBIDDEN, code in _SQLITE_BUSY
        said = str(problem)
    else:
        full, forbidden, busy = problem.errno in _FULL, problem.errno in _FORBIDDEN, False
        said = problem.strerror or str(problem)
    if full:
        return ArchiveError(f"The archive's disk is full or failing ({said}); nothing more was stored, what was stored is safe.")
    if forbidden:
        return ArchiveError(f"The archive's folder cannot be used as it has to be ({said}); check its permissions.")
    if busy:
        return ArchiveError("Another process keeps the archive busy; nothing was stored, try again.")
    return ArchiveError(f"The archive cannot be used ({said}).")
