"""Legs of gamma from FlashAlpha's single-symbol calls: they add up to the printed net, or they are not used."""

from __future__ import annotations

import pytest

from exposure.dealer import PublishedNets
from exposure.snapshot import Snapshot
from tests.sources.flashalpha_upstream import STAMP, Upstream, a_source, gamma_table, nets_of, sent, serving
from tests.sources.loopback import Serving

pytestmark = pytest.mark.anyio


def said(answer: Snapshot) -> dict[str, str]:
    return {notice.code: notice.message for notice in answer.provenance.notices}


async def test_legs_come_from_the_single_symbol_calls_and_their_net_is_the_printed_one() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            assert source.calls_needed(["AAPL", "MSFT"], None, legs=True).calls == 5
            answer = await source.exposures(["AAPL", "MSFT"], None, legs=True)
            assert source.calls_needed(["AAPL", "MSFT"], None, legs=True).calls == 0
    assert len(upstream.requests) == 5
    assert said(answer)["upstream_calls"] == "The live figures used 5 FlashAlpha calls; 2,495 of today's 2,500 are left."
    assert "vendor_nets_differ" not in said(answer)
    for symbol, exposure in answer.exposures.items():
        gamma = exposure.gamma()
        assert gamma is not None
        net = nets_of(symbol).gex
        assert gamma.total.call - gamma.total.put == pytest.approx(net)
        assert gamma.same_day.call == pytest.approx(0.1 * gamma.total.call)
        assert gamma.same_day.put == pytest.approx(0.1 * gamma.total.put)
        assert min(gamma.total.call, gamma.total.put) > 0.0
    queries = [dict(request.query) for request in upstream.requests if "gex/AAPL" in request.path]
    assert queries == [{}, {"expiration": "2026-05-27"}]


@pytest.mark.real_data
async def test_the_recorded_strikes_give_the_legs_of_spy() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["SPY"], None, legs=True)
    measured = answer.exposures["SPY"].measured
    assert isinstance(measured, PublishedNets)
    assert measured.nets.gex == 5080761699.612014
    assert measured.gamma is not None
    assert measured.gamma.total.call - measured.gamma.total.put == pytest.approx(5080761699.612014, rel=1e-12)


@pytest.mark.parametrize(("other", "said_so"), [(1.0, False), (1.01, False), (-1.0, True)])
async def test_a_net_that_is_another_with_strikes_than_without_is_said(other: float, said_so: bool) -> None:
    net = nets_of("AAPL").gex
    strike = {"strike": 100, "call_gex": 2 * abs(net) + net * other, "put_gex": -2 * abs(net), "call_oi": 1, "put_oi": 1}
    table = {**gamma_table("AAPL", STAMP), "net_gex": net * other, "strikes": [strike]}
    with serving(Upstream(instead={"/v1/exposure/gex/AAPL": sent(table)})) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["AAPL"], None, legs=True)
    measured = answer.exposures["AAPL"].measured
    assert isinstance(measured, PublishedNets)
    assert measured.nets.gex == pytest.approx(net * other)
    assert ("vendor_nets_differ" in said(answer)) == said_so


def _table(**change: object) -> dict[str, object]:
    strike = {"strike": 100, "call_gex": 9.0, "put_gex": -4.0, "net_gex": 5.0, "call_oi": 1, "put_oi": 1}
    return {"symbol": "AAPL", "as_of": "2026-05-27T17:58:14Z", "net_gex": 5.0, "strikes": [{**strike, **change}]}


@pytest.mark.parametrize(
    ("whole", "same_day", "sentence"),
    [
        (_table(put_gex=4.0), _table(), "wrong sign"),
        (_table(call_gex=90.0), _table(), "do not add up"),
        (_table(call_gex=None), _table(), "open interest and no gamma"),
        (_table(), _table(call_gex=0, put_gex=None), "no gamma at any"),
        ({**_table(), "as_of": None}, _table(), "does not say when"),
        ({**_table(), "net_gex": None}, _table(), "do not add up"),
    ],
)
async def test_legs_that_do_not_add_up_are_not_used_and_the_nets_stay(
    whole: dict[str, object], same_day: dict[str, object], sentence: str
) -> None:
    route = {"/v1/exposure/gex/AAPL": lambda request: sent(same_day if "expiration" in request.query else whole)}
    with serving(Upstream(instead={**route})) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["AAPL"], None, legs=True)
    assert answer.exposures["AAPL"].measured == PublishedNets(nets_of("AAPL"))
    assert "AAPL" in said(answer)["legs_unavailable"]
    assert sentence in said(answer)["legs_unavailable"]


@pytest.mark.parametrize("none", [sent({"error": "no_data"}, 404), sent({**_table(), "strikes": []})])
async def test_no_contract_that_expires_today_is_no_gap(none: Serving) -> None:
    route = {"/v1/exposure/gex/AAPL": lambda request: none if "expiration" in request.query else sent(_table())}
    with serving(Upstream(instead={**route})) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["AAPL"], None, legs=True)
    gamma = answer.exposures["AAPL"].gamma()
    assert gamma is not None
    assert (gamma.total.call, gamma.total.put, gamma.same_day.gross) == (9.0, 4.0, 0.0)


async def test_a_leg_call_that_fails_leaves_the_row_with_its_nets_and_is_named() -> None:
    refused = sent({"error": "tier_restricted", "current_plan": "Basic", "required_plan": "Growth"}, 403)
    with serving(Upstream(instead={"/v1/exposure/gex/AAPL": refused})) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["AAPL", "MSFT"], None, legs=True)
    assert answer.exposures["AAPL"].gamma() is None
    assert answer.exposures["MSFT"].gamma() is not None
    assert "for AAPL: This needs the FlashAlpha plan Growth" in said(answer)["legs_unavailable"]
