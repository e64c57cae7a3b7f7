"""Settings that MAML and Reptile share."""

from dataclasses import dataclass

from gameagent.settings import MethodConfig, setting


@dataclass(frozen=True)
class GradientConfig(MethodConfig):
    """Settings of learning by gradient steps alone; each field's `Setting` says what it means."""

    inner_lr: float = setting(
        "Step size of the inner loop's gradient steps; at the start, if it is learnt.", 0.1, 0, 100, above=True
    )
    inner_steps: int = setting("Gradient steps of a task, in turn, each on episodes of its own.", 3, 1, 100)
    num_rollouts: int = setting("Episodes that a gradient step learns from.", 20, 1, 100_000)
    meta_batch_size: int = setting("Tasks of an update, over all processes.", 20, 1, 1_000_000)
    head_only: bool = setting("Whether the head alone adapts: ANIL.", False)
    standardise: bool = setting("Whether each task's advantages are brought to mean zero and deviation one.", True)
    return_scaled_steps: bool = setting(
        "Whether a gradient step is as long as a task's return is far from the best that can be expected of it, and "
        "the gradient gives its direction alone: for games whose returns say how far off a policy is.", False,
    )  # fmt: skip
