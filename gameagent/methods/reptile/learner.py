"""Training by Reptile."""

from torch import Tensor

from gameagent.methods.gradient.config import GradientConfig
from gameagent.methods.gradient.learner import GradientLearner
from gameagent.methods.reptile import update as reptile
from gameagent_sdk.authoring import AdvantageSpec


class ReptileLearner(GradientLearner):
    """Takes Reptile's outer steps."""

    def outer_update(self, advantages: AdvantageSpec) -> tuple[dict[str, float], Tensor]:
        """One update of `gameagent.methods.reptile.update`."""
        policy = self._policy
        learnt = policy.initialisation, policy.step_sizes, self.optimizer, self._sampler
        settings = reptile.ReptileSettings(
            inner_steps=GradientConfig.of(self._config).inner_steps,
            advantages=advantages,
            max_gradient_norm=self._config.max_gradient_norm,
        )
        return reptile.update(policy.network, *learnt, settings, self._workers)
