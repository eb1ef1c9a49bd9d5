"""The base of everything an answer is made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of an answer. Its validator is built when it is first used: building all of them would delay every start."""

    model_config = ConfigDict(defer_build=True)
