"""What Cboe's two files of delayed quotes share: their clock, and option symbols taken apart column by column."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from exposure.chain import QuoteRows
from exposure.greeks import Bools, Floats
from exposure.instruments import INDICES, canonical_symbol
from exposure.sessions import EASTERN, Session, eastern, last_session, previous_session, session_on
from sources.files.formats import Listing, UnreadableFileError, root_of

_DELAY = timedelta(minutes=15)
_RENEWAL = (6, 30)
"""Hour and minute in New York at which the open interest of the session before is known."""
_MULTIPLIER = 100.0
_TAIL = 15
"""Characters after the root in an option symbol: six of date, one of right, eight of strike."""
_LONGEST_SYMBOL = 24
# Cboe and the option symbols write class shares without a mark, so that only a table can tell BRK.B from a ticker BRKB.
_CLASS_SHARES = {
    "BRKA": "BRK.A",
    "BRKB": "BRK.B",
    "BFA": "BF.A",
    "BFB": "BF.B",
    "LENB": "LEN.B",
    "HEIA": "HEI.A",
    "MOGA": "MOG.A",
}
# SPXW, NDXP and RUTW belong to an index; SPXC and SPXL are a stock and a fund of their own.
_INDEX_ROOT = re.compile(rf"({'|'.join(sorted(INDICES))})[WP]?")


@dataclass(frozen=True, slots=True)
class Clock:
    """Which instants a file of delayed quotes speaks of.

    `quote_time` is where its quotes are from: 15 minutes before publication, the close outside a session, and never later than
    the session of the underlying's last trade. `oi_date` is the session of the open interest, None where it may be either of
    two. `in_session` is False where the quotes are those of a close, `stale` where the last trade is a session behind.
    """

    quote_time: datetime
    oi_date: date | None
    in_session: bool
    stale: bool


def clock_of(published: datetime, last_trade: datetime | None = None) -> Clock:
    """The clock of a file published at a UTC instant whose underlying last traded at another; UnreadableFileError."""
    try:
        delayed = published - _DELAY
        session = last_session(delayed)
        traded = session if last_trade is None else _session_of(last_trade, session)
        oldest = min(session, traded, key=lambda one: one.open)
        return Clock(
            quote_time=min(delayed, oldest.close),
            oi_date=_open_interest_session(published, oldest),
            in_session=delayed <= oldest.close,
            stale=oldest.date < session.date,
        )
    except (ValueError, OverflowError):
        raise UnreadableFileError("its time stamp is outside the trading calendar") from None


def _session_of(last_trade: datetime, otherwise: Session) -> Session:
    """A trade before the calendar begins is a placeholder and says nothing."""
    try:
        return last_session(last_trade)
    except (ValueError, OverflowError):
        return otherwise


def _open_interest_session(published: datetime, quotes: Session) -> date | None:
    """The session before that of the quotes, until the next morning at 06:30, when the new open interest is known.

    From then until the quotes are of the new session too, a file may hold either, and nothing in it says which.
    """
    day = published.astimezone(EASTERN).date()
    today = session_on(day)
    renewed = today if today is not None and published >= eastern(day, *_RENEWAL) else previous_session(day)
    return previous_session(quotes.date).date if renewed.date == quotes.date else None


@dataclass(frozen=True, slots=True)
class Contracts:
    """Option symbols taken apart. Arrays have shape (symbols,); where `readable` is False the rest means nothing."""

    roots: Sequence[str]
    expiry_dates: Sequence[date]
    root_index: NDArray[np.int64]
    expiry_index: NDArray[np.int64]
    is_call: Bools
    strike: Floats
    readable: Bools


def contracts_of(symbols: Sequence[str]) -> Contracts:
    """Compact option symbols, such as SPXW240105C04700000, read from the right; the root may be padded with blanks."""
    if not symbols:
        nothing = np.zeros(0, dtype=np.int64)
        return Contracts((), (), nothing, nothing, nothing == 1, np.zeros(0), nothing == 1)
    lengths = np.fromiter(map(len, symbols), dtype=np.int64, count=len(symbols))
    fixed = np.array(symbols, dtype=f"U{_LONGEST_SYMBOL}")
    letters = np.strings.rjust(fixed, _LONGEST_SYMBOL).view(np.uint32).reshape(len(symbols), _LONGEST_SYMBOL).astype(np.int64)
    prefix, tail = letters[:, :-_TAIL], letters[:, -_TAIL:]
    digits = tail - ord("0")
    is_digit = (digits >= 0) & (digits <= 9)
    is_digit[:, 6] = np.isin(tail[:, 6], (ord("C"), ord("P")))
    readable = (lengths > _TAIL) & (lengths == np.strings.str_len(fixed)) & is_digit.all(axis=1)
    readable &= ((prefix >= ord(" ")) & (prefix <= ord("_"))).all(axis=1)
    strike = digits[:, 7:] @ 10 ** np.arange(7, -1, -1) / 1000.0

    day_number = np.where(readable, digits[:, :6] @ 10 ** np.arange(5, -1, -1), 0)
    numbers, number_index = np.unique(day_number, return_inverse=True)
    days = [_day(number) for number in numbers.tolist()]
    expiry_dates = sorted({day for day in days if day is not None})
    expiry_index = np.array([-1 if day is None else expiry_dates.index(day) for day in days], dtype=np.int64)[number_index]
    readable &= expiry_index >= 0

    # 64 characters are possible at each of 9 places: one integer a root, much faster to sort than text.
    packed = np.where(readable, (prefix - ord(" ")) @ 64 ** np.arange(prefix.shape[1]), 0)
    _, first, spelling_index = np.unique(packed, return_index=True, return_inverse=True)
    spellings = [root_of(str(fixed[index])[:-_TAIL]) if readable[index] else "" for index in first.tolist()]
    roots = sorted({root for root in spellings if root})
    root_index = np.array([roots.index(root) if root else -1 for root in spellings], dtype=np.int64)[spelling_index]
    readable &= root_index >= 0
    return Contracts(roots, expiry_dates, root_index, expiry_index, tail[:, 6] == ord("C"), strike, readable)


def _day(number: int) -> date | None:
    """The date of six digits yymmdd; options did not exist in 19yy symbols."""
    try:
        return date(2000 + number // 10_000, number // 100 % 100, number % 100)
    except ValueError:
        return None


def symbol_of(text: str) -> str | None:
    """The underlying as this project spells it, or None when the text is not a ticker: `_RUT`, `^RUT` and `BRKB` are known."""
    symbol = canonical_symbol(text)
    return None if symbol is None else _CLASS_SHARES.get(symbol, symbol)


def underlying_of(contracts: Contracts) -> str | None:
    """The underlying that the roots belong to: the one with the most contracts, adjusted series aside; None without any."""
    counts = np.bincount(contracts.root_index[contracts.readable], minlength=len(contracts.roots))
    standard = [index for index, root in enumerate(contracts.roots) if not root[-1].isdigit() and counts[index]]
    if not standard:
        return None
    root = contracts.roots[max(standard, key=lambda index: int(counts[index]))]
    index_root = _INDEX_ROOT.fullmatch(root)
    return symbol_of(index_root[1] if index_root else root)


@dataclass(frozen=True, slots=True)
class Quotes:
    """What a file says of each contract; arrays of shape (symbols,), NaN where a cell says nothing."""

    bid: Floats
    ask: Floats
    iv: Floats
    open_interest: Floats


def quote_rows(
    listing: Listing, spot: float | None, clock: Clock, contracts: Contracts, quotes: Quotes, more: int = 0
) -> QuoteRows:
    """The rows of a file; `more` counts rows of it that are not among the contracts. Raises UnreadableFileError.

    Cboe writes 0 for a quote that is not there and for a volatility it could not solve. The columns are not checked for
    percentages: on the evening of an expiry day its volatilities of 1,000% are what Cboe writes, not a mistake of units.
    """
    readable = contracts.readable
    used = int(np.count_nonzero(readable))
    if spot is None or not (math.isfinite(spot) and spot > 0):
        raise UnreadableFileError("its price of the underlying is missing or not above 0")
    if not used:
        raise UnreadableFileError("it has no row with an option symbol that can be read")
    return QuoteRows(
        symbol=listing.symbol,
        spot=spot,
        quote_time=clock.quote_time,
        oi_date=clock.oi_date,
        roots=contracts.roots,
        expiry_dates=contracts.expiry_dates,
        root_index=contracts.root_index[readable],
        expiry_index=contracts.expiry_index[readable],
        is_call=contracts.is_call[readable],
        strike=contracts.strike[readable],
        bid=_above_zero(quotes.bid[readable]),
        ask=_above_zero(quotes.ask[readable]),
        iv=_above_zero(quotes.iv[readable]),
        open_interest=quotes.open_interest[readable],
        multiplier=np.full(used, _MULTIPLIER),
        unreadable=len(readable) - used + more,
    )


def _above_zero(column: Floats) -> Floats:
    return np.where(column > 0, column, np.nan)
