"""The reader of Cboe's delayed-quote JSON: its clock, its symbols, its zeros, and files that are broken or are none."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exposure.chain import build_chain
from exposure.dealer import DropReason
from exposure.sessions import eastern
from exposure.snapshot import MissingReason
from sources.files.cboe_json import CboeJson, CboeQuotes
from sources.files.formats import UnreadableFileError
from sources.files.quote_list_json import QuoteListJson
from tests import real_data
from tests.sources.cboe_files import a_file, an_option, columns, encoded
from tests.sources.chain_files import (
    CANARY,
    a_document,
    a_quote,
    assert_discreet,
    assert_unusable,
    read,
    the_chain,
    the_missing,
    write_bytes,
    write_json,
)

NOON = datetime(2024, 6, 5, 16, 0, tzinfo=UTC)
REFUSAL = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>" + CANARY.encode() + b"</Message></Error>"


def quotes(symbol: str = "NVDA", options: Any = None, **more: Any) -> CboeQuotes:
    return CboeJson().rows_of(encoded(a_file(symbol, options, **more)))


@pytest.mark.real_data
def test_the_recorded_russell_file_is_read_whole() -> None:
    found = CboeJson().rows_of((real_data.FOLDER / "cboe" / "rut_quotedata_2023-09-20.json").read_bytes())
    rows = found.rows
    assert found.listing.symbol == "RUT"
    assert found.listing.stamp == datetime(2023, 9, 21, 3, 17, 42, tzinfo=UTC)
    assert found.last_trade_time == datetime(2023, 9, 20, 20, 15, 4, tzinfo=UTC)
    assert not found.stale
    assert rows.quote_time == datetime(2023, 9, 20, 20, 0, tzinfo=UTC)
    assert rows.oi_date == date(2023, 9, 19)
    assert rows.spot == 1806.1193
    assert (len(rows.strike), rows.unreadable) == (6680, 0)
    assert dict(zip(rows.roots, np.bincount(rows.root_index), strict=True)) == {"RUT": 1472, "RUTW": 5208}
    assert len(rows.expiry_dates) == 26
    assert np.count_nonzero(rows.open_interest > 0) == 2821
    assert np.count_nonzero(np.isnan(rows.iv)) == 1015
    coverage = build_chain(rows).coverage
    assert coverage.listed == 6680
    assert coverage.seen == 2821


@pytest.mark.real_data
def test_quote_lists_are_not_taken_for_cboe_files() -> None:
    for path in sorted(real_data.US_CLOSE.glob("*.json"))[:10]:
        with path.open("rb") as file:
            assert not CboeJson().recognises(path, file.read(4096))


@pytest.mark.parametrize(
    ("timestamp", "quote_time", "oi_date"),
    [
        pytest.param("2024-06-05 16:15:00", eastern(date(2024, 6, 5), 12), date(2024, 6, 4), id="noon"),
        pytest.param("2024-06-05 13:45:00", eastern(date(2024, 6, 5), 9, 30), date(2024, 6, 4), id="first quotes"),
        pytest.param("2024-06-05 13:44:00", eastern(date(2024, 6, 4), 16), None, id="open, quotes from before"),
        pytest.param("2024-06-05 10:30:00", eastern(date(2024, 6, 4), 16), None, id="new open interest may be in"),
        pytest.param("2024-06-05 10:29:59", eastern(date(2024, 6, 4), 16), date(2024, 6, 3), id="before it is known"),
        pytest.param("2024-06-05 20:10:00", eastern(date(2024, 6, 5), 15, 55), date(2024, 6, 4), id="five to close"),
        pytest.param("2024-06-05 20:31:00", eastern(date(2024, 6, 5), 16), date(2024, 6, 4), id="after the close"),
        pytest.param("2024-06-06 03:17:42", eastern(date(2024, 6, 5), 16), date(2024, 6, 4), id="evening"),
        pytest.param("2024-06-09 16:00:00", eastern(date(2024, 6, 7), 16), date(2024, 6, 6), id="Sunday"),
        pytest.param("2024-06-10 12:00:00", eastern(date(2024, 6, 7), 16), None, id="Monday morning"),
        pytest.param("2024-07-03 18:00:00", eastern(date(2024, 7, 3), 13), date(2024, 7, 2), id="half day"),
        pytest.param("2024-07-04 16:00:00", eastern(date(2024, 7, 3), 13), date(2024, 7, 2), id="holiday"),
    ],
)
def test_quotes_are_a_quarter_of_an_hour_old_and_never_later_than_the_close(
    timestamp: str, quote_time: datetime, oi_date: date | None
) -> None:
    found = quotes(timestamp=timestamp)
    assert found.rows.quote_time == quote_time == found.listing.quote_time
    assert found.rows.oi_date == oi_date
    assert found.listing.stamp.isoformat(" ") == f"{timestamp}+00:00"
    assert found.last_trade_time is None
    assert not found.stale


@pytest.mark.parametrize(
    ("last_trade", "quote_time", "stale"),
    [
        ("2024-06-05T11:59:58", NOON, False),
        ("2024-06-05T09:30:00", NOON, False),
        ("2024-06-05T15:59:58Z", NOON, False),
        ("2024-06-06T11:00:00", NOON, False),
        ("2024-06-05T09:12:00", eastern(date(2024, 6, 4), 16), True),
        ("2024-06-04T16:14:59", eastern(date(2024, 6, 4), 16), True),
        ("2024-05-31T10:00:00", eastern(date(2024, 5, 31), 16), True),
        (None, NOON, False),
        ("", NOON, False),
        ("yesterday", NOON, False),
        ("0001-01-01T00:00:00", NOON, False),
    ],
)
def test_quotes_are_not_newer_than_the_session_of_the_last_trade(
    last_trade: str | None, quote_time: datetime, stale: bool
) -> None:
    found = quotes(last_trade_time=last_trade)
    assert (found.rows.quote_time, found.stale) == (quote_time, stale)
    assert found.rows.oi_date == (None if stale else date(2024, 6, 4))


def test_the_last_trade_is_told_in_utc() -> None:
    assert quotes(last_trade_time="2024-01-05T16:15:04").last_trade_time == datetime(2024, 1, 5, 21, 15, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timestamp", "close", "spot"),
    [
        ("2024-06-05 16:15:00", 90.0, 100.0),
        ("2024-06-05 20:15:00", 90.0, 100.0),
        ("2024-06-05 20:16:00", 90.0, 90.0),
        ("2024-06-05 12:00:00", 90.0, 90.0),
        ("2024-06-05 23:00:00", 0.0, 100.0),
        ("2024-06-05 23:00:00", None, 100.0),
    ],
)
def test_outside_the_session_the_spot_is_the_close_and_not_an_extended_print(
    timestamp: str, close: float | None, spot: float
) -> None:
    assert quotes(timestamp=timestamp, close=close).rows.spot == spot


def test_every_field_arrives_in_the_chain(tmp_path: Path) -> None:
    options = [
        an_option(105.5, bid=2.5, ask=2.75, iv=0.22, open_interest=11),
        an_option(95, "put", bid=1.5, ask=1.7, iv=0.31, open_interest=7),
    ]
    write_json(tmp_path, "NVDA.json", a_file(options=options))
    chain = the_chain(tmp_path)
    assert chain.quote_time == NOON
    assert chain.oi_date == date(2024, 6, 4)
    assert chain.is_call.tolist() == [True, False]
    assert chain.strike.tolist() == [105.5, 95.0]
    assert chain.iv.tolist() == [0.22, 0.31]
    assert chain.open_interest.tolist() == [11.0, 7.0]
    assert chain.bid.tolist() == [2.5, 1.5]
    assert chain.ask.tolist() == [2.75, 1.7]
    assert chain.multiplier.tolist() == [100.0, 100.0]


def test_a_zero_is_no_quote_and_no_volatility_but_open_interest_of_none() -> None:
    rows = quotes(options=[an_option(bid=0.0, ask=0.0, iv=0.0, open_interest=0.0)]).rows
    assert np.isnan([rows.bid[0], rows.ask[0], rows.iv[0]]).all()
    assert rows.open_interest[0] == 0.0


def test_fields_may_come_in_any_order_and_unknown_or_absent_ones_do_no_harm() -> None:
    document = a_file()
    document["data"] = dict(reversed(document["data"].items())) | {"seqno": 24779967867, "new": {"deep": [CANARY]}}
    document = dict(reversed(document.items())) | {"version": None}
    for option in document["data"]["options"]:
        for name in ("bid", "volume", "last_trade_time"):
            del option[name]
        option["exchange"] = {"id": 1}
    for name in ("close", "last_trade_time", "symbol"):
        del document["data"][name]
    content = encoded(document)
    assert CboeJson().recognises(Path("NVDA.json"), content[:4096])
    assert len(CboeJson().rows_of(content).rows.strike) == 2


@pytest.mark.parametrize(
    ("top", "inside", "root", "symbol"),
    [
        ("_RUT", "^RUT", "RUTW", "RUT"),
        (None, "^RUT", "RUTW", "RUT"),
        ("aapl", None, "AAPL", "AAPL"),
        ("BRK.B", None, "BRKB", "BRK.B"),
        ("BRKB", "BRK/B", "BRKB", "BRK.B"),
        ("_SPX", "^SPX", "SPXW", "SPX"),
    ],
)
def test_a_symbol_is_known_in_each_of_its_spellings(top: str | None, inside: str | None, root: str, symbol: str) -> None:
    document = a_file(options=[an_option(root=root)], symbol=inside) | {"symbol": top}
    found = CboeJson().rows_of(encoded(document))
    assert found.listing.symbol == found.rows.symbol == symbol
    assert found.rows.roots == [root]
    assert build_chain(found.rows).coverage.dropped == {}


def test_roots_of_one_file_set_the_clock_and_adjusted_series_are_dropped(tmp_path: Path) -> None:
    options = [an_option(expiry="2024-06-21", root=root) for root in ("SPX", "SPXW", "SPX1")]
    write_json(tmp_path, "_SPX.json", a_file("_SPX", options))
    chain = the_chain(tmp_path, "SPX")
    assert np.unique(chain.expiry).astype(str).tolist() == ["2024-06-21T13:30:00", "2024-06-21T20:00:00"]
    assert chain.coverage.dropped[DropReason.ADJUSTED_SERIES].contracts == 1


@pytest.mark.parametrize("published", ["20:10", "20:20", "20:31"])
def test_a_fund_that_trades_until_a_quarter_past_four_still_expires_at_four(tmp_path: Path, published: str) -> None:
    options = [an_option(expiry="2024-06-05", root="SPY"), an_option(root="SPY")]
    write_json(tmp_path, "SPY.json", a_file("SPY", options, timestamp=f"2024-06-05 {published}:00"))
    dropped = the_chain(tmp_path, "SPY").coverage.dropped
    assert (DropReason.EXPIRED in dropped) == (published != "20:10")


@pytest.mark.parametrize(
    "option",
    [
        CANARY,
        None,
        {},
        {"option": None},
        {"option": 7},
        an_option(bid=CANARY),
        an_option(open_interest=[1]),
        an_option() | {"option": ""},
        an_option() | {"option": "240705C00100000"},
        an_option() | {"option": "NVDA240705X00100000"},
        an_option() | {"option": "NVDA241305C00100000"},
        an_option() | {"option": "NVDA240230C00100000"},
        an_option() | {"option": "NVDA240705C0010000O"},
        an_option() | {"option": "NVDA240705C00100000\0"},
        an_option() | {"option": "Ñ" * 4 + "240705C00100000"},
        an_option() | {"option": "NVDA٢٤٠٧٠٥C00100000"},
        an_option() | {"option": "N" * 1_000_000 + "240705C00100000"},
        an_option() | {"option": "...240705C00100000"},
    ],
    ids=lambda option: str(option)[:40],
)
def test_one_bad_option_is_counted_and_the_others_answer(tmp_path: Path, option: Any) -> None:
    write_json(tmp_path, "NVDA.json", a_file(options=[an_option(), option, an_option(side="put")]))
    coverage = the_chain(tmp_path).coverage
    assert (coverage.listed, coverage.used) == (3, 2)
    assert coverage.dropped[DropReason.BAD_ROW].contracts == 1


def test_an_option_without_open_interest_is_a_bad_row() -> None:
    found = quotes(options=[an_option(), an_option(side="put", open_interest=None)])
    assert build_chain(found.rows).coverage.dropped[DropReason.BAD_ROW].contracts == 1


WHOLE = encoded(a_file())


DEEP = b'"deep":' + b"[" * 200_000 + b"]" * 200_000 + b',"iv30":'
BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not a complete file"),
    "last byte gone": (WHOLE[:-1], "not a complete file"),
    "half": (WHOLE[: len(WHOLE) // 2], "not a complete file"),
    "Cboe's refusal": (REFUSAL, "not a complete file"),
    "web page": (b"<!DOCTYPE html><html>" + CANARY.encode(), "not a complete file"),
    "list": (b"[]", "not a complete file"),
    "null": (b"null", "not a complete file"),
    "endless": (b'{"a":' * 100_000, "nested too deeply"),
    "deep": (WHOLE.replace(b'"iv30":', DEEP), "nested too deeply"),
    "not UTF-8": (WHOLE.replace(b'"symbol":"NVDA"', b'"symbol":"\xff\xfe"'), "not UTF-8|complete file"),
    "no timestamp": (encoded(a_file(timestamp=None)), "timestamp"),
    "words for a timestamp": (encoded(a_file(timestamp=CANARY)), "timestamp is not a date"),
    "far future": (encoded(a_file(timestamp="9999-12-31 23:59:59")), "outside the trading calendar"),
    "year one": (encoded(a_file(timestamp="0001-01-01 00:00:00")), "outside the trading calendar"),
    "no symbol": (encoded(a_file(symbol="") | {"symbol": ""}), "symbol is missing"),
    "no price": (encoded(a_file(current_price=None)), "price of the underlying"),
    "price of zero": (encoded(a_file(current_price=0.0)), "price of the underlying"),
    "words for a price": (encoded(a_file(current_price=CANARY)), "not a complete file"),
    "no options": (encoded(a_file(options=[])), "no row with an option symbol"),
    "words for options": (encoded(a_file(options=[CANARY])), "no row with an option symbol"),
    "no data": (encoded({**a_file(), "data": None}), "not a complete file"),
    "options no list": (encoded({**a_file(), "data": {"options": CANARY}}), "not a complete file"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_bytes_that_are_no_whole_file_are_refused_with_a_sentence(kind: str, tmp_path: Path) -> None:
    content, words = BROKEN[kind]
    with pytest.raises(UnreadableFileError, match=words) as refused:
        CboeJson().rows_of(content)
    assert_discreet(f"{refused.value}.", tmp_path)
    if kind != "endless":  # its first bytes name no format, so that another reader gets it
        write_bytes(tmp_path, "NVDA.json", content)
    write_json(tmp_path, "AMD.json", a_file("AMD"))
    answer = read(tmp_path, "AMD", "NVDA")
    assert list(answer.chains) == ["AMD"]
    if kind != "endless":
        assert_unusable(tmp_path, "NVDA", "NVDA.json")


def test_a_quote_list_is_not_a_file_of_cboes() -> None:
    with pytest.raises(UnreadableFileError, match="not a complete file"):
        CboeJson().rows_of(encoded(a_document()))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_options_does_not_matter(seed: int) -> None:
    options = [
        an_option(strike, side, expiry, root, iv=0.2 + strike / 1000, open_interest=strike)
        for strike in (90.0, 100.0, 110.0)
        for side in ("call", "put")
        for expiry in ("2024-06-21", "2024-07-19")
        for root in ("SPX", "SPXW")
    ]
    ordered = quotes("_SPX", options).rows
    random.Random(seed).shuffle(options)
    shuffled = quotes("_SPX", options).rows
    assert columns(shuffled) == columns(ordered)
    one, other = build_chain(ordered), build_chain(shuffled)
    for name in ("expiry", "is_call", "strike", "iv", "open_interest", "bid", "ask"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_stale_file_is_of_its_own_session_among_the_others(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA.json", a_file(last_trade_time="2024-06-05T11:59:00"))
    write_json(tmp_path, "AMD.json", a_file("AMD", last_trade_time="2024-06-03T15:59:00"))
    answer = read(tmp_path, "NVDA", "AMD")
    assert list(answer.chains) == ["NVDA"]
    assert answer.missing[0].reason is MissingReason.STALE
    assert "2024-06-03" in answer.missing[0].detail


def test_a_file_is_not_known_before_it_was_published(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA.json", a_file())
    assert the_missing(tmp_path, at=NOON).reason is MissingReason.NO_DATA_AT
    assert the_chain(tmp_path, at=datetime(2024, 6, 5, 16, 15, tzinfo=UTC)).quote_time == NOON


def test_both_json_formats_share_a_folder(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA.json", a_file())
    write_json(tmp_path, "AMD.json", a_document("AMD", quotes=[a_quote(root="AMD")]) | {"data": {"of": "somebody"}})
    assert set(read(tmp_path, "NVDA", "AMD").chains) == {"NVDA", "AMD"}
    assert QuoteListJson().recognises(Path("AMD.json"), b"{")


def test_a_file_replaced_between_listing_and_reading_is_not_answered_under_the_old_stamp() -> None:
    reader = CboeJson()
    (listing,) = reader.listings(encoded(a_file()))
    found = reader.rows(encoded(a_file(timestamp="2024-06-05 17:00:00")), [listing])[listing]
    assert isinstance(found, UnreadableFileError)
    assert "changed while it was being read" in str(found)
