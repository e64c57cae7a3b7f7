"""The manifest: everything a bundle says about itself, as one frozen dataclass tree.

It travels as JSON in the ``.onnx`` file's metadata under ``gameagent.manifest``. The exporter builds a
:class:`Manifest` and hands it to :func:`gameagent_sdk.authoring.attach_manifest`; a game reads ``agent.manifest``.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gameagent_sdk.bundle.json_fields import OPTIONAL, as_fields, parse_object, read_record
from gameagent_sdk.bundle.upgrade import upgraded
from gameagent_sdk.errors import ManifestError, shown

SCHEMA_VERSION = 2
KINDS = ("vector", "flags", "category", "grid")  # of a feature
LIFETIMES = ("trial", "season")  # of a tensor of hidden state
STEP_INPUTS = ("observation", "legal_actions", "previous_action", "previous_reward", "episode_start")
EXPERIENCE = ("observations", "beliefs", "actions", "rewards", "advantages", "episode_end")  # of gradient steps
STEP_NAMES = (*STEP_INPUTS, *EXPERIENCE, "logits", "mean", "log_std")  # what hidden state must not be called
LEARNS_FROM = ("rewards", "advantages")  # gradient steps
MAX_SIZE = 2**24  # elements of one tensor, a row: keeps a forged manifest from asking for all the memory there is
MAX_AXES = 7  # of one tensor, a row: the batch axis makes eight
MAX_BOUND = 3e38  # of a box or a feature: single precision holds it
MAX_COUNT = 10**9  # of episodes and of steps
MAX_PARTS = 2**12  # features, and slots of beliefs
MAX_ACTIONS = 2**14
MAX_MESSAGE = 300  # characters: a forged manifest's texts stand in it


@dataclass(frozen=True)
class FeatureSpec:
    """One named group of neighbouring numbers in the observation.

    Attributes:
        name: what the game calls it.
        size: how many numbers it takes.
        low: the least value in training, in ``unit``; None where unbounded.
        high: the greatest value in training, in ``unit``; None where unbounded.
        unit: of every number in the group; "" where it has none.
        meaning: one line for the integrator who has to fill it in.
        kind: How to read the numbers: "vector"; "flags", 0 or 1 each; "category", one-hot over ``size`` options; or
            "grid", an array of ``shape``.
        shape: The axes that the numbers are laid out on, last axis fastest; empty for a single axis of ``size``.
    """

    name: str
    size: int = 1
    low: float | None = None
    high: float | None = None
    unit: str = ""
    meaning: str = ""
    kind: str = field(default="vector", metadata={OPTIONAL: True})
    shape: tuple[int, ...] = field(default=(), metadata={OPTIONAL: True})

    def __post_init__(self) -> None:
        where = f"observation feature {self.name!r}"
        _require(1 <= self.size <= MAX_SIZE, f"{where}: size must be at least 1, given {self.size}")
        _require(self.kind in KINDS, f"{where}: kind must be one of {', '.join(KINDS)}, given {self.kind!r}")
        _require(
            len(self.shape) <= MAX_AXES and all(1 <= size <= self.size for size in self.shape),
            f"{where}: shape must have at most {MAX_AXES} axes of sizes from 1 to {self.size}, given {self.shape}",
        )
        _require(
            not self.shape or math.prod(self.shape) == self.size,
            f"{where}: shape {self.shape} must hold size {self.size} numbers",
        )
        bounds = [bound for bound in (self.low, self.high) if bound is not None]
        _require(
            all(abs(bound) <= MAX_BOUND for bound in bounds),
            f"{where}: low and high must be within {MAX_BOUND:g} of 0, or None where unbounded",
        )
        _require(bounds == sorted(bounds), f"{where}: low {self.low} is above high {self.high}")


@dataclass(frozen=True)
class ActionSpec:
    """The actions: ``act`` returns an index into ``names``, or for a box a number for each of them.

    Attributes:
        names: what each action does, A of them, in the policy's order; of a box what each component is.
        mask: whether the game tells which actions are legal at each decision; never for a box.
        kind: "discrete", or "box" where an action is A numbers at once.
        low: the least value of each component of a box, in ``unit``; empty if discrete.
        high: the greatest, likewise.
        unit: of every component; "" where they have none.
    """

    names: tuple[str, ...]
    mask: bool = False
    kind: str = "discrete"
    low: tuple[float, ...] = field(default=(), metadata={OPTIONAL: True})
    high: tuple[float, ...] = field(default=(), metadata={OPTIONAL: True})
    unit: str = field(default="", metadata={OPTIONAL: True})

    def __post_init__(self) -> None:
        _require(
            self.kind in ("discrete", "box"),
            f"action.kind must be 'discrete' or 'box', given {self.kind!r}: upgrade gameagent-sdk?",
        )
        _require(
            1 <= len(self.names) <= MAX_ACTIONS,
            f"action.names must name at least one action and at most {MAX_ACTIONS}, given {len(self.names)}",
        )
        _require_unique(self.names, "action.names")
        if self.kind == "box":
            self._check_box()
        else:
            _require(not self.low and not self.high and not self.unit, "action: low, high and unit are for a box")

    @property
    def outputs(self) -> tuple[str, ...]:
        """The policy's outputs that actions are drawn by; those of a box are in ``unit``."""
        return ("mean", "log_std") if self.kind == "box" else ("logits",)

    def _check_box(self) -> None:
        _require(not self.mask, "action.mask must be false for a box")
        _require(
            len(self.low) == len(self.high) == len(self.names),
            f"action: a box needs low and high for each of its {len(self.names)} names",
        )
        for name, low, high in zip(self.names, self.low, self.high, strict=True):
            usable = max(abs(low), abs(high)) <= MAX_BOUND and (high - low) / 2 > 0  # NaN is not
            _require(usable, f"action {name!r}: low {low} must be below high {high}, both within {MAX_BOUND:g} of 0")


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of hidden state.

    Attributes:
        name: the graph's input; its next value is the output ``next_<name>``.
        shape: of one row, without the batch axis.
        dtype: "float32", the only one so far.
        lifetime: "trial" if it starts afresh in every trial, "season" if it is kept from trial to trial.
        initial: The value that every number of it starts from.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    lifetime: str = field(default="trial", metadata={OPTIONAL: True})
    initial: float = field(default=0.0, metadata={OPTIONAL: True})

    def __post_init__(self) -> None:
        _require(
            re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,99}", self.name) is not None and self.name not in STEP_NAMES,
            f"hidden_state name {self.name!r} must be a plain identifier, and none of {', '.join(STEP_NAMES)}",
        )
        _require(len(self.shape) <= MAX_AXES, f"hidden_state {self.name}: shape must have {MAX_AXES} axes at most")
        _require(
            all(size >= 1 for size in self.shape) and math.prod(self.shape) <= MAX_SIZE,
            f"hidden_state {self.name}: shape {self.shape} must have sizes of at least 1, {MAX_SIZE} elements at most",
        )
        _require(self.dtype == "float32", f"hidden_state {self.name}: dtype must be 'float32', given {self.dtype!r}")
        _require(
            self.lifetime in LIFETIMES,
            f"hidden_state {self.name}: lifetime must be one of {', '.join(LIFETIMES)}, given {self.lifetime!r}",
        )
        _require(
            abs(self.initial) <= MAX_BOUND,
            f"hidden_state {self.name}: initial must be within {MAX_BOUND:g} of 0, given {self.initial}",
        )


@dataclass(frozen=True)
class BeliefSpec:
    """One slot of the belief output: what the agent thinks of one hidden rule, or of one element of an array rule.

    Attributes:
        rule: the rule's name in the variant.
        kind: "categorical" (as many outputs as options: probabilities) or "scalar" (two: mean and std of ``x``).
        index: position in an array rule; None for a rule that is one value.
        options: a label for each option of a categorical.
        values: what each option is worth as a number, in ``unit``; empty where options are no numbers.
        center: the middle of a scalar's training range; its value is ``center + scale * x``.
        scale: half the width of that range.
        unit: of the rule's value.
    """

    rule: str
    kind: str
    index: int | None = None
    options: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    center: float = 0.0
    scale: float = 1.0
    unit: str = ""

    def __post_init__(self) -> None:
        where = f"belief {self.rule!r}"
        _require(self.kind in ("categorical", "scalar"), f"{where}: kind {self.kind!r} is not categorical or scalar")
        if self.kind == "categorical":
            _require(len(self.options) >= 2, f"{where}: options must hold at least two labels")
            _require_unique(self.options, f"{where}: options")
            _require(len(self.values) in (0, len(self.options)), f"{where}: values must be empty, or one per option")
        else:
            _require(not self.options and not self.values, f"{where}: options and values are for categoricals")
        _require(math.isfinite(self.scale) and self.scale > 0, f"{where}: scale must be above 0, given {self.scale}")

    @property
    def width(self) -> int:
        """How many numbers the slot takes in the belief output."""
        return len(self.options) if self.kind == "categorical" else 2


@dataclass(frozen=True)
class AdvantageSpec:
    """How the runtime says how much better than usual each action went, for gradient steps that learn from that.

    Attributes:
        discount: gamma, per step.
        gae_lambda: lambda of generalised advantage estimation.
        standardise: Whether the advantages of one adaptation are brought to mean zero and deviation one.
        best_return: The return of an episode after adaptation that can be expected of a task in which the return
            before it was ``pre_adaptation_return``: the nearer the episodes learnt from come to it, the shorter the
            step. None if steps do not depend on that.
        pre_adaptation_return: The return of an episode before any step, for which a step's scale is 1.
        best_slope: How much higher the best return is if the return before any step is higher by one.
    """

    discount: float
    gae_lambda: float
    standardise: bool
    best_return: float | None = field(default=None, metadata={OPTIONAL: True})
    pre_adaptation_return: float | None = field(default=None, metadata={OPTIONAL: True})
    best_slope: float = field(default=0.0, metadata={OPTIONAL: True})

    def __post_init__(self) -> None:
        for name in ("discount", "gae_lambda"):
            value = getattr(self, name)
            _require(0 <= value <= 1, f"gradient.advantages.{name} must be from 0 to 1, given {value}")
        best, before = self.best_return, self.pre_adaptation_return
        _require(
            best is before is None
            or (best is not None and before is not None and -math.inf < before < best < math.inf),
            "gradient.advantages.best_return must be above pre_adaptation_return, or both missing,"
            f" given {best} and {before}",
        )
        _require(
            math.isfinite(self.best_slope),
            f"gradient.advantages.best_slope must be a finite number, given {self.best_slope}",
        )


@dataclass(frozen=True, kw_only=True)
class GradientSpec:
    """How gradient steps after episodes go on adapting what memory gave up on.

    Attributes:
        weights: what adapts: inputs of the policy step, one set a row, whose initial values are in the graph too.
        episodes_per_step: episodes that are gathered for one adaptation.
        max_kl: trust region in nats: how far the action distributions may move in one adaptation, in states spread over
            the experience that it learns from.
        rollback_margin: How far the mean return of the first episodes after an adaptation (how many:
            :func:`gameagent_sdk.adaptation.guard.first_look`) may fall below that of the episodes before it. If it
            falls further, the adaptation is rolled back.
        learns_from: "rewards" if the steps correct beliefs, by what followed each action; "advantages" if they are
            a policy gradient, by how much better than usual each action went.
        advantages: How these advantages are computed; None if the steps learn from rewards.
        graph_sha256: of the adaptation graph, in hex: the file's metadata carries it.
    """

    weights: tuple[TensorSpec, ...]
    episodes_per_step: int = 1
    max_kl: float
    rollback_margin: float
    learns_from: str
    advantages: AdvantageSpec | None = field(default=None, metadata={OPTIONAL: True})
    graph_sha256: str = ""

    @property
    def scales_steps(self) -> bool:
        """Whether steps get shorter as returns come near the best that can be expected."""
        return self.advantages is not None and self.advantages.best_return is not None

    def __post_init__(self) -> None:
        _require(len(self.weights) >= 1, "gradient.weights must name at least one tensor")
        _require_unique([name for w in self.weights for name in (w.name, f"next_{w.name}")], "gradient.weights")
        _require(
            1 <= self.episodes_per_step <= MAX_COUNT,
            f"gradient.episodes_per_step must be at least 1, at most {MAX_COUNT}: {self.episodes_per_step}",
        )
        _require(
            all(w.lifetime == "trial" and w.initial == 0.0 for w in self.weights),
            "gradient.weights start from their values in the graph: leave lifetime and initial out",
        )
        for name in ("max_kl", "rollback_margin"):
            value = getattr(self, name)
            _require(0 < value < math.inf, f"gradient.{name} must be finite and above 0, given {value}")
        _require(
            self.learns_from in LEARNS_FROM,
            f"gradient.learns_from must be one of {', '.join(LEARNS_FROM)}, given {self.learns_from!r}",
        )
        _require(
            (self.learns_from == "advantages") == (self.advantages is not None),
            "gradient.advantages must be given if and only if gradient.learns_from is 'advantages'",
        )
        _require_hash("gradient.graph_sha256", self.graph_sha256)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a bundle says about itself.

    Attributes:
        name: the game family.
        summary: one line on the game and the agent.
        observation: the observation's features in order; their sizes add up to D.
        action: the action space, A actions.
        hidden_state: tensors carried from step to step; empty for a memoryless policy.
        beliefs: slots of the belief output in order; their widths add up to E. Empty where there is none.
        num_episodes: K, the episodes in a trial that the agent was trained for.
        max_steps: an episode's time limit in training, in steps.
        temperature: recommended sampling temperature; 0 takes the likeliest action.
        adaptation: the ways it adapts within a trial: "memory", "gradient", both or none of them.
        gradient: how it adapts by gradient; None if it does not.
        training: how it came to be: family version, algorithm, seed, steps, commit, configuration.
        evaluation: how well it does on held-out variants; None where not measured.
        parity: how closely the engines agree on a whole trial; None where not measured.
        graph_sha256: of the graph's bytes, in hex; filled in by :func:`gameagent_sdk.authoring.attach_manifest`.
        schema_version: of this layout.
    """

    name: str
    summary: str
    observation: tuple[FeatureSpec, ...]
    action: ActionSpec
    hidden_state: tuple[TensorSpec, ...] = ()
    beliefs: tuple[BeliefSpec, ...] = ()
    num_episodes: int
    max_steps: int
    temperature: float = 1.0
    adaptation: tuple[str, ...] = ()
    gradient: GradientSpec | None = field(default=None, metadata={OPTIONAL: True})
    training: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, Any] | None = None
    parity: dict[str, Any] | None = None
    graph_sha256: str = ""
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        _require_version(self.schema_version)
        for part, fewest in (("observation", 1), ("beliefs", 0)):
            given = len(getattr(self, part))
            _require(fewest <= given <= MAX_PARTS, f"{part} must have {fewest} to {MAX_PARTS} entries, given {given}")
        _require_unique([feature.name for feature in self.observation], "observation names")
        _require_unique([name for t in self.hidden_state for name in (t.name, f"next_{t.name}")], "hidden_state names")
        for name in ("num_episodes", "max_steps"):
            value = getattr(self, name)
            _require(1 <= value <= MAX_COUNT, f"{name} must be at least 1, at most {MAX_COUNT}, given {value}")
        _require(
            0 <= self.temperature <= MAX_BOUND,
            f"temperature must be 0 or above, at most {MAX_BOUND:g}, given {self.temperature}",
        )
        _require_hash("graph_sha256", self.graph_sha256)
        self._check_belief_order()
        self._check_gradient()

    @property
    def observation_size(self) -> int:
        """D, the numbers in an observation."""
        return sum(feature.size for feature in self.observation)

    @property
    def num_actions(self) -> int:
        """A, the number of actions, or of the components of a box."""
        return len(self.action.names)

    @property
    def adapting_weights(self) -> tuple[TensorSpec, ...]:
        """The weights that gradient steps adapt; empty where there are none."""
        return () if self.gradient is None else self.gradient.weights

    @property
    def belief_size(self) -> int:
        """E, the numbers in the belief output; 0 where there is none."""
        return sum(slot.width for slot in self.beliefs)

    def to_json(self) -> str:
        """The manifest as JSON text, every field written out but for optional ones that say nothing.

        Raises:
            ManifestError: a field does not survive the way through JSON (NaN, a numpy number, a list for a tuple).
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
            ManifestError: not JSON, another schema version, or a missing, unknown, mistyped or impossible field;
                the message names it.
        """
        fields = upgraded(parse_object(text))
        _require("schema_version" in fields, "schema_version is missing: export the bundle again")
        _require_version(fields["schema_version"])
        return read_record(cls, fields)

    def _check_gradient(self) -> None:
        by_gradient = "gradient" in self.adaptation
        _require(
            by_gradient == (self.gradient is not None), "gradient must be given if and only if adaptation names it"
        )
        carried = [(tensor.name, f"next_{tensor.name}") for tensor in (*self.hidden_state, *self.adapting_weights)]
        _require_unique([name for names in carried for name in names], "hidden_state and gradient.weights names")

    def _check_belief_order(self) -> None:
        """An array rule's slots stand together and in order; any other rule has one slot."""
        expected: dict[str, int | None] = {}
        previous = None
        for slot in self.beliefs:
            first = slot.rule not in expected
            if slot.index is None:
                _require(first, f"beliefs: rule {slot.rule!r} has two slots: give array rules an index")
            else:
                following = 0 if first else expected[slot.rule]
                _require(
                    slot.index == following and (first or slot.rule == previous),
                    f"beliefs: rule {slot.rule!r} must have its slots together, with indices 0, 1, 2, ... in order",
                )
            expected[slot.rule] = None if slot.index is None else slot.index + 1
            previous = slot.rule


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ManifestError(f"manifest: {shown(message, MAX_MESSAGE)}")


def _require_hash(what: str, text: str) -> None:
    _require(re.fullmatch("([0-9a-f]{64})?", text) is not None, f"{what} must be 64 hex digits")


def _require_unique(names: Iterable[str], what: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    _require(not twice, f"{what} must differ, given twice: {', '.join(map(shown, twice[:10]))}")


def _require_version(version: object) -> None:
    _require(
        type(version) is int and version == SCHEMA_VERSION,
        f"schema_version {version!r} is not {SCHEMA_VERSION}, the one this gameagent-sdk reads: "
        "upgrade gameagent-sdk, or export the bundle again",
    )
