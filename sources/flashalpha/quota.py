"""What is known of the daily quota: read from the headers of every authenticated reply, forgotten at midnight UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

_LARGEST = 10**9


@dataclass(frozen=True, slots=True)
class Allowance:
    """Calls left and of how many; both None and `unlimited` where the plan has no daily limit."""

    remaining: int | None
    limit: int | None
    unlimited: bool = False


class Quota:
    """The allowance last heard of. Live and historical host share one bucket."""

    def __init__(self) -> None:
        self._heard: Allowance | None = None
        self._renewed: datetime | None = None

    def at(self, now: datetime) -> Allowance | None:
        """What is left at the UTC instant `now`; None where nothing is known, or where it was renewed since."""
        return self._heard if self._renewed is not None and now < self._renewed else None

    def hear(self, headers: Mapping[str, str], now: datetime) -> None:
        """Take over what a reply says; what cannot be read changes nothing."""
        self.set(headers.get("x-ratelimit-limit"), headers.get("x-ratelimit-remaining"), now)

    def set(self, limit: object, remaining: object, now: datetime) -> None:
        """Take over a limit and a remainder, each a whole number or the word `unlimited`."""
        if _is_unlimited(remaining):
            heard = Allowance(None, None, unlimited=True)
        else:
            left = _whole(remaining)
            if left is None:
                return
            before, of = self.at(now), _whole(limit)
            # Replies of one fan-out arrive in any order, and a quota only shrinks until it is renewed.
            if before is not None and before.remaining is not None and before.limit == of:
                left = min(left, before.remaining)
            heard = Allowance(left, of)
        self._heard = heard
        self._renewed = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(0), tzinfo=UTC)

    def sentence(self, now: datetime) -> str:
        """What is left, to follow a semicolon: lower case, without a full stop."""
        known = self.at(now)
        if known is None:
            return "how many are left today is not known"
        if known.unlimited or known.remaining is None:
            return "the plan has no daily limit"
        if known.limit is None:
            return f"{known.remaining:,} are left today"
        return f"{known.remaining:,} of today's {known.limit:,} are left"


def _is_unlimited(value: object) -> bool:
    return isinstance(value, str) and value.strip().lower() == "unlimited"


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        written = value.strip()
        value = int(written) if written.isascii() and written.isdigit() and len(written) <= 10 else None
    return value if isinstance(value, int) and 0 <= value <= _LARGEST else None
