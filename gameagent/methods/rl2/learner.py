"""Training by memory: plays whole trials and takes passes of clipped policy gradient over them."""

from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gameagent.config import TrainConfig
from gameagent.methods.interface import Update
from gameagent.methods.learning import over_processes, report_trials, training_device
from gameagent.methods.rl2 import update as rl2
from gameagent.methods.rl2.config import Rl2Config
from gameagent.methods.rl2.muon import Muon
from gameagent.nets.interface import PolicyNetwork
from gameagent.nets.network import AgentNetwork
from gameagent.playing.buffer import Rollout, join_rollouts
from gameagent.playing.rollout import Trials
from gameagent.seeding import game_seeds, numpy_generator, torch_generator
from gameagent.workers import Workers
from gameagent_games.interface import Family
from gameagent_games.variants.curriculum import make_source

MOST_ROLLOUTS = 32  # of an update
LONG_EVERY = 8  # updates: the last of them plays trials in a row


class MemoryLearner:
    """Meta-LSTM: plays whole trials and takes passes of clipped policy gradient over them."""

    policy: PolicyNetwork
    _network: AgentNetwork

    def __init__(self, config: TrainConfig, family: Family, workers: Workers) -> None:
        """See `Method.make_learner`."""
        self._config, self._family, self._workers = config, family, workers
        self._own = Rl2Config.of(config)
        self.policy = self._network = config.method.make_policy(config, family).to(training_device(config))
        learnt = self._network.matrices_and_others()
        self.optimizer: torch.optim.Optimizer = Muon(*learnt, config.learning_rate)
        self.source = make_source(config.curriculum, family.space, config.split, self._own.num_games)
        self._num_episodes = config.episodes_of_trial(family)
        self._usual = self._make_trials(1)
        self._long = self._make_trials(self._own.trials_in_a_row) if self._own.goes_on else None

    def update(self, number: int, done: float) -> Update:
        """Rollouts and the passes over them; see `Learner.update`."""
        config, started, steps_for_units = self._config, perf_counter(), 0
        schedule = rl2.Schedule.at(config, done)
        if not self._network.scales.known:
            steps_for_units = self._learn_units(schedule)
        long = self._long if (number + 1) % LONG_EVERY == 0 else None
        rollout = self._play(long or self._usual, number, schedule)
        played = perf_counter()
        shuffle = numpy_generator(config.seed, "minibatches", number)
        metrics = rl2.update(self._network, self.optimizer, rollout, config, schedule, self._workers, shuffle)
        seconds = {"play_seconds": played - started, "update_seconds": perf_counter() - played}
        informed = rollout.informed_games(self._family.num_seats)
        first = rollout.returns[:, : self._num_episodes].mean(axis=2)
        done_here = rollout.num_steps + steps_for_units, first, informed
        failures = [failure for trials in self._all_trials for failure in trials.take_failures()]
        metrics |= {**seconds, **schedule._asdict()}
        return Update(*over_processes(self._workers, *done_here), metrics, failures)

    def close(self) -> None:
        """See `Learner.close`."""
        for trials in self._all_trials:
            trials.close()

    @property
    def _all_trials(self) -> list[Trials]:
        return [self._usual] if self._long is None else [self._usual, self._long]

    def _make_trials(self, in_a_row: int) -> Trials:
        """Games for trials in a row: fewer, the longer they are, but one for each process at least."""
        share = self._workers.share(max(self._own.num_games // in_a_row, self._workers.size))
        return Trials(self._family, self._num_episodes, share, in_a_row)

    def _play(self, trials: Trials, number: int, schedule: rl2.Schedule) -> Rollout:
        """Plays trials, all games side by side, until there are as many decisions as an update takes."""
        rollouts: list[Rollout] = []
        draw, num_steps = numpy_generator(self._config.seed, "trials", number), 0
        while not rollouts or (num_steps < self._own.update_steps and len(rollouts) < MOST_ROLLOUTS):
            variants = self.source.draw(trials.share.total, draw)
            rollout = self._rollout(trials, variants, draw, schedule, number, len(rollouts))
            returns = rollout.returns[:, : self._num_episodes].sum(axis=1)
            report_trials(self.source, variants, returns, self._workers, trials.share)
            rollouts.append(rollout)
            num_steps += int(self._workers.sum(torch.tensor(rollout.num_steps)))
        return join_rollouts(rollouts)

    def _rollout(
        self, trials: Trials, variants: NDArray[Any], draw: np.random.Generator, schedule: rl2.Schedule, number: int,
        turn: int,
    ) -> Rollout:  # fmt: skip
        """What `Trials.play` plays in every game of this process: of ``variants`` ``(num_games,)`` its share."""
        seed, num_games, own = self._config.seed, trials.share.total, trials.share.of
        informed = draw.random(num_games) < schedule.informed_share
        seeds, actions = game_seeds(seed, "games", num_games, number, turn), ("actions", number, turn)
        return trials.play(
            self._network, own(variants), own(seeds), own(informed), torch_generator(seed, *actions)
        )  # fmt: skip

    def _learn_units(self, schedule: rl2.Schedule) -> int:
        """Plays trials for their units alone, and gives their number of steps: all that is learnt from is scaled."""
        self._network.scales.hide()
        draw = numpy_generator(self._config.seed, "units")
        variants = self._family.space.sample(self._own.num_games, draw, self._config.split)
        rollout = self._rollout(self._usual, variants, draw, schedule, 0, MOST_ROLLOUTS)
        self._network.update_scales(rollout.inputs, rollout.rewards, rollout.valid, self._workers)
        return rollout.num_steps
