"""What `tools/list` says is a contract: it changes only in a reviewed change, and it stays small."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from mcp import Client

from server.app import build_server
from server.settings import Settings
from server.tool_shelf import CATALOGUE, ToolShelf
from tools.catalogue import TOOLS

pytestmark = pytest.mark.anyio

MOMENT = datetime(2024, 6, 5, 14, 30, tzinfo=UTC)
CHARACTERS_A_TOKEN = 4


async def listed(era: str) -> list[dict[str, Any]]:
    async with Client(build_server(Settings(), clock=lambda: MOMENT), mode=era) as client:
        answer = await client.list_tools()
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in answer.tools]


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_what_is_listed_is_the_record_and_the_record_describes_the_tools(era: str) -> None:
    recorded = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    assert await listed(era) == recorded
    built = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in ToolShelf(TOOLS).listed]
    assert built == recorded, "run `make docs` and review the change"


async def test_the_catalogue_stays_within_its_tokens() -> None:
    tools = {tool["name"]: len(json.dumps(tool, separators=(",", ":"))) for tool in await listed("legacy")}
    assert tools["basket_exposure"] + tools["data_status"] < 3_000 * CHARACTERS_A_TOKEN
    first_five = ("basket_exposure", "scan_sectors", "book_exposure", "frame_dispersion", "data_status")
    assert sum(tools[name] for name in first_five) < 6_500 * CHARACTERS_A_TOKEN
    assert sum(tools.values()) < 10_000 * CHARACTERS_A_TOKEN


async def test_every_tool_is_described_as_hosts_need_it() -> None:
    for tool in await listed("legacy"):
        assert re.fullmatch(r"[a-z]+_[a-z]+", tool["name"])
        assert len(tool["description"]) <= 500
        assert not re.search(r"\b(must|always|never|IMPORTANT)\b", tool["description"]), "descriptions give no orders"
        assert tool["annotations"]["readOnlyHint"] is True
        assert tool["inputSchema"]["additionalProperties"] is False
        for name, argument in tool["inputSchema"]["properties"].items():
            assert argument.get("description"), f"{tool['name']}.{name} has no description"
        assert tool["outputSchema"]["type"] == "object"
