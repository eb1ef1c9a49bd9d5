"""Small files as Cboe writes them, for tests: the delayed-quote JSON and the quote-table CSV.

The default file is NVDA at 12:15 New York on Wednesday 2024-06-05, so that its quotes are those of noon.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.sources.chain_files import osi

PUBLISHED = "2024-06-05 16:15:00"
DATE_LINE = "June 5, 2024 at 12:15 PM EDT"
SIDE_COLUMNS = "{side},Last Sale,Net,Bid,Ask,Volume,IV,Delta,Gamma,Open Interest"
HEADER = f"Expiration Date,{SIDE_COLUMNS.format(side='Calls')},Strike,{SIDE_COLUMNS.format(side='Puts')}"


def an_option(
    strike: float = 100.0, side: str = "call", expiry: str = "2024-07-05", root: str = "NVDA", **changes: Any
) -> dict[str, Any]:
    """One option of the JSON; a change to None writes null."""
    option: dict[str, Any] = {
        "option": osi(root, expiry, side, strike),
        "bid": 2.0,
        "bid_size": 7.0,
        "ask": 2.5,
        "iv": 0.2,
        "open_interest": 1000.0,
        "volume": 0.0,
        "gamma": 0.0,
        "last_trade_price": 0.0,
        "last_trade_time": None,
    }
    return option | changes


def a_file(
    symbol: str | None = "NVDA", options: Iterable[Any] | None = None, timestamp: Any = PUBLISHED, **facts: Any
) -> dict[str, Any]:
    """One JSON document; `facts` are fields of its `data`."""
    root = symbol or "NVDA"
    listed = [an_option(root=root), an_option(side="put", root=root)] if options is None else list(options)
    data: dict[str, Any] = {
        "options": listed,
        "symbol": symbol,
        "current_price": 100.0,
        "close": 0.0,
        "iv30": 17.031,
        "last_trade_time": None,
        "tick": "no_change",
    }
    return {"timestamp": timestamp, "data": data | facts, "symbol": symbol}


def encoded(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def a_line(strike: float = 100.0, expiry: str = "2024-07-05", root: str = "NVDA", **changes: str) -> str:
    """One strike of the CSV. `changes` name cells as call_bid, put_iv, call_open_interest and so on."""
    cells = {
        "last_sale": "1.5",
        "net": "0",
        "bid": "2",
        "ask": "2.5",
        "volume": "10",
        "iv": "0.2",
        "delta": "0.5",
        "gamma": "0.01",
    }
    parts = ["Fri Jul 05 2024"]
    for side in ("call", "put"):
        whole = {"symbol": osi(root, expiry, side, strike)} | cells | {"open_interest": "1000"}
        parts += [changes.get(f"{side}_{name}", usual) for name, usual in whole.items()]
        if side == "call":
            parts.append(changes.get("strike", f"{strike:.2f}"))
    return ",".join(parts)


def a_table(
    lines: Iterable[str] | None = None,
    *,
    first: str = "",
    last: str = "100",
    date: str = DATE_LINE,
    header: str = HEADER,
    volume: str = "0",
    quoted: bool = True,
) -> str:
    """The text of one CSV file; `first` is its first line."""
    mark = '"' if quoted else ""
    above = [
        first,
        f"NVIDIA Corp,Last: {last},Change:  1.5",
        f"{mark}Date: {date}{mark},Bid: 99.9,Ask: 100.1,Size: 1*1,Volume: {volume}",
        header,
    ]
    return "\n".join([*above, *([a_line()] if lines is None else lines), ""])


def columns(rows: Any) -> Mapping[tuple[str, str, bool, float], tuple[str, ...]]:
    """What QuoteRows say of each contract, comparable whatever the order of the rows."""
    numbers = zip(rows.bid, rows.ask, rows.iv, rows.open_interest, strict=True)
    keys = zip(rows.root_index, rows.expiry_index, rows.is_call, rows.strike, strict=True)
    return {
        (rows.roots[root], str(rows.expiry_dates[expiry]), bool(is_call), float(strike)): tuple(map(str, said))
        for (root, expiry, is_call, strike), said in zip(keys, numbers, strict=True)
    }
