"""What every question to one of FlashAlpha's two hosts needs, in one hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from exposure.snapshot import Notice
from sources.background import Background
from sources.flashalpha import wire
from sources.flashalpha.door import Door, Tally
from sources.flashalpha.quota import Quota
from sources.flashalpha.refusals import Refusal
from sources.http import Host


@dataclass(frozen=True, slots=True)
class Connection:
    """The way to one host. `quota` is the one that `door` listens for; `clock` gives the present as a UTC instant."""

    door: Door
    host: Host
    quota: Quota
    background: Background
    clock: Callable[[], datetime]

    async def ask(self, path: str, query: Mapping[str, str], tally: Tally) -> wire.Document | Refusal:
        """See `Door.ask`."""
        return await self.door.ask(self.host, path, query, tally)

    def calls_notice(self, what: str, tally: Tally) -> Notice:
        """What an answer cost, and what is left of the quota; `what` names its figures."""
        plural = "" if tally.calls == 1 else "s"
        left = self.quota.sentence(self.clock())
        return Notice("upstream_calls", f"{what} used {tally.calls:,} FlashAlpha call{plural}; {left}.")
