"""From a basket's series to the fields of `basket_history`: what is shown, what is left out, what has to be said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exposure.basket import Basket, BasketExposure
from exposure.flips import next_side
from exposure.snapshot import Notice, Snapshot
from tools.answer import common_fields, coverage_sentence, time_notices, warning_list, without_detail
from tools.basket_answer import chain_notices, overlap_notices, partial_notices, weak_sign_notices
from tools.figures import counted, eastern_clock, money, some_of
from tools.fitting import first_that_fits, json_length, limited_notices
from tools.history_arguments import Window, page_count
from tools.history_model import (
    FlipRow,
    FlipsPart,
    GapRow,
    GapsPart,
    HistoryAnswer,
    LatestPart,
    NameRow,
    NamesPart,
    PercentilePart,
    ReadingPart,
    RunPart,
    SeriesPage,
    SeriesRow,
    SpanPart,
    SparklinePart,
    WindowPart,
)
from tools.history_readings import History
from tools.history_text import history_text

if TYPE_CHECKING:
    # numpy is imported by the functions that need it: this module is imported at start-up.
    from exposure.history import NamePresence, Reading, ValueSummary
    from exposure.sampling import Step

ROWS_A_PAGE = 260
_DEFAULT_ANSWER_CHARACTERS = 3_550
_READING = (
    "Weighted mean of the market's dealer exposure over the names known at each instant, weights fixed; not your own gamma. "
    "Sides by net/gross: from 5%, until below 2.5%, twice in a row. No reading under 50% of weight or without news."
)


@dataclass(frozen=True, slots=True)
class HistoryQuestion:
    """What was asked for, as it was understood."""

    asked: Basket
    window: Window
    step: Step
    page: int
    full: bool


@dataclass(frozen=True, slots=True)
class HistoryFindings:
    """The history itself, and the basket at its last reading."""

    question: HistoryQuestion
    history: History
    values: ValueSummary
    snapshot: Snapshot
    result: BasketExposure


@dataclass(frozen=True, slots=True)
class _Room:
    """How much a default answer lists."""

    flips: int
    gaps: int
    names: int
    details: int
    warnings: int = 100
    blocks: int = 40
    """Characters of the sparkline."""


# From the usual to the shortest; the first that keeps both channels within the budget is given.
_ROOMS = (
    _Room(6, 3, 6, 3),
    _Room(5, 3, 4, 3),
    _Room(4, 2, 3, 1),
    _Room(3, 2, 2, 0),
    _Room(2, 1, 1, 0),
    _Room(1, 1, 1, 0),
    _Room(1, 1, 1, 0, 5, 30),
    _Room(1, 1, 1, 0, 3, 20),
    _Room(1, 0, 0, 0, 1, 12),
)
_EVERYTHING = _Room(10_000, 10_000, 10_000, 10_000)


def fitting_answer(findings: HistoryFindings) -> HistoryAnswer:
    """The answer, with as much listed as the default's budget has room for, or with everything and a page of the series."""
    return first_that_fits(
        (_EVERYTHING,) if findings.question.full else _ROOMS,
        lambda room: _answer(findings, room),
        lambda answer: max(json_length(structured(answer)), len(history_text(answer))),
        _DEFAULT_ANSWER_CHARACTERS,
    )


def structured(answer: HistoryAnswer) -> dict[str, object]:
    """The answer as structured content; `detail` of a missing name and what was carried forward are there if there is any."""
    carried = {name for name in ("carried_forward", "longest_carried_forward") if not getattr(answer.gaps, name)}
    return answer.model_dump(mode="json", exclude={"missing": without_detail(answer.missing), "gaps": carried})


def _answer(findings: HistoryFindings, room: _Room) -> HistoryAnswer:
    from exposure.sparkline import sparkline

    question, history, values = findings.question, findings.history, findings.values
    summary, result = history.summary, findings.result
    common = common_fields(findings.snapshot, result.convention, result.missing, result.weight_coverage)
    spark = sparkline(history.series.value, width=room.blocks)
    assert spark is not None
    draft = HistoryAnswer(
        **{**common, "units": history.units or common["units"]},
        headline="",
        warnings=warning_list(limited_notices(_notices(findings), room.warnings)),
        constituent_count=len(result.constituents),
        window=WindowPart(
            start=question.window.start,
            end=question.window.end,
            step=question.step.value,
            asked=history.asked,
            expected=summary.expected,
            readings=summary.readings,
        ),
        latest=_latest(findings),
        rank=_rank(values),
        first=_reading(values.first),
        lowest=_reading(values.lowest),
        highest=_reading(values.highest),
        quantiles={str(percent): value for percent, value in values.quantiles.items()},
        negative_share=values.share_negative,
        side_shares=dict(summary.sides.shares) if summary.sides else None,
        flips=_flips(history, room),
        longest_runs={
            regime: RunPart(start=run.start, stop=run.stop, readings=run.readings) for regime, run in summary.longest_runs.items()
        },
        gaps=_gaps(history, room),
        names=_names(summary.names, room),
        sparkline=SparklinePart(text=spark.text, low=spark.low, high=spark.high, negative_blocks=spark.negative_blocks),
        reading=_READING,
        series=_page(question, history) if question.full else None,
    )
    for one in draft.missing[room.details :]:
        one.detail = None
    return draft.model_copy(update={"headline": _headline(question, draft)})


def _headline(question: HistoryQuestion, draft: HistoryAnswer) -> str:
    names = question.asked.weights
    opening = coverage_sentence(len(names), draft.missing, draft.weight_coverage, synthetic=draft.synthetic)
    subject = "Net GEX" if len(names) > 1 else f"{next(iter(names))} net GEX"
    rank, window = draft.rank, draft.window
    cut = f", the newest {window.expected} of {window.asked} instants" if window.expected < window.asked else ""
    if rank.percentile is None:
        place = f"{counted(rank.earlier, 'earlier reading')}, too few for a percentile"
    else:
        place = f"percentile {rank.percentile:.1f} of {rank.earlier} earlier readings"
    return (
        f"{opening} {subject} {money(draft.latest.net_gex)} per 1% move at {eastern_clock(draft.latest.at)}: {place} since "
        f"{eastern_clock(draft.first.at)}, step {window.step}{cut}."
    ).strip()


def _latest(findings: HistoryFindings) -> LatestPart:
    import numpy as np

    series, sides, last = findings.history.series, findings.history.summary.sides, findings.values.last
    place = int(np.flatnonzero(series.read)[-1])
    imbalance = float(series.imbalance[place])
    return LatestPart(
        at=last.at,
        net_gex=last.value,
        weight_coverage=last.weight_coverage,
        imbalance=imbalance if math.isfinite(imbalance) else None,
        side=sides.current if sides and math.isfinite(imbalance) else None,
    )


def _rank(values: ValueSummary) -> PercentilePart:
    current = values.current
    percentiles = {
        name: None if (value := getattr(current, name)) is None else round(value, 2)
        for name in ("percentile", "like_for_like", "lowest", "highest")
    }
    return PercentilePart(**percentiles, earlier=current.earlier, comparable=current.comparable, meaning=current.meaning)


def _reading(reading: Reading) -> ReadingPart:
    return ReadingPart(at=reading.at, net_gex=reading.value)


def _flips(history: History, room: _Room) -> FlipsPart | None:
    sides = history.summary.sides
    if sides is None:
        return None
    latest = sides.flips[max(len(sides.flips) - room.flips, 0) :]
    return FlipsPart(
        found=len(sides.flips),
        latest=[
            FlipRow(at=one.at, confirmed_at=one.confirmed_at, to=one.after, names_changed=one.names_changed) for one in latest
        ],
    )


def _gaps(history: History, room: _Room) -> GapsPart:
    from exposure.runs import ReadingState

    gaps = [gap for gap in history.summary.gaps if gap.reason is not ReadingState.REPEATED]
    carried = [gap for gap in history.summary.gaps if gap.reason is ReadingState.REPEATED]
    longest = sorted(sorted(gaps, key=lambda gap: -gap.instants)[: room.gaps], key=lambda gap: gap.start)
    widest = max(carried, key=lambda gap: gap.instants, default=None) if room.gaps else None
    return GapsPart(
        found=len(gaps),
        instants=sum(gap.instants for gap in gaps),
        longest=[GapRow(reason=gap.reason.value, start=gap.start, stop=gap.stop, instants=gap.instants) for gap in longest],
        carried_forward=sum(gap.instants for gap in carried),
        longest_carried_forward=SpanPart(start=widest.start, stop=widest.stop, instants=widest.instants) if widest else None,
    )


def _names(names: Sequence[NamePresence], room: _Room) -> NamesPart:
    lacking = sorted((one for one in names if one.share_missing > 0.0), key=lambda one: -one.share_missing * one.weight)
    return NamesPart(
        always=len(names) - len(lacking),
        not_always=len(lacking),
        rows=[
            NameRow(
                symbol=one.symbol,
                weight=one.weight,
                missing_share=one.share_missing,
                first_seen=one.first_seen,
                last_seen=one.last_seen,
                present_now=one.present_now,
            )
            for one in lacking[: room.names]
        ],
    )


def _page(question: HistoryQuestion, history: History) -> SeriesPage:
    """The page asked for, counted from the newest instant; the last page where there are not so many."""
    from exposure.runs import to_datetime

    series = history.series
    pages = page_count(len(series.instants), ROWS_A_PAGE)
    page = min(question.page, pages)
    stop = len(series.instants) - (page - 1) * ROWS_A_PAGE
    places = range(max(stop - ROWS_A_PAGE, 0), stop)
    how = "This is all of the series."
    if pages > 1:
        how = f"Older instants: page={page + 1}." if page < pages else "These are the oldest; page=1 has the newest."
    return SeriesPage(
        page=page,
        pages=pages,
        listed=len(places),
        rows=[
            SeriesRow(
                at=to_datetime(series.instants[place]),
                net_gex=_known(series.value[place]),
                imbalance=_known(series.imbalance[place]),
                weight_coverage=float(series.weight_coverage[place]),
            )
            for place in places
        ],
        how_to_page=how,
    )


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _notices(findings: HistoryFindings) -> list[Notice]:
    """Everything to be careful about, what limits the answer most first."""
    question, history, result = findings.question, findings.history, findings.result
    notices = [*partial_notices(result), *(Notice("history_remark", sentence) for sentence in history.remarks)]
    notices += [*question.window.notices, *findings.snapshot.provenance.notices, *time_notices(findings.snapshot)]
    if history.ends_off_step and history.summary.readings > 1:
        before = "session closes" if question.step.value in ("1d", "1w", "1mo") else f"every {question.step.value}"
        sentence = (
            f"The last reading is of the end of the window, {eastern_clock(findings.values.last.at)}; the others, {before}."
        )
        notices.append(Notice("end_between_steps", sentence))
    side = _unconfirmed_side(findings)
    if side is not None:
        sentence = f"The last reading by itself is {side}; a change of side counts once a second reading confirms it."
        notices.append(Notice("unconfirmed_side", sentence))
    if question.full and question.page > page_count(len(history.series.instants), ROWS_A_PAGE):
        notices.append(Notice("page_beyond_series", "The series has no such page; its last one is shown."))
    if question.page > 1 and not question.full:
        notices.append(Notice("no_series", "page chooses a part of the series, which is part of detail=full only."))
    notices += chain_notices(result)
    if question.asked.merged:
        notices.append(Notice("merged_symbols", f"Named more than once, weights added: {some_of(question.asked.merged)}."))
    return [*notices, *overlap_notices(result), *weak_sign_notices(result)]


def _unconfirmed_side(findings: HistoryFindings) -> str | None:
    """The side of the last reading alone, where it is not the one that counts."""
    latest = _latest(findings)
    side = None if latest.imbalance is None or latest.side is None else next_side(latest.imbalance, latest.side)
    return side.value if side and side is not latest.side else None
