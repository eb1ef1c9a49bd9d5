"""The folder itself: what counts as a chain file, what happens while files change, and what the status says."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exposure.snapshot import MissingReason, Mode
from sources.files import reader as reader_module
from tests.sources.chain_files import (
    CANARY,
    STAMP,
    a_document,
    a_quote,
    a_reader,
    a_row,
    assert_discreet,
    assert_unusable,
    read,
    the_missing,
    write_bytes,
    write_json,
    write_table,
)


def notices(folder: Path, *symbols: str) -> list[tuple[str, str]]:
    found = read(folder, *symbols).provenance.notices
    for notice in found:
        assert_discreet(notice.message, folder)
    return [(notice.code, notice.message) for notice in found]


@pytest.mark.parametrize("kind", ["missing", "a file"])
def test_a_folder_that_cannot_be_read_fails_the_fetch_and_blames_no_symbol(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "chains"
    if kind == "a file":
        folder.write_bytes(b"{}")
    for at in (None, STAMP):
        missing = the_missing(folder, at=at)
        assert missing.reason is MissingReason.FETCH_FAILED
        assert "folder of chain files cannot be read" in missing.detail
    status = a_reader(folder).describe()
    assert status.symbols == ()
    assert status.newest_quote is None
    assert_discreet(status.remarks[0], tmp_path)


def test_a_folder_that_cannot_be_listed_fails_the_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_to_list(monkeypatch, tmp_path)
    assert the_missing(tmp_path).reason is MissingReason.FETCH_FAILED


def test_a_folder_below_that_cannot_be_listed_is_a_remark_and_the_rest_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json(tmp_path, "NVDA.json", a_document())
    write_json(tmp_path, "locked/AMD.json", a_document("AMD"))
    refuse_to_list(monkeypatch, tmp_path / "locked")
    assert list(read(tmp_path, "NVDA", "AMD").chains) == ["NVDA"]
    assert a_reader(tmp_path).describe().remarks == ("locked cannot be read: the folder cannot be listed.",)


def refuse_to_list(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Root may list anything, so the refusal of the operating system is played."""
    real = os.scandir

    def scandir(path: Any) -> Any:
        if os.fspath(path) == os.fspath(folder):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)


def test_an_empty_folder_knows_no_symbol(tmp_path: Path) -> None:
    assert the_missing(tmp_path).reason is MissingReason.UNKNOWN_SYMBOL
    assert a_reader(tmp_path).describe().symbols == ()


def test_files_in_folders_below_count_and_hidden_and_half_copied_ones_do_not(tmp_path: Path) -> None:
    write_json(tmp_path, "2024/06/NVDA.json", a_document())
    for name in (".AMD.json", ".git/AMD.json", "AMD.json.tmp", "AMD.json.part", "AMD.json~"):
        write_json(tmp_path, name, a_document("AMD"))
    assert a_reader(tmp_path).describe().symbols == ("NVDA",)
    assert the_missing(tmp_path, "AMD").reason is MissingReason.UNKNOWN_SYMBOL


def test_a_dangling_link_and_a_pipe_are_passed_over(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA.json", a_document())
    (tmp_path / "AMD.json").symlink_to(tmp_path / "gone.json")
    os.mkfifo(tmp_path / "TSM.json")
    assert set(read(tmp_path, "NVDA", "AMD", "TSM").chains) == {"NVDA"}


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(tmp_path, "NVDA.json", a_document(spot=100.0))
    write_json(tmp_path, "AMD.json", a_document("AMD"))
    reader = a_reader(tmp_path)
    assert reader.read(("NVDA", "AMD"), None).chains["NVDA"].spot == 100.0
    write_json(tmp_path, "NVDA.json", a_document(spot=2000.0))
    opened: list[str] = []
    real = Path.open

    def counted(path: Path, *arguments: Any, **options: Any) -> Any:
        opened.append(path.name)
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", counted)
    assert reader.read(("NVDA", "AMD"), None).chains["NVDA"].spot == 2000.0
    assert "AMD.json" not in opened


def test_a_file_of_the_same_size_is_read_again_when_its_time_changes(tmp_path: Path) -> None:
    path = write_json(tmp_path, "NVDA.json", a_document(spot=100.0))
    reader = a_reader(tmp_path)
    reader.read(("NVDA",), None)
    write_json(tmp_path, "NVDA.json", a_document(spot=200.0))
    os.utime(path, ns=(1, 1))
    assert reader.read(("NVDA",), None).chains["NVDA"].spot == 200.0


def test_a_new_file_and_a_deleted_one_are_noticed(tmp_path: Path) -> None:
    first = write_json(tmp_path, "NVDA.json", a_document())
    reader = a_reader(tmp_path)
    reader.read(("NVDA",), None)
    first.unlink()
    write_json(tmp_path, "AMD.json", a_document("AMD"))
    answer = reader.read(("NVDA", "AMD"), None)
    assert list(answer.chains) == ["AMD"]
    assert answer.missing[0].reason is MissingReason.UNKNOWN_SYMBOL


def between_listing_and_reading(monkeypatch: pytest.MonkeyPatch, action: Any) -> None:
    """Do something to the folder after the reader has listed it and before it reads the chains."""
    real = reader_module._by_symbol

    def listed(entries: Any, now: datetime) -> Any:
        found = real(entries, now)
        action()
        return found

    monkeypatch.setattr(reader_module, "_by_symbol", listed)


def test_a_file_deleted_between_listing_and_reading_is_an_unusable_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_json(tmp_path, "NVDA.json", a_document())
    between_listing_and_reading(monkeypatch, path.unlink)
    assert_unusable(tmp_path, "NVDA", "NVDA.json", "No such file")


def test_a_json_file_replaced_between_listing_and_reading_is_not_answered_under_the_old_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json(tmp_path, "NVDA.json", a_document(spot=100.0))
    later = a_document(stamp="2024-06-05T15:00:00-04:00", spot=500.0)
    between_listing_and_reading(monkeypatch, lambda: write_json(tmp_path, "NVDA.json", later))
    assert_unusable(tmp_path, "NVDA", "NVDA.json", "changed while it was being read")


def test_a_table_replaced_between_listing_and_reading_is_not_answered_under_the_old_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(tmp_path, "NVDA.csv", a_row())
    later = a_row(quote_time="2024-06-05T15:00:00-04:00", spot=500)
    between_listing_and_reading(monkeypatch, lambda: write_table(tmp_path, "NVDA.csv", later))
    assert_unusable(tmp_path, "NVDA", "NVDA.csv")


def test_two_files_of_one_instant_are_half_a_chain_each_for_all_one_knows(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA_calls.json", a_document(quotes=[a_quote()]))
    write_json(tmp_path, "NVDA_puts.json", a_document(quotes=[a_quote(side="put")]))
    assert_unusable(tmp_path, "NVDA", "NVDA_calls.json", "NVDA_puts.json", "put the whole chain into one file")


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("NVDA.json", "NVDA"),
        ("nvda_2024-06-05.json", "NVDA"),
        ("NVDA-2024-06-05.json", "NVDA"),
        ("brk-b.json", "BRK.B"),
        ("BRK.B_2024.json", "BRK.B"),
        ("_SPX.json", "SPX"),
    ],
)
def test_an_unreadable_file_named_for_a_symbol_makes_it_unusable_and_not_unknown(tmp_path: Path, name: str, symbol: str) -> None:
    write_bytes(tmp_path, name, b'{"symbol": "' + CANARY.encode())
    assert_unusable(tmp_path, symbol, name, "not a complete quote list")


def test_an_unknown_symbol_beside_unreadable_files_is_told_of_them(tmp_path: Path) -> None:
    write_bytes(tmp_path, "everything.csv", b"symbol,quote_time\n")
    write_bytes(tmp_path, "more.csv", b"symbol,quote_time\n")
    missing = the_missing(tmp_path)
    assert missing.reason is MissingReason.UNKNOWN_SYMBOL
    assert "everything.csv and 1 more cannot be read" in missing.detail


def test_an_older_good_file_answers_for_a_broken_newer_one_and_says_so(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA_old.json", a_document())
    write_bytes(tmp_path, "NVDA_new.json", f"<html>{CANARY}".encode())
    write_json(tmp_path, "AMD.json", a_document("AMD"))
    ((code, message),) = notices(tmp_path, "NVDA", "AMD")
    assert code == "unreadable_file"
    assert "NVDA_new.json" in message
    assert notices(tmp_path, "AMD") == []


def test_many_broken_files_make_one_notice_and_a_few_remarks(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA.json", a_document())
    for number in range(40):
        write_bytes(tmp_path, f"NVDA_{number:02d}.json", b"{")
    ((_, message),) = notices(tmp_path)
    assert "39 more" in message
    remarks = a_reader(tmp_path).describe().remarks
    assert len(remarks) == 6
    assert remarks[-1] == "35 more files cannot be read."


def test_a_file_name_is_shown_short_and_on_one_line(tmp_path: Path) -> None:
    write_bytes(tmp_path, "NVDA_\n\x1b[31m" + "x" * 150 + ".json", b"{")
    assert_unusable(tmp_path, "NVDA", "NVDA_??[31mxxx", "…")


def test_the_status_lists_symbols_times_and_unknown_files(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA.json", a_document(stamp="2024-06-08T09:50:00-04:00"))
    write_table(tmp_path, "chains.csv", a_row(symbol="BRK-B"), a_row(symbol="AMD"))
    write_bytes(tmp_path, "notes.txt", CANARY.encode())
    write_bytes(tmp_path, "picture.png", b"\x89PNG")
    status = a_reader(tmp_path).describe()
    assert status.source == "files"
    assert status.mode is Mode.SNAPSHOT
    assert not status.synthetic
    assert status.symbols == ("AMD", "BRK.B", "NVDA")
    assert status.newest_quote == datetime(2024, 6, 7, 20, 0, tzinfo=UTC)
    assert status.replay_from == STAMP
    assert status.replay_to == datetime(2024, 6, 8, 13, 50, tzinfo=UTC)
    (remark,) = status.remarks
    assert remark == (
        "2 of the files are in no known format (Cboe JSON, quote-list JSON, plain table CSV, Cboe CSV), notes.txt for one."
    )


def test_a_file_too_large_to_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "_LARGEST_FILE_BYTES", 1 << 20)
    write_bytes(tmp_path, "NVDA.json", b"{" * ((1 << 20) + 1))
    assert_unusable(tmp_path, "NVDA", "NVDA.json", "larger than 1 MB")


def test_a_thousand_symbols_are_listed_and_any_fifty_answered(tmp_path: Path) -> None:
    names = [f"S{number:04d}" for number in range(1000)]
    for name in names[:200]:
        write_json(tmp_path, f"{name}.json", a_document(name))
    write_table(tmp_path, "rest.csv", *(a_row(symbol=name) for name in names[200:]))
    reader = a_reader(tmp_path)
    assert reader.describe().symbols == tuple(names)
    asked = names[::20]
    for _ in range(2):  # more than are kept between calls, so that some are forgotten
        assert set(reader.read(asked, None).chains) == set(asked)
        assert set(reader.read(names[1::20], None).chains) == set(names[1::20])


def test_every_symbol_asked_for_is_answered_or_missing_and_never_both(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA.json", a_document())
    write_bytes(tmp_path, "AMD.json", b"{")
    write_json(tmp_path, "TSM.json", a_document("TSM", quotes=[]))
    write_json(tmp_path, "MU.json", a_document("MU", stamp=(STAMP - timedelta(days=3)).isoformat()))
    asked = ("NVDA", "AMD", "TSM", "MU", "QCOM")
    answer = read(tmp_path, *asked)
    assert sorted([*answer.chains, *(one.symbol for one in answer.missing)]) == sorted(asked)


def test_a_file_stamped_in_the_future_is_not_known_yet_and_makes_nobody_stale(tmp_path: Path) -> None:
    write_table(tmp_path, "today.csv", a_row(symbol="NVDA"))
    write_table(tmp_path, "tomorrow.csv", a_row(symbol="AMD", quote_time="2999-01-04T15:30Z"))
    answer = read(tmp_path, "NVDA", "AMD")
    assert list(answer.chains) == ["NVDA"]
    assert answer.missing[0].symbol == "AMD"
