"""One process at a time trains in a run's folder."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from gameagent.errors import RunError

LOCK_NAME = ".lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Locks an existing folder against other processes; this process may lock it again.

    The operating system keeps the lock, so a killed process releases it at once.

    Raises:
        RunError: Another process holds it, or the folder cannot be written.
    """
    lock = FileLock(folder / LOCK_NAME, is_singleton=True)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise RunError(
            f"{folder} is being trained by another process; wait for it, stop it, or choose another --out"
        ) from None
    except (OSError, NotImplementedError) as error:
        raise RunError(f"cannot write to {folder}: {error}; free space or choose another --out") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def locked_new(folder: Path, keep: Callable[[], bool]) -> Iterator[None]:
    """The same for a folder that need not exist yet; folders that turn out not to be needed are removed again.

    Args:
        folder: Created if it does not exist.
        keep: Called at the end: whether the folder is still needed. If not, the lock's file is removed, and so are the
            folders that were created here, if they are empty.

    Raises:
        RunError: As `locked`.
        OSError: The folder cannot be created.
    """
    made = [path for path in (folder, *folder.parents) if not os.path.exists(path)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            try:
                yield
            finally:
                if os.name != "nt" and not keep():  # on Windows the lock's own release removes it
                    (folder / LOCK_NAME).unlink(missing_ok=True)  # while it is held: nobody can come in between
    finally:
        _remove_empty(made)


def _remove_empty(folders: list[Path]) -> None:
    """Removes folders, the innermost first, up to the first one that is not empty or does not exist."""
    for path in folders:
        try:
            path.rmdir()
        except OSError:
            return
