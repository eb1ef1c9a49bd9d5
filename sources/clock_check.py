"""Whether this machine's clock agrees with a provider's: what is past, stale or still to come is judged by it."""

from __future__ import annotations

from sources.base import Check
from sources.http import Host, Http

_MOST_SECONDS_APART = 120.0
_ADVICE = "Set the system clock, or let the system set it from the network."


def clock_checks(http: Http, host: Host) -> tuple[Check, ...]:
    """One check by the host's last reply; none where it did not say what time it is."""
    ahead = http.seconds_ahead(host)
    if ahead is None:
        return ()
    if abs(ahead) <= _MOST_SECONDS_APART:
        return (Check("clock", True, f"within {_MOST_SECONDS_APART / 60:g} minutes of that of {host.name}"),)
    span = _span(abs(ahead))
    if ahead > 0:
        effect = "quotes look that much older than they are and may be called stale, and what is still to come counts as past"
    else:
        effect = f"new quotes look as if they were of the future and may be refused, and so is an instant of the last {span}"
    which = "ahead of" if ahead > 0 else "behind"
    return (Check("clock", False, f"This machine's clock is {span} {which} that of {host.name}: {effect}.", _ADVICE),)


def _span(seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("hours", 3600.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 60:.1f} minutes"
