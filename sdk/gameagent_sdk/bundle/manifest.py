"""The manifest: everything a bundle says about itself, as one frozen dataclass tree.

It travels as JSON in the ``.onnx`` file's metadata under ``gameagent.manifest``. The exporter builds a
`Manifest` and hands it to `gameagent_sdk.authoring.attach_manifest`; a game reads ``agent.manifest``.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from gameagent_sdk.bundle.checks import MAX_BOUND, MAX_COUNT, MAX_PARTS, require, require_hash, require_unique
from gameagent_sdk.bundle.gradient import GradientSpec
from gameagent_sdk.bundle.json_fields import OPTIONAL, as_fields, parse_object, read_record
from gameagent_sdk.bundle.plan import NativeActionSpec, PlanSpec
from gameagent_sdk.bundle.specs import ActionSpec, BeliefSpec, FeatureSpec, TensorSpec, require_rule_order
from gameagent_sdk.bundle.upgrade import upgraded
from gameagent_sdk.errors import ManifestError

SCHEMA_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a bundle says about itself.

    Attributes:
        name: The game family.
        summary: One line about the game and the agent.
        observation: The observation's features in order; their sizes add up to D.
        action: The action space, A actions.
        hidden_state: The tensors carried from step to step; empty for a memoryless policy.
        beliefs: The slots of the belief output in order; their widths add up to E. Empty if there are none.
        num_episodes: K, how many episodes a trial had in training.
        max_steps: The time limit of an episode in training, in steps.
        frames_per_decision: For how many frames of the game (steps of its simulation) an action was held in training;
            `gameagent_sdk.Pacer` decides at that rate. 1 for a decision at every step.
        temperature: The recommended sampling temperature; 0 takes the likeliest action.
        adaptation: How it adapts within a trial: "memory", "gradient", both, or neither.
        gradient: How it adapts by gradient; None if it does not.
        plan: How an environment's own observations are read and its actions made; None if agents take rows of D numbers
            and give indices, or the A numbers of a box.
        training: How it was trained: family version, algorithm, seed, steps, commit, configuration.
        evaluation: How well it does on held-out variants; None if it was not measured.
        parity: How closely the engines agree on a whole trial; None if it was not measured.
        graph_sha256: sha256 of the graph's bytes, in hex; filled in by `gameagent_sdk.authoring.attach_manifest`.
        schema_version: The version of this layout.
    """

    name: str
    summary: str
    observation: tuple[FeatureSpec, ...]
    action: ActionSpec
    hidden_state: tuple[TensorSpec, ...] = ()
    beliefs: tuple[BeliefSpec, ...] = ()
    num_episodes: int
    max_steps: int
    frames_per_decision: int = field(default=1, metadata={OPTIONAL: True})
    temperature: float = 1.0
    adaptation: tuple[str, ...] = ()
    gradient: GradientSpec | None = field(default=None, metadata={OPTIONAL: True})
    plan: PlanSpec | None = field(default=None, metadata={OPTIONAL: True})
    training: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, Any] | None = None
    parity: dict[str, Any] | None = None
    graph_sha256: str = ""
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        _require_version(self.schema_version)
        for part, fewest in (("observation", 1), ("beliefs", 0)):
            given = len(getattr(self, part))
            require(fewest <= given <= MAX_PARTS, f"{part} must have {fewest} to {MAX_PARTS} entries, given {given}")
        require_unique([feature.name for feature in self.observation], "observation names")
        require_unique([name for t in self.hidden_state for name in (t.name, f"next_{t.name}")], "hidden_state names")
        for name in ("num_episodes", "max_steps", "frames_per_decision"):
            value = getattr(self, name)
            require(1 <= value <= MAX_COUNT, f"{name} must be at least 1, at most {MAX_COUNT}, given {value}")
        require(
            0 <= self.temperature <= MAX_BOUND,
            f"temperature must be 0 or above, at most {MAX_BOUND:g}, given {self.temperature}",
        )
        require_hash("graph_sha256", self.graph_sha256)
        require_rule_order(self.beliefs, "beliefs")
        self._check_gradient()
        self._check_plan()

    @property
    def observation_size(self) -> int:
        """D, the numbers in an observation."""
        return sum(feature.size for feature in self.observation)

    @property
    def shown_size(self) -> int:
        """How many of these, at the end, are shown rules that a plan says are given at a trial's start."""
        return 0 if self.plan is None else self.plan.rules_size

    @property
    def num_actions(self) -> int:
        """A, the number of actions, or of the components of a box."""
        return len(self.action.names)

    @property
    def adapting_weights(self) -> tuple[TensorSpec, ...]:
        """The weights that gradient steps adapt; empty if there are none."""
        return () if self.gradient is None else self.gradient.weights

    @property
    def belief_size(self) -> int:
        """E, the numbers in the belief output; 0 if there is none."""
        return sum(slot.width for slot in self.beliefs)

    def to_json(self) -> str:
        """The manifest as JSON text; optional fields are left out if they have their default.

        Raises:
            ManifestError: A field does not survive a round trip through JSON (NaN, a numpy number, a list for a tuple).
        """
        try:
            text = json.dumps(self, default=as_fields, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ManifestError(f"the manifest cannot be written as JSON: {error}") from error
        Manifest.from_json(text)  # what cannot be read back must not be shipped
        return text

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Reads a manifest strictly, of this schema version or the one before.

        Raises:
            ManifestError: Not JSON, another schema version, or a missing, unknown, mistyped or impossible field;
                the message names it.
        """
        fields = upgraded(parse_object(text))
        require("schema_version" in fields, "schema_version is missing: export the bundle again")
        _require_version(fields["schema_version"])
        return read_record(cls, fields)

    def _check_gradient(self) -> None:
        by_gradient = "gradient" in self.adaptation
        require(by_gradient == (self.gradient is not None), "gradient must be given if and only if adaptation names it")
        carried = [(tensor.name, f"next_{tensor.name}") for tensor in (*self.hidden_state, *self.adapting_weights)]
        require_unique([name for names in carried for name in names], "hidden_state and gradient.weights names")

    def _check_plan(self) -> None:
        """The plan is about this observation and these actions."""
        plan = self.plan
        if plan is None:
            return
        sizes = tuple(feature.size for feature in self.observation)
        require(
            len(plan.feature_sizes) == len(sizes),
            f"plan: {len(plan.parts)} parts and {len(plan.rules)} rules must be one for each of {len(sizes)} features",
        )
        for feature, size in zip(self.observation, plan.feature_sizes, strict=True):
            require(
                size == feature.size, f"plan: feature {feature.name!r} has size {feature.size}, what fills it {size}"
            )
        require(not plan.mask or self.action.mask, "plan.mask must be empty, as action.mask is false")
        self._check_plan_action(plan.action)

    def _check_plan_action(self, native: NativeActionSpec) -> None:
        if self.action.kind != "box":
            given = len(native.values)
            require(given == self.num_actions, f"plan.action.values must be {self.num_actions}, given {given}")
            return
        require(not native.values, "plan.action.values must be empty for a box")
        require(
            native.size == self.num_actions,
            f"plan.action.shape must hold {self.num_actions} numbers, as action does, given {native.shape}",
        )
        low, high = native.bounds
        require(
            native.dtype.startswith("float") or (low <= min(self.action.low) and max(self.action.high) <= high),
            f"plan.action.dtype {native.dtype} must hold all numbers from action.low to action.high",
        )


def _require_version(version: object) -> None:
    require(
        type(version) is int and version == SCHEMA_VERSION,
        f"schema_version {version!r} is not {SCHEMA_VERSION}, the one this gameagent-sdk reads: "
        "upgrade gameagent-sdk, or export the bundle again",
    )
