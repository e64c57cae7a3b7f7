"""Watch an agent learn a game's hidden rules, or play yourself.

python -m gameagent_games.play.main forage --agent forage.onnx
"""

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from gameagent_games.conformance import require_sound
from gameagent_games.errors import GamesError
from gameagent_games.interface import Family
from gameagent_games.play.session import AgentPlayer, Player, PlaySession, describe_change
from gameagent_games.registry import family_names, load_family
from gameagent_games.variants.variant import SPLITS

if TYPE_CHECKING:
    from gameagent_games.play.stage import Stage

EXAMPLES = """examples:
  gameagent play forage                                   play it yourself, with the arrow keys
  gameagent play forage --agent forage.onnx               watch an agent find out the rules
  gameagent play forage --agent forage.onnx --split out_of_range --seed 7
  gameagent play forage --agent forage.onnx --variant variants.toml
  gameagent play forage --agent forage.onnx --headless --episodes 5 --screenshot out.png

keys:
  N new variant   SPACE pause   + - speed   H take over by hand, hand back   R show or hide the truth   ESC quit
  by hand: arrow keys move, full stop or return stays, figures choose the first, second, third ... action;
  where actions are numbers, an arrow pushes one of them to its end and leaves the others at rest;
  in a game of several seats the agent plays the others, and without an agent you play every seat in turn
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Plays; ``argv`` is the command line without the program's name.

    Returns:
        0, or 1 where something failed, told in one line on standard error. Wrong usage exits with 2.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ("strict", "surrogateescape"):
        sys.stdout.reconfigure(errors="backslashreplace")  # what a terminal cannot show ends no game
    parser = _parser()
    arguments = parser.parse_args(argv)
    _check(arguments, parser.error)
    try:
        return _play(arguments)
    except (GamesError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gameagent play",
        description="Watch an agent play episode after episode of one hidden variant and see what it believes of the "
        "rules, next to the truth. Without --agent, you play.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("family", help=f"the game: {', '.join(family_names())}, or package.module:NAME of your own")
    parser.add_argument("--agent", type=Path, metavar="FILE", help="the agent's .onnx file; without it, you play")
    parser.add_argument("--split", choices=SPLITS, default="test", help="where variants are drawn from (default: test)")
    parser.add_argument(
        "--variant", metavar="FILE[#ID]", help="play the variants of a TOML or JSON file, or the one whose id starts so"
    )
    parser.add_argument("--seed", type=int, default=0, help="of variants, games and the agent's choices (default: 0)")
    parser.add_argument("--size", type=int, default=720, metavar="PX", help="side of the board (default: 720)")
    parser.add_argument("--fps", type=float, default=60.0, help="frames per second of the window (default: 60)")
    parser.add_argument("--headless", action="store_true", help="play without a window and print the returns")
    parser.add_argument("--episodes", type=int, metavar="K", help="with --headless: how many (default: the game's own)")
    parser.add_argument("--screenshot", type=Path, metavar="PNG", help="with --headless: save the last frame")
    return parser


def _check(arguments: argparse.Namespace, refuse: Callable[[str], NoReturn]) -> None:
    """Refuses impossible combinations, as wrong usage."""
    if arguments.headless and arguments.agent is None:
        refuse("--headless needs --agent: without a window nobody else can play")
    if not arguments.headless and (arguments.episodes is not None or arguments.screenshot is not None):
        refuse("--episodes and --screenshot go with --headless")
    if arguments.episodes is not None and arguments.episodes < 1:
        refuse(f"--episodes is {arguments.episodes}, expected at least 1")
    if arguments.screenshot is not None and arguments.screenshot.suffix.lower() != ".png":
        refuse(f"--screenshot is {arguments.screenshot}, expected a name that ends in .png")
    if not 160 <= arguments.size <= 2160:
        refuse(f"--size is {arguments.size}, expected 160 to 2160 pixels")
    if not 1 <= arguments.fps <= 240:
        refuse(f"--fps is {arguments.fps:g}, expected 1 to 240")
    if arguments.seed < 0:
        refuse(f"--seed is {arguments.seed}, expected 0 or above")


def _play(arguments: argparse.Namespace) -> int:
    family = require_sound(load_family(arguments.family))
    next_record = _variants(family, arguments)
    session = PlaySession(family, *_players(family, arguments))
    generator = np.random.default_rng([arguments.seed, 1])

    def next_variant() -> None:
        session.begin(next_record(), int(generator.integers(2**31)))

    next_variant()
    if arguments.headless:
        _play_headless(session, arguments, next_variant)
    else:
        _play_in_window(_stage(session, arguments, next_variant), arguments)
    return 0


def _players(family: Family, arguments: argparse.Namespace) -> tuple[Player | None, list[Player]]:
    """Who plays the first seat and who the others: the same agent in every seat, each with a memory of its own."""
    if arguments.agent is None:
        return None, []
    first, *others = (load_player(arguments.agent, family, arguments.seed + seat) for seat in range(family.num_seats))
    return first, others


def load_player(path: Path, family: Family, seed: int) -> Player:
    """Loads the agent; see `AgentPlayer.load`."""
    return AgentPlayer.load(path, family, seed)


def _variants(family: Family, arguments: argparse.Namespace) -> Callable[[], Any]:
    """Where variants come from: each call gives the next record, from a file over and over or from a split."""
    if arguments.variant is None:
        generator = np.random.default_rng([arguments.seed, 0])
        family.space.sample(1, 0, arguments.split)  # a split that cannot be drawn from fails here
        return lambda: family.space.sample(1, generator, arguments.split)[0]
    from gameagent_games.variants.files import read_variants

    name, _, wanted = arguments.variant.partition("#")
    variants = [variant for variant in read_variants(Path(name), family.space) if variant.id.startswith(wanted)]
    if not variants:
        raise GamesError(f"{name} holds no variant{f' whose id starts with {wanted}' if wanted else ''}")
    records = family.space.records(variants)
    counter = iter(range(2**62))
    return lambda: records[next(counter) % len(records)]


def _stage(session: PlaySession, arguments: argparse.Namespace, next_variant: Callable[[], None]) -> "Stage":
    from gameagent_games.play.stage import Stage

    return Stage(session, arguments.size, next_variant)


def _play_in_window(stage: "Stage", arguments: argparse.Namespace) -> None:
    from gameagent_games.drawing.window import Window

    window = Window(*stage.size, f"gameagent: {stage.session.family.name}")
    try:
        stage.run(window, arguments.fps)
    finally:
        window.close()


def _play_headless(session: PlaySession, arguments: argparse.Namespace, next_variant: Callable[[], None]) -> None:
    stage = None if arguments.screenshot is None else _stage(session, arguments, next_variant)
    print(f"{session.family.name}, variant {session.variant.id}")
    num_episodes = arguments.episodes or session.family.num_episodes
    while len(session.returns) < num_episodes:
        session.step()
        if session.ended:
            print(f"episode {len(session.returns)}  return {_returns(session)}", flush=True)
            _print_change(session)
    if stage is not None:
        stage.save(arguments.screenshot)


def _returns(session: PlaySession) -> str:
    """The last episode's return, of each seat by name where there are several."""
    returns = [f"{total:+.2f}" for total in session.seat_returns[-1]]
    names = session.family.seat_names
    return returns[0] if len(names) == 1 else "  ".join(f"{name} {r}" for name, r in zip(names, returns, strict=True))


def _print_change(session: PlaySession) -> None:
    """Tells of gradient steps that were taken behind the episode that just ended, or taken back."""
    change = None if session.player is None else session.player.last_change()
    if change is None or (change.episode < session.episode and change.outcome != "rolled back"):
        return
    if change.episode < session.episode:
        print(f"  the gradient steps after episode {change.episode + 1} were taken back: the return fell")
        return
    told = describe_change(change)
    print(f"  gradient steps on {change.num_steps} steps {told}, in the last {len(change.before)} states:")
    before, after = change.before.mean(0), change.after.mean(0)
    names = session.family.action_names
    print("    " + "   ".join(f"{name} {a:.2f} > {b:.2f}" for name, a, b in zip(names, before, after, strict=True)))


if __name__ == "__main__":
    sys.exit(main())
