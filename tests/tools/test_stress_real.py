"""stress_basket on the recorded chains of 2026-08-21: the semis with SMCI missing, and fifty names at once.

The reference numbers are computed here from the raw JSON (the files' own gammas) and from Black-Scholes deltas of its quotes.
"""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from exposure.chain import Chain
from exposure.greeks import greeks
from sources.computed import ComputedSource
from sources.files.reader import FilesReader
from tests import real_data
from tests.tools.desk import Era, Reply
from tests.tools.stress_desk import codes, row_at, stressed
from tests.tools.test_real_baskets import golden

pytestmark = [pytest.mark.anyio, pytest.mark.real_data]

NOW = datetime(2026, 8, 24, 12, 0, tzinfo=UTC)
ARRIVED = ("NVDA", "AMD", "AVGO", "MU", "TSM", "QCOM", "ASML")


def present() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def source() -> ComputedSource:
    """One reader for all tests here, so that the folder is read once."""
    return ComputedSource(FilesReader(real_data.US_CLOSE, clock=present, flat_rate=0.04, staleness=timedelta(days=5)))


async def of(source: ComputedSource, era: Era = "auto", **arguments: Any) -> Reply:
    return await stressed(source, era, {"clock": lambda: NOW}, **arguments)


def flow_of(chain: Chain, shock: float) -> float:
    """Dollars dealers trade under call minus put: minus the change of their delta, at the shocked price."""
    curve, term = chain.curve, chain.term
    carry = np.log(curve.forward / chain.spot) / curve.years
    signed = chain.open_interest * chain.multiplier * np.where(chain.is_call, 1.0, -1.0)

    def delta(spot: float) -> float:
        held = greeks(
            spot, chain.strike, curve.years[term], chain.iv, chain.is_call,
            rate=curve.rate[term], dividend_yield=(curve.rate - carry)[term],
        )  # fmt: skip
        return math.fsum((held.delta * signed).tolist())

    moved = chain.spot * (1.0 + shock)
    return -(delta(moved) - delta(chain.spot)) * moved


async def test_semis_without_smci_flip_and_flow(source: ComputedSource, era: Era) -> None:
    answer = await of(source, era, basket="semis", shocks="-3,3")
    structured = answer.structured
    assert structured["headline"].startswith("7 of 8 names (SMCI: unknown_symbol, 12.5% of weight).")
    assert structured["weight_coverage"] == 0.875
    assert codes(answer)[0] == "partial_basket"
    assert (structured["source"], structured["mode"], structured["as_of"]) == ("files", "snapshot", "2026-08-21T20:00:00Z")
    nets = [golden(symbol).net for symbol in ARRIVED]
    gross = math.fsum(golden(symbol).gross for symbol in ARRIVED)
    assert abs(structured["now"]["net_gex_sum"] - math.fsum(nets)) <= 0.03 * gross
    assert structured["flip"]["status"] in ("found", "unstable", "none_in_range")
    assert structured["repriced"]["contracts"] > 10_000
    flips = structured["name_flips"]
    assert sum(flips.values()) == 7
    for row in structured["shocks"]:
        assert row["gamma"] + row["vanna"] + row["charm"] + row["rest"] == row["hedge_flow_sum"]


async def test_the_flow_is_the_change_of_black_scholes_deltas(source: ComputedSource) -> None:
    answer = await of(source, symbols="NVDA,MU", shocks="-3,3", detail="full")
    chains = (await source.chains(("NVDA", "MU"), None)).chains
    for row in answer.structured["names"]:
        for place, shock in enumerate((-0.03, 0.03)):
            assert row["detail"]["hedge_flow"][place] == pytest.approx(flow_of(chains[row["symbol"]], shock), rel=1e-6)


async def test_the_linear_number_is_the_net_of_the_basket_and_converges(source: ComputedSource) -> None:
    answer = await of(source, basket="semis", shocks="-0.01,0.01")
    net = answer.structured["now"]["net_gex_sum"]
    for shock in (-0.01, 0.01):
        row = row_at(answer, shock)
        assert row["linear"] == pytest.approx(-net * shock, rel=1e-4)
        assert row["hedge_flow_sum"] == pytest.approx(row["linear"], rel=0.02)


async def test_closes_are_not_in_these_files_so_betas_are_one_and_said_to_be(source: ComputedSource) -> None:
    answer = await of(source, basket="semis", shocks="-3", betas="estimated")
    assert "betas_not_estimated" in codes(answer)
    assert answer.structured["scenario"]["betas"] == "one"


async def test_fifty_real_names_stay_within_the_budget(source: ComputedSource) -> None:
    names = sorted(path.stem for path in real_data.US_CLOSE.glob("*.json"))[:50]
    await of(source, symbols=names)
    start = time.perf_counter()
    answer = await of(source, symbols=names)
    print(f"50 real names: {time.perf_counter() - start:.2f} s, text {len(answer.text)}, JSON {len(answer.compact_json)}")
    assert answer.structured["constituent_count"] == 50
    assert max(len(answer.text), len(answer.compact_json)) < 1_200 * 4
    assert len(answer.structured["shocks"]) >= 6


async def test_the_close_replays_as_it_was_known_on_monday(source: ComputedSource) -> None:
    monday = await of(source, basket="semis", at="2026-08-24T08:00", shocks="-3")
    live = await of(source, basket="semis", shocks="-3")
    assert monday.structured["shocks"] == live.structured["shocks"]
    assert monday.structured["mode"] == "replay"
