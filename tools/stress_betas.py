"""How much of a common shock each name takes: the betas of `stress_basket`, and where they are from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import anyio.to_thread

from exposure.snapshot import Notice
from sources.base import DailyCloses
from sources.market import Market
from tools.figures import some_of
from tools.stress_arguments import LARGEST_BETA, AskedBetas

BETAS_NOT_ESTIMATED = "betas_not_estimated"
_RETURNS = 252


class BetaBasis(StrEnum):
    """Where the betas are from."""

    ONE = "one"
    GIVEN = "given"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What betas were estimated from: daily returns against `index` up to the close of `until`."""

    index: str
    returns: int
    until: date


@dataclass(frozen=True, slots=True)
class Betas:
    """A beta for every symbol that has another than the assumed 1; `assumed` are those that were to have one and got 1."""

    basis: BetaBasis
    by_symbol: Mapping[str, float]
    assumed: tuple[str, ...] = ()
    estimate: Estimate | None = None
    notices: tuple[Notice, ...] = ()

    @staticmethod
    def none() -> Betas:
        """Beta 1 for every name."""
        return Betas(BetaBasis.ONE, {})


async def resolved_betas(
    asked: AskedBetas, market: Market, index: str, symbols: Sequence[str], instant: datetime | None
) -> Betas:
    """The betas to use for `symbols`: given, estimated from closes that were known at `instant`, or 1."""
    if asked.estimated:
        closes = await market.daily_closes(tuple(dict.fromkeys((index, *symbols))), instant, _RETURNS + 1)
        return await anyio.to_thread.run_sync(_estimated, closes, index, symbols, abandon_on_cancel=True)
    if not asked.given:
        return Betas.none()
    return Betas(BetaBasis.GIVEN, asked.given, tuple(symbol for symbol in symbols if symbol not in asked.given))


def _estimated(closes: DailyCloses | None, index: str, symbols: Sequence[str]) -> Betas:
    from exposure.betas import LEAST_RETURNS, estimated_betas

    prices = closes.prices if closes else {}
    if closes is None or not prices:
        return _not_estimated("the source has no daily closes")
    if index not in prices or len(closes.days) <= LEAST_RETURNS:
        return _not_estimated(f"the source has too few daily closes of {index}")
    found = estimated_betas({symbol: prices[symbol] for symbol in symbols if symbol in prices}, prices[index])
    usable = {symbol: round(beta, 4) for symbol, beta in found.items() if beta is not None and _is_plausible(beta)}
    if not usable:
        return _not_estimated("no name has enough daily closes that make sense")
    assumed = tuple(symbol for symbol in symbols if symbol not in usable)
    notices = []
    if assumed:
        sentence = f"Beta 1 is assumed for {some_of(assumed)}: too few daily closes, or closes that make no sense."
        notices.append(Notice("beta_assumed", sentence))
    return Betas(BetaBasis.ESTIMATED, usable, assumed, Estimate(index, len(closes.days) - 1, closes.days[-1]), tuple(notices))


def _not_estimated(why: str) -> Betas:
    sentence = f"Betas could not be estimated: {why}. Every beta is 1; betas can be given instead."
    return Betas(BetaBasis.ONE, {}, notices=(Notice(BETAS_NOT_ESTIMATED, sentence),))


def _is_plausible(beta: float) -> bool:
    """A split that closes are not adjusted for makes a beta no market has."""
    return math.isfinite(beta) and abs(beta) <= LARGEST_BETA
