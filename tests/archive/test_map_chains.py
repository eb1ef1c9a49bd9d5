"""`Archive.map_chains`: the chains that `chains_as_of` gives at many instants, each once, read in one go."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.chain_bytes import identical
from archive.store import Archive
from exposure.chain import Chain
from tests.archive.recordings import FIVE_DAYS, OPEN
from tests.builders import a_call, a_chain, a_put

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
AFTER = OPEN - 2 * DAY
Found = tuple[str, datetime, Chain]


def the_end() -> datetime:
    return OPEN + 9 * DAY


def an_archive(folder: Path) -> Archive:
    return Archive(folder, clock=the_end)


def a_chain_at(known: datetime, *, age: timedelta = timedelta(0)) -> Chain:
    """A chain of SPY that differs from every other one."""
    contracts = [a_call(100, open_interest=known.timestamp() % 1e6), a_put(95 + known.minute)]
    return replace(a_chain(contracts), symbol="SPY", quote_time=known - age)


def one_by_one(archive: Archive, instants: Sequence[datetime], after: datetime, staleness: timedelta) -> list[Found]:
    """The same question, instant by instant."""
    found: dict[tuple[datetime, str], Chain] = {}
    for at in instants:
        answer = archive.chains_as_of(["SPY"], at, staleness=staleness)
        if answer.source is not None and answer.known["SPY"] > after:
            found[answer.known["SPY"], answer.source] = answer.chains["SPY"]
    return [(source, known, chain) for (known, source), chain in sorted(found.items(), key=lambda one: one[0])]


def assert_same(one: Sequence[Found], other: Sequence[Found]) -> None:
    assert [found[:2] for found in one] == [found[:2] for found in other]
    assert all(identical(first[2], second[2]) for first, second in zip(one, other, strict=True))


def untouched(chains: Sequence[Chain]) -> Sequence[Chain]:
    return chains


moments = st.builds(
    lambda day, minute: OPEN + day * DAY + minute * MINUTE, st.integers(-1, 2), st.sampled_from((0, 7, 8, 30, 200, 389))
)
appended = st.tuples(st.sampled_from(("cboe", "files", "demo")), moments, st.sampled_from((0, 20, 2000)), st.booleans())


@settings(max_examples=40, deadline=None)
@given(
    st.lists(appended, max_size=12),
    st.lists(moments, max_size=8),
    moments | st.just(AFTER),
    st.sampled_from((timedelta(0), 30 * MINUTE, FIVE_DAYS)),
)
def test_it_gives_what_the_instants_give_one_by_one(
    tmp_path_factory: pytest.TempPathFactory,
    stored: list[tuple[str, datetime, int, bool]],
    asked: list[datetime],
    after: datetime,
    staleness: timedelta,
) -> None:
    archive = an_archive(tmp_path_factory.mktemp("archive"))
    for source, known, age, exported in stored:
        archive.append(known, (), source=source, chains=[a_chain_at(known, age=age * MINUTE)])
        if exported:
            archive.export_finished_days()
    instants = sorted(asked)
    found = archive.map_chains(["SPY"], instants, untouched, after=after, staleness=staleness)
    assert_same(found, one_by_one(archive, instants, after, staleness))
    assert {known.tzinfo for _, known, _ in found} <= {UTC}


def test_a_damaged_file_leaves_the_rest_and_a_copy_in_another_process_reads_the_same_folder(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    for day in range(2):
        archive.append(OPEN + day * DAY, (), source="cboe", chains=[a_chain_at(OPEN + day * DAY)])
    archive.export_finished_days()
    (later,) = tmp_path.glob("chains/*2024-06-06/*.parquet")
    content = bytearray(later.read_bytes())
    content[len(content) // 3] ^= 1
    later.write_bytes(content)
    instants = [OPEN + step * DAY for step in range(3)]
    found = archive.map_chains(["SPY"], instants, untouched, after=AFTER, staleness=FIVE_DAYS)
    assert_same(found, [("cboe", OPEN, a_chain_at(OPEN))])
    assert len(archive.coverage().quarantined) == 1
    copy: Archive = pickle.loads(pickle.dumps(archive))
    assert_same(copy.map_chains(["SPY"], instants, untouched, after=AFTER, staleness=FIVE_DAYS), found)


def test_instants_without_a_timezone_are_refused_and_none_give_nothing(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    assert archive.map_chains(["SPY"], [], untouched, after=AFTER, staleness=FIVE_DAYS) == []
    with pytest.raises(ValueError, match="no timezone"):
        archive.map_chains(["SPY"], [OPEN.replace(tzinfo=None)], untouched, after=AFTER, staleness=FIVE_DAYS)
