"""Runs, gaps, sides and flips of a series, and its picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exposure.flip_history import counted_sides, side_history
from exposure.flips import Side
from exposure.history import basket_series, summarise
from exposure.reliability import Regime
from exposure.runs import ReadingState, sign_runs, to_datetime
from exposure.sampling import Step, sample_instants
from exposure.sessions import eastern
from exposure.sparkline import BLOCKS, NO_READING, sparkline
from tests.exposure.windows import MINUTES, NAN, a_summary, minutes_of, some_readings


def brute_sides(values: Sequence[float]) -> list[Side]:
    """The rule in words, with the thresholds written out."""
    side, sides = Side.NEUTRAL, []
    for place, value in enumerate(values):
        pair = (values[place - 1], value) if place else (0.0, value)
        if all(one >= 0.05 for one in pair):
            side = Side.LONG
        elif all(one <= -0.05 for one in pair):
            side = Side.SHORT
        elif (side is Side.LONG and all(one < 0.025 for one in pair)) or (
            side is Side.SHORT and all(one > -0.025 for one in pair)
        ):
            side = Side.NEUTRAL
        sides.append(side)
    return sides


class TestFlips:
    @given(st.lists(st.sampled_from([-0.2, -0.05, -0.04, -0.025, -0.01, 0.0, 0.01, 0.025, 0.04, 0.05, 0.2]), max_size=40))
    def test_sides_follow_the_rule(self, values: list[float]) -> None:
        assert counted_sides(np.array(values)) == brute_sides(values)

    @staticmethod
    def flips_of(*values: float) -> list[tuple[Side, Side]]:
        answer = side_history(minutes_of(*values), np.array(values), np.ones((1, len(values)), dtype=bool))
        return [] if answer is None else [(flip.before, flip.after) for flip in answer.flips]

    def test_inside_the_band_nothing_flips(self) -> None:
        assert self.flips_of(0.06, 0.06, 0.03, -0.03, 0.04, -0.04, 0.01, -0.01) == []
        assert self.flips_of(0.06, 0.06, 0.0, 0.0, 0.0, 0.06, 0.06) == []

    def test_one_reading_is_not_a_flip(self) -> None:
        assert self.flips_of(0.06, 0.06, -0.2, 0.06, 0.06, -0.2, 0.01, -0.2, 0.06) == []

    def test_a_flip_may_take_its_time_in_the_band(self) -> None:
        assert self.flips_of(0.1, 0.1, 0.0, 0.0, NAN, 0.01, -0.1, -0.1) == [(Side.LONG, Side.SHORT)]

    def test_a_flip_has_the_instant_of_its_first_reading_and_is_known_at_the_second(self) -> None:
        answer = a_summary([1.0, 1.0, NAN, -1.0, NAN, -1.0, -1.0]).sides
        assert answer is not None
        (flip,) = answer.flips
        assert (flip.at, flip.confirmed_at) == (to_datetime(MINUTES[3]), to_datetime(MINUTES[5]))
        assert not flip.names_changed
        assert (answer.current, answer.readings) == (Side.SHORT, 5)
        assert answer.shares == {Side.LONG: 0.4, Side.SHORT: 0.4, Side.NEUTRAL: 0.2}

    def test_a_flip_made_by_a_name_that_left_says_so(self) -> None:
        gross = [[10.0] * 4 + [NAN] * 3, [10.0] * 7]
        readings = some_readings([5.0] * 4 + [NAN] * 3, [-1.5] * 7, gross=gross)
        answer = summarise(basket_series(readings)).sides
        assert answer is not None
        (flip,) = answer.flips
        assert flip.names_changed
        assert flip.at == to_datetime(MINUTES[4])


class TestRuns:
    def test_a_missing_minute_ends_a_run_where_a_plain_group_by_joins_both_sides(self) -> None:
        values = np.array([1.0, 1.0, NAN, 1.0, 1.0, 1.0, -1.0, 1.0])
        plain = [len(list(group)) for _, group in groupby(values[np.isfinite(values)] >= 0)]
        assert max(plain) == 5
        runs = sign_runs(minutes_of(*values), values)
        assert [(run.regime, run.readings) for run in runs] == [
            (Regime.POSITIVE_GAMMA, 2), (Regime.POSITIVE_GAMMA, 3), (Regime.NEGATIVE_GAMMA, 1), (Regime.POSITIVE_GAMMA, 1),
        ]  # fmt: skip
        longest = a_summary(values.tolist()).longest_runs[Regime.POSITIVE_GAMMA]
        assert (longest.start, longest.stop) == (to_datetime(MINUTES[3]), to_datetime(MINUTES[5]))

    def test_a_night_does_not_end_a_run(self) -> None:
        days = sample_instants(eastern(date(2024, 6, 5), 15, 59), eastern(date(2024, 6, 6), 9, 31), Step.MINUTE)
        (run,) = sign_runs(days, np.ones(len(days)))
        assert run.readings == len(days) == 4

    @given(st.lists(st.sampled_from([NAN, -1.0, 0.0, 1.0]), max_size=50))
    def test_runs_and_gaps_tile_the_window(self, values: list[float]) -> None:
        summary = a_summary(values)
        runs = sign_runs(minutes_of(*values), np.array(values))
        expected = [
            (regime, len(list(group)))
            for regime, group in groupby(values, key=lambda one: None if math.isnan(one) else one >= 0)
        ]  # fmt: skip
        pieces = [(run.start, run.readings) for run in runs] + [(gap.start, gap.instants) for gap in summary.gaps]
        assert [size for _, size in sorted(pieces)] == [size for _, size in expected]
        for regime, run in summary.longest_runs.items():
            sign = regime is Regime.POSITIVE_GAMMA
            assert run.readings == max(size for key, size in expected if key is sign)
        assert set(summary.longest_runs) == {run.regime for run in runs}

    def test_gaps_of_two_reasons_are_two(self) -> None:
        gaps = a_summary([1.0, NAN, NAN, 1.0], [1.0, 1.0, NAN, 1.0], weights=[0.8, 0.2], minimum_coverage=0.5).gaps
        assert [(gap.reason, gap.instants) for gap in gaps] == [(ReadingState.LOW_COVERAGE, 1), (ReadingState.NOTHING_KNOWN, 1)]


class TestSparkline:
    @given(st.lists(st.one_of(st.just(NAN), st.floats(-1e12, 1e12)), min_size=1, max_size=200), st.integers(1, 40))
    def test_every_character_tells_the_sign(self, values: list[float], width: int) -> None:
        picture = sparkline(np.array(values), width=width)
        if not np.isfinite(values).any():
            assert picture is None
            return
        assert picture is not None
        assert len(picture.text) == min(width, len(values))
        assert set(picture.text) <= {*BLOCKS, NO_READING}
        if len(values) <= width:
            for value, character in zip(values, picture.text, strict=True):
                if math.isnan(value):
                    assert character == NO_READING
                else:
                    assert (character in picture.negative_blocks) == (value < 0)

    def test_the_scale(self) -> None:
        picture = sparkline(np.array([-3.0, -1.0, 0.0, 2.0, NAN, 5.0]))
        assert picture is not None
        assert (picture.low, picture.high) == (-3.0, 5.0)
        assert picture.negative_blocks == "▁▂▃"
        assert picture.text == "▁▃▄▆·█"

    def test_one_level_is_a_flat_line(self) -> None:
        flat = sparkline(np.full(100, 7.0))
        assert flat is not None
        assert flat.text == "▄" * 40
        assert flat.negative_blocks == ""

    def test_a_stretch_is_a_mean_of_what_was_read_in_it(self) -> None:
        picture = sparkline(np.array([1.0, NAN, 3.0, 5.0, NAN, NAN, 8.0, 10.0]), width=4)
        assert picture is not None
        assert (picture.low, picture.high) == (1.0, 9.0)
        assert picture.text == "▁▄·█"
