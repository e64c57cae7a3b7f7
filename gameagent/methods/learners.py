"""What trains a run's policy, one update at a time: by memory (`algorithms/rl2.py`) or by gradient (`maml`, `reptile`).

Nothing random is carried from update to update: a learner draws from the run's seed and the update's number, for all
games of the run, of which its process plays a share. What is carried is in the policy and in the optimizer.
"""

from time import perf_counter
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gameagent.config import TrainConfig
from gameagent.inner_loop import for_tasks
from gameagent.methods.gradient import maml, reptile
from gameagent.methods.making import TrainedPolicy, make_gradient_policy, make_network
from gameagent.methods.rl2 import update as rl2
from gameagent.playing.episodes import EpisodeSampler
from gameagent.playing.rollout import Trials
from gameagent.seeding import game_seeds, numpy_generator, torch_generator
from gameagent.workers import Workers
from gameagent_games.interface import Family
from gameagent_sdk.authoring import AdvantageSpec

NUM_FIRST_TASKS = 64  # whose episodes, under the fresh policy, say how large observations and returns are
USUAL_RATE = 0.1  # of an update, in the moving averages of what returns are before gradient steps and at best


class Update(NamedTuple):
    """What one update did, over all processes.

    Attributes:
        num_steps: Decisions taken.
        returns: Mean return by episode index over the trials that were not informed, empty if all were; of learners by
            gradient, by number of gradient steps taken.
        informed_returns: The same over the informed trials; empty if there were none.
        metrics: Losses and diagnostics; seconds are this process's. For the log.
    """

    num_steps: int
    returns: tuple[float, ...]
    informed_returns: tuple[float, ...]
    metrics: dict[str, float]


class Learner(Protocol):
    """Plays and learns.

    Attributes:
        policy: What is learnt.
        optimizer: Of all of its parameters.
    """

    policy: TrainedPolicy
    optimizer: torch.optim.Optimizer

    def update(self, number: int, done: float) -> Update:
        """Takes one update of the outer loop.

        Args:
            number: Updates before it.
            done: Share of the budget that is spent, 0 to 1.
        """


def make_learner(config: TrainConfig, family: Family, workers: Workers) -> Learner:
    """The learner that a config asks for, with a fresh policy.

    Args:
        config: The run's config.
        family: Its family, with all rules shown if ``config.reveal``.
        workers: This process among the run's processes.
    """
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        return (MemoryLearner if config.algorithm == "rl2" else GradientLearner)(config, family, workers)


class MemoryLearner:
    """Meta-LSTM: plays whole trials and takes passes of clipped policy gradient over them."""

    policy: TrainedPolicy

    def __init__(self, config: TrainConfig, family: Family, workers: Workers) -> None:
        self._config, self._family, self._workers = config, family, workers
        self.policy = self._network = make_network(config, family)
        self.optimizer = _adam(self._network, config)
        belief_size = self._network.belief_head.size if self._network.belief_head else 0
        self._share = workers.share(config.num_games)
        self._trials = Trials(
            family, self._share.size, config.episodes_of_trial(family), belief_size, self._share
        )  # fmt: skip

    def update(self, number: int, done: float) -> Update:
        """One rollout and the passes over it; see `Learner.update`."""
        config, started = self._config, perf_counter()
        schedule = rl2.Schedule.at(config, done)
        draw = numpy_generator(config.seed, "trials", number)
        variants = self._family.space.sample(config.num_games, draw, config.split)
        told = draw.random(config.num_games) < schedule.informed_share
        seeds = game_seeds(config.seed, "games", config.num_games, number)
        chance, own = torch_generator(config.seed, "actions", number), self._share.of
        rollout = self._trials.play(self._network, own(variants), own(seeds), own(told), chance)
        played = perf_counter()
        shuffle = numpy_generator(config.seed, "minibatches", number)
        metrics = rl2.update(self._network, self.optimizer, rollout, config, schedule, self._workers, shuffle)
        seconds = {"play_seconds": played - started, "update_seconds": perf_counter() - played}
        done_here = rollout.num_steps, rollout.trial_returns, own(told)
        return Update(*_over_processes(self._workers, *done_here), {**metrics, **seconds, **schedule._asdict()})


class GradientLearner:
    """MAML or Reptile: plays a meta-batch of tasks, adapts to each by gradient steps, and moves where they start.

    MAML's return counts before and after every inner step: a game shows all of them. Were it that of the last alone,
    steps before it would be left to overshoot, and the initialisation to wander off.
    """

    policy: TrainedPolicy

    def __init__(self, config: TrainConfig, family: Family, workers: Workers) -> None:
        self._config, self._family, self._workers = config, family, workers
        self.policy = self._policy = make_gradient_policy(config, family)
        self._look(family)
        for size in self._policy.step_sizes.values():
            size.requires_grad_(config.learn_step_sizes and config.algorithm == "maml")
        self.optimizer = _adam(self._policy, config)
        self._share = workers.share(config.meta_batch_size)
        self._sampler = EpisodeSampler(
            family, self._policy.network, self._share.size, config.num_rollouts, self._share
        )  # fmt: skip

    def _look(self, family: Family) -> None:
        """Plays some episodes to see how large observations and returns are: the same in every process, not counted."""
        sampler = EpisodeSampler(family, self._policy.network, NUM_FIRST_TASKS, num_rollouts=1)
        draw = numpy_generator(self._config.seed, "first episodes")
        variants = family.space.sample(NUM_FIRST_TASKS, draw, self._config.split)
        sampler.set_tasks(variants, draw, torch_generator(self._config.seed, "first episodes"))
        played = sampler.collect(for_tasks(self._policy.initialisation, NUM_FIRST_TASKS))
        self._policy.whiten(played.observations[played.valid])
        returns = played.mean_returns().double()
        best, usual = returns.max(), returns.mean()
        spread = torch.diag(torch.stack((returns.var(correction=0), torch.zeros_like(best))))
        self._policy.remember(torch.stack((usual, best)), spread, 1.0)

    def update(self, number: int, done: float) -> Update:
        """One meta-batch; see `Learner.update`."""
        config, sampler, started = self._config, self._sampler, perf_counter()
        draw = numpy_generator(config.seed, "tasks", number)
        variants = self._family.space.sample(config.meta_batch_size, draw, config.split)
        sampler.set_tasks(self._share.of(variants), draw, torch_generator(config.seed, "actions", number))
        learning_rate = rl2.Schedule.at(config, done).learning_rate
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        learnt = self._policy.initialisation, self._policy.step_sizes, self.optimizer, sampler
        network, advantages = self._policy.network, self._policy.advantages(config)
        if config.algorithm == "maml":
            metrics, returns = maml.update(network, *learnt, _maml_settings(config, advantages), self._workers)
        else:
            metrics, returns = reptile.update(network, *learnt, _reptile_settings(config, advantages), self._workers)
        self._remember(returns.double())
        seconds = {"play_seconds": sampler.seconds, "update_seconds": perf_counter() - started - sampler.seconds}
        done_here = sampler.num_steps, returns.double().numpy().T, np.zeros(returns.shape[1], np.bool_)
        return Update(
            *_over_processes(self._workers, *done_here), {**metrics, **seconds, "learning_rate": learning_rate}
        )

    def _remember(self, returns: Tensor) -> None:
        """Takes in what tasks returned after 0, 1, … steps, ``(steps, N)``: see `GradientPolicy.remember`."""
        compared = torch.stack((returns[0], returns.amax(0)))
        count = self._workers.sum(torch.tensor(float(compared.shape[1])).double())
        means = self._workers.sum(compared.sum(1)) / count
        apart = compared - means.unsqueeze(1)
        self._policy.remember(means, self._workers.sum(apart @ apart.mT) / count, USUAL_RATE)


def _over_processes(
    workers: Workers, num_steps: int, returns: NDArray[np.float64], informed: NDArray[np.bool_]
) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """Steps of all processes, and mean returns of their trials that were not informed, and of those that were.

    Args:
        workers: This process among the others.
        num_steps: Its steps.
        returns: Of its trials, by episode index or number of gradient steps, ``(trials, K)``.
        informed: Which of them were, ``(trials,)``.
    """
    groups = [returns[~informed], returns[informed]]
    counted = [np.array([float(num_steps)]), *(np.append(len(group), group.sum(axis=0)) for group in groups)]
    steps, *sums = workers.sum(torch.from_numpy(np.concatenate(counted))).tolist()
    half = len(sums) // 2
    others, told = (tuple(value / num for value in rest) if num else () for num, *rest in (sums[:half], sums[half:]))
    return int(steps), others, told


def _adam(policy: TrainedPolicy, config: TrainConfig) -> torch.optim.Optimizer:
    learnt = [param for param in policy.parameters() if param.requires_grad]
    return torch.optim.Adam(learnt, config.learning_rate, eps=1e-5, fused=True)


def _maml_settings(config: TrainConfig, advantages: AdvantageSpec) -> maml.MamlSettings:
    return maml.MamlSettings(
        inner_steps=config.inner_steps,
        first_order=config.first_order,
        advantages=advantages,
        every_step=True,
        num_epochs=config.num_epochs,
        clip_ratio=config.clip_ratio,
        max_gradient_norm=config.max_gradient_norm,
    )


def _reptile_settings(config: TrainConfig, advantages: AdvantageSpec) -> reptile.ReptileSettings:
    return reptile.ReptileSettings(
        inner_steps=config.inner_steps,
        advantages=advantages,
        max_gradient_norm=config.max_gradient_norm,
    )
