"""Baskets with a name: the built-in ones, and the user's own from a TOML file that is read again when it changes.

    [my_semis]
    symbols = ["NVDA", "AMD", "AVGO"]
    weights = [0.5, 0.3, 0.2]     # optional, one number of 0 or more a symbol; equal if left out
    index = "SMH"                 # optional: the index or fund to set beside it

Each table is read on its own, so that a mistake in one leaves the others standing; a mistake is reported with its line.
"""

from __future__ import annotations

import re
import threading
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from exposure.basket import Basket, BasketError
from exposure.instruments import canonical_symbol
from sources.universe import SECTOR_FUNDS, Sector, names_in


@dataclass(frozen=True, slots=True)
class NamedBasket:
    """Symbols under a name. `weights` is None for equal ones; `index` is the index or fund that stands for the group."""

    name: str
    symbols: tuple[str, ...]
    weights: tuple[float, ...] | None = None
    index: str | None = None
    partial: bool = False
    """True where the symbols stand for an index that holds many more, so that no weight or correlation is the index's."""

    @property
    def fund(self) -> tuple[str, ...]:
        """The index or fund as a tuple, empty where there is none."""
        return (self.index,) if self.index else ()


@dataclass(frozen=True, slots=True)
class BasketProblem:
    """A mistake in the user's file: the line it is in, from 1, and a sentence without a full stop."""

    line: int
    sentence: str


# Names that stand for a large part of an index, from the demo market's own tables of 2026-11 (largest first). Only the names are
# meant: their weights in the index change daily and are not ours to state, so the baskets weigh them equally.
_SPX_TOP = "NVDA AAPL MSFT AMZN GOOGL META AVGO TSLA BRK.B JPM LLY WMT V ORCL MA XOM JNJ NFLX COST HD".split()
_NDX_TOP = "NVDA AAPL MSFT AMZN GOOGL META AVGO TSLA NFLX COST TMUS CSCO AMD ADBE QCOM TXN AMAT AMGN SBUX GILD".split()

_THEMES = (
    NamedBasket("semis", ("NVDA", "AMD", "AVGO", "MU", "SMCI", "TSM", "QCOM", "ASML"), index="SMH"),
    NamedBasket("megacap", ("AAPL", "MSFT", "NVDA", "AMZN", "META", "GOOGL", "TSLA"), index="QQQ"),
    NamedBasket("banks", ("JPM", "BAC", "WFC", "C", "GS", "MS"), index="XLF"),
    NamedBasket("spx_top", tuple(_SPX_TOP), index="SPX", partial=True),
    NamedBasket("ndx_top", tuple(_NDX_TOP), index="NDX", partial=True),
)


def sector_baskets() -> tuple[NamedBasket, ...]:
    """The eleven GICS sectors, each with its sector fund."""
    return tuple(NamedBasket(sector.value, names_in(sector), index=SECTOR_FUNDS[sector]) for sector in Sector)


def built_in_baskets() -> Mapping[str, NamedBasket]:
    """Every basket that is always there, by name: the themes, then the sectors."""
    return {basket.name: basket for basket in (*_THEMES, *sector_baskets())}


def normalised_name(text: str) -> str:
    """The one spelling of a basket's name; blanks, hyphens and case are forgiven."""
    return re.sub(r"[\s\-]+", "_", text.strip().lower())


class BasketCatalogue:
    """All baskets there are at the moment: the built-in ones and those of the user's file, which is looked at on every question.

    A missing or unreadable file is a problem of line 1, never an exception.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read_at: tuple[int, int] | None = None
        self._own: Mapping[str, NamedBasket] = {}
        self._problems: tuple[BasketProblem, ...] = ()

    def baskets(self) -> Mapping[str, NamedBasket]:
        """Every basket by name, built-in ones first."""
        self._refresh()
        return {**built_in_baskets(), **self._own}

    def own(self) -> Mapping[str, NamedBasket]:
        """The baskets of the user's file."""
        self._refresh()
        return self._own

    def problems(self) -> tuple[BasketProblem, ...]:
        """What is wrong with the user's file."""
        self._refresh()
        return self._problems

    def _refresh(self) -> None:
        if self._path is None:
            return
        with self._lock:
            try:
                facts = self._path.stat()
                version = (facts.st_mtime_ns, facts.st_size)
                if version == self._read_at:
                    return
                text = self._path.read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as problem:
                reason = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8"
                self._read_at, self._own = None, {}
                self._problems = (BasketProblem(1, f"the baskets file cannot be read: {reason}"),)
                return
            self._own, self._problems = read_baskets(text)
            self._read_at = version


def read_baskets(text: str) -> tuple[Mapping[str, NamedBasket], tuple[BasketProblem, ...]]:
    """The baskets of a TOML text, and what is wrong with the others."""
    found: dict[str, NamedBasket] = {}
    problems: list[BasketProblem] = []
    for section in _sections(text):
        basket = _read_section(section)
        if isinstance(basket, BasketProblem):
            problems.append(basket)
        elif basket.name in built_in_baskets():
            problems.append(BasketProblem(section.line, f"{basket.name} is the name of a built-in basket; choose another"))
        elif basket.name in found:
            problems.append(BasketProblem(section.line, f"{basket.name} is defined a second time"))
        else:
            found[basket.name] = basket
    return found, tuple(problems)


@dataclass(frozen=True, slots=True)
class _Section:
    """One table of the file: where its header stands, and its text padded with empty lines so that line numbers hold."""

    line: int
    padded: str


_HEADER = re.compile(r"^\s*\[")
_SYNTAX_LINE = re.compile(r"\(at line (\d+)")
_KNOWN_KEYS = ("symbols", "weights", "index")


def _sections(text: str) -> Iterator[_Section]:
    """A header is a line that opens a table: a bracket at its beginning that is not inside an array or a string."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if _HEADER.match(line) and _is_header(line)]
    if any(line.strip() and not line.strip().startswith("#") for line in lines[: starts[0] if starts else len(lines)]):
        starts.insert(0, 0)
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield _Section(start + 1, "\n" * start + "\n".join(lines[start:stop]) + "\n")


def _is_header(line: str) -> bool:
    """An element of an array that stands on its own line also begins with a bracket, but no table is named like one."""
    return re.match(r"^\s*\[+[^\[\],]*(\]+\s*(#.*)?)?$", line) is not None


class _MistakeError(Exception):
    """What is wrong with a section, and in which line."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.problem = BasketProblem(line, sentence)


def _read_section(section: _Section) -> NamedBasket | BasketProblem:
    try:
        tables = tomllib.loads(section.padded)
        if len(tables) != 1 or not isinstance(table := next(iter(tables.values())), dict):
            return BasketProblem(section.line, "every setting belongs under a basket's name, [name]")
        return _checked(section, next(iter(tables)), table)
    except tomllib.TOMLDecodeError as problem:
        found = _SYNTAX_LINE.search(str(problem))
        line = int(found.group(1)) if found else section.line
        return BasketProblem(line, 'this is not TOML; a basket is [name] and symbols = ["NVDA", "AMD"]')
    except _MistakeError as mistake:
        return mistake.problem


def _checked(section: _Section, name: str, table: Mapping[str, object]) -> NamedBasket:
    for key in table:
        if key not in _KNOWN_KEYS:
            line = _line_of(section, rf"^\s*{re.escape(key)}\s*[=.]")
            raise _MistakeError(line, f"{key} is not a setting of a basket; there are {', '.join(_KNOWN_KEYS)}")
    symbols = _symbols(section, table.get("symbols"))
    weights = _weights(section, table.get("weights"))
    index = table.get("index")
    fund = canonical_symbol(index) if isinstance(index, str) else None
    if index is not None and fund is None:
        raise _MistakeError(_line_of(section, r"^\s*index\b"), 'index is one ticker, for example "SMH"')
    try:
        basket = Basket.of(symbols, weights)
    except BasketError as problem:
        line = _line_of(section, r"^\s*symbols\b" if weights is None else r"^\s*weights\b")
        raise _MistakeError(line, str(problem).rstrip(".")) from None
    numbers = None if weights is None else tuple(basket.weights.values())
    return NamedBasket(normalised_name(name), tuple(basket.weights), numbers, fund)


def _symbols(section: _Section, given: object) -> list[str]:
    line = _line_of(section, r"^\s*symbols\b")
    if not isinstance(given, list) or not given:
        raise _MistakeError(line, 'symbols is a list of tickers, for example ["NVDA", "AMD"]')
    symbols = []
    for item in given:
        symbol = canonical_symbol(item) if isinstance(item, str) else None
        if symbol is None:
            raise _MistakeError(_line_of(section, re.escape(str(item))), f"'{str(item)[:20]}' is not a ticker")
        symbols.append(symbol)
    return symbols


def _weights(section: _Section, given: object) -> list[float] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(one, int | float) and not isinstance(one, bool) for one in given):
        raise _MistakeError(_line_of(section, r"^\s*weights\b"), "weights is a list of numbers, one a symbol")
    return [float(one) for one in given]


def _line_of(section: _Section, pattern: str) -> int:
    """The first line of the section that matches, else the section's header."""
    for number, line in enumerate(section.padded.splitlines(), start=1):
        if re.search(pattern, line):
            return number
    return section.line
