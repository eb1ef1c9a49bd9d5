"""Cboe's free delayed chains as a source: one file a symbol, opt-in, throttled, fetched on in the background."""
