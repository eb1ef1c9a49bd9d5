"""50 real chains from a loopback upstream to the answer of one basket, against a plain script and against the download alone.

The chains are converted to Cboe's delayed-quote files before anything is timed, and served gzipped, as Cboe serves them, by a
process of their own. Nobody waits for the network, which would only favour the side that asks for several at once.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import msgspec
import numpy as np

from bench.peers import naive_numpy
from bench.timing import Ratio, interleaved
from exposure.basket import Basket, aggregate
from exposure.dealer import Greek, SignConvention
from exposure.snapshot import Snapshot
from sources.background import Background
from sources.cboe.source import CboeSource
from sources.cboe.stems import path_of
from sources.http import Host, Http
from sources.market import Market
from tests.sources.loopback import Loopback, Serving

NAMES = 50
_AT_ONCE = 4
_PRESENT = datetime(2026, 8, 22, 14, 0, tzinfo=UTC)
_CLOSE = "2026-08-21T16:00:00"
_FLAT_RATE = 0.04
_NUMBERS = {"bid": "bid", "ask": "ask", "iv": "iv", "open_interest": "openInterest", "volume": "volume"}
_GREEKS = ("delta", "gamma", "theta", "rho", "vega")
_MOST_APART = 0.03
"""Of gross, over all names: the script knows neither dividends nor which side of a strike to take its volatility from."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the files are served, by symbol, and how large they are together."""

    url: str
    symbols: tuple[str, ...]
    megabytes: float


@dataclass(frozen=True, slots=True)
class Speeds:
    """Ours against the two others."""

    megabytes: float
    script: Ratio
    download: Ratio

    def text(self) -> str:
        faster, dearer = self.script.theirs_over_ours, self.download.ours_over_theirs
        return (
            f"{self.megabytes:.1f} MB unpacked\n"
            f"  {faster:.2f} times faster than the script: {self.script.text()}\n"
            f"  {dearer:.2f} times the download with typed decoding: {self.download.text()}"
        )


def compare(folder: Path, rounds: int = 7) -> Speeds:
    """Both ratios. Raises AssertionError when ours and the script do not compute about the same."""
    with serving(folder) as upstream:
        ours, theirs = partial(anyio.run, _answered, upstream), partial(_scripted, upstream)
        _assert_alike(ours(), theirs())
        script = interleaved(ours=ours, theirs=theirs, rounds=rounds)
        download = interleaved(ours=ours, theirs=partial(anyio.run, _downloaded, upstream), rounds=rounds)
    return Speeds(upstream.megabytes, script, download)


# What is served.


@contextmanager
def serving(folder: Path) -> Iterator[Upstream]:
    """The first files of the folder as Cboe would write them, from a process that does not share our interpreter lock."""
    paths = sorted(folder.glob("*.json"))[:NAMES]
    mine, its = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(paths, its), daemon=True)
    process.start()
    its.close()
    try:
        url, total = mine.recv()
        yield Upstream(url, tuple(path.stem.replace("-", ".") for path in paths), total / 1e6)
    finally:
        mine.send(None)
        process.join(10)


def _serve(paths: Sequence[Path], until: Connection[Any, Any]) -> None:
    files = {path_of(path.stem.replace("-", ".")) or "": delayed_file(path.read_bytes()) for path in paths}
    with Loopback({path: Serving(content, compressed=True) for path, content in files.items()}) as loopback:
        until.send((loopback.url, sum(map(len, files.values()))))
        until.recv()


def delayed_file(content: bytes) -> bytes:
    """A quote list as a delayed-quote file of the same contracts, with every field that Cboe writes for one."""
    listed = json.loads(content)
    symbol = listed["symbol"].replace("-", ".")
    stamp = datetime.fromisoformat(listed["updated"]).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    spot = listed["underlyingPrice"]
    data = {
        "options": [_option(quote) for quote in listed["quotes"]],
        "symbol": symbol,
        "security_type": "stock",
        "exchange_id": 5,
        "current_price": spot,
        "close": spot,
        "iv30": 25.0,
        "last_trade_time": _CLOSE,
    }
    return json.dumps({"timestamp": stamp, "data": data, "symbol": symbol}, separators=(",", ":")).encode()


def _option(quote: dict[str, Any]) -> dict[str, object]:
    said = {name: quote[theirs] or 0.0 for name, theirs in _NUMBERS.items()}
    greeks = {name: quote[name] or 0.0 for name in _GREEKS}
    last, middle = quote["last"] or 0.0, round(quote["mid"] or 0.0, 4)
    return {
        "option": quote["symbol"],
        "bid": said["bid"],
        "bid_size": 7.0,
        "ask": said["ask"],
        "ask_size": 12.0,
        "iv": round(said["iv"], 4),
        "open_interest": said["open_interest"],
        "volume": said["volume"],
        **greeks,
        "theo": middle,
        "change": 0.0,
        "open": 0.0,
        "high": 0.0,
        "low": 0.0,
        "tick": "no_change",
        "last_trade_price": last,
        "last_trade_time": _CLOSE if last else None,
        "percent_change": 0.0,
        "prev_day_close": middle,
    }


# Ours: nothing is cached, as for the first question after the start.


async def _answered(upstream: Upstream) -> Snapshot:
    host = Host(upstream.url, at_once=_AT_ONCE)
    async with Background() as background:
        source = CboeSource(
            Http(background, [host], user_agent="bench"),
            host=host,
            background=background,
            clock=lambda: _PRESENT,
            flat_rate=_FLAT_RATE,
            staleness=timedelta(days=5),
            terms_accepted=True,
        )
        snapshot = await Market(source).snapshot(upstream.symbols, None)
        aggregate(Basket.of(list(upstream.symbols)), snapshot, SignConvention.STREET)
    return snapshot


# The floor: the same client and concurrency, and the bytes as typed objects.


class _Contract(msgspec.Struct, gc=False):
    option: str
    bid: float
    ask: float
    iv: float
    open_interest: float


class _Data(msgspec.Struct):
    current_price: float
    last_trade_time: str
    options: list[_Contract]


class _File(msgspec.Struct):
    timestamp: str
    symbol: str
    data: _Data


async def _downloaded(upstream: Upstream) -> dict[str, _File]:
    host = Host(upstream.url, at_once=_AT_ONCE)
    decoder = msgspec.json.Decoder(_File)
    limiter = anyio.CapacityLimiter(1)
    files: dict[str, _File] = {}

    async def fetch(http: Http, symbol: str) -> None:
        reply = await http.get(host, path_of(symbol) or "")
        files[symbol] = await anyio.to_thread.run_sync(decoder.decode, reply.body, limiter=limiter)

    async with Background() as background:
        http = Http(background, [host], user_agent="bench")
        async with anyio.create_task_group() as group:
            for symbol in upstream.symbols:
                group.start_soon(fetch, http, symbol)
    return files


# The script: what people write first.


def _scripted(upstream: Upstream) -> dict[str, tuple[float, float]]:
    """Net and gross gamma exposure of each symbol."""
    found = {}
    with httpx.Client() as client:
        for symbol in upstream.symbols:
            found[symbol] = _one_script(json.loads(client.get(upstream.url + (path_of(symbol) or "")).content))
    return found


def _one_script(document: dict[str, Any]) -> tuple[float, float]:
    data = document["data"]
    close = datetime.fromisoformat(data["last_trade_time"])
    rows = []
    for one in data["options"]:
        name = one["option"]
        expiry = datetime.strptime(name[-15:-9], "%y%m%d") + timedelta(hours=16)  # noqa: DTZ007 - naive, as `close` is
        years = (expiry - close).total_seconds() / (365 * 86400)
        if one["iv"] > 0 and one["open_interest"] > 0 and years > 0:
            rows.append((name[-9] == "C", int(name[-8:]) / 1000, years, one["iv"], one["open_interest"] * 100))
    table = np.array(rows)
    exposures = naive_numpy.four_exposures(
        symbol=np.zeros(len(table), dtype=np.int64),
        is_call=table[:, 0].astype(bool),
        spot=np.full(len(table), data["current_price"]),
        strike=table[:, 1],
        years=table[:, 2],
        rate=np.full(len(table), _FLAT_RATE),
        dividend_yield=np.zeros(len(table)),
        iv=table[:, 3],
        shares=table[:, 4],
    )
    call, put = (float(value) for value in exposures["gex"])
    return call - put, call + put


def _assert_alike(ours: Snapshot, theirs: dict[str, tuple[float, float]]) -> None:
    assert not ours.missing, ours.missing
    legs = [one.legs(Greek.GEX) for one in ours.exposures.values()]
    net = sum(one.call - one.put for one in legs if one is not None)
    expected, gross = (sum(column) for column in zip(*theirs.values(), strict=True))
    assert abs(net - expected) <= _MOST_APART * gross, (net, expected, gross)
