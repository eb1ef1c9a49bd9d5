"""A desk with book_exposure over three hand-made names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.builders import an_exposure
from tests.tools.desk import Desk, Era, HandMadeSource, Reply, a_desk, a_source
from tests.tools.figures_in_text import unsupported
from tools import book

NVDA = an_exposure("NVDA", call_gex=900e6, put_gex=200e6, spot=120.5)
AMD = an_exposure("AMD", call_gex=80e6, spot=160.0)
SPY = an_exposure("SPY", call_gex=500e6, put_gex=800e6, spot=530.0)


@asynccontextmanager
async def a_book_desk(source: HandMadeSource | None = None, era: Era = "auto", **changes: Any) -> AsyncIterator[Desk]:
    async with a_desk(source or a_source(NVDA, AMD, SPY), era, tools=(book.TOOL,), **changes) as desk:
        yield desk


async def answer_of(positions: Any, source: HandMadeSource | None = None, era: Era = "auto", **more: Any) -> Reply:
    async with a_book_desk(source, era) as desk:
        return await desk.answer("book_exposure", positions=positions, **more)


async def refusal_of(positions: Any, source: HandMadeSource | None = None, era: Era = "auto", **more: Any) -> str:
    async with a_book_desk(source, era) as desk:
        return await desk.refusal("book_exposure", positions=positions, **more)


def checkable(structured: dict[str, Any]) -> dict[str, Any]:
    """What the shared checker of figures takes: it reads the weight that arrived as a number."""
    return {**structured, "weight_coverage": structured["weight_coverage"] or 0.0}


def assert_same_figures(answer: Reply) -> None:
    assert unsupported(answer.text, checkable(answer.structured)) == []
