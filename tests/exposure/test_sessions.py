"""The trading calendar, checked day by day against exchange_calendars and at its edges by hand."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import exchange_calendars
import pytest

from exposure.sessions import (
    EASTERN,
    FIRST_DAY,
    LAST_DAY,
    Phase,
    Session,
    eastern,
    last_session,
    monthly_expiry,
    next_session,
    phase_at,
    previous_session,
    session_on,
    sessions_between,
)

SECOND = timedelta(seconds=1)
EVERY_DAY = [FIRST_DAY + timedelta(days=offset) for offset in range((LAST_DAY - FIRST_DAY).days + 1)]


@pytest.fixture(scope="module")
def reference() -> dict[date, Session]:
    """Every session of 2010 to 2030 according to exchange_calendars."""
    calendar = exchange_calendars.get_calendar("XNYS", start="2010-01-01", end="2030-12-31")
    return {
        day.date(): Session(day.date(), opening.to_pydatetime(), close.to_pydatetime())
        for day, opening, close in zip(calendar.sessions, calendar.opens, calendar.closes, strict=True)
    }


def session(day: date) -> Session:
    found = session_on(day)
    assert found is not None
    return found


def test_the_calendar_covers_2010_to_2030() -> None:
    assert date(2010, 1, 1) == FIRST_DAY
    assert date(2030, 12, 31) == LAST_DAY


def test_every_day_has_the_session_exchange_calendars_says_it_has(reference: dict[date, Session]) -> None:
    different = [day for day in EVERY_DAY if session_on(day) != reference.get(day)]
    assert not different, "run tests/generate_nyse_table.py"


def test_sessions_between_lists_exactly_the_session_days(reference: dict[date, Session]) -> None:
    assert sessions_between(FIRST_DAY, LAST_DAY) == list(reference)


def test_half_days_are_the_sessions_that_close_early(reference: dict[date, Session]) -> None:
    early = {day for day, known in reference.items() if known.close.astimezone(EASTERN).hour != 16}
    assert {day for day in reference if session(day).is_half_day} == early
    assert len(early) > 40


def test_neighbouring_sessions_are_found_from_every_day(reference: dict[date, Session]) -> None:
    days = list(reference)
    for before, after in pairwise(days):
        assert next_session(before) == reference[after]
        assert previous_session(after) == reference[before]
        for offset in range(1, (after - before).days):
            closed_day = before + timedelta(days=offset)
            assert next_session(closed_day) == reference[after]
            assert previous_session(closed_day) == reference[before]


def test_session_instants_are_in_utc() -> None:
    assert session(date(2024, 3, 8)).open.tzinfo is UTC
    assert session(date(2024, 3, 8)).close.tzinfo is UTC


@pytest.mark.parametrize(
    "day",
    [
        date(2012, 10, 29),  # Hurricane Sandy
        date(2012, 10, 30),
        date(2018, 12, 5),  # mourning for George H. W. Bush
        date(2025, 1, 9),  # mourning for Jimmy Carter
        date(2019, 4, 19),  # Good Friday
        date(2024, 3, 29),
        date(2022, 6, 20),  # Juneteenth, observed on Monday
        date(2010, 1, 1),
        date(2024, 1, 6),  # a Saturday
    ],
)
def test_the_exchange_is_closed_on_holidays_mourning_days_and_weekends(day: date) -> None:
    assert session_on(day) is None


def test_juneteenth_was_a_trading_day_before_2022() -> None:
    assert session_on(date(2020, 6, 19)) is not None
    assert session_on(date(2021, 6, 18)) is not None


@pytest.mark.parametrize("day", [date(2024, 7, 3), date(2024, 11, 29), date(2024, 12, 24)])
def test_a_half_day_closes_at_one_in_new_york(day: date) -> None:
    assert session(day).is_half_day
    assert session(day).close == eastern(day, 13)


def test_a_day_before_a_holiday_is_not_a_half_day_by_itself() -> None:
    assert not session(date(2024, 12, 31)).is_half_day


def test_the_open_moves_by_an_hour_in_utc_when_the_clocks_change() -> None:
    assert session(date(2024, 3, 8)).open == datetime(2024, 3, 8, 14, 30, tzinfo=UTC)
    assert session(date(2024, 3, 11)).open == datetime(2024, 3, 11, 13, 30, tzinfo=UTC)
    assert session(date(2024, 11, 1)).close == datetime(2024, 11, 1, 20, 0, tzinfo=UTC)
    assert session(date(2024, 11, 4)).close == datetime(2024, 11, 4, 21, 0, tzinfo=UTC)


def test_eastern_times_become_utc_in_winter_in_summer_and_in_far_years() -> None:
    assert eastern(date(2024, 1, 19), 9, 30) == datetime(2024, 1, 19, 14, 30, tzinfo=UTC)
    assert eastern(date(2024, 7, 19), 16) == datetime(2024, 7, 19, 20, 0, tzinfo=UTC)
    assert eastern(date(2055, 7, 16), 16) == datetime(2055, 7, 16, 20, 0, tzinfo=UTC)
    assert eastern(date(2024, 1, 19), 20) == datetime(2024, 1, 20, 1, 0, tzinfo=UTC)
    assert eastern(date(2024, 1, 19), 16).tzinfo is UTC


def test_a_time_the_clock_change_repeats_means_its_first_occurrence() -> None:
    assert eastern(date(2024, 11, 3), 1, 30) == datetime(2024, 11, 3, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "close_hour", "post_end_hour"),
    [
        (date(2024, 3, 8), 16, 20),  # last session of winter time
        (date(2024, 3, 11), 16, 20),  # first session of summer time
        (date(2024, 7, 3), 13, 17),
        (date(2024, 11, 29), 13, 17),
    ],
)
def test_each_phase_starts_at_its_first_instant_and_ends_just_before_the_next(
    day: date, close_hour: int, post_end_hour: int
) -> None:
    edges = [
        (eastern(day, 4), Phase.CLOSED, Phase.PRE),
        (eastern(day, 9, 30), Phase.PRE, Phase.OPEN),
        (eastern(day, close_hour), Phase.OPEN, Phase.POST),
        (eastern(day, post_end_hour), Phase.POST, Phase.CLOSED),
    ]
    for edge, before, after in edges:
        assert phase_at(edge - SECOND) is before
        assert phase_at(edge) is after


@pytest.mark.parametrize("day", [date(2024, 1, 6), date(2024, 3, 10), date(2024, 12, 25), date(2025, 1, 9)])
def test_days_without_a_session_are_closed_at_every_hour(day: date) -> None:
    assert {phase_at(eastern(day, hour)) for hour in range(24)} == {Phase.CLOSED}


def test_phases_follow_the_new_york_day_not_the_utc_day() -> None:
    # Friday evening in New York, already Saturday in UTC.
    assert phase_at(datetime(2024, 1, 6, 0, 30, tzinfo=UTC)) is Phase.POST
    # Sunday evening in New York, already Monday in UTC.
    assert phase_at(datetime(2024, 1, 8, 0, 30, tzinfo=UTC)) is Phase.CLOSED


def test_phases_have_plain_lowercase_values() -> None:
    assert [str(phase) for phase in Phase] == ["pre", "open", "post", "closed"]


def test_the_last_session_changes_at_the_open() -> None:
    monday = date(2024, 1, 8)
    assert last_session(eastern(monday, 9, 30) - SECOND).date == date(2024, 1, 5)
    assert last_session(eastern(monday, 9, 30)).date == monday
    assert last_session(eastern(monday, 23, 59)).date == monday


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2024, 1, 6), date(2024, 1, 5)),  # Saturday
        (date(2024, 1, 7), date(2024, 1, 5)),  # Sunday
        (date(2024, 1, 15), date(2024, 1, 12)),  # Martin Luther King Jr. Day, a Monday
        (date(2024, 3, 31), date(2024, 3, 28)),  # Easter Sunday, after Good Friday
    ],
)
def test_the_last_session_on_a_closed_day_is_the_one_before_it(day: date, expected: date) -> None:
    assert {last_session(eastern(day, hour)).date for hour in (0, 12, 23)} == {expected}


def test_instants_in_other_timezones_mean_the_same_moment() -> None:
    tokyo = timezone(timedelta(hours=9))
    instant = eastern(date(2024, 1, 8), 10)
    assert phase_at(instant.astimezone(tokyo)) is Phase.OPEN
    assert last_session(instant.astimezone(tokyo)) == last_session(instant)


@pytest.mark.parametrize(
    ("year", "month", "expected"),
    [
        (2024, 1, date(2024, 1, 19)),
        (2024, 3, date(2024, 3, 15)),  # the earliest a third Friday can be
        (2025, 2, date(2025, 2, 21)),  # the latest
        (2019, 4, date(2019, 4, 18)),  # Good Friday
        (2022, 4, date(2022, 4, 14)),  # Good Friday
        (2026, 6, date(2026, 6, 18)),  # Juneteenth
        (2005, 1, date(2005, 1, 21)),
        (2031, 1, date(2031, 1, 17)),
        (2055, 12, date(2055, 12, 17)),
    ],
)
def test_monthly_options_expire_on_the_third_friday_or_the_session_before_it(year: int, month: int, expected: date) -> None:
    assert monthly_expiry(year, month) == expected


def test_sessions_between_includes_both_ends_and_may_be_empty() -> None:
    assert sessions_between(date(2024, 1, 5), date(2024, 1, 8)) == [date(2024, 1, 5), date(2024, 1, 8)]
    assert sessions_between(date(2024, 1, 6), date(2024, 1, 7)) == []
    assert sessions_between(date(2024, 1, 8), date(2024, 1, 5)) == []


@pytest.mark.parametrize("day", [FIRST_DAY - timedelta(days=1), LAST_DAY + timedelta(days=1), date.max])
def test_days_outside_the_table_are_refused_with_the_covered_range(day: date) -> None:
    message = "covers 2010-01-01 to 2030-12-31"
    for ask in (session_on, previous_session, next_session):
        with pytest.raises(ValueError, match=message):
            ask(day)
    for first, last in ((day, LAST_DAY), (FIRST_DAY, day)):
        with pytest.raises(ValueError, match=message):
            sessions_between(first, last)
    for ask_instant in (last_session, phase_at):
        with pytest.raises(ValueError, match=message):
            ask_instant(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))


def test_neighbours_beyond_the_ends_of_the_table_are_refused() -> None:
    with pytest.raises(ValueError, match="No session before 2010-01-04"):
        previous_session(date(2010, 1, 4))
    with pytest.raises(ValueError, match="No session after 2030-12-31"):
        next_session(LAST_DAY)


def test_an_instant_without_a_timezone_is_refused() -> None:
    for ask in (last_session, phase_at):
        with pytest.raises(ValueError, match="no timezone"):
            ask(datetime(2024, 1, 8, 15, 0))  # noqa: DTZ001 (the mistake under test)
