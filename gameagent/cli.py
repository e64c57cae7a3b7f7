"""The command line: ``gameagent families | variants | train | evaluate | export | inspect | bench | play``."""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from gameagent import __version__
from gameagent.errors import ConfigError, GameAgentError
from gameagent_games.errors import GamesError
from gameagent_games.interface import Family
from gameagent_games.registry import family_names, load_family
from gameagent_games.variant import SPLITS, Split
from gameagent_sdk import Bundle, BundleError, SdkError
from gameagent_sdk.terminal import spell_unprintable

if TYPE_CHECKING:  # torch is imported by the commands that need it
    from gameagent.report import Contestant

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
SUMMARY_TRIALS = 500  # of the evaluation in an exported file, where no other number is asked for

OVERVIEW = """\
examples:
  gameagent train forage --out runs/forage --steps 12M     train an agent
  gameagent evaluate runs/forage --plot curve.png          how it adapts on held-out variants
  gameagent export runs/forage forage.onnx                 one file for the game
  gameagent play forage --agent forage.onnx                watch it learn in a window
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code: 0 done, 1 failed with one line that says why, 2 wrong usage, 130 stopped by Ctrl-C.
    """
    spell_unprintable()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "" not in sys.path:
        sys.path.insert(0, "")  # so that package.module:NAME finds a family in the folder at hand
    if arguments[:1] == ["play"]:
        from gameagent_games.play import main as play

        return play(arguments[1:])
    if arguments[:1] in (["inspect"], ["bench"]):
        from gameagent_sdk.console import main as look

        return look(arguments, prog="gameagent")
    args = _parser().parse_args(arguments)
    console, errors = Console(), Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        command: Callable[[argparse.Namespace, Console], None] = args.command
        command(args, console)
    except ConfigError as error:
        errors.print(f"gameagent: {error}", markup=False)
        return EXIT_USAGE
    except BundleError as error:
        first, *findings = str(error).splitlines()
        more = " gameagent inspect lists them" if findings else ""
        errors.print(f"gameagent: {first}{more}", markup=False)
        return EXIT_FAILED
    except (GameAgentError, GamesError, SdkError, OSError) as error:
        errors.print(f"gameagent: {error}", markup=False)
        return EXIT_FAILED
    except KeyboardInterrupt:
        errors.print("gameagent: stopped")
        return EXIT_INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gameagent",
        description="Game agents that adapt to new rules within a few episodes, inside the game.",
        epilog=OVERVIEW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gameagent {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, command: Callable[..., None], summary: str, example: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(command=command)
        return sub

    add("families", _families, "list the game families", "gameagent families")

    sub = add("variants", _variants, "print variants of a family", "gameagent variants forage -n 8 --sheet sheet.png")
    sub.add_argument("family", help="a family's name, or package.module:NAME")
    sub.add_argument("-n", type=int, default=5, metavar="N", help="how many (default: %(default)s)")
    sub.add_argument("--split", choices=SPLITS, default="train", help="split to draw from (default: %(default)s)")
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="seed (default: %(default)s)")
    sub.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw a contact sheet of their levels")
    sub.add_argument("--out", type=Path, metavar="FILE", help="write them to a .json or .toml file")

    sub = add("train", _train, "train an agent", "gameagent train forage --out runs/forage --steps 12M --baselines")
    sub.add_argument("family", help="a family's name, or package.module:NAME")
    sub.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the run")
    sub.add_argument("--steps", metavar="N", help="budget in steps, such as 200k or 12M")
    sub.add_argument("--seed", type=int, metavar="S", help="seed of everything random (default: 0)")
    sub.add_argument("--config", type=Path, metavar="FILE.toml", help="config fields from a file")
    sub.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one config field; may be repeated"
    )
    sub.add_argument("--resume", action="store_true", help="continue the run in DIR where it stopped")
    sub.add_argument(
        "--baselines", action="store_true", help="also train a memoryless agent and an oracle at the same budget"
    )

    sub = add(
        "evaluate", _evaluate, "measure the adaptation curve on held-out variants",
        "gameagent evaluate runs/forage --json curve.json --plot curve.png",
    )  # fmt: skip
    sub.add_argument(
        "agent", type=Path, nargs="+", metavar="RUN_OR_ONNX",
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
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    sub.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the curves")

    sub = add("export", _export, "write a run's agent to one .onnx file", "gameagent export runs/forage forage.onnx")
    sub.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    sub.add_argument("file", type=Path, metavar="OUT.onnx", help="the file to write")
    sub.add_argument(
        "--profile", choices=("plain", "godot", "unity"), default="plain",
        help="who runs the file: gameagent-sdk (plain, the default), Godot RL Agents or Unity ML-Agents",
    )  # fmt: skip
    sub.add_argument(
        "--variants", type=int, metavar="N",
        help=f"trials of the evaluation summary in a plain file; 0 for none (default: {SUMMARY_TRIALS})",
    )  # fmt: skip

    # Listed for the help only: `main` hands their arguments to the command lines of the SDK and the games.
    add("inspect", _elsewhere, "describe an exported file", "gameagent inspect forage.onnx")
    add("bench", _elsewhere, "measure an exported file on this machine", "gameagent bench forage.onnx")
    add("play", _elsewhere, "open a window where an agent, or you, plays", "gameagent play forage --agent forage.onnx")
    return parser


def _families(args: argparse.Namespace, console: Console) -> None:
    table = Table(box=SIMPLE_HEAD, caption="rules in brackets are shown to the agent, the others it must discover")
    for column in ("family", "summary", "rules", "actions", "steps"):
        table.add_column(column)
    for name in family_names():
        family = load_family(name)
        rules = ", ".join(r.name if r.hidden else f"({r.name})" for r in family.space.rules)
        table.add_row(name, family.summary, rules, str(family.num_actions), str(family.max_steps))
    console.print(table)


def _variants(args: argparse.Namespace, console: Console) -> None:
    family = load_family(args.family)
    for name, low in (("-n", 1), ("--seed", 0)):
        value = getattr(args, name.lstrip("-"))
        if value < low:
            raise ConfigError(f"{name} is {value}, expected at least {low}")
    variants = family.space.variants(family.space.sample(args.n, args.seed, args.split))
    for variant in variants:
        rules = "  ".join(f"{name}={_short(value)}" for name, value in variant.rules.items())
        console.print(f"{variant.id}  {rules}", highlight=False, markup=False, soft_wrap=True)
    if args.out is not None:
        from gameagent_games.variant_files import write_variants

        write_variants(args.out, family.name, variants)
        console.print(f"wrote {args.out}", highlight=False)
    if args.sheet is not None:
        from gameagent_games.rendering.sheet import draw_sheet

        draw_sheet(family, variants, args.sheet)
        console.print(f"wrote {args.sheet}", highlight=False)


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_short(one) for one in value) + "]"
    return f"{value:.2f}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _train(args: argparse.Namespace, console: Console) -> None:
    from gameagent.checkpoint import RunFolder
    from gameagent.launch import launch, prepare_run
    from gameagent.progress import TrainingDisplay

    given = _given_fields(args)
    folder = RunFolder(args.out)
    roles: dict[str, RunFolder] = {"agent": folder}
    changes: dict[str, dict[str, Any]] = {"agent": {}}
    if args.baselines:
        roles |= {name: folder.baseline(name) for name in ("memoryless", "oracle")}
        changes["memoryless"] = {"algorithm": "rl2", "memory": "none", "beliefs": False, "gradient": False}
        changes["oracle"] = {"algorithm": "rl2", "reveal": True, "gradient": False}
    for role, place in roles.items():
        config = prepare_run(place, given | changes[role], resume=args.resume)
        space = place.load_config()[1].space
        if role == "agent" and not space.holds_out:
            few = f"{config.family} has {space.num_variants} variants, too few to hold any out"
            console.print(f"{few}: all of them are trained on, and judged on", highlight=False, soft_wrap=True)
        title = f"training {config.family}" + ("" if role == "agent" else f" ({role})")
        with TrainingDisplay(title, config.steps, console) as display:
            try:
                launch(place, display.report)
            except KeyboardInterrupt:
                console.print(f"stopped; everything up to the last update is in {place.path}, continue with --resume")
                raise
    console.print(f"done: {folder.path}", highlight=False)
    console.print(f"next: gameagent evaluate {folder.path}", highlight=False)


def _given_fields(args: argparse.Namespace) -> dict[str, Any]:
    """Config fields from the file, over them --set, over them the options of their own."""
    from gameagent.config import read_config_file

    given: dict[str, Any] = read_config_file(args.config) if args.config is not None else {}
    for pair in args.set:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set {pair}: expected KEY=VALUE")
        given[key] = value
    for field in ("steps", "seed"):
        if getattr(args, field) is not None:
            given[field] = getattr(args, field)
    return given | {"family": args.family}


def _evaluate(args: argparse.Namespace, console: Console) -> None:
    from gameagent.report import evaluate

    for name, low in (("variants", 1), ("episodes", 1), ("temperature", 0), ("seed", 0)):
        value = getattr(args, name)
        if value is not None and not low <= value < math.inf:
            raise ConfigError(f"--{name} is {value}, expected at least {low}")
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
    from gameagent.checkpoint import RunFolder
    from gameagent.export import bundle_run
    from gameagent.report import Contestant

    agents, finished, family = [], True, None
    for path in args.agent:
        folder = RunFolder(path) if path.is_dir() else None
        bundle = Bundle.read(path) if folder is None else bundle_run(folder)
        own = _family_of(bundle, args.family) if folder is None else folder.load_config()[1]
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
    if args.profile != "plain":
        _export_for_engine(args, console)
        return
    from gameagent.checkpoint import RunFolder
    from gameagent.export import bundle_run, export_run
    from gameagent.report import Contestant, evaluate

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
    from gameagent.checkpoint import RunFolder
    from gameagent.export.engines import export_engine_file

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


def _elsewhere(args: argparse.Namespace, console: Console) -> None:
    raise ConfigError("inspect, bench and play must be the first word behind gameagent")


if __name__ == "__main__":
    sys.exit(main())
