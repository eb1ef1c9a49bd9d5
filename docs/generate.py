"""Rewrites what is generated: parts of README.md, questions.md, the packaged pages and the catalogue of tools.

In README.md each stands between `<!-- name -->` and `<!-- /name -->`. Run by `make docs`; review a changed catalogue.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import anyio
from mcp import Client
from mcp.types import TextContent

from server.app import build_server
from server.settings import Settings, settings_table
from server.tool_shelf import CATALOGUE, ToolShelf
from tools.catalogue import TOOLS

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
QUESTIONS = ROOT / "docs" / "questions.md"
PACKAGED = ("methodology.md", "glossary.md", "sources.md")
"""Pages that the server itself serves, and that the wheel therefore carries a copy of."""
_FOR_PEOPLE_ONLY = "## When a provider misbehaves"
NOW = datetime(2026, 8, 21, 20, tzinfo=UTC)
PICTURED = {"symbols": "NVDA,AMD,AVGO,TSM,XYZZ", "weights": "4,2,2,1,1", "at": "2026-08-19T11:00"}


BOOK = "AAPL 240000\nNVDA, 1200 sh\nMSFT $150k\nshort TSLA 300 shares\nJPM 90000"
ASKED: tuple[tuple[str, str, Mapping[str, object]], ...] = (
    ("Which sectors are short gamma, and how sure is that?", "scan_sectors", {"at": "2026-08-19T11:00"}),
    (
        "What is the dealer exposure of 40/30/30 AAPL, MSFT, NVDA?",
        "basket_exposure",
        {"symbols": ["AAPL", "MSFT", "NVDA"], "weights": [0.4, 0.3, 0.3], "at": "2026-08-19T11:00"},
    ),
    (
        "The same plus XYZZ?",
        "basket_exposure",
        {"symbols": ["AAPL", "MSFT", "NVDA", "XYZZ"], "weights": [0.4, 0.3, 0.3, 0.1], "at": "2026-08-19T11:00"},
    ),
    (
        "Does my book's regime survive other sign assumptions?",
        "book_exposure",
        {"positions": BOOK, "at": "2026-08-19T11:00"},
    ),
    (
        "Is correlation rich, SPX against its top names?",
        "frame_dispersion",
        {"basket": "spx_top", "at": "2026-08-19T11:00"},
    ),
    ("Replay this basket at 15:30 on the crash day.", "basket_exposure", {"basket": "health_care", "at": "2023-04-18T15:30"}),
    (
        "How unusual is that against two years?",
        "basket_history",
        {"basket": "health_care", "window": "2y", "at": "2023-04-18T15:30"},
    ),
    ("What changed since yesterday's close, and why?", "explain_change", {"basket": "health_care", "at": "2023-04-18T15:30"}),
    ("Where does SPX flip, and what rolls off next?", "symbol_exposure", {"symbol": "SPX", "at": "2026-08-19T11:00"}),
    (
        "Where does the basket flip if the index drops 3%?",
        "stress_basket",
        {"basket": "semis", "betas": "estimated", "index": "SPX", "shocks": [-3], "at": "2026-08-19T11:00"},
    ),
)


def tables() -> dict[str, str]:
    """Every generated part of README.md by the name of its markers."""
    return {"settings": settings_table(), "tools": tools_table(), "picture": picture()}


def picture() -> str:
    """One answer of the demo market as the assistant reads it, with the call that asks for it."""
    return f"On the demo market, as the assistant reads it:\n\n{transcript('basket_exposure', PICTURED)}"


def transcript(tool: str, arguments: Mapping[str, object]) -> str:
    """A call and the text it gives on the demo market, at a fixed present."""

    async def ask() -> str:
        async with Client(build_server(Settings(), clock=lambda: NOW)) as client:
            result = await client.call_tool(tool, dict(arguments))
        return "\n".join(block.text for block in result.content if isinstance(block, TextContent))

    return f"`{tool} {json.dumps(arguments)}`\n\n```text\n{anyio.run(ask)}\n```"


def questions() -> str:
    """The page of transcripts: what people ask, the call behind it, and the answer on the demo market."""
    parts = [
        "# Questions and answers",
        "Transcripts from the SYNTHETIC demo market, made by `make docs`: the question, the call an assistant makes of it, "
        "and the text it gets back. None of the numbers is market data.",
    ]
    for question, tool, arguments in ASKED:
        parts += [f"## {question}", transcript(tool, arguments)]
    return "\n\n".join(parts) + "\n"


def catalogue() -> str:
    """What `tools/list` says, as indented JSON."""

    tools = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in ToolShelf(TOOLS).listed]
    return json.dumps(tools, indent=1, ensure_ascii=False) + "\n"


def served(name: str) -> str:
    """The part of a page that an assistant is given: what happens on the wire is for people."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8").partition(_FOR_PEOPLE_ONLY)[0].rstrip() + "\n"


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
    """Rewrite everything in place and say whether README.md changed."""
    before = README.read_text(encoding="utf-8")
    after = rewritten(before)
    README.write_text(after, encoding="utf-8")
    sys.stdout.write("README.md is rewritten.\n" if after != before else "README.md was fresh.\n")
    CATALOGUE.write_text(catalogue(), encoding="utf-8")
    QUESTIONS.write_text(questions(), encoding="utf-8")
    for name in PACKAGED:
        (ROOT / "tools" / "reference" / name).write_text(served(name), encoding="utf-8")


if __name__ == "__main__":
    main()
