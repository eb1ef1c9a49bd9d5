"""A client of the wired server over a source made by hand, whose clock stands at the NOW of the desk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mcp import Client

from server.app import build_server
from server.settings import Settings
from sources.base import Source
from sources.market import Market
from tests.tools.desk import NOW, Era, a_source

BASKETS_FILE = """\
[my_semis]
symbols = ["NVDA", "AMD"]
weights = [3, 1]
index = "SMH"

[twice]
symbols = ["NVDA", "NVDIA INC"]

[plain]
symbols = ["BRK.B", "NVDA"]
"""
"""The second basket has a mistake in line 7."""


@asynccontextmanager
async def a_wired_client(era: Era = "auto", source: Source | None = None, baskets: Path | None = None) -> AsyncIterator[Client]:
    """`baskets` is the user's file; the source knows AMD, BRK.B and NVDA unless another is given."""
    settings = Settings.load({"baskets": str(baskets)} if baskets else {})
    server = build_server(settings, market=Market(source or a_source()), clock=lambda: NOW)
    async with Client(server, mode=era) as client:
        yield client


def a_baskets_file(folder: Path, text: str = BASKETS_FILE) -> Path:
    """A file with baskets of the user's."""
    file = folder / "baskets.toml"
    file.write_text(text, encoding="utf-8")
    return file
