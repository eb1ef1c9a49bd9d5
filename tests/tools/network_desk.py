"""A desk before the whole product: a server wired from settings, whose providers are loopback servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from tempfile import TemporaryDirectory

from mcp import Client

from server.app import build_server
from server.settings import Settings
from tests.sources import cboe_upstream, flashalpha_upstream
from tests.sources.loopback import Loopback
from tests.tools.desk import Desk, Era

KEY = flashalpha_upstream.KEY


@asynccontextmanager
async def a_wired_desk(settings: Settings, clock: Callable[[], datetime], era: Era = "auto") -> AsyncIterator[Desk]:
    """A client of a server that is built as the command line builds it, but for its clock."""
    async with Client(build_server(settings, clock=clock), mode=era) as client:
        yield Desk(client)


@asynccontextmanager
async def a_flashalpha_desk(
    loopback: Loopback,
    era: Era = "auto",
    *,
    clock: Callable[[], datetime] = lambda: flashalpha_upstream.PRESENT,
    **changes: str,
) -> AsyncIterator[Desk]:
    """With FlashAlpha as the source, unless `changes` (settings by field name) choose another."""
    given = {
        "source": "flashalpha",
        "flashalpha_api_key": KEY,
        "flashalpha_url": loopback.url,
        "flashalpha_historical_url": loopback.url,
    }
    async with a_wired_desk(Settings.load(given | changes), clock, era) as desk:
        yield desk


@asynccontextmanager
async def a_cboe_desk(
    loopback: Loopback,
    era: Era = "auto",
    *,
    clock: Callable[[], datetime] = lambda: cboe_upstream.PRESENT,
    **changes: str,
) -> AsyncIterator[Desk]:
    """With Cboe as the source, its terms accepted, no throttle and an empty archive, unless `changes` say otherwise."""
    given = {"source": "cboe", "cboe_accept_terms": "true", "cboe_url": loopback.url, "cboe_seconds_apart": "0"}
    with TemporaryDirectory() as archive:
        settings = Settings.load({"archive_dir": archive} | given | changes)
        async with a_wired_desk(settings, clock, era) as desk:
            yield desk
