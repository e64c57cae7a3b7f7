"""The seam between the SDK and the engines that run a bundle's policy step.

Two engines run the same file: onnxruntime, and an executor that only needs numpy, for browsers and wherever
onnxruntime is not installed.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TypeAlias

from numpy.typing import NDArray

from gameagent_sdk.bundle.file import Bundle
from gameagent_sdk.bundle.signature import adaptation_inputs, adaptation_outputs, check_signature, port_findings
from gameagent_sdk.errors import BundleError, InputError, MissingBackend, shown_path, shown_value
from gameagent_sdk.graph import Model, Port

BackendName: TypeAlias = Literal["onnxruntime", "numpy"]
Arrays: TypeAlias = Mapping[str, NDArray[Any]]


class Backend(Protocol):
    """An engine with one bundle loaded. It is stateless: hidden state goes in and comes out."""

    @property
    def name(self) -> BackendName:
        """The engine's name."""

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The inputs of a step."""

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The outputs of a step."""

    def bind(self, inputs: Arrays, outputs: Arrays) -> Callable[[], None]:
        """Ties the policy step to the caller's arrays.

        Args:
            inputs: One C-contiguous array per input port, all with the same N; read at every run.
            outputs: One C-contiguous array per output port with that N; written at every run.

        Returns:
            A function that runs one policy step on the calling thread. It raises whatever the engine raises; the
            outputs are then undefined.

        Raises:
            BundleError: The engine does not take these arrays.
        """


def load_backend(bundle: Bundle, name: BackendName | None = None) -> Backend:
    """Starts an engine on a bundle and checks that its graph matches the manifest.

    Args:
        bundle: The bundle to load.
        name: The engine's name; None takes onnxruntime if it can be imported, else numpy.

    Raises:
        MissingBackend: onnxruntime was asked for and cannot be imported.
        BundleError: The engine refuses the graph, or the graph does not match the manifest.
        InputError: There is no engine of that name.
    """
    try:
        backend = _start(bundle.data, bundle.model, name)
        check_signature(bundle.manifest, backend.inputs, backend.outputs)
    except BundleError as error:
        error.args = (f"{shown_path(bundle.path)}: {error}",)
        raise
    return backend


def load_adaptation(bundle: Bundle, name: BackendName) -> Backend:
    """Starts an engine on a bundle's gradient steps: N is then T, the steps of experience.

    Args:
        bundle: A bundle that adapts by gradient.
        name: The engine that runs its policy step.

    Raises:
        BundleError: The engine refuses the graph, or it does not match the manifest.
    """
    assert bundle.adaptation is not None, "only for bundles that adapt by gradient"
    backend = _start(bundle.adaptation_data, bundle.adaptation, name)
    expected = adaptation_inputs(bundle.manifest), adaptation_outputs(bundle.manifest)
    if found := port_findings(expected, (backend.inputs, backend.outputs)):
        raise BundleError.listing(
            f"{shown_path(bundle.path)}: the adaptation graph is not what its manifest says", found
        )
    return backend


def _start(data: bytes, model: Model, name: BackendName | None) -> Backend:
    if name not in ("onnxruntime", "numpy", None):
        raise InputError(f"there is no backend {shown_value(name)}: take 'onnxruntime' or 'numpy', or leave it out")
    if name == "onnxruntime" or (name is None and sys.platform != "emscripten"):
        try:
            from gameagent_sdk.backends.onnx_runtime import OnnxRuntimeBackend  # late: its import takes a while

            return OnnxRuntimeBackend(data, model)
        except MissingBackend:
            if name is not None:
                raise
    from gameagent_sdk.backends.numpy_executor import NumpyBackend

    return NumpyBackend(model)
