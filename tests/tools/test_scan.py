"""scan_sectors: many baskets in one call, each symbol asked for once, and flips that are not noise."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from exposure.dealer import SymbolExposure
from exposure.snapshot import Missing, MissingReason, Mode, Provenance, Snapshot
from sources.background import Progress, arrivals
from sources.baskets import BasketCatalogue, built_in_baskets, sector_baskets
from sources.computed import ComputedSource
from sources.demo.reader import DemoReader
from sources.market import Market
from sources.universe import Sector
from tests.builders import a_snapshot, a_vendor_row, an_exposure
from tests.tools.desk import ERAS, NOW, Era, HandMadeSource, a_desk, a_source
from tests.tools.figures_in_text import unsupported
from tools.scan import _earlier

pytestmark = pytest.mark.anyio

BANKS = built_in_baskets()["banks"].symbols
CHARACTERS_A_TOKEN = 4


def names(symbols: tuple[str, ...], call: float, put: float) -> list[SymbolExposure]:
    return [an_exposure(symbol, call_gex=call, put_gex=put) for symbol in symbols]


def row(structured: dict[str, Any], basket: str) -> dict[str, Any]:
    return next(one for one in structured["baskets"] if one["basket"] == basket)


class TwoMoments(HandMadeSource):
    """Answers with `known` now and with `earlier` for any instant before NOW."""

    earlier: dict[str, SymbolExposure]

    async def exposures(
        self, symbols: Any, at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        if at is None or at >= NOW:
            return await super().exposures(symbols, None if at is None else at)
        arrived = {symbol: self.earlier[symbol] for symbol in symbols if symbol in self.earlier}
        answer = a_snapshot(list(arrived.values()), [symbol for symbol in symbols if symbol not in arrived])
        return Snapshot(answer.exposures, answer.missing, Provenance("hand-made", Mode.REPLAY, False, at=at))


def two_moments(now: list[SymbolExposure], earlier: list[SymbolExposure]) -> TwoMoments:
    """The earlier quotes are of a day before, unless they are said to be the same."""
    source = TwoMoments({one.symbol: one for one in now})
    source.earlier = {one.symbol: replace(one, quote_time=one.quote_time - timedelta(days=1)) for one in earlier}
    return source


@pytest.mark.parametrize("era", ERAS)
async def test_the_eleven_sectors_are_scanned_unless_baskets_are_named(era: Era) -> None:
    clock = datetime(2024, 6, 5, 14, 30, tzinfo=UTC)
    market = Market(ComputedSource(DemoReader(lambda: clock)))
    async with a_desk(era=era, market=market, clock=lambda: clock) as desk:
        answer = await desk.answer("scan_sectors")
    assert {one["basket"] for one in answer.structured["baskets"]} == {sector.value for sector in Sector}
    assert answer.structured["headline"].startswith("SYNTHETIC DEMO MARKET, not market data. 135 of 135 names in 11 baskets")
    assert answer.text.startswith(answer.structured["headline"])
    assert {one["fund"].popitem()[0] for one in answer.structured["baskets"]} == {one.index for one in sector_baskets()}


async def test_each_symbol_is_asked_for_once_however_many_baskets_hold_it() -> None:
    source = a_source(*names((*BANKS, "NVDA"), 3e8, 1e8))
    async with a_desk(source) as desk:
        await desk.answer("scan_sectors", baskets="banks, financials, semis, megacap, technology")
    asked = Counter(symbol for symbols, _ in source.asked for symbol in symbols)
    assert asked["JPM"] == asked["NVDA"] == 1
    assert set(asked.values()) == {1}


async def test_a_row_says_what_its_own_basket_exposure_says() -> None:
    source = a_source(*names(BANKS[:3], 3e8, 1e8), *names(BANKS[3:], 1e8, 2.5e8), an_exposure("XLF", call_gex=5e8))
    async with a_desk(source) as desk:
        scan = row((await desk.answer("scan_sectors", baskets=["banks"], detail="full")).structured, "banks")
        alone = (await desk.answer("basket_exposure", basket="banks")).structured
    assert scan["net_gex"] == alone["aggregate"]["net_gex"]
    assert scan["sum_gex"] == alone["aggregate_sum"]["net_gex"]
    assert scan["detail"]["aggregate"] == alone["aggregate"]
    for same in ("regime", "dealer_gamma", "negative_names", "pivotal"):
        assert scan[same] == alone[same]
    assert scan["reasons"] == alone["dealer_gamma_reasons"]
    assert scan["fund"] == {"XLF": 400000000}
    assert scan["imbalance"] == pytest.approx((3 * 2e8 - 3 * 1.5e8) / (3 * 4e8 + 3 * 3.5e8), abs=1e-4)


@pytest.mark.parametrize(
    ("rank_by", "first"), [("net_gex", "megacap"), ("imbalance", "banks"), ("breadth", "banks"), (None, "megacap")]
)
async def test_baskets_are_ranked_by_what_was_asked(rank_by: str | None, first: str) -> None:
    huge = [an_exposure(symbol, call_gex=9e9, put_gex=9.5e9) for symbol in ("AAPL", "MSFT")]
    source = a_source(*huge, an_exposure("TSLA", call_gex=2e8, put_gex=1e8), *names(BANKS, 1e6, 9e6))
    chosen = {} if rank_by is None else {"rank_by": rank_by}
    async with a_desk(source) as desk:
        answer = await desk.answer("scan_sectors", baskets="megacap,banks", **chosen)
    assert answer.structured["baskets"][0]["basket"] == first


async def test_a_basket_of_which_nothing_arrived_is_null_and_the_others_answer() -> None:
    async with a_desk(a_source(*names(BANKS, 3e8, 1e8))) as desk:
        answer = await desk.answer("scan_sectors", baskets="banks,energy")
    energy = row(answer.structured, "energy")
    assert energy["net_gex"] is None
    assert energy["dealer_gamma"] is None
    assert answer.structured["baskets"][-1] is energy or answer.structured["baskets"][-1]["basket"] == "energy"
    assert answer.structured["weight_coverage"] == 0.5
    assert answer.structured["warnings"][0]["code"] == "partial_basket"
    assert "energy: null, no name arrived" in answer.text
    assert set(energy["missing"]) <= set(answer.structured["missing_symbols"])


async def test_nothing_at_all_is_an_error_that_names_the_reason() -> None:
    async with a_desk(a_source(an_exposure("ZZZ"))) as desk:
        said = await desk.refusal("scan_sectors", baskets="banks")
    assert "No name of any basket could be answered." in said
    assert "unknown_symbol" in said


async def test_one_name_that_decides_the_sign_is_said_to_drive_the_basket() -> None:
    source = a_source(an_exposure("JPM", call_gex=9e8, put_gex=1e8), *names(BANKS[1:], 1e8, 1.4e8))
    async with a_desk(source) as desk:
        found = row((await desk.answer("scan_sectors", baskets="banks")).structured, "banks")
    assert found["pivotal"] == ["JPM"]
    assert found["driven_by"] == "one_name"
    assert next(iter(found["drivers"])) == "JPM"
    assert sum(value < 0 for value in found["drivers"].values()) == 2


async def test_a_flip_beyond_the_band_is_a_flip_and_its_change_is_given() -> None:
    source = two_moments(names(BANKS, 1e8, 2e8), names(BANKS, 2e8, 1e8))
    async with a_desk(source) as desk:
        answer = await desk.answer("scan_sectors", baskets="banks", since="previous_close")
    assert answer.structured["flipped"] == ["banks"]
    assert row(answer.structured, "banks")["change"] == {"net_gex": -200000000, "flip": "to_short_gamma"}
    assert "FLIP to_short_gamma" in answer.text


@pytest.mark.parametrize(
    ("before", "after"),
    [((1.02e8, 1e8), (1e8, 1.02e8)), ((2e8, 1e8), (1e8, 1.02e8)), ((1e8, 1.02e8), (2e8, 1e8)), ((2e8, 1e8), (1.1e8, 1e8))],
    ids=["noise round zero", "into the band", "out of the band", "same side"],
)
async def test_noise_round_zero_is_not_a_flip(before: tuple[float, float], after: tuple[float, float]) -> None:
    source = two_moments(names(BANKS, *after), names(BANKS, *before))
    async with a_desk(source) as desk:
        answer = await desk.answer("scan_sectors", baskets="banks", since="2024-06-05T15:00")
    assert answer.structured["flipped"] == []
    assert row(answer.structured, "banks")["change"]["flip"] is None


async def test_a_change_is_taken_over_the_names_that_arrived_at_both_ends() -> None:
    source = two_moments(names(BANKS, 2e8, 1e8), [*names(BANKS[1:], 2e8, 1e8)])
    async with a_desk(source) as desk:
        answer = await desk.answer("scan_sectors", baskets="banks", since="2024-06-05T15:00")
    assert row(answer.structured, "banks")["change"]["net_gex"] == 0


async def test_a_vendors_nets_have_no_imbalance_and_no_verdict() -> None:
    source = a_source(*(a_vendor_row(symbol, gex=-1e8) for symbol in BANKS))
    async with a_desk(source) as desk:
        found = row((await desk.answer("scan_sectors", baskets="banks")).structured, "banks")
    assert found["net_gex"] == -100000000
    assert found["imbalance"] is None
    assert found["dealer_gamma"] is None
    assert found["reasons"] == ["legs_unavailable"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"baskets": "smeis"}, "Did you mean semis"),
        ({"baskets": " , "}, "baskets names none"),
        ({"since": "2024-06-06T10:00", "baskets": "banks"}, "since is not before"),
        ({"since": "2024-06-05", "at": "2024-06-04", "baskets": "banks"}, "since is not before"),
        ({"since": "yesterday", "baskets": "banks"}, "at was not understood"),
        ({"rank_by": "size"}, "rank_by cannot be"),
        ({"sectors": "banks"}, "is not an argument"),
    ],
)
async def test_what_cannot_be_understood_is_refused_with_a_sentence(arguments: dict[str, str], words: str) -> None:
    async with a_desk(a_source(*names(BANKS, 3e8, 1e8))) as desk:
        said = await desk.refusal("scan_sectors", **arguments)
    assert words in said
    assert "pydantic" not in said


async def test_the_users_own_baskets_are_scanned_and_a_typo_in_line_7_says_line_7(tmp_path: Path) -> None:
    file = tmp_path / "baskets.toml"
    mine = '[mine]\nsymbols = ["JPM", "C"]\nweights = [3, 1]\nindex = "XLF"\n\n'
    file.write_text(mine + '[broken]\nsymbols = ["GS" "MS"]\n[ok]\nsymbols = ["MS"]\n')
    source = a_source(an_exposure("JPM", call_gex=3e8), an_exposure("C", call_gex=5e8), an_exposure("MS"))
    async with a_desk(source, baskets=BasketCatalogue(file)) as desk:
        answer = await desk.answer("scan_sectors", baskets="mine,ok")
        status = await desk.answer("data_status")
        said = await desk.refusal("scan_sectors", baskets="broken")
    assert row(answer.structured, "mine")["net_gex"] == 0.75 * 2e8 + 0.25 * 4e8
    assert any("line 7" in one["message"] for one in answer.structured["warnings"])
    assert "line 7" in said
    assert "line 7" in status.text


async def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "baskets.toml"
    file.write_text('[mine]\nsymbols = ["JPM"]\n')
    catalogue = BasketCatalogue(file)
    assert catalogue.baskets()["mine"].symbols == ("JPM",)
    file.write_text('[mine]\nsymbols = ["JPM", "GS"]\n')
    assert catalogue.baskets()["mine"].symbols == ("JPM", "GS")
    file.unlink()
    assert "mine" not in catalogue.baskets()
    assert "cannot be read" in catalogue.problems()[0].sentence


@pytest.mark.parametrize("since", [None, "previous_close", "2024-10-04"])
@pytest.mark.parametrize("at", ["2024-10-09T15:30", "2021-07-30T15:30"])
async def test_eleven_sectors_stay_within_their_tokens_in_each_channel(at: str, since: str | None) -> None:
    clock = datetime(2026, 8, 21, 20, tzinfo=UTC)
    arguments = {"at": at} | ({} if since is None or since > at else {"since": since})
    async with a_desk(market=Market(ComputedSource(DemoReader(lambda: clock))), clock=lambda: clock) as desk:
        answer = await desk.answer("scan_sectors", **arguments)
    assert len(answer.text) < 1_500 * CHARACTERS_A_TOKEN
    assert len(answer.compact_json) < 1_500 * CHARACTERS_A_TOKEN
    assert unsupported(answer.text, answer.structured, counts=(11, 135, len(answer.structured["flipped"]))) == []
    assert all(len(one["drivers"]) == 3 for one in answer.structured["baskets"])


async def test_a_scan_whose_source_runs_into_the_deadline_names_what_is_late() -> None:
    class Slow(HandMadeSource):
        async def exposures(
            self, symbols: Any, at: datetime | None, *, legs: bool = False, progress: Progress | None = None
        ) -> Snapshot:
            def wait(symbol: str) -> Callable[[], Awaitable[bool]]:
                async def waited() -> bool:
                    await anyio.sleep(60 if symbol in late else 0)
                    return True

                return waited

            late = set(symbols[25:])
            in_time = await arrivals({symbol: wait(symbol) for symbol in symbols})
            found = await super().exposures(list(in_time), at)
            missing = [Missing(symbol, MissingReason.TIMED_OUT, "It is late.") for symbol in symbols if symbol not in in_time]
            return replace(found, missing=tuple(missing))

    known = {one.symbol: one for one in names(tuple(s for b in sector_baskets() for s in b.symbols), 3e8, 1e8)}
    async with a_desk(market=Market(Slow(known), deadline=1.0)) as desk:
        answer = await desk.answer("scan_sectors")
    reasons = {one["reason"] for one in answer.structured["missing"]}
    assert reasons == {"timed_out"}
    assert answer.structured["weight_coverage"] < 1
    assert re.search(r"timed_out", answer.text)


def test_the_previous_close_is_that_of_the_session_before() -> None:
    during = datetime(2024, 6, 5, 15, tzinfo=UTC)
    at_fridays_close = datetime(2024, 6, 7, 20, tzinfo=UTC)
    for reference, day in ((during, 4), (at_fridays_close, 6)):
        found = _earlier("previous_close", None, reference)
        assert found is not None
        assert found.instant == datetime(2024, 6, day, 20, tzinfo=UTC)


async def test_the_same_quotes_at_both_ends_are_not_compared_and_no_flip_is_counted() -> None:
    source = two_moments(names(BANKS, 2e8, 1e8), [])
    source.earlier = dict(source.known)
    async with a_desk(source) as desk:
        answer = await desk.answer("scan_sectors", baskets="banks", since="2024-06-05T15:00")
    assert "nothing could be compared" in answer.structured["headline"]
    assert row(answer.structured, "banks")["change"] == {"net_gex": None, "flip": None}
    assert "partial_comparison" in [one["code"] for one in answer.structured["warnings"]]


async def test_what_was_missing_then_is_said_and_only_the_rest_compared() -> None:
    source = two_moments(names(BANKS, 1e8, 2e8), names(BANKS[:2], 2e8, 1e8))
    async with a_desk(source) as desk:
        answer = await desk.answer("scan_sectors", baskets="banks,energy", since="2024-06-05T15:00")
    (said,) = [one["message"] for one in answer.structured["warnings"] if one["code"] == "partial_comparison"]
    assert "banks 2/6" in said
    assert "flipped: 1 of 1 compared" in answer.structured["headline"]


async def test_a_fund_that_did_not_arrive_is_named_with_its_reason() -> None:
    async with a_desk(a_source(*names(BANKS, 2e8, 1e8))) as desk:
        answer = await desk.answer("scan_sectors", baskets="banks")
    assert row(answer.structured, "banks")["fund"] == {"XLF": None}
    assert any("XLF unknown_symbol" in one["message"] for one in answer.structured["warnings"])


@pytest.mark.parametrize("at", ["1990-01-02", "2010-01-04T09:00"])
async def test_a_previous_close_before_the_calendar_is_refused_with_its_range(at: str) -> None:
    async with a_desk() as desk:
        refusal = await desk.refusal("scan_sectors", baskets="semis", at=at, since="previous_close")
    assert "the trading calendar covers 2010-01-01 to" in refusal
    assert "leave it out" in refusal
