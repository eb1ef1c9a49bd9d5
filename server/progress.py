"""How far a long command is, on stderr: one line that is rewritten on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time

_BAR_WIDTH = 24
_SECONDS_APART = 5.0
_TERMINAL_SECONDS_APART = 0.1


class ProgressLine:
    """Shows `done of total`, with a bar on a terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._terminal = sys.stderr.isatty()
        self._shown = time.monotonic()
        self._open = False

    def show(self, done: int, total: int, detail: str = "") -> None:
        """Tell how far it is, unless that was told a moment ago."""
        now = time.monotonic()
        if now - self._shown < (_TERMINAL_SECONDS_APART if self._terminal else _SECONDS_APART) and done < total:
            return
        if done == total and not self._open and not self._terminal:
            return
        self._shown = now
        text = f"{self._what} {done:,} of {total:,}{f', {detail}' if detail else ''}"
        if self._terminal:
            filled = _BAR_WIDTH * done // max(total, 1)
            sys.stderr.write(f"\r\x1b[K[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] {text}")
        else:
            sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
        self._open = True

    def end(self) -> None:
        """Leave the line, so that what follows begins on one of its own."""
        if self._open and self._terminal:
            sys.stderr.write("\n")
            sys.stderr.flush()
        self._open = False
