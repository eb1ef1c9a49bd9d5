"""The workflow "check this basket": what dealers are positioned for, and how far the answer can be trusted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from prompts.definition import PromptDefinition


def basket_check(
    symbols: Annotated[str, Field(description="Symbols, separated by commas, for example NVDA,AMD,AVGO.")],
    weights: Annotated[str, Field(description="Weights in the same order, such as 4,3,3; equal if left out.")] = "",
    at: Annotated[str, Field(description="A past instant, US Eastern, such as 2024-06-05T10:30; now if left out.")] = "",
) -> str:
    """The question as the user would put it."""
    basket = f"the basket {symbols.strip()}"
    if weights.strip():
        basket += f" with weights {weights.strip()}"
    when = f" as of {at.strip()} (US Eastern)" if at.strip() else ""
    return (
        f"How are options dealers positioned in {basket}{when}?\n\n"
        "I would like to know, in this order: what limits the answer (missing names, age and source of the data); the net gamma "
        "exposure and whether dealers are long or short gamma, or whether that is ambiguous; which names drive it and "
        "which could turn it; what the delta, vanna and charm exposures add. Where a number is missing, say so rather than "
        "estimate it. "
        "A description of positioning is enough, no trade recommendation."
    )


PROMPT = PromptDefinition(
    name="basket_check",
    title="Check a basket",
    description="How dealers are positioned in a basket, what drives it, and how far the answer can be trusted.",
    function=basket_check,
)
