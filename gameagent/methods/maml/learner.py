"""Training by MAML."""

from torch import Tensor

from gameagent.config import TrainConfig
from gameagent.methods.gradient.learner import GradientLearner
from gameagent.methods.maml import update as maml
from gameagent.methods.maml.config import MamlConfig
from gameagent_sdk.authoring import AdvantageSpec


class MamlLearner(GradientLearner):
    """Takes MAML's outer steps.

    The return counts before and after every inner step: a game shows all of them. If only the return after the last
    step counted, earlier steps would be left to overshoot, and the initialisation to wander off.
    """

    @classmethod
    def learns_step_sizes(cls, config: TrainConfig) -> bool:
        """If the config says so."""
        return MamlConfig.of(config).learn_step_sizes

    def outer_update(self, advantages: AdvantageSpec) -> tuple[dict[str, float], Tensor]:
        """One update of `gameagent.methods.maml.update`."""
        policy, settings = self._policy, maml_settings(self._config, advantages)
        learnt = policy.initialisation, policy.step_sizes, self.optimizer, self._sampler
        return maml.update(policy.network, *learnt, settings, self._workers)


def maml_settings(config: TrainConfig, advantages: AdvantageSpec) -> maml.MamlSettings:
    """What one update depends on."""
    own = MamlConfig.of(config)
    return maml.MamlSettings(
        inner_steps=own.inner_steps,
        first_order=own.first_order,
        advantages=advantages,
        every_step=True,
        num_epochs=own.num_epochs,
        clip_ratio=own.clip_ratio,
        max_gradient_norm=config.max_gradient_norm,
    )
