"""Files that are either complete or absent, and archives that show if a single bit of them has changed."""

import hashlib
import os
from pathlib import Path

_MARK = b"gameagent sha256 "
_SEAL_SIZE = len(_MARK) + 64  # bytes, with the digest in hexadecimal
_END_RECORD = b"PK\x05\x06"  # starts the last 22 bytes of a zip archive without a comment


class BrokenSeal(Exception):
    """An archive is not what was written: damaged, cut short, or written by something else."""


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces a file's content atomically and durably: a crash leaves the old or the new content, never a part."""
    partial = partial_of(path)
    write_durably(partial, content)
    try:
        os.replace(partial, path)
        sync_folder(path.parent)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def write_durably(path: Path, content: bytes) -> None:
    """Writes a file and waits until it is on disk; if that fails, the file is removed."""
    try:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def partial_of(path: Path) -> Path:
    """Where a file's new content is written before it replaces the file."""
    return path.with_name(path.name + ".partial")


def sync_folder(path: Path) -> None:
    """Waits until renames in a folder are on disk; Windows offers no way to do that."""
    if os.name == "nt":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def sealed(archive: bytes) -> bytes:
    """A zip archive with a SHA-256 of all its bytes in its comment, which readers of zip archives ignore.

    The archive's own checksums cover only its members, and `torch.load` does not verify them; this one covers every
    byte, the archive's directory included.

    Args:
        archive: A zip archive without a comment, as `torch.save` writes it.

    Raises:
        ValueError: It is not such an archive.
    """
    if archive[-22:-18] != _END_RECORD or archive[-2:] != b"\x00\x00":
        raise ValueError("expected a zip archive without a comment")
    content = archive[:-2] + _SEAL_SIZE.to_bytes(2, "little")
    return content + _seal(content)


def check_seal(archive: bytes) -> None:
    """Raises BrokenSeal unless the bytes are exactly what `sealed` returned."""
    content, seal = archive[:-_SEAL_SIZE], archive[-_SEAL_SIZE:]
    if not seal.startswith(_MARK):
        raise BrokenSeal("it does not end in a checksum: damaged, cut short, or not written by this version")
    if seal != _seal(content):
        raise BrokenSeal("its content does not match its checksum")


def _seal(content: bytes) -> bytes:
    return _MARK + hashlib.sha256(content).hexdigest().encode()
