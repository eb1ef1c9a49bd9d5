"""The answer of `basket_history` as text: the same facts and numbers, for hosts that show their model the text alone."""

from __future__ import annotations

from tools.answer import missing_text, source_text, warning_lines
from tools.figures import counted, eastern_clock, money, percent
from tools.history_model import GapsPart, HistoryAnswer, NamesPart, ReadingPart, SeriesPage


def history_text(answer: HistoryAnswer) -> str:
    """All lines, headline first."""
    latest, window, rank = answer.latest, answer.window, answer.rank
    quantiles = ", ".join(f"{share}% {money(value)}" for share, value in answer.quantiles.items())
    spark = answer.sparkline
    lines = [
        answer.headline,
        f"Latest: net GEX {money(latest.net_gex)}, net/gross {percent(latest.imbalance)}, side "
        f"{latest.side.value if latest.side else 'null'}, {percent(latest.weight_coverage)} of weight.",
        f"{rank.meaning}{_bounds_text(answer)}",
        f"Window {eastern_clock(window.start)} to {eastern_clock(window.end)}, step {window.step}: "
        f"{counted(window.readings, 'reading')} at {window.expected} of {window.asked} instants.",
        f"First {_reading_text(answer.first)}; lowest {_reading_text(answer.lowest)}; highest {_reading_text(answer.highest)}. "
        f"Quantiles: {quantiles}.",
        f"Negative net GEX in {percent(answer.negative_share)} of readings{_sides_text(answer)}.",
        _flips_text(answer),
        f"Longest runs: {_runs_text(answer)}.",
        _gaps_text(answer.gaps),
        _names_text(answer.names),
        f"Series: {spark.text} ({money(spark.low)} to {money(spark.high)}; below zero: {spark.negative_blocks or 'none'}).",
        *([missing_text(answer.missing)] if answer.missing else []),
        source_text(answer),
        f"{answer.units}. {answer.reading}",
        *(_page_lines(answer.series) if answer.series else []),
    ]
    return "\n".join([*lines, *warning_lines(answer)])


def _reading_text(reading: ReadingPart) -> str:
    return f"{money(reading.net_gex)} at {eastern_clock(reading.at)}"


def _bounds_text(answer: HistoryAnswer) -> str:
    rank = answer.rank
    # Without a name ever missing, all four are the percentile of the headline.
    if rank.percentile is None or rank.percentile == rank.lowest == rank.highest:
        return ""
    alike = "null" if rank.like_for_like is None else f"{rank.like_for_like:.1f}"
    return (
        f" Percentile {rank.percentile:.1f}; like for like {alike} of {rank.comparable}; whole basket {rank.lowest:.1f} to "
        f"{rank.highest:.1f}."
    )


def _sides_text(answer: HistoryAnswer) -> str:
    if answer.side_shares is None:
        return "; sides null (the source publishes no legs)"
    return "; sides: " + ", ".join(f"{side.value} {percent(share)}" for side, share in answer.side_shares.items())


def _flips_text(answer: HistoryAnswer) -> str:
    flips = answer.flips
    if flips is None:
        return "Flips: null."
    if not flips.found:
        return "Flips: 0."
    listed = ", ".join(
        f"to {row.to.value} {eastern_clock(row.at)} (confirmed {eastern_clock(row.confirmed_at)}"
        f"{', names changed' if row.names_changed else ''})"
        for row in flips.latest
    )
    return f"Flips: {flips.found}{', latest' if len(flips.latest) < flips.found else ''}: {listed}."


def _runs_text(answer: HistoryAnswer) -> str:
    return "; ".join(
        f"{regime.value} {counted(run.readings, 'reading')}, {eastern_clock(run.start)} to {eastern_clock(run.stop)}"
        for regime, run in answer.longest_runs.items()
    )


def _gaps_text(gaps: GapsPart) -> str:
    listed = ", ".join(
        f"{row.reason} {row.instants} ({eastern_clock(row.start)} to {eastern_clock(row.stop)})" for row in gaps.longest
    )
    found = f"{gaps.found}, {counted(gaps.instants, 'instant')} in all{f': {listed}' if listed else ''}" if gaps.found else "0"
    if not gaps.carried_forward:
        return f"Gaps: {found}."
    span = gaps.longest_carried_forward
    longest = f", at most {span.instants} in a row ({eastern_clock(span.start)} to {eastern_clock(span.stop)})" if span else ""
    return f"Gaps: {found}. Carried forward without news: {counted(gaps.carried_forward, 'instant')}{longest}."


def _names_text(names: NamesPart) -> str:
    if not names.not_always:
        return f"Names known at every instant: all {names.always}."
    listed = ", ".join(
        f"{row.symbol} ({percent(row.weight)} of weight) missing {percent(row.missing_share)} of instants"
        + (
            f", seen {eastern_clock(row.first_seen)} to {eastern_clock(row.last_seen)}"
            if row.first_seen and row.last_seen
            else ""
        )
        + (", present now" if row.present_now else ", missing now")
        for row in names.rows
    )
    return f"Names known at every instant: {names.always}; not always: {names.not_always}{f': {listed}' if listed else ''}."


def _page_lines(page: SeriesPage) -> list[str]:
    return [
        f"Series, page {page.page} of {page.pages}, {counted(page.listed, 'instant')}. {page.how_to_page}",
        "at net_GEX net/gross weight",
        *(
            f"{eastern_clock(row.at)} {money(row.net_gex)} {percent(row.imbalance)} {percent(row.weight_coverage)}"
            for row in page.rows
        ),
    ]
