"""Looking up baskets by name, with forgiveness, and the funds of a basket that hold its other members."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mcp.server.mcpserver.exceptions import ToolError

from exposure.instruments import AssetClass, asset_class
from sources.baskets import BasketCatalogue, NamedBasket, built_in_baskets, normalised_name, sector_baskets
from sources.universe import SECTOR_FUNDS, names_in
from tools.figures import echoed
from tools.tickers import NotATickerError

_BROAD_FUNDS = frozenset("SPX SPY VOO IVV RSP VTI XSP NDX QQQ QQQM XND RUT IWM DJX DIA".split())
_SEMICONDUCTOR_FUNDS = frozenset("SMH SOXX SOXL SOXS".split())
MOST_BASKETS = 25


def named_basket(catalogue: BasketCatalogue, name: str) -> NamedBasket:
    """The basket of that name; blanks, hyphens and case are forgiven.

    Raises ToolError with the nearest names when there is none, and with what is wrong in the user's file.
    """
    baskets = catalogue.baskets()
    found = baskets.get(normalised_name(name))
    if found is not None:
        return found
    near = difflib.get_close_matches(normalised_name(name), baskets, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    mistakes = "".join(f" {sentence}" for sentence in mistakes_in(catalogue))
    raise ToolError(f"There is no basket named '{echoed(name, 40)}'. {hint}Baskets: {', '.join(baskets)}.{mistakes}")


def basket_hint(catalogue: BasketCatalogue, written: str) -> str | None:
    """What to do with the name of a basket that was given for a symbol; None for any other text."""
    name = normalised_name(written)
    if name not in catalogue.baskets():
        return None
    return f'{name} is the name of a basket; give basket="{name}" instead, to a tool that takes one.'


@contextmanager
def baskets_pointed_out(catalogue: BasketCatalogue) -> Iterator[None]:
    """Where a text is refused because it cannot be a ticker, and is the name of a basket, say so."""
    try:
        yield
    except NotATickerError as problem:
        raise ToolError(basket_hint(catalogue, problem.written) or str(problem)) from None


def chosen_baskets(catalogue: BasketCatalogue, given: Sequence[str] | str | None) -> list[NamedBasket]:
    """The baskets of a list or comma string, each once; the eleven sectors when none is named."""
    if given is None:
        return list(sector_baskets())
    texts = given.replace(";", ",").split(",") if isinstance(given, str) else [part for one in given for part in one.split(",")]
    names = dict.fromkeys(normalised_name(text) for text in texts if text.strip())
    if not names:
        raise ToolError("baskets names none. Leave it out for the eleven sectors, or name some, for example semis, banks.")
    if len(names) > MOST_BASKETS:
        raise ToolError(f"{len(names)} baskets; at most {MOST_BASKETS} are scanned in one call.")
    return [named_basket(catalogue, name) for name in names]


def mistakes_in(catalogue: BasketCatalogue) -> list[str]:
    """One sentence for each mistake in the user's baskets file."""
    return [f"Your baskets file, line {one.line}: {one.sentence}." for one in catalogue.problems()]


def overlaps(symbols: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Each index or fund of the basket with the other members it may hold or track, so that they count twice."""
    stocks = {symbol for symbol in symbols if asset_class(symbol) is AssetClass.STOCK}
    sector_of = {fund: sector for sector, fund in SECTOR_FUNDS.items()}
    found = []
    for fund in symbols:
        if fund in _BROAD_FUNDS:
            held = (stocks | _BROAD_FUNDS) & set(symbols) - {fund}
        elif fund in sector_of:
            held = stocks & set(names_in(sector_of[fund]))
        elif fund in _SEMICONDUCTOR_FUNDS:
            held = stocks & set(built_in_baskets()["semis"].symbols)
        else:
            continue
        if held:
            found.append((fund, tuple(symbol for symbol in symbols if symbol in held)))
    return found
