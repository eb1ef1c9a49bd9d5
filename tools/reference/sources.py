"""What the running source can answer at this moment, as a closing section of the text on sources."""

from __future__ import annotations

from datetime import datetime, timedelta

from sources.base import SourceStatus
from sources.market import MarketStatus
from tools.answer import SYNTHETIC_LABEL
from tools.figures import eastern_clock
from tools.reference.lines import within

_SYMBOLS_SHOWN = 200


def running_text(status: MarketStatus, now: datetime, staleness: timedelta, longest: int) -> str:
    """The live source and, where it is another, the replay source."""
    live, replay = status.live, status.replay
    lines = ["## What this server answers now", "", f"* Now: {eastern_clock(now)}.", *_source_lines("Without at", live)]
    if replay.source != live.source:
        lines += _source_lines("With at", replay)
    lines.append(_replay_line(replay, staleness))
    return within(lines, [f"* Remark: {remark}" for remark in dict.fromkeys((*live.remarks, *replay.remarks))], longest)


def _source_lines(when: str, side: SourceStatus) -> list[str]:
    label = f" {SYNTHETIC_LABEL}" if side.synthetic else ""
    fresh = f"newest quote {eastern_clock(side.newest_quote)}" if side.newest_quote else "no quotes"
    lines = [f"* {when}: source {side.source} ({side.mode.value}), {fresh}.{label}"]
    if side.symbols is None:
        return [*lines, "* Symbols: on demand, the source cannot list them."]
    hidden = len(side.symbols) - _SYMBOLS_SHOWN
    more = f" and {hidden} more" if hidden > 0 else ""
    return [*lines, f"* Symbols, {len(side.symbols)}: {', '.join(side.symbols[:_SYMBOLS_SHOWN]) or 'none'}{more}."]


def _replay_line(side: SourceStatus, staleness: timedelta) -> str:
    if not side.replay_from or not side.replay_to:
        return "* Replay with at: nothing to replay."
    window = f"{eastern_clock(side.replay_from)} to {eastern_clock(side.replay_to)}"
    return f"* Replay with at: {window}; a gap of up to {staleness / timedelta(days=1):g} days is bridged and said."
