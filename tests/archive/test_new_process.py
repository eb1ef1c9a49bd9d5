"""What a new process pays: nothing for importing the archive, no pandas for the first answer, none for appending either."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.archive.endurance import ROOT
from tests.archive.recordings import OPEN, a_recording, an_archive, store


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_importing_the_archive_imports_no_storage_library() -> None:
    program = "import sys, archive.store, archive.answers\nprint([name for name in {} if name in sys.modules])"
    assert run(program.format(["numpy", "pyarrow", "sqlite3", "pandas", "duckdb"])) == "[]\n"


def test_the_first_answers_of_a_process_do_not_import_pandas(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    store(archive, a_recording(["SPY"], 0))
    archive.export_finished_days()
    archive.rebuild_series()
    program = f"""
import sys
from pathlib import Path
from datetime import datetime, timedelta, UTC
from archive.store import Archive
archive = Archive(Path({str(tmp_path)!r}), clock=lambda: datetime.now(UTC))
at = datetime.fromisoformat({OPEN.isoformat()!r})
days = timedelta(days=5)
answer = archive.as_of(["SPY"], at, staleness=days)
archive.append(at + days, list(answer.exposures.values()), source="copy")
series = archive.series(["SPY"], [at], ["spot", "gex_call"], staleness=days)
archive.percentile_ranks(["SPY"], "spot", at, days, staleness=days)
archive.coverage()
print(len(answer.exposures), series.values["spot"].shape, "pandas" in sys.modules)
"""
    assert run(program) == "1 (1, 1) False\n"
