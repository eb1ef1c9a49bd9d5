"""What every answer carries beside its numbers: a headline, what is missing, what to be careful about, and where it is from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Protocol

from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent
from pydantic import Field, WithJsonSchema

from exposure.basket import Basket, BasketExposure, EmptyBasketError, WeightedMissing, absent, aggregate
from exposure.dealer import Nets, SignConvention
from exposure.sessions import Phase, phase_at
from exposure.snapshot import Missing, MissingReason, Mode, Notice, Snapshot
from tools.figures import Dollars, Instant, Share, eastern_clock, money, percent
from tools.part import Part

UNITS = "GEX $ of delta per 1% move; DEX $ of delta; VEX $ of delta per vol point; CHEX $ of delta per calendar day"
SYNTHETIC_LABEL = "SYNTHETIC DEMO MARKET, not market data."
_REPLAY_GAP = timedelta(minutes=2)
_FRESH = timedelta(hours=1)
_MIXED_QUOTES = timedelta(minutes=20)
_NAMES_IN_A_HEADLINE = 3


FlipStatusName = Literal["found", "none_in_range", "unstable"]
"""The values of `exposure.zero_gamma.FlipStatus`, which imports numpy."""


class WarningLine(Part):
    """Something to know before using the numbers."""

    code: str
    message: str


class MissingName(Part):
    symbol: str
    reason: MissingReason
    detail: str | None = Field(None, description="Left out where an answer would get long; detail=full has it")
    # Unknown only behind a book in shares, whose answer describes its missing names itself.
    weight: Annotated[Share | None, WithJsonSchema({"type": "number"})]


class FourNets(Part):
    net_gex: Dollars
    net_dex: Dollars
    net_vex: Dollars
    net_chex: Dollars

    @staticmethod
    def of(nets: Nets) -> FourNets:
        return FourNets(net_gex=nets.gex, net_dex=nets.dex, net_vex=nets.vex, net_chex=nets.chex)

    def text(self) -> str:
        return f"GEX {money(self.net_gex)}, DEX {money(self.net_dex)}, VEX {money(self.net_vex)}, CHEX {money(self.net_chex)}"


class HasDetail(Protocol):
    """A row whose `detail` may be left out."""

    @property
    def detail(self) -> object: ...


class Answer(Part):
    """The part of an answer that every tool has in common."""

    headline: str
    source: str
    mode: Mode
    synthetic: bool
    as_of: Instant = Field(description="Newest quote, UTC")
    oldest_quote: Instant
    oi_date: date | None = Field(description="Oldest session the open interest is from; null if a name does not say")
    session: Phase
    at_requested: Instant | None
    at_resolved: Instant | None
    convention: SignConvention
    units: str
    missing_symbols: list[str]
    missing: list[MissingName]
    weight_coverage: Annotated[Share | None, WithJsonSchema({"type": "number"})] = Field(
        description="Share of the requested weight that arrived"
    )
    warnings: list[WarningLine]


def common_fields(
    snapshot: Snapshot, convention: SignConvention, missing: Sequence[WeightedMissing], weight_coverage: float
) -> dict[str, object]:
    """The fields of `Answer` that follow from a snapshot, all but the headline and the warnings."""
    provenance, as_of = snapshot.provenance, snapshot.as_of
    if as_of is None:
        raise ValueError("a snapshot without exposures has no answer")
    replayed = provenance.at is not None
    return {
        "source": provenance.source,
        "mode": provenance.mode,
        "synthetic": provenance.synthetic,
        "as_of": as_of,
        "oldest_quote": snapshot.oldest_quote,
        "oi_date": oldest_oi_date(snapshot),
        "session": phase_at(as_of),
        "at_requested": provenance.at,
        "at_resolved": as_of if replayed else None,
        "convention": convention,
        "units": provenance.units or UNITS,
        "missing_symbols": [one.missing.symbol for one in missing],
        "missing": [
            MissingName(symbol=one.missing.symbol, reason=one.missing.reason, detail=one.missing.detail, weight=one.weight)
            for one in missing
        ],
        "weight_coverage": weight_coverage,
    }


def warning_list(notices: Iterable[Notice]) -> list[WarningLine]:
    """Notices as the field `warnings`, in their order."""
    return [WarningLine(code=one.code, message=one.message) for one in notices]


def without_detail(rows: Iterable[HasDetail]) -> dict[int, set[str]]:
    """What `model_dump` has to exclude so that only rows with a `detail` show one."""
    return {index: {"detail"} for index, row in enumerate(rows) if row.detail is None}


def oldest_oi_date(snapshot: Snapshot) -> date | None:
    dates = [one.oi_date for one in snapshot.exposures.values()]
    return None if None in dates else min((day for day in dates if day is not None), default=None)


def coverage_sentence(asked: int, missing: Sequence[MissingName], weight_coverage: float | None, *, synthetic: bool) -> str:
    """The opening of a headline: the synthetic label, then how many names arrived and which did not."""
    label = f"{SYNTHETIC_LABEL} " if synthetic else ""
    if not missing:
        return f"{label}All {asked} names." if asked > 1 else label.strip()
    shown = ", ".join(f"{one.symbol}: {one.reason.value}, {_weight_text(one)}" for one in missing[:_NAMES_IN_A_HEADLINE])
    others = len(missing) - _NAMES_IN_A_HEADLINE
    lost = "" if weight_coverage is None else f"; {percent(1.0 - weight_coverage)} of weight in all"
    more = f", and {others} more{lost}" if others > 0 else ""
    return f"{label}{asked - len(missing)} of {asked} names ({shown}{more})."


def _weight_text(one: MissingName) -> str:
    return "weight unknown" if one.weight is None else f"{percent(one.weight)} of weight"


def time_notices(snapshot: Snapshot) -> list[Notice]:
    """What has to be said about the times in an answer."""
    notices: list[Notice] = []
    as_of, oldest, asked = snapshot.as_of, snapshot.oldest_quote, snapshot.provenance.at
    if as_of is None or oldest is None:
        return notices
    if asked is not None and asked - as_of >= _REPLAY_GAP:
        sentence = f"There are no quotes at {eastern_clock(asked)}; answered with those of {eastern_clock(as_of)}."
        notices.append(Notice("resolved_earlier", sentence))
    if as_of - oldest > _MIXED_QUOTES:
        sentence = (
            f"Quotes are from different times: the oldest from {eastern_clock(oldest)}, the newest from {eastern_clock(as_of)}."
        )
        notices.append(Notice("mixed_quote_times", sentence))
    undated = sum(1 for one in snapshot.exposures.values() if one.oi_date is None)
    if undated:
        sentence = f"The open interest of {undated} of {len(snapshot.exposures)} names carries no date; it may be a session old."
        notices.append(Notice("oi_date_unknown", sentence))
    return notices


def age_notices(snapshot: Snapshot, now: datetime) -> list[Notice]:
    """That the newest data there are, asked for without an instant, are not of now."""
    as_of = snapshot.as_of
    if snapshot.provenance.at is not None or as_of is None or now - as_of < _FRESH:
        return []
    age = now - as_of
    span = f"{age.days} days" if age >= timedelta(days=2) else f"{age.total_seconds() / 3600:.1f} hours"
    return [Notice("old_quotes", f"The newest quotes there are, those of {eastern_clock(as_of)}, are {span} old.")]


def aggregate_or_refuse(
    asked: Basket, snapshot: Snapshot, convention: SignConvention, *, ambiguous_below: float, otherwise: str
) -> BasketExposure:
    """`aggregate`. Raises ToolError where no name with weight arrived; it opens with `otherwise` where none arrived at all."""
    try:
        return aggregate(asked, snapshot, convention, ambiguous_below=ambiguous_below)
    except EmptyBasketError as problem:
        why = str(problem) if snapshot.exposures else otherwise
        raise nothing_arrived(absent(asked.weights, snapshot), why) from None


def nothing_arrived(missing: Sequence[Missing], why: str) -> ToolError:
    """The error for a basket that cannot be averaged: why not, which reasons applied, to whom, and what to do next."""
    by_reason: dict[MissingReason, list[Missing]] = {}
    for one in missing:
        by_reason.setdefault(one.reason, []).append(one)
    parts = []
    for reason, several in by_reason.items():
        names = ", ".join(one.symbol for one in several[:5]) + (f" and {len(several) - 5} more" if len(several) > 5 else "")
        parts.append(f"{names}: {reason.value} ({several[0].detail})")
    return ToolError(" ".join([why, *parts, "data_status says what can be asked."]))


def tool_result(text: str, structured: Mapping[str, object]) -> CallToolResult:
    """One answer in both channels."""
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=dict(structured))


def source_text(answer: Answer) -> str:
    """Where the numbers are from and from when, in one sentence."""
    replayed = (
        f", at requested {eastern_clock(answer.at_requested)}, resolved {eastern_clock(answer.at_resolved)}"
        if answer.at_requested and answer.at_resolved
        else ""
    )
    return (
        f"Source {answer.source} ({answer.mode.value}{', synthetic' if answer.synthetic else ''}), as_of "
        f"{eastern_clock(answer.as_of)} (session {answer.session.value}), oldest quote {eastern_clock(answer.oldest_quote)}, "
        f"open interest of {answer.oi_date or 'unknown date'}, convention {answer.convention.value}{replayed}."
    )


def missing_text(missing: Sequence[MissingName]) -> str:
    """The missing names with reason and weight, and the sentences of the first few."""
    parts = [
        f"{one.symbol} {one.reason.value} {'weight unknown' if one.weight is None else percent(one.weight)}" for one in missing
    ]
    details = " ".join(dict.fromkeys(one.detail for one in missing[:3] if one.detail))
    return f"Missing: {', '.join(parts)}. {details}"


def warning_lines(answer: Answer) -> list[str]:
    """A line for each warning, in their order."""
    return [f"Warning {one.code}: {one.message}" for one in answer.warnings]
