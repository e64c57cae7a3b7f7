"""The gradient steps as a graph of their own, for the runtime to take inside the game: plain operators, any length."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

from gameagent.config import TrainConfig
from gameagent.export.graph import finish, options, quiet
from gameagent.inner_loop import adapt
from gameagent.methods.belief_correction.correction import MAX_INNER_NORM, OFFSET, BeliefCorrection, Transitions
from gameagent.nets.network import AgentNetwork
from gameagent.playing.rollout import Trials
from gameagent.seeding import game_seeds, numpy_generator, torch_generator
from gameagent_games.interface import Family
from gameagent_sdk import Manifest
from gameagent_sdk.authoring import GradientSpec, Port, TensorSpec, adaptation_inputs, adaptation_outputs

MIN_STEPS = 3  # a graph traced for fewer steps takes their number for a constant
TRACED_STEPS = 7
NUM_TRIALS = 256
SMALLEST_MARGIN = 1e-6
BAD_LUCK = 0.99  # quantile of what returns fall by where nothing did harm
MAX_KL = 2.0  # nats; corrections in games beyond training moved actions by up to 1, and were right to


def gradient_spec(correction: BeliefCorrection, rollback_margin: float) -> GradientSpec:
    """How the runtime is to take a correction's steps.

    Args:
        correction: The inner loop.
        rollback_margin: How far a return may fall after a step before that is taken back, see `GradientSpec`.
    """
    weights = (TensorSpec(OFFSET, (len(correction.log_step_sizes),)),)
    return GradientSpec(weights=weights, max_kl=MAX_KL, rollback_margin=rollback_margin, learns_from="rewards")


def rollback_margin(policy: AgentNetwork, config: TrainConfig, family: Family) -> float:
    """How far an episode's return falls below that of the episode before it by bad luck alone.

    The 99th percentile over trials of training variants, in the game's units of reward; what is worse is taken for harm
    that a gradient step did. The runtime makes the very same comparison, see `gameagent_sdk.adaptation.guard`.
    """
    num_episodes, seed = max(config.episodes_of_trial(family), 2), config.seed
    belief_size = policy.belief_head.size if policy.belief_head else 0
    trials = Trials(family, NUM_TRIALS, num_episodes, belief_size)
    variants = family.space.sample(NUM_TRIALS, numpy_generator(seed, "rollback margin"), config.split)
    seeds, told = game_seeds(seed, "rollback margin", NUM_TRIALS), np.zeros(NUM_TRIALS, bool)
    rollout = trials.play(policy, variants, seeds, told, torch_generator(seed, "rollback margin"))
    episodes = (rollout.inputs.episode_start[:, :, 0].cumsum(0) - 1).long()
    returns = torch.zeros(num_episodes, rollout.rewards.shape[1])
    returns.scatter_add_(0, episodes.clamp(0, len(returns) - 1), rollout.rewards * rollout.valid)
    return margin_of(returns[:-1] - returns[1:])


def margin_of(falls: Tensor) -> float:
    """The rollback margin, where returns fall by these numbers though nothing did harm."""
    return max(float(torch.quantile(falls.flatten(), BAD_LUCK)), SMALLEST_MARGIN)


def trace_correction(correction: BeliefCorrection, manifest: Manifest) -> bytes:
    """The correction's gradient steps as a serialised ONNX model, its tensors named as by `adaptation_inputs`."""

    def steps(
        offset: Tensor, observations: Tensor, beliefs: Tensor, actions: Tensor, rewards: Tensor, episode_end: Tensor
    ) -> Tensor:
        followed = episode_end[:-1, 0] == 0.0
        taught = Transitions(
            observations[:-1], actions[:-1], beliefs[:-1], observations[1:], rewards[:-1], followed
        )  # fmt: skip
        start = {OFFSET: offset[0]}
        corrected = adapt(
            start, correction.model.loss, taught, correction.step_sizes, correction.inner_steps, max_norm=MAX_INNER_NORM
        )
        return corrected[OFFSET].unsqueeze(0)

    return trace_gradient_steps(steps, adaptation_inputs(manifest), adaptation_outputs(manifest))


def trace_gradient_steps(
    steps: Callable[..., Tensor | tuple[Tensor, ...]], inputs: tuple[Port, ...], outputs: tuple[Port, ...]
) -> bytes:
    """A function that differentiates within itself as a serialised ONNX model.

    ``torch.export`` alone refuses gradients within a function; traced to plain operators first, they are none any more.

    Args:
        steps: Takes and gives tensors in the ports' order; may use ``torch.func``.
        inputs: A leading axis of None is T, the same for all and dynamic, at least `MIN_STEPS`.
        outputs: For their names.
    """
    example = tuple(
        torch.zeros([TRACED_STEPS if size is None else size for size in port.shape], dtype=getattr(torch, port.dtype))
        for port in inputs
    )
    with quiet(), torch.no_grad():
        traced = make_fx(steps, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*example)
        time = torch.export.Dim("T", min=MIN_STEPS)
        axes = tuple({0: time} if port.shape[0] is None else {} for port in inputs)
        program = torch.export.export(_Function(traced), example, dynamic_shapes=(axes,), strict=False)
        model = finish(torch.onnx.export(program, **options(inputs, outputs)))
    return bytes(model.SerializeToString())


class _Function(nn.Module):
    """A traced function as a module, which is all that ``torch.export`` takes."""

    def __init__(self, function: nn.Module) -> None:
        super().__init__()
        self.function = function

    def forward(self, *tensors: Tensor) -> Tensor | tuple[Tensor, ...]:
        result: Tensor | tuple[Tensor, ...] = self.function(*tensors)
        return result
