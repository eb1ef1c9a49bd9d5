"""symbol_exposure on recorded quote tables of Cboe, against the golden numbers of the files' own gammas."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sources.computed import ComputedSource
from sources.files.reader import FilesReader
from tests import real_data
from tests.tools.desk import Era, Reply, a_desk
from tests.tools.figures_in_text import unsupported
from tests.tools.symbol_desk import NAMED, TOOLS

pytestmark = [pytest.mark.anyio, pytest.mark.real_data]
BUDGET = 1_200 * 4


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str], Path]:
    """A folder that holds one of the recorded tables."""

    def with_table(name: str) -> Path:
        (tmp_path / name).symlink_to(real_data.FOLDER / "cboe" / name)
        return tmp_path

    return with_table


async def ask(folder: Path, now: datetime, symbol: str, era: Era = "auto", tool: str = "symbol_exposure", **more: Any) -> Reply:
    def clock() -> datetime:
        return now

    source = ComputedSource(FilesReader(folder, clock=clock, flat_rate=0.04, staleness=timedelta(days=5)))
    async with a_desk(source, era, tools=TOOLS, clock=clock) as desk:
        answer = await desk.answer(tool, **({"symbol": symbol} if tool == "symbol_exposure" else {"symbols": symbol}), **more)
    assert unsupported(answer.text, answer.structured, NAMED) == []
    return answer


def in_file(name: str, expired: str) -> tuple[float, float]:
    """Open interest of a whole table, and of its rows of one expiry date; read from the raw file."""
    whole = gone = 0.0
    with (real_data.FOLDER / "cboe" / name).open(newline="", encoding="utf-8-sig") as file:
        for row in csv.reader(file):
            if len(row) < 22 or row[1][-9:-8] != "C":
                continue
            held = float(row[10]) + float(row[21])
            whole += held
            gone += held if row[1][-15:-9] == expired else 0.0
    return whole, gone


async def test_what_expired_half_an_hour_before_is_out_and_coverage_says_how_much_that_was(
    folder: Callable[[str], Path], era: Era
) -> None:
    name = "spy_quotedata_2023-09-14.csv"
    answer = await ask(folder(name), datetime(2023, 9, 14, 20, 40, tzinfo=UTC), "SPY", era)
    structured = answer.structured
    assert structured["as_of"] == "2023-09-14T20:00:00Z"
    whole, gone = in_file(name, "230914")
    expired = structured["coverage"]["dropped"]["expired"]
    assert expired["contracts"] == 154
    assert expired["open_interest"] == pytest.approx(gone / whole, abs=1e-6)
    assert structured["coverage"]["open_interest_used"] == pytest.approx(1 - gone / whole, abs=1e-6)
    assert f"expired 154 ({100 * gone / whole:.1f}%)" in answer.text
    assert structured["expiries"]["rows"][0]["expiry"] == "2023-09-15"
    assert structured["same_day"] == {"net_gex": 0, "gross_share": 0}
    # Of the 4.94 bn of the file's own gammas 3.42 bn had expired.
    assert structured["nets"]["net_gex"] == pytest.approx(4.94e9 - 3.42e9, abs=0.01 * 42.7e9)
    assert structured["curve"]["forward_basis"] == "parity"
    assert structured["curve"]["rate_basis"] == "flat_rate"
    assert max(len(answer.text), len(answer.compact_json)) < BUDGET


async def test_the_index_of_2024_01_07_is_below_its_flip_in_negative_gamma(folder: Callable[[str], Path], era: Era) -> None:
    answer = await ask(folder("spx_quotedata_2024-01-07.csv"), datetime(2024, 1, 8, 3, 0, tzinfo=UTC), "SPX", era)
    structured = answer.structured
    call, put = structured["legs"]["gex_call"], structured["legs"]["gex_put"]
    assert structured["nets"]["net_gex"] == pytest.approx(-10.9987e9, abs=0.005 * (call + put))
    assert structured["regime"] == structured["regime_by_flip"] == "negative_gamma"
    assert structured["gamma_flip"] > structured["underlying_price"] == 4697.2402
    assert structured["curve"]["rate_basis"] == "parity"
    assert all(0.03 < point["rate"] < 0.07 for point in structured["curve"]["points"])
    assert len(structured["expiries"]["rows"]) + structured["expiries"]["rest"]["expiries"] == 53
    assert max(len(answer.text), len(answer.compact_json)) < BUDGET
    print(answer.text)


@pytest.mark.parametrize(
    ("name", "now", "symbol"),
    [
        ("spy_quotedata_2023-09-14.csv", datetime(2023, 9, 14, 20, 40, tzinfo=UTC), "SPY"),
        ("spx_quotedata_2022-02-05.csv", datetime(2022, 2, 6, 3, 0, tzinfo=UTC), "SPX"),
        ("ndx_quotedata_2022-12-12.csv", datetime(2022, 12, 13, 3, 0, tzinfo=UTC), "NDX"),
        ("rut_quotedata_2022-12-12.csv", datetime(2022, 12, 13, 3, 0, tzinfo=UTC), "RUT"),
        ("spy_quotedata_2025-09-25.csv", datetime(2025, 9, 26, 3, 0, tzinfo=UTC), "SPY"),
    ],
)
async def test_real_names_agree_with_a_basket_of_one_and_keep_the_budget(
    folder: Callable[[str], Path], name: str, now: datetime, symbol: str
) -> None:
    place = folder(name)
    answer = await ask(place, now, symbol)
    other = await ask(place, now, symbol, tool="basket_exposure")
    assert answer.structured["nets"] == other.structured["aggregate"]
    assert answer.structured["flip_statement"] == other.structured["flip_statement"]
    assert answer.structured["net_gex_by_convention"] == other.structured["net_gex_by_convention"]
    assert max(len(answer.text), len(answer.compact_json)) < BUDGET
    full = await ask(place, now, symbol, detail="full")
    assert full.structured["nets"] == answer.structured["nets"]
    print(f"{name}: text {len(answer.text)}, json {len(answer.compact_json)}, full json {len(full.compact_json)}")
