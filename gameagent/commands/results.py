"""``gameagent evaluate`` and ``gameagent export``."""

import argparse

from rich.console import Console

from gameagent.commands.arguments import HIGHEST_SEED, MOST_EPISODES, MOST_TRIALS, AddCommand, check_range, file_path
from gameagent.errors import ConfigError
from gameagent_games.variants.variant import SPLITS

SUMMARY_TRIALS = 500  # of the evaluation in an exported file, unless another number is asked for
HIGHEST_TEMPERATURE = 1000


def add_commands(add: AddCommand) -> None:
    """Adds them to the command line."""
    sub = add(
        "evaluate", _evaluate, "measure the adaptation curve on held-out variants",
        "gameagent evaluate runs/forage --json curve.json --plot curve.png",
    )  # fmt: skip
    sub.add_argument(
        "agent", type=file_path, nargs="+", metavar="RUN_OR_ONNX",
        help="a run's folder or an exported file; several of one config, trained with different seeds, give intervals "
        "over training runs",
    )  # fmt: skip
    sub.add_argument(
        "--family",
        metavar="PACKAGE.MODULE:NAME",
        help="where an exported file's family is, if it is not registered; or a rule file (.toml) to judge it on",
    )
    sub.add_argument(
        "--split",
        choices=SPLITS,
        help="split to draw from (default: test; validation for an unfinished run; all where nothing is held out)",
    )
    sub.add_argument("--variants", type=int, default=1000, metavar="N", help="trials (default: %(default)s)")
    sub.add_argument("--episodes", type=int, metavar="K", help="episodes of a trial (default: as trained)")
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="seed (default: %(default)s)")
    sub.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="of the choice of actions; 0 takes the best (default: as exported)",
    )
    sub.add_argument("--json", type=file_path, metavar="FILE", help="write the figures as JSON")
    sub.add_argument("--plot", type=file_path, metavar="FILE.png", help="draw the curves")

    sub = add("export", _export, "write a run's agent to one .onnx file", "gameagent export runs/forage forage.onnx")
    sub.add_argument("run", type=file_path, metavar="RUN", help="the run's folder")
    sub.add_argument("file", type=file_path, metavar="OUT.onnx", help="the file to write")
    sub.add_argument(
        "--profile", choices=("plain", "godot", "unity"), default="plain",
        help="who runs the file: gameagent-sdk (plain, the default), Godot RL Agents or Unity ML-Agents",
    )  # fmt: skip
    sub.add_argument(
        "--variants", type=int, metavar="N",
        help=f"trials of the evaluation summary in a plain file; 0 for none (default: {SUMMARY_TRIALS})",
    )  # fmt: skip


def _evaluate(args: argparse.Namespace, console: Console) -> None:
    from gameagent.api import evaluate

    check_range(args, "--variants", 1, MOST_TRIALS)
    check_range(args, "--episodes", 1, MOST_EPISODES)
    check_range(args, "--temperature", 0, HIGHEST_TEMPERATURE)
    check_range(args, "--seed", 0, HIGHEST_SEED)
    evaluation = evaluate(
        args.agent, family=args.family, split=args.split, num_variants=args.variants, num_episodes=args.episodes,
        seed=args.seed, temperature=args.temperature,
    )  # fmt: skip
    if args.json is not None:  # files first: they are there even if the terminal cannot show the table
        evaluation.write_json(args.json)
    if args.plot is not None:
        evaluation.plot(args.plot)
    console.print(evaluation.table())
    for path in filter(None, (args.json, args.plot)):
        console.print(f"wrote {path}", highlight=False)


def _export(args: argparse.Namespace, console: Console) -> None:
    from gameagent.api import Run

    check_range(args, "--variants", 0, MOST_TRIALS)
    if args.profile != "plain":
        _export_for_engine(args, console)
        return
    bundle = Run(args.run).export(args.file, num_variants=SUMMARY_TRIALS if args.variants is None else args.variants)
    parity = (bundle.manifest.parity or {}).items()
    same = " and ".join(f"to {result['probabilities']:.0e} in {engine}" for engine, result in parity)
    console.print(
        f"wrote {args.file}: {len(bundle.data) / 1000:.0f} kB, same as torch over whole trials {same}",
        highlight=False,
        soft_wrap=True,
    )


def _export_for_engine(args: argparse.Namespace, console: Console) -> None:
    if args.variants is not None:
        raise ConfigError(
            f"--variants is for --profile plain: a {args.profile} file carries no evaluation, leave --variants out"
        )
    from gameagent.api import Run

    file = Run(args.run).export_for_engine(args.file, args.profile)
    played = file.playback
    differs = max(played.state, played.probabilities or 0.0)
    console.print(
        f"wrote {args.file}: {len(file.data) / 1000:.0f} kB for {file.profile.engine}, same actions as torch over "
        f"{played.num_steps} steps of {played.num_games} trials of {played.num_episodes} episodes, "
        f"all else to {differs:.0e}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    for side, ports in (("feed", file.profile.inputs), ("fetch", file.profile.outputs)):
        names = ", ".join(f"{port.name} {port}" for port in ports)
        console.print(f"{side}: {names}", highlight=False, markup=False, soft_wrap=True)
