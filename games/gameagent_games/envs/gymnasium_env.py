"""Any single-seat family as a Gymnasium environment.

    env = gymnasium.make("gameagent_games.envs:gameagent/Forage-v0", num_episodes=4)
    observation, info = env.reset(seed=1, options={"variant": {...}})

Every registered family has an id, ``gameagent/<Name>-v0``. The part before the colon tells Gymnasium what to import;
once `gameagent_games.envs` has been imported, the id alone is enough.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from gameagent_games.envs.one_game import RENDER_FPS, RENDER_MODES, OneGame, VariantLike, checked_seed
from gameagent_games.envs.spaces import action_space, observation_bounds
from gameagent_games.errors import FamilyError
from gameagent_games.interface import Family
from gameagent_games.variants.variant import Split


class FamilyEnv(gymnasium.Env[NDArray[np.float32], Any]):
    """One seat, one game; an episode of the environment is one episode of the game, or a whole trial.

    With ``num_episodes`` above 1 the environment's episode is a trial: when an episode ends inside it, the next one of
    the same variant starts at once. That step returns the new episode's first observation, neither terminated nor
    truncated, and ``info`` describes the ended one (see `OneGame.info`). The trial ends as its last episode does:
    terminated by the rules or truncated by the time limit.

    If the family has illegal actions, ``info["action_mask"]`` (int8 ``(A,)``) marks the legal ones, and an illegal
    action raises ActionError and leaves the game as it was. Continuous actions are clipped to their box.

    Attributes:
        observation_space: ``Box`` of the features' bounds, float32 ``(D,)``.
        action_space: ``Discrete(A)``, or a ``Box`` of float32 ``(A,)`` if actions are continuous.
        family: The game.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": list(RENDER_MODES), "render_fps": RENDER_FPS}  # type: ignore[misc]

    def __init__(
        self,
        family: Family | str,
        *,
        variant: VariantLike | None = None,
        split: Split = "train",
        num_episodes: int = 1,
        compiled: bool = False,
        render_mode: str | None = None,
    ) -> None:
        """See `OneGame` for the arguments and what they raise.

        Raises:
            FamilyError: The family has several seats: play it through ``envs.pettingzoo_env``.
        """
        self._game = OneGame(
            family,
            variant=variant,
            split=split,
            num_episodes=num_episodes,
            compiled=compiled,
            render_mode=render_mode,
        )
        self.family = self._game.family
        if self.family.num_seats != 1:
            raise FamilyError(
                f"family {self.family.name!r} has {self.family.num_seats} seats; Gymnasium knows one: "
                "use gameagent_games.envs.pettingzoo_env"
            )
        self.metadata = self._game.metadata  # type: ignore[misc]
        self.render_mode = render_mode
        low, high = observation_bounds(self.family)
        self.observation_space = gymnasium.spaces.Box(low, high, dtype=np.float32)
        self.action_space = action_space(self.family)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Starts an episode (or trial).

        Args:
            seed: At least 0; decides the sampled variant and all that is random in the game.
            options: ``{"variant": …}`` to play that variant this time.

        Returns:
            Observation float32 ``(D,)`` and info.

        Raises:
            VariantError: The variant is not one of this family.
            SettingError: The seed is not an integer of at least 0, or ``options`` is not a mapping.
        """
        super().reset(seed=checked_seed(seed))
        self._game.reset(self.np_random, options)
        return self._game.observation(0), self._info()

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Takes one action.

        Returns:
            Observation float32 ``(D,)``, reward, terminated, truncated, info.

        Raises:
            ActionError: Not a whole number (or not finite numbers if actions are continuous), out of range,
                illegal now.
            ResetNeeded: There was no reset yet, or the episode (trial) is over.
        """
        rewards = self._game.step({0: self._game.checked(0, action)})
        return self._game.observation(0), float(rewards[0]), self._game.terminated, self._game.truncated, self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """The frame, uint8 ``(H, W, 3)``, in mode "rgb_array"; None in mode "human", which draws at every step."""
        return self._game.render()

    def close(self) -> None:
        """Closes the window, if one is open; the next call must be a reset."""
        self._game.close()

    def _info(self) -> dict[str, Any]:
        mask = {"action_mask": self._game.action_mask(0)} if self.family.has_mask else {}
        return self._game.info(0) | mask
