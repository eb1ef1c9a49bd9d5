"""The quote-list JSON reader: what it takes from a file, and what it does with one that is broken."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exposure.dealer import DropReason
from exposure.snapshot import MissingReason
from tests.sources.chain_files import (
    CANARY,
    NOON,
    a_document,
    a_quote,
    assert_unusable,
    measure,
    read,
    the_chain,
    the_missing,
    write_bytes,
    write_json,
)

CLOSE = datetime(2024, 7, 5, 20, 0, tzinfo=UTC)


def expiries_of(folder: Path, symbol: str) -> list[datetime]:
    stamps = the_chain(folder, symbol).expiry.astype("datetime64[s]").tolist()
    return [stamp.replace(tzinfo=UTC) for stamp in stamps]


def test_every_field_of_a_quote_arrives_in_the_chain(tmp_path: Path) -> None:
    quotes = [
        a_quote(95.0, "put", openInterest=7, iv=0.31, bid=1.5, ask=1.7),
        a_quote(105.0, "call", openInterest=11, iv=0.22, bid=2.5, ask=2.75),
    ]
    write_json(tmp_path, "NVDA.json", a_document(quotes=quotes, spot=101.5))
    chain = the_chain(tmp_path)
    assert chain.spot == 101.5
    assert chain.is_call.tolist() == [True, False]
    assert chain.strike.tolist() == [105.0, 95.0]
    assert chain.iv.tolist() == [0.22, 0.31]
    assert chain.open_interest.tolist() == [11.0, 7.0]
    assert chain.bid.tolist() == [2.5, 1.5]
    assert chain.ask.tolist() == [2.75, 1.7]
    assert chain.multiplier.tolist() == [100.0, 100.0]
    assert expiries_of(tmp_path, "NVDA") == [CLOSE, CLOSE]


def test_numbers_may_be_written_as_integers_and_unknown_keys_are_ignored(tmp_path: Path) -> None:
    quotes = [a_quote(100, openInterest=5, gamma=CANARY), a_quote(100, "put", theta=[1, 2])]
    write_json(tmp_path, "NVDA.json", a_document(quotes=quotes, spot=100, greeks={"enabled": True}))
    assert the_chain(tmp_path).open_interest.tolist() == [5.0, 1000.0]


def test_a_quote_without_prices_has_unknown_prices_and_not_zero_ones(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA.json", a_document())
    chain = the_chain(tmp_path)
    assert np.isnan(chain.bid).all()
    assert np.isnan(chain.ask).all()


def test_a_file_that_declares_no_oi_date_has_none(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA.json", a_document())
    assert the_chain(tmp_path).oi_date is None


def test_a_declared_oi_date_is_kept(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA.json", a_document(oiDate="2024-06-04"))
    assert the_chain(tmp_path).oi_date == date(2024, 6, 4)


@pytest.mark.parametrize("root", ["BRKB", "BRK.B", "BRK/B", "brkb", "BRKB  "])
@pytest.mark.parametrize("symbol", ["BRK-B", "BRK.B", "brk/b", "BRKB"])
def test_a_class_share_is_one_symbol_in_every_spelling(tmp_path: Path, symbol: str, root: str) -> None:
    quotes = [a_quote(root=root), a_quote(side="put", root=root)]
    write_json(tmp_path, "BRK-B.json", a_document(symbol, quotes=quotes))
    asked = "BRKB" if symbol == "BRKB" else "BRK.B"
    assert len(the_chain(tmp_path, asked)) == 2


def test_the_root_decides_between_the_morning_and_the_afternoon_clock(tmp_path: Path) -> None:
    quotes = [a_quote(expiry="2024-06-21", root=root) for root in ("SPX", "SPXW")]
    write_json(tmp_path, "_SPX.json", a_document("^SPX", quotes=quotes))
    assert expiries_of(tmp_path, "SPX") == [datetime(2024, 6, 21, 13, 30, tzinfo=UTC), datetime(2024, 6, 21, 20, 0, tzinfo=UTC)]


def test_a_weekly_that_expires_on_a_half_day_dies_at_its_close(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA.json", a_document(quotes=[a_quote(expiry="2024-07-03")]))
    assert expiries_of(tmp_path, "NVDA") == [datetime(2024, 7, 3, 17, 0, tzinfo=UTC)]


@pytest.mark.parametrize("root", ["NVDA1", "MRO", "2NVDA"])
def test_an_adjusted_or_foreign_series_is_dropped_and_counted(tmp_path: Path, root: str) -> None:
    quotes = [a_quote(), a_quote(side="put"), a_quote(root=root, openInterest=500)]
    write_json(tmp_path, "NVDA.json", a_document(quotes=quotes))
    coverage = the_chain(tmp_path).coverage
    assert coverage.used == 2
    assert coverage.dropped[DropReason.ADJUSTED_SERIES].contracts == 1
    assert coverage.dropped[DropReason.ADJUSTED_SERIES].open_interest == 500


def test_an_expired_contract_is_dropped_and_counted(tmp_path: Path) -> None:
    quotes = [a_quote(), a_quote(expiry="2024-06-04", openInterest=300)]
    write_json(tmp_path, "NVDA.json", a_document(quotes=quotes))
    coverage = the_chain(tmp_path).coverage
    assert coverage.dropped[DropReason.EXPIRED].open_interest == 300
    assert coverage.open_interest_used == 1000


def test_what_expires_on_the_close_is_gone_in_a_file_written_after_it(tmp_path: Path) -> None:
    quotes = [a_quote(), a_quote(expiry="2024-06-05", openInterest=300)]
    write_json(tmp_path, "NVDA.json", a_document(stamp="2024-06-05T18:00:00-04:00", quotes=quotes))
    assert the_chain(tmp_path).coverage.dropped[DropReason.EXPIRED].contracts == 1


BROKEN_QUOTES: list[Any] = [
    a_quote(strike=101.0, iv="high"),
    a_quote(strike=101.0) | {"strike": "one hundred"},
    a_quote(strike=101.0, side="straddle"),
    a_quote(strike=101.0, expiration="soon"),
    a_quote(strike=101.0, expiration="2024-02-30"),
    a_quote(strike=101.0, expiration=20240705),
    a_quote(strike=101.0) | {"strike": None},
    {"symbol": "NVDA240705C00101000"},
    a_quote(strike=101.0, openInterest="many"),
    CANARY,
    NOON,
    None,
    [],
    17,
]


@pytest.mark.parametrize("broken", BROKEN_QUOTES, ids=str)
def test_one_malformed_quote_is_counted_and_the_others_answer(tmp_path: Path, broken: Any) -> None:
    write_json(tmp_path, "NVDA.json", a_document(quotes=[a_quote(), broken, a_quote(side="put")]))
    coverage = the_chain(tmp_path).coverage
    assert coverage.listed == 3
    assert coverage.used == 2
    assert coverage.dropped[DropReason.BAD_ROW].contracts == 1


@pytest.mark.parametrize("changes", [{"strike": -5.0}, {"strike": 0.0}, {"openInterest": -3.0}, {"openInterest": None}])
def test_a_quote_with_impossible_numbers_is_a_bad_row(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_json(tmp_path, "NVDA.json", a_document(quotes=[a_quote(), a_quote(strike=101.0) | changes]))
    coverage = the_chain(tmp_path).coverage
    assert coverage.used == 1
    assert coverage.dropped[DropReason.BAD_ROW].contracts == 1


WHOLE = json.dumps(a_document(note=CANARY)).encode()
BROKEN_FILES: dict[str, tuple[bytes, str]] = {
    "half written": (WHOLE[: len(WHOLE) // 2], "not a complete quote list"),
    "one byte short": (WHOLE[:-1], "not a complete quote list"),
    "two documents": (WHOLE + WHOLE, "not a complete quote list"),
    "empty": (b"", "is empty"),
    "blank": (b" \n\n", "no known format"),
    "plain text": (CANARY.encode(), "no known format"),
    "a web page": (f"<html>{CANARY}</html>".encode(), "no known format"),
    "a list": (b'["' + CANARY.encode() + b'"]', "no known format"),
    "utf-16": (WHOLE.decode().encode("utf-16"), "no known format"),
    "binary": (bytes(range(256)) * 20, "no known format"),
    "broken utf-8": (WHOLE.replace(b"NVDA24", b"\xff\xfe24"), "UTF-8"),
    "no symbol": (json.dumps({"updated": CANARY, "quotes": []}).encode(), "symbol"),
    "symbol of another type": (json.dumps(a_document() | {"symbol": 5}).encode(), "symbol"),
    "symbol that is no ticker": (json.dumps(a_document("NOT A TICKER " + CANARY)).encode(), "not a ticker"),
    "no stamp": (json.dumps({"symbol": "NVDA", "underlyingPrice": 1.0, "quotes": []}).encode(), "updated"),
    "stamp without a zone": (json.dumps(a_document(stamp="2024-06-05T12:00:00")).encode(), "no time zone"),
    "stamp that is a date": (json.dumps(a_document(stamp="2024-06-05")).encode(), "no time zone"),
    "stamp that is words": (json.dumps(a_document(stamp=CANARY)).encode(), "not an ISO date and time"),
    "stamp before the calendar": (json.dumps(a_document(stamp="1999-06-04T12:00Z")).encode(), "outside the trading calendar"),
    "stamp after the calendar": (json.dumps(a_document(stamp="2131-06-04T12:00Z")).encode(), "outside the trading calendar"),
    "stamp at the edge of time": (json.dumps(a_document(stamp="0001-01-01T00:00+14:00")).encode(), "time that exists"),
    "no quotes": (json.dumps({"symbol": "NVDA", "updated": NOON, "underlyingPrice": 1.0}).encode(), "quotes"),
    "quotes that are an object": (json.dumps(a_document() | {"quotes": {"a": CANARY}}).encode(), "quotes"),
    "spot zero": (json.dumps(a_document(spot=0)).encode(), "not a price above 0"),
    "spot negative": (json.dumps(a_document(spot=-100)).encode(), "not a price above 0"),
    "spot not a number": (json.dumps(a_document(spot=CANARY)).encode(), "underlyingPrice"),
    "spot null": (json.dumps(a_document(spot=None)).encode(), "underlyingPrice"),
    "spot NaN": (json.dumps(a_document(spot=float("nan"))).encode(), "not a complete quote list"),
    "oiDate that is words": (json.dumps(a_document(oiDate=CANARY)).encode(), "oiDate"),
}


@pytest.mark.parametrize(("content", "words"), BROKEN_FILES.values(), ids=BROKEN_FILES)
def test_a_broken_file_is_named_with_its_reason_and_the_others_answer(tmp_path: Path, content: bytes, words: str) -> None:
    write_bytes(tmp_path, "NVDA.json", content)
    write_json(tmp_path, "AMD.json", a_document("AMD"))
    assert_unusable(tmp_path, "NVDA", "NVDA.json", words)
    assert list(read(tmp_path, "AMD", "NVDA").chains) == ["AMD"]


def test_a_byte_order_mark_and_leading_blanks_are_forgiven(tmp_path: Path) -> None:
    write_bytes(tmp_path, "NVDA.json", b"\xef\xbb\xbf\r\n " + WHOLE)
    assert len(the_chain(tmp_path)) == 2


def test_a_chain_without_open_interest_has_no_options_rather_than_an_exposure_of_zero(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA.json", a_document(quotes=[a_quote(openInterest=0)]))
    assert the_missing(tmp_path).reason is MissingReason.NO_OPTIONS


@pytest.mark.parametrize("quotes", [[], [CANARY, 5]], ids=["none", "none readable"])
def test_a_file_without_a_readable_quote_is_no_exposure(tmp_path: Path, quotes: list[Any]) -> None:
    write_json(tmp_path, "NVDA.json", a_document(quotes=quotes))
    expected = MissingReason.UNUSABLE_CHAIN if quotes else MissingReason.NO_OPTIONS
    assert the_missing(tmp_path).reason is expected


def test_a_chain_of_contracts_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    write_json(tmp_path, "NVDA.json", a_document(quotes=[a_quote(iv=0.0), a_quote(root="NVDA1", side="put")]))
    missing = the_missing(tmp_path)
    assert missing.reason is MissingReason.UNUSABLE_CHAIN
    assert "1 no_iv" in missing.detail
    assert "1 adjusted_series" in missing.detail


@pytest.mark.parametrize("changes", [{"spot": 1e300}, {"quotes": [a_quote(openInterest=1e300)]}], ids=["spot", "open interest"])
def test_an_exposure_beyond_any_market_is_unusable(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_json(tmp_path, "NVDA.json", a_document(**changes))
    assert the_missing(tmp_path).reason is MissingReason.UNUSABLE_CHAIN


def test_an_unsolved_volatility_is_taken_from_the_quote(tmp_path: Path) -> None:
    quotes = [a_quote(iv=0.0, bid=2.4, ask=2.6), a_quote(side="put", iv=None, bid=2.1, ask=2.3)]
    write_json(tmp_path, "NVDA.json", a_document(quotes=quotes))
    exposure = measure(tmp_path).exposures["NVDA"]
    assert (atm_iv := exposure.atm_iv()) is None or 0.1 < atm_iv < 0.4
    assert ((the_chain(tmp_path).iv > 0.15) & (the_chain(tmp_path).iv < 0.25)).all()


def test_a_file_nested_without_end_is_named_and_fails_nothing_else(tmp_path: Path) -> None:
    write_bytes(tmp_path, "AMD.json", b'{"symbol":"AMD","updated":' + b'{"a":' * 100_000)
    write_json(tmp_path, "NVDA.json", a_document())
    assert the_chain(tmp_path).symbol == "NVDA"
    assert_unusable(tmp_path, "AMD", "AMD.json", "cannot be read")
