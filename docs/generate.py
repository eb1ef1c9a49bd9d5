"""Rewrites what is generated: the tables and the picture of README.md, and the catalogue that the contract tests compare.

In README.md each stands between `<!-- name -->` and `<!-- /name -->`. Run by `make docs`; review a changed catalogue.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import anyio
from mcp import Client
from mcp.types import TextContent

from server.app import build_server
from server.settings import Settings, settings_table
from tools.catalogue import TOOLS

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
CATALOGUE = ROOT / "tests" / "contract" / "catalogue.json"
PICTURED = {"symbols": "NVDA,AMD,AVGO,TSM,XYZZ", "weights": "4,2,2,1,1", "at": "2026-08-21T15:30"}


def tables() -> dict[str, str]:
    """Every generated part of README.md by the name of its markers."""
    return {"settings": settings_table(), "tools": tools_table(), "picture": picture()}


def picture() -> str:
    """One answer of the demo market as the assistant reads it, with the call that asks for it."""

    async def ask() -> str:
        server = build_server(Settings(), clock=lambda: datetime(2026, 8, 21, 20, tzinfo=UTC))
        async with Client(server) as client:
            result = await client.call_tool("basket_exposure", PICTURED)
        return "\n".join(block.text for block in result.content if isinstance(block, TextContent))

    arguments = json.dumps(PICTURED)
    return f"`basket_exposure {arguments}` on the demo market, as the assistant reads it:\n\n```text\n{anyio.run(ask)}\n```"


def catalogue() -> str:
    """What `tools/list` says, as indented JSON."""

    async def ask() -> str:
        async with Client(build_server(Settings())) as client:
            listed = await client.list_tools()
        tools = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools]
        return json.dumps(tools, indent=1, ensure_ascii=False) + "\n"

    return anyio.run(ask)


def tools_table() -> str:
    """The tools as rows of a Markdown table: name, and the first sentence of the description."""
    rows = ["| tool | what it answers |", "|---|---|"]
    for tool in TOOLS:
        first = re.split(r"(?<=\.)\s", tool.description, maxsplit=1)[0]
        rows.append(f"| `{tool.name}` | {first} |")
    return "\n".join(rows)


def rewritten(text: str) -> str:
    """The text with a fresh table between each pair of markers."""
    for name, table in tables().items():
        opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found, rest = text.partition(opening)
        _, ended, after = rest.partition(closing)
        if found and ended:
            text = f"{before}{opening}{table}\n{closing}{after}"
    return text


def main() -> None:
    """Rewrite README.md and the catalogue in place and say whether README.md changed."""
    before = README.read_text(encoding="utf-8")
    after = rewritten(before)
    README.write_text(after, encoding="utf-8")
    sys.stdout.write("README.md is rewritten.\n" if after != before else "README.md was fresh.\n")
    CATALOGUE.write_text(catalogue(), encoding="utf-8")


if __name__ == "__main__":
    main()
