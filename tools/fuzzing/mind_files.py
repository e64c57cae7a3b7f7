"""Mutations of saved minds: bytes, and arrays exchanged in an archive whose checksums are right."""

import io
import random
import struct
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fuzzing.raw_bytes import EXTREMES, mutate_bytes

HEADERS = (
    "{'descr': '<f8', 'fortran_order': False, 'shape': (1125899906842624,)}",
    "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
    "{'descr': '>f4', 'fortran_order': True, 'shape': (1, 4)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
    "{'descr': '|V0', 'fortran_order': False, 'shape': (99999999999,)}",
    "[" * 20_000,
    "",
)
NUMBERS = (0.0, -1.0, 1e-310, 3e38, -3e38, 1.7e308, float("nan"), float("inf"))


def mutate_mind(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A saved mind with a few things wrong."""
    if rng.random() < 0.35:
        return mutate_bytes(data, other, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(rng.choice((1, 1, 2, 3))):
        _change(members, rng)
    buffer = io.BytesIO()
    compression = zipfile.ZIP_DEFLATED if rng.random() < 0.03 else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def _change(members: dict[str, bytes], rng: random.Random) -> None:
    if not members:
        return
    name = rng.choice(sorted(members))
    match rng.randrange(10):
        case 0:
            del members[name]
        case 1:
            members[rng.choice(("../x.npy", "extra.npy", name + "/", "returns", "n" * 3000))] = members[name]
        case 2:
            members[name] = mutate_bytes(members[name], members[name], rng)
        case 3:
            members[name] = _headed(rng.choice(HEADERS), members[name][-16:])
        case _:
            array = _loaded(members[name])
            members[name] = b"" if array is None else _written(_changed(array, rng))


def _changed(array: NDArray[Any], rng: random.Random) -> NDArray[Any]:
    """An array with other numbers, another type or another shape."""
    match rng.randrange(6):
        case 0:
            with np.errstate(all="ignore"):  # what does not fit becomes something else: all the better
                return array.astype(rng.choice(("<f4", "<f8", ">f4", "<i8", "<u8", "|u1", "<f2", "|b1", "<c8")))
        case 1:
            return np.resize(array, rng.choice(((), (0,), (1,), (1, 1), (2, 4), (1, 4), (4,), (100_000,))))
        case 2:
            return array.T.copy(order="F")
        case _:
            changed = array.copy().reshape(-1)
            values = NUMBERS if array.dtype.kind == "f" else EXTREMES
            for i in range(len(changed)):
                if rng.random() < 0.6:
                    changed[i] = _fitting(rng.choice(values), array.dtype)
            return changed.reshape(array.shape)


def _fitting(value: float, dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "f":
        return value if dtype.itemsize == 8 or abs(value) < 3.4e38 or value in NUMBERS[-1:] else 0.0
    if dtype.kind in "iu":
        bits = 8 * dtype.itemsize
        whole = int(value) & (2**bits - 1)
        return whole - 2**bits if dtype.kind == "i" and whole >= 2 ** (bits - 1) else whole
    return bool(value)


def _loaded(content: bytes) -> NDArray[Any] | None:
    """The array of a member; None where it was changed before into none, or one that is best left alone."""
    try:
        array: NDArray[Any] = np.load(io.BytesIO(content))
    except Exception:  # whatever a changed member makes the parser raise
        return None
    return array if array.dtype.kind in "biuf" and array.size <= 200_000 else None


def _written(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array)
    return buffer.getvalue()


def _headed(header: str, content: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content
