"""Baskets of Cboe's own files, asked over MCP, against the gammas that Cboe wrote into them.

The golden numbers are summed here from the raw CSV, without any of the code under test.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sources.computed import ComputedSource
from sources.files.reader import FilesReader
from tests import real_data
from tests.sources.chain_files import assert_discreet
from tests.tools.desk import Era, Reply, a_desk
from tests.tools.figures_in_text import unsupported

pytestmark = [pytest.mark.anyio, pytest.mark.real_data]

FOLDER = real_data.FOLDER / "cboe"
NOW = datetime(2024, 1, 8, 14, 0, tzinfo=UTC)
"""Monday 09:00 New York, after the newest file that is used here."""
DECEMBER = ("spx_quotedata_2022-12-12.csv", "ndx_quotedata_2022-12-12.csv", "rut_quotedata_2022-12-12.csv")
JANUARY = "spx_quotedata_2024-01-07.csv"
SPY = "spy_quotedata_2023-09-14.csv"
RUSSELL = "rut_quotedata_2023-09-20.json"


@dataclass(frozen=True, slots=True)
class Golden:
    """Dollar gamma legs per 1% from Cboe's own gammas, and open interest, of the rows that are counted."""

    call: float
    put: float
    open_interest: float

    @property
    def net(self) -> float:
        return self.call - self.put

    @property
    def gross(self) -> float:
        return self.call + self.put


def golden(name: str, *, expiring: str = "") -> Golden:
    """All rows of a file, or those whose option symbol holds the date `expiring`."""
    lines = (FOLDER / name).read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("Expiration"))
    (spot,) = (float(line.split("Last:")[1].split(",")[0]) for line in lines[:start] if "Last:" in line)
    legs, open_interest = [0.0, 0.0], 0.0
    for cells in csv.reader(lines[start + 1 :]):
        for leg, side in enumerate((cells[1:11], cells[12:22])):
            if expiring in side[0][-15:]:
                legs[leg] += float(side[8]) * float(side[9]) * spot * spot
                open_interest += float(side[9])
    return Golden(legs[0], legs[1], open_interest)


def a_folder(folder: Path, *names: str) -> ComputedSource:
    """A source over a folder that holds links to some of the recorded files."""
    for name in names:
        (folder / name).symlink_to(FOLDER / name)
    return ComputedSource(FilesReader(folder, clock=lambda: NOW, flat_rate=0.04, staleness=timedelta(days=5)))


async def ask(source: ComputedSource, era: Era = "auto", **arguments: Any) -> Reply:
    async with a_desk(source, era, clock=lambda: NOW) as desk:
        return await desk.answer(**arguments)


def rows(answer: Reply) -> Mapping[str, Mapping[str, Any]]:
    return {row["symbol"]: row for row in answer.structured["constituents"]}


def test_the_golden_numbers_here_are_those_of_the_data_index() -> None:
    spx, ndx, rut = (golden(name) for name in DECEMBER)
    assert (spx.call, spx.put, spx.net) == pytest.approx((83.6891e9, 84.7642e9, -1.0752e9), abs=1e5)
    assert (ndx.call, ndx.put, ndx.net) == pytest.approx((3.1174e9, 2.0298e9, 1.0875e9), abs=1e5)
    assert (rut.call, rut.put, rut.net) == pytest.approx((1.3512e9, 1.6725e9, -0.3212e9), abs=1e5)
    january = golden(JANUARY)
    assert (january.call, january.put, january.net) == pytest.approx((111.5307e9, 122.5294e9, -10.9987e9), abs=1e5)
    assert golden(SPY).net == pytest.approx(4.94e9, abs=0.01e9)
    assert golden(SPY, expiring="230914").net == pytest.approx(3.42e9, abs=0.01e9)


async def test_three_indices_at_one_time_are_cboes_within_the_stated_share_of_gross(tmp_path: Path, era: Era) -> None:
    source = a_folder(tmp_path, *DECEMBER, JANUARY, SPY, RUSSELL)
    answer = await ask(source, era, symbols="SPX,NDX,RUT", at="2022-12-12T21:00")
    structured = answer.structured
    assert structured["constituent_count"] == 3
    assert structured["missing"] == []
    assert structured["as_of"] == structured["oldest_quote"] == "2022-12-12T21:00:00Z"
    assert structured["oi_date"] == "2022-12-09"
    for symbol, name, tolerance in zip(("SPX", "NDX", "RUT"), DECEMBER, (0.005, 0.015, 0.005), strict=True):
        reference = golden(name)
        difference = (rows(answer)[symbol]["net_gex"] - reference.net) / reference.gross
        print(f"{symbol} 2022-12-12: {difference:+.2%} of gross")
        assert abs(difference) <= tolerance, symbol
    assert unsupported(answer.text, structured) == []


async def test_the_index_of_a_later_sunday_is_cboes_within_the_stated_share_of_gross(tmp_path: Path) -> None:
    source = a_folder(tmp_path, *DECEMBER, JANUARY, SPY, RUSSELL)
    replayed = await ask(source, symbols="SPX", at="2024-01-07T12:00")
    newest = await ask(source, symbols="SPX")
    reference = golden(JANUARY)
    difference = (replayed.structured["aggregate"]["net_gex"] - reference.net) / reference.gross
    print(f"SPX 2024-01-07: {difference:+.2%} of gross")
    assert abs(difference) <= 0.005
    assert replayed.structured["as_of"] == "2024-01-05T21:00:00Z"
    assert newest.structured["aggregate"] == replayed.structured["aggregate"]


async def test_contracts_that_expired_half_an_hour_before_are_out_and_named_with_their_share(tmp_path: Path) -> None:
    answer = await ask(a_folder(tmp_path, SPY), symbols="SPY", at="2023-09-14T16:31")
    everything, dead = golden(SPY), golden(SPY, expiring="230914")
    structured = answer.structured
    assert structured["as_of"] == "2023-09-14T20:00:00Z"
    share = structured["coverage"]["dropped_open_interest"]["expired"]
    assert share == pytest.approx(dead.open_interest / everything.open_interest, abs=1e-6)
    assert f"expired {share:.1%}" in answer.text
    assert structured["coverage"]["contracts_seen"] - structured["coverage"]["contracts_used"] == 154
    alive, gross = everything.net - dead.net, everything.gross - dead.gross
    difference = (structured["aggregate"]["net_gex"] - alive) / gross
    print(f"SPY 2023-09-14 without the {dead.net / 1e9:.2f} bn that had expired: {difference:+.2%} of gross")
    assert abs(difference) <= 0.005


async def test_a_json_file_answers_beside_the_tables(tmp_path: Path, era: Era) -> None:
    source = a_folder(tmp_path, *DECEMBER, SPY, RUSSELL)
    answer = await ask(source, era, symbols="RUT", at="2023-09-20T23:30")
    structured = answer.structured
    assert structured["missing_symbols"] == []
    assert structured["as_of"] == "2023-09-20T20:00:00Z"
    assert structured["oi_date"] == "2023-09-19"
    assert structured["coverage"]["contracts_seen"] == 2821
    assert rows(answer)["RUT"]["underlying_price"] == pytest.approx(1806.1193)
    assert rows(answer)["RUT"]["net_gex"] < 0
    async with a_desk(source, era, clock=lambda: NOW) as desk:
        refusal = await desk.refusal(symbols="RUT", at="2023-09-20T23:00")
        status = await desk.answer("data_status")
    assert "no_data_at" in refusal
    assert "4 symbols" in status.text
    assert "NDX, RUT, SPX, SPY" in status.text


@pytest.mark.parametrize("kind", ["cut", "refusal", "empty", "undated"])
async def test_a_broken_file_costs_its_own_symbol_and_is_named(tmp_path: Path, kind: str) -> None:
    whole = (FOLDER / RUSSELL).read_bytes()
    table = (FOLDER / DECEMBER[1]).read_bytes()
    content, json_content = {
        "cut": (table[:1_000_003], whole[:1_000_000]),
        "refusal": (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>\n",) * 2,
        "empty": (b"", b""),
        "undated": (table[table.index(b"Expiration Date") :], whole.replace(b'"timestamp"', b'"time"')),
    }[kind]
    (tmp_path / "ndx_quotedata.csv").write_bytes(content)
    (tmp_path / "_RUT.json").write_bytes(json_content)
    answer = await ask(a_folder(tmp_path, JANUARY), symbols="SPX,NDX,RUT")
    assert list(rows(answer)) == ["SPX"]
    missing = {one["symbol"]: one for one in answer.structured["missing"]}
    assert {one["reason"] for one in missing.values()} == {"unusable_chain"}
    assert "ndx_quotedata.csv cannot be read" in missing["NDX"]["detail"]
    assert "_RUT.json cannot be read" in missing["RUT"]["detail"]
    for one in missing.values():
        assert_discreet(one["detail"], tmp_path)
