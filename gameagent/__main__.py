"""``python -m gameagent``: the same as the ``gameagent`` command."""

import sys

from gameagent.cli import main

if __name__ == "__main__":
    sys.exit(main())
