"""Runs python -m gameagent_games.play."""

import sys

from gameagent_games.play.main import main

if __name__ == "__main__":
    sys.exit(main())
