"""A damaged file is put aside with a sentence, and the rest still answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from archive.chain_bytes import to_bytes
from archive.chain_files import chain_schema, write_chains
from archive.live_day import LiveChain
from archive.parquet_file import DamagedFileError, opened, write_parquet
from archive.quarantine import Quarantine
from archive.store import Archive
from tests.archive.recordings import FIVE_DAYS, MINUTE, OPEN, a_recording, an_archive, store
from tests.builders import a_chain

NAMES = ["SPY", "NVDA"]
DAY = timedelta(days=1)


def two_days(folder: Path) -> Archive:
    """Two exported days with chains, a projection, and a live day."""
    archive = an_archive(folder)
    for day in range(3):
        for minute in range(4):
            known = OPEN + day * DAY + minute * MINUTE
            chain = a_chain(symbol="SPY", quote_time=known)
            store(archive, replace(a_recording(NAMES, minute, start=OPEN + day * DAY), chains=[chain]))
    archive.export_finished_days(through=(OPEN + DAY).date())
    archive.rebuild_series()
    return archive


def flip(path: Path, where: float) -> None:
    """Change one byte somewhere in a file."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * where)] ^= 0xFF
    path.write_bytes(content)


def test_a_flipped_byte_is_noticed_or_harmless(tmp_path: Path) -> None:
    archive = an_archive(tmp_path / "archive")
    for minute in range(4):
        store(archive, a_recording(NAMES, minute))
    archive.export_finished_days()
    path = next((tmp_path / "archive" / "record").rglob("*.parquet"))
    content = path.read_bytes()
    noticed = 0
    for place in range(3, len(content), len(content) // 60):
        for bit in (0x01, 0x80):
            damaged = bytearray(content)
            damaged[place] ^= bit
            path.write_bytes(damaged)
            answer = an_archive(tmp_path / "archive").as_of(NAMES, OPEN + 3 * MINUTE, staleness=FIVE_DAYS)
            if not path.exists():
                noticed += 1
                assert answer.exposures == {}
            else:
                assert list(answer.exposures.values()) == a_recording(NAMES, 3).exposures
    assert noticed > 60


@pytest.mark.parametrize("where", [0.3, 0.999])
def test_a_damaged_day_is_put_aside_and_the_day_before_answers_with_a_remark(tmp_path: Path, where: float) -> None:
    two_days(tmp_path)
    path = tmp_path / "record" / "year=2024" / "2024-06-06.g1.parquet"
    flip(path, where)
    archive = an_archive(tmp_path)
    assert [remark.split(" (")[0] for remark in archive.check().remarks] == ["2024-06-06.g1.parquet is damaged"]
    answer = archive.as_of(NAMES, OPEN + DAY + 2 * MINUTE, staleness=FIVE_DAYS)
    assert answer.known == dict.fromkeys(NAMES, OPEN + 3 * MINUTE)
    assert len(answer.remarks) == 1
    assert not path.exists()
    assert sorted(one.name for one in (tmp_path / "quarantine").iterdir()) == [path.name, f"{path.name}.txt"]
    assert archive.coverage().quarantined == answer.remarks
    assert archive.as_of(NAMES, OPEN + 2 * DAY, staleness=FIVE_DAYS).known == dict.fromkeys(NAMES, OPEN + 2 * DAY)
    assert archive.as_of(NAMES, OPEN + MINUTE, staleness=MINUTE).remarks == ()

    store(archive, a_recording(NAMES, 1, start=OPEN + DAY))
    archive.export_finished_days()
    assert (tmp_path / "record" / "year=2024" / "2024-06-06.g2.parquet").exists()
    assert archive.as_of(NAMES, OPEN + DAY + 2 * MINUTE, staleness=FIVE_DAYS).remarks == ()


def test_a_question_that_meets_the_damage_puts_the_file_aside_itself(tmp_path: Path) -> None:
    two_days(tmp_path)
    (tmp_path / "record" / "year=2024" / "2024-06-06.g1.parquet").write_bytes(b"PAR1 nonsense PAR1")
    archive = an_archive(tmp_path)
    block = archive.series(NAMES, [OPEN + DAY + 2 * MINUTE], ["spot"], staleness=FIVE_DAYS)
    assert len(block.remarks) == 1
    last = archive.as_of(NAMES, OPEN + DAY + 2 * MINUTE, staleness=FIVE_DAYS).exposures
    assert block.values["spot"].ravel().tolist() == [last[name].spot for name in NAMES]


def test_a_damaged_projection_costs_nothing_but_time(tmp_path: Path) -> None:
    archive = two_days(tmp_path)
    instants = [OPEN + step * MINUTE for step in range(0, 1500, 7)]
    before = archive.series(NAMES, instants, ["gex_call"], staleness=FIVE_DAYS).values["gex_call"]
    flip(tmp_path / "series" / "symbol=SPY" / "2024.g1.parquet", 0.3)
    after = archive.series(NAMES, instants, ["gex_call"], staleness=FIVE_DAYS).values["gex_call"]
    assert np.array_equal(before, after)
    archive.check()
    assert archive.rebuild_series().written == 1


def test_a_damaged_chain_file_and_a_damaged_live_file_leave_the_rest(tmp_path: Path) -> None:
    two_days(tmp_path)
    (tmp_path / "chains" / "date=2024-06-06" / "symbol=SPY.g1.parquet").write_bytes(b"nonsense")
    archive = an_archive(tmp_path)
    answer = archive.chains_as_of(["SPY"], OPEN + DAY + MINUTE, staleness=FIVE_DAYS)
    assert answer.known == {"SPY": OPEN + 3 * MINUTE}
    assert len(answer.remarks) == 1
    live = next((tmp_path / "live").glob("2024-06-07.g*.db"))
    del archive
    live.write_bytes(b"this is no database" * 500)
    archive = an_archive(tmp_path)
    answer2 = archive.as_of(NAMES, OPEN + 2 * DAY, staleness=FIVE_DAYS)
    assert answer2.known == dict.fromkeys(NAMES, OPEN + DAY + 3 * MINUTE)
    assert len(answer2.remarks) == 2
    store(archive, a_recording(NAMES, 0, start=OPEN + 2 * DAY))
    assert archive.as_of(NAMES, OPEN + 2 * DAY, staleness=FIVE_DAYS).known == dict.fromkeys(NAMES, OPEN + 2 * DAY)


def test_a_writer_that_meets_a_damaged_live_file_goes_on_in_a_new_one(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    store(archive, a_recording(NAMES, 0))
    del archive
    next((tmp_path / "live").glob("*.g1.db")).write_bytes(b"this is no database" * 500)
    archive = an_archive(tmp_path)
    store(archive, a_recording(NAMES, 1))
    assert archive.as_of(NAMES, OPEN + MINUTE, staleness=FIVE_DAYS).known == dict.fromkeys(NAMES, OPEN + MINUTE)
    assert len(archive.coverage().quarantined) == 1


def test_a_damaged_file_that_cannot_be_moved_is_shunned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_days(tmp_path)
    path = tmp_path / "record" / "year=2024" / "2024-06-06.g1.parquet"
    path.write_bytes(b"nonsense")

    monkeypatch.setattr("archive.quarantine.os.rename", refuse)
    archive = an_archive(tmp_path)
    answer = archive.as_of(NAMES, OPEN + DAY, staleness=FIVE_DAYS)
    assert answer.known == dict.fromkeys(NAMES, OPEN + 3 * MINUTE)
    assert len(answer.remarks) == 1
    assert path.exists()


def test_a_name_that_went_into_quarantine_is_never_given_out_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_days(tmp_path)
    at = OPEN + DAY + 2 * MINUTE
    damaged = tmp_path / "chains" / "date=2024-06-06" / "symbol=SPY.g1.parquet"
    projected = tmp_path / "series" / "symbol=SPY" / "2024.g1.parquet"
    for path in (damaged, projected):
        path.write_bytes(b"nonsense")
    shunning = an_archive(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("archive.quarantine.os.rename", refuse)
        assert shunning.chains_as_of(["SPY"], at, staleness=FIVE_DAYS).known == {"SPY": OPEN + 3 * MINUTE}

    # Another process can move what this one could only shun, and writes new files of the same things.
    other = an_archive(tmp_path)
    other.check()
    chain = a_chain(symbol="SPY", quote_time=at)
    store(other, replace(a_recording(NAMES, 2, start=OPEN + DAY), chains=[chain]))
    other.export_finished_days(through=at.date())
    other.rebuild_series()
    assert damaged.with_name("symbol=SPY.g2.parquet").exists()
    assert projected.with_name("2024.g2.parquet").exists()
    assert not damaged.exists()
    assert not projected.exists()
    assert shunning.chains_as_of(["SPY"], at, staleness=FIVE_DAYS).known == {"SPY": at}


def test_an_export_beside_a_shunned_file_keeps_what_the_generation_before_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = an_archive(tmp_path)

    def record(minute: int) -> None:
        chain = a_chain(symbol="SPY", quote_time=OPEN + minute * MINUTE)
        store(archive, replace(a_recording(NAMES, minute), chains=[chain]))

    for minute in (0, 1):
        record(minute)
        archive.export_finished_days()
    for name in ("chains/date=2024-06-05/symbol=SPY.g2.parquet", "record/year=2024/2024-06-05.g2.parquet"):
        assert (tmp_path / name).exists()
        (tmp_path / name).write_bytes(b"nonsense")
    monkeypatch.setattr("archive.quarantine.os.rename", refuse)
    archive = an_archive(tmp_path)
    archive.check()
    record(2)
    archive.export_finished_days()
    for known in (OPEN, OPEN + 2 * MINUTE):
        assert archive.chains_as_of(["SPY"], known, staleness=FIVE_DAYS).known == {"SPY": known}
        assert archive.as_of(NAMES, known, staleness=FIVE_DAYS).known == dict.fromkeys(NAMES, known)


def refuse(*_: object) -> None:
    """As `os.rename` in a folder that nothing may be moved out of."""
    raise PermissionError(13, "Permission denied")


def test_putting_aside_what_is_gone_already_is_nothing(tmp_path: Path) -> None:
    from archive.layout import Layout

    quarantine = Quarantine(Layout(tmp_path))
    quarantine.put_aside(tmp_path / "record" / "year=2024" / "2024-06-06.g1.parquet", "It is damaged.")
    assert quarantine.sentences() == ()


def test_of_two_generations_of_chains_the_damaged_one_is_named(tmp_path: Path) -> None:
    """Its content is whole, and its footer names a chain more than it holds; the file that was to follow it is not to blame."""
    chain = a_chain(symbol="SPY", quote_time=OPEN)
    first, second = (LiveChain("cboe", "SPY", known, to_bytes(chain)) for known in (1, 2))
    previous, following = tmp_path / "symbol=SPY.g1.parquet", tmp_path / "symbol=SPY.g2.parquet"
    write_chains(previous, None, [first])
    with opened(previous) as (file, footer):
        table, keys = file.read(), [*footer["chains"], ["cboe", 3]]
    write_parquet(previous, [table], chain_schema(), {"chains": keys})
    with pytest.raises(DamagedFileError, match="names chains it does not hold") as raised:
        write_chains(following, previous, [second])
    assert raised.value.path == previous
    assert not following.exists()
