"""Completions of prompt arguments and of the basket in a resource's address: what begins with the text typed so far, then what
contains it.

A completion is a courtesy: whatever goes wrong, or takes too long, gives no suggestions and no error.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import anyio
import anyio.to_thread
from mcp.server.mcpserver import MCPServer
from mcp.types import Completion, CompletionArgument, CompletionContext, PromptReference, ResourceTemplateReference

from exposure.dealer import SignConvention
from exposure.sessions import EASTERN, session_on, sessions_between
from prompts.definition import PromptDefinition
from server.resources import BASKET_TEMPLATE
from server.settings import SourceName
from tools.state import AppState

MOST_VALUES = 100
PREVIOUS_CLOSE = "previous_close"
_PATIENCE_SECONDS = 5.0
_TIMES_OF_DAY = ("09:45", "10:30", "12:30", "15:30", "16:00")
_LAST_OF_A_LIST = re.compile(r"(?P<before>.*[,;\n]\s*|\s*)(?P<typed>[^,;\n]*)", re.DOTALL)
_POSITION = re.compile(r"(?P<side>(?:short|long)\s+|)(?P<typed>[a-z.]*)", re.IGNORECASE)
_DAY_FIRST = re.compile(r"\s*(\d{4}-\d{2}-\d{2})")

_log = logging.getLogger(__name__)


def add_completions(server: MCPServer[AppState], state: AppState, prompts: Sequence[PromptDefinition]) -> None:
    """Complete the arguments of these prompts and the name of a basket's address."""
    suggestions = _Suggestions(state)
    known = {prompt.name: {argument.name for argument in prompt.arguments()} for prompt in prompts}

    async def complete(
        ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument, context: CompletionContext | None
    ) -> Completion:
        if isinstance(ref, PromptReference):
            asked = argument.name in known.get(ref.name, ())
        else:
            asked = (ref.uri, argument.name) == (BASKET_TEMPLATE, "name")
        if asked:
            chosen = (context.arguments if context else None) or {}
            try:
                with anyio.move_on_after(_PATIENCE_SECONDS):
                    return _completion(await suggestions.of(argument.name, argument.value, chosen))
            except Exception:  # noqa: BLE001 - the answer itself will tell what is wrong
                _log.debug("No completions of %s", argument.name, exc_info=True)
        return _completion([])

    server.completion()(complete)  # type: ignore[no-untyped-call]


def _completion(values: Sequence[str]) -> Completion:
    return Completion(values=list(values[:MOST_VALUES]), total=len(values), has_more=len(values) > MOST_VALUES)


def ranked(candidates: Iterable[str], typed: str) -> list[str]:
    """The candidates that begin with what was typed, then those that contain it; case is forgiven, each comes once."""
    wanted = typed.strip().casefold()
    distinct = list(dict.fromkeys(candidates))
    begins = [one for one in distinct if one.casefold().startswith(wanted)]
    return begins + [one for one in distinct if wanted in one.casefold() and not one.casefold().startswith(wanted)]


def last_of_a_list(candidates: Iterable[str], typed: str) -> list[str]:
    """The list typed so far with its last item completed; what is in it already is not offered again."""
    parts = _LAST_OF_A_LIST.fullmatch(typed)
    if parts is None:
        return []
    taken = {one.strip().casefold() for one in re.split(r"[,;\n]", parts["before"])}
    return [parts["before"] + one for one in ranked(candidates, parts["typed"]) if one.casefold() not in taken]


class _Suggestions:
    """What can stand in each argument, from what the server knows at this moment."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._by_argument: Mapping[str, Callable[[str, Mapping[str, str]], Awaitable[list[str]]]] = {
            "symbols": self._symbols,
            "positions": self._positions,
            "basket": self._basket_or_symbols,
            "baskets": self._baskets,
            "name": self._basket,
            "index": self._index,
            "convention": self._convention,
            "day": self._day,
            "at": self._instant,
            "since": self._since,
        }

    async def of(self, argument: str, typed: str, chosen: Mapping[str, str]) -> list[str]:
        """Suggestions for an argument; `chosen` are the arguments filled in before it."""
        suggest = self._by_argument.get(argument)
        return await suggest(typed, chosen) if suggest else []

    async def _symbols(self, typed: str, _: Mapping[str, str]) -> list[str]:
        return last_of_a_list(await self._known_symbols(), typed)

    async def _positions(self, typed: str, _: Mapping[str, str]) -> list[str]:
        """`AAPL 240000, short TS` is completed to `AAPL 240000, short TSLA`; an amount is left to the user."""
        parts = _LAST_OF_A_LIST.fullmatch(typed)
        position = _POSITION.fullmatch(parts["typed"]) if parts else None
        if parts is None or position is None:
            return []
        return [f"{parts['before']}{position['side']}{one}" for one in ranked(await self._known_symbols(), position["typed"])]

    async def _basket_or_symbols(self, typed: str, chosen: Mapping[str, str]) -> list[str]:
        symbols = await self._known_symbols()
        if re.search(r"[,;\n]", typed):
            return last_of_a_list(symbols, typed)
        return ranked([*await self._basket_names(chosen.get("index", "")), *symbols], typed)

    async def _basket(self, typed: str, _: Mapping[str, str]) -> list[str]:
        return ranked(await self._basket_names(), typed)

    async def _baskets(self, typed: str, _: Mapping[str, str]) -> list[str]:
        return last_of_a_list(await self._basket_names(), typed)

    async def _index(self, typed: str, _: Mapping[str, str]) -> list[str]:
        baskets = await anyio.to_thread.run_sync(self._state.baskets.baskets)
        return ranked((one.index for one in baskets.values() if one.index), typed)

    async def _convention(self, typed: str, _: Mapping[str, str]) -> list[str]:
        return ranked((one.value for one in SignConvention), typed)

    async def _day(self, typed: str, _: Mapping[str, str]) -> list[str]:
        return ranked(await self._days(), typed)

    async def _instant(self, typed: str, _: Mapping[str, str]) -> list[str]:
        """A day means its close; once one is written out, some minutes of it are offered too."""
        days = await self._days()
        day = _DAY_FIRST.match(typed)
        minutes = [f"{day[1]}T{minute}" for minute in _TIMES_OF_DAY] if day and day[1] in days else []
        return ranked([*days, *minutes], typed)

    async def _since(self, typed: str, chosen: Mapping[str, str]) -> list[str]:
        return ranked([PREVIOUS_CLOSE, *await self._instant(typed, chosen)], typed)

    async def _basket_names(self, index: str = "") -> list[str]:
        """Names of baskets, those that stand for this index first."""
        baskets = await anyio.to_thread.run_sync(self._state.baskets.baskets)
        wanted = index.strip().upper()
        return sorted(baskets, key=lambda name: not (wanted and baskets[name].index == wanted))

    async def _known_symbols(self) -> Sequence[str]:
        """What the source lists, or the members of all baskets where it cannot list its symbols."""
        status = await self._state.market.status()
        if status.live.symbols is not None:
            return status.live.symbols
        baskets = await anyio.to_thread.run_sync(self._state.baskets.baskets)
        return [symbol for one in baskets.values() for symbol in one.symbols]

    async def _days(self) -> list[str]:
        """Every session that can be replayed, newest first, as YYYY-MM-DD; on the demo market the planted days before them."""
        replay = (await self._state.market.status()).replay
        if replay.replay_from is None or replay.replay_to is None:
            return []
        first, last = replay.replay_from.astimezone(EASTERN).date(), replay.replay_to.astimezone(EASTERN).date()
        days = sessions_between(first, last)
        if days and (newest := session_on(days[-1])) and newest.open > replay.replay_to:
            days.pop()
        newest_first = [day.isoformat() for day in reversed(days)]
        if replay.source != SourceName.DEMO.value:
            return newest_first
        planted = await anyio.to_thread.run_sync(_planted_days)
        return list(dict.fromkeys([*(day for day in planted if day in newest_first), *newest_first]))


def _planted_days() -> list[str]:
    """Days of the demo market on which there is something to find: the beginning of each plant, and the day it is measured."""
    from sources.demo.planted import PLANTED

    return [day.isoformat() for one in PLANTED for day in (one.day, one.at.astimezone(EASTERN).date())]
