"""`basket_history` and `explain_change` over an archive with a vendor's nets beside computed rows: never both in one answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.store import Archive
from exposure.legs import measure
from sources.archive.source import ArchiveSource
from tests.builders import a_call, a_chain, a_put, a_vendor_row
from tests.tools.desk import Reply, a_desk
from tools import basket, change, history

pytestmark = pytest.mark.anyio

NAMES = ("NVDA", "AMD", "MU")
UNITS = "as published by the vendor"
NOW = datetime(2024, 7, 1, 14, 0, tzinfo=UTC)


def at(day: int, hour: int = 20) -> datetime:
    """On a day of June 2024, 20:00 UTC being the close."""
    return datetime(2024, 6, day, hour, tzinfo=UTC)


class Shared:
    """One archive that two sources are recorded into."""

    def __init__(self, folder: Path) -> None:
        self.archive = Archive(folder / "archive", clock=lambda: NOW)
        self.source = ArchiveSource(self.archive, clock=lambda: NOW, staleness=timedelta(days=5))

    def publish(self, *instants: datetime, names: tuple[str, ...] = NAMES) -> None:
        for instant in instants:
            rows = [a_vendor_row(name, 1e9 + instant.day, quote_time=instant) for name in names]
            self.archive.append(instant, rows, source="flashalpha", units=UNITS)

    def compute(self, *instants: datetime, names: tuple[str, ...] = NAMES) -> None:
        for instant in instants:
            self.hold(instant, quoted=instant, open_interest=1000.0 + instant.day, names=names)

    def hold(self, known: datetime, *, quoted: datetime, open_interest: float, names: tuple[str, ...] = NAMES) -> None:
        quotes = [a_call(open_interest=open_interest), a_put(open_interest=500.0)]
        chains = [replace(a_chain(quotes), symbol=name, quote_time=quoted) for name in names]
        self.archive.append(known, [measure(chain) for chain in chains], source="cboe", chains=chains)

    async def ask(self, tool: str, **arguments: Any) -> Reply:
        async with a_desk(self.source, tools=(history.TOOL, change.TOOL, basket.TOOL), clock=lambda: NOW) as desk:
            return await desk.answer(tool, symbols=",".join(NAMES), **arguments)

    async def refusal(self, tool: str, **arguments: Any) -> str:
        async with a_desk(self.source, tools=(history.TOOL, change.TOOL, basket.TOOL), clock=lambda: NOW) as desk:
            return await desk.refusal(tool, symbols=",".join(NAMES), **arguments)


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    return Shared(tmp_path)


def recorded_from(answer: Reply) -> list[str]:
    """What the answer says its numbers were recorded from."""
    return [one["message"].split()[-1] for one in answer.structured["warnings"] if one["code"] == "recorded_source"]


async def test_a_history_is_of_one_source_and_says_of_which(shared: Shared) -> None:
    shared.publish(*(at(day) for day in (3, 4, 5, 6)))
    shared.compute(at(6, 19), at(7))
    computed = await shared.ask("basket_history", window="2024-06-03..2024-06-07", step="1d", detail="full")
    assert recorded_from(computed) == ["cboe."]
    values = [row["net_gex"] for row in computed.structured["series"]["rows"]]
    assert values[:3] == [None] * 3
    assert all(0 < value < 1e7 for value in values[3:])
    published = await shared.ask("basket_history", window="2024-06-03..2024-06-05", step="1d", detail="full")
    assert recorded_from(published) == ["flashalpha."]
    assert published.structured["units"] == UNITS
    assert [row["net_gex"] for row in published.structured["series"]["rows"]] == [1e9 + day for day in (3, 4, 5)]


def held_elsewhere(answer: Reply) -> list[str]:
    return [one["message"] for one in answer.structured["warnings"] if one["message"].startswith("The archive also holds")]


async def test_a_history_says_which_other_provider_there_is_where_it_has_nothing_and_how_to_see_it(shared: Shared) -> None:
    shared.publish(*(at(day) for day in (3, 4, 5, 6, 12)))
    shared.compute(at(12, 19), at(13), at(14))
    asked = {"window": "2024-06-03..2024-06-14", "step": "1d"}
    answer = await shared.ask("basket_history", **asked)
    assert held_elsewhere(answer) == [
        "The archive also holds flashalpha, 2024-06-03 to 2024-06-11, at 7 instants without cboe; one answer never mixes the "
        "two. End the window at 2024-06-11T16:00 to see it."
    ]
    assert recorded_from(answer) == ["cboe."]
    other = await shared.ask("basket_history", window="2024-06-03..2024-06-11T16:00", step="1d")
    assert recorded_from(other) == ["flashalpha."]
    assert held_elsewhere(other) == []
    # What became known after the end of the window is told of nowhere.
    shared.publish(at(17), at(18))
    assert (await shared.ask("basket_history", **asked)).text == answer.text
    # Where the provider that answers has something at every instant, another one beside it hides nothing.
    shared.compute(*(at(day, 19) for day in (3, 4, 5, 6, 7)))
    assert held_elsewhere(await shared.ask("basket_history", **asked)) == []


async def test_what_no_end_of_the_window_can_show_is_told_without_advice(shared: Shared) -> None:
    shared.publish(at(3, 14), names=NAMES[:1])
    shared.compute(at(3, 19), at(4))
    shared.hold(at(3, 14), quoted=at(3, 14) - timedelta(days=6), open_interest=900.0)
    answer = await shared.ask("basket_history", window="2024-06-03T10:00..2024-06-04", step="1h")
    assert held_elsewhere(answer) == [
        "The archive also holds flashalpha, 2024-06-03, at 5 instants without cboe; one answer never mixes the two."
    ]


async def test_a_snapshot_with_the_numbers_of_the_one_before_is_a_reading_and_one_carried_forward_is_not(shared: Shared) -> None:
    for day in (3, 4, 6, 7):
        shared.hold(at(day), quoted=at(day), open_interest=1000.0)
    answer = await shared.ask("basket_history", window="2024-06-03..2024-06-07", step="1d", detail="full")
    values = [row["net_gex"] for row in answer.structured["series"]["rows"]]
    assert [value is not None for value in values] == [True, True, False, True, True]
    assert len({value for value in values if value is not None}) == 1
    assert answer.structured["gaps"]["carried_forward"] == 1


async def test_open_interest_that_comes_out_under_the_quotes_of_the_evening_is_news(shared: Shared) -> None:
    shared.hold(at(5), quoted=at(5), open_interest=1000.0)
    shared.hold(at(6, 11), quoted=at(5), open_interest=2000.0)
    before, after = [
        await shared.ask("basket_history", window="2024-06-05..2024-06-06T0" + end, step="1h") for end in ("6:30", "7:30")
    ]
    assert before.structured["latest"]["at"] == "2024-06-05T20:00:00Z"
    assert after.structured["latest"]["at"] == "2024-06-06T11:30:00Z"
    assert after.structured["latest"]["net_gex"] > 1.5 * before.structured["latest"]["net_gex"]


async def test_a_history_whose_last_reading_another_source_would_answer_is_refused(shared: Shared) -> None:
    shared.publish(at(5), at(6))
    shared.compute(at(6))
    # What is left of either at the end of the window is one name of three; the last reading is of when both had all of them.
    shared.compute(at(11), names=NAMES[:1])
    shared.publish(at(12), names=NAMES[:1])
    refused = await shared.refusal("basket_history", window="2024-06-05..2024-06-12", step="1d")
    assert "2024-06-06 16:00 ET, are from different providers, in other units" in refused


async def test_a_change_between_two_sources_is_refused_and_within_one_is_not(shared: Shared) -> None:
    shared.publish(at(3), at(4))
    shared.compute(at(10), at(11))
    refused = await shared.refusal("explain_change", since="2024-06-04", at="2024-06-11")
    assert refused.startswith("The source archive has the two ends from different providers, in other units")
    for since, until, source in (("2024-06-03", "2024-06-04", "flashalpha."), ("2024-06-10", "2024-06-11", "cboe.")):
        assert recorded_from(await shared.ask("explain_change", since=since, at=until)) == [source]
