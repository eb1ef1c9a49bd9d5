"""Work beside the questions: who waits for what, what is kept, and what a deadline leaves."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable

import anyio
import pytest

from sources.background import Background, SharedWork, arrivals

pytestmark = pytest.mark.anyio


class Loads:
    """Counts its loads; each waits for `gate` where there is one, and raises `problem` where there is one."""

    def __init__(self, value: str = "value", *, gate: anyio.Event | None = None, problem: Exception | None = None) -> None:
        self.value, self.gate, self.problem = value, gate, problem
        self.count = 0

    async def __call__(self) -> str:
        self.count += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.problem is not None:
            raise self.problem
        return self.value


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def later(seconds: float, value: str) -> Callable[[], Awaitable[str]]:
    async def wait() -> str:
        await anyio.sleep(seconds)
        return value

    return wait


async def test_the_end_cancels_what_runs_and_then_closes_the_newest_first() -> None:
    order: list[str] = []

    async def work() -> None:
        try:
            await anyio.sleep(60)
        finally:
            order.append("cancelled")

    async def closing(name: str) -> None:
        await anyio.sleep(0)
        order.append(name)

    with anyio.fail_after(5):
        async with Background() as background:
            background.start(work)
            background.on_close(lambda: closing("first"))
            background.on_close(lambda: closing("second"))
            await anyio.sleep(0.01)
    assert order == ["cancelled", "second", "first"]


async def test_it_can_be_opened_again_but_not_twice_at_once() -> None:
    background, ran = Background(), anyio.Event()

    async def work() -> None:
        ran.set()

    for _ in range(2):
        with pytest.raises(RuntimeError, match="not open"):
            background.start(work)
        with pytest.raises(RuntimeError, match="not open"):
            background.on_close(work)
        async with background:
            with pytest.raises(RuntimeError, match="already open"):
                await background.__aenter__()
    async with background:
        background.start(work)
        with anyio.fail_after(5):
            await ran.wait()


async def test_what_the_body_raises_comes_out_as_it_is() -> None:
    async def body() -> None:
        async with Background() as background:
            background.start(later(60, ""))
            raise ValueError("of the body")

    with pytest.raises(ValueError, match="of the body"):
        await body()


async def test_an_end_by_cancellation_closes_all_the_same() -> None:
    closed = False

    async def closing() -> None:
        nonlocal closed
        await anyio.sleep(0.01)
        closed = True

    with anyio.move_on_after(0.05) as scope:
        async with Background() as background:
            background.on_close(closing)
            background.start(later(60, ""))
            await anyio.sleep(60)
    assert scope.cancelled_caught
    assert closed


async def test_failing_work_is_logged_and_leaves_the_rest_running(caplog: pytest.LogCaptureFixture) -> None:
    others = anyio.Event()

    async def goes_on() -> None:
        await anyio.sleep(0.02)
        others.set()

    async with Background() as background:
        background.start(Loads(problem=ValueError("broken work")))
        background.start(goes_on)
        background.on_close(Loads(problem=ValueError("broken closing")))  # type: ignore[arg-type]
        with anyio.fail_after(5):
            await others.wait()
    assert "broken work" in caplog.text
    assert "broken closing" in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


async def test_a_hundred_callers_share_one_load() -> None:
    load, values = Loads(gate=anyio.Event()), []
    async with Background() as background:
        work = SharedWork[str, str](background, lifetime=60, capacity=5)

        async def ask() -> None:
            values.append(await work.get("key", load))

        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            assert work.under_way("key")
            assert work.known("key") is None
            assert load.gate is not None
            load.gate.set()
        assert not work.under_way("key")
        assert work.known("key") == "value"
        assert await work.get("key", load) == "value"
    assert values == ["value"] * 100
    assert load.count == 1


async def test_a_caller_that_gives_up_leaves_the_load_running_for_the_next() -> None:
    load = Loads(gate=anyio.Event())
    assert load.gate is not None
    async with Background() as background:
        work = SharedWork[str, str](background, lifetime=60, capacity=5)
        with anyio.move_on_after(0.02) as scope:
            await work.get("key", load)
        assert scope.cancelled_caught
        assert work.under_way("key")
        load.gate.set()
        with anyio.fail_after(5):
            assert await work.get("key", load) == "value"
    assert load.count == 1


async def test_a_failure_reaches_every_waiter_and_is_not_kept() -> None:
    load = Loads(gate=anyio.Event(), problem=LookupError("no such thing"))
    assert load.gate is not None
    depths: list[int] = []
    async with Background() as background:
        work = SharedWork[str, str](background, lifetime=60, capacity=5)

        async def ask() -> None:
            with pytest.raises(LookupError, match="no such thing") as caught:
                await work.get("key", load)
            depths.append(len(caught.traceback))

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            load.gate.set()
        load.problem = None
        assert await work.get("key", load) == "value"
    assert load.count == 2
    assert len(depths) == 10
    assert len(set(depths)) == 1, "the traceback grows from waiter to waiter"


async def test_a_failure_nobody_waits_for_is_told_by_its_kind_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    load = Loads(gate=anyio.Event(), problem=LookupError("a detail"))
    assert load.gate is not None
    async with Background() as background:
        work = SharedWork[str, str](background, lifetime=60, capacity=5)
        with anyio.move_on_after(0.01):
            await work.get("key", load)
        load.gate.set()
        await anyio.wait_all_tasks_blocked()
    assert "LookupError" in caplog.text
    assert "a detail" not in caplog.text


async def test_values_are_good_for_their_lifetime_and_zero_keeps_none() -> None:
    clock, load = Clock(), Loads()
    async with Background() as background:
        work = SharedWork[str, str](background, lifetime=10, capacity=5, now=clock)
        await work.get("key", load)
        clock.seconds += 9.9
        assert work.known("key") == "value"
        clock.seconds += 0.2
        assert work.known("key") is None
        await work.get("key", load)
        assert load.count == 2
        never = SharedWork[str, str](background, lifetime=0, capacity=5, now=clock)
        await never.get("key", load)
        assert never.known("key") is None
        by_value = SharedWork[str, str](background, lifetime=lambda value: 5.0 if value == "good" else 0.0, capacity=5, now=clock)
        await by_value.get("good", Loads("good"))
        await by_value.get("bad", Loads("bad"))
        assert (by_value.known("good"), by_value.known("bad")) == ("good", None)
        clock.seconds += 5.1
        assert by_value.known("good") is None


async def test_the_least_recently_used_value_goes_first() -> None:
    async with Background() as background:
        work = SharedWork[str, str](background, lifetime=60, capacity=2)
        await work.get("a", Loads())
        await work.get("b", Loads())
        await work.get("a", Loads())
        await work.get("c", Loads())
        assert [work.known(key) for key in "abc"] == ["value", None, "value"]
    with pytest.raises(ValueError, match="room for one value"):
        SharedWork[str, str](background, lifetime=60, capacity=0)


async def test_an_absent_value_can_be_a_value() -> None:
    count = 0

    async def load() -> None:
        nonlocal count
        count += 1

    async with Background() as background:
        work = SharedWork[str, None](background, lifetime=60, capacity=2)
        for _ in range(3):
            await work.get("key", load)
    assert count == 1


async def test_the_repr_shows_neither_keys_nor_values() -> None:
    async with Background() as background:
        work = SharedWork[str, str](background, lifetime=60, capacity=2)
        await work.get("canary-key", Loads("canary-value"))
        assert "canary" not in f"{work!r} {work} {background!r}"


@pytest.mark.parametrize("begun", [True, False])
async def test_waiters_do_not_hang_when_the_background_closes(begun: bool) -> None:
    background, problems = Background(), []

    async def ask(work: SharedWork[str, str]) -> None:
        try:
            await work.get("key", Loads(gate=anyio.Event()))
        except RuntimeError as problem:
            problems.append(str(problem))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group, background:
            work = SharedWork[str, str](background, lifetime=60, capacity=2)
            for _ in range(3):
                group.start_soon(ask, work)
            if begun:
                await anyio.wait_all_tasks_blocked()
            else:
                await anyio.sleep(0)  # the load has been started and has not run a step
        assert problems == ["The background was closed while this was loading."] * 3
        assert not work.under_way("key")
        with pytest.raises(RuntimeError, match="not open"):
            await work.get("key", Loads())
        assert not work.under_way("key")
        async with background:
            assert await work.get("key", Loads()) == "value"


async def test_everything_arrives_where_there_is_no_deadline_in_the_order_asked() -> None:
    told: list[tuple[int, int]] = []

    async def progress(done: int, total: int) -> None:
        told.append((done, total))

    answer = await arrivals({"a": later(0.03, "A"), "b": later(0, "B"), "c": later(0.01, "C")}, progress)
    assert list(answer.items()) == [("a", "A"), ("b", "B"), ("c", "C")]
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert await arrivals({}, progress) == {}


async def test_the_waits_run_at_once_and_a_deadline_leaves_what_has_arrived() -> None:
    waits = {f"quick {number}": later(0.05, "here") for number in range(50)} | {"slow": later(60, "late")}
    begun = anyio.current_time()
    with anyio.move_on_after(1) as scope:
        answer = await arrivals(waits, margin=0.5)
        assert anyio.current_time() - begun == pytest.approx(0.75, abs=0.24)
    assert not scope.cancelled_caught
    assert len(answer) == 50
    assert "slow" not in answer


async def test_the_margin_shrinks_with_the_time_there_is() -> None:
    with anyio.move_on_after(0.4) as scope:
        answer = await arrivals({"quick": later(0.1, "here"), "slow": later(60, "late")}, margin=10)
    assert not scope.cancelled_caught
    assert answer == {"quick": "here"}


async def test_a_question_that_is_cancelled_already_stays_cancelled() -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await arrivals({"a": later(0, "A")})
        pytest.fail("it went on")
    assert scope.cancelled_caught


async def test_what_progress_raises_comes_out_as_it_is() -> None:
    async def progress(done: int, total: int) -> None:
        raise LookupError("nobody listens")

    with anyio.fail_after(5), pytest.raises(LookupError, match="nobody listens"):
        await arrivals({"a": later(0, "A"), "b": later(60, "B")}, progress)


async def test_progress_that_stands_still_does_not_hold_up_the_answer() -> None:
    async def progress(done: int, total: int) -> None:
        await anyio.sleep(60)

    with anyio.move_on_after(0.4) as scope:
        assert await arrivals({"a": later(0, "A"), "b": later(0, "B")}, progress) == {"a": "A", "b": "B"}
    assert not scope.cancelled_caught


def test_nothing_heavy_is_imported_at_start() -> None:
    program = "import sys, sources.background, sources.http; print(*({'httpx', 'tenacity', 'cachetools'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not done.stdout.strip()
