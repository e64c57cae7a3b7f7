"""What `train` shows: trials that are told apart from the others, and how much a budget is."""

# mypy: disable-error-code="attr-defined"

import io
import re
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from gameagent.config import TrainConfig, make_config
from gameagent.methods.learning import make_learner
from gameagent.run.folder import Progress
from gameagent.run.progress import TrainingDisplay, shown_episodes, updates_in_all
from gameagent.workers import Workers
from gameagent_games.registry import load_family

BANDIT = load_family("bandit")
METRICS = {"belief_loss": 0.5, "entropy": 1.25}


def shown(config: TrainConfig, *updates: Any, terminal: bool = False) -> str:
    """What a display prints for some updates, as plain text."""
    file = io.StringIO()
    console = Console(file=file, width=300, force_terminal=terminal)
    with TrainingDisplay("training bandit", config, console) as display:
        for progress in updates:
            display.report(progress, METRICS)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())


@pytest.mark.parametrize(
    ("num", "indices"),
    [(1, [0]), (3, [0, 1, 2]), (8, list(range(8))), (9, [0, 1, 2, 3, None, 5, 6, 7, 8]),
     (80, [0, 1, 2, 3, None, 76, 77, 78, 79])],
)  # fmt: skip
def test_of_a_long_trial_the_first_and_the_last_episodes_are_shown(num: int, indices: Any) -> None:
    assert shown_episodes(num) == indices


@pytest.mark.parametrize(
    ("steps", "updates", "total", "expected"),
    [(100, 1, 1000, 10), (100, 1, 1001, 11), (300, 3, 1000, 10), (1000, 10, 1000, 10), (1100, 10, 1000, 10)],
)
def test_updates_to_come_are_told_from_those_done(steps: int, updates: int, total: int, expected: int) -> None:
    assert updates_in_all(Progress(steps, updates), total) == expected


@pytest.mark.parametrize("terminal", [False, True])
def test_informed_trials_stand_apart(terminal: bool) -> None:
    config = make_config(BANDIT, {"steps": 4000})
    progress = Progress(4000, 400, 0, (0.25, 0.5, 0.75), (0.875, 1.125, 1.375))
    text = shown(config, progress, terminal=terminal)
    assert "update 400 of about 400" in text
    plain, informed = re.search(r"0\.25\D+0\.50\D+0\.75", text), re.search(r"0\.88\D+1\.12\D+1\.38", text)
    assert plain and informed and "informed" in text
    alone = shown(config, Progress(4000, 400, 0, (0.25,)), terminal=terminal)
    assert "informed" not in alone


def test_a_long_trial_says_which_episodes_come_last() -> None:
    returns = tuple(k / 100 for k in range(1, 41))
    text = shown(make_config(BANDIT, {"steps": 100}), Progress(100, 300, 0, returns))
    assert "by episode: 0.01  0.02  0.03  0.04  ... 37:  0.37  0.38  0.39  0.40" in text


@pytest.mark.parametrize(("updates", "warned"), [(199, True), (200, False)])
def test_a_budget_of_few_updates_is_remarked_once(updates: int, warned: bool) -> None:
    config = make_config(BANDIT, {"steps": 10 * updates, "num_games": 7})
    text = shown(config, Progress(10, 1, 0, (0.5,)), Progress(20, 2, 0, (0.5,)))
    assert text.count(f"this budget is about {updates} updates") == warned
    assert ("lower num_games (7)" in text) == warned


def test_by_gradient_the_returns_are_named_by_steps_taken() -> None:
    config = make_config(BANDIT, {"steps": 100, "algorithm": "maml"})
    text = shown(config, Progress(10, 1, 0, (0.5, 0.75)))
    assert "by gradient steps taken, from 0: 0.50  0.75" in text and "lower meta_batch_size (20)" in text


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_an_update_counts_returns_of_informed_trials_apart(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    family = load_family("bandit")
    config = make_config(family, {"num_games": 16, "hidden_size": 8, "informed_share": share, "num_episodes": 2})
    learner = make_learner(config, family, Workers())
    seen = {}
    whole = learner._usual.play

    def play(policy: Any, variants: Any, seeds: Any, informed: Any, generator: Any) -> Any:
        seen["informed"], seen["rollout"] = informed, whole(policy, variants, seeds, informed, generator)
        return seen["rollout"]

    monkeypatch.setattr(learner._usual, "play", play)
    update = learner.update(0, 0.0)
    rewards, informed = seen["rollout"].rewards.numpy().T, seen["informed"]  # (games, pulls): an episode is one pull
    for mask, returns in ((~informed, update.returns), (informed, update.informed_returns)):
        np.testing.assert_allclose(returns, rewards[mask].mean(axis=0) if mask.any() else [], atol=1e-6)
    assert informed.any() == (share > 0) and informed.all() == (share == 1)
