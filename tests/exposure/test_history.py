"""A basket through a window: the series, what it amounts to, and what missing names do to it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exposure.basket import Basket, aggregate
from exposure.dealer import SignConvention
from exposure.flips import imbalance
from exposure.greeks import Floats
from exposure.history import HistoryError, Readings, basket_series, summarise
from exposure.percentiles import percentile_among
from exposure.runs import STATES, ReadingState, to_datetime
from tests.builders import a_snapshot, an_exposure
from tests.exposure.windows import MINUTES, NAN, a_series, a_summary, panels, some_readings


class TestSeries:
    @settings(max_examples=80, deadline=None)
    @given(panels())
    def test_each_instant_is_the_aggregate_of_that_instant(self, readings: Readings) -> None:
        series = basket_series(readings, minimum_coverage=0.0)
        for place in range(len(readings.instants)):
            column, gross = readings.net_gex[:, place], readings.gross_gex[:, place]
            known = {symbol: row for row, symbol in enumerate(readings.basket.weights) if math.isfinite(column[row])}
            if not known:
                assert math.isnan(series.value[place])
                assert series.weight_coverage[place] == 0.0
                continue
            # Legs whose difference is the net and whose sum is the gross.
            exposures = [
                an_exposure(symbol, call_gex=(gross[row] + column[row]) / 2, put_gex=(gross[row] - column[row]) / 2)
                for symbol, row in known.items()
            ]
            answer = aggregate(readings.basket, a_snapshot(exposures), SignConvention.STREET)
            assert series.weight_coverage[place] == answer.weight_coverage
            assert series.value[place] == pytest.approx(answer.net.gex, rel=1e-9, abs=1e-5)
            expected = imbalance(answer)
            if expected is not None:
                assert series.imbalance[place] == pytest.approx(expected, rel=1e-6, abs=1e-9)
            if answer.bounds is None:
                assert series.low[place] == series.high[place] == series.value[place]
            else:
                assert series.low[place] == pytest.approx(min(answer.bounds.low, answer.net.gex), rel=1e-6, abs=1e-4)
                assert series.high[place] == pytest.approx(max(answer.bounds.high, answer.net.gex), rel=1e-6, abs=1e-4)

    def test_the_value_is_the_aggregate_to_the_last_bit(self) -> None:
        weights = [0.1, 0.2, 0.3]
        series = a_series([0.1, 3.3], [7.7, NAN], [-1e9 / 3, 1e7 / 7], weights=weights)
        basket = Basket.of(["N0", "N1", "N2"], weights)
        exposures = [an_exposure(f"N{row}", call_gex=net, put_gex=0.0) for row, net in enumerate((0.1, 7.7, -1e9 / 3))]
        assert series.value[0] == aggregate(basket, a_snapshot(exposures), SignConvention.STREET).net.gex
        exposures = [an_exposure("N0", call_gex=3.3, put_gex=0.0), an_exposure("N2", call_gex=1e7 / 7, put_gex=0.0)]
        assert series.value[1] == aggregate(basket, a_snapshot(exposures), SignConvention.STREET).net.gex

    def test_too_little_weight_is_no_reading_but_coverage_is_told(self) -> None:
        series = a_series([1.0, 1.0, NAN], [1.0, NAN, NAN], weights=[0.3, 0.7], minimum_coverage=0.5)
        assert np.isfinite(series.value).tolist() == [True, False, False]
        assert series.weight_coverage.tolist() == pytest.approx([1.0, 0.3, 0.0])
        states = [STATES[state] for state in series.state]
        assert states == [ReadingState.READ, ReadingState.LOW_COVERAGE, ReadingState.NOTHING_KNOWN]

    def test_a_name_without_weight_makes_neither_a_reading_nor_a_gap(self) -> None:
        series = a_series([NAN, 5.0, 5.0], [2.0, NAN, 2.0], weights=[1.0, 0.0])
        assert series.read.tolist() == [False, True, True]
        assert series.low.tolist()[1:] == series.high.tolist()[1:] == [5.0, 5.0]

    def test_a_name_without_legs_has_no_imbalance(self) -> None:
        readings = some_readings([1.0, 1.0], [1.0, NAN], gross=[[4.0, 4.0], [NAN, NAN]])
        series = basket_series(readings, minimum_coverage=0.0)
        assert math.isnan(series.imbalance[0])
        assert series.imbalance[1] == 0.25
        assert series.read.all()
        no_legs = basket_series(replace(readings, gross_gex=np.full((2, 2), NAN)), minimum_coverage=0.0)
        assert summarise(no_legs).sides is None

    def test_infinities_are_unknown(self) -> None:
        series = a_series([math.inf, 1.0], [-math.inf, 2.0])
        assert series.read.tolist() == [False, True]

    def test_a_reading_that_repeats_the_one_before_is_none(self) -> None:
        readings = some_readings([1.0, 1.0, 1.0, 1.0, NAN, NAN], [2.0, 2.0, 2.5, 2.5, 2.5, 2.5])
        quoted = readings.instants[[[0, 0, 0, 0, 0, 0], [0, 0, 2, 2, 2, 2]]]
        series = basket_series(replace(readings, quote_time=quoted), minimum_coverage=0.0)
        # One name that moves is news; one that goes is not.
        assert series.read.tolist() == [True, False, True, False, False, False]
        assert [(gap.reason, gap.instants) for gap in summarise(series).gaps] == [
            (ReadingState.REPEATED, 1),
            (ReadingState.REPEATED, 3),
        ]

    def test_a_quote_first_seen_while_too_much_was_missing_is_still_news_when_the_others_are_back(self) -> None:
        readings = some_readings([1.0, 1.5, 1.5, 1.5], [2.0, NAN, 2.0, 2.0], weights=[0.4, 0.6])
        quoted = readings.instants[[[0, 1, 1, 1], [0, 0, 0, 0]]]
        series = basket_series(replace(readings, quote_time=quoted), minimum_coverage=0.5)
        states = [STATES[state] for state in series.state]
        assert states == [ReadingState.READ, ReadingState.LOW_COVERAGE, ReadingState.READ, ReadingState.REPEATED]

    def test_a_name_without_a_quote_time_is_always_news(self) -> None:
        readings = some_readings([1.0, 1.0, NAN], [2.0, 2.0, 2.0])
        quoted = np.array([["NaT"] * 3, [readings.instants[0]] * 3], dtype="datetime64[s]")
        assert basket_series(replace(readings, quote_time=quoted)).read.tolist() == [True, True, False]

    def test_shapes_that_do_not_fit_are_refused(self) -> None:
        readings = some_readings([1.0, 2.0])
        with pytest.raises(HistoryError, match=r"gross_gex has shape \(1, 1\); 1 names at 2 instants need \(1, 2\)"):
            basket_series(replace(readings, gross_gex=np.zeros((1, 1))))
        with pytest.raises(HistoryError, match="must ascend"):
            basket_series(replace(readings, instants=readings.instants[::-1]))
        with pytest.raises(HistoryError, match="minimum coverage is 2"):
            basket_series(readings, minimum_coverage=2.0)


class TestSummary:
    def test_in_plain_numbers(self) -> None:
        summary = a_summary([3.0, -1.0, NAN, 4.0, -5.0, 2.0])
        values = summary.values
        assert values is not None
        assert (summary.expected, summary.readings) == (6, 5)
        assert (values.first.value, values.last.value, values.lowest.value, values.highest.value) == (3.0, 2.0, -5.0, 4.0)
        assert values.highest.at == to_datetime(MINUTES[3])
        assert values.quantiles[50] == 2.0
        assert values.quantiles[25] == -1.0
        assert values.share_negative == 0.4
        assert values.current.percentile is None
        assert values.current.meaning == "There are 4 earlier readings in the window; a percentile needs 20."

    def test_without_any_reading_it_still_says_who_was_missing(self) -> None:
        summary = a_summary([NAN, NAN], [NAN, NAN])
        assert summary.values is None
        assert summary.sparkline is None
        assert summary.sides is None
        (gap,) = summary.gaps
        assert (gap.reason, gap.instants) == (ReadingState.NOTHING_KNOWN, 2)
        assert [name.share_missing for name in summary.names] == [1.0, 1.0]
        assert summary.names[0].first_seen is None

    def test_an_empty_window(self) -> None:
        summary = a_summary([], [])
        assert (summary.expected, summary.readings, summary.values, summary.gaps) == (0, 0, None, ())

    def test_names_over_time(self) -> None:
        first, second = a_summary([1.0, 1.0, 1.0, 1.0], [NAN, 1.0, NAN, NAN]).names
        assert (first.share_missing, first.present_now) == (0.0, True)
        assert (second.share_missing, second.present_now) == (0.75, False)
        assert second.first_seen == second.last_seen == to_datetime(MINUTES[1])

    @settings(max_examples=60, deadline=None)
    @given(panels(), st.integers(-20, 20))
    def test_a_larger_unit_changes_only_the_dollars(self, readings: Readings, exponent: int) -> None:
        factor = 2.0**exponent
        scaled = replace(readings, net_gex=readings.net_gex * factor, gross_gex=readings.gross_gex * factor)
        one, other = (summarise(basket_series(each, minimum_coverage=0.0)) for each in (readings, scaled))
        assert (one.readings, one.gaps, one.names, one.longest_runs, one.sides) == (
            other.readings, other.gaps, other.names, other.longest_runs, other.sides,
        )  # fmt: skip
        if one.values and other.values and one.sparkline and other.sparkline:
            assert one.values.current == other.values.current
            assert one.sparkline.text == other.sparkline.text
            assert one.values.last.value * factor == other.values.last.value

    @settings(max_examples=40, deadline=None)
    @given(panels(), st.data())
    def test_what_comes_later_changes_nothing_before(self, readings: Readings, data: st.DataObject) -> None:
        stop = data.draw(st.integers(1, len(readings.instants)))
        whole = basket_series(readings, minimum_coverage=0.3)
        part = basket_series(
            replace(
                readings,
                instants=readings.instants[:stop],
                net_gex=readings.net_gex[:, :stop],
                gross_gex=readings.gross_gex[:, :stop],
            ),
            minimum_coverage=0.3,
        )
        for name in ("value", "low", "high", "imbalance", "weight_coverage", "state"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:stop])


class TestPercentile:
    @given(st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=60))
    def test_counts_strictly_earlier_values_only(self, values: list[float]) -> None:
        summary = a_summary(values)
        assert summary.values is not None
        current, earlier = values[-1], values[:-1]
        if len(earlier) < 20:
            assert summary.values.current.percentile is None
            return
        points = sum(1.0 if value < current else 0.5 if value == current else 0.0 for value in earlier)
        assert summary.values.current.percentile == pytest.approx(100 * points / len(earlier))
        assert summary.values.current.like_for_like == summary.values.current.percentile
        assert summary.values.current.lowest == summary.values.current.highest == summary.values.current.percentile
        assert "no weight was missing" in summary.values.current.meaning

    def test_a_value_above_nearly_all_is_not_said_to_be_above_all(self) -> None:
        summary = a_summary([*map(float, range(500)), 499.0])
        assert summary.values is not None
        assert summary.values.current.percentile == pytest.approx(99.9)
        assert "above 99.9% of the 500 earlier readings" in summary.values.current.meaning
        alone = a_summary([1.0, 2.0]).values
        assert alone is not None
        assert alone.current.meaning == "There is 1 earlier reading in the window; a percentile needs 20."

    def test_a_record_is_a_hundred_and_not_less(self) -> None:
        """Counting the value itself among the earlier ones would give 97.6 at most."""
        assert percentile_among(9.0, np.arange(8.0).repeat(3)) == 100.0
        assert percentile_among(-1.0, np.arange(8.0).repeat(3)) == 0.0

    def test_like_for_like_sees_through_a_name_that_was_not_recorded_before(self) -> None:
        """The second name, always at -100, appears for the last 30 readings: the basket falls without anything having moved."""
        steady = [float(place % 5) for place in range(100)]
        steady[-1] = 2.0
        late = [NAN] * 70 + [-100.0] * 30
        summary = a_summary(steady, late)
        assert summary.values is not None
        current = summary.values.current
        assert current.percentile is not None
        assert current.percentile < 20.0
        assert (current.earlier, current.comparable) == (99, 29)
        assert current.like_for_like == pytest.approx(100 * (12 + 0.5 * 6) / 29)
        assert current.lowest is not None
        assert current.highest is not None
        # Before it was seen, the late name may have stood at -100 (then 28 of 70 were lower and 14 the same) or at +100.
        assert current.lowest == pytest.approx(100 * 15 / 99)
        assert current.highest == pytest.approx(100 * (15 + 28 + 0.5 * 14) / 99)
        assert "70 of them lacked a name" in current.meaning
        assert "the 29 that held them all" in current.meaning

    def test_like_for_like_drops_names_that_are_gone_now_from_earlier_readings(self) -> None:
        steady = [float(place % 5) for place in range(50)]
        gone = [1000.0] * 49 + [NAN]
        summary = a_summary(steady, gone)
        assert summary.values is not None
        assert summary.values.current.percentile == 0.0
        assert summary.values.current.comparable == 49
        assert summary.values.current.like_for_like == percentile_among(4.0, np.array(steady[:-1]))
        assert "as does the latest" in summary.values.current.meaning

    def test_too_few_comparable_readings_say_so(self) -> None:
        summary = a_summary([1.0] * 40, [NAN] * 30 + [1.0] * 10)
        assert summary.values is not None
        assert summary.values.current.like_for_like is None
        assert summary.values.current.percentile == 50.0
        assert "only 9 held every name present now" in summary.values.current.meaning

    def test_a_name_that_was_hardly_ever_seen_may_have_held_as_much_as_any(self) -> None:
        often = [float(place % 5) for place in range(50)]
        current = [
            values.current
            for seen in (1, 25)
            if (values := a_summary(often, [0.001] * seen + [NAN] * (50 - seen), weights=[0.6, 0.4]).values)
        ]
        widths = [(one.highest or 0.0) - (one.lowest or 0.0) for one in current]
        assert widths[0] > 50.0
        assert widths[1] < widths[0]

    @settings(max_examples=80, deadline=None)
    @given(panels(), st.data())
    def test_the_range_holds_for_whatever_the_missing_names_held(self, readings: Readings, data: st.DataObject) -> None:
        minimum = data.draw(st.integers(1, 5))
        summary = summarise(basket_series(readings, minimum_coverage=0.0), minimum_earlier=minimum)
        if summary.values is None or summary.values.current.percentile is None:
            return
        current = summary.values.current
        assert current.lowest is not None
        assert current.percentile is not None
        assert current.highest is not None
        assert current.lowest <= current.percentile <= current.highest
        weight = np.array(list(readings.basket.weights.values()))
        net = readings.net_gex
        showed = np.nanmax(np.abs(net), axis=1, initial=0.0)
        largest = np.where(np.isfinite(net).sum(axis=1) >= minimum, showed, showed.max())
        held = data.draw(st.lists(st.floats(-1.0, 1.0), min_size=net.size, max_size=net.size))
        filled = np.where(np.isfinite(net), net, largest[:, None] * np.reshape(held, net.shape))
        whole = (weight @ filled)[np.isfinite(net).any(axis=0)]
        # Values that differ by rounding alone are in the range whichever way they fall.
        room = 1e-5 + 1e-9 * np.abs(whole).max()
        lowest = percentile_among(whole[-1] - 2 * room, whole[:-1], minimum=1)
        highest = percentile_among(whole[-1] + 2 * room, whole[:-1], minimum=1)
        assert lowest is not None
        assert highest is not None
        assert current.lowest <= highest
        assert current.highest >= lowest


def test_a_month_of_minutes_of_fifty_names_takes_a_moment() -> None:
    rng = np.random.default_rng(7)
    net: Floats = rng.normal(0.0, 1e9, (50, len(MINUTES)))
    net[rng.random(net.shape) < 0.02] = NAN
    readings = Readings(Basket.of([f"N{row}" for row in range(50)]), MINUTES, net, np.abs(net) * 3)
    summary = summarise(basket_series(readings))
    assert summary.readings == len(MINUTES) > 6000
    assert summary.values is not None
    assert summary.values.current.earlier == len(MINUTES) - 1
