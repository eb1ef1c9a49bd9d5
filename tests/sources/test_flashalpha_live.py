"""Live baskets from FlashAlpha: what a question costs, what is said beside the numbers, and what is never made up."""

from __future__ import annotations

import json
import math

import anyio
import pytest

from exposure.basket import Basket, aggregate
from exposure.dealer import PublishedNets, SignConvention
from exposure.snapshot import MissingReason, Mode, Snapshot
from sources.base import CallsNeeded, MeteredSource
from sources.flashalpha.aggregate import aggregate_notice
from sources.flashalpha.wire import basket_reply
from sources.universe import SECTOR_FUNDS, Sector, names_in
from tests.sources.flashalpha_upstream import Hands, Upstream, a_source, nets_of, sent, serving, spot_of, wall
from tests.sources.loopback import After, Hang

pytestmark = pytest.mark.anyio

BASKET = "/v1/exposure/basket"


def reasons(answer: Snapshot) -> dict[str, MissingReason]:
    return {one.symbol: one.reason for one in answer.missing}


def said(answer: Snapshot) -> dict[str, str]:
    return {notice.code: notice.message for notice in answer.provenance.notices}


def some_names(count: int) -> list[str]:
    return [f"N{chr(ord('A') + number // 26)}{chr(ord('A') + number % 26)}" for number in range(count)]


async def test_a_basket_is_one_call_and_its_rows_are_taken_as_printed() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["AAPL", "MSFT", "NVDA"], None)
    assert upstream.paths() == [BASKET]
    (request,) = upstream.requests
    assert request.query == {"symbols": "AAPL,MSFT,NVDA"}
    assert list(answer.exposures) == ["AAPL", "MSFT", "NVDA"]
    for symbol, exposure in answer.exposures.items():
        assert exposure.measured == PublishedNets(nets_of(symbol))
        assert exposure.spot == spot_of(symbol)
        assert exposure.quote_time == wall("2026-05-27T13:58:14.930357")
        assert (exposure.oi_date, exposure.at_the_money, exposure.coverage) == (None, None, None)
    assert (answer.missing, answer.provenance.source, answer.provenance.mode) == ((), "flashalpha", Mode.LIVE)
    assert not answer.provenance.synthetic
    units = answer.provenance.units
    assert units is not None
    assert "unverified" in units
    assert len(units) < 200
    assert said(answer)["upstream_calls"] == "The live figures used 1 FlashAlpha call; 2,499 of today's 2,500 are left."
    assert "per 1.00 of volatility" in said(answer)["vendor_units_unverified"]
    assert set(said(answer)) == {"upstream_calls", "vendor_units_unverified"}


async def test_our_weighted_mean_is_that_of_the_test_vector_and_the_vendors_sums_are_named() -> None:
    vector = {
        "weights": (0.4, 0.3, 0.3),
        "net_gex": (920e6, 410e6, 310e6),
        "net_dex": (-120e6, -60e6, -30e6),
        "net_vex": (340e6, 140e6, 100e6),
        "net_chex": (260e6, 90e6, 70e6),
    }
    symbols = ["AAPL", "MSFT", "NVDA"]
    rows = [
        {"symbol": symbol, "weight": vector["weights"][place], "underlying_price": 210.45}
        | {name: vector[name][place] for name in vector if name != "weights"}
        for place, symbol in enumerate(symbols)
    ]
    sample = {
        "as_of": "2026-05-27T15:30:00Z",
        "missing_symbols": [],
        "aggregate": {"net_gex": 1640000000, "net_dex": -210000000, "net_vex": 580000000, "net_chex": 420000000},
        "constituents": rows,
    }
    with serving(Upstream(instead={BASKET: sent(sample)})) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(symbols, None)
            again = await source.exposures(["MSFT"], None)
    assert "plain sum" in said(answer)["vendor_aggregate_differs"]
    assert said(again)["vendor_aggregate_differs"] == said(answer)["vendor_aggregate_differs"]
    ours = aggregate(Basket.of(symbols, vector["weights"]), answer, SignConvention.STREET).net
    assert (ours.gex, ours.dex, ours.vex, ours.chex) == pytest.approx((584e6, -75e6, 208e6, 152e6))


async def test_rounded_equal_weights_are_no_disagreement() -> None:
    rows = [{"symbol": name, "weight": 0.3333, "net_gex": gex} for name, gex in (("AAPL", 9e8), ("MSFT", 3e8), ("NVDA", 3e8))]
    assert aggregate_notice(basket_reply({"aggregate": {"net_gex": 5e8}, "constituents": rows})) is None


@pytest.mark.parametrize(
    ("aggregate_gex", "sentence"),
    [(584e6, None), (1640e6, "plain sum"), (600e6, "aggregate GEX is not the weighted mean"), (None, None), ("584", None)],
)
def test_an_aggregate_is_checked_against_its_own_rows(aggregate_gex: object, sentence: str | None) -> None:
    rows = [
        {"symbol": symbol, "weight": weight, "net_gex": gex}
        for symbol, weight, gex in (("AAPL", 0.4, 920e6), ("MSFT", 0.3, 410e6), ("NVDA", 0.3, 310e6))
    ]
    notice = aggregate_notice(basket_reply({"aggregate": {"net_gex": aggregate_gex}, "constituents": rows}))
    assert (notice is None) == (sentence is None)
    assert notice is None or sentence is None or sentence in notice.message


async def test_fifty_symbols_cost_one_call_and_fifty_one_cost_two() -> None:
    names = some_names(51)
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            assert isinstance(source, MeteredSource)
            assert source.calls_needed(names[:50], None) == CallsNeeded(1, None)
            assert source.calls_needed(names, None) == CallsNeeded(2, None)
            answer = await source.exposures(names, None)
    assert len(answer.exposures) == 51
    assert upstream.paths() == [BASKET, BASKET]
    assert sorted(len(request.query["symbols"].split(",")) for request in upstream.requests) == [1, 50]
    assert said(answer)["upstream_calls"].startswith("The live figures used 2 FlashAlpha calls;")


async def test_eleven_sectors_with_their_funds_cost_at_most_three_calls() -> None:
    distinct = list(dict.fromkeys(name for sector in Sector for name in (*names_in(sector), SECTOR_FUNDS[sector])))
    calls = math.ceil(len(distinct) / 50)
    assert calls <= 3
    with serving(Upstream(limit=None)) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(distinct, None)
    assert (len(answer.exposures), len(upstream.requests)) == (len(distinct), calls)
    assert said(answer)["upstream_calls"] == f"The live figures used {calls} FlashAlpha calls; the plan has no daily limit."
    assert "XLK" in said(answer)["entitlement_unverified"] or "more" in said(answer)["entitlement_unverified"]


async def test_an_index_or_fund_among_the_names_is_named_as_unverified() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["SPX", "XLK", "AAPL"], None)
    assert "covers SPX and XLK (index or ETF)" in said(answer)["entitlement_unverified"]


async def test_a_part_asked_again_within_the_cache_lifetime_costs_nothing() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            await source.exposures(["AAPL", "MSFT", "NVDA"], None)
            assert source.calls_needed(["NVDA", "AAPL"], None) == CallsNeeded(0, 2499)
            answer = await source.exposures(["NVDA", "AAPL"], None)
            more = await source.exposures(["NVDA", "AMD"], None)
    assert list(answer.exposures) == ["NVDA", "AAPL"]
    assert said(answer)["upstream_calls"].startswith("The live figures used 0 FlashAlpha calls;")
    assert set(more.exposures) == {"NVDA", "AMD"}
    assert [request.query["symbols"] for request in upstream.requests] == ["AAPL,MSFT,NVDA", "AMD"]


async def test_without_a_cache_every_question_is_a_call() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream, live_cache_seconds=0.0) as source:
            await source.exposures(["AAPL"], None)
            await source.exposures(["AAPL"], None)
    assert len(upstream.requests) == 2


async def test_two_questions_at_once_share_the_call_even_where_one_asks_for_a_part() -> None:
    contract = Upstream()
    delayed = Upstream(instead={BASKET: lambda request: After(0.2, contract.basket(request.query))})
    answers: list[Snapshot] = []
    with serving(delayed) as upstream:
        async with a_source(upstream) as source:

            async def ask(*symbols: str) -> None:
                answers.append(await source.exposures(symbols, None))

            async with anyio.create_task_group() as group:
                group.start_soon(ask, "AAPL", "MSFT")
                await anyio.sleep(0.05)
                assert source.calls_needed(["MSFT"], None).calls == 0
                group.start_soon(ask, "MSFT")
                group.start_soon(ask, "AAPL", "MSFT")
    assert len(upstream.requests) == 1
    assert sorted(len(answer.exposures) for answer in answers) == [1, 2, 2]


async def test_a_name_that_is_missing_may_be_loading_and_is_unknown_half_a_minute_later() -> None:
    hands = Hands()
    with serving(Upstream(absent={"ZZZZ"})) as upstream:
        async with a_source(upstream, hands, live_cache_seconds=0.0) as source:
            first = await source.exposures(["AAPL", "ZZZZ"], None)
            hands.advance(29)
            second = await source.exposures(["ZZZZ"], None)
            hands.advance(2)
            third = await source.exposures(["AAPL", "ZZZZ"], None)
    assert reasons(first) == reasons(second) == {"ZZZZ": MissingReason.WARMING}
    assert "invalid, illiquid or still loading; ask again in a moment" in first.missing[0].detail
    assert reasons(third) == {"ZZZZ": MissingReason.UNKNOWN_SYMBOL}
    assert list(third.exposures) == ["AAPL"]
    assert len(upstream.requests) == 3


async def test_a_name_that_has_loaded_is_there_and_starts_anew() -> None:
    hands, contract = Hands(), Upstream(absent={"NEWN"})
    with serving(contract) as upstream:
        async with a_source(upstream, hands, live_cache_seconds=0.0) as source:
            assert reasons(await source.exposures(["NEWN"], None)) == {"NEWN": MissingReason.WARMING}
            hands.advance(60)
            contract.absent.clear()
            assert (await source.exposures(["NEWN"], None)).missing == ()
            contract.absent.add("NEWN")
            assert reasons(await source.exposures(["NEWN"], None)) == {"NEWN": MissingReason.WARMING}


async def test_a_missing_name_is_never_asked_for_twice_by_one_question() -> None:
    with serving(Upstream(absent={"ZZZZ"})) as upstream:
        async with a_source(upstream) as source:
            await source.exposures(["AAPL", "ZZZZ"], None)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"net_vex": None}, "no usable VEX"),
        ({"net_gex": "5"}, "no usable GEX"),
        ({"net_dex": True}, "no usable DEX"),
        ({"net_chex": float("nan")}, "no usable CHEX"),
        ({"net_gex": 1e300}, "no usable GEX"),
        ({"net_gex": -1e18}, "beyond any market's size"),
        ({"underlying_price": 0}, "no usable price"),
        ({"underlying_price": -5.0}, "no usable price"),
        ({"underlying_price": None}, "no usable price"),
        (dict.fromkeys(("net_gex", "net_dex", "net_vex", "net_chex"), 0), "exactly zero for all four"),
    ],
)
async def test_a_row_with_a_hole_costs_its_own_symbol_only_and_a_null_is_no_zero(
    change: dict[str, object], sentence: str
) -> None:
    contract = Upstream()
    rows = [contract.row("AAPL", 0.5), {**contract.row("MSFT", 0.5), **change}]
    answer = {"as_of": contract.stamp, "missing_symbols": [], "aggregate": {}, "constituents": rows}
    with serving(Upstream(instead={BASKET: sent(answer)})) as upstream:
        async with a_source(upstream) as source:
            snapshot = await source.exposures(["AAPL", "MSFT"], None)
    assert list(snapshot.exposures) == ["AAPL"]
    assert reasons(snapshot) == {"MSFT": MissingReason.UNUSABLE_CHAIN}
    assert sentence in snapshot.missing[0].detail


async def test_a_name_listed_twice_or_as_missing_as_well_is_not_used() -> None:
    contract = Upstream()
    rows = [contract.row("AAPL"), contract.row("AAPL"), contract.row("MSFT"), contract.row("NVDA")]
    answer = {"as_of": contract.stamp, "missing_symbols": ["MSFT"], "constituents": rows}
    with serving(Upstream(instead={BASKET: sent(answer)})) as upstream:
        async with a_source(upstream) as source:
            snapshot = await source.exposures(["AAPL", "MSFT", "NVDA"], None)
    assert reasons(snapshot) == {"AAPL": MissingReason.UNUSABLE_CHAIN, "MSFT": MissingReason.WARMING}
    assert list(snapshot.exposures) == ["NVDA"]


@pytest.mark.parametrize("stamp", [None, "yesterday", "2031-01-01T00:00:00Z"])
async def test_numbers_that_do_not_say_when_they_are_from_are_not_used(stamp: str | None) -> None:
    contract = Upstream()
    answer = {"as_of": stamp, "missing_symbols": [], "constituents": [contract.row("AAPL")]}
    with serving(Upstream(instead={BASKET: sent(answer)})) as upstream:
        async with a_source(upstream) as source:
            snapshot = await source.exposures(["AAPL"], None)
    assert reasons(snapshot) == {"AAPL": MissingReason.UNUSABLE_CHAIN}


async def test_a_class_share_is_asked_for_with_a_dot_and_found_under_any_spelling() -> None:
    contract = Upstream()
    row = {**contract.row("BRK.B"), "symbol": "brk-b"}
    answer = {"as_of": contract.stamp, "missing_symbols": [], "constituents": [row]}
    with serving(Upstream(instead={BASKET: sent(answer)})) as upstream:
        async with a_source(upstream) as source:
            snapshot = await source.exposures(["BRK.B"], None)
    assert upstream.requests[0].query == {"symbols": "BRK.B"}
    assert list(snapshot.exposures) == ["BRK.B"]


async def test_without_a_key_nothing_is_asked() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream, key=None) as source:
            answer = await source.exposures(["AAPL", "MSFT"], None)
            past = await source.exposures(["AAPL"], wall("2024-06-05T10:00:00"))
            needed = source.calls_needed(["AAPL"], None)
            status = await source.status()
    assert upstream.requests == []
    assert needed == CallsNeeded(0, None)
    assert set(reasons(answer).values()) | set(reasons(past).values()) == {MissingReason.NOT_ENTITLED}
    assert "FLASHALPHA_API_KEY" in answer.missing[0].detail
    assert any("FLASHALPHA_API_KEY" in remark for remark in status.remarks)


async def test_what_the_deadline_cut_off_is_named_and_the_rest_is_answered() -> None:
    names = some_names(60)
    contract = Upstream()
    slow = Upstream(instead={BASKET: lambda asked: Hang() if len(asked.query["symbols"]) < 100 else contract.basket(asked.query)})
    told: list[tuple[int, int]] = []

    async def progress(arrived: int, of: int) -> None:
        told.append((arrived, of))

    with serving(slow) as upstream:
        async with a_source(upstream) as source:
            await source.exposures(["SPY"], wall("2024-06-04T10:00:00"))  # the client's first request costs imports
            with anyio.move_on_after(1.2) as scope:
                answer = await source.exposures(names, None, progress=progress)
            assert not scope.cancelled_caught
    assert set(answer.exposures) == set(names[:50])
    assert reasons(answer) == dict.fromkeys(names[50:], MissingReason.TIMED_OUT)
    assert told == [(50, 60)]


async def test_status_says_quota_reach_and_units_and_nothing_of_the_person() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            status = await source.status()
            again = await source.status()
    assert upstream.paths() == ["/v1/account"]
    assert status == again
    text = json.dumps(status.remarks)
    assert "FlashAlpha plan Growth: 2,499 of today's 2,500 are left" in text
    assert "SPY alone today" in text
    assert "Alpha plan" in text
    assert "unverified" in text
    assert "example.org" not in text
    assert "u-1" not in text
    assert (status.source, status.mode, status.symbols, status.newest_quote) == ("flashalpha", Mode.LIVE, None, None)
    assert status.replay_from == wall("2018-04-16T09:30:00")
    assert status.replay_to == wall("2026-04-02T16:00:00")


async def test_status_does_not_wait_for_a_host_that_is_silent() -> None:
    with serving(Upstream(instead={"/v1/account": Hang()})) as upstream:
        async with a_source(upstream) as source:
            with anyio.fail_after(5.5):
                status = await source.status()
    assert "not known" in status.remarks[0]


async def test_status_knows_the_newest_quote_it_has_seen() -> None:
    with serving(Upstream(limit=None)) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["AAPL"], None)
            status = await source.status()
    assert status.newest_quote == answer.as_of
    assert "no daily limit" in status.remarks[0]
    assert upstream.paths() == [BASKET]
