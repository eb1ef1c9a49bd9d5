"""Damaged files are put aside, never deleted, each with a sentence beside it; the rest goes on answering.

Where a file cannot be moved (a read-only folder, a file another process holds) it is shunned for as long as this process lives.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from datetime import date
from pathlib import Path

from archive.layout import Layout, names_in

_NOTE_SUFFIX = ".txt"
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.g(\d+)\.)?")


class Quarantine:
    """The folder of damaged files of one archive. Safe for several threads."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._shunned: dict[Path, str] = {}

    def put_aside(self, path: Path, sentence: str) -> None:
        """Move a damaged file out of the way of everyone; does not raise."""
        folder = self._layout.quarantine
        try:
            folder.mkdir(exist_ok=True)
            home = path.relative_to(self._layout.root).parts[:-1]
            kept = [part for part in home if part not in ("live", "record") and not part.startswith("year=")]
            name = ".".join([*kept, path.name])
            taken = set(names_in(folder))
            number = 1
            while name in taken:
                number += 1
                name = f"{'.'.join([*kept, path.name])}.{number}"
            os.rename(path, folder / name)
        except FileNotFoundError:
            return
        except OSError:
            with self._lock:
                self._shunned[path] = sentence
            return
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.rename(f"{path}{suffix}", folder / f"{name}{suffix}")
        with contextlib.suppress(OSError):
            (folder / f"{name}{_NOTE_SUFFIX}").write_text(f"{sentence}\n", encoding="utf-8")

    def shuns(self, path: Path) -> bool:
        """Whether a damaged file is still where it was."""
        return path in self._shunned

    def sentences(self, first: date | None = None, last: date | None = None) -> tuple[str, ...]:
        """One sentence a damaged file; with days, only of exposures and chains filed under them.

        A damaged generation of a day file that a newer one replaced since is left out then.
        """
        with self._lock:
            shunned = [(path.name, sentence) for path, sentence in sorted(self._shunned.items())]
        names = set(names_in(self._layout.quarantine))
        asked = [(name, self._note(name)) for name in sorted(names) if f"{name}{_NOTE_SUFFIX}" in names]
        return tuple(sentence for name, sentence in (*asked, *shunned) if self._concerns(name, first, last))

    def _concerns(self, name: str, first: date | None, last: date | None) -> bool:
        if first is None or last is None:
            return True
        found = _DAY.search(name)
        if found is None or not first <= (day := date.fromisoformat(found[1])) <= last:
            return False
        newest = self._layout.record_files(day, day).get(day)
        return found[2] is None or newest is None or newest.generation <= int(found[2])

    def _note(self, name: str) -> str:
        try:
            return (self._layout.quarantine / f"{name}{_NOTE_SUFFIX}").read_text(encoding="utf-8").strip()
        except OSError:
            return f"{name} is damaged."
