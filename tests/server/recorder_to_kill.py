"""A recorder of the demo market whose clock runs through a session without waiting, for a test that kills it.

Arguments: the folder of the archive, and the instant to begin at. Every line it prints is a snapshot that is on disk.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import anyio

from archive.store import Archive
from exposure.sampling import Step
from server.record import Clockwork, Recorder, say_line
from sources.computed import ComputedSource
from sources.demo.reader import DemoReader

SYMBOLS = ("NVDA", "AMD", "SPX", "KO")


class LeapingClock:
    """The present jumps to whatever instant is slept for."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def main() -> None:
    clock = LeapingClock(datetime.fromisoformat(sys.argv[2]))
    archive = Archive(Path(sys.argv[1]), clock=clock)
    recorder = Recorder(ComputedSource(DemoReader(clock)), "demo", archive, Clockwork(clock, clock.sleep), say_line)
    anyio.run(recorder.run, SYMBOLS, Step.FIVE_MINUTES)


if __name__ == "__main__":
    main()
