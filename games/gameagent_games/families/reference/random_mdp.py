"""Random MDP: a Markov decision process of 10 states and 5 actions, drawn anew for every trial (Duan et al. 2016).

Mean rewards by state and action are N(1, 1), and each reward has noise N(0, 1) besides; the rows of transition
probabilities are Dirichlet(1, ..., 1). Each of the trial's 10 episodes starts in state 0 and takes 10 steps. Only the
state is seen.

The 50 mean rewards are the hidden rules, one number each. The 500 transition probabilities are not: they are drawn from
the trial's seed and stay the same in all of its episodes, which makes the same tasks. A belief about them would be nine
tenths of all beliefs, and stay close to the prior: a trial visits each of the 50 rows twice on average.

Total of 10 episodes (RL² is that of Duan et al., table 2; the others are ours, on the same tasks):

- Random play: 100. Posterior means, planned through with a bonus for what is unknown that was tuned: 152.2.
- RL², as published: 156.2. The best that is published: 160.1, which is taken for the ceiling. Bayes-optimal play is
  not known; it lies between that and the optimum for those who know the process, 218.3.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gameagent_games.game_rng import state_type, trial_uniform, uniform
from gameagent_games.interface import Ceiling, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Slot
from gameagent_games.variants.distributions.interface import slot_indices
from gameagent_games.variants.distributions.plain import flat_numbers
from gameagent_games.variants.variant import Rule, VariantSpace

NUM_STATES = 10
NUM_ACTIONS = 5
NUM_STEPS = 10
NUM_EPISODES = 10


@register_jitable
def weight(state: Any, action: int, following: int) -> float:
    """Unscaled probability that an action leads to a state: exponential, so that scaled rows are Dirichlet(1)."""
    return -math.log(1.0 - trial_uniform(state, (state.place * NUM_ACTIONS + action) * NUM_STATES + following))


@register_jitable
def next_place(state: Any, action: int) -> int:
    """Draws the state that an action leads to."""
    total = 0.0
    for following in range(NUM_STATES):
        total += weight(state, action, following)
    left = uniform(state) * total
    for following in range(NUM_STATES - 1):
        left -= weight(state, action, following)
        if left < 0.0:
            return following
    return NUM_STATES - 1


@register_jitable
def noise(state: Any) -> float:
    """Draws from N(0, 1), by Box and Muller's transform."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(state)))
    return radius * math.cos(2.0 * math.pi * uniform(state))


def start(state: Any, variant: Any) -> None:
    """Starts an episode in state 0."""
    state.place = 0


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Pays for the action, and moves on."""
    rewards[0] = variant.mean_reward[state.place * NUM_ACTIONS + actions[0]] + noise(state)
    state.place = next_place(state, actions[0])
    return False


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in the state's number."""
    observation[0] = state.place


@dataclass(frozen=True)
class Normal:
    """Normally distributed numbers, independent of one another: a `Distribution` for a rule that is a list."""

    mean: float
    deviation: float
    shape: tuple[int, ...]
    has_beyond: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        return np.dtype(np.float64)

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        """Draws ``(num, *shape)`` values."""
        return generator.normal(self.mean, self.deviation, (num, *self.shape))

    def cells(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        """The cell of each value, ``(num, cells of one value)``: within or beyond a deviation of the mean, by sign."""
        return np.searchsorted((-1.0, 0.0, 1.0), self.encode(stored)).astype(np.int64)

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each value may be drawn, ``(num,)``: every number may."""
        return np.ones(len(stored), np.bool_)

    def store(self, value: Any) -> NDArray[Any]:
        """Turns a person's value into the stored form; raises ValueError."""
        return np.array(flat_numbers(value, self.shape), np.float64).reshape(self.shape)

    def show(self, stored: NDArray[Any]) -> Any:
        """Turns a stored value back into what a person writes."""
        return (np.asarray(stored, np.float64) + 0.0).tolist()

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        """The slots of a rule with this distribution, in the order of the encoding."""
        center, scale = self.mean, self.deviation
        return tuple(Slot(rule, i, "scalar", center=center, scale=scale, unit=unit) for i in slot_indices(self.shape))

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """The encoding of the values, ``(num, sum of slot sizes)``: their distances from the mean in deviations."""
        return ((stored - self.mean) / self.deviation).reshape(len(stored), -1).astype(np.float32)


RANDOM_MDP = Family(
    name="random_mdp",
    summary="a random process of 10 states and 5 actions, 10 episodes of 10 steps",
    source=Rules(start, step, observe, state=state_type([("place", np.int64)])),
    space=VariantSpace(
        (
            Rule(
                "mean_reward",
                Normal(1.0, 1.0, shape=(NUM_STATES * NUM_ACTIONS,)),
                unit="reward",
                meaning="mean reward of each action in state 0, then of each in state 1, and so on",
            ),
        )
    ),
    features=(Feature("state", high=NUM_STATES - 1, meaning="number of the state", kind="category"),),
    actions=tuple(f"action_{action}" for action in range(NUM_ACTIONS)),
    max_steps=NUM_STEPS,
    num_episodes=NUM_EPISODES,
    ceiling=Ceiling(160.1, None, NUM_EPISODES, "the best that is published; Bayes-optimal play is not known"),
)
"""Learn the rewards and the transitions of a random process within 100 steps."""
