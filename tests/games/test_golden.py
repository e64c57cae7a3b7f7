"""Golden playthroughs: what happened once, as text a person can read; a change of the rules shows up as a diff.

They are the files ``golden/*.txt`` in a family's folder. The first lines of each say what is played: to add one, write
only these. After an intended change of the rules raise the family's version, then rewrite all files with
``python tests/games/test_golden.py``.
"""

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_games import Family, Simulator, load_family
from gameagent_games.registry import built_in_names, family_folder

FILES = [path for name in built_in_names() for path in sorted(family_folder(name).glob("golden/*.txt"))]
GLYPHS = ".aaabbbcccddd#"  # of a cell of forage: empty, items by number, wall (-1)


def playthrough(family: Family, rules: dict[str, Any], seed: int) -> str:
    """A trial of two episodes with random actions, a line per step."""
    simulator = Simulator(family, 1, num_episodes=2, compiled=False)
    simulator.reset(family.space.records([rules]), np.array([seed]))
    generator = np.random.default_rng(seed)
    lines = [f"family {family.name} version {family.version}, seed {seed}"]
    lines += [f"{name} = {value}" for name, value in rules.items()] + ["", *picture(family, simulator)]
    while not simulator.finished[0]:
        actions = family.random_actions(generator, 1)
        simulator.step(actions)
        seen = fingerprint(simulator.observations)
        line = f"{words(family, actions[0, 0]):6}{simulator.rewards[0, 0]:+6.2f}  sees {seen}"
        if {"x", "y"} <= set(simulator.states.dtype.names or ()):
            line += f"  at {place(simulator.states['x'][0])},{place(simulator.states['y'][0])}"
        lines.append(line)
        if simulator.terminated[0] or simulator.truncated[0]:
            lines += ["terminated" if simulator.terminated[0] else "truncated", "", *picture(family, simulator)]
    return "\n".join(lines).rstrip() + "\n"


def words(family: Family, action: Any) -> str:
    """A discrete action's name, or the numbers of a continuous one."""
    return family.action_names[action] if family.box is None else " ".join(f"{number:+.3f}" for number in action)


def place(coordinate: Any) -> str:
    return f"{coordinate:.3f}" if isinstance(coordinate, np.floating) else str(coordinate)


def picture(family: Family, simulator: Simulator) -> list[str]:
    """The level of a family whose state has cells: each cell, and @ for the player."""
    if "cells" not in (simulator.states.dtype.names or ()):
        return []
    state, size = simulator.states[0], int(simulator.variants["size"][0])
    rows = [[GLYPHS[cell] for cell in row] for row in state["cells"][:size, :size].tolist()]
    rows[state["y"]][state["x"]] = "@"
    return ["".join(row) for row in rows] + [""]


def fingerprint(observations: np.ndarray) -> str:
    """A short fingerprint of what is seen, rounded so that no machine's last bit matters."""
    rounded = np.round(observations.astype(np.float64) * 1000).astype(np.int64).reshape(-1)
    return f"{int((rounded * np.arange(1, 2 * rounded.size, 2)).sum()) & 0xFFFFFF:06x}"


def read_head(text: str) -> tuple[Family, dict[str, Any], int]:
    """The family, rules and seed in the first lines of a golden file, up to the first empty one."""
    first, *lines = text.split("\n\n")[0].splitlines()
    words = first.replace(",", "").split()
    assert words[::2] == ["family", "version", "seed"], first
    return (
        load_family(words[1]),
        {name: value(text) for name, text in (line.split(" = ") for line in lines)},
        int(words[5]),
    )


def value(text: str) -> Any:
    """A rule's value as it is printed: a list, a number, True or False; anything else is a name."""
    if text.startswith("[") or text in ("True", "False"):
        return ast.literal_eval(text)
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def test_it_happens_again(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert playthrough(*read_head(text)) == text


def test_every_family_has_golden_plays_of_its_own() -> None:
    owners = {path: read_head(path.read_text(encoding="utf-8"))[0].name for path in FILES}
    assert set(owners.values()) == set(built_in_names())
    assert all(path.is_relative_to(family_folder(name)) for path, name in owners.items())


if __name__ == "__main__":
    for path in FILES:
        path.write_text(playthrough(*read_head(path.read_text(encoding="utf-8"))), encoding="utf-8")
