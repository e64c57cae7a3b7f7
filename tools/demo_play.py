"""Lets an exported agent play held-out variants, without torch, and shows how it adapts.

    python tools/demo_play.py forage.onnx --variants 1000 --plot adaptation.png

Three players meet the same variants and levels: the agent; the same agent with its memory cleared at every
episode's start, so that whatever it gains is not learning; and one that plays at random.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gameagent_games.interface import Family
from gameagent_games.registry import load_family
from gameagent_sdk import Bundle, SdkError
from gameagent_sdk.authoring import PolicySession, action_probabilities, sample_actions

SEED = 2026
NUM_RESAMPLES = 2000  # of the bootstrap
PLAYERS = {"agent": "the agent", "forgetful": "its memory cleared", "random": "uniform random"}

Curve = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]  # mean, low, high, each (K,)


def play(family: Family, bundle: Bundle, player: str, num_variants: int) -> NDArray[np.float64]:
    """Plays one trial of each held-out variant, all side by side.

    Args:
        family: The game.
        bundle: The agent.
        player: One of `PLAYERS`.
        num_variants: How many.

    Returns:
        float64 ``(num_variants, K)``; the return of every episode.
    """
    rng = np.random.default_rng(SEED)
    variants = family.space.sample(num_variants, SEED, split="test")
    games = family.make_games(num_variants, num_episodes=bundle.manifest.num_episodes)
    games.reset(variants, np.arange(num_variants))
    session = PolicySession(bundle)
    session.reset(num_variants)
    returns = np.zeros((num_variants, games.num_episodes))
    rows = np.arange(num_variants)
    while not games.finished.all():
        legal = games.legal_actions[:, 0]
        logits = session.step(games.observations[:, 0], legal if family.has_mask else None)
        if player == "random":
            probabilities = legal / legal.sum(axis=1, keepdims=True)
        else:
            probabilities = action_probabilities(logits, legal, bundle.manifest.temperature)
        actions = sample_actions(probabilities, rng)
        episodes = games.episodes.copy()  # the running ones: a step may end them
        going_on = ~games.finished
        games.step(actions[:, None])
        rewards = games.rewards[:, 0]
        returns[rows[going_on], episodes[going_on]] += rewards[going_on]
        ended = games.terminated | games.truncated
        session.observe(actions, rewards, ended)
        if player == "forgetful":
            session.reset_rows(ended)
    return returns


def curve(returns: NDArray[np.float64]) -> Curve:
    """Mean return by episode with its 95 % bootstrap interval over variants."""
    num_variants = len(returns)
    even = np.full(num_variants, 1 / num_variants)
    means = np.random.default_rng(SEED).multinomial(num_variants, even, NUM_RESAMPLES) @ returns / num_variants
    return returns.mean(axis=0), np.percentile(means, 2.5, axis=0), np.percentile(means, 97.5, axis=0)


def print_table(title: str, curves: dict[str, Curve]) -> None:
    """Prints one row for each episode, one column for each player."""
    columns = ["episode", *(PLAYERS[player] for player in curves)]
    num_episodes = len(next(iter(curves.values()))[0])
    rows = [
        [str(k + 1), *(f"{mean[k]:.2f} [{low[k]:.2f}, {high[k]:.2f}]" for mean, low, high in curves.values())]
        for k in range(num_episodes)
    ]
    caption = "mean over variants, 95 % bootstrap interval; memory is cleared at every episode"
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:  # it comes with the trainer, not with the SDK
        lines = ["".join(f"{cell:>24}" for cell in row) for row in [columns, *rows]]
        print("\n".join([title, *lines, caption]))
        return
    table = Table(*columns, title=title, caption=caption)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def draw_plot(path: Path, title: str, curves: dict[str, Curve]) -> None:
    """Writes the curves as a picture.

    Raises:
        SystemExit: matplotlib is missing.
    """
    try:
        import matplotlib

        matplotlib.use("Agg")  # no screen needed
        from matplotlib import pyplot
    except ImportError:
        raise SystemExit("demo_play.py: --plot needs matplotlib: pip install matplotlib") from None
    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for player, (mean, low, high) in curves.items():
        episodes = np.arange(1, len(mean) + 1)
        (line,) = axes.plot(episodes, mean, marker="o", label=PLAYERS[player])
        axes.fill_between(episodes, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    axes.set(title=title, xlabel="episode of the trial", ylabel="mean return, 95 % interval", xticks=episodes)
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def print_gains(returns: dict[str, NDArray[np.float64]]) -> None:
    """Prints what adaptation is worth, as differences on the same variants."""
    agent = returns["agent"]
    for what, difference in (
        ("From its first episode to its last the agent gains", agent[:, -1:] - agent[:, :1]),
        ("In the last episode it beats itself with its memory cleared by", (agent - returns["forgetful"])[:, -1:]),
    ):
        mean, low, high = (float(value[0]) for value in curve(difference))
        print(f"{what} {mean:+.2f} [{low:+.2f}, {high:+.2f}].")


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="the .onnx file")
    parser.add_argument("--variants", type=int, default=1000, help="held-out variants to play (default: %(default)s)")
    parser.add_argument("--plot", type=Path, help="PNG file to draw the curves into")
    options = parser.parse_args()
    if options.variants < 2:
        parser.error("--variants: at least 2 are needed")
    return options


def main() -> None:
    """Plays held-out variants with a bundle and prints the curve."""
    options = parse()
    try:
        bundle = Bundle.read(options.bundle)
    except SdkError as error:
        raise SystemExit(f"demo_play.py: {error}") from None
    config = bundle.manifest.training.get("config", {})
    family = load_family(config.get("family", bundle.manifest.name))
    started = time.perf_counter()
    returns = {player: play(family, bundle, player, options.variants) for player in PLAYERS}
    seconds = time.perf_counter() - started
    curves = {player: curve(played) for player, played in returns.items()}
    title = f"{family.name}: {options.variants} variants that training never saw"
    print_table(title, curves)
    print_gains(returns)
    if options.plot:
        draw_plot(options.plot, title, curves)
    if loaded := {"torch", "gameagent"} & set(sys.modules):
        raise SystemExit(f"demo_play.py: {', '.join(sorted(loaded))} was imported, but this must run without it")
    print(f"{3 * options.variants} trials in {seconds:.0f} s with numpy and onnxruntime; torch was not imported.")


if __name__ == "__main__":
    main()
