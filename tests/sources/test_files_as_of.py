"""Which file answers: the newest of the folder, or the last one known at an instant; never one from later."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exposure.sessions import EASTERN
from exposure.snapshot import MissingReason, Mode
from tests.sources.chain_files import (
    STAMP,
    a_document,
    a_reader,
    a_row,
    measure,
    read,
    the_chain,
    the_missing,
    write_bytes,
    write_json,
    write_table,
)


def new_york(text: str) -> datetime:
    """An Eastern wall-clock time as a UTC instant."""
    return datetime.fromisoformat(text).replace(tzinfo=EASTERN).astimezone(UTC)


def write_at(folder: Path, instant: datetime, symbol: str = "NVDA", spot: float = 100.0) -> Path:
    """A file of this symbol with that stamp; the spot tells which file answered."""
    name = f"{symbol}_{instant:%Y%m%dT%H%M%S}.json"
    return write_json(folder, name, a_document(symbol, instant.isoformat(), spot=spot))


@pytest.mark.parametrize(
    ("stamp", "quote_time"),
    [
        ("2024-06-05T12:00", "2024-06-05T12:00"),
        ("2024-06-05T09:30", "2024-06-05T09:30"),
        ("2024-06-05T09:29:59", "2024-06-04T16:00"),
        ("2024-06-05T16:00", "2024-06-05T16:00"),
        ("2024-06-05T20:15", "2024-06-05T16:00"),
        ("2024-06-08T09:50", "2024-06-07T16:00"),
        ("2024-07-03T12:59", "2024-07-03T12:59"),
        ("2024-07-03T15:00", "2024-07-03T13:00"),
        ("2024-07-04T12:00", "2024-07-03T13:00"),
    ],
)
def test_quotes_are_from_the_session_the_file_was_written_in_or_after(tmp_path: Path, stamp: str, quote_time: str) -> None:
    write_at(tmp_path, new_york(stamp))
    assert the_chain(tmp_path).quote_time == new_york(quote_time)


def test_without_an_instant_the_newest_file_answers_as_a_snapshot(tmp_path: Path) -> None:
    for minutes, spot in ((60, 102.0), (0, 100.0), (30, 101.0)):
        write_at(tmp_path, STAMP + timedelta(minutes=minutes), spot=spot)
    answer = read(tmp_path)
    assert answer.chains["NVDA"].spot == 102.0
    assert answer.provenance.mode is Mode.SNAPSHOT
    assert answer.provenance.at is None
    assert not answer.provenance.synthetic


@pytest.mark.parametrize(
    ("offset", "spot"), [(timedelta(0), 100.0), (timedelta(minutes=29, seconds=59), 100.0), (timedelta(minutes=30), 101.0)]
)
def test_a_file_counts_from_exactly_its_own_stamp_on(tmp_path: Path, offset: timedelta, spot: float) -> None:
    write_at(tmp_path, STAMP, spot=100.0)
    write_at(tmp_path, STAMP + timedelta(minutes=30), spot=101.0)
    answer = read(tmp_path, at=STAMP + offset)
    assert answer.chains["NVDA"].spot == spot
    assert answer.provenance.mode is Mode.REPLAY
    assert answer.provenance.at == STAMP + offset


def test_a_microsecond_before_the_first_stamp_there_is_nothing(tmp_path: Path) -> None:
    write_at(tmp_path, STAMP)
    missing = the_missing(tmp_path, at=STAMP - timedelta(microseconds=1))
    assert missing.reason is MissingReason.NO_DATA_AT
    assert (
        missing.detail
        == "No file of NVDA had been written by 2024-06-05 11:59 Eastern; data_status says which instants there are."
    )


def test_a_name_that_came_later_and_one_that_never_came_are_told_alike(tmp_path: Path) -> None:
    before = STAMP - timedelta(days=1)
    never = the_missing(tmp_path, at=before)
    write_at(tmp_path, STAMP)
    assert the_missing(tmp_path, at=before) == never


def test_a_file_written_on_saturday_was_not_known_on_friday(tmp_path: Path) -> None:
    write_at(tmp_path, new_york("2024-06-08T09:50"))
    assert the_missing(tmp_path, at=new_york("2024-06-07T16:00")).reason is MissingReason.NO_DATA_AT
    assert the_chain(tmp_path, at=new_york("2024-06-08T09:50")).quote_time == new_york("2024-06-07T16:00")


@pytest.mark.parametrize("days", [5.0, 0.5])
def test_a_replay_reaches_back_exactly_as_far_as_the_staleness_limit(tmp_path: Path, days: float) -> None:
    write_at(tmp_path, STAMP)
    edge = STAMP + timedelta(days=days)
    assert "NVDA" in read(tmp_path, at=edge, staleness_days=days).chains
    (missing,) = read(tmp_path, at=edge + timedelta(seconds=1), staleness_days=days).missing
    assert missing.reason is MissingReason.NO_DATA_AT
    assert missing.detail == f"The last file of NVDA by then is from 2024-06-05 12:00 Eastern, more than {days:g} days before."


def test_staleness_counts_from_the_quotes_and_not_from_when_the_file_was_written(tmp_path: Path) -> None:
    write_at(tmp_path, new_york("2024-06-08T09:50"))
    friday_close = new_york("2024-06-07T16:00")
    assert "NVDA" in read(tmp_path, at=friday_close + timedelta(days=5)).chains
    assert "NVDA" not in read(tmp_path, at=friday_close + timedelta(days=5, seconds=1)).chains


def test_a_symbol_of_an_earlier_session_than_the_folder_is_stale(tmp_path: Path) -> None:
    write_at(tmp_path, STAMP)
    write_at(tmp_path, STAMP + timedelta(days=1), "AMD")
    missing = the_missing(tmp_path)
    assert missing.reason is MissingReason.STALE
    assert "2024-06-05" in missing.detail
    assert "2024-06-06" in missing.detail


def test_a_symbol_of_the_same_session_is_not_stale_however_early_it_was_written(tmp_path: Path) -> None:
    write_at(tmp_path, new_york("2024-06-07T09:30"))
    write_at(tmp_path, new_york("2024-06-09T20:00"), "AMD")
    assert set(read(tmp_path, "NVDA", "AMD").chains) == {"NVDA", "AMD"}


def test_a_stale_symbol_still_answers_a_replay(tmp_path: Path) -> None:
    write_at(tmp_path, STAMP)
    write_at(tmp_path, STAMP + timedelta(days=1), "AMD")
    assert "NVDA" in read(tmp_path, at=STAMP + timedelta(days=1)).chains


@pytest.mark.parametrize("year", [1, 1900, 9998])
def test_an_instant_at_the_edges_of_time_is_no_data_and_no_crash(tmp_path: Path, year: int) -> None:
    write_at(tmp_path, STAMP)
    assert the_missing(tmp_path, at=datetime(year, 6, 1, tzinfo=UTC)).reason is MissingReason.NO_DATA_AT


def test_a_broken_file_that_was_there_at_the_instant_is_mentioned_and_one_from_later_is_not(tmp_path: Path) -> None:
    write_at(tmp_path, STAMP)
    broken = write_bytes(tmp_path, "NVDA_newer.json", b"{")
    at = STAMP + timedelta(hours=1)
    os.utime(broken, times=(at.timestamp(), at.timestamp()))
    assert [notice.code for notice in read(tmp_path, at=at).provenance.notices] == ["unreadable_file"]
    assert read(tmp_path, at=at - timedelta(seconds=1)).provenance.notices == ()


LATER = st.tuples(st.sampled_from(["NVDA", "AMD", "TSM"]), st.integers(1, 200_000), st.floats(1.0, 1e6))
POISON = st.sampled_from(
    [
        b"",
        b"{",
        b'{"symbol": "NVDA"}',
        b"\xff\xfe",
        b'{"symbol": "NVDA", "updated": "2024-06-05T11:00:00"}',
        b"symbol,quote_time\n",
    ]
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(LATER, max_size=5),
    st.lists(st.tuples(st.sampled_from(["NVDA.json", "AMD_x.json", "NVDA.csv", "note.txt"]), POISON), max_size=4),
    st.integers(0, 3 * 86400),
)
def test_whatever_is_appended_later_poison_included_leaves_an_earlier_answer_as_it_was(
    later: list[tuple[str, int, float]], poison: list[tuple[str, bytes]], seconds: int
) -> None:
    at = STAMP + timedelta(seconds=seconds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_at(folder, STAMP)
        write_table(folder, "amd.csv", a_row(symbol="AMD"), a_row(symbol="AMD", right="P"))
        before = measure(folder, "NVDA", "AMD", at=at)
        assert set(before.exposures) == {"NVDA", "AMD"}
        reader = a_reader(folder)
        reader.read(("NVDA", "AMD"), at)
        for symbol, delay, spot in later:
            write_at(folder, at + timedelta(seconds=delay), symbol, spot)
        for file, content in poison:
            write_bytes(folder, f"later/{file}", content)
        write_table(folder, "appended.csv", a_row(quote_time=(at + timedelta(seconds=1)).isoformat(), spot=1))
        assert measure(folder, "NVDA", "AMD", at=at) == before
        warm, cold = reader.read(("NVDA", "AMD"), at), read(folder, "NVDA", "AMD", at=at)
        assert warm.provenance == cold.provenance
        assert {symbol: chain.spot for symbol, chain in warm.chains.items()} == {"NVDA": 100.0, "AMD": 100.0}


def test_rows_appended_to_a_table_leave_its_earlier_answer_as_it_was(tmp_path: Path) -> None:
    first = (a_row(), a_row(right="P"))
    write_table(tmp_path, "chains.csv", *first)
    before = measure(tmp_path, at=STAMP)
    later = (STAMP + timedelta(hours=1)).isoformat()
    write_table(tmp_path, "chains.csv", *first, a_row(quote_time=later, spot=7), a_row(quote_time=later, spot=8, right="?"))
    assert measure(tmp_path, at=STAMP) == before
