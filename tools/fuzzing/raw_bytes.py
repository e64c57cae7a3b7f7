"""Mutations that know nothing of the format."""

import random

from fuzzing.protobuf import varint

INTERESTING = (
    b"\x00",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff" * 9 + b"\x01",
    b"\x80" * 10,
    b"\x00" * 8,
    b"PK\x03\x04",
    b'"',
    b"[",
)
EXTREMES = (
    *(0, 1, 2, 3, 5, 7, 8, 17, 127, 128, 255, 1000, 65535, 10**6, 2**24, 2**26 + 1),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**32, 10**12, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1),
    *(-1, -2, -3, -(2**31), -(2**63)),
)  # fmt: skip


def mutate_bytes(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """One to four changes of some bytes; ``other`` is a file to take pieces from."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice((_flip, _overwrite, _insert, _delete, _repeat, _splice, _lengthen, _cut))(data, other, rng)
    return data


def _span(data: bytes, rng: random.Random) -> tuple[int, int]:
    """A piece: mostly short."""
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 1, 2, 4, 16, 64, 1024)))


def _flip(data: bytes, other: bytes, rng: random.Random) -> bytes:
    if not data:
        return data
    i = rng.randrange(len(data))
    return data[:i] + bytes([data[i] ^ 1 << rng.randrange(8)]) + data[i + 1 :]


def _overwrite(data: bytes, other: bytes, rng: random.Random) -> bytes:
    start, _ = _span(data, rng)
    piece = rng.choice((*INTERESTING, rng.randbytes(rng.randrange(1, 9))))
    return data[:start] + piece + data[start + len(piece) :]


def _insert(data: bytes, other: bytes, rng: random.Random) -> bytes:
    start, _ = _span(data, rng)
    return data[:start] + rng.choice((*INTERESTING, rng.randbytes(rng.randrange(1, 33)))) + data[start:]


def _delete(data: bytes, other: bytes, rng: random.Random) -> bytes:
    start, stop = _span(data, rng)
    return data[:start] + data[stop:]


def _repeat(data: bytes, other: bytes, rng: random.Random) -> bytes:
    start, stop = _span(data, rng)
    return data[:stop] + data[start:stop] * rng.choice((1, 2, 100)) + data[stop:]


def _splice(data: bytes, other: bytes, rng: random.Random) -> bytes:
    (start, stop), (first, last) = _span(data, rng), _span(other, rng)
    return data[:start] + other[first:last] + data[rng.choice((start, stop)) :]


def _lengthen(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Overwrites a byte, which may be a length, with a number of up to ten bytes."""
    start, _ = _span(data, rng)
    return data[:start] + varint(rng.choice(EXTREMES)) + data[start + 1 :]


def _cut(data: bytes, other: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]
