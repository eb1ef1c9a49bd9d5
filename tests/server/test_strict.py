"""The strict tool layer, through a real client in both protocol eras."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult

from server.app import INSTRUCTIONS
from tests.server.stub_tools import CRASH_TEXT, stub_server

pytestmark = [pytest.mark.anyio]

ERAS = ("auto", "legacy")


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def ask(era: str, tool: str, arguments: dict[str, Any] | None = None, *, timeout: float = 5.0) -> CallToolResult:
    async with Client(stub_server(tool_timeout_seconds=timeout), mode=era) as client:
        return await client.call_tool(tool, arguments or {})


def text_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if block.type == "text")


async def test_a_good_call_is_answered_in_both_channels(era: str) -> None:
    result = await ask(era, "echo", {"words": "hello", "number": 2, "tone": "loud"})
    assert not result.is_error
    assert text_of(result) == "HELLO"
    assert result.structured_content == {"said": "HELLO", "number": 2.0}


async def test_an_unknown_argument_is_refused_with_the_allowed_ones_and_the_nearest(era: str) -> None:
    result = await ask(era, "echo", {"words": "hello", "nubmer": 2})
    assert result.is_error
    assert text_of(result) == (
        "'nubmer' is not an argument of this tool; allowed are words, number, tone, window. Did you mean number?"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "words is required. words: What to say, for example hello."),
        ({"words": 7}, "words should be text. words: What to say, for example hello."),
        ({"words": ["a"]}, "words should be text. words: What to say, for example hello."),
        ({"words": "a", "number": -1}, "number should be greater than 0. number: A number above 0."),
        ({"words": "a", "number": "x"}, "number should be a valid number, unable to parse string as a number."),
        ({"words": "a", "number": {}}, "number should be a valid number."),
        (
            {"words": "a", "tone": "lout"},
            "tone cannot be 'lout'; allowed are plain, loud. Did you mean loud? tone: How to say it.",
        ),
        ({"words": "a", "tone": None}, "tone cannot be 'None'; allowed are plain, loud."),
        ({"words": "a", "window": {"days": 0}}, "window: days must be above 0."),
        ({"words": "a", "window": 3}, "window should be an object. window: A window of days."),
    ],
)
async def test_a_bad_argument_is_refused_with_a_sentence(era: str, arguments: dict[str, Any], sentence: str) -> None:
    result = await ask(era, "echo", arguments)
    assert result.is_error
    assert text_of(result).startswith(sentence)
    assert_tidy(text_of(result))


async def test_every_bad_argument_gets_its_sentence_once(era: str) -> None:
    said = text_of(await ask(era, "echo", {"tone": 3, "colour": "red"}))
    assert said.count("words is required") == said.count("tone cannot be") == said.count("'colour' is not an argument") == 1
    assert_tidy(said)


async def test_a_deliberate_refusal_keeps_its_own_words(era: str) -> None:
    result = await ask(era, "refuse")
    assert result.is_error
    assert text_of(result) == "No such day: 2024-02-30. Write a date that exists."


@pytest.mark.parametrize("tool", ["crash", "lie", "time_out_inside"])
async def test_a_crash_says_nothing_of_itself_but_a_reference_into_the_log(
    era: str, tool: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        result = await ask(era, tool)
    assert result.is_error
    said = text_of(result)
    assert CRASH_TEXT not in said
    assert "Traceback" not in said
    assert_tidy(said)
    reference = re.search(r"reference ([0-9a-f]{8})", said)
    assert reference
    assert reference[1] in caplog.text
    assert caplog.text.count("Traceback (most recent call last)") >= 1


async def test_a_slow_tool_is_given_up_at_its_deadline(era: str) -> None:
    started = time.monotonic()
    result = await ask(era, "sleep", timeout=0.1)
    assert time.monotonic() - started < 5
    assert result.is_error
    assert text_of(result).startswith("sleep gave no answer within 0.1 seconds")


async def test_an_unknown_tool_is_answered_with_the_nearest(era: str) -> None:
    result = await ask(era, "ecko")
    assert result.is_error
    assert text_of(result) == (
        "'ecko' is not a tool here; allowed are crash, echo, lie, refuse, sleep, time_out_inside. Did you mean echo?"
    )


async def test_tools_are_read_only_and_their_schemas_carry_no_generated_noise(era: str) -> None:
    async with Client(stub_server(), mode=era) as client:
        echo, *_ = (await client.list_tools()).tools
    assert echo.annotations
    assert echo.annotations.read_only_hint
    assert echo.annotations.idempotent_hint
    assert echo.annotations.destructive_hint is False
    assert echo.annotations.open_world_hint is False
    assert echo.title == "echo"
    assert echo.input_schema["additionalProperties"] is False
    assert echo.input_schema["properties"]["number"] == {
        "description": "A number above 0.",
        "exclusiveMinimum": 0,
        "type": "number",
    }
    assert echo.output_schema is not None
    assert echo.output_schema["properties"] == {"said": {"type": "string"}, "number": {"type": ["number", "null"]}}
    assert '"title"' not in str(echo.input_schema).replace("'", '"')


async def test_the_instructions_arrive_and_fit_what_hosts_keep(era: str) -> None:
    async with Client(stub_server(), mode=era) as client:
        assert client.instructions == INSTRUCTIONS
    assert len(INSTRUCTIONS.encode()) < 2048


def assert_tidy(said: str) -> None:
    for noise in ("pydantic", "validation error", "type=", "input_value", "Error executing", "errors.pydantic.dev", "\n"):
        assert noise not in said
