"""Work in slices, deadlines, and life inside an asyncio loop."""

# mypy: disable-error-code="arg-type, var-annotated"

import asyncio
import copy
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_sdk import Agent, InputError, MindError, SdkError
from gameagent_sdk.agent.timing import CallTimes
from gameagent_sdk.saving.pending import PendingWork


def slices(done: list[Any], number: int, seconds: float = 0.0) -> Any:
    for i in range(number):
        time.sleep(seconds)
        done.append(i)
        yield


@pytest.mark.quiet
def test_a_tick_ends_within_a_slice_of_its_budget() -> None:
    work, done = PendingWork(), []
    work.add(slices(done, 1000, seconds=0.002))
    started = time.perf_counter()
    work.tick(20)
    took = time.perf_counter() - started
    assert 0.02 <= took < 1.0  # a slice more, and what a busy machine adds; all of them would take 2 s
    assert 1 <= len(done) <= 10
    assert len(work) == 1


def test_no_budget_no_work() -> None:
    work, done = PendingWork(), []
    work.add(slices(done, 3))
    work.tick(0)
    assert done == []
    work.tick(1000)
    assert done == [0, 1, 2] and len(work) == 0


def test_tasks_are_done_in_order_and_a_failing_one_is_dropped() -> None:
    def failing() -> Any:
        yield
        raise MindError("full disk")

    work, done = PendingWork(), []
    work.add(slices(done, 2))
    work.add(failing())
    work.add(slices(done, 1))
    with pytest.raises(MindError, match="full disk"):
        work.tick(1000)
    assert done == [0, 1] and len(work) == 1
    work.tick(1000)
    assert done == [0, 1, 0]


def test_the_tasks_about_something_are_finished_or_dropped_alone() -> None:
    work, done, other = PendingWork(), [], []
    work.add(slices(done, 2), about="a")
    work.add(slices(other, 2), about="b")
    work.add(slices(done, 1), about="a")
    work.finish("a")
    assert done == [0, 1, 0] and other == [] and len(work) == 1
    work.drop("b")
    work.tick(1000)
    assert other == [] and len(work) == 0


def test_deadline_misses_are_counted(agent_of: Callable[..., Agent], monkeypatch: pytest.MonkeyPatch) -> None:
    agent = agent_of("recurrent", deadline_ms=500.0)
    run = agent._trial.step.run

    def slow() -> None:
        time.sleep(0.6)
        run()

    for late in (False, True, False):
        with monkeypatch.context() as patch:
            if late:
                patch.setattr(agent._trial.step, "run", slow)
            agent.act([0.0, 0.0, 0.0])
            agent.observe(0.0)
    times = agent.act_times
    assert (times.calls, times.misses) == (3, 1)
    assert 600.0 <= times.worst_ms <= times.total_ms


def test_ticks_are_counted_against_their_budget(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("recurrent")
    agent._pending.add(slices([], 1, seconds=0.02))
    assert agent.tick(1.0) == 1  # the task does not know yet that it is done
    assert (agent.tick_times.calls, agent.tick_times.misses) == (1, 1)
    assert agent.tick(10.0) == 0
    with pytest.raises(InputError, match="budget_ms"):
        agent.tick(float("nan"))


def test_call_times_add_up() -> None:
    times = CallTimes(2.0)
    for seconds in (0.001, 0.004, 0.002):
        times.count(seconds)
    assert (times.calls, times.misses, times.worst_ms) == (3, 1, 4.0)
    assert times.total_ms == pytest.approx(7.0)


def test_save_soon_writes_what_was_known_when_it_was_asked_for(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent = agent_of("recurrent")
    agent.act([0.0, 0.0, 0.0])
    agent.observe(1.0)
    agent.save(tmp_path / "now.mind")
    agent.save_soon(tmp_path / "soon.mind")
    assert not (tmp_path / "soon.mind").exists()
    agent.act([0.0, 0.0, 0.0])
    agent.observe(5.0)
    while agent.tick(1.0):
        pass
    assert (tmp_path / "soon.mind").read_bytes() == (tmp_path / "now.mind").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["now.mind", "soon.mind"]


def test_restore_reads_a_save_that_is_still_pending(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent = agent_of("recurrent")
    agent.act([0.0, 0.0, 0.0])
    agent.observe(1.0)
    agent.save_soon(tmp_path / "a.mind")
    agent.begin_trial()
    agent.restore(tmp_path / "a.mind")
    assert agent.episode_return == 1.0


def test_a_save_that_fails_is_raised_by_tick_once(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent = agent_of("recurrent")
    agent.save_soon(tmp_path / "no such folder" / "a.mind")
    with pytest.raises(MindError, match="cannot be written"):
        while agent.tick(5.0):
            pass
    assert agent.tick(5.0) == 0


@pytest.mark.parametrize("backend", ["onnxruntime", "numpy"])
def test_it_lives_in_an_asyncio_loop(backend: str, path_of: Callable[[str], Path], tmp_path: Path) -> None:
    """As under pygbag: one thread, and the loop gets its turn at every frame."""
    beats = []

    async def heartbeat() -> None:
        while True:
            beats.append(time.perf_counter())
            await asyncio.sleep(0)

    async def game() -> Agent:
        agent = Agent.load(path_of("recurrent"), backend=backend, seed=0)
        agent.begin_trial()
        for t in range(50):
            agent.act(np.zeros(3, np.float32))
            agent.observe(1.0, terminated=t % 10 == 9)
            if t == 20:
                agent.save_soon(tmp_path / "a.mind")
            agent.tick(1.0)
            await asyncio.sleep(0)
        return agent

    async def main() -> Agent:
        beating = asyncio.create_task(heartbeat())
        agent = await game()
        beating.cancel()
        return agent

    agent = asyncio.run(main())
    assert agent.returns == (10.0,) * 5
    assert (tmp_path / "a.mind").exists()
    assert len(beats) >= 50


def test_a_newer_save_is_not_overwritten_by_an_older_pending_one(
    agent_of: Callable[..., Agent], tmp_path: Path
) -> None:
    agent = agent_of("recurrent")
    agent.save_soon(tmp_path / "a.mind")
    for _ in range(3):
        agent.act([0.0, 0.0, 0.0])
        agent.observe(1.0)
    agent.save(tmp_path / "a.mind")
    while agent.tick(5.0):
        pass
    agent.begin_trial()
    agent.restore(tmp_path / "a.mind")
    assert agent.episode_return == 3.0


def test_restoring_is_not_held_up_by_another_save_that_fails(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent = agent_of("recurrent")
    agent.save(tmp_path / "good.mind")
    agent.save_soon(tmp_path / "no such folder" / "a.mind")
    agent.restore(tmp_path / "good.mind")
    with pytest.raises(MindError, match="no such folder"):
        while agent.tick(5.0):
            pass


def test_idle_ticks_are_not_counted(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("recurrent")
    agent.tick(0.0)
    agent.tick(5.0)
    assert agent.tick_times.calls == 0


def test_an_agent_is_not_copied(agent_of: Callable[..., Agent]) -> None:
    for copy_it in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(SdkError, match="cannot be copied"):
            copy_it(agent_of("recurrent"))
