"""Forged and damaged saved minds, each changed from one that the sound bundle's agent really saved."""

# mypy: disable-error-code="attr-defined, misc"

import functools
import io
import pickle
import struct
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk import Agent, Bundle
from sdk.hostile.kinds import MINDS, REFUSED, TAME
from sdk.hostile.sound import bundle


@functools.cache
def saved(rows: int = 7) -> bytes:
    """A mind of the sound bundle, as the SDK writes it after some steps."""
    agent = Agent(Bundle.from_bytes(bundle()), seed=0)
    agent.begin_trial()
    for step in range(rows):
        agent.act([0.5, -1.0, step])
        agent.observe(0.25, terminated=step == 3)
    with tempfile.TemporaryDirectory() as folder:
        agent.save(Path(folder, "a.mind"))
        return Path(folder, "a.mind").read_bytes()


def arrays() -> dict[str, NDArray[Any]]:
    """The saved mind's arrays by name."""
    with np.load(io.BytesIO(saved())) as file:
        return {**file}


def written(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A ZIP of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def members(**changes: NDArray[Any] | bytes | None) -> dict[str, bytes]:
    """The saved mind's members, with some arrays exchanged, added, or left out where None."""
    kept = {name: value for name, value in ({**arrays()} | changes).items() if value is not None}
    return {f"{name}.npy": value if isinstance(value, bytes) else npy(value) for name, value in kept.items()}


def npy(array: NDArray[Any], **options: Any) -> bytes:
    """One array as an .npy file."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, **options)
    return buffer.getvalue()


def header(text: str, content: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """An .npy file with any header."""
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text.encode("latin1") + content


def returns_header(text: str, version: tuple[int, int] = (1, 0)) -> bytes:
    """A mind whose returns have this header."""
    return written(members(returns=header(text, bytes(8), version)))


def changed(**changes: NDArray[Any] | bytes | None) -> Callable[[], bytes]:
    return lambda: written(members(**changes))


@MINDS.accepted
def sound_mind() -> bytes:
    """nothing: the mind that the others are changed from."""
    return saved()


@MINDS.accepted
def rewritten_mind() -> bytes:
    """nothing: the same members, packed by another tool."""
    return written(members())


@MINDS.refused
def empty_mind() -> bytes:
    """no bytes at all."""
    return b""


@MINDS.refused
def no_archive() -> bytes:
    """prose."""
    return b"I remember it well.\n" * 50


@MINDS.refused
def a_bundle_for_a_mind() -> bytes:
    """the bundle itself."""
    return bundle()


class Call:
    """Leaves a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (open, ("unpickled", "w"))


@MINDS.refused
def a_pickle() -> bytes:
    """a pickle that opens a file."""
    return pickle.dumps(Call())


@MINDS.refused
def a_pickle_within() -> bytes:
    """an array of objects, whose content is a pickle that opens a file."""
    return written(members(returns=npy(np.array([Call()], dtype=object), allow_pickle=True)))


for tenth in range(1, 10):
    MINDS.add_bytes(
        f"mind_cut_at_{tenth}_tenths",
        f"cut after {tenth} tenths.",
        REFUSED,
        lambda tenth=tenth: saved()[: len(saved()) * tenth // 10],
    )


@MINDS.refused
def compressed_mind() -> bytes:
    """compressed members, which may unfold into anything."""
    return written(members(), zipfile.ZIP_DEFLATED)


@MINDS.refused
def zip_bomb() -> bytes:
    """50 megabytes of zeros in 50 kilobytes."""
    content = header("{'descr': '<f8', 'fortran_order': False, 'shape': (6250000,)}", bytes(50_000_000))
    return written(members(returns=content), zipfile.ZIP_DEFLATED)


@MINDS.refused
def zip_bomb_of_another_kind() -> bytes:
    """the same with another compression."""
    return written({"returns.npy": bytes(10**7)}, zipfile.ZIP_LZMA)


@MINDS.refused
def overlapping_members() -> bytes:
    """many entries of the directory that point at the same bytes."""
    content = npy(np.zeros(1000))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("returns.npy", content)
        first = archive.infolist()[0]
        for i in range(2000):
            twin = zipfile.ZipInfo(f"hidden_state.h{i}.npy")
            twin.header_offset, twin.CRC = first.header_offset, first.CRC
            twin.compress_size = twin.file_size = len(content)
            archive.filelist.append(twin)
        archive._didModify = True  # so that the directory is written again
    return buffer.getvalue()


@MINDS.refused
def path_names() -> bytes:
    """members called ../x and /x."""
    return written(members() | {"../../canary.bin": b"x", "/canary.bin": b"x"})


@MINDS.refused
def member_in_a_folder() -> bytes:
    """a member in a folder."""
    return written({f"mind/{name}": content for name, content in members().items()})


@MINDS.refused
def members_twice() -> bytes:
    """two members of one name."""
    buffer = io.BytesIO(saved())
    with zipfile.ZipFile(buffer, "a") as archive:
        twin = zipfile.ZipInfo("returnz.npy")
        archive.writestr(twin, npy(np.zeros(1)))
    return buffer.getvalue().replace(b"returnz", b"returns")


@MINDS.refused
def names_that_fall_together() -> bytes:
    """returns and returns.npy: the same once the suffix is gone."""
    return written(members() | {"returns": npy(np.zeros(1))})


@MINDS.refused
def twenty_thousand_members() -> bytes:
    """very many small members."""
    return written({f"{i}.npy": b"" for i in range(20_000)})


@MINDS.refused
def encrypted_member() -> bytes:
    """a member that is said to be encrypted."""
    content = bytearray(saved())
    position = content.index(b"PK\x01\x02")
    content[position + 8] |= 1
    return bytes(content)


@MINDS.refused
def wrong_checksum() -> bytes:
    """a number changed, and not the checksum."""
    content = saved()
    place = content.index(b"episode_return.npy")
    start = content.index(b"\n", place) + 1
    return content[:start] + bytes([content[start] ^ 1]) + content[start + 1 :]


@MINDS.refused
def bytes_in_front() -> bytes:
    """a program in front of the archive; ZIP readers skip it."""
    return b"MZ" + bytes(1000) + saved()[:-1]


@MINDS.tame
def script_in_front() -> bytes:
    """a script in front of a sound archive."""
    return b"#!/bin/sh\nexit\n" + saved()


DESCR = "{'descr': '<f8', 'fortran_order': False, 'shape': "
HEADERS: dict[str, str] = {
    "huge_shape": DESCR + "(1125899906842624,)}",
    "overflowing_shape": DESCR + "(4294967296, 4294967296)}",
    "negative_shape": DESCR + "(-1,)}",
    "shape_of_booleans": DESCR + "(True,)}",
    "shape_of_floats": DESCR + "(1.0,)}",
    "shape_of_rank_100": DESCR + "(" + "1, " * 100 + ")}",
    "huge_integer": DESCR + "(" + "9" * 5000 + ",)}",
    "code": "__import__('os').system('touch owned')",
    "deep_brackets": "(" * 30_000 + ")" * 30_000,
    "deep_minus": DESCR + "-" * 60_000 + "1}",
    "nothing": "",
    "text": "{'descr': '<U9', 'fortran_order': False, 'shape': (1,)}",
    "object": "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
    "structured": "{'descr': [('a', '<f4'), ('b', '<f4')], 'fortran_order': False, 'shape': (1,)}",
    "date": "{'descr': '<M8[s]', 'fortran_order': False, 'shape': (1,)}",
    "zero_width": "{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000000,)}",
    "complex": "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}",
    "big_endian": "{'descr': '>f8', 'fortran_order': False, 'shape': (1,)}",
    "extra_key": "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}",
    "fortran_text": "{'descr': '<f8', 'fortran_order': 'no', 'shape': (1,)}",
    "descr_of_commas": "{'descr': '" + "f8," * 9000 + "', 'fortran_order': False, 'shape': (1,)}",
}
for name, text in HEADERS.items():
    MINDS.add_bytes(
        f"header_{name}",
        f"an array whose header has or is: {name.replace('_', ' ')}.",
        TAME if name == "negative_shape" else REFUSED,  # numpy takes -1 for "as many as there are"
        lambda text=text: returns_header(text),
    )


@MINDS.refused
def header_of_ten_megabytes() -> bytes:
    """a header of ten megabytes, in the version of the format that allows it."""
    return returns_header(DESCR + "(1,)}" + " " * 10_000_000, (2, 0))


@MINDS.refused
def header_longer_than_the_array() -> bytes:
    """a header that claims more bytes than there are."""
    return written(members(returns=b"\x93NUMPY\x01\x00\xff\xff{"))


@MINDS.tame
def fortran_order() -> bytes:
    """a matrix in the other order."""
    fortran = header("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2)}", bytes(8))
    return written(members(**{HIDDEN: fortran}))


HIDDEN = "hidden_state.hidden_h"
ARRAYS: dict[str, tuple[str, dict[str, NDArray[Any] | None], frozenset[str]]] = {
    "hidden_nan": ("memory that is NaN", {HIDDEN: np.full((1, 2), np.nan, np.float32)}, REFUSED),
    "hidden_infinite": ("memory that is infinite", {HIDDEN: np.full((1, 2), np.inf, np.float32)}, REFUSED),
    "hidden_wide": ("memory of three units", {HIDDEN: np.zeros((1, 3), np.float32)}, REFUSED),
    "hidden_two_rows": ("memory of two rows", {HIDDEN: np.zeros((2, 2), np.float32)}, REFUSED),
    "hidden_no_rows": ("memory of no rows", {HIDDEN: np.zeros((0, 2), np.float32)}, REFUSED),
    "hidden_double": ("memory of float64", {HIDDEN: np.zeros((1, 2))}, REFUSED),
    "hidden_missing": ("no memory", {HIDDEN: None}, REFUSED),
    "hidden_extra": ("memory that the bundle has not", {"hidden_state.other": np.zeros((1, 2), np.float32)}, REFUSED),
    "hidden_huge_numbers": ("memory of the greatest numbers", {HIDDEN: np.full((1, 2), 3e38, np.float32)}, TAME),
    "extra_array": ("an array that nobody asked for", {"payload": np.zeros(1000)}, REFUSED),
    "of_another_bundle": ("another bundle's hash", {"bundle_hash": np.zeros(32, np.uint8)}, REFUSED),
    "of_no_bundle": ("no hash", {"bundle_hash": None}, REFUSED),
    "hash_cut": ("half a hash", {"bundle_hash": np.zeros(16, np.uint8)}, REFUSED),
    "of_version_2": ("another version", {"format_version": np.array(2, np.int64)}, REFUSED),
    "of_version_many": ("a row of versions", {"format_version": np.ones(5, np.int64)}, REFUSED),
    "of_version_nan": ("a version that is NaN", {"format_version": np.array(np.nan)}, REFUSED),
    "counters_negative": ("a negative action", {"counters": np.array([-1, 7, 3, 0])}, REFUSED),
    "counters_steps_negative": ("negative steps", {"counters": np.array([0, 7, -3, 0])}, REFUSED),
    "counters_action_5": ("an action that is not there", {"counters": np.array([5, 7, 3, 0])}, REFUSED),
    "counters_phase_2": ("a phase that is not there", {"counters": np.array([0, 7, 3, 2])}, REFUSED),
    "counters_steps_beyond": ("more steps than decisions", {"counters": np.array([0, 7, 8, 0])}, REFUSED),
    "counters_greatest": ("the greatest counters", {"counters": np.array([0, 2**63 - 1, 2**63 - 1, 0])}, TAME),
    "counters_awaiting_nothing": ("an outcome awaited before any decision", {"counters": np.array([0, 0, 0, 1])}, TAME),
    "counters_short": ("three counters", {"counters": np.array([0, 7, 3])}, REFUSED),
    "counters_unsigned": ("unsigned counters", {"counters": np.array([0, 7, 3, 0], np.uint64)}, REFUSED),
    "rng_even": ("random numbers that repeat", {"rng_state": np.zeros(4, np.uint64)}, REFUSED),
    "rng_signed": ("a signed state of random numbers", {"rng_state": np.array([1, 1, 1, 1])}, REFUSED),
    "rng_short": ("half a state of random numbers", {"rng_state": np.ones(2, np.uint64)}, REFUSED),
    "probabilities_nan": ("chances that are NaN", {"probabilities": np.full(2, np.nan)}, REFUSED),
    "probabilities_wide": ("a chance too many", {"probabilities": np.ones(3) / 3}, REFUSED),
    "probabilities_impossible": ("chances that add up to -5", {"probabilities": np.array([-4.0, -1.0])}, TAME),
    "returns_matrix": ("returns in a matrix", {"returns": np.zeros((2, 2))}, REFUSED),
    "returns_nan": ("a return that is NaN", {"returns": np.array([np.nan])}, REFUSED),
    "returns_a_million": ("a million returns", {"returns": np.zeros(1_000_000)}, TAME),
    "returns_scalar": ("returns that are one number", {"returns": np.array(1.0)}, REFUSED),
    "return_infinite": ("an infinite return", {"episode_return": np.array(np.inf)}, REFUSED),
    "return_greatest": ("the greatest return", {"episode_return": np.array(1.7e308)}, TAME),
    "action_not_one_hot": ("a previous action of 1e38", {"previous_action": np.full((1, 2), 1e38, np.float32)}, TAME),
    "reward_greatest": ("the greatest previous reward", {"previous_reward": np.full((1, 1), 3e38, np.float32)}, TAME),
    "start_of_seven": ("an episode's start that is 7", {"episode_start": np.full((1, 1), 7, np.float32)}, TAME),
    "beliefs_invented": ("beliefs of a bundle that has none", {"beliefs": np.zeros((1, 5), np.float32)}, REFUSED),
}  # fmt: skip
for array_name, (attack, changes, expected) in ARRAYS.items():
    MINDS.add_bytes(f"mind_{array_name}", f"{attack}.", expected, changed(**changes))
