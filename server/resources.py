"""The reference texts as MCP resources, read when they are asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import anyio.to_thread
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
from mcp.server.mcpserver.resources import FunctionResource

from tools.reference.baskets import basket_text
from tools.reference.texts import Topic, text_on
from tools.state import AppState

SCHEME = "exposure"
BASKET_TEMPLATE = f"{SCHEME}://baskets/{{name}}"
_MARKDOWN = "text/markdown"
_RESOURCES: dict[Topic, tuple[str, str]] = {
    "methodology": ("Methodology", "Formulas, units, sign conventions, bounds, and how the numbers are checked."),
    "glossary": ("Glossary", "The words and fields of the answers, with their units."),
    "baskets": (
        "Named baskets",
        "Every named basket, built-in and the user's own, with its symbols; mistakes in the user's file.",
    ),
    "sources": ("Sources", "What each source of market data can answer, and what the running one answers now."),
}


def add_resources(server: MCPServer[AppState], state: AppState) -> None:
    """Offer every topic at `exposure://TOPIC`, and one basket at `exposure://baskets/{name}`."""
    for topic, (title, description) in _RESOURCES.items():
        server.add_resource(
            FunctionResource(
                uri=f"{SCHEME}://{topic}",
                name=topic,
                title=title,
                description=description,
                mime_type=_MARKDOWN,
                fn=_reader(topic, state),
            )
        )

    @server.resource(
        BASKET_TEMPLATE,
        name="basket",
        title="One basket",
        description="The symbols and weights of one named basket, the index beside it, and where it comes from.",
        mime_type=_MARKDOWN,
    )
    async def _basket(name: str) -> str:
        try:
            return await anyio.to_thread.run_sync(basket_text, state.baskets, name)
        except ToolError as unknown:
            raise ResourceNotFoundError(str(unknown)) from None


def _reader(topic: Topic, state: AppState) -> Callable[[], Awaitable[str]]:
    return partial(text_on, topic, state)
