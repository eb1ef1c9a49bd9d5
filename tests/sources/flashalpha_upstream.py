"""FlashAlpha on a loopback server: its contract by formula, its recorded bytes where they exist, and a source that asks it."""

from __future__ import annotations

import json
import re
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from exposure.dealer import Nets
from exposure.sessions import EASTERN
from sources.background import Background
from sources.flashalpha.source import FlashAlphaSource
from sources.http import Host, Http
from tests import real_data
from tests.sources.loopback import Behaviour, Loopback, Request, Serving

KEY = "canaryKEY0123456789"
PRESENT = datetime(2026, 5, 27, 18, 0, tzinfo=UTC)
"""A Wednesday, 14:00 in New York."""
STAMP = "2026-05-27T17:58:14.9303577Z"
RECORDED = real_data.FOLDER / "flashalpha"
REPLAYED = datetime(2020, 3, 16, 19, 30, tzinfo=UTC)
"""15:30 in New York: the minute a historical summary was recorded of."""

_AT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}")
_SYMBOL = re.compile(r"[A-Z0-9.]{1,8}")


def nets_of(symbol: str) -> Nets:
    """The four nets this upstream prints for a symbol: different for each, never zero."""
    seed = zlib.crc32(symbol.encode()) % 1999 - 999.5
    return Nets(seed * 1e6, -seed * 3e7 + 1e5, seed * 2e8 - 7e4, seed * 1.5e4)


def spot_of(symbol: str) -> float:
    return 20.0 + zlib.crc32(symbol.encode()) % 700


def iv_of(symbol: str) -> float:
    return 0.15 + zlib.crc32(symbol.encode()) % 40 / 100


def recorded(name: str) -> bytes:
    """The bytes of a recorded answer."""
    return (RECORDED / name).read_bytes()


def sent(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Serving:
    """An answer of this upstream."""
    return Serving(json.dumps(document).encode(), status, headers or {})


@dataclass
class Upstream:
    """The contract of both hosts. `instead` answers a path in place of it; `absent` are symbols without data.

    `limit` None is a plan without a daily limit. `covered` are the symbols the historical host has.
    """

    instead: dict[str, Behaviour | Callable[[Request], Behaviour]] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    covered: set[str] = field(default_factory=lambda: {"SPY"})
    limit: int | None = 2500
    stamp: str = STAMP
    plain_sums: bool = False
    used: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request) -> Behaviour:
        if request.headers.get("x-api-key") != KEY:
            return sent({"title": "Unauthorized", "status": 401, "detail": "Invalid API key."}, 401)
        with self._lock:
            self.used += 1
        other = self.instead.get(request.path)
        if other is not None:
            return other(request) if callable(other) else other
        return self._by_contract(request)

    def quota(self) -> dict[str, str]:
        """The rate-limit headers of the next answer."""
        if self.limit is None:
            return {"X-RateLimit-Limit": "unlimited", "X-RateLimit-Remaining": "unlimited", "X-RateLimit-Reset": "1779926400"}
        left = max(0, self.limit - self.used)
        return {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(left), "X-RateLimit-Reset": "1779926400"}

    def _by_contract(self, request: Request) -> Serving:
        path, query = unquote(request.path), request.query
        whole = {"/v1/exposure/basket": self.basket, "/v1/dispersion": self._dispersion, "/v1/account": self._account}
        if path in whole:
            return whole[path](query)
        kind, _, symbol = path.removeprefix("/v1/exposure/").partition("/")
        at = query.get("at")
        if at is not None and not _AT.fullmatch(at):
            return self._error(400, "invalid_at")
        if at is not None and (symbol not in self.covered or not "09:30:00" <= at[11:] <= "16:00:00"):
            return self._error(404, "no_data")
        return self._summary(symbol, query) if kind == "summary" else self._gamma(symbol, query)

    def _account(self, _: Mapping[str, str]) -> Serving:
        limit = "unlimited" if self.limit is None else str(self.limit)
        left = "unlimited" if self.limit is None else str(self.limit - self.used)
        person = {"user_id": "u-1", "email": "person@example.org", "plan": "Growth"}
        return sent({**person, "daily_limit": limit, "usage_today": self.used, "remaining": left})

    def _error(self, status: int, code: str) -> Serving:
        return sent({"error": code, "message": f"{code} {KEY}"}, status, self.quota())

    def basket(self, query: Mapping[str, str]) -> Serving:
        """The native basket's answer."""
        symbols = list(dict.fromkeys(filter(None, query.get("symbols", "").split(","))))
        weights = [float(one) for one in query["weights"].split(",")] if "weights" in query else [1.0] * len(symbols)
        if not symbols or len(symbols) > 50 or len(weights) != len(symbols):
            return self._error(400, "missing_symbols" if not symbols else "too_many_symbols")
        missing = [symbol for symbol in symbols if symbol in self.absent or not _SYMBOL.fullmatch(symbol)]
        kept = {symbol: weight for symbol, weight in zip(symbols, weights, strict=True) if symbol not in missing}
        if not kept:
            return self._error(404, "no_data")
        total = sum(kept.values())
        rows = [self.row(symbol, weight / total) for symbol, weight in kept.items()]
        aggregate = {
            name: sum(float(row[name]) * (1.0 if self.plain_sums else float(row["weight"])) for row in rows)
            for name in ("net_gex", "net_dex", "net_vex", "net_chex")
        }
        answer = {
            "as_of": self.stamp,
            "constituent_count": len(rows),
            "missing_symbols": missing,
            "aggregate": aggregate,
            "constituents": rows,
            "endpoint_version": "2026.08.25",
            "data_as_of": {"node": None, "a_new_feed": "2026-05-27T17:58:14Z"},
        }
        return sent(answer, 200, self.quota())

    def row(self, symbol: str, weight: float = 1.0) -> dict[str, str | float]:
        """One constituent of a basket."""
        nets = nets_of(symbol)
        return {
            "symbol": symbol,
            "weight": weight,
            "underlying_price": spot_of(symbol),
            "net_gex": nets.gex,
            "net_dex": nets.dex,
            "net_vex": nets.vex,
            "net_chex": nets.chex,
            "contribution_pct": 1.0,
            "regime": "a_regime_of_next_year",
        }

    def _summary(self, symbol: str, query: Mapping[str, str]) -> Serving:
        if (symbol, query.get("at")) == ("SPY", "2020-03-16T15:30:00") and RECORDED.is_dir():
            return Serving(recorded("historical_exposure_summary_SPY_2020-03-16T1530.json"), 200, self.quota())
        row = self.row(symbol)
        exposures = {name: row[name] for name in ("net_gex", "net_dex", "net_vex", "net_chex")}
        stamp = query.get("at") or self.stamp
        answer = {"symbol": symbol, "underlying_price": row["underlying_price"], "as_of": stamp, "regime": "unknown"}
        return sent({**answer, "gamma_flip": None, "exposures": exposures}, 200, self.quota())

    def _gamma(self, symbol: str, query: Mapping[str, str]) -> Serving:
        stamp = query.get("at") or self.stamp
        if symbol in self.absent:
            return self._error(404, "symbol_not_found")
        if (symbol, "at" in query, "expiration" in query) == ("SPY", False, False) and RECORDED.is_dir():
            return Serving(recorded("live_exposure_gex_SPY_2026-05-27.json"), 200, self.quota())
        if "expiration" in query and query["expiration"] != stamp[:10]:
            return self._error(404, "no_data")
        return sent(gamma_table(symbol, stamp, 0.1 if "expiration" in query else 1.0), 200, self.quota())

    def _dispersion(self, query: Mapping[str, str]) -> Serving:
        symbols = query["symbols"].split(",")
        weights = [float(one) for one in query["weights"].split(",")]
        kept = {symbol: weight for symbol, weight in zip(symbols, weights, strict=True) if symbol not in self.absent}
        total = sum(kept.values())
        shares = {symbol: weight / total for symbol, weight in kept.items()}
        basket = sum(share * iv_of(symbol) for symbol, share in shares.items())
        own = sum((share * iv_of(symbol)) ** 2 for symbol, share in shares.items())
        rows = [{"symbol": symbol, "weight": share, "iv": iv_of(symbol)} for symbol, share in shares.items()]
        answer = {
            "as_of": self.stamp,
            "index": query["index"],
            "constituent_count": len(rows),
            "missing_symbols": [symbol for symbol in symbols if symbol in self.absent],
            "horizon_days": min(max(int(query["horizon_days"]), 5), 252),
            "implied_correlation": (0.138**2 - own) / (basket**2 - own) if len(rows) > 1 else None,
            "realized_correlation": 0.385,
            "implied_vol_index": 0.138,
            "implied_vol_basket": basket,
            "top_contributors": rows,
        }
        return sent(answer, 200, self.quota())


def gamma_table(symbol: str, stamp: str, share: float = 1.0) -> dict[str, object]:
    """A strike table whose sum is the symbol's net gamma times `share`; the put side is negative, as on the wire."""
    net = nets_of(symbol).gex * share
    put = -(abs(net) + 5e6 * share)
    call = net - put
    strikes = [
        {
            "strike": 90 + 10 * place,
            "call_gex": part * call,
            "put_gex": part * put,
            "net_gex": part * net,
            "call_oi": 10,
            "put_oi": 9,
        }
        for place, part in enumerate((0.25, 0.5, 0.25))
    ]
    return {
        "symbol": symbol,
        "underlying_price": spot_of(symbol),
        "as_of": stamp,
        "gamma_flip": None,
        "gamma_flip_status": "a_status_of_next_year",
        "net_gex": net,
        "net_gex_label": "positive",
        "strikes": strikes,
    }


class Hands:
    """A clock that moves when it is told to."""

    def __init__(self, now: datetime = PRESENT) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@asynccontextmanager
async def a_source(
    loopback: Loopback,
    clock: Callable[[], datetime] | None = None,
    *,
    key: str | None = KEY,
    live_cache_seconds: float = 15.0,
    at_once: int = 8,
    total_seconds: float = 5.0,
) -> AsyncIterator[FlashAlphaSource]:
    """A source that asks this server as both of its hosts."""
    host = Host(loopback.url, at_once=at_once, retries=1, backoff_seconds=0.01, connect_seconds=1.0, total_seconds=total_seconds)
    async with Background() as background:
        http = Http(background, [host], user_agent="dealer-exposure-mcp/0.0-test")
        yield FlashAlphaSource(
            http,
            live=host,
            historical=host,
            key=key,
            background=background,
            clock=clock or Hands(),
            live_cache_seconds=live_cache_seconds,
        )


def serving(upstream: Upstream) -> Loopback:
    """A server, not yet started, that answers as `upstream` does."""
    return Loopback(fallback=upstream)


def wall(text: str) -> datetime:
    """An instant by the clocks of New York."""
    return datetime.fromisoformat(text).replace(tzinfo=EASTERN).astimezone(UTC)
