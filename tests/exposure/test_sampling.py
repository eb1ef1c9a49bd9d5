"""The instants of a window: sessions, half days, clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exposure.chain import Instants
from exposure.runs import to_datetime
from exposure.sampling import Step, WindowError, finest_step, sample_instants
from exposure.sessions import EASTERN, eastern, session_on, sessions_between


def clock(instants: Instants) -> list[str]:
    return [to_datetime(one).astimezone(EASTERN).strftime("%m-%d %H:%M") for one in instants]


def a_day(day: date) -> tuple[datetime, datetime]:
    return eastern(day, 0), eastern(day, 23, 59)


@pytest.mark.parametrize(
    ("step", "count"),
    list(zip(Step, [391, 79, 27, 14, 7, 1], strict=False)),
)
def test_a_full_session(step: Step, count: int) -> None:
    times = clock(sample_instants(*a_day(date(2024, 6, 5)), step))
    assert len(times) == count
    assert times[-1] == "06-05 16:00"
    assert times[0] == {Step.HOUR: "06-05 10:00", Step.DAY: "06-05 16:00"}.get(step, "06-05 09:30")


def test_a_half_day_ends_at_one() -> None:
    assert clock(sample_instants(*a_day(date(2024, 7, 3)), Step.HOUR)) == [f"07-03 {hour}:00" for hour in (10, 11, 12, 13)]
    assert len(sample_instants(*a_day(date(2024, 7, 3)), Step.MINUTE)) == 211
    assert clock(sample_instants(*a_day(date(2024, 7, 3)), Step.DAY)) == ["07-03 13:00"]


def test_the_clock_change_moves_utc_and_not_the_clock() -> None:
    instants = sample_instants(eastern(date(2024, 3, 8), 0), eastern(date(2024, 3, 11), 23), Step.DAY)
    assert clock(instants) == ["03-08 16:00", "03-11 16:00"]
    assert [to_datetime(one).hour for one in instants] == [21, 20]


def test_weekends_and_holidays_have_no_instants() -> None:
    assert clock(sample_instants(eastern(date(2024, 3, 28), 15), eastern(date(2024, 4, 1), 11), Step.HOUR)) == [
        "03-28 15:00",
        "03-28 16:00",
        "04-01 10:00",
        "04-01 11:00",
    ]
    assert len(sample_instants(*a_day(date(2024, 6, 8)), Step.MINUTE)) == 0


def test_weeks_and_months_end_at_their_last_session_in_the_window() -> None:
    start, stop = eastern(date(2024, 3, 18), 0), eastern(date(2024, 4, 10), 18)
    assert clock(sample_instants(start, stop, Step.WEEK)) == ["03-22 16:00", "03-28 16:00", "04-05 16:00", "04-10 16:00"]
    assert clock(sample_instants(start, stop, Step.MONTH)) == ["03-28 16:00", "04-10 16:00"]
    # The first days of January 2025 are in the ISO week that starts in December.
    turn = sample_instants(eastern(date(2024, 12, 27), 0), eastern(date(2025, 1, 5), 0), Step.WEEK)
    assert clock(turn) == ["12-27 16:00", "01-03 16:00"]


def test_both_ends_count_to_the_second() -> None:
    opened = eastern(date(2024, 6, 5), 10)
    assert len(sample_instants(opened, opened, Step.MINUTE)) == 1
    assert len(sample_instants(opened + timedelta(microseconds=1), opened + timedelta(seconds=59), Step.MINUTE)) == 0


def test_windows_that_make_no_sense_are_refused() -> None:
    noon = eastern(date(2024, 6, 5), 12)
    with pytest.raises(WindowError, match="has no timezone"):
        sample_instants(noon.replace(tzinfo=None), noon, Step.DAY)
    with pytest.raises(WindowError, match="ends before it starts"):
        sample_instants(noon, noon - timedelta(days=1), Step.DAY)
    with pytest.raises(ValueError, match="outside the NYSE calendar"):
        sample_instants(datetime(1900, 1, 2, tzinfo=UTC), noon, Step.DAY)


def test_the_finest_step_that_fits() -> None:
    start, stop = eastern(date(2024, 1, 2), 0), eastern(date(2024, 12, 31), 23)
    assert finest_step(*a_day(date(2024, 6, 5)), 391) is Step.MINUTE
    assert finest_step(start, stop, 252) is Step.DAY
    assert finest_step(start, stop, 251) is Step.WEEK
    assert finest_step(start, stop, 11) is None


def turns(one: datetime, after: datetime, step: Step) -> bool:
    """Whether a month, or a Monday, lies between two closes."""
    if step is Step.MONTH:
        return one.month != after.month
    return after - one >= timedelta(days=7) or after.weekday() < one.weekday()


@settings(max_examples=60, deadline=None)
@given(st.dates(date(2015, 1, 2), date(2025, 12, 1)), st.integers(0, 40), st.sampled_from(list(Step)))
def test_instants_are_those_of_a_walk_through_every_minute(first: date, days: int, step: Step) -> None:
    last = first + timedelta(days=days if step in (Step.DAY, Step.WEEK, Step.MONTH) else min(days, 4))
    minutes = {Step.MINUTE: 1, Step.FIVE_MINUTES: 5, Step.FIFTEEN_MINUTES: 15, Step.THIRTY_MINUTES: 30, Step.HOUR: 60}
    expected = []
    for day in sessions_between(first, last):
        session = session_on(day)
        assert session is not None
        if step in minutes:
            moment = session.open
            while moment <= session.close:
                local = moment.astimezone(EASTERN)
                if (local.hour * 60 + local.minute) % minutes[step] == 0:
                    expected.append(moment)
                moment += timedelta(minutes=1)
        else:
            expected.append(session.close)
    if step in (Step.WEEK, Step.MONTH):
        later = [*expected[1:], None] if expected else []
        expected = [one for one, after in zip(expected, later, strict=True) if after is None or turns(one, after, step)]
    instants = sample_instants(eastern(first, 0), eastern(last, 23), step)
    assert [to_datetime(one) for one in instants] == expected
    assert np.all(np.diff(instants) > np.timedelta64(0, "s"))
