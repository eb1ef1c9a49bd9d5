"""`doctor` before loopback providers: each thing that stands in the way is named with what to do, and no key is shown."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from sources.http.retry_after import host_time
from tests.builders import a_call, a_put
from tests.sources.cboe_upstream import UNKNOWN_TO_CBOE, a_file
from tests.sources.flashalpha_upstream import KEY, Upstream, sent
from tests.sources.loopback import Behaviour, Hang, Loopback, Request, Serving, Status
from tests.transport.stdio import run_command

ADVICE = "\n         -> "
NOWHERE = "http://127.0.0.1:9"


def doctor(url: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """What it says with FlashAlpha as the source; `changes` are settings by field name."""
    given = {"flashalpha_api_key": KEY, "flashalpha_url": url, "flashalpha_historical_url": url, "cboe_url": url}
    given |= {"archive_dir": "/no/archive/here"}
    environment = {f"DEALER_EXPOSURE_{name.upper()}": value for name, value in (given | changes).items() if value}
    answer = run_command("doctor", environment=environment)
    assert answer.stderr == ""
    assert KEY not in answer.stdout
    assert "canary" not in answer.stdout.lower()
    return answer


def test_all_is_well_with_a_key_that_is_taken_and_a_quota_with_calls_left() -> None:
    with Loopback(fallback=Upstream()) as host:
        answer = doctor(host.url)
    assert answer.returncode == 0, answer.stdout
    assert "Everything is in order." in answer.stdout
    assert "a FlashAlpha key is set" in answer.stdout
    assert "ok       FlashAlpha: FlashAlpha plan Growth: 2,499 of today's 2,500 are left" in answer.stdout
    assert "covers SPY alone today" in answer.stdout
    assert "person@example.org" not in answer.stdout
    assert f"ok       FlashAlpha historical: {host.url.removeprefix('http://')} answers\n" in answer.stdout
    assert host.paths() == ["/v1/account", "/v1/tickers"]
    assert "x-api-key" not in host.requests[1].headers, "a question without the key cannot cost a call"


def test_a_plan_without_a_limit_is_well_and_nothing_is_renewed() -> None:
    with Loopback(fallback=Upstream(limit=None)) as host:
        answer = doctor(host.url)
    assert answer.returncode == 0, answer.stdout
    assert "FlashAlpha plan Growth: the plan has no daily limit." in answer.stdout


def limited(_: Request) -> Behaviour:
    headers = {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0", "Retry-After": "3600"}
    return sent({"error": "rate_limited", "message": KEY}, 429, headers)


@pytest.mark.parametrize(
    ("route", "said", "advice"),
    [
        (lambda _: Status(401), "FlashAlpha refused the key", "Check the key"),
        (lambda _: Status(500), "status 500", "run doctor again"),
        pytest.param(lambda _: Hang(), "did not answer in time", "the network and the proxy", marks=pytest.mark.slow),
        (lambda _: Serving(b"<html>Sign in</html>", headers={"content-type": "text/html"}), "not JSON", "the proxy"),
        (Upstream(limit=1), "0 of today's 1 are left", "Wait for the renewal at midnight UTC"),
        (limited, "0 of today's 5 are left", "Wait for the renewal at midnight UTC"),
    ],
    ids=["a key refused", "a broken host", "a silent host", "a page instead", "a quota spent", "a limit reached"],
)
def test_what_is_wrong_with_flashalpha_is_a_problem_with_advice(
    route: Callable[[Request], Behaviour], said: str, advice: str
) -> None:
    with Loopback(fallback=route) as host, Loopback(fallback=Upstream()) as historical:
        answer = doctor(host.url, flashalpha_historical_url=historical.url)
    assert answer.returncode == 1
    _, problem = answer.stdout.split("\nproblem  ")
    assert problem.startswith("FlashAlpha: ")
    assert said in problem.split(ADVICE)[0]
    assert advice in problem.split(ADVICE)[1]
    assert "1 of 8 checks found a problem." in answer.stdout


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (Status(500), "status 500"),
        pytest.param(Hang(), "did not answer in time", marks=pytest.mark.slow),
        pytest.param(Serving(b"<html>Sign in</html>", headers={"content-type": "text/html"}), "not JSON", marks=pytest.mark.slow),
        pytest.param(Status(404, body=b"{}"), "404 without saying why", marks=pytest.mark.slow),
    ],
    ids=["broken", "silent", "a page instead", "another address"],
)
def test_a_historical_host_that_does_not_answer_is_a_problem(behaviour: Behaviour, said: str) -> None:
    with Loopback(fallback=Upstream()) as live, Loopback(fallback=behaviour) as historical:
        answer = doctor(live.url, flashalpha_historical_url=historical.url)
    assert answer.returncode == 1
    _, problem = answer.stdout.split("\nproblem  ")
    assert problem.startswith("FlashAlpha historical: ")
    assert said in problem.split(ADVICE)[0]
    assert "DEALER_EXPOSURE_FLASHALPHA_HISTORICAL_URL" in problem.split(ADVICE)[1]
    assert "ok       FlashAlpha: FlashAlpha plan Growth" in answer.stdout
    assert all("x-api-key" not in request.headers for request in historical.requests)


def test_a_historical_host_that_answers_nothing_is_not_asked_where_the_past_is_from_elsewhere() -> None:
    with Loopback(fallback=Upstream()) as live, Loopback(fallback=Status(500)) as historical:
        answer = doctor(live.url, flashalpha_historical_url=historical.url, replay="archive")
    assert "FlashAlpha historical" not in answer.stdout
    assert "ok       FlashAlpha: " in answer.stdout
    assert historical.requests == []


def test_a_historical_host_that_is_not_there_is_a_problem() -> None:
    with Loopback(fallback=Upstream()) as live:
        answer = doctor(live.url, flashalpha_historical_url=NOWHERE)
    assert answer.returncode == 1
    assert "problem  FlashAlpha historical: 127.0.0.1:9 cannot be reached." in answer.stdout


def in_minutes(minutes: float) -> str:
    """The Date header of a host whose clock differs by so much from this machine's."""
    return format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)


@pytest.mark.parametrize(
    ("minutes", "said", "effect"),
    [
        (-7, "This machine's clock is 7.0 minutes ahead of that of 127.0.0.1", "older than they are and may be called stale"),
        (-180, "clock is 3.0 hours ahead of", "still to come counts as past"),
        (5, "clock is 5.0 minutes behind that of 127.0.0.1", "so is an instant of the last 5.0 minutes"),
        (60 * 24 * 3, "clock is 3.0 days behind", "may be refused"),
    ],
)
def test_a_clock_that_differs_from_the_providers_is_a_problem_that_says_what_it_does(
    minutes: float, said: str, effect: str
) -> None:
    upstream = Upstream()

    def elsewhen(request: Request) -> Behaviour:
        answer = upstream(request)
        assert isinstance(answer, Serving)
        return Serving(answer.body, answer.status, {**answer.headers, "Date": in_minutes(minutes - 0.02)})

    with Loopback(fallback=elsewhen) as host:
        answer = doctor(host.url)
    assert answer.returncode == 1
    _, problem = answer.stdout.split("\nproblem  ")
    assert problem.startswith("clock: ")
    assert said in problem.split(ADVICE)[0]
    assert effect in problem.split(ADVICE)[0]
    assert "Set the system clock" in problem.split(ADVICE)[1]


def test_clocks_less_than_two_minutes_apart_agree() -> None:
    with Loopback(fallback=lambda _: Status(401, {"Date": in_minutes(-1)})) as host:
        answer = doctor(host.url)
    assert f"ok       clock: within 2 minutes of that of {host.url.removeprefix('http://')}\n" in answer.stdout


def test_an_answer_from_a_cache_tells_the_time_it_was_kept_for() -> None:
    kept = {"date": "Wed, 05 Jun 2024 14:30:00 GMT", "age": "90"}
    assert host_time(kept) == datetime(2024, 6, 5, 14, 31, 30, tzinfo=UTC)
    assert host_time(kept | {"age": "long"}) == datetime(2024, 6, 5, 14, 30, tzinfo=UTC)
    assert host_time({"date": "yesterday"}) is None
    assert host_time({}) is None


def test_a_host_that_is_not_there_is_a_problem() -> None:
    answer = doctor(NOWHERE)
    assert answer.returncode == 1
    assert "problem  FlashAlpha: What is left of FlashAlpha's quota is not known. 127.0.0.1:9 cannot be reached." in answer.stdout


def test_a_source_without_its_key_is_a_problem_that_names_the_variable() -> None:
    with Loopback(fallback=Upstream()) as host:
        answer = doctor(host.url, source="flashalpha", flashalpha_api_key="")
    assert answer.returncode == 1
    assert "problem  FlashAlpha: FlashAlpha needs a key: set FLASHALPHA_API_KEY" in answer.stdout
    assert host.requests == []


def test_a_key_that_cannot_be_one_is_a_problem_of_the_settings_and_is_not_shown() -> None:
    answer = doctor(NOWHERE, flashalpha_api_key=f"{KEY} {KEY}")
    assert answer.returncode == 1
    assert "problem  settings: DEALER_EXPOSURE_FLASHALPHA_API_KEY is not a key" in answer.stdout


def test_a_convention_the_vendor_does_not_publish_is_a_problem() -> None:
    with Loopback(fallback=Upstream()) as host:
        answer = doctor(host.url, convention="dealers_short_all")
    assert answer.returncode == 1
    assert "problem  convention: FlashAlpha publishes nets under the convention street" in answer.stdout
    assert "set it to street" in answer.stdout


def test_a_replay_source_without_a_past_is_a_problem() -> None:
    with Loopback(fallback=Upstream()) as host:
        answer = doctor(host.url, replay="cboe", cboe_accept_terms="true")
    assert answer.returncode == 1
    assert "problem  replay source: cboe answers for now alone" in answer.stdout
    assert "DEALER_EXPOSURE_REPLAY" in answer.stdout


def test_an_empty_archive_that_was_asked_for_is_a_problem() -> None:
    with Loopback(fallback=Upstream()) as host:
        answer = doctor(host.url, replay="archive")
    assert answer.returncode == 1
    assert "problem  replay source: archive: 0 symbols" in answer.stdout
    assert "DEALER_EXPOSURE_ARCHIVE_DIR" in answer.stdout


def test_terms_that_are_not_accepted_are_a_problem_and_nothing_is_requested() -> None:
    with Loopback() as host:
        answer = doctor(host.url, source="cboe", flashalpha_api_key="")
    assert answer.returncode == 1
    assert host.requests == []
    assert "problem  Cboe: " in answer.stdout
    assert "DEALER_EXPOSURE_CBOE_ACCEPT_TERMS=true" in answer.stdout
    assert "files" in answer.stdout


def test_accepted_terms_and_a_file_that_arrives_are_well() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    expiry = (now + timedelta(days=30)).date()

    def fresh(request: Request) -> Behaviour:
        symbol = request.path.strip("/_").removesuffix(".json")
        contracts = [a_call(expiry=expiry), a_put(expiry=expiry)]
        file = a_file(symbol, contracts, published=now, last_trade=now - timedelta(minutes=1))
        return Serving(file, headers={"Date": in_minutes(0)})

    with Loopback(fallback=fresh) as host:
        answer = doctor(host.url, source="cboe", flashalpha_api_key="", cboe_accept_terms="true")
    assert "problem  Cboe" not in answer.stdout, answer.stdout
    assert "ok       Cboe: " in answer.stdout
    assert "ok       clock: within 2 minutes of that of 127.0.0.1" in answer.stdout
    assert "ok       replay source: archive: 0 symbols" in answer.stdout
    assert answer.returncode == 0
    assert len(host.requests) == 1


@pytest.mark.parametrize("behaviour", [Status(500), UNKNOWN_TO_CBOE], ids=["broken", "blocked"])
def test_a_cboe_that_gives_no_file_is_a_problem(behaviour: Behaviour) -> None:
    with Loopback(fallback=behaviour) as host:
        answer = doctor(host.url, source="cboe", flashalpha_api_key="", cboe_accept_terms="true")
    assert answer.returncode == 1
    assert "problem  Cboe: " in answer.stdout
    assert "run doctor again" in answer.stdout


def test_a_cboe_that_is_not_there_is_a_problem() -> None:
    answer = doctor(NOWHERE, source="cboe", flashalpha_api_key="", cboe_accept_terms="true")
    assert answer.returncode == 1
    assert "problem  Cboe: 127.0.0.1:9 cannot be reached" in answer.stdout
