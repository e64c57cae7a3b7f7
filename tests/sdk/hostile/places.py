"""What stands where a bundle or a mind should, and is no plain file of some bytes."""

import os
import socket
from pathlib import Path

from sdk.hostile.kinds import BUNDLES, MINDS


@MINDS.place
@BUNDLES.place
def missing(path: Path) -> None:
    """there is no such file."""


@MINDS.place
@BUNDLES.place
def directory(path: Path) -> None:
    """a folder with the file's name."""
    path.mkdir()


@MINDS.place
@BUNDLES.place
def fifo(path: Path) -> None:
    """a named pipe that nobody writes to: opening it in the ordinary way waits for ever."""
    os.mkfifo(path)


@MINDS.place
@BUNDLES.place
def endless_device(path: Path) -> None:
    """a device that never ends: reading it in one go fills the memory."""
    path.symlink_to("/dev/zero")


@MINDS.place
@BUNDLES.place
def symlink_loop(path: Path) -> None:
    """a symbolic link to itself."""
    path.symlink_to(path)


@MINDS.place
@BUNDLES.place
def dangling_symlink(path: Path) -> None:
    """a symbolic link to nothing."""
    path.symlink_to(path.with_name("nothing-here"))


@MINDS.place
@BUNDLES.place
def unix_socket(path: Path) -> None:
    """a socket."""
    folder = os.open(path.parent, os.O_RDONLY)  # a socket's address must be short: bind it under a short alias
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


@MINDS.place
@BUNDLES.place
def sparse_five_gigabytes(path: Path) -> None:
    """five gigabytes that take no place on the disk and do not fit into the memory."""
    path.touch()
    os.truncate(path, 5 * 2**30)
