"""FlashAlpha's JSON as typed values. A leaf that is absent or of the wrong type is None; what is not known is ignored.

The standard library's decoder is used on purpose: a bare NaN or 1e999 must cost the row it is in, and stricter decoders refuse
the whole answer for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from exposure.dealer import Greek
from exposure.instruments import canonical_symbol
from exposure.sessions import EASTERN

Document = Mapping[str, object]

# Seven digits of a second's fraction are usual on the live host; the historical host sends neither fraction nor zone.
_STAMP = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2})?)(\.\d{1,12})?([Zz]|[+-]\d{2}:?\d{2})?", re.ASCII)
_LARGEST = 1e30
_YEARS = range(2000, 2101)


def document(body: bytes) -> Document | None:
    """The JSON object in `body`, or None where it is anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def number(value: object) -> float | None:
    """A finite number; None for anything else: a number in a string, a bool, and a size that sums could not hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if abs(found) < _LARGEST else None


def text(value: object) -> str | None:
    """A string; None for anything else."""
    return value if isinstance(value, str) else None


def instant(value: object, naive: tzinfo) -> datetime | None:
    """A UTC instant; a stamp without a zone is read in `naive`, the earlier one where clocks show it twice."""
    found = _STAMP.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{(fraction or '')[:7]}{(zone or '').upper()}")
    except ValueError:
        return None
    if moment.year not in _YEARS:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=naive)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One symbol's four nets as printed. `symbol` is in our spelling, None where it cannot be one."""

    symbol: str | None
    spot: float | None
    nets: Mapping[Greek, float | None]
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class BasketReply:
    """The native basket's answer."""

    as_of: datetime | None
    rows: tuple[PublishedRow, ...]
    missing: frozenset[str]
    aggregate: Mapping[Greek, float | None]


@dataclass(frozen=True, slots=True)
class Strike:
    """Gamma exposure at one strike; the put's is negative on the wire."""

    call: float | None
    put: float | None
    call_open_interest: float | None
    put_open_interest: float | None
    net: float | None


@dataclass(frozen=True, slots=True)
class GammaReply:
    """One symbol's gamma exposure by strike, and the headline above it."""

    symbol: str | None
    as_of: datetime | None
    net: float | None
    strikes: tuple[Strike, ...]


@dataclass(frozen=True, slots=True)
class SummaryReply:
    """One symbol's four nets at one minute."""

    as_of: datetime | None
    row: PublishedRow


@dataclass(frozen=True, slots=True)
class DispersionRow:
    """One constituent of a dispersion answer; the volatility is a fraction a year."""

    symbol: str | None
    weight: float | None
    iv: float | None


@dataclass(frozen=True, slots=True)
class DispersionReply:
    """The live dispersion endpoint's answer."""

    as_of: datetime | None
    index_iv: float | None
    basket_iv: float | None
    implied_correlation: float | None
    realized_correlation: float | None
    horizon_days: float | None
    rows: tuple[DispersionRow, ...]
    missing: frozenset[str]


def basket_reply(found: Document) -> BasketReply:
    """Read `/v1/exposure/basket`."""
    found = _unwrapped(found)
    aggregate = _object(found.get("aggregate"))
    return BasketReply(
        as_of=instant(found.get("as_of"), UTC),
        rows=tuple(_published(row, row) for row in _objects(found.get("constituents"))),
        missing=_symbols(found.get("missing_symbols")),
        aggregate=_nets(aggregate),
    )


def gamma_reply(found: Document, naive: tzinfo) -> GammaReply:
    """Read `/v1/exposure/gex/{symbol}` of either host."""
    found = _unwrapped(found)
    strikes = tuple(
        Strike(
            call=number(row.get("call_gex")),
            put=number(row.get("put_gex")),
            call_open_interest=number(row.get("call_oi")),
            put_open_interest=number(row.get("put_oi")),
            net=number(row.get("net_gex")),
        )
        for row in _objects(found.get("strikes"))
    )
    return GammaReply(_symbol(found.get("symbol")), instant(found.get("as_of"), naive), number(found.get("net_gex")), strikes)


def summary_reply(found: Document) -> SummaryReply:
    """Read `/v1/exposure/summary/{symbol}` of the historical host, whose stamps are Eastern wall clock."""
    found = _unwrapped(found)
    return SummaryReply(instant(found.get("as_of"), EASTERN), _published(found, _object(found.get("exposures"))))


def dispersion_reply(found: Document) -> DispersionReply:
    """Read `/v1/dispersion`."""
    found = _unwrapped(found)
    rows = tuple(
        DispersionRow(_symbol(row.get("symbol")), number(row.get("weight")), number(row.get("iv")))
        for row in _objects(found.get("top_contributors"))
    )
    return DispersionReply(
        as_of=instant(found.get("as_of"), UTC),
        index_iv=number(found.get("implied_vol_index")),
        basket_iv=number(found.get("implied_vol_basket")),
        implied_correlation=number(found.get("implied_correlation")),
        realized_correlation=number(found.get("realized_correlation")),
        horizon_days=number(found.get("horizon_days")),
        rows=rows,
        missing=_symbols(found.get("missing_symbols")),
    )


def _published(row: Document, nets: Document) -> PublishedRow:
    return PublishedRow(_symbol(row.get("symbol")), number(row.get("underlying_price")), _nets(nets), number(row.get("weight")))


def _nets(row: Document) -> Mapping[Greek, float | None]:
    return {greek: number(row.get(f"net_{greek.value}")) for greek in Greek}


def _unwrapped(found: Document) -> Document:
    """The historical host puts some answers into a `payload` beside the symbol and the stamps."""
    return {**found, **_object(found.get("payload"))}


def _object(value: object) -> Document:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Document]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _symbol(value: object) -> str | None:
    return canonical_symbol(value) if isinstance(value, str) else None


def _symbols(value: object) -> frozenset[str]:
    found = (_symbol(one) for one in value) if isinstance(value, list) else ()
    return frozenset(one for one in found if one is not None)
