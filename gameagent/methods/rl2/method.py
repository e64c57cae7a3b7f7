"""Learning by memory (RL²), if asked for with gradient steps that correct its beliefs after each episode."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from gameagent.errors import ConfigError
from gameagent.methods.interface import Calibration, Curve, GradientSteps, Learner, Method
from gameagent.methods.rl2.config import Rl2Config
from gameagent.methods.rl2.sizes import update_sizes
from gameagent_games.interface import Family

if TYPE_CHECKING:
    from torch import nn

    from gameagent.config import TrainConfig
    from gameagent.nets.cores.interface import Core
    from gameagent.nets.interface import PolicySpec
    from gameagent.nets.network import AgentNetwork
    from gameagent.workers import Workers

RECORDED = (
    8  # numbers of a step beside observation, action, mask: reward twice, start, position, log-prob., value, valid
)
MOST_PREDICTED = 2_048  # values of a grid; the rounding of sums of more shows in gradient steps


class Rl2(Method["AgentNetwork"]):
    """Meta-LSTM trained by PPO over whole trials, with beliefs about the hidden rules."""

    name: ClassVar[str] = "rl2"
    summary: ClassVar[str] = "learns by memory"
    config: ClassVar[type[Rl2Config]] = Rl2Config
    sizes: ClassVar[tuple[str, ...]] = ("num_games",)
    curve: ClassVar[Curve] = Curve("episode of a trial", "by episode", 1, "as in the game")
    trains_on_gpu: ClassVar[bool] = True

    def check(self, config: "TrainConfig", family: Family) -> None:
        """There must be beliefs for gradient steps to correct, and no pictures that they would have to predict."""
        own = Rl2Config.of(config)
        if own.gradient and (config.reveal or not own.believes):
            raise ConfigError("gradient is True, expected False if there are no beliefs to correct")
        large = [one.name for one in family.features if one.kind == "grid" and one.size > MOST_PREDICTED]
        if own.gradient and large:
            raise ConfigError(
                f"gradient is True, and its steps predict every value of what is seen next: {MOST_PREDICTED} of a grid "
                f"at most, but {family.name} has more in {', '.join(large)}: train with gradient=false"
            )

    def role(self, config: "TrainConfig") -> str:
        """Memoryless if it has no memory."""
        return "memoryless" if Rl2Config.of(config).memory == "none" else "agent"

    def usual_episodes(self, config: "TrainConfig", family: Family) -> int:
        """The family's number."""
        return family.num_episodes

    def horizon(self, config: "TrainConfig", family: Family) -> int:
        """A trial: what is learnt in one episode pays in the next."""
        return config.episodes_of_trial(family) * family.max_steps

    def settled(self, config: "TrainConfig", family: Family) -> "TrainConfig":
        """With the sizes of an update; see `sizes.update_sizes`."""
        own = Rl2Config.of(config)
        usual = update_sizes(config.steps, self.horizon(config, family), family.num_seats, own.num_games)
        settled = {name: getattr(own, name) or value for name, value in usual._asdict().items()}
        return replace(config, own=replace(own, **settled))

    def num_parallel(self, config: "TrainConfig") -> int:
        """Games side by side."""
        return Rl2Config.of(config).num_games

    def record_bytes(self, config: "TrainConfig", family: Family) -> int:
        """Of all trials of a rollout, if every episode ends with its first decision."""
        per_step = 4 * (family.observation_size + 2 * family.num_actions + RECORDED)
        return per_step * self.num_parallel(config) * config.episodes_of_trial(family)

    def baselines(self, config: "TrainConfig", family: Family, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The same network without memory, and the same network that is shown the rules."""
        return {
            "memoryless": {**given, "memory": "none", "beliefs": False, "gradient": False},
            "oracle": {**given, "reveal": True, "gradient": False},
        }

    def make_policy(self, config: "TrainConfig", family: Family) -> "AgentNetwork":
        """See `Method.make_policy`."""
        from gameagent.methods.rl2.policy import make_network, make_spec

        spec = make_spec(config, family)
        return make_network(config, spec, self.make_core(config, spec))

    def make_core(self, config: "TrainConfig", spec: "PolicySpec") -> "Core":
        """What remembers; a method with another kind of memory replaces it."""
        from gameagent.methods.rl2.policy import make_core

        return make_core(config, spec)

    def make_learner(self, config: "TrainConfig", family: Family, workers: "Workers") -> Learner:
        """See `Method.make_learner`."""
        from gameagent.methods.rl2.learner import MemoryLearner

        return MemoryLearner(config, family, workers)

    def calibrate(self, policy: "AgentNetwork", config: "TrainConfig", family: Family) -> Calibration:
        """The rollback margin of belief correction."""
        from gameagent.methods.belief_correction.network import CorrectedNetwork
        from gameagent.methods.belief_correction.steps import rollback_margin

        if not isinstance(policy, CorrectedNetwork):
            return {}
        return {"rollback_margin": rollback_margin(policy, config, family)}

    def step(self, policy: "AgentNetwork") -> "nn.Module":
        """See `Method.step`."""
        from gameagent.nets.step import NetworkStep

        return NetworkStep(policy)

    def gradient_steps(self, policy: "AgentNetwork", config: "TrainConfig", family: Family) -> GradientSteps | None:
        """Those of belief correction, if the policy has it."""
        from gameagent.methods.belief_correction.network import CorrectedNetwork
        from gameagent.methods.belief_correction.steps import CorrectionSteps

        return CorrectionSteps(policy.correction) if isinstance(policy, CorrectedNetwork) else None
