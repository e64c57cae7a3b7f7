"""The policy step and the gradient step of a policy that MAML or Reptile trained, as graphs for the runtime."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gameagent.config import TrainConfig
from gameagent.inner_loop import Parameters, adapt, for_tasks
from gameagent.methods.gradient.config import GradientConfig
from gameagent.methods.gradient.meta_batch import MAX_INNER_NORM, SCALED_NORM, Experience, inner_step, with_advantages
from gameagent.methods.gradient.policy import GradientPolicy
from gameagent.methods.interface import Calibration
from gameagent.methods.margins import NUM_ADAPTATIONS, SMALLEST_MARGIN, margin_of
from gameagent.nets.feedforward import ILLEGAL_LOGIT, LOG_SQRT_TWO_PI, FeedforwardPolicy
from gameagent.playing.buffer import Rollout
from gameagent.playing.episodes import EpisodeSampler
from gameagent.playing.trajectories import Trajectories
from gameagent.seeding import numpy_generator, torch_generator
from gameagent.tracing.gradient_steps import trace_gradient_steps
from gameagent_games.interface import Family
from gameagent_sdk import Bundle, Manifest
from gameagent_sdk.adaptation.experience import ExperienceBuffer
from gameagent_sdk.adaptation.guard import first_look, margin_at
from gameagent_sdk.adaptation.probes import spread
from gameagent_sdk.authoring import GradientSpec, TensorSpec, adaptation_inputs, adaptation_outputs, load_adaptation
from gameagent_sdk.backends import BackendName
from gameagent_sdk.engine.actions import divergence

NUM_TASKS = 32  # played to see how far gradient steps usually move
PARITY_ROLLOUTS = 2
ROOM = 2.0  # of the trust region beyond the largest change seen


class GradientPolicyStep(nn.Module):
    """Takes the tensors of `gameagent_sdk.authoring.step_inputs` in their order, gives those of ``step_outputs``.

    Each row has weights of its own; those that do not adapt are in the graph.
    """

    def __init__(self, policy: GradientPolicy) -> None:
        super().__init__()
        self.policy = policy
        self.adapting = tuple(policy.step_sizes)

    def forward(self, observation: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """One step of N rows.

        Args:
            observation: ``(N, D)``.
            *rest: ``legal_actions`` if the game has a mask, ``previous_action``, ``previous_reward``,
                ``episode_start``, of which these policies need none; then the weights that adapt, ``(N, …)`` each.

        Returns:
            ``logits``, or ``mean`` and ``log_std``, ``(N, A)`` each.
        """
        policy, legal = self.policy, rest[0] if self.policy.spec.has_mask else None
        weights = policy.initialisation | dict(zip(self.adapting, rest[-len(self.adapting) :], strict=True))
        features = policy.network.encoded(observation)
        for layer in range(len(policy.network.hidden_sizes)):
            features = torch.tanh(_affine(weights[f"body_{layer}_weight"], weights[f"body_{layer}_bias"], features))
        raw = _affine(weights["head_weight"], weights["head_bias"], features)
        return policy.action_params(raw, weights.get("head_log_std"), legal)


def _affine(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """A linear layer whose weights are the same for all rows, or ``(N, …)``."""
    if weight.dim() == 2:
        return nn.functional.linear(x, weight, bias)
    return torch.matmul(weight, x.unsqueeze(-1)).squeeze(-1) + bias


class PolicyGradientSteps:
    """The inner steps of a gradient policy; see `gameagent.methods.interface.GradientSteps`."""

    def __init__(self, policy: GradientPolicy, config: TrainConfig, family: Family) -> None:
        """Keeps what the steps depend on."""
        self._policy, self._config, self._family = policy, config, family
        self._advantages = policy.advantages(config)

    def spec(self, calibration: Calibration) -> GradientSpec:
        """A step after every batch of episodes, on advantages."""
        return GradientSpec(
            weights=tuple(TensorSpec(name, tuple(weight.shape)) for name, weight in self.initial_weights().items()),
            episodes_per_step=GradientConfig.of(self._config).num_rollouts,
            max_kl=calibration["max_kl"],
            rollback_margin=calibration["rollback_margin"],
            learns_from="advantages",
            advantages=self._advantages,
        )

    def initial_weights(self) -> dict[str, Tensor]:
        """The learnt initialisation of what adapts."""
        return {name: self._policy.weights[name] for name in self._policy.step_sizes}

    def trace(self, manifest: Manifest) -> bytes:
        """One inner step."""
        policy, max_steps = self._policy, self._family.max_steps
        names = tuple(policy.step_sizes)
        fixed = {name: weight.detach() for name, weight in policy.initialisation.items() if name not in names}
        step_sizes = {name: size.detach() for name, size in policy.step_sizes.items()}
        data_names = [port.name for port in adaptation_inputs(manifest)][len(names) :]

        def step(*tensors: Tensor) -> tuple[Tensor, ...]:
            weights, given = tensors[: len(names)], dict(zip(data_names, tensors[len(names) :], strict=True))
            legal = given.get("legal_actions")

            def loss(params: Parameters, data: Tensor) -> Tensor:
                log_probs = _log_probs(policy.network, params, data, given["actions"], legal)
                return -(log_probs @ given["advantages"][:, 0]) / (given["episode_end"][:, 0].sum() * max_steps)

            start = fixed | {name: weight[0] for name, weight in zip(names, weights, strict=True)}
            norm = SCALED_NORM * given["step_scale"][0] if "step_scale" in given else None
            adapted = adapt(start, loss, given["observations"], step_sizes, max_norm=MAX_INNER_NORM, norm=norm)
            return tuple(adapted[name].unsqueeze(0) for name in names)

        return trace_gradient_steps(step, adaptation_inputs(manifest), adaptation_outputs(manifest))

    @torch.no_grad()
    def largest_difference(self, bundle: Bundle, rollout: Rollout, engine: BackendName) -> float:
        """Takes one step on episodes of each of `NUM_ADAPTATIONS` tasks, always from the learnt initialisation."""
        policy, config, family = self._policy, self._config, self._family
        few = EpisodeSampler(family, policy.network, NUM_ADAPTATIONS, PARITY_ROLLOUTS)
        draw = numpy_generator(config.seed, "parity")
        variants = family.space.sample(few.num_tasks, draw, config.split)
        few.set_tasks(variants, draw, torch_generator(config.seed, "parity"))
        start = for_tasks(policy.initialisation, few.num_tasks)
        played = few.collect(start)
        support = with_advantages(played, self._advantages)
        expected = inner_step(policy.network, start, support, policy.step_sizes, self._advantages)
        backend, worst = load_adaptation(bundle, engine), 0.0
        for task in range(few.num_tasks):
            given = {name: weight.detach().numpy()[None].copy() for name, weight in self.initial_weights().items()}
            outputs = {f"next_{name}": np.zeros_like(array) for name, array in given.items()}
            backend.bind({**given, **self._kept(bundle.manifest, played, task)}, outputs)()
            for name in given:
                wanted = expected[name][task].numpy()
                difference = np.abs(outputs[f"next_{name}"][0] - wanted).max() / max(1.0, np.abs(wanted).max())
                worst = max(worst, float(difference))
        return worst

    def _kept(self, manifest: Manifest, played: Trajectories, task: int) -> dict[str, NDArray[Any]]:
        """A task's episodes as the runtime keeps them, in the tensors that it gives to the graph."""
        kept, spec = ExperienceBuffer(manifest), self._policy.spec
        for episode in range(PARITY_ROLLOUTS):
            length = int(played.valid[task, :, episode].sum())
            for t in range(length):
                parts = [played.observations[task, t, episode].numpy()]
                if spec.has_mask:
                    parts.append(played.legal_actions[task, t, episode].numpy())
                action = played.actions[task, t, episode]
                if spec.box is None:
                    action = nn.functional.one_hot(action, spec.num_actions)
                reward = float(played.rewards[task, t, episode])
                kept.add(*parts, action.numpy(), reward, ended=t == length - 1)
        return kept.tensors()


def _log_probs(
    network: FeedforwardPolicy, params: Parameters, observations: Tensor, actions: Tensor, legal: Tensor | None
) -> Tensor:
    """As `FeedforwardPolicy.log_probs`, of actions as the runtime keeps them, in operators that it has.

    Sums are written as products: the gradient of a sum would ask for the number of steps, which the graph leaves open.
    """
    outputs = network.outputs(params, observations)
    ones = outputs.new_ones(network.action_size)
    if network.actions == "gaussian":
        log_std = network.bounded_log_std(params["head_log_std"])
        deviation = (actions - outputs) * torch.exp(-log_std)
        return -0.5 * ((deviation * deviation) @ ones) - (log_std + LOG_SQRT_TWO_PI).sum()
    if legal is not None:
        allowed = legal.to(outputs.dtype)
        outputs = outputs * allowed + (allowed - 1.0) * -ILLEGAL_LOGIT
    logits = outputs - outputs.detach().amax(-1, keepdim=True)
    return (logits * actions) @ ones - torch.log(torch.exp(logits) @ ones)


@torch.no_grad()
def calibrate(policy: GradientPolicy, config: TrainConfig, family: Family) -> Calibration:
    """Measures trust region and rollback margin on training tasks.

    The margin is the fall of mean returns that is exceeded in one of a hundred comparisons of episodes with others of
    the very same weights, after each number of steps that training took: bad luck alone, whatever harm steps may do.
    """
    largest = 0.0
    falls: list[Tensor] = []
    for before, after, support, returns, again in _played(policy, config, family, NUM_TASKS):
        largest = max(largest, *(_moved(policy, before, after, support, task) for task in range(NUM_TASKS)))
        falls += [_worst_fall(returns, again), _worst_fall(again, returns)]
    return {"max_kl": max(ROOM * largest, SMALLEST_MARGIN), "rollback_margin": margin_of(torch.cat(falls))}


class _Step(NamedTuple):
    """An inner step of N tasks: weights before and after it, what it learnt from, and those episodes' returns."""

    before: Parameters
    after: Parameters
    support: Experience
    returns: Tensor  # (N, B)
    again: Tensor  # (N, B), of as many more episodes of the same weights


def _worst_fall(before: Tensor, after: Tensor) -> Tensor:
    """How far mean returns fell at the runtime's worst look, in units of the margin at its first: ``(N,)``.

    Args:
        before: Returns that are compared with, ``(N, B)``.
        after: Those that are judged, in order, ``(N, B)``.
    """
    per_step = before.shape[1]
    looks = [
        (before.mean(1) - after[:, :count].mean(1)) / margin_at(1.0, per_step, per_step, count)
        for count in {first_look(per_step), per_step}
    ]
    return torch.stack(looks).amax(0)


@torch.no_grad()
def _played(policy: GradientPolicy, config: TrainConfig, family: Family, num_tasks: int) -> Iterator[_Step]:
    """The inner steps of training variants, in turn, and one more."""
    own = GradientConfig.of(config)
    sampler = EpisodeSampler(family, policy.network, num_tasks, own.num_rollouts)
    draw = numpy_generator(config.seed, "gradient steps")
    variants = family.space.sample(num_tasks, draw, config.split)
    sampler.set_tasks(variants, draw, torch_generator(config.seed, "gradient steps"))
    spec, params = policy.advantages(config), for_tasks(policy.initialisation, num_tasks)
    first_returns = None
    for _ in range(own.inner_steps + 1):
        played, again = sampler.collect(params), sampler.collect(params)
        support = with_advantages(played, spec, first_returns=first_returns)
        first_returns = played.mean_returns() if first_returns is None else first_returns
        before, params = params, inner_step(policy.network, params, support, policy.step_sizes, spec)
        yield _Step(before, params, support, *((some.rewards * some.valid).sum(1) for some in (played, again)))


def _moved(policy: GradientPolicy, before: Parameters, after: Parameters, support: Experience, task: int) -> float:
    """How far a step moved the actions in states spread over what it learnt from, as the runtime measures it."""
    valid = support.valid[task].T
    places = spread(int(valid.sum()))
    seen = support.observations[task].transpose(0, 1)[valid][places]
    legal = support.legal_actions[task].transpose(0, 1)[valid][places]
    drawn_by = []
    for weights in (before, after):
        own = {name: weight[task] for name, weight in weights.items()}
        raw = policy.network.outputs(own, seen)
        params = policy.action_params(raw, own.get("head_log_std"), legal if policy.spec.has_mask else None)
        drawn_by.append(tuple(_as_array(part) for part in (*params[:1], *(part.exp() for part in params[1:]))))
    if len(drawn_by[0]) == 1:
        drawn_by = [(np.exp(log_probs),) for (log_probs,) in drawn_by]
    return divergence(*drawn_by)


def _as_array(tensor: Tensor) -> NDArray[np.float64]:
    array: NDArray[np.float64] = tensor.double().numpy()
    return array
