"""Evaluation: the adaptation curve on held-out variants, through the exported file.

The curve is the mean return by episode index over many trials of different variants. Beside it stand a random
policy, a memoryless one of the same budget, an oracle that is shown the rules, and the known ceiling.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gameagent.errors import ExportError
from gameagent.export.bundling import bundle_run
from gameagent.playing.finite_games import reset_games, step_games
from gameagent.run.folder import BASELINES, FIRST_SCHEME, RunFolder
from gameagent.seeding import game_seeds, numpy_generator
from gameagent_games.interface import Family
from gameagent_games.variants.variant import Split
from gameagent_sdk import Agent, Bundle, Policy, Squad
from gameagent_sdk.authoring import Gaussian, PolicySession, action_probabilities, sample_actions, sample_box_actions

CHUNK = 2048  # games side by side in one call of the file
MAX_AGENTS = 2**16


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
        gradient: Whether gradient steps are taken, by a file that has some; else its memory alone adapts.

    Returns:
        Returns by seat, float64 ``(num_variants, num_episodes, num_seats)``.

    Raises:
        ExportError: The file is for another game.
    """
    check_fit(bundle, family)
    heat = bundle.manifest.temperature if temperature is None else temperature
    if bundle.manifest.gradient is not None and gradient:
        players: Players = SquadPlayers(bundle, family, seed, heat)
    else:
        players = SessionPlayers(bundle, family, numpy_generator(seed, "evaluation actions"), heat)
    return _play(family, split, num_variants, num_episodes, seed, players)


class Players(Protocol):
    """Who decides in the games of one call of `_play`; a row is one seat of one game."""

    def begin(self, num_rows: int) -> None:
        """Starts a trial in each row."""

    def act(self, observations: NDArray[Any], legal: NDArray[np.bool_], deciding: NDArray[np.bool_]) -> NDArray[Any]:
        """Actions of all rows, of which those of rows that do not decide are ignored."""

    def observe(
        self, actions: NDArray[Any], rewards: NDArray[Any], ended: NDArray[np.bool_], deciding: NDArray[np.bool_]
    ) -> None:
        """What came of it; a row that did not decide was rewarded for its last decision."""


class SessionPlayers:
    """All rows in one call of the file, for policies that adapt by memory or not at all."""

    def __init__(self, bundle: Bundle, family: Family, generator: np.random.Generator, temperature: float) -> None:
        self.session, self.family = PolicySession(bundle), family
        self.generator, self.temperature = generator, temperature
        self.started = np.zeros(0, bool)  # rows that have decided at least once: what comes before is no decision's

    def begin(self, num_rows: int) -> None:
        self.session.reset(num_rows)
        self.started = np.zeros(num_rows, bool)

    def act(self, observations: NDArray[Any], legal: NDArray[np.bool_], deciding: NDArray[np.bool_]) -> NDArray[Any]:
        before = None if deciding.all() else self.session.context.copy()
        mask = legal if self.family.has_mask else None
        given = self.session.step(observations, mask)
        if before is not None:  # a seat that waits keeps the memory that it had
            for name, tensor in self.session.context.hidden_state.items():
                tensor[~deciding] = before.hidden_state[name][~deciding]
        if isinstance(given, Gaussian):
            spec = self.session.manifest.action
            return sample_box_actions(spec, given, self.temperature, self.generator)
        return sample_actions(action_probabilities(given, mask, self.temperature), self.generator)

    def observe(
        self, actions: NDArray[Any], rewards: NDArray[Any], ended: NDArray[np.bool_], deciding: NDArray[np.bool_]
    ) -> None:
        context = self.session.context
        before = None if deciding.all() else context.copy()
        self.started[deciding] = True
        self.session.observe(actions, np.where(self.started, rewards, 0.0), ended)
        if before is not None:
            waiting = ~deciding
            context.previous_action[waiting] = before.previous_action[waiting]
            context.previous_reward[waiting] += before.previous_reward[waiting]
            context.episode_start[waiting] = np.maximum(context.episode_start, before.episode_start)[waiting]


class SquadPlayers:
    """An agent for every row, as in a game: for policies that adapt by gradient steps."""

    def __init__(self, bundle: Bundle, family: Family, seed: int, temperature: float) -> None:
        self.policy, self.family = Policy(bundle), family
        self.seeds = iter(game_seeds(seed, "evaluation agents", MAX_AGENTS).tolist())
        self.temperature = temperature
        self.agents: list[Agent] = []

    def begin(self, num_rows: int) -> None:
        self.squad = Squad(self.policy, seed=next(self.seeds))
        self.agents = [self.squad.join(temperature=self.temperature) for _ in range(num_rows)]
        self.rewards = np.zeros(num_rows)  # since the last decision
        self.ended = np.zeros(num_rows, np.bool_)

    def act(self, observations: NDArray[Any], legal: NDArray[np.bool_], deciding: NDArray[np.bool_]) -> NDArray[Any]:
        rows = np.flatnonzero(deciding).tolist()
        for row in rows:  # an outcome is complete once the row decides again
            self._tell(row)
        chosen = self.squad.act(
            {self.agents[row]: observations[row] for row in rows},
            {self.agents[row]: legal[row] for row in rows} if self.family.has_mask else None,
        )
        actions = self.family.blank_actions(len(deciding))[:, 0]
        actions[rows] = [chosen[self.agents[row]] for row in rows]
        return actions

    def observe(
        self, actions: NDArray[Any], rewards: NDArray[Any], ended: NDArray[np.bool_], deciding: NDArray[np.bool_]
    ) -> None:
        self.rewards += rewards
        self.ended |= ended

    def _tell(self, row: int) -> None:
        if self.agents[row].phase == "observe":
            self.agents[row].observe(float(self.rewards[row]), terminated=bool(self.ended[row]))
        self.rewards[row], self.ended[row] = 0.0, False


class RandomPlayers:
    """Uniformly random legal actions."""

    def __init__(self, family: Family, generator: np.random.Generator) -> None:
        self.family, self.generator = family, generator

    def begin(self, num_rows: int) -> None:
        pass

    def act(self, observations: NDArray[Any], legal: NDArray[np.bool_], deciding: NDArray[np.bool_]) -> NDArray[Any]:
        if self.family.box is not None:
            return self.family.box.scale(self.generator.random((len(deciding), self.family.num_actions)))
        return np.asarray((self.generator.random(legal.shape) * legal).argmax(axis=1), dtype=np.int64)

    def observe(
        self, actions: NDArray[Any], rewards: NDArray[Any], ended: NDArray[np.bool_], deciding: NDArray[np.bool_]
    ) -> None:
        pass


def evaluate_random(
    family: Family, *, split: Split, num_variants: int, num_episodes: int, seed: int
) -> NDArray[np.float64]:
    """The same with uniformly random legal actions: float64 ``(num_variants, num_episodes, num_seats)``."""
    players = RandomPlayers(family, numpy_generator(seed, "evaluation actions"))
    return _play(family, split, num_variants, num_episodes, seed, players)


def _play(
    family: Family,
    split: Split,
    num_variants: int,
    num_episodes: int,
    seed: int,
    players: Players,
) -> NDArray[np.float64]:
    variants = family.space.sample(num_variants, numpy_generator(seed, "evaluation variants"), split)
    seeds = game_seeds(seed, "evaluation games", num_variants)
    returns = np.zeros((num_variants, num_episodes + 1, family.num_seats))
    for first in range(0, num_variants, CHUNK):
        part = slice(first, min(first + CHUNK, num_variants))
        games = family.make_games(part.stop - part.start, num_episodes=num_episodes)
        reset_games(games, variants[part], seeds[part])
        players.begin(games.num_games * family.num_seats)
        trials = np.arange(first, part.stop)
        while not games.finished.all():
            deciding = (games.acting & ~games.finished[:, None]).reshape(-1)
            rows = len(deciding)
            legal = games.legal_actions.reshape(rows, -1).copy()
            legal[~legal.any(axis=1)] = True  # of seats that do not decide
            actions = players.act(games.observations.reshape(rows, -1), legal, deciding)
            episodes = games.episodes.copy()
            step_games(games, actions.reshape(*games.acting.shape, *actions.shape[1:]))
            returns[trials, episodes] += games.rewards
            ended = np.repeat(games.terminated | games.truncated, family.num_seats)
            players.observe(actions, games.rewards.reshape(-1), ended, deciding)
    return returns[:, :num_episodes]


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
        return f"held out otherwise than in training ({scheme}, now {space.split_scheme}): it met some of them"
    return HELD_OUT[space.hold_out]


def baseline_bundles(folder: RunFolder) -> dict[str, Bundle]:
    """The exported baselines that were trained beside a run, by name."""
    return {name: bundle_run(folder.baseline(name)) for name in BASELINES if folder.baseline(name).has_checkpoint()}
