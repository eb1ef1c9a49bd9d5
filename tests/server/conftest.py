"""Both protocol eras for every test that asks for `era`."""

from __future__ import annotations

from tests.tools.conftest import era

__all__ = ["era"]
