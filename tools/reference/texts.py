"""The reference texts by topic; the same text is a resource and an answer of data_status."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

import anyio.to_thread

from tools.reference.baskets import baskets_text
from tools.reference.sources import running_text
from tools.state import AppState

DOCUMENTS = ("methodology", "glossary", "sources")
"""The texts that are files."""
LONGEST = 10_000
"""Characters a text may have."""

Topic = Literal["methodology", "glossary", "baskets", "sources"]

_LINK_IN_BRACKETS = re.compile(r" ?\(\[[^\]]+\]\([^)]+\)\)")


async def text_on(topic: Topic, state: AppState) -> str:
    """The text of a topic; `sources` ends with what the running source answers at this moment."""
    if topic == "baskets":
        return await anyio.to_thread.run_sync(baskets_text, state.baskets, LONGEST)
    written = await anyio.to_thread.run_sync(document, topic)
    if topic != "sources":
        return written
    return f"{written}\n{running_text(await state.market.status(), state.clock(), state.staleness, LONGEST - len(written) - 1)}"


@cache
def document(name: str) -> str:
    """A file of this folder, without its links to other files of the repository: the installed package does not have them."""
    from importlib.resources import files

    return _LINK_IN_BRACKETS.sub("", files("tools.reference").joinpath(f"{name}.md").read_text(encoding="utf-8"))
