"""Every benchmark in one run, as ratios: `make bench`. Prints; fails only when two sides do not compute the same."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parent.parent


def main() -> None:
    sys.path.insert(0, str(_REPOSITORY))
    from bench import archive, backfill, demo, files, kernel, repricing, startup, upstream

    print("Start-up, spawn to tools/list, against a bare server of the same SDK (goal: at most 1.15)")
    start = startup.compare()
    print(f"  ratio {start.ours_over_theirs:.3f}: {start.text()}")

    print("250,000 contracts to four exposures, against a naive numpy script (goal: at least 1.5 times faster)")
    speed = kernel.compare()
    print(f"  {speed.theirs_over_ours:.2f} times faster: {speed.text()}")

    print("Demo market, warm (goal: one chain 3 ms, 50 chains 150 ms)")
    print(f"  {demo.text()}")

    data = Path(os.environ.get("DEALER_TEST_DATA", _REPOSITORY / ".." / "shared" / "data")) / "us-2026-08-21"
    skipped = f"skipped: {data} does not exist"
    print("50 real files to the answer of one basket")
    print(f"  {files.stages(data).text() if data.is_dir() else skipped}")

    print("Repricing, against a row-by-row script on a sample (goal: profile 12 ms, curve of 50 names 1.0 s)")
    print(f"  {repricing.index_profile().text()}")
    print(f"  {repricing.basket_curve(data).text() if data.is_dir() else skipped}")

    print("50 real chains from a loopback upstream to one basket's answer (goals: 3 times faster than a script, 1.9 downloads)")
    print(f"  {upstream.compare(data).text() if data.is_dir() else skipped}")

    print("The archive, a year of minutes of 50 names (takes a minute)")
    print(archive.text())

    print("Backfill of 200 symbol-days of chains (goal: two threads at most 0.60 of serial, identical to the byte)")
    print(f"  {backfill.compare().text()}")


if __name__ == "__main__":
    main()
