"""Belief correction in an exported file: its gradient steps as a graph, how the runtime takes them, and their check."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gameagent.config import TrainConfig
from gameagent.inner_loop import adapt
from gameagent.methods.belief_correction.correction import MAX_INNER_NORM, BeliefCorrection, Transitions
from gameagent.methods.belief_correction.network import CorrectedNetwork
from gameagent.methods.interface import Calibration
from gameagent.methods.margins import NUM_ADAPTATIONS, margin_of
from gameagent.nets.interface import OFFSET
from gameagent.playing.buffer import Rollout
from gameagent.playing.rollout import Trials
from gameagent.seeding import game_seeds, numpy_generator, torch_generator
from gameagent.tracing.gradient_steps import trace_gradient_steps
from gameagent.workers import Share
from gameagent_games.interface import Family
from gameagent_sdk import Bundle, Manifest
from gameagent_sdk.authoring import GradientSpec, TensorSpec, adaptation_inputs, adaptation_outputs, load_adaptation
from gameagent_sdk.backends import BackendName

Array = NDArray[np.float32]
NUM_TRIALS = 256
MAX_KL = 2.0  # nats; corrections in games beyond training moved actions by up to 1, and were right to


def rollback_margin(policy: CorrectedNetwork, config: TrainConfig, family: Family) -> float:
    """How far an episode's return falls below that of the episode before it by bad luck alone.

    The 99th percentile over trials of training variants, in the game's units of reward; a larger fall is blamed on the
    gradient step. The runtime makes the very same comparison, see `gameagent_sdk.adaptation.guard`.
    """
    num_episodes, seed = max(config.episodes_of_trial(family), 2), config.seed
    trials = Trials(family, num_episodes, Share.whole(NUM_TRIALS))
    variants = family.space.sample(NUM_TRIALS, numpy_generator(seed, "rollback margin"), config.split)
    seeds, informed = game_seeds(seed, "rollback margin", NUM_TRIALS), np.zeros(NUM_TRIALS, bool)
    rollout = trials.play(policy, variants, seeds, informed, torch_generator(seed, "rollback margin"))
    episodes = (rollout.inputs.episode_start[:, :, 0].cumsum(0) - 1).long()
    returns = torch.zeros(num_episodes, rollout.rewards.shape[1])
    returns.scatter_add_(0, episodes.clamp(0, len(returns) - 1), rollout.rewards * rollout.valid)
    return margin_of(returns[:-1] - returns[1:])


class CorrectionSteps:
    """The gradient steps of a belief correction; see `gameagent.methods.interface.GradientSteps`."""

    def __init__(self, correction: BeliefCorrection) -> None:
        """Keeps the inner loop."""
        self._correction = correction
        self._size = len(correction.log_step_sizes)

    def spec(self, calibration: Calibration) -> GradientSpec:
        """The offset adapts, after every episode."""
        weights = (TensorSpec(OFFSET, (self._size,)),)
        return GradientSpec(
            weights=weights, max_kl=MAX_KL, rollback_margin=calibration["rollback_margin"], learns_from="rewards"
        )

    def initial_weights(self) -> dict[str, Tensor]:
        """No offset."""
        return {OFFSET: torch.zeros(self._size)}

    def trace(self, manifest: Manifest) -> bytes:
        """The inner loop on one episode."""
        correction = self._correction

        def steps(
            offset: Tensor, observations: Tensor, beliefs: Tensor, actions: Tensor, rewards: Tensor, episode_end: Tensor
        ) -> Tensor:
            followed = episode_end[:-1, 0] == 0.0
            taught = Transitions(
                observations[:-1], actions[:-1], beliefs[:-1], observations[1:], rewards[:-1], followed
            )  # fmt: skip
            start, step_sizes = {OFFSET: offset[0]}, correction.step_sizes
            corrected = adapt(
                start, correction.model.loss, taught, step_sizes, correction.inner_steps, max_norm=MAX_INNER_NORM
            )
            return corrected[OFFSET].unsqueeze(0)

        return trace_gradient_steps(steps, adaptation_inputs(manifest), adaptation_outputs(manifest))

    def largest_difference(self, bundle: Bundle, rollout: Rollout, engine: BackendName) -> float:
        """Takes `NUM_ADAPTATIONS` steps in a row, each on the whole trial of another row, with random beliefs."""
        backend, inputs = load_adaptation(bundle, engine), rollout.inputs
        random = np.random.default_rng(0)
        beliefs = torch.from_numpy(random.random((*inputs.observation.shape[:2], self._size), np.float32))
        expected = np.zeros((1, self._size), np.float32)
        given, worst = expected.copy(), 0.0
        names = [port.name for port in adaptation_inputs(bundle.manifest)]
        for step in range(NUM_ADAPTATIONS):
            row = step % rollout.rewards.shape[1]
            expected = self._in_torch(expected, rollout, beliefs, row)
            tensors = [np.ascontiguousarray(tensor.numpy()) for tensor in _kept_by_runtime(rollout, beliefs, row)]
            after = np.zeros_like(given)
            backend.bind(dict(zip(names, [given, *tensors], strict=True)), {f"next_{OFFSET}": after})()
            given = after
            worst = max(worst, float(np.abs(given - expected).max() / max(1.0, np.abs(expected).max())))
        return worst

    @torch.no_grad()
    def _in_torch(self, offset: Array, rollout: Rollout, beliefs: Tensor, row: int) -> Array:
        inputs, length = rollout.inputs, int(rollout.valid[:, row].sum())
        part = slice(0, length), slice(row, row + 1)
        taught = Transitions.of(
            inputs.observation[part], inputs.previous_action[part], inputs.episode_start[part], beliefs[part],
            rollout.rewards[part], rollout.valid[part],
        )  # fmt: skip
        corrected: Array = self._correction.correct(torch.from_numpy(offset), taught).numpy()
        return corrected


def _kept_by_runtime(rollout: Rollout, beliefs: Tensor, row: int) -> tuple[Tensor, ...]:
    """A row's trial as the runtime keeps it: observations, beliefs, actions, rewards, ends of episodes."""
    inputs, length = rollout.inputs, int(rollout.valid[:, row].sum())
    following = min(length, len(inputs.previous_action) - 1)  # what a step did is the next one's previous action
    actions = torch.cat((inputs.previous_action[1:length, row], inputs.previous_action[following, row][None]))
    ends = torch.cat((inputs.episode_start[1:length, row], torch.ones(1, 1)))
    return inputs.observation[:length, row], beliefs[:length, row], actions, rollout.rewards[:length, row, None], ends
