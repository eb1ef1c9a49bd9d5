"""The instants of a window at which a history is read: every so often while the exchange trades.

Steps shorter than a day fall on multiples of the step of the New York clock, from the open to the close, both included (hourly:
10:00 to 16:00, or to 13:00 on a half day), so that all are equally long. Longer ones are session closes: of every session, or of
the last one of each week or month, the last one in the window where the week or month is not over.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import date, datetime, timedelta
from enum import StrEnum

import numpy as np

from exposure.chain import Instants, to_instant
from exposure.sessions import EASTERN, Session, session_on, sessions_between


class WindowError(ValueError):
    """A window that has no instants to read; the message is a sentence for the person who asked."""


class Step(StrEnum):
    """The distance between two readings, shortest first."""

    MINUTE = "1m"
    FIVE_MINUTES = "5m"
    FIFTEEN_MINUTES = "15m"
    THIRTY_MINUTES = "30m"
    HOUR = "1h"
    DAY = "1d"
    WEEK = "1w"
    MONTH = "1mo"


_MINUTES = {Step.MINUTE: 1, Step.FIVE_MINUTES: 5, Step.FIFTEEN_MINUTES: 15, Step.THIRTY_MINUTES: 30, Step.HOUR: 60}


def sample_instants(start: datetime, stop: datetime, step: Step) -> Instants:
    """The instants from `start` to `stop`, both included, UTC `datetime64[s]`, ascending, shape (n,); empty where none falls.

    Raises WindowError when an end has no timezone or the window ends before it starts, ValueError (also a sentence) outside the
    years of the calendar.
    """
    for end in (start, stop):
        if end.tzinfo is None:
            raise WindowError(f"The instant {end} has no timezone. Give one, for example 2024-06-05T16:00-04:00.")
    if stop < start:
        raise WindowError(f"The window ends before it starts ({start.isoformat()} to {stop.isoformat()}). Swap the two.")
    days = sessions_between(start.astimezone(EASTERN).date(), stop.astimezone(EASTERN).date())
    sessions = [session for day in days if (session := session_on(day)) is not None]
    minutes = _MINUTES.get(step)
    if minutes is None:
        closes = {_period(session.date, step): session.close for session in sessions if start <= session.close <= stop}
        return np.array([to_instant(close) for close in closes.values()], dtype="datetime64[s]")
    blocks = [_within(session, minutes) for session in sessions]
    instants = np.concatenate([np.zeros(0, dtype="datetime64[s]"), *blocks])
    # An end between two seconds must not let in the second before it.
    first, last = start.timestamp(), stop.timestamp()
    seconds = instants.astype(np.int64)
    return np.asarray(instants[(seconds >= first) & (seconds <= last)])


def finest_step(start: datetime, stop: datetime, at_most: int) -> Step | None:
    """The shortest step that gives no more than `at_most` instants; None where even months are too many. Errors as above."""
    return next((step for step in Step if len(sample_instants(start, stop, step)) <= at_most), None)


def _within(session: Session, minutes: int) -> Instants:
    opened = session.open.astimezone(EASTERN)
    late = timedelta(minutes=-(opened.hour * 60 + opened.minute) % minutes)
    first, last = to_instant(session.open + late), to_instant(session.close)
    return np.arange(first, last + np.timedelta64(1, "s"), np.timedelta64(minutes * 60, "s"))


def _period(day: date, step: Step) -> Hashable:
    """What two sessions share when only the later one is read."""
    match step:
        case Step.WEEK:
            return day.isocalendar()[:2]
        case Step.MONTH:
            return day.year, day.month
        case _:
            return day
