"""Rewrites the generated tables of README.md, between `<!-- name -->` and `<!-- /name -->`. Run by `make docs`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from server.settings import settings_table
from tools.catalogue import TOOLS

README = Path(__file__).resolve().parents[1] / "README.md"


def tables() -> dict[str, str]:
    """Every generated table by the name of its markers."""
    return {"settings": settings_table(), "tools": tools_table()}


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
    """Rewrite README.md in place and say whether it changed."""
    before = README.read_text(encoding="utf-8")
    after = rewritten(before)
    README.write_text(after, encoding="utf-8")
    sys.stdout.write("README.md is rewritten.\n" if after != before else "README.md was fresh.\n")


if __name__ == "__main__":
    main()
