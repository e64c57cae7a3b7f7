"""MAML as a method: an initialisation, and step sizes, from which few gradient steps adapt."""

from typing import TYPE_CHECKING, ClassVar

from gameagent.methods.gradient.method import GradientMethod
from gameagent.methods.interface import Learner
from gameagent.methods.maml.config import MamlConfig
from gameagent_games.interface import Family

if TYPE_CHECKING:
    from gameagent.config import TrainConfig
    from gameagent.workers import Workers


class Maml(GradientMethod):
    """Model-agnostic meta-learning with PPO's outer step; see `gameagent.methods.maml.update`."""

    name: ClassVar[str] = "maml"
    summary: ClassVar[str] = "learns by gradient steps between episodes, games of one seat only"
    config: ClassVar[type[MamlConfig]] = MamlConfig

    def make_learner(self, config: "TrainConfig", family: Family, workers: "Workers") -> Learner:
        """See `Method.make_learner`."""
        from gameagent.methods.maml.learner import MamlLearner

        return MamlLearner(config, family, workers)
