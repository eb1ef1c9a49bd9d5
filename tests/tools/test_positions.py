"""How a book is read: what people paste and hosts send means the same, and what can be read in two ways is refused."""

from __future__ import annotations

import json
import math
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mcp.server.mcpserver.exceptions import ToolError

from exposure.book import Holding
from tests.tools.test_refusals import assert_a_sentence
from tools.position_line import UNIT_WORDS
from tools.positions import RequestedBook, requested_book


def holdings(given: object) -> dict[str, tuple[float, float]]:
    """(dollars or percent, shares) of each symbol, in order."""
    return {one.symbol: (one.dollars, one.shares) for one in requested_book(given).holdings}


def codes(book: RequestedBook) -> list[str]:
    return [one.code for one in book.notices]


PASTED = """
    Symbol, Position
    AAPL 240000
    NVDA, 1200 sh
    short TSLA $15k     # a hedge
    $50k MSFT
    -300 shares AMD
    BRK/B 1.2m
    googl\t12,500.50
"""

LINES: dict[str, tuple[str, tuple[float, float]]] = {
    "AAPL 240000": ("AAPL", (240_000.0, 0.0)),
    "aapl 240,000": ("AAPL", (240_000.0, 0.0)),
    "AAPL: $240,000.75": ("AAPL", (240_000.75, 0.0)),
    "AAPL = 240000": ("AAPL", (240_000.0, 0.0)),
    "AAPL,240000": ("AAPL", (240_000.0, 0.0)),
    '"AAPL","240000"': ("AAPL", (240_000.0, 0.0)),
    "| AAPL | 240000 |": ("AAPL", (240_000.0, 0.0)),
    "* AAPL 240000": ("AAPL", (240_000.0, 0.0)),
    "\u2022 AAPL 240000": ("AAPL", (240_000.0, 0.0)),
    "AAPL\u00a0240000": ("AAPL", (240_000.0, 0.0)),
    "NVDA, 1200 sh": ("NVDA", (0.0, 1_200.0)),
    "NVDA 1,200sh": ("NVDA", (0.0, 1_200.0)),
    "1.2k shares of NVDA": ("NVDA", (0.0, 1_200.0)),
    "NVDA .5 share": ("NVDA", (0.0, 0.5)),
    "$NVDA 100": ("NVDA", (100.0, 0.0)),
    "^SPX 100": ("SPX", (100.0, 0.0)),
    "short TSLA 15%": ("TSLA", (-15.0, 0.0)),
    "TSLA short 15 %": ("TSLA", (-15.0, 0.0)),
    "TSLA, short, 15 pct": ("TSLA", (-15.0, 0.0)),
    "short TSLA -15%": ("TSLA", (-15.0, 0.0)),
    "TSLA -15%": ("TSLA", (-15.0, 0.0)),
    "sold 300 shares of AMD": ("AMD", (0.0, -300.0)),
    "-300 shares AMD": ("AMD", (0.0, -300.0)),
    "\u2212300 shares AMD": ("AMD", (0.0, -300.0)),
    "bought +300 sh AMD": ("AMD", (0.0, 300.0)),
    "$50k MSFT": ("MSFT", (50_000.0, 0.0)),
    "MSFT $50k": ("MSFT", (50_000.0, 0.0)),
    "MSFT -$50K": ("MSFT", (-50_000.0, 0.0)),
    "MSFT $-50k": ("MSFT", (-50_000.0, 0.0)),
    "MSFT 50k$": ("MSFT", (50_000.0, 0.0)),
    "long MSFT worth 50k USD": ("MSFT", (50_000.0, 0.0)),
    "MSFT USD 50k": ("MSFT", (50_000.0, 0.0)),
    "MSFT 2.3 million dollars": ("MSFT", (2_300_000.0, 0.0)),
    "MSFT 1.5mm": ("MSFT", (1_500_000.0, 0.0)),
    "MSFT 2bn": ("MSFT", (2e9, 0.0)),
    "BRK/B 1.2m": ("BRK.B", (1_200_000.0, 0.0)),
    "brk-b 1.2m": ("BRK.B", (1_200_000.0, 0.0)),
    "C 200": ("C", (200.0, 0.0)),
    "M 5k": ("M", (5_000.0, 0.0)),
    "SH 100 sh": ("SH", (0.0, 100.0)),
    "SH 100": ("SH", (100.0, 0.0)),
    "IN 100": ("IN", (100.0, 0.0)),
    "AAPL 240000 # core; keep": ("AAPL", (240_000.0, 0.0)),
}


@pytest.mark.parametrize(("line", "expected"), LINES.items(), ids=LINES)
def test_a_line_says_a_ticker_an_amount_and_a_side(line: str, expected: tuple[str, tuple[float, float]]) -> None:
    written = line.split(";", maxsplit=1)[0]
    assert holdings(written) == dict([expected])
    assert holdings([written]) == dict([expected])


def test_a_pasted_book_parses() -> None:
    assert holdings(PASTED) == {
        "AAPL": (240_000.0, 0.0), "NVDA": (0.0, 1_200.0), "TSLA": (-15_000.0, 0.0), "MSFT": (50_000.0, 0.0),
        "AMD": (0.0, -300.0), "BRK.B": (1_200_000.0, 0.0), "GOOGL": (12_500.5, 0.0),
    }  # fmt: skip


SAME: dict[str, Any] = {
    "lines": "AAPL 240000\r\nNVDA 1200 sh\n\n-500 sh TSLA\n",
    "semicolons": "AAPL 240000; NVDA 1200 sh; short TSLA 500 sh;",
    "commas between positions": "AAPL 240,000, NVDA 1,200 sh,TSLA -500 sh",
    "list of lines": ["AAPL 240000", "NVDA, 1200 sh", "short TSLA 500 sh"],
    "list of objects": [
        {"symbol": "AAPL", "dollars": 240000},
        {"symbol": "nvda", "shares": 1200, "side": "long"},
        {"ticker": "TSLA", "shares": 500, "side": "short"},
    ],
    "objects with texts": [
        {"symbol": "AAPL", "dollars": "$240k", "shares": None},
        {"symbol": "NVDA", "shares": "1,200", "side": None},
        {"symbol": "TSLA", "shares": "-500 sh"},
    ],
    "mixed list": ["AAPL 240000", {"symbol": "NVDA", "shares": 1200}, "short TSLA 500 sh"],
    "one object": {"AAPL": 240000, "NVDA": "1200 sh", "TSLA": {"shares": -500}},
    "JSON list": '["AAPL 240000", "NVDA 1200 sh", {"symbol": "TSLA", "shares": -500, "side": "short"}]',
    "JSON object": '{"AAPL": 240000, "NVDA": "1200 sh", "TSLA": "short 500 sh"}',
    "in two lots": "AAPL 300000; NVDA 1000 sh; NVDA 200 sh; TSLA -500 sh; AAPL -60000",
    "a table": "| Ticker | Amount |\n|--------|-------:|\n| AAPL | 240000 |\n| NVDA | 1200 sh |\n| TSLA | -500 sh |",
    "with cash and a total": "AAPL 240000\nNVDA 1200 sh\nTSLA -500 sh\nCash & equivalents 12,000\nTotal: 999,999",
}


@pytest.mark.parametrize("given", SAME.values(), ids=SAME)
def test_every_form_says_the_same(given: Any) -> None:
    assert holdings(given) == {"AAPL": (240_000.0, 0.0), "NVDA": (0.0, 1_200.0), "TSLA": (0.0, -500.0)}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Symbol, Quantity", Holding("AAPL", 0.0, 100.0)),
        ("Ticker\tShares", Holding("AAPL", 0.0, 100.0)),
        ("Symbol | Market Value ($)", Holding("AAPL", 100.0, 0.0)),
        ("Positions", Holding("AAPL", 100.0, 0.0)),
    ],
)
def test_a_header_gives_its_unit_to_bare_numbers_and_is_said(header: str, expected: Holding) -> None:
    book = requested_book(f"MSFT 5\n{header}\nAAPL, 100\nNVDA $7")
    assert book.holdings == (Holding("MSFT", 5.0), expected, Holding("NVDA", 7.0))
    assert codes(book) == ["header_read"]
    assert header.split(maxsplit=1)[0].split(",", maxsplit=1)[0] in book.notices[0].message


def test_a_header_of_weights_makes_a_book_in_percent() -> None:
    book = requested_book("Ticker, Weight\nAAPL, 60\nMSFT, -40")
    assert (book.in_percent, book.holdings) == (True, (Holding("AAPL", 60.0), Holding("MSFT", -40.0)))


@pytest.mark.parametrize("line", ["Cash 12,000", "cash: $5", "TOTAL 100000", "Grand total 5"])
def test_cash_and_totals_are_left_out_and_said(line: str) -> None:
    book = requested_book(f"AAPL 5; {line}")
    assert book.symbols == ("AAPL",)
    assert codes(book) == ["skipped_lines"]
    assert f"'{line}'" in book.notices[0].message


def test_the_ticker_cash_can_be_given_as_an_object() -> None:
    assert holdings([{"symbol": "CASH", "dollars": 5}]) == {"CASH": (5.0, 0.0)}
    assert codes(requested_book({"AAPL": 5, "Cash": 7})) == ["skipped_lines"]


def test_the_same_symbol_is_netted_and_what_nets_to_zero_is_dropped_and_both_are_said() -> None:
    book = requested_book("BRK.B 5; brk/b -2; AMD 10 sh; AMD -10 sh; TSLA 0; X 0.1; X 0.2; X -0.3")
    assert book.holdings == (Holding("BRK.B", 3.0),)
    assert codes(book) == ["netted_positions", "zero_positions"]
    assert "BRK.B, AMD, X" in book.notices[0].message
    assert "AMD, TSLA, X" in book.notices[1].message


def test_dollars_and_shares_of_one_symbol_are_one_holding() -> None:
    assert requested_book("NVDA 1000; NVDA -5 sh").holdings == (Holding("NVDA", 1_000.0, -5.0),)


def test_percentages_that_do_not_add_to_a_hundred_are_said() -> None:
    assert codes(requested_book("AAPL 60%; MSFT -40%")) == []
    assert codes(requested_book("AAPL 60.3%; MSFT -40%")) == []
    scaled = requested_book("AAPL 130%; MSFT -30%")
    assert codes(scaled) == ["percent_scaled"]
    assert "160%" in scaled.notices[0].message


def test_fifty_symbols_are_taken_however_often_they_are_named() -> None:
    assert len(requested_book("\n".join(f"S{number % 50} 5" for number in range(400))).holdings) == 50


PIECES = st.one_of(
    st.sampled_from(
        [
            *UNIT_WORDS,
            "AAPL",
            "BRK/B",
            "short",
            "long",
            "-",
            "$",
            "1,200",
            "5k",
            "200C",
            "#",
            ";",
            ",",
            "\n",
            "%",
            "[",
            "{",
            "cash",
        ]
    ),
    st.text(max_size=6),
    st.integers(-(10**6), 10**6).map(str),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), PIECES),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(PIECES, st.sampled_from(["symbol", "dollars", "shares", "percent", "side"])), inner, max_size=4
        ),
    ),
    max_leaves=12,
)


@given(st.one_of(st.lists(PIECES, max_size=12).map(" ".join), JSON))
@example("\x85AAPL 5")
@example("AAPL\u2028MSFT")
@example({"\x00": "\x1b"})
def test_whatever_is_sent_is_a_book_or_a_printable_sentence(given: Any) -> None:
    try:
        book = requested_book(given)
    except ToolError as refusal:
        assert_a_sentence(str(refusal))
        return
    assert 1 <= len(book.holdings) <= 50
    assert len(set(book.symbols)) == len(book.symbols)
    for one in book.holdings:
        assert math.isfinite(one.dollars)
        assert math.isfinite(one.shares)
        assert one.dollars or one.shares
    for notice in book.notices:
        assert notice.message.isprintable()
        assert not any(unicodedata.category(character).startswith("C") for character in notice.message)


WRITTEN = st.tuples(
    st.sampled_from(["AAPL", "MSFT", "BRK.B", "C", "SH", "NVDA"]),
    st.integers(1, 10**9),
    st.booleans(),
    st.sampled_from(["", " sh", " shares", "$", " usd"]),
)


@given(
    st.lists(WRITTEN, min_size=1, max_size=8, unique_by=lambda one: one[0]), st.sampled_from(["\n", ";", "; ", "\r\n", " # x\n"])
)
def test_a_book_written_out_in_lines_is_read_back(book: list[tuple[str, int, bool, str]], between: str) -> None:
    def line(symbol: str, amount: int, short: bool, unit: str) -> str:
        return f"{'short ' if short else ''}{symbol} {amount:,}{unit}"

    expected = {
        symbol: (0.0, -float(amount) if short else float(amount))
        if unit in (" sh", " shares")
        else (-float(amount) if short else float(amount), 0.0)
        for symbol, amount, short, unit in book
    }
    assert holdings(between.join(line(*one) for one in book)) == expected
    objects = [
        {"symbol": symbol, "shares" if "sh" in unit else "dollars": amount, "side": "short" if short else "long"}
        for symbol, amount, short, unit in book
    ]
    assert holdings(objects) == holdings(json.dumps(objects)) == expected
