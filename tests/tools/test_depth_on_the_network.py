"""symbol_exposure and stress_basket when the whole server stands before Cboe or FlashAlpha."""

from __future__ import annotations

import pytest

from tests.builders import a_call, a_put
from tests.sources.cboe_upstream import UNKNOWN_TO_CBOE, a_file
from tests.sources.cboe_upstream import serving as cboe_serving
from tests.sources.flashalpha_upstream import Upstream, nets_of, serving
from tests.sources.loopback import Hang, Loopback, Serving
from tests.tools.desk import Era, Reply
from tests.tools.figures_in_text import unsupported
from tests.tools.network_desk import a_cboe_desk, a_flashalpha_desk
from tests.tools.symbol_desk import NAMED

pytestmark = pytest.mark.anyio
MINUTE = "2026-03-05T15:30"


def codes(answer: Reply) -> list[str]:
    assert unsupported(answer.text, answer.structured, [*NAMED, 3.0]) == []
    return [one["code"] for one in answer.structured["warnings"]]


def flipping(symbol: str) -> Serving:
    """A file whose gamma is negative below 100 and positive above it."""
    return Serving(a_file(symbol, [a_put(95.0, open_interest=3_000.0), a_call(105.0, open_interest=3_000.0)]))


async def test_delayed_chains_are_looked_into_with_one_request_a_name(era: Era) -> None:
    with Loopback(
        cboe_serving(["NVDA", "AMD", "NONE"], NVDA=flipping("NVDA"), AMD=flipping("AMD"), NONE=UNKNOWN_TO_CBOE)
    ) as host:
        async with a_cboe_desk(host, era) as desk:
            name = await desk.answer("symbol_exposure", symbol="NVDA")
            basket = await desk.answer("stress_basket", symbols="NVDA,AMD,NONE", shocks="-3")
            refusal = await desk.refusal("symbol_exposure", symbol="NONE")
            past = await desk.refusal("stress_basket", symbols="NVDA", at="2020-01-02")
    assert sorted(host.paths()) == ["/AMD.json", "/NONE.json", "/NVDA.json"]
    assert codes(name)[0] == "flat_forward"
    assert (name.structured["source"], name.structured["mode"]) == ("cboe", "delayed")
    assert name.structured["flip_status"] == "found"
    assert codes(basket)[0] == "partial_basket"
    (row,) = [one for one in basket.structured["names"] if one["symbol"] == "NVDA"]
    assert row["flip_price"] == pytest.approx(name.structured["gamma_flip"], abs=1e-4)
    assert basket.structured["flip"]["shock_pct"] == pytest.approx(100 * (row["flip_price"] / 100 - 1), abs=1e-3)
    assert basket.structured["repriced"]["contracts"] == 4
    assert "unknown_symbol" in refusal
    assert "no_data_at" in past


async def test_a_name_that_hangs_is_told_by_both_within_the_deadline(era: Era) -> None:
    with Loopback(cboe_serving(["NVDA", "AMD"], NVDA=flipping("NVDA"), AMD=Hang())) as host:
        async with a_cboe_desk(host, era, tool_timeout_seconds="2") as desk:
            basket = await desk.answer("stress_basket", symbols="NVDA,AMD", shocks="-3")
            refusal = await desk.refusal("symbol_exposure", symbol="AMD")
    assert [(one["symbol"], one["reason"]) for one in basket.structured["missing"]] == [("AMD", "warming")]
    assert basket.structured["weight_coverage"] == 0.5
    assert "AMD: warming" in refusal


@pytest.mark.parametrize("at", [None, MINUTE])
async def test_published_nets_are_shown_with_the_legs_there_are_and_nothing_is_invented(at: str | None, era: Era) -> None:
    with serving(Upstream()) as host:
        async with a_flashalpha_desk(host, era) as desk:
            name = await desk.answer("symbol_exposure", symbol="SPY", at=at)
            basket = await desk.answer("stress_basket", symbols="SPY", at=at, betas="estimated", shocks="-3")
    assert codes(name)[:2] == ["nets_only", "vendor_units_unverified"]
    found = name.structured
    assert found["legs"]["gex_call"] - found["legs"]["gex_put"] == found["nets"]["net_gex"]
    assert found["legs"]["dex_call"] is None
    for field in ("levels", "expiries", "coverage", "curve", "gamma_flip", "atm_iv"):
        assert found[field] is None, field
    assert "source_publishes_nets_only" in codes(basket)
    for field in ("flip", "flip_sum", "repriced", "shocks", "names"):
        assert basket.structured[field] is None, field
    assert basket.structured["now"]["net_gex"] == pytest.approx(nets_of("SPY").gex)
    # The recorded strikes of SPY add up to another net than the basket's row of it, and the answer that uses them says so.
    assert ("vendor_nets_differ" in codes(name)) == (found["nets"]["net_gex"] != basket.structured["now"]["net_gex"])
