"""The rule of `tests/conftest.py`: recorded data are used wherever they exist, and the run says how many tests used them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PLAIN = "import pytest\n\n@pytest.mark.real_data\ndef test_one():\n    pass\n\ndef test_two():\n    pass\n"
SKIPPING = PLAIN + "\n@pytest.mark.real_data\ndef test_three():\n    pytest.skip('no reason')\n"


def run(folder: Path, data: Path, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `tests` in a copy of this folder that lies nowhere near the repository."""
    copied = folder / "tests"
    copied.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    real_data: recorded data\n")
    for name in ("__init__.py", "conftest.py", "real_data.py"):
        shutil.copy(HERE / name, copied / name)
    (copied / "test_sample.py").write_text(tests)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(copied)],
        cwd=folder,
        env=os.environ | {"DEALER_TEST_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_a_run_with_the_data_says_how_many_tests_used_them(tmp_path: Path, options: tuple[str, ...]) -> None:
    result = run(tmp_path, HERE, PLAIN, *options)
    assert result.returncode == 0, result.stdout
    assert f"real data: 1 tests ran on {HERE}" in result.stdout


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_a_run_that_skips_one_although_the_data_exist_fails(tmp_path: Path, options: tuple[str, ...]) -> None:
    result = run(tmp_path, HERE, SKIPPING, *options)
    assert result.returncode == 1, result.stdout
    assert "test_three was skipped although the folder exists" in result.stdout


def test_a_run_without_the_data_skips_with_the_reason_and_passes(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    result = run(tmp_path, absent, SKIPPING, "-rs")
    assert result.returncode == 0, result.stdout
    assert "1 passed, 2 skipped" in result.stdout
    assert f"real data: 2 tests skipped, {absent} does not exist" in result.stdout
    assert "DEALER_TEST_DATA can name another folder" in result.stdout
