"""From the columns a source hands over to the readings of a basket: signed, and without what is carried forward unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from mcp.server.mcpserver.exceptions import ToolError

from archive.answers import Kind
from exposure.basket import Basket
from exposure.dealer import Greek, SignConvention, sign_pair
from exposure.instruments import asset_class

if TYPE_CHECKING:
    # numpy is imported by the functions that need it: this module is imported at start-up.
    from archive.answers import SeriesBlock
    from exposure.chain import Instants
    from exposure.greeks import Floats
    from exposure.history import BasketSeries, HistorySummary, Readings

COLUMNS = ("spot", "gex_call", "gex_put", "net_gex", "quote_time")


@dataclass(frozen=True, slots=True)
class History:
    """A basket through a window, and how much of what was asked for could be read."""

    series: BasketSeries
    summary: HistorySummary
    asked: int
    """Instants that were asked for; the series may have fewer, the newest ones, where time ran out."""
    units: str | None
    """What a vendor says of its published nets; None for computed ones."""
    remarks: tuple[str, ...]
    ends_off_step: bool
    """Whether the last reading is of the end of the window, between two steps."""


def history_of(
    block: SeriesBlock, basket: Basket, convention: SignConvention, instants: Sequence[datetime], *, off_step: bool
) -> History:
    """The history of a basket from what was read at `instants`; `off_step` says that the last of them is not on the step.

    Such an end is left out where nothing is newer than at the instant before. Raises ToolError with a sentence where nets exist
    under another convention only.
    """
    from exposure.history import basket_series, summarise

    readings = _readings(block, basket, convention)
    count = len(readings.instants)
    ends_off_step = off_step and count > 0
    if ends_off_step and count > 1 and _is_stale(readings):
        readings, ends_off_step = _first(readings, count - 1), False
        instants = instants[:-1]
    series = basket_series(readings)
    return History(
        series=series,
        summary=summarise(series),
        asked=len(instants),
        units=(block.family.units or None) if block.family else None,
        remarks=tuple(dict.fromkeys(block.remarks)),
        ends_off_step=ends_off_step and bool(series.read[-1]),
    )


def _readings(block: SeriesBlock, basket: Basket, convention: SignConvention) -> Readings:
    import numpy as np

    from exposure.history import Readings

    place = {symbol: row for row, symbol in enumerate(block.symbols)}
    nothing = np.full(len(block.instants), np.nan)

    def column(name: str) -> Floats:
        return np.array(
            [block.values[name][place[symbol]] if symbol in place else nothing for symbol in basket.weights], dtype=np.float64
        ).reshape(len(basket.weights), len(block.instants))

    spot, call, put, published, quoted = (column(name) for name in COLUMNS)
    gross = np.abs(call) + np.abs(put)
    if block.family is not None and block.family.kind is Kind.PUBLISHED and convention is SignConvention.STREET:
        net = published
    else:
        pairs = [sign_pair(convention, asset_class(symbol), Greek.GEX) for symbol in basket.weights]
        net = np.array([pair.call for pair in pairs])[:, None] * call + np.array([pair.put for pair in pairs])[:, None] * put
        if np.any(np.isfinite(published) & ~np.isfinite(net)):
            raise ToolError(
                f"The source publishes nets under another convention than {convention.value}; ask with the convention street."
            )
    instants = block.instants.astype("datetime64[s]")
    return Readings(basket, instants, net, gross, _last_news(instants, [quoted, spot, net, gross]))


def _last_news(instants: Instants, columns: Sequence[Floats]) -> Instants:
    """When each name's columns last changed, shape (names, n).

    Quote times alone would not do: open interest that comes out in the morning makes other numbers of the evening's quotes. Nor
    would numbers alone: those of two snapshots may be equal. Where neither changes, one snapshot is carried forward.
    """
    import numpy as np

    changed = np.ones(columns[0].shape, dtype=bool)
    changed[:, 1:] = False
    for column in columns:
        before, after = column[:, :-1], column[:, 1:]
        changed[:, 1:] |= (before != after) & ~(np.isnan(before) & np.isnan(after))
    latest = np.maximum.accumulate(np.where(changed, np.arange(len(instants)), 0), axis=1)
    return np.asarray(instants[latest])


def _is_stale(readings: Readings) -> bool:
    """Whether the last instant has nothing that the one before did not have."""
    quoted = readings.quote_time
    return quoted is not None and bool((quoted[:, -1] == quoted[:, -2]).all())


def _first(readings: Readings, count: int) -> Readings:
    quoted = readings.quote_time
    return replace(
        readings,
        instants=readings.instants[:count],
        net_gex=readings.net_gex[:, :count],
        gross_gex=readings.gross_gex[:, :count],
        quote_time=None if quoted is None else quoted[:, :count],
    )
