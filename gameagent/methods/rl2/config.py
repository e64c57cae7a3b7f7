"""Settings of learning by memory."""

from dataclasses import dataclass
from typing import Literal

from gameagent.settings import MethodConfig, setting


@dataclass(frozen=True)
class Rl2Config(MethodConfig):
    """Settings of Meta-LSTM trained by PPO over whole trials; each field's `Setting` says what it means."""

    memory: Literal["lstm", "none"] = setting("lstm for Meta-LSTM, none for a memoryless policy.", "lstm")
    beliefs: bool = setting("Whether a belief head predicts the hidden rules and the policy acts on it.", True)
    gradient: bool = setting(
        "Whether gradient steps correct the belief after each episode: memory and gradient.", False
    )
    inner_lr: float = setting(
        "With gradient=true: step size of a belief's gradient steps at the start; it is learnt.",
        0.1,
        0,
        100,
        above=True,
    )
    inner_steps: int = setting("With gradient=true: gradient steps after an episode.", 3, 1, 100)
    num_games: int = setting(
        "Games side by side, over all processes. 0 for what suits the trials' length and the budget.", 0, 0, 1_000_000
    )
    update_steps: int = setting(
        "Decisions of an update at least: games are played once more until there are as many. 0 for what suits the "
        "budget; if num_games is given, for one trial of each.",
        0,
        0,
        10**9,
    )
    informed_share: float = setting(
        "Share of trials, at the start, that are informed: the true rules stand in for the belief.", 0.5, 0, 1
    )
    informed_until: float = setting(
        "Part of the budget after which no trial is informed any more; the share falls linearly.", 0.5, 0, 1
    )
    trials_in_a_row: int = setting(
        "Trials that every eighth update plays one after the other in one variant and with one memory, so that play "
        "stays good beyond a trial's length; in as many fewer games. 1 for none.",
        4,
        1,
        1000,
    )
    num_epochs: int = setting("Passes over each batch of trials. 0 for what suits the budget.", 0, 0, 1000)
    num_minibatches: int = setting(
        "Gradient steps of one pass; each takes whole trials. Fewer where less than half of what trials may last is "
        "played. 0 for what suits the trials' length.", 0, 0, 100_000,
    )  # fmt: skip
    clip_ratio: float = setting("PPO's clipping of the probability ratio.", 0.2, 0, 10, above=True)
    target_kl: float = setting(
        "How far an update moves the policy at the start, in nats of KL divergence for each component of an action; "
        "falls as learning_rate does. The step size follows it; 0 for a step size that does not.",
        0.03,
        0,
        100,
    )
    exploration_weight: float = setting(
        "How strongly even choice of actions is rewarded at the start, beside advantages of deviation one. It falls to "
        "0, for the most part in the first third of a budget of 1M and the first tenth of one of 10M.",
        1.0,
        0,
        1000,
    )
    value_weight: float = setting("Weight of the value loss.", 0.5, 0, 1000)
    belief_weight: float = setting("Weight of the belief loss.", 0.2, 0, 1000)

    @property
    def goes_on(self) -> bool:
        """Whether some updates play trials in a row: without memory there is nothing to carry over."""
        return self.trials_in_a_row > 1 and self.memory == "lstm"

    @property
    def believes(self) -> bool:
        """Whether the policy has beliefs: without memory there is nothing to form them from."""
        return self.beliefs and self.memory == "lstm"
