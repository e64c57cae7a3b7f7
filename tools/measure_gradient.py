"""Measures what gradient steps are worth, through exported files.

python tools/measure_gradient.py protocol maml.onnx --rollouts 40 --steps 3
    mean return after 0, 1, ... gradient steps of 40 episodes each: the protocol of Finn et al. 2017, sec. 5.3
python tools/measure_gradient.py against agent.onnx [other.onnx] --episodes 10 --split out_of_range/test
    what a file gains on itself without gradient steps, or on another file, on the same variants and levels
python tools/measure_gradient.py cost agent.onnx --steps 256
    what gradient steps cost in the game: the CPU time of `tick` behind three episodes of so many steps, in both engines
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
from numpy.typing import NDArray

from gameagent.errors import ConfigError, GameAgentError
from gameagent.judging.evaluate import evaluate_bundle
from gameagent.judging.intervals import estimate
from gameagent_games.errors import GamesError
from gameagent_games.interface import Family
from gameagent_games.registry import load_family
from gameagent_games.variants.variant import SPLITS
from gameagent_sdk import Agent, Bundle, Policy, SdkError
from gameagent_sdk.authoring import attach_manifest

NUM_EPISODES = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Measures; gives the exit status."""
    args = _parse(argv)
    try:
        {"protocol": _protocol, "against": _against, "cost": _cost}[args.command](args)
    except (GameAgentError, GamesError, SdkError) as error:
        print(f"measure_gradient: {error}", file=sys.stderr)
        return 1
    return 0


def with_rollouts(bundle: Bundle, num_rollouts: int, rollback_margin: float | None = None) -> Bundle:
    """The same file, but with as many episodes to a gradient step, and another rollback margin if given.

    Raises:
        ConfigError: It takes none.
    """
    if bundle.manifest.gradient is None:
        raise ConfigError(f"{bundle.path} takes no gradient steps: train with algorithm=maml, say")
    gradient = replace(bundle.manifest.gradient, episodes_per_step=num_rollouts)
    gradient = gradient if rollback_margin is None else replace(gradient, rollback_margin=rollback_margin)
    return Bundle.from_bytes(
        attach_manifest(bundle.data, replace(bundle.manifest, gradient=gradient), bundle.adaptation_data)
    )


def by_step(returns: NDArray[np.float64], num_rollouts: int) -> NDArray[np.float64]:
    """Mean return of each variant after each number of steps ``(N, steps + 1)``, from ``(N, episodes)``."""
    means: NDArray[np.float64] = returns.reshape(len(returns), -1, num_rollouts).mean(axis=2)
    return means


def _protocol(args: argparse.Namespace) -> None:
    bundle = with_rollouts(Bundle.read(args.file), args.rollouts)
    returns = evaluate_bundle(
        bundle, _family(bundle), split=args.split, num_variants=args.variants,
        num_episodes=args.rollouts * (args.steps + 1), seed=args.seed,
    )[:, :, 0]  # fmt: skip
    print(f"{args.file}: mean return of {args.variants} variants of {args.split!r}, {args.rollouts} episodes a step")
    for step, means in enumerate(by_step(returns, args.rollouts).T):
        found = estimate(means[None])
        low, high = found.ci95
        print(f"after {step} steps  {found.mean:8.2f}  [{low:.2f}, {high:.2f}]")


def _against(args: argparse.Namespace) -> None:
    bundle = Bundle.read(args.file)
    trial = {
        "split": args.split, "num_variants": args.variants, "seed": args.seed,
        "num_episodes": args.episodes or bundle.manifest.num_episodes,
    }  # fmt: skip
    other = bundle if args.other is None else Bundle.read(args.other)
    mine = evaluate_bundle(bundle, _family(bundle), **trial).mean(axis=2)
    theirs = evaluate_bundle(other, _family(other), gradient=args.other is not None, **trial).mean(axis=2)
    name = f"{args.file} without gradient steps" if args.other is None else str(args.other)
    gain = estimate((mine - theirs).mean(axis=1)[None])
    low, high = gain.ci95
    print(f"{args.variants} variants of {args.split!r}, {mine.shape[1]} episodes, mean return of an episode")
    print(f"{mine.mean():8.3f}  {args.file}")
    print(f"{theirs.mean():8.3f}  {name}")
    print(f"{gain.mean:+8.3f}  [{low:+.3f}, {high:+.3f}]")
    for label, curve in (("with", mine), ("without" if args.other is None else "other", theirs)):
        print(f"{label:8s}" + " ".join(f"{mean:8.2f}" for mean in curve.mean(axis=0)))


def _cost(args: argparse.Namespace) -> None:
    bundle = with_rollouts(
        Bundle.read(args.file), 1, rollback_margin=1e30
    )  # what is taken back costs less: let nothing be
    print(f"{args.file}: CPU time of the gradient steps behind {NUM_EPISODES} episodes, median of {args.repeats}")
    for engine in ("onnxruntime", "numpy"):
        agent = Agent(Policy(bundle.without_plan(), engine), seed=args.seed)
        for label, shortest in (("the same length", args.steps), ("other lengths", args.steps * 3 // 4)):
            shape = args.repeats, NUM_EPISODES
            lengths = np.random.default_rng(args.seed).integers(shortest, args.steps, shape, endpoint=True)
            spent = [milliseconds(agent, row.tolist(), args.seed) for row in lengths]
            print(f"{engine:12s} {label:16s} {median(spent):6.2f} ms  [{min(spent):.2f}, {max(spent):.2f}]")


def milliseconds(agent: Agent, lengths: Sequence[int], seed: int) -> float:
    """CPU time of an agent's gradient steps behind episodes of random observations of these lengths, in all."""
    generator, spent = np.random.default_rng(seed), 0.0
    agent.begin_trial()
    for length in lengths:
        for step in range(length):
            legal = np.ones(agent.manifest.num_actions, bool) if agent.manifest.action.mask else None
            agent.act(generator.uniform(-1.0, 1.0, agent.manifest.observation_size).astype(np.float32), legal)
            agent.observe(float(generator.normal()), terminated=step == length - 1)
        started = process_time()
        agent.tick(1e6)
        spent += process_time() - started
    return 1000.0 * spent


def _family(bundle: Bundle) -> Family:
    return load_family(bundle.manifest.name)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    protocol = commands.add_parser("protocol", help="return by number of gradient steps")
    protocol.add_argument("--rollouts", type=int, default=40, metavar="B", help="episodes of a step")
    protocol.add_argument("--steps", type=int, default=3, metavar="S", help="gradient steps")
    against = commands.add_parser("against", help="gain on no gradient steps, or on another file")
    against.add_argument("--episodes", type=int, metavar="K", help="of a trial (default: as trained)")
    cost = commands.add_parser("cost", help="CPU time of gradient steps in the game")
    cost.add_argument("file", type=Path, metavar="FILE.onnx")
    cost.add_argument("--steps", type=int, default=256, metavar="S", help="of an episode (default: %(default)s)")
    cost.add_argument("--repeats", type=int, default=15, metavar="N")
    cost.add_argument("--seed", type=int, default=0)
    for command in (protocol, against):
        command.add_argument("file", type=Path, metavar="FILE.onnx")
        command.add_argument("--variants", type=int, default=100 if command is protocol else 1000, metavar="N")
        command.add_argument("--split", choices=SPLITS, default="test")
        command.add_argument("--seed", type=int, default=0)
    against.add_argument("other", type=Path, nargs="?", metavar="OTHER.onnx")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
