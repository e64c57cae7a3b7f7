"""Training by gradient: what the learners of MAML and Reptile share."""

from abc import ABC, abstractmethod
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from gameagent.config import TrainConfig
from gameagent.inner_loop import for_tasks
from gameagent.methods.gradient.config import GradientConfig
from gameagent.methods.gradient.policy import make_gradient_policy
from gameagent.methods.interface import Update
from gameagent.methods.learning import over_processes, report_trials
from gameagent.nets.interface import PolicyNetwork
from gameagent.playing.episodes import EpisodeSampler
from gameagent.seeding import numpy_generator, torch_generator
from gameagent.workers import Workers
from gameagent_games.interface import Family
from gameagent_games.variants.curriculum import make_source
from gameagent_sdk.authoring import AdvantageSpec

NUM_FIRST_TASKS = 64  # whose episodes, under the fresh policy, say how large observations and returns are
AVERAGING_RATE = 0.1  # of an update, in the moving averages of returns before gradient steps and at best


class GradientLearner(ABC):
    """Plays a meta-batch of tasks, adapts to each by gradient steps, and moves the weights from which they start."""

    policy: PolicyNetwork

    def __init__(self, config: TrainConfig, family: Family, workers: Workers) -> None:
        """See `Method.make_learner`."""
        self._config, self._family, self._workers = config, family, workers
        self._own = GradientConfig.of(config)
        self.policy = self._policy = make_gradient_policy(config, family)
        self._look(family)
        for size in self._policy.step_sizes.values():
            size.requires_grad_(self.learns_step_sizes(config))
        learnt = [param for param in self._policy.parameters() if param.requires_grad]
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(learnt, config.learning_rate, eps=1e-5, fused=True)
        self.source = make_source(config.curriculum, family.space, config.split, self._own.meta_batch_size)
        self._share = workers.share(self._own.meta_batch_size)
        self._sampler = EpisodeSampler(
            family, self._policy.network, self._share.size, self._own.num_rollouts, self._share
        )  # fmt: skip

    @classmethod
    def learns_step_sizes(cls, config: TrainConfig) -> bool:
        """Whether step sizes are learnt with the weights."""
        return False

    @abstractmethod
    def outer_update(self, advantages: AdvantageSpec) -> tuple[dict[str, float], Tensor]:
        """Plays the sampler's tasks and takes the method's outer steps.

        Args:
            advantages: How advantages are computed.

        Returns:
            Metrics, and the mean return of each of this process's tasks after 0, 1, … gradient steps, ``(steps, N)``.
        """

    def _look(self, family: Family) -> None:
        """Plays some episodes to see how large observations and returns are: the same in every process, not counted."""
        sampler = EpisodeSampler(family, self._policy.network, NUM_FIRST_TASKS, num_rollouts=1)
        draw = numpy_generator(self._config.seed, "first episodes")
        variants = family.space.sample(NUM_FIRST_TASKS, draw, self._config.split)
        sampler.set_tasks(variants, draw, torch_generator(self._config.seed, "first episodes"))
        played = sampler.collect(for_tasks(self._policy.initialisation, NUM_FIRST_TASKS))
        self._policy.whiten(played.observations[played.valid])
        sampler.close()
        returns = played.mean_returns().double()
        best, usual = returns.max(), returns.mean()
        spread = torch.diag(torch.stack((returns.var(correction=0), torch.zeros_like(best))))
        self._policy.remember(torch.stack((usual, best)), spread, 1.0)

    def update(self, number: int, done: float) -> Update:
        """One meta-batch; see `Learner.update`."""
        config, sampler, started = self._config, self._sampler, perf_counter()
        draw = numpy_generator(config.seed, "tasks", number)
        variants = self.source.draw(self._own.meta_batch_size, draw)
        sampler.set_tasks(self._share.of(variants), draw, torch_generator(config.seed, "actions", number))
        learning_rate = config.learning_rate_at(done)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        metrics, returns = self.outer_update(self._policy.advantages(config))
        self._remember(returns.double())
        outcomes = returns.double().sum(0).unsqueeze(1).numpy()
        report_trials(self.source, variants, outcomes, self._workers, self._share)
        seconds = {"play_seconds": sampler.seconds, "update_seconds": perf_counter() - started - sampler.seconds}
        done_here = sampler.num_steps, returns.double().numpy().T, np.zeros(returns.shape[1], np.bool_)
        return Update(
            *over_processes(self._workers, *done_here), {**metrics, **seconds, "learning_rate": learning_rate},
            sampler.take_failures(),
        )  # fmt: skip

    def close(self) -> None:
        """See `Learner.close`."""
        self._sampler.close()

    def _remember(self, returns: Tensor) -> None:
        """Takes in what tasks returned after 0, 1, … steps, ``(steps, N)``: see `GradientPolicy.remember`."""
        compared = torch.stack((returns[0], returns.amax(0)))
        count = self._workers.sum(torch.tensor(float(compared.shape[1])).double())
        means = self._workers.sum(compared.sum(1)) / count
        apart = compared - means.unsqueeze(1)
        self._policy.remember(means, self._workers.sum(apart @ apart.mT) / count, AVERAGING_RATE)
