"""Episodes for the gradient-based learners: N tasks, B episodes of each, all side by side."""

from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gameagent.inner_loop import Parameters
from gameagent.methods.gradient.meta_batch import Trajectories
from gameagent.nets.feedforward import FeedforwardPolicy
from gameagent.playing.finite_games import reset_games, step_games
from gameagent.workers import Share
from gameagent_games.interface import Family


class EpisodeSampler:
    """Plays the episodes of N tasks: a `meta_batch.Sampler` on a family's games.

    Attributes:
        num_tasks: N.
        num_rollouts: B, episodes of each task at a time.
        num_steps: Decisions taken since the tasks were set.
        seconds: Time that these took.
    """

    def __init__(
        self, family: Family, policy: FeedforwardPolicy, num_tasks: int, num_rollouts: int, share: Share | None = None
    ) -> None:
        """Allocates the games.

        Args:
            family: A game of one seat.
            policy: Plays all of them, for each task with the task's own parameters.
            num_tasks: N.
            num_rollouts: B, episodes of each task at a time.
            share: Which of the run's tasks these are; default: all.
        """
        self._games = (share or Share.whole(num_tasks)).times(num_rollouts)
        self.num_tasks, self.num_rollouts = num_tasks, num_rollouts
        self._family, self._policy = family, policy
        self._mask_size = family.num_actions if family.has_mask else 0
        self._simulator = family.make_games(num_tasks * num_rollouts, num_episodes=1)
        if family.box is not None:
            low, high = np.array(family.box.low), np.array(family.box.high)
            self._middle, self._half = (low + high) / 2, (high - low) / 2

    def set_tasks(self, variants: NDArray[Any], draw: np.random.Generator, generator: torch.Generator) -> None:
        """Says what is played from now on.

        Both sources are drawn from for all games of the run, of whose numbers this sampler uses its share, and by the
        same amount at each `collect`: what is played does not depend on which process plays it.

        Args:
            variants: Records of the tasks, ``(N,)``.
            draw: Source of the games' seeds.
            generator: Source of the choice of actions.
        """
        seeds = self._games.of(draw.integers(0, 2**62, self._games.total, dtype=np.int64))
        self._variants = np.repeat(variants, self.num_rollouts)
        self._seeds = np.repeat(seeds[:: self.num_rollouts], self.num_rollouts)
        self._generator, self._episode = generator, 0
        self.num_steps, self.seconds = 0, 0.0

    def collect(self, params_by_task: Parameters) -> Trajectories:
        """Plays fresh episodes of every task, see `meta_batch.Sampler`; T is the family's time limit.

        They are a trial's next episodes, as a game would play them one after another: what drifts within a trial
        drifts from each to the next, and through all calls since the tasks were set.

        Actions in a box are scaled, -1 … 1 over the box, and as they were drawn: not clipped.
        """
        started = perf_counter()
        simulator, games = self._simulator, self._games
        episodes = np.tile(self._episode + np.arange(self.num_rollouts), self.num_tasks)
        reset_games(simulator, self._variants, self._seeds, episodes)
        self._episode += self.num_rollouts
        # A generator of its own for each call: how many steps are drawn for depends on the games of this process.
        generator = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=self._generator)))
        steps: list[tuple[Tensor, ...]] = []
        while not simulator.finished.all():
            playing = self._by_task(~simulator.finished)
            observations = self._by_task(simulator.observations[:, 0])
            legal_actions = self._by_task(simulator.legal_actions[:, 0, : self._mask_size])
            noise = games.of(self._policy.noise(games.total, generator)).reshape(*playing.shape, -1)
            actions, log_probs = self._policy.sample(params_by_task, observations, legal_actions, noise)
            step_games(simulator, self._for_games(actions))
            rewards = self._by_task(simulator.rewards[:, 0].astype(np.float32))
            steps.append((observations, actions, log_probs, rewards, playing, legal_actions))
            self.num_steps += int(playing.sum())
        played = [torch.stack(parts, 1) for parts in zip(*steps, strict=True)]
        self.seconds += perf_counter() - started
        return Trajectories(*(_padded(part, self._family.max_steps) for part in played))

    def _by_task(self, array: NDArray[Any]) -> Tensor:
        """A copy as a tensor ``(N, B, …)`` of what is ``(N * B, …)``."""
        return torch.from_numpy(array.reshape(self.num_tasks, self.num_rollouts, *array.shape[1:]).copy())

    def _for_games(self, actions: Tensor) -> NDArray[Any]:
        """Actions as the simulator takes them, ``(N * B, 1, …)``, in a box's own units."""
        flat = actions.reshape(self._simulator.num_games, 1, *actions.shape[2:]).numpy()
        return flat if self._family.box is None else self._middle + self._half * flat.astype(np.float64)


def _padded(tensor: Tensor, num_steps: int) -> Tensor:
    """``(N, T, …)`` from ``(N, fewer, …)``: zeros behind the end."""
    missing = tensor.new_zeros(len(tensor), num_steps - tensor.shape[1], *tensor.shape[2:])
    return torch.cat((tensor, missing), 1)
