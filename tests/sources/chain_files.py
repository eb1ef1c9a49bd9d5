"""Chain files for tests: small documents and tables with sensible defaults, written into a folder and read back.

The default chain is NVDA at 12:00 New York on Wednesday 2024-06-05, a call and a put at 100 that expire on 2024-07-05.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from exposure.chain import Chain
from exposure.snapshot import Missing, MissingReason, Snapshot
from sources.base import ChainSnapshot
from sources.computed import measured
from sources.files.reader import FilesReader

NOON = "2024-06-05T12:00:00-04:00"
STAMP = datetime(2024, 6, 5, 16, 0, tzinfo=UTC)
CANARY = "CANARY-7f3a"
"""Stands inside broken files; no sentence may repeat it."""
COLUMNS = ("symbol", "quote_time", "spot", "expiry", "strike", "right", "open_interest", "iv", "bid", "ask", "root")


def present() -> datetime:
    return datetime.now(UTC)


def osi(root: str, expiry: str, right: str, strike: float) -> str:
    """The compact option symbol: root, yymmdd, C or P, strike in thousandths."""
    return f"{root}{expiry[2:4]}{expiry[5:7]}{expiry[8:10]}{right[0].upper()}{round(strike * 1000):08d}"


def a_quote(
    strike: float = 100.0, side: str = "call", expiry: str = "2024-07-05", root: str = "NVDA", **changes: Any
) -> dict[str, Any]:
    """One contract of a quote list; a change to None leaves the key out."""
    quote: dict[str, Any] = {
        "symbol": osi(root, expiry, side, strike),
        "expiration": expiry,
        "side": side,
        "strike": strike,
        "openInterest": 1000.0,
        "iv": 0.2,
    } | changes
    return {key: value for key, value in quote.items() if value is not None}


def a_document(
    symbol: str = "NVDA",
    stamp: str = NOON,
    quotes: Iterable[Any] | None = None,
    spot: Any = 100.0,
    **more: Any,
) -> dict[str, Any]:
    """One quote list."""
    root = symbol.replace(".", "").replace("-", "").replace("/", "")
    listed = [a_quote(root=root), a_quote(side="put", root=root)] if quotes is None else list(quotes)
    return {"symbol": symbol, "updated": stamp, "underlyingPrice": spot, "quotes": listed} | more


def write_json(folder: Path, name: str, document: object) -> Path:
    return write_bytes(folder, name, json.dumps(document).encode())


def write_bytes(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def a_row(**changes: object) -> dict[str, object]:
    """One contract of a table."""
    row: dict[str, object] = {
        "symbol": "NVDA",
        "quote_time": NOON,
        "spot": 100,
        "expiry": "2024-07-05",
        "strike": 100,
        "right": "C",
        "open_interest": 1000,
        "iv": 0.2,
        "bid": "",
        "ask": "",
        "root": "",
    }
    return row | changes


def table(rows: Iterable[Mapping[str, object]], columns: Iterable[str] = COLUMNS, newline: str = "\n") -> bytes:
    """The text of a table with these columns, in this order."""
    wanted = list(columns)
    lines = [",".join(wanted), *(",".join(str(row[column]) for column in wanted) for row in rows)]
    return (newline.join(lines) + newline).encode()


def write_table(folder: Path, name: str, *rows: Mapping[str, object]) -> Path:
    more = [column for row in rows for column in row if column not in COLUMNS]
    return write_bytes(folder, name, table(rows, (*COLUMNS, *dict.fromkeys(more))))


def a_reader(folder: Path, staleness_days: float = 5.0) -> FilesReader:
    return FilesReader(folder, clock=present, flat_rate=0.04, staleness=timedelta(days=staleness_days))


def read(folder: Path, *symbols: str, at: datetime | None = None, staleness_days: float = 5.0) -> ChainSnapshot:
    """What a fresh reader answers; NVDA unless symbols are named."""
    return a_reader(folder, staleness_days).read(symbols or ("NVDA",), at)


def measure(folder: Path, *symbols: str, at: datetime | None = None) -> Snapshot:
    """The exposures of what a fresh reader answers."""
    return measured(read(folder, *symbols, at=at))


def the_chain(folder: Path, symbol: str = "NVDA", at: datetime | None = None) -> Chain:
    """The chain of a symbol that has to be there."""
    answer = read(folder, symbol, at=at)
    assert not answer.missing, answer.missing
    return answer.chains[symbol]


def the_missing(folder: Path, symbol: str = "NVDA", at: datetime | None = None) -> Missing:
    """Why a symbol is not there, by the time exposures are measured. Its sentence gives nothing away."""
    answer = measure(folder, symbol, at=at)
    assert symbol not in answer.exposures
    (missing,) = answer.missing
    assert_discreet(missing.detail, folder)
    return missing


def assert_discreet(sentence: str, folder: Path) -> None:
    """A sentence for a person: no folder, nothing out of a file, one line, one full stop."""
    assert str(folder) not in sentence
    assert CANARY not in sentence
    assert sentence.isprintable()
    assert sentence.endswith(".")
    assert not sentence.endswith("..")
    assert len(sentence) < 300


def assert_unusable(folder: Path, symbol: str, file_name: str, *words: str) -> None:
    """The symbol is missing because of the named file, with these words in the sentence."""
    missing = the_missing(folder, symbol)
    assert missing.reason is MissingReason.UNUSABLE_CHAIN
    assert file_name in missing.detail
    for word in words:
        assert word in missing.detail
