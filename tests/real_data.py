"""Where recorded market data for tests lie, outside the repository.

`DEALER_TEST_DATA` names the folder; without it, it is `../shared/data` beside the repository. Tests that need it carry the marker
`real_data`; `tests/conftest.py` skips them where the folder is absent and counts them where it is not.
"""

from __future__ import annotations

import os
from pathlib import Path

_BESIDE_THE_REPOSITORY = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
FOLDER = Path(os.environ.get("DEALER_TEST_DATA") or _BESIDE_THE_REPOSITORY)
US_CLOSE = FOLDER / "us-2026-08-21"
"""94 names at the close of Friday 2026-08-21, written the next morning."""
