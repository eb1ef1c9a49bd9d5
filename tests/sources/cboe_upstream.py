"""Cboe's delayed quotes on a loopback server: files made by hand for any symbol, and a source that asks for them."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from exposure.sessions import EASTERN
from sources.background import Background
from sources.cboe.source import CboeSource
from sources.cboe.stems import path_of
from sources.http import Host, Http
from tests.builders import Contract, a_call, a_put
from tests.sources.loopback import Behaviour, Loopback, Route, Serving

PRESENT = datetime(2024, 6, 5, 18, 0, tzinfo=UTC)
"""A Wednesday, 14:00 in New York."""
USER_AGENT = "dealer-exposure-mcp/0.0-test (+https://example.org/project)"

_ACCESS_DENIED = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
UNKNOWN_TO_CBOE = Serving(_ACCESS_DENIED, 403, {"content-type": "application/xml"})
"""What Cboe answers for a symbol that it does not have."""


def some_names(count: int) -> list[str]:
    """Tickers that no other ticker begins with; none ends in a digit, which would mark an adjusted series."""
    return [f"N{chr(ord('A') + number // 26)}{chr(ord('A') + number % 26)}" for number in range(count)]


def wall(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """An instant by the clocks of New York."""
    return datetime(year, month, day, hour, minute, tzinfo=EASTERN).astimezone(UTC)


def a_file(
    symbol: str = "NVDA",
    contracts: Iterable[Contract] = (a_call(), a_put()),
    *,
    spot: float = 100.0,
    published: datetime = PRESENT,
    last_trade: datetime | None = None,
    stem: str | None = None,
) -> bytes:
    """A delayed-quote file, greeks and all; the last trade is the moment of the quotes unless it is given."""
    trade = last_trade or published - timedelta(minutes=15)
    options = [_option(one.root or symbol.replace(".", ""), one) for one in contracts]
    data = {
        "options": options,
        "symbol": symbol,
        "current_price": spot,
        "close": spot,
        "iv30": 20.0,
        "last_trade_time": trade.astimezone(EASTERN).strftime("%Y-%m-%dT%H:%M:%S"),
    }
    document = {"timestamp": published.strftime("%Y-%m-%d %H:%M:%S"), "data": data, "symbol": stem or symbol}
    return json.dumps(document, separators=(",", ":")).encode()


def _option(root: str, one: Contract) -> dict[str, object]:
    right = "C" if one.is_call else "P"
    quotes = {"bid": one.bid, "ask": one.ask, "iv": one.iv, "open_interest": one.open_interest}
    said = {name: 0.0 if math.isnan(value) else value for name, value in quotes.items()}
    greeks: dict[str, object] = {"delta": 0.5, "gamma": 0.01, "theta": -0.1, "rho": 0.1, "vega": 0.2, "theo": 1.0}
    return greeks | said | {"option": f"{root}{one.expiry:%y%m%d}{right}{round(one.strike * 1000):08d}"}


def serving(symbols: Iterable[str], **changes: Behaviour | Sequence[Behaviour]) -> dict[str, Route]:
    """A route for each symbol: its file, or the behaviour named in `changes`."""
    routes: dict[str, Route] = {}
    for symbol in symbols:
        path = path_of(symbol)
        assert path is not None
        routes[path] = changes[symbol] if symbol in changes else Serving(a_file(symbol))
    return routes


class Hands:
    """A clock that a test moves by hand: `present` for the data, `monotonic` for the caches."""

    def __init__(self, present: datetime = PRESENT) -> None:
        self.present = present
        self._passed = 0.0

    def clock(self) -> datetime:
        return self.present

    def monotonic(self) -> float:
        return self._passed

    def move(self, seconds: float) -> None:
        self.present += timedelta(seconds=seconds)
        self._passed += seconds


@asynccontextmanager
async def a_source(
    loopback: Loopback, hands: Hands | None = None, *, terms_accepted: bool = True, **host: float
) -> AsyncIterator[CboeSource]:
    """The source over the real client; keywords are those of `Host`, which retries nothing unless told to."""
    hands = hands or Hands()
    settings: Mapping[str, float] = {"retries": 0} | host
    asked = Host(loopback.url, **settings)  # type: ignore[arg-type]
    async with Background() as background:
        yield CboeSource(
            Http(background, [asked], user_agent=USER_AGENT),
            host=asked,
            background=background,
            clock=hands.clock,
            flat_rate=0.04,
            staleness=timedelta(days=5),
            terms_accepted=terms_accepted,
            now=hands.monotonic,
        )
