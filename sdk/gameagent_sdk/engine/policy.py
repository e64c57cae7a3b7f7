"""A bundle running in an engine, and one policy step of N rows on fixed arrays."""

import itertools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk.backends import Backend, BackendName, load_adaptation, load_backend
from gameagent_sdk.bundle.file import Bundle
from gameagent_sdk.bundle.manifest import Manifest
from gameagent_sdk.bundle.signature import step_inputs, step_outputs
from gameagent_sdk.engine.actions import Actions, actions_of
from gameagent_sdk.engine.context import Context
from gameagent_sdk.engine.inputs import all_finite, small_weights
from gameagent_sdk.engine.native import Native
from gameagent_sdk.engine.rules import ShownRules
from gameagent_sdk.errors import BundleError, shown, shown_names
from gameagent_sdk.graph import Port

_LANE = 16  # float32 numbers in 64 bytes


class Policy:
    """A bundle that is ready to run; any number of agents and squads may share one, each with arrays of its own.

    Attributes:
        bundle: What it runs.
        manifest: What the bundle says about itself.
        actions: Draws, checks and encodes the policy's actions.
        native: What agents read an environment's own observations with; None for a bundle without a plan.
        shown_rules: Encodes the rules that they are told at a trial's start.
        backend: The engine of the policy step.
        adaptation_backend: That of the gradient steps; None if there are none.
    """

    def __init__(self, bundle: Bundle, backend: BackendName | None = None) -> None:
        """Starts an engine.

        Args:
            bundle: What `Bundle.read` returned.
            backend: "onnxruntime" or "numpy"; None takes onnxruntime if it can be imported, else numpy.

        Raises:
            BundleError: The engine refuses the bundle.
            MissingBackend: onnxruntime was asked for and is not installed.
            InputError: There is no such backend.
        """
        self.bundle = bundle
        self.manifest: Manifest = bundle.manifest
        self.actions: Actions = actions_of(self.manifest.action)
        plan = self.manifest.plan
        self.native = None if plan is None else Native(plan)
        self.shown_rules = ShownRules(() if plan is None else plan.rules)
        self.backend = load_backend(bundle, backend)
        adapts = self.manifest.gradient is not None
        self.adaptation_backend: Backend | None = load_adaptation(bundle, self.backend.name) if adapts else None

    @classmethod
    def load(cls, path: str | os.PathLike[str], backend: BackendName | None = None) -> "Policy":
        """Reads a bundle and starts an engine; raises what `Bundle.read` and the constructor raise."""
        return cls(Bundle.read(path), backend)

    @property
    def row_elements(self) -> int:
        """How many numbers go into and come out of the policy step, for one row."""
        ports = step_inputs(self.manifest), step_outputs(self.manifest)
        return sum(math.prod(_shape(port, 1)) for port in itertools.chain(*ports))

    @property
    def backend_name(self) -> str:
        """Which engine runs it: "onnxruntime" or "numpy"."""
        return self.backend.name


class PolicyStep:
    """One policy step of N rows. Rows never influence one another.

    The policy's outputs are in one block of memory, and what is carried on from them is in another of the same layout,
    so that one check and one copy suffice for all of them.

    Attributes:
        inputs: By name, the arrays of `step_inputs`: write the observation here; the rest is the context.
        outputs: By name, the arrays of `step_outputs`, of the last run.
        context: The part of the inputs that is carried from step to step.
        beliefs: float32 (N, E), those of the last step that `advance` took over; E is 0 if there are none.
    """

    def __init__(self, policy: Policy, num_rows: int) -> None:
        """Makes the arrays; the engine is bound to them at the first run."""
        manifest = policy.manifest
        self._decided_by = manifest.action.outputs
        ports = step_outputs(manifest)
        decided_by, carried = ports[: len(self._decided_by)], ports[len(self._decided_by) :]
        self._given, self.outputs = _block([*carried, *decided_by], num_rows)
        self._small = small_weights(len(self._given))
        self._carried, self._kept = _block(carried, num_rows)
        self._given_carried = self._given[: len(self._carried)]
        self.inputs: dict[str, NDArray[Any]] = {
            port.name: np.zeros(_shape(port, num_rows), port.dtype) for port in step_inputs(manifest)
        }
        self.inputs |= {tensor.name: self._kept[f"next_{tensor.name}"] for tensor in manifest.hidden_state}
        self.context = Context(
            hidden_state={tensor.name: self.inputs[tensor.name] for tensor in manifest.hidden_state},
            previous_action=self.inputs["previous_action"],
            previous_reward=self.inputs["previous_reward"],
            episode_start=self.inputs["episode_start"],
            tensors=manifest.hidden_state,
            weights={tensor.name: self.inputs[tensor.name] for tensor in manifest.adapting_weights},
            initial_weights={t.name: policy.bundle.model.initializers[t.name][0] for t in manifest.adapting_weights},
        )
        self.beliefs: NDArray[np.float32] = self._kept.get("beliefs", np.zeros((num_rows, 0), np.float32))
        self.context.clear()
        self._backend = policy.backend
        self._run: Callable[[], None] | None = None

    def run(self) -> None:
        """Computes the outputs. What is carried on is unchanged until `advance`.

        Raises:
            BundleError: The engine failed.
        """
        if self._run is None:
            self._run = self._backend.bind(self.inputs, self.outputs)
        try:
            self._run()
        except Exception as error:  # the engines' exceptions share no base class
            raise BundleError(f"{self._backend.name} failed on the policy step: {error}") from error

    def check_outputs(self) -> None:
        """Checks that the outputs are finite.

        Raises:
            BundleError: Some are not.
        """
        if not all_finite(self._given, self._small):
            _refuse_infinite(self.outputs, self.inputs)

    def run_for(self, others: Sequence["PolicyStep"], rows: slice | list[int]) -> list[tuple[list[float], ...]]:
        """Runs on the inputs of steps of one row, and advances each of them; rows without one are idle.

        Args:
            others: Of the same policy.
            rows: Where in this batch each of them goes, as many.

        Returns:
            For each of them, lists of A numbers: one for each of ``manifest.action.outputs``.

        Raises:
            BundleError: The engine failed, or an output is not finite. The others are as they were.
        """
        for name, array in self.inputs.items():
            array[rows] = np.concatenate([other.inputs[name] for other in others])
        self.run()
        given = {name: array[rows] for name, array in self.outputs.items()}
        _refuse_infinite(given, self.inputs)
        decided_by = [given.pop(name).tolist() for name in self._decided_by]
        for name, values in given.items():
            for other, value in zip(others, values, strict=True):
                other._kept[name][0] = value
        return list(zip(*decided_by, strict=True))

    def advance(self) -> None:
        """Carries on the next hidden state and the beliefs."""
        self._carried[:] = self._given_carried


def _refuse_infinite(outputs: Mapping[str, NDArray[Any]], inputs: Mapping[str, NDArray[Any]]) -> None:
    wrong = [name for name, array in outputs.items() if not np.isfinite(array).all()]
    if wrong:
        name, largest = max(((n, float(np.abs(a).max(initial=0))) for n, a in inputs.items()), key=lambda pair: pair[1])
        raise BundleError(
            f"the policy gave {shown_names(wrong)} with NaN or infinite values; the largest number that it was fed was"
            f" {largest:.3g}, in {shown(name)}: if that is usual in this game, was the policy trained to the end?"
        )


def _shape(port: Port, num_rows: int) -> tuple[int, ...]:
    return tuple(num_rows if size is None else size for size in port.shape)


def _block(ports: Sequence[Port], num_rows: int) -> tuple[NDArray[np.float32], dict[str, NDArray[Any]]]:
    """Zeros for some ports, one after the other, each starting at a multiple of 64 bytes from the block's start."""
    shapes = {port.name: _shape(port, num_rows) for port in ports}
    ends = list(itertools.accumulate(-(-math.prod(shape) // _LANE) * _LANE for shape in shapes.values()))
    block = np.zeros(ends[-1] if ends else 0, np.float32)
    views = {
        name: block[start : start + math.prod(shape)].reshape(shape)
        for start, (name, shape) in zip([0, *ends], shapes.items(), strict=False)
    }
    return block, views
