"""Opens files that may come from anywhere: regular files only, as a pipe or a device might never end."""

import errno
import os
import stat
from pathlib import Path
from typing import IO

from gameagent_sdk.errors import shown


def open_regular(path: str | os.PathLike[str]) -> IO[bytes]:
    """Opens a regular file for reading, without blocking.

    Raises:
        OSError: It cannot be opened, or is a folder, a pipe or a device.
        ValueError: The path holds a null byte.
    """
    expect_regular(os.stat(path).st_mode)
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115 (the caller's)
    try:
        expect_regular(os.fstat(file.fileno()).st_mode)  # again: it may have been replaced
    except OSError:
        file.close()
        raise
    return file


def as_path(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> Path:
    """A path of any kind; bytes that the system's encoding cannot decode survive in it.

    Raises:
        TypeError: It is not a path.
    """
    return Path(os.fsdecode(path))


def reason_of(error: Exception) -> str:
    """Why a file could not be used, in a few words."""
    return shown(str(getattr(error, "strerror", None) or error), 200)


def _open_at_once(path: str, flags: int) -> int:
    """Opens without waiting for a pipe's other end."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def expect_regular(mode: int) -> None:
    """Raises OSError unless a mode is that of a regular file."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory")
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
