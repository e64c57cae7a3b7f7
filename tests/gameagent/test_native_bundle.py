"""A source says how its games' own observations became rows: the file has its plan, the trainer takes rows."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from corridor import CORRIDOR, LENGTH, CorridorSource
from gameagent.config import make_config
from gameagent.export.bundling import bundle_policy
from gameagent.playing.players import SessionPlayer, SquadPlayer
from gameagent_games.interface import Family
from gameagent_games.loop import play_trials
from gameagent_games.play.agents import AgentPlayer
from gameagent_games.players import Sight
from gameagent_games.variants.variant import VariantSpace
from gameagent_sdk import Agent, Bundle
from gameagent_sdk.authoring import BeliefSpec, NativeActionSpec, PartSpec, PlanSpec
from known_settings import known_settings

PLAN = PlanSpec(
    parts=(PartSpec(("place", "0"), ()), PartSpec(("place", "1"), ())),
    action=NativeActionSpec((), "int64", ((-1,), (0,), (1,))),
    mask=("legal",),
)
PRIZE = BeliefSpec("prize", "scalar", center=1.0, scale=0.5, unit="1")


@dataclass(frozen=True)
class PlannedSource(CorridorSource):
    """Stands for an environment whose observations are dicts, and whose actions are -1, 0 and 1."""

    plan: PlanSpec | None = PLAN


@pytest.fixture(scope="module")
def family() -> Family:
    """The corridor, with the prize shown."""
    goal, prize = CORRIDOR.space.rules
    return replace(CORRIDOR, source=PlannedSource(), space=VariantSpace((goal, replace(prize, hidden=False))))


@pytest.fixture(scope="module")
def bundle(family: Family) -> Bundle:
    """The file of an untrained policy."""
    given = {"family": "corridor", "hidden_size": 8, "num_games": 8, "num_processes": 1}
    config: Any = make_config(family, known_settings(given))
    return bundle_policy(config.method.make_policy(config, family).eval(), config, family, {})


def test_the_file_has_the_source_s_plan_and_the_space_s_shown_rules(bundle: Bundle, family: Family) -> None:
    assert family.plan == PLAN and CORRIDOR.plan is None
    assert bundle.manifest.plan == replace(PLAN, rules=(PRIZE,))


def test_its_agent_plays_on_the_games_own_observations_as_on_rows(bundle: Bundle, family: Family) -> None:
    games = family.make_games(1)
    games.reset(family.space.records([{"goal": 5, "prize": 1.25}]), np.zeros(1, np.int64))
    native, plain = Agent(bundle, seed=1), Agent(bundle.without_plan(), seed=1)
    native.begin_trial({"prize": 1.25})
    plain.begin_trial()
    while not games.finished[0]:
        cell = int(games.observations[0, 0, 0])
        own = {"place": (cell, cell / (LENGTH - 1)), "legal": games.legal_actions[0, 0]}
        index = plain.act(games.observations[0, 0], games.legal_actions[0, 0])
        assert native.act(own) == index - 1
        games.step(np.array([[index]]))
        for agent in (native, plain):
            agent.observe(float(games.rewards[0, 0]), bool(games.terminated[0]), bool(games.truncated[0]))
    assert native.returns == plain.returns and len(native.returns) == family.num_episodes


def test_evaluators_and_the_play_window_give_rows(bundle: Bundle, family: Family, tmp_path: Path) -> None:
    (tmp_path / "corridor.onnx").write_bytes(bundle.data)
    games = family.make_games(6)
    players: list[Any] = [
        SessionPlayer(bundle, family, np.random.default_rng(0), 0.0),
        SquadPlayer(bundle, family, 0, 0.0),
    ]
    returns = []
    for player in players:
        games.reset(family.space.sample(6, 0), np.arange(6))
        returns.append(play_trials(games, {0: player}))
    np.testing.assert_array_equal(returns[0], returns[1])
    watched = AgentPlayer.load(tmp_path / "corridor.onnx", family, seed=0)
    watched.begin(1)
    sight = Sight(games.observations[:1, 0], games.legal_actions[:1, 0], np.ones(1, np.bool_))
    assert watched.act(sight)[0] in range(3)
