"""Runs python -m gameagent_sdk.console."""

import sys

from gameagent_sdk.console.main import main

if __name__ == "__main__":
    sys.exit(main())
