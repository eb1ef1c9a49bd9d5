"""When a host wants to be asked again, from the headers of its refusal."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

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


def _instant(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime

    try:
        instant = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, OverflowError):
        return None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
