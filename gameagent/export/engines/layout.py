"""What a game hands over and what comes back, number by number: the part of an engine's file that people must know.

Engines feed observations and, at best, a state; our policy step takes more. So the game appends four numbers to
its observation, and all that is carried from step to step travels as one vector.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gameagent_sdk import Manifest


@dataclass(frozen=True)
class Part:
    """A named run of neighbouring numbers in a vector.

    Attributes:
        name: For people.
        size: How many numbers.
        unit: Of each number; "" if it has none.
        meaning: What to put in, in a sentence.
    """

    name: str
    size: int
    unit: str = ""
    meaning: str = ""


SIGNALS = (
    Part("previous_reward", 1, "", "reward since the last decision, in the game's units; 0 at a trial's first step"),
    Part("episode_start", 1, "", "1 at an episode's first step, else 0"),
    Part("trial_start", 1, "", "1 at a trial's first step, else 0: empties the memory before the step"),
    Part("temperature", 1, "", "0 for the likeliest action, 1 for the variety of training"),
)
"""What a game appends to its features, in this order, for every engine."""


@dataclass(frozen=True)
class EngineLayout:
    """The vectors of one policy's file.

    Attributes:
        features: What the game observes, in the manifest's order.
        legal_actions: 1 for each action that is legal, 0 for the others; None if an engine has a tensor for
            them, or if all actions are always legal.
        state: What is carried from step to step: the hidden state, then the action that the graph has chosen.
            All zeros at a trial's start.
        state_in_observation: Whether the observation ends with the state.
    """

    features: tuple[Part, ...]
    legal_actions: Part | None
    state: tuple[Part, ...]
    state_in_observation: bool

    @property
    def observation(self) -> tuple[Part, ...]:
        """The whole observation tensor."""
        legal = () if self.legal_actions is None else (self.legal_actions,)
        state = (Part("state", self.memory_size, "", "what the last step gave as its next state"),)
        return (*self.features, *legal, *SIGNALS, *(state if self.state_in_observation else ()))

    @property
    def num_features(self) -> int:
        """D, the numbers of the game's own observation."""
        return width(self.features)

    @property
    def memory_size(self) -> int:
        """M, the numbers of the state."""
        return width(self.state)


def make_layout(manifest: Manifest, *, legal_in_observation: bool, state_in_observation: bool) -> EngineLayout:
    """The vectors of a policy, from its manifest."""
    num_actions = manifest.num_actions
    carried = [Part(tensor.name, math.prod(tensor.shape)) for tensor in manifest.hidden_state]
    legal = Part("legal_actions", num_actions, "", "1 for each action that is legal, 0 for the others")
    return EngineLayout(
        features=tuple(Part(f.name, f.size, f.unit, f.meaning) for f in manifest.observation),
        legal_actions=legal if legal_in_observation and manifest.action.mask else None,
        state=(*carried, Part("previous_action", num_actions)),
        state_in_observation=state_in_observation,
    )


def width(parts: Sequence[Part]) -> int:
    """How many numbers some parts take together."""
    return sum(part.size for part in parts)
