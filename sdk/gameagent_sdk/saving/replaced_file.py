"""Replaces a file atomically: a reader sees the old one or the new one, never a part.

The new one is written next to it under a temporary name, and then takes its place. Permissions are kept, and if the
path is a symbolic link, the file that it leads to is replaced. What a killed process has left half-written is removed
when the same file is written again.
"""

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator

from gameagent_sdk.regular_file import expect_regular

try:
    import fcntl
except ImportError:  # not on Windows, which does not remove files that are open
    fcntl = None  # type: ignore[assignment]

SLICE_BYTES = 2**16  # written at a time


def replace_in_slices(path: str | os.PathLike[str], data: bytes) -> Iterator[None]:
    """Replaces a file, yielding between slices of work: writing, flushing to the disk, replacing.

    Args:
        path: The file, or a link to it; it need not exist.
        data: The new content.

    Raises:
        OSError: It cannot be written, or is a folder, a pipe or a device; the old file is kept.
        ValueError: The path holds a null byte, or something else that no path can.
    """
    target = _followed(os.fspath(path))
    replaced = os.stat(target) if os.path.exists(target) else None
    if replaced is not None:
        expect_regular(replaced.st_mode)
    _remove_left_overs(target)
    temporary, descriptor = _open_beside(target, 0o666 if replaced is None else stat.S_IMODE(replaced.st_mode))
    try:
        with open(descriptor, "wb") as file:
            view = memoryview(data)
            for start in range(0, len(view), SLICE_BYTES):
                file.write(view[start : start + SLICE_BYTES])
                yield
            if replaced is not None:
                _own_alike(temporary, replaced)
            file.flush()
            os.fsync(file.fileno())
            yield
            if fcntl is not None:
                os.replace(temporary, target)  # while it is locked
        if fcntl is None:
            os.replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _followed(path: str) -> str:
    """What a path leads to through links; raises OSError if they lead in a circle."""
    target = os.path.realpath(path)
    if os.path.islink(target):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return target


def _open_beside(target: str, mode: int) -> tuple[str, int]:
    """Makes a file beside the target, locked while it is open; no wider permissions than a mode."""
    while True:
        temporary = f"{target}.{os.urandom(4).hex()}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(temporary, flags, mode | stat.S_IWUSR)
        _lock(descriptor)
        if os.path.exists(temporary):
            return temporary, descriptor
        os.close(descriptor)  # another process took it for abandoned before it was locked


def _own_alike(temporary: str, replaced: os.stat_result) -> None:
    """The owner and the permissions of the file that is replaced, as far as this process and the disk can."""
    made = os.stat(temporary)
    if hasattr(os, "chown") and (made.st_uid, made.st_gid) != (replaced.st_uid, replaced.st_gid):
        with contextlib.suppress(OSError):
            os.chown(temporary, replaced.st_uid, replaced.st_gid)
    with contextlib.suppress(OSError):
        os.chmod(temporary, stat.S_IMODE(replaced.st_mode))


def _remove_left_overs(target: str) -> None:
    """Removes what other processes have begun for the same target and abandoned."""
    folder, name = os.path.split(target)
    ours = re.compile(re.escape(name) + r"\.[0-9a-f]{8}\.tmp")
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if ours.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                _remove_unless_open(entry.path)


def _remove_unless_open(path: str) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            in_use = not _lock(descriptor)
        finally:
            os.close(descriptor)
        if not in_use:
            os.unlink(path)


def _lock(descriptor: int) -> bool:
    """Locks an open file until it is closed; False if another process, or another part of this one, has locked it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a disk without locks: nothing is known to be left over
        return False
    return True
