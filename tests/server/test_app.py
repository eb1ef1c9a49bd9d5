"""The wired server: what it offers, with the real tools and the real demo market."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from mcp import Client

from prompts.catalogue import PROMPTS
from server.app import build_market, build_server
from server.settings import Settings
from sources.market import Market
from tools.catalogue import TOOLS

pytestmark = [pytest.mark.anyio]

MOMENT = datetime(2024, 6, 5, 14, 30, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_it_offers_the_catalogue_and_the_prompts(era: str) -> None:
    async with Client(build_server(Settings(), clock=lambda: MOMENT), mode=era) as client:
        tools = (await client.list_tools()).tools
        prompts = (await client.list_prompts()).prompts
        asked = await client.get_prompt("basket_check", {"symbols": "NVDA,AMD", "weights": "3,1", "at": "2024-06-05"})
    assert [tool.name for tool in tools] == [definition.name for definition in TOOLS]
    assert [prompt.name for prompt in prompts] == [definition.name for definition in PROMPTS]
    assert prompts[0].arguments is not None
    assert [(one.name, one.required) for one in prompts[0].arguments] == [
        ("symbols", True),
        ("weights", False),
        ("at", False),
        ("convention", False),
    ]
    said = asked.messages[0].content
    assert said.type == "text"
    assert "NVDA,AMD with weights 3,1 as of 2024-06-05 (US Eastern)" in said.text


async def test_the_clock_reaches_the_market() -> None:
    async with Client(build_server(Settings(), clock=lambda: MOMENT)) as client:
        answer = await client.call_tool("basket_exposure", {"symbols": "NVDA"})
    assert answer.structured_content is not None
    assert answer.structured_content["as_of"] == "2024-06-05T14:30:00Z"


async def test_the_settings_choose_the_convention() -> None:
    settings = Settings.load({"convention": "dealers_short_all"})
    async with Client(build_server(settings, clock=lambda: MOMENT)) as client:
        answer = await client.call_tool("basket_exposure", {"symbols": "NVDA"})
    assert answer.structured_content is not None
    assert answer.structured_content["convention"] == "dealers_short_all"
    assert answer.structured_content["aggregate"]["net_gex"] < 0


async def test_a_folder_without_chains_is_a_market_without_names(tmp_path: Path) -> None:
    settings = Settings.load({"source": "files", "files_dir": str(tmp_path)})
    market = build_market(settings)
    assert isinstance(market, Market)
    assert (await market.status()).live.source == "files"
    async with Client(build_server(settings, market=market)) as client:
        answer = await client.call_tool("basket_exposure", {"symbols": "NVDA"})
    assert answer.is_error


async def test_two_first_questions_at_once_build_one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    import anyio

    import sources.demo.reader as demo

    built = []

    class Counted(demo.DemoReader):
        def __init__(self, *arguments: object, **options: object) -> None:
            built.append(1)
            super().__init__(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(demo, "DemoReader", Counted)
    market = build_market(Settings(), lambda: MOMENT)
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(market.status)
    assert built == [1]
