"""The archive against the plain decode of the same columns, and against DuckDB's ASOF JOIN over the same files.

Synthetic exposures: random walks with full mantissas, 390 minutes a session, one minute in a hundred missing for each symbol.
"""

from __future__ import annotations

import math
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from archive.answers import Family, Kind
from archive.layout import Layout, to_microseconds
from archive.parquet_file import groups_of, write_parquet
from archive.record_files import PACKED_TYPE, day_schema, day_table
from archive.rows import rebuilt, unpacked
from archive.store import Archive
from bench.timing import Ratio, interleaved, seconds
from exposure.dealer import SymbolExposure
from exposure.sessions import session_on, sessions_between

SYMBOLS = tuple(f"S{first}{second}" for first in "ABCDEFGHIJ" for second in "VWXYZ")
FAMILY = Family("bench", Kind.COMPUTED)
FIVE_DAYS = timedelta(days=5)
TWELVE = (
    "spot", "gex_call", "gex_put", "dex_call", "dex_put", "vex_call", "vex_put", "chex_call", "chex_put",
    "same_day_gex_call", "same_day_gex_put", "atm_iv",
)  # fmt: skip
SERIES = ("gex_call", "gex_put", "spot")
_EXPIRIES = 12
_ROUGHEST_STEP = 5e-4
_STEPS = (5e-5, 1e-4, _ROUGHEST_STEP)
_MINUTES = 390
_KEY = ("source", "kind", "units", "symbol", "known", "quote_time", "oi_date")


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def a_year(sessions: int = 252) -> Iterator[Path]:
    """A folder with that many exported sessions and their projection."""
    folder = Path(tempfile.mkdtemp(prefix="archive-bench-"))
    try:
        _fill(folder, sessions_between(date(2024, 1, 2), date(2024, 12, 31))[:sessions])
        Archive(folder, clock=_now).rebuild_series()
        yield folder
    finally:
        shutil.rmtree(folder)


def _fill(folder: Path, days: Sequence[date], *, step: float = _ROUGHEST_STEP, lifelike: bool = False) -> None:
    """Day files of full-mantissa numbers; or, `lifelike`, of prices in cents, and same-day legs only where something expires.

    `step` is the standard deviation of a minute's change, a fraction. Something expires every day in the first five symbols, on
    Fridays in the others.
    """
    draw = np.random.default_rng(7)
    columns = [name for name in PACKED_TYPE.names or () if PACKED_TYPE[name] == np.float64 and not name.startswith("net_")]
    level = draw.uniform(1e6, 1e9, (len(SYMBOLS), len(columns)))
    layout = Layout(folder)
    for day in days:
        session = session_on(day)
        assert session is not None
        opening = to_microseconds(session.open)
        steps = 1.0 + draw.normal(0.0, step, (len(SYMBOLS), _MINUTES, len(columns)))
        walks = level[:, None, :] * np.cumprod(steps, axis=1)
        level = walks[:, -1, :]
        there = draw.random((len(SYMBOLS), _MINUTES)) >= 0.01
        known = np.broadcast_to(opening + 60_000_000 * np.arange(_MINUTES), there.shape)[there]
        packed = np.zeros(len(known), dtype=PACKED_TYPE)
        packed["quote_time"], packed["convention"], packed["flags"], packed["method"] = known - 1_000_000, -1, 6, 1
        packed["oi_date"] = (day - date(1970, 1, 1)).days - 1
        for position, name in enumerate(columns):
            packed[name] = walks[:, :, position][there]
        for name in ("net_gex", "net_dex", "net_vex", "net_chex"):
            packed[name] = np.nan
        if lifelike:
            packed["spot"] = np.round(packed["spot"] % 1000, 2)
            idle = np.broadcast_to(np.arange(len(SYMBOLS))[:, None] >= (len(SYMBOLS) if day.weekday() == 4 else 5), there.shape)
            for name in columns:
                if name.startswith("same_day"):
                    packed[name][idle[there]] = 0.0
        for name in columns:
            if name.startswith(("open_interest", "parity", "dropped")):
                packed[name] = 1234.0
        counts = there.sum(axis=1)
        symbol = [name for name, count in zip(SYMBOLS, counts.tolist(), strict=True) for _ in range(count)]
        points = draw.normal(0.2, 0.01, len(known) * _EXPIRIES)
        curves = {"curve_years": np.tile(np.arange(1, _EXPIRIES + 1) / 52, len(known)), "curve_iv": points}
        offsets = np.arange(len(known) + 1) * _EXPIRIES
        table = day_table([FAMILY] * len(known), symbol, known, packed, (offsets, curves))
        bounds = np.cumsum([0, *counts.tolist()]).tolist()
        parts = [
            [0, name, start, stop, int(known[start]), int(known[stop - 1])]
            for name, start, stop in zip(SYMBOLS, bounds, bounds[1:], strict=False)
        ]
        footer = {"families": [[FAMILY.source, FAMILY.kind.value, FAMILY.units]], "parts": parts}
        write_parquet(layout.record_file(day, 1), groups_of(table), day_schema(), footer)


def minutes_of(folder: Path) -> NDArray[np.datetime64]:
    """Every minute of every session of the folder."""
    days = Layout(folder).record_files()
    opens = [session.open for day in days if (session := session_on(day))]
    minutes = np.array([to_microseconds(one) for one in opens])[:, None] + 60_000_000 * np.arange(_MINUTES)
    return minutes.ravel().astype("datetime64[us]")


@dataclass(frozen=True, slots=True)
class Series:
    """The carry-forward series of all symbols against both others, and how much of it is filled."""

    decode: Ratio
    duckdb: Ratio


def series(folder: Path, rounds: int = 5) -> Series:
    """One year, fifty names, three columns."""
    import duckdb

    archive, minutes = Archive(folder, clock=_now), minutes_of(folder)
    paths = [next(iter(Layout(folder).series_files(symbol).values())).path for symbol in SYMBOLS]

    def ours() -> dict[str, NDArray[np.float64]]:
        return dict(archive.series(SYMBOLS, minutes, SERIES, staleness=FIVE_DAYS, source="bench").values)

    def decode() -> None:
        for path in paths:
            pq.ParquetFile(path).read(columns=["known", "quote_time", *SERIES])

    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    connection.register("asked", pa.table({"instant": pa.array(minutes).cast(pa.timestamp("us", tz="UTC"))}))
    names = ", ".join(f"({name!r})" for name in SYMBOLS)
    picked = ", ".join(
        f"CASE WHEN asked.instant - row.quote_time <= INTERVAL 5 DAY THEN row.{name} END AS {name}" for name in SERIES
    )
    query = f"""SELECT name.symbol, asked.instant, {picked}
        FROM asked CROSS JOIN (VALUES {names}) AS name(symbol)
        ASOF LEFT JOIN read_parquet({[str(path) for path in paths]!r}, hive_partitioning = true) AS row
        ON name.symbol = row.symbol AND asked.instant >= row.known"""

    def theirs() -> pa.Table:
        return connection.sql(query).to_arrow_table()

    mine, other = ours(), theirs().sort_by([("symbol", "ascending"), ("instant", "ascending")])
    for name in SERIES:
        if not np.array_equal(mine[name].ravel(), other[name].to_numpy(), equal_nan=True):
            raise AssertionError(f"DuckDB and the archive disagree about {name}")
    return Series(interleaved(ours=ours, theirs=decode, rounds=rounds), interleaved(ours=ours, theirs=theirs, rounds=rounds))


def percentiles(folder: Path, rounds: int = 7) -> Ratio:
    """The year's percentile rank of one column for fifty names, against the decode of that column."""
    archive = Archive(folder, clock=_now)
    at = minutes_of(folder)[-1].astype(datetime).replace(tzinfo=UTC)
    paths = [next(iter(Layout(folder).series_files(symbol).values())).path for symbol in SYMBOLS]

    def ours() -> None:
        archive.percentile_ranks(SYMBOLS, "gex_call", at, timedelta(days=366), staleness=FIVE_DAYS, source="bench")

    def decode() -> None:
        for path in paths:
            pq.ParquetFile(path).read(columns=["gex_call"])

    return interleaved(ours=ours, theirs=decode, rounds=rounds)


@dataclass(frozen=True, slots=True)
class AsOfTimes:
    """As-of of fifty names: a day not cached against its plain decode, and milliseconds where it is cached or live."""

    uncached: Ratio
    cached: float
    live: float


def as_of(folder: Path, rounds: int = 15) -> AsOfTimes:
    """Medians; every cached and live question is about another minute."""
    minutes = minutes_of(folder)
    file = list(Layout(folder).record_files().values())[-2]
    session = session_on(file.day)
    assert session is not None

    def uncached() -> None:
        Archive(folder, clock=_now).as_of(SYMBOLS, session.open + timedelta(minutes=200), staleness=FIVE_DAYS)

    def decode() -> None:
        pq.ParquetFile(file.path).read()

    archive = Archive(folder, clock=_now)
    asked = [session.open + timedelta(minutes=20 + minute) for minute in range(300)]
    archive.as_of(SYMBOLS, asked[0], staleness=FIVE_DAYS)
    cached = [seconds(partial(archive.as_of, SYMBOLS, at, staleness=FIVE_DAYS)) for at in asked]
    live = _live(archive, minutes)
    return AsOfTimes(interleaved(ours=uncached, theirs=decode, rounds=rounds), 1e3 * statistics.median(cached), live)


def _live(archive: Archive, minutes: NDArray[np.datetime64]) -> float:
    """A day after the last one, appended and asked for."""
    start = minutes[-1].astype(datetime).replace(tzinfo=UTC) + timedelta(days=1)
    for minute in range(_MINUTES):
        known = start + timedelta(minutes=minute)
        archive.append(known, rows_at(known), source="bench")
    asked = [start + timedelta(minutes=20 + minute) for minute in range(300)]
    times = [seconds(partial(archive.as_of, SYMBOLS, at, staleness=FIVE_DAYS)) for at in asked]
    return 1e3 * statistics.median(times)


def rows_at(known: datetime) -> list[SymbolExposure]:
    """A snapshot of all symbols."""
    draw = np.random.default_rng(known.minute)
    packed = np.zeros(1, dtype=PACKED_TYPE)
    packed["convention"], packed["flags"], packed["method"] = -1, 6, 1
    for name in (*TWELVE, "same_day_dex_call", "same_day_vex_put"):
        packed[name] = draw.uniform(1e6, 1e9)
    packed["quote_time"] = to_microseconds(known)
    curve = draw.normal(0.2, 0.01, 2 * _EXPIRIES).astype("<f8").tobytes()
    row = rebuilt("SPY", unpacked(packed.tobytes(), curve))
    return [replace(row, symbol=name) for name in SYMBOLS]


def appends(count: int = 400) -> tuple[float, float]:
    """Median and 99th percentile of appending one snapshot of fifty symbols, in milliseconds, each on disk when it returns."""
    with tempfile.TemporaryDirectory(prefix="archive-bench-") as folder:
        archive, start = Archive(Path(folder), clock=_now), datetime(2024, 6, 5, 13, 30, tzinfo=UTC)
        snapshots = [(start + timedelta(seconds=30 * step), rows_at(start)) for step in range(count)]
        archive.append(start - timedelta(minutes=1), rows_at(start - timedelta(minutes=1)), source="bench")
        times = [seconds(partial(archive.append, *one, source="bench")) for one in snapshots]
        return 1e3 * statistics.median(times), 1e3 * float(np.quantile(times, 0.99))


def bytes_a_row(folder: Path) -> tuple[float, float]:
    """Of a day file: the twelve columns with what identifies a row, and the whole file with curves, coverage and footer."""
    twelve = whole = rows = 0
    for file in Layout(folder).record_files().values():
        metadata = pq.read_metadata(file.path)
        rows += metadata.num_rows
        whole += file.path.stat().st_size
        for group in range(metadata.num_row_groups):
            for number in range(metadata.num_columns):
                column = metadata.row_group(group).column(number)
                if column.path_in_schema in (*TWELVE, *_KEY):
                    twelve += column.total_compressed_size
    return twelve / rows, whole / rows


def _size(*, step: float = _ROUGHEST_STEP, lifelike: bool = False) -> str:
    """`bytes_a_row` of two weeks, as text."""
    with tempfile.TemporaryDirectory(prefix="archive-bench-") as folder:
        _fill(Path(folder), sessions_between(date(2024, 1, 8), date(2024, 1, 19)), step=step, lifelike=lifelike)
        twelve, whole = bytes_a_row(Path(folder))
    return f"{twelve:.1f} (with curves and coverage {whole:.0f})"


def least_bytes(step: float) -> float:
    """What a row of independent walks holds that a lossless code cannot leave out: the entropy of twelve steps, in bytes.

    A float64 has on average 2^52.5 steps up to its own size; a normal change of standard deviation `step` spreads over
    step * sqrt(2 pi e) of that.
    """
    return len(TWELVE) * (52.5 + math.log2(step * math.sqrt(2.0 * math.pi * math.e))) / 8.0


def sizes() -> str:
    """Bytes a row for walks of several roughness, beside what they have to take, and for rows as markets make them."""
    walks = ", ".join(f"{step:.3%} a minute: {_size(step=step)}, at least {least_bytes(step):.1f}" for step in _STEPS)
    return f"{walks}; prices in cents and few same-day expiries: {_size(lifelike=True)}"


def new_process(folder: Path, rounds: int = 7) -> float:
    """Seconds from spawning Python to the first replayed answer; raises where pandas was imported on the way."""
    at = minutes_of(folder)[-100].astype(datetime).isoformat()
    program = f"""
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from archive.store import Archive
archive = Archive(Path({str(folder)!r}), clock=lambda: datetime.now(UTC))
at = datetime.fromisoformat({at!r}).replace(tzinfo=UTC)
answer = archive.as_of({list(SYMBOLS)!r}, at, staleness=timedelta(days=5))
assert len(answer.exposures) == {len(SYMBOLS)}
assert "pandas" not in sys.modules
"""
    root = Path(__file__).resolve().parent.parent
    return statistics.median(
        seconds(lambda: subprocess.run([sys.executable, "-c", program], check=True, cwd=root)) for _ in range(rounds)
    )


def text(sessions: int = 252) -> str:
    """Every figure, with its goal."""
    lines = [f"  bytes a row, twelve full-mantissa columns (goal: at most 65): {sizes()}"]
    with a_year(sessions) as folder:
        both = series(folder)
        lines.append(f"  one year of 50 names / raw decode {both.decode.ours_over_theirs:.2f} (goal: 2.5): {both.decode.text()}")
        lines.append(f"  one year of 50 names / DuckDB {both.duckdb.ours_over_theirs:.2f} (goal: 0.40): {both.duckdb.text()}")
        ranks = percentiles(folder)
        lines.append(f"  percentiles / decode of one column {ranks.ours_over_theirs:.2f} (goal: 2.5): {ranks.text()}")
        lines.append(f"  new process to its first answer, without pandas: {new_process(folder):.2f} s")
        instant = as_of(folder)
        fresh = instant.uncached
        lines.append(f"  as-of, day not cached / decode {fresh.ours_over_theirs:.2f} (goal: 2): {fresh.text()}")
        lines.append(f"  as-of, cached {instant.cached:.2f} ms (goal: 1), live day {instant.live:.2f} ms (goal: 2)")
    median, slowest = appends()
    lines.append(f"  append of 50 symbols with fsync: median {median:.1f} ms, p99 {slowest:.1f} ms (goal: 50)")
    return "\n".join(lines)


if __name__ == "__main__":
    print(text(int(sys.argv[1]) if len(sys.argv) > 1 else 252))
