"""Training by memory: plays whole trials and takes passes of clipped policy gradient over them."""

from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gameagent.config import TrainConfig
from gameagent.methods.interface import Update
from gameagent.methods.learning import adam, over_processes, report_trials, training_device
from gameagent.methods.rl2 import update as rl2
from gameagent.methods.rl2.config import Rl2Config
from gameagent.nets.interface import PolicyNetwork
from gameagent.nets.network import AgentNetwork
from gameagent.playing.buffer import Rollout, join_rollouts
from gameagent.playing.rollout import Trials
from gameagent.seeding import game_seeds, numpy_generator, torch_generator
from gameagent.workers import Workers
from gameagent_games.interface import Family
from gameagent_games.variants.curriculum import make_source

MOST_ROLLOUTS = 32  # of an update


class MemoryLearner:
    """Meta-LSTM: plays whole trials and takes passes of clipped policy gradient over them."""

    policy: PolicyNetwork
    _network: AgentNetwork

    def __init__(self, config: TrainConfig, family: Family, workers: Workers) -> None:
        """See `Method.make_learner`."""
        self._config, self._family, self._workers = config, family, workers
        self._own = Rl2Config.of(config)
        self.policy = self._network = config.method.make_policy(config, family).to(training_device(config))
        self.optimizer = adam(self._network, config)
        self.source = make_source(config.curriculum, family.space, config.split, self._own.num_games)
        self._share = workers.share(self._own.num_games)
        self._trials = Trials(family, self._share.size, config.episodes_of_trial(family), self._share)

    def update(self, number: int, done: float) -> Update:
        """Rollouts and the passes over them; see `Learner.update`."""
        config, started, steps_for_units = self._config, perf_counter(), 0
        schedule = rl2.Schedule.at(config, done)
        if not self._network.scales.known:
            steps_for_units = self._learn_units(schedule)
        rollout = self._play(number, schedule)
        played = perf_counter()
        shuffle = numpy_generator(config.seed, "minibatches", number)
        metrics = rl2.update(self._network, self.optimizer, rollout, config, schedule, self._workers, shuffle)
        seconds = {"play_seconds": played - started, "update_seconds": perf_counter() - played}
        informed = rollout.informed_games(self._family.num_seats)
        done_here = rollout.num_steps + steps_for_units, rollout.returns.mean(axis=2), informed
        return Update(*over_processes(self._workers, *done_here), {**metrics, **seconds, **schedule._asdict()})

    def _play(self, number: int, schedule: rl2.Schedule) -> Rollout:
        """Plays trials, all games side by side, until there are as many decisions as an update takes."""
        rollouts: list[Rollout] = []
        draw, num_steps = numpy_generator(self._config.seed, "trials", number), 0
        while not rollouts or (num_steps < self._own.update_steps and len(rollouts) < MOST_ROLLOUTS):
            variants = self.source.draw(self._own.num_games, draw)
            rollout = self._rollout(variants, draw, schedule, number, len(rollouts))
            report_trials(self.source, variants, rollout.returns.sum(axis=1), self._workers, self._share)
            rollouts.append(rollout)
            num_steps += int(self._workers.sum(torch.tensor(rollout.num_steps)))
        return join_rollouts(rollouts)

    def _rollout(
        self, variants: NDArray[Any], draw: np.random.Generator, schedule: rl2.Schedule, number: int, turn: int
    ) -> Rollout:
        """One trial in every game of this process: of ``variants`` ``(num_games,)`` its share."""
        seed, num_games, own = self._config.seed, self._own.num_games, self._share.of
        informed = draw.random(num_games) < schedule.informed_share
        seeds, actions = game_seeds(seed, "games", num_games, number, turn), ("actions", number, turn)
        return self._trials.play(
            self._network, own(variants), own(seeds), own(informed), torch_generator(seed, *actions)
        )  # fmt: skip

    def _learn_units(self, schedule: rl2.Schedule) -> int:
        """Plays trials for their units alone, and gives their number of steps: all that is learnt from is scaled."""
        self._network.scales.hide()
        draw = numpy_generator(self._config.seed, "units")
        variants = self._family.space.sample(self._own.num_games, draw, self._config.split)
        rollout = self._rollout(variants, draw, schedule, 0, MOST_ROLLOUTS)
        valid = rollout.valid
        self._network.scales.update(rollout.inputs.observation[valid], rollout.rewards[valid], self._workers)
        return rollout.num_steps
