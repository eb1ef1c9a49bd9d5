"""The tables of the README are those the code would write."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = ROOT / "docs" / "generate.py"


@pytest.mark.skipif(not GENERATOR.exists(), reason="runs in a checkout only; the wheel has no README to compare")
def test_what_is_generated_is_fresh() -> None:
    specification = importlib.util.spec_from_file_location("generate", GENERATOR)
    assert specification is not None
    assert specification.loader is not None
    generator = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(generator)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in generator.tables():
        assert f"<!-- {name} -->" in readme, f"README.md has no <!-- {name} --> ... <!-- /{name} --> section"
    assert generator.rewritten(readme) == readme, "README.md is stale: run `make docs`"
    questions = generator.QUESTIONS.read_text(encoding="utf-8")
    assert questions == generator.questions(), "docs/questions.md is stale: run `make docs`"
