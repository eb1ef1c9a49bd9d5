"""The calls that `docs/demo-events.md` gives return its answer key, through the tools and over the wire."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sources.computed import ComputedSource
from sources.demo.planted import CRASH_DAY, MELT_UP, OPEX_ROLL_OFF, SQUEEZE, SectorFlips
from sources.demo.reader import DemoReader
from tests.tools.desk import a_desk

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 6, 10, 15, 42, tzinfo=UTC)


async def ask(tool: str, **arguments: Any) -> dict[str, Any]:
    source = ComputedSource(DemoReader(lambda: NOW))
    async with a_desk(source, clock=lambda: NOW) as desk:
        return (await desk.answer(tool, **arguments)).structured


@pytest.mark.parametrize(("key", "at"), [(CRASH_DAY, "2023-04-18T15:30"), (MELT_UP, "2021-03-17")], ids=["crash day", "melt-up"])
async def test_a_scan_since_the_previous_close_names_the_planted_flips_and_no_other(key: SectorFlips, at: str) -> None:
    answer = await ask("scan_sectors", at=at, since="previous_close")
    found = {row["basket"]: row["change"]["flip"] for row in answer["baskets"] if row["change"]["flip"]}
    assert found == {sector.value: f"to_{key.after.value}" for sector in key.flipped}
    assert len(answer["flipped"]) == len(key.flipped)


async def test_the_squeezed_name_leads_the_contributors_of_its_sector() -> None:
    before, after = [await ask("basket_exposure", basket=SQUEEZE.sector.value, at=at) for at in ("2025-05-02", "2025-05-09")]
    assert after["constituents"][0]["symbol"] == SQUEEZE.symbol
    assert after["constituents"][0]["contribution_pct"] >= SQUEEZE.contribution_after
    assert before["constituents"][0]["symbol"] != SQUEEZE.symbol


async def test_the_gamma_on_both_sides_of_the_rolled_off_name_shrinks() -> None:
    both = [await ask("basket_exposure", symbols=OPEX_ROLL_OFF.symbol, at=at) for at in ("2019-06-20", "2019-06-24")]
    gross = [answer["net_gex_by_convention"]["dealers_long_all"] for answer in both]
    assert gross[1] <= OPEX_ROLL_OFF.left * gross[0]
