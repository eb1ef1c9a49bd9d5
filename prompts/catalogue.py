"""Every prompt the server offers."""

from __future__ import annotations

from prompts import basket_check
from prompts.definition import PromptDefinition

PROMPTS: tuple[PromptDefinition, ...] = (basket_check.PROMPT,)
