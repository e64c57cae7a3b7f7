"""Files of saved minds: plain arrays in one file.

The file is an uncompressed ``.npz`` without pickle: ``numpy.load(path)`` shows what is in it. It carries the hash of
the bundle it belongs to. It is untrusted input: every array's name, shape and dtype is checked before it is read.
"""

import io
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from gameagent_sdk.bundle.file import Bundle
from gameagent_sdk.errors import MindError, shown, shown_path
from gameagent_sdk.regular_file import as_path, open_regular, reason_of
from gameagent_sdk.saving.mind import Mind
from gameagent_sdk.saving.mind_arrays import check_origin, from_arrays, require, to_arrays
from gameagent_sdk.saving.replaced_file import replace_in_slices

MAX_BYTES = 2**27  # of a file


def write_mind(path: str | os.PathLike[str], mind: Mind, bundle: Bundle) -> None:
    """Writes a mind atomically: a reader sees the old file or the new one, never a part.

    Raises:
        MindError: The file cannot be written; an older one is kept.
    """
    for _ in write_mind_in_slices(path, mind, bundle):
        pass


def write_mind_in_slices(path: str | os.PathLike[str], mind: Mind, bundle: Bundle) -> Iterator[None]:
    """Writes like `write_mind`, yielding between slices of work: encoding, writing, flushing, replacing.

    Raises:
        MindError: The file cannot be written; an older one is kept.
    """
    path = as_path(path)
    data = encode_mind(mind, bundle)
    yield
    try:
        yield from replace_in_slices(path, data)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise MindError(f"the mind cannot be written to {shown_path(path)} ({reason_of(error)})") from error


def read_mind(path: str | os.PathLike[str], bundle: Bundle) -> Mind:
    """Reads a mind that was saved with the same bundle.

    Raises:
        MindError: The file does not exist, is damaged, is not a mind, or belongs to another bundle.
    """
    path = as_path(path)
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES:
                raise MindError(
                    f"the mind {shown_path(path)} is larger than {MAX_BYTES} bytes: it is damaged or forged"
                )
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise MindError(f"the mind {shown_path(path)} cannot be read ({reason_of(error)})") from error
    try:
        return decode_mind(data, bundle)
    except MindError as error:
        raise MindError(f"{shown_path(path)}: {error}") from error


def make_folder(folder: Path) -> None:
    """Makes a folder that minds are written to, and those it lies in.

    Raises:
        MindError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise MindError(f"the folder {shown_path(folder)} cannot be made ({reason_of(error)})") from error


def set_aside(path: Path) -> Path | None:
    """Renames a mind that cannot be used, so that the next save does not replace it.

    Returns:
        Its new place: ``player.mind.old``, or with a number if that is taken. None if it cannot be renamed.
    """
    places = itertools.chain([f"{path}.old"], (f"{path}.old{number}" for number in itertools.count(2)))
    place = next(place for place in places if not os.path.lexists(place))
    try:
        os.rename(path, place)
    except OSError:
        return None
    return Path(place)


def encode_mind(mind: Mind, bundle: Bundle) -> bytes:
    """A mind as the bytes of its file."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = to_arrays(mind, bundle)
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def decode_mind(data: bytes, bundle: Bundle) -> Mind:
    """A mind from the bytes of an untrusted file.

    Raises:
        MindError: They are damaged, not a mind, or belong to another bundle.
    """
    try:
        require(len(data) <= MAX_BYTES, f"it is larger than {MAX_BYTES} bytes")
        arrays = _read_arrays(data)
        check_origin(arrays, bundle)
        return from_arrays(arrays, bundle)
    except MindError:
        raise
    except Exception as error:  # whatever a damaged or forged file makes the parsers raise
        raise MindError(
            f"it is damaged or not a saved mind ({shown(str(error), 200)}): begin a new trial instead"
        ) from error


def _read_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """The file's arrays by name: stored, not compressed, so that together they are no larger than the file."""
    import zipfile  # late: it takes as long to import as half of the SDK

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        names = [member.filename.removesuffix(".npy") for member in members]
        require(len(set(names)) == len(names), "an array is there twice")
        require(all(member.compress_type == zipfile.ZIP_STORED for member in members), "an array is compressed")
        require(sum(member.file_size for member in members) <= len(data), "its arrays overlap")
        arrays = {}
        for name, member in zip(names, members, strict=True):
            with archive.open(member) as stream:
                arrays[name] = _read_array(stream)
    return arrays


def _read_array(stream: IO[bytes]) -> NDArray[Any]:
    """One array, without numpy's own reader, which allocates what a header asks for."""
    if npy.read_magic(stream) != (1, 0):
        raise ValueError("an array is in another .npy version")
    shape, _, dtype = npy.read_array_header_1_0(stream)
    if min(shape, default=0) < 0:
        raise ValueError(f"an array has shape {shape}")
    if dtype.kind not in "iuf" or dtype.newbyteorder("=") != dtype:
        raise ValueError(f"an array has dtype {dtype}")
    return np.frombuffer(stream.read(), dtype).reshape(shape).copy()  # a size that does not fit raises ValueError
