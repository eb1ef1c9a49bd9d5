"""data_status: what can I ask? The source, its symbols, how far back it replays, how fresh it is, and a self-check.

With a topic it answers with a reference text instead, the one that is also a resource, for hosts without resources.
"""

from __future__ import annotations

from typing import Annotated, Literal

import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field, WithJsonSchema

from exposure.dealer import SignConvention
from exposure.sessions import Phase, phase_at
from exposure.snapshot import Mode
from sources.base import SourceStatus
from tools.answer import SYNTHETIC_LABEL, tool_result
from tools.baskets import mistakes_in
from tools.definition import ToolDefinition
from tools.figures import Instant, eastern_clock
from tools.part import Part
from tools.reference.texts import text_on
from tools.state import AppState

_SYMBOLS_SHOWN = 40


async def data_status(
    ctx: Context[AppState],
    detail: Annotated[Literal["default", "full"], Field(description="full lists every symbol")] = "default",
    topic: Annotated[
        Literal["status", "methodology", "glossary", "baskets", "sources"], Field(description="A reference text instead")
    ] = "status",
) -> Annotated[CallToolResult, StatusAnswer]:
    state = ctx.request_context.lifespan_context
    status = await state.market.status()
    checks = await anyio.to_thread.run_sync(_self_check, abandon_on_cancel=True)
    now = state.clock()
    answer = StatusAnswer(
        headline=_headline(status.live, checks),
        live=_side(status.live, full=detail == "full"),
        replay=_side(status.replay, full=detail == "full"),
        now=now,
        session=phase_at(now),
        convention=state.convention,
        conventions=list(SignConvention),
        baskets=list(state.baskets.baskets()),
        basket_mistakes=mistakes_in(state.baskets),
        staleness_days=state.staleness.total_seconds() / 86400,
        self_check=checks,
        text=None if topic == "status" else await text_on(topic, state),
    )
    return tool_result(answer.text or _text(answer), answer.model_dump(mode="json"))


TOOL = ToolDefinition(
    name="data_status",
    title="What can be asked",
    description=(
        "What this server can answer: the data source and whether it is synthetic, the symbols and named baskets, how far back "
        "it replays, how fresh the newest quotes are, and a self-check of the arithmetic. With topic: the methodology, a "
        "glossary, the baskets with their symbols, or the sources, as text. Answers without market data; use basket_exposure for "
        "exposures."
    ),
    function=data_status,
)


class CheckLine(Part):
    name: str
    expected: float
    computed: float
    passed: bool


class SourceSide(Part):
    """What one half of the market can answer."""

    source: str
    mode: Mode
    synthetic: bool
    symbol_count: int | None
    symbols: list[str] | None
    newest_quote: Instant | None
    replay_from: Instant | None
    replay_to: Instant | None
    remarks: list[str]


class StatusAnswer(Part):
    """What can be asked of this server."""

    headline: str
    live: SourceSide
    replay: SourceSide
    now: Instant
    session: Phase
    convention: SignConvention
    conventions: Annotated[list[SignConvention], WithJsonSchema({"type": "array", "items": {"type": "string"}})]
    baskets: list[str]
    basket_mistakes: list[str]
    staleness_days: float
    self_check: list[CheckLine]
    text: str | None = Field(description="With topic: its text")


def _self_check() -> list[CheckLine]:
    from exposure.golden import golden_checks

    return [
        CheckLine(name=one.name, expected=one.expected, computed=round(one.computed, 4), passed=one.passed)
        for one in golden_checks()
    ]


def _side(status: SourceStatus, *, full: bool) -> SourceSide:
    symbols = None if status.symbols is None else list(status.symbols)
    return SourceSide(
        source=status.source,
        mode=status.mode,
        synthetic=status.synthetic,
        symbol_count=None if symbols is None else len(symbols),
        symbols=symbols if full or symbols is None else symbols[:_SYMBOLS_SHOWN],
        newest_quote=status.newest_quote,
        replay_from=status.replay_from,
        replay_to=status.replay_to,
        remarks=list(status.remarks),
    )


def _headline(status: SourceStatus, checks: list[CheckLine]) -> str:
    label = f"{SYNTHETIC_LABEL} " if status.synthetic else ""
    failed = [one.name for one in checks if not one.passed]
    verdict = f"Self-check FAILED: {', '.join(failed)}." if failed else f"Self-check passed ({len(checks)} golden values)."
    symbols = "symbols on demand" if status.symbols is None else f"{len(status.symbols)} symbols"
    fresh = f"newest quote {eastern_clock(status.newest_quote)}" if status.newest_quote else "no quotes"
    return f"{label}Source {status.source} ({status.mode.value}): {symbols}, {fresh}. {verdict}"


def _text(answer: StatusAnswer) -> str:
    lines = [answer.headline, _side_text("Live", answer.live)]
    if answer.replay.source != answer.live.source:
        lines.append(_side_text("Replay", answer.replay))
    if answer.replay.replay_from and answer.replay.replay_to:
        window = f"{eastern_clock(answer.replay.replay_from)} to {eastern_clock(answer.replay.replay_to)}"
        lines.append(f"Replay with at: {window}; a gap of up to {answer.staleness_days:g} days is bridged and said.")
    else:
        lines.append("Replay with at: nothing to replay.")
    lines += [
        f"Now {eastern_clock(answer.now)}, session {answer.session.value}.",
        f"Convention {answer.convention.value}; others: "
        + ", ".join(one.value for one in answer.conventions if one is not answer.convention)
        + ".",
        f"Baskets: {', '.join(answer.baskets)}.",
    ]
    remarks = dict.fromkeys((*answer.live.remarks, *answer.replay.remarks, *answer.basket_mistakes))
    lines += [f"Remark: {remark}" for remark in remarks]
    lines += [
        f"Self-check {one.name}: expected {one.expected:,.2f}, computed {one.computed:,.2f}, {'ok' if one.passed else 'FAILED'}."
        for one in answer.self_check
    ]
    return "\n".join(lines)


def _side_text(label: str, side: SourceSide) -> str:
    if side.symbols is None:
        return f"{label}: source {side.source}, symbols on demand."
    hidden = (side.symbol_count or 0) - len(side.symbols)
    more = f" and {hidden} more (detail=full lists them)" if hidden > 0 else ""
    return f"{label}: source {side.source}, symbols {', '.join(side.symbols) or 'none'}{more}."
