"""One game of a family, as all environments play it: variants, seeds, trials, checks of actions, frames."""

import copy
import operator
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import ActionError, FamilyError, ResetNeeded, SettingError, VariantError
from gameagent_games.interface import Action, Family
from gameagent_games.loop import Match
from gameagent_games.registry import load_family
from gameagent_games.variants.variant import SPLITS, Split, Variant

VariantLike: TypeAlias = Variant | Mapping[str, Any] | NDArray[Any] | np.void
"""A variant in any of its forms: `Variant`, plain values by rule name, or a record of the family's type."""

RENDER_MODES: Final = ("human", "rgb_array")
RENDER_FPS: Final = 8  # decisions a second: what a person can follow
FRAME_SIZE: Final = 480  # pixels of a frame's longer side


def variant_record(family: Family, variant: VariantLike) -> NDArray[Any]:
    """A variant in any form as one record, ``(1,)``.

    Raises:
        VariantError: A value that no rule allows, a misspelt rule, or a record of another type.
    """
    if isinstance(variant, np.ndarray | np.void):
        if variant.dtype != family.space.dtype or variant.size != 1:
            raise VariantError(
                f"got {variant.size} variants of {variant.dtype}, expected one record of {family.space.dtype}"
            )
        return np.asarray(variant).reshape(1).copy()
    return family.space.records([variant])


def whole_number(name: str, value: Any, least: int) -> int:
    """A setting as a plain int; numpy's integers are welcome.

    Raises:
        SettingError: No integer, or below ``least``.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise SettingError(f"{name} is {value!r}, expected a whole number of at least {least}") from None
    if number < least:
        raise SettingError(f"{name} is {number}, expected at least {least}")
    return number


def checked_seed(seed: Any) -> int | None:
    """A seed of a reset as a plain int, or None.

    Raises:
        SettingError: Neither None nor an integer of at least 0.
    """
    return None if seed is None else whole_number("seed", seed, 0)


class OneGame:
    """One game, started from a random generator and stepped with checked actions.

    Copies (``copy.deepcopy``, ``pickle``) go on equally; one of a game with a window opens its own when it is drawn.

    Attributes:
        family: The game.
        games: The games of the family, of which there is one.
        last_observations: float32 ``(seats, D)``; what the ended episode's last state looked like.
    """

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
        """Loads the family and prepares the game; `reset` starts the first episode.

        Args:
            family: The game, or its name in the registry.
            variant: The variant of every trial; None to sample one at each reset.
            split: Where sampled variants come from.
            num_episodes: Episodes of a trial (K), all of one variant.
            compiled: Whether numba compiles the rules (seconds at the first reset, then far faster).
            render_mode: One of `RENDER_MODES`, or None.

        Raises:
            FamilyError: No such family.
            VariantError: The variant is not one of this family, or there is no such split.
            SettingError: ``num_episodes`` or ``render_mode`` is none of what is allowed.
        """
        if not isinstance(family, str | Family):
            raise FamilyError(f"family is {family!r}, expected a Family, or the name of one")
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise SettingError(f"render_mode is {render_mode!r}, expected one of {', '.join(RENDER_MODES)} or None")
        if split not in SPLITS:
            raise VariantError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
        self.family = load_family(family) if isinstance(family, str) else family
        num_episodes = whole_number("num_episodes", num_episodes, 1)
        self.games = self.family.make_games(1, num_episodes=num_episodes, compiled=bool(compiled), auto_start=False)
        self._fixed = None if variant is None else variant_record(self.family, variant)
        self._split = split
        self._render_mode = render_mode
        self._window: Any = None
        self._begun = False
        self._variant = Variant({})
        self._before: NDArray[Any] | None = None
        self._moves: Mapping[int, Action] = {}  # of the last step of the episode that is seen, by seat
        self._match = Match(self.games, {})
        self.last_observations = np.zeros((self.family.num_seats, self.family.observation_size), np.float32)

    @property
    def metadata(self) -> dict[str, Any]:
        """What Gymnasium and PettingZoo call metadata; games with turns are not parallelizable."""
        return {
            "name": self.family.name,
            "render_modes": list(RENDER_MODES),
            "render_fps": RENDER_FPS,
            "is_parallelizable": not self.family.takes_turns,
        }

    @property
    def acting_seats(self) -> list[int]:
        """The seats that decide now."""
        return [int(seat) for seat in np.flatnonzero(self.games.acting[0])]

    @property
    def episode_ended(self) -> bool:
        """Whether the last step ended an episode."""
        return bool(self._match.ended[0])

    @property
    def episode_return(self) -> NDArray[np.float64]:
        """Sum of rewards in the current episode, or in the one that just ended, float64 ``(seats,)``."""
        return np.array(self._match.totals[0])

    @property
    def finished(self) -> bool:
        """Whether the trial is over."""
        return bool(self.games.finished[0])

    @property
    def terminated(self) -> bool:
        """Whether the trial is over because its last episode ended by the rules."""
        return self.finished and bool(self.games.terminated[0])

    @property
    def truncated(self) -> bool:
        """Whether the trial is over because its last episode was cut by the time limit."""
        return self.finished and bool(self.games.truncated[0])

    def reset(self, generator: np.random.Generator, options: Mapping[str, Any] | None = None) -> None:
        """Starts a trial; the variant, unless one is given, and the game's seed are drawn from ``generator``.

        Args:
            generator: Is advanced.
            options: ``{"variant": …}`` plays that variant in this trial; other keys are left alone.

        Raises:
            VariantError: The variant is not one of this family, or none can be drawn from the split.
            SettingError: ``options`` is not a mapping.
        """
        if options is not None and not isinstance(options, Mapping):
            raise SettingError(f"options is {options!r}, expected None or a dict such as {{'variant': {{...}}}}")
        space = self.family.space
        given = (options or {}).get("variant")
        drawn = space.sample(1, generator, self._split) if self._fixed is None and given is None else self._fixed
        record = drawn if given is None else variant_record(self.family, given)
        assert record is not None
        self._variant = space.variants(record)[0]
        self.games.reset(record, generator.integers(2**62, size=1, dtype=np.int64))
        self._before, self._moves = None, {}
        self._match.begin()
        self._begun = True
        self._show_if_human()

    def require_begun(self) -> None:
        """Raises ResetNeeded unless there is something to see: from a reset on, until it is closed."""
        if not self._begun:
            raise ResetNeeded(f"family {self.family.name!r}: the game has not begun, or was closed: call reset() first")

    def require_running(self) -> None:
        """Raises ResetNeeded unless a step can be taken: as `require_begun`, and the trial must not be over."""
        self.require_begun()
        if self.finished:
            raise ResetNeeded(f"family {self.family.name!r}: the trial is over: call reset() first")

    def checked(self, seat: int, action: Any) -> Action:
        """An action of a seat that acts now: an int, or float64 ``(A,)`` if actions are continuous.

        Numbers outside the box pass: the game clips them.

        Raises:
            ActionError: Not a whole number, out of range, or illegal now; if actions are continuous, not A finite
                numbers.
            ResetNeeded: There is no running game.
        """
        self.require_running()
        if self.family.box is not None:
            return self._checked_numbers(seat, action)
        names = self.family.action_names
        try:
            number = operator.index(action)
        except TypeError:
            raise ActionError(f"{self._who(seat)} got action {action!r}, expected an integer") from None
        if not 0 <= number < len(names):
            raise ActionError(f"{self._who(seat)} got action {number}, expected 0 to {len(names) - 1}")
        legal = self.games.legal_actions[0, seat]
        if not legal[number]:
            allowed = ", ".join(f"{a} ({names[a]})" for a in np.flatnonzero(legal))
            raise ActionError(f"{self._who(seat)}: action {number} ({names[number]}) is illegal now; legal: {allowed}")
        return number

    def _checked_numbers(self, seat: int, action: Any) -> NDArray[np.float64]:
        names = self.family.action_names
        try:
            numbers = np.array(action, np.float64)
        except (TypeError, ValueError):
            numbers = np.zeros(0)
        if numbers.shape != (len(names),) or not np.isfinite(numbers).all():
            raise ActionError(
                f"{self._who(seat)} got action {action!r}, expected {len(names)} finite numbers: {', '.join(names)}"
            )
        return numbers

    def step(self, actions: Mapping[int, Action]) -> NDArray[np.float64]:
        """Takes one decision of every acting seat; starts the trial's next episode when one ends.

        Args:
            actions: Checked action of each acting seat.

        Returns:
            Rewards, float64 ``(seats,)``.

        Raises:
            ResetNeeded: There is no running game.
        """
        self.require_running()
        games = self.games
        taken = self.family.blank_actions(1)
        for seat, action in actions.items():
            taken[0, seat] = action
        self._before, self._moves = None if games.states is None else games.states[0:1].copy(), dict(actions)
        self._match.advance(taken)
        rewards = np.array(games.rewards[0], np.float64)
        if self.episode_ended:
            self.last_observations = games.observations[0].copy()
        if self.episode_ended and not self.finished:
            games.next_episode()
            self._before, self._moves = None, {}
        self._show_if_human()
        return rewards

    def observation(self, seat: int) -> NDArray[np.float32]:
        """What a seat sees now: a fresh float32 ``(D,)``. Raises ResetNeeded if there is no game to see."""
        self.require_begun()
        return np.array(self.games.observations[0, seat], np.float32)

    def action_mask(self, seat: int) -> NDArray[np.int8]:
        """The legal actions of a seat as Gymnasium's spaces want them: a fresh int8 ``(A,)`` of 0 and 1."""
        return np.array(self.games.legal_actions[0, seat], np.int8)

    def info(self, seat: int) -> dict[str, Any]:
        """What environments report beside the observation, in fresh containers.

        Returns:
            ``variant_id`` (str), ``rules`` (values by rule name, hidden ones included: for people and for
            evaluation, not for agents), ``episode_index`` (of the episode that the observation is from) and
            ``episode_ended``; if that is True, also ``episode_return`` of this seat, ``episode_terminated``,
            ``episode_truncated`` and ``last_observation``, the one that the ended episode left this seat with.
        """
        games = self.games
        report: dict[str, Any] = {
            "variant_id": self._variant.id,
            "rules": copy.deepcopy(dict(self._variant.rules)),
            "episode_index": int(games.episodes[0]) - int(self.finished),
            "episode_ended": self.episode_ended,
        }
        if self.episode_ended:
            report["episode_return"] = float(self.episode_return[seat])
            report["episode_terminated"] = bool(games.terminated[0])
            report["episode_truncated"] = bool(games.truncated[0])
            report["last_observation"] = self.last_observations[seat].copy()
        return report

    def frame(self) -> NDArray[np.uint8]:
        """The game drawn by the family's view, or plainly if it has none: uint8 ``(H, W, 3)``.

        Raises:
            ResetNeeded: There is no game to see.
            MissingExtra: pygame is not installed.
        """
        self.require_begun()
        from gameagent_games.drawing.canvas import draw_frame

        games = self.games
        return draw_frame(
            games, FRAME_SIZE, before=self._before, action=self._moves.get(0), reward=float(games.rewards[0, 0]),
            moves=self._moves, rewards=games.rewards[0].tolist(), returns=self.episode_return.tolist(),
        )  # fmt: skip

    def render(self) -> NDArray[np.uint8] | None:
        """The frame in mode "rgb_array"; None in mode "human", whose window follows every step by itself.

        Raises:
            ResetNeeded: There is no game to see.
        """
        self.require_begun()
        if self._render_mode == "rgb_array":
            return self.frame()
        self._show_if_human()
        return None

    def close(self) -> None:
        """Closes the window, if one is open; the next call must be a reset."""
        self._begun = False
        if self._window is not None:
            self._window.close()
            self._window = None

    def _show_if_human(self) -> None:
        if self._render_mode != "human":
            return
        frame = self.frame()
        if self._window is None:
            from gameagent_games.drawing.window import Window

            self._window = Window(frame.shape[1], frame.shape[0], self.family.name)
        self._window.show(frame)
        self._window.wait(RENDER_FPS)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_window": None}

    def _who(self, seat: int) -> str:
        return f"family {self.family.name!r}, seat {self.family.seat_names[seat]!r}"
