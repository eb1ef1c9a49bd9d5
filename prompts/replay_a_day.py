"""The workflow "replay that day": the same basket at several minutes of a past session, as it was known then."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from prompts.definition import PromptDefinition
from prompts.wording import CLOSING, BasketText


def replay_a_day(
    basket: BasketText,
    day: Annotated[str, Field(description="A past trading day, such as 2020-03-16.")],
) -> str:
    """The question as the user would put it."""
    date = day.strip()
    return (
        f"Replay {date} for the basket {basket.strip()}: how were options dealers positioned at the previous "
        "close, soon after the open, at midday and shortly before the close (09:45, 12:30 and 15:45 US Eastern; earlier on a "
        "half day)?\n\n"
        "I would like to know, in this order: what limits the answer (missing names, which minute and which open interest each "
        "reading rests on); a table of the readings with net gamma exposure and whether dealers were long gamma, short gamma or "
        "ambiguous; what flipped and when; which names drove the change; what the last reading says that the first could not "
        f"know. Each reading stands on what was known at that minute.\n\n{CLOSING}"
    )


PROMPT = PromptDefinition(
    name="replay_a_day",
    title="Replay a day",
    description="Dealer positioning in a basket through one past session, each minute with only what was known then.",
    function=replay_a_day,
)
