"""The plain-table CSV reader: columns, spellings, several chains in a file, and rows that are broken."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from exposure.dealer import DropReason
from exposure.snapshot import MissingReason
from tests.sources.chain_files import (
    CANARY,
    COLUMNS,
    NOON,
    STAMP,
    a_row,
    assert_unusable,
    read,
    table,
    the_chain,
    the_missing,
    write_bytes,
    write_table,
)

PAIR = (a_row(), a_row(right="P"))


def test_every_column_arrives_in_the_chain(tmp_path: Path) -> None:
    write_table(
        tmp_path,
        "chains.csv",
        a_row(strike=105, right="call", open_interest=11, iv=0.22, bid=2.5, ask=2.75, multiplier=10, oi_date="2024-06-04"),
        a_row(strike=95, right="put", open_interest=7, iv=0.31, bid=1.5, ask=1.7, multiplier="", oi_date="2024-06-04"),
    )
    chain = the_chain(tmp_path)
    assert chain.quote_time == STAMP
    assert chain.oi_date == date(2024, 6, 4)
    assert chain.is_call.tolist() == [True, False]
    assert chain.strike.tolist() == [105.0, 95.0]
    assert chain.iv.tolist() == [0.22, 0.31]
    assert chain.open_interest.tolist() == [11.0, 7.0]
    assert chain.bid.tolist() == [2.5, 1.5]
    assert chain.ask.tolist() == [2.75, 1.7]
    assert chain.multiplier.tolist() == [10.0, 100.0]


def test_only_the_required_columns_are_needed(tmp_path: Path) -> None:
    required = COLUMNS[:7]
    write_bytes(tmp_path, "chains.csv", table([a_row(), a_row(right="P")], required))
    missing = the_missing(tmp_path)  # without volatility or quotes there is nothing to price with
    assert missing.reason is MissingReason.UNUSABLE_CHAIN
    assert "2 no_iv" in missing.detail


def test_columns_come_in_any_order_case_and_quoting_and_others_are_ignored(tmp_path: Path) -> None:
    content = (
        '"RIGHT","Strike",note,"Symbol" , Quote_Time,spot,"Expiry",OPEN_INTEREST,IV\n'
        f'"C","100","a, quoted ""{CANARY}""",nvda,{NOON},100,2024-07-05,1000,0.2\n'
        f'"P",100.0,"two\nlines",NVDA,{NOON},100,2024-07-05,1000,0.2\n'
    )
    write_bytes(tmp_path, "chains.csv", content.encode())
    assert len(the_chain(tmp_path)) == 2


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "byte order mark"])
def test_every_line_ending_is_read(tmp_path: Path, newline: str, mark: bytes) -> None:
    write_bytes(tmp_path, "chains.csv", mark + table(PAIR, newline=newline))
    assert the_chain(tmp_path).coverage.used == 2
    assert the_chain(tmp_path).coverage.listed == 2


@pytest.mark.parametrize(("right", "is_call"), [("C", True), ("call", True), (" CALL ", True), ("p", False), ("Put", False)])
def test_a_right_is_forgiven_its_spelling(tmp_path: Path, right: str, is_call: bool) -> None:
    write_table(tmp_path, "chains.csv", a_row(right=right))
    assert the_chain(tmp_path).is_call.tolist() == [is_call]


@pytest.mark.parametrize(
    "changes",
    [
        {"right": "X"},
        {"right": ""},
        {"expiry": "07/05/2024"},
        {"expiry": ""},
        {"strike": "one hundred"},
        {"strike": ""},
        {"strike": "nan"},
        {"strike": -100},
        {"open_interest": ""},
        {"open_interest": "nan"},
        {"open_interest": "1,000".replace(",", " ")},
        {"iv": "n/a"},
        {"bid": CANARY},
        {"spot": 0},
        {"spot": "nan"},
        {"spot": "inf"},
        {"spot": -100},
        {"symbol": ""},
        {"symbol": "???"},
        {"quote_time": ""},
        {"quote_time": "2024-06-05T12:00:00"},
        {"quote_time": "1999-06-04T12:00:00Z"},
        {"quote_time": "yesterday"},
    ],
    ids=str,
)
def test_one_bad_row_is_counted_and_the_others_answer(tmp_path: Path, changes: dict[str, object]) -> None:
    write_table(tmp_path, "chains.csv", a_row(), a_row(strike=101) | changes, a_row(right="P"))
    coverage = the_chain(tmp_path).coverage
    assert coverage.used == 2
    assert coverage.listed == 3
    assert coverage.dropped[DropReason.BAD_ROW].contracts == 1


@pytest.mark.parametrize("cut", [1, 10, 25, -1])
def test_a_table_that_was_cut_off_is_not_answered_from(tmp_path: Path, cut: int) -> None:
    whole = table([a_row(), a_row(right="P"), a_row(strike=101)])
    write_bytes(tmp_path, "NVDA.csv", whole[: whole.rindex(b"\n", 0, -1) + 1 + cut] if cut > 0 else whole[:cut])
    assert_unusable(tmp_path, "NVDA", "NVDA.csv", "as if the file were cut off")


def test_a_number_with_a_thousands_comma_spoils_its_row_and_is_not_read_as_a_smaller_number(tmp_path: Path) -> None:
    good = table([a_row(), a_row(right="P"), a_row(strike=99), a_row(strike=99, right="P"), a_row(strike=98)])
    row = table([a_row(strike=101)]).splitlines()[1]
    write_bytes(tmp_path, "NVDA.csv", good + row + b",560\n")
    coverage = the_chain(tmp_path).coverage
    assert (coverage.listed, coverage.used) == (6, 5)
    assert coverage.dropped[DropReason.BAD_ROW].contracts == 1
    write_bytes(tmp_path, "NVDA.csv", good + row.rpartition(b",")[0] + b"\n")
    assert the_chain(tmp_path).coverage.dropped[DropReason.BAD_ROW].contracts == 1


@pytest.mark.parametrize("absent", COLUMNS[2:7])
def test_a_missing_column_is_named(tmp_path: Path, absent: str) -> None:
    write_bytes(tmp_path, "NVDA.csv", table(PAIR, [column for column in COLUMNS if column != absent]))
    assert_unusable(tmp_path, "NVDA", "NVDA.csv", f"lacks the column {absent}")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"quote_time,strike\n1,2\n", "no known format"),
        (CANARY.encode(), "no known format"),
        (table(PAIR).replace(b",", b";"), "no known format"),
        (table(()), "no row with a symbol and a quote_time"),
        (table(PAIR).replace(b"-04:00", b""), "no row with a symbol and a quote_time"),
        (table(PAIR).replace(b"NVDA", b"NV\xff\xfeDA"), "not UTF-8"),
        (table((a_row(right="X"), a_row(strike="?"))), "none of its 2 rows of NVDA"),
        (table((a_row(), a_row(spot=101, right="P"))), "2 spot prices for NVDA"),
        (b"symbol,quote_time," + b"x" * 200_000 + b"\n", "not a CSV line"),
        (table(PAIR) + b'NVDA,"' + b"x" * 200_000 + b'"\n', "not a CSV line"),
    ],
    ids=["empty", "headless", "words", "semicolons", "no rows", "naive", "not utf-8", "all bad", "spots", "header", "cell"],
)
def test_a_broken_table_is_named_with_its_reason(tmp_path: Path, content: bytes, words: str) -> None:
    write_bytes(tmp_path, "NVDA.csv", content)
    write_table(tmp_path, "AMD.csv", a_row(symbol="AMD"))
    assert_unusable(tmp_path, "NVDA", "NVDA.csv", words)
    assert list(read(tmp_path, "AMD", "NVDA").chains) == ["AMD"]


def test_a_spot_that_contradicts_itself_costs_only_its_own_symbol(tmp_path: Path) -> None:
    write_table(tmp_path, "chains.csv", a_row(), a_row(right="P", spot=101), a_row(symbol="AMD", spot=50, strike=50))
    answer = read(tmp_path, "NVDA", "AMD")
    assert list(answer.chains) == ["AMD"]
    (missing,) = answer.missing
    assert missing.reason is MissingReason.UNUSABLE_CHAIN
    assert "2 spot prices for NVDA" in missing.detail


def test_several_symbols_and_instants_share_a_file(tmp_path: Path) -> None:
    later = "2024-06-05T15:00:00-04:00"
    write_table(
        tmp_path,
        "chains.csv",
        a_row(spot=100),
        a_row(spot=101, quote_time=later),
        a_row(symbol="BRK/B", root="BRK.B", spot=400, strike=400, quote_time=later),
    )
    newest = read(tmp_path, "NVDA", "BRK.B")
    assert {symbol: chain.spot for symbol, chain in newest.chains.items()} == {"NVDA": 101.0, "BRK.B": 400.0}
    assert the_chain(tmp_path, at=STAMP).spot == 100.0


def test_the_root_column_sets_the_clock(tmp_path: Path) -> None:
    rows = [a_row(symbol="SPX", root=root, expiry="2024-06-21") for root in ("spx", "SPXW")]
    write_table(tmp_path, "index.csv", *rows)
    expiries = np.unique(the_chain(tmp_path, "SPX").expiry).astype("datetime64[s]").tolist()
    assert [one.replace(tzinfo=UTC) for one in expiries] == [
        datetime(2024, 6, 21, 13, 30, tzinfo=UTC),
        datetime(2024, 6, 21, 20, 0, tzinfo=UTC),
    ]


def test_adjusted_and_foreign_roots_are_dropped(tmp_path: Path) -> None:
    write_table(tmp_path, "chains.csv", *PAIR, a_row(root="NVDA1"), a_row(root="MRO", strike=99))
    assert the_chain(tmp_path).coverage.dropped[DropReason.ADJUSTED_SERIES].contracts == 2


def test_open_interest_of_different_sessions_has_no_one_date(tmp_path: Path) -> None:
    write_table(tmp_path, "chains.csv", a_row(oi_date="2024-06-04"), a_row(right="P", oi_date="2024-06-03"))
    assert the_chain(tmp_path).oi_date is None


def test_a_table_without_oi_dates_has_none(tmp_path: Path) -> None:
    write_table(tmp_path, "chains.csv", *PAIR)
    assert the_chain(tmp_path).oi_date is None


def test_rows_stamped_seconds_apart_are_refused_rather_than_answered_from_the_last_second(tmp_path: Path) -> None:
    rows = [a_row(strike=90 + second, quote_time=f"2024-06-05T12:00:{second:02d}-04:00") for second in range(20)]
    write_table(tmp_path, "NVDA.csv", *rows)
    assert_unusable(tmp_path, "NVDA", "NVDA.csv", "less than a minute", "NVDA", "one quote_time")


def test_a_minute_apart_is_two_snapshots(tmp_path: Path) -> None:
    write_table(tmp_path, "NVDA.csv", a_row(spot=100), a_row(spot=101, quote_time="2024-06-05T12:01:00-04:00"))
    assert the_chain(tmp_path).spot == 101.0
