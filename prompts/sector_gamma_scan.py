"""The workflow "which sectors are short gamma": how sure, how broad, who drives it, and what flipped."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from prompts.definition import PromptDefinition
from prompts.wording import CLOSING, AtText, as_of


def sector_gamma_scan(
    baskets: Annotated[str, Field(description="Named baskets, such as semis,banks; the eleven sectors if left out.")] = "",
    at: AtText = "",
    since: Annotated[str, Field(description="Compare with an earlier instant, or with previous_close.")] = "",
) -> str:
    """The question as the user would put it."""
    earlier = since.strip().replace("previous_close", "the previous close")
    compared = f", and what has changed since {earlier}" if earlier else ""
    named = [name.strip() for name in baskets.split(",") if name.strip()]
    groups = f"the basket{'s' if len(named) > 1 else ''} {', '.join(named)}" if named else "the eleven sectors"
    flips = f"what flipped since {earlier}, apart from noise round zero; " if earlier else ""
    return (
        f"Across {groups}{as_of(at)}: in which are options dealers short gamma{compared}?\n\n"
        "I would like to know, in this order: what limits the answer (missing names, age and source of the data); a ranking, "
        "with those that are short gamma, long gamma and ambiguous kept apart and the reason for each verdict; whether each one "
        f"is broad or the doing of one name, and which names drive it; {flips}where a sector's fund says something else than its "
        f"members.\n\n{CLOSING}"
    )


PROMPT = PromptDefinition(
    name="sector_gamma_scan",
    title="Scan the sectors",
    description="Which sectors or baskets are short gamma, how sure and how broad that is, who drives it, and what flipped.",
    function=sector_gamma_scan,
)
