"""`symbol_exposure` and `stress_basket` over an archive: to the last bit what the files say, whatever is appended later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.store import Archive
from server.importing import import_chains
from sources.archive.source import ArchiveSource
from sources.base import Source
from sources.computed import ComputedSource
from sources.files.reader import FilesReader
from tests import real_data
from tests.builders import OI_DATE, a_vendor_row
from tests.sources.chain_files import a_document, a_quote, write_json
from tests.tools import symbol_desk
from tests.tools.desk import NOW, Era, Reply, a_desk
from tests.tools.stress_desk import stressed
from tools import stress, symbol

DAYS = timedelta(days=5)
STAMPS = ("2024-06-04T16:00:00-04:00", "2024-06-05T12:00:00-04:00", "2024-06-06T09:45:00-04:00")
ASKED = (
    # as asked, and which of the stamps answers
    ("2024-06-04T16:00", 0),
    ("2024-06-05T11:59:59", 0),
    ("2024-06-05T12:00", 1),
    ("2024-06-05", 1),
    ("2024-06-06T09:44", 1),
    ("2024-06-06T09:45", 2),
)


def write_market(folder: Path) -> None:
    """NVDA and AMD at three instants of three sessions, each with other prices, volatilities and open interest."""
    for number, stamp in enumerate(STAMPS):
        for name, spot in (("NVDA", 100.0 + 3 * number), ("AMD", 161.5 - 2 * number)):
            document = a_document(
                name, stamp, quotes_of(name, spot, number), spot, oiDate=str(OI_DATE + timedelta(days=number - 1))
            )
            write_json(folder, f"{name}_{number}.json", document)


def quotes_of(name: str, spot: float, number: int) -> list[dict[str, Any]]:
    """Two expiries, strikes around spot, with a smile; one contract that is dropped."""
    quotes = []
    for place, expiry in enumerate(("2024-06-21", "2024-07-19")):
        for step in range(-5, 6):
            more: dict[str, Any] = {"expiry": expiry, "root": name, "iv": 0.3 + 0.002 * step * step + 0.01 * number}
            strike = round(spot) + 2.5 * step
            held = 500.0 + 100 * number + 37 * abs(step + place)
            quotes += [
                a_quote(strike, openInterest=held * (1 + (step > 0)), **more),
                a_quote(strike, "put", openInterest=held * (1 + (step < 1)), **more),
            ]
    return [*quotes, a_quote(round(spot) + 20.0, expiry="2024-06-21", root=name, iv=None)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_market(tmp_path / "chains")
    return tmp_path / "chains"


def files_source(folder: Path, now: datetime = NOW) -> Source:
    return ComputedSource(FilesReader(folder, clock=lambda: now, flat_rate=0.04, staleness=DAYS))


def archive_source(archive: Archive, now: datetime = NOW) -> ArchiveSource:
    return ArchiveSource(archive, clock=lambda: now, staleness=DAYS)


def imported(folder: Path, archive: Path, now: datetime = NOW) -> Archive:
    """An archive with everything in a folder."""
    store = Archive(archive, clock=lambda: now)
    report = import_chains(store, "auto", [folder], now=now, flat_rate=0.04)
    assert report.taken
    assert report.stored is not None
    assert report.stored.rows_new == len(report.taken)
    return store


async def said(source: Source, at: str, era: Era = "auto") -> dict[str, Reply]:
    """What both tools answer of the past, in all that can be asked of them; each text is held against its structure."""
    return {
        "symbol": await symbol_desk.answer_of(source, "NVDA", era, at=at),
        "all of a symbol": await symbol_desk.answer_of(source, "AMD", era, at=at, detail="full"),
        "an expiry": await symbol_desk.answer_of(source, "NVDA", era, at=at, expiry="2024-06-21", detail="full"),
        "stress": await stressed(source, era, symbols="NVDA,AMD", weights="3,1", at=at),
        "all of a stress": await stressed(
            source,
            era,
            symbols="NVDA,AMD",
            at=at,
            shocks="-10,-2.5,4",
            volatility_points=3,
            days_forward=2,
            betas={"AMD": 1.5},
            detail="full",
        ),
        "a missing name": await stressed(source, era, symbols="NVDA,MU", at=at, shocks="-3,3"),
    }


def apart_from_its_source(answer: Reply) -> tuple[dict[str, Any], str]:
    """An answer without what names where it is from, and without the sentences on missing names."""
    structured = {key: value for key, value in answer.structured.items() if key != "source"}
    structured["warnings"] = [one for one in structured["warnings"] if one["code"] != "recorded_source"]
    structured["missing"] = [{**one, "detail": None} for one in structured["missing"]]
    of_source = ("Source ", "Missing: ", "Warning recorded_source")
    return structured, "\n".join(line for line in answer.text.splitlines() if not line.startswith(of_source))


def without_source(answers: Mapping[str, Reply]) -> dict[str, tuple[dict[str, Any], str]]:
    return {name: apart_from_its_source(answer) for name, answer in answers.items()}


@pytest.mark.anyio
async def test_the_past_is_what_the_files_say_it_was(tmp_path: Path, folder: Path, era: Era) -> None:
    archive = imported(folder, tmp_path / "archive")
    for at, number in ASKED:
        ours, theirs = await said(archive_source(archive), at, era), await said(files_source(folder), at, era)
        assert without_source(ours) == without_source(theirs), at
        for name, answer in ours.items():
            assert (answer.structured["source"], answer.structured["mode"]) == ("archive", "replay")
            assert theirs[name].structured["source"] == "files"
            resolved = datetime.fromisoformat(STAMPS[number]).astimezone(UTC)
            assert answer.structured["at_resolved"] == f"{resolved:%Y-%m-%dT%H:%M:%SZ}"
            assert "recorded_source" in symbol_desk.codes(answer)
        assert [one["symbol"] for one in ours["a missing name"].structured["missing"]] == ["MU"]


@pytest.mark.anyio
@pytest.mark.parametrize("exported", [False, True])
async def test_an_answer_is_byte_identical_after_a_later_append(tmp_path: Path, folder: Path, exported: bool) -> None:
    """Later imports and rows with older quotes, of its own source and others, published and computed, in other files."""
    for file in folder.glob("*_2.json"):
        file.rename(tmp_path / file.name)
    archive = imported(folder, tmp_path / "archive")
    running = archive_source(archive)
    asked = ("2024-06-05T11:59:59", "2024-06-06T09:44")
    before = [await said(running, at) for at in asked]
    just_after = datetime(2024, 6, 6, 13, 44, 1, tzinfo=UTC)
    report = import_chains(archive, "auto", [*tmp_path.glob("*_2.json")], now=NOW, flat_rate=0.04)
    assert len(report.taken) == 2
    held = await running.chains(["NVDA", "AMD"], datetime(2024, 6, 5, 17, tzinfo=UTC))
    poison = [replace(chain, open_interest=chain.open_interest * 1e6) for chain in held.chains.values()]
    assert len(poison) == 2
    archive.append(just_after, (), source="files", chains=poison)
    archive.append(just_after, (), source="a-better-source", chains=poison)
    # The poison is in the archive, and from its instant on it is what answers.
    poisoned = await symbol_desk.answer_of(running, "NVDA", at="2024-06-06T09:44:01")
    assert poisoned.structured["nets"] != before[-1]["symbol"].structured["nets"]
    archive.append(just_after, [a_vendor_row(name, 1e12) for name in ("NVDA", "AMD", "MU")], source="vendor", units="as printed")
    if exported:
        archive.export_finished_days(through=NOW.date())
        archive.rebuild_series()
    source = archive_source(Archive(tmp_path / "archive", clock=lambda: NOW)) if exported else running
    for at, answers in zip(asked, before, strict=True):
        assert await said(source, at) == answers, at


@pytest.mark.anyio
async def test_before_the_first_recording_both_refuse_as_the_files_do(tmp_path: Path, folder: Path) -> None:
    archive = imported(folder, tmp_path / "archive")
    for source in (archive_source(archive), files_source(folder)):
        async with a_desk(source, tools=(symbol.TOOL, stress.TOOL)) as desk:
            for refusal in (
                await desk.refusal("symbol_exposure", symbol="NVDA", at="2024-06-04T15:59"),
                await desk.refusal("stress_basket", symbols="NVDA,AMD", at="2024-06-04T15:59"),
            ):
                assert "no_data_at" in refusal
                assert "2024-06-05" not in refusal


@pytest.mark.anyio
@pytest.mark.real_data
@pytest.mark.parametrize(("name", "at"), [("SPX", "2022-02-06"), ("RUT", "2023-09-21T09:00")])
async def test_recorded_chains_of_cboe_are_to_the_last_bit_what_the_files_say(tmp_path: Path, name: str, at: str) -> None:
    now = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
    folder = real_data.FOLDER / "cboe"
    archive = imported(folder, tmp_path / "archive", now)
    answers: list[list[tuple[dict[str, Any], str]]] = []
    for source in (archive_source(archive, now), files_source(folder, now)):
        async with a_desk(source, tools=(symbol.TOOL, stress.TOOL), clock=lambda: now) as desk:
            told = [
                await desk.answer("symbol_exposure", symbol=name, at=at, detail="full"),
                await desk.answer("stress_basket", symbols=name, at=at),
            ]
        answers.append([apart_from_its_source(one) for one in told])
    assert answers[0] == answers[1]
