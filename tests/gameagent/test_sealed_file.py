"""Sealed archives: what was written comes back, and a change of any single bit is noticed."""

# mypy: disable-error-code="arg-type"

import io
import random
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import torch

from gameagent.run.sealed_file import BrokenSeal, check_seal, sealed


def archive_of(content: dict[Any, Any]) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def test_a_sealed_archive_is_still_an_archive_for_torch_and_zip() -> None:
    content = {"weights": torch.arange(6.0), "steps": 3}
    closed = sealed(archive_of(content))
    check_seal(closed)
    loaded = torch.load(io.BytesIO(closed), weights_only=True)
    assert torch.equal(loaded["weights"], content["weights"]) and loaded["steps"] == 3
    with zipfile.ZipFile(io.BytesIO(closed)) as opened:
        assert opened.testzip() is None and opened.comment.startswith(b"gameagent sha256 ")


def test_every_flipped_bit_is_noticed() -> None:
    closed = sealed(archive_of({"weights": torch.arange(6.0)}))
    for place in random.Random(0).sample(range(8 * len(closed)), 400) + list(
        range(8 * len(closed) - 300, 8 * len(closed))
    ):
        flipped = bytearray(closed)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(BrokenSeal):
            check_seal(bytes(flipped))


@pytest.mark.parametrize(
    "change", [lambda c: c[:-1], lambda c: c + b"\0", lambda c: c[1:], lambda c: b"", lambda c: c[:50]]
)
def test_what_was_cut_or_grown_is_noticed(change: Callable[..., Any]) -> None:
    with pytest.raises(BrokenSeal):
        check_seal(change(sealed(archive_of({}))))


def test_what_is_no_archive_is_not_sealed() -> None:
    for content in (b"", b"text", zlib.compress(b"x" * 100), sealed(archive_of({}))):
        with pytest.raises(ValueError, match="zip archive without a comment"):
            sealed(content)
