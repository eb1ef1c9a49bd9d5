"""The workflow "index against its names": where the constituents pull the other way, in gamma and in correlation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from prompts.definition import PromptDefinition
from prompts.wording import CLOSING, AtText, BasketText, as_of, the_basket


def dispersion_check(
    index: Annotated[str, Field(description="An index or fund, such as SPX, NDX or SMH.")],
    basket: BasketText = "",
    at: AtText = "",
) -> str:
    """The question as the user would put it."""
    names = the_basket(basket, "its largest names")
    return (
        f"Where do the constituents of {index.strip()} ({names}) pull against the index{as_of(at)}?\n\n"
        "I would like to know, in this order: what limits the answer (missing names, how much of the index the names stand for, "
        "age and source of the data); whether dealers are long or short gamma in the index, whether they are in the "
        "constituents, and whether the two agree; which names carry the difference; the correlation that option prices imply "
        "beside the one that was realised, with its error, and the dispersion spread, each only where it is defined.\n\n"
        f"{CLOSING}"
    )


PROMPT = PromptDefinition(
    name="dispersion_check",
    title="Index against its names",
    description="Where constituents diverge from their index: dealer gamma, implied against realised correlation, dispersion.",
    function=dispersion_check,
)
