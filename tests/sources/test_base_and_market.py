"""A source made of a chain reader, and the market that chooses between the live and the replay one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from exposure.chain import Chain
from exposure.snapshot import MissingReason, Mode, Notice, Provenance, Snapshot
from sources.background import Progress
from sources.base import ChainSnapshot, SourceStatus
from sources.computed import ComputedSource, measured
from sources.market import Market
from tests.builders import NAN, QUOTE_TIME, a_call, a_chain, a_missing, a_put, a_quoted_pair, an_exposure

pytestmark = pytest.mark.anyio
HERE = Provenance("test", Mode.LIVE, synthetic=False, notices=(Notice("code", "A sentence."),))


class FixedReader:
    """Answers one chain for whatever is asked, and remembers on which thread."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], datetime | None]] = []
        self.threads: list[threading.Thread] = []

    def read(self, symbols: Sequence[str], at: datetime | None) -> ChainSnapshot:
        self.asked.append((tuple(symbols), at))
        self.threads.append(threading.current_thread())
        return ChainSnapshot({"NVDA": a_chain()}, (a_missing("AMD"),), HERE)

    def describe(self) -> SourceStatus:
        self.threads.append(threading.current_thread())
        return SourceStatus("test", Mode.LIVE, False, ("NVDA",), QUOTE_TIME, None, None)


async def test_a_computed_source_reads_measures_and_describes_off_the_event_loop() -> None:
    reader = FixedReader()
    source = ComputedSource(reader)
    snapshot = await source.exposures(("NVDA", "AMD"), QUOTE_TIME)
    assert snapshot == measured(reader.read(("NVDA", "AMD"), QUOTE_TIME))
    assert (await source.chains(("NVDA",), None)).missing == snapshot.missing
    assert (await source.status()).symbols == ("NVDA",)
    assert reader.asked == [(("NVDA", "AMD"), QUOTE_TIME), (("NVDA", "AMD"), QUOTE_TIME), (("NVDA",), None)]
    off_the_loop = [reader.threads[0], reader.threads[2], reader.threads[3]]
    assert threading.main_thread() not in off_the_loop


def test_what_the_reader_said_stays_in_the_measured_answer() -> None:
    snapshot = measured(ChainSnapshot({"NVDA": a_chain()}, (a_missing("AMD"),), HERE))
    assert list(snapshot.exposures) == ["NVDA"]
    assert snapshot.missing == (a_missing("AMD"),)
    assert snapshot.provenance is HERE


MISPLACED = [one for strike in (99.0, 100.0, 101.0) for one in a_quoted_pair(strike, iv=0.3)]


def one_measured(chain: Chain) -> Snapshot:
    return measured(ChainSnapshot({"NVDA": chain}, (), HERE))


@pytest.mark.parametrize(
    ("chain", "reason", "words"),
    [
        (a_chain([]), MissingReason.NO_OPTIONS, "0 contracts"),
        (a_chain([a_call(open_interest=0.0)]), MissingReason.NO_OPTIONS, "1 contracts and none has open interest"),
        (a_chain([a_call(iv=NAN)]), MissingReason.UNUSABLE_CHAIN, "1 no_iv"),
        (a_chain(spot=NAN), MissingReason.UNUSABLE_CHAIN, "2 bad_row"),
        (a_chain([a_call(open_interest=1e200), a_put()]), MissingReason.UNUSABLE_CHAIN, "beyond any market"),
        (a_chain([a_call(multiplier=1e305), a_put()]), MissingReason.UNUSABLE_CHAIN, "beyond any market"),
        (replace(a_chain(), spot=float("inf")), MissingReason.UNUSABLE_CHAIN, "beyond any market"),
        (a_chain([a_call(), a_call(105)]), MissingReason.UNUSABLE_CHAIN, "Only calls of NVDA"),
        (a_chain([a_call(open_interest=0.0), a_put()]), MissingReason.UNUSABLE_CHAIN, "Only puts of NVDA"),
        (a_chain([a_call(), a_put(), a_put(90, open_interest=NAN)]), MissingReason.UNUSABLE_CHAIN, "1 of the 3 rows"),
        (a_chain(MISPLACED, spot=1000.0), MissingReason.UNUSABLE_CHAIN, "does not fit its option quotes"),
    ],
    ids=[
        "no rows",
        "no open interest",
        "no volatility",
        "no spot",
        "much open interest",
        "large multiplier",
        "infinite spot",
        "calls only",
        "puts only",
        "many bad rows",
        "spot of another name",
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_chain_that_gives_no_number_is_missing_with_its_reason(chain: Chain, reason: MissingReason, words: str) -> None:
    snapshot = one_measured(chain)
    assert not snapshot.exposures
    (missing,) = snapshot.missing
    assert missing.reason is reason
    assert words in missing.detail


class FixedSource:
    """A source that answers one exposure with its own name as the source."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def exposures(
        self, symbols: Sequence[str], at: datetime | None, *, legs: bool = False, progress: Progress | None = None
    ) -> Snapshot:
        return Snapshot({"NVDA": an_exposure()}, (), Provenance(self.name, Mode.LIVE, synthetic=False, at=at))

    async def status(self) -> SourceStatus:
        return SourceStatus(self.name, Mode.LIVE, False, None, None, None, None)


async def test_now_is_asked_of_the_live_source_and_the_past_of_the_replay_source() -> None:
    market = Market(FixedSource("live"), FixedSource("replay"))
    assert (await market.snapshot(("NVDA",), None)).provenance.source == "live"
    past = await market.snapshot(("NVDA",), QUOTE_TIME)
    assert (past.provenance.source, past.provenance.at) == ("replay", QUOTE_TIME)
    status = await market.status()
    assert (status.live.source, status.replay.source) == ("live", "replay")


async def test_one_source_serves_both_when_there_is_no_other() -> None:
    market = Market(FixedSource("only"))
    assert (await market.snapshot(("NVDA",), QUOTE_TIME)).provenance.source == "only"
    status = await market.status()
    assert status.live is status.replay
