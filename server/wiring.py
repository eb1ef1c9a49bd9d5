"""Which source each setting stands for, and what it is built from. Called on the first question, in a worker thread."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

from server.settings import Settings, SourceName

if TYPE_CHECKING:
    from archive.store import Archive
    from sources.background import Background
    from sources.base import Source
    from sources.http import Host

_USER_AGENT = "dealer-exposure-mcp/{} (an MCP server a person runs for themselves; asks on demand, not in bulk)"
_LARGEST_CHAIN_BYTES = 64 * 1024 * 1024


def build_source(name: SourceName, settings: Settings, clock: Callable[[], datetime], background: Background) -> Source:
    """The source `name`, as the settings describe it."""
    match name:
        case SourceName.DEMO:
            from sources.computed import ComputedSource
            from sources.demo.reader import DemoReader

            return ComputedSource(DemoReader(clock))
        case SourceName.FILES:
            from sources.computed import ComputedSource
            from sources.files.reader import FilesReader

            assert settings.files_dir is not None  # Settings refuses the source `files` without it
            staleness = timedelta(days=settings.staleness_days)
            reader = FilesReader(settings.files_dir, clock=clock, flat_rate=settings.flat_rate, staleness=staleness)
            return ComputedSource(reader)
        case SourceName.CBOE:
            return _cboe(settings, clock, background)
        case SourceName.FLASHALPHA:
            return _flashalpha(settings, clock, background)
        case SourceName.ARCHIVE:
            from sources.archive.source import ArchiveSource

            return ArchiveSource(open_archive(settings, clock), clock=clock, staleness=timedelta(days=settings.staleness_days))


def open_archive(settings: Settings, clock: Callable[[], datetime]) -> Archive:
    """The user's archive; its folder need not exist yet."""
    from archive.store import Archive

    return Archive(settings.archive_folder, clock=clock)


def _cboe(settings: Settings, clock: Callable[[], datetime], background: Background) -> Source:
    from sources.cboe.source import CboeSource
    from sources.http import Host, Http

    host = Host(
        settings.cboe_url,
        at_once=settings.network_at_once,
        seconds_apart=settings.cboe_seconds_apart,
        largest_body=_LARGEST_CHAIN_BYTES,
        total_seconds=settings.network_timeout_seconds,
    )
    return CboeSource(
        Http(background, [host], user_agent=user_agent()),
        host=host,
        background=background,
        clock=clock,
        flat_rate=settings.flat_rate,
        staleness=timedelta(days=settings.staleness_days),
        cache_seconds=settings.cboe_cache_seconds,
        terms_accepted=settings.cboe_accept_terms,
    )


def _flashalpha(settings: Settings, clock: Callable[[], datetime], background: Background) -> Source:
    from sources.flashalpha.source import FlashAlphaSource
    from sources.http import Http

    live = _vendor_host(settings.flashalpha_url, settings)
    historical = _vendor_host(settings.flashalpha_historical_url, settings)
    key = settings.flashalpha_api_key
    return FlashAlphaSource(
        Http(background, [live, historical], user_agent=user_agent()),
        live=live,
        historical=historical,
        key=key.get_secret_value() if key else None,
        background=background,
        clock=clock,
        live_cache_seconds=settings.flashalpha_cache_seconds,
    )


def _vendor_host(address: str, settings: Settings) -> Host:
    from sources.http import Host

    return Host(address, at_once=settings.network_at_once, total_seconds=settings.network_timeout_seconds)


def user_agent() -> str:
    """What providers are told about who asks."""
    return _USER_AGENT.format(version("dealer-exposure-mcp"))


def import_what_questions_need(source: SourceName) -> None:
    """What `build_source` and the first exposure would otherwise import while somebody waits."""
    import numpy  # noqa: F401

    import exposure.basket
    import exposure.legs  # noqa: F401

    match source:
        case SourceName.DEMO:
            import sources.demo.reader
        case SourceName.FILES:
            import sources.files.reader
        case SourceName.CBOE:
            import httpx

            import sources.cboe.source
        case SourceName.FLASHALPHA:
            import httpx  # noqa: F401

            import sources.flashalpha.source
        case SourceName.ARCHIVE:
            import pyarrow.parquet  # noqa: F401

            import archive.engine  # noqa: F401
            import sources.archive.source  # noqa: F401
