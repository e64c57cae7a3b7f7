"""`probe_rules`: which rules of a family change the game, for whom, and how soon."""

import random
from collections.abc import Callable, Sequence
from statistics import median
from time import monotonic
from typing import Any, Final

import numpy as np

from gameagent_games.conformance.probe.changes import base_variants
from gameagent_games.conformance.probe.policies import make_policies
from gameagent_games.conformance.probe.report import NEVER, ProbeReport, RuleFinding, Verdict
from gameagent_games.conformance.probe.search import SEEDS, Evidence, NotRepeatable, Search, repeated
from gameagent_games.conformance.probe.traces import FIELDS, Stage, longest
from gameagent_games.errors import FamilyError
from gameagent_games.interface import Family
from gameagent_games.registry import load_family
from gameagent_games.sources.guarded_rules import quiet
from gameagent_games.variants.distributions import Fixed
from gameagent_games.variants.variant import Rule

SECONDS: Final = 30.0
QUICK_SECONDS: Final = 5.0  # before training, for attributes that do not show
REPEATED_STEPS: Final = 200
ADVICE: Final = {
    "keyword": "the constructor or factory takes it, but nothing that play like this can reach depends on it: "
    "see whether the value is used at all",
    "option": "reset() gets it in its options, and nothing changes: see whether it is read, and by that name",
    "attribute": "it is not read after the environment is made, if at all: pass the value to the constructor instead, "
    'by reach "keyword", or write a factory that makes the environment with it',
    "others": "those who play the other seats do as they do without it: see whether they read it",
    "rules": "nothing that play like this can reach depends on it",
}


def probe_rules(
    family: Family | str, rules: Sequence[str] | None = None, *, seconds: float = SECONDS, until_seen: bool = False
) -> ProbeReport:
    """Finds out which rules change nothing, which only persistent play sees, and which make a state of their own.

    Trials are played with variants that differ in a single rule: both ends of its range and of what lies beyond, every
    option, other orders, all of an array and each of its entries alone; in several base variants, with two seeds, at
    random, by holding random actions, by taking one action all the time, and by alternating. Whatever differs in what
    is observed, rewarded, ended or allowed counts, but for the part of an observation that shows rules. A rule that
    shows nowhere is looked for in more variants, longer trials and shorter episodes, until the time is up.

    Args:
        family: The game, or its name in the registry, or ``"module:NAME"``.
        rules: Names of the rules to probe; None for all that vary.
        seconds: Time after which nothing more is tried. Rules that show at once take a fraction of it.
        until_seen: Whether to stop at each rule's first effect, so that only those without one take time. Who sees
            it, and what attributes leave behind, is not looked at then.

    Raises:
        FamilyError: There is no such family, or none of its games can be played.
        VariantError: There is no such rule.
    """
    found = load_family(family) if isinstance(family, str) else family
    began = monotonic()
    chosen = _chosen(found, rules)
    with quiet():
        unrepeatable, trials, steps = _unrepeatable(found)
        search = Search(found, chosen, seconds, until_seen)
        findings: tuple[RuleFinding, ...] = ()
        if not unrepeatable and chosen:
            try:
                search.run()
                findings = tuple(_finding(found, one, until_seen) for one in search.evidence.values())
            except NotRepeatable as error:
                unrepeatable = str(error)
    return ProbeReport(
        found.name, findings, unrepeatable, _recipe(found) is not None, trials + search.num_trials,
        steps + search.num_steps, monotonic() - began,
    )  # fmt: skip


def require_effective(
    family: Family, notify: Callable[[str], None] = lambda line: None, *, seconds: float = QUICK_SECONDS
) -> Family:
    """Refuses a family with a rule that sets an attribute of an environment and changes nothing.

    Attributes that show cost a few trials. Families whose rules reach the game in other ways are not played at all.

    Args:
        family: The game.
        notify: Called with a line if the rules could not be compared.
        seconds: As for `probe_rules`.

    Returns:
        The family.

    Raises:
        FamilyError: One line: the rule, what is usually the reason, what to do.
    """
    names = [rule for rule, way in ways(family).items() if way == "attribute"]
    if not names:
        return family
    report = probe_rules(family, names, seconds=seconds, until_seen=True)
    if report.unrepeatable:
        notify(f"family {family.name!r}: rules that are attributes could not be probed: {report.unrepeatable}")
    if report.failures and not report.unrepeatable:
        more = f" (and so does {', '.join(report.useless[1:])})" if len(report.useless) > 1 else ""
        raise FamilyError(f"family {family.name!r}: {report.failures[0]}{more}")
    return family


def ways(family: Family) -> dict[str, str]:
    """By rule, how it reaches the game: "rules" unless the games are environments."""
    recipe = _recipe(family)
    named = {} if recipe is None else {reach.rule: reach.way for reach in recipe.reaches}
    return {rule.name: named.get(rule.name, "rules") for rule in family.space.rules}


def _recipe(family: Family) -> Any:
    """How environments are made, if that is what the family's games are (asked without importing their source)."""
    return getattr(family.source, "recipe", None)


def _chosen(family: Family, names: Sequence[str] | None) -> list[Rule]:
    rules = {rule.name: rule for rule in family.space.rules}
    for name in names or ():
        if name not in rules:
            raise FamilyError(f"family {family.name!r} has no rule {name!r}; its rules are {', '.join(rules)}")
    return [
        rule
        for name, rule in rules.items()
        if (names is None or name in names) and not isinstance(rule.distribution, Fixed)
    ]


def _unrepeatable(family: Family) -> tuple[str, int, int]:
    """Why trials cannot be repeated, empty if they can; trials and steps that were played to see it."""
    num_steps = min(REPEATED_STEPS, family.max_steps * family.num_episodes, longest(family))
    fault, trials, steps = _repeat(family, num_steps, lambda: None)
    if fault:
        fault += _cure(family, num_steps)
    return fault, trials, steps


def _repeat(family: Family, num_steps: int, prepare: Callable[[], None]) -> tuple[str, int, int]:
    """Plays a few trials twice, by the same games and by others, after calling ``prepare`` each time."""
    record = base_variants(family.space, 1)
    trials = steps = 0
    for seed in SEEDS:
        for policy in make_policies(family, num_steps, seed)[:2]:
            with Stage(family) as first, Stage(family) as second:
                prepare()
                reference = first.play(record, seed, policy, num_steps)
                if reference[0].failure:
                    raise FamilyError(f"family {family.name!r} cannot be played: {reference[0].failure}")
                for stage in (first, second):
                    prepare()
                    difference = stage.first_difference(reference, record, seed, policy)
                    if difference is not None:
                        return repeated(difference, policy), trials, steps
                trials, steps = trials + first.trials + second.trials, steps + first.steps + second.steps
    return "", trials, steps


def _cure(family: Family, num_steps: int) -> str:
    """Which of the process's own random numbers would have to be seeded, if that is what is wrong."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002  (an environment may use it)
    seeders: dict[str, Callable[[], None]] = {
        "Python's random": lambda: random.seed(0),
        "numpy.random": lambda: np.random.seed(0),  # noqa: NPY002
        "Python's random and numpy.random": lambda: (random.seed(0), np.random.seed(0))[0],  # noqa: NPY002
    }
    try:
        for name, seed in seeders.items():
            if not _repeat(family, num_steps, seed)[0]:
                return (
                    f"; it draws from {name}, which reset(seed=...) does not seed: let it draw from self.np_random, "
                    f"or seed {name} in reset"
                )
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
    return "; it depends on something beside these: random numbers of its own that reset(seed=...) does not seed, the "\
        "clock, or what earlier trials left behind"  # fmt: skip


def _finding(family: Family, evidence: Evidence, until_seen: bool) -> RuleFinding:
    rule, way = evidence.rule.name, ways(family)[evidence.rule.name]
    verdict = _verdict(evidence, until_seen)
    is_stale, note = False, _remark(evidence, way, verdict)
    stale: tuple[str, ...] = ()
    if way == "attribute" and (not until_seen or verdict == "changes nothing"):
        from gameagent_games.conformance.probe.fresh import compare_with_fresh  # loads the source of environments

        freshness = compare_with_fresh(family, evidence.rule)
        is_stale, stale = freshness.is_stale and evidence.is_seen, freshness.names
        note = " ".join(text for text in (note, freshness.note) if text) if evidence.is_seen else freshness.note or note
    seen = [one for one in evidence.sightings if not one.difference.failure]
    first = min(seen, key=lambda one: one.difference.step, default=None)
    usual = median(evidence.random_steps) if evidence.random_steps else np.inf
    fields = {name for one in seen for name in one.difference.fields}
    return RuleFinding(
        rule, way, verdict, tuple(name for name in FIELDS if name in fields),
        NEVER if np.isinf(usual) else usual,
        NEVER if first is None else first.difference.step,
        "" if first is None else first.policy.name,
        tuple(sorted(entry for entry, shows in evidence.entries.items() if not shows)) if seen else (),
        is_stale, stale, evidence.failure, note,
    )  # fmt: skip


def _verdict(evidence: Evidence, until_seen: bool) -> Verdict:
    seen = [one for one in evidence.sightings if not one.difference.failure]
    if not seen:
        return "changes nothing" if evidence.completed and evidence.tried and not evidence.failure else "not seen"
    if until_seen:
        return "shows"
    if not any(one.policy.is_random for one in seen):
        return "persistent play only"
    return "later episodes only" if all(one.difference.episode > 0 for one in seen) else "shows"


def _remark(evidence: Evidence, way: str, verdict: Verdict) -> str:
    """What a verdict usually means."""
    if verdict == "changes nothing":
        return ADVICE[way]
    if verdict == "persistent play only":
        return "random play never got where it matters, so training sees nothing of it at first"
    if verdict == "later episodes only":
        return "nothing of it shows in the first episode of a trial"
    if verdict == "not seen" and not evidence.failure:
        if not evidence.tried:
            return "constraints leave no second value while the other rules stay as they are, so it could not be probed"
        return "nothing showed, but the time ran out before all had been tried; give it more seconds"
    return ""
