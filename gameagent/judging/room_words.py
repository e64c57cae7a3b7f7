"""What a measured room says to a designer of rules: a table, a few sentences, and warnings with what to do."""

import math
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

if TYPE_CHECKING:
    from gameagent.judging.room import Room, Share

NAMES = {
    "oracle": "rules shown",
    "agent": "with memory",
    "wiped": "wiped every episode",
    "memoryless": "without memory",
    "random": "random play",
}
"""The players whose returns a room is measured on, best informed first, and what a designer is told of them."""
LEAST_ROOM = 0.05  # below this there is hardly anything to learn
MOSTLY = 2 / 3  # of what is found


def table(room: "Room") -> Table:
    """Returns by episode and scores, for a terminal."""
    evaluation = room.evaluation
    made = Table(
        title=f"{evaluation.family}: mean return by episode, {evaluation.num_variants} variants of split "
        f"{evaluation.split!r}",
        caption="score: of the way from random play to a player who is shown the rules, ± half the 95 % interval",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    made.add_column("player", no_wrap=True)
    shown = evaluation.shown_episodes
    for name in (*(f"{episode + 1}" for episode in shown), "mean", "score"):
        made.add_column(name, justify="right", no_wrap=True)
    for name, words in NAMES.items():
        by_episode = evaluation.returns[name][0].mean(axis=(0, 2))
        figures = [f"{value:.2f}" for value in (*by_episode[shown], by_episode.mean())]
        made.add_row(words, *figures, _score(room.score(name)))
    if (ceiling := evaluation.ceiling) is not None:
        cells = [f"{ceiling.episodes[k]:.2f}" if ceiling.episodes else "" for k in shown]
        made.add_row("best possible", *cells, f"{ceiling.total / ceiling.num_episodes:.2f}", "", style="dim")
    return made


def _score(share: "Share") -> str:
    if math.isnan(share.value):
        return "-"
    half = 50.0 * (share.high - share.low)
    return _percent(share.value) if half == 0.0 else f"{_points(share.value)}±{half:.0f} %"


def _percent(value: float) -> str:
    return f"{_points(value)} %"


def _points(value: float) -> str:
    return str(round(100.0 * value))


def _interval(share: "Share") -> str:
    return f"{_points(share.low)} to {_points(share.high)} %"


def sentences(room: "Room") -> list[str]:
    """What the figures mean, in two or three paragraphs."""
    evaluation = room.evaluation
    terms = (
        f"This is from one training run of each player, of {evaluation.training_steps:,} steps; the intervals are over "
        f"{evaluation.num_variants} variants, not over training runs."
    )
    if not room.learnt:
        return [terms]
    size = room.room
    rest = "the rest is what there is" if size.value >= LEAST_ROOM else "hardly anything is left"
    told = (
        f"Room: {_percent(size.value)} ({_interval(size)}). If random play counts as 0 % and a player who is shown the "
        f"rules as 100 %, a player without memory gets {_percent(room.score('memoryless').value)}; {rest} to learn "
        "about the hidden rules."
    )
    return [told, *([] if _hardly_any(room) else [_when(room)]), terms]


def _hardly_any(room: "Room") -> bool:
    return room.room.value < LEAST_ROOM or room.room.low <= 0.0


def _when(room: "Room") -> str:
    """When the agent finds the rules out."""
    if room.found.low <= 0.0:
        return (
            "The player with memory gets hardly any of it on this budget, so when the rules are found out cannot be "
            "said yet."
        )
    within, between = room.within.value, room.between.value
    wiped = f"{_points(within)} of them" if within > 0.0 else f"none of them ({_points(within)})"
    split = (
        f"The player with memory gets {_points(room.found.value)} of these {_points(room.room.value)} points. With its "
        f"memory wiped at the end of every episode it gets {wiped}: so much is found out within one episode. What it "
        f"remembers of earlier episodes is worth {_points(between)}."
    )
    so_far = "On this budget" if "agent" in room.rising else "So"
    return f"{split} {so_far} the hidden rules are found out {_verdict(between / room.found.value)}"


def _verdict(between: float) -> str:
    """When the rules are found out, from the share of what is found that takes memory of earlier episodes."""
    if between >= MOSTLY:
        return "between episodes: one episode hardly shows them, and returns should rise from episode to episode."
    if between <= 1.0 - MOSTLY:
        return (
            "within the first episode: expect a good first episode, and hardly a rise after it. Judge an agent by its "
            "lead over a player without memory."
        )
    return (
        "partly within the first episode and partly between episodes: expect a lead over a player without memory at "
        "once, and a rise after it."
    )


def warnings(room: "Room") -> list[str]:
    """What is wrong with the rules, or with the measure, and what to do about it."""
    if not room.learnt:
        return [_not_learnt(room)]
    found = [warning for warning in (_little_room(room) or _memory_behind(room), _below_ceiling(room)) if warning]
    return [*found, *([_rising(room)] if room.rising else [])]


def _not_learnt(room: "Room") -> str:
    return (
        f"the player who is shown the rules is hardly better than random play ({room.mean('oracle'):.2f} against "
        f"{room.mean('random'):.2f} an episode), so this says nothing about the room. Give a --steps four times as "
        "large; if that changes nothing, the game is hard to learn even with its rules known, or luck decides more "
        "than skill."
    )


def _little_room(room: "Room") -> str:
    size = room.room
    if size.high < 0.0:
        return (
            "the player without memory does better than the one who is shown the rules "
            f"({room.mean('memoryless'):.2f} against {room.mean('oracle'):.2f} an episode), so there is hardly any "
            "room, or the budget is too small to learn what the rules are good for: without memory one learns faster. "
            "Give a larger --steps to tell."
        )
    if size.value < LEAST_ROOM:
        doubt = f" Give more --variants to tell {_percent(size.value)} from a room that counts."
        return (
            "there is hardly anything to learn about the hidden rules: a player without memory does as well as one who "
            "is shown them. Hide what changes which action is right (the goal, the map, the controls, a rival's "
            "habit), widen the ranges, or train an ordinary agent." + (doubt if size.high >= LEAST_ROOM else "")
        )
    if size.low <= 0.0:
        return (
            f"the interval of the room, {_interval(size)}, includes 0: there may be nothing to learn about the hidden "
            "rules. Give more --variants, or a larger --steps."
        )
    return ""


def _memory_behind(room: "Room") -> str:
    if room.found.high >= 0.0:
        return ""
    return (
        f"the player with memory does worse than the one without ({room.mean('agent'):.2f} against "
        f"{room.mean('memoryless'):.2f} an episode): the budget is too small to learn what memory is good for. Give a "
        "larger --steps."
    )


def _below_ceiling(room: "Room") -> str:
    ceiling = room.evaluation.ceiling
    if ceiling is None or ceiling.total / ceiling.num_episodes <= room.mean("oracle"):
        return ""
    return (
        f"the player who is shown the rules gets {room.mean('oracle'):.2f} an episode, and even one who has to find "
        f"them out can get {ceiling.total / ceiling.num_episodes:.2f} ({ceiling.source}): the budget is too small for "
        "the exact size of the room. Give a larger --steps."
    )


def _rising(room: "Room") -> str:
    names = ", ".join(f"'{NAMES[name]}'" for name in room.rising)
    few = " or had too few updates to tell" if None in room.gains.values() else ""
    return f"still getting better when the budget ended{few}: {names}. The figures will change with a larger --steps."
