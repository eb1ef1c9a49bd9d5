"""The argument `at`: every format that is understood, the instants it means, and a sentence for everything else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from exposure.snapshot import Mode
from tests.builders import an_exposure
from tests.tools.desk import NOW, Era, HandMadeSource, Reply, a_desk, a_source

pytestmark = pytest.mark.anyio


def quoted_at(*moments: datetime) -> HandMadeSource:
    names = ("NVDA", "AMD", "TSM")
    return a_source(*(replace(an_exposure(name), quote_time=one) for name, one in zip(names, moments, strict=False)))


def codes(answer: Reply) -> list[str]:
    return [one["code"] for one in answer.structured["warnings"]]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-06-05T10:30", datetime(2024, 6, 5, 14, 30, tzinfo=UTC)),
        ("2024-06-05 10:30", datetime(2024, 6, 5, 14, 30, tzinfo=UTC)),
        ("2024-06-05T10:30:15", datetime(2024, 6, 5, 14, 30, 15, tzinfo=UTC)),
        ("2024-01-05T10:30", datetime(2024, 1, 5, 15, 30, tzinfo=UTC)),
        ("2024-06-05T10:30Z", datetime(2024, 6, 5, 10, 30, tzinfo=UTC)),
        ("2024-06-05t10:30z", datetime(2024, 6, 5, 10, 30, tzinfo=UTC)),
        ("2024-06-05T10:30:00.250Z", datetime(2024, 6, 5, 10, 30, 0, 250_000, tzinfo=UTC)),
        ("2024-06-05T10:30+02:00", datetime(2024, 6, 5, 8, 30, tzinfo=UTC)),
        ("2024-06-05T10:30-0400", datetime(2024, 6, 5, 14, 30, tzinfo=UTC)),
        (" 2024-06-05T10:30 ", datetime(2024, 6, 5, 14, 30, tzinfo=UTC)),
        ("2024-06-05", datetime(2024, 6, 5, 20, 0, tzinfo=UTC)),
        ("2024-01-05", datetime(2024, 1, 5, 21, 0, tzinfo=UTC)),
        ("2023-11-24", datetime(2023, 11, 24, 18, 0, tzinfo=UTC)),
        ("2024-06-01", datetime(2024, 6, 1, 20, 0, tzinfo=UTC)),
        ("2009-06-05", datetime(2009, 6, 5, 20, 0, tzinfo=UTC)),
        ("1985-06-05T10:00", datetime(1985, 6, 5, 14, 0, tzinfo=UTC)),
        ("0001-01-01T00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("2024-03-10T01:59", datetime(2024, 3, 10, 6, 59, tzinfo=UTC)),
        ("2024-03-10T03:00", datetime(2024, 3, 10, 7, 0, tzinfo=UTC)),
        ("2023-11-05T02:00", datetime(2023, 11, 5, 7, 0, tzinfo=UTC)),
        ("2024-06-06T10:00", NOW),
        ("2024-06-06T14:00Z", NOW),
    ],
)
async def test_an_instant_is_understood(written: str, meant: datetime, era: Era) -> None:
    source = quoted_at(meant)
    async with a_desk(source, era) as desk:
        answer = await desk.answer(symbols="NVDA", at=written) if meant.year > 2010 else None
        if answer is None:  # before the calendar there is no session to name
            await desk.call("basket_exposure", symbols="ZZZZ", at=written)
    assert source.asked[0][1] == meant
    if answer is not None:
        assert answer.structured["mode"] == "replay"
        assert answer.structured["at_requested"] == f"{meant:%Y-%m-%dT%H:%M:%SZ}"
        assert answer.structured["at_resolved"] == f"{meant:%Y-%m-%dT%H:%M:%SZ}"
        assert "resolved_earlier" not in codes(answer)
        assert "wall_clock_twice" not in codes(answer)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("2024-03-10T02:00", "does not exist"),
        ("2024-03-10T02:30", "The first minute after the change is 03:00"),
        ("2024-03-10T02:59:59", "03:00"),
        ("2024-06-06T10:01", "in the future: 2024-06-06 10:01 ET, and it is 2024-06-06 10:00 ET now"),
        ("2024-06-06", "in the future: 2024-06-06 16:00 ET"),
        ("2024-06-06T14:00:01Z", "in the future"),
        ("9999-12-31", "in the future"),
        ("9999-12-31T23:59", "9999"),
        ("9999-12-31T23:59Z", "in the future"),
        ("9999-12-31T23:59-12:00", "a time that does not exist"),
        ("0001-01-01T00:00+14:00", "a time that does not exist"),
        ("0001-01-01T00:00", "in the year 1"),
        ("2024-02-30", "a day that does not exist (2024-02-30)"),
        ("2023-02-29T10:00", "not understood"),
        ("2024-06-05T25:00", "not understood"),
        ("20240605", "not understood"),
        ("2024-W23-3", "not understood"),
        ("2024-06-05T10", "not understood"),
        ("2024-06-05x10:30", "not understood"),
        ("2024-06-05T10:30 ET", "not understood"),
        ("2024-06-05T10:30+99:00", "not understood"),
        ("06/05/2024", "not understood"),
        ("10:30", "not understood"),
        ("yesterday", "not understood"),
        ("٢٠٢٤-٠٦-٠٥", "not understood"),
        ("1717597800", "not understood"),
        ("\x1b[31m2024", "not understood: '?[31m2024'"),
        ("x" * 100_000, "not understood"),
    ],
    ids=lambda text: text[:24].encode("unicode_escape").decode(),
)
async def test_anything_else_is_refused_and_the_formats_are_named(written: str, words: str, era: Era) -> None:
    source = a_source()
    async with a_desk(source, era) as desk:
        refusal = await desk.refusal(symbols="NVDA", at=written)
    assert words in refusal
    assert refusal.isprintable()
    assert len(refusal) < 300
    assert any(help_ in refusal for help_ in ("YYYY-MM-DDTHH:MM", "Leave at out", "03:00"))
    assert source.asked == []


async def test_an_instant_of_another_type_is_refused() -> None:
    async with a_desk() as desk:
        assert "at should be text" in await desk.refusal(symbols="NVDA", at=20240605)


async def test_a_wall_clock_time_that_exists_twice_takes_the_earlier_and_says_so(era: Era) -> None:
    earlier = datetime(2023, 11, 5, 5, 30, tzinfo=UTC)
    source = quoted_at(earlier)
    async with a_desk(source, era) as desk:
        answer = await desk.answer(symbols="NVDA", at="2023-11-05T01:30")
        later = await desk.answer(symbols="NVDA", at="2023-11-05T01:30-05:00")
    assert [at for _, at in source.asked] == [earlier, earlier + timedelta(hours=1)]
    assert "wall_clock_twice" in codes(answer)
    assert "2023-11-05 01:30 exists twice in US Eastern time" in answer.text
    assert "wall_clock_twice" not in codes(later)


async def test_an_earlier_snapshot_answers_with_the_time_it_is_from(era: Era) -> None:
    friday = datetime(2024, 5, 31, 20, 0, tzinfo=UTC)
    async with a_desk(quoted_at(friday), era) as desk:
        answer = await desk.answer(symbols="NVDA", at="2024-06-02T12:00")
    assert answer.structured["at_requested"] == "2024-06-02T16:00:00Z"
    assert answer.structured["at_resolved"] == answer.structured["as_of"] == "2024-05-31T20:00:00Z"
    assert "resolved_earlier" in codes(answer)
    assert "at requested 2024-06-02 12:00 ET, resolved 2024-05-31 16:00 ET" in answer.text


async def test_quotes_of_the_same_minute_are_not_called_earlier() -> None:
    at = datetime(2024, 6, 5, 14, 30, tzinfo=UTC)
    async with a_desk(quoted_at(at - timedelta(seconds=119))) as desk:
        same = await desk.answer(symbols="NVDA", at="2024-06-05T10:30")
    async with a_desk(quoted_at(at - timedelta(seconds=120))) as desk:
        earlier = await desk.answer(symbols="NVDA", at="2024-06-05T10:30")
    assert "resolved_earlier" not in codes(same)
    assert "resolved_earlier" in codes(earlier)


async def test_quotes_of_different_times_are_reported_with_the_oldest(era: Era) -> None:
    newest = datetime(2024, 6, 5, 19, 0, tzinfo=UTC)
    async with a_desk(quoted_at(newest, newest - timedelta(minutes=21)), era) as desk:
        mixed = await desk.answer(symbols="NVDA,AMD")
    async with a_desk(quoted_at(newest, newest - timedelta(minutes=20)), era) as desk:
        close = await desk.answer(symbols="NVDA,AMD")
    assert mixed.structured["as_of"] == "2024-06-05T19:00:00Z"
    assert mixed.structured["oldest_quote"] == "2024-06-05T18:39:00Z"
    assert "mixed_quote_times" in codes(mixed)
    assert "mixed_quote_times" not in codes(close)


async def test_without_an_instant_the_answer_is_live_and_has_no_replay_fields(era: Era) -> None:
    source = a_source(mode=Mode.DELAYED)
    async with a_desk(source, era) as desk:
        answer = await desk.answer(symbols="NVDA")
    assert source.asked == [(("NVDA",), None)]
    assert answer.structured["mode"] == "delayed"
    assert answer.structured["at_requested"] is None
    assert answer.structured["at_resolved"] is None
    assert "at requested" not in answer.text


@pytest.mark.parametrize(
    ("quoted", "session"),
    [("2024-06-05T13:29", "pre"), ("2024-06-05T15:00", "open"), ("2024-06-05T21:00", "post"), ("2024-06-08T15:00", "closed")],
)
async def test_the_session_is_the_one_the_quotes_are_from(quoted: str, session: str) -> None:
    async with a_desk(quoted_at(datetime.fromisoformat(quoted).replace(tzinfo=UTC))) as desk:
        answer = await desk.answer(symbols="NVDA")
    assert answer.structured["session"] == session
    assert f"session {session}" in answer.text
