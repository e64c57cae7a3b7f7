"""The command line of the SDK: ``gameagent-sdk inspect FILE`` and ``gameagent-sdk bench FILE``."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gameagent_sdk import Bundle, BundleError, SdkError, __version__
from gameagent_sdk.console.description import as_data, describe, describe_refusal, refusal_as_data
from gameagent_sdk.console.plain_text import counted, plain
from gameagent_sdk.console.terminal import spell_unprintable

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130
MAX_AGENTS = 1024
BENCH_ABOUT = """\
A loop of 60 frames a second: it sleeps until the next frame, the agents decide, then other work (a thousand sprites
are moved, some megabytes touched) cools the caches as a game's own frame does. Observations, legal actions and
rewards are random, within the ranges of the bundle's manifest. Each backend runs in a fresh process, on one thread.
"""


def main(argv: Sequence[str] | None = None, prog: str = "gameagent-sdk") -> int:
    """Runs one command.

    Args:
        argv: The words after the command's name; None for those that the process was started with.
        prog: The program's name in messages.

    Returns:
        The exit code: 0 done, 1 failed or refused, 130 stopped by Ctrl-C. Wrong usage exits with 2.
    """
    spell_unprintable()
    args = _parser(prog).parse_args(argv)
    command: Callable[[argparse.Namespace], None] = args.command
    try:
        try:
            command(args)
        except BundleError as error:
            if not error.findings:
                raise
            _print_refusal(args, error)
            found = counted(len(error.findings), "finding", "findings")
            raise SdkError(f"{args.file} is not a usable bundle: {found}") from error
    except (SdkError, OSError) as error:
        print(f"{prog}: {plain(str(error), 1000)}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print(f"{prog}: stopped", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description="Looks at bundles, and measures them on this machine.")
    parser.add_argument("--version", action="version", version=f"gameagent-sdk {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    sub = commands.add_parser("inspect", help="describe a bundle", description="Describes a bundle, or says what is "
                              "wrong with it. Nothing of the file is run.")  # fmt: skip
    sub.set_defaults(command=_inspect)
    _add_file_and_json(sub)

    sub = commands.add_parser("bench", help="measure a bundle on this machine", description=BENCH_ABOUT,
                              formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    sub.set_defaults(command=_bench)
    _add_file_and_json(sub)
    sub.add_argument(
        "--backend", choices=("onnxruntime", "numpy", "both"), default="both", help="engine (default: %(default)s)"
    )
    sub.add_argument(
        "--agents", type=_counts, default=(1, 16, 64), metavar="N,...",
        help="agents that decide at once: 1 alone, more as a squad (default: 1,16,64)",
    )  # fmt: skip
    sub.add_argument(
        "--seconds", type=_positive, default=5.0, metavar="S", help="time for each of them (default: %(default)g)"
    )
    sub.add_argument("--fps", type=_positive, default=60.0, metavar="F", help="frames a second (default: %(default)g)")
    return parser


def _add_file_and_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the .onnx file")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(dict.fromkeys(int(word) for word in text.split(",")))
    if not all(1 <= count <= MAX_AGENTS for count in counts):
        raise argparse.ArgumentTypeError(f"each must be from 1 to {MAX_AGENTS}, given {text}")
    return counts


_counts.__name__ = "list of counts"  # argparse says "invalid list of counts value"


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError(f"it must be above 0 and at most 1000, given {text}")
    return value


_positive.__name__ = "number"


def _inspect(args: argparse.Namespace) -> None:
    bundle = Bundle.read(args.file)
    _print(json.dumps(as_data(bundle), indent=2) if args.json else describe(bundle))


def _bench(args: argparse.Namespace) -> None:
    from gameagent_sdk.console.bench_report import bench, report  # late: only this command starts processes

    bundle = Bundle.read(args.file)
    figures: dict[str, Any] = bench(bundle, args.backend, args.agents, args.seconds, args.fps)
    _print(json.dumps(figures, indent=2) if args.json else report(figures))


def _print_refusal(args: argparse.Namespace, error: BundleError) -> None:
    if args.json:
        _print(json.dumps(refusal_as_data(args.file, error), indent=2))
    else:
        _print(describe_refusal(args.file, error))


def _print(text: str) -> None:
    """Prints, with escapes for what the terminal's encoding does not know."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # no output at all is None
    print(text.encode(encoding, "backslashreplace").decode(encoding))


if __name__ == "__main__":
    sys.exit(main())
