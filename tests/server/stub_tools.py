"""Tools that behave and misbehave on request, and a market that must not be asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, Field, field_validator

from exposure.snapshot import Snapshot
from server.app import build_server
from server.settings import Settings
from server.strict import StrictServer
from sources.background import Progress
from sources.base import SourceStatus
from sources.market import Market
from tools.definition import ToolDefinition
from tools.state import AppState

CRASH_TEXT = "password=hunter2 at /home/someone/secret.py"


class Window(BaseModel):
    """A nested argument with a rule of its own."""

    days: int

    @field_validator("days")
    @classmethod
    def _positive(cls, days: int) -> int:
        if days <= 0:
            raise ValueError("days must be above 0.")
        return days


class EchoAnswer(BaseModel):
    said: str
    number: float | None


async def echo(
    ctx: Context[AppState],
    words: Annotated[str, Field(description="What to say, for example hello.")],
    number: Annotated[float | None, Field(description="A number above 0.", gt=0)] = None,
    tone: Annotated[Literal["plain", "loud"], Field(description="How to say it.")] = "plain",
    window: Annotated[Window | None, Field(description="A window of days.")] = None,
) -> Annotated[CallToolResult, EchoAnswer]:
    said = words.upper() if tone == "loud" else words
    answer = EchoAnswer(said=said, number=number)
    return CallToolResult(content=[TextContent(type="text", text=said)], structured_content=answer.model_dump())


async def crash(ctx: Context[AppState]) -> Annotated[CallToolResult, EchoAnswer]:
    raise RuntimeError(CRASH_TEXT)


async def lie(ctx: Context[AppState]) -> Annotated[CallToolResult, EchoAnswer]:
    """Its structured content does not fit its own schema."""
    return CallToolResult(content=[], structured_content={"said": CRASH_TEXT, "number": "many"})


async def refuse(ctx: Context[AppState]) -> Annotated[CallToolResult, EchoAnswer]:
    raise ToolError("No such day: 2024-02-30. Write a date that exists.")


async def sleep(ctx: Context[AppState]) -> Annotated[CallToolResult, EchoAnswer]:
    await anyio.sleep(30)
    raise AssertionError("the deadline did not hold")


async def time_out_inside(ctx: Context[AppState]) -> Annotated[CallToolResult, EchoAnswer]:
    raise TimeoutError(CRASH_TEXT)


STUBS = tuple(
    ToolDefinition(name=function.__name__, title=function.__name__, description=f"Stub {function.__name__}.", function=function)
    for function in (echo, crash, lie, refuse, sleep, time_out_inside)
)


class NoSource:
    """A source for tests that ask no market."""

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        raise AssertionError("the market was asked")

    async def status(self) -> SourceStatus:
        raise AssertionError("the market was asked")


def stub_server(*, tool_timeout_seconds: float = 5.0) -> StrictServer:
    """A server of stubs."""
    settings = Settings(tool_timeout_seconds=tool_timeout_seconds)
    return build_server(settings, market=Market(NoSource()), tools=STUBS)
