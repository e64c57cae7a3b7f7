"""Evaluation: the adaptation curve on held-out variants, through the exported file.

The curve is the mean return by episode index over many trials of different variants. Beside it stand a random
policy, a memoryless one of the same budget, an oracle that is shown the rules, and the known ceiling.
"""

from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent.errors import ExportError, GameValueError
from gameagent.export.bundling import bundle_run
from gameagent.playing.finite_games import reset_games, step_games
from gameagent.playing.players import bundle_player
from gameagent.run.folder import BASELINES, FIRST_SCHEME, RunFolder
from gameagent.seeding import game_seeds, numpy_generator
from gameagent_games.failures import Failure
from gameagent_games.interface import Family
from gameagent_games.loop import Players, play_trials
from gameagent_games.players import RandomPlayer
from gameagent_games.variants.variant import Split
from gameagent_sdk import Bundle

MOST_DRAWS = 20  # of a trial that fails


def evaluate_bundle(
    bundle: Bundle,
    family: Family,
    *,
    split: Split,
    num_variants: int,
    num_episodes: int,
    seed: int,
    temperature: float | None = None,
    gradient: bool = True,
    forgets: bool = False,
) -> NDArray[np.float64]:
    """Plays one trial of each of many variants with an exported file, the same agent in every seat.

    Args:
        bundle: The file.
        family: Its family; with all rules shown if the file is an oracle's.
        split: Split of the variant space.
        num_variants: Trials to play, each of another variant.
        num_episodes: Episodes of a trial.
        seed: Of variants, levels and choices; the same seed gives every policy the same variants and levels.
        temperature: Of the choice of actions; None for what the manifest recommends, 0 for the best action.
        gradient: Whether gradient steps are taken, by a file that has some; otherwise its memory alone adapts.
        forgets: Whether everything is forgotten at every episode's end: what is left is what the agent finds out
            within an episode. Variants, levels and the first episode are those of an agent that does not forget.

    Returns:
        Returns by variant, episode and seat, float64 ``(num_variants, num_episodes, num_seats)``.

    Raises:
        ExportError: The file is for another game.
    """
    check_fit(bundle, family)
    player = bundle_player(bundle, family, seed, temperature, gradient, forgets)
    return evaluate_players(
        player, family, split=split, num_variants=num_variants, num_episodes=num_episodes, seed=seed
    )  # fmt: skip


def evaluate_random(
    family: Family, *, split: Split, num_variants: int, num_episodes: int, seed: int
) -> NDArray[np.float64]:
    """The same with uniformly random legal actions; see `evaluate_bundle`."""
    player = RandomPlayer(family, numpy_generator(seed, "evaluation actions"))
    return evaluate_players(
        player, family, split=split, num_variants=num_variants, num_episodes=num_episodes, seed=seed
    )  # fmt: skip


def evaluate_players(
    players: Players, family: Family, *, split: Split, num_variants: int, num_episodes: int, seed: int
) -> NDArray[np.float64]:
    """Plays one trial of each of many variants with any players.

    Args:
        players: One player for all seats, or one for each seat by its index.
        family: The game.
        split: Split of the variant space.
        num_variants: Trials to play, each of another variant.
        num_episodes: Episodes of a trial.
        seed: Of variants and levels; the same seed gives all players the same ones.

    Returns:
        Returns by variant, episode and seat, float64 ``(num_variants, num_episodes, num_seats)``.

    Raises:
        GameValueError: A game gives a number that is not finite, or too large; or trials fail however often they are
            drawn anew.
    """
    variants = evaluation_variants(family, split, num_variants, seed)
    seeds = game_seeds(seed, "evaluation games", num_variants)
    returns = np.full((num_variants, num_episodes, family.num_seats), np.nan)
    failures: list[Failure] = []
    for draw in range(MOST_DRAWS):
        missing = np.flatnonzero(np.isnan(returns).any(axis=(1, 2)))
        if draw:  # trials that failed are drawn anew
            again = numpy_generator(seed, "evaluation variants", draw)
            variants, seeds = family.space.sample(num_variants, again, split), again.integers(0, 2**62, num_variants)
        for first in range(0, len(missing), family.most_games):
            part = missing[first : first + family.most_games]
            with closing(family.make_games(len(part), num_episodes=num_episodes)) as games:
                reset_games(games, variants[part], seeds[part])
                returns[part] = play_trials(games, players, step_games)
                failures += games.take_failures()
        if not np.isnan(returns).any():
            return returns
    raise GameValueError(f"{len(failures)} trials failed, some of them {MOST_DRAWS} times; the last: {failures[-1]}")


def evaluation_variants(family: Family, split: Split, num_variants: int, seed: int) -> NDArray[Any]:
    """The variants that an evaluation plays, in its order: records of the family's variant type."""
    return family.space.sample(num_variants, numpy_generator(seed, "evaluation variants"), split)


def check_fit(bundle: Bundle, family: Family) -> None:
    """Raises ExportError if a file does not fit a family."""
    manifest = bundle.manifest
    fits = (
        manifest.name == family.name
        and manifest.observation_size == family.observation_size
        and manifest.num_actions == family.num_actions
        and manifest.action.mask == family.has_mask
        and (manifest.action.kind == "box") == (family.box is not None)
    )
    version = manifest.training.get("family_version", family.version)
    if version != family.version:
        raise ExportError(
            f"{bundle.path} was trained on version {version} of {family.name}, this is version {family.version}: its "
            "rules have changed since; train again, or install the version it was trained on"
        )
    if differing := family.space.encoding_differs(manifest.training.get("shown_rules")):
        raise ExportError(f"{bundle.path} cannot be judged on these rules of {family.name}: {differing}")
    if not fits:
        raise ExportError(
            f"{bundle.path} plays {manifest.name} with {manifest.observation_size} observation values and "
            f"{manifest.num_actions} actions; {family.name} has {family.observation_size} and {family.num_actions}. "
            "Export again from a run of this version of the game."
        )


HELD_OUT = {
    "combinations": "combinations of rule values that training never drew",
    "pairs": "pairs of rule values that training never drew together",
    "values": "rule values that training never drew",
}
"""What test variants are by `VariantSpace.hold_out`."""


def held_out(bundle: Bundle, family: Family, split: Split) -> str:
    """What a split's variants are to the training of a file's agent, in words for a report."""
    training, space = bundle.manifest.training, family.space
    config = training.get("config")
    trained_on = config.get("split") if isinstance(config, dict) else None
    if split == "out_of_range":
        return "values beyond the training range"
    if split == "all" or trained_on in ("all", split) or not space.holds_out:
        return "variants that training drew from, too"
    scheme = training.get("splits", FIRST_SCHEME if "family_version" in training else space.split_scheme)
    if scheme != space.split_scheme:
        return f"held out differently than in training ({scheme}, now {space.split_scheme}): it met some of them"
    return HELD_OUT[space.hold_out]


def baseline_bundles(folder: RunFolder) -> dict[str, Bundle]:
    """The exported baselines that were trained beside a run, by name."""
    return {name: bundle_run(folder.baseline(name)) for name in BASELINES if folder.baseline(name).has_checkpoint()}
