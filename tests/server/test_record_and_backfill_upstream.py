"""`record` and `backfill flashalpha` through the command line, against providers on a loopback server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exposure.sessions import EASTERN, last_session
from tests.builders import a_call, a_put
from tests.sources.cboe_upstream import UNKNOWN_TO_CBOE, a_file
from tests.sources.flashalpha_upstream import KEY, Upstream, nets_of
from tests.sources.loopback import Loopback, Serving
from tests.transport.stdio import run_command

FROM, TO = "2020-03-12", "2020-03-16"
"""Three sessions."""


def cboe(url: str) -> dict[str, str]:
    return {
        "DEALER_EXPOSURE_SOURCE": "cboe",
        "DEALER_EXPOSURE_CBOE_ACCEPT_TERMS": "true",
        "DEALER_EXPOSURE_CBOE_URL": url,
        "DEALER_EXPOSURE_CBOE_SECONDS_APART": "0",
    }


def flashalpha(url: str) -> dict[str, str]:
    return {
        "FLASHALPHA_API_KEY": KEY,
        "DEALER_EXPOSURE_FLASHALPHA_URL": url,
        "DEALER_EXPOSURE_FLASHALPHA_HISTORICAL_URL": url,
    }


def published_now(symbol: str) -> Serving:
    """A file stamped now with the quotes of the last session that can be seen by now, and contracts that are still alive."""
    now = datetime.now(UTC).replace(microsecond=0)
    session = last_session(now - timedelta(minutes=90))
    expiry = now.astimezone(EASTERN).date() + timedelta(days=60)
    contracts = [
        a_call(expiry=expiry, open_interest=1000.0 + len(symbol)),
        a_put(expiry=expiry, open_interest=400.0),
    ]
    traded = min(session.close, now - timedelta(minutes=15))
    return Serving(a_file(symbol, contracts, published=now, last_trade=traded))


def structured(*arguments: str, environment: dict[str, str]) -> dict[str, Any]:
    answer = run_command("call", "basket_exposure", *arguments, "--json", environment=environment)
    assert (answer.returncode, answer.stderr) == (0, "")
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_what_is_recorded_of_cboe_is_replayed_to_the_last_bit(tmp_path: Path) -> None:
    names = ("NVDA", "AMD", "XYZZ")
    routes = {f"/{name}.json": published_now(name) for name in names[:2]}
    with Loopback(routes, fallback=UNKNOWN_TO_CBOE) as host:
        environment = cboe(host.url) | {"DEALER_EXPOSURE_ARCHIVE_DIR": str(tmp_path / "archive")}
        recorded = run_command("record", "--symbols", ",".join(names), "--once", environment=environment)
        assert (recorded.returncode, recorded.stderr) == (0, "")
        assert ": stored 2 of 3 names with 4 contracts, known from " in recorded.stdout
        assert recorded.stdout.endswith("; missing XYZZ (unknown_symbol).\n")
        assert len([one for one in host.requests if one.path == "/NVDA.json"]) == 1
        asked = f"symbols={','.join(names)}"
        live = structured(asked, environment=environment)
        seen = len(host.requests)
        known = recorded.stdout.split("known from ")[1].split(";")[0]
        ceiling = datetime.fromisoformat(known).replace(microsecond=0) + timedelta(seconds=1)
        replayed = structured(asked, f"at={ceiling.isoformat()}", environment=environment)
        assert len(host.requests) == seen
    assert (live["source"], live["mode"]) == ("cboe", "delayed")
    assert (replayed["source"], replayed["mode"], replayed["synthetic"]) == ("archive", "replay", False)
    for name in ("aggregate", "constituents", "weight_coverage", "missing_symbols", "as_of"):
        assert replayed[name] == live[name]
    assert "recorded_source" in [one["code"] for one in replayed["warnings"]]
    before = run_command("call", "basket_exposure", asked, "at=2024-01-02", environment=environment)
    assert before.returncode == 2
    assert "no_data_at" in before.stderr


@pytest.mark.slow
def test_a_backfill_from_flashalpha_stays_within_its_budget_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    folder = ("--archive-dir", str(tmp_path / "archive"))
    asked = ("backfill", "flashalpha", "--symbols", "SPY", "--from", FROM, "--to", TO, "--calls", "2", *folder)
    with Loopback(fallback=Upstream()) as host:
        environment = flashalpha(host.url)
        first = run_command(*asked, environment=environment)
        assert (first.returncode, first.stderr) == (1, "")
        assert first.stdout == (
            "Exposures fetched and stored: 2, with 2 of 2 calls. "
            "The budget of 2 calls is used up; run it again to go on from there.\n"
        )
        assert [one.query.get("at") for one in host.requests] == ["2020-03-16T16:00:00", "2020-03-13T16:00:00"]
        second = run_command(*asked, environment=environment)
        assert (second.returncode, second.stdout) == (
            0,
            "Exposures fetched and stored: 1, with 1 of 2 calls. Nothing is left to fetch.\n",
        )
        assert [one.query.get("at") for one in host.requests[2:]] == ["2020-03-12T16:00:00"]
        third = run_command(*asked, environment=environment)
        assert (third.returncode, third.stdout) == (
            0,
            "Exposures fetched and stored: 0, with 0 of 2 calls. Nothing is left to fetch.\n",
        )
        assert len(host.requests) == 3
        more = run_command(*asked[:3], "SPY,QQQ", *asked[4:-4], "--calls", "9", *folder, environment=environment)
        assert more.returncode == 1
        assert "Asked for and not given, a symbol and an instant each: 3; the last: " in more.stdout
        assert "Nothing is left" not in more.stdout
    unreachable = run_command(*asked[:3], "AAPL", *asked[4:], environment=environment)
    assert unreachable.returncode == 1
    assert "cannot be reached" in unreachable.stdout
    assert "Nothing is left" not in unreachable.stdout
    assert KEY not in first.stdout + second.stdout + third.stdout
    replayed = structured("symbols=SPY", f"at={FROM}", "--source", "archive", *folder, environment={})
    assert replayed["aggregate"]["net_gex"] == nets_of("SPY").gex
    assert replayed["constituents"][0]["symbol"] == "SPY"
    assert "source flashalpha" in next(one["message"] for one in replayed["warnings"] if one["code"] == "recorded_source")
