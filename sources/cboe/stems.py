"""How Cboe names the file of a symbol."""

from __future__ import annotations

from exposure.instruments import INDICES, canonical_symbol


def path_of(symbol: str) -> str | None:
    """The path of a symbol's file below the address of the delayed chains, or None where the text cannot be a ticker.

    Index files carry an underscore (`/_SPX.json`). A class share keeps the dot of our own spelling (`/BRK.B.json`), although
    its options are listed under `BRKB`.
    """
    ticker = canonical_symbol(symbol)
    if ticker is None:
        return None
    return f"/_{ticker}.json" if ticker in INDICES else f"/{ticker}.json"
