"""How a prompt is described; `server.app` turns a definition into a registered MCP prompt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PromptDefinition:
    """One workflow a user can start. The function returns the text of the user's message."""

    name: str
    title: str
    description: str
    function: Callable[..., str]
