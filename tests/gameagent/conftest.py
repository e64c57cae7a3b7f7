"""Fixtures of the trainer's tests: small runs, small policies, and their exported files, each made once."""

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gameagent.config import make_config
from gameagent.export.bundling import bundle_policy
from gameagent.launch import launch, prepare_run
from gameagent.run.folder import RunFolder
from gameagent_games.game_rng import state_type, uniform
from gameagent_games.interface import Family, Feature
from gameagent_games.registry import load_family
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Uniform
from gameagent_games.variants.variant import Rule, VariantSpace
from gameagent_sdk import Bundle
from known_settings import known_settings

TESTS = Path(__file__).parents[1]
SMALL = {"num_games": 8, "hidden_size": 8, "num_processes": 1, "num_minibatches": 2}


# -- tolls: chance says whose turn it is and when it ends; both seats are paid at every step, also the one that waits --


def start_tolls(state: Any, variant: Any) -> None:
    state.mover = 0
    state.step = 0


def step_tolls(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    seat = state.mover
    state.step += 1
    rewards[seat] = 1.0 + actions[seat]
    rewards[1 - seat] = variant.toll * state.step
    state.mover = 1 if uniform(state) < 0.4 else 0
    return uniform(state) < 0.15


def observe_tolls(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = state.step / 8.0


def turn_tolls(state: Any, variant: Any) -> Any:
    return state.mover


TOLLS = Family(
    name="tolls",
    summary="seat 1 may wait for whole episodes, and is paid before it ever decides",
    source=Rules(
        start_tolls,
        step_tolls,
        observe_tolls,
        None,
        turn_tolls,
        state=state_type([("mover", np.int64), ("step", np.int64)]),
    ),
    space=VariantSpace((Rule("toll", Uniform((0.1, 1.0))),)),
    features=(Feature("step", low=0.0),),
    actions=("low", "high"),
    max_steps=8,
    num_episodes=4,
    num_seats=2,
)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def small() -> Callable[..., Any]:
    """Builds the config and the family of a small run."""

    def build(name: str, **given: Any) -> Any:
        family = TOLLS if name == "tolls" else load_family(name)
        config = make_config(family, known_settings(SMALL | {"family": name}) | given)
        return config, family.revealed() if config.reveal else family

    return build


@pytest.fixture(scope="session")
def lively(small: Callable[..., Any]) -> Callable[..., Any]:
    """Builds a small policy whose weights are large enough for its outputs to depend on everything."""

    def build(name: str, **given: Any) -> Any:
        config, family = small(name, **given)
        policy = config.method.make_policy(config, family)
        generator = torch.Generator().manual_seed(9)
        with torch.no_grad():
            for weight in policy.parameters():
                spread = 1.5 / math.sqrt(weight.shape[1]) if weight.ndim == 2 else 0.1
                weight.copy_(torch.randn(weight.shape, generator=generator) * spread)
            if policy.core.size:
                policy.core.memory_norm.weight += 1.0
        return policy.eval(), config, family

    return build


@pytest.fixture(scope="session")
def run_of() -> Callable[..., Any]:
    """Trains a small run in this process and gives its folder."""

    def train(
        path: Any,
        family: Any = "bandit",
        report: Callable[..., Any] = lambda progress, metrics: None,
        resume: Any = False,
        **given: Any,
    ) -> RunFolder:
        folder = RunFolder(path)
        prepare_run(folder, known_settings(SMALL | {"family": family, "steps": 320} | given), resume=resume)
        launch(folder, report)
        return folder

    return train


@pytest.fixture(scope="session")
def bandit_run(tmp_path_factory: pytest.TempPathFactory, run_of: Callable[..., Any]) -> Any:
    """The folder of a finished run of four updates. Tests read it and leave it as it is."""
    return run_of(tmp_path_factory.mktemp("bandit") / "run")


@pytest.fixture(scope="session")
def bundle_of(lively: Callable[..., Any]) -> Callable[..., Any]:
    """The exported file of a lively policy: (bundle, policy, family); each is exported once."""
    made = {}

    def export(name: str, **given: Any) -> tuple[Bundle, Any, Any]:
        key = (name, *sorted(given.items()))
        if key not in made:
            policy, config, family = lively(name, **given)
            made[key] = bundle_policy(policy, config, family, {"config": config.as_dict(), "steps": 0}), policy, family
        return made[key]

    return export


@pytest.fixture(scope="session")
def command() -> Any:
    """The command line of ``gameagent`` in a process of its own, and its environment."""
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return [sys.executable, "-m", "gameagent"], {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
