"""A title as a Gymnasium environment.

    def make(gravity: float = 0.25) -> TitleEnv:
        return TitleEnv(FLAPPY, constants={"GRAVITY": gravity})

Such a function, by its place ``"package.module:make"``, is what worker processes are given: there is one title at a
time in a process.
"""

import weakref
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from gameagent_games.envs.one_game import checked_seed
from gameagent_games.errors import ResetNeeded, SettingError, TitleError
from gameagent_games.titles.playing import Playing
from gameagent_games.titles.seeing import named, row
from gameagent_games.titles.title import Title

MAX_SEED = 2**31


class TitleEnv(gymnasium.Env[Any, Any]):
    """A title; an episode of the environment is one of the title's.

    The title is taken in hand by `reset` and given back by `close`. ``terminated`` means that the title ended by
    itself or that `Title.over` said so, ``truncated`` that the steps of `Title.max_steps` are over.

    Attributes:
        title: The title.
        observation_space: With `Title.features` a ``Box`` of their bounds, float32 ``(D,)``; without, a ``Box`` or a
            ``Dict`` of them, as `observe` returns arrays or values by name (the title is played for a moment to see).
        action_space: ``Discrete``, or ``MultiDiscrete`` if the title has several tables of actions.
        one_per_process: True: pygame has one window.
    """

    one_per_process: ClassVar[bool] = True

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 60}  # type: ignore[misc]

    def __init__(
        self, title: Title, *, constants: Mapping[str, Any] | None = None, render_mode: str | None = None
    ) -> None:
        """Makes the spaces.

        Args:
            title: The title.
            constants: Values of constants by name; see `titles.constants`.
            render_mode: "rgb_array" or None.

        Raises:
            TitleError: The title sets no such constant; without features also what `Playing.reset` raises.
            SettingError: There is no such render mode.
        """
        if render_mode not in (None, "rgb_array"):
            raise SettingError(f"render_mode is {render_mode!r}, expected 'rgb_array' or None: a title shows no window")
        self.title, self.render_mode = title, render_mode
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": title.fps}  # type: ignore[misc]
        self._constants = dict(constants or {})
        self._playing: Playing | None = None
        sizes = [len(table) for table in title.tables]
        several = isinstance(title.actions, tuple)
        self.action_space = gymnasium.spaces.MultiDiscrete(sizes) if several else gymnasium.spaces.Discrete(sizes[0])
        self.observation_space = self._space()

    @property
    def max_steps(self) -> int | None:
        """Steps after which an episode is cut; None for never."""
        return self.title.max_steps

    @property
    def frames_per_step(self) -> int:
        """Frames of the title that a step takes: the rate at which an agent decides in the title."""
        return self.title.frames_per_step

    def get_action_meanings(self) -> list[str]:
        """Names of the actions, of a title with a single table of them; otherwise none."""
        tables = self.title.tables
        return list(tables[0]) if len(tables) == 1 else []

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: Seeds everything that chance decides; without one it is drawn.
            options: ``{"constants": {…}}`` sets constants from now on.

        Raises:
            TitleError: Another title is in hand in this process; or what `Playing.reset` raises.
            SettingError: The seed is not an integer of at least 0, or ``options`` is not a mapping.
        """
        if options is not None and not isinstance(options, Mapping):
            raise SettingError(f"options is {options!r}, expected None or a dict such as {{'constants': {{...}}}}")
        super().reset(seed=checked_seed(seed))
        self._constants = dict((options or {}).get("constants", self._constants))
        if self._playing is None:
            self._playing = Playing(self.title, self._constants)
            weakref.finalize(self, self._playing.close)
        drawn = int(self.np_random.integers(MAX_SEED)) if seed is None else int(seed)
        seen = self._playing.reset(drawn, self._constants)
        return self._observation(seen), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Takes a step.

        Raises:
            ResetNeeded: There was no reset, or the episode is over.
            TitleError: What `Playing.step` raises.
        """
        playing = self._in_hand()
        seen = playing.step(action)
        return self._observation(seen), playing.reward, playing.over, playing.truncated, self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """What the title has drawn, uint8 ``(height, width, 3)``; None without a render mode."""
        return self._in_hand().game().pixels() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Ends the title; the next call must be a reset. May be called twice."""
        if self._playing is not None:
            self._playing.close()
            self._playing = None

    def _in_hand(self) -> Playing:
        if self._playing is None:
            raise ResetNeeded(f"{self.title.name} has not begun, or was closed: call reset() first")
        return self._playing

    def _info(self) -> dict[str, Any]:
        playing = self._in_hand()
        return {"frames": playing.game().frames_played, "constants": dict(self._constants)}

    def _observation(self, seen: Any) -> Any:
        if self.title.features:
            return row(self.title, seen)
        values = named(self.title, seen)
        spaces = self.observation_space
        if not isinstance(spaces, gymnasium.spaces.Dict):
            (value,) = values.values()
            return _fitting("observe", value, spaces)
        if values.keys() != spaces.keys():
            raise TitleError(f"Title.observe gave {', '.join(values)}, but {', '.join(spaces)} at the start")
        return {name: _fitting(name, value, spaces[name]) for name, value in values.items()}

    def _space(self) -> gymnasium.spaces.Space[Any]:
        if self.title.features:
            bounds = [(one.low, one.high) for one in self.title.features for _ in range(one.size)]
            low, high = np.array(bounds, np.float32).T
            return gymnasium.spaces.Box(low, high, dtype=np.float32)
        playing = Playing(self.title, self._constants)
        try:
            seen = playing.reset(0)
            values = named(self.title, seen)
        finally:
            playing.close()
        spaces: dict[str, gymnasium.spaces.Space[Any]] = {name: _box(value) for name, value in values.items()}
        return gymnasium.spaces.Dict(spaces) if isinstance(seen, Mapping) else next(iter(spaces.values()))


def _box(value: NDArray[Any]) -> gymnasium.spaces.Box:
    """A space for arrays of this shape: bytes for bytes, float32 for all other numbers."""
    if value.dtype == np.uint8:
        return gymnasium.spaces.Box(0, 255, value.shape, np.uint8)
    return gymnasium.spaces.Box(-np.inf, np.inf, value.shape, np.float32)


def _fitting(name: str, value: NDArray[Any], space: Any) -> NDArray[Any]:
    if value.shape != space.shape:
        raise TitleError(f"Title.observe gave {name} of shape {value.shape}, but of {space.shape} at the start")
    fitting: NDArray[Any] = value.astype(space.dtype)
    return fitting
