"""One chain as bytes for the live day, and back, bit for bit: a JSON head, then the columns, compressed."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import date

import numpy as np

from archive.layout import from_microseconds, to_microseconds
from archive.rows import coverage_fields, rebuilt_coverage
from exposure.chain import Chain
from exposure.instruments import AssetClass
from exposure.parity import ForwardCurve

CONTRACT_COLUMNS = {
    "expiry": "<M8[s]",
    "term": "<i8",
    "is_call": "|b1",
    "strike": "<f8",
    "iv": "<f8",
    "open_interest": "<f8",
    "multiplier": "<f8",
    "bid": "<f8",
    "ask": "<f8",
}
CURVE_COLUMNS = {"years": "<f8", "forward": "<f8", "rate": "<f8", "from_parity": "|b1", "same_day": "|b1"}
"""Columns of a chain and of its curve, and their types; the order is part of the format."""


def to_bytes(chain: Chain) -> bytes:
    """The chain in one piece; `from_bytes` takes it apart again."""
    import pyarrow as pa

    head = {
        "symbol": chain.symbol,
        "asset_class": chain.asset_class.value,
        "spot": chain.spot,
        "quote_time": to_microseconds(chain.quote_time),
        "oi_date": chain.oi_date.isoformat() if chain.oi_date else None,
        "coverage": coverage_fields(chain.coverage),
        "refused": chain.curve.refused,
        "rate_from_parity": chain.curve.rate_from_parity,
        "contracts": len(chain),
        "expiries": len(chain.curve.years),
    }
    parts = [_shuffled(np.asarray(getattr(chain, name), dtype=kind)) for name, kind in CONTRACT_COLUMNS.items()]
    parts += [_shuffled(np.asarray(getattr(chain.curve, name), dtype=kind)) for name, kind in CURVE_COLUMNS.items()]
    text = json.dumps(head, separators=(",", ":")).encode()
    whole = b"".join((len(text).to_bytes(4, "little"), text, *parts))
    packed: bytes = pa.compress(whole, codec="zstd", asbytes=True)
    return len(whole).to_bytes(8, "little") + packed


def from_bytes(content: bytes) -> Chain:
    """The chain that `to_bytes` packed. Raises ValueError, KeyError or OSError for anything else."""
    import pyarrow as pa

    size = int.from_bytes(content[:8], "little")
    whole: bytes = pa.decompress(content[8:], decompressed_size=size, codec="zstd", asbytes=True)
    start = 4 + int.from_bytes(whole[:4], "little")
    head = json.loads(whole[4:start])
    taken: list[np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = []
    for kinds, rows in ((CONTRACT_COLUMNS, head["contracts"]), (CURVE_COLUMNS, head["expiries"])):
        for kind in kinds.values():
            stop = start + np.dtype(kind).itemsize * rows
            taken.append(_unshuffled(whole[start:stop], kind))
            start = stop
    contracts = dict(zip(CONTRACT_COLUMNS, taken, strict=False))
    curve = dict(zip(CURVE_COLUMNS, taken[len(contracts) :], strict=True))
    return Chain(
        symbol=head["symbol"],
        asset_class=AssetClass(head["asset_class"]),
        spot=head["spot"],
        quote_time=from_microseconds(head["quote_time"]),
        oi_date=date.fromisoformat(head["oi_date"]) if head["oi_date"] else None,
        coverage=rebuilt_coverage(head["coverage"]),
        curve=ForwardCurve(**curve, refused=head["refused"], rate_from_parity=head["rate_from_parity"]),  # type: ignore[arg-type]
        **contracts,  # type: ignore[arg-type]
    )


def identical(one: Chain, other: Chain) -> bool:
    """Whether two chains hold the same to the last bit, NaN included."""
    for field in fields(Chain):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if field.name == "curve":
            same = (first.refused, first.rate_from_parity) == (second.refused, second.rate_from_parity) and all(
                getattr(first, name).tobytes() == getattr(second, name).tobytes() for name in CURVE_COLUMNS
            )
        elif field.name in CONTRACT_COLUMNS:
            same = first.dtype == second.dtype and first.tobytes() == second.tobytes()
        else:
            same = first == second
        if not same:
            return False
    return True


def _shuffled(column: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bytes:
    """Bytes of equal weight side by side, which compresses several times better."""
    rows = np.ascontiguousarray(column).view(np.uint8).reshape(len(column), column.dtype.itemsize)
    return np.ascontiguousarray(rows.T).tobytes()


def _unshuffled(content: bytes, kind: str) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    size = np.dtype(kind).itemsize
    planes = np.frombuffer(content, dtype=np.uint8).reshape(size, -1)
    return np.ascontiguousarray(planes.T).reshape(-1).view(kind)
