"""One authenticated question to FlashAlpha: its JSON object, or why there is none."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sources.flashalpha import wire
from sources.flashalpha.quota import Quota
from sources.flashalpha.refusals import KEY_WANTED, Refusal, refusal_of, refusal_without_reply, unreadable
from sources.http import FetchError, Host, Http


@dataclass(slots=True)
class Tally:
    """Calls one question has used, and the refusal that makes further ones pointless."""

    calls: int = 0
    barred: Refusal | None = None


class Door:
    """Holds the key, shows it to nobody but the hosts, and listens to what every reply says of the quota."""

    def __init__(self, http: Http, key: str | None, quota: Quota, clock: Callable[[], datetime]) -> None:
        self._http = http
        self._key = (key or "").strip()
        self._quota = quota
        self._clock = clock
        salt = secrets.token_bytes(16)
        self.fingerprint = hashlib.blake2b(self._key.encode(), key=salt, digest_size=16).hexdigest()
        """Stands for the key in cache keys; of no use outside this process."""

    def __repr__(self) -> str:
        return "Door()"

    @property
    def closed(self) -> str | None:
        """Why nothing can be asked at all, as a sentence; None where there is a key."""
        if not self._key:
            return KEY_WANTED
        if not self._key.isascii() or not self._key.isprintable():
            return "The FlashAlpha key holds characters that no key has; copy it again."
        return None

    @property
    def secret(self) -> str:
        """The key, for keeping it out of what is shown."""
        return self._key

    async def ask(self, host: Host, path: str, query: Mapping[str, str], tally: Tally) -> wire.Document | Refusal:
        """GET `path`. Counts one call in `tally`, whatever comes of it."""
        tally.calls += 1
        return await self._asked(host, path, query, {"X-Api-Key": self._key})

    async def knock(self, host: Host, path: str) -> Refusal | None:
        """Whether `path` is answered at all, asked without the key: that can cost no call, and a 401 is the usual answer."""
        found = await self._asked(host, path, {}, {})
        return found if isinstance(found, Refusal) else None

    async def _asked(
        self, host: Host, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> wire.Document | Refusal:
        try:
            reply = await self._http.get(host, path, query=query, headers=headers)
        except FetchError as problem:
            return refusal_without_reply(problem)
        now = self._clock()
        if reply.status != 401:
            self._quota.hear(reply.headers, now)
        refusal = refusal_of(reply, now, self._key)
        return refusal or wire.document(reply.body) or unreadable()
