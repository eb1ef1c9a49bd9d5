"""Cboe's delayed chains: what is asked for, what is kept, and what an answer says of its age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import anyio
import pytest

from exposure.dealer import Greek
from exposure.sessions import last_session
from exposure.snapshot import MissingReason, Mode, Snapshot
from server.settings import Settings
from sources.base import ChainSource
from sources.cboe.source import CboeSource
from sources.cboe.stems import path_of
from sources.cboe.turns import Turns
from sources.market import Market
from tests import real_data
from tests.builders import a_call, a_chain, a_put
from tests.sources.cboe_upstream import PRESENT, UNKNOWN_TO_CBOE, USER_AGENT, Hands, a_file, a_source, serving, some_names, wall
from tests.sources.loopback import Hang, Loopback, Serving, Status

pytestmark = pytest.mark.anyio

RECORDED = real_data.FOLDER / "cboe" / "rut_quotedata_2023-09-20.json"


async def ask(source: CboeSource, *symbols: str, within: float = 10.0) -> Snapshot:
    """The answer, which has to come before the deadline that the source is told."""
    with anyio.move_on_after(within):
        return await source.exposures(symbols, None)
    raise AssertionError("the source let its deadline pass")


def reasons(answer: Snapshot) -> dict[str, MissingReason]:
    return {one.symbol: one.reason for one in answer.missing}


def test_the_address_and_the_file_names() -> None:
    assert Settings.model_fields["cboe_url"].default == "https://cdn.cboe.com/api/global/delayed_quotes/options"
    assert [path_of(symbol) for symbol in ("NVDA", "SPX", "BRK.B")] == ["/NVDA.json", "/_SPX.json", "/BRK.B.json"]
    assert path_of("../secrets") is None


async def test_every_symbol_is_one_request_with_an_honest_name() -> None:
    with Loopback(serving(["NVDA", "SPX"])) as upstream:
        async with a_source(upstream) as source:
            answer = await ask(source, "NVDA", "SPX")
    assert sorted(upstream.paths()) == ["/NVDA.json", "/_SPX.json"]
    assert {request.headers["user-agent"] for request in upstream.requests} == {USER_AGENT}
    assert list(answer.exposures) == ["NVDA", "SPX"]
    assert (answer.missing, answer.provenance.source, answer.provenance.mode) == ((), "cboe", Mode.DELAYED)
    assert not answer.provenance.synthetic


async def test_a_chain_is_valued_when_its_quotes_are_from_not_when_it_was_asked_for() -> None:
    with Loopback(serving(["NVDA"])) as upstream:
        async with a_source(upstream, Hands(PRESENT + timedelta(minutes=40))) as source:
            answer = await ask(source, "NVDA")
    quoted = PRESENT - timedelta(minutes=15)
    assert answer.as_of == quoted
    expected = a_chain((a_call(), a_put()), quote_time=quoted)
    assert answer.exposures["NVDA"].spot == expected.spot


async def test_chains_are_those_the_exposures_come_from() -> None:
    with Loopback(serving(["NVDA", "AMD"], AMD=UNKNOWN_TO_CBOE)) as upstream:
        async with a_source(upstream) as source:
            answer = await source.chains(["NVDA", "AMD"], None)
            again: ChainSource = source
            await again.exposures(["NVDA", "AMD"], None, legs=True)
    assert len(answer.chains["NVDA"]) == 2
    assert [one.symbol for one in answer.missing] == ["AMD"]
    assert len(upstream.requests) == 2


async def test_a_class_share_answers_under_its_own_spelling() -> None:
    with Loopback({"/BRK.B.json": Serving(a_file("BRK.B", stem="BRKB"))}) as upstream:
        async with a_source(upstream) as source:
            answer = await ask(source, "BRK.B")
    assert answer.exposures["BRK.B"].symbol == "BRK.B"
    assert answer.exposures["BRK.B"].legs(Greek.GEX) is not None


async def test_without_accepted_terms_nothing_is_requested_and_the_reason_is_told() -> None:
    with Loopback(serving(["NVDA"])) as upstream:
        async with a_source(upstream, terms_accepted=False) as source:
            answer = await ask(source, "NVDA", "AMD")
            chains = await source.chains(["NVDA"], None)
            status = await source.status()
    assert upstream.requests == []
    assert set(reasons(answer).values()) == {MissingReason.NOT_ENTITLED}
    for sentence in (answer.missing[0].detail, chains.missing[0].detail, " ".join(status.remarks)):
        assert "DEALER_EXPOSURE_CBOE_ACCEPT_TERMS=true" in sentence
        assert "forbids automatic extraction" in sentence
        assert "source `files`" in sentence


async def test_the_past_is_not_to_be_had() -> None:
    with Loopback(serving(["NVDA"])) as upstream:
        async with a_source(upstream) as source:
            answer = await source.exposures(["NVDA"], PRESENT - timedelta(days=1))
    assert upstream.requests == []
    assert reasons(answer) == {"NVDA": MissingReason.NO_DATA_AT}
    assert "DEALER_EXPOSURE_REPLAY=archive" in answer.missing[0].detail
    assert (answer.provenance.mode, answer.provenance.at) == (Mode.REPLAY, PRESENT - timedelta(days=1))


async def test_a_file_of_another_symbol_does_not_answer() -> None:
    with Loopback({"/NVDA.json": Serving(a_file("AMD"))}) as upstream:
        async with a_source(upstream) as source:
            answer = await ask(source, "NVDA")
    assert reasons(answer) == {"NVDA": MissingReason.UNUSABLE_CHAIN}
    assert "another symbol" in answer.missing[0].detail


async def test_a_chain_that_must_not_be_answered_from_is_told_once_and_kept() -> None:
    with Loopback({"/NVDA.json": Serving(a_file(contracts=[a_call(), a_call(110)]))}) as upstream:
        async with a_source(upstream) as source:
            answers = [await ask(source, "NVDA") for _ in range(2)]
            chains = await source.chains(["NVDA"], None)
    assert [reasons(answer) for answer in answers] == [{"NVDA": MissingReason.UNUSABLE_CHAIN}] * 2
    assert (chains.chains, len(chains.missing)) == ({}, 1)
    assert len(upstream.requests) == 1


# What is kept, and for how long.


async def test_a_file_is_asked_for_again_after_a_minute_and_an_unknown_symbol_after_an_hour() -> None:
    hands = Hands()
    with Loopback(serving(["NVDA", "NOPE"], NOPE=UNKNOWN_TO_CBOE)) as upstream:
        async with a_source(upstream, hands) as source:
            counts = []
            for seconds in (0, 59, 2, 3500, 100):
                hands.move(seconds)
                await ask(source, "NVDA", "NOPE")
                counts.append((upstream.paths().count("/NVDA.json"), upstream.paths().count("/NOPE.json")))
    assert counts == [(1, 1), (1, 1), (2, 1), (3, 1), (4, 2)]


async def test_a_failure_is_not_kept() -> None:
    with Loopback({"/NVDA.json": [Status(503), Serving(a_file())]}) as upstream:
        async with a_source(upstream) as source:
            first, second = await ask(source, "NVDA"), await ask(source, "NVDA")
    assert reasons(first) == {"NVDA": MissingReason.FETCH_FAILED}
    assert list(second.exposures) == ["NVDA"]


async def test_an_older_file_answers_while_the_newer_one_does_not_come_and_says_so() -> None:
    hands = Hands()
    with Loopback({"/NVDA.json": [Serving(a_file()), Status(500), Hang()]}) as upstream:
        async with a_source(upstream, hands) as source:
            await ask(source, "NVDA")
            hands.move(100)
            failed = await ask(source, "NVDA")
            slow = await ask(source, "NVDA", within=0.4)
            hands.move(900)
            late = await ask(source, "NVDA", within=0.4)
    for answer in (failed, slow):
        assert list(answer.exposures) == ["NVDA"]
        assert [notice.code for notice in answer.provenance.notices] == ["older_files"]
        assert "NVDA answer from files fetched up to 2 minutes ago" in answer.provenance.notices[0].message
    assert list(late.exposures) == []


async def test_a_newer_file_replaces_the_older_one() -> None:
    hands = Hands()
    newer = a_file(spot=101.0, published=PRESENT + timedelta(minutes=2))
    with Loopback({"/NVDA.json": [Serving(a_file()), Serving(newer)]}) as upstream:
        async with a_source(upstream, hands) as source:
            before = await ask(source, "NVDA")
            hands.move(61)
            after = await ask(source, "NVDA")
    assert (before.exposures["NVDA"].spot, after.exposures["NVDA"].spot) == (100.0, 101.0)
    assert after.provenance.notices == ()


async def test_the_status_asks_nobody_and_knows_what_is_warm() -> None:
    hands = Hands()
    with Loopback(serving(["NVDA", "AMD"])) as upstream:
        async with a_source(upstream, hands, seconds_apart=0.01) as source:
            cold = await source.status()
            await ask(source, "NVDA", "AMD")
            warm = await source.status()
            hands.move(120)
            later = await source.status()
    assert len(upstream.requests) == 2
    assert (cold.newest_quote, warm.newest_quote) == (None, PRESENT - timedelta(minutes=15))
    assert (cold.symbols, cold.replay_from, cold.source, cold.mode) == (None, None, "cboe", Mode.DELAYED)
    assert [status.remarks[-1].split()[0] for status in (cold, warm, later)] == ["0", "2", "0"]
    assert "15 minutes" in cold.remarks[0]
    assert "0.01 seconds" in cold.remarks[1]


# A question with a deadline, and what goes on after it.


async def test_what_does_not_come_in_time_is_warming_and_there_for_the_next_question() -> None:
    names = some_names(10)
    with Loopback(serving(names)) as upstream:
        async with a_source(upstream, seconds_apart=0.2) as source:
            first = await ask(source, *names, within=1.2)
            late = [one for one in first.missing if one.reason is MissingReason.WARMING]
            await anyio.sleep(2.0)
            second = await ask(source, *names, within=1.0)
    assert 0 < len(first.exposures) < 10
    assert len(first.exposures) + len(late) == 10
    assert "ask again in" in late[0].detail
    assert list(second.exposures) == names
    assert sorted(upstream.paths()) == sorted(f"/{name}.json" for name in names)


async def test_a_warm_name_is_not_waited_for_while_others_are_slow() -> None:
    with Loopback(serving(["NVDA", "AMD"], AMD=Hang())) as upstream:
        async with a_source(upstream) as source:
            await ask(source, "NVDA")
            began = anyio.current_time()
            await ask(source, "NVDA")
            took = anyio.current_time() - began
            both = await ask(source, "NVDA", "AMD", within=0.4)
    assert took < 1.0
    assert list(both.exposures) == ["NVDA"]
    assert reasons(both) == {"AMD": MissingReason.WARMING}


async def test_two_questions_at_once_share_one_request_a_symbol() -> None:
    names = ["NVDA", "AMD", "TSM"]
    answers = []
    with Loopback(serving(names)) as upstream:
        async with a_source(upstream, seconds_apart=0.05) as source:

            async def one(order: list[str]) -> None:
                answers.append(await ask(source, *order))

            async with anyio.create_task_group() as group:
                group.start_soon(one, names)
                group.start_soon(one, names[::-1])
    assert [sorted(answer.exposures) for answer in answers] == [sorted(names)] * 2
    assert len(upstream.requests) == 3


async def test_a_new_question_goes_before_a_scan_that_is_being_fetched_on() -> None:
    names = some_names(30)
    with Loopback(serving([*names, "NVDA"])) as upstream:
        async with a_source(upstream, seconds_apart=0.1, at_once=2) as source:
            await ask(source, *names, within=0.5)
            answer = await ask(source, "NVDA", within=2.0)
            assert list(answer.exposures) == ["NVDA"]
            assert len(upstream.requests) < 20


async def test_progress_counts_what_is_known_already() -> None:
    told = []

    async def progress(done: int, total: int) -> None:
        told.append((done, total))

    with Loopback(serving(["NVDA", "AMD", "TSM"])) as upstream:
        async with a_source(upstream) as source:
            await ask(source, "NVDA")
            await source.exposures(["NVDA", "AMD", "TSM"], None, progress=progress)
            await source.exposures(["NVDA", "AMD", "TSM"], None, progress=progress)
    assert told[-2:] == [(3, 3), (3, 3)]
    assert all(done >= 1 and total == 3 for done, total in told)


async def test_a_failure_nobody_waited_for_is_told_instead_of_warming_for_ever() -> None:
    with Loopback({"/NVDA.json": Hang()}) as upstream:
        async with a_source(upstream, total_seconds=0.6, read_seconds=0.6) as source:
            first = await ask(source, "NVDA", within=0.3)
            await anyio.sleep(0.8)
            second = await ask(source, "NVDA", within=0.3)
    assert reasons(first) == {"NVDA": MissingReason.WARMING}
    assert reasons(second) == {"NVDA": MissingReason.TIMED_OUT}
    assert "tried again in the background" in second.missing[0].detail


async def test_turns_go_to_the_newest_question_and_survive_who_gives_up() -> None:
    turns, order = Turns(1), []

    async def take(symbol: str) -> None:
        async with turns.turn(symbol):
            order.append(symbol)
            await anyio.sleep(0.01)

    async with anyio.create_task_group() as group:
        turns.ask(["A", "B", "C", "D"])
        for symbol in "ABCD":
            group.start_soon(take, symbol)
        await anyio.sleep(0)
        assert turns.requests_until(["D"]) == 4
        assert turns.requests_until([]) == 1
        turns.ask(["D"])
        assert turns.requests_until(["D"]) == 2
        with anyio.move_on_after(0):
            await take("E")
    assert order == ["A", "D", "B", "C"]
    await take("F")
    assert turns.requests_until(["F"]) == 0


# Which session a file is from.

FRIDAY_CLOSE = wall(2024, 6, 7, 16)


@pytest.mark.parametrize(
    ("present", "last_trade", "fresh"),
    [
        pytest.param(wall(2024, 6, 8, 12), FRIDAY_CLOSE, True, id="Saturday, Friday's close"),
        pytest.param(wall(2024, 6, 10, 9), FRIDAY_CLOSE, True, id="Monday before the open, Friday's close"),
        pytest.param(wall(2024, 6, 10, 9, 59), FRIDAY_CLOSE, True, id="Monday, the first delayed quotes are on their way"),
        pytest.param(wall(2024, 6, 10, 10, 1), FRIDAY_CLOSE, False, id="Monday, half an hour of trading is missing"),
        pytest.param(wall(2024, 6, 10, 10, 1), wall(2024, 6, 10, 9, 45), True, id="Monday, this morning's trade"),
        pytest.param(wall(2024, 6, 8, 12), wall(2024, 6, 6, 16), False, id="Saturday, Thursday's close"),
        pytest.param(wall(2024, 6, 19, 12), wall(2024, 6, 18, 16), True, id="a holiday, the close before it"),
        pytest.param(wall(2024, 6, 19, 12), wall(2024, 6, 17, 16), False, id="a holiday, two closes before it"),
        pytest.param(wall(2024, 7, 3, 18), wall(2024, 7, 3, 13), True, id="a half day, its early close"),
        pytest.param(wall(2024, 7, 3, 18), wall(2024, 7, 2, 16), False, id="a half day, the close before it"),
        pytest.param(wall(2024, 6, 6, 12), wall(2024, 6, 4, 16, 14), False, id="44 hours old"),
        pytest.param(wall(2031, 2, 3, 12), wall(2024, 6, 4, 16), False, id="a present that the calendar does not cover"),
    ],
)
async def test_a_file_of_an_earlier_session_is_stale(present: datetime, last_trade: datetime, fresh: bool) -> None:
    published = min(present, wall(2024, 7, 3, 23))
    expiring = [a_call(expiry=wall(2024, 12, 20, 12).date()), a_put(expiry=wall(2024, 12, 20, 12).date())]
    with Loopback({"/NVDA.json": Serving(a_file(contracts=expiring, published=published, last_trade=last_trade))}) as upstream:
        async with a_source(upstream, Hands(present)) as source:
            answer = await ask(source, "NVDA")
    if fresh:
        assert answer.missing == ()
        assert answer.as_of == min(last_session(last_trade).close, present - timedelta(minutes=15))
    else:
        assert reasons(answer) == {"NVDA": MissingReason.STALE}
        assert f"{last_trade.date()}" in answer.missing[0].detail


async def test_a_placeholder_for_the_last_trade_leaves_it_to_the_stamp() -> None:
    never = datetime(1970, 1, 1, 5, tzinfo=UTC)
    files = {"/NVDA.json": Serving(a_file(last_trade=never)), "/AMD.json": Serving(a_file("AMD", last_trade=never))}
    with Loopback(files) as upstream:
        async with a_source(upstream) as today, a_source(upstream, Hands(PRESENT + timedelta(days=1))) as tomorrow:
            assert list((await ask(today, "NVDA")).exposures) == ["NVDA"]
            assert reasons(await ask(tomorrow, "AMD")) == {"AMD": MissingReason.STALE}


async def test_a_stale_file_names_both_sessions() -> None:
    file = a_file(published=PRESENT, last_trade=wall(2024, 6, 3, 16))
    with Loopback({"/NVDA.json": Serving(file)}) as upstream:
        async with a_source(upstream) as source:
            answer = await ask(source, "NVDA")
            chains = await source.chains(["NVDA"], None)
    sentence = "Cboe's newest file of NVDA is from the session of 2024-06-03; it should be that of 2024-06-05."
    assert answer.missing[0].detail == sentence
    assert chains.chains == {}


@pytest.mark.real_data
async def test_recorded_bytes_answer_through_the_market() -> None:
    present = datetime(2023, 9, 21, 3, 30, tzinfo=UTC)
    with Loopback({"/_RUT.json": Serving(RECORDED.read_bytes(), compressed=True)}) as upstream:
        async with a_source(upstream, Hands(present)) as source:
            answer = await Market(source).snapshot(["RUT"], None)
    exposure = answer.exposures["RUT"]
    assert exposure.coverage is not None
    assert exposure.coverage.listed == 6680
    assert exposure.coverage.seen == 2821
    assert exposure.quote_time == wall(2023, 9, 20, 16)
    assert exposure.spot == 1806.1193
    assert answer.missing == ()
