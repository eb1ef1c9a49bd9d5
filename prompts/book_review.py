"""The workflow "what stands behind my book": the dealer flow in the names of the user's own positions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from prompts.definition import PromptDefinition
from prompts.wording import CLOSING, AtText, ConventionText, as_of, assuming


def book_review(
    positions: Annotated[str, Field(description="Positions in dollars, shares or percent: AAPL 240000, short TSLA 90000.")],
    at: AtText = "",
    convention: ConventionText = "",
) -> str:
    """The question as the user would put it."""
    return (
        f"These are my positions:\n\n{positions.strip()}\n\n"
        f"What dealer positioning stands behind them{as_of(at)}{assuming(convention)}?\n\n"
        "I would like to know, in this order: what limits the answer (lines that could not be read, missing names, age and "
        "source of the data); the gamma, delta, vanna and charm exposures behind the whole book, its long side and its short "
        "side; the positions whose share of the dealer gamma differs most from their share of my dollars; what the missing "
        "names could change; whether the regime survives other sign assumptions. This is about the market's dealer positioning "
        f"in these names, not about the greeks of my own positions.\n\n{CLOSING}"
    )


PROMPT = PromptDefinition(
    name="book_review",
    title="Review my book",
    description="What dealer positioning stands behind your positions, long and short, and which of them carry it.",
    function=book_review,
)
