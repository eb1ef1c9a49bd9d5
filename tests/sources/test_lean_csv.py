"""LEAN's daily CSV: what is read, what is refused, and the two real days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from exposure.chain import QuoteRows, build_chain
from exposure.dealer import DropReason, ForwardBasis
from server.arguments import IMPORT_FORMATS as NAMES_ON_THE_COMMAND_LINE
from sources.files.formats import UnreadableFileError
from sources.files.import_formats import IMPORT_FORMATS
from sources.files.lean_csv import LeanCsv
from sources.files.reader import FORMATS
from tests import real_data

HEADER = "#expiry,strike,right,open,high,low,close,volume,open_interest,implied_volatility,delta,gamma,vega,theta,rho"
UNDERLYING = ",,,749,750,748,748.54,11492,,,,,,,"
CALL = "20160115,750,C,12,13,11,12.5,100,40,0.25,0.5,0.01,1,-1,1"
PUT = "20160115,750,P,12,13,11,12.5,100,60,0.25,-0.5,0.01,1,-1,1"
NO_INTEREST = "20160115,760,C,12,13,11,12.5,0,,0.25,0.5,0.01,1,-1,1"


def content(*lines: str, header: str = HEADER, end: str = "\n") -> bytes:
    return ("\n".join((header, *lines)) + end).encode()


def rows_of(*lines: str, name: str = "goog_20151224.csv") -> QuoteRows:
    reader, whole = LeanCsv(name), content(*lines)
    (listing,) = reader.listings(whole)
    rows = reader.rows(whole, [listing])[listing]
    assert isinstance(rows, QuoteRows)
    return rows


def test_a_file_is_known_from_the_close_of_its_day_on() -> None:
    for name, symbol, close in (
        ("goog_20151223.csv", "GOOG", datetime(2015, 12, 23, 21, 0, tzinfo=UTC)),
        ("GOOG_20151224.csv", "GOOG", datetime(2015, 12, 24, 18, 0, tzinfo=UTC)),
        ("brk.b_20240605.csv", "BRK.B", datetime(2024, 6, 5, 20, 0, tzinfo=UTC)),
    ):
        (listing,) = LeanCsv.of(Path("folder", name)).listings(content(UNDERLYING, CALL))
        assert (listing.symbol, listing.stamp) == (symbol, close)


def test_the_columns_are_read_and_closing_prices_are_no_quotes() -> None:
    rows = rows_of(UNDERLYING, CALL, PUT, NO_INTEREST)
    assert (rows.symbol, rows.spot, rows.oi_date, rows.unreadable) == ("GOOG", 748.54, None, 0)
    assert rows.quote_time == datetime(2015, 12, 24, 18, 0, tzinfo=UTC)
    assert (list(rows.roots), list(rows.expiry_dates)) == (["GOOG"], [date(2016, 1, 15)])
    assert rows.is_call.tolist() == [True, False, True]
    assert rows.strike.tolist() == [750.0, 750.0, 760.0]
    assert rows.iv.tolist() == [0.25] * 3
    assert rows.open_interest.tolist() == [40.0, 60.0, 0.0]
    assert np.isnan(rows.bid).all()
    assert np.isnan(rows.ask).all()
    assert build_chain(rows).coverage.forward_basis is ForwardBasis.FLAT_RATE


def test_where_zeros_are_written_an_empty_open_interest_is_not_one() -> None:
    rows = rows_of(UNDERLYING, CALL, PUT.replace(",60,", ",0,"), NO_INTEREST)
    np.testing.assert_array_equal(rows.open_interest, [40.0, 0.0, np.nan])


def test_a_row_that_cannot_be_read_is_counted() -> None:
    broken = [CALL.replace("750", "high"), CALL.replace("20160115", "2016-01-15"), CALL + ",1", PUT.replace(",P,", ",X,")]
    rows = rows_of(UNDERLYING, CALL, *broken)
    assert (len(rows.strike), rows.unreadable) == (1, 4)


@pytest.mark.parametrize(
    ("lines", "name", "words"),
    [
        ([CALL], "goog_20151224.csv", "0 rows of the underlying, not one"),
        ([UNDERLYING, UNDERLYING, CALL], "goog_20151224.csv", "2 rows of the underlying, not one"),
        ([UNDERLYING.replace("748.54", ""), CALL], "goog_20151224.csv", "price of the underlying"),
        ([UNDERLYING], "goog_20151224.csv", "no row of an option"),
        ([UNDERLYING, CALL], "goog.csv", "its name does not say"),
        ([UNDERLYING, CALL], "goog_20151225.csv", "2015-12-25, on which there was no session"),
        ([UNDERLYING, CALL], "goog_20151341.csv", "its name does not say"),
        ([UNDERLYING, CALL.replace("0.25", "25"), PUT.replace("0.25", "25")], "goog_20151224.csv", "percentages"),
    ],
)
def test_a_file_that_does_not_say_enough_is_refused(lines: Sequence[str], name: str, words: str) -> None:
    with pytest.raises(UnreadableFileError, match=words):
        rows_of(*lines, name=name)


def test_a_file_that_was_cut_off_or_lacks_a_column_is_refused() -> None:
    reader = LeanCsv("goog_20151224.csv")
    for whole, words in (
        (content(UNDERLYING, CALL, end=""), "cut off"),
        (content(UNDERLYING, CALL, header=HEADER.replace("open_interest", "held")), "lacks the column open_interest"),
        (b"\xff\xfe", "not UTF-8"),
    ):
        with pytest.raises(UnreadableFileError, match=words):
            reader.listings(whole)


def test_it_recognises_its_own_files_alone_and_every_format_has_a_name() -> None:
    reader = LeanCsv("goog_20151224.csv")
    assert reader.recognises(Path("goog_20151224.csv"), content(UNDERLYING))
    assert not reader.recognises(Path("nvda.csv"), b"symbol,quote_time,spot,expiry,strike,right,open_interest\n")
    assert not reader.recognises(Path("nvda.csv"), b"expiry,strike,right,close,open_interest,implied_volatility\n")
    assert (*IMPORT_FORMATS, "auto") == NAMES_ON_THE_COMMAND_LINE
    built = {type(build(Path("x"))) for build in IMPORT_FORMATS.values()}
    assert built == {*FORMATS, LeanCsv}


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "call", "put"), [("goog_20151223", 52.580e6, 22.776e6), ("goog_20151224", 42.681e6, 30.461e6)])
def test_the_real_days_come_near_what_the_gammas_in_the_file_say(name: str, call: float, put: float) -> None:
    """The file's gammas are of another rate and count contracts whose volatility it could not solve as none."""
    from exposure.legs import measure

    path = real_data.FOLDER / "lean" / f"{name}.csv"
    reader, whole = LeanCsv.of(path), path.read_bytes()
    (listing,) = reader.listings(whole)
    rows = reader.rows(whole, [listing])[listing]
    assert isinstance(rows, QuoteRows)
    assert rows.unreadable == 0
    chain = build_chain(rows)
    assert set(chain.coverage.dropped) == {DropReason.NO_IV}
    exposure = measure(chain).gamma()
    assert exposure is not None
    gross = call + put
    assert abs(exposure.total.call - call) < 0.06 * gross
    assert abs(exposure.total.put - put) < 0.06 * gross
