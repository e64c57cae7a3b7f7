"""Sound families pass every check; each broken one fails the check that is there for it, and no other."""

# mypy: disable-error-code="arg-type, no-any-return, override, return-value, union-attr"

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numba.extending import overload, register_jitable
from numpy.typing import NDArray

from corridor import CORRIDOR, CorridorGames, CorridorSource
from gameagent_games.conformance import check_family, check_names
from gameagent_games.errors import FamilyError
from gameagent_games.game_rng import state_type, uniform
from gameagent_games.interface import Box, Family, Feature
from gameagent_games.registry import built_in_names
from gameagent_games.sources.rules import Rules
from gameagent_games.sources.simulator import Simulator
from gameagent_games.variants.distributions import Choice, Uniform
from gameagent_games.variants.variant import Rule, VariantSpace
from two_seat_families import NIM, THROWS, TUG

# -- a sound family to break: walk along a line for a hidden pay; a coin decides how far a step goes -----------------


@register_jitable
def start(state: Any, variant: Any) -> None:
    state.place = 0
    state.paid = 0.0


@register_jitable
def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.place += actions[0] if uniform(state) < 0.5 else 0
    rewards[0] = variant.pay[actions[0]]
    state.paid = rewards[0]
    return state.place >= 4


@register_jitable
def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 1.0
    observation[1] = min(state.place, 4) / 4.0


def legal(state: Any, variant: Any, seat: int, mask: Any) -> None:
    mask[0] = state.place < 3
    mask[1] = True


def turn(state: Any, variant: Any) -> int:
    return 0


STATE = state_type([("place", np.int64), ("paid", np.float64), ("extra", np.int64)])
SOUND = Rules(start, step, observe, legal, turn, state=STATE)
FEW = VariantSpace((Rule("pay", Choice((0.0, 1.0), shape=(2,))),))
SPACE = VariantSpace((Rule("pay", Uniform((-1.0, 1.0), shape=(2,), beyond=((1.0, 2.0),))),))


def make(space: "VariantSpace | Forgetful | Lopsided" = SPACE, max_steps: int = 6, **rules: Any) -> Family:
    return Family(
        name="line",
        summary="walk along a line",
        source=replace(SOUND, **rules),
        space=space,
        features=(Feature("constant", low=0.0), Feature("place", low=0.0)),
        actions=("stay", "go"),
        max_steps=max_steps,
        num_episodes=3,
    )


def make_box(**rules: Any) -> Family:
    """The same line with a step of any length; ``observe`` shows the whole way that the farthest walk comes."""

    def step_far(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
        state.paid += actions[0, 0]
        rewards[0] = variant.pay[0] * actions[0, 0]
        return False

    def observe_far(state: Any, variant: Any, seat: int, observation: Any) -> None:
        observation[0] = 1.0
        observation[1] = state.paid / 6.0

    family = make()
    plain = Rules(start, step_far, observe_far, state=STATE)
    return replace(family, source=replace(plain, **rules), actions=Box(("go",), 0.0, 1.0))


def observe_random_walks_only(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 1.0
    observation[1] = state.paid / 5.5  # six uniform steps never come this far; six of the longest do


# -- ways to break it -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reversed(Uniform):
    """Shows its values to people in the wrong order."""

    def __init__(self) -> None:
        super().__init__((0.0, 1.0), shape=(2,))

    def show(self, stored: NDArray[Any]) -> Any:
        return stored[::-1].tolist()


class Forgetful(VariantSpace):
    """Puts variants into splits by the day's mood."""

    def split_of(self, records: NDArray[Any]) -> NDArray[Any]:
        return np.full(len(records), "train")

    def sample(self, num: int, seed: int, split: str = "train") -> NDArray[Any]:
        return self.draw(np.random.default_rng(0), num)


class Lopsided(VariantSpace):
    """Tests on the lower end of a rule's range."""

    def split_of(self, records: NDArray[Any]) -> NDArray[Any]:
        pay = records["pay"]
        return np.where(pay[:, 0] < -0.8, "test", np.where(pay[:, 1] < 0.0, "validation", "train"))

    def sample(self, num: int, seed: int, split: str = "train") -> Any:
        drawn = self.draw(np.random.default_rng(seed), 20 * num)
        return drawn[:num] if split == "all" else drawn[self.split_of(drawn) == split][:num]


def index_out_of_bounds(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observe(state, variant, seat, observation)
    observation[2] = 0.0


def step_returns_a_number(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    return int(step(state, variant, actions, rewards))


def step_never_ends(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    rewards[0] = uniform(state)
    return False


def turn_of_nobody(state: Any, variant: Any) -> int:
    return 1


def legal_clears_nothing(state: Any, variant: Any, seat: int, mask: Any) -> None:
    mask[1] = True


def legal_at_the_start_only(state: Any, variant: Any, seat: int, mask: Any) -> None:
    mask[:] = state.place == 0


def observe_half(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 1.0


def observe_too_much(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 1.0
    observation[1] = state.place


def observe_nan(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 1.0
    observation[1] = np.nan


def observe_counts(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = 1.0
    observation[1] = 0.0
    state.extra += 1


def turn_draws(state: Any, variant: Any) -> int:
    uniform(state)
    return 0


def step_writes_variant(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    variant.pay[0] += 0.5
    state.place += uniform(state) < 0.5
    return state.place >= 4


def step_pays_nan(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.place += uniform(state) < 0.5
    rewards[0] = np.nan
    return state.place >= 4


def step_pays_every_seat(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.place += uniform(state) < 0.5
    rewards[-1] = 1.0
    return state.place >= 4


def start_keeps_place(state: Any, variant: Any) -> None:
    state.paid = 0.0
    state.place = state.place % 3


HIDDEN = {"calls": 0}


def step_remembers(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    HIDDEN["calls"] += 1
    state.place += 1 if uniform(state) < 0.5 else 0
    rewards[0] = HIDDEN["calls"]
    return state.place >= 4


def place_in_batch(state: Any) -> Any:
    return state._index


@overload(place_in_batch)
def _compiled_place_in_batch(state: Any) -> Callable[..., Any]:
    return lambda state: 0


def step_knows_its_place(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.place += 1 if uniform(state) < 0.5 else 0
    rewards[0] = place_in_batch(state)
    return state.place >= 4


def start_fixes_the_key(state: Any, variant: Any) -> None:
    start(state, variant)
    state.random_key = 5


def plain_helper(number: Any) -> list[Any]:
    return [str(number)]


def step_calls_plain_python(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.place += 1 if uniform(state) < 0.5 else 0
    rewards[0] = len(plain_helper(actions[0]))
    return state.place >= 4


def step_overflows(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.place += 1 if uniform(state) < 0.5 else 0
    state.extra = (state.place + 1) * 6364136223846793005 % 1000003
    return state.place >= 4


def observe_counts_back(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observe(state, variant, seat, observation)
    observation[1 - min(state.place, 3)] = 1.0  # at place 3 entry -2, which is entry 0


@register_jitable
def observe_rarely_too_much(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observe(state, variant, seat, observation)
    observation[2 if state.extra == 977 else 1] = 0.0  # in a state that the interpreter's short play never meets


@register_jitable
def step_counts(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.extra = int(uniform(state) * 20000.0)
    return step(state, variant, actions, rewards)


def step_rarely_pays_nan(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    step_counts(state, variant, actions, rewards)
    if state.extra == 977:
        rewards[0] = np.nan
    return state.place >= 4


def observe_rarely_far_out(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observe(state, variant, seat, observation)
    if state.extra == 977:
        observation[1] = 7.0


def step_misspells_rarely(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    if state.place > 1000:
        rewards[0] = variant.payment[0]
    return step(state, variant, actions, rewards)


def compares_wrongly(state: Any, variant: Any, seat: int) -> bool:
    return variant.mood in ("calm", WILD)


WILD = "wlid"


def turn_compares_rarely(state: Any, variant: Any) -> int:
    if state.place > 1000 and compares_wrongly(state, variant, 0):
        return 1
    return 0


MOODS = VariantSpace((*SPACE.rules, Rule("mood", Choice(("calm", "wild")))))


def renamed(family: Family, name: str) -> Any:
    return replace(family, name=name)


class BreaksDown(CorridorGames):
    def play(self, which: Any, actions: Any) -> None:
        raise RuntimeError("the wire was cut")


class SeesDoubles(CorridorGames):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.observations = self.observations.astype(np.float64)


class ResetsAll(CorridorGames):
    def reset(self, variants: Any, seeds: Any, episodes: Any = 0, which: Any = None) -> None:
        super().reset(variants, seeds, episodes, which)
        if which is not None:
            self.begin(np.arange(self.num_games))


def corridor(games: Callable[..., Any], **answers: Any) -> Family:
    return replace(CORRIDOR, source=CorridorSource(games, **answers))


FLAG = Feature("constant", kind="flags")
BROKEN = {
    "name_is_free": [renamed(make(), "forage")],
    "variants_round_trip": [make(VariantSpace((Rule("pay", Reversed()),)))],
    "splits_are_disjoint": [make(Forgetful(SPACE.rules))],
    "splits_have_equal_margins": [make(Lopsided((Rule("pay", Uniform((-1.0, 1.0), shape=(2,))),)))],
    "rules_run": [make(observe=index_out_of_bounds)],
    "names_are_known": [
        make(step=step_misspells_rarely),
        make(MOODS, turn=turn_compares_rarely),
    ],
    "step_returns_bool": [make(step=step_returns_a_number)],
    "turn_is_a_seat": [make(turn=turn_of_nobody)],
    "masks_are_written": [make(legal=legal_clears_nothing)],
    "observations_are_written": [make(observe=observe_half)],
    "looking_changes_nothing": [make(observe=observe_counts), make(turn=turn_draws)],
    "variant_is_never_written": [make(step=step_writes_variant)],
    "rewards_go_to_seats": [make(step=step_pays_every_seat)],
    "indices_count_from_zero": [make(observe=observe_counts_back)],
    "games_run": [corridor(BreaksDown)],
    "arrays_keep_their_form": [corridor(SeesDoubles)],
    "source_knows_its_games": [corridor(CorridorGames, has_mask=False)],
    "acting_seats_can_act": [make(legal=legal_at_the_start_only)],
    "observations_within_bounds": [
        make(observe=observe_too_much),
        make(observe=observe_nan),
        make_box(observe=observe_random_walks_only),
    ],
    "features_keep_their_kind": [replace(make(), features=(FLAG, Feature("place", high=6, kind="category")))],
    "rewards_are_finite": [make(step=step_pays_nan)],
    "episodes_end": [make(step=step_never_ends, max_steps=10**9)],
    "games_are_separate": [make(step=step_remembers)],
    "batching_changes_nothing": [make(step=step_knows_its_place)],
    "resets_are_partial": [corridor(ResetsAll)],
    "wrong_actions_are_refused": [make(), make_box()],  # together with a simulator that lets everything pass
    "numbers_are_clipped": [make_box()],  # together with a simulator that halves what is too much
    "start_sets_the_state": [make(start=start_keeps_place)],
    "seeds_matter": [make(start=start_fixes_the_key)],
    "rules_compile": [make(step=step_calls_plain_python)],
    "compiled_is_the_same": [make(step=step_overflows)],
    "long_play_is_sound": [
        make(step=step_counts, observe=observe_rarely_too_much),
        make(step=step_counts, observe=observe_rarely_far_out),
        make(step=step_rarely_pays_nan),
    ],
}


class Careless(Simulator):
    def step(self, actions: Any) -> None:
        if self.family.box:
            actions = np.nan_to_num(actions)
        elif actions.shape == self.acting.shape and actions.dtype == np.int64:
            actions = np.clip(actions, 0, self.family.num_actions - 1)
        super().step(actions)


class Halving(Simulator):
    def step(self, actions: Any) -> None:
        if actions.dtype.kind == "f":
            actions = np.where(actions > self.family.box.high, actions / 2, actions)
        super().step(actions)


SIMULATORS = {"wrong_actions_are_refused": Careless, "numbers_are_clipped": Halving}


@pytest.mark.parametrize(
    "family",
    [*built_in_names(), THROWS, NIM, TUG, make(), make(FEW), make_box()],
    ids=[*built_in_names(), "throws", "nim", "tug", "line", "few", "box"],
)
def test_sound_families_pass(family: Family) -> None:
    report = check_family(family)
    report.raise_for_failures()
    assert [result.name for result in report.results] == list(check_names())
    assert "passed  compiled_is_the_same" in str(report)


def test_every_check_has_a_family_that_breaks_it() -> None:
    assert sorted(BROKEN) == sorted(check_names())


@pytest.mark.parametrize(
    ("name", "family"), [pytest.param(name, family, id=name) for name, some in BROKEN.items() for family in some]
)
def test_a_broken_family_fails_its_check_and_no_other(
    name: str, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name in SIMULATORS:
        monkeypatch.setattr(Family, "make_games", lambda self, num, **given: SIMULATORS[name](self, num, **given))
    report = check_family(family)
    assert [result.name for result in report.failures] == [name], str(report)
    assert report.failures[0].message
    with pytest.raises(FamilyError, match=name):
        report.raise_for_failures()


def test_what_builds_on_a_failed_check_is_skipped() -> None:
    report = check_family(make(observe=index_out_of_bounds))
    results = {result.name: result for result in report.results}
    assert results["compiled_is_the_same"].skipped
    assert results["observations_are_written"].message == "builds on rules_run"
    assert "test_conformance.py" in results["rules_run"].message
    assert "in index_out_of_bounds(): IndexError: observation[2] is out of range, expected 0 to 1" in str(report)
    assert results["variants_round_trip"].passed


def test_checks_that_do_not_apply_say_why() -> None:
    results = {result.name: result for result in check_family("gridnavi").results}
    assert results["seeds_matter"].skipped
    assert results["seeds_matter"].message == "the rules draw nothing at random"
    assert results["masks_are_written"].skipped


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(FamilyError, match="no family named"):
        check_family("no-such-game")
