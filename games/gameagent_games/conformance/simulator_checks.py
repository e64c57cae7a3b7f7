"""Checks of rules that play many games with the simulator, interpreted and compiled."""

from time import process_time
from typing import Final

import numpy as np

from gameagent_games.conformance.contract import Broken, CheckList, Skip, require
from gameagent_games.conformance.playing import (
    STEPS,
    Subject,
    bounds,
    choose,
    differing,
    draw,
    only_rounded,
    out_of_bounds,
    sample,
    trace,
    watch,
)
from gameagent_games.conformance.table import play
from gameagent_games.errors import RuleError
from gameagent_games.sources.simulator import Simulator

LONG_PLAY: Final = 200_000  # compiled steps in search of rare mistakes
LONG_PLAY_GAMES: Final = 256  # side by side
LONG_PLAY_SECONDS: Final = 5.0
MOST_DRAWN: Final = 20_000  # steps played in search of a difference that a seed makes
CHECKS = CheckList(of_rules=True)


def interpreted(family: Subject, num_games: int, num_episodes: int | None = None) -> Simulator:
    """Games of the guarded rules, in the interpreter."""
    wanted = family.num_episodes if num_episodes is None else num_episodes
    return family.rules.make_games(family, num_games, num_episodes=wanted, compiled=False)


def compiled(family: Subject, num_games: int) -> Simulator:
    """Games of the author's rules, compiled with bounds checks."""
    original = family.original
    return family.own_rules.make_games(original, num_games, num_episodes=original.num_episodes, checked=True)


@CHECKS.check("games_are_separate")
def start_sets_the_state(family: Subject) -> None:
    """``start`` sets all that is read later: what an earlier episode left behind makes no difference."""
    records, seeds = sample(family, 4), np.arange(4)
    clean, used = (interpreted(family, len(records)) for _ in range(2))
    for name in family.rules.state.names or ():
        used.states[name] = {"f": np.nan, "b": True}.get(used.states[name].dtype.kind, 77)
    expected = trace(clean, records, seeds, family.num_steps)
    try:
        actual = trace(used, records, seeds, family.num_steps)
    except RuleError as error:
        raise Broken(f"the rules read what start did not set, and an earlier episode left behind: {error}") from None
    require(expected == actual, "a state that an earlier episode left behind changes the next one")


@CHECKS.check("rules_run")
def seeds_matter(family: Subject) -> str | None:
    """Where the rules draw at random, other seeds lead to other traces, and no rule sets the random stream back.

    Chance may be rare: pairs of games that differ in their seeds alone are played on and on, side by side.
    """
    drawn = 0
    for table in play(family):
        require(table.state.random_key == table.key, "the rules changed state.random_key, which belongs to `chance`")
        drawn = 0 if table.steps == 0 else drawn
        require(table.state.random_counter >= drawn, "the rules set state.random_counter back: draws repeat")
        drawn = table.state.random_counter
    records = np.repeat(sample(family, 4), 2)
    simulator = interpreted(family, 8, num_episodes=0)
    limit = MOST_DRAWN * family.num_steps // STEPS
    moments = watch(simulator, records, np.arange(8), limit // 8, np.repeat(np.arange(4), 2))
    for number, found in enumerate(moments):
        if any(found[game] != found[game + 1] for game in range(0, 8, 2)):
            return None
        if number == STEPS and not drawn and not simulator.states["random_counter"].any():
            raise Skip("the rules draw nothing at random")
    return f"the rules draw at random, but no draw made a difference in {limit} steps"


@CHECKS.check("names_are_known", "step_returns_bool", "batching_changes_nothing", "start_sets_the_state")
def rules_compile(family: Subject) -> None:
    """numba compiles the rules; helpers that they call carry ``register_jitable``."""
    simulator = compiled(family, 1)
    simulator.reset(sample(family, 1), np.zeros(1, np.int64))
    simulator.step(choose(family, simulator.legal_actions, np.zeros_like(family.blank_actions(1), np.float64)))


@CHECKS.check("rules_compile")
def compiled_is_the_same(family: Subject) -> str | None:
    """Compiled and uncompiled rules give the same bits in every array, the state included.

    A last bit may differ, as of ``x ** 3`` or ``math.hypot``: from there on the game is compared no more.
    """
    records, seeds = sample(family, 8), np.arange(8) + 2**40
    plain = interpreted(family, len(records))
    fast = compiled(family, len(records))
    both = (watch(simulator, records, seeds, family.num_steps) for simulator in (plain, fast))
    rounded: dict[int, int] = {}  # by game: the step from which it is compared no more
    for number, (expected, actual) in enumerate(zip(*both, strict=True)):
        for game in set(range(len(records))) - set(rounded):
            changed = differing(plain.states[[game]], fast.states[[game]])
            wrong = [name for name in expected[game] if expected[game][name] != actual[game][name]]
            if (changed or wrong) and only_rounded(plain, fast, game):
                rounded[game] = number
                continue
            require(not changed, f"after {number} steps the compiled state differs in {changed}")
            require(not wrong, f"after {number} steps the compiled rules differ in {', '.join(wrong)}")
    if not rounded:
        return None
    return f"equal but for the last digits, first after {min(rounded.values())} steps: see CONTRIBUTING.md on rounding"


@CHECKS.check("rules_compile", "observations_within_bounds", "rewards_are_finite")
def long_play_is_sound(family: Subject) -> None:
    """Many compiled steps with bounds checks: in rare states, too, indices, rewards and observations are in range."""
    simulator = compiled(family, LONG_PLAY_GAMES)
    generator, began, num_steps = np.random.default_rng(0), process_time(), 0
    (low, high), one_draw = bounds(family), draw(family, generator)
    simulator.reset(sample(family, LONG_PLAY_GAMES), np.arange(LONG_PLAY_GAMES))
    while num_steps < LONG_PLAY and process_time() - began < LONG_PLAY_SECONDS:
        draws = generator.random((LONG_PLAY_GAMES, *one_draw.shape))
        simulator.step(choose(family, simulator.legal_actions, draws))
        num_steps += LONG_PLAY_GAMES
        seen = simulator.observations[:, :, : family.own_size]
        for game in np.flatnonzero(~np.isfinite(simulator.rewards).all(axis=1))[:1]:
            raise Broken(f"{one_game(simulator, game)}: rewards of a step are {simulator.rewards[game].tolist()}")
        inside = np.isfinite(seen) & (seen >= low) & (seen <= high)
        for game, seat in np.argwhere(~inside.all(axis=2))[:1]:
            raise Broken(f"{one_game(simulator, game)}: {out_of_bounds(family, seen[game, seat])}")
        if simulator.finished.all():
            variants = family.space.sample(LONG_PLAY_GAMES, generator, "all")
            simulator.reset(variants, generator.integers(2**40, size=LONG_PLAY_GAMES))


def one_game(simulator: Simulator, game: int) -> str:
    """Which of many games, for a message."""
    variant = simulator.family.space.variants(simulator.variants[[game]])[0].id
    return f"variant {variant}, seed {simulator.seeds[game]}, episode {simulator.episodes[game] + 1}"
