"""Baselines get the agent's budget and trial length, whatever the agent learns by."""

# mypy: disable-error-code="attr-defined"

from typing import Any

import pytest

from gameagent.config import make_config
from gameagent_games.registry import load_family
from known_settings import known_settings

NAVIGATION = load_family("navigation")


def configs(**given: Any) -> Any:
    agent = make_config(NAVIGATION, given)
    fields = agent.method.baselines(agent, NAVIGATION, given)
    return agent, {name: make_config(NAVIGATION, values) for name, values in fields.items()}


@pytest.mark.parametrize("algorithm", ["rl2", "maml", "reptile"])
@pytest.mark.parametrize("given", [{}, {"steps": 1234, "seed": 5, "num_rollouts": 3, "inner_steps": 2, "split": "all"}])
def test_budget_trial_length_seed_and_split_are_the_agents(algorithm: str, given: Any) -> None:
    agent, baselines = configs(**known_settings({"algorithm": algorithm, **given}))
    assert set(baselines) == {"memoryless", "oracle"}
    for role, config in baselines.items():
        assert config.role == role and config.algorithm == "rl2" and not config.own.gradient
        for name in ("steps", "seed", "split", "hidden_size"):
            assert getattr(config, name) == getattr(agent, name)
        assert config.episodes_of_trial(NAVIGATION) == agent.episodes_of_trial(NAVIGATION)
    assert baselines["oracle"].reveal and not baselines["memoryless"].reveal
    assert baselines["memoryless"].own.memory == "none"
    assert baselines["oracle"].own.memory == ("lstm" if algorithm == "rl2" else "none")


def test_long_trials_do_not_make_updates_of_another_size() -> None:
    usual = make_config(NAVIGATION, {})
    _, baselines = configs(algorithm="maml", num_rollouts=2, inner_steps=3)  # 8 episodes in place of 5
    assert baselines["oracle"].own.num_games == usual.own.num_games * 5 // 8 == 37
    _, baselines = configs(algorithm="maml")  # 80 episodes
    assert baselines["oracle"].own.num_games == 8
