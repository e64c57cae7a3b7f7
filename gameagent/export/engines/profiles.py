"""What each engine's own loader and runner expect of a file: names, shapes, dtypes, constants, versions.

Facts from the engines' sources: Godot RL Agents' plugin at bf5d6a2 (``onnx/csharp/ONNXInference.cs``, ``sync.gd``),
Unity ML-Agents 3.0.0 (``Runtime/Inference/SentisModelInfo.cs``, ``SentisModelParamLoader.cs``, ``GeneratorImpl.cs``,
``ApplierImpl.cs``) and Sentis 2.1 to 2.4 (``supported-operators.md``, ``supported-models.md``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from gameagent.export.engines.layout import EngineLayout, make_layout, width
from gameagent.export.engines.step import EngineStep, GodotStep, UnityStep
from gameagent_sdk import Manifest
from gameagent_sdk.authoring import Port

Arrays = Mapping[str, NDArray[Any]]
FLOAT, INTEGER = "float32", "int64"


@dataclass(frozen=True)
class Moment:
    """What a game knows when N agents are to decide.

    Attributes:
        features: float32 ``(N, D)``.
        legal_actions: bool ``(N, A)``; None if all are legal.
        previous_reward: float32 ``(N, 1)``.
        episode_start: float32 ``(N, 1)``.
        trial_start: float32 ``(N, 1)``.
        temperature: Of the choice of actions.
        state: float32 ``(N, M)``, as the last step gave it; zeros before the first.
    """

    features: NDArray[np.float32]
    legal_actions: NDArray[np.bool_] | None
    previous_reward: NDArray[np.float32]
    episode_start: NDArray[np.float32]
    trial_start: NDArray[np.float32]
    temperature: float
    state: NDArray[np.float32]

    def signals(self) -> NDArray[np.float32]:
        """`layout.SIGNALS`, ``(N, 4)``."""
        temperature = np.full_like(self.previous_reward, self.temperature)
        return np.concatenate((self.previous_reward, self.episode_start, self.trial_start, temperature), 1)


@dataclass(frozen=True)
class EngineDecision:
    """What the engine makes of a file's outputs.

    Attributes:
        actions: int64 ``(N,)``.
        greedy: The likeliest actions, int64 ``(N,)``; None if the engine has no output for them.
        scores: float32 ``(N, A)``, the largest is the action; None if the engine sees none.
        state: float32 ``(N, M)``, for the next step.
    """

    actions: NDArray[np.int64]
    greedy: NDArray[np.int64] | None
    scores: NDArray[np.float32] | None
    state: NDArray[np.float32]


class Profile(Protocol):
    """One engine's side of a policy's file."""

    name: ClassVar[str]
    engine: ClassVar[str]
    max_opset: ClassVar[int]
    max_ir_version: ClassVar[int]
    operators: ClassVar[frozenset[str] | None]  # that the engine knows; None for all of ONNX
    layout: EngineLayout

    @property
    def inputs(self) -> tuple[Port, ...]:
        """What the engine feeds."""

    @property
    def outputs(self) -> tuple[Port, ...]:
        """What the engine fetches, and the constants that its loader reads."""

    @property
    def constants(self) -> dict[str, NDArray[np.float32]]:
        """The outputs that never change."""

    def module(self, step: nn.Module) -> EngineStep:
        """The step to trace, its tensors in the ports' order, around a policy's own step."""

    def feed(self, moment: Moment) -> Arrays:
        """The inputs, filled as the engine's scripts fill them."""

    def read(self, outputs: Arrays) -> EngineDecision:
        """The outputs, read as the engine's scripts read them."""


class Godot:
    """Godot RL Agents, its plugin unchanged.

    The C# code sends ``state_ins`` as one float for each row and knows no other form, so the state comes back through
    the observation. The plugin's own build brings onnxruntime 1.15.1, which reads IR version 9 and opset 19 at most.
    """

    name: ClassVar[str] = "godot"
    engine: ClassVar[str] = "Godot RL Agents"
    max_opset: ClassVar[int] = 15
    max_ir_version: ClassVar[int] = 8
    operators: ClassVar[frozenset[str] | None] = None

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.layout = make_layout(manifest, legal_in_observation=True, state_in_observation=True)

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The observation with the state in it, and a number per row that says nothing."""
        return (Port("obs", FLOAT, (None, width(self.layout.observation))), Port("state_ins", FLOAT, (None,)))

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The logits, and the next state."""
        return (
            Port("output", FLOAT, (None, self.manifest.num_actions)),
            Port("state_outs", FLOAT, (None, self.layout.memory_size)),
        )

    @property
    def constants(self) -> dict[str, NDArray[np.float32]]:
        """None: the plugin's loader reads no constants."""
        return {}

    def module(self, step: nn.Module) -> EngineStep:
        """The step with the state taken out of the observation."""
        return GodotStep(step, self.manifest, self.layout)

    def feed(self, moment: Moment) -> Arrays:
        """Features, legal actions, signals and state in one row each."""
        legal = [] if moment.legal_actions is None else [moment.legal_actions.astype(np.float32)]
        parts = (moment.features, *legal, moment.signals(), moment.state)
        return {"obs": np.concatenate(parts, 1), "state_ins": np.ones(len(moment.features), np.float32)}

    def read(self, outputs: Arrays) -> EngineDecision:
        """The likeliest action: the plugin samples none."""
        return EngineDecision(outputs["output"].argmax(1), None, outputs["output"], outputs["state_outs"])


class Unity:
    """Unity ML-Agents with Sentis (Inference Engine), which reads opset 7 to 15."""

    name: ClassVar[str] = "unity"
    engine: ClassVar[str] = "Unity ML-Agents"
    max_opset: ClassVar[int] = 15
    max_ir_version: ClassVar[int] = 8
    operators: ClassVar[frozenset[str] | None] = frozenset(
        {
            "Add", "And", "ArgMax", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv", "Div",
            "Equal", "Exp", "Expand", "Flatten", "Gather", "Gemm", "Greater", "GreaterOrEqual", "Identity", "Less",
            "Log", "LogSoftmax", "MatMul", "Max", "Min", "Mul", "Neg", "Not", "OneHot", "Or", "Pow",
            "RandomUniformLike", "Range", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceSum", "Relu",
            "Reshape", "Shape", "Sigmoid", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "Sub", "Tanh",
            "Transpose", "Unsqueeze", "Where",
        }
    )  # fmt: skip
    VERSION: ClassVar[int] = 3  # ModelApiVersion.MLAgents2_0

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.layout = make_layout(manifest, legal_in_observation=False, state_in_observation=False)

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The observation, the mask of legal actions, and the state."""
        return (
            Port("obs_0", FLOAT, (None, width(self.layout.observation))),
            Port("action_masks", FLOAT, (None, self.manifest.num_actions)),
            Port("recurrent_in", FLOAT, (None, 1, self.layout.memory_size)),
        )

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Sampled and likeliest actions, the next state, and the loader's constants."""
        return (
            Port("version_number", FLOAT, (1,)),
            Port("memory_size", FLOAT, (1,)),
            Port("discrete_actions", INTEGER, (None, 1)),
            Port("discrete_action_output_shape", FLOAT, (1, 1)),
            Port("deterministic_discrete_actions", INTEGER, (None, 1)),
            Port("recurrent_out", FLOAT, (None, 1, self.layout.memory_size)),
        )

    @property
    def constants(self) -> dict[str, NDArray[np.float32]]:
        """The version, the size of the state, and the number of actions."""
        return {
            "version_number": np.array([self.VERSION], np.float32),
            "memory_size": np.array([self.layout.memory_size], np.float32),
            "discrete_action_output_shape": np.array([[self.manifest.num_actions]], np.float32),
        }

    def module(self, step: nn.Module) -> EngineStep:
        """The step that samples within the graph."""
        return UnityStep(step, self.manifest, self.layout, self.VERSION)

    def feed(self, moment: Moment) -> Arrays:
        """The observation with its signals, the mask, and the state with a time axis."""
        shape = len(moment.features), self.manifest.num_actions
        legal = np.ones(shape) if moment.legal_actions is None else moment.legal_actions
        return {
            "obs_0": np.concatenate((moment.features, moment.signals()), 1),
            "action_masks": legal.astype(np.float32),
            "recurrent_in": moment.state[:, None, :],
        }

    def read(self, outputs: Arrays) -> EngineDecision:
        """The sampled action and the likeliest one; no logits are given out."""
        greedy = outputs["deterministic_discrete_actions"][:, 0]
        return EngineDecision(outputs["discrete_actions"][:, 0], greedy, None, outputs["recurrent_out"][:, 0])


PROFILES: dict[str, type[Godot] | type[Unity]] = {profile.name: profile for profile in (Godot, Unity)}
