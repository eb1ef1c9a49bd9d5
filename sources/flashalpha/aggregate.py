"""Whether the vendor's own aggregate is what its rows and weights add up to. Ours is used either way; a difference is said."""

from __future__ import annotations

import math
from collections.abc import Sequence

from exposure.dealer import Greek
from exposure.snapshot import Notice
from sources.flashalpha.wire import BasketReply

_CODE = "vendor_aggregate_differs"
_ROUNDING = 1e-6


def aggregate_notice(reply: BasketReply) -> Notice | None:
    """What is to be said of the printed aggregate; None where it is the weighted mean of the rows, or cannot be checked."""
    weights = [row.weight for row in reply.rows]
    known = [weight for weight in weights if weight is not None]
    total_weight = math.fsum(known)
    if len(known) < len(weights) or total_weight <= 0.0:
        return None
    # Printed weights may be rounded; all were asked for as equal, so that dividing by their sum undoes it.
    known = [weight / total_weight for weight in known]
    printed: dict[Greek, tuple[float, list[float]]] = {}
    for greek in Greek:
        values = [value for row in reply.rows if (value := row.nets[greek]) is not None]
        total = reply.aggregate[greek]
        if total is not None and len(values) == len(weights):
            printed[greek] = (total, values)
    off = [greek for greek, (total, values) in printed.items() if not _adds_up(total, known, values)]
    if not off:
        return None
    if all(_adds_up(total, [1.0] * len(values), values) for total, values in printed.values()):
        return Notice(_CODE, "FlashAlpha's aggregate is the plain sum of its rows; this answer uses their weighted mean.")
    named = ", ".join(greek.value.upper() for greek in off)
    sentence = f"FlashAlpha's aggregate {named} is not the weighted mean of its rows; this answer uses the weighted mean."
    return Notice(_CODE, sentence)


def _adds_up(total: float, weights: Sequence[float], values: Sequence[float]) -> bool:
    terms = [weight * value for weight, value in zip(weights, values, strict=True)]
    return abs(math.fsum(terms) - total) <= _ROUNDING * math.fsum(abs(term) for term in terms)
