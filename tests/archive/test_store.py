"""What goes in comes out: the last known, of one family, within the limit; live, exported, and projected alike."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from archive import record_files
from archive.answers import Appended, ArchiveError, Family, Kind, Nearest, Recording
from archive.chain_bytes import identical
from archive.live_day import MIGRATIONS, LiveDay
from archive.parquet_file import groups_of, write_parquet
from archive.store import Archive
from exposure.chain import Chain
from exposure.dealer import ComputedLegs
from exposure.legs import measure
from tests.archive.recordings import FIVE_DAYS, MINUTE, OPEN, a_recording, a_row, an_archive, store
from tests.builders import NAN, a_call, a_chain, a_put, a_quoted_pair, a_vendor_row

NAMES = ["SPY", "NVDA", "BRK.B"]


def test_nothing_is_created_before_the_first_append(tmp_path: Path) -> None:
    archive = an_archive(tmp_path / "archive")
    assert archive.coverage().rows == 0
    assert archive.as_of(NAMES, OPEN, staleness=FIVE_DAYS).last_before == dict.fromkeys(NAMES)
    assert archive.export_finished_days().written == 0
    assert archive.rebuild_series(everything=True).written == 0
    assert archive.compact().removed == 0
    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize("exported", [False, True])
def test_the_last_snapshot_known_by_then_answers(tmp_path: Path, exported: bool) -> None:
    archive = an_archive(tmp_path)
    for minute in range(4):
        store(archive, a_recording(NAMES, minute))
    if exported:
        assert archive.export_finished_days().written == 1
    answer = archive.as_of([*NAMES, "XOM"], OPEN + 2.5 * MINUTE, staleness=FIVE_DAYS)
    assert list(answer.exposures.values()) == a_recording(NAMES, 2).exposures
    assert answer.known == dict.fromkeys(NAMES, OPEN + 2 * MINUTE)
    assert answer.last_before == {"XOM": None}
    assert answer.family == Family("files", Kind.COMPUTED)
    assert archive.as_of(NAMES, OPEN - MINUTE / 60, staleness=FIVE_DAYS).exposures == {}


def test_an_answer_is_the_same_live_exported_merged_and_after_a_restart(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    for minute in (0, 1, 5):
        store(archive, a_recording(NAMES, minute))
    instants = [OPEN + step * MINUTE / 2 for step in range(-2, 16)]
    before = [archive.as_of(NAMES, at, staleness=FIVE_DAYS) for at in instants if at < OPEN + 3 * MINUTE]
    archive.export_finished_days()
    store(archive, a_recording(NAMES, 3))
    mixed = [archive.as_of(NAMES, at, staleness=FIVE_DAYS) for at in instants]
    archive.export_finished_days()
    merged = [an_archive(tmp_path).as_of(NAMES, at, staleness=FIVE_DAYS) for at in instants]
    assert merged == mixed
    assert mixed[: len(before)] == before
    assert [path.name for path in (tmp_path / "record" / "year=2024").iterdir()] == [
        "2024-06-05.g1.parquet",
        "2024-06-05.g2.parquet",
    ] or (len(list((tmp_path / "record" / "year=2024").iterdir())) == 2)


def test_appending_the_same_again_changes_nothing(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    recording = replace(a_recording(NAMES, 0), chains=[a_chain(quote_time=OPEN)])
    assert archive.append_many([recording], export=False) == Appended(3, 0)
    assert archive.append_many([recording], export=False) == Appended(0, 3)
    archive.export_finished_days()
    assert archive.append_many([recording]) == Appended(0, 3)
    assert archive.append_many([a_recording(NAMES, 0, value=9.0)]) == Appended(0, 0, 3)
    assert archive.coverage().rows == 3
    assert not list((tmp_path / "live").glob("*.g*.db"))
    assert archive.as_of(NAMES, OPEN, staleness=FIVE_DAYS).exposures["SPY"] == a_recording(NAMES, 0).exposures[0]


def test_the_age_of_an_answer_is_that_of_its_quotes(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    late = a_row("SPY", OPEN)
    archive.append(OPEN + 60 * MINUTE, [late], source="files")
    limit = timedelta(hours=2)
    assert archive.as_of(["SPY"], OPEN + 120 * MINUTE, staleness=limit).exposures == {"SPY": late}
    stale = archive.as_of(["SPY"], OPEN + 121 * MINUTE, staleness=limit)
    assert stale.exposures == {}
    assert stale.family is None
    assert stale.last_before == {"SPY": OPEN + 60 * MINUTE}
    series = archive.series(["SPY"], [OPEN + 120 * MINUTE, OPEN + 121 * MINUTE], ["spot"], staleness=limit)
    assert np.array_equal(series.values["spot"], [[late.spot, NAN]], equal_nan=True)


def test_a_weekend_is_answered_from_friday(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    friday = datetime(2024, 6, 7, 20, tzinfo=UTC)
    store(archive, a_recording(NAMES, 0, start=friday))
    archive.export_finished_days()
    assert archive.as_of(NAMES, friday + timedelta(days=3), staleness=FIVE_DAYS).known["SPY"] == friday


def test_quotes_stamped_a_little_later_move_the_snapshot_and_much_later_ones_are_refused(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    archive.append(OPEN, [a_row("SPY", OPEN + timedelta(seconds=2)), a_row("QQQ", OPEN)], source="files")
    assert archive.as_of(["SPY", "QQQ"], OPEN + timedelta(seconds=1), staleness=FIVE_DAYS).exposures == {}
    assert len(archive.as_of(["SPY", "QQQ"], OPEN + timedelta(seconds=2), staleness=FIVE_DAYS).exposures) == 2
    with pytest.raises(ArchiveError, match="one of the two clocks is wrong"):
        archive.append(OPEN, [a_row("SPY", OPEN + timedelta(hours=1))], source="files")
    with pytest.raises(ArchiveError, match="not a symbol"):
        archive.append(OPEN, [a_row("../SPY", OPEN)], source="files")
    with pytest.raises(ValueError, match="no timezone"):
        archive.append(OPEN.replace(tzinfo=None), [], source="files")


def test_published_and_computed_rows_never_share_an_answer(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    archive.append(OPEN, [a_row("SPY", OPEN), a_row("QQQ", OPEN)], source="vendor")
    published = [a_vendor_row("SPY", quote_time=OPEN), a_vendor_row("XOM", quote_time=OPEN)]
    archive.append(OPEN + MINUTE, published, source="vendor", units="$ per 1% move")
    for _ in ("live", "exported"):
        both = archive.as_of(["SPY", "QQQ", "XOM"], OPEN + MINUTE, staleness=FIVE_DAYS)
        assert both.family == Family("vendor", Kind.COMPUTED)
        assert set(both.exposures) == {"SPY", "QQQ"}
        nets = archive.as_of(["SPY", "XOM"], OPEN + MINUTE, staleness=FIVE_DAYS, source="vendor")
        assert nets.family == Family("vendor", Kind.PUBLISHED, "$ per 1% move")
        assert list(nets.exposures.values()) == published
        chosen = archive.as_of(["SPY"], OPEN + MINUTE, staleness=FIVE_DAYS, kind=Kind.PUBLISHED)
        assert chosen.exposures == {"SPY": published[0]}
        assert archive.as_of(["SPY"], OPEN + MINUTE, staleness=FIVE_DAYS, source="other").exposures == {}
        series = archive.series(["SPY"], [OPEN + MINUTE], ["net_gex", "gex_call"], staleness=FIVE_DAYS, kind=Kind.PUBLISHED)
        assert np.array_equal(series.values["net_gex"], [[100e6]])
        assert np.isnan(series.values["gex_call"]).all()
        archive.export_finished_days()
    assert archive.coverage().sources == ("vendor",)
    assert len(archive.coverage().families) == 2


def test_a_chain_comes_back_bit_for_bit_and_measures_the_same(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)

    def stored(minute: int) -> Chain:
        contracts = [a_call(95 + minute), a_put(95, iv=NAN), a_call(100, expiry=date(2024, 6, 5), bid=1.25), *a_quoted_pair(101)]
        chain = a_chain([*contracts, a_put(90, expiry=date(2024, 9, 20))], symbol="SPY", quote_time=OPEN + minute * MINUTE)
        # As for an index: every second chain has the rate of its own quotes.
        chain = replace(chain, curve=replace(chain.curve, refused=minute, rate_from_parity=minute % 2 == 1))
        archive.append(chain.quote_time, [measure(chain)], source="cboe", chains=[chain])
        return chain

    def assert_all_there(chains: Sequence[Chain]) -> None:
        for minute, chain in enumerate(chains):
            at = OPEN + (minute + 0.5) * MINUTE
            answer = archive.chains_as_of(["SPY", "QQQ"], at, staleness=FIVE_DAYS)
            assert identical(answer.chains["SPY"], chain)
            assert answer.chains["SPY"].curve.rate_from_parity is (minute % 2 == 1)
            assert answer.source == "cboe"
            assert answer.last_before == {"QQQ": None}
            assert measure(answer.chains["SPY"]) == archive.as_of(["SPY"], at, staleness=FIVE_DAYS).exposures["SPY"]

    chains = [stored(minute) for minute in range(3)]
    assert_all_there(chains)
    archive.export_finished_days()
    assert_all_there(chains)
    chains.append(stored(3))
    assert_all_there(chains)
    archive.export_finished_days()
    assert_all_there(chains)
    assert archive.chains_as_of(["SPY"], OPEN + timedelta(days=9), staleness=FIVE_DAYS).last_before == {"SPY": None}


def test_an_import_of_many_days_is_exported_as_it_goes(tmp_path: Path) -> None:
    archive = an_archive(tmp_path, now=OPEN + timedelta(days=4))
    recordings = [a_recording(NAMES, minute, start=OPEN + timedelta(days=day)) for day in range(5) for minute in range(3)]
    assert archive.append_many(recordings) == Appended(45, 0)
    assert [path.name for path in (tmp_path / "live").glob("*.g*.db")] == ["2024-06-09.g1.db"]
    coverage = archive.coverage()
    assert (coverage.rows, len(coverage.sessions), coverage.symbols) == (45, 5, tuple(sorted(NAMES)))
    assert (coverage.first, coverage.last) == (OPEN, OPEN + timedelta(days=4) + 2 * MINUTE)
    assert coverage.bytes == sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())


def test_the_series_is_what_as_of_answers_at_each_instant(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    draw = np.random.default_rng(3)
    for day in (0, 1, 2, 29):
        for minute in range(12):
            there = [name for name in NAMES if draw.random() < 0.7]
            store(archive, a_recording(there, minute, value=draw.random(), start=OPEN + timedelta(days=day)))
    staleness = timedelta(hours=30)
    instants = [OPEN + timedelta(days=day) + step * MINUTE / 2 for day in (0, 1, 2, 4, 29) for step in range(-1, 26)]

    def agrees() -> None:
        block = archive.series(NAMES, instants, ["gex_put", "atm_iv"], staleness=staleness)
        for position, at in enumerate(instants):
            known = archive.as_of(NAMES, at, staleness=staleness).exposures
            for row, name in enumerate(NAMES):
                legs = known[name].legs("gex") if name in known else None  # type: ignore[arg-type]
                assert np.array_equal(block.values["gex_put"][row, position], legs.put if legs else NAN, equal_nan=True)

    agrees()
    archive.export_finished_days(through=(OPEN + timedelta(days=2)).date())
    agrees()
    archive.rebuild_series()
    agrees()
    store(archive, a_recording(NAMES, 6, value=77.0, start=OPEN + timedelta(days=1, seconds=30)))
    agrees()
    archive.export_finished_days()
    agrees()
    assert archive.rebuild_series().written == 3
    assert archive.rebuild_series().written == 0
    agrees()
    (tmp_path / "record" / "year=2024" / "2024-06-05.g1.parquet").unlink()
    agrees()


def test_a_series_of_an_unknown_column_or_of_nobody_is_answered_plainly(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    with pytest.raises(ArchiveError, match="no series of gamma"):
        archive.series(NAMES, [OPEN], ["gamma"], staleness=FIVE_DAYS)
    assert np.isnan(archive.series(NAMES, [OPEN], ["spot"], staleness=FIVE_DAYS).values["spot"]).all()
    assert archive.series([], [], ["spot"], staleness=FIVE_DAYS).values["spot"].shape == (0, 0)


def test_percentile_ranks_count_the_snapshots_of_the_window(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    for minute, value in enumerate((1.0, 9.0, 3.0, 5.0)):
        store(archive, a_recording(["SPY"], minute, value=value))
    for projected in (False, True):
        if projected:
            archive.export_finished_days()
            archive.rebuild_series()
        ranks = archive.percentile_ranks(["SPY", "XOM"], "gex_call", OPEN + 3 * MINUTE, 3 * MINUTE, staleness=FIVE_DAYS)
        assert ranks == {"SPY": 2 / 3, "XOM": None}
        whole = archive.percentile_ranks(["SPY"], "gex_call", OPEN + 3 * MINUTE, FIVE_DAYS, staleness=FIVE_DAYS)
        assert whole == {"SPY": 3 / 4}
        assert archive.percentile_ranks(["SPY"], "net_gex", OPEN + 3 * MINUTE, FIVE_DAYS, staleness=FIVE_DAYS) == {"SPY": None}


def test_the_nearest_instants_are_found_however_far(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    store(archive, a_recording(["SPY"], 0))
    store(archive, a_recording(["SPY"], 0, start=OPEN + timedelta(days=20)))
    for _ in ("live", "exported"):
        found = archive.nearest(["SPY", "XOM"], OPEN + timedelta(days=10))
        assert found == {"SPY": Nearest(OPEN, OPEN + timedelta(days=20)), "XOM": Nearest(None, None)}
        archive.export_finished_days()


def test_compaction_removes_what_was_replaced_and_what_killed_writers_left(tmp_path: Path) -> None:
    archive = Archive(tmp_path, clock=lambda: datetime.now(UTC) + timedelta(hours=2))
    for minute in range(3):
        store(archive, replace(a_recording(NAMES, minute), chains=[a_chain(quote_time=OPEN + minute * MINUTE)]))
        archive.export_finished_days()
        archive.rebuild_series()
    left = tmp_path / "record" / "year=2024" / ".2024-06-05.g9.parquet.1.aa.aside"
    left.write_bytes(b"half")
    assert archive.compact(grace=timedelta(hours=5)).removed == 0
    assert archive.compact(grace=timedelta(hours=1)).removed == 2 + 2 + 3 * 2 + 1
    assert not left.exists()
    assert archive.coverage().rows == 9
    assert archive.check().remarks == ()


def test_a_newer_version_is_refused_and_an_older_one_migrated(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    store(archive, a_recording(NAMES, 0))
    path = next((tmp_path / "live").glob("*.g1.db"))
    added = (*MIGRATIONS, ("ALTER TABLE exposure ADD COLUMN remark TEXT",))
    LiveDay.open(path, migrations=added).close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*), count(remark) FROM exposure").fetchone() == (3, 0)
    connection.close()
    with pytest.raises(ArchiveError, match="written by a newer version"):
        an_archive(tmp_path).as_of(NAMES, OPEN, staleness=FIVE_DAYS)


def test_a_recording_without_rows_is_nothing(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    assert archive.append_many([Recording(OPEN, [], "files")]) == Appended(0, 0)
    assert archive.coverage().rows == 0


@pytest.mark.parametrize("rows", [1, 4, 7])
def test_a_symbol_that_straddles_row_groups_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr("archive.record_files.groups_of", lambda table: groups_of(table, rows))
    archive = an_archive(tmp_path)
    for minute in range(9):
        store(archive, a_recording(NAMES[: 1 + minute % 3], minute))
    instants = [OPEN + step * MINUTE / 2 for step in range(20)]
    before = [archive.as_of(NAMES, at, staleness=FIVE_DAYS) for at in instants]
    series = archive.series(NAMES, instants, ["spot"], staleness=FIVE_DAYS).values["spot"]
    archive.export_finished_days()
    assert [archive.as_of(NAMES, at, staleness=FIVE_DAYS) for at in instants] == before
    for _ in ("day files", "projection"):
        assert np.array_equal(
            archive.series(NAMES, instants, ["spot"], staleness=FIVE_DAYS).values["spot"], series, equal_nan=True
        )
        archive.rebuild_series()


def test_days_written_before_a_column_was_added_still_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = an_archive(tmp_path)
    store(archive, a_recording(NAMES, 0))
    schema = record_files.day_schema()
    older = schema.remove(schema.get_field_index("same_day_vex_call"))

    def write_older(path: Path, table: object, footer: dict[str, object]) -> None:
        write_parquet(path, [table.select(older.names)], older, footer)  # type: ignore[attr-defined]

    monkeypatch.setattr("archive.exporting.write_day", write_older)
    archive.export_finished_days()
    monkeypatch.undo()
    found = archive.as_of(NAMES, OPEN, staleness=FIVE_DAYS).exposures["SPY"]
    assert found.spot == a_recording(NAMES, 0).exposures[0].spot
    assert isinstance(found.measured, ComputedLegs)
    assert np.isnan(found.measured.same_day.vex.call)
    store(archive, a_recording(NAMES, 1))
    archive.export_finished_days()
    assert archive.as_of(NAMES, OPEN, staleness=FIVE_DAYS).exposures["SPY"].spot == found.spot
    assert archive.as_of(NAMES, OPEN + MINUTE, staleness=FIVE_DAYS).exposures["SPY"] == a_recording(NAMES, 1).exposures[0]


def test_a_series_that_runs_on_after_the_last_snapshot_keeps_what_came_before(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    for minute in range(3):
        store(archive, a_recording(NAMES, minute))
    instants = [OPEN, OPEN + MINUTE, OPEN + timedelta(days=20)]
    for _ in ("live", "exported"):
        block = archive.series(["SPY", "SPY"], instants, ["spot"], staleness=FIVE_DAYS)
        spots = [a_recording(NAMES, minute).exposures[0].spot for minute in range(2)]
        assert block.symbols == ("SPY",)
        assert np.array_equal(block.values["spot"], [[*spots, NAN]], equal_nan=True)
        archive.export_finished_days()


def test_an_empty_chain_is_stored_as_it_is(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    empty = a_chain([], symbol="SPY", quote_time=OPEN)
    archive.append(OPEN, [], source="cboe", chains=[empty])
    for _ in ("live", "exported"):
        assert identical(archive.chains_as_of(["SPY"], OPEN, staleness=FIVE_DAYS).chains["SPY"], empty)
        archive.export_finished_days()


def test_a_file_in_place_of_the_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("not a folder", encoding="utf-8")
    archive = an_archive(tmp_path / "archive")
    for ask in (archive.coverage, archive.compact, lambda: archive.as_of(["SPY"], OPEN, staleness=FIVE_DAYS)):
        with pytest.raises(ArchiveError, match="is a file; name another"):
            ask()
