"""The vendor's own client reads the same upstream and gets the same numbers as our source; and nobody ever sees the key."""

from __future__ import annotations

import gc
import json
import logging
import traceback

import anyio.to_thread
import pytest
from flashalpha import FlashAlpha, NotFoundError, TierRestrictedError

from exposure.dealer import PublishedNets
from exposure.snapshot import MissingReason
from sources.background import SharedWork
from sources.flashalpha.source import FlashAlphaSource
from tests.sources.flashalpha_upstream import KEY, Upstream, a_source, sent, serving, wall
from tests.sources.loopback import Serving

pytestmark = pytest.mark.anyio

NAMES = ["AAPL", "MSFT", "NVDA", "ZZZZ"]
BASKET = "/v1/exposure/basket"


async def test_the_official_client_gets_the_same_basket() -> None:
    with serving(Upstream(absent={"ZZZZ"})) as upstream:
        theirs = await anyio.to_thread.run_sync(FlashAlpha(KEY, base_url=upstream.url).exposure_basket, NAMES)
        async with a_source(upstream) as source:
            ours = await source.exposures(NAMES, None)
    assert {row["symbol"] for row in theirs["constituents"]} == set(ours.exposures)
    for row in theirs["constituents"]:
        exposure = ours.exposures[row["symbol"]]
        assert isinstance(exposure.measured, PublishedNets)
        nets = exposure.measured.nets
        assert (row["net_gex"], row["net_dex"], row["net_vex"], row["net_chex"]) == (nets.gex, nets.dex, nets.vex, nets.chex)
        assert row["underlying_price"] == exposure.spot
    assert theirs["missing_symbols"] == [one.symbol for one in ours.missing] == ["ZZZZ"]
    assert len(upstream.requests) == 2
    assert upstream.requests[0].query == upstream.requests[1].query


async def test_the_official_client_gets_the_same_legs_and_summary() -> None:
    with serving(Upstream()) as upstream:
        client = FlashAlpha(KEY, base_url=upstream.url)
        gamma = await anyio.to_thread.run_sync(client.gex, "SPY")
        summary = await anyio.to_thread.run_sync(client.exposure_summary, "AAPL")
        async with a_source(upstream) as source:
            ours = await source.exposures(["SPY", "AAPL"], None, legs=True)
    measured = ours.exposures["SPY"].measured
    assert isinstance(measured, PublishedNets)
    assert measured.nets.gex == gamma["net_gex"]
    assert measured.gamma is not None
    assert measured.gamma.total.call == pytest.approx(sum(row["call_gex"] for row in gamma["strikes"]), rel=1e-12)
    assert measured.gamma.total.put == pytest.approx(-sum(row["put_gex"] for row in gamma["strikes"]), rel=1e-12)
    others = ours.exposures["AAPL"].measured
    assert isinstance(others, PublishedNets)
    assert {"net_gex": others.nets.gex, "net_dex": others.nets.dex, "net_vex": others.nets.vex, "net_chex": others.nets.chex} == (
        summary["exposures"]
    )


async def test_the_official_client_and_our_source_are_refused_alike() -> None:
    tier = sent({"error": "tier_restricted", "message": "m", "current_plan": "Basic", "required_plan": "Growth"}, 403)
    contract = Upstream(absent={"ZZZZ"}, instead={BASKET: tier})
    with serving(contract) as upstream:
        client = FlashAlpha(KEY, base_url=upstream.url)
        with pytest.raises(TierRestrictedError) as raised:
            await anyio.to_thread.run_sync(client.exposure_basket, ["AAPL"])
        async with a_source(upstream, live_cache_seconds=0.0) as source:
            refused = await source.exposures(["AAPL"], None)
            contract.instead.clear()
            with pytest.raises(NotFoundError):
                await anyio.to_thread.run_sync(client.exposure_basket, ["ZZZZ"])
            absent = await source.exposures(["ZZZZ"], None)
    assert raised.value.required_plan in refused.missing[0].detail
    assert refused.missing[0].reason is MissingReason.NOT_ENTITLED
    assert absent.missing[0].reason is MissingReason.WARMING


def _echo(status: int) -> Serving:
    """An upstream that puts the key wherever it can."""
    fields = (
        "error",
        "message",
        "detail",
        "title",
        "current_plan",
        "required_plan",
        "reset_at",
        "as_of",
        "index",
        "plan",
        "symbol",
    )
    return sent(dict.fromkeys(fields, KEY), status, {"X-RateLimit-Remaining": KEY, "X-RateLimit-Limit": KEY})


async def test_the_key_is_in_no_answer_status_representation_cache_key_or_log(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []
    sources: list[FlashAlphaSource] = []
    with caplog.at_level(logging.DEBUG):
        for status in (200, 400, 401, 403, 404, 418, 429, 500):
            contract = Upstream(limit=None)
            for path in (BASKET, "/v1/exposure/summary/SPY", "/v1/exposure/gex/SPY", "/v1/dispersion", "/v1/account"):
                contract.instead[path] = _echo(status)
            with serving(contract) as upstream:
                async with a_source(upstream) as source:
                    sources.append(source)
                    seen.append(repr(await source.exposures(["SPY"], None, legs=True)))
                    seen.append(repr(await source.exposures(["SPY"], wall("2024-06-05T10:00:00"), legs=True)))
                    seen.append(repr(await source.dispersion("SPX", {"AAPL": 1.0, "MSFT": 1.0}, 20)))
                    seen.append(repr(await source.status()))
                    seen.append(repr(source))
                    seen.append(str(source.calls_needed(["SPY"], None)))
                assert all(request.headers["x-api-key"] == KEY for request in upstream.requests)
                assert all(KEY not in json.dumps([request.path, *request.query.values()]) for request in upstream.requests)
        with serving(Upstream()) as upstream:
            async with a_source(upstream) as source:
                seen.append(repr(await source.exposures(["SPY", "AAPL"], None, legs=True)))
                seen.append(repr(await source.exposures(["SPY"], wall("2024-06-05T10:00:00"))))
                works = [one for one in gc.get_objects() if isinstance(one, SharedWork)]
                seen.append(repr([(vars(one).get("_kept"), vars(one).get("_running")) for one in works]))
    assert works
    assert [text for text in seen if KEY in text] == []
    # The transport below our own logs the headers a host sends, and this one sends the key back in two of them.
    ours = [one.getMessage() for one in caplog.records if "receive_response_headers.complete" not in one.getMessage()]
    assert ours
    assert all(KEY not in message for message in ours)


async def test_the_key_is_in_no_traceback() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            pass
        with pytest.raises(BaseException) as raised:  # noqa: PT011 - the background is closed, so the load cannot start
            await source.exposures(["AAPL"], None)
    assert KEY not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("key", ["with\nnewline", "wörter", "tab\tinside"])
async def test_a_key_that_cannot_be_sent_is_refused_in_a_sentence_without_it(key: str) -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream, key=key) as source:
            answer = await source.exposures(["AAPL"], None)
    assert upstream.requests == []
    assert answer.missing[0].reason is MissingReason.NOT_ENTITLED
    assert key not in answer.missing[0].detail
