"""The onnxruntime engine: the only module that imports onnxruntime.

Since 1.29, importing onnxruntime starts threads that report its use to its maker, look up the maker's host and keep
a device id in the user's home. A game's players have not agreed to that, so it is switched off before the import with
onnxruntime's own variable, unless the host program has set it.
"""

import functools
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.backends.numpy_executor import needed_nodes
from gameagent_sdk.errors import BundleError, MissingBackend
from gameagent_sdk.graph import Model, Port
from gameagent_sdk.onnx_file import wire

TELEMETRY_SWITCH = "ORT_DISABLE_TELEMETRY"  # read by onnxruntime when it is imported
_HOST_DECIDED = TELEMETRY_SWITCH in os.environ
_HOST_IMPORTED = "onnxruntime" in sys.modules
os.environ.setdefault(TELEMETRY_SWITCH, "1")  # for processes that this one starts, too

try:
    import onnxruntime  # type: ignore[import-untyped]
except ImportError as error:
    raise MissingBackend(
        f"onnxruntime cannot be imported ({error}): pip install 'onnxruntime>=1.20,<2', or load with backend='numpy'"
    ) from error

if _HOST_IMPORTED and not _HOST_DECIDED and hasattr(onnxruntime, "disable_telemetry_events"):
    onnxruntime.disable_telemetry_events()  # too late to keep its threads from starting, not to stop the reports

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
    options.add_session_config_entry("session.load_model_format", "ONNX")  # what was checked is what is read
    options.add_session_config_entry("session.use_ort_model_bytes_directly", "0")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = _SEVERITY_ERROR
    return options


class OnnxRuntimeBackend:
    """A policy step in onnxruntime, on the CPU; see `gameagent_sdk.backends.Backend`."""

    name: Final = "onnxruntime"

    def __init__(self, data: bytes, model: Model | None = None) -> None:
        """Loads a serialised ModelProto.

        Args:
            data: The file.
            model: What is in it, for a closer look at where a NaN may be lost; None to do without.

        Raises:
            BundleError: onnxruntime refuses it.
        """
        self._watched = [] if model is None else _watched(model)
        data += wire.encode_outputs(self._watched)
        try:
            self._session = onnxruntime.InferenceSession(data, session_options(), ["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no base class of their own
            raise BundleError(f"onnxruntime refuses the graph ({error}): export again, or upgrade it") from error
        adapting = self._session.get_overridable_initializers()  # inputs that have initial values
        self.inputs = tuple(map(_port, [*self._session.get_inputs(), *adapting]))
        self.outputs = tuple(_port(node) for node in self._session.get_outputs() if node.name not in self._watched)

    def bind(self, inputs: Mapping[str, NDArray[Any]], outputs: Mapping[str, NDArray[Any]]) -> Callable[[], None]:
        """Ties the policy step to the caller's arrays, without copies; see the protocol."""
        binding = self._session.io_binding()
        try:
            for name, array in inputs.items():
                binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
            for name, array in outputs.items():
                binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
            for name in self._watched:
                binding.bind_output(name, "cpu")
        except Exception as error:  # as above
            raise BundleError(f"onnxruntime does not take the policy's tensors: {error}") from error
        run = _bare_run(self._session, binding)
        run.__dict__["arrays"] = (*inputs.values(), *outputs.values())  # the binding knows but their addresses
        if not self._watched:
            return run
        results = [array for array in outputs.values() if array.dtype == np.float32]

        def run_watched() -> None:
            run()
            watched = (value.numpy() for value in binding.get_outputs()[len(outputs) :])
            if any(array.dtype == np.float32 and np.isnan(array).any() for array in watched):
                for out in results:
                    out.fill(np.nan)

        return run_watched


def _watched(model: Model) -> list[str]:
    """What nodes make for an operator that passes over a NaN in some places of a tensor and not in others.

    onnxruntime's own ArgMax and ReduceMax do. Where one meets a NaN all outputs are NaN in the numpy engine, and so
    they are in this one: these tensors are made outputs of the graph, and looked at.
    """
    made = {name for node in model.nodes for name in node.outputs} - {port.name for port in model.outputs}
    readers = (node.inputs[0] for node in needed_nodes(model) if node.op_type in ("ArgMax", "ReduceMax"))
    return list(dict.fromkeys(name for name in readers if name in made))


def _bare_run(session: "onnxruntime.InferenceSession", binding: "onnxruntime.IOBinding") -> "functools.partial[None]":
    """``session.run_with_iobinding(binding)``, past its checks for graphics devices where that can be done.

    These checks and fresh run options took 5 of the 80 µs of a whole decision (hidden size 128, onnxruntime 1.32).
    """
    core, bound = getattr(session, "_sess", None), getattr(binding, "_iobinding", None)
    if core is None or bound is None:  # another version, arranged in another way
        return functools.partial(session.run_with_iobinding, binding)
    return functools.partial(core.run_with_iobinding, bound, onnxruntime.RunOptions())


def _port(node: "onnxruntime.NodeArg") -> Port:
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return Port(node.name, _DTYPES.get(node.type, node.type), shape)
