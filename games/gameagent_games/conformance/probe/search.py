"""Looks for a difference between variants that differ in one rule: rounds of more and more play."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic, process_time
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gameagent_games.conformance.probe.changes import Change, base_variants, changes_of
from gameagent_games.conformance.probe.policies import Policy, make_policies
from gameagent_games.conformance.probe.skilled import LinearPolicy, skilled_policies
from gameagent_games.conformance.probe.traces import Difference, Moment, Stage, longest
from gameagent_games.interface import Family
from gameagent_games.variants.variant import Rule

SEEDS: Final = (0, 1)
NUM_BASES: Final = 2  # variants in which rules are changed, in the first round
MORE_BASES: Final = 6  # in later ones
FEWEST_STEPS: Final = 80  # of a trial, however slow the game is
MOST_STEPS: Final = 400
LONGEST: Final = 5000  # steps of a trial in the last round
SHORT_EPISODE: Final = 20  # steps; episodes are cut there in the round that looks for what later ones see
WAITING: Final = 0.15  # of the time that passes counts, where play leaves the processor alone
MAIN_SHARE: Final = 2.0  # times as much as there is, that the main round may take before its trials are cut
GRACE: Final = 6.0  # times as much as there is, before it is given up
SEARCH_SHARE: Final = 0.1  # of it, for players of some skill in one base variant


class NotRepeatable(Exception):
    """The same variant, seed and actions gave another trial: comparisons mean nothing."""


class Sighting(NamedTuple):
    """A trial in which a change of a rule showed."""

    policy: Policy
    difference: Difference


@dataclass
class Evidence:
    """What is known of one rule so far.

    Attributes:
        rule: The rule.
        sightings: Trials that differed from their reference.
        random_steps: By comparison in random play, steps until the first difference; infinite where there was none.
        tried: Comparisons made.
        entries: Entries of an array rule that were changed alone, and whether that showed.
        failure: Of an environment with one of its values.
        completed: Whether the main round was completed.
    """

    rule: Rule
    sightings: list[Sighting] = field(default_factory=list)
    random_steps: list[float] = field(default_factory=list)
    tried: int = 0
    entries: dict[int, bool] = field(default_factory=dict)
    failure: str = ""
    completed: bool = False

    @property
    def is_seen(self) -> bool:
        """Whether anything but a failure showed."""
        return any(not sighting.difference.failure for sighting in self.sightings)

    @property
    def is_plain(self) -> bool:
        """Whether random play saw it in a trial's first episode: there is nothing more to find out."""
        return any(
            one.policy.is_random and one.difference.episode == 0 and not one.difference.failure
            for one in self.sightings
        )

    @property
    def is_settled(self) -> bool:
        """Whether it showed, and so did each entry that was changed alone."""
        return self.is_seen and all(self.entries.values())


@dataclass(frozen=True)
class Round:
    """Trials to play: every policy with every seed in every base variant.

    Attributes:
        family: What is played.
        bases: The base variants.
        num_steps: Of a trial.
        is_skilled: Whether players play that have been made to be good at it.
        is_first: Whether it is for every rule, also those that have shown.
        is_main: Whether it must be completed before a rule can be said to change nothing.
    """

    family: Family
    bases: NDArray[Any]
    num_steps: int
    is_skilled: bool = False
    is_first: bool = False
    is_main: bool = False


class Play(NamedTuple):
    """A trial to play: the variant ``(1,)``, the seed and who plays."""

    record: NDArray[Any]
    seed: int
    policy: Policy


class Search:
    """Compares trials, and keeps the evidence.

    Attributes:
        evidence: By rule.
        num_trials: Trials played.
        num_steps: Steps played.
    """

    def __init__(self, family: Family, rules: Sequence[Rule], seconds: float, until_seen: bool) -> None:
        """Prepares a search.

        Args:
            family: The game.
            rules: Those in question.
            seconds: After which no further trial starts; the main round is made to fit.
            until_seen: Whether a rule is left alone as soon as it has shown.
        """
        self._family, self._seconds, self._until_seen = family, seconds, until_seen
        self._began = process_time(), monotonic()
        self.evidence = {rule.name: Evidence(rule) for rule in rules}
        self.num_trials = self.num_steps = self._references = 0

    def run(self) -> None:
        """Plays.

        Raises:
            NotRepeatable: A trial could not be repeated.
        """
        for one in self._rounds():
            wanted = [found for found in self.evidence.values() if not self._is_done(found, one)]
            completed = not wanted or self._play(one, wanted)
            if one.is_main:
                for found in self.evidence.values():
                    found.completed = completed

    @property
    def _spent(self) -> float:
        """Seconds so far: of this process's own, so that a busy machine changes no verdict."""
        return max(process_time() - self._began[0], WAITING * (monotonic() - self._began[1]))

    def _is_late(self, one: Round) -> bool:
        return self._spent > self._seconds * (GRACE if one.is_first or one.is_main else 1.0)

    def _rounds(self) -> Iterator[Round]:
        """The first is for every rule; the others are for those that have not shown, and the second is the main one."""
        family, space = self._family, self._family.space
        trial = min(family.max_steps * family.num_episodes, longest(family))
        bases = base_variants(space, MORE_BASES)
        first, later = bases[:NUM_BASES], bases[NUM_BASES:]
        yield Round(family, first, min(trial, FEWEST_STEPS), is_first=True)
        yield Round(
            family, first, self._affordable(min(trial, MOST_STEPS, family.max_steps + SHORT_EPISODE)), is_main=True
        )
        short = min(SHORT_EPISODE, family.max_steps)
        if family.num_episodes > 1 and short < family.max_steps:
            cut = replace(family, max_steps=short)
            yield Round(cut, first, min(trial, MOST_STEPS, short * family.num_episodes))
        yield Round(family, first, min(trial, 2 * family.max_steps, LONGEST), is_skilled=True)
        yield Round(family, later, min(trial, MOST_STEPS))
        if trial > MOST_STEPS:
            yield Round(family, first, min(trial, LONGEST))

    def _affordable(self, most: int) -> int:
        """Steps of a trial for which the main round fits into its share of the time, if still no rule shows."""
        speed = self.num_steps / max(self._spent, 1e-6)
        unseen = [found for found in self.evidence.values() if not found.is_plain]
        trials = sum(found.tried for found in unseen) + self._references
        steps = MAIN_SHARE * self._seconds * speed / max(trials, 1)
        return int(np.clip(steps, min(FEWEST_STEPS, most), most))

    def _skilled(self, stage: Stage, base: NDArray[Any], num_steps: int) -> list[LinearPolicy]:
        end = self._spent + SEARCH_SHARE * self._seconds
        return skilled_policies(stage, base, num_steps, lambda: self._spent > end)

    def _is_done(self, found: Evidence, one: Round) -> bool:
        """Whether a round need not be played for a rule any more."""
        if self._until_seen:
            return found.is_seen
        if one.is_first:
            return False
        return found.is_settled and (found.is_plain or not one.is_main)

    def _count(self, stage: Stage) -> None:
        self.num_trials += stage.trials
        self.num_steps += stage.steps

    def _play(self, one: Round, wanted: Sequence[Evidence]) -> bool:
        """Plays a round; returns whether it was completed."""
        with Stage(one.family) as stage:
            try:
                for play, changes in self._plays(one, stage, wanted):
                    asked = [found for found in wanted if not self._is_done(found, one)]
                    if not asked:
                        return True
                    if self._is_late(one):
                        return False
                    self._references += one.is_first
                    reference = stage.play(*play, one.num_steps)
                    for found in asked if not reference[-1].failure else ():
                        left = [change for change in changes[found.rule.name] if _is_open(found, change, one)]
                        self._compare(stage, found, left, play, reference)
            finally:
                self._count(stage)
        return True

    def _plays(
        self, one: Round, stage: Stage, wanted: Sequence[Evidence]
    ) -> Iterator[tuple[Play, dict[str, list[Change]]]]:
        """What a round consists of: trials to be played with a base variant, and what is changed in that, by rule."""
        for base in one.bases.reshape(-1, 1):
            changes = {found.rule.name: changes_of(one.family.space, found.rule, base) for found in wanted}
            skilled = self._skilled(stage, base, one.num_steps) if one.is_skilled else []
            for seed in SEEDS:
                for policy in skilled if one.is_skilled else make_policies(one.family, one.num_steps, seed):
                    yield Play(base, seed, policy), changes

    def _compare(
        self, stage: Stage, found: Evidence, changes: Sequence[Change], play: Play, reference: Sequence[Moment]
    ) -> None:
        """Plays a trial with each variant that differs from the base in one rule, as the reference was played."""
        for change in changes:
            difference = stage.first_difference(reference, *play._replace(record=change.record))
            if difference is not None and not found.is_seen:
                again = stage.first_difference(reference[: difference.step + 1], *play)
                if again is not None:
                    raise NotRepeatable(repeated(again, play.policy))
            self._note(found, change.entry, play.policy, difference)

    def _note(self, found: Evidence, entry: int | None, policy: Policy, difference: Difference | None) -> None:
        found.tried += 1
        if difference is not None and difference.failure:
            found.failure = found.failure or difference.failure
        shows = difference is not None and not difference.failure
        if policy.is_random and entry is None:
            found.random_steps.append(difference.step if difference is not None and shows else np.inf)
        if entry is not None:
            found.entries[entry] = found.entries.get(entry, False) or shows
        if difference is not None:
            found.sightings.append(Sighting(policy, difference))


def repeated(difference: Difference, policy: Policy) -> str:
    """In words: where a trial differed from its own repetition."""
    what = " and ".join(difference.fields)
    return (
        f"the same variant, seed and actions gave another {what} at step {difference.step} of the trial "
        f"(episode {difference.episode + 1}, {policy.name})"
    )


def _is_open(found: Evidence, change: Change, one: Round) -> bool:
    """Whether a change is still to be tried: what showed is tried again in the first rounds, entries alone never."""
    if change.entry is None:
        return one.is_first or one.is_main or not found.is_seen
    return not found.entries.get(change.entry, False)
