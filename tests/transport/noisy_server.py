"""A server whose source prints, writes to file descriptor 1, warns, logs and runs a talkative child. Run as a script."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime

from exposure.snapshot import Snapshot
from server import cli
from server.app import build_market
from server.settings import Settings
from sources.background import Progress
from sources.base import SourceStatus
from sources.market import Market

NOISE = "NOISE"


class NoisySource:
    """The demo market with bad manners."""

    def __init__(self, quiet: Market) -> None:
        self._quiet = quiet

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        _make_noise()
        return await self._quiet.snapshot(symbols, at)

    async def status(self) -> SourceStatus:
        _make_noise()
        return (await self._quiet.status()).live


def _make_noise() -> None:
    sys.stdout.write(f"{NOISE} printed\n")
    sys.stdout.flush()
    sys.stdout.write(f"{NOISE} printed without a line end or a flush")
    os.write(1, f"{NOISE} written to descriptor 1\n".encode())
    warnings.warn(f"{NOISE} warned", stacklevel=1)
    logging.getLogger(__name__).error("%s logged", NOISE)
    subprocess.run([sys.executable, "-c", f"print({NOISE!r}, 'from a child')"], check=True)


def main() -> None:
    """Serve the noisy market exactly as the console script would serve a quiet one."""
    import server.app

    quiet = build_market(Settings(), lambda: datetime(2024, 6, 5, 20, tzinfo=UTC))
    server.app.build_market = lambda *_: Market(NoisySource(quiet))
    cli.main([])


if __name__ == "__main__":
    main()
