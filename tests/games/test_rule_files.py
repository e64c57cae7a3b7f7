"""Families as rule files change them: what the file says holds in every variant, the rest stays the family's."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_games import (
    Choice,
    Family,
    Feature,
    Fixed,
    Integers,
    Permutation,
    Rule,
    RuleFileError,
    Rules,
    Simulator,
    Uniform,
    VariantSpace,
    check_family,
    load_family,
    registry,
    space_from_dict,
    space_to_dict,
    state_type,
)
from gameagent_games.conformance import require_sound
from gameagent_games.envs.gymnasium_env import FamilyEnv
from gameagent_games.errors import FamilyError, GamesError
from gameagent_games.family_files import AGENT, family_file
from gameagent_games.from_rule_file import space_of
from gameagent_games.play.main import play
from gameagent_games.registry import place_of
from gameagent_games.variants.rule_files import read_rule_file

FORAGE = load_family("forage")


def start(state: Any, variant: Any) -> None:
    state.speed = 0.0


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    state.speed += variant.wind
    rewards[0] = variant.count
    if variant.weather == "calm" or (variant.sky[0] == 2 and variant.mirrored):
        rewards[0] += variant.worth[variant.order[0]]
    return False


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    observation[0] = state.speed


def rules_of(family: Family) -> dict[str, Rule]:
    return {rule.name: rule for rule in family.space.rules}


ALL_KINDS = Family(
    name="all_kinds",
    summary="one rule of every kind",
    source=Rules(start, step, observe, state=state_type([("speed", np.float64)])),
    space=VariantSpace(
        (
            Rule("wind", Uniform((5.0, 15.0), beyond=((15.0, 20.0),)), unit="m/s", meaning="how it blows"),
            Rule("count", Integers(0, 5, beyond=(6, 9))),
            Rule("worth", Uniform((-1.0, 1.0), shape=(3,))),
            Rule("mirrored", Choice((False, True))),
            Rule("weather", Choice(("calm", "hot", "wild"))),
            Rule("sky", Choice(("grey", "blue", "black"), shape=(2,))),
            Rule("order", Permutation(3)),
            Rule("limit", Fixed(30)),
        ),
        constraints=("wind > 5.5 or mirrored",),
    ),
    features=(Feature("speed", low=0.0, high=1000.0),),
    actions=("stay", "go"),
    max_steps=5,
    num_episodes=2,
)
HERE = f"{__name__}:ALL_KINDS"


def load(folder: Path, text: str, game: str = HERE) -> Family:
    path = folder / "rules.toml"
    path.write_text(f'game = "{game}"\n{text}', encoding="utf-8")
    return load_family(str(path))


def refusal(folder: Path, text: str, game: str = HERE) -> str:
    with pytest.raises(RuleFileError) as caught:
        load(folder, text, game)
    return str(caught.value).replace(f"{folder}/", "")


# -- what is changed ------------------------------------------------------------------------------------------


def test_a_file_that_says_nothing_gives_the_family_as_it_is(tmp_path: Path) -> None:
    family = load(tmp_path, "")
    assert family == ALL_KINDS and family.space == ALL_KINDS.space and not family.widened
    assert family.rule_file is not None and family.rule_file.game == HERE


def test_named_rules_change_and_the_others_stay(tmp_path: Path) -> None:
    family = load(
        tmp_path,
        """
        episodes = 7
        hold_out = "values"
        constraints = ["count < 3 or not mirrored"]
        [rules]
        wind = { uniform = [[5, 6], [8, 9]], hidden = false }
        mirrored = { choice = [false, true], weights = [3, 1] }
        worth.uniform = [0.0, 0.5]
        order.hidden = false
        """,
    )
    own, found = rules_of(ALL_KINDS), rules_of(family)
    assert (family.name, family.num_episodes, family.space.hold_out) == ("all_kinds", 7, "values")
    assert family.space.constraints == ("wind > 5.5 or mirrored", "count < 3 or not mirrored")
    assert found["wind"] == Rule("wind", Uniform((5.0, 6.0), (8.0, 9.0)), False, "m/s", "how it blows")
    assert found["worth"].distribution == Uniform((0.0, 0.5), shape=(3,))
    assert found["order"] == replace(own["order"], hidden=False)
    assert [found[name] for name in ("count", "weather", "sky", "limit")] == [
        own[name] for name in ("count", "weather", "sky", "limit")
    ]
    assert [feature.name for feature in family.game_features][:2] == ["speed", "rule_wind"]
    records = family.space.sample(2000, 0, "all")
    assert np.mean(records["mirrored"][records["count"] < 3]) == pytest.approx(0.27, abs=0.05)  # 0.25 of all winds
    assert set(np.floor(records["wind"]).tolist()) == {5.0, 8.0}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("wind.choice = [1, 2.5]", Choice((1.0, 2.5))),
        ("wind.choice = [6, 7]", Choice((6.0, 7.0))),
        ("wind = 6", Fixed(6.0)),
        ("count.integers = [2, 3]", Integers(2, 3)),
        ("count.choice = [1, 4]", Choice((1, 4))),
        ("count = 4", Fixed(4)),
        ("worth = 0.5", Fixed((0.5, 0.5, 0.5))),
        ("worth.fixed = [1, 2, 3]", Fixed((1.0, 2.0, 3.0))),
        ("worth.choice = [1, 2]", Choice((1.0, 2.0), shape=(3,))),
        ("mirrored = true", Fixed(True, of=Choice((False, True)))),
        ('weather = "hot"', Fixed("hot", of=Choice(("calm", "hot", "wild")))),
        ('weather.choice = ["wild", "calm"]', Choice(("wild", "calm"), known=("calm", "hot", "wild"))),
        ('sky.choice = ["black", "grey"]', Choice(("black", "grey"), (2,), known=("grey", "blue", "black"))),
        ('sky.fixed = ["black", "grey"]', Fixed(("black", "grey"), of=Choice(("grey", "blue", "black"), (2,)))),
        ("order.fixed = [2, 0, 1]", Fixed((2, 0, 1), of=Permutation(3))),
        ("order.permutation = 3", Permutation(3)),
        ("limit.integers = [10, 30]", Integers(10, 30)),
    ],
)
def test_each_kind_of_rule_takes_the_distributions_of_its_values(tmp_path: Path, rule: str, expected: Any) -> None:
    name = rule.partition(".")[0].partition(" ")[0]
    family = load(tmp_path, f"[rules]\n{rule}")
    assert rules_of(family)[name].distribution == expected
    own, found = ALL_KINDS.space.dtype[name], family.space.dtype[name]
    assert found == own


def test_a_ceiling_holds_for_the_familys_own_rules_alone(tmp_path: Path) -> None:
    own = load_family("gridnavi").ceiling
    assert load(tmp_path, 'hold_out = "combinations"\nepisodes = 3', "gridnavi").ceiling == own is not None
    assert load(tmp_path, '[rules]\ngoal.choice = ["4,4", "3,3"]', "gridnavi").ceiling is None
    assert load(tmp_path, "constraints = [\"goal != '4,4'\"]", "gridnavi").ceiling is None


def test_an_array_of_names_keeps_the_positions_that_the_rules_compare_with(tmp_path: Path) -> None:
    family = load(tmp_path, '[rules]\nsky.choice = ["black", "grey"]\nweather.choice = ["hot"]\n')
    stored = family.space.sample(50, 0, "all")
    assert set(np.unique(stored["sky"])) == {0, 2}  # of grey, blue, black
    shown = [variant.rules["sky"] for variant in family.space.variants(stored)]
    assert {name for pair in shown for name in pair} == {"black", "grey"}
    assert (family.space.records([dict(v.rules) for v in family.space.variants(stored)]) == stored).all()
    assert [slot.options for slot in family.space.hidden_slots if slot.rule == "sky"] == [("black", "grey")] * 2


def test_a_narrowed_space_has_a_form_in_files(tmp_path: Path) -> None:
    text = '[rules]\nsky.choice = ["black"]\nweather = "hot"\nmirrored = true\norder.fixed = [2, 0, 1]\nworth = 0.5\n'
    space = load(tmp_path, text).space
    assert space_from_dict(json.loads(json.dumps(space_to_dict(space)))) == space


def test_a_narrowed_game_keeps_the_contract(tmp_path: Path) -> None:
    text = '[rules]\nweather.choice = ["wild", "hot"]\nsky.fixed = ["black", "grey"]\nmirrored = true\nworth = 1'
    check_family(load(tmp_path, text), quick=True).raise_for_failures()


def test_a_narrowed_game_plays_as_the_family_does(tmp_path: Path) -> None:
    family = load(
        tmp_path, '[rules]\nweather = "wild"\nsky.choice = ["black"]\nmirrored = true\nworth = 0.25\ncount = 2\n'
    )
    games = family.make_games(3, compiled=False)
    games.reset(family.space.sample(3, 0), np.arange(3))
    games.step(family.blank_actions(3))
    assert games.rewards.tolist() == [[2.25]] * 3  # black skies and mirrored: the worth on top of the count


# -- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[rules]\nwnid = 3", "rules.toml:3: rules.wnid: no rule named 'wnid' in 'all_kinds'; its rules are wind, cou"),
        ("[rules]\nwnid = 3", "did you mean 'wind'?"),
        ("[rules.oder]\nhidden = true", "rules.toml:2: rules.oder: no rule named 'oder'"),
        ("[rules]\nwind.integers = [5, 6]", "rules.toml:3: rules.wind.integers: the rule's values are real numbers, e"),
        ("[rules]\ncount.uniform = [0, 5]", "rules.count.uniform: the rule's values are whole numbers, expected integ"),
        ("[rules]\ncount.choice = [1, 2.5]", "rules.count.choice: got 2.5, expected whole numbers"),
        ("[rules]\ncount = 2.5", "rules.toml:3: rules.count: got 2.5, expected a whole number"),
        ('[rules]\nwind = "strong"', "rules.wind: got 'strong', expected a number"),
        ("[rules]\nwind = true", "rules.wind: got True, expected a number"),
        ("[rules]\nmirrored.integers = [0, 1]", "rules.mirrored.integers: the rule's values are true or false, expect"),
        ("[rules]\nmirrored = 1", "rules.mirrored: got 1, expected true or false"),
        ('[rules]\nweather.choice = ["calm", "hto"]', "rules.weather.choice: got 'hto', expected 'calm', 'hot', 'wild"),
        ('[rules]\nsky = "red"', "rules.sky: got 'red', expected 'grey', 'blue', 'black'"),
        ("[rules]\nweather.choice = [1, 2]", "rules.weather.choice: got 1, expected 'calm'"),
        ("[rules]\nworth = { uniform = [0, 1], shape = 4 }", "rules.worth.shape: has 4 values, but the rule has 3 val"),
        ("[rules]\nwind = { uniform = [0, 1], shape = 4 }", "rules.wind.shape: has 4 values, but the rule has a singl"),
        ("[rules]\nworth.fixed = [1, 2]", "rules.worth: has 2 values, but the rule has 3 values"),
        ("[rules]\norder.permutation = 4", "rules.order: has 4 values, but the rule has 3 values"),
        ("[rules]\norder.fixed = [0, 0, 1]", "rules.order.fixed: Fixed("),
        ("[rules]\norder.choice = [0, 1]", "rules.order.choice: the rule's values are orders, expected permutation or"),
        ("constraints = [\n'wind < 9',\n'wnid < 3']", "rules.toml:4: constraints[1]: constraint 'wnid < 3': no rule n"),
        ("constraints = ['wind < 3']", "rules.toml:2: constraints: only 0 of"),
        ('hold_out = "pairs"\n[rules]\nwind = 6\nworth = 1\nsky="blue"\nweather="hot"\norder.fixed=[0,1,2]', "hold_ou"),
        ("[environment]\na = 3", "rules.toml:2: environment: 'all_kinds' is a family of rules, which has no environme"),
    ],
)  # fmt: skip
def test_rules_that_the_game_was_not_written_for_are_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("game", "message"),
    [
        ("frage", "rules.toml:1: game: no family named 'frage'; choose one of"),
        ("frage", "did you mean 'forage'?"),
        ("no_such:GAME", "rules.toml:1: game: family 'no_such:GAME' could not be loaded from no_such:GAME"),
        (f"{__name__}:HERE", f"rules.toml:1: game: {__name__}:HERE is a str, expected a Family, or a function"),
        ("other.toml", "rules.toml:1: game: got 'other.toml', expected the game itself"),
    ],
)
def test_a_game_that_is_not_there_is_refused_with_its_line(tmp_path: Path, game: str, message: str) -> None:
    assert message in refusal(tmp_path, "", game)


# -- games from elsewhere -------------------------------------------------------------------------------------


def test_the_space_of_a_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        'game = "gymnasium:CartPole-v1"\nhold_out = "pairs"\nconstraints = ["low < high"]\n'
        "[rules]\nlow.uniform = [0.0, 1.0]\nhigh.uniform = [0.0, 1.0]\n"
    )
    unit = Uniform((0.0, 1.0))
    assert space_of(read_rule_file(path)) == VariantSpace(
        (Rule("low", unit), Rule("high", unit)), "pairs", ("low < high",)
    )
    path.write_text('game = "gymnasium:CartPole-v1"\n[rules.low]\nhidden = false\n')
    with pytest.raises(RuleFileError, match=r"rules.toml:2: rules.low: says no distribution"):
        space_of(read_rule_file(path))
    path.write_text('game = "gymnasium:CartPole-v1"\n')
    with pytest.raises(RuleFileError, match=r"rules.toml: names no rule; expected a table such as \[rules.gravity\]"):
        space_of(read_rule_file(path))


# -- widened games --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "widened"),
    [
        ("slip.uniform = [0.0, 0.3]", False),  # within 0 to 0.2 and what is beyond, up to 0.4
        ("slip = { uniform = [0.1, 0.2], beyond = [0.2, 0.4] }", False),
        ("slip.uniform = [0.0, 0.5]", True),
        ("slip = { uniform = [0.1, 0.2], beyond = [0.2, 0.41] }", True),
        ("slip = 0.4", False),
        ("slip = 0.41", True),
        ("size.choice = [6, 10]", False),
        ("size.integers = [5, 8]", True),
        ("wrap = true", False),
    ],
)
def test_only_a_file_that_leaves_the_familys_own_values_takes_its_trust(
    tmp_path: Path, text: str, widened: bool
) -> None:
    family = load(tmp_path, f"[rules]\n{text}", "forage")
    assert (family.widened, family.is_trusted) == (widened, not widened)


def test_a_widened_game_is_checked_before_it_is_played(tmp_path: Path) -> None:
    unsafe = load(tmp_path, "[rules]\nsize.integers = [20, 40]", "forage")  # the grid has room for 10
    with pytest.raises(GamesError, match=r"family 'forage': .*rules.py:\d+"):
        require_sound(unsafe)
    for family, checked in ((unsafe, True), (FORAGE, False)):  # compiled with checks of bounds
        games = family.make_games(1, compiled=False)
        assert isinstance(games, Simulator) and games._checked == checked


# -- places ---------------------------------------------------------------------------------------------------


def test_a_file_gives_the_same_family_while_it_says_the_same(tmp_path: Path) -> None:
    first = load(tmp_path, "episodes = 3")
    path = str(tmp_path / "rules.toml")
    assert load_family(path) is first and place_of(first) == path
    second = load(tmp_path, "episodes = 5")
    assert (first.num_episodes, second.num_episodes) == (3, 5) and place_of(second) == path
    for changed in (first, second.revealed()):
        with pytest.raises(FamilyError, match="has changed since the family was loaded from it"):
            place_of(changed)


def test_a_family_from_a_rule_file_is_pickled_with_its_rules(tmp_path: Path) -> None:
    for game in ("forage", HERE):
        family = load(tmp_path, "episodes = 3\nconstraints = []", game)
        again = pickle.loads(pickle.dumps(family))  # noqa: S301
        assert again == family and again.rule_file == family.rule_file and again.num_episodes == 3


def test_another_process_finds_the_family_by_its_place(tmp_path: Path) -> None:
    family = load(tmp_path, "[rules]\nslip = 0.1\nwrap = true", "forage")
    code = (
        f"from gameagent_games import load_family; print(load_family({place_of(family)!r}).space.sample(2, 0).tolist())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == str(family.space.sample(2, 0).tolist())


def test_the_folder_of_the_family_is_found(tmp_path: Path) -> None:
    family = load(tmp_path, "episodes = 3", "forage")
    assert family_file(family, AGENT) == family_file(FORAGE, AGENT) is not None
    assert family.view == FORAGE.view


# -- where families are used ----------------------------------------------------------------------------------


def test_environments_take_a_rule_file(tmp_path: Path) -> None:
    load(tmp_path, "[rules]\nslip = 0.0\nsize.choice = [7]\n", "forage")
    env = FamilyEnv(str(tmp_path / "rules.toml"))
    _, info = env.reset(seed=0)
    assert env.family.space.dtype == FORAGE.space.dtype
    assert (info["rules"]["slip"], info["rules"]["size"]) == (0.0, 7)
    env.close()


def test_the_familys_own_agent_plays_narrower_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(tmp_path, 'constraints = ["size == 6", "wrap"]\n[rules]\nslip.uniform = [0.0, 0.05]', "forage")
    play([str(tmp_path / "rules.toml"), "--headless", "--episodes", "2"])
    assert capsys.readouterr().out.count("episode ") == 2


def test_the_registry_forgets_nothing_it_should_read_again(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('game = "nowhere"\n')
    with pytest.raises(RuleFileError):
        load_family(str(path))
    path.write_text('game = "bandit"\n')
    assert load_family(str(path)).name == "bandit" and registry.is_rule_file("x/RULES.TOML")
