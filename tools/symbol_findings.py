"""What one chain says beside its four exposures: levels, expiries, the curve it was valued on, and its strikes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from mcp.server.mcpserver.exceptions import ToolError

from exposure.dealer import AtTheMoneyCurve, ForwardBasis, SignConvention
from exposure.sessions import EASTERN
from tools.arguments import SmileName
from tools.figures import counted
from tools.symbol_arguments import StrikeRange

if TYPE_CHECKING:
    # numpy is imported by the functions that need it: this module is imported at start-up.
    from exposure.chain import Chain
    from exposure.expiries import BucketExposure, ExpiryExposure, RollOff
    from exposure.levels import Levels, StrikeExposure

ROLL_OFFS = 3
_EXPIRIES_IN_A_SENTENCE = 3


@dataclass(frozen=True, slots=True)
class Question:
    """How one name is looked at: the dealer sign, the smile when spot moves, and what the strike table is narrowed to."""

    convention: SignConvention
    smile: SmileName = "sticky_strike"
    strikes: StrikeRange | None = None
    expiry: date | None = None
    full: bool = False


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What contracts of one expiry instant were valued with; forward in dollars, rate a year, volatility a fraction."""

    expiry: date
    at_the_open: bool
    days: float
    forward: float
    rate: float
    basis: ForwardBasis
    atm_iv: float | None


@dataclass(frozen=True, slots=True)
class ChainFindings:
    """Everything about one chain that an answer may show."""

    levels: Levels
    expiries: tuple[ExpiryExposure, ...]
    buckets: tuple[BucketExposure, ...]
    roll_offs: tuple[RollOff, ...]
    curve: tuple[CurvePoint, ...]
    forward_basis: ForwardBasis
    rate_basis: ForwardBasis
    strikes: tuple[StrikeExposure, ...] | None
    """Those asked for, ascending; None where no table was asked for."""


def findings_of(chain: Chain, at_the_money: AtTheMoneyCurve | None, question: Question) -> ChainFindings:
    """Look at a usable chain; takes tens of milliseconds of one core.

    Raises ToolError with a sentence when it has nothing of the expiry or the strikes asked for.
    """
    from exposure.expiries import by_bucket, by_expiry, roll_offs
    from exposure.holdings import SmileRule
    from exposure.levels import levels_of

    smile = SmileRule(question.smile)
    expiries = by_expiry(chain, question.convention)
    _refuse_unlisted(chain.symbol, question.expiry, expiries)
    return ChainFindings(
        levels=levels_of(chain, question.convention, smile=smile, max_pain_expiry=question.expiry),
        expiries=expiries,
        buckets=by_bucket(chain, question.convention),
        roll_offs=roll_offs(chain, question.convention, smile=smile, first=ROLL_OFFS),
        curve=_curve(chain, at_the_money),
        forward_basis=chain.coverage.forward_basis,
        rate_basis=_basis(chain, from_parity=chain.curve.rate_from_parity),
        strikes=_strikes(chain, question) if question.full else None,
    )


def _refuse_unlisted(symbol: str, expiry: date | None, expiries: tuple[ExpiryExposure, ...]) -> None:
    listed = [one.expiry for one in expiries]
    if expiry is None or expiry in listed:
        return
    nearest = sorted(sorted(listed, key=lambda day: abs(day - expiry))[:_EXPIRIES_IN_A_SENTENCE])
    raise ToolError(
        f"{symbol} has no open interest expiring on {expiry} (Eastern). Of its {counted(len(listed), 'expiry date')} the nearest "
        f"to that: {', '.join(map(str, nearest))}."
    )


def _strikes(chain: Chain, question: Question) -> tuple[StrikeExposure, ...]:
    from exposure.levels import by_strike

    table = by_strike(chain, question.convention, expiry=question.expiry)
    if question.strikes is None:
        return table
    found = tuple(one for one in table if question.strikes.holds(one.strike))
    if not found:
        raise ToolError(
            f"No strike of {chain.symbol} with open interest is between {question.strikes.low:g} and {question.strikes.high:g}; "
            f"they run from {table[0].strike:g} to {table[-1].strike:g}."
        )
    return found


def _curve(chain: Chain, at_the_money: AtTheMoneyCurve | None) -> tuple[CurvePoint, ...]:
    """The expiry instants with open interest, in order of time."""
    import numpy as np

    curve, volatility = chain.curve, at_the_money.iv if at_the_money else (None,) * len(chain.curve.years)
    held, first = np.unique(chain.term[chain.open_interest > 0], return_index=True)
    expiries = chain.expiry[chain.open_interest > 0][first].astype("datetime64[s]").astype(np.int64)
    points = []
    for term, seconds in zip(held.tolist(), expiries.tolist(), strict=True):
        local = datetime.fromtimestamp(seconds, UTC).astimezone(EASTERN)
        points.append(
            CurvePoint(
                expiry=local.date(),
                at_the_open=local.hour < 12,
                days=float(curve.years[term]) * 365.0,
                forward=float(curve.forward[term]),
                rate=float(curve.rate[term]),
                basis=_basis(chain, from_parity=bool(curve.from_parity[term])),
                atm_iv=volatility[term],
            )
        )
    return tuple(points)


def _basis(chain: Chain, *, from_parity: bool) -> ForwardBasis:
    if chain.coverage.forward_basis is ForwardBasis.MODEL:
        return ForwardBasis.MODEL
    return ForwardBasis.PARITY if from_parity else ForwardBasis.FLAT_RATE
