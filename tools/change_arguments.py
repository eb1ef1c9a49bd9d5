"""The argument `since` of `explain_change`, and which instant it means."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from exposure.sessions import last_session, previous_session
from tools.at import ReplayInstant, instant_of
from tools.figures import eastern_clock

PREVIOUS_CLOSE = "previous_close"

SinceArgument = Annotated[str, Field(description="Earlier instant, or previous_close", examples=["2020-03-13"])]
LaterArgument = Annotated[str | None, Field(description="Later instant; now if left out", examples=["2020-03-16T15:30"])]
ChangeDetailArgument = Annotated[Literal["default", "full"], Field(description="full lists every name with its parts")]


def requested_since(since: str, now: datetime) -> ReplayInstant | None:
    """The earlier instant where one is named; None for the previous close.

    Raises ToolError with a sentence when it cannot be read, or is in the future.
    """
    if since.strip().lower().replace(" ", "_").replace("-", "_") in ("", PREVIOUS_CLOSE):
        return None
    found = instant_of("since", since)
    if found.instant > now:
        raise ToolError(
            f"since is in the future: {eastern_clock(found.instant)}, and it is {eastern_clock(now)} now. "
            "Give an earlier instant, or previous_close."
        )
    return found


def refuse_reversed(named: ReplayInstant | None, later: datetime) -> None:
    """Raises ToolError when the earlier instant is not before the later one: there is nothing between them to explain."""
    if named is not None and named.instant >= later:
        same = "the same instant as" if named.instant == later else "after"
        raise ToolError(
            f"since ({eastern_clock(named.instant)}) is {same} the later end ({eastern_clock(later)}). "
            "Give an earlier since, or previous_close."
        )


def earlier_instant(named: ReplayInstant | None, as_of: datetime) -> ReplayInstant:
    """The instant to compare quotes of `as_of` with: the one named, or the close of the session before theirs.

    One named may be after those quotes: between 06:00 and 07:00 no quote is new, and the open interest is.
    """
    if named is not None:
        return named
    try:
        return ReplayInstant(previous_session(last_session(as_of).date).close)
    except ValueError as problem:
        raise ToolError(f"since: {problem}") from None
