"""What a designer may turn: strength, temperature, freezing, forgetting."""

# mypy: disable-error-code="assignment, union-attr"

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_sdk import Agent, CallOrderError, InputError

OBSERVATION = [0.5, -0.25, 1.0]


def play(agent: Any, rewards: list[Any], last_ends: bool = True) -> list[Any]:
    """An episode; gives the hidden state's numbers after each step."""
    seen = []
    for t, reward in enumerate(rewards):
        agent.act(OBSERVATION)
        agent.observe(reward, terminated=last_ends and t == len(rewards) - 1, action=t % 3)
        seen.append(hidden(agent))
    return seen


def hidden(agent: Any) -> dict[Any, Any]:
    return {name: tensor.copy() for name, tensor in agent._trial.step.context.hidden_state.items()}


def test_strength_is_the_share_of_its_own_decisions(agent_of: Callable[..., Agent]) -> None:
    best = agent_of("recurrent")
    best.act(OBSERVATION)
    for strength in (0.0, 0.3, 0.9, 1.0):
        agent = agent_of("recurrent", strength=strength)
        agent.act(OBSERVATION)
        expected = strength * best.probabilities + (1 - strength) / 3
        np.testing.assert_allclose(agent.probabilities, expected, rtol=1e-12)
        np.testing.assert_array_equal(hidden(agent)["hidden_c"], hidden(best)["hidden_c"])  # it learns all the same


def test_return_rises_with_strength(agent_of: Callable[..., Agent]) -> None:
    """The masked fixture's logits are its observation: here the first action pays, and it knows."""

    def mean_return(strength: Any) -> Any:
        agent = agent_of("masked", strength=strength, temperature=0.0)
        for _ in range(400):
            action = agent.act([5.0, 0.0, 0.0, 0.0], [True] * 4)
            agent.observe(0.0 if action else 1e-3)
        return agent.episode_return / 0.4

    returns = [mean_return(strength) for strength in np.linspace(0, 1, 6)]
    np.testing.assert_allclose(returns, np.linspace(0.25, 1, 6), atol=0.07)
    assert returns == sorted(returns)


def test_settings_may_change_at_any_time(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("recurrent")
    agent.temperature, agent.strength = 0, np.float32(0.5)
    assert (agent.temperature, agent.strength) == (0.0, 0.5)
    agent.act(OBSERVATION)
    assert sorted(agent.probabilities)[:2] == pytest.approx([1 / 6, 1 / 6])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("strength", value) for value in (1.1, -0.1, float("nan"), "1")),
        *(("temperature", value) for value in (-1.0, float("inf"), None)),
        ("deadline_ms", -1),
        ("seed", -1),
    ],
)
def test_impossible_settings_are_refused_with_their_name(
    name: str, value: Any, agent_of: Callable[..., Agent], path_of: Callable[[str], Path]
) -> None:
    from gameagent_sdk import Agent

    if (name, value) != ("temperature", None):
        with pytest.raises(InputError, match=f"{name} must be .*given {value!r}".replace("(", ".")):
            Agent.load(path_of("recurrent"), **{name: value})
    if name in ("strength", "temperature"):
        agent = agent_of("recurrent")
        before = getattr(agent, name)
        with pytest.raises(InputError, match=name):
            setattr(agent, name, value)
        assert getattr(agent, name) == before


def test_a_frozen_agent_starts_every_episode_from_the_same(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("recurrent")
    play(agent, [1.0, 0.0])
    at_freezing = hidden(agent)
    agent.freeze()
    assert not agent.learning
    first = play(agent, [0.5, -0.5, 2.0])
    second = play(agent, [0.5, -0.5, 2.0])
    for a, b in zip(first, second, strict=True):
        np.testing.assert_equal(a, b)
    assert not np.array_equal(first[0]["hidden_h"], at_freezing["hidden_h"])  # within an episode it remembers
    np.testing.assert_equal(hidden(agent), at_freezing)
    assert len(agent.returns) == 3
    agent.unfreeze()
    assert agent.learning
    third = play(agent, [0.5, -0.5, 2.0])
    assert not np.array_equal(hidden(agent)["hidden_h"], at_freezing["hidden_h"])
    np.testing.assert_equal(third[0], first[0])


def test_frozen_in_mid_episode_it_starts_episodes_from_there(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("recurrent")
    play(agent, [1.0, 0.0], last_ends=False)
    agent.freeze()
    play(agent, [1.0])
    assert agent._trial.step.context.episode_start.item() == 1.0


def test_a_new_trial_and_a_restored_mind_are_frozen_too(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent = agent_of("recurrent")
    play(agent, [1.0, 0.0])
    agent.save(tmp_path / "a.mind")
    saved = hidden(agent)
    agent.freeze()
    agent.begin_trial()
    play(agent, [3.0])
    assert not hidden(agent)["hidden_h"].any()
    agent.restore(tmp_path / "a.mind")
    play(agent, [3.0])
    np.testing.assert_equal(hidden(agent), saved)


def test_a_mind_restored_between_a_decision_and_its_outcome_is_frozen_after_it(
    agent_of: Callable[..., Agent], tmp_path: Path
) -> None:
    agent, other = agent_of("recurrent"), agent_of("recurrent")
    for player in (agent, other):
        player.act(OBSERVATION)
        player.save(tmp_path / "a.mind")
        player.observe(1.0, action=2)
    agent.freeze()
    agent.restore(tmp_path / "a.mind")
    agent.observe(1.0, action=2)
    other.freeze()
    np.testing.assert_equal(agent._trial.frozen_at.inputs(), other._trial.frozen_at.inputs())


def test_forgetting_clears_cells_with_that_chance(agent_of: Callable[..., Agent]) -> None:
    agent, kept = agent_of("recurrent"), []
    for _ in range(300):
        play(agent, [1.0, 0.0])
        before = hidden(agent)
        agent.forget(0.25)
        after = hidden(agent)
        cells = after["hidden_c"] == before["hidden_c"]
        assert (after["hidden_c"][~cells] == 0).all()
        np.testing.assert_array_equal(after["hidden_h"], np.where(cells, before["hidden_h"], 0))  # the same cells
        kept.append(cells.mean())
    assert np.mean(kept) == pytest.approx(0.75, abs=0.04)  # 1,200 cells: three standard errors


def test_forgetting_nothing_and_everything(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("recurrent")
    play(agent, [1.0, 0.0])
    before = hidden(agent)
    agent.forget(0)
    np.testing.assert_equal(hidden(agent), before)
    agent.forget(1)
    fresh = agent_of("recurrent")
    np.testing.assert_equal(agent._trial.step.context.inputs(), fresh._trial.step.context.inputs())
    assert agent.returns == (1.0,)  # counters are not memory


def test_a_frozen_agent_forgets_what_it_is_frozen_at(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("recurrent")
    play(agent, [1.0, 0.0])
    agent.freeze()
    agent.forget(1)
    play(agent, [1.0])
    assert not hidden(agent)["hidden_h"].any()


def test_a_memoryless_agent_is_never_learning(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("memoryless")
    assert not agent.learning
    agent.freeze()
    agent.act([0.0, 1.0])
    agent.observe(1.0, terminated=True)
    agent.forget(0.5)


def test_controls_want_a_decision_observed(agent_of: Callable[..., Agent]) -> None:
    agent = agent_of("recurrent")
    agent.act(OBSERVATION)
    for call in (agent.freeze, lambda: agent.forget(0.5)):
        with pytest.raises(CallOrderError, match="observe"):
            call()
    with pytest.raises(InputError, match="fraction must be"):
        agent.forget(1.5)
