"""``gameagent evaluate`` and ``gameagent export``."""

import argparse
from typing import TYPE_CHECKING, Any

from rich.console import Console

from gameagent.commands.arguments import HIGHEST_SEED, MOST_EPISODES, MOST_TRIALS, AddCommand, check_range, file_path
from gameagent.errors import ConfigError
from gameagent_games.conformance import require_sound
from gameagent_games.interface import Family
from gameagent_games.registry import family_names, load_family
from gameagent_games.variants.variant import SPLITS, Split
from gameagent_sdk import Bundle

if TYPE_CHECKING:  # torch is imported by the commands that need it
    from gameagent.judging.report import Contestant

SUMMARY_TRIALS = 500  # of the evaluation in an exported file, where no other number is asked for
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
        "--family", metavar="PACKAGE.MODULE:NAME", help="where an exported file's family is, if it is not registered"
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
    from gameagent.judging.report import evaluate

    check_range(args, "--variants", 1, MOST_TRIALS)
    check_range(args, "--episodes", 1, MOST_EPISODES)
    check_range(args, "--temperature", 0, HIGHEST_TEMPERATURE)
    check_range(args, "--seed", 0, HIGHEST_SEED)
    agents, family, split = _contestants(args)
    evaluation = evaluate(
        agents, family, split=split, num_variants=args.variants, num_episodes=args.episodes, seed=args.seed,
        temperature=args.temperature,
    )  # fmt: skip
    if args.json is not None:  # files first: they are there even if the terminal cannot show the table
        evaluation.write_json(args.json)
    if args.plot is not None:
        evaluation.plot(args.plot)
    console.print(evaluation.table())
    for path in filter(None, (args.json, args.plot)):
        console.print(f"wrote {path}", highlight=False)


def _contestants(args: argparse.Namespace) -> tuple[list["Contestant"], Family, Split]:
    """The agents to evaluate, their family, and the split: as asked, or held-out variants where there are any.

    A run that is not finished yet is looked at on the validation split, so that nobody chooses settings on test.
    """
    from gameagent.export.bundling import bundle_run
    from gameagent.judging.report import Contestant
    from gameagent.run.folder import RunFolder

    agents, finished, family = [], True, None
    for path in args.agent:
        folder = RunFolder(path) if path.is_dir() else None
        if folder is None:
            bundle = Bundle.read(path)
            own = require_sound(_family_of(bundle, args.family))
        else:
            own = require_sound(folder.load_config()[1])
            bundle = bundle_run(folder)
        if family is not None and own != family:
            raise ConfigError(f"{path} plays {own.name}, {args.agent[0]} plays {family.name}: evaluate them apart")
        family = own
        agents.append(Contestant(bundle, folder))
        finished &= bundle.manifest.training.get("steps", 0) >= (_trained_with(bundle, "steps") or 0)
    assert family is not None, "argparse asks for at least one"
    trained_on = _trained_with(agents[0].bundle, "split")
    return agents, family, _split_to_judge_on(family, trained_on, args.split, finished)


def _split_to_judge_on(family: Family, trained_on: Any, asked: Split | None = None, finished: bool = True) -> Split:
    """The split as asked, or held-out variants; all variants where none are held out."""
    if asked == "out_of_range":
        return asked
    if not family.space.holds_out or (asked is None and trained_on == "all"):
        return "all"
    return asked or ("test" if finished else "validation")


def _family_of(bundle: Bundle, place: str | None) -> Family:
    """A file's family. The file itself never says what to import: it may come from anybody."""
    name = bundle.manifest.name
    if place is None and name not in family_names():
        raise ConfigError(f"{bundle.path} plays {name!r}, which is not registered; say where it is with --family")
    family = load_family(place or name)
    return family.revealed() if _trained_with(bundle, "reveal") else family


def _trained_with(bundle: Bundle, field: str) -> Any:
    config = bundle.manifest.training.get("config")
    return config.get(field) if isinstance(config, dict) else None


def _export(args: argparse.Namespace, console: Console) -> None:
    check_range(args, "--variants", 0, MOST_TRIALS)
    if args.profile != "plain":
        _export_for_engine(args, console)
        return
    from gameagent.export.bundling import bundle_run, export_run
    from gameagent.judging.report import Contestant, evaluate
    from gameagent.run.folder import RunFolder

    folder = RunFolder(args.run)
    num_variants = SUMMARY_TRIALS if args.variants is None else args.variants
    summary = None
    if num_variants > 0:
        bundle = bundle_run(folder)
        config, family = folder.load_config()
        split = _split_to_judge_on(family, config.split)
        summary = evaluate([Contestant(bundle)], family, split=split, num_variants=num_variants).summary()
    bundle = export_run(folder, args.file, summary)
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
    from gameagent.export.engines import export_engine_file
    from gameagent.run.folder import RunFolder

    file = export_engine_file(RunFolder(args.run), args.file, args.profile)
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
