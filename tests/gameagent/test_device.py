"""Training somewhere else than on the CPU: on a device that every machine has, and on a GPU where there is one.

What is expected is what the CPU computes, and how often something may cross.
"""

# mypy: disable-error-code="attr-defined, no-untyped-call"

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from atlas import ATLAS
from far_device import FAR, FarDevice
from gameagent import devices
from gameagent.config import make_config
from gameagent.devices import seconds_of_update
from gameagent.errors import ConfigError, RunError
from gameagent.export.bundling import bundle_run
from gameagent.launch import prepare_run, settle_device
from gameagent.methods.learning import make_learner
from gameagent.methods.rl2 import learner as memory_learner
from gameagent.methods.rl2 import update as rl2
from gameagent.playing.crossing import to_device
from gameagent.playing.rollout import PolicyPlayer, Trials
from gameagent.run.folder import RunFolder
from gameagent.workers import Share, Workers
from gameagent_games import Family
from gameagent_games.registry import load_family
from slow_training.precision import interpret_games
from small_families import DIAL, RIDDLE
from two_seat_families import NIM

SMALL = {"num_games": 4, "hidden_size": 8, "num_minibatches": 2, "num_epochs": 1, "num_processes": 1, "steps": 1000}
CPU = torch.device("cpu")
BANDIT = load_family("bandit")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
CASES = pytest.mark.parametrize(
    ("family", "given"),
    [
        pytest.param(RIDDLE, {"gradient": True}, id="legal actions, gradient steps"),
        pytest.param(DIAL, {}, id="box"),
        pytest.param(NIM, {"memory": "none", "beliefs": False}, id="two seats, no memory"),
        pytest.param(ATLAS, {}, id="grid and category"),
    ],
)


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    interpret_games(monkeypatch)


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch, interpreted: None) -> FarDevice:
    """The far device, on which learners by memory train while it is entered."""
    device = FarDevice()
    monkeypatch.setattr(memory_learner, "training_device", lambda config: FAR if device.entered else CPU)
    return device


def learner_of(family: Family, **given: Any) -> Any:
    return make_learner(make_config(family, {"family": family.name} | SMALL | given), family, Workers())


def state_of(learner: Any) -> dict[str, Any]:
    return {name: tensor.detach().cpu().numpy() for name, tensor in learner.policy.state_dict().items()}


def assert_same(one: dict[str, Any], other: dict[str, Any], rtol: float, atol: float) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_allclose(value, other[name], rtol, atol, err_msg=name)


def without_times(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if "seconds" not in name}


@CASES
def test_updates_far_away_are_those_of_the_cpu(far: FarDevice, family: Family, given: Any) -> None:
    learner = learner_of(family, **given)
    update = learner.update(0, 0.0)
    with far:
        other = learner_of(family, **given)
        assert other.policy.device == FAR
        again = other.update(0, 0.0)
        assert_same(state_of(learner), state_of(other), rtol=1e-5, atol=1e-6)
    assert_same(without_times(update.metrics), without_times(again.metrics), rtol=1e-4, atol=1e-6)
    assert update.num_steps == again.num_steps  # and the same was played
    assert update.returns + update.informed_returns == pytest.approx(again.returns + again.informed_returns)


def test_a_step_of_play_crosses_once_up_and_once_down(far: FarDevice) -> None:
    with far:
        learner = learner_of(BANDIT)
        far.crossings.clear()
        rollout = play(learner, num_episodes=10)
    assert set(rollout.lengths.tolist()) == {10}
    assert far.crossings == {"up": 10 + 3, "down": 10}  # the rules, who is informed, and at the end all rewards


def play(learner: Any, num_episodes: int) -> Any:
    trials = Trials(BANDIT, num_episodes, Share.whole(4))
    seeds, variants = np.arange(4), BANDIT.space.sample(4, 0, "all")
    return trials.play(learner.policy, variants, seeds, np.zeros(4, bool), torch.Generator().manual_seed(0))


def test_a_minibatch_sends_its_rows_up_and_reads_nothing(far: FarDevice) -> None:
    counted = []
    for num_epochs in (1, 3):
        with far:
            learner = learner_of(BANDIT, num_epochs=num_epochs)
            schedule = rl2.Schedule.at(learner._config, 0.5)
            rollout = play(learner, num_episodes=10)
            far.crossings.clear()
            shuffle = np.random.default_rng(0)
            rl2.update(learner._network, learner.optimizer, rollout, learner._config, schedule, Workers(), shuffle)
        counted.append(far.crossings.copy())
    assert counted[1] - counted[0] == {"up": 4}  # of two more passes with two minibatches each
    assert counted[0]["down"] + counted[0]["read"] < 40


def exploration_weights_on_the_cpu(weight: float, informed: Any) -> Any:
    return torch.full(informed.shape[:1], weight)


def begin_on_the_cpu(self: Any, num_rows: int) -> None:
    begin(self, num_rows)
    self._last_action = torch.zeros(num_rows, self._policy.spec.num_actions)


def mean_and_std_on_the_cpu(self: Any, values: Any) -> Any:
    count, total = self.sum(torch.stack((torch.tensor(float(len(values))), values.sum())))
    return float(total / count), 1.0


begin, select_rows = PolicyPlayer.begin, rl2.select_rows
FORGOTTEN = {
    "a tensor of a loss": (rl2, "exploration_weights", exploration_weights_on_the_cpu),
    "a tensor of play": (PolicyPlayer, "begin", begin_on_the_cpu),
    "a count": (Workers, "mean_and_std", mean_and_std_on_the_cpu),
    "that rows cross": (rl2, "select_rows", lambda inputs, rows: select_rows(inputs, rows.cpu())),
}


@pytest.mark.parametrize("fault", FORGOTTEN)
def test_a_tensor_forgotten_on_the_cpu_fails_far_away_and_nowhere_else(
    far: FarDevice, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(*FORGOTTEN[fault])
    learner_of(RIDDLE).update(0, 0.0)
    with far, pytest.raises((AssertionError, RuntimeError), match=r"mixes a tensor|same device|holds nothing"):
        learner_of(RIDDLE).update(0, 0.0)


def test_the_far_device_computes_and_does_not_mix() -> None:
    near = torch.arange(6.0).reshape(2, 3)
    with FarDevice() as far:
        there = near.to(FAR)
        assert there.device == FAR and far.crossings == {"up": 1}
        there[1].mul_(10.0)  # a view's change is its tensor's
        weight = torch.ones(3, device=FAR, requires_grad=True)
        (there @ weight).sum().backward()
        assert weight.grad is not None and weight.grad.tolist() == [30.0, 41.0, 52.0]
        assert float(there.sum()) == 123.0 and far.crossings == {"up": 1, "down": 1, "read": 1}
        with pytest.raises(AssertionError, match="mixes"):
            there + near
        with pytest.raises(AssertionError, match="mixes"):
            there[torch.tensor([0])]
        with pytest.raises(AssertionError, match="holds nothing"):
            torch.tensor([1.0], device=FAR) + there
        with pytest.raises(RuntimeError, match="numpy"):
            there.numpy()


@pytest.mark.parametrize("device", [CPU, FAR], ids=str)
def test_arrays_cross_as_they_are(device: Any) -> None:
    arrays = [np.arange(5, dtype=np.float32).reshape(5, 1), np.array([True, False, True]), np.array([[2**40], [-1]])]
    arrays += [np.zeros((3, 0), np.float32), np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))]
    with FarDevice() as far:
        crossed = [tensor.cpu() for tensor in to_device(device, *arrays)]
    assert far.crossings["up"] == (device == FAR)
    for tensor, array in zip(crossed, arrays, strict=True):
        np.testing.assert_array_equal(tensor.numpy(), array)
        assert tensor.numpy().dtype == array.dtype


def test_a_run_far_away_can_be_stopped_resumed_and_loaded_on_the_cpu(
    far: FarDevice, tmp_path: Path, run_of: Callable[..., Any]
) -> None:
    """Its checkpoints need no device, and they and its calibration are those of a run on the CPU."""

    def stop(progress: Any, metrics: Any) -> None:
        if progress.updates == 1:
            raise KeyboardInterrupt

    given = SMALL | {"family": "small_families:RIDDLE", "gradient": True, "steps": 60}
    run_of(tmp_path / "near", **given)
    with far:
        with pytest.raises(KeyboardInterrupt):
            run_of(tmp_path / "far", report=stop, **given)
        run_of(tmp_path / "far", resume=True, **given)
    near, away = RunFolder(tmp_path / "near"), RunFolder(tmp_path / "far")
    one, other = (folder.load_policy()[0].state_dict() for folder in (near, away))
    assert {tensor.device.type for tensor in other.values()} == {"cpu"}
    assert_same(one, other, rtol=1e-4, atol=1e-6)
    margins = [json.loads(folder.calibration.read_text())["rollback_margin"] for folder in (near, away)]
    assert margins[0] == pytest.approx(margins[1], rel=1e-4)


# -- which device --


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A machine with a GPU, as far as the choice goes; the seconds that an update takes on either device."""
    seconds: dict[str, Any] = {"cuda": 0.1, "cpu": 0.2}

    def measure(config: Any, family: Any) -> float:
        taken = seconds[config.device]
        seconds.setdefault("measured", []).append((config.device, config.num_processes))
        if isinstance(taken, Exception):
            raise taken
        return float(taken)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Abacus 9")
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(devices, "seconds_of_update", measure)
    monkeypatch.setattr("gameagent.launch.available_cores", lambda: 4)
    return seconds


def settle(**given: Any) -> tuple[Any, list[str]]:
    said: list[str] = []
    settled = settle_device(make_config(BANDIT, {"family": "bandit"} | given), BANDIT, said.append)
    return settled, said


def test_the_faster_device_is_chosen_and_said(gpu: dict[str, Any]) -> None:
    config, said = settle()
    assert (config.device, config.num_processes) == ("cuda", 1)
    assert said == ["training on the GPU: an update takes 0.1 s on the GPU (Abacus 9), 0.2 s on the CPU in 4 processes"]
    gpu["cuda"] = 0.3
    config, said = settle()
    assert (config.device, config.num_processes) == ("cpu", 4)
    assert said == ["training on the CPU: an update takes 0.2 s on the CPU in 4 processes, 0.3 s on the GPU (Abacus 9)"]
    gpu["cuda"] = RuntimeError("no kernel image\nand more")
    config, said = settle(num_processes=1)
    assert (config.device, config.num_processes) == ("cpu", 1)
    assert said == ["training on the CPU, as the GPU (Abacus 9) fails: no kernel image"]
    assert gpu["measured"] == [("cuda", 1), ("cpu", 4)] * 2 + [("cuda", 1)]


@pytest.mark.parametrize(
    "given", [{"device": "cpu"}, {"num_processes": 2}, {"algorithm": "maml"}, {"algorithm": "reptile"}], ids=str
)
def test_nothing_is_measured_where_there_is_no_choice(gpu: dict[str, Any], given: Any) -> None:
    config, said = settle(**given)
    assert config.device == "cpu" and said == [] and "measured" not in gpu


def test_a_gpu_that_was_asked_for_is_used_unmeasured_in_one_process(
    gpu: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, said = settle(device="cuda")
    assert (config.device, config.num_processes) == ("cuda", 1) and said == [] and "measured" not in gpu
    with pytest.raises(ConfigError, match=r"'cuda', which trains in one process, and there are to be 3: leave num_pro"):
        settle(device="cuda", num_processes=3)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="there are to be 2"):
        settle(device="cuda")
    assert settle()[0].device == "cpu"


@pytest.mark.parametrize("algorithm", ["maml", "reptile"])
def test_learning_by_gradient_refuses_a_gpu(algorithm: str) -> None:
    with pytest.raises(ConfigError, match=f"device is 'cuda', and algorithm '{algorithm}' trains on the CPU: leave"):
        make_config(BANDIT, {"algorithm": algorithm, "device": "cuda"})


def test_without_a_gpu_auto_is_the_cpu_and_cuda_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(devices, "seconds_of_update", None)
    config, said = settle()
    assert config.device == "cpu" and said == []
    with pytest.raises(ConfigError, match=r"device is 'cuda', but torch .* finds no GPU here: install"):
        prepare_run(RunFolder(tmp_path / "run"), {"family": "bandit", "device": "cuda"}, resume=False)
    assert not (tmp_path / "run").exists()


def test_a_resumed_run_keeps_its_device(gpu: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, given = RunFolder(tmp_path / "run"), {"family": "bandit"} | SMALL | {"num_processes": 0}
    assert prepare_run(folder, given, resume=False).device == "cuda"
    assert folder.describe()["config"]["device"] == "cuda"
    folder.metrics.write_text("{}\n")  # of its first update
    gpu["cuda"] = 0.3
    for asked in ({}, {"device": "auto"}, {"device": "cuda"}):
        assert prepare_run(folder, given | asked, resume=True).device == "cuda"
    with pytest.raises(ConfigError, match=r"another config: device \(run: 'cuda', asked: 'cpu'\)"):
        prepare_run(folder, given | {"device": "cpu"}, resume=True)
    assert len(gpu["measured"]) == 2
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"finds no GPU here.*go on .* set it to \"cpu\" in the run's run.json"):
        prepare_run(folder, given, resume=True)
    assert folder.load_config()[0].device == "cuda"  # it can be evaluated and exported all the same


@pytest.mark.parametrize("algorithm", ["rl2", "maml"])
def test_measuring_takes_updates_of_one_process_and_leaves_the_run_alone(
    monkeypatch: pytest.MonkeyPatch, interpreted: None, algorithm: str
) -> None:
    taken = []

    def make(config: Any, family: Any, workers: Any) -> Any:
        learner = make_learner(config, family, workers)
        update = learner.update

        def counted(number: int, done: float) -> Any:
            taken.append((number, workers.size))
            return update(number, done)

        monkeypatch.setattr(learner, "update", counted)
        return learner

    monkeypatch.setattr(devices, "make_learner", make)
    small = SMALL if algorithm == "rl2" else {"hidden_size": 8, "num_rollouts": 2, "inner_steps": 1}
    config = make_config(BANDIT, {"family": "bandit", "algorithm": algorithm} | small | {"num_processes": 2})
    state = torch.random.get_rng_state()
    assert seconds_of_update(config, BANDIT) > 0.0
    assert taken == [(0, 2), (1, 2), (2, 2)]
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_run_too_large_for_a_gpu_says_so(
    tmp_path: Path, run_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def outgrow(*args: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("gameagent.launch.train", outgrow)
    with pytest.raises(RunError, match="this GPU does not have enough memory for the run; lower num_games"):
        run_of(tmp_path / "run")


# -- on a GPU --


@needs_gpu
@CASES
def test_an_update_on_a_gpu_is_that_of_the_cpu(interpreted: None, family: Family, given: Any) -> None:
    learner, other = learner_of(family, **given), learner_of(family, device="cuda", **given)
    assert other.policy.device.type == "cuda"
    for number in range(2):
        update, again = learner.update(number, 0.1), other.update(number, 0.1)
        assert update.num_steps == again.num_steps
        assert_same(without_times(update.metrics), without_times(again.metrics), rtol=1e-3, atol=1e-5)
    assert_same(state_of(learner), state_of(other), rtol=1e-3, atol=1e-4)


@needs_gpu
def test_a_run_on_a_gpu_can_be_resumed_and_exported(tmp_path: Path, run_of: Callable[..., Any]) -> None:
    run_of(tmp_path / "run", steps=160, device="cuda", gradient=True)
    description = RunFolder(tmp_path / "run").description
    description.write_text(description.read_text().replace('"steps": 160', '"steps": 320'))
    folder = run_of(tmp_path / "run", steps=320, device="cuda", gradient=True, resume=True)
    assert folder.load_policy()[3].steps == 320
    assert bundle_run(folder).manifest.gradient is not None


@needs_gpu
def test_auto_measures_a_real_gpu() -> None:
    config, said = settle(**SMALL | {"num_processes": 0})
    assert config.device in ("cpu", "cuda") and len(said) == 1 and torch.cuda.get_device_name() in said[0]
