"""Made-up recordings for the tests of the archive: many symbols, many minutes, values that say where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from archive.answers import Recording
from archive.store import Archive
from exposure.dealer import AtTheMoneyCurve, Coverage, Dropped, DropReason, SymbolExposure
from tests.builders import an_exposure

OPEN = datetime(2024, 6, 5, 13, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIVE_DAYS = timedelta(days=5)
COVERAGE = Coverage(
    listed=120, seen=90, used=80, open_interest_seen=5000.5, open_interest_used=4800.25,
    dropped={DropReason.NO_IV: Dropped(7, 150.25), DropReason.BAD_ROW: Dropped(3, None)}, parity_share=0.75,
)  # fmt: skip


def an_archive(folder: Path, now: datetime = OPEN + timedelta(days=30)) -> Archive:
    """An archive whose clock stands still."""
    return Archive(folder, clock=lambda: now)


def a_row(symbol: str, known: datetime, value: float = 1.0) -> SymbolExposure:
    """An exposure whose every number carries `value`."""
    return replace(
        an_exposure(
            symbol, call_gex=value, put_gex=value / 3, spot=100 + value / 7, quote_time=known, same_day_call_gex=value / 11
        ),
        at_the_money=AtTheMoneyCurve((0.01, 0.1, 0.5), (value / 13, None, 0.25)),
        coverage=COVERAGE,
    )


def a_recording(
    symbols: Sequence[str], minute: int, *, value: float | None = None, source: str = "files", start: datetime = OPEN
) -> Recording:
    """A snapshot of all symbols at a minute of the session; the value is the minute unless told."""
    known = start + minute * MINUTE
    number = float(minute + 1) if value is None else value
    return Recording(known, [a_row(symbol, known, number + place / 100) for place, symbol in enumerate(symbols)], source)


def store(archive: Archive, recording: Recording) -> None:
    """Append one recording."""
    archive.append(recording.known, recording.exposures, source=recording.source, chains=recording.chains, units=recording.units)
