"""Questions about one instant, answered from a view: which family answers, and with which rows or chains."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from functools import cache
from itertools import chain as flattened
from typing import Any, NamedTuple, TypeVar

from archive.answers import ChainsHeld, Family, Kind, Nearest
from archive.chain_files import Aside, ChainKey
from archive.layout import from_microseconds
from archive.rows import Row
from archive.view import View
from exposure.chain import Chain

Candidate = TypeVar("Candidate", Family, str)


class LastChain(NamedTuple):
    """A chain, its source, when it became known, and the first instant asked for at which it is the last (microseconds)."""

    source: str
    known: int
    at: int
    chain: Chain


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
    found: dict[str, dict[str, tuple[date, int]]] = {}
    stalest: dict[str, date] = {}
    for day in view.chain_days:
        for symbol in symbols:
            with view.chain_day(day, symbol) as chains_there:
                last = list(_last_by(chains_there.instants, at, source))
            for name, known in last:
                there = found.setdefault(name, {})
                if symbol not in there:
                    there[symbol] = day, known
                    stalest[name] = day
        if any(len(chains) == len(symbols) for chains in found.values()):
            break
    chosen = _chosen(found, stalest)
    if chosen is None:
        return None, {}
    chains: dict[str, tuple[int, Chain]] = {}
    for symbol, (day, known) in found[chosen].items():
        with view.chain_day(day, symbol) as chains_there:
            for _, chain in flattened.from_iterable(chains_there.read({(chosen, known)})):
                chains[symbol] = known, chain
    return chosen, chains


def each_last_chain(
    view: View, symbol: str, instants: Sequence[int], source: str | None, *, after: int, aside: Aside
) -> Generator[list[LastChain], None, None]:
    """Every chain that `last_chains` gives of one symbol at one of these instants, if it became known later than `after`.

    Each comes once, a few at a time.
    """
    days = view.chain_days
    wanted: dict[date, dict[ChainKey, int]] = {}
    with ExitStack() as open_days:
        held = cache(lambda day: open_days.enter_context(view.chain_day(day, symbol)))
        for at in instants:
            for day in days:
                # Of a day's sources `last_chains` takes the first by name: with one symbol, nothing else differs.
                last = min(_last_by(held(day).instants, at, source), default=None)
                if last is not None:
                    if last[1] > after:
                        wanted.setdefault(day, {}).setdefault(last, at)
                    break
        for day, keys in wanted.items():
            for chains in held(day).read(keys.keys(), aside):
                yield [LastChain(*key, keys[key], chain) for key, chain in chains]


def chains_held(view: View) -> ChainsHeld:
    """The symbols the view has chains of, and the first day."""
    by_day = {day: view.chain_symbols(day) for day in view.chain_days}
    days = [day for day, symbols in by_day.items() if symbols]
    return ChainsHeld(tuple(sorted(set().union(*by_day.values()))), min(days, default=None))


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


def _last_by(instants: Mapping[str, Sequence[int]], at: int, source: str | None) -> Iterator[ChainKey]:
    """Of each source its last instant up to `at`."""
    for name, known in instants.items():
        position = bisect_right(known, at) if source in (None, name) else 0
        if position:
            yield name, known[position - 1]
