"""Questions about one instant, answered from a view: which family answers, and with which rows or chains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

from archive.answers import Family, Kind, Nearest
from archive.chain_bytes import from_bytes
from archive.chain_files import chain_index, last_chain
from archive.layout import from_microseconds
from archive.rows import Row
from archive.view import View
from exposure.chain import Chain

Candidate = TypeVar("Candidate", Family, str)


def last_rows(
    view: View, symbols: Sequence[str], at: int, source: str | None, kind: Kind | None
) -> tuple[Family | None, dict[str, tuple[int, Row]]]:
    """The last row of each symbol known by `at` (microseconds) within the view, and the family they are of.

    Days are gone through backwards. A family that has every symbol soonest answers; where none does, the one that knows most
    symbols, then the one whose stalest row is freshest, then the first by name. Nothing known after `at` enters the choice.
    """
    found: dict[Family, dict[str, tuple[int, Row]]] = {}
    stalest: dict[Family, date] = {}
    for day in view.days:
        for one in view.families(day, source, kind):
            there = found.get(one, {})
            rows = view.last_rows(day, one, [symbol for symbol in symbols if symbol not in there], at)
            if rows:
                found[one] = {**there, **rows}
                stalest[one] = day
        if any(len(rows) == len(symbols) for rows in found.values()):
            break
    family = _chosen(found, stalest)
    return family, found[family] if family is not None else {}


def last_chains(
    view: View, symbols: Sequence[str], at: int, source: str | None
) -> tuple[str | None, dict[str, tuple[int, Chain]]]:
    """The last chain of each symbol known by `at`, all of one source, which is chosen as a family is."""
    found: dict[str, dict[str, tuple[int, Callable[[], Chain]]]] = {}
    stalest: dict[str, date] = {}
    for day in view.chain_days:
        for symbol in symbols:
            for name, candidate in _chains_on(view, day, symbol, at).items():
                there = found.setdefault(name, {}) if source in (None, name) else None
                if there is not None and symbol not in there:
                    there[symbol] = candidate
                    stalest[name] = day
        if any(len(chains) == len(symbols) for chains in found.values()):
            break
    chosen = _chosen(found, stalest)
    if chosen is None:
        return None, {}
    return chosen, {symbol: (known, load()) for symbol, (known, load) in found[chosen].items()}


def nearest(view: View, symbols: Sequence[str], at: int, source: str | None) -> dict[str, Nearest]:
    """The instants around `at` at which each symbol has a row of any family."""
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    days = view.days
    for ordered, found, pick in ((days, before, max), (days[::-1], after, min)):
        for day in ordered:
            wanted = [symbol for symbol in symbols if symbol not in found]
            if not wanted:
                break
            for family in view.families(day, source, None):
                for symbol, columns in view.columns(day, family, wanted, ("known",)).items():
                    known = columns["known"]
                    side = known[known <= at] if found is before else known[known > at]
                    if len(side):
                        instant = int(pick(side))
                        found[symbol] = pick(found.get(symbol, instant), instant)
    return {
        symbol: Nearest(
            from_microseconds(before[symbol]) if symbol in before else None,
            from_microseconds(after[symbol]) if symbol in after else None,
        )
        for symbol in symbols
    }


def _chosen(found: Mapping[Candidate, Mapping[str, Any]], stalest: Mapping[Candidate, date]) -> Candidate | None:
    if not found:
        return None
    return min(found, key=lambda one: (-len(found[one]), -stalest[one].toordinal(), one))


def _chains_on(view: View, day: date, symbol: str, at: int) -> dict[str, tuple[int, Callable[[], Chain]]]:
    """Of each source the last chain of a day known by `at`, and how to get at it."""
    candidates: dict[str, tuple[int, Callable[[], Chain]]] = {}
    for name, known, content in view.live_chains(day, symbol, at):
        if name not in candidates or known > candidates[name][0]:
            candidates[name] = known, _unpacking(content)
    file = view.chain_file(day, symbol)
    if file is not None:
        index = chain_index(file)
        for name, instants in index.known.items():
            by_then = [known for known in instants if known <= at]
            if by_then and (name not in candidates or by_then[-1] >= candidates[name][0]):
                chain = last_chain(file, index, name, at)
                assert chain is not None
                candidates[name] = by_then[-1], _returning(chain[1])
    return candidates


def _unpacking(content: bytes) -> Callable[[], Chain]:
    return lambda: from_bytes(content)


def _returning(chain: Chain) -> Callable[[], Chain]:
    return lambda: chain
