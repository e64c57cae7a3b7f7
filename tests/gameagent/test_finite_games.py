"""What a game gives that is not a usable number is refused where it arises, with everything needed to find it."""

# mypy: disable-error-code="type-var"

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cases.families import odd_values as odd
from gameagent.errors import GameValueError
from gameagent.judging.evaluate import evaluate_random
from gameagent.playing.finite_games import LARGEST, reset_games, step_games
from gameagent.run.folder import RunFolder
from gameagent_games.interface import Family
from gameagent_games.sources.simulator import Simulator

KINDS = [odd.REWARD_NAN, odd.REWARD_INFINITE, odd.REWARD_HUGE, odd.SEES_NAN, odd.SEES_HUGE]
VALUES = {odd.REWARD_NAN: "nan", odd.REWARD_INFINITE: "-inf", odd.REWARD_HUGE: "1e+39", odd.SEES_NAN: "nan",
          odd.SEES_HUGE: "3e+38"}  # fmt: skip


def first_odd(family: Family, variants: NDArray[Any], seeds: NDArray[np.int64], kind: int) -> tuple[int, int, int, int]:
    """By a loop of one game at a time: at which step of the trial, in which game, episode and step of the episode."""
    found = []
    for game, seed in enumerate(seeds):
        alone = Simulator(family, 1, compiled=False)
        alone.reset(variants[game : game + 1], np.array([seed]))
        for number in range(9):
            episode, step = int(alone.episodes[0]), int(alone.steps[0])
            alone.step(np.zeros((1, 2), np.int64))
            if kind in (odd.SEES_NAN, odd.SEES_HUGE):
                episode, step = int(alone.episodes[0]), int(alone.steps[0])
                bad = not abs(alone.observations[0, 1, 2]) <= 1e15
            else:
                bad = not abs(alone.rewards[0, 1]) <= 1e15
            if bad:
                found.append((number, game, episode, step))
                break
    return min(found)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_odd_value_is_named_with_all_that_finds_it_again(kind: int) -> None:
    family = odd.odd_values(kind)
    variants, seeds = family.space.sample(4, 0), np.arange(4) + 70
    number, game, episode, step = first_odd(family, variants, seeds, kind)
    simulator = Simulator(family, 4, compiled=False)
    reset_games(simulator, variants, seeds)
    for _ in range(number):
        step_games(simulator, np.zeros((4, 2), np.int64))
    with pytest.raises(GameValueError) as error:
        step_games(simulator, np.zeros((4, 2), np.int64))
    text = str(error.value)
    sees = kind in (odd.SEES_NAN, odd.SEES_HUGE)
    when = f"after step {step}" if sees else f"step {step + 1}"
    variant = family.space.variants(variants[game : game + 1])[0]
    assert f"is {VALUES[kind]} in episode {episode + 1}, {when}, seat 'seat_1'" in text
    assert ("observation[2] (gaze)" if sees else "rewards[1]") in text
    assert "'odd_values'" in text and f"seed {seeds[game]} " in text
    assert f"variant {variant.id} (kind={kind}, seat=1, colour={variant.rules['colour']})" in text


def test_an_odd_observation_at_the_start_is_named() -> None:
    def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
        observation[:] = np.inf

    family = replace(odd.SOUND_GAME, source=replace(odd.SOUND_GAME.source, observe=observe))
    with pytest.raises(GameValueError, match=r"observation\[0\] \(clock\) is inf in episode 1, at its start"):
        reset_games(Simulator(family, 2, compiled=False), family.space.sample(2, 0), np.arange(2))


@pytest.mark.parametrize(("value", "refused"), [(LARGEST, False), (-LARGEST, False), (1.01 * LARGEST, True)])
def test_large_values_pass_up_to_the_bound(value: Any, refused: bool) -> None:
    def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
        rewards[1] = value
        return False

    family = replace(odd.SOUND_GAME, source=replace(odd.SOUND_GAME.source, step=step))
    simulator = Simulator(family, 2, compiled=False)
    reset_games(simulator, family.space.sample(2, 0), np.arange(2))
    if refused:
        with pytest.raises(GameValueError, match="at most 1e\\+15"):
            step_games(simulator, np.zeros((2, 2), np.int64))
    else:
        step_games(simulator, np.zeros((2, 2), np.int64))
        assert (simulator.rewards[:, 1] == value).all()


@pytest.mark.parametrize("algorithm", ["rl2", "maml", "reptile"])
def test_training_names_it_and_learns_nothing_from_it(
    tmp_path: Path, run_of: Any, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    optimizer = "gameagent.methods.rl2.muon.Muon" if algorithm == "rl2" else "torch.optim.Adam"
    monkeypatch.setattr(f"{optimizer}.step", lambda *_: pytest.fail("a step was taken"))
    monkeypatch.setattr("torch.Tensor.backward", lambda *_: pytest.fail("a gradient was taken"))
    monkeypatch.setattr("gameagent.launch.require_sound", lambda family: family)  # as if it were too rare to be met
    family = f"cases.families.odd_values:{'NAN_REWARD' if algorithm == 'rl2' else 'ALONE'}"
    with pytest.raises(GameValueError, match=r"(?s)'odd_values'.*is (nan|3e\+38) in episode") as error:
        run_of(tmp_path / "run", family=family, algorithm=algorithm, meta_batch_size=2, num_rollouts=4)
    assert "learning_rate" not in str(error.value) and "reward_scale" not in str(error.value)
    assert not RunFolder(tmp_path / "run").has_checkpoint()


def test_evaluation_names_it() -> None:
    with pytest.raises(GameValueError, match=r"rewards\[1\] is nan"):
        evaluate_random(odd.NAN_REWARD, split="all", num_variants=8, num_episodes=2, seed=0)
