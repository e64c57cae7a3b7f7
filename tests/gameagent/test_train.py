"""Runs: the same seed gives the same weights, however they are stopped, resumed, or spread over processes."""

# mypy: disable-error-code="arg-type, attr-defined, var-annotated"

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gameagent import outer_loop as training
from gameagent.config import make_config
from gameagent.errors import ConfigError, TrainingError
from gameagent.export.bundling import bundle_run
from gameagent.judging.evaluate import evaluate_bundle
from gameagent.launch import launch
from gameagent.methods.learning import make_learner
from gameagent.methods.rl2 import update as rl2
from gameagent.outer_loop import read_metrics
from gameagent.run.folder import RunFolder
from gameagent.workers import Workers
from gameagent_games.registry import load_family
from gameagent_sdk.adaptation.advantages import step_scale
from gameagent_sdk.authoring import AdvantageSpec

TIMES = ("play_seconds", "update_seconds")
TWO = {"num_processes": 2, "steps": 640}


def weights(folder: Path) -> Any:
    return torch.load(folder.checkpoint, weights_only=True)["policy"]


def metrics(folder: Any) -> list[Any]:
    """The run's metrics without what no two runs share."""
    return [{k: v for k, v in line.items() if k not in TIMES} for line in read_metrics(folder.metrics)]


def assert_same_run(one: Any, other: Any) -> None:
    assert weights(one).keys() == weights(other).keys()
    assert all(torch.equal(weight, weights(other)[name]) for name, weight in weights(one).items())
    assert metrics(one) == metrics(other)


def stop_after(num_updates: Any) -> Callable[..., None]:
    """A report that stops the run after some updates."""

    def report(progress: Any, metrics: Any) -> None:
        if progress.updates == num_updates:
            raise KeyboardInterrupt

    return report


def test_the_same_seed_gives_the_same_run_and_another_seed_does_not(
    tmp_path: Path, bandit_run: Any, run_of: Any
) -> None:
    assert_same_run(bandit_run, run_of(tmp_path / "same"))
    other = run_of(tmp_path / "other", seed=1)
    assert not torch.equal(weights(bandit_run)["actor.weight"], weights(other)["actor.weight"])


def test_metrics_and_reports_tell_every_update(tmp_path: Path, run_of: Any) -> None:
    seen = []
    folder = run_of(tmp_path / "run", report=lambda progress, values: seen.append((progress.steps, progress.updates)))
    assert seen == [(160, 1), (240, 2), (320, 3)]  # 8 games of 10 pulls; the first update plays once for the units
    lines = read_metrics(folder.metrics)
    assert [(line["steps"], line["updates"]) for line in lines] == seen
    for line in lines:
        assert len(line["episode_returns"]) == 10 and all(0 <= value <= 1 for value in line["episode_returns"])
        losses = {"policy_loss", "value_loss", "entropy", "approx_kl", "belief_loss"}
        norms = {"gradient_norm", "critic_gradient_norm"}
        assert losses | norms | {"learning_rate", "boost", "explained_variance", *TIMES} <= set(line)
        assert 0 < line["entropy"] <= np.log(5) + 1e-6
    assert list(folder.tensorboard.glob("events.*"))


@pytest.mark.parametrize("num_updates", [1, 2])
def test_a_stopped_run_ends_as_one_that_was_not(tmp_path: Path, bandit_run: Any, run_of: Any, num_updates: int) -> None:
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_of(path, report=stop_after(num_updates))
    assert len(metrics(RunFolder(path))) == num_updates
    with (path / "metrics.jsonl").open("a") as file:  # as if killed between the log and the checkpoint
        file.write('{"steps": 1')
    assert_same_run(bandit_run, run_of(path, resume=True))
    carried = [name for name in weights(bandit_run) if "moments" in name or name.startswith("scales.")]
    assert {"scales.shift", "scales.rewards.square", "critic.moments.mean"} <= set(carried)
    assert len({line["boost"] for line in metrics(bandit_run)}) == 3  # the step size's factor, which the run carries


def test_a_stopped_run_goes_on_with_its_curriculum(tmp_path: Path, run_of: Any) -> None:
    given = {"curriculum": "learnability", "steps": 640}
    whole = run_of(tmp_path / "whole", **given)
    with pytest.raises(KeyboardInterrupt):
        run_of(tmp_path / "run", report=stop_after(5), **given)
    again = run_of(tmp_path / "run", resume=True, **given)
    assert_same_run(whole, again)
    learnt, other = (torch.load(one.checkpoint, weights_only=True)["curriculum"] for one in (whole, again))
    assert 0 < len(learnt["count"]) <= 2 and learnt.keys() == other.keys()
    assert all(torch.equal(array, other[name]) for name, array in learnt.items())
    uniform = run_of(tmp_path / "uniform", steps=640)
    assert torch.load(uniform.checkpoint, weights_only=True)["curriculum"] == {}
    assert not torch.equal(weights(whole)["actor.weight"], weights(uniform)["actor.weight"])


def test_a_run_without_its_metrics_resumes_and_logs_from_there(tmp_path: Path, bandit_run: Any, run_of: Any) -> None:
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_of(path, report=stop_after(2))
    (path / "metrics.jsonl").unlink()
    assert metrics(run_of(path, resume=True)) == metrics(bandit_run)[2:]


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path, run_of: Any) -> None:
    folder = run_of(tmp_path / "run")
    before = folder.checkpoint.read_bytes(), folder.metrics.read_bytes()
    run_of(folder.path, resume=True, report=lambda *_: pytest.fail("there was nothing left to do"))
    assert (folder.checkpoint.read_bytes(), folder.metrics.read_bytes()) == before


@pytest.mark.parametrize("family", ["two_seat_families:THROWS", "two_seat_families:NIM"])
def test_games_for_two_are_trained(tmp_path: Path, run_of: Any, family: str) -> None:
    once = run_of(tmp_path / "once", family=family, steps=1)
    config, game = once.load_config()
    steps = metrics(once)[0]["steps"]
    most = 2 * 8 * 2 * game.num_episodes * game.max_steps  # of 8 games, twice, if both seats acted at every step
    assert config.family == family and 0 < steps < most
    twice = run_of(tmp_path / "twice", family=family, steps=steps + 1)
    assert len(metrics(twice)) == 2 and len(metrics(twice)[0]["episode_returns"]) == game.num_episodes
    assert not torch.equal(weights(twice)["actor.weight"], weights(once)["actor.weight"])


@pytest.mark.parametrize("given", [{"memory": "none", "beliefs": False}, {"reveal": True}, {"num_episodes": 3}])
def test_baselines_and_other_trial_lengths_are_trained(tmp_path: Path, run_of: Any, given: dict[str, Any]) -> None:
    folder = run_of(tmp_path / "run", steps=1, **given)
    episodes = given.get("num_episodes", 10)
    assert metrics(folder)[0]["steps"] == 2 * 8 * episodes
    assert ("belief_loss" in metrics(folder)[0]) == ("num_episodes" in given)


@pytest.mark.parametrize("algorithm", ["maml", "reptile"])
def test_a_run_by_gradient_counts_returns_by_step_and_resumes_to_the_same_weights(
    tmp_path: Path, run_of: Any, algorithm: str
) -> None:
    given = {"algorithm": algorithm, "num_rollouts": 4, "meta_batch_size": 2, "inner_steps": 2, "num_processes": 1}
    played = 2 * 4 * (3 if algorithm == "maml" else 2)  # one pull an episode; MAML plays on after its last step
    whole = run_of(tmp_path / "whole", steps=3 * played, **given)
    assert [line["steps"] for line in metrics(whole)] == [played, 2 * played, 3 * played]
    assert all(len(line["episode_returns"]) == played // 8 for line in metrics(whole))
    stopped = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        run_of(stopped, steps=3 * played, report=stop_after(2), **given)
    assert_same_run(run_of(stopped, steps=3 * played, resume=True, **given), whole)
    sizes = [value for name, value in weights(whole).items() if name.startswith("learnt_step_sizes")]
    learnt = [bool((size != size.flatten()[0]).any()) for size in sizes if size.numel() > 9]
    assert learnt and set(learnt) == {algorithm == "maml"}


def test_learners_by_gradient_know_what_tasks_returned_at_best_and_before_any_step(tmp_path: Path, run_of: Any) -> None:
    given = {"algorithm": "maml", "num_rollouts": 4, "meta_batch_size": 3, "inner_steps": 1, "num_processes": 1}
    first, second = (weights(run_of(tmp_path / str(steps), steps=steps, **given)) for steps in (1, 25))
    assert 0.0 < first["pre_adaptation_return"] < 1.0 < first["best_return"] < 2.0  # a pull pays 0 or 1
    (_, update) = metrics(RunFolder(tmp_path / "25"))
    moved = first["pre_adaptation_return"] + 0.1 * (update["episode_returns"][0] - first["pre_adaptation_return"])
    assert second["pre_adaptation_return"].item() == pytest.approx(moved.item(), rel=1e-6)


class TwoWorkers(Workers):
    """As if a second process had the tasks that are given, ``(steps, N)``."""

    def __init__(self, other: Any) -> None:
        super().__init__()
        self.other = other

    def sum(self, values: Any) -> Any:
        first, best = self.other[0], self.other.amax(0)
        if values.dim() == 0:
            return values + len(first)
        if values.dim() == 1:
            self.means = (values + torch.stack((first.sum(), best.sum()))) / (2 * len(first))
            return values + torch.stack((first.sum(), best.sum()))
        apart = torch.stack((first, best)) - self.means[:, None]
        return values + apart @ apart.T


def rule_learner(workers: Any = None) -> Any:
    family = load_family("bandit")
    learner = make_learner(
        make_config(family, {"algorithm": "maml", "return_scaled_steps": True}), family, workers or Workers()
    )
    return learner, learner.policy


def test_what_tasks_returned_in_other_processes_counts_alike() -> None:
    returns = torch.tensor([[0.0, 4.0, 3.0, 5.0], [1.0, 4.5, 2.0, 9.0]]).double()
    (alone, policy), (shared, other) = rule_learner(), rule_learner(TwoWorkers(returns[:, 2:]))
    before = policy.pre_adaptation_return.item()
    alone._remember(returns)
    shared._remember(returns[:, :2])
    assert policy.pre_adaptation_return.item() == pytest.approx(before + 0.1 * (3.0 - before))
    for name, buffer in policy.named_buffers():
        torch.testing.assert_close(dict(other.named_buffers())[name], buffer)


def returns_of_pay_scales(generator: Any, noise: Any = 0.02) -> Any:
    """Tasks that pay 1 to 10 times as much: a third of their best before adaptation, then more, then their best."""
    pay = torch.rand(20, generator=generator).double() * 9.0 + 1.0
    shares = torch.tensor([[1 / 3], [0.8], [1.0]]).double()
    return pay, pay * (shares + noise * torch.randn(3, 20, generator=generator).double())


def test_a_task_is_compared_with_its_own_best_return_not_with_the_best_of_all() -> None:
    learner, policy = rule_learner()
    generator = torch.Generator().manual_seed(0)
    for _ in range(60):
        learner._remember(returns_of_pay_scales(generator)[1])
    spec = policy.advantages(learner._config)
    pay = np.array([1.0, 3.0, 10.0])
    at_best, at_first = (step_scale(share * pay, spec, pay / 3) for share in (1.0, 1 / 3))
    assert (at_best < 0.25 * at_first).all() and (at_best < 0.15).all() and (at_first > 0.15).all()
    the_only_best = AdvantageSpec(0.9, 0.9, True, best_return=10.5, pre_adaptation_return=spec.pre_adaptation_return)
    assert step_scale(pay, the_only_best)[0] > 1.0  # as it was


def test_one_lucky_task_moves_the_best_return_little_and_not_for_long() -> None:
    learner, policy = rule_learner()
    generator = torch.Generator().manual_seed(1)
    for _ in range(60):
        learner._remember(returns_of_pay_scales(generator)[1])
    before = policy.best_return.item()
    lucky = returns_of_pay_scales(generator)[1]
    lucky[2, 0] = 100.0
    learner._remember(lucky)
    assert policy.best_return.item() < before + 10.0
    for _ in range(60):
        learner._remember(returns_of_pay_scales(generator)[1])
    assert policy.best_return.item() == pytest.approx(before, abs=1.0)
    for _ in range(60):
        learner._remember(0.5 * returns_of_pay_scales(generator)[1])
    assert policy.best_return.item() == pytest.approx(0.5 * before, abs=0.5)


def test_returns_that_do_not_differ_predict_nothing() -> None:
    learner, policy = rule_learner()
    for _ in range(200):
        learner._remember(torch.tensor([[1.0] * 4, [2.0] * 4]).double())
    assert policy.best_slope.item() == pytest.approx(0.0, abs=1e-6)
    assert policy.best_return.item() == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize("broken", ["metric", "weight"])
def test_what_is_not_finite_stops_the_run_and_keeps_the_last_checkpoint(
    tmp_path: Path, run_of: Any, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_of(path, report=stop_after(2))
    folder = RunFolder(path)
    before = folder.checkpoint.read_bytes()
    whole_update = rl2.update

    def update(policy: Any, *rest: Any) -> dict[str, float]:
        metrics = whole_update(policy, *rest)
        if broken == "metric":
            return metrics | {"gradient_norm": float("inf")}
        with torch.no_grad():
            policy.actor.weight[0, 0] = float("nan")
        return metrics

    monkeypatch.setattr("gameagent.methods.rl2.update.update", update)
    named = {
        "metric": r"update 3 .*gradient_norm inf.*learning_rate",
        "weight": r"update 3 policy\.actor\.weight is not",
    }
    with pytest.raises(TrainingError, match=named[broken]):
        launch(folder, lambda progress, metrics: pytest.fail("nothing to report"))
    assert folder.checkpoint.read_bytes() == before
    monkeypatch.undo()
    assert_same_run(run_of(path, resume=True), run_of(tmp_path / "straight"))


# -- several processes ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory, run_of: Any) -> Any:
    """A finished run of two processes."""
    return run_of(tmp_path_factory.mktemp("two") / "run", **TWO)


def as_options(given: dict[Any, Any]) -> list[Any]:
    return [word for name, value in given.items() for word in ("--set", f"{name}={value}")]


SMALL_OPTIONS = as_options({"num_games": 8, "hidden_size": 8, "num_minibatches": 2})


def test_torchrun_trains_the_same_run_as_our_own_launcher(tmp_path: Path, two_processes: Any, command: Any) -> None:
    python, *gameagent = command[0]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    train = ["train", "bandit", "--out", str(tmp_path / "run"), "--steps", "640", *SMALL_OPTIONS]
    done = subprocess.run(
        [python, *torchrun, *gameagent, *train], env=command[1], capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    folder = RunFolder(tmp_path / "run")
    assert folder.load_config()[0].num_processes == 2
    assert_same_run(two_processes, folder)


def test_two_processes_play_all_games_and_stay_deterministic_when_resumed(
    tmp_path: Path, two_processes: Any, run_of: Any
) -> None:
    assert [line["steps"] for line in metrics(two_processes)] == [80 * (n + 2) for n in range(7)]
    with pytest.raises(KeyboardInterrupt):
        run_of(tmp_path / "run", report=stop_after(3), **TWO)
    assert not multiprocessing.active_children()
    assert_same_run(two_processes, run_of(tmp_path / "run", resume=True, **TWO))


@pytest.mark.slow
def test_shares_of_games_that_differ_take_the_same_number_of_gradient_steps(tmp_path: Path, run_of: Any) -> None:
    folder = run_of(tmp_path / "run", num_processes=2, num_games=3, num_minibatches=4, steps=90)  # 2 games and 1
    assert [line["steps"] for line in metrics(folder)] == [60, 90]


@pytest.mark.slow
def test_a_worker_that_is_killed_is_an_error_and_no_hang(tmp_path: Path, run_of: Any) -> None:
    path = tmp_path / "run"

    def report(progress: Any, metrics: Any) -> None:
        if progress.updates == 2:
            (worker,) = multiprocessing.active_children()
            os.kill(worker.pid, signal.SIGKILL)

    alarm = threading.Timer(100, os._exit, [1])  # rather than wait for ever
    alarm.start()
    with pytest.raises(TrainingError, match=r"process died.*--resume"):
        run_of(path, report=report, num_processes=2, steps="1M")
    alarm.cancel()
    assert not multiprocessing.active_children()
    assert len(metrics(RunFolder(path))) >= 2


class ComparingWorkers(Workers):
    """Notes when weights are compared."""

    def __init__(self) -> None:
        super().__init__()
        self.moments = []

    def require_equal(self, module: Any, when: Any) -> None:
        self.moments.append(when)


def test_weights_are_compared_at_the_start_now_and_then_and_at_the_end(
    tmp_path: Path, small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "COMPARE_EVERY", 2)
    config, family = small("bandit", steps=6 * 80)  # an update each, and one more of the first
    folder, workers = RunFolder(tmp_path / "run"), ComparingWorkers()
    folder.create(config, family)
    training.train(config, family, folder, workers, lambda *_: None)
    assert workers.moments == ["at the start", "after update 2", "after update 4", "after update 5"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_updates", "given"),
    [
        (10, {"num_games": 31, "hidden_size": 16, "steps": 10 * 310 + 280}),  # later on rounding has grown
        (20, {"algorithm": "maml", "num_rollouts": 8, "meta_batch_size": 7, "inner_steps": 1, "steps": 20 * 7 * 8 * 2}),
    ],
    ids=["rl2", "maml"],
)
def test_weights_after_many_updates_are_those_of_any_number_of_processes(
    tmp_path: Path, run_of: Any, num_updates: int, given: dict[str, Any]
) -> None:
    alone = run_of(tmp_path / "1", num_processes=1, **given)
    folder = run_of(tmp_path / "3", num_processes=3, **given)  # the first plays one game, or one task, more
    assert folder.load_config()[0].num_processes == 3
    assert [line["updates"] for line in metrics(folder)] == list(range(1, num_updates + 1))
    assert [line["steps"] for line in metrics(folder)] == [line["steps"] for line in metrics(alone)]
    for name, weight in weights(alone).items():
        np.testing.assert_allclose(weights(folder)[name], weight, atol=1e-5, err_msg=name)


def test_torchrun_with_another_number_of_processes_is_refused(bandit_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "RANK": "0", "WORLD_SIZE": "3"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("torch.distributed.init_process_group", lambda *args, **options: None)
    with pytest.raises(ConfigError, match=r"torchrun started 3 processes.*num_processes is 1"):
        launch(bandit_run, lambda progress, metrics: None)


def test_two_processes_adapt_by_the_same_returns_and_resume_to_the_same_weights(tmp_path: Path, run_of: Any) -> None:
    given = {
        "algorithm": "maml",
        "num_rollouts": 4,
        "meta_batch_size": 5,
        "inner_steps": 1,
        "return_scaled_steps": True,
    }
    given["num_processes"] = 2
    whole = run_of(tmp_path / "whole", steps=3 * 40, **given)
    with pytest.raises(KeyboardInterrupt):
        run_of(tmp_path / "stopped", steps=3 * 40, report=stop_after(2), **given)
    assert_same_run(run_of(tmp_path / "stopped", steps=3 * 40, resume=True, **given), whole)


# -- for real --------------------------------------------------------------------------------------------------------


def test_a_killed_process_is_resumed_to_the_same_end(tmp_path: Path, command: Any, run_of: Any) -> None:
    given = {"steps": 40_000, "num_games": 8, "hidden_size": 8, "num_minibatches": 2, "num_processes": 1}
    path = tmp_path / "killed"
    out = ["train", "bandit", "--out", str(path), *as_options(given)]
    process = subprocess.Popen(
        [*command[0], *out], env=command[1], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while len(RunFolder(path).metrics.read_bytes().splitlines() if RunFolder(path).metrics.exists() else []) < 5:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=30) == -signal.SIGKILL
    between_renames = not RunFolder(path).checkpoint.exists()
    newest = RunFolder(path).previous if between_renames else RunFolder(path).checkpoint
    at_kill = torch.load(newest, weights_only=True)["updates"]
    assert 4 <= at_kill < 500
    resumed, straight = path, tmp_path / "straight"
    for folder, resume in ((resumed, True), (straight, False)):
        with pytest.raises(KeyboardInterrupt):
            run_of(folder, report=stop_after(at_kill + 5), resume=resume, **given)
    assert_same_run(RunFolder(resumed), RunFolder(straight))


@pytest.mark.slow
def test_the_bandit_is_learnt(tmp_path: Path, run_of: Any) -> None:
    family = load_family("bandit")
    given = {"num_games": 256, "hidden_size": 32, "num_minibatches": 4, "discount": 0.99, "gae_lambda": 0.3}
    folder = run_of(tmp_path / "run", steps="300k", **given)
    returns = evaluate_bundle(
        bundle_run(folder), family, split="test", num_variants=2000, num_episodes=10, seed=0, temperature=0.5
    )[:, :, 0]
    total, spread = returns.sum(axis=1).mean(), returns.sum(axis=1).std() / np.sqrt(len(returns))
    assert total > 5.6 and total - 5 * spread > 5.0  # a random player gets 5.0, the best possible one 6.66
    assert returns[:, -1].mean() > returns[:, 0].mean() + 0.1
