"""Two players who cannot see each other meet at a hidden place of a corridor; both are paid while both stand there.

One starts at each end, and each sees only where it stands itself. What both know is the common pay, so players with a
convention can search together, and in the later episodes of a trial they walk straight to the place.

Both follow one deterministic convention, so each can work out where the other stands, and the ceiling is that of one
player who moves both: 8.2, then 9.8 an episode (each seat is paid that much). Uniformly random play earns 0.84.
"""

from typing import Any

import numpy as np

from gameagent_games.game_rng import state_type
from gameagent_games.interface import Ceiling, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice
from gameagent_games.variants.variant import Rule, VariantSpace

NUM_PLACES = 5
MAX_STEPS = 12
LEFT, STAY, RIGHT = range(3)


def start(state: Any, variant: Any) -> None:
    """Puts the players at the two ends."""
    state.place[0] = 0
    state.place[1] = NUM_PLACES - 1


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Moves both players; pays each 1 if both stand at the meeting place."""
    for seat in range(2):
        state.place[seat] = min(max(state.place[seat] + actions[seat] - STAY, 0), NUM_PLACES - 1)
    if state.place[0] == variant.meeting_place and state.place[1] == variant.meeting_place:
        rewards[0] = 1.0
        rewards[1] = 1.0
    return False


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in the own place and which player one is."""
    for place in range(NUM_PLACES):
        observation[place] = 1.0 if state.place[seat] == place else 0.0
    observation[NUM_PLACES] = float(seat)


MEETING = Family(
    name="meeting",
    summary="two players find the place where both are paid, without seeing each other",
    source=Rules(start, step, observe, state=state_type([("place", np.int64, (2,))])),
    space=VariantSpace(
        (Rule("meeting_place", Choice(tuple(range(NUM_PLACES))), unit="place", meaning="where both must stand"),)
    ),
    features=(
        Feature("place", NUM_PLACES, kind="flags", meaning="1 at the own place"),
        Feature("seat", kind="flags", meaning="0 for who starts at the left end, 1 for the other"),
    ),
    actions=("left", "stay", "right"),
    max_steps=MAX_STEPS,
    num_episodes=3,
    num_seats=2,
    seat_names=("left", "right"),
    ceiling=Ceiling(27.8, (8.2, 9.8, 9.8), 3, "the best convention, exact by dynamic programming"),
)
