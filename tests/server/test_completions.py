"""Completions: what is offered for each argument, in which order, and that nothing ever goes wrong in them."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mcp import Client
from mcp.types import Completion, PromptReference, ResourceTemplateReference

import server.completions
from exposure.dealer import SignConvention
from prompts.catalogue import PROMPTS
from server.app import build_server
from server.completions import last_of_a_list, ranked
from server.settings import Settings
from sources.base import Source
from sources.baskets import built_in_baskets
from tests.builders import an_exposure
from tests.server.wired import a_baskets_file, a_wired_client
from tests.tools.desk import NOW, Era, HandMadeSource, a_source

pytestmark = pytest.mark.anyio

BASKETS = ResourceTemplateReference(uri="exposure://baskets/{name}")


async def completion(client: Client, prompt: str, argument: str, typed: str, chosen: dict[str, str] | None = None) -> Completion:
    asked = {"name": argument, "value": typed}
    return (await client.complete(PromptReference(name=prompt), asked, context_arguments=chosen)).completion


async def offered(
    prompt: str, argument: str, typed: str, era: Era = "auto", source: Source | None = None, file: Path | None = None
) -> list[str]:
    async with a_wired_client(era, source, file) as client:
        return (await completion(client, prompt, argument, typed)).values


def a_long_market() -> HandMadeSource:
    """Closes from 2019 on; now is Thursday 2024-06-06, 10:00 in New York."""
    source = a_source()
    original = source.status

    async def status() -> object:
        return replace(await original(), replay_from=datetime(2019, 1, 2, 14, 30, tzinfo=UTC))

    source.status = status  # type: ignore[assignment,method-assign]
    return source


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", ["AMD", "BRK.B", "NVDA"]),
        ("n", ["NVDA"]),
        ("d", ["AMD", "NVDA"]),
        ("a", ["AMD", "NVDA"]),
        ("NVDA,", ["NVDA,AMD", "NVDA,BRK.B"]),
        ("nvda, a", ["nvda, AMD"]),
        ("NVDA;br", ["NVDA;BRK.B"]),
        ("XYZ", []),
    ],
)
async def test_the_last_symbol_of_a_list_is_completed(typed: str, expected: list[str], era: Era) -> None:
    assert await offered("basket_check", "symbols", typed, era) == expected


async def test_a_source_that_cannot_list_its_symbols_offers_those_of_the_baskets() -> None:
    source = a_source()
    original = source.status

    async def on_demand() -> object:
        return replace(await original(), symbols=None)

    source.status = on_demand  # type: ignore[assignment,method-assign]
    assert await offered("basket_check", "symbols", "jp", source=source) == ["JPM"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("nv", ["NVDA"]),
        ("AMD 1200 sh, short NV", ["AMD 1200 sh, short NVDA"]),
        ("AMD 240000\nbr", ["AMD 240000\nBRK.B"]),
        ("AMD 24", []),
        ("AMD ", []),
        ("short br", ["short BRK.B"]),
    ],
)
async def test_the_symbol_of_the_last_position_is_completed_and_no_amount(typed: str, expected: list[str], era: Era) -> None:
    assert await offered("book_review", "positions", typed, era) == expected


async def test_baskets_are_completed_by_name(era: Era, tmp_path: Path) -> None:
    file = a_baskets_file(tmp_path)
    async with a_wired_client(era, baskets=file) as client:
        everything = (await completion(client, "sector_gamma_scan", "baskets", "")).values
        semis = (await completion(client, "sector_gamma_scan", "baskets", "semi")).values
        second = (await completion(client, "sector_gamma_scan", "baskets", "semis, co")).values
        address = (await client.complete(BASKETS, {"name": "name", "value": "S"})).completion.values
    assert everything == [*built_in_baskets(), "my_semis", "plain"]
    assert semis == ["semis", "my_semis"]
    assert second[:3] == ["semis, communication_services", "semis, consumer_discretionary", "semis, consumer_staples"]
    assert address[:2] == ["semis", "spx_top"]
    assert "my_semis" in address


async def test_a_basket_or_symbols_are_completed_with_either(era: Era) -> None:
    assert (await offered("replay_a_day", "basket", "", era))[:2] == ["semis", "megacap"]
    assert (await offered("replay_a_day", "basket", "", era))[-3:] == ["AMD", "BRK.B", "NVDA"]
    assert await offered("replay_a_day", "basket", "b", era) == ["banks", "BRK.B"]
    assert await offered("pre_open_brief", "basket", "AMD,nv", era) == ["AMD,NVDA"]


async def test_baskets_of_the_index_chosen_before_come_first(era: Era) -> None:
    async with a_wired_client(era) as client:
        chosen = await completion(client, "dispersion_check", "basket", "", {"index": "ndx"})
        without = await completion(client, "dispersion_check", "basket", "")
    assert chosen.values[0] == "ndx_top"
    assert without.values[0] == "semis"


async def test_indices_are_those_the_baskets_have(era: Era) -> None:
    assert (await offered("dispersion_check", "index", "", era))[:5] == ["SMH", "QQQ", "XLF", "SPX", "NDX"]
    assert await offered("dispersion_check", "index", "nd", era) == ["NDX"]


async def test_conventions_are_completed(era: Era) -> None:
    assert await offered("basket_check", "convention", "", era) == [one.value for one in SignConvention]
    assert await offered("book_review", "convention", "dealers_s", era) == ["dealers_short_calls_long_puts", "dealers_short_all"]


async def test_days_are_sessions_newest_first(era: Era) -> None:
    async with a_wired_client(era, a_long_market()) as client:
        recent = await completion(client, "replay_a_day", "day", "")
        month = await completion(client, "replay_a_day", "day", "2020-03")
    assert recent.values[:5] == ["2024-06-06", "2024-06-05", "2024-06-04", "2024-06-03", "2024-05-31"]
    assert "2024-05-27" not in recent.values  # Memorial Day
    assert len(recent.values) == 100
    assert recent.has_more is True
    assert recent.total is not None
    assert recent.total > 1_300
    assert month.values[0] == "2020-03-31"
    assert len(month.values) == 22
    assert "2020-03-16" in month.values
    assert month.has_more is False


async def test_a_session_that_has_not_opened_yet_is_not_offered() -> None:
    source = a_source()
    original = source.status

    async def early() -> object:
        return replace(await original(), replay_to=datetime(2024, 6, 6, 12, 0, tzinfo=UTC))

    source.status = early  # type: ignore[assignment,method-assign]
    assert await offered("replay_a_day", "day", "", source=source) == ["2024-06-05"]


async def test_an_instant_is_a_day_and_then_a_minute(era: Era) -> None:
    async with a_wired_client(era, a_long_market()) as client:
        days = (await completion(client, "basket_check", "at", "2020-03-1")).values
        minutes = (await completion(client, "basket_check", "at", "2020-03-16")).values
        morning = (await completion(client, "basket_check", "at", "2020-03-16T0")).values
        sunday = (await completion(client, "basket_check", "at", "2020-03-15")).values
        since = (await completion(client, "sector_gamma_scan", "since", "")).values
    assert days[:2] == ["2020-03-19", "2020-03-18"]
    assert minutes == ["2020-03-16", *(f"2020-03-16T{minute}" for minute in ("09:45", "10:30", "12:30", "15:30", "16:00"))]
    assert morning == ["2020-03-16T09:45"]
    assert sunday == []
    assert since[:2] == ["previous_close", "2024-06-06"]


async def test_on_the_demo_market_the_planted_days_come_first(era: Era) -> None:
    async with Client(build_server(Settings(), clock=lambda: NOW), mode=era) as client:
        days = await completion(client, "replay_a_day", "day", "")
        instants = await completion(client, "sector_gamma_scan", "at", "2023-04-18")
    # The squeeze of 2025 lies in the future of this clock.
    assert days.values[:5] == ["2019-06-21", "2019-06-24", "2021-03-17", "2023-04-18", "2024-06-06"]
    assert len(set(days.values)) == 100
    assert instants.values[0] == "2023-04-18"
    assert "2023-04-18T15:30" in instants.values


async def test_at_most_a_hundred_values_are_sent(era: Era) -> None:
    source = a_source(*(an_exposure(f"S{number:04d}") for number in range(500)))
    async with a_wired_client(era, source) as client:
        answer = await completion(client, "basket_check", "symbols", "s")
    assert answer.values == [f"S{number:04d}" for number in range(100)]
    assert answer.total == 500
    assert answer.has_more is True


@pytest.mark.parametrize(
    ("prompt", "argument"),
    [("basket_check", "weights"), ("basket_check", "day"), ("basket_check", "nothing"), ("nothing", "symbols")],
)
async def test_what_cannot_be_completed_gets_no_suggestions(prompt: str, argument: str, era: Era) -> None:
    assert await offered(prompt, argument, "", era) == []


async def test_another_address_gets_no_suggestions(era: Era) -> None:
    async with a_wired_client(era) as client:
        other = await client.complete(ResourceTemplateReference(uri="file:///{name}"), {"name": "name", "value": ""})
        wrong = await client.complete(BASKETS, {"name": "symbols", "value": ""})
    assert other.completion.values == wrong.completion.values == []


async def test_a_source_that_fails_gives_no_suggestions_and_no_error(era: Era) -> None:
    source = a_source()

    async def broken() -> object:
        raise RuntimeError("the disk is on fire")

    source.status = broken  # type: ignore[assignment,method-assign]
    async with a_wired_client(era, source) as client:
        assert (await completion(client, "basket_check", "symbols", "N")).values == []
        assert (await completion(client, "basket_check", "at", "2")).values == []
        assert (await completion(client, "sector_gamma_scan", "baskets", "semis")).values == ["semis"]


async def test_a_source_that_hangs_gives_no_suggestions_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    import anyio

    monkeypatch.setattr(server.completions, "_PATIENCE_SECONDS", 0.05)
    source = a_source()
    source.status = anyio.sleep_forever  # type: ignore[assignment,method-assign]
    started = time.monotonic()
    assert await offered("basket_check", "symbols", "N", source=source) == []
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("typed", ["\x00", ",,,,", "(" * 5_000, "\n \n", "a" * 20_000, "…", "%s", "2024-13-45T99"])
async def test_no_text_makes_a_completion_fail(typed: str) -> None:
    async with a_wired_client(source=a_long_market()) as client:
        for prompt in PROMPTS:
            for argument in prompt.arguments():
                answer = await completion(client, prompt.name, argument.name, typed)
                assert len(answer.values) <= 100
        assert len((await client.complete(BASKETS, {"name": "name", "value": typed})).completion.values) <= 100


async def test_every_argument_but_weights_has_suggestions(era: Era) -> None:
    async with a_wired_client(era, a_long_market()) as client:
        empty = {
            argument.name
            for prompt in PROMPTS
            for argument in prompt.arguments()
            if not (await completion(client, prompt.name, argument.name, "")).values
        }
    assert empty == {"weights"}


def test_what_begins_with_the_text_stands_before_what_contains_it() -> None:
    assert ranked(["xab", "ab", "b", "AB", "ab"], " Ab ") == ["ab", "AB", "xab"]
    assert last_of_a_list(["a", "b"], "a, a") == []
