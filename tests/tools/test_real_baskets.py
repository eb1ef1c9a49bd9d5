"""Baskets of the product's own examples on recorded chains, against golden numbers from the files' own gammas.

The golden numbers are computed here from the raw JSON, without any of the code under test.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from exposure.snapshot import Snapshot
from sources.background import Progress
from sources.base import SourceStatus
from sources.computed import ComputedSource, measured
from sources.files.reader import FilesReader
from tests import real_data
from tests.tools.desk import Era, Reply, a_desk
from tests.tools.figures_in_text import unsupported

pytestmark = [pytest.mark.anyio, pytest.mark.real_data]

NOW = datetime(2026, 8, 24, 12, 0, tzinfo=UTC)
SEMIS = ("NVDA", "AMD", "AVGO", "MU", "SMCI", "TSM", "QCOM", "ASML")
MEGACAP = ("AAPL", "MSFT", "NVDA", "AMZN", "META", "GOOGL", "TSLA")
BANKS = ("JPM", "BAC", "WFC", "C", "GS", "MS")


@dataclass(frozen=True, slots=True)
class Golden:
    """Dollar gamma legs from a file's own gammas."""

    call: float
    put: float

    @property
    def net(self) -> float:
        return self.call - self.put

    @property
    def gross(self) -> float:
        return self.call + self.put


@cache
def golden(symbol: str) -> Golden:
    document = json.loads((real_data.US_CLOSE / f"{symbol}.json").read_bytes())
    spot = document["underlyingPrice"]
    legs = {"call": 0.0, "put": 0.0}
    for quote in document["quotes"]:
        legs[quote["side"]] += (quote["gamma"] or 0.0) * (quote["openInterest"] or 0.0) * 100 * spot * spot * 0.01
    return Golden(legs["call"], legs["put"])


@pytest.fixture(scope="module")
def source() -> ComputedSource:
    """One reader for all tests here, so that the folder is read once."""
    return ComputedSource(FilesReader(real_data.US_CLOSE, clock=present, flat_rate=0.04, staleness=timedelta(days=5)))


async def ask(source: ComputedSource, era: Era = "auto", **arguments: Any) -> Reply:
    async with a_desk(source, era, clock=lambda: NOW) as desk:
        return await desk.answer(**arguments)


def present() -> datetime:
    return datetime.now(UTC)


def rows(answer: Reply) -> Mapping[str, Mapping[str, Any]]:
    return {row["symbol"]: row for row in answer.structured["constituents"]}


def assert_close_to_golden(answer: Reply) -> None:
    """Each name's own net GEX within 3% of that name's own gross."""
    for symbol, row in rows(answer).items():
        reference = golden(symbol)
        assert abs(row["net_gex"] - reference.net) <= 0.03 * reference.gross, symbol


def test_the_golden_numbers_here_are_those_of_the_data_index() -> None:
    arrived = [golden(symbol).net for symbol in SEMIS if symbol != "SMCI"]
    assert math.fsum(arrived) / 7 == pytest.approx(188.87e6, abs=0.01e6)
    assert math.fsum(golden(symbol).net for symbol in MEGACAP) / 7 == pytest.approx(598.19e6, abs=0.01e6)
    assert math.fsum(golden(symbol).net for symbol in BANKS) / 6 == pytest.approx(38.49e6, abs=0.01e6)
    assert golden("NVDA").gross == pytest.approx(3_081e6, rel=1e-3)


@pytest.mark.parametrize("asked", [{"symbols": ",".join(SEMIS)}, {"basket": "semis"}], ids=["symbols", "basket"])
async def test_semis_answer_seven_of_eight_with_bounds_and_the_files_own_gammas(
    source: ComputedSource, asked: dict[str, str], era: Era
) -> None:
    answer = await ask(source, era, **asked)
    structured = answer.structured
    assert structured["constituent_count"] == 7
    assert structured["missing_symbols"] == ["SMCI"]
    assert structured["missing"][0]["reason"] == "unknown_symbol"
    assert structured["missing"][0]["weight"] == 0.125
    assert structured["weight_coverage"] == 0.875
    assert structured["headline"].startswith("7 of 8 names (SMCI: unknown_symbol, 12.5% of weight).")
    assert structured["as_of"] == "2026-08-21T20:00:00Z"
    assert structured["oi_date"] is None
    assert structured["source"] == "files"
    assert structured["mode"] == "snapshot"
    assert_close_to_golden(answer)
    bounds = structured["bounds"]
    zero_filled = 0.125 * math.fsum(row["net_gex"] for row in rows(answer).values())
    reach = 0.125 * max(abs(row["net_gex"]) for row in rows(answer).values())
    assert bounds["low"] == pytest.approx(zero_filled - reach, abs=10)
    assert bounds["high"] == pytest.approx(zero_filled + reach, abs=10)
    assert bounds["sign_safe"] is True
    assert unsupported(answer.text, structured) == []


async def test_nvidia_leads_the_semis_and_two_names_near_zero_are_ambiguous(source: ComputedSource) -> None:
    answer = await ask(source, basket="semis")
    first = answer.structured["constituents"][0]
    assert first["symbol"] == "NVDA"
    assert 55 <= first["contribution_pct"] <= 59
    verdicts = {symbol: row["dealer_gamma"] for symbol, row in rows(answer).items()}
    assert verdicts.pop("AVGO") == "ambiguous"
    assert verdicts.pop("QCOM") == "ambiguous"
    assert set(verdicts.values()) == {"long_gamma"}
    assert len(verdicts) == 5


@pytest.mark.parametrize(("basket", "names", "mean"), [("megacap", MEGACAP, 598.19e6), ("banks", BANKS, 38.49e6)])
async def test_megacap_and_banks_agree_with_the_files_own_gammas(
    source: ComputedSource, basket: str, names: tuple[str, ...], mean: float
) -> None:
    answer = await ask(source, basket=basket)
    assert set(rows(answer)) == set(names)
    gross = math.fsum(golden(symbol).gross for symbol in names) / len(names)
    assert abs(answer.structured["aggregate"]["net_gex"] - mean) <= 0.03 * gross
    assert answer.structured["bounds"] is None
    assert_close_to_golden(answer)


async def test_wells_fargo_is_the_one_bank_in_negative_gamma(source: ComputedSource) -> None:
    answer = await ask(source, basket="banks")
    assert [symbol for symbol, row in rows(answer).items() if row["regime"] == "negative_gamma"] == ["WFC"]
    assert answer.structured["negative_names"] == 1


def test_all_files_parse_and_their_total_gamma_is_the_files_own(source: ComputedSource) -> None:
    names = sorted(path.stem for path in real_data.US_CLOSE.glob("*.json"))
    assert len(names) == 94
    reader = FilesReader(real_data.US_CLOSE, clock=present, flat_rate=0.04, staleness=timedelta(days=5))
    snapshot = measured(reader.read([name.replace("-", ".") for name in names], None))
    assert snapshot.missing == ()
    assert snapshot.provenance.notices == ()
    nets = {name: snapshot.exposures[name.replace("-", ".")].measured for name in names}
    errors = {}
    for name, exposure in nets.items():
        legs = exposure.total.gex  # type: ignore[union-attr]
        reference = golden(name)
        errors[name] = (abs(legs.call - reference.call) + abs(legs.put - reference.put)) / reference.gross
    total = math.fsum(errors[name] * golden(name).gross for name in names) / math.fsum(golden(name).gross for name in names)
    worst = max(errors, key=lambda name: errors[name])
    print(f"gamma legs of 94 files: {total:.2%} of gross apart in all, {worst} {errors[worst]:.2%} at worst")
    assert total <= 0.15
    assert math.fsum(error <= 0.15 for error in errors.values()) >= 90


async def test_fifty_real_names_stay_within_the_token_budget(source: ComputedSource) -> None:
    names = sorted(path.stem for path in real_data.US_CLOSE.glob("*.json"))[:50]
    answer = await ask(source, symbols=names)
    assert answer.structured["constituent_count"] == 50
    assert len(answer.structured["constituents"]) >= 10
    assert max(len(answer.text), len(answer.compact_json)) < 1_500 * 4
    assert unsupported(answer.text, answer.structured) == []


async def test_the_close_was_not_known_on_its_own_friday_but_is_on_monday(source: ComputedSource) -> None:
    async with a_desk(source, clock=lambda: NOW) as desk:
        refusal = await desk.refusal(symbols="NVDA", at="2026-08-21")
        assert "no_data_at" in refusal
        assert "had been written by 2026-08-21 16:00 Eastern; data_status says which instants there are" in refusal
        monday = await desk.answer(symbols="NVDA", at="2026-08-24T08:00")
        live = await desk.answer(symbols="NVDA")
    assert monday.structured["at_resolved"] == live.structured["as_of"] == "2026-08-21T20:00:00Z"
    assert monday.structured["aggregate"] == live.structured["aggregate"]
    assert "resolved_earlier" in [one["code"] for one in monday.structured["warnings"]]


async def test_a_class_share_is_found_in_any_spelling_among_real_files(source: ComputedSource) -> None:
    answers = [await ask(source, symbols=spelling) for spelling in ("BRK.B", "brk-b", "BRK/B")]
    assert answers[0] == answers[1] == answers[2]
    assert rows(answers[0])["BRK.B"]["underlying_price"] == pytest.approx(495.82, abs=0.01)


async def test_a_real_answer_is_the_same_in_both_eras(source: ComputedSource) -> None:
    assert await ask(source, "auto", basket="semis") == await ask(source, "legacy", basket="semis")


class Counting:
    """The files source, and which symbols were asked of it."""

    def __init__(self, source: ComputedSource) -> None:
        self.source = source
        self.asked: list[str] = []

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        self.asked += symbols
        return await self.source.exposures(symbols, at)

    async def status(self) -> SourceStatus:
        return await self.source.status()


async def test_one_scan_reproduces_the_golden_means_and_asks_for_each_symbol_once(source: ComputedSource) -> None:
    counting = Counting(source)
    async with a_desk(counting, clock=lambda: NOW) as desk:
        answer = await desk.answer("scan_sectors", baskets="semis,megacap,banks")
    found = {row["basket"]: row for row in answer.structured["baskets"]}
    for basket, names, mean in (("semis", SEMIS, 188.87e6), ("megacap", MEGACAP, 598.19e6), ("banks", BANKS, 38.49e6)):
        arrived = [golden(symbol).gross for symbol in names if symbol != "SMCI"]
        assert abs(found[basket]["net_gex"] - mean) <= 0.03 * math.fsum(arrived) / len(arrived)
    assert found["semis"]["missing"] == ["SMCI"]
    assert counting.asked.count("NVDA") == 1
    assert len(counting.asked) == len(set(counting.asked))
