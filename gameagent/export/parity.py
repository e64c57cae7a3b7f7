"""Whether the file does what the trained policy does, over whole trials."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gameagent.config import TrainConfig
from gameagent.errors import ExportError
from gameagent.methods.interface import GradientSteps
from gameagent.nets.interface import OFFSET, Inputs, Outputs, PolicyNetwork
from gameagent.playing.buffer import Rollout
from gameagent.playing.rollout import Trials
from gameagent.seeding import game_seeds, numpy_generator, torch_generator
from gameagent.workers import Share
from gameagent_games.interface import Family
from gameagent_sdk import Bundle, Policy
from gameagent_sdk.authoring import BoxOutput, PolicySession, action_probabilities
from gameagent_sdk.backends import BackendName

NUM_GAMES = 8
MOST_EPISODES = 10  # of a trial; those of policies without memory are many, and all alike
ENGINES: tuple[BackendName, ...] = ("onnxruntime", "numpy")
TOLERANCE = 1e-5
"""Largest difference allowed between torch and the file where rounding explains no more. Probabilities are compared,
not logits: of a sure policy's logits (30 and more) float32 rounding alone takes more than this."""
MOST_ROUNDINGS = 8.0
"""Largest difference allowed beside what rounding makes of torch's own outputs: large weights and long trials blow it
up, and two engines round differently."""


@dataclass(frozen=True)
class Parity:
    """How far the file's outputs are from torch's over trials of ``num_episodes`` episodes.

    Attributes:
        num_games: Trials compared.
        num_episodes: Episodes of each.
        num_steps: Decisions compared.
        probabilities: Largest absolute difference of action probabilities; of continuous actions, of means and of
            logarithms of deviations.
        beliefs: Largest absolute difference of beliefs.
        weights: Largest difference of the weights over `NUM_ADAPTATIONS` gradient steps in a row, or of a policy of
            MAML or Reptile one step on each of as many tasks, beside one or the tensor's largest weight; 0 if the
            policy takes no steps.
        rounding: Largest difference of torch's own probabilities and beliefs from those it computes in float64.
    """

    num_games: int
    num_episodes: int
    num_steps: int
    probabilities: float
    beliefs: float
    weights: float = 0.0
    rounding: float = 0.0

    def check(self, engine: str) -> None:
        """Raises ExportError if the file differs in that engine."""
        allowed = max(TOLERANCE, MOST_ROUNDINGS * self.rounding)
        if not (max(self.probabilities, self.beliefs) <= allowed and self.weights <= TOLERANCE):
            raise ExportError(
                f"nothing was written: the file's outputs in {engine} differ from torch's by {self.probabilities:.1e} "
                f"(probabilities), {self.beliefs:.1e} (beliefs) and {self.weights:.1e} (weights after gradient steps), "
                f"more than {allowed:.0e}; this is a bug of the exporter, please report it with the run's folder"
            )


def measure_parity(
    policy: PolicyNetwork, config: TrainConfig, family: Family, bundle: Bundle, steps: GradientSteps | None
) -> dict[BackendName, Parity]:
    """Plays whole trials with torch and feeds what was seen to the file, through the SDK's own bookkeeping.

    Torch runs its fused LSTM over the whole trial at once, as in training; the file runs step by step.

    Returns:
        By the SDK's engines.
    """
    num_episodes = min(config.episodes_of_trial(family), MOST_EPISODES)
    rollout = _play(policy, config, family, num_episodes)
    with torch.no_grad():
        outputs, _ = policy(rollout.inputs, policy.initial_state(rollout.actions.shape[1]))
        rounding = _rounding(policy, rollout, outputs)
    found = {}
    for engine in ENGINES:
        chances, beliefs = _follow(PolicySession(Policy(bundle, engine)), rollout, outputs)
        weights = 0.0 if steps is None else steps.largest_difference(bundle, rollout, engine)
        found[engine] = Parity(NUM_GAMES, num_episodes, rollout.num_steps, chances, beliefs, weights, rounding)
    return found


def _rounding(policy: PolicyNetwork, rollout: Rollout, outputs: Outputs) -> float:
    """How far the outputs of a rollout are from those in float64: actions as they are compared, and beliefs."""
    exact_inputs = Inputs(*(_exact(given) for given in rollout.inputs))
    state = {name: _exact(tensor) for name, tensor in policy.initial_state(rollout.actions.shape[1]).items()}
    weights = {name: _exact(tensor) for name, tensor in (*policy.named_parameters(), *policy.named_buffers())}
    # A module may be shared, as scales are; torch would put back the wrong tensors if it looked for shared ones.
    exact, _ = torch.func.functional_call(policy, weights, (exact_inputs, state), tie_weights=False)
    worst = 0.0
    for found, wanted in zip(_compared(policy, outputs), _compared(policy, exact), strict=True):
        worst = max(worst, _worst(found[rollout.valid].numpy(), wanted[rollout.valid].numpy()))
    return worst


def _exact(tensor: Any) -> Any:
    return tensor.double() if isinstance(tensor, Tensor) and tensor.is_floating_point() else tensor


def _compared(policy: PolicyNetwork, outputs: Outputs) -> list[Tensor]:
    """What is compared of outputs: probabilities or parameters of continuous actions, and beliefs."""
    params = outputs.action_params
    return [*(params if policy.spec.box is not None else (params[0].exp(),)), outputs.beliefs]


def _follow(session: PolicySession, rollout: Rollout, outputs: Outputs) -> tuple[float, float]:
    """Tells a session what was seen and done; gives the largest differences in probabilities and beliefs."""
    session.reset(rollout.actions.shape[1])
    worst_chances = worst_beliefs = 0.0
    for t in range(len(rollout.actions)):
        valid = rollout.valid[t].numpy()
        legal = None if rollout.inputs.legal_actions is None else rollout.inputs.legal_actions[t].numpy()
        if rollout.inputs.belief_offset is not None:
            session.context.weights[OFFSET][:] = rollout.inputs.belief_offset[t].numpy()
        given = session.step(rollout.inputs.observation[t].numpy(), legal)
        if isinstance(given, BoxOutput):
            for found, wanted in zip(given, outputs.action_params, strict=True):
                worst_chances = max(worst_chances, _worst(found[valid], wanted[t].numpy()[valid]))
        else:
            chances = action_probabilities(given[valid], None if legal is None else legal[valid])
            worst_chances = max(worst_chances, _worst(chances, outputs.action_params[0][t].exp().numpy()[valid]))
        worst_beliefs = max(worst_beliefs, _worst(session.beliefs[valid], outputs.beliefs[t].numpy()[valid]))
        following = min(t + 1, len(rollout.actions) - 1)
        ended = rollout.inputs.episode_start[following, :, 0].numpy() > 0
        session.observe(rollout.actions[t].numpy(), rollout.rewards[t].numpy(), ended)
    return worst_chances, worst_beliefs


def _worst(given: NDArray[Any], expected: NDArray[Any]) -> float:
    return float(np.abs(given - expected).max()) if expected.size else 0.0


def _play(policy: PolicyNetwork, config: TrainConfig, family: Family, num_episodes: int) -> Rollout:
    seed = config.seed
    trials = Trials(family, num_episodes, Share.whole(NUM_GAMES))
    variants = family.space.sample(NUM_GAMES, numpy_generator(seed, "parity"), config.split)
    seeds = game_seeds(seed, "parity", NUM_GAMES)
    informed = np.zeros(NUM_GAMES, bool)
    return trials.play(policy, variants, seeds, informed, torch_generator(seed, "parity"))
