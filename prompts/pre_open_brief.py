"""The workflow "brief me before the open": where things stand from the last session, and what the day starts with."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from prompts.definition import PromptDefinition
from prompts.wording import CLOSING, BasketText, the_basket


def pre_open_brief(
    basket: BasketText = "",
    positions: Annotated[str, Field(description="Your positions, such as AAPL 240000, short TSLA 90000; optional.")] = "",
) -> str:
    """The question as the user would put it."""
    book = positions.strip()
    subject = the_basket(basket, "my book" if book else "the eleven sectors")
    beside = " and for my book" if book and basket.strip() else ""
    listed = f"These are my positions:\n\n{book}\n\n" if book else ""
    return (
        f"{listed}Before the open: a brief of at most ten lines on dealer positioning for {subject}{beside}.\n\n"
        "I would like to know, in this order: how old the data are, which session's open interest they rest on and what is "
        "missing; where dealers start the day short gamma, long gamma or ambiguous; what changed against the previous close; "
        "how much of each verdict hangs on contracts that expire today; the few names that drive it or could turn it.\n\n"
        f"{CLOSING}"
    )


PROMPT = PromptDefinition(
    name="pre_open_brief",
    title="Brief before the open",
    description="A short brief before the open on the sectors, a basket or your book: age of the data, regime, change, names.",
    function=pre_open_brief,
)
