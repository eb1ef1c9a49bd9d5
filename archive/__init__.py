"""The historical store: what was known about each symbol, from when on, in files of the user's own."""
