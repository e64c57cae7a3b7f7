"""Settings of MAML."""

from dataclasses import dataclass

from gameagent.methods.gradient.config import GradientConfig
from gameagent.settings import setting


@dataclass(frozen=True)
class MamlConfig(GradientConfig):
    """Settings of MAML; each field's `Setting` says what it means."""

    first_order: bool = setting("Whether inner gradients are taken for constants: FOMAML.", False)
    learn_step_sizes: bool = setting("Whether each parameter's step size is learnt: Meta-SGD.", True)
    num_epochs: int = setting("Outer steps on each meta-batch.", 2, 1, 1000)
    clip_ratio: float = setting("PPO's clipping of the probability ratio.", 0.2, 0, 10, above=True)
