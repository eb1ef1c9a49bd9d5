"""Nothing known later changes an answer, and lining symbols up by minute without carrying forward is wrong."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.answers import Recording
from archive.store import Archive
from tests.archive.recordings import FIVE_DAYS, MINUTE, OPEN, a_row, an_archive, store
from tests.builders import a_vendor_row

NAMES = ("SPY", "QQQ", "NVDA")
minutes = st.integers(0, 3 * 1440)


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    known = OPEN + draw(minutes) * MINUTE
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    value = draw(st.sampled_from([1.0, 2.5, -7.0, 1e300, float("nan")]))
    source = draw(st.sampled_from(["cboe", "files", "vendor"]))
    quoted = known - draw(st.integers(0, 30)) * MINUTE
    if source == "vendor":
        return Recording(known, [a_vendor_row(name, value, quote_time=quoted) for name in names], source, (), "$")
    return Recording(known, [a_row(name, quoted, value) for name in names], source)


def answers(archive: Archive, at: int) -> str:
    """Everything that can be asked as of a minute."""
    instant = OPEN + at * MINUTE
    grid = [instant - step * MINUTE for step in range(90, -1, -30)]
    said: list[object] = []
    for source in (None, "files", "vendor"):
        said.append(archive.as_of(NAMES, instant, staleness=timedelta(hours=12), source=source))
        block = archive.series(NAMES, grid, ["gex_call", "net_gex"], staleness=timedelta(hours=12), source=source)
        said += [block.family, {name: values.tolist() for name, values in block.values.items()}]
        said.append(archive.percentile_ranks(NAMES, "spot", instant, timedelta(hours=6), staleness=FIVE_DAYS, source=source))
    return repr(said)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(recordings(), max_size=12), minutes, st.booleans(), st.booleans())
def test_an_answer_is_the_same_whatever_is_appended_later(
    history: list[Recording], at: int, exported: bool, projected: bool
) -> None:
    """The second archive also holds the future: other values, other sources, other symbols, all exported in other pieces."""
    now = OPEN + at * MINUTE
    with tempfile.TemporaryDirectory() as folder:
        past, full = an_archive(Path(folder, "past")), an_archive(Path(folder, "full"))
        for recording in history:
            if recording.known <= now:
                store(past, recording)
                store(full, recording)
        before = answers(full, at)
        assert answers(past, at) == before
        if exported:
            full.export_finished_days()
        for recording in history:
            if recording.known > now:
                store(full, recording)
        poison = [a_row(name, now + MINUTE / 60, 1e9) for name in (*NAMES, "XOM")]
        full.append(now + MINUTE / 60, poison, source="files")
        full.append(now + MINUTE / 60, poison, source="a-better-source")
        assert answers(full, at) == before
        if exported:
            full.export_finished_days()
        if projected:
            full.rebuild_series()
        assert answers(full, at) == before


def test_carrying_forward_equals_brute_force_and_a_group_by_does_not(tmp_path: Path) -> None:
    draw = np.random.default_rng(11)
    archive = an_archive(tmp_path)
    value = draw.uniform(1.0, 2.0, (len(NAMES), 120))
    there = draw.random(value.shape) > 0.05
    for minute in range(120):
        known = OPEN + minute * MINUTE
        rows = [a_row(name, known, value[place, minute]) for place, name in enumerate(NAMES) if there[place, minute]]
        archive.append(known, rows, source="files")
    archive.export_finished_days()
    instants = [OPEN + minute * MINUTE for minute in range(120)]
    ours = archive.series(NAMES, instants, ["gex_call"], staleness=FIVE_DAYS).values["gex_call"]

    brute = np.full_like(value, np.nan)
    for place in range(len(NAMES)):
        for minute in range(120):
            known_by_then = [step for step in range(minute + 1) if there[place, step]]
            if known_by_then:
                brute[place, minute] = value[place, known_by_then[-1]]
    assert np.array_equal(ours, brute, equal_nan=True)

    grouped = np.where(there, value, 0.0).sum(axis=0)
    complete = ~np.isnan(brute).any(axis=0)
    wrong = np.abs(grouped - brute.sum(axis=0))[complete] / brute.sum(axis=0)[complete]
    assert np.count_nonzero(wrong > 0.2) > 5
