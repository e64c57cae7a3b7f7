"""Decisions in a pygame loop of 60 frames a second that draws moving sprites.

    python -m sdk_promises.pygame_loop BUNDLE BACKEND N:SECONDS...

Prints, as JSON, a spread by the number of agents N that decide at once. There is no window: SDL draws into memory.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import cast

import numpy as np

from gameagent_sdk import Policy
from gameagent_sdk.backends import BackendName
from gameagent_sdk.console.frame_bench import measure_acts

os.environ.update(SDL_VIDEODRIVER="dummy", SDL_AUDIODRIVER="dummy", PYGAME_HIDE_SUPPORT_PROMPT="1")

FPS = 60.0
SIZE = (960, 540)  # pixels
NUM_SPRITES = 150
SPRITE = 48  # pixels, each way


class DrawnFrame:
    """What the game does in a frame beside its agents: events, moving sprites, blits, a line of text, the flip."""

    def __init__(self) -> None:
        import pygame  # late: SDL reads its settings then

        pygame.init()
        self._pygame = pygame
        self._screen = pygame.display.set_mode(SIZE)
        self._font = pygame.font.Font(None, 24)
        rng = np.random.default_rng(0)
        self._place = rng.uniform(0, 1, (NUM_SPRITES, 2)) * SIZE
        self._speed = rng.uniform(-4, 4, (NUM_SPRITES, 2))  # pixels a frame
        self._sprites = [self._sprite(rng) for _ in range(NUM_SPRITES)]
        self.num_frames = 0

    def _sprite(self, rng: np.random.Generator) -> "pygame.Surface":  # type: ignore[name-defined]  # noqa: F821
        sprite = self._pygame.Surface((SPRITE, SPRITE), self._pygame.SRCALPHA)
        color = tuple(int(x) for x in rng.integers(40, 255, 3))
        self._pygame.draw.circle(sprite, (*color, 200), (SPRITE // 2, SPRITE // 2), SPRITE // 2)
        return sprite

    def __call__(self) -> None:
        """Draws one frame."""
        self._pygame.event.pump()
        self._place += self._speed
        self._place %= SIZE
        self._screen.fill((20, 24, 32))
        for sprite, (x, y) in zip(self._sprites, self._place.tolist(), strict=True):
            self._screen.blit(sprite, (x - SPRITE / 2, y - SPRITE / 2))
        self.num_frames += 1
        self._screen.blit(self._font.render(f"frame {self.num_frames}", True, (255, 255, 255)), (8, 8))
        self._pygame.display.flip()


def main(argv: Sequence[str]) -> int:
    """Measures and prints."""
    path, backend, *loops = argv
    policy, frame = Policy.load(path, cast(BackendName, backend)), DrawnFrame()
    spreads = {}
    for loop in loops:
        num_agents, seconds = loop.split(":")
        spreads[num_agents] = asdict(measure_acts(policy, int(num_agents), float(seconds), FPS, frame))
    print(json.dumps(spreads))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
