"""The weights of a file as numpy arrays, their sizes and values checked."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.onnx_file.findings import DO_NOT_TRUST, EXPORT_AGAIN, Findings, Place
from gameagent_sdk.onnx_file.limits import MAX_ELEMENTS, MAX_RANK
from gameagent_sdk.onnx_file.messages import Fields

# TensorProto.DataType: what is read of it.
DTYPES = {code: np.dtype(kind) for code, kind in ((1, "f4"), (6, "i4"), (7, "i8"), (9, "?"), (11, "f8"))}

_NAMES = {code: dtype.name for code, dtype in DTYPES.items()}

_STORES = ("raw_data", "float_data", "int32_data", "int64_data", "double_data")
_STORE_OF = {  # by kind and bytes of a number
    ("f", 4): "float_data",
    ("i", 4): "int32_data",
    ("i", 8): "int64_data",
    ("b", 1): "int32_data",
    ("f", 8): "double_data",
}


def dtype_name(code: int) -> str:
    """What messages and ports call an element type."""
    return _NAMES.get(code, f"element type {code}")


def read_tensor(tensor: Fields, data: bytes, where: Place, findings: Findings) -> NDArray[Any] | None:
    """Makes an array from a TensorProto.

    Args:
        tensor: The message.
        data: The whole file, in which its raw bytes lie.
        where: Where the tensor is, for findings.
        findings: Where to note what is wrong.

    Returns:
        A read-only array, which shares the file's memory where that is aligned; None if the tensor is refused.
    """
    dtype = DTYPES.get(tensor.get("data_type", 0))
    shape = tuple(tensor.get("dims", ()))
    stores = [store for store in _STORES if store in tensor]
    if tensor.get("data_location", 0) != 0:
        findings.add("its data lies in another file", where, "save the weights inside the file (external_data=False)")
    elif dtype is None:
        advice = "use " + ", ".join(sorted(_NAMES.values()))
        findings.add(f"its numbers are of element type {tensor.get('data_type', 0)}", where, advice)
    elif not _is_reasonable(shape):
        findings.add(f"its shape {_shown(shape)} is impossible or too large", where, EXPORT_AGAIN)
    elif len(stores) > 1 or not {"raw_data", _STORE_OF[dtype.kind, dtype.itemsize]}.issuperset(stores):
        findings.add(f"its numbers stand in {' and '.join(stores)}, for {dtype}", where, DO_NOT_TRUST)
    else:
        return _checked(tensor, dtype, shape, data, where, findings)
    return None


def _checked(
    tensor: Fields, dtype: np.dtype[Any], shape: tuple[int, ...], data: bytes, where: Place, findings: Findings
) -> NDArray[Any] | None:
    wanted, held = math.prod(shape) * dtype.itemsize, _num_bytes(tensor, dtype)
    if held != wanted:
        findings.add(f"its shape {shape} of {dtype} takes {wanted} bytes, but it holds {held}", where, EXPORT_AGAIN)
        return None
    flat = _raw(tensor["raw_data"], dtype, data) if "raw_data" in tensor else _listed(tensor, dtype)
    if dtype.kind == "b" and flat.view(np.uint8).max(initial=0) > 1:
        findings.add("it holds truth values other than 0 and 1", where, DO_NOT_TRUST)
        return None
    if dtype.kind == "f" and not np.isfinite(flat).all():
        findings.add("it holds NaN or infinite numbers", where, "train again, or use large finite numbers for masks")
        return None
    flat.flags.writeable = False
    return flat.reshape(shape)


def _num_bytes(tensor: Fields, dtype: np.dtype[Any]) -> int:
    """How many bytes the stored numbers take as elements of the type."""
    if "raw_data" in tensor:
        start, stop = tensor["raw_data"]
        return int(stop - start)
    values = tensor.get(_STORE_OF[dtype.kind, dtype.itemsize], [])
    return sum(map(len, values)) if dtype.kind == "f" else len(values) * dtype.itemsize


def _raw(span: tuple[int, int], dtype: np.dtype[Any], data: bytes) -> NDArray[Any]:
    start, stop = span
    if start == stop:  # numpy makes no view of nothing at a buffer's end
        return np.empty(0, dtype)
    stored = np.frombuffer(data, dtype.newbyteorder("<"), (stop - start) // dtype.itemsize, start)
    flat = stored.astype(dtype, copy=False)  # copies on big-endian machines only
    return flat if flat.flags.aligned else flat.copy()  # numpy would copy the others at every product


def _listed(tensor: Fields, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Numbers that are not stored raw."""
    values = tensor.get(_STORE_OF[dtype.kind, dtype.itemsize], [])
    if dtype.kind == "f":
        return np.frombuffer(bytearray(b"".join(values)), dtype.newbyteorder("<")).astype(dtype, copy=False)
    if dtype.kind == "b":
        return np.array([value if value in (0, 1) else 2 for value in values], np.uint8).view(np.bool_)
    return np.array(values, dtype)


def _is_reasonable(shape: Sequence[int]) -> bool:
    """Whether the sizes are possible; zeros count as ones, as numpy refuses (2**40, 2**40, 0) too."""
    if len(shape) > MAX_RANK or any(size < 0 for size in shape):
        return False
    return math.prod(max(size, 1) for size in shape) <= MAX_ELEMENTS


def _shown(shape: Sequence[int]) -> str:
    return str(tuple(shape)) if len(shape) <= MAX_RANK else f"of {len(shape)} axes"
