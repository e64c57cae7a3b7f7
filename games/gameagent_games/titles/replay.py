"""A title's frames on record, and whether something else plays the same: the title again, or a family written for it.

    recording = record(TITLE, actions, seed=1, constants={"GRAVITY": 0.3})
    print(compare(recording, FLAPPY, variant={"gravity": 0.3}))

A family draws its random numbers differently. What chance decides in the title (where a pipe comes up) is therefore
carried over by a function ``align(state, frame)``, which writes it into the family's state before each comparison.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import TitleError
from gameagent_games.interface import Family
from gameagent_games.sources.rules import Rules
from gameagent_games.sources.simulator import RecordView
from gameagent_games.titles.playing import Playing
from gameagent_games.titles.seeing import named
from gameagent_games.titles.title import Title

ALWAYS = ("reward", "over")  # what every title and family has
TOLERANCE = 1e-4  # of a family, whose observations are float32


@dataclass(frozen=True)
class Recording:
    """An episode of a title, or its beginning: T steps.

    Attributes:
        title: The script's name.
        seed: Of the episode.
        constants: Values by name.
        actions: What was done, by number, int64 ``(T,)``; ``(T, tables)`` if there are several tables.
        seen: By name, what was seen before the first step and after each, ``(T + 1, …)``.
        rewards: float64 ``(T,)``.
        over: Whether the last step ended the episode.
    """

    title: str
    seed: int
    constants: Mapping[str, Any]
    actions: NDArray[np.int64]
    seen: Mapping[str, NDArray[Any]]
    rewards: NDArray[np.float64]
    over: bool

    def frame(self, index: int) -> dict[str, NDArray[Any]]:
        """What was seen by name: at first for 0, after step ``index`` for any other."""
        return {name: values[index] for name, values in self.seen.items()}

    def save(self, path: str | Path) -> None:
        """Writes the recording to an ``.npz`` file.

        Raises:
            TitleError: A constant is not a plain value.
        """
        table = {"title": self.title, "seed": self.seed, "constants": dict(self.constants), "over": self.over}
        try:
            about = json.dumps(table)
        except TypeError as error:
            raise TitleError(f"the recording's constants cannot be written to a file: {error}") from error
        seen = {f"seen.{name}": values for name, values in self.seen.items()}
        np.savez_compressed(Path(path), about=np.array(about), actions=self.actions, rewards=self.rewards, **seen)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path) -> "Recording":
        """Reads what `save` wrote.

        Raises:
            TitleError: The file is not such a recording.
        """
        try:
            with np.load(Path(path), allow_pickle=False) as file:
                about = json.loads(str(file["about"]))
                seen = {name[5:]: file[name] for name in file.files if name.startswith("seen.")}
                actions, rewards = file["actions"], file["rewards"]
                return cls(
                    about["title"], about["seed"], about["constants"], actions, seen, rewards, bool(about["over"])
                )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TitleError(f"{path} is not a recording of a title: {error}") from error


@dataclass(frozen=True)
class Difference:
    """The first thing that is not the same.

    Attributes:
        frame: After which step; 0 before the first.
        name: What differs: a value that was seen, "reward", or "over".
        title: The value on record.
        other: The other one.
        tolerance: By how much they may differ.
    """

    frame: int
    name: str
    title: Any
    other: Any
    tolerance: float

    def __str__(self) -> str:
        allowed = f" (may differ by {self.tolerance:g})" if self.tolerance else ""
        return f"frame {self.frame}: {self.name} is {self.title} in the title, {self.other} here{allowed}"


@dataclass(frozen=True)
class Comparison:
    """What came of playing a recording again.

    Attributes:
        num_frames: Steps that were compared.
        names: The values that were compared.
        difference: The first difference; None if there is none.
    """

    num_frames: int
    names: tuple[str, ...]
    difference: Difference | None

    def __str__(self) -> str:
        if self.difference is not None:
            return str(self.difference)
        return f"the same in {self.num_frames} steps: {', '.join(self.names)}"

    def raise_for_difference(self) -> None:
        """Raises TitleError if there is a difference."""
        if self.difference is not None:
            raise TitleError(str(self))


def record(
    title: Title, actions: Sequence[Any], *, seed: int = 0, constants: Mapping[str, Any] | None = None
) -> Recording:
    """Plays an episode and writes down what happens, until the actions or the episode are over.

    Raises:
        TitleError: What `Playing` raises.
    """
    playing = Playing(title, constants)
    try:
        frames, rewards, done = [named(title, playing.reset(seed))], [], []
        for action in actions:
            frames.append(named(title, playing.step(action)))
            rewards.append(playing.reward)
            done.append(title.number(action))
            if playing.over or playing.truncated:
                break
        over = playing.over
    finally:
        playing.close()
    seen = {name: np.array([frame[name] for frame in frames]) for name in frames[0]}
    numbers = np.array(done, np.int64).reshape(len(done), *([len(title.tables)] if _several(title) else []))
    return Recording(title.name, seed, dict(constants or {}), numbers, seen, np.array(rewards, np.float64), over)


def repeat(recording: Recording, title: Title) -> Comparison:
    """Plays a recording through the title again; every bit must be the same."""
    again = record(title, recording.actions.tolist(), seed=recording.seed, constants=recording.constants)
    frames = [again.frame(index) for index in range(len(again.rewards) + 1)]
    rewards = [0.0, *again.rewards.tolist()]
    ends = [False] * len(again.rewards) + [again.over]
    return _compared(recording, zip(frames, rewards, ends, strict=True), (*recording.seen, *ALWAYS), 0.0)


def compare(
    recording: Recording,
    family: Family,
    *,
    variant: Any = None,
    align: Callable[[Any, Mapping[str, NDArray[Any]]], None] | None = None,
    action: Callable[[Any], int] | None = None,
    names: Sequence[str] | None = None,
    tolerance: float = TOLERANCE,
) -> Comparison:
    """Plays a recording through a family and finds the first difference.

    Args:
        recording: Of the title.
        family: The title written as rules, with one seat. Its features are compared with what was seen by their
            names.
        variant: The rules' values; the recording's constants unless given.
        align: Given the family's state and what the title showed, before each comparison: writes what chance decided
            in the title into the state.
        action: From the number of a title's action to the family's; the same number unless given.
        names: What to compare, of what both show, "reward" and "over"; all of it unless given. So a family can be
            written one part after the other.
        tolerance: By how much numbers may differ.

    Raises:
        TitleError: Nothing that the family observes has the name of something seen, or it has several seats.
        VariantError: The variant is not one of the family.
    """
    sizes = {feature.name: feature.size for feature in family.features}
    shared = tuple(name for name in recording.seen if name in sizes)
    if not shared:
        raise TitleError(
            f"family {family.name!r} observes {', '.join(sizes)}, the recording {', '.join(recording.seen)}: "
            "there is no name in both, so nothing to compare"
        )
    for name in shared:
        size = int(np.prod(recording.seen[name].shape[1:]))
        if size != sizes[name]:
            raise TitleError(f"{name} has {sizes[name]} values in family {family.name!r}, {size} in the recording")
    played = _family_frames(recording, family, variant, align, action)
    known = (*shared, *ALWAYS)
    for name in names or ():
        if name not in known:
            raise TitleError(f"there is no {name!r} to compare in family {family.name!r}; there is {', '.join(known)}")
    return _compared(recording, played, known if names is None else tuple(names), tolerance)


def _family_frames(recording: Recording, family: Family, variant: Any, align: Any, action: Any) -> Any:
    """What a family shows, pays and ends with the recording's actions, frame by frame."""
    if family.num_seats != 1 or family.box is not None:
        raise TitleError(f"family {family.name!r} must have one seat and actions with numbers to play a recording")
    if align is not None and not isinstance(family.source, Rules):
        raise TitleError(f"family {family.name!r} has no rules whose state could be aligned: leave out align")
    games = family.make_games(1, num_episodes=1, auto_start=False, compiled=False)
    try:
        games.reset(family.space.records([dict(recording.constants) if variant is None else variant]), np.array([0]))
        yield _frame(games, recording.frame(0), align), 0.0, False
        for index, done in enumerate(recording.actions):
            number = int(done if done.ndim == 0 else done[0]) if action is None else int(action(done))
            games.step(np.array([[number]]))
            frame = _frame(games, recording.frame(index + 1), align)
            yield frame, float(games.rewards[0, 0]), bool(games.terminated[0])
            if games.terminated[0] or games.truncated[0]:
                return
    finally:
        games.close()


def _frame(games: Any, shown: Mapping[str, NDArray[Any]], align: Any) -> dict[str, NDArray[Any]]:
    family = games.family
    values = games.observations[0, 0].copy()
    if align is not None:
        state = RecordView(games.states, 0)
        align(state, shown)
        family.source.observe(state, RecordView(games.variants, 0, family.space.names), 0, values[: family.own_size])
    ends = np.cumsum([feature.size for feature in family.features])[:-1]
    parts = np.split(values[: family.own_size], ends)
    return {feature.name: part for feature, part in zip(family.features, parts, strict=True)}


def _compared(recording: Recording, played: Any, names: tuple[str, ...], tolerance: float) -> Comparison:
    last = len(recording.rewards)
    frame = -1
    for frame, (seen, reward, over) in enumerate(played):
        mine = recording.frame(frame)
        mine["reward"] = np.array(0.0 if frame == 0 else recording.rewards[frame - 1])
        mine["over"] = np.array(recording.over and frame == last)
        other = {**seen, "reward": np.array(reward), "over": np.array(over)}
        for name in names:
            if differs := _difference(frame, name, mine[name].reshape(-1), other[name].reshape(-1), tolerance):
                return Comparison(frame, names, differs)
    if frame < last:
        return Comparison(frame, names, Difference(frame + 1, "over", False, "ended or cut before", 0.0))
    return Comparison(frame, names, None)


def _difference(frame: int, name: str, title: Any, other: Any, tolerance: float) -> Difference | None:
    if title.shape != other.shape:
        return Difference(frame, name, f"of {title.size} values", f"of {other.size}", tolerance)
    if title.dtype == other.dtype == np.bool_:
        apart, tolerance = title != other, 0.0
    elif tolerance:
        apart = ~(np.abs(title.astype(np.float64) - other.astype(np.float64)) <= tolerance)
    else:
        apart = ~((title == other) | ((title != title) & (other != other)))
    if not apart.any():
        return None
    at = int(np.flatnonzero(apart)[0])
    shown = name if title.size == 1 else f"{name}[{at}]"
    return Difference(frame, shown, title[at].item(), other[at].item(), tolerance)


def _several(title: Title) -> bool:
    return isinstance(title.actions, tuple)
