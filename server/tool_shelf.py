"""The tools of a server: what `tools/list` says of them at once, and the tools themselves when the first one is called.

Building a tool imports its module and writes its schemas, about 10 ms each, and a host waits for the list. So the list is a
record that is shipped with the package (`catalogue.json`, rewritten by `make docs`); a test holds it to the tools.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mcp.types import Tool as ListedTool

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools import Tool

    from tools.definition import ToolDefinition

CATALOGUE = Path(__file__).parent / "catalogue.json"


class ToolShelf:
    """The tools of `definitions`, or, where none are given, those of the product. Safe to use from several threads."""

    def __init__(self, definitions: Sequence[ToolDefinition] | None = None) -> None:
        self._definitions = definitions
        self._lock = threading.Lock()
        self._built: dict[str, Tool] | None = None

    @cached_property
    def listed(self) -> list[ListedTool]:
        """What `tools/list` answers."""
        if self._definitions is None:
            return [ListedTool.model_validate(entry) for entry in json.loads(CATALOGUE.read_bytes())]
        return [listing(tool) for tool in self.tools().values()]

    def tools(self) -> dict[str, Tool]:
        """The tools by name; the first call builds them."""
        from server.strict import strict_tool

        with self._lock:
            if self._built is None:
                self._built = {one.name: strict_tool(one) for one in self._definitions or _of_the_product()}
            return self._built


def listing(tool: Tool) -> ListedTool:
    """A tool as `tools/list` describes it."""
    return ListedTool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.parameters,
        output_schema=tool.output_schema,
        annotations=tool.annotations,
    )


def _of_the_product() -> Sequence[ToolDefinition]:
    from tools.catalogue import TOOLS

    return TOOLS
