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
            quotes = [a_call(open_interest=1000.0 + instant.day), a_put(open_interest=500.0)]
            chains = [replace(a_chain(quotes), symbol=name, quote_time=instant) for name in names]
            self.archive.append(instant, [measure(chain) for chain in chains], source="cboe", chains=chains)

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
