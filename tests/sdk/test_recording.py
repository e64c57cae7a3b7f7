"""Recordings: every action again, bit for bit."""

# mypy: disable-error-code="arg-type, union-attr"

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_sdk import Agent, Policy, RecordingError, Squad, replay


@pytest.fixture(params=["onnxruntime", "numpy"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param


def plain(action: Any) -> Any:
    """An int, or a list of floats, which can be compared."""
    return np.asarray(action).tolist()


def play(agent: Any, num_steps: int, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    size, actions = agent.manifest.observation_size, []
    for t in range(num_steps):
        legal = None
        if agent.manifest.action.mask:
            legal = rng.random(agent.num_actions) < 0.5
            legal[0] = True
        actions.append(plain(agent.act(rng.normal(size=size), legal)))
        discrete = agent.manifest.action.kind == "discrete"
        other = int(rng.integers(agent.num_actions)) if discrete else rng.normal(size=agent.num_actions) * 10
        taken_over = other if t % 11 == 5 else None
        agent.observe(rng.normal(), terminated=t % 9 == 8, truncated=bool(t % 13 == 12), action=taken_over)
    return actions


def state_of(agent: Any) -> Any:
    context = {name: array.tolist() for name, array in agent._trial.step.context.inputs().items()}
    return context, agent.returns, agent.phase, agent.decider.random_bits.state, agent.strength, agent.temperature


def test_every_action_comes_again_and_so_does_the_agent(any_path: Path, backend: str, tmp_path: Path) -> None:
    agent = Agent.load(any_path, seed=3, backend=backend, temperature=1.0)
    agent.begin_trial()
    play(agent, 5, seed=0)  # the recording begins in the middle
    agent.save(tmp_path / "a.mind")
    agent.record(tmp_path / "match.jsonl")
    actions = play(agent, 30, seed=1)
    agent.strength = 0.5
    actions += play(agent, 30, seed=2)
    agent.freeze()
    actions += play(agent, 30, seed=3)
    agent.forget(0.3)
    agent.unfreeze()
    agent.temperature = 2.0
    actions += play(agent, 30, seed=4)
    agent.restore(tmp_path / "a.mind")
    actions += play(agent, 30, seed=5)
    agent.begin_trial()
    actions += play(agent, 30, seed=6)
    agent.stop_recording()
    play(agent, 3, seed=7)
    again = replay(tmp_path / "match.jsonl", Policy.load(any_path, backend))
    assert [plain(action) for action in again.actions] == actions
    assert (again.num_different, again.first_different) == (0, None)
    play(again.agent, 3, seed=7)
    assert state_of(again.agent) == state_of(agent)


@pytest.mark.parametrize("begun", [False, True])
def test_it_may_begin_before_a_trial_or_frozen(begun: bool, path_of: Callable[[str], Path], tmp_path: Path) -> None:
    agent = Agent.load(path_of("recurrent"), seed=3)
    if begun:
        agent.begin_trial()
        play(agent, 9, seed=0)
        agent.freeze()
    agent.record(tmp_path / "match.jsonl")
    if not begun:
        agent.begin_trial()
    actions = play(agent, 40, seed=1)
    agent.stop_recording()
    again = replay(tmp_path / "match.jsonl", agent.policy)
    assert again.actions == tuple(actions) and again.num_different == 0
    assert state_of(again.agent) == state_of(agent)
    assert again.agent.learning is not begun


def test_members_of_a_squad_replay_in_rows_of_the_same_batch(
    path_of: Callable[[str], Path], backend: str, tmp_path: Path
) -> None:
    squad = Squad.load(path_of("recurrent"), seed=1, backend=backend)
    members = [squad.join() for _ in range(5)]
    members[3].record(tmp_path / "match.jsonl")
    rng, actions = np.random.default_rng(0), []
    for t in range(40):
        acting = members if t % 3 else members[2:]
        chosen = squad.act({member: rng.normal(size=3) for member in acting})
        actions.append(chosen[members[3]])
        for member in acting:
            member.observe(rng.normal())
    members[3].stop_recording()
    again = replay(tmp_path / "match.jsonl", squad.policy)
    assert again.actions == tuple(actions) and again.num_different == 0
    assert state_of(again.agent) == state_of(members[3])


def test_a_difference_is_counted_and_the_recorded_action_taken(path_of: Callable[[str], Path], tmp_path: Path) -> None:
    agent = Agent.load(path_of("recurrent"), seed=3)
    agent.record(tmp_path / "match.jsonl")
    agent.begin_trial()
    actions = play(agent, 20, seed=0)
    agent.stop_recording()
    lines = [json.loads(line) for line in (tmp_path / "match.jsonl").read_text().splitlines()]
    calls = [line for line in lines if line.get("call") == "act"]
    calls[7]["action"] = (actions[7] + 1) % 3
    (tmp_path / "match.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    again = replay(tmp_path / "match.jsonl", agent.policy)
    assert (again.num_different, again.first_different) == (1, 7)
    assert state_of(again.agent) == state_of(agent)  # as observe got what was really done


def test_writing_waits_for_a_tick_but_not_for_ever(path_of: Callable[[str], Path], tmp_path: Path) -> None:
    agent = Agent.load(path_of("recurrent"), seed=3)
    agent.record(tmp_path / "match.jsonl")
    agent.begin_trial()
    play(agent, 10, seed=0)
    size = (tmp_path / "match.jsonl").stat().st_size
    assert agent.tick(1000.0) == 0
    assert (tmp_path / "match.jsonl").stat().st_size > size
    play(agent, 2000, seed=0)
    assert len(agent.decider.recording._waiting) <= 512 and agent.num_pending == 1
    while agent.tick(50.0):
        pass
    assert not agent.decider.recording._waiting
    agent.stop_recording()
    assert len((tmp_path / "match.jsonl").read_text().splitlines()) == 2 + 2 * 2010


@pytest.mark.parametrize("num_steps", [5, 2000])
def test_a_full_disk_ends_the_recording_and_not_the_game(
    num_steps: int, path_of: Callable[[str], Path], tmp_path: Path
) -> None:
    class FullDisk:
        closed = False

        def writelines(self, lines: Any) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            self.closed = True

    agent, twin = (Agent.load(path_of("recurrent"), seed=3) for _ in range(2))
    agent.record(tmp_path / "match.jsonl")
    agent.decider.recording._file.close()
    agent.decider.recording._file = disk = FullDisk()
    for player in (agent, twin):
        player.begin_trial()
    assert play(agent, num_steps, seed=0) == play(twin, num_steps, seed=0)
    with pytest.raises(RecordingError, match="No space left"):
        agent.tick(1000.0)
    assert agent.tick(1000.0) == 0
    assert play(agent, 10, seed=1) == play(twin, 10, seed=1)
    agent.record(tmp_path / "elsewhere.jsonl")  # as the message says; it was raised once, and is not raised again
    assert disk.closed
    assert play(agent, 10, seed=2) == play(twin, 10, seed=2)
    agent.stop_recording()
    assert state_of(agent) == state_of(twin)
    assert len((tmp_path / "elsewhere.jsonl").read_text().splitlines()) == 21


def test_a_full_disk_is_reported_at_the_end_if_nobody_ticked(path_of: Callable[[str], Path], tmp_path: Path) -> None:
    agent = Agent.load(path_of("recurrent"), seed=3)
    agent.record(tmp_path / "match.jsonl")
    agent.begin_trial()
    agent.decider.recording._file.close()
    play(agent, 3, seed=0)
    with pytest.raises(RecordingError, match="cannot be written"):
        agent.stop_recording()
    agent.stop_recording()
    assert agent.tick(5.0) == 0


def test_a_place_that_cannot_be_used_leaves_the_running_recording(
    path_of: Callable[[str], Path], tmp_path: Path
) -> None:
    agent = Agent.load(path_of("recurrent"), seed=3)
    agent.record(tmp_path / "match.jsonl")
    agent.begin_trial()
    with pytest.raises(RecordingError):
        agent.record(tmp_path / "no such folder" / "match.jsonl")
    play(agent, 3, seed=0)
    agent.stop_recording()
    assert len((tmp_path / "match.jsonl").read_text().splitlines()) == 2 + 6


def test_finished_recordings_leave_nothing_behind(path_of: Callable[[str], Path], tmp_path: Path) -> None:
    agent = Agent.load(path_of("recurrent"), seed=3)
    for _ in range(20):
        agent.record(tmp_path / "match.jsonl")
        agent.begin_trial()
        play(agent, 3, seed=0)
        agent.stop_recording()
    assert agent.num_pending == 0


def test_a_last_line_cut_short_by_a_crash_is_passed_over(path_of: Callable[[str], Path], tmp_path: Path) -> None:
    agent = Agent.load(path_of("recurrent"), seed=3)
    agent.record(tmp_path / "match.jsonl")
    agent.begin_trial()
    actions = play(agent, 10, seed=0)
    agent.stop_recording()
    data = (tmp_path / "match.jsonl").read_bytes()
    (tmp_path / "match.jsonl").write_bytes(data[:-30])
    assert replay(tmp_path / "match.jsonl", agent.policy).actions == tuple(actions)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "not JSON\n",
        lambda text: "[1, 2]\n",
        lambda text: "[" * 100_000 + "\n",
        lambda text: text.replace('"format_version": 1', '"format_version": 2'),
        lambda text: text.replace('"mind": "UEsD', '"mind": "AAAA'),
        lambda text: text.replace('"strength": 1.0', '"strength": 7.0'),
        lambda text: text.replace('"call": "act"', '"call": "pretend"', 1),
        lambda text: text.replace('"rows": 1', '"rows": 1000000000000', 1),
        lambda text: text.replace('"row": 0', '"row": -1', 1),
        lambda text: text.replace('"reward": ', '"reword": ', 1),
        lambda text: text.replace('"reward": ', '"reward": "x', 1),
        lambda text: text.replace('"observation": [', '"observation": [NaN, ', 1),
        lambda text: text.replace('"observation": [', '"observation": [[', 1),
    ],
)
def test_damaged_recordings_are_refused(
    damage: Callable[..., Any], path_of: Callable[[str], Path], tmp_path: Path
) -> None:
    agent = Agent.load(path_of("recurrent"), seed=3)
    agent.record(tmp_path / "match.jsonl")
    agent.begin_trial()
    play(agent, 3, seed=0)
    agent.stop_recording()
    text = (tmp_path / "match.jsonl").read_text()
    assert damage(text) != text
    (tmp_path / "match.jsonl").write_text(damage(text))
    with pytest.raises(RecordingError, match=r"match\.jsonl is damaged or not a recording"):
        replay(tmp_path / "match.jsonl", agent.policy)


def test_another_bundle_s_recording_is_refused(path_of: Callable[[str], Path], tmp_path: Path) -> None:
    agent = Agent.load(path_of("memoryless"))
    agent.record(tmp_path / "match.jsonl")
    agent.stop_recording()
    with pytest.raises(RecordingError, match="another bundle"):
        replay(tmp_path / "match.jsonl", Policy.load(path_of("recurrent")))


def test_places_that_cannot_be_used(path_of: Callable[[str], Path], tmp_path: Path) -> None:
    agent = Agent.load(path_of("recurrent"))
    with pytest.raises(RecordingError, match="cannot be written"):
        agent.record(tmp_path / "no such folder" / "match.jsonl")
    with pytest.raises(RecordingError, match="cannot be read"):
        replay(tmp_path / "match.jsonl", agent.policy)
