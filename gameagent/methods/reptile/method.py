"""Reptile as a method: an initialisation near where gradient descent on each task ends."""

from typing import TYPE_CHECKING, ClassVar

from gameagent.methods.gradient.method import GradientMethod
from gameagent.methods.interface import Learner
from gameagent_games.interface import Family

if TYPE_CHECKING:
    from gameagent.config import TrainConfig
    from gameagent.workers import Workers


class Reptile(GradientMethod):
    """MAML's inner loop without second derivatives; see `gameagent.methods.reptile.update`."""

    name: ClassVar[str] = "reptile"
    summary: ClassVar[str] = "does so without second derivatives"

    def make_learner(self, config: "TrainConfig", family: Family, workers: "Workers") -> Learner:
        """See `Method.make_learner`."""
        from gameagent.methods.reptile.learner import ReptileLearner

        return ReptileLearner(config, family, workers)
