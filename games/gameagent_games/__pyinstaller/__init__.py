"""Where PyInstaller finds what it cannot see in our sources: modules that are imported by name."""

from pathlib import Path


def get_hook_dirs() -> list[str]:
    """The folder of hooks, for the entry point ``pyinstaller40: hook-dirs``."""
    return [str(Path(__file__).parent)]
