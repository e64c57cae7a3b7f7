"""What the learners of all methods share: a seeded start, the device, and sums of an update over processes."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gameagent.config import TrainConfig
from gameagent.methods.interface import Learner
from gameagent.workers import Share, Workers
from gameagent_games.interface import Family
from gameagent_games.variants.curriculum import VariantSource


def make_learner(config: TrainConfig, family: Family, workers: Workers) -> Learner:
    """The learner of a run's method, with a fresh policy from the run's seed; see `Method.make_learner`."""
    with torch.random.fork_rng(devices=[]):  # fresh weights are drawn on the CPU, wherever the policy goes
        torch.manual_seed(config.seed)
        return config.method.make_learner(config, family, workers)


def training_device(config: TrainConfig) -> torch.device:
    """Where a run's policy is while it learns: the CPU as long as nobody has settled what "auto" stands for.

    A GPU computes with float32 in full then: with the shorter TF32, results would not be those of the CPU to rounding.
    """
    if config.device != "cuda":
        return torch.device("cpu")
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda")


def over_processes(
    workers: Workers, num_steps: int, returns: NDArray[np.float64], informed: NDArray[np.bool_]
) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """Steps of all processes, and mean returns of their trials that were not informed, and of those that were.

    Args:
        workers: This process among the others.
        num_steps: Its steps.
        returns: Of its trials, by episode index or number of gradient steps, ``(trials, K)``; NaN if they failed.
        informed: Which of them were, ``(trials,)``.
    """
    sound = ~np.isnan(returns).any(axis=1)
    groups = [returns[sound & ~informed], returns[sound & informed]]
    counted = [np.array([float(num_steps)]), *(np.append(len(group), group.sum(axis=0)) for group in groups)]
    steps, *sums = workers.sum(torch.from_numpy(np.concatenate(counted))).tolist()
    half = len(sums) // 2
    means = [tuple(value / num for value in rest) if num else () for num, *rest in (sums[:half], sums[half:])]
    return int(steps), means[0], means[1]


def report_trials(
    source: VariantSource, variants: NDArray[Any], returns: NDArray[np.float64], workers: Workers, share: Share
) -> None:
    """Tells a process's source of variants how the trials of all processes went.

    Args:
        source: This process's.
        variants: Of all processes, ``(total,)``.
        returns: Of this process's trials by seat, ``(share.size, num_seats)``; NaN for those that failed.
        workers: This process among the others.
        share: Which of the variants it played.
    """
    everywhere = workers.gather(torch.from_numpy(returns), share).numpy()
    sound = ~np.isnan(everywhere).any(axis=1)
    source.report(variants[sound], everywhere[sound])
