"""The body of a reply, unpacked as it arrives and never beyond its cap: a small gzip can hold gigabytes."""

from __future__ import annotations

import zlib
from typing import ClassVar

_GZIP = 16 + zlib.MAX_WBITS


class BodyTooLargeError(Exception):
    """More bytes than the cap, after unpacking."""


class BodyCutOffError(Exception):
    """The packed body is damaged or ends too early."""


class Body:
    """Collects the pieces of a body that may unpack to `largest` bytes. `encoding` is one of ENCODINGS."""

    ENCODINGS: ClassVar[frozenset[str]] = frozenset({"", "identity", "gzip", "x-gzip"})

    def __init__(self, largest: int, encoding: str) -> None:
        self._left = largest
        self._pieces: list[bytes] = []
        self._unpacker = zlib.decompressobj(_GZIP) if encoding.endswith("gzip") else None

    def add(self, piece: bytes) -> None:
        """Raises BodyTooLargeError and BodyCutOffError."""
        while self._unpacker is not None and piece:
            if self._unpacker.eof:  # a gzip may consist of several, one after the other
                self._unpacker = zlib.decompressobj(_GZIP)
            self._take(_unpacked(self._unpacker, piece, self._left + 1))
            piece = self._unpacker.unused_data
        if self._unpacker is None:
            self._take(piece)

    def complete(self) -> bytes:
        """The whole body. Raises BodyCutOffError where its end has not come."""
        if self._unpacker is not None and self._pieces and not self._unpacker.eof:
            raise BodyCutOffError
        return b"".join(self._pieces)

    def _take(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._left < 0:
            raise BodyTooLargeError
        self._pieces.append(piece)


def _unpacked(unpacker: zlib._Decompress, packed: bytes, most: int) -> bytes:
    try:
        return unpacker.decompress(packed, most)
    except zlib.error:
        raise BodyCutOffError from None
