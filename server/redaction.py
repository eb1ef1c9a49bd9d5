"""Removes keys from text that leaves the process by another way than a tool answer: logs, error messages, reports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"
_SHORTEST_SECRET = 6  # a shorter value is no key, and hiding every "1" would make the log unreadable

_VENDOR_KEY = re.compile(r"\bfa_[A-Za-z0-9_\-]{4,}")
_NAMED_KEY = re.compile(r"""(?i)(\b(?:x-)?api[-_]?key["']?\]?\s*[=:,]\s*(?:b(?=["']))?["']?)[^\s"'&,;)\]}]+""")
_AUTHORIZATION = re.compile(
    r"""(?i)(\bauthorization["']?\]?\s*[=:,]\s*(?:b(?=["']))?["']?)(?:(?:bearer|basic|token)\s+)?[^\s"',;)\]}]+"""
)


class Redactor:
    """Callable from text to text without the given values, without FlashAlpha keys and without authorization headers."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {spelling for secret in secrets if len(secret) >= _SHORTEST_SECRET for spelling in _spellings(secret)}
        # The longest first: a secret that contains another one is hidden whole.
        self._spellings = sorted(spellings, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for spelling in self._spellings:
            text = text.replace(spelling, HIDDEN)
        text = _VENDOR_KEY.sub(HIDDEN, text)
        text = _NAMED_KEY.sub(rf"\g<1>{HIDDEN}", text)
        return _AUTHORIZATION.sub(rf"\g<1>{HIDDEN}", text)


def _spellings(secret: str) -> set[str]:
    """The secret as it appears raw, in a URL, in a JSON text and in a Python repr."""
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, secret.strip(), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1], *in_json}
