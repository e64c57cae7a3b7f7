"""The probe of rules: environments and families of which it is known what each rule does."""

import random
from pathlib import Path
from typing import Any

import pytest

from gameagent_games import FamilyError, Rule, Uniform, VariantSpace, load_family, probe_rules
from gameagent_games.conformance import require_effective
from gameagent_games.conformance.probe.changes import base_variants, changes_of
from gameagent_games.errors import GamesError
from gameagent_games.interface import Family
from gameagent_games.variants.distributions import Choice, Integers, Permutation
from small_environments import family_of
from small_families import DIAL, RIDDLE

UNIFORM = "uniform = [0.5, 2.0]"


def environment(
    folder: Path, game: str, rules: dict[str, str], reach: dict[str, str] | None = None, max_steps: int = 50
) -> Family:
    """A family of an environment, from the lines of its rules and how they reach it."""
    text = f'game = "{game}"\nepisodes = 3\n'
    text += "".join(f"[rules.{name}]\n{line}\n" for name, line in rules.items())
    text += "[environment]\nworkers = 0\n" + ("" if game.startswith("gymnasium:") else f"max_steps = {max_steps}\n")
    text += "[environment.reach]\n" + "".join(f'{name} = "{way}"\n' for name, way in (reach or {}).items())
    return family_of(folder, text)


def test_four_rules_that_do_nothing_are_named_among_others(tmp_path: Path) -> None:
    names = ("colour", "stride", "ghost", "wall", "mist", "echo", "fog", "gift", "toll")
    reach = {"mist": "option", "fog": "option", "echo": "attribute", "toll": "attribute"}
    report = probe_rules(
        environment(tmp_path, "probed_environments:walk", dict.fromkeys(names, UNIFORM), reach, 160), seconds=3.0
    )
    assert report.useless == ("colour", "ghost", "echo", "fog")
    verdicts = {finding.rule: finding.verdict for finding in report.findings if not finding.is_useless}
    assert verdicts == {
        "stride": "shows", "toll": "shows", "mist": "shows",
        "wall": "persistent play only", "gift": "later episodes only",
    }  # fmt: skip
    assert report.finding("mist").first_step == report.finding("mist").random_step == 0
    assert report.finding("stride").changes == ("observation",)
    assert report.finding("toll").changes == ("reward",)
    assert report.finding("toll").random_step == 1
    wall = report.finding("wall")
    assert (wall.first_step, wall.first_policy, wall.random_step) == (151, "always action_1", -1)
    assert report.finding("gift").first_step == 161
    with pytest.raises(FamilyError, match=r"'colour' changes nothing(.|\n)*'ghost'(.|\n)*'echo'(.|\n)*'fog'"):
        report.raise_for_failures()
    assert all(f"CHANGES NOTHING\n{name}:"[:15] in str(report) for name in report.useless)


@pytest.mark.slow
def test_a_length_of_acrobot_is_only_drawn(tmp_path: Path) -> None:
    rules = {"LINK_LENGTH_2": UNIFORM, "LINK_MASS_2": UNIFORM}
    family = environment(
        tmp_path, "gymnasium:Acrobot-v1", rules, {name: f"attribute unwrapped.{name}" for name in rules}
    )
    assert probe_rules(family, seconds=3.0).useless == ("LINK_LENGTH_2",)


def test_masscart_is_kept_in_the_total_mass(tmp_path: Path) -> None:
    family = environment(
        tmp_path, "gymnasium:CartPole-v1", {"masscart": UNIFORM}, {"masscart": "attribute unwrapped.masscart"}
    )
    with pytest.raises(FamilyError, match=r"'masscart' changes nothing: total_mass is computed .* keeps its old value"):
        require_effective(family, seconds=1.0)


def test_an_attribute_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(FamilyError, match=r"PendulumEnv has no attribute 'gravity'.*its numbers are dt, g, l, m"):
        environment(tmp_path, "gymnasium:Pendulum-v1", {"gravity": UNIFORM}, {"gravity": "attribute unwrapped.gravity"})
    with pytest.raises(FamilyError, match=r"no attribute 'masscart'.*did you mean 'unwrapped.masscart'\?"):
        environment(tmp_path, "gymnasium:CartPole-v1", {"masscart": UNIFORM}, {"masscart": "attribute"})


def test_lengths_and_masses_of_cart_pole_make_a_state_that_no_fresh_environment_has(tmp_path: Path) -> None:
    rules = {"length": UNIFORM, "masspole": "uniform = [0.05, 0.3]", "gravity": "uniform = [5.0, 15.0]"}
    ways = {name: f"attribute unwrapped.{name}" for name in rules}
    report = probe_rules(environment(tmp_path, "gymnasium:CartPole-v1", rules, ways))
    assert report.useless == ()
    assert report.stale == ("length", "masspole")
    assert report.finding("length").stale == ("polemass_length",)
    assert set(report.finding("masspole").stale) == {"polemass_length", "total_mass"}
    assert not report.failures


@pytest.mark.slow
def test_what_only_capable_play_reaches_is_found_by_play_that_was_searched_for(tmp_path: Path) -> None:
    family = environment(
        tmp_path, "gymnasium:CartPole-v1", {"edge": "uniform = [2.0, 3.0]"}, {"edge": "attribute unwrapped.x_threshold"}
    )
    found = probe_rules(family).finding("edge")
    assert (found.verdict, found.changes[-1]) == ("persistent play only", "end")
    assert found.first_step > 50


def test_stale_attributes_are_told_from_those_that_are_read(tmp_path: Path) -> None:
    rules = dict.fromkeys(("width", "weight", "area", "speed"), UNIFORM)
    family = environment(tmp_path, "probed_environments:forgetting", rules, dict.fromkeys(rules, "attribute"))
    report = probe_rules(family, seconds=1.0)
    assert report.stale == ("width",)  # surface; double_area follows an argument that nobody can give
    assert report.finding("width").stale == ("surface",)
    assert report.useless == ("speed",)
    assert "reset() gives 'speed' another value" in report.finding("speed").note
    family = environment(tmp_path, "probed_environments:forgetting_of", {"area": UNIFORM}, {"area": "attribute"})
    area = probe_rules(family).finding("area")
    assert (area.is_stale, area.stale) == (True, ("double_area",))
    assert 'by reach "keyword"' in area.note


def test_boxes_dictionaries_and_entries(tmp_path: Path) -> None:
    rules = {"gain": f"{UNIFORM}\nshape = 2", "limit": "uniform = [3.6, 4.5]", "unused": "choice = [true, false]"}
    report = probe_rules(environment(tmp_path, "probed_environments:dials", rules), seconds=1.0)
    assert report.useless == ("unused",)
    assert report.finding("gain").idle_entries == ()
    assert report.finding("limit").changes == ("observation",)


def test_orders_and_masks(tmp_path: Path) -> None:
    rules = {"order": "permutation = 3", "shut": "choice = [false, true]\nshape = 2", "label": 'choice = ["a", "b"]'}
    report = probe_rules(environment(tmp_path, "probed_environments:doors", rules), seconds=1.0)
    assert report.useless == ("label",)
    assert report.finding("order").changes == ("reward",)
    assert "legal actions" in report.finding("shut").changes
    assert report.finding("shut").first_step == 0


def test_a_rule_that_another_switches_on_and_a_value_that_breaks_the_game(tmp_path: Path) -> None:
    rules = {"windy": 'choice = ["no", "a little", "yes"]', "wind": UNIFORM, "power": "integers = [0, 9]"}
    report = probe_rules(environment(tmp_path, "probed_environments:gated", rules))
    assert report.useless == ()
    assert report.finding("wind").verdict == "shows"
    assert "the fuse has blown" in report.finding("power").failure


def test_a_shown_rule_does_not_count_by_being_shown(tmp_path: Path) -> None:
    family = environment(
        tmp_path, "probed_environments:walk", {"colour": f"{UNIFORM}\nhidden = false", "toll": UNIFORM}
    )
    assert family.observation_size == 2
    assert probe_rules(family, seconds=1.0).useless == ("colour",)


@pytest.mark.parametrize(
    ("game", "reason"), [("unseeded", "it draws from Python's random, which reset"), ("clocked", "what earlier trials")]
)
def test_play_that_cannot_be_repeated_ends_the_probe(tmp_path: Path, game: str, reason: str) -> None:
    before = random.getstate()
    random.seed(1)
    report = probe_rules(environment(tmp_path, f"probed_environments:{game}", {"stride": UNIFORM}))
    random.setstate(before)
    assert report.findings == ()
    assert "another reward at step 1 of the trial" in report.unrepeatable
    assert reason in report.unrepeatable
    assert "NOT REPEATABLE" in str(report)
    with pytest.raises(FamilyError, match="not repeatable"):
        report.raise_for_failures()


@pytest.mark.parametrize("name", ["bandit", "gridnavi", "navigation", "forage"])
def test_no_rule_of_our_families_is_called_useless(name: str) -> None:
    report = probe_rules(name, seconds=5.0, until_seen=True)
    assert {finding.verdict for finding in report.findings} == {"shows"}
    assert {finding.way for finding in report.findings} == {"rules"}
    assert not report.is_environment


def test_a_useless_rule_of_ones_own_is_a_remark() -> None:
    report = probe_rules(RIDDLE, seconds=1.0)  # its masks are drawn, its episodes end by chance
    assert report.useless == ("colour",)
    assert report.failures == ()
    assert probe_rules(DIAL).finding("place").changes == ("reward",)


def test_only_attributes_without_effect_are_refused_before_training(tmp_path: Path) -> None:
    walk = "probed_environments:walk"
    by_keyword = environment(tmp_path, walk, {"colour": UNIFORM})
    assert require_effective(by_keyword) is by_keyword
    works = environment(tmp_path, walk, {"toll": UNIFORM}, {"toll": "attribute"})
    assert require_effective(works) is works
    with pytest.raises(FamilyError, match=r"rule 'ghost' changes nothing.*factory"):
        require_effective(
            environment(
                tmp_path, walk, {"ghost": UNIFORM, "toll": UNIFORM}, {"ghost": "attribute", "toll": "attribute"}
            )
        )
    lines: list[str] = []
    unseeded = environment(tmp_path, "probed_environments:unseeded", {"toll": UNIFORM}, {"toll": "attribute"})
    assert require_effective(unseeded, lines.append) is unseeded
    assert "could not be probed" in lines[0]


def test_unknown_rules_are_refused() -> None:
    with pytest.raises(GamesError, match="has no rule 'wort'; its rules are worth"):
        probe_rules(load_family("forage"), ["wort"])


RULES: dict[str, tuple[Any, list[Any]]] = {
    "range": (Uniform((0.0, 1.0), (2.0, 3.0), beyond=((5.0, 6.0),)), [0.0, 1.0, 2.0, 3.0, 5.0, 6.0]),
    "whole": (Integers(1, 4, beyond=(7, 9)), [1, 4, 7, 9]),
    "names": (Choice(("a", "b"), beyond=("c",)), ["a", "b", "c"]),
    "order": (Permutation(3), [[0, 1, 2], [2, 1, 0], [2, 0, 1], [1, 2, 0]]),
}


@pytest.mark.parametrize("kind", RULES)
def test_both_ends_every_option_and_other_orders_are_tried(kind: str) -> None:
    distribution, expected = RULES[kind]
    space = VariantSpace((Rule("one", distribution), Rule("two", Integers(0, 9))))
    for base in base_variants(space, 3).reshape(-1, 1):
        shown = [space.variants(change.record)[0].rules for change in changes_of(space, space.rules[0], base)]
        before = space.variants(base)[0].rules
        assert [rules["one"] for rules in shown] == [value for value in expected if value != before["one"]]
        assert {rules["two"] for rules in shown} == {before["two"]}


def test_entries_are_changed_alone_and_constraints_are_kept() -> None:
    rules = Rule("low", Uniform((0.0, 1.0))), Rule("high", Uniform((0.0, 1.0), shape=(2,)))
    space = VariantSpace(rules, constraints=("low < high[0]",))
    base = base_variants(space, 1)
    changes = changes_of(space, space.rules[1], base)
    assert {change.entry for change in changes} == {None, 0, 1}
    assert all(space.meets_constraints(change.record)[0] for change in changes)
    for change in changes:
        if change.entry is not None:
            other = 1 - change.entry
            assert change.record["high"][0, other] == base["high"][0, other]


def test_bases_have_every_option_in_turn() -> None:
    space = VariantSpace((Rule("gate", Choice(("a", "b", "c"))), Rule("speed", Uniform((0.0, 1.0)))))
    assert {rules.rules["gate"] for rules in space.variants(base_variants(space, 3))} == {"a", "b", "c"}
