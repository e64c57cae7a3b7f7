"""Makes the moving picture of the README: the play window over the episodes of one trial.

    python tools/make_gif.py docs/forage.gif

The agent is the one that comes with the game, unless ``--agent`` names another. Pillow, which writes the file, comes
with the extra ``plot``.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

from gameagent_games.drawing.canvas import to_rgb
from gameagent_games.drawing.palette import BAD, BELIEF, GOOD, TRUTH
from gameagent_games.errors import GamesError
from gameagent_games.family_files import AGENT, family_file
from gameagent_games.interface import Family
from gameagent_games.play.main import load_player
from gameagent_games.play.session import PlaySession
from gameagent_games.play.stage import Stage
from gameagent_games.registry import load_family
from gameagent_games.variants.variant import SPLITS, Split

FRAME_MS = 50  # GIFs count in hundredths of a second
DECISIONS_PER_SECOND = 5.0
LAST_MS = 3000  # how long the last frame stays before it starts anew
NUM_COLOURS = 160
SWATCH = 8  # rows of pixels by which the palette is made to know a colour that pictures have little of


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="the .gif to write")
    parser.add_argument("--family", default="forage", help="the game (default: %(default)s)")
    parser.add_argument("--agent", type=Path, help="the agent's .onnx file (default: the one that comes with the game)")
    parser.add_argument("--episodes", type=int, default=4, help="how many (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the variant, the levels and decisions (default: %(default)s)"
    )
    parser.add_argument("--split", choices=SPLITS, default="test", help="which variants to draw (default: %(default)s)")
    parser.add_argument("--size", type=int, default=540, help="side of the board in pixels (default: %(default)s)")
    args = parser.parse_args()
    family = load_family(args.family)
    agent = args.agent or family_file(family, AGENT)
    if agent is None:
        raise GamesError(f"no agent comes with {family.name!r}: give one with --agent FILE")
    pictures = list(frames(begin(family, agent, args.split, args.seed, args.size), args.episodes))
    write_gif(pictures, args.out)
    print(f"wrote {args.out}: {len(pictures)} frames, {args.out.stat().st_size / 1e6:.2f} MB")
    return 0


def begin(family: Family, agent: Path, split: Split, seed: int, size: int) -> Stage:
    """The play window at the start of a trial of a variant drawn from the split."""
    first, *others = (load_player(agent, family, seed + seat) for seat in range(family.num_seats))
    session = PlaySession(family, first, others)
    record = family.space.sample(1, seed, split)[0]
    session.begin(record, seed)
    stage = Stage(session, size, lambda: None)
    stage.status = replace(stage.status, speed=DECISIONS_PER_SECOND)
    return stage


def frames(stage: Stage, num_episodes: int) -> Iterator[np.ndarray]:
    """The window's picture every `FRAME_MS`, uint8 ``(height, width, 3)``, until the last episode has ended."""
    while len(stage.session.returns) < num_episodes:
        yield to_rgb(stage.draw())
        stage.advance(FRAME_MS / 1000)
    yield to_rgb(stage.draw(moving=False))


def write_gif(pictures: list[np.ndarray], path: Path) -> None:
    """Writes an endless GIF whose frames share one palette, so that what stays the same takes no room."""
    width = pictures[0].shape[1]
    swatches = [np.full((SWATCH, width, 3), colour, np.uint8) for colour in (GOOD, BAD, TRUTH, BELIEF)]
    sample = np.concatenate([*pictures[:: max(len(pictures) // 12, 1)], *swatches])
    palette = Image.fromarray(sample).quantize(NUM_COLOURS, method=Image.Quantize.MEDIANCUT)
    images = [Image.fromarray(one).quantize(palette=palette, dither=Image.Dither.NONE) for one in pictures]
    durations = [FRAME_MS] * (len(images) - 1) + [LAST_MS]
    path.parent.mkdir(parents=True, exist_ok=True)
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, loop=0, optimize=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (GamesError, OSError) as error:
        sys.exit(f"make_gif.py: {error}")
