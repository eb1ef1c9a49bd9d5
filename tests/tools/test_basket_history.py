"""basket_history through a real client: the series, its percentile, what is missing over time, and what is said of it."""

from __future__ import annotations

import json
import math
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from archive.answers import Family, Kind, SeriesBlock
from exposure.basket import Basket
from exposure.dealer import SignConvention
from exposure.flips import ENTER
from exposure.sessions import eastern
from sources.baskets import sector_baskets
from tests.tools.desk import ERAS, NOW, Era, a_desk, a_source
from tests.tools.figures_in_text import numbers
from tests.tools.history_desk import (
    SPRING,
    TOOLS,
    Record,
    RecordedSource,
    closes,
    codes,
    demo,
    history_of,
    recorded,
    rows,
    wandering,
)
from tools.history_readings import history_of as readings_of

pytestmark = pytest.mark.anyio
THREE_MONTHS: dict[str, Any] = {"window": "2024-03-01..2024-05-31", "step": "1d"}
CRASHED = {"communication_services", "consumer_staples", "health_care", "materials", "real_estate"}


def utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


async def test_weights_are_fixed_and_every_row_is_the_weighted_mean(era: Era) -> None:
    source = RecordedSource({"NVDA": wandering(SPRING, 1), "AMD": wandering(SPRING, 2)})
    answer = await history_of(source, era, symbols="NVDA,AMD", weights=[3, 1], detail="full", **THREE_MONTHS)
    assert [row["at"] for row in rows(answer)] == [utc(at) for at in SPRING]
    for row, first, second in zip(rows(answer), source.records["NVDA"], source.records["AMD"], strict=True):
        net = 0.75 * (first.call - first.put) + 0.25 * (second.call - second.put)
        gross = 0.75 * (first.call + first.put) + 0.25 * (second.call + second.put)
        assert row["net_gex"] == pytest.approx(net, abs=1)
        assert row["imbalance"] == pytest.approx(net / gross, abs=1e-4)
        assert row["weight_coverage"] == 1.0
    assert answer.structured["window"]["readings"] == answer.structured["window"]["expected"] == len(SPRING)


async def test_the_summary_is_that_of_the_series() -> None:
    source = RecordedSource({"NVDA": wandering(SPRING, 4)})
    answer = (await history_of(source, symbols="NVDA", **THREE_MONTHS)).structured
    values = [one.call - one.put for one in source.records["NVDA"]]
    assert answer["first"] == {"at": utc(SPRING[0]), "net_gex": round(values[0])}
    assert answer["latest"]["net_gex"] == round(values[-1])
    assert answer["lowest"] == {"at": utc(SPRING[values.index(min(values))]), "net_gex": round(min(values))}
    assert answer["highest"] == {"at": utc(SPRING[values.index(max(values))]), "net_gex": round(max(values))}
    assert answer["negative_share"] == pytest.approx(sum(value < 0 for value in values) / len(values), abs=1e-4)
    assert answer["quantiles"]["50"] == pytest.approx(sorted(values)[len(values) // 2], rel=0.2, abs=1e7)
    assert list(answer["quantiles"]) == ["5", "25", "50", "75", "95"]
    assert math.fsum(answer["side_shares"].values()) == pytest.approx(1.0, abs=1e-3)
    assert len(answer["sparkline"]["text"]) == 40
    earlier = values[:-1]
    below = sum(one < values[-1] for one in earlier)
    assert answer["rank"]["percentile"] == pytest.approx(100.0 * below / len(earlier), abs=0.01)
    assert answer["rank"]["earlier"] == len(earlier)


async def test_the_percentile_counts_strictly_earlier_readings_alone() -> None:
    values = [(float(100 + step), 50.0) for step in range(30)]
    source = RecordedSource({"NVDA": recorded(values, SPRING[:30])})
    answer = (await history_of(source, symbols="NVDA", window=f"2024-03-01..{SPRING[29].date()}", step="1d")).structured
    assert answer["rank"]["percentile"] == 100.0
    assert answer["rank"]["earlier"] == 29
    assert "no weight was missing" in answer["rank"]["meaning"] or "every name was present" in answer["rank"]["meaning"]


async def test_a_name_missing_for_part_of_the_window_changes_what_the_percentile_means(era: Era) -> None:
    late = SPRING[30:]
    source = RecordedSource({"NVDA": wandering(SPRING, 1), "AMD": wandering(late, 2, size=5e8)})
    answer = await history_of(source, era, symbols="NVDA,AMD", **THREE_MONTHS)
    structured, rank = answer.structured, answer.structured["rank"]
    nets = {name: {one.known: one.call - one.put for one in records} for name, records in source.records.items()}
    alike = [0.5 * nets["NVDA"][at] + 0.5 * nets["AMD"][at] for at in late]
    assert rank["comparable"] == len(late) - 1
    below = sum(value < alike[-1] for value in alike[:-1])
    assert rank["like_for_like"] == pytest.approx(100.0 * below / (len(late) - 1), abs=0.01)
    assert rank["lowest"] <= rank["percentile"] <= rank["highest"]
    assert rank["lowest"] < rank["highest"]
    assert "30 of them lacked a name" in rank["meaning"]
    (row,) = structured["names"]["rows"]
    assert (row["symbol"], row["present_now"], row["first_seen"]) == ("AMD", True, utc(late[0]))
    assert row["missing_share"] == pytest.approx(30 / len(SPRING), abs=1e-4)
    assert structured["names"]["always"] == 1
    assert "AMD (50.0% of weight) missing" in answer.text
    assert f"whole basket {rank['lowest']:.1f} to {rank['highest']:.1f}" in answer.text


async def test_a_name_missing_now_is_named_with_its_reason_and_weight(era: Era) -> None:
    source = RecordedSource({"NVDA": wandering(SPRING, 1), "AMD": wandering(SPRING[:40], 2)})
    answer = await history_of(source, era, symbols="NVDA,AMD", weights=[3, 1], **THREE_MONTHS)
    assert answer.structured["missing_symbols"] == ["AMD"]
    assert answer.structured["missing"][0]["reason"] == "no_data_at"
    assert answer.structured["weight_coverage"] == 0.75
    assert answer.structured["headline"].startswith("1 of 2 names (AMD: no_data_at, 25.0% of weight).")
    assert "as does the latest" in answer.structured["rank"]["meaning"]
    assert codes(answer)[0] == "partial_basket"
    assert answer.structured["latest"]["weight_coverage"] == 0.75


async def test_gaps_say_why_there_is_no_reading() -> None:
    recorded_days = [*SPRING[:10], *SPRING[20:30], *SPRING[35:]]
    source = RecordedSource({"NVDA": wandering(recorded_days, 1)}, staleness=timedelta(days=4))
    answer = await history_of(source, symbols="NVDA", **THREE_MONTHS)
    gaps = answer.structured["gaps"]
    assert [row["reason"] for row in gaps["longest"]] == ["nothing_known"] * 2
    assert answer.structured["window"]["readings"] == len(recorded_days)
    assert gaps["instants"] + gaps["carried_forward"] == len(SPRING) - len(recorded_days)
    assert "nothing_known" in answer.text
    longest = gaps["longest_carried_forward"]
    assert longest == {"start": utc(SPRING[10]), "stop": utc(SPRING[11]), "instants": 2}
    assert f"Carried forward without news: {gaps['carried_forward']} instants, at most 2 in a row" in answer.text
    few = RecordedSource({"NVDA": wandering(SPRING[:50], 1), "AMD": wandering(SPRING, 2)}, staleness=timedelta(hours=1))
    thin = await history_of(few, symbols="NVDA,AMD", weights=[3, 1], **THREE_MONTHS)
    assert thin.structured["gaps"]["longest"][0]["reason"] == "low_coverage"
    assert thin.structured["latest"]["at"] == utc(SPRING[49])
    assert thin.structured["weight_coverage"] == 1.0


async def test_the_series_is_carried_forward_as_of_each_instant_and_never_looks_ahead() -> None:
    random_ = random.Random(5)
    day = date(2024, 6, 4)
    minutes = [eastern(day, 9, 30) + timedelta(minutes=number) for number in range(391)]
    known = {
        name: [
            Record(at + timedelta(seconds=random_.randint(0, 59)), random_.uniform(1e8, 3e8), random_.uniform(1e8, 3e8))
            for at in minutes
            if random_.random() > 0.2
        ]
        for name in ("NVDA", "AMD", "MU")
    }
    weights = {"NVDA": 0.5, "AMD": 0.3, "MU": 0.2}
    source = RecordedSource(known)
    asked: dict[str, Any] = {"symbols": weights, "window": "2024-06-04T09:30..2024-06-04T16:00", "step": "1m", "detail": "full"}
    found = {}
    for page in (1, 2):
        answer = await history_of(source, page=page, **asked)
        assert answer.structured["series"]["pages"] == 2
        found.update({row["at"]: row for row in rows(answer)})
    assert len(found) == 391
    for at in minutes:
        latest = {
            name: max((one for one in known[name] if one.known <= at), key=lambda one: one.known, default=None) for name in known
        }
        weight = math.fsum(weights[name] for name, one in latest.items() if one)
        row = found[utc(at)]
        assert row["weight_coverage"] == pytest.approx(weight, abs=1e-4)
        if row["net_gex"] is not None:
            mean = math.fsum(weights[name] * (one.call - one.put) for name, one in latest.items() if one) / weight
            assert row["net_gex"] == pytest.approx(mean, abs=1)
        else:
            stale = all(not any(at - timedelta(minutes=1) < one.known <= at for one in known[name]) for name in known)
            assert weight < 0.5 or stale
    later = RecordedSource(
        {name: [*records, Record(minutes[-1] + timedelta(hours=1), 9e9, 1e9)] for name, records in known.items()}
    )
    first, second = [await history_of(one, **{**asked, "detail": "default"}) for one in (source, later)]
    assert first.compact_json == second.compact_json


@pytest.mark.parametrize("at", ["2023-04-18T15:30", "2023-04-18", "2022-06-18T12:00", "2024-03-15T11:07", None])
async def test_the_latest_reading_is_what_basket_exposure_says(at: str | None, era: Era) -> None:
    async with a_desk(demo(), era, tools=TOOLS) as desk:
        one = (await desk.answer("basket_history", symbols="JNJ,LLY,SPX", weights=[1, 2, 3], window="1mo", at=at)).structured
        other = (await desk.answer("basket_exposure", symbols="JNJ,LLY,SPX", weights=[1, 2, 3], at=at)).structured
    assert one["latest"]["net_gex"] == other["aggregate"]["net_gex"]
    for field in ("as_of", "oldest_quote", "oi_date", "session", "weight_coverage", "convention", "units", "source"):
        assert one[field] == other[field], field
    if at is not None:
        assert (one["at_requested"], one["at_resolved"]) == (other["at_requested"], other["at_resolved"])
    assert one["mode"] == "replay"


@pytest.mark.parametrize("convention", ["dealers_short_all", "by_asset_class", "dealers_short_calls_long_puts"])
async def test_legs_are_signed_by_the_convention_of_each_asset_class(convention: str) -> None:
    async with a_desk(demo(), tools=TOOLS) as desk:
        asked: dict[str, Any] = {"symbols": "JNJ,SPX", "at": "2023-04-18T15:30", "convention": convention}
        one = (await desk.answer("basket_history", window="5d", step="1d", **asked)).structured
        other = (await desk.answer("basket_exposure", **asked)).structured
    assert one["latest"]["net_gex"] == other["aggregate"]["net_gex"]
    assert one["convention"] == convention


async def test_the_planted_crash_flips_five_sectors_and_no_other() -> None:
    async with a_desk(demo(), tools=TOOLS) as desk:
        for sector in (one.name for one in sector_baskets()):
            asked: dict[str, Any] = {"basket": sector, "window": "2023-04-17T16:00..2023-04-18T15:30", "step": "30m"}
            answer = (await desk.answer("basket_history", **asked)).structured
            assert answer["flips"]["found"] == (1 if sector in CRASHED else 0), sector
            if sector in CRASHED:
                (flip,) = answer["flips"]["latest"]
                assert flip["to"] == answer["latest"]["side"] == "short_gamma"
                assert flip["at"].startswith("2023-04-18T1")
                assert flip["at"] < flip["confirmed_at"]
                assert flip["names_changed"] is False


async def test_the_crash_in_a_daily_step_is_the_end_of_the_window_and_not_yet_a_flip(era: Era) -> None:
    answer = await history_of(demo(), era, basket="health_care", window="1mo", step="1d", at="2023-04-18T15:30")
    assert answer.structured["latest"]["at"] == "2023-04-18T19:30:00Z"
    assert answer.structured["latest"]["imbalance"] < -ENTER
    assert answer.structured["latest"]["side"] == "long_gamma"
    assert {"end_between_steps", "unconfirmed_side"} <= set(codes(answer))
    assert answer.structured["rank"]["earlier"] >= 18


async def test_hysteresis_keeps_noise_round_zero_from_being_a_flip() -> None:
    noise = [(1.0 + sign * 0.02, 1.0 - sign * 0.02) for sign in [1, -1] * 15]
    crossing = [(1.2, 0.8)] * 5 + noise[:10] + [(0.8, 1.2)] * 15
    for legs, found in ((noise, 0), (crossing, 1)):
        jitter = [(call * (1 + 1e-9 * number), put) for number, (call, put) in enumerate(legs)]
        source = RecordedSource({"NVDA": recorded([(1e8 * call, 1e8 * put) for call, put in jitter], SPRING[:30])})
        answer = await history_of(source, symbols="NVDA", window=f"2024-03-01..{SPRING[29].date()}", step="1d")
        assert answer.structured["flips"]["found"] == found
    assert answer.structured["flips"]["latest"][0]["at"] == utc(SPRING[15])


async def test_the_week_of_the_clock_change_keeps_to_the_wall_clock(era: Era) -> None:
    answer = await history_of(demo(), era, symbols="SPY", window="2024-03-07..2024-03-12", step="1h", detail="full")
    local = [datetime.fromisoformat(row["at"]).hour for row in rows(answer)]
    assert local == [*range(15, 22), *range(15, 22), *range(14, 21), *range(14, 21)]
    assert answer.structured["window"]["readings"] == 28
    assert "2024-03-11 10:00 ET" in answer.text


async def test_one_reading_is_an_answer_without_a_percentile(era: Era) -> None:
    answer = await history_of(demo(), era, symbols="SPX", window="2024-06-05..2024-06-05", step="1d")
    assert answer.structured["window"]["readings"] == 1
    assert answer.structured["rank"]["percentile"] is None
    assert answer.structured["rank"]["lowest"] is None
    assert answer.structured["first"]["net_gex"] == answer.structured["latest"]["net_gex"]
    assert "too few for a percentile" in answer.structured["headline"]
    assert answer.structured["flips"] == {"found": 0, "latest": []}
    assert len(answer.structured["longest_runs"]) == 1


async def test_a_weekend_ends_with_the_last_session_and_says_so() -> None:
    answer = await history_of(demo(), symbols="SPX", window="5d", step="1d", at="2022-06-18T12:00")
    assert answer.structured["latest"]["at"] == answer.structured["at_resolved"] == "2022-06-17T20:00:00Z"
    assert answer.structured["at_requested"] == "2022-06-18T16:00:00Z"
    assert answer.structured["window"]["readings"] == answer.structured["window"]["expected"] == 5
    assert "resolved_earlier" in codes(answer)


async def test_a_half_day_and_a_holiday_are_those_of_the_exchange() -> None:
    answer = await history_of(demo(), symbols="SPX", window="2023-11-22..2023-11-24", step="1h", detail="full")
    assert [row["at"][:13] for row in rows(answer)][7:] == [f"2023-11-24T{hour}" for hour in (15, 16, 17, 18)]


async def test_the_step_of_its_own_is_the_finest_of_some_hundred_readings() -> None:
    for window, names, step in (
        ("1y", 1, "1d"),
        ("2y", 1, "1d"),
        ("5d", 1, "5m"),
        ("1d", 1, "1m"),
        ("3mo", 1, "1h"),
        ("12y", 1, "1mo"),
    ):
        source = RecordedSource({"NVDA": wandering([*SPRING, NOW - timedelta(hours=18)])})
        symbols = ["NVDA", *(f"N{number}" for number in range(names - 1))]
        answer = await history_of(source, symbols=symbols, window=window)
        assert answer.structured["window"]["step"] == step, window
    source = RecordedSource({name: wandering(SPRING) for name in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
    answer = await history_of(source, symbols=list(source.records), window="3mo", at="2024-05-31")
    assert answer.structured["window"]["step"] == "1h"
    assert source.asked[0] <= 13_000 // 26


async def test_time_that_runs_out_leaves_the_newest_and_says_so(era: Era) -> None:
    source = RecordedSource({"NVDA": wandering(SPRING)}, room=30)
    answer = await history_of(source, era, symbols="NVDA", **THREE_MONTHS)
    window = answer.structured["window"]
    assert (window["asked"], window["expected"], window["readings"]) == (len(SPRING), 30, 30)
    assert f"the newest 30 of {len(SPRING)} instants" in answer.structured["headline"]
    assert "history_remark" in codes(answer)
    assert answer.structured["first"]["at"] == utc(SPRING[-30])


async def test_published_nets_have_no_sides_and_one_convention(era: Era) -> None:
    source = RecordedSource({"SPX": wandering(SPRING)}, published=True, units="GEX as the vendor says")
    answer = await history_of(source, era, symbols="SPX", **THREE_MONTHS)
    for field in ("flips", "side_shares"):
        assert answer.structured[field] is None
    assert answer.structured["latest"]["side"] is None
    assert answer.structured["latest"]["imbalance"] is None
    assert answer.structured["units"] == "GEX as the vendor says"
    assert answer.structured["rank"]["percentile"] is not None
    assert "Flips: null." in answer.text
    async with a_desk(source, era, tools=TOOLS) as desk:
        sentence = await desk.refusal("basket_history", symbols="SPX", convention="dealers_short_all", **THREE_MONTHS)
    assert "publishes nets under another convention" in sentence


async def test_full_detail_pages_through_the_series_without_a_gap_or_a_repeat() -> None:
    year = closes(date(2021, 6, 1), date(2024, 5, 31))
    source = RecordedSource({"NVDA": wandering(year)})
    seen: list[str] = []
    asked: dict[str, Any] = {"symbols": "NVDA", "window": "2021-06-01..2024-05-31", "step": "1d", "detail": "full"}
    for page in (3, 2, 1):
        answer = await history_of(source, page=page, **asked)
        series = answer.structured["series"]
        assert (series["page"], series["pages"]) == (page, 3)
        assert len(series["rows"]) <= 260
        assert f"page {page} of 3" in answer.text
        seen += [row["at"] for row in series["rows"]]
    assert seen == [utc(at) for at in year]
    beyond = await history_of(source, page=9, **asked)
    assert beyond.structured["series"]["page"] == 3
    assert "page_beyond_series" in codes(beyond)
    default = await history_of(source, page=2, **{**asked, "detail": "default"})
    assert default.structured["series"] is None
    assert "no_series" in codes(default)


async def test_the_same_snapshot_gives_the_same_bytes_in_both_eras() -> None:
    for detail in ("default", "full"):
        first, second = [await history_of(demo(), era, basket="banks", window="1mo", detail=detail) for era in ERAS]
        assert first.compact_json == second.compact_json
        assert first.text == second.text


async def test_every_number_is_finite_and_nothing_is_said_twice() -> None:
    source = RecordedSource({"NVDA": recorded([(0.0, 0.0)] * 2, SPRING[:2]), "AMD": wandering(SPRING[5:])})
    answer = await history_of(source, symbols="NVDA,AMD,ZZZZ", detail="full", **THREE_MONTHS)
    assert all(math.isfinite(number) for number in numbers(answer.structured))
    json.dumps(answer.structured, allow_nan=False)
    assert len(answer.text.splitlines()) == len(set(answer.text.splitlines()))


async def test_progress_is_reported_while_the_series_is_read() -> None:
    heard: list[tuple[float, float | None]] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total))

    async with a_desk(demo(), tools=TOOLS) as desk:
        await desk.client.call_tool("basket_history", {"symbols": "SPX", "window": "1mo"}, progress_callback=listen)
    assert heard


async def test_a_source_without_a_series_says_what_can_be_done(era: Era) -> None:
    async with a_desk(a_source(), era, tools=TOOLS) as desk:
        sentence = await desk.refusal("basket_history", symbols="NVDA")
    assert "keeps no series" in sentence
    assert "data_status" in sentence


async def test_no_time_at_all_is_a_sentence() -> None:
    async with a_desk(RecordedSource({"NVDA": wandering(SPRING)}, room=0), tools=TOOLS) as desk:
        sentence = await desk.refusal("basket_history", symbols="NVDA", **THREE_MONTHS)
    assert f"None of {len(SPRING)} instants could be read in time" in sentence


def test_published_legs_of_gamma_are_signed_and_give_sides() -> None:
    instants = np.array([at.replace(tzinfo=None) for at in SPRING[:3]], dtype="datetime64[us]")
    columns = {
        "spot": [100.0, 101.0, 102.0],
        "gex_call": [3e9, 2e9, 1e9],
        "gex_put": [1e9, 2e9, 3e9],
        "net_gex": [2.1e9, 0.0, -2e9],
        "quote_time": [1.0, 2.0, 3.0],
    }
    block = SeriesBlock(
        ("SPY",),
        Family("vendor", Kind.PUBLISHED, "as published"),
        instants,
        {name: np.array([row]) for name, row in columns.items()},
    )
    asked = Basket.of(["SPY"])
    street = readings_of(block, asked, SignConvention.STREET, SPRING[:3], off_step=False)
    assert street.series.value.tolist() == columns["net_gex"]
    assert street.series.imbalance.tolist() == [0.525, 0.0, -0.5]
    assert street.units == "as published"
    short = readings_of(block, asked, SignConvention.SHORT_ALL, SPRING[:3], off_step=False)
    assert short.series.value.tolist() == [-4e9] * 3
    assert short.summary.sides is not None
