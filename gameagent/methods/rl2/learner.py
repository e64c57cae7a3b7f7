"""Training by memory: plays whole trials and takes passes of clipped policy gradient over them."""

from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent.config import TrainConfig
from gameagent.methods.interface import Update
from gameagent.methods.learning import adam, over_processes, report_trials
from gameagent.methods.rl2 import update as rl2
from gameagent.methods.rl2.config import Rl2Config
from gameagent.nets.interface import PolicyNetwork
from gameagent.nets.network import AgentNetwork
from gameagent.playing.rollout import Trials
from gameagent.seeding import game_seeds, numpy_generator, torch_generator
from gameagent.workers import Workers
from gameagent_games.interface import Family
from gameagent_games.variants.curriculum import make_source


class MemoryLearner:
    """Meta-LSTM: plays whole trials and takes passes of clipped policy gradient over them."""

    policy: PolicyNetwork
    _network: AgentNetwork

    def __init__(self, config: TrainConfig, family: Family, workers: Workers) -> None:
        """See `Method.make_learner`."""
        self._config, self._family, self._workers = config, family, workers
        self._own = Rl2Config.of(config)
        self.policy = self._network = config.method.make_policy(config, family)
        self.optimizer = adam(self._network, config)
        self.source = make_source(config.curriculum, family.space, config.split, self._own.num_games)
        self._share = workers.share(self._own.num_games)
        self._trials = Trials(family, self._share.size, config.episodes_of_trial(family), self._share)

    def update(self, number: int, done: float) -> Update:
        """One rollout and the passes over it; see `Learner.update`."""
        config, num_games, started = self._config, self._own.num_games, perf_counter()
        schedule = rl2.Schedule.at(config, done)
        draw = numpy_generator(config.seed, "trials", number)
        variants = self.source.draw(num_games, draw)
        informed = draw.random(num_games) < schedule.informed_share
        seeds = game_seeds(config.seed, "games", num_games, number)
        own, played_before = self._share.of, 0
        games = own(variants), own(seeds), own(informed)
        if not self._network.scales.known:
            played_before = self._measure_scales(*games)
        rollout = self._trials.play(self._network, *games, torch_generator(config.seed, "actions", number))
        report_trials(self.source, variants, rollout.returns.sum(axis=1), self._workers, self._share)
        played = perf_counter()
        shuffle = numpy_generator(config.seed, "minibatches", number)
        metrics = rl2.update(self._network, self.optimizer, rollout, config, schedule, self._workers, shuffle)
        seconds = {"play_seconds": played - started, "update_seconds": perf_counter() - played}
        done_here = rollout.num_steps + played_before, rollout.returns.mean(axis=2), own(informed)
        return Update(*over_processes(self._workers, *done_here), {**metrics, **seconds, **schedule._asdict()})

    def _measure_scales(self, variants: NDArray[Any], seeds: NDArray[np.int64], informed: NDArray[np.bool_]) -> int:
        """Plays trials for their units alone, and gives their number of steps: all that is learnt from is scaled."""
        actions = torch_generator(self._config.seed, "scales")
        rollout = self._trials.play(self._network, variants, seeds, informed, actions)
        valid = rollout.valid
        self._network.scales.update(rollout.inputs.observation[valid], rollout.rewards[valid], self._workers)
        return rollout.num_steps
