"""Checks of games, whatever their source: played through `Games`, one at a time and side by side."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gameagent_games.conformance.contract import Broken, CheckList, Skip, require
from gameagent_games.conformance.playing import (
    LONGER,
    STEPS,
    Subject,
    bounds,
    choose,
    draw,
    entries,
    make,
    moment,
    out_of_bounds,
    play_games,
    sample,
    shown,
    trace,
    watch,
)
from gameagent_games.errors import ActionError
from gameagent_games.games import Games

LONGEST_EPISODE: Final = 20_000  # steps that an episode is played for in search of its end
LARGEST_LIMIT: Final = 1_000_000  # of max_steps, if no episode ended within them
CHECKS = CheckList()


@CHECKS.check("rules_run", quick=True)
def games_run(family: Subject) -> None:
    """Games can be made, and play raises nothing."""
    for _ in play_games(family):
        pass


@CHECKS.check("games_run", quick=True)
def arrays_keep_their_form(family: Subject) -> None:
    """The arrays have the shapes and types that `Games` says."""
    for position in play_games(family):
        for name, (shape, dtype) in _forms(position.games).items():
            array = getattr(position.games, name)
            form = (array.shape, array.dtype) if isinstance(array, np.ndarray) else type(array).__name__
            require(form == (shape, dtype), f"{name} is {_form(form)}, expected {_form((shape, dtype))}")


def _forms(games: Games) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Shape and type of each array of games."""
    family, num = games.family, games.num_games
    seats = (num, family.num_seats)
    shapes: dict[str, tuple[tuple[int, ...], Any]] = {
        "observations": ((*seats, family.observation_size), np.float32),
        "legal_actions": ((*seats, family.num_actions), np.bool_),
        "acting": (seats, np.bool_),
        "rewards": (seats, np.float64),
        "variants": ((num,), family.space.dtype),
    }
    shapes |= dict.fromkeys(("terminated", "truncated", "finished"), ((num,), np.bool_))
    shapes |= dict.fromkeys(("episodes", "steps", "seeds"), ((num,), np.int64))
    return {name: (shape, np.dtype(kind)) for name, (shape, kind) in shapes.items()}


def _form(form: Any) -> str:
    return f"{form[1]} of shape {form[0]}" if isinstance(form, tuple) else f"a {form}"


@CHECKS.check("arrays_keep_their_form", quick=True)
def source_knows_its_games(family: Subject) -> None:
    """Masks and turns occur only in families whose source announces them."""
    for position in play_games(family):
        games = position.games
        if not family.has_mask:
            require(games.legal_actions.all(), f"{position}: some actions are illegal, but the source has no mask")
        if not family.takes_turns:
            require(games.acting.all(), f"{position}: a seat does not act, but the source takes no turns")


@CHECKS.check("arrays_keep_their_form", "turn_is_a_seat", "masks_are_written", quick=True)
def acting_seats_can_act(family: Subject) -> None:
    """A seat that acts has at least one legal action."""
    if not family.has_mask:
        raise Skip("the family has no illegal actions")
    for position in play_games(family):
        if position.ended:
            continue
        for seat in np.flatnonzero(position.games.acting[0]):
            legal = position.games.legal_actions[0, seat]
            require(legal.any(), f"seat {seat} acts at step {position.step} without a legal action")


@CHECKS.check("arrays_keep_their_form", quick=True)
def observations_within_bounds(family: Subject) -> None:
    """Observations are finite and within the bounds of their features, also in the last state of an episode."""
    low, high = bounds(family)
    for position in play_games(family):
        for values in position.games.observations[0, :, : family.own_size]:
            if not (np.isfinite(values) & (values >= low) & (values <= high)).all():
                raise Broken(f"{position}: {out_of_bounds(family, values)}")


@CHECKS.check("observations_within_bounds", quick=True)
def features_keep_their_kind(family: Subject) -> None:
    """Flags are 0 or 1, and categories are whole numbers."""
    whole = np.repeat([one.kind in ("flags", "category") for one in family.features], _sizes(family))
    if not whole.any():
        raise Skip("the family has neither flags nor categories")
    for position in play_games(family):
        for values in position.games.observations[0, :, : family.own_size]:
            wrong = np.flatnonzero(whole & (values != np.round(values))).tolist()
            require(
                not wrong,
                f"{position}: observation entries {shown(wrong)} ({entries(family, wrong)}) are "
                f"{shown(values[wrong].tolist())}, expected whole numbers",
            )


def _sizes(family: Subject) -> list[int]:
    return [feature.size for feature in family.features]


@CHECKS.check("arrays_keep_their_form", quick=True)
def rewards_are_finite(family: Subject) -> None:
    """A step leaves a finite reward for every seat."""
    for position in play_games(family, LONGER):
        rewards = position.games.rewards[0]
        if not np.isfinite(rewards).all():
            raise Broken(f"{position}: rewards of a step are {rewards.tolist()}, expected finite numbers")


@CHECKS.check("arrays_keep_their_form")
def episodes_end(family: Subject) -> None:
    """Episodes end by the rules within `LONGEST_EPISODE` steps, or ``max_steps`` is at most `LARGEST_LIMIT`."""
    if family.max_steps <= LARGEST_LIMIT:
        return
    for record in sample(family, 2):
        games = make(family, 1, num_episodes=1)
        games.reset(record.reshape(1), np.zeros(1, np.int64))
        generator = np.random.default_rng(0)
        for _ in range(LONGEST_EPISODE * family.num_steps // STEPS):
            games.step(choose(family, games.legal_actions, draw(family, generator)[None]))
            if games.finished[0]:
                break
        require(
            games.finished[0],
            f"an episode went on after {games.steps[0]} steps and max_steps is {family.max_steps}, "
            f"expected at most {LARGEST_LIMIT}",
        )


@CHECKS.check("arrays_keep_their_form")
def games_are_separate(family: Subject) -> None:
    """Two games played in turns go as each goes alone: they share nothing that changes."""
    records = sample(family, 4)
    plays = [(record.reshape(1), np.array([7]), family.num_steps) for record in records[-2:]]
    alone = [trace(make(family, 1), *play) for play in plays]
    both = [watch(make(family, 1), *play) for play in plays]
    together = list(zip(*both, strict=True))
    for game in range(2):
        require([moment[game] for moment in together] == alone[game], "a game goes otherwise when another is played")


@CHECKS.check("games_are_separate", "start_sets_the_state")
def batching_changes_nothing(family: Subject) -> None:
    """A trace depends on (variant, seed, actions) alone, not on how many games run or on a game's place among them."""
    records, seeds = sample(family, 4), np.arange(4)
    games = make(family, len(records))
    batch = list(watch(games, records, seeds, family.num_steps, np.arange(4)))
    order = np.arange(4)[::-1].copy()
    turned = list(watch(games, records[order], seeds[order], family.num_steps, order))
    for game in range(4):
        one = make(family, 1)
        alone = list(watch(one, records[[game]], seeds[[game]], family.num_steps, np.array([game])))
        for number in range(len(alone)):
            require(batch[number][game] == alone[number][0], "a game goes otherwise among others than alone")
            require(turned[number][3 - game] == alone[number][0], "a game goes otherwise at another place in the batch")


@CHECKS.check("batching_changes_nothing")
def resets_are_partial(family: Subject) -> None:
    """Games that start a new trial in the middle of play go as new ones, and the others go on undisturbed."""
    records, seeds, half = sample(family, 4), np.arange(4), max(family.num_steps // 2, 1)
    games, players = make(family, 4), [np.random.default_rng(player) for player in range(4)]
    undisturbed = trace(make(family, 4), records, seeds, 2 * half, np.arange(4))
    anew = trace(make(family, 2), records[[0, 1]], np.array([8, 9]), half, np.array([1, 3]))
    games.reset(records, seeds)
    for number in range(2 * half):
        if number == half:
            games.reset(records[[0, 1]], np.array([8, 9]), which=np.array([1, 3]))
            players[1::2] = [np.random.default_rng(player) for player in (1, 3)]
        found = moment(games)
        for game in (0, 2):
            require(found[game] == undisturbed[number][game], "a game goes otherwise when another starts a new trial")
        for row, game in enumerate((1, 3)):
            expected = undisturbed[number][game] if number < half else anew[number - half][row]
            require(found[game] == expected, "a game that starts a new trial among others goes otherwise than alone")
        draws = np.stack([draw(family, player) for player in players])
        games.step(choose(family, games.legal_actions, draws))


@CHECKS.check("arrays_keep_their_form")
def wrong_actions_are_refused(family: Subject) -> None:
    """Actions out of range, of a wrong shape or not whole are refused and leave the game as it was.

    Of continuous actions: those that are not finite, not floats or of a wrong shape.
    """
    games = make(family, 1)
    games.reset(sample(family, 1), np.zeros(1, np.int64))
    before = _all_of(games)
    for wrong in _wrong_actions(family):
        try:
            games.step(wrong)
        except ActionError:
            require(_all_of(games) == before, f"refused actions {wrong.tolist()} changed the game")
        else:
            raise Broken(f"actions {wrong.tolist()} ({wrong.dtype}) were taken, expected ActionError")


def _all_of(games: Games) -> Any:
    return moment(games), None if games.states is None else games.states.tobytes()


def _wrong_actions(family: Subject) -> list[NDArray[Any]]:
    right = family.blank_actions(1)
    one_seat_more = np.concatenate([right, right[:, :1]], axis=1)
    if family.box is None:
        return [right - 1, right + family.num_actions, right.astype(np.float64), one_seat_more]
    return [right * np.nan, right + np.inf, right.astype(np.int64), one_seat_more]


@CHECKS.check("arrays_keep_their_form")
def numbers_are_clipped(family: Subject) -> None:
    """Continuous actions outside the box do what the nearest point of the box does."""
    if family.box is None:
        raise Skip("the family's actions are not continuous")
    records, seeds = sample(family, 4), np.arange(4)
    inside, outside = (make(family, len(records)) for _ in range(2))
    generator, reach = np.random.default_rng(0), np.subtract(family.box.high, family.box.low)
    for games in (inside, outside):
        games.reset(records, seeds)
    for _ in range(family.num_steps):
        actions = family.random_actions(generator, len(records))
        actions += reach * generator.normal(size=actions.shape)
        outside.step(actions)
        inside.step(family.box.clip(actions))
        require(moment(inside) == moment(outside), "an action outside the box goes otherwise than when it is clipped")
