"""``python -m gameagent_games.scaffold my_game``: the same as ``gameagent new my_game``, without the trainer."""

import sys

from gameagent_games.scaffold.main import main

if __name__ == "__main__":
    sys.exit(main())
