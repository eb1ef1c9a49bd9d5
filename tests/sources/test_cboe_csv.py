"""The reader of Cboe's quote table: each variant of its first lines, what spreadsheets make of it, and files that are broken."""

from __future__ import annotations

import csv
import io
import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from exposure.chain import QuoteRows, build_chain
from exposure.dealer import DropReason
from sources.files.cboe_csv import CboeCsv
from sources.files.cboe_json import CboeJson
from sources.files.formats import UnreadableFileError
from tests import real_data
from tests.sources.cboe_files import HEADER, a_file, a_line, a_table, an_option, columns, encoded
from tests.sources.chain_files import (
    CANARY,
    assert_discreet,
    read,
    the_chain,
    the_missing,
    write_bytes,
    write_json,
)

NOON = datetime(2024, 6, 5, 16, 0, tzinfo=UTC)


def rows(content: str | bytes) -> QuoteRows:
    """The rows of a file that has to be read."""
    raw = content.encode() if isinstance(content, str) else content
    assert CboeCsv().recognises(Path("quotedata.csv"), raw[:4096])
    (listing,) = CboeCsv().listings(raw)
    found = CboeCsv().rows(raw, [listing])[listing]
    assert isinstance(found, QuoteRows)
    assert found.symbol == listing.symbol
    assert found.quote_time == listing.quote_time
    return found


@pytest.mark.parametrize(
    "content",
    [
        a_table(),
        a_table(first="---Example Data---"),
        a_table().removeprefix("\n"),
        a_table(date="June 5 2024, 12:15 PM EDT"),
        a_table(date="June 5 2024, 12:15 PM EDT", quoted=False),
        a_table(date="2024年6月5日 GMT-4 12:15", quoted=False),
        a_table(last="100.00", volume="71,039,449").replace("Volume: 71,039,449", '"Volume: 71,039,449"'),
        a_table(volume="71\u202f039\u202f449"),
        a_table(header=HEADER.upper()),
        a_table(header=re.sub(r"(Strike,.*)", lambda found: re.sub(r"(IV|Bid|Ask|Open Interest)", r"\1.1", found[1]), HEADER)),
        a_table(header=HEADER + ",Remarks"),
    ],
    ids=[
        "blank first line",
        "example data",
        "no first line",
        "date without at",
        "date in two cells",
        "Chinese date",
        "quoted volume",
        "thin blanks",
        "capitals",
        "pandas",
        "more columns",
    ],
)
def test_every_variant_of_the_first_lines_is_read(content: str) -> None:
    found = rows(content)
    assert (found.symbol, found.spot, found.quote_time, found.oi_date) == ("NVDA", 100.0, NOON, date(2024, 6, 4))
    assert columns(found) == columns(rows(a_table()))
    assert found.unreadable == 0


def test_every_column_arrives_in_the_chain(tmp_path: Path) -> None:
    line = a_line(
        95.5,
        call_bid="1.5",
        call_ask="1.7",
        call_iv="0.31",
        call_open_interest="7",
        put_bid="2.5",
        put_ask="2.75",
        put_iv="0.22",
        put_open_interest="11",
    )
    write_bytes(tmp_path, "nvda_quotedata.csv", a_table([line]).encode())
    chain = the_chain(tmp_path)
    assert chain.quote_time == NOON
    assert chain.is_call.tolist() == [True, False]
    assert chain.strike.tolist() == [95.5, 95.5]
    assert chain.open_interest.tolist() == [7.0, 11.0]
    assert chain.bid.tolist() == [1.5, 2.5]
    assert chain.ask.tolist() == [1.7, 2.75]
    assert chain.iv.tolist() == [0.22, 0.22]  # the out-of-the-money side's
    found = rows(a_table([line]))
    assert found.iv.tolist() == [0.31, 0.22]


LINES = [a_line(strike, call_open_interest=str(int(strike) * 1000)) for strike in (90.0, 97.5, 100.0, 102.5, 110.0)]
PLAIN = a_table(LINES, last="100.25")


def cells() -> list[list[str]]:
    return list(csv.reader(io.StringIO(PLAIN)))


def saved(delimiter: str = ",", quoting: int = csv.QUOTE_MINIMAL, change: Callable[[str], str] = str, more: int = 0) -> str:
    """The plain file as a spreadsheet saves it again, each cell of the table changed."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")  # type: ignore[arg-type]
    table = cells()
    start = next(number for number, line in enumerate(table) if "Strike" in line)
    for number, line in enumerate(table):
        width = len(table[start]) + more if number else 0
        written = [change(cell) if number > start else cell for cell in line]
        writer.writerow(written + [""] * (width - len(written)))
    return out.getvalue()


def decimal_comma(cell: str) -> str:
    return re.sub(r"^(-?\d*)\.(\d+)$", r"\1,\2", cell)


def with_groups(mark: str, point: str) -> Callable[[str], str]:
    """Numbers as a locale writes them: `mark` between groups of three, `point` before decimals."""

    def write(cell: str) -> str:
        if not re.fullmatch(r"\d+(\.\d+)?", cell):
            return cell
        whole, _, decimals = cell.partition(".")
        grouped = f"{int(whole):,}".replace(",", mark)
        return f"{grouped}{point}{decimals}" if decimals else grouped

    return write


def wrapped() -> str:
    """Each line in one quoted cell, as a spreadsheet that splits at semicolons saves a comma-separated file."""
    return "".join('"' + line.replace('"', '""') + '"\r\n' for line in PLAIN.splitlines())


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace("\n", "\n\n").encode(),
        saved(quoting=csv.QUOTE_ALL).encode(),
        saved(more=7).encode(),
        saved(";").encode(),
        saved("\t").encode(),
        saved(";", change=decimal_comma).encode(),
        saved(";", change=with_groups(".", ",")).encode(),
        saved(";", change=with_groups("\u202f", ",")).encode(),
        saved(";", change=with_groups("\u2009", ",")).encode(),
        saved(";", change=with_groups("’", ".")).encode(),
        saved(";", change=with_groups("\xa0", ",")).encode("cp1252"),
        saved(",", change=with_groups(",", ".")).encode(),
        saved(",", change=decimal_comma).encode(),
        saved("\t", change=decimal_comma).encode("utf-16"),
        wrapped().encode(),
        saved(change=lambda cell: cell.removesuffix(".00")).encode(),
        saved(change=lambda cell: cell.replace("Fri Jul 05 2024", "ven. 05/07/2024")).encode(),
        saved(change=lambda cell: cell.replace("NVDA2", "NVDA  2")).encode(),
        saved(change=lambda cell: cell.replace("NVDA2", ".NVDA2")).encode(),
        saved(change=lambda cell: f"{cell}.X" if cell.startswith("NVDA") else cell).encode(),
        saved(";", change=decimal_comma).replace("Last: 100.25", "Last: 100,25").encode(),
    ],
    ids=[
        "byte order mark",
        "windows",
        "old mac",
        "blank lines",
        "all quoted",
        "empty columns",
        "semicolons",
        "tabs",
        "decimal commas",
        "points for thousands",
        "narrow blanks",
        "thin blanks",
        "Swiss",
        "not UTF-8",
        "thousands",
        "quoted decimal commas",
        "UTF-16",
        "wrapped",
        "no decimals",
        "dates of a locale",
        "padded roots",
        "points before",
        "X behind",
        "Last with a comma",
    ],
)
def test_a_file_saved_again_by_a_spreadsheet_is_the_same_chain(content: bytes) -> None:
    found = rows(content)
    assert columns(found) == columns(rows(PLAIN))
    assert (found.spot, found.quote_time, found.unreadable) == (100.25, NOON, 0)


def test_dates_that_a_spreadsheet_made_of_prices_are_unknown_prices() -> None:
    line = a_line(call_bid="2. Mai", call_iv="#####", put_open_interest="Jan 93")
    found = rows(a_table([a_line(90.0), line]))
    assert np.isnan(found.bid[1])
    assert np.isnan(found.iv[1])
    assert build_chain(found).coverage.dropped[DropReason.BAD_ROW].contracts == 1


@pytest.mark.parametrize(
    ("roots", "symbol"),
    [
        (("SPX", "SPXW"), "SPX"),
        (("SPXW",), "SPX"),
        (("NDXP",), "NDX"),
        (("RUTW", "RUT"), "RUT"),
        (("SPXC",), "SPXC"),
        (("SPXL", "SPXL1"), "SPXL"),
        (("BRKB",), "BRK.B"),
        (("AMD1", "AMD", "AMD2"), "AMD"),
        (("XSP",), "XSP"),
    ],
)
def test_the_underlying_is_known_from_the_roots(roots: tuple[str, ...], symbol: str) -> None:
    assert rows(a_table([a_line(root=root) for root in roots])).symbol == symbol


def test_roots_set_the_clock_and_adjusted_series_are_dropped(tmp_path: Path) -> None:
    lines = [a_line(expiry="2024-06-21", root=root) for root in ("SPX", "SPXW", "SPX1")]
    write_bytes(tmp_path, "spx_quotedata.csv", a_table(lines).encode())
    chain = the_chain(tmp_path, "SPX")
    assert np.unique(chain.expiry).astype(str).tolist() == ["2024-06-21T13:30:00", "2024-06-21T20:00:00"]
    assert chain.coverage.dropped[DropReason.ADJUSTED_SERIES].contracts == 2


@pytest.mark.parametrize(
    ("page", "expired"), [("4:10 PM", False), ("4:14 PM", False), ("4:16 PM", True), ("4:31 PM", True), ("9:05 PM", True)]
)
def test_what_expires_today_counts_until_the_quotes_are_those_of_the_close(tmp_path: Path, page: str, expired: bool) -> None:
    lines = [a_line(expiry="2024-06-05", root="SPY"), a_line(root="SPY")]
    write_bytes(tmp_path, "spy_quotedata.csv", a_table(lines, date=f"June 5, 2024 at {page} EDT").encode())
    dropped = the_chain(tmp_path, "SPY").coverage.dropped
    assert (DropReason.EXPIRED in dropped) == expired


def test_the_same_page_as_json_and_as_csv_is_the_same_chain() -> None:
    table = rows(a_table())
    document = CboeJson().rows_of(encoded(a_file(options=[an_option(), an_option(side="put")]))).rows
    assert columns(table) == columns(document)
    assert (table.quote_time, table.oi_date, table.spot) == (document.quote_time, document.oi_date, document.spot)


@pytest.mark.parametrize(
    "line",
    [
        CANARY,
        ",".join([CANARY] * 22),
        "," * 21 + CANARY,
        a_line().rsplit(",", 9)[0],
        a_line(call_symbol="NVDA240705X00100000", put_symbol=CANARY),
        a_line(call_symbol="x" * 100_000),
    ],
    ids=["one cell", "words", "last cell", "half a line", "no symbols", "huge"],
)
def test_one_bad_line_is_counted_and_the_others_answer(tmp_path: Path, line: str) -> None:
    write_bytes(tmp_path, "NVDA.csv", a_table([a_line(99.0), line, a_line(101.0)]).encode())
    coverage = the_chain(tmp_path).coverage
    assert coverage.listed == 6
    assert coverage.used in (4, 5)
    assert coverage.dropped[DropReason.BAD_ROW].contracts == 6 - coverage.used


def above(table: str) -> str:
    """The column names and the table, without what is above them."""
    return table[table.index("Expiration") :]


BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "Cboe's refusal": (b"<?xml version='1.0'?><Error>" + CANARY.encode() + b"</Error>\n", "no known format"),
    "web page": (b"<!DOCTYPE html><html>" + CANARY.encode(), "no known format"),
    "no column names": (PLAIN.replace(HEADER + "\n", "").encode(), "no known format"),
    "no lines above": (above(PLAIN).encode(), "does not say when it was downloaded"),
    "no date line": (re.sub(r'"Date.*\n', "", PLAIN).encode(), "put Cboe's date line back above the column names"),
    "no price line": (re.sub(r"NVIDIA.*\n", "", PLAIN).encode(), "put Cboe's line with Last: back"),
    "price in words": (a_table(last=CANARY).encode(), "price of the underlying"),
    "price of zero": (a_table(last="0").encode(), "price of the underlying"),
    "price split in two": (a_table([a_line(4000.0)], last="4,012.5").encode(), "price of the underlying"),
    "cut in the last line": (PLAIN[:-30].encode(), "as if the file were cut off"),
    "cut in the last number": (PLAIN[:-2].encode(), "as if the file were cut off"),
    "cut in the column names": (PLAIN[: PLAIN.index("Open Interest") + 20].encode(), "known format|cut off"),
    "no lines below": (a_table([]).encode(), "no row with an option symbol"),
    "no symbols": (PLAIN.replace("NVDA2", "?").encode(), "no row with an option symbol"),
    "only adjusted": (PLAIN.replace("NVDA2", "NVDA12").encode(), "no row with an option symbol"),
    "no open interest": (
        a_table(header="Open Interest".join(HEADER.rsplit("Open Interest", 1)[:1]) + "X").encode(),
        "of the puts",
    ),
    "puts first": (a_table(header=HEADER.replace("Calls", "#").replace("Puts", "Calls").replace("#", "Puts")).encode(), "order"),
    "far future": (a_table(date="June 5, 9999 at 12:15 PM EDT").encode(), "trading calendar"),
    "huge cell": (a_table([a_line(call_bid='"' + "1" * 200_000)]).encode(), "not a CSV line"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_table_is_named_with_its_reason_and_the_others_answer(tmp_path: Path, kind: str) -> None:
    content, words = BROKEN[kind]
    write_bytes(tmp_path, "nvda_quotedata.csv", content)
    write_bytes(tmp_path, "amd_quotedata.csv", a_table([a_line(root="AMD")]).encode())
    write_json(tmp_path, "TSM.json", a_file("TSM"))
    assert set(read(tmp_path, "AMD", "TSM", "NVDA").chains) == {"AMD", "TSM"}
    missing = the_missing(tmp_path)
    assert "nvda_quotedata.csv" in missing.detail
    assert re.search(words, missing.detail)
    if CboeCsv().recognises(Path("nvda_quotedata.csv"), content[:4096]):
        with pytest.raises(UnreadableFileError) as refused:
            rows(content)
        assert_discreet(f"{refused.value}.", tmp_path)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_lines_does_not_matter(seed: int) -> None:
    lines = [
        a_line(strike, expiry, root, call_iv=str(0.2 + strike / 1000), put_open_interest=str(strike))
        for strike in (90.0, 100.0, 110.0)
        for expiry in ("2024-06-21", "2024-07-19")
        for root in ("SPX", "SPXW")
    ]
    ordered = rows(a_table(lines))
    random.Random(seed).shuffle(lines)
    shuffled = rows(a_table(lines))
    assert columns(shuffled) == columns(ordered)
    one, other = build_chain(ordered), build_chain(shuffled)
    for name in ("expiry", "is_call", "strike", "iv", "open_interest", "bid", "ask"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("cut", range(0, len(PLAIN), 37))
def test_a_file_cut_anywhere_is_refused_or_loses_whole_lines(cut: int) -> None:
    whole = columns(rows(PLAIN))
    try:
        found = columns(rows(PLAIN[:cut])) if CboeCsv().recognises(Path("a.csv"), PLAIN[:cut].encode()) else {}
    except UnreadableFileError:
        return
    assert found.items() <= whole.items()


def test_a_file_replaced_between_listing_and_reading_is_not_answered_under_the_old_stamp() -> None:
    reader = CboeCsv()
    (listing,) = reader.listings(PLAIN.encode())
    found = reader.rows(a_table(date="June 5, 2024 at 1:15 PM EDT").encode(), [listing])[listing]
    assert isinstance(found, UnreadableFileError)
    assert "changed while it was being read" in str(found)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "stamp", "spot", "counts"),
    [
        ("spx_quotedata_2022-02-05", "2022-02-06T01:09", 4500.5298, {"SPX": 7536, "SPXW": 12978}),
        ("spx_quotedata_2022-12-12", "2022-12-13T01:30", 3990.5601, {"SPX": 6394, "SPXW": 12762}),
        ("ndx_quotedata_2022-12-12", "2022-12-13T01:31", 11706.4395, {"NDX": 6096, "NDXP": 13022}),
        ("rut_quotedata_2022-12-12", "2022-12-13T01:30", 1817.4937, {"RUT": 2092, "RUTW": 5242}),
        ("spx_quotedata_2024-01-07", "2024-01-07T15:52", 4697.2402, {"SPX": 6556, "SPXW": 14482}),
        ("spy_quotedata_2023-09-14", "2023-09-14T20:31", 450.81, {"SPY": 7292}),
        ("spy_quotedata_2025-09-25", "2025-09-26T01:05", 658.05, {"SPY": 3716}),
    ],
)
def test_every_recorded_table_is_read_whole(name: str, stamp: str, spot: float, counts: dict[str, int]) -> None:
    content = (real_data.FOLDER / "cboe" / f"{name}.csv").read_bytes()
    (listing,) = CboeCsv().listings(content)
    assert listing.stamp == datetime.fromisoformat(stamp).replace(tzinfo=UTC)
    found = rows(content)
    assert found.spot == spot
    assert dict(zip(found.roots, np.bincount(found.root_index).tolist(), strict=True)) == counts
    assert found.unreadable == 0
    assert np.isfinite(found.open_interest).all()
