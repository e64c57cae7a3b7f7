"""A memory of another rank than the LSTM's goes through training, export and both engines.

The memory here can be checked without knowing anything about networks: every number of it counts the row's own
decisions, so a row that waited, or one that was overwritten by its neighbour, has another number.
"""

# mypy: disable-error-code="call-arg, no-any-return"

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gameagent.config import TrainConfig, make_config
from gameagent.errors import ExportError
from gameagent.export.bundling import bundle_policy
from gameagent.export.engines import make_engine_file
from gameagent.launch import launch, prepare_run
from gameagent.methods.learning import make_learner
from gameagent.methods.registry import METHODS
from gameagent.methods.rl2.method import Rl2
from gameagent.nets.cores.interface import Core, CoreStep
from gameagent.nets.cores.state import HiddenState
from gameagent.nets.interface import PolicySpec
from gameagent.playing.rollout import Trials
from gameagent.run.folder import RunFolder
from gameagent.seeding import game_seeds, torch_generator
from gameagent.workers import Share, Workers
from gameagent_games.registry import load_family
from gameagent_sdk import Agent, Bundle, Policy
from gameagent_sdk.authoring import TensorSpec

NUM_GAMES, SLOTS, WIDTH, START = 3, 6, 2, 2.5  # two seats a game: as many slots as rows
GAMES = ["two_seat_families:NIM", "tolls"]
SMALL = {"algorithm": "counting", "hidden_size": 8, "num_games": NUM_GAMES, "num_minibatches": 1, "num_processes": 1}


class Slots(Core):
    """A memory of several slots. A decision adds one to every number in it, and reads it through a linear layer."""

    def __init__(self, num_inputs: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.state_specs = (TensorSpec("slots", (SLOTS, WIDTH), initial=START), TensorSpec("last_seen", (num_inputs,)))
        self.read = nn.Linear(SLOTS * WIDTH + num_inputs, size)

    def once(self, seen: Tensor, slots: Tensor, last_seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        slots = slots + 1.0
        return torch.tanh(self.read(torch.cat((0.1 * slots.flatten(1), last_seen), -1))), slots, seen

    def forward(self, seen: Tensor, hidden_state: HiddenState) -> tuple[Tensor, HiddenState]:
        state, outputs = (hidden_state["slots"], hidden_state["last_seen"]), []
        for now in seen:
            output, *rest = self.once(now, *state)
            outputs.append(output)
            state = (rest[0], rest[1])
        return torch.stack(outputs), {"slots": state[0], "last_seen": state[1]}

    def step(self) -> CoreStep:
        return SlotsStep(self)


class SlotsStep(CoreStep):
    def __init__(self, core: Slots) -> None:
        super().__init__()
        self.core = core

    def forward(self, seen: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        return self.core.once(seen, *state)


class Counting(Rl2):
    """All that a method with another memory has to say."""

    name: ClassVar[str] = "counting"
    summary: ClassVar[str] = "counts its decisions"

    def make_core(self, config: TrainConfig, spec: PolicySpec) -> Core:
        return Slots(spec.num_inputs, config.hidden_size)


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "counting", Counting())
        yield


def prepared(small: Any, name: str) -> Any:
    config, family = small(name, **SMALL)
    torch.manual_seed(1)
    return config.method.make_policy(config, family), config, family


class Remembering(nn.Module):
    """A policy whose hidden state after every step is kept."""

    def __init__(self, policy: Any) -> None:
        super().__init__()
        self.policy, self.spec, self.offset_size = policy, policy.spec, policy.offset_size
        self.situation_size, self.values, self.device = policy.situation_size, policy.values, policy.device
        self.after: list[HiddenState] = []

    def initial_state(self, num_rows: int) -> HiddenState:
        return self.policy.initial_state(num_rows)

    def forward(self, inputs: Any, hidden_state: HiddenState) -> Any:
        self.after.append(hidden_state)
        return self.policy(inputs, hidden_state)


@pytest.mark.parametrize("name", GAMES)
def test_each_rows_memory_counts_its_own_decisions(small: Any, name: str) -> None:
    policy, _, family = prepared(small, name)
    remembering: Any = Remembering(policy)
    trials = Trials(family, family.num_episodes, Share.whole(NUM_GAMES))
    variants = family.space.sample(NUM_GAMES, 0, "all")
    told = np.zeros(NUM_GAMES, bool)
    rollout = trials.play(remembering, variants, game_seeds(0, "t", NUM_GAMES), told, torch_generator(0, "t"))
    decisions = rollout.valid.sum(0).float()
    assert len(decisions) == SLOTS and len(set(decisions.tolist())) > 1
    before_last = remembering.after[-1]["slots"]
    assert before_last.shape == (2 * NUM_GAMES, SLOTS, WIDTH)
    counted = before_last - START
    assert (counted == counted[:, :1, :1]).all()  # a row's numbers are all alike
    behind = decisions - counted[:, 0, 0]  # rows that decide at the very last step are counted after it
    assert ((behind == 0) | (behind == 1)).all() and behind.sum() >= 1


@pytest.mark.parametrize("name", GAMES)
def test_steps_in_a_row_equal_single_steps_in_training(small: Any, name: str) -> None:
    config, family = small(name, **SMALL)
    learner = make_learner(config, family, Workers())
    before = [weight.clone() for weight in learner.policy.parameters()]
    for number in range(3):
        update = learner.update(number, 0.1 * number)
        assert all(np.isfinite(value) for value in update.metrics.values())
        # PPO's ratios start at one: what is computed over whole trials is what was computed step by step.
    core: Any = learner.policy
    assert not torch.equal(before[0], next(iter(learner.policy.parameters())))
    assert core.core.read.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", GAMES)
def test_it_is_exported_and_both_engines_agree_with_torch(small: Any, name: str) -> None:
    bundle = bundle_policy(*prepared(small, name), {})
    assert bundle.manifest.parity is not None and set(bundle.manifest.parity) == {"onnxruntime", "numpy"}
    spec = bundle.manifest.hidden_state[0]
    assert (spec.name, spec.shape, spec.lifetime, spec.initial) == ("slots", (SLOTS, WIDTH), "trial", START)
    again = Bundle.from_bytes(bundle.data)
    for engine in ("onnxruntime", "numpy"):
        agent = Agent(Policy(again, engine), seed=0)
        for _ in range(2):  # a new trial starts from the initial value again
            agent.begin_trial()
            for count in range(1, 5):
                legal = np.ones(agent.num_actions, bool) if again.manifest.action.mask else None
                agent.act(np.zeros(again.manifest.observation_size, np.float32), legal)
                agent.observe(0.5, terminated=count == 2)
                slots = agent._trial.step.context.hidden_state["slots"]
                np.testing.assert_array_equal(slots, np.full((1, SLOTS, WIDTH), START + count, np.float32))


def test_it_is_trained_resumed_and_exported_by_the_very_same_commands(tmp_path: Path) -> None:
    given = SMALL | {"family": "two_seat_families:NIM", "steps": 200}

    def run(folder: RunFolder, stop: int, resume: bool = False) -> None:
        def report(progress: Any, metrics: Any) -> None:
            if progress.updates == stop:
                raise KeyboardInterrupt

        prepare_run(folder, given, resume=resume)
        launch(folder, report)

    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    run(whole, stop=0)
    with pytest.raises(KeyboardInterrupt):
        run(stopped, stop=1)
    run(stopped, stop=0, resume=True)
    weights = [torch.load(folder.checkpoint, weights_only=True)["policy"] for folder in (whole, stopped)]
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())
    assert "core.read.weight" in weights[0]


def test_an_engine_that_empties_memory_to_zeros_gets_no_such_file(small: Any) -> None:
    policy, config, family = prepared(small, "two_seat_families:NIM")
    with pytest.raises(ExportError, match=r"slots starts at 2\.5 and lasts for a trial: export without --profile"):
        make_engine_file(policy, config, family, {}, "godot")


def test_returns_of_an_earlier_version_are_read_by_their_name_of_today() -> None:
    family = load_family("navigation")
    config = make_config(family, {"algorithm": "maml", "hidden_size": 4})
    policy, other = (config.method.make_policy(config, family) for _ in range(2))
    policy.pre_adaptation_return.fill_(-3.0)
    written = policy.state_dict()
    written["usual_return"] = written.pop("pre_adaptation_return")
    other.load_state_dict(written)
    assert other.pre_adaptation_return == -3.0
