"""What `frame_dispersion` was asked and what was found, and what one has to be careful about."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from exposure.basket import Basket, BasketExposure
from exposure.dispersion import Correlation, GammaGap, Undefined, VolatilityFrame, published_volatility
from exposure.snapshot import Notice, Snapshot
from sources.base import PublishedDispersion
from tools.answer import time_notices
from tools.basket_answer import chain_notices, overlap_notices, partial_notices, weak_sign_notices
from tools.dispersion_model import WeightsBasis
from tools.figures import percent, some_of

NAMES_IN_A_SENTENCE = 3
_ENOUGH_OF_AN_INDEX = 0.8
_NO_TENOR = "The vendor does not say at what tenor its volatilities are; tenor_days has no effect on them."


@dataclass(frozen=True, slots=True)
class Frame:
    """What was asked: an index, its names with weights and where those are from, and the index's published weights if any."""

    index: str
    names: Basket
    basis: WeightsBasis
    published: Mapping[str, float] | None

    def coverage(self, symbols: Sequence[str]) -> float | None:
        """Share of the index's published weight that these names stand for; None where nobody publishes it."""
        return None if self.published is None else math.fsum(self.published.get(symbol, 0.0) for symbol in symbols)


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything an answer is made of; `index` and `gap` are None where the index has no net in this convention."""

    snapshot: Snapshot
    names: BasketExposure
    index: BasketExposure | None
    gap: GammaGap | None
    volatility: VolatilityFrame
    window_days: int
    window_end: date | None
    published_to_index: float | None = None
    """Mean correlation of the names to the index that a vendor publishes; it is not a pairwise correlation."""
    published: tuple[Notice, ...] = ()
    """What has to be said about a vendor's own dispersion figures."""

    def with_published(self, published: PublishedDispersion | Notice) -> Findings:
        """The same with a vendor's volatilities put through the identity used here, or with the reason why there are none."""
        if isinstance(published, Notice):
            return replace(self, published=(published,))
        weights = {one.exposure.symbol: one.weight for one in self.names.constituents}
        frame = published_volatility(weights, published.constituent_iv, published.index_iv)
        return replace(
            self,
            volatility=frame,
            window_days=published.horizon_days,
            published_to_index=published.correlation_to_index,
            published=(*published.notices, Notice("tenor_not_stated", _NO_TENOR)),
        )


def notices(frame: Frame, findings: Findings, read: Sequence[Notice]) -> list[Notice]:
    """Everything to be careful about, what limits the answer most first."""
    of_index = chain_notices(findings.index) if findings.index else []
    return [
        *_missing_index(frame, findings),
        *partial_notices(findings.names),
        *_partial_coverage(frame, findings),
        *_inconsistencies(findings),
        *read,
        *findings.snapshot.provenance.notices,
        *findings.published,
        *time_notices(findings.snapshot),
        *_about_volatility(findings),
        *_about_weights(frame),
        *overlap_notices(findings.names),
        *of_index,
        *chain_notices(findings.names),
        *weak_sign_notices(findings.names),
    ]


def _missing_index(frame: Frame, findings: Findings) -> list[Notice]:
    if frame.index in findings.snapshot.exposures:
        return []
    sentence = f"{frame.index} did not arrive, so there is no gap and no correlation; the names are answered alone."
    return [Notice("index_missing", sentence)]


def _partial_coverage(frame: Frame, findings: Findings) -> list[Notice]:
    used = list(findings.volatility.weights) or [one.exposure.symbol for one in findings.names.constituents]
    coverage = frame.coverage(used)
    if coverage is not None and coverage >= _ENOUGH_OF_AN_INDEX:
        return []
    share = "an unknown share" if coverage is None else percent(coverage)
    subject = f"{len(used)} names stand" if len(used) > 1 else f"{used[0]} stands"
    sentence = f"{subject} for {share} of {frame.index}'s weight: the correlation is theirs, not the index's."
    return [Notice("partial_coverage", sentence)]


def _inconsistencies(findings: Findings) -> list[Notice]:
    found = findings.volatility
    realised = None if isinstance(found.realised, Undefined) else found.realised.correlation
    legs = (("Implied", found.implied if isinstance(found.implied, Correlation) else None), ("Realised", realised))
    return [
        Notice(
            "inconsistent_inputs",
            f"{name} correlation {leg.value:.4f} is outside {-1.0 / (len(found.weights) - 1):.2f} to 1: the index and these "
            "names and weights do not belong together.",
        )
        for name, leg in legs
        if leg is not None and not leg.consistent
    ]


def _about_volatility(findings: Findings) -> list[Notice]:
    said = []
    found = findings.volatility
    if not isinstance(found.realised, Undefined) and found.realised.days < findings.window_days:
        sentence = f"Closes for {found.realised.days} of the {findings.window_days} returns asked for; the window is shorter."
        said.append(Notice("short_window", sentence))
    if found.extrapolated and found.tenor_days is not None:
        sentence = f"The first expiry is later than {found.tenor_days:g} days and stands for it in {some_of(found.extrapolated)}."
        said.append(Notice("tenor_before_first_expiry", sentence))
    return said


def _about_weights(frame: Frame) -> list[Notice]:
    said = []
    outside = [symbol for symbol in frame.names.weights if symbol not in (frame.published or {})]
    if frame.published and outside:
        effect = "so without weight" if frame.basis is WeightsBasis.PUBLISHED else "though weighed here"
        sentence = f"Not among the published members of {frame.index}, {effect}: {some_of(outside)}."
        said.append(Notice("not_in_index", sentence))
    if frame.names.merged:
        said.append(Notice("merged_symbols", f"Named more than once, weights added: {some_of(frame.names.merged)}."))
    return said
