"""Both protocol eras for every test that asks for `era`."""

from __future__ import annotations

import pytest

from tests.tools.desk import ERAS, Era


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> Era:
    chosen: Era = request.param
    return chosen
