"""What the headers of a reply say of time: what the host's clock shows, and when it wants to be asked again."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

_AGE = re.compile(r"[0-9]{1,9}")
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from now, from `headers` with lower-case names. None where the host does not say; infinity where it cannot be read.

    A date is counted from the host's own `date` where it gives one, as its clock may differ from this machine's.
    """
    said = headers.get("retry-after")
    if said is None:
        return None
    if _SECONDS.fullmatch(said.strip()):
        return float(said)
    then = _instant(said)
    if then is None:
        return math.inf
    now = _instant(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (then - now).total_seconds())


def host_time(headers: Mapping[str, str]) -> datetime | None:
    """What the host's clock shows, from `headers` with lower-case names; None where it does not say.

    A cache keeps the `date` of the answer it has kept, and says in `age` for how long it has.
    """
    written, age = _instant(headers.get("date", "")), headers.get("age", "").strip()
    if written is None:
        return None
    return written + timedelta(seconds=int(age)) if _AGE.fullmatch(age) else written


def _instant(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime

    try:
        instant = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, OverflowError):
        return None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
