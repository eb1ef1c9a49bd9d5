"""The workflow "check this basket": what dealers are positioned for, and how far the answer can be trusted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from prompts.definition import PromptDefinition
from prompts.wording import CLOSING, AtText, ConventionText, as_of, assuming


def basket_check(
    symbols: Annotated[str, Field(description="Symbols, separated by commas, for example NVDA,AMD,AVGO.")],
    weights: Annotated[str, Field(description="Weights in the same order, such as 4,3,3; equal if left out.")] = "",
    at: AtText = "",
    convention: ConventionText = "",
) -> str:
    """The question as the user would put it."""
    basket = f"the basket {symbols.strip()}"
    if weights.strip():
        basket += f" with weights {weights.strip()}"
    return (
        f"How are options dealers positioned in {basket}{as_of(at)}{assuming(convention)}?\n\n"
        "I would like to know, in this order: what limits the answer (missing names, age and source of the data); the net gamma "
        "exposure and whether dealers are long or short gamma, or whether that is ambiguous; which names drive it and "
        "which could turn it; what the delta, vanna and charm exposures add.\n\n"
        f"{CLOSING}"
    )


PROMPT = PromptDefinition(
    name="basket_check",
    title="Check a basket",
    description="How dealers are positioned in a basket, what drives it, and how far the answer can be trusted.",
    function=basket_check,
)
