"""Pacers: which reward is whose, by hand; the same as calling act and observe; and what a game does to them."""

# mypy: disable-error-code="arg-type, union-attr"

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gameagent_sdk import Agent, Bundle, CallOrderError, InputError, InputWarning, MindError, Pacer, replay
from gameagent_sdk.authoring import attach_manifest

SEEN = [0.1, -0.2, 0.3]


class Notebook:
    """Stands in for an agent, and notes its calls. Its actions are 100, 101, ..."""

    def __init__(self, rate: int = 1) -> None:
        self.manifest = SimpleNamespace(frames_per_decision=rate)
        self.phase, self.num_decisions = "begin_trial", 0
        self.calls: list[Any] = []
        self.decider = self

    def begin_trial(self) -> None:
        self.calls.append("begin_trial")
        self.phase = "act"

    def act(self, observation: Any, legal_actions: Any = None) -> int:
        assert self.phase == "act"
        self.calls.append(("act", observation) if legal_actions is None else ("act", observation, legal_actions))
        self.phase, self.num_decisions = "observe", self.num_decisions + 1
        return 99 + self.num_decisions

    def observe(self, reward: float, terminated: bool = False, truncated: bool = False) -> None:
        assert self.phase == "observe"
        self.calls.append(("observe", reward, terminated, truncated))
        self.phase = "act"

    def cut_episode(self, reward: float) -> None:
        if self.phase == "observe":
            self.observe(reward, truncated=True)

    def mind(self) -> Any:
        return self.num_decisions

    def go_back(self, mind: Any) -> None:
        self.calls.append(("go_back", mind))
        self.phase, self.num_decisions = "act", mind


# -- which reward is whose --------------------------------------------------------------------------------------------


def test_the_table_of_the_docstring() -> None:
    agent = Notebook(rate=3)
    pacer = Pacer(agent)
    rewards = [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]  # which of them are in a sum can be read off it
    actions = [pacer.frame(frame, rewards[frame]) for frame in range(7)]
    assert agent.calls == [
        "begin_trial",
        ("act", 0),
        ("observe", 7.0, False, False),
        ("act", 3),
        ("observe", 56.0, False, False),
        ("act", 6),
    ]
    assert actions == [100, 100, 100, 101, 101, 101, 102]


@pytest.mark.parametrize("rate", [1, 2, 3, 5, 50])
@pytest.mark.parametrize("length", [1, 2, 6, 10, 11])
def test_a_decision_gets_what_was_earned_up_to_the_next_or_the_end(rate: int, length: int) -> None:
    """Two rounds of as many frames; frame i earns 2**i, the end of a round 2**20."""
    agent = Notebook()
    pacer = Pacer(agent, rate)
    expected: list[Any] = ["begin_trial"]
    for _ in range(2):
        for frame in range(length):
            pacer.frame(frame, 2.0**frame if frame else 0.0)
            assert pacer.decided == (frame % rate == 0)
        pacer.end_round(2.0**20)
        for start in range(0, length, rate):
            earned = [2.0**frame for frame in range(start + 1, start + rate + 1) if frame < length]
            last = start + rate >= length
            expected += [("act", start), ("observe", sum(earned) + 2.0**20 * last, last, False)]
    assert agent.calls == expected


def test_a_round_may_be_cut_off() -> None:
    agent = Notebook(rate=4)
    pacer = Pacer(agent)
    for reward in (0.0, 1.0, 2.0):
        pacer.frame("seen", reward)
    pacer.end_round(truncated=True)
    assert agent.calls[-1] == ("observe", 3.0, False, True)


def test_the_rate_is_the_bundle_s_unless_another_is_given(bundle_of: Callable[[str], Bundle]) -> None:
    bundle = bundle_of("memoryless")
    paced = attach_manifest(bundle.data, replace(bundle.manifest, frames_per_decision=6))
    agent = Agent(Bundle.from_bytes(paced))
    assert Pacer(agent).frames_per_decision == 6
    assert Pacer(agent, np.int64(2)).frames_per_decision == 2
    assert Pacer(Agent(bundle)).frames_per_decision == 1
    assert Pacer(agent).agent is agent


def test_a_first_frame_s_reward_is_not_counted_and_warned_of_if_the_end_was_given_none() -> None:
    agent = Notebook(rate=2)
    pacer = Pacer(agent)
    pacer.frame("seen", 64.0)  # before the agent did anything
    pacer.end_round(1.0)
    pacer.frame("seen", 1.0)  # the reward that end_round was given is still in the game's variable
    pacer.end_round()
    with pytest.warns(
        InputWarning, match=r"reward 4 was given to a round's first frame .* end_round\(reward\)"
    ) as told:
        pacer.frame("seen", 4.0)
    assert told[0].filename == __file__
    pacer.end_round()
    pacer.frame("seen", 4.0)  # it warns once
    pacer.frame("seen", 0.5)
    pacer.end_round()
    observed = [call[1] for call in agent.calls if call[0] == "observe"]
    assert observed == [1.0, 0.0, 0.0, 0.5]


def test_what_is_seen_is_asked_for_in_frames_that_decide_alone(agent_of: Callable[..., Agent]) -> None:
    asked: list[str] = []

    def seen() -> list[float]:
        asked.append("seen")
        return [0.0, 0.0, 0.0, 0.0]

    def legal() -> list[bool]:
        asked.append("legal")
        return [False, False, True, False]

    pacer = Pacer(agent_of("masked"), 3)
    assert [pacer.frame(seen, 0.0, legal) for _ in range(4)] == [2, 2, 2, 2]
    assert asked == ["seen", "legal"] * 2


def test_whatever_act_takes_is_passed_on_as_it_is() -> None:
    agent, seen, legal = Notebook(), {"image": np.zeros((2, 2)), "lives": 3}, (True, False)
    Pacer(agent).frame(seen, legal_actions=legal)
    assert agent.calls[-1][1] is seen and agent.calls[-1][2] is legal


def test_a_game_may_change_the_numbers_it_is_given(agent_of: Callable[..., Agent]) -> None:
    pacer = Pacer(agent_of("steered", temperature=0.0), 3)
    for _ in range(3):
        action = pacer.frame([0.25, 3.0, 0.0, 0.0])
        assert action.tolist() == [0.25, 3.0]
        action *= 100.0


def test_a_trial_begins_by_itself_and_by_the_game_between_rounds(path_of: Callable[[str], Path]) -> None:
    agent = Agent.load(path_of("recurrent"), seed=0)
    pacer = Pacer(agent, 2)
    for _ in range(5):
        pacer.frame(SEEN)
    pacer.end_round(1.0)
    pacer.frame(SEEN)
    assert (agent.returns, agent.num_decisions) == ((1.0,), 4)
    pacer.end_round()
    agent.begin_trial()
    pacer.frame(SEEN)
    assert (agent.returns, agent.num_decisions) == ((), 1)


# -- the same as by hand ----------------------------------------------------------------------------------------------


def rounds(agent: Agent, seed: int, lengths: tuple[int, ...] = (7, 1, 12, 4)) -> Iterator[list[tuple[Any, float]]]:
    """What is seen and earned in the frames of some rounds; the last reward is earned after the last frame."""
    rng = np.random.default_rng(seed)
    for length in lengths:
        seen = rng.normal(size=(length + 1, agent.manifest.observation_size)).astype(np.float32)
        yield [(row, float(reward)) for row, reward in zip(seen, [0.0, *rng.normal(size=length)], strict=True)]


def legal_of(agent: Agent) -> Any:
    return [True] * agent.num_actions if agent.manifest.action.mask else None


def play_paced(pacer: Pacer, frames: list[tuple[Any, float]]) -> list[Any]:
    actions = [pacer.frame(seen, reward, legal_of(pacer.agent)) for seen, reward in frames[:-1]]
    pacer.end_round(frames[-1][1])
    return [np.asarray(action).tolist() for action in actions]


def play_by_hand(agent: Agent, frames: list[tuple[Any, float]], rate: int) -> list[Any]:
    actions, action, earned = [], None, 0.0
    for frame, (seen, reward) in enumerate(frames[:-1]):
        earned += reward
        if frame % rate == 0:
            if frame:
                agent.observe(earned)
            earned = 0.0
            action = agent.act(seen, legal_of(agent))
        actions.append(np.asarray(action).tolist())
    agent.observe(earned + frames[-1][1], terminated=True)
    return actions


def saved(agent: Agent, folder: Path) -> bytes:
    agent.save(folder / "compared.mind")
    return (folder / "compared.mind").read_bytes()


def gathered(agent: Agent, folder: Path) -> dict[str, Any]:
    """What a mind holds, apart from random numbers."""
    saved(agent, folder)
    with np.load(folder / "compared.mind") as arrays:
        return {name: array.tolist() for name, array in arrays.items() if name != "rng_state"}


@pytest.fixture(params=["masked", "memoryless", "recurrent", "steered", "adapting"])
def two(request: pytest.FixtureRequest, path_of: Callable[[str], Path]) -> tuple[Agent, Agent]:
    """Two equal agents of each kind."""
    one, other = (Agent.load(path_of(request.param), seed=3, temperature=1.0) for _ in range(2))
    other.begin_trial()
    return one, other


@pytest.mark.parametrize("rate", [1, 4])
def test_frames_through_a_pacer_are_the_calls_made_by_hand(two: Any, rate: int, tmp_path: Path) -> None:
    pacer = Pacer(two[0], rate)
    for frames in rounds(two[0], seed=rate):
        assert play_paced(pacer, frames) == play_by_hand(two[1], frames, rate)
        assert saved(two[0], tmp_path) == saved(two[1], tmp_path)
    assert two[0].returns == two[1].returns and len(two[0].returns) == 4


# -- rounds that do not count -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1, 3])
def test_a_void_round_leaves_nothing_but_other_random_numbers(two: Any, rate: int, tmp_path: Path) -> None:
    pacer, (first, void, last) = Pacer(two[0], rate), rounds(two[0], 5, (8, 7, 9))
    before_any = two[1]
    for length in (1, 3, 5):  # of what is played of the void round; the first of them is the trial's first
        for seen, reward in void[:length]:
            pacer.frame(seen, reward, legal_of(two[0]))
        pacer.void()
        assert gathered(two[0], tmp_path) == gathered(before_any, tmp_path)
    two[1].decider.random_bits.state = two[0].decider.random_bits.state
    assert play_paced(pacer, first) == play_by_hand(two[1], first, rate)
    for seen, reward in void:
        pacer.frame(seen, 100.0 * reward, legal_of(two[0]))
    drawn, learnt = two[0].decider.random_bits.state, two[0].last_adaptation
    pacer.void()
    assert two[0].last_adaptation is learnt
    assert two[0].decider.random_bits.state["state"] == drawn["state"]
    assert gathered(two[0], tmp_path) == gathered(two[1], tmp_path)
    two[1].decider.random_bits.state = two[0].decider.random_bits.state
    assert play_paced(pacer, last) == play_by_hand(two[1], last, rate)
    assert saved(two[0], tmp_path) == saved(two[1], tmp_path)
    assert len(two[0].returns) == 2


def test_after_a_void_round_a_first_reward_is_no_mistake_and_voiding_twice_is_none_either() -> None:
    agent = Notebook(rate=2)
    pacer = Pacer(agent)
    pacer.void()
    pacer.frame("seen")
    pacer.end_round()
    pacer.frame("seen")
    pacer.frame("seen", 5.0)
    pacer.void()
    pacer.void()
    pacer.frame("later", 5.0)
    pacer.end_round(1.0)
    assert agent.calls[3:] == [("act", "seen"), ("go_back", 1), ("act", "later"), ("observe", 1.0, True, False)]


def test_a_frozen_agent_stays_frozen_at_the_same_mind(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent = agent_of("recurrent")
    pacer = Pacer(agent, 2)
    first, second, third = rounds(agent, 0, (6, 5, 4))
    play_paced(pacer, first)
    agent.freeze()
    before = gathered(agent, tmp_path)
    for seen, reward in second:
        pacer.frame(seen, reward)
    pacer.void()
    assert gathered(agent, tmp_path) == before
    play_paced(pacer, third)
    after = gathered(agent, tmp_path)
    assert after["hidden_state.hidden_h"] == before["hidden_state.hidden_h"] and not agent.learning


def test_what_a_pacer_did_is_replayed(two: Any, tmp_path: Path) -> None:
    agent = two[0]
    agent.record(tmp_path / "match.jsonl")
    pacer, played = Pacer(agent, 2), list(rounds(agent, 9, (5, 6, 7, 3)))
    play_paced(pacer, played[0])
    for seen, reward in played[1]:
        pacer.frame(seen, reward, legal_of(agent))
    pacer.void()
    play_paced(pacer, played[2])
    for seen, reward in played[3]:
        pacer.frame(seen, reward, legal_of(agent))
    pacer.quit()
    agent.stop_recording()
    again = replay(tmp_path / "match.jsonl", agent.policy)
    assert again.num_different == 0 and len(again.actions) == 3 + 4 + 4 + 2
    assert saved(again.agent, tmp_path) == saved(agent, tmp_path)


# -- the end ----------------------------------------------------------------------------------------------------------


def test_quitting_cuts_the_round_off_with_what_was_earned_in_it(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent, by_hand = agent_of("recurrent", seed=4), agent_of("recurrent", seed=4)
    pacer = Pacer(agent, 4)
    for frame in range(7):
        pacer.frame(SEEN, 2.0**frame if frame else 0.0)
    pacer.quit(tmp_path / "a.mind")
    by_hand.act(SEEN)
    by_hand.observe(2.0 + 4.0 + 8.0 + 16.0)
    by_hand.act(SEEN)
    by_hand.observe(32.0 + 64.0, truncated=True)
    assert (tmp_path / "a.mind").read_bytes() == saved(by_hand, tmp_path)
    assert agent.returns == (126.0,)


def test_gradient_steps_skip_a_round_that_was_quit(path_of: Callable[[str], Path], tmp_path: Path) -> None:
    agent = Agent.load(path_of("adapting"), seed=0)
    pacer = Pacer(agent, save_to=tmp_path / "a.mind")
    whole, part, later = rounds(agent, 1, (6, 5, 7))
    play_paced(pacer, whole)
    agent.tick(1000.0)
    learnt, weights = agent.last_adaptation, agent._trial.step.context.weights["head"].copy()
    assert learnt is not None and learnt.num_steps == 6
    for seen, reward in part:
        pacer.frame(seen, reward)
    pacer.quit()
    assert agent.tick(1000.0) == 0 and agent.last_adaptation is learnt
    next_day = Pacer(Agent.load(path_of("adapting"), seed=0), save_to=tmp_path / "a.mind")
    assert next_day.restored
    np.testing.assert_array_equal(next_day.agent._trial.step.context.weights["head"], weights)
    play_paced(next_day, later)
    next_day.tick(1000.0)
    assert next_day.agent.last_adaptation.num_steps == 7


def test_quitting_twice_saves_once_and_elsewhere_if_asked(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    pacer = Pacer(agent_of("recurrent"), 2, save_to=tmp_path / "new" / "folder" / "a.mind")
    pacer.frame(SEEN)
    pacer.quit()
    first = (tmp_path / "new" / "folder" / "a.mind").read_bytes()
    (tmp_path / "new" / "folder" / "a.mind").write_bytes(b"the game's own")
    pacer.quit()
    assert (tmp_path / "new" / "folder" / "a.mind").read_bytes() == b"the game's own"
    pacer.quit(tmp_path / "b.mind")
    assert (tmp_path / "b.mind").read_bytes() == first


def test_after_a_failed_save_another_place_will_do(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    pacer = Pacer(agent_of("recurrent"), save_to=tmp_path / "file" / "a.mind")
    pacer.frame(SEEN)
    with pytest.raises(MindError, match="cannot be made"):
        pacer.quit()
    pacer.quit(tmp_path / "b.mind")
    assert (tmp_path / "b.mind").exists()


def test_without_a_trial_or_a_place_nothing_is_saved(path_of: Callable[[str], Path], tmp_path: Path) -> None:
    with Pacer(Agent.load(path_of("recurrent")), save_to=tmp_path / "a.mind"):
        pass  # the player left at the title screen
    with Pacer(Agent.load(path_of("recurrent"))) as pacer:
        pacer.frame(SEEN)
    assert pacer.agent.returns == (0.0,) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ZeroDivisionError("a game's own"), SystemExit(0), KeyboardInterrupt()])
def test_a_mind_is_saved_however_the_game_ends(
    error: BaseException, path_of: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(type(error)), Pacer(Agent.load(path_of("recurrent")), 2, save_to=tmp_path / "a.mind") as pacer:
        for _ in range(4):
            pacer.frame(SEEN, 1.0)
        raise error
    restored = Pacer(Agent.load(path_of("recurrent")), save_to=tmp_path / "a.mind").agent
    assert (restored.returns, restored.num_decisions, restored.phase) == ((3.0,), 2, "act")


def test_an_error_of_the_game_is_not_hidden_by_a_failed_save(path_of: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "a.mind"
    with pytest.raises(ZeroDivisionError) as told, Pacer(Agent.load(path_of("recurrent")), save_to=place) as pacer:
        pacer.frame(SEEN)
        raise ZeroDivisionError
    assert "The agent's mind was not saved: the folder" in told.value.__notes__[0]
    with (
        pytest.raises(MindError, match="cannot be made"),
        Pacer(Agent.load(path_of("recurrent")), save_to=place) as one,
    ):
        one.frame(SEEN)


# -- the beginning ----------------------------------------------------------------------------------------------------


def test_the_next_day_goes_on_from_the_last(path_of: Callable[[str], Path], tmp_path: Path) -> None:
    place = tmp_path / "a.mind"
    for day in range(3):
        with Pacer(Agent.load(path_of("recurrent"), seed=day), 2, save_to=place) as pacer:
            assert pacer.restored == (day > 0) and pacer.put_aside is None
            for _ in range(3):
                pacer.frame(SEEN)
            pacer.end_round(float(day))
    assert pacer.agent.returns == (0.0, 1.0, 2.0)


def test_a_mind_that_cannot_be_used_is_kept_aside(
    path_of: Callable[[str], Path], agent_of: Callable[..., Agent], tmp_path: Path
) -> None:
    place = tmp_path / "a.mind"
    for number, name in enumerate(["a.mind.old", "a.mind.old2"]):
        agent_of("masked").save(place)
        theirs = place.read_bytes()
        with pytest.warns(InputWarning, match=rf"another bundle .* renamed to .*{name}$") as told:
            pacer = Pacer(Agent.load(path_of("recurrent")), save_to=place)
        assert told[0].filename == __file__
        assert pacer.put_aside == tmp_path / name and not pacer.restored
        assert (tmp_path / name).read_bytes() == theirs and not place.exists()
        assert len(list(tmp_path.iterdir())) == number + 1
    place.write_bytes(b"no mind")
    with pytest.warns(InputWarning, match="damaged"), Pacer(Agent.load(path_of("recurrent")), save_to=place) as pacer:
        pacer.frame(SEEN)
    agent_of("recurrent").restore(place)
    assert (tmp_path / "a.mind.old3").read_bytes() == b"no mind"


def test_a_file_that_cannot_be_renamed_does_not_stop_the_game(
    path_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_use(*places: Any) -> None:
        raise PermissionError

    (tmp_path / "a.mind").write_bytes(b"no mind")
    monkeypatch.setattr("os.rename", in_use)
    with pytest.warns(InputWarning, match="the file cannot be renamed"):
        pacer = Pacer(Agent.load(path_of("recurrent")), save_to=tmp_path / "a.mind")
    assert pacer.put_aside is None


def test_a_folder_is_no_place_for_a_mind(path_of: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "saves").mkdir()
    with pytest.raises(MindError, match="cannot be read"):
        Pacer(Agent.load(path_of("recurrent")), save_to=tmp_path / "saves")
    assert [path.name for path in tmp_path.iterdir()] == ["saves"]


def test_a_decision_that_was_pending_when_saved_is_closed_first(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent = agent_of("recurrent")
    playing = Pacer(agent)
    playing.frame(SEEN)
    playing.frame(SEEN, 3.0)
    agent.save(tmp_path / "autosave.mind")  # and then the computer crashed
    pacer = Pacer(agent_of("recurrent", seed=1), save_to=tmp_path / "autosave.mind")
    pacer.frame(SEEN)
    assert (pacer.agent.returns, pacer.agent.step, pacer.agent.num_decisions) == ((3.0,), 0, 3)
    assert pacer.agent._trial.step.context.episode_start.item() == 1.0  # what it decided on
    pacer.frame(SEEN)
    assert pacer.agent._trial.step.context.episode_start.item() == 0.0


# -- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reward", [float("nan"), float("inf"), "1", None, [1.0, 2.0]])
def test_rewards_that_are_no_finite_numbers_are_refused_at_once(reward: Any, agent_of: Callable[..., Agent]) -> None:
    pacer = Pacer(agent_of("recurrent"), 3)
    with pytest.raises(InputError, match="reward must be a finite number"):
        pacer.frame(SEEN, reward)
    pacer.frame(SEEN)
    pacer.frame(SEEN, 1.0)
    for call in (lambda: pacer.frame(SEEN, reward), lambda: pacer.end_round(reward)):
        with pytest.raises(InputError, match="reward must be a finite number"):
            call()
    pacer.end_round(2.0)
    assert pacer.agent.returns == (3.0,)


def test_an_observation_that_is_refused_costs_no_reward(agent_of: Callable[..., Agent]) -> None:
    pacer = Pacer(agent_of("recurrent"), 2)
    nan = [float("nan"), 0.0, 0.0]
    with pytest.raises(InputError, match="finite"):
        pacer.frame(nan)
    pacer.frame(SEEN)
    pacer.frame(nan, 1.0)  # not looked at
    for reward in (2.0, 4.0):
        with pytest.raises(InputError, match="finite"):
            pacer.frame(nan, reward)
        assert not pacer.decided
    pacer.frame(SEEN, 8.0)
    assert pacer.decided
    pacer.end_round(16.0)
    assert pacer.agent.returns == (31.0,) and pacer.agent.num_decisions == 2
    with pytest.raises(ZeroDivisionError):
        pacer.frame(lambda: 1 / 0)
    assert pacer.agent.phase == "act"


@pytest.mark.parametrize("frozen", [False, True])
def test_a_round_may_end_where_an_observation_was_refused(
    frozen: bool, agent_of: Callable[..., Agent], tmp_path: Path
) -> None:
    finishes: list[Callable[[Pacer], None]] = [lambda one: one.end_round(1.0), lambda one: one.quit()]
    for finish in finishes:
        agent = agent_of("recurrent")
        if frozen:
            agent.freeze()
        start = agent._trial.step.context.copy()
        pacer = Pacer(agent)
        pacer.frame(SEEN)
        with pytest.raises(InputError):
            pacer.frame([0.0], 2.0)
        finish(pacer)
        assert (agent.phase, agent.returns, agent.step) == ("act", (2.0,), 0)
        assert agent._trial.step.context.episode_start.item() == 1.0
        kept = np.array_equal(agent._trial.step.context.hidden_state["hidden_h"], start.hidden_state["hidden_h"])
        assert kept == frozen


def test_calls_out_of_order_are_told(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent = agent_of("recurrent")
    pacer = Pacer(agent)
    with pytest.raises(CallOrderError, match=r"no round: frame\(\) begins one"):
        pacer.end_round()
    pacer.frame(SEEN)
    with pytest.raises(InputError, match="truncated must be True or False"):
        pacer.end_round(truncated=1)
    pacer.end_round()
    with pytest.raises(CallOrderError, match=r"no round: frame\(\) begins one"):
        pacer.end_round()
    for meddle in (partial(agent.observe, 1.0), agent.begin_trial):
        pacer.frame(SEEN)
        meddle()
        for call in (partial(pacer.frame, SEEN), pacer.end_round, pacer.void):
            with pytest.raises(CallOrderError, match=r"within a round, which is for its pacer alone"):
                call()
        pacer = Pacer(agent)
    pacer.quit(tmp_path / "a.mind")
    for after in (lambda: pacer.frame(SEEN), pacer.end_round, pacer.__enter__):
        with pytest.raises(CallOrderError, match=r"after quit\(\): make another Pacer"):
            after()
    pacer.void()


@pytest.mark.parametrize("rate", [0, -1, 2.5, "4", float("nan"), True])
def test_rates_that_are_no_counts_are_refused(rate: Any, agent_of: Callable[..., Agent]) -> None:
    if rate is True:  # Python counts it as 1
        assert Pacer(agent_of("recurrent"), rate).frames_per_decision == 1
        return
    with pytest.raises(InputError, match="frames_per_decision must be at least 1, an integer, given"):
        Pacer(agent_of("recurrent"), rate)


# -- Ctrl-C -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def handler() -> Iterator[None]:
    """Puts Python's own handler back afterwards."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_within(agent: Agent, monkeypatch: pytest.MonkeyPatch, times: int = 1) -> None:
    """Ctrl-C comes when half of the agent's next act is done: its memory has moved on, nothing else has."""
    advance, left = agent._trial.step.advance, [times]

    def interrupted() -> None:
        advance()
        while left[0]:
            left[0] -= 1
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(agent._trial.step, "advance", interrupted)


def test_an_agent_that_was_interrupted_goes_back_to_the_round_s_start(
    agent_of: Callable[..., Agent], handler: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agent = agent_of("recurrent", seed=4)
    first, second = rounds(agent, 2, (5, 9))
    with pytest.raises(KeyboardInterrupt), Pacer(agent, 2, save_to=tmp_path / "a.mind") as pacer:
        play_paced(pacer, first)
        before = gathered(agent, tmp_path)
        for frame, (seen, reward) in enumerate(second):
            if frame == 4:
                interrupt_within(agent, monkeypatch)
            pacer.frame(seen, reward)
    agent.restore(tmp_path / "a.mind")
    assert gathered(agent, tmp_path) == before


def test_a_game_that_plays_on_after_an_interrupt_begins_another_round(
    agent_of: Callable[..., Agent], handler: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agent = agent_of("recurrent", temperature=0.0)
    before = gathered(agent, tmp_path)
    pacer = Pacer(agent, 2)
    for end in (pacer.end_round, pacer.void, lambda: None):
        pacer.frame(SEEN)
        pacer.frame(SEEN, 1.0)
        interrupt_within(agent, monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            pacer.frame(SEEN, 2.0)
        end()
    pacer.frame(SEEN)
    pacer.void()
    assert gathered(agent, tmp_path) == before


def test_deferred_it_costs_nothing(
    agent_of: Callable[..., Agent], handler: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agent, by_hand = agent_of("recurrent", seed=4), agent_of("recurrent", seed=4)
    with pytest.raises(KeyboardInterrupt), Pacer(agent, 2, save_to=tmp_path / "a.mind", defer_sigint=True) as pacer:
        pacer.frame(SEEN)
        pacer.frame(SEEN, 1.0)
        interrupt_within(agent, monkeypatch)
        pacer.frame(SEEN, 2.0)
        raise AssertionError("it comes when the frame is over")
    by_hand.act(SEEN)
    by_hand.observe(3.0)
    by_hand.act(SEEN)
    by_hand.observe(0.0, truncated=True)
    assert (tmp_path / "a.mind").read_bytes() == saved(by_hand, tmp_path)


def test_a_second_one_does_not_wait(
    agent_of: Callable[..., Agent], handler: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agent = agent_of("recurrent")
    before = gathered(agent, tmp_path)
    with pytest.raises(KeyboardInterrupt), Pacer(agent, save_to=tmp_path / "a.mind", defer_sigint=True) as pacer:
        interrupt_within(agent, monkeypatch, times=2)
        pacer.frame(SEEN)
    agent.restore(tmp_path / "a.mind")
    assert gathered(agent, tmp_path) == before


@pytest.mark.parametrize("before", ["own", signal.SIG_IGN, signal.SIG_DFL, signal.default_int_handler])
def test_the_handler_before_gets_it_and_is_put_back(
    before: Any, agent_of: Callable[..., Agent], handler: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    got = []
    own = before if before != "own" else lambda number, frame: got.append(number)
    raises = before in (signal.SIG_DFL, signal.default_int_handler)
    signal.signal(signal.SIGINT, own)
    with Pacer(agent_of("recurrent")):
        assert signal.getsignal(signal.SIGINT) is own  # nobody asked
    with Pacer(agent_of("recurrent"), defer_sigint=True) as pacer:
        assert signal.getsignal(signal.SIGINT) is not own
        interrupt_within(pacer.agent, monkeypatch)
        for call in (lambda: pacer.frame(SEEN), lambda: signal.raise_signal(signal.SIGINT)):
            if raises:
                with pytest.raises(KeyboardInterrupt):
                    call()
            else:
                call()
    assert signal.getsignal(signal.SIGINT) is own
    assert got == ([signal.SIGINT] * 2 if before == "own" else [])


def test_a_handler_that_was_set_since_stays(agent_of: Callable[..., Agent], handler: None) -> None:
    def newer(number: int, frame: Any) -> None:
        raise AssertionError("not called")

    with Pacer(agent_of("recurrent"), defer_sigint=True):
        signal.signal(signal.SIGINT, newer)
    assert signal.getsignal(signal.SIGINT) is newer


def test_other_threads_are_told_that_they_get_no_signals(agent_of: Callable[..., Agent]) -> None:
    told = []

    def play() -> None:
        try:
            Pacer(agent_of("recurrent"), defer_sigint=True).__enter__()
        except CallOrderError as error:
            told.append(str(error))
        with Pacer(agent_of("recurrent")) as pacer:
            pacer.frame(SEEN)

    thread = threading.Thread(target=play)
    thread.start()
    thread.join()
    assert told == ["only the main thread handles signals: leave defer_sigint out elsewhere"]


GAME = """
import sys, warnings
from gameagent_sdk import Agent, Pacer

warnings.simplefilter("error")
bundle, place, defer = sys.argv[1], sys.argv[2], sys.argv[3] == "True"
agent = Agent.load(bundle, backend="numpy")
lost = 0
for day in range(1000):
    agent.begin_trial()
    played = 0
    try:
        with Pacer(agent, 2, save_to=place, defer_sigint=defer) as pacer:
            known = agent.num_decisions
            print(day, flush=True)
            while True:
                pacer.frame([0.1, -0.2, 0.3], 1.0)
                played += 1
                if played % 50 == 0:
                    pacer.end_round(1.0)
    except KeyboardInterrupt:
        print("saved", known, played, flush=True)
        if not sys.stdin.readline().strip():
            raise
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a single process")
@pytest.mark.parametrize("defer", [False, True])
def test_ctrl_c_at_any_moment_leaves_a_whole_mind(defer: bool, path_of: Callable[[str], Path], tmp_path: Path) -> None:
    """Days of a game that end by Ctrl-C: each finds the mind of the day before, and no broken one."""
    place, days = tmp_path / "a.mind", 12
    command = [sys.executable, "-c", GAME, str(path_of("recurrent")), str(place), str(defer)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as game:
        rng = np.random.default_rng(int(defer))
        known_before = 0
        for day in range(days):
            assert game.stdout.readline() == f"{day}\n", game.stderr.read()
            time.sleep(float(rng.uniform(0.0, 0.02)))
            game.send_signal(signal.SIGINT)
            word, known, _ = game.stdout.readline().split()
            assert word == "saved" and int(known) >= known_before
            known_before = int(known)
            game.stdin.write("go on\n" if day < days - 1 else "\n")
            game.stdin.flush()
        _, errors = game.communicate(timeout=20)
    assert game.returncode == -signal.SIGINT and "KeyboardInterrupt" in errors
    agent = Agent.load(path_of("recurrent"))
    agent.restore(place)
    assert agent.num_decisions >= known_before > 0 and agent.phase == "act" and agent.step == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.mind"]


# -- odds and ends ----------------------------------------------------------------------------------------------------


def test_ticks_are_the_agent_s(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    pacer = Pacer(agent_of("recurrent"))
    pacer.frame(SEEN)
    pacer.agent.save_soon(tmp_path / "a.mind")
    assert pacer.tick(0.0) == 1
    assert pacer.tick(1000.0) == 0 and (tmp_path / "a.mind").exists()
    with pytest.raises(InputError, match="budget_ms"):
        pacer.tick(-1.0)


def test_gradient_steps_are_done_between_rounds_or_by_the_next_frame(path_of: Callable[[str], Path]) -> None:
    agent = Agent.load(path_of("adapting"), seed=0)
    for ticks in (True, False):
        pacer, (frames,) = Pacer(agent, 3), rounds(agent, 0, (9,))
        play_paced(pacer, frames)
        assert agent.num_pending == 1
        if ticks:
            assert pacer.tick(1000.0) == 0
        pacer.frame(frames[0][0])
        assert agent.last_adaptation.episode == len(agent.returns) - 1
        pacer.void()


def test_no_warning_is_given_where_nothing_is_wrong(agent_of: Callable[..., Agent]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pacer = Pacer(agent_of("recurrent"), 2)
        for _ in range(3):
            for reward in (0.0, 1.0, 0.0):
                pacer.frame(SEEN, reward)
            pacer.end_round(0.0)
