"""The learning suite in small: its figures by hand, what it leaves behind, and runs that fail."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from learning_suite.intervals import aggregate, difference, interquartile_mean, mean
from learning_suite.pay import paid
from learning_suite.results import Result, read_result, read_results
from learning_suite.runs import defaults_over, lasting_share
from learning_suite.tables import below_floors, comparison, summary, table, write_summary
from learning_suite.tasks import BY_NAME, TASKS, Task
from numpy.typing import NDArray

from gameagent.methods.maml.config import MamlConfig
from gameagent.methods.rl2.config import Rl2Config
from gameagent_games import load_family

SCRIPT = Path(__file__).parents[2] / "tools" / "measure_learning.py"
RESULT = Result("bandit", 0, 1000, "test", {}, updates=3, seconds=36.0, mean=6.5, random=5.0, ceiling=7.0)


def rows(*scores: list[float]) -> list[NDArray[np.float64]]:
    return [np.array(row) for row in scores]


def suite(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_the_interquartile_mean_cuts_a_quarter_off_at_either_end() -> None:
    assert interquartile_mean(np.array([9.0, 1.0, -50.0, 2.0])) == 1.5
    assert interquartile_mean(np.array([3.0, 1.0, 100.0])) == pytest.approx(104 / 3)  # a quarter of three is none
    scores = np.array([[0.0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6, 700]])
    assert interquartile_mean(scores).tolist() == [3.5, 3.5]


def test_the_bootstrap_draws_seeds_within_each_task() -> None:
    """Tasks that differ say nothing about how sure a figure is; seeds that differ do."""
    assert aggregate(rows([0.0, 0.0], [1.0, 1.0, 1.0])) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    figure, low, high = aggregate(rows([0.0, 1.0], [5.0, 5.0]), by=mean)
    assert (figure, low, high) == (2.75, 2.5, 3.0)  # each bound in a quarter of all resamples
    assert aggregate(rows([0.0] * 50 + [1.0] * 50), by=mean)[1:] == pytest.approx((0.402, 0.598), abs=0.02)  # 1.96 se


def test_a_difference_is_taken_in_pairs() -> None:
    ours, theirs = rows([0.1, 0.9], [0.4, 0.8]), rows([0.0, 0.8], [0.3, 0.7])
    assert difference(ours, theirs, by=mean) == pytest.approx((0.1, 0.1, 0.1))
    crossed = difference(rows([0.0, 1.0]), rows([1.0, 0.0]), by=mean)
    assert crossed == (0.0, -1.0, 1.0)


def test_what_lasts_of_a_lead() -> None:
    """Training's length is 2: the lead is 4 in episode 2, and 3, 3, 2, 2, 0 in the last five of 20."""
    random = [1.0] * 20
    agent = [1.0, 5, *[9.0] * 13, 4.0, 4, 3, 3, 1]
    assert lasting_share(agent, random, 0.5) == pytest.approx(2 / 4)
    assert lasting_share(agent, random, 4.0) is None  # no more than what is worth nothing


def test_a_score_is_the_share_of_the_way_from_random_to_the_ceiling() -> None:
    assert RESULT.score == 0.75
    assert replace(RESULT, mean=4.0).score == -0.5
    assert replace(RESULT, failed="died").score == 0.0


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_task_has_a_ceiling_and_nothing_but_a_budget(task: Task) -> None:
    assert np.isfinite(task.best_return())
    assert 0 <= task.short_steps < task.steps <= 100_000_000
    assert (0.5 < task.floor < 1.0) == (task.short_steps > 0)
    assert not task.ceiling or task.family().ceiling is None or task.unit  # one place says it


def test_what_a_family_suggests_is_set_back_to_the_defaults() -> None:
    spoilt = replace(load_family("bandit"), training={"num_games": 8, "maml": {"inner_lr": 5.0}})
    found = defaults_over(spoilt, {})
    assert found["num_games"] == Rl2Config().num_games != 8
    assert "inner_lr" not in found
    assert defaults_over(spoilt, {"algorithm": "maml"})["inner_lr"] == MamlConfig().inner_lr


def test_ceilings_by_hand() -> None:
    assert BY_NAME["bandit"].best_return() == 6.660
    assert BY_NAME["gridnavi"].best_return() == 37.21
    assert BY_NAME["navigation"].best_return() == pytest.approx(-1.54 - 4 * 0.51)
    assert BY_NAME["forage"].best_return() == 7.1  # of episode 3 alone
    assert BY_NAME["forage"].counted([1.0, 2.0, 3.0, 4.0]) == 3.0
    assert BY_NAME["bandit"].counted([1.0, 2.0]) == 3.0
    assert BY_NAME["mixed_pay"].best_return() == pytest.approx(6.66)  # wins, whatever they pay


@pytest.mark.parametrize("name", ["gridnavi", "navigation"])  # whose ceilings stand in the family and in the task
def test_pay_changes_the_unit_of_reward_and_nothing_else(name: str) -> None:
    task, richer = BY_NAME[name], paid(BY_NAME[name], 1000.0)
    assert richer.best_return() == pytest.approx(1000 * task.best_return())
    variants = task.family().space.draw(np.random.default_rng(0), 3)
    one, other = (each.family().make_games(3, compiled=False) for each in (task, richer))
    held = other.rewards
    for games in (one, other):
        games.reset(variants, np.arange(3))
    total = 0.0
    for actions in (task.family().random_actions(np.random.default_rng(i), 3) for i in range(20)):
        one.step(actions)
        other.step(actions)
        np.testing.assert_allclose(held, 1000 * one.rewards, rtol=1e-12)
        np.testing.assert_array_equal(other.observations, one.observations)
        total += np.abs(one.rewards).sum()
    assert total > 1.0
    assert (other.episodes == one.episodes).all()


def test_the_summary_names_the_worst_seed_and_what_failed() -> None:
    runs = [
        RESULT,
        replace(RESULT, seed=1, mean=6.0, beyond=0.5),
        replace(RESULT, seed=2, failed="exit status 1"),
        replace(RESULT, task="forage", failed="exit status -9"),
    ]
    found = summary(runs)
    assert found["tasks"]["bandit"]["scores"] == [0.75, 0.5, 0.0]
    assert (found["tasks"]["bandit"]["worst_score"], found["tasks"]["bandit"]["worst"]) == (0.0, 6.0)
    assert found["tasks"]["bandit"]["beyond"] == 0.5  # of the run that has one
    assert found["iqm"] == pytest.approx((0.5 + 0.0) / 2)  # of 0, 0, .5, .75
    assert found["failed"] == {"bandit-2": "exit status 1", "forage-0": "exit status -9"}
    assert found["num_good"] == 0
    assert found["hours"] == pytest.approx(0.04)
    printed = table(runs)
    assert "FAILED forage-0: exit status -9" in printed
    assert len({line.count("|") for line in printed.split("\n") if line.startswith("|")}) == 1


def test_a_score_below_its_floor_is_told_if_the_budget_was_enough() -> None:
    enough = replace(RESULT, steps=BY_NAME["bandit"].short_steps)  # score 0.75
    assert below_floors([enough]) == ["bandit: score 0.750, below its floor of 0.95"]
    assert below_floors([enough, RESULT]) == below_floors([enough])
    assert below_floors([RESULT]) == below_floors([replace(enough, mean=6.95)]) == []
    assert below_floors([replace(enough, failed="exit status 1")]) == ["bandit: score 0.000, below its floor of 0.95"]
    assert below_floors([replace(enough, task="vault", mean=5.0)]) == []  # has none


def test_two_suites_are_compared_over_what_both_have(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder, means in ((ours, (6.0, 6.5)), (theirs, (6.0, 6.0, 6.0))):
        folder.mkdir()
        for seed, figure in enumerate(means):
            replace(RESULT, seed=seed, mean=figure).write(folder)
        write_summary(read_results(folder), folder)  # is no result itself
    assert read_result(theirs, "bandit", 2) == replace(RESULT, seed=2, mean=6.0)
    printed = comparison(read_results(ours), read_results(theirs))
    assert "| bandit | 2 | 0.625 | 0.500 | +0.125 | +0.000 to +0.250 | +0.000 +0.250 |" in printed
    assert "of 2 pairs; 1 runs have no partner" in printed
    done = suite("--out", ours, "--compare", theirs)
    assert (done.returncode, done.stdout) == (0, printed)
    replace(RESULT, split="validation").write(theirs)
    with pytest.raises(SystemExit, match="bandit, seed 0: 1,000 steps judged on test cannot be compared"):
        comparison(read_results(ours), read_results(theirs))
    with pytest.raises(SystemExit, match="no task and seed in common"):
        comparison(read_results(ours), [replace(RESULT, task="forage")])


@pytest.mark.slow
def test_runs_are_judged_and_kept_and_one_that_fails_does_not_end_the_suite(tmp_path: Path) -> None:
    arguments = ("--tasks", "mixed_pay", "--budget", "0.002", "--set", "num_games=64", "--out", tmp_path)
    done = suite("--seeds", "0", "-1", *arguments)
    assert done.returncode == 1, done.stderr
    assert "FAILED mixed_pay--1: exit status 1: gameagent.errors.ConfigError: seed is -1, expected" in done.stdout
    found = json.loads((tmp_path / "suite.json").read_text(encoding="utf-8"))["tasks"]["mixed_pay"]
    assert found["seeds"] == [-1, 0]
    assert 4.6 < found["random"] < 5.4  # wins, not what they pay
    assert found["ceiling"] == pytest.approx(6.66)
    assert found["updates"] == pytest.approx(10_000 / (64 * 10), abs=1)
    assert (len(found["episodes"]), len(found["beyond_episodes"])) == (10, 100)
    assert sum(found["episodes"]) == pytest.approx(found["mean"])

    kept = (tmp_path / "mixed_pay-0.json").stat().st_mtime_ns
    again = suite("--seeds", "0", *arguments)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "mixed_pay-0.json").stat().st_mtime_ns == kept
    assert again.stdout == (tmp_path / "suite.md").read_text(encoding="utf-8")
    other = suite("--seeds", "0", *arguments, "--split", "validation")
    assert other.returncode == 1
    assert "holds mixed_pay-0 of another suite" in other.stderr
