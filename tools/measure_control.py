"""Measures the designer's controls on an exported agent: strength, forgetting and freezing.

    python tools/measure_control.py runs/demo/forage.onnx --family forage --variants 400

Held-out variants, agents of the SDK, one seed for variants, levels and choices alike.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gameagent_games import Family, load_family
from gameagent_sdk import Agent, Bundle, Policy, Squad

SEED = 2000
STRENGTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)

Control = Callable[[list[Agent], int], None]
"""Called with the agents at each episode's start, the first too, and its index."""


def play(policy: Policy, family: Family, num_variants: int, strength: float, control: Control) -> NDArray[np.float64]:
    """One trial of each variant.

    Returns:
        float64 ``(num_variants, K)``; the return of every episode.
    """
    num_episodes = policy.manifest.num_episodes
    games = family.make_games(num_variants, num_episodes=num_episodes)
    games.reset(family.space.sample(num_variants, SEED, split="test"), np.arange(num_variants))
    squad = Squad(policy, seed=SEED)
    agents = [squad.join(strength=strength) for _ in range(num_variants)]
    control(agents, 0)
    while not games.finished.all():
        playing = np.flatnonzero(~games.finished)
        seen = {agents[i]: games.observations[i, 0] for i in playing}
        legal = {agents[i]: games.legal_actions[i, 0] for i in playing} if family.has_mask else None
        chosen = squad.act(seen, legal)
        actions = np.zeros((num_variants, 1), np.int64)
        actions[playing, 0] = list(chosen.values())
        games.step(actions)
        for i in playing:
            agents[i].observe(games.rewards[i, 0], bool(games.terminated[i]), bool(games.truncated[i]))
            if agents[i].step == 0 and agents[i].episode < num_episodes:
                control([agents[i]], agents[i].episode)
    return np.array([agent.returns for agent in agents])


def line(title: str, returns: NDArray[np.float64]) -> str:
    """Means by episode, and the whole trial's with its standard error."""
    totals = returns.mean(axis=1)
    episodes = "  ".join(f"{mean:6.2f}" for mean in returns.mean(axis=0))
    return f"{title:<28}{episodes}   all {totals.mean():6.2f} ± {totals.std() / np.sqrt(len(totals)):.2f}"


def nothing(agents: list[Agent], episode: int) -> None:
    """Leaves the agents alone."""


def forgetting(fraction: float) -> Control:
    """Forgets a fraction at the end of every episode."""

    def control(agents: list[Agent], episode: int) -> None:
        for agent in agents if episode else []:
            agent.forget(fraction)

    return control


def freezing(at: int) -> Control:
    """Freezes at the start of one episode."""

    def control(agents: list[Agent], episode: int) -> None:
        for agent in agents if episode == at else []:
            agent.freeze()

    return control


def main() -> None:
    """Reads the command line, plays, and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--family", default="forage", help="a family's name, or package.module:NAME")
    parser.add_argument("--variants", type=int, default=400)
    arguments = parser.parse_args()
    policy = Policy(Bundle.read(arguments.bundle).without_plan())  # games give rows
    family = load_family(arguments.family)

    def show(title: str, strength: float, control: Control) -> None:
        print(line(title, play(policy, family, arguments.variants, strength, control)), flush=True)

    print(f"mean return by episode on {arguments.variants} held-out variants of {family.name}")
    for strength in STRENGTHS:
        show(f"strength {strength:g}", strength, nothing)
    for fraction in FRACTIONS:
        show(f"forget {fraction:g} an episode", 1.0, forgetting(fraction))
    for at in range(policy.manifest.num_episodes):
        show(f"frozen before episode {at + 1}", 1.0, freezing(at))


if __name__ == "__main__":
    main()
