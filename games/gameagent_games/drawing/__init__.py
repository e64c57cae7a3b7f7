"""Pictures of games. Nothing but this package and the families' views touches pygame.

Import it late, from inside the function that draws: the import itself raises `MissingExtra` without pygame.
"""

import os

from gameagent_games.errors import MissingExtra

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # standard output belongs to the program

try:
    import pygame as _pygame  # noqa: F401  (asks only whether it is there)
except ImportError:
    raise MissingExtra("drawing games needs pygame: pip install 'gameagent-games[render]'") from None
