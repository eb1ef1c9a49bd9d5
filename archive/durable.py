"""Files that are either there completely or not at all, whatever kills the process or the machine."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

ASIDE_SUFFIX = ".aside"


def write_aside(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` fill a file beside `path`, and give it that name once it is on disk.

    Only one process may write a given name at a time. Raises what `write` raises, and OSError; nothing is left behind then.
    """
    make_folder(path.parent)
    aside = aside_of(path)
    try:
        write(aside)
        sync_file(aside)
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that a power failure does not take a new one away with what was put into it."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def aside_of(path: Path) -> Path:
    """A name in the same folder that no other process uses."""
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}{ASIDE_SUFFIX}")


def sync_file(path: Path) -> None:
    """Wait until a file's content is on disk."""
    with path.open("rb+") as opened:
        os.fsync(opened.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until a folder's names are on disk, where the system offers that (Windows does not)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
