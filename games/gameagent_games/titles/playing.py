"""Playing: a title in hand, played episode by episode and step by step."""

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from gameagent_games.errors import ResetNeeded, TitleError
from gameagent_games.titles.hands import GRACE_S, Hands
from gameagent_games.titles.loading import Modules
from gameagent_games.titles.mishaps import Mishaps
from gameagent_games.titles.namespace import Namespace
from gameagent_games.titles.presses import NOTHING, Press
from gameagent_games.titles.title import Title

MENU_FRAMES = 10_000  # that a title may take until play begins

_in_hand: "Playing | None" = None


class Playing:
    """One title in hand. There is one at a time in a process, as pygame has one window and one clock.

    Attributes:
        title: The title.
        over: Whether the episode is over, by the title's own end or by `Title.over`.
        truncated: Whether the episode was cut by `Title.max_steps`.
        reward: Of the last step.
        steps: Steps in the episode.
    """

    title: Title

    def __init__(self, title: Title, constants: Mapping[str, Any] | None = None) -> None:
        """Takes a title in hand; `reset` starts it, and `close` gives it back.

        Args:
            title: The title.
            constants: Values of constants by name; see `titles.constants`.

        Raises:
            TitleError: Another title is in hand in this process, or the title sets no such constant.
        """
        global _in_hand
        if _in_hand is not None:
            raise TitleError(
                f"{_in_hand.title.name} is in hand in this process already, and pygame has one window and one clock: "
                "close() it first, or play each title in a process of its own"
            )
        self.title = title
        self.over, self.truncated, self.reward, self.steps = True, False, 0.0, 0
        self._constants = dict(constants or {})
        self._modules = Modules(title.script, title.folder, self._constants)
        self._mishaps = Mishaps(title, self._modules.is_own)
        self._hands = Hands(title.fps, self._modules.is_own)
        self._handover = self._hands.handover
        self._script: ModuleType | None = None
        self._game: Namespace | None = None
        self._begun = False
        self._is_fresh = True  # whether the next episode runs the script anew
        self._frames_before = 0
        self._score = 0.0
        _in_hand = self

    # episodes

    def reset(self, seed: int = 0, constants: Mapping[str, Any] | None = None) -> Any:
        """Starts an episode.

        Args:
            seed: Of everything that chance decides.
            constants: Values from now on; None leaves them as they are.

        Returns:
            What the title's `observe` returns.

        Raises:
            TitleError: The title fails, ends or hangs before play begins; one of the description's functions fails; or
                the title was closed.
        """
        if _in_hand is not self:
            raise TitleError(f"{self.title.name} was closed: make a new Playing")
        if constants is not None and dict(constants) != self._constants:
            self._modules.set_constants(constants)
            self._constants, self._is_fresh = dict(constants), True
        goes_on = self._can_go_on()
        self._begun = False
        self._go_on(int(seed)) if goes_on else self._run_anew(int(seed))
        self._hands.inputs.press(NOTHING)
        self.steps, self.over, self.truncated, self.reward, self._begun = 0, False, False, 0.0, True
        self._score = self._ask("score", float)
        return self._ask("observe")

    def _can_go_on(self) -> bool:
        """Whether the title can start the next episode by itself: keys do so on its game-over screen alone."""
        if self.title.again is None or self._is_fresh or self._handover.ended:
            return False
        return self.over or callable(self.title.again)

    def _run_anew(self, seed: int) -> None:
        self.stop()
        self._hands.start(seed)
        self._script = self._modules.fresh("__main__" if self.title.entry is None else self._modules.path.stem)
        self._frames_before = 0
        self._let(lambda: self._handover.start(self._play, self.title.deadline_s))
        self._press_until_ready(self.title.begin)
        self._is_fresh = False

    def _go_on(self, seed: int) -> None:
        """A new episode within the title's own loop."""
        again, game = self.title.again, self.game()
        self._frames_before = self._handover.frames
        self._hands.inputs.press(NOTHING)
        self._hands.chance.start(seed)
        if callable(again):
            restart = again
            self._frame(lambda: _call(restart, game))
            self._press_until_ready(self.title.begin)
        else:
            presses = tuple(again or ()) or (NOTHING,)
            self._frame_with(presses[0])
            self._press_until_ready((*presses[1:], presses[0]))

    def _press_until_ready(self, presses: Sequence[Press]) -> None:
        for count in range(MENU_FRAMES):
            if self._handover.ended:
                self._fail()
                raise self._mishaps.ended_early(self._handover.error, self._handover.frames > 0)
            if self._ask("ready", bool):
                return
            self._frame_with(presses[count % len(presses)] if presses else NOTHING)
        raise TitleError(f"{self.title.name} is not ready to be played after {MENU_FRAMES} frames: see Title.ready")

    def _frame_with(self, press: Press) -> None:
        self._hands.inputs.press(press)
        self._frame()
        self._hands.inputs.release_taps()

    def _play(self) -> None:
        """What the title's thread does: runs the script."""
        script = self._script
        assert script is not None
        exec(self._modules.code(str(self._modules.path)), script.__dict__)  # noqa: S102  (the title itself)
        if self.title.entry is None:
            return
        function = getattr(script, self.title.entry, None)
        if not callable(function):
            known = ", ".join(name for name, one in vars(script).items() if callable(one) and name[0] != "_")
            raise TitleError(f"{self._modules.path} has no function {self.title.entry!r}; it has {known or 'none'}")
        function()

    # steps

    def step(self, action: Any) -> Any:
        """Takes a step.

        Args:
            action: Its number or its name; a sequence with one for each table if the title has several.

        Returns:
            What the title's `observe` returns; `reward`, `over` and `truncated` are set.

        Raises:
            TitleError: No such action; the title fails or hangs; one of the description's functions fails.
            ResetNeeded: There was no reset, or the episode is over.
        """
        if not self._begun or self.over or self.truncated:
            raise ResetNeeded(f"{self.title.name}: the episode has not begun or is over: call reset() first")
        self._hands.inputs.press(self.title.press(action))
        for frame in range(self.title.frames_per_step):
            if frame == 1:
                self._hands.inputs.release_taps()
            self._frame()
            self.over = self._handover.ended or self._ask("over", bool)
            if self.over:
                break
        self.steps += 1
        self.truncated = not self.over and self.title.max_steps is not None and self.steps >= self.title.max_steps
        score = self._ask("score", float)
        self.reward, self._score = score - self._score, score
        return self._ask("observe")

    def game(self) -> Namespace:
        """The title's variables now.

        Raises:
            ResetNeeded: It has not been started.
        """
        if self._script is None:
            raise ResetNeeded(f"{self.title.name} has not been started: call reset() first")
        if self._game is None:
            self._game = Namespace(self._script, self._modules.all, self._handover.stack)
            self._game.frames_played = self._handover.frames - self._frames_before
        return self._game

    def _ask(self, name: str, kind: type | None = None) -> Any:
        """What a function of the description says of the title now."""
        try:
            answer = getattr(self.title, name)(self.game())
            return answer if kind is None else kind(answer)
        except Exception as error:
            self._fail()
            stack = self._handover.stack
            halted = stack[0] if stack and not self._handover.ended else None
            raise self._mishaps.misdescribed(name, error, self._handover.frames, halted) from error

    def _frame(self, job: Callable[[], None] | None = None) -> None:
        self._let(lambda: self._handover.resume(self.title.deadline_s, job))

    def _let(self, turn: Callable[[], bool]) -> None:
        """Lets the title play until it is halted, and raises what went wrong."""
        self._game = None
        with self._modules.in_place():
            hanging = None if turn() else self._end_hanging()
        refused, self._hands.refused = self._hands.refused, None
        error = self._handover.error
        if hanging is None and refused is None and (error is None or isinstance(error, SystemExit)):
            return
        self._fail()
        if hanging is not None:
            raise hanging
        if refused is not None:
            raise self._mishaps.refused(*refused)
        assert error is not None
        raise self._mishaps.raised(error, self._handover.frames) from error

    def _end_hanging(self) -> TitleError:
        frame = self._handover.running()
        told = self._mishaps.hangs(frame, can_end=True)
        return told if self._handover.interrupt(GRACE_S) else self._mishaps.hangs(frame, can_end=False)

    def _fail(self) -> None:
        self.over, self._begun, self._is_fresh = True, False, True

    # the end

    def stop(self) -> None:
        """Ends the title's loop; `reset` runs the script anew.

        Raises:
            TitleError: It cannot be ended.
        """
        self._begun, self._is_fresh = False, True
        with self._modules.in_place():
            stopped = self._handover.stop(GRACE_S)
        if not stopped:
            raise self._mishaps.hangs(self._handover.running(), can_end=False)

    def close(self) -> None:
        """Ends the title and gives everything back; may be called twice.

        Raises:
            TitleError: It cannot be ended.
        """
        global _in_hand
        if _in_hand is not self:
            return
        try:
            self.stop()
        finally:
            self._hands.close()
            _in_hand = None


def _call(restart: Callable[[Namespace], Any], game: Namespace) -> None:
    restart(game)
