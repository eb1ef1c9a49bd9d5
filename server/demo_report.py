"""`demo`: three sectors of the demo market, asked over the real protocol from a real server process."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from mcp import Client

    from server.settings import Settings

SECTORS = ("semis", "megacap", "banks")
_NAMES_SHOWN = 5
_BAR_WIDTH = 24
_START_SECONDS = 30.0

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question and what came back; `answer` is None where the tool refused."""

    title: str
    answer: Answer | None
    text: str
    seconds: float


def print_demo_report(settings: Settings) -> int:
    """Start the installed server on the demo source, ask it, print a report on stdout. Returns 0 when every call answered."""
    from mcp import MCPError

    from server.hosts import ScriptNotFoundError, installed_script

    try:
        command = str(installed_script())
    except ScriptNotFoundError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    # The user's other settings count, their source does not: this report is about the demo market.
    variables = {**settings.changed(), "DEALER_EXPOSURE_SOURCE": "demo"}
    started = time.perf_counter()
    try:
        asked = anyio.run(_ask_all, command, variables)
    except (OSError, TimeoutError, MCPError, ExceptionGroup):
        sys.stderr.write(f"The server {command} could not be started or went away. Try: dealer-exposure-mcp doctor\n")
        return 1
    draw = _bars_for(sys.stdout.encoding)
    sys.stdout.write("\n".join(_report(asked, time.perf_counter() - started, draw)) + "\n")
    return 0 if all(one.answer is not None for one in asked) else 1


async def _ask_all(command: str, variables: dict[str, str]) -> list[_Asked]:
    from mcp import Client, StdioServerParameters

    with anyio.fail_after(_START_SECONDS + 60.0):
        server = StdioServerParameters(command=command, env=variables)
        async with Client(server, read_timeout_seconds=_START_SECONDS) as client:
            status = await _ask(client, "data_status", "data_status", {})
            return [status, *[await _ask(client, sector, "basket_exposure", {"basket": sector}) for sector in SECTORS]]


async def _ask(client: Client, title: str, tool: str, arguments: dict[str, Any]) -> _Asked:
    started = time.perf_counter()
    result = await client.call_tool(tool, arguments)
    seconds = time.perf_counter() - started
    text = "\n".join(block.text for block in result.content if block.type == "text")
    answer = None if result.is_error else result.structured_content
    return _Asked(title, answer, text, seconds)


def _report(asked: Sequence[_Asked], seconds: float, draw: _Bars) -> Iterator[str]:
    status, *sectors = asked
    yield draw.plain("Dealer exposure of three sectors, asked from a dealer-exposure-mcp server over MCP (stdio)")
    yield from ([status.answer["headline"]] if status.answer else [f"data_status failed: {status.text}"])
    for sector in sectors:
        yield ""
        yield from _sector(sector, draw) if sector.answer else [f"{sector.title}: failed: {sector.text}"]
    yield ""
    yield "Net GEX: dollars dealers would trade against a 1% move, weighted mean of the names; bars: each name's own."
    answering = sum(one.seconds for one in asked)
    yield f"{len(asked)} questions, answered in {answering:.2f} s; {seconds:.1f} s with the start of the server."
    yield "Ask it yourself:  dealer-exposure-mcp call basket_exposure symbols=NVDA,AMD weights=2,1"


def _sector(asked: _Asked, draw: _Bars) -> Iterator[str]:
    answer = asked.answer or {}
    label = "SYNTHETIC  " if answer["synthetic"] else ""
    yield f"{asked.title.upper()}  {label}{answer['mode']} from {answer['source']}, as of {answer['as_of']}"
    flip = answer["flip_share"]
    trust = "" if flip is None else f" (the sign turns if {flip:.0%} of the larger side is held the other way)"
    yield f"  net GEX {_money(answer['aggregate']['net_gex'])}  {answer['regime']}  dealer gamma: {answer['dealer_gamma']}{trust}"
    missing = [f"{one['symbol']} ({one['reason']})" for one in answer["missing"]]
    if missing:
        yield f"  missing: {', '.join(missing)}"
    top = answer["constituents"][:_NAMES_SHOWN]
    scale = max((abs(one["net_gex"]) for one in top), default=0.0)
    for one in top:
        yield (
            f"  {one['symbol']:<6}{one['weight']:>6.1%}  {_money(one['net_gex']):>9}  {one['contribution_pct']:>5.1f}%  "
            f"{draw.bar(one['net_gex'], scale)}  {one['dealer_gamma']}"
        )
    warnings = [warning["code"] for warning in answer["warnings"]]
    counted = f"{len(warnings)} warning{'' if len(warnings) == 1 else 's'}"
    yield f"  {counted}{': ' + ', '.join(warnings) if warnings else ''}; {asked.seconds * 1000:.0f} ms"


def _money(dollars: float | None) -> str:
    """Dollars with a sign and a unit; a number nobody knows is not a zero."""
    if dollars is None:
        return "unknown"
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(dollars) >= size:
            return f"{'-' if dollars < 0 else '+'}${abs(dollars) / size:.1f}{unit}"
    return f"{'-' if dollars < 0 else '+'}${abs(dollars):.0f}"


@dataclass(frozen=True, slots=True)
class _Bars:
    """Bars to the right of an axis for positive numbers, to its left for negative ones."""

    full: str
    axis: str

    def bar(self, value: float, scale: float) -> str:
        half = _BAR_WIDTH // 2
        length = 0 if scale == 0.0 else round(abs(value) / scale * half)
        left, right = ("", self.full * length) if value >= 0 else (self.full * length, "")
        return f"{left:>{half}}{self.axis}{right:<{half}}"

    def plain(self, title: str) -> str:
        return f"{title}\n{'-' * len(title)}"


def _bars_for(encoding: str | None) -> _Bars:
    """Blocks where the terminal can write them, else plain ASCII."""
    blocks = _Bars("\u2588", "\u2502")
    try:
        (blocks.full + blocks.axis).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _Bars("#", "|")
    return blocks
