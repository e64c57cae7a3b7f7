"""Plays the keeper against people who are not among the shooters that it was trained on.

    python people.py

Each person is a few lines below. All of them step to a random lane and shoot with a human's timing; what a save is
and what the keeper sees comes from the title's own ``football.py``.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from gameagent_sdk import Bundle
from gameagent_sdk.authoring import PolicySession, action_probabilities, sample_actions
from numpy.typing import NDArray

import football
from football import KICKS, NUM_LANES, NUM_SPOTS, SAVED

Kick = tuple[int, int, int, int]  # lane, spot, dive, result
Person = Callable[[list[Kick], int, np.random.Generator], int]
"""From all kicks so far in the trial, the lane, and dice: the next spot."""


def corners_in_turn(kicks: list[Kick], lane: int, dice: np.random.Generator) -> int:
    return (0, 4)[len(kicks) % 2]


def crosses_after_a_save(kicks: list[Kick], lane: int, dice: np.random.Generator) -> int:
    if not kicks:
        return int(dice.choice((1, 3)))
    _, spot, _, result = kicks[-1]
    return 4 - spot if result == SAVED else spot


def three_in_rotation(kicks: list[Kick], lane: int, dice: np.random.Generator) -> int:
    return (0, 2, 3)[len(kicks) % 3]


def not_there_lately(kicks: list[Kick], lane: int, dice: np.random.Generator) -> int:
    lately = {spot for _, spot, _, _ in kicks[-3:]}
    return int(dice.choice([spot for spot in range(NUM_SPOTS) if spot not in lately]))


def across_the_run_up(kicks: list[Kick], lane: int, dice: np.random.Generator) -> int:
    return int(dice.choice(((3, 4), (0, 4), (0, 1))[lane]))


def new_mind_every_three_matches(kicks: list[Kick], lane: int, dice: np.random.Generator) -> int:
    favourite = (0, 3, 1, 4)[len(kicks) // (3 * KICKS) % 4]
    return favourite if dice.random() < 0.8 else int(dice.integers(NUM_SPOTS))


def dice_thrower(kicks: list[Kick], lane: int, dice: np.random.Generator) -> int:
    return int(dice.integers(NUM_SPOTS))


PEOPLE: tuple[Person, ...] = (
    corners_in_turn,
    crosses_after_a_save,
    three_in_rotation,
    not_there_lately,
    across_the_run_up,
    new_mind_every_three_matches,
    dice_thrower,
)


def play(person: Person, bundle: Bundle | None, *, num_trials: int, num_matches: int, seed: int) -> NDArray[np.float64]:
    """Plays trials of one person side by side.

    Args:
        person: Who shoots.
        bundle: Whose agent keeps goal; None for dives at random.
        num_trials: Trials; the keeper knows nothing at the start of each.
        num_matches: Matches of a trial.
        seed: Of everything random.

    Returns:
        Saves, float64 ``(num_trials, num_matches)``.
    """
    dice = np.random.default_rng(seed)
    session = None if bundle is None else PolicySession(bundle)
    if session is not None:
        session.reset(num_trials)
    kicks: list[list[Kick]] = [[] for _ in range(num_trials)]
    last = [football.NO_SHOT] * num_trials
    saves = np.zeros((num_trials, num_matches))
    for number in range(num_matches * KICKS):
        match, kick = divmod(number, KICKS)
        last = [football.NO_SHOT] * num_trials if kick == 0 else last
        lanes = dice.integers(NUM_LANES, size=num_trials).tolist()
        spots = [person(kicks[i], lanes[i], dice) for i in range(num_trials)]
        powers = dice.triangular(0.4, 0.7, 1.0, num_trials).tolist()
        if session is None:
            dives = dice.integers(NUM_SPOTS, size=num_trials)
        else:
            seen = np.array([football.keeper_sees(kick, lanes[i], *last[i]) for i in range(num_trials)], np.float32)
            chances = action_probabilities(session.step(seen), None, session.manifest.temperature)
            dives = sample_actions(chances, dice)
        results = [football.result_of(spots[i], powers[i], int(dives[i])) for i in range(num_trials)]
        saved = np.array(results) == SAVED
        saves[:, match] += saved
        if session is not None:
            session.observe(dives, saved.astype(float), np.full(num_trials, kick == KICKS - 1))
        for i in range(num_trials):
            kicks[i].append((lanes[i], spots[i], int(dives[i]), results[i]))
            last[i] = (spots[i], powers[i], results[i])
    return saves


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--agent", type=Path, default=Path(__file__).with_name("keeper.onnx"), metavar="FILE.onnx")
    parser.add_argument("--trials", type=int, default=1000, metavar="N")
    parser.add_argument("--matches", type=int, default=12, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    args = parser.parse_args()
    bundle = Bundle.read(args.agent)
    shown = [match for match in (1, 2, 3, 4, 6, 12) if match <= args.matches]
    print(f"saves of {KICKS}, mean of {args.trials} trials ± 95 % interval; match:".ljust(45))
    print(f"{'person':30}{'random':>12}" + "".join(f"{match:12}" for match in shown))
    for person in PEOPLE:
        size = {"num_trials": args.trials, "num_matches": args.matches, "seed": args.seed}
        columns = [play(person, None, **size).mean(axis=1), *play(person, bundle, **size).T[[m - 1 for m in shown]]]
        cells = [f"{c.mean():.2f} ± {1.96 * c.std(ddof=1) / len(c) ** 0.5:.2f}" for c in columns]
        print(f"{person.__name__.replace('_', ' '):30}" + "".join(f"{cell:>12}" for cell in cells))


if __name__ == "__main__":
    main()
