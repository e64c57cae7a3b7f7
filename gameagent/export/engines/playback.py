"""Whether a file does in its engine what the trained policy does: whole trials, by the engine's tensor names alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gameagent.errors import ExportError
from gameagent.export.engines.profiles import EngineDecision, Moment, Profile
from gameagent.export.parity import NUM_GAMES, TOLERANCE
from gameagent.nets.cores.state import HiddenState
from gameagent.nets.interface import Inputs, Outputs, PolicyNetwork
from gameagent.playing.buffer import Rollout
from gameagent.playing.rollout import Trials
from gameagent.seeding import game_seeds, numpy_generator, torch_generator
from gameagent.workers import Share
from gameagent_games.interface import Family
from gameagent_games.variants.variant import Split
from gameagent_sdk import BundleError
from gameagent_sdk.authoring import Port, TensorSpec


@dataclass(frozen=True)
class Playback:
    """How a file fared over greedy trials, beside torch.

    Attributes:
        num_games: Trials compared.
        num_episodes: Episodes of each.
        num_steps: Decisions compared.
        wrong_actions: Decisions that differ from torch's, though torch did not have two actions equally likely.
        probabilities: Largest absolute difference of action probabilities; None if the engine sees none.
        state: Largest difference of the state that is carried on, relative if a number is above 1: an LSTM's cells
            grow with the trial, and float32 rounding with them.
        memory: Largest change of the next hidden state when the state is emptied at the start of a later episode;
            None for a policy without hidden state.
    """

    num_games: int
    num_episodes: int
    num_steps: int
    wrong_actions: int
    probabilities: float | None
    state: float
    memory: float | None

    def check(self) -> None:
        """Raises ExportError if the file differs from torch, or has no memory though the policy has."""
        worst = _larger(self.state, self.probabilities or 0.0)
        if self.wrong_actions or not worst <= TOLERANCE:
            raise ExportError(
                f"nothing was written: over {self.num_steps} steps the file chose {self.wrong_actions} other actions "
                f"than torch, and its outputs differ by {worst:.1e}, more than {TOLERANCE:.0e}; this is a bug of the "
                "exporter, please report it with the run's folder"
            )
        if self.memory is not None and not self.memory > TOLERANCE:
            raise ExportError(
                "nothing was written: emptying the file's state at an episode's start changes nothing, so it has no "
                "memory; this is a bug of the exporter, please report it with the run's folder"
            )


class EngineRun:
    """A file in onnxruntime, fed and read by name."""

    def __init__(self, data: bytes, profile: Profile) -> None:
        """Loads a file.

        Raises:
            ExportError: onnxruntime refuses it.
        """
        from gameagent_sdk.backends.onnx_runtime import OnnxRuntimeBackend  # late: its import takes a while

        self.profile = profile
        try:
            self._backend = OnnxRuntimeBackend(data)
        except BundleError as error:
            raise ExportError(f"nothing was written: {error}") from None

    def raw(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """One run; every output by name.

        Raises:
            ExportError: onnxruntime does not take these inputs, or fails.
        """
        num_rows = len(next(iter(inputs.values())))
        outputs = {port.name: _empty(port, num_rows) for port in self.profile.outputs}
        try:
            self._backend.bind({name: np.ascontiguousarray(array) for name, array in inputs.items()}, outputs)()
        except Exception as error:  # onnxruntime's exceptions share no base class of their own
            raise ExportError(f"nothing was written: onnxruntime fails on the file: {error}") from None
        return outputs

    def decide(self, moment: Moment) -> EngineDecision:
        """One decision as the engine would take it.

        Raises:
            ExportError: As `raw`; or an output that must be constant is not what the loader wants.
        """
        outputs = self.raw(self.profile.feed(moment))
        for name, value in self.profile.constants.items():
            if not np.array_equal(outputs[name], value):
                raise ExportError(f"nothing was written: {name} is {outputs[name].tolist()}, not {value.tolist()}")
        return self.profile.read(outputs)


def play_back(
    data: bytes, profile: Profile, policy: PolicyNetwork, family: Family, num_episodes: int, seed: int, split: Split
) -> Playback:
    """Plays greedy trials in torch and lets the file decide the same, its state carried by the engine's rules alone.

    Args:
        data: The file.
        profile: Of the engine it is for.
        policy: The trained policy.
        family: Its game.
        num_episodes: K, of each trial.
        seed: Of variants and games.
        split: That variants are drawn from.

    Raises:
        ExportError: The file does not run.
    """
    rollout = _greedy_trials(policy, family, num_episodes, seed, split)
    run, num_rows = EngineRun(data, profile), rollout.actions.shape[1]
    state = np.zeros((num_rows, profile.layout.memory_size), np.float32)
    hidden_state = policy.initial_state(num_rows)
    following = np.ones(num_rows, bool)  # rows whose trial is still torch's
    tally = _Tally(num_hidden=profile.layout.memory_size - family.num_actions)
    for t in range(len(rollout.actions)):
        moment = _moment(rollout, t, state)
        with torch.no_grad():
            expected, hidden_state = policy(_at(rollout.inputs, t), hidden_state)
        following &= rollout.valid[t].numpy()
        decision = run.decide(moment)
        following &= tally.compare(decision, expected, hidden_state, rollout.actions[t].numpy(), following)
        if t == 0:
            used = np.random.default_rng(seed).normal(size=state.shape).astype(np.float32)
            restarted = replace(moment, trial_start=np.ones((num_rows, 1), np.float32), state=used)
            tally.restart(decision, run.decide(restarted))
        later = following & (moment.episode_start[:, 0] > 0 if num_episodes > 1 else True) & (t > 0)
        if later.any():
            tally.forget(decision, run.decide(replace(moment, state=np.zeros_like(state))), later)
        state = decision.state
    return Playback(
        NUM_GAMES, num_episodes, tally.num_steps, tally.wrong_actions, tally.probabilities, tally.state, tally.memory
    )


class _Tally:
    """The worst that was seen so far."""

    def __init__(self, num_hidden: int) -> None:
        self.num_hidden = num_hidden
        self.num_steps = self.wrong_actions = 0
        self.probabilities: float | None = None
        self.state = 0.0
        self.memory: float | None = 0.0 if num_hidden else None

    def compare(
        self, given: EngineDecision, expected: Outputs, hidden_state: HiddenState, actions: NDArray[np.int64],
        rows: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:  # fmt: skip
        """Compares one step of the rows in which both saw the same; returns the rows in which both acted alike."""
        chances = expected.action_params[0][0].exp().numpy()
        best = np.sort(chances, axis=1)[:, -2:]
        torn = best[:, 0] >= best[:, -1] - TOLERANCE if chances.shape[1] > 1 else np.zeros(len(rows), bool)
        same = given.actions == actions
        if given.greedy is not None:
            same &= given.greedy == actions
        self.num_steps += int(rows.sum())
        self.wrong_actions += int((rows & ~same & ~torn).sum())
        if given.scores is not None:
            worst = _worst(_softmax(given.scores)[rows], chances[rows])
            self.probabilities = _larger(self.probabilities or 0.0, worst)
        carried = [tensor.flatten(1).numpy() for tensor in hidden_state.values()]
        one_hot = np.eye(chances.shape[1], dtype=np.float32)[actions]
        agreeing = rows & same
        self.state = _larger(self.state, _worst_state(given.state[agreeing], np.hstack((*carried, one_hot))[agreeing]))
        return np.asarray(same)

    def forget(self, kept: EngineDecision, emptied: EngineDecision, rows: NDArray[np.bool_]) -> None:
        """Notes how much emptying the memory changed."""
        if self.memory is None:
            return
        hidden = slice(self.num_hidden)
        self.memory = _larger(self.memory, _worst(kept.state[rows, hidden], emptied.state[rows, hidden]))

    def restart(self, fresh: EngineDecision, restarted: EngineDecision) -> None:
        """Notes how far a step with ``trial_start`` from any state differs from one from the empty state."""
        self.state = _larger(self.state, _worst_state(restarted.state, fresh.state))


class _Greedy(PolicyNetwork):
    """A policy that always takes the likeliest action, and no gradient steps: engines run no graph but the policy's."""

    def __init__(self, policy: PolicyNetwork) -> None:
        super().__init__()
        self.policy, self.spec = policy, policy.spec

    @property
    def state_specs(self) -> tuple[TensorSpec, ...]:
        return self.policy.state_specs

    def forward(self, inputs: Inputs, hidden_state: HiddenState) -> tuple[Outputs, HiddenState]:
        outputs, after = self.policy(inputs, hidden_state)
        (log_probs,) = outputs.action_params
        likeliest = nn.functional.one_hot(log_probs.argmax(-1), log_probs.shape[-1])
        params = (torch.where(likeliest > 0, 0.0, -torch.inf),)
        return outputs._replace(action_params=params, situation=outputs.situation[..., :0]), after  # it has no critic


def _greedy_trials(policy: PolicyNetwork, family: Family, num_episodes: int, seed: int, split: Split) -> Rollout:
    trials = Trials(family, num_episodes, Share.whole(NUM_GAMES))
    variants = family.space.sample(NUM_GAMES, numpy_generator(seed, "playback"), split)
    seeds, informed = game_seeds(seed, "playback", NUM_GAMES), np.zeros(NUM_GAMES, bool)
    return trials.play(_Greedy(policy), variants, seeds, informed, torch_generator(seed, "playback"))


def _at(inputs: Inputs, t: int) -> Inputs:
    """Step t as a sequence of one step."""

    def cut(tensor: Tensor) -> Tensor:
        return tensor[t : t + 1]

    legal = None if inputs.legal_actions is None else cut(inputs.legal_actions)
    return Inputs(
        cut(inputs.observation), cut(inputs.previous_action), cut(inputs.previous_reward), cut(inputs.episode_start),
        legal, inputs.truth, inputs.informed,
    )  # fmt: skip


def _moment(rollout: Rollout, t: int, state: NDArray[np.float32]) -> Moment:
    """What the games knew at step t. Earlier actions are known from the state alone."""
    inputs = rollout.inputs
    return Moment(
        features=inputs.observation[t].numpy(),
        legal_actions=None if inputs.legal_actions is None else inputs.legal_actions[t].numpy(),
        previous_reward=inputs.previous_reward[t].numpy(),
        episode_start=inputs.episode_start[t].numpy(),
        trial_start=np.zeros_like(inputs.episode_start[t].numpy()),
        temperature=0.0,
        state=state,
    )


def _empty(port: Port, num_rows: int) -> NDArray[Any]:
    return np.empty([num_rows if size is None else size for size in port.shape], port.dtype)


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    weights = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _worst(given: NDArray[Any], expected: NDArray[Any]) -> float:
    return float(np.abs(given - expected).max()) if expected.size else 0.0


def _worst_state(given: NDArray[Any], expected: NDArray[Any]) -> float:
    scale = np.maximum(1.0, np.abs(expected))
    return _worst(given / scale, expected / scale)


def _larger(worst: float, found: float) -> float:
    """The larger of two, and NaN if either is."""
    return float(np.maximum(worst, found))
