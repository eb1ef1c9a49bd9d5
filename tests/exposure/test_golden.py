"""The self-check of an installation: it passes here, and it would notice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exposure import greeks as greeks_module
from exposure.golden import golden_checks


def test_this_installation_reproduces_both_golden_numbers() -> None:
    checks = golden_checks()
    assert [one.expected for one in checks] == [692_276.40, 584e6]
    assert all(one.passed for one in checks)


def test_a_number_outside_its_tolerance_does_not_pass() -> None:
    for one in golden_checks():
        assert not replace(one, computed=one.expected + 2 * one.tolerance).passed
        assert not replace(one, computed=float("nan")).passed


def test_the_check_recomputes_rather_than_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greeks_module, "INVERSE_SQRT_2PI", 0.4)
    assert [one.passed for one in golden_checks()] == [False, True]
