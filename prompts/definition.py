"""How a prompt is described; `server.offered_prompts` turns a definition into a registered MCP prompt."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_type_hints

from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Argument:
    """One text a user can fill in."""

    name: str
    description: str
    required: bool


@dataclass(frozen=True, slots=True)
class PromptDefinition:
    """One workflow a user can start. The function takes texts and returns the text of the user's message."""

    name: str
    title: str
    description: str
    function: Callable[..., str]

    def arguments(self) -> tuple[Argument, ...]:
        """The parameters of the function; each is annotated with a described text, and required where it has no default."""
        hints = get_type_hints(self.function, include_extras=True)
        return tuple(
            Argument(name, _description(hints[name]), parameter.default is inspect.Parameter.empty)
            for name, parameter in inspect.signature(self.function).parameters.items()
        )


def _description(annotation: object) -> str:
    fields = [one for one in getattr(annotation, "__metadata__", ()) if isinstance(one, FieldInfo)]
    return fields[0].description or ""
