"""What went wrong with a title, in words: its file and line, and what it was doing."""

import traceback
from collections.abc import Callable
from types import FrameType, TracebackType

from gameagent_games.errors import TitleError
from gameagent_games.places import Place, authors_place, frames, place_of_frame
from gameagent_games.titles.title import Title


class Mishaps:
    """Makes the messages of one title's errors."""

    def __init__(self, title: Title, is_own: Callable[[str], bool]) -> None:
        """Takes the title, and whether a file is its own."""
        self._title, self._is_own = title, is_own

    def at(self, frame: FrameType | None) -> str:
        """The innermost line of the title's in a call stack; the title's name where there is none."""
        while frame is not None:
            if self._is_own(frame.f_code.co_filename):
                return str(place_of_frame(frame, frame.f_lineno))
            frame = frame.f_back
        return self._title.name

    def within(self, trace: TracebackType | None) -> str:
        """The innermost line of the title's in a traceback; the title's name where there is none."""
        own = [at for at in frames(trace) if self._is_own(at[0].f_code.co_filename)]
        return str(place_of_frame(*own[-1])) if own else self._title.name

    def raised(self, error: BaseException, frame: int) -> TitleError:
        """The title raised an error."""
        if isinstance(error, TitleError):
            return error
        where = self.within(error.__traceback__)
        return TitleError(f"{where}: the title failed in frame {frame}: {type(error).__name__}: {error}")

    def refused(self, frame: FrameType, what: str) -> TitleError:
        """The title did what nobody can hold in step."""
        return TitleError(f"{self.at(frame)}: the title {what}")

    def hangs(self, frame: FrameType | None, can_end: bool) -> TitleError:
        """The title does not come back from where it is now."""
        stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
        end = "" if can_end else "\nIt cannot be ended either: end this process, and play it in another one."
        return TitleError(
            f"{self.at(frame)}: the title has not asked for input, drawn or waited for "
            f"{self._title.deadline_s:g} s (Title.deadline_s); it was running\n{stack}{end}"
        )

    def ended_early(self, error: BaseException | None, has_played: bool) -> TitleError:
        """The title ended before play began; ``error`` is what it left with."""
        if error is not None:
            code = getattr(error, "code", None)
            left = f"left with {code!r}" if code else "left"
            return TitleError(f"{self.within(error.__traceback__)}: the title {left} before play began")
        if has_played:
            return TitleError(f"{self._title.name}: the title ended before play began: see Title.begin and Title.ready")
        hint = "" if self._title.entry else "; if its loop is in a function that nobody calls, name it: Title.entry"
        return TitleError(f"{self._title.name}: the title ran to its end without asking for input{hint}")

    def misdescribed(self, function: str, error: Exception, frame: int, halted: FrameType | None) -> TitleError:
        """A function of the description failed while the title was halted."""
        place: Place | None = authors_place(error)
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        was = f"; the title was at {self.at(halted)}" if halted is not None else ""
        start = f"{place}: " if place else ""
        return TitleError(f"{start}Title.{function} failed after frame {frame}: {type(error).__name__}: {text}{was}")
