"""The seam between the SDK and the engines that run a bundle's policy step."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.bundle import Bundle
from gameagent_sdk.errors import BundleError
from gameagent_sdk.signature import Port, check_signature

Arrays = dict[str, NDArray[Any]]


class Backend(Protocol):
    """An engine with one bundle loaded. It is stateless: hidden state goes in and comes out."""

    @property
    def inputs(self) -> tuple[Port, ...]:
        """What :meth:`run` takes."""

    @property
    def outputs(self) -> tuple[Port, ...]:
        """What :meth:`run` returns."""

    def run(self, inputs: Mapping[str, NDArray[np.float32] | NDArray[np.bool_]]) -> Arrays:
        """Runs one policy step on N rows, on the calling thread.

        Args:
            inputs: one C-contiguous array per input port, all with the same N.

        Returns:
            One fresh array per output port.

        Raises:
            BundleError: the engine failed.
        """


def load_backend(bundle: Bundle) -> Backend:
    """Starts an engine on a bundle and checks that its graph is what the manifest says.

    Raises:
        MissingBackend: onnxruntime is not installed.
        BundleError: the engine refuses the graph, or the graph does not match the manifest.
    """
    from gameagent_sdk.backends.onnx_runtime import OnnxRuntimeBackend  # late: starting onnxruntime takes a while

    try:
        backend = OnnxRuntimeBackend(bundle.data)
        check_signature(bundle.manifest, backend.inputs, backend.outputs)
    except BundleError as error:
        raise BundleError(f"{bundle.path}: {error}") from error
    return backend
