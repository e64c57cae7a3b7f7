"""The onnxruntime engine: the only module that imports onnxruntime."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.errors import BundleError, MissingBackend
from gameagent_sdk.signature import Port

try:
    import onnxruntime  # type: ignore[import-untyped]
except ImportError as error:
    raise MissingBackend(f"onnxruntime cannot be imported ({error}): pip install 'onnxruntime>=1.20,<2'") from error

_DTYPES = {"tensor(float)": "float32", "tensor(bool)": "bool"}
_SEVERITY_ERROR = 3


def session_options() -> "onnxruntime.SessionOptions":
    """Options for use inside a game's loop: everything on the calling thread, and quiet.

    With its default thread pool, onnxruntime took 8-30 ms for what one thread does in under half a millisecond
    between the frames of a 60 fps loop.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = _SEVERITY_ERROR
    return options


class OnnxRuntimeBackend:
    """A policy step in onnxruntime, on the CPU."""

    def __init__(self, model: bytes) -> None:
        """Loads a serialised ModelProto.

        Raises:
            BundleError: onnxruntime refuses it.
        """
        try:
            self._session = onnxruntime.InferenceSession(model, session_options(), ["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no base class of their own
            raise BundleError(f"onnxruntime refuses the graph ({error}): export again, or upgrade it") from error
        self.inputs = tuple(map(_port, self._session.get_inputs()))
        self.outputs = tuple(map(_port, self._session.get_outputs()))
        self._output_names = [port.name for port in self.outputs]

    def run(self, inputs: Mapping[str, NDArray[np.float32] | NDArray[np.bool_]]) -> dict[str, NDArray[Any]]:
        """Runs one policy step on N rows; see :class:`gameagent_sdk.backends.Backend`."""
        try:
            arrays = self._session.run(self._output_names, dict(inputs))
        except Exception as error:  # as above
            raise BundleError(f"onnxruntime failed on the policy step: {error}") from error
        return dict(zip(self._output_names, arrays, strict=True))


def _port(node: "onnxruntime.NodeArg") -> Port:
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return Port(node.name, _DTYPES.get(node.type, node.type), shape)
