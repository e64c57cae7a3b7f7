"""Three small games for two, for tests of faces and simulator: one with turns, one with continuous actions."""

# mypy: disable-error-code="no-any-return"

from typing import Any

import numpy as np

from gameagent_games.game_rng import below, state_type, uniform
from gameagent_games.interface import Box, Family, Feature
from gameagent_games.sources.rules import Rules
from gameagent_games.variants.distributions import Choice, Integers, Uniform
from gameagent_games.variants.variant import Rule, VariantSpace

NUM_THROWS = 3
LARGEST_TAKE = 4
LARGEST_PILE = 18
ROPE_WINS = 3.0  # metres


# -- throws: rock, paper, scissors for several rounds; what a win with each throw pays is hidden ------------------


def start_throws(state: Any, variant: Any) -> None:
    state.round = 0
    state.thrown[0] = -1
    state.thrown[1] = -1


def step_throws(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    lead = (actions[0] - actions[1]) % NUM_THROWS  # 1: seat 0's throw beats seat 1's; 2: the other way round
    if lead == 0:
        lead = 1 if uniform(state) < variant.tie_break else 2
    winner = 0 if lead == 1 else 1
    rewards[winner] = variant.prize[actions[winner]]
    rewards[1 - winner] = -variant.prize[actions[winner]]
    state.thrown[0] = actions[0]
    state.thrown[1] = actions[1]
    state.round += 1
    return state.round == variant.rounds


def observe_throws(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 1.0 - state.round / 8.0
    for throw in range(NUM_THROWS):
        observation[1 + throw] = 1.0 if state.thrown[seat] == throw else 0.0
        observation[1 + NUM_THROWS + throw] = 1.0 if state.thrown[1 - seat] == throw else 0.0


THROWS = Family(
    name="throws",
    summary="rock, paper, scissors with hidden prizes; chance breaks ties",
    source=Rules(
        start_throws, step_throws, observe_throws, state=state_type([("round", np.int64), ("thrown", np.int64, (2,))])
    ),
    space=VariantSpace(
        (
            Rule("prize", Uniform((0.5, 1.5), shape=(NUM_THROWS,), beyond=((1.5, 2.0),)), unit="reward"),
            Rule("tie_break", Uniform((0.2, 0.8)), unit="probability", meaning="chance that seat 0 wins a tie"),
            Rule("rounds", Integers(3, 6), hidden=False, unit="rounds"),
        )
    ),
    features=(
        Feature("rounds_left", low=0.0, meaning="share of eight rounds"),
        Feature("own_throw", NUM_THROWS, 0.0, 1.0, unit="flag"),
        Feature("other_throw", NUM_THROWS, 0.0, 1.0, unit="flag"),
    ),
    actions=("rock", "paper", "scissors"),
    max_steps=5,  # below the most rounds: some episodes are truncated
    num_episodes=3,
    num_seats=2,
)


# -- nim: take from a pile in turns; whether the last to take wins or loses is hidden -----------------------------


def start_nim(state: Any, variant: Any) -> None:
    state.pile = variant.pile + below(state, 3)
    state.mover = below(state, 2)


def step_nim(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    seat = state.mover
    take = actions[seat] + 1
    if take > min(variant.max_take, state.pile):  # illegal: these rules let the offender lose at once
        rewards[seat] = -1.0
        rewards[1 - seat] = 1.0
        return True
    state.pile -= take
    state.mover = 1 - seat
    if state.pile > 0:
        return False
    rewards[seat] = -1.0 if variant.last_loses else 1.0
    rewards[1 - seat] = 1.0 if variant.last_loses else -1.0
    return True


def observe_nim(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = state.pile / LARGEST_PILE
    observation[1] = 1.0 if state.mover == seat else -1.0


def legal_nim(state: Any, variant: Any, seat: int, mask: Any) -> None:
    most = min(variant.max_take, max(state.pile, 1))  # on the empty pile of a finished game: a formal 1
    for action in range(LARGEST_TAKE):
        mask[action] = action + 1 <= most


def turn_nim(state: Any, variant: Any) -> int:
    return state.mover


NIM = Family(
    name="nim",
    summary="take from a pile in turns; the last to take wins, or loses",
    source=Rules(
        start_nim,
        step_nim,
        observe_nim,
        legal_nim,
        turn_nim,
        state=state_type([("pile", np.int64), ("mover", np.int64)]),
    ),
    space=VariantSpace(
        (
            Rule("last_loses", Choice((False, True)), unit="flag"),
            Rule("max_take", Integers(2, LARGEST_TAKE), hidden=False, unit="pieces"),
            Rule("pile", Integers(7, LARGEST_PILE - 2), hidden=False, unit="pieces"),
        )
    ),
    features=(
        Feature("pile", low=0.0, unit="share of the largest pile"),
        Feature("to_move", meaning="1 if this seat moves, else -1"),
    ),
    actions=tuple(f"take_{number + 1}" for number in range(LARGEST_TAKE)),
    max_steps=LARGEST_PILE,
    num_episodes=2,
    num_seats=2,
)


# -- tug: both pull on a rope at once, as hard as they like; how strong each is stays hidden -----------------------


def start_tug(state: Any, variant: Any) -> None:
    state.rope = uniform(state) - 0.5
    for seat in range(2):
        state.effort[seat] = 0.0


def step_tug(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    for seat in range(2):
        pull, sway = actions[seat, 0], actions[seat, 1]
        state.effort[seat] = pull * variant.strength[seat] * (1.0 - sway * sway)
        rewards[seat] = -0.01 * pull
    state.rope += state.effort[1] - state.effort[0]  # negative: towards seat 0
    if abs(state.rope) < ROPE_WINS:
        return False
    winner = 0 if state.rope < 0.0 else 1
    rewards[winner] += 1.0
    rewards[1 - winner] -= 1.0
    return True


def observe_tug(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = state.rope if seat == 0 else -state.rope
    observation[1] = state.effort[1 - seat]


TUG = Family(
    name="tug",
    summary="pull on a rope against a rival of unknown strength",
    source=Rules(
        start_tug, step_tug, observe_tug, state=state_type([("rope", np.float64), ("effort", np.float64, (2,))])
    ),
    space=VariantSpace((Rule("strength", Uniform((0.5, 1.0), shape=(2,), beyond=((1.0, 1.5),)), unit="metres"),)),
    features=(
        Feature("rope", low=-6.0, high=6.0, unit="metres", meaning="how far the rope is on the rival's side"),
        Feature("rivals_effort", low=0.0, high=3.0, unit="metres"),
    ),
    actions=Box(("pull", "sway"), low=(0.0, -1.0), high=(2.0, 1.0), unit="metres"),
    max_steps=8,
    num_episodes=2,
    num_seats=2,
)
