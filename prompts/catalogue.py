"""Every prompt the server offers, in the order a user sees them."""

from __future__ import annotations

from prompts import basket_check, book_review, dispersion_check, pre_open_brief, replay_a_day, sector_gamma_scan
from prompts.definition import PromptDefinition

PROMPTS: tuple[PromptDefinition, ...] = (
    basket_check.PROMPT,
    sector_gamma_scan.PROMPT,
    book_review.PROMPT,
    dispersion_check.PROMPT,
    replay_a_day.PROMPT,
    pre_open_brief.PROMPT,
)
