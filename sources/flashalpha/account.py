"""What the account endpoint says of plan and quota. Nothing else of it is read: it also holds a name and an address."""

from __future__ import annotations

import anyio

from sources.background import SharedWork
from sources.base import Check
from sources.flashalpha.connection import Connection
from sources.flashalpha.door import Tally
from sources.flashalpha.refusals import Refusal, plan_name

_PATH = "/v1/account"
_ASKED_AGAIN_AFTER = 60.0
_PATIENCE_SECONDS = 3.0


class Account:
    """Asks for the account where the quota is not known yet, at most once a minute, and never for long."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._door = connection.door
        self._quota = connection.quota
        self._clock = connection.clock
        self._plan: str | None = None
        self._work: SharedWork[str, str] = SharedWork(connection.background, lifetime=_ASKED_AGAIN_AFTER, capacity=1)

    async def remark(self) -> str:
        """Plan and quota as one sentence, or why they are not known."""
        if self._door.closed is not None:
            return self._door.closed
        problem = ""
        if self._quota.at(self._clock()) is None:
            problem = "FlashAlpha did not answer in time."
            with anyio.move_on_after(_PATIENCE_SECONDS):
                problem = await self._work.get(self._door.fingerprint, self._ask)
        now = self._clock()
        known, plan = self._quota.at(now), f"FlashAlpha plan {self._plan}" if self._plan else "FlashAlpha's quota"
        if known is None and problem:
            return f"What is left of FlashAlpha's quota is not known. {problem}"
        renewed = "" if known is None or known.unlimited else " (renewed at midnight UTC)"
        return f"{plan}: {self._quota.sentence(now)}{renewed}."

    async def check(self) -> Check:
        """Whether the key is there, the host answers and the quota has something left, for `doctor`."""
        if self._door.closed is not None:
            return Check("FlashAlpha", False, self._door.closed, "Get a key from FlashAlpha, or choose another source.")
        sentence = await self.remark()
        known = self._quota.at(self._clock())
        if known is None:
            return Check("FlashAlpha", False, sentence, "Check the key, the network and the proxy, then run doctor again.")
        spent = known.remaining == 0
        return Check("FlashAlpha", not spent, sentence, "Wait for the renewal at midnight UTC, or choose another source.")

    async def _ask(self) -> str:
        """Why nothing was learnt; empty where something was."""
        found = await self._connection.ask(_PATH, {}, Tally())
        if isinstance(found, Refusal):
            return found.sentence
        self._plan = plan_name(found.get("plan"), self._door.secret)
        if self._quota.at(self._clock()) is None:
            self._quota.set(found.get("daily_limit"), found.get("remaining"), self._clock())
        return ""
