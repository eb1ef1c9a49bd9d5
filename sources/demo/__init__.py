"""The embedded default: a synthetic US options market, deterministic from (symbol, minute), offline, with no stored data.

Nothing is imported here, so that naming the package costs nothing; the reader is `sources.demo.reader.DemoReader`.
"""
