"""`import`: what is taken, what is dropped and why, and that a replay from the archive says what the files say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.answers import Appended
from archive.store import Archive
from server.importing import ImportRefusedError, Report, import_chains
from sources.archive.source import ArchiveSource
from sources.base import Source
from sources.computed import ComputedSource
from sources.files.reader import FilesReader
from tests import real_data
from tests.sources.chain_files import CANARY, a_document, a_row, write_bytes, write_json, write_table
from tests.tools.change_desk import change_of
from tests.tools.desk import Era, a_desk
from tests.transport.stdio import run_command

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
DAYS = timedelta(days=5)


def an_archive(folder: Path) -> Archive:
    return Archive(folder / "archive", clock=lambda: NOW)


def imported(archive: Archive | None, *paths: Path, format_name: str = "auto", now: datetime = NOW) -> Report:
    return import_chains(archive, format_name, paths, now=now, flat_rate=0.04)


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_dry_run_says_what_would_be_taken_and_dropped_and_writes_nothing(tmp_path: Path) -> None:
    chains = tmp_path / "chains"
    write_json(chains, "nvda.json", a_document())
    write_table(chains, "amd.csv", a_row(symbol="AMD"), a_row(symbol="AMD", right="P"))
    write_table(chains, "calls.csv", a_row(symbol="MU"))
    write_bytes(chains, "broken.json", b'{"symbol": "TSM", "note": "%s"' % CANARY.encode())
    write_bytes(chains, "notes.txt", b"not a chain")
    report = imported(None, chains)
    assert report.stored is None
    assert [(one.listing.symbol, one.coverage.used) for one in report.taken] == [("AMD", 2), ("NVDA", 2)]
    reasons = {one.path.name: one.reason for one in report.dropped}
    assert set(reasons) == {"broken.json", "calls.csv"}
    assert reasons["calls.csv"] == "Only calls of MU have usable open interest; an exposure needs both rights"
    assert CANARY not in reasons["broken.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["chains"]


def test_importing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    write_json(tmp_path / "chains", "nvda.json", a_document())
    write_json(tmp_path / "chains", "copy.json", a_document())
    archive = an_archive(tmp_path)
    assert imported(archive, tmp_path / "chains").stored == Appended(1, 0)
    before = content_of(tmp_path / "archive")
    assert imported(archive, tmp_path / "chains").stored == Appended(0, 1)
    assert imported(an_archive(tmp_path), tmp_path / "chains").stored == Appended(0, 1)
    assert content_of(tmp_path / "archive") == before


def test_other_content_of_the_same_symbol_and_instant_is_told_and_left_out(tmp_path: Path) -> None:
    first = write_json(tmp_path, "first.json", a_document())
    second = write_json(tmp_path, "second.json", a_document(spot=101.0))
    report = imported(None, first, second)
    assert not report.taken
    assert [one.reason.split(";")[0] for one in report.dropped] == ["second.json holds the same symbol and instant"]
    archive = an_archive(tmp_path)
    assert imported(archive, first).stored == Appended(1, 0)
    assert imported(archive, second).stored == Appended(0, 0, 1)


def test_a_chain_stamped_in_the_future_is_dropped(tmp_path: Path) -> None:
    file = write_json(tmp_path, "nvda.json", a_document())
    report = imported(None, file, now=datetime(2024, 6, 5, 15, 59, tzinfo=UTC))
    assert [one.reason for one in report.dropped] == ["it is stamped in the future"]


def test_one_file_with_many_days_is_filed_by_day(tmp_path: Path) -> None:
    days = ("2024-06-03", "2024-06-04", "2024-06-05")
    named = [(day, symbol, right) for day in days for symbol in ("NVDA", "AMD") for right in "CP"]
    rows = [a_row(symbol=symbol, right=right, quote_time=f"{day}T12:00:00-04:00") for day, symbol, right in named]
    file = write_table(tmp_path, "many.csv", *rows)
    archive = an_archive(tmp_path)
    assert imported(archive, file).stored == Appended(6, 0)
    held = archive.coverage()
    assert [str(day) for day in held.sessions] == list(days)
    assert held.sources == ("files",)


def test_a_named_format_takes_no_other(tmp_path: Path) -> None:
    file = write_json(tmp_path, "nvda.json", a_document())
    assert [one.reason for one in imported(None, file, format_name="cboe-csv").dropped] == ["it is not in the format cboe-csv"]
    assert len(imported(None, file, format_name="quote-list").taken) == 1
    with pytest.raises(ImportRefusedError, match=r"'xls' is not a format; there are cboe-json, .*, lean-csv, auto\."):
        imported(None, file, format_name="xls")
    with pytest.raises(ImportRefusedError, match=r"nowhere does not exist\."):
        imported(None, tmp_path / "nowhere")


REPLAYED = (
    ("SPX,NDX,RUT", "2022-12-12T20:45"),
    ("SPX", "2022-02-06"),
    ("SPX", "2022-02-05T20:09:59"),
    ("SPX", "2024-01-07T12:00"),
    ("SPX", "2024-01-07T10:52:27Z"),
    ("RUT,XYZ", "2023-09-21T09:00"),
)


@pytest.mark.anyio
@pytest.mark.real_data
@pytest.mark.parametrize("detail", ["default", "full"])
async def test_a_replay_from_the_archive_is_to_the_last_bit_what_the_files_say(tmp_path: Path, detail: str) -> None:
    folder = real_data.FOLDER / "cboe"
    archive = an_archive(tmp_path)
    imported(archive, folder)
    files = FilesReader(folder, clock=lambda: NOW, flat_rate=0.04, staleness=DAYS)
    sources: list[Source] = [ComputedSource(files), ArchiveSource(archive, clock=lambda: NOW, staleness=DAYS)]
    for symbols, at in REPLAYED:
        from_files, from_archive = [await _replayed(source, symbols=symbols, at=at, detail=detail) for source in sources]
        assert from_files == from_archive
        assert ("refused" in from_files) is (at == "2024-01-07T10:52:27Z")


async def _replayed(source: Source, **arguments: Any) -> str:
    """The structured answer, or the refusal, without what names its source."""
    async with a_desk(source, clock=lambda: NOW) as desk:
        result = await desk.call("basket_exposure", **arguments)
    if result.is_error or result.structured_content is None:
        return "refused"
    answer = dict(result.structured_content)
    del answer["source"]
    answer["warnings"] = [one for one in answer["warnings"] if one["code"] != "recorded_source"]
    for one in answer["missing"]:
        del one["detail"]
    return json.dumps(answer)


@pytest.mark.anyio
@pytest.mark.real_data
async def test_the_daily_chains_of_goog_answer_for_their_closes(tmp_path: Path, era: Era) -> None:
    archive = an_archive(tmp_path)
    report = imported(archive, real_data.FOLDER / "lean", format_name="lean-csv")
    assert report.stored == Appended(2, 0)
    source = ArchiveSource(archive, clock=lambda: NOW, staleness=DAYS)
    async with a_desk(source, era, clock=lambda: NOW) as desk:
        for at, resolved, spot in (
            ("2015-12-24", "2015-12-24T18:00:00Z", 748.40),
            ("2015-12-23", "2015-12-23T21:00:00Z", 748.54),
            ("2015-12-24T12:59", "2015-12-23T21:00:00Z", 748.54),
        ):
            answer = (await desk.answer(symbols="GOOG", at=at)).structured
            assert (answer["source"], answer["mode"], answer["at_resolved"]) == ("archive", "replay", resolved)
            assert answer["constituents"][0]["underlying_price"] == spot
            assert "recorded_source" in [one["code"] for one in answer["warnings"]]
        early = await desk.refusal(symbols="GOOG", at="2015-12-22")
        assert "no_data_at" in early
        assert "2015-12-23" not in early


@pytest.mark.anyio
@pytest.mark.real_data
async def test_the_change_of_goog_between_two_closes_is_explained_by_parts_that_add_up(tmp_path: Path, era: Era) -> None:
    archive = an_archive(tmp_path)
    imported(archive, real_data.FOLDER / "lean")
    source = ArchiveSource(archive, clock=lambda: NOW, staleness=DAYS)
    answer = await change_of(source, era, symbols="GOOG", since="2015-12-23", at="2015-12-24")
    assert answer.structured["kinds"] == {"attributed": 1}
    parts = answer.structured["nets"]["parts"]
    assert parts["unexplained"] == parts["weights_and_membership"] == [0, 0, 0, 0]
    assert all(parts[name][0] for name in ("time", "spot", "volatility", "open_interest", "coverage"))
    thin = [one["message"] for one in answer.structured["warnings"] if one["code"] == "thin_coverage"]
    assert [sentence.split()[-1] for sentence in thin] == ["53%.", "47%."]


def test_a_folder_without_chains_is_said_to_have_none(tmp_path: Path) -> None:
    write_bytes(tmp_path / "chains", "notes.txt", b"not a chain")
    answer = run_command("import", "auto", str(tmp_path / "chains"), "--archive-dir", str(tmp_path / "archive"))
    assert answer.returncode == 1
    assert answer.stdout.startswith(f"No file that could hold chains (.json, .csv) is in {tmp_path / 'chains'}.\n0 chains")
    assert not (tmp_path / "archive").exists()


def test_the_command_imports_reports_and_says_with_its_exit_code_whether_all_was_taken(tmp_path: Path) -> None:
    write_json(tmp_path / "chains", "nvda.json", a_document())
    folder = ("--archive-dir", str(tmp_path / "archive"))
    dry = run_command("import", "auto", str(tmp_path / "chains"), "--dry-run", *folder)
    assert (dry.returncode, dry.stderr) == (0, "")
    assert "take  NVDA 2024-06-05 12:00 Eastern, nvda.json: 2 of 2 contracts (100.0% of the open interest)" in dry.stdout
    assert dry.stdout.endswith("Dry run: 1 chain of 1 symbol would be taken, 0 dropped; nothing was written.\n")
    assert not (tmp_path / "archive").exists()
    once = run_command("import", "auto", str(tmp_path / "chains"), *folder)
    assert (once.returncode, once.stdout) == (0, "1 chain of 1 symbol: 1 new, 0 already there; 0 dropped.\n")
    write_bytes(tmp_path / "chains", "broken.json", b"{")
    again = run_command("import", "quote-list", str(tmp_path / "chains"), *folder)
    assert again.returncode == 1
    assert again.stdout.splitlines()[-1] == "1 chain of 1 symbol: 0 new, 1 already there; 1 dropped."
    assert "drop  broken.json: " in again.stdout
    for arguments, sentence in (
        (("auto", str(tmp_path / "nowhere")), "nowhere does not exist."),
        (("xls", str(tmp_path)), "invalid choice: 'xls'"),
    ):
        wrong = run_command("import", *arguments, *folder)
        assert wrong.returncode == 2
        assert wrong.stdout == ""
        assert sentence in wrong.stderr
        assert "Traceback" not in wrong.stderr
