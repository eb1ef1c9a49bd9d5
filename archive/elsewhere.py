"""What other families hold at the instants of a series for which the one that answers has nothing.

One answer never mixes two families, so that such instants look as if nothing had ever been recorded; a sentence says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

from archive.answers import Family, Kind
from archive.carry_forward import Integers
from archive.carrying import History
from archive.layout import from_microseconds, session_date
from archive.view import View
from exposure.sessions import EASTERN


def elsewhere(
    view: View,
    history: History,
    chosen: Family,
    symbols: Sequence[str],
    blank: Integers,
    staleness: int,
    source: str | None,
    kind: Kind | None,
) -> list[tuple[Family, Integers]]:
    """Each other family of the view, with those of the ascending instants `blank` at which it has any of the symbols.

    In microseconds; families without such an instant are left out.
    """
    others = {one for day in view.days for one in view.families(day, source, kind)} - {chosen}
    found = []
    for one in sorted(others):
        _, known = history.carried(one, symbols, blank, (), staleness)
        there = blank[known.any(axis=0)]
        if len(there):
            found.append((one, there))
    return found


def last_minute(there: Integers) -> int:
    """The last of these instants as it can be written in a question, to the minute; in microseconds."""
    return int(there[-1]) // 60_000_000 * 60_000_000


def sentence(other: Family, there: Integers, chosen: Family, *, reachable: bool) -> str:
    """That `other` was held at the instants `there`; `reachable` where a series that ends at the last of them is of it."""
    first, last = (session_date(from_microseconds(int(one))) for one in (there[0], there[-1]))
    where = f"{len(there)} instant{'' if len(there) == 1 else 's'} without {_named(chosen, other)}"
    days = f"{first} to {last}" if first < last else f"{first}"
    told = f"The archive also holds {_named(other, chosen)}, {days}, at {where}; one answer never mixes the two."
    if not reachable:
        return told
    end = from_microseconds(last_minute(there)).astimezone(EASTERN)
    return f"{told} End the window at {end:%Y-%m-%dT%H:%M} to see it."


def _named(one: Family, beside: Family) -> str:
    return one.source if one.source != beside.source else f"{one.source} ({one.kind.value})"
