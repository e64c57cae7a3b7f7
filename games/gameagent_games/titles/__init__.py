"""Somebody's pygame title, run unchanged and without a window, step by step: see docs/titles.md.

Importing this package raises `MissingExtra` without pygame. The Gymnasium environment is in `titles.env`.
"""

from gameagent_games import drawing as _drawing  # noqa: F401  (says what to install if pygame is missing)
from gameagent_games.errors import TitleError
from gameagent_games.titles.namespace import Namespace
from gameagent_games.titles.playing import Playing
from gameagent_games.titles.presses import NOTHING, Press, click, hold, point, tap
from gameagent_games.titles.replay import Comparison, Difference, Recording, compare, record, repeat
from gameagent_games.titles.title import Title

__all__ = [
    "NOTHING",
    "Comparison",
    "Difference",
    "Namespace",
    "Playing",
    "Press",
    "Recording",
    "Title",
    "TitleError",
    "click",
    "compare",
    "hold",
    "point",
    "record",
    "repeat",
    "tap",
]
