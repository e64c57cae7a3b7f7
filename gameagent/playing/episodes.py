"""Episodes for learners by gradient: B episodes of each of N tasks, all side by side."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gameagent.inner_loop import Parameters
from gameagent.nets.feedforward import FeedforwardPolicy
from gameagent.playing.finite_games import reset_games, step_games
from gameagent.playing.trajectories import Trajectories
from gameagent.workers import Share
from gameagent_games.failures import Failure
from gameagent_games.interface import Family
from gameagent_games.loop import play_trials
from gameagent_games.players import Outcome, Sight


class EpisodeSampler:
    """Plays the episodes of N tasks: a `meta_batch.Sampler` on a family's simulator.

    Attributes:
        num_tasks: N.
        num_rollouts: B, episodes of each task at a time.
        num_steps: Decisions taken since the tasks were set.
        seconds: Wall time that these took.
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
        self._simulator = family.make_games(num_tasks * num_rollouts, num_episodes=1)

    def take_failures(self) -> Sequence[Failure]:
        """What failed in the games since the last call."""
        return self._simulator.take_failures()

    def close(self) -> None:
        """Closes the games."""
        self._simulator.close()

    def set_tasks(self, variants: NDArray[Any], draw: np.random.Generator, generator: torch.Generator) -> None:
        """Says what is played from now on.

        Both sources are drawn from for all games of the run, and this sampler uses its share of what is drawn. Each
        `collect` draws equally much. So what is played does not depend on which process plays it.

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
        """Plays new episodes of every task, see `meta_batch.Sampler`; T is the family's time limit.

        They are a trial's next episodes, as a game would play them one after another: what drifts within a trial
        drifts from each to the next, and through all calls since the tasks were set.

        Actions in a box are scaled from -1 to 1 over the box, and not clipped.

        Raises:
            GameValueError: A game gives a number that is not finite, or too large.
        """
        started = perf_counter()
        episodes = np.tile(self._episode + np.arange(self.num_rollouts), self.num_tasks)
        reset_games(self._simulator, self._variants, self._seeds, episodes)
        self._episode += self.num_rollouts
        # A generator of its own for each call: how many steps are drawn for depends on the games of this process.
        generator = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=self._generator)))
        player = TaskPlayer(
            self._family, self._policy, params_by_task, self.num_tasks, self._games, generator
        )  # fmt: skip
        play_trials(self._simulator, player, step_games)
        played = player.trajectories(self._simulator.failed)
        self.num_steps += int(played.valid.sum())
        self.seconds += perf_counter() - started
        return played


class TaskPlayer:
    """A policy with parameters of each task's own: it plays B rows of each of N tasks for one episode."""

    def __init__(
        self, family: Family, policy: FeedforwardPolicy, params_by_task: Parameters, num_tasks: int,
        games: Share, generator: torch.Generator,
    ) -> None:  # fmt: skip
        """Makes a player.

        Args:
            family: A game of one seat.
            policy: The policy.
            params_by_task: ``(N, …)`` each.
            num_tasks: N.
            games: Which of the run's games these are.
            generator: For the choice of actions; drawn from at every step for all games of the run.
        """
        self._family, self._policy, self._params_by_task = family, policy, params_by_task
        self._num_tasks, self._games, self._generator = num_tasks, games, generator
        self._steps: list[tuple[Tensor, ...]] = []
        self._rewards: list[Tensor] = []
        if family.box is not None:
            low, high = np.array(family.box.low), np.array(family.box.high)
            self._middle, self._half = (low + high) / 2, (high - low) / 2

    def begin(self, num_rows: int) -> None:
        """Has nothing to forget: a player is made for each episode."""

    def act(self, sight: Sight) -> NDArray[Any]:
        """Draws an action from each task's own policy, and records it."""
        playing, observations = self._by_task(sight.deciding), self._by_task(sight.observations)
        mask = np.zeros((len(sight.deciding), 0), np.bool_) if sight.legal_actions is None else sight.legal_actions
        legal_actions = self._by_task(mask)
        noise = self._games.of(self._policy.noise(self._games.total, self._generator)).reshape(*playing.shape, -1)
        actions, log_probs = self._policy.sample(self._params_by_task, observations, legal_actions, noise)
        self._steps.append((observations, actions, log_probs, playing, legal_actions))
        return self._for_games(actions)

    def observe(self, outcome: Outcome) -> None:
        """Records rewards, of which there are none for episodes that ended before."""
        self._rewards.append(self._by_task(np.where(outcome.reported, outcome.rewards, 0.0).astype(np.float32)))

    def trajectories(self, failed: NDArray[np.bool_]) -> Trajectories:
        """The episodes, padded to the family's time limit; those that failed, ``(N * B,)``, without a step."""
        by_step = [torch.stack(parts, 1) for parts in zip(*self._steps, strict=True)]
        observations, actions, log_probs, playing, legal_actions = (
            _padded(part, self._family.max_steps) for part in by_step
        )
        rewards = _padded(torch.stack(self._rewards, 1), self._family.max_steps)
        playing = playing & ~self._by_task(failed).unsqueeze(1)
        return Trajectories(observations, actions, log_probs, rewards, playing, legal_actions)

    def _by_task(self, array: NDArray[Any]) -> Tensor:
        """A copy as a tensor ``(N, B, …)`` of what is ``(N * B, …)``."""
        return torch.from_numpy(array.reshape(self._num_tasks, len(array) // self._num_tasks, *array.shape[1:]).copy())

    def _for_games(self, actions: Tensor) -> NDArray[Any]:
        """Actions as the games take them, ``(N * B, …)``, in a box's own units."""
        flat = actions.flatten(0, 1).numpy()
        return np.asarray(flat if self._family.box is None else self._middle + self._half * flat.astype(np.float64))


def _padded(tensor: Tensor, num_steps: int) -> Tensor:
    """``(N, T, …)`` from ``(N, fewer, …)``: zeros after the end."""
    missing = tensor.new_zeros(len(tensor), num_steps - tensor.shape[1], *tensor.shape[2:])
    return torch.cat((tensor, missing), 1)
