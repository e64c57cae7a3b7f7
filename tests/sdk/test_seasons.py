"""Hidden state that outlives a trial, and hidden state that does not start from zero."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_sdk import Agent, Bundle, replay
from gameagent_sdk.authoring import PolicySession, TensorSpec, attach_manifest

ALL = np.ones(4, bool)
SEEN = np.zeros(4, np.float32)


def bundle_with(bundle: Bundle, **spec: Any) -> Bundle:
    """The masked bundle, whose logits are its tally of reward by action plus the observation; another tally's spec."""
    tally = TensorSpec("hidden_tally", (4,), **spec)
    manifest = replace(bundle.manifest, hidden_state=(tally,), temperature=0.0)
    return Bundle.from_bytes(attach_manifest(bundle.data, manifest))


@pytest.fixture
def in_season(bundle_of: Callable[[str], Bundle]) -> Bundle:
    return bundle_with(bundle_of("masked"), lifetime="season", initial=0.25)


def paid(agent: Agent, action: int, reward: float) -> None:
    """One decision that turned out to be ``action`` and paid; it is tallied by the next decision."""
    agent.act(SEEN, ALL)
    agent.observe(reward, action=action)


def tally(agent: Any) -> Any:
    return agent._trial.step.context.hidden_state["hidden_tally"][0].tolist()


def test_memory_of_a_season_outlives_a_trial_and_ends_with_the_season(in_season: Bundle) -> None:
    agent = Agent(in_season, seed=0)
    agent.begin_trial()
    assert tally(agent) == [0.25] * 4
    paid(agent, 2, 1.0)
    assert agent.act(SEEN, ALL) == 2  # 1 is tallied for it now
    agent.begin_trial()
    assert tally(agent) == [0.25, 0.25, 1.25, 0.25]
    assert agent.act(SEEN, ALL) == 2  # and the last reward was not handed on: the tally is unchanged
    assert tally(agent) == [0.25, 0.25, 1.25, 0.25]
    agent.begin_season()
    assert tally(agent) == [0.25] * 4 and agent.phase == "act" and agent.num_decisions == 0


def test_memory_of_a_trial_starts_from_its_initial_value_each_time(bundle_of: Callable[[str], Bundle]) -> None:
    agent = Agent(bundle_with(bundle_of("masked"), initial=-1.5), seed=0)
    for _ in range(2):
        agent.begin_trial()
        assert tally(agent) == [-1.5] * 4
        paid(agent, 1, 2.0)
        agent.act(SEEN, ALL)
        assert tally(agent) == [-1.5, 0.5, -1.5, -1.5]


def test_forgetting_brings_cells_to_their_initial_value(in_season: Bundle) -> None:
    agent = Agent(in_season, seed=0)
    agent.begin_trial()
    paid(agent, 3, 4.0)
    agent.act(SEEN, ALL)
    agent.observe(0.0)
    agent.forget(1.0)
    assert tally(agent) == [0.25] * 4


def test_a_mind_holds_the_memory_of_a_season(in_season: Bundle, tmp_path: Path) -> None:
    agent, other = Agent(in_season, seed=0), Agent(in_season, seed=1)
    agent.begin_trial()
    paid(agent, 0, 3.0)
    agent.act(SEEN, ALL)
    agent.save(tmp_path / "a.mind")
    other.restore(tmp_path / "a.mind")
    other.begin_trial()
    assert tally(other) == [3.25, 0.25, 0.25, 0.25]


def test_a_recording_goes_through_seasons_again(in_season: Bundle, tmp_path: Path) -> None:
    agent = Agent(in_season, seed=0)
    agent.record(tmp_path / "match.jsonl")
    for begin in (agent.begin_trial, agent.begin_trial, agent.begin_season):
        begin()
        paid(agent, 1, 1.0)
        agent.act(SEEN, ALL)
        agent.observe(0.0)
    agent.stop_recording()
    again = replay(tmp_path / "match.jsonl", in_season)
    assert again.num_different == 0 and tally(again.agent) == tally(agent) == [0.25, 1.25, 0.25, 0.25]


def test_a_session_keeps_the_memory_of_a_season_in_rows_that_begin_a_trial(in_season: Bundle) -> None:
    session = PolicySession(in_season)
    session.reset(2)
    legal, ended = np.ones((2, 4), bool), np.zeros(2, bool)
    session.step(np.zeros((2, 4)), legal)
    session.observe(np.array([0, 1]), np.array([1.0, 2.0]), ended)
    session.step(np.zeros((2, 4)), legal)
    session.observe(np.array([0, 0]), np.array([5.0, 5.0]), ended)
    session.reset_rows([True, False])
    kept = session.context.hidden_state["hidden_tally"]
    assert kept.tolist() == [[1.25, 0.25, 0.25, 0.25], [0.25, 2.25, 0.25, 0.25]]
    assert session.context.previous_reward[:, 0].tolist() == [0.0, 5.0]
    session.reset(2)
    assert (session.context.hidden_state["hidden_tally"] == 0.25).all()
