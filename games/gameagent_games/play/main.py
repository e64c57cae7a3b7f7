"""Watch an agent learn a game's hidden rules, or play yourself: ``python -m gameagent_games.play forage``."""

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from gameagent_games.conformance import require_sound
from gameagent_games.errors import GamesError, MissingExtra
from gameagent_games.family_files import AGENT, family_file
from gameagent_games.interface import Family
from gameagent_games.play.session import PlaySession, WatchedPlayer, describe_change
from gameagent_games.registry import family_names, load_family
from gameagent_games.variants.variant import SPLITS

if TYPE_CHECKING:
    from gameagent_games.play.stage import Stage

PROG = "gameagent play"
EXAMPLES = """examples:
  gameagent play forage                                   watch the agent that comes with the game
  gameagent play forage --agent my-agent.onnx             watch your own
  gameagent play forage --by-hand                         play it yourself
  gameagent play forage --split out_of_range --seed 7     rules outside the training range
  gameagent play forage --variant variants.toml           variants from a file
  gameagent play forage --headless --episodes 5 --screenshot out.png

keys:
  N    new variant             SPACE  pause                       + -  speed
  H    take over, hand back    R      show or hide the truth      ESC  quit

keys when you play:
  arrows move, full stop or return stays, 1 to 9 choose the first to ninth action. If actions are numbers, an
  arrow pushes one of them to its limit and leaves the others at rest. In a game of several seats the agent
  plays the other seats; without an agent you play every seat in turn.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; ``argv`` is the command line without the program's name.

    Returns:
        0, or 1 if something failed, which one line on standard error explains. Wrong usage exits with 2.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ("strict", "surrogateescape"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a character that a terminal lacks must not end a game
    try:
        play(argv)
        return 0
    except (GamesError, OSError) as error:
        print(f"{PROG}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def play(argv: Sequence[str] | None = None) -> None:
    """Plays as the command line says, see `main`.

    Raises:
        GamesError: The family, the agent or the variants cannot be used, or no window can be opened.
        OSError: A file cannot be read or written.
        SystemExit: Wrong usage.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    _check(arguments, parser.error)
    _play(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROG,
        description="Watch an agent play episode after episode under hidden rules, and see what it believes the rules\n"
        "are, beside the truth. Without --agent the agent that comes with the game plays; if none does, you play.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "family", help=f"the game: {', '.join(family_names())}, package.module:NAME of your own, or a rule file (.toml)"
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--agent", type=Path, metavar="FILE", help="the agent's .onnx file (default: the game's own)")
    who.add_argument("--by-hand", action="store_true", help="play yourself, without an agent")
    parser.add_argument("--split", choices=SPLITS, default="test", help="which variants to draw (default: test)")
    parser.add_argument(
        "--variant",
        metavar="FILE[#ID]",
        help="variants from a TOML or JSON file, or the one whose id starts so",
    )
    parser.add_argument("--seed", type=int, default=0, help="of variants, levels and the agent's choices (default: 0)")
    parser.add_argument("--size", type=int, default=720, metavar="PX", help="side of the board (default: 720)")
    parser.add_argument("--fps", type=float, default=60.0, help="frames per second of the window (default: 60)")
    parser.add_argument("--headless", action="store_true", help="play without a window and print the returns")
    parser.add_argument("--episodes", type=int, metavar="K", help="with --headless: how many (default: the game's own)")
    parser.add_argument("--screenshot", type=Path, metavar="PNG", help="with --headless: save the last frame")
    return parser


def _check(arguments: argparse.Namespace, refuse: Callable[[str], NoReturn]) -> None:
    """Refuses options that do not go together, as wrong usage."""
    if arguments.headless and arguments.by_hand:
        refuse("--headless needs an agent, not --by-hand: without a window you cannot play")
    if not arguments.headless and (arguments.episodes is not None or arguments.screenshot is not None):
        refuse("--episodes and --screenshot need --headless")
    if arguments.episodes is not None and arguments.episodes < 1:
        refuse(f"--episodes is {arguments.episodes}, expected at least 1")
    if arguments.screenshot is not None and arguments.screenshot.suffix.lower() != ".png":
        refuse(f"--screenshot is {arguments.screenshot}, expected a file name that ends in .png")
    if not 160 <= arguments.size <= 2160:
        refuse(f"--size is {arguments.size}, expected 160 to 2160 pixels")
    if not 1 <= arguments.fps <= 240:
        refuse(f"--fps is {arguments.fps:g}, expected 1 to 240")
    if arguments.seed < 0:
        refuse(f"--seed is {arguments.seed}, expected 0 or above")


def _play(arguments: argparse.Namespace) -> None:
    _require_sdk()
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


def _players(family: Family, arguments: argparse.Namespace) -> tuple[WatchedPlayer | None, list[WatchedPlayer]]:
    """Who plays the first seat and who the others: the same agent in every seat, each with a memory of its own.

    Without an agent, nobody: a person plays.
    """
    path = None if arguments.by_hand else arguments.agent or family_file(family, AGENT)
    if path is None and arguments.headless:
        raise GamesError(f"no agent comes with {family.name!r}: give one with --agent FILE, or leave out --headless")
    if path is None:
        return None, []
    first, *others = (load_player(path, family, arguments.seed + seat) for seat in range(family.num_seats))
    return first, others


def _require_sdk() -> None:
    try:
        import gameagent_sdk  # noqa: F401  (asks only whether it is there)
    except ImportError:
        raise MissingExtra("playing needs the SDK: pip install 'gameagent-games[play]'") from None


def load_player(path: Path, family: Family, seed: int) -> WatchedPlayer:
    """Loads the agent; see `AgentPlayer.load`."""
    from gameagent_games.play.agents import AgentPlayer

    return AgentPlayer.load(path, family, seed)


def _variants(family: Family, arguments: argparse.Namespace) -> Callable[[], Any]:
    """Where variants come from: each call returns the next record, from a split, or from a file again and again."""
    if arguments.variant is None:
        generator = np.random.default_rng([arguments.seed, 0])
        family.space.sample(1, 0, arguments.split)  # a split that cannot be drawn from fails here
        return lambda: family.space.sample(1, generator, arguments.split)[0]
    from gameagent_games.variants.files import read_variants

    name, _, wanted = arguments.variant.partition("#")
    variants = [variant for variant in read_variants(Path(name), family.space) if variant.id.startswith(wanted)]
    if not variants:
        raise GamesError(f"{name} has no variant{f' whose id starts with {wanted}' if wanted else ''}")
    records = family.space.records(variants)
    counter = iter(range(2**62))
    return lambda: records[next(counter) % len(records)]


def _stage(session: PlaySession, arguments: argparse.Namespace, next_variant: Callable[[], None]) -> "Stage":
    import gameagent_games.drawing  # noqa: F401  (first: it names the extra if pygame is not installed)
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
    """The last episode's return; of each seat by name if there are several."""
    returns = [f"{total:+.2f}" for total in session.seat_returns[-1]]
    names = session.family.seat_names
    return returns[0] if len(names) == 1 else "  ".join(f"{name} {r}" for name, r in zip(names, returns, strict=True))


def _print_change(session: PlaySession) -> None:
    """Reports gradient steps that were taken after the episode that just ended, or undone."""
    change = None if session.player is None else session.player.last_change()
    if change is None or (change.episode < session.episode and change.outcome != "rolled back"):
        return
    if change.episode < session.episode:
        print(f"  the gradient steps after episode {change.episode + 1} were undone: the return fell")
        return
    effect = describe_change(change)
    print(f"  gradient steps on {change.num_steps} steps {effect}, in the last {len(change.before)} states:")
    before, after = change.before.mean(0), change.after.mean(0)
    names = session.family.action_names
    print("    " + "   ".join(f"{name} {a:.2f} > {b:.2f}" for name, a, b in zip(names, before, after, strict=True)))


if __name__ == "__main__":
    sys.exit(main())
