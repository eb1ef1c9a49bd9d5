"""The prompts: what they ask for, how they word it, and what a request that cannot be filled in is told."""

from __future__ import annotations

import re

import pytest
from mcp import Client, MCPError
from mcp.types import INVALID_PARAMS

from prompts.catalogue import PROMPTS
from server.app import INSTRUCTIONS
from tests.server.wired import a_wired_client
from tests.tools.desk import Era
from tools.catalogue import TOOLS

pytestmark = pytest.mark.anyio

ARGUMENTS = {
    "basket_check": ["symbols*", "weights", "at", "convention"],
    "sector_gamma_scan": ["baskets", "at", "since"],
    "book_review": ["positions*", "at", "convention"],
    "dispersion_check": ["index*", "basket", "at"],
    "replay_a_day": ["basket*", "day*"],
    "pre_open_brief": ["basket", "positions"],
}
FILLED = {
    "symbols": "NVDA,AMD",
    "weights": "3,1",
    "at": "2024-06-05T10:30",
    "since": "previous_close",
    "convention": "dealers_short_all",
    "baskets": "semis, banks",
    "basket": "megacap",
    "positions": "AAPL 240000\nshort TSLA 90000",
    "index": "NDX",
    "day": "2020-03-16",
}
TOOL_NAMES = {one.name for one in TOOLS} | {"scan_sectors", "book_exposure", "frame_dispersion"}


async def text_of(client: Client, name: str, arguments: dict[str, str]) -> str:
    (message,) = (await client.get_prompt(name, arguments)).messages
    assert message.role == "user"
    assert message.content.type == "text"
    return message.content.text


async def refusal_of(client: Client, name: str, arguments: dict[str, str]) -> str:
    with pytest.raises(MCPError) as refused:
        await client.get_prompt(name, arguments)
    assert refused.value.error.code == INVALID_PARAMS
    return refused.value.error.message


async def test_every_prompt_is_listed_with_its_arguments(era: Era) -> None:
    async with a_wired_client(era) as client:
        prompts = (await client.list_prompts()).prompts
    listed = {prompt.name: [f"{one.name}{'*' if one.required else ''}" for one in prompt.arguments or ()] for prompt in prompts}
    assert listed == ARGUMENTS
    assert list(listed) == list(ARGUMENTS)
    for prompt in prompts:
        assert prompt.title
        assert prompt.description
        assert len(prompt.description) <= 130
        for argument in prompt.arguments or ():
            assert argument.description, f"{prompt.name}.{argument.name} has no description"


@pytest.mark.parametrize("name", ARGUMENTS)
async def test_a_prompt_puts_every_argument_into_the_question(name: str, era: Era) -> None:
    arguments = {one.rstrip("*"): FILLED[one.rstrip("*")] for one in ARGUMENTS[name]}
    async with a_wired_client(era) as client:
        text = await text_of(client, name, arguments)
    for argument, value in arguments.items():
        assert ("the previous close" if argument == "since" else value) in text
    if "at" in arguments:
        assert "as of 2024-06-05T10:30 (US Eastern)" in text


@pytest.mark.parametrize("filled", [True, False])
@pytest.mark.parametrize("name", ARGUMENTS)
async def test_the_wording_gives_no_orders_names_no_tool_and_asks_for_no_advice(name: str, filled: bool) -> None:
    asked = ARGUMENTS[name] if filled else [one for one in ARGUMENTS[name] if one.endswith("*")]
    async with a_wired_client() as client:
        text = await text_of(client, name, {one.rstrip("*"): FILLED[one.rstrip("*")] for one in asked})
        prompt = next(one for one in (await client.list_prompts()).prompts if one.name == name)
    words = " ".join([text, prompt.description or "", *(one.description or "" for one in prompt.arguments or ())])
    assert not re.search(r"\b(must|always|never|important|call|use the|tool|should)\b", words, re.IGNORECASE)
    assert not [tool for tool in TOOL_NAMES if tool in words]
    assert "no trade recommendation" in text
    assert "Where a number is missing, say so rather than estimate it." in text
    assert "what limits the answer" in text or "how old the data are" in text
    assert len(text) < 1_300
    assert "  " not in text
    assert not re.search(r"\(\)|, ,|: :", text)


async def test_what_is_left_out_has_a_meaning(era: Era) -> None:
    async with a_wired_client(era) as client:
        scan = await text_of(client, "sector_gamma_scan", {})
        one = await text_of(client, "sector_gamma_scan", {"baskets": "semis"})
        brief = await text_of(client, "pre_open_brief", {})
        book = await text_of(client, "pre_open_brief", {"positions": "NVDA 10%"})
        both = await text_of(client, "pre_open_brief", {"positions": "NVDA 10%", "basket": "semis"})
        index = await text_of(client, "dispersion_check", {"index": " SPX "})
    assert scan.startswith("Across the eleven sectors: in which are options dealers short gamma?\n")
    assert "flipped" not in scan
    assert one.startswith("Across the basket semis: ")
    assert "dealer positioning for the eleven sectors.\n" in brief
    assert "dealer positioning for my book.\n" in book
    assert "dealer positioning for the basket semis and for my book.\n" in both
    assert "the constituents of SPX (its largest names) pull against the index?" in index


@pytest.mark.parametrize("at", ["2024-06-05T14:30Z", "2024-06-05T14:30:00+02:00", "2024-06-05t14:30z"])
async def test_an_instant_with_a_zone_is_not_called_eastern(at: str) -> None:
    async with a_wired_client() as client:
        text = await text_of(client, "basket_check", {"symbols": "NVDA", "at": at})
    assert f"as of {at}?" in text


@pytest.mark.parametrize("value", [None, "", "  "])
async def test_a_required_argument_left_out_is_a_sentence(value: str | None, era: Era) -> None:
    given = {} if value is None else {"positions": value}
    async with a_wired_client(era) as client:
        refusal = await refusal_of(client, "book_review", given)
        two = await refusal_of(client, "replay_a_day", {})
    assert refusal.startswith("positions is required. positions: Positions in dollars, shares or percent")
    assert "basket is required." in two
    assert "day is required." in two


async def test_an_argument_the_prompt_does_not_have_is_a_sentence(era: Era) -> None:
    async with a_wired_client(era) as client:
        refusal = await refusal_of(client, "basket_check", {"symbols": "NVDA", "wieghts": "1"})
    assert refusal == (
        "'wieghts' is not an argument of basket_check; there are symbols, weights, at, convention. Did you mean weights?"
    )


async def test_an_unknown_prompt_is_a_sentence(era: Era) -> None:
    async with a_wired_client(era) as client:
        refusal = await refusal_of(client, "basket_chek", {})
    assert refusal.startswith("'basket_chek' is not a prompt here; there are basket_check, sector_gamma_scan,")
    assert refusal.endswith("Did you mean basket_check?")


async def test_the_instructions_introduce_every_tool_and_stay_below_what_hosts_cut(era: Era) -> None:
    async with a_wired_client(era) as client:
        said = client.instructions
    assert said == INSTRUCTIONS
    assert len(INSTRUCTIONS.encode()) < 2_048
    for name in TOOL_NAMES:
        assert f"`{name}`" in INSTRUCTIONS


def test_each_prompt_has_a_file_of_its_name() -> None:
    assert [prompt.function.__module__ for prompt in PROMPTS] == [f"prompts.{prompt.name}" for prompt in PROMPTS]
