"""Playing: a title in hand, played episode by episode and step by step."""

import builtins
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType, TracebackType
from typing import Any

import pygame

from gameagent_games.errors import ResetNeeded, TitleError
from gameagent_games.places import Place, authors_place, frames, place_of_frame
from gameagent_games.titles import silence
from gameagent_games.titles.chance import Chance
from gameagent_games.titles.clock import MS, TitleClock
from gameagent_games.titles.handover import Handover
from gameagent_games.titles.inputs import Inputs
from gameagent_games.titles.loading import Modules
from gameagent_games.titles.namespace import Namespace
from gameagent_games.titles.patches import Patches, for_title
from gameagent_games.titles.presses import NOTHING, Press
from gameagent_games.titles.title import Title

NUM_MODULES = 5  # that pygame.init() says it has started
MENU_FRAMES = 10_000  # that a title may take until play begins
GRACE_S = 2.0  # until a title that is to end has ended
SHOWN = pygame.FULLSCREEN | pygame.SCALED | pygame.RESIZABLE | pygame.NOFRAME | pygame.DOUBLEBUF | pygame.HWSURFACE

_open: "Playing | None" = None


class Playing:
    """One title in hand. There is one at a time in a process, as pygame has one window and one clock.

    Attributes:
        title: The title.
        over: Whether the episode is over, by the title's own end or by `Title.over`.
        truncated: Whether the episode was cut by `Title.max_steps`.
        reward: Of the last step.
        steps: Steps in the episode.
    """

    def __init__(self, title: Title, constants: Mapping[str, Any] | None = None) -> None:
        """Takes a title in hand; `reset` starts it.

        Raises:
            TitleError: Another title is in hand in this process, or the title sets no such constant.
        """
        global _open
        if _open is not None:
            raise TitleError(
                f"{_open.title.name} is played in this process already, and pygame has one window and one clock: "
                "close() it first, or play each title in a process of its own"
            )
        self.title = title
        self._constants = dict(constants or {})
        self._modules = Modules(title.script, title.folder, self._constants)
        self._window_before = _open_screen()
        self._patches = Patches()
        self._begin_hands()
        self._script: ModuleType | None = None
        self._is_fresh = True  # whether the next episode runs the script anew
        self.over, self.truncated, self.reward, self.steps = True, False, 0.0, 0
        self._begun = False
        self._frames_before = 0
        self._game: Namespace | None = None
        _open = self

    def _begin_hands(self) -> None:
        """Everything that the title has through us: time, chance, input, sound, the window."""
        self._fault: str | None = None
        self._handover = Handover(self._modules.is_own, lambda: self._clock.begin_frame())
        self._clock = TitleClock(self._handover, lambda event: self._inputs.post(event), self.title.fps)
        frame = int(1000 / self.title.fps) * MS
        self._inputs = Inputs(self._handover, lambda: self._clock.advance(frame))
        self._chance = Chance()
        self._patch_window()
        self._patch_python()
        for part in (self._clock, self._inputs, self._chance, silence):
            part.patch(self._patches)

    def _patch_window(self) -> None:
        real_mode, real_init = pygame.display.set_mode, pygame.init
        real_quiet = pygame.mixer.quit if isinstance(pygame.mixer, ModuleType) else lambda: None

        def set_mode(size: Any = (0, 0), flags: int = 0, depth: int = 0, display: int = 0, vsync: int = 0) -> Any:
            surface = real_mode(size, flags & ~SHOWN)
            surface.set_clip(None)
            surface.fill(0)
            return surface

        def init() -> tuple[int, int]:
            if not pygame.get_init():
                with _setting("SDL_AUDIODRIVER", "dummy"):
                    real_init()
                real_quiet()
            pygame.font.init()
            return (NUM_MODULES, 0)

        def nothing(*_: Any, **__: Any) -> None:
            pass

        window = {"flip": self._handover.drew, "update": self._handover.drew, "set_mode": set_mode, "quit": nothing}
        self._patches.functions(pygame.display, window | {"get_active": lambda: True, "toggle_fullscreen": nothing})
        self._patches.functions(pygame, {"quit": nothing, "init": init})
        self._patches.functions(pygame.font, {"quit": nothing})

    def _patch_python(self) -> None:
        def leave(code: Any = None, *_: Any) -> None:
            raise SystemExit(code)

        refuse = self._refuse
        functions = {"exit": leave, "quit": leave, "input": lambda *_: refuse("asks for typed input()")}
        self._patches.functions(builtins, functions)
        self._patches.functions(os, {"_exit": leave})
        self._patches.functions(signal, {"signal": lambda *_: signal.SIG_DFL})
        start = for_title(threading.Thread.start, lambda thread: refuse("starts a thread, which cannot be kept in step"))
        self._patches.set(threading.Thread, "start", start)  # type: ignore[arg-type]

    def _refuse(self, what: str) -> None:
        """Ends the title, which does what cannot be in anybody's hand."""
        place = self._place(sys._getframe(2))
        self._fault = f"{place or self.title.name}: the title {what}"
        self._handover.give_up()

    # episodes

    def reset(self, seed: int = 0, constants: Mapping[str, Any] | None = None) -> Any:
        """Starts an episode.

        Args:
            seed: Of everything that chance decides.
            constants: Values from now on; None leaves them as they are.

        Returns:
            What the title's `observe` returns.

        Raises:
            TitleError: The title fails, ends or hangs before play begins, or its `observe` fails.
        """
        if constants is not None and dict(constants) != self._constants:
            self._modules.set_constants(constants)
            self._constants, self._is_fresh = dict(constants), True
        can_go_on = self._can_go_on()
        self._seed = int(seed)
        self._go_on() if can_go_on else self._run_anew()
        self._inputs.press(NOTHING)
        self.steps, self.over, self.truncated, self.reward, self._begun = 0, False, False, 0.0, True
        self._score = self._ask("score", float)
        return self._ask("observe")

    def _can_go_on(self) -> bool:
        """Whether the title can start the next episode by itself: keys do so on its game-over screen alone."""
        if self.title.again is None or self._is_fresh or self._handover.ended:
            return False
        return self.over or callable(self.title.again)

    def _run_anew(self) -> None:
        self.stop()
        self._is_fresh = False
        self._clock.start(self._seed)
        self._chance.start(self._seed)
        self._inputs.start()
        self._start_display()
        self._frames_before = 0
        name = "__main__" if self.title.entry is None else self.title_module
        self._script = self._modules.fresh(name)
        self._let(lambda: self._handover.start(self._play, self.title.deadline_s))
        self._press_until_ready(self.title.begin)

    @property
    def title_module(self) -> str:
        """Name of the script as a module."""
        return self._modules.path.stem

    def _start_display(self) -> None:
        if not pygame.display.get_init():
            pygame.display.init()
        surface = pygame.display.get_surface()
        if surface is not None:
            surface.fill(0)

    def _go_on(self) -> None:
        """A new episode within the title's own loop."""
        again = self.title.again
        self._frames_before = self._handover.frames
        self._chance.start(self._seed)
        if callable(again):
            restart, game = again, self.game()
            self._inputs.press(NOTHING)
            self._frame(lambda: _call(restart, game))
            self._press_until_ready(self.title.begin)
        elif again is not None:
            self._frame_with(again[0] if again else NOTHING)
            self._press_until_ready((*again[1:], *again[:1]))
        self._chance.start(self._seed)

    def _press_until_ready(self, presses: Any) -> None:
        for count in range(MENU_FRAMES):
            self._require_alive()
            if self._ask("ready", bool):
                return
            self._frame_with(presses[count % len(presses)] if presses else NOTHING)
        raise TitleError(f"{self.title.name} is not ready to be played after {MENU_FRAMES} frames: see Title.ready")

    def _require_alive(self) -> None:
        if self._handover.ended:
            error = self._handover.error
            place = None if error is None else self._place_in(error.__traceback__)
            code = getattr(error, "code", None)
            hint = _no_loop(self.title) if error is None and not self._handover.frames else f": {code}" if code else ""
            self._fail()
            raise TitleError(f"{place or self.title.name}: the title ended before play began{hint}")

    def _frame_with(self, press: Press) -> None:
        self._inputs.press(press)
        self._frame()
        self._inputs.release_taps()

    def _play(self) -> None:
        """What the title's thread does: runs the script."""
        assert self._script is not None
        exec(self._modules.code(str(self._modules.path)), self._script.__dict__)  # noqa: S102  (the title itself)
        if self.title.entry is not None:
            function = getattr(self._script, self.title.entry, None)
            if not callable(function):
                known = ", ".join(name for name, one in vars(self._script).items() if callable(one))
                self._fault = f"{self._modules.path} has no function {self.title.entry!r}; it has {known or 'none'}"
                return
            function()

    # steps

    def step(self, action: Any) -> Any:
        """Takes a step.

        Returns:
            What the title's `observe` returns; `reward`, `over` and `truncated` are set.

        Raises:
            TitleError: No such action; the title fails or hangs; one of the functions of the description fails.
            ResetNeeded: There was no reset, or the episode is over.
        """
        if not self._begun or self.over or self.truncated:
            raise ResetNeeded(f"{self.title.name}: the episode has not begun or is over: call reset() first")
        self._inputs.press(self.title.press(action))
        for frame in range(self.title.frames_per_step):
            if frame == 1:
                self._inputs.release_taps()
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
        """The title's variables now."""
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
            at = authors_place(error)
            was = self._place(self._handover.stack[0]) if self._handover.stack else None
            text = error.args[0] if isinstance(error, KeyError) and error.args else error
            raise TitleError(
                f"{f'{at}: ' if at else ''}Title.{name} failed after frame {self._handover.frames}: "
                f"{type(error).__name__}: {text}" + (f"; the title was at {was}" if was else "")
            ) from error

    def _frame(self, job: Callable[[], None] | None = None) -> None:
        self._let(lambda: self._handover.resume(self.title.deadline_s, job))

    def _let(self, turn: Callable[[], bool]) -> None:
        """Lets the title play until it is halted, and raises what went wrong."""
        self._game = None
        with self._modules.in_place():
            in_time = turn()
            if not in_time:
                self._fault = self._hangs()
                self._end_hanging()
        if self._fault is not None:
            fault, self._fault = self._fault, None
            self._fail()
            raise TitleError(fault)
        error = self._handover.error
        if error is not None and not isinstance(error, SystemExit):
            self._fail()
            raise TitleError(self._shown(error)) from error

    def _fail(self) -> None:
        self.over, self._begun, self._is_fresh = True, False, True

    def _shown(self, error: BaseException) -> str:
        place = self._place_in(error.__traceback__)
        frames_played = self._handover.frames
        if isinstance(error, TitleError):
            return str(error)
        return f"{place or self.title.name}: the title failed in frame {frames_played}: {type(error).__name__}: {error}"

    def _hangs(self) -> str:
        frame = self._handover.running()
        stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
        place = self._place(frame)
        return (
            f"{place or self.title.name}: the title has not asked for input, drawn or waited for "
            f"{self.title.deadline_s:g} s (Title.deadline_s); it was running\n{stack}"
        )

    def _end_hanging(self) -> None:
        self._handover.interrupt()
        if not self._handover.wait(GRACE_S):
            self._fault = f"{self._fault}\nIt cannot be ended either: end this process, and play it in another one."

    def _place(self, frame: FrameType | None) -> Place | None:
        while frame is not None:
            if self._modules.is_own(frame.f_code.co_filename):
                return place_of_frame(frame, frame.f_lineno)
            frame = frame.f_back
        return None

    def _place_in(self, trace: TracebackType | None) -> Place | None:
        own = [at for at in frames(trace) if self._modules.is_own(at[0].f_code.co_filename)]
        return place_of_frame(*own[-1]) if own else None

    # the end

    def stop(self) -> None:
        """Ends the title's loop; `reset` runs the script anew.

        Raises:
            TitleError: It cannot be ended.
        """
        self._begun = False
        with self._modules.in_place():
            stopped = self._handover.stop(GRACE_S)
        if not stopped:
            raise TitleError(f"{self.title.name} cannot be ended: end this process\n{self._hangs()}")
        self._is_fresh = True

    def close(self) -> None:
        """Ends the title and gives everything back; may be called twice."""
        global _open
        if _open is not self:
            return
        try:
            self.stop()
            self._handover.close(GRACE_S)
        finally:
            self._patches.restore()
            _open = None
        if not self._window_before:
            pygame.display.quit()


def _call(restart: Callable[[Namespace], Any], game: Namespace) -> None:
    restart(game)


@contextmanager
def _setting(name: str, value: str) -> Iterator[None]:
    """An environment variable, for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _open_screen() -> bool:
    """Sees to it that the title's window is shown nowhere; whether pygame's display had been started before.

    Raises:
        TitleError: The program has a window of its own.
    """
    if pygame.display.get_init() and pygame.display.get_driver() != "dummy":
        raise TitleError(
            "this process has a window of pygame's already, which the title would take over: "
            "play the title in a process of its own"
        )
    if pygame.display.get_init():
        return True
    with _setting("SDL_VIDEODRIVER", "dummy"):
        pygame.display.init()
    return False


def _no_loop(title: Title) -> str:
    path = Path(str(title.script)).name
    hint = "" if title.entry else "; if its loop is in a function that nobody calls, name it as Title.entry"
    return f": {path} ran to its end without asking for input, drawing or waiting{hint}"
