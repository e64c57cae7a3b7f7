"""Which variants are really played: a recorder at the one door to every game, `Simulator.reset`."""

# mypy: disable-error-code="arg-type"

from typing import Any

import numpy as np
import pytest

from gameagent.config import make_config
from gameagent.judging.evaluate import evaluate_bundle, evaluate_random
from gameagent.methods.learning import make_learner
from gameagent.workers import Workers
from gameagent_games.sources.simulator import Simulator
from known_settings import known_settings
from small_families import RIDDLE

SMALL = {
    "family": "riddle",
    "hidden_size": 4,
    "num_games": 12,
    "num_rollouts": 2,
    "inner_steps": 1,
    "meta_batch_size": 6,
}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Records of all variants that games were started with, one array for each start."""
    records, reset = [], Simulator.reset

    def recording(self: Any, variants: Any, seeds: Any, *more: Any) -> None:
        records.append(variants.copy())
        return reset(self, variants, seeds, *more)

    monkeypatch.setattr(Simulator, "reset", recording)
    return records


def splits(space: Any, records: list[Any]) -> set[Any]:
    return set(space.split_of(np.concatenate(records)).tolist())


@pytest.mark.parametrize("algorithm", ["rl2", "maml", "reptile"])
def test_a_curriculum_hears_of_every_trial_and_stays_within_the_split(started: list[Any], algorithm: str) -> None:
    given = known_settings(SMALL | {"algorithm": algorithm, "split": "validation", "curriculum": "learnability"})
    learner = make_learner(make_config(RIDDLE, given), RIDDLE, Workers())
    reported, report = [], learner.source.report

    def listening(variants: Any, returns: Any) -> None:
        reported.append(returns)
        report(variants, returns)

    learner.source.report = listening  # type: ignore[method-assign]
    updates = [learner.update(number, 0.0) for number in range(3)]
    assert splits(RIDDLE.space, started) == {"validation"}
    assert {returns.shape for returns in reported} == {(12 if algorithm == "rl2" else 6, RIDDLE.num_seats)}
    if algorithm != "rl2":  # no trial is informed
        totals = [sum(update.returns) for update in updates]
        np.testing.assert_allclose([returns.mean() for returns in reported], totals, rtol=1e-5)


@pytest.mark.parametrize("algorithm", ["rl2", "maml", "reptile"])
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_training_plays_variants_of_its_own_split_alone(started: list[Any], algorithm: str, split: str) -> None:
    learner = make_learner(
        make_config(RIDDLE, known_settings(SMALL | {"algorithm": algorithm, "split": split})), RIDDLE, Workers()
    )
    assert len(started) == (0 if algorithm == "rl2" else 1)
    for number in range(2):
        learner.update(number, 0.0)
    looked_at = 1  # start of all games, to learn how large observations and returns are
    assert splits(RIDDLE.space, started) == {split}
    by_update = np.array_split(np.arange(looked_at, len(started)), 2)
    tasks = [{str(record) for at in update for record in started[at]} for update in by_update]
    assert [len(met) for met in tasks] == [12 if algorithm == "rl2" else 6] * 2  # every game or task is another one
    assert not tasks[0] & tasks[1]  # and so is every update


def test_the_config_trains_on_the_training_split_unless_told_otherwise() -> None:
    assert make_config(RIDDLE, {"family": "riddle"}).split == "train"


@pytest.mark.parametrize("split", ["train", "validation", "test", "all"])
def test_evaluation_plays_variants_of_the_split_that_was_asked_for(
    started: list[Any], bundle_of: Any, split: str
) -> None:
    bundle, _, family = bundle_of("bandit")
    started.clear()
    asked = {"split": split, "num_variants": 200, "num_episodes": 2, "seed": 0}
    evaluate_bundle(bundle, family, **asked)
    evaluate_random(family, **asked)
    (by_agent, by_chance) = started
    assert (by_agent == by_chance).all()
    expected = {split} if split != "all" else {"train", "validation", "test"}
    assert splits(family.space, started) == expected
