"""Recorded index chains against Cboe's own gammas: the AM and PM clocks, the European rate curve, volatilities, forwards.

The file is read here by a few lines of its own, so that nothing of the readers is under test.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from exposure.chain import QuoteRows, build_chain
from exposure.dealer import ComputedLegs
from exposure.legs import measure
from tests import real_data

pytestmark = pytest.mark.real_data

FOLDER = real_data.FOLDER / "cboe"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A chain as listed, and the call and put GEX of the gammas in the file."""

    rows: QuoteRows
    call: float
    put: float


def recorded(path: Path, symbol: str, quote_time: datetime) -> Recorded:
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    start = next(number for number, line in enumerate(lines) if line.startswith("Expiration"))
    last = re.search(r"Last: *([\d.]+)", " ".join(lines[:start]))
    assert last
    spot = float(last[1])
    legs = []
    for cells in csv.reader(lines[start + 1 :]):
        day = datetime.strptime(cells[0], "%a %b %d %Y").date()  # noqa: DTZ007 (a date)
        for right, side in ((True, cells[1:11]), (False, cells[12:22])):
            bid, ask, iv, gamma, open_interest = (float(side[index]) for index in (3, 4, 6, 8, 9))
            legs.append((side[0][:-15], day, right, float(cells[11]), bid, ask, iv, open_interest, gamma))
    roots, days = sorted({leg[0] for leg in legs}), sorted({leg[1] for leg in legs})
    numbers = np.array([leg[3:] for leg in legs], dtype=np.float64)
    is_call = np.array([leg[2] for leg in legs])
    dollars = numbers[:, 5] * numbers[:, 4] * spot**2
    rows = QuoteRows(
        symbol=symbol,
        spot=spot,
        quote_time=quote_time,
        oi_date=None,
        roots=roots,
        expiry_dates=days,
        root_index=np.array([roots.index(leg[0]) for leg in legs]),
        expiry_index=np.array([days.index(leg[1]) for leg in legs]),
        is_call=is_call,
        strike=numbers[:, 0],
        bid=numbers[:, 1],
        ask=numbers[:, 2],
        iv=numbers[:, 3],
        open_interest=numbers[:, 4],
        multiplier=np.full(len(legs), 100.0),
    )
    return Recorded(rows, float(dollars[is_call].sum()), float(dollars[~is_call].sum()))


@pytest.mark.parametrize(
    ("name", "symbol", "close", "published", "tolerance"),
    [
        ("spx_quotedata_2022-02-05.csv", "SPX", datetime(2022, 2, 4, 21, tzinfo=UTC), -19.1561e9, 0.005),
        ("spx_quotedata_2022-12-12.csv", "SPX", datetime(2022, 12, 12, 21, tzinfo=UTC), -1.0752e9, 0.005),
        ("ndx_quotedata_2022-12-12.csv", "NDX", datetime(2022, 12, 12, 21, tzinfo=UTC), 1.0875e9, 0.015),
        ("rut_quotedata_2022-12-12.csv", "RUT", datetime(2022, 12, 12, 21, tzinfo=UTC), -0.3212e9, 0.005),
        ("spx_quotedata_2024-01-07.csv", "SPX", datetime(2024, 1, 5, 21, tzinfo=UTC), -10.9987e9, 0.005),
    ],
)
def test_net_gamma_of_an_index_is_cboes_within_the_stated_share_of_gross(
    name: str, symbol: str, close: datetime, published: float, tolerance: float
) -> None:
    chain = recorded(FOLDER / name, symbol, close)
    assert chain.call - chain.put == pytest.approx(published, abs=1e5)
    measured = measure(build_chain(chain.rows)).measured
    assert isinstance(measured, ComputedLegs)
    gex = measured.total.gex
    assert abs(gex.call - gex.put - published) <= tolerance * (chain.call + chain.put)
