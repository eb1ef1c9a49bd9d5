"""What the archive is handed and what it answers: plain values, free of any storage library.

Instants are timezone-aware; those handed out are UTC. Money is in the units of `exposure.dealer`, or for published nets in
what the vendor says (`Family.units`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from exposure.chain import Chain
    from exposure.dealer import SymbolExposure

_LEGS = tuple(f"{greek}_{right}" for greek in ("gex", "dex", "vex", "chex") for right in ("call", "put"))

SERIES_COLUMNS = (
    "spot",
    *_LEGS,
    *(f"same_day_{leg}" for leg in _LEGS),
    "net_gex",
    "net_dex",
    "net_vex",
    "net_chex",
    "atm_iv",
)
"""What `Archive.series` can be asked for, beside `quote_time` (microseconds since 1970 UTC).

`<greek>_<call|put>` are the legs of computed rows in dollars before any dealer sign, `same_day_...` their part in contracts
that expire on the day of the quotes, `net_<greek>` the signed numbers of published rows, `atm_iv` the 30-day volatility as a
fraction. A column that a row's kind does not have is NaN (published rows may have the legs of GEX).
"""


class ArchiveError(Exception):
    """The archive cannot do what was asked; the message is one sentence for a person."""


class Kind(StrEnum):
    """What a row's numbers are: legs computed from a chain, or nets a vendor published already signed."""

    COMPUTED = "computed"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True, order=True)
class Family:
    """Rows that may stand side by side in one answer: one source, one kind, one unit.

    `units` is empty for computed rows, which are in the units of `exposure.dealer`.
    """

    source: str
    kind: Kind
    units: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """One snapshot to store: what `source` said about several symbols, known from the instant `known` on."""

    known: datetime
    exposures: Sequence[SymbolExposure]
    source: str
    chains: Sequence[Chain] = ()
    units: str | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of the rows of an append.

    `rows_different` counts rows whose place (family, symbol, instant) is taken by other content; they are left as they were.
    """

    rows_new: int
    rows_already_there: int
    rows_different: int = 0

    def plus(self, other: Appended) -> Appended:
        """Both counts together."""
        return Appended(
            self.rows_new + other.rows_new,
            self.rows_already_there + other.rows_already_there,
            self.rows_different + other.rows_different,
        )


@dataclass(frozen=True, slots=True)
class Nearest:
    """The instants around one at which nothing is known of a symbol; None where there is none on that side."""

    last_before: datetime | None
    first_after: datetime | None


@dataclass(frozen=True, slots=True)
class AsOf:
    """What was known at an instant: an exposure for each symbol that has one within the staleness limit.

    `known` says from when on each exposure was known. `last_before` has every other symbol asked for, with the instant of its
    last snapshot, too old to answer from (None where none was known by then). `family` is None where nothing was found.
    `remarks` are sentences about damaged files among those that were looked at: older rows may stand in for theirs.
    """

    at: datetime
    family: Family | None
    exposures: Mapping[str, SymbolExposure]
    known: Mapping[str, datetime]
    last_before: Mapping[str, datetime | None]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChainsAsOf:
    """As `AsOf`, with chains; `source` is None where nothing was found."""

    at: datetime
    source: str | None
    chains: Mapping[str, Chain]
    known: Mapping[str, datetime]
    last_before: Mapping[str, datetime | None]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeriesBlock:
    """Columns carried forward: each value is the last one known at its instant.

    `instants` has shape (instants,), UTC microseconds ascending; each array of `values` has shape (symbols, instants), NaN
    where nothing was known, or only something staler than the limit. The order of rows is that of `symbols`.
    """

    symbols: tuple[str, ...]
    family: Family | None
    instants: NDArray[np.datetime64]
    values: Mapping[str, NDArray[np.float64]]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveCoverage:
    """What the archive holds; instants are None where it is empty.

    `rows` counts exposures (one a symbol and instant), `sessions` are the US Eastern dates with at least one, `bytes` is the
    size of all files, `quarantined` one sentence for each damaged file that was put aside.
    """

    first: datetime | None
    last: datetime | None
    symbols: tuple[str, ...]
    families: tuple[Family, ...]
    rows: int
    sessions: tuple[date, ...]
    bytes: int
    quarantined: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources that rows came from."""
        return tuple(sorted({family.source for family in self.families}))


@dataclass(frozen=True, slots=True)
class ChainsHeld:
    """The symbols an archive holds chains of, by name, and the first US Eastern date it does; None where it holds none."""

    symbols: tuple[str, ...]
    first: date | None


@dataclass(frozen=True, slots=True)
class Tidied:
    """What a maintenance command did: files written, files removed, and what a person should know."""

    written: int = 0
    removed: int = 0
    remarks: tuple[str, ...] = field(default=())
