"""What `stress_basket` was asked and what was found, and what one has to be careful about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exposure.basket import Basket, BasketExposure
from exposure.dealer import SignConvention
from exposure.snapshot import Notice, Snapshot
from tools.answer import time_notices
from tools.arguments import SmileName
from tools.basket_answer import chain_notices, overlap_notices, partial_notices, weak_sign_notices
from tools.figures import counted, money, some_of
from tools.stress_arguments import AskedShocks
from tools.stress_betas import Betas

if TYPE_CHECKING:
    # numpy is imported by the functions that need it: this module is imported at start-up.
    from exposure.holdings import SmileRule
    from exposure.stress import NameCurve, Stress


@dataclass(frozen=True, slots=True)
class StressQuestion:
    """A basket, the dealer sign, and what happens to it; shocks in percent."""

    asked: Basket
    convention: SignConvention
    shocks: AskedShocks
    volatility_points: float = 0.0
    days_forward: float = 0.0
    smile: SmileName = "sticky_strike"
    full: bool = False

    def curve_shocks(self) -> tuple[float, ...]:
        """Every shock to compute, as fractions: a curve on which flips are found, and those to show."""
        from exposure.stress import DEFAULT_SHOCKS

        return tuple(sorted({*DEFAULT_SHOCKS, *(percent / 100.0 for percent in self.shocks.percents)}))

    def smile_rule(self) -> SmileRule:
        from exposure.holdings import SmileRule

        return SmileRule(self.smile)


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything an answer is made of; `stress` is None where the source publishes nets only.

    `read` is what has to be said about how the arguments were understood.
    """

    question: StressQuestion
    snapshot: Snapshot
    result: BasketExposure
    betas: Betas
    stress: Stress | None
    read: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Expired:
    """Sums over names of what expires within the days forward, $ valued today, and the names it leaves nothing of."""

    names: int
    net_gex: float
    hedge: float
    left_without: tuple[str, ...]


def expired_in(stress: Stress) -> Expired | None:
    """What drops out within the days forward; None where nothing does."""
    gone = [(one, one.expired) for one in stress.names if one.expired is not None]
    if not gone:
        return None
    return Expired(
        names=len(gone),
        net_gex=sum(expired.net_gex for _, expired in gone),
        hedge=sum(expired.hedge for _, expired in gone),
        left_without=tuple(one.symbol for one, _ in gone if _nothing_left(one)),
    )


def notices(findings: Findings) -> list[Notice]:
    """Everything to be careful about, what limits the answer most first."""
    result = findings.result
    return [
        *_partial(findings),
        *_nets_only(findings),
        *findings.betas.notices,
        *findings.read,
        *findings.snapshot.provenance.notices,
        *time_notices(findings.snapshot),
        *_about_expiries(findings),
        *chain_notices(result),
        *_merged(findings.question.asked),
        *overlap_notices(result),
        *weak_sign_notices(result),
    ]


def _partial(findings: Findings) -> list[Notice]:
    """As in a basket, but the bounds are today's: nothing observed bounds what a missing name would add in a shock."""
    said = partial_notices(findings.result)
    if findings.stress is None:
        return said
    return [
        Notice(one.code, f"{one.message.removesuffix('.')} today; what they would add in a shock is not known.") for one in said
    ]


def _nets_only(findings: Findings) -> list[Notice]:
    if findings.stress is not None:
        return []
    sentence = (
        f"The source {findings.snapshot.provenance.source} publishes nets and no chains, so nothing could be repriced; only "
        "today's nets are given. A source with chains (demo, cboe, files) gives the rest."
    )
    return [Notice("source_publishes_nets_only", sentence)]


def _about_expiries(findings: Findings) -> list[Notice]:
    expired = expired_in(findings.stress) if findings.stress else None
    if expired is None:
        return []
    days = findings.question.days_forward
    sentence = (
        f"Within {days:g} days, contracts of {counted(expired.names, 'name')} with {money(expired.net_gex)} of today's net GEX "
        f"expire; they are in no curve and no flow, nor is the {money(expired.hedge)} that dealers hold against them."
    )
    said = [Notice("expired_before", sentence)]
    if expired.left_without:
        sentence = f"Every contract of {some_of(expired.left_without)} expires within {days:g} days; what is left counts 0."
        said.append(Notice("nothing_left", sentence))
    return said


def _nothing_left(one: NameCurve) -> bool:
    return not one.net_gex.any() and not one.flow.total.any()


def _merged(asked: Basket) -> list[Notice]:
    if not asked.merged:
        return []
    return [Notice("merged_symbols", f"Named more than once, weights added: {some_of(asked.merged)}.")]
