"""Mutations of a manifest's JSON."""

import json
import random
from typing import Any

from fuzzing.raw_bytes import EXTREMES, mutate_bytes

VALUES: tuple[Any, ...] = (
    *(None, True, False, "", "x", "observation", "hidden_h", "logits", "\x1b[2J", "\ud800", 0.5, -1.0, 1e308),
    *(5e-324, [], {}, [[]], [0], [None], ["a", "b"], [1, 2, 3], [2**24, 2**24], {"a": 1}, "n" * 5000, 10**400),
    *EXTREMES,
)  # fmt: skip


def mutate_manifest(text: bytes, rng: random.Random) -> bytes:
    """A few values changed, exchanged, doubled or dropped; or a few bytes."""
    if rng.random() < 0.15:
        return mutate_bytes(text, text, rng)
    fields = json.loads(text)
    for _ in range(rng.choice((1, 1, 2, 3))):
        _change(fields, rng)
    written = json.dumps(fields)
    if rng.random() < 0.1:  # what Python's own writer would not write
        written = written.replace(
            rng.choice(("1", "null", "true", "[]")), rng.choice(("NaN", "1e999", "[" * 5000, "")), 1
        )
    return written.encode()


def _change(fields: dict[str, Any], rng: random.Random) -> None:
    holder, key = rng.choice(list(_places(fields)))
    match rng.randrange(6):
        case 0 | 1 | 2:
            holder[key] = json.loads(json.dumps(rng.choice(VALUES)))  # its own: it may be changed in turn
        case 3:
            del holder[key]
        case 4 if isinstance(holder, list):
            holder[key:key] = [holder[key]] * rng.choice((1, 2, 300))
        case 5 if isinstance(holder[key], int) and not isinstance(holder[key], bool):
            holder[key] += rng.choice((-1, 1, 2, 100))
        case _:
            other, place = rng.choice(list(_places(fields)))
            holder[key] = json.loads(json.dumps(other[place]))


def _places(value: Any) -> Any:
    """Every (holder, key) in a JSON value, the root's own first."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
