"""What MAML and Reptile have in common as methods: learning by gradient steps alone."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from gameagent.errors import ConfigError, ExportError
from gameagent.methods.gradient.config import GradientConfig
from gameagent.methods.interface import Calibration, Curve, GradientSteps, Method, require_one_seat
from gameagent_games.interface import Family

if TYPE_CHECKING:
    from torch import nn

    from gameagent.config import TrainConfig
    from gameagent.methods.gradient.policy import GradientPolicy

RECORDED = 5  # numbers of a step beside observation, action and mask: reward, log-probability, advantage, weight, valid
FEWEST_GAMES = 8  # of a baseline, side by side, if trials are so long that a usual batch would hold fewer


class GradientMethod(Method["GradientPolicy"]):
    """A policy without memory that adapts by gradient steps between a trial's episodes."""

    config: ClassVar[type[GradientConfig]] = GradientConfig
    sizes: ClassVar[tuple[str, ...]] = ("meta_batch_size", "num_rollouts", "inner_steps")
    curve: ClassVar[Curve] = Curve("gradient steps taken", "by gradient steps taken, from 0", 0, "all")

    def check(self, config: "TrainConfig", family: Family) -> None:
        """Games of one seat only, on the CPU; and no grids: their convolution does not adapt."""
        require_one_seat(self.name, family)
        if config.device == "cuda":
            raise ConfigError(f"device is 'cuda', and algorithm {self.name!r} trains on the CPU: leave device out")
        grids = [feature.name for feature in family.features if feature.kind == "grid"]
        if grids:
            raise ConfigError(
                f"algorithm {self.name!r} reads no grids, and {family.name} has {', '.join(grids)}: "
                "train with algorithm=rl2, or make it a vector"
            )

    def usual_episodes(self, config: "TrainConfig", family: Family) -> int:
        """Those of all gradient steps, and as many after the last one."""
        own = GradientConfig.of(config)
        return own.num_rollouts * (own.inner_steps + 1)

    def horizon(self, config: "TrainConfig", family: Family) -> int:
        """An episode: it starts anew after each."""
        return family.max_steps

    def num_parallel(self, config: "TrainConfig") -> int:
        """Tasks of a meta-batch."""
        return GradientConfig.of(config).meta_batch_size

    def record_bytes(self, config: "TrainConfig", family: Family) -> int:
        """Of all episodes of a meta-batch."""
        own = GradientConfig.of(config)
        per_step = 4 * (family.observation_size + 2 * family.num_actions + RECORDED)
        return per_step * own.meta_batch_size * self.usual_episodes(config, family) * family.max_steps

    def baselines(self, config: "TrainConfig", family: Family, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Policies without memory, trained by PPO.

        Trials have as many episodes as the agent's, and as many games are side by side as make an update of the usual
        size for the family.
        """
        from gameagent.config import make_config, shared_settings
        from gameagent.methods.rl2.config import Rl2Config

        memoryless = {"algorithm": "rl2", "memory": "none", "beliefs": False}
        fields = {name: value for name, value in given.items() if name in shared_settings()} | memoryless
        usual = make_config(family, fields)
        num_episodes = config.episodes_of_trial(family)
        num_games = Rl2Config.of(usual).num_games * usual.episodes_of_trial(family) // num_episodes
        same = {name: getattr(config, name) for name in ("steps", "seed", "split", "hidden_size")}
        fields |= same | {"num_games": max(num_games, FEWEST_GAMES), "num_episodes": num_episodes}
        return {"memoryless": fields, "oracle": {**fields, "reveal": True}}

    def make_policy(self, config: "TrainConfig", family: Family) -> "GradientPolicy":
        """See `Method.make_policy`."""
        from gameagent.methods.gradient.policy import make_gradient_policy

        return make_gradient_policy(config, family)

    def calibrate(self, policy: "GradientPolicy", config: "TrainConfig", family: Family) -> Calibration:
        """Trust region and rollback margin of the gradient steps."""
        from gameagent.methods.gradient.graphs import calibrate

        return calibrate(policy, config, family)

    def step(self, policy: "GradientPolicy") -> "nn.Module":
        """See `Method.step`."""
        from gameagent.methods.gradient.graphs import GradientPolicyStep

        return GradientPolicyStep(policy)

    def gradient_steps(self, policy: "GradientPolicy", config: "TrainConfig", family: Family) -> GradientSteps:
        """Those of the inner loop."""
        from gameagent.methods.gradient.graphs import PolicyGradientSteps

        return PolicyGradientSteps(policy, config, family)

    def require_engine_step(self, policy: "GradientPolicy") -> None:
        """There is nothing left to adapt without gradient steps."""
        raise ExportError(
            f"{self.name} adapts by gradient steps alone, and files for engines carry none: "
            "export without --profile, or train with algorithm=rl2"
        )
