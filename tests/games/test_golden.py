"""Golden playthroughs: what happened once, as text a person can read; a change of the rules shows up as a diff.

After a wanted change raise the family's version and write the files anew: ``python tests/games/test_golden.py``.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_games import Family, Simulator, load_family

FOLDER = Path(__file__).parent / "golden"
GLYPHS = ".aaabbbcccddd#"  # of a cell of forage: empty, items by number, wall (-1)
PLAYS: dict[str, tuple[str, dict[str, Any], int]] = {
    "bandit": ("bandit", {"win_probability": [0.1, 0.3, 0.5, 0.7, 0.9]}, 3),
    "gridnavi": ("gridnavi", {"goal": "3,1"}, 5),
    "navigation": ("navigation", {"goal": [0.07, -0.05]}, 26),
    "forage-plain": (
        "forage",
        {
            "worth": [1.0, -0.5, 0.5, -1.0],
            "mirror": "none",
            "wrap": False,
            "slip": 0.0,
            "regrows": [False] * 4,
            "size": 6,
        },
        11,
    ),
    "forage-odd": (
        "forage",
        {
            "worth": [-0.25, 1.5, -1.5, 0.75],
            "mirror": "both",
            "wrap": True,
            "slip": 0.25,
            "regrows": [True, False, True, True],
            "size": 10,
        },
        12,
    ),
}


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
        if {"x", "y"} <= set(family.state.names or ()):
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
    """Forage's level: cells, and @ for the creature."""
    if family.name != "forage":
        return []
    state, size = simulator.states[0], int(simulator.variants["size"][0])
    rows = [[GLYPHS[cell] for cell in row] for row in state["cells"][:size, :size].tolist()]
    rows[state["y"]][state["x"]] = "@"
    return ["".join(row) for row in rows] + [""]


def fingerprint(observations: np.ndarray) -> str:
    """A short fingerprint of what is seen, rounded so that no machine's last bit matters."""
    rounded = np.round(observations.astype(np.float64) * 1000).astype(np.int64).reshape(-1)
    return f"{int((rounded * np.arange(1, 2 * rounded.size, 2)).sum()) & 0xFFFFFF:06x}"


@pytest.mark.parametrize("name", PLAYS)
def test_it_happens_again(name: str) -> None:
    family, rules, seed = PLAYS[name]
    assert playthrough(load_family(family), rules, seed) == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


if __name__ == "__main__":
    for name, (family, rules, seed) in PLAYS.items():
        (FOLDER / f"{name}.txt").write_text(playthrough(load_family(family), rules, seed), encoding="utf-8")
