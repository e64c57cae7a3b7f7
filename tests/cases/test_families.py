"""What a game's author is told, in one line: each mistake by its place, what was given and what is allowed."""

# mypy: disable-error-code="arg-type, call-arg, union-attr"

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core.errors import TypingError

from cases.families import broken_rules, digging, honest, uncompilable
from cases.families.digging import DIGGING, dig
from gameagent.cli import main
from gameagent.config import make_config
from gameagent.run.folder import RunFolder
from gameagent_games import (
    Box,
    Choice,
    Family,
    Feature,
    GamesError,
    Integers,
    Rule,
    Simulator,
    Uniform,
    VariantSpace,
    check_family,
    load_family,
    registry,
    state_type,
)
from gameagent_games.conformance import report, require_sound
from gameagent_games.conformance.reading import unknown_names
from gameagent_games.sources.compile_errors import compile_error
from gameagent_games.sources.rules import Rules

PLACE = r"family 'digging': \S*broken_rules\.py:\d+ in "

IN_THE_INTERPRETER = {
    # arrays left: the place, the array with the index, what is allowed
    "OBSERVES_TOO_MUCH": r"observes_too_much\(\): IndexError: observation\[3\] is out of range, expected 0 to 2",
    "OBSERVES_FAR_TOO_MUCH": r"observes_far_too_much\(\): IndexError: observation\[3\] .*expected 0 to 2",
    "READS_PAST_THE_OBSERVATION": r"reads_past_the_observation\(\): IndexError: observation\[3\] .*expected 0 to 2",
    "OBSERVES_BEFORE_THE_START": r"observes_before_the_start\(\): IndexError: observation\[-4\] .*expected 0 to 2",
    "OBSERVES_THE_OTHER_END": r"observes_the_other_end\(\): an index of observation is -1, expected at least 0",
    "PAYS_A_MISSING_SEAT": r"pays_a_missing_seat\(\): IndexError: rewards\[1\] is out of range, expected 0 to 0",
    "READS_A_MISSING_SEATS_ACTION": r"reads_a_missing_seats_action\(\): IndexError: actions\[1\] .*expected 0 to 0",
    "MASKS_A_MISSING_ACTION": r"masks_a_missing_action\(\): IndexError: mask\[3\] is out of range, expected 0 to 2",
    "WRITES_PAST_THE_STATE": r"writes_past_the_state\(\): IndexError: state\.dug\[3\] .*expected 0 to 2",
    "READS_PAST_THE_VARIANT": r"reads_past_the_variant\(\): IndexError: variant\.ore\[3\] .*expected 0 to 2",
    "READS_A_MISSING_COMPONENT": r"reads_a_missing_component\(\): IndexError: actions\[0, 2\] .*expected 0 to 1",
    "INDEXES_WITH_A_FLOAT": r"indexes_with_a_float\(\): IndexError: variant\.ore\[0\.5\].* float, expected a whole",
    "STORES_TOO_MANY": r"stores_too_many\(\): ValueError: observation\[:\] cannot hold .*\(4,\) into shape \(3,\)",
    # names: the fields that there are, the one that was meant
    "READS_A_MISSPELT_RULE": r"reads_a_misspelt_rule\(\): AttributeError: variant has no rule 'lucky'; "
    r"its rules are ore, luck; did you mean 'luck'\?",
    "READS_A_MISSING_FIELD": r"reads_a_missing_field\(\): AttributeError: state has no field 'position'; "
    r"its fields are x, dug \(",
    "WRITES_A_MISSPELT_FIELD": r"writes_a_misspelt_field\(\): AttributeError: state has no field 'dig'; "
    r"its fields are x, dug; did you mean 'dug'\?",
    "MISSPELLS_IN_A_HELPER": r"_worth\(\): AttributeError: variant has no rule 'oar'; its rules are ore, luck; did you",
    "USES_AN_UNDEFINED_NAME": r"uses_an_undefined_name\(\): NameError: name 'WORTH' is not defined",
    # loops without an end: the line that was running
    "STARTS_FOR_EVER": r"starts_for_ever\(\): start had not returned after 1 s; does this loop ever end\?",
    "STEPS_FOR_EVER": r"steps_for_ever\(\): step had not returned",
    "OBSERVES_FOR_EVER": r"observes_for_ever\(\): observe had not returned",
    "MASKS_FOR_EVER": r"masks_for_ever\(\): legal had not returned",
    "TURNS_FOR_EVER": r"turns_for_ever\(\): turn had not returned",
    # values
    "DIVIDES_BY_ZERO": r"divides_by_zero\(\): ZeroDivisionError",
    "PAYS_A_TEXT": r"pays_a_text\(\): ValueError: rewards\[0\] cannot hold 'much'",
    "CALLS_WRONGLY": r"calls_wrongly\(\): TypeError: _worth\(\) takes 1 positional argument but 2 were given",
    "CALLS_AN_NJIT_HELPER": r"calls_an_njit_helper\(\): a helper marked @njit .* mark it @register_jitable",
}
WITHOUT_A_PLACE = {
    "PAYS_NAN": r"variant \w{12}, seed \d, episode \d+, step 1: rewards of a step are \[nan\], expected finite",
    "PAYS_INFINITY": r"variant \w{12}, seed 0, episode 1, step 1: rewards of a step are \[-inf\], expected finite",
    "OBSERVES_NAN": r"step 0: observation entries \[2\] \(cell\) are \[nan\], expected 0 to 1",
    "RETURNS_NOTHING": r"step returned None, expected a bool",
    "RETURNS_A_NUMBER": r"step returned 1, expected a bool",
    "NAMED_LIKE_OURS": r"family 'forage': the name 'forage' belongs to gameagent_games.families.forage.family:FORAGE",
}


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "CALL_SECONDS", 1.0)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("name", [*IN_THE_INTERPRETER, *WITHOUT_A_PLACE])
def test_a_mistake_is_told_in_one_line_before_anything_is_compiled(name: str) -> None:
    with pytest.raises(GamesError) as raised:
        require_sound(getattr(broken_rules, name))
    message = str(raised.value)
    assert "\n" not in message
    expected = PLACE + IN_THE_INTERPRETER[name] if name in IN_THE_INTERPRETER else WITHOUT_A_PLACE[name]
    assert re.search(expected, message), message


def test_every_broken_game_is_tried() -> None:
    families = {name for name, value in vars(broken_rules).items() if isinstance(value, Family)}
    assert families == {*IN_THE_INTERPRETER, *WITHOUT_A_PLACE, "EXITS"}


COMPILING = {
    "PLAIN_HELPER": r"calls_a_plain_helper\(\): helper plain\(\) is not compiled; write @register_jitable",
    "PLAIN_HELPER_OF_A_HELPER": r"calls_plain\(\): helper plain\(\) is not compiled; write @register_jitable",
    "READS_A_DICT": r"reads_a_dict\(\): TABLE is of type dict, which compiled rules cannot use",
    "CHANGES_A_TYPE": r"changes_a_type\(\): variable 'worth' is once (str|int) and once (str|int), expected one type",
    "FORMATS_A_TEXT": r"formats_a_text\(\): numba cannot compile this: format spec in f-strings not supported",
    "STORES_A_TEXT": r"stores_a_text_rarely\(\): an entry of array\(float64, 1d, C\) cannot hold a value of type str",
    "MISSPELT_RULE": r"misspells_a_rule_rarely\(\): variant has no rule 'lucky'; its rules are ore, luck; did you mean",
    "MISSPELT_FIELD": r"misspells_a_field_rarely\(\): state has no field 'y'; its fields are x, dug$",
    "MISSPELT_IN_A_HELPER": r"worth_of\(\): variant has no rule 'oar'; its rules are ore, luck; did you mean 'ore'\?",
    "UNDEFINED_NAME": r"uses_an_undefined_name_rarely\(\): .*name 'WORTH' is not defined",
    "NUMBA_LACKS": r"uses_what_numba_lacks\(\): .*fsum",
}


@pytest.mark.parametrize("name", COMPILING)
def test_what_numba_cannot_compile_is_told_in_one_line(name: str) -> None:
    family = getattr(uncompilable, name)
    games = Simulator(family, 2)
    with pytest.raises(GamesError) as raised:
        games.reset(family.space.sample(2, 0, "all"), np.arange(2))
        games.step(family.blank_actions(2))
    message = str(raised.value)
    assert re.search(COMPILING[name], message), message
    assert re.search(r"uncompilable\.py:\d+ in ", message)
    assert "\n" not in message and len(message) < 400
    assert raised.value.__cause__ is not None  # has numba's whole text


def test_numba_s_colours_do_not_hide_the_reason() -> None:
    """It writes in colours wherever colorama is installed."""
    plain = "Untyped global name 'plain': Cannot determine Numba type of <class 'function'>"
    told = [
        str(compile_error(TypingError(text), DIGGING.source, DIGGING.space))
        for text in (plain, plain.replace(": ", ":\x1b[0m \x1b[1m"))
    ]
    assert told[0] == told[1] and "helper plain() is not compiled" in told[0]


def test_the_line_is_the_line() -> None:
    """The numbers in the messages, against the source."""
    with pytest.raises(GamesError) as raised:
        require_sound(broken_rules.WRITES_PAST_THE_STATE)
    lines = Path(broken_rules.__file__).read_text(encoding="utf-8").splitlines()
    number = int(re.search(r"broken_rules\.py:(\d+) ", str(raised.value)).group(1))
    assert lines[number - 1].strip() == "state.dug[state.x + 2] = 1"


RARE = {
    "RARE_OBSERVATION": r"put\(\): IndexError: observation\[3\] is out of range, expected 0 to 2",
    "RARE_SEAT": r"pays_a_missing_seat_rarely\(\): IndexError: rewards\[1\] is out of range, expected 0 to 0",
    "RARE_STATE": r"writes_past_the_state_rarely\(\): IndexError: state\.dug\[3\] is out of range, expected 0 to 2",
    "RARE_DIVISION": r"divides_by_zero_rarely\(\): ZeroDivisionError",
    "RARE_START": r"starts_past_the_state_rarely\(\): IndexError: state\.dug\[3\] is out of range",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RARE)
def test_compiled_games_stop_at_an_index_out_of_range_and_name_the_line(name: str) -> None:
    """In one step of two thousand, which the quick half does not meet: compiled play checks bounds, too."""
    family = getattr(uncompilable, name)
    games = Simulator(family, 64, num_episodes=0)
    games.reset(family.space.sample(64, 0, "all"), np.arange(64))
    generator = np.random.default_rng(0)
    with pytest.raises(GamesError) as raised:
        for _ in range(1000):
            games.step(family.random_actions(generator, 64))
    assert re.search(r"uncompilable\.py:\d+ in " + RARE[name], str(raised.value)), raised.value
    found = check_family(family).failures[0]
    assert re.search(RARE[name], found.message), found


def test_a_helper_can_write_past_no_array_that_is_its_neighbours() -> None:
    """The observation of the next game lies right behind: nothing of it is touched."""
    family = dig(observe=broken_rules.observes_too_much, name="neighbours")
    games = Simulator(family, 3)
    games.observations[:] = 7.0
    with pytest.raises(GamesError, match=r"observation\[3\] is out of range"):
        games.reset(family.space.sample(3, 0, "all"), np.arange(3))
    assert (games.observations[1:] == 7.0).all()


# A missing comma is no tuple: `features=(CELL)` is `features=CELL`, which is what stands below.

# -- definitions ------------------------------------------------------------------------------------------------------

ORE, CELL = Rule("ore", Uniform((0.0, 1.0))), Feature("cell", 3, 0.0, 1.0)
COMMA = "a tuple of one needs a comma"

DEFINITIONS = {
    "features": (lambda: dig(features=CELL), rf"features is a Feature, expected a tuple of Feature; {COMMA}"),
    "actions": (lambda: dig(actions="left"), rf"actions is the text 'left', expected a tuple of text; {COMMA}"),
    "rules": (lambda: VariantSpace(ORE), rf"VariantSpace: rules is a Rule, expected a tuple of Rule; {COMMA}"),
    "seat_names": (lambda: dig(seat_names="me"), rf"seat_names is the text 'me'.*{COMMA}"),
    "values": (lambda: Choice("hot"), rf"Choice values are 'hot', expected a tuple of values; {COMMA}"),
    "value": (lambda: Choice(5), rf"Choice values are 5, expected a tuple of values; {COMMA}"),
    "beyond": (lambda: Choice(("a", "b"), beyond="c"), rf"Choice values are 'c', .*{COMMA}"),
    "box": (lambda: Box("steer"), rf"Box: names is 'steer', expected different names.*{COMMA}"),
    "feature in a tuple": (lambda: dig(features=(CELL, "x")), r"features\[1\] is the text 'x', expected a Feature"),
    "rule in a tuple": (lambda: VariantSpace((ORE, Uniform((0, 1)))), r"rules\[1\] is a Uniform, expected a Rule"),
    "no space": (lambda: dig(space=ORE), r"space is a Rule, expected a VariantSpace"),
    "no rules": (
        lambda: dig_with(source=digging.step),
        r"source is a function, expected Rules\(start, step",
    ),
    "no state": (lambda: dig(state=[("x", np.int64)]), r"state is a list, expected what state_type"),
    "state_type": (lambda: state_type(("x", np.int64)), r"state_type: .*expected a list of fields: \[\(name, type\)"),
    "state_type's types": (lambda: state_type([("x", "no type")]), r"state_type: .* are no fields of a record"),
    "max_steps": (lambda: dig(max_steps=2.5), r"max_steps is 2.5, expected a whole number"),
    "no steps": (lambda: dig(max_steps=0), r"max_steps is 0, expected at least 1"),
    "no frames": (lambda: dig(frames_per_decision=0), r"frames_per_decision is 0, expected at least 1"),
    "part of a frame": (lambda: dig(frames_per_decision=1.5), r"frames_per_decision is 1.5, expected a whole number"),
    "num_episodes": (lambda: dig(num_episodes="3"), r"num_episodes is the text '3', expected a whole number"),
    "num_seats": (lambda: dig(num_seats=True), r"num_seats is True, expected a whole number"),
    "name": (lambda: dig(name=None), r"Family: name is None, expected a text"),
    "view": (lambda: dig(view=Family), r"view is the class Family, expected 'module:CLASS' or None"),
    "training": (lambda: dig(training=("gamma", 1)), r"training is a tuple, expected a table"),
    "feature's size": (lambda: Feature("cell", 2.0), r"feature 'cell': size is 2.0, expected a whole number"),
    "feature's low": (lambda: Feature("cell", 2, "0"), r"feature 'cell': low is the text '0', expected a number"),
    "feature's name": (lambda: Feature(3), r"feature: name is 3, expected a text"),
    "distribution": (lambda: Rule("ore", (0.0, 1.0)), r"rule 'ore': distribution is a tuple, expected Uniform"),
    "class": (lambda: Rule("ore", Uniform), r"rule 'ore': distribution is the class Uniform, expected Uniform"),
    "integers": (lambda: Integers(0, 3, beyond=7), r"Integers: beyond is 7, expected \(low, high\)"),
    "uniform": (lambda: Uniform(0.0, 1.0), r"got 0.0, expected an interval \(low, high\)"),
    "no function": (lambda: dig(step=None), r"step is None, expected a function step\("),
    "parameters": (
        lambda: dig(step=lambda state, variant, actions: True),
        r"test_families\.py:\d+: <lambda>\(state, variant, actions\) is given as rules.step, expected a function "
        r"step\(state, variant, actions, rewards\)",
    ),
    "swapped": (lambda: dig(start=digging.step, step=digging.start), r"step\(.*\) is given as rules.start"),
    "actions repeat": (lambda: dig(actions=("dig", "dig")), r"action names repeat"),
}


def dig_with(**fields: Any) -> Family:
    return Family(**{**vars(DIGGING), **fields})


@pytest.mark.parametrize(("make", "words"), DEFINITIONS.values(), ids=DEFINITIONS)
def test_a_definition_of_a_wrong_type_says_what_is_expected(make: Callable[..., Any], words: str) -> None:
    with pytest.raises(GamesError) as raised:
        make()
    assert re.search(words, str(raised.value)), raised.value
    assert "\n" not in str(raised.value)


def test_lists_and_numpys_numbers_are_taken() -> None:
    family = dig(
        features=[CELL], actions=["a", "b", "c"], max_steps=np.int64(7), space=VariantSpace(list(DIGGING.space.rules))
    )
    assert family.features == (CELL,) and family.actions == ("a", "b", "c")
    assert type(family.max_steps) is int
    assert family.observation_size == 3


# -- modules ----------------------------------------------------------------------------------------------------------

MODULES = {
    "no tuple": (
        "from cases.families.digging import *\nF = dig(features=(Feature('cell', 3, 0.0, 1.0)))\n",
        r"game\.py:2: family 'digging': features is a Feature, expected a tuple of Feature",
    ),
    "raises": (
        "x = 0\n\n\ndef make():\n    return 1 / x\n\n\nF = make()\n",
        r"game\.py:5 in make\(\): ZeroDivisionError",
    ),
    "syntax": ("def step(:\n", r"game\.py:1: SyntaxError"),
    "exits": ("import sys\nsys.exit('usage')\n", r"game\.py:2: SystemExit: usage"),
    "imports": ("\nimport no_such_library\n", r"game\.py:2: No module named 'no_such_library'"),
    "no family": ("F = 3\n", r"game:F is a int, expected a gameagent_games.Family"),
    "name of ours": (
        "from cases.families.digging import *\nF = dig(name='forage')\n",
        r"game:F is named 'forage', which is the name of the registered family "
        r"gameagent_games.families.forage.family:FORAGE",
    ),
}


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("command", ["train", "check", "play"])
def test_a_module_that_cannot_be_used_is_told_in_one_line(
    name: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, words = MODULES[name]
    module = f"{command}_{list(MODULES).index(name)}_game"
    (tmp_path / f"{module}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    arguments = ["--out", str(tmp_path / "run"), "--steps", "1k"] if command == "train" else []
    assert main([command, f"{module}:F", *arguments]) == 1
    errors = capsys.readouterr().err
    assert re.search(words, errors), errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_file_in_place_of_a_module_is_pointed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "some_game.py").write_text("F = 3\n")
    with pytest.raises(GamesError, match=r"leave out .py: some_game:F"):
        load_family("some_game.py:F")


def test_a_name_that_another_package_registered_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_locations", lambda: {"digging": "cases.families.honest:NO_REWARD"})
    registry._load_named.cache_clear()
    with pytest.raises(GamesError, match=r"'digging', which is the name of the registered family cases"):
        load_family("cases.families.digging:DIGGING")
    registry._load_named.cache_clear()


# -- honest games -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", honest.ALL)
def test_unusual_games_in_which_nothing_is_wrong_pass_the_quick_half(name: str) -> None:
    found = check_family(honest.ALL[name], quick=True)
    assert found.failures == (), str(found)
    assert "no time left" not in str(found) or name in ("slow-start", "many-seats")


@pytest.mark.slow
@pytest.mark.parametrize("name", honest.ALL)
def test_unusual_games_in_which_nothing_is_wrong_pass_the_whole_contract(name: str) -> None:
    check_family(honest.ALL[name]).raise_for_failures()


def aliased(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    ore = variant.ore
    state = actions
    rewards[0] = ore[0] * state.size
    return True


def test_a_record_whose_name_is_used_for_something_else_is_not_misread() -> None:
    family = dig(step=aliased)
    assert isinstance(family.source, Rules)
    assert list(unknown_names(family.source, family.space)) == []


def test_the_quick_half_takes_about_a_second() -> None:
    began = time.process_time()
    require_sound(DIGGING)
    assert time.process_time() - began < 3.0


# -- the command line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["train", "play"])
def test_commands_refuse_a_broken_family_in_one_line_and_leave_no_run(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--out", str(tmp_path / "run"), "--steps", "1k"] if command == "train" else []
    assert main([command, "cases.families.broken_rules:OBSERVES_TOO_MUCH", *arguments]) == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and "observation[3] is out of range, expected 0 to 2" in errors
    assert errors.endswith("(rules_run)\n")  # found by the check, not by the first compiled step
    assert not (tmp_path / "run").exists()


def test_evaluate_refuses_a_broken_family_before_it_looks_at_the_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    family = broken_rules.OBSERVES_TOO_MUCH
    config = make_config(family, {"family": "cases.families.broken_rules:OBSERVES_TOO_MUCH"})
    RunFolder(tmp_path / "run").create(config, family)
    assert main(["evaluate", str(tmp_path / "run")]) == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and "expected 0 to 2" in errors and errors.endswith("(rules_run)\n")


def test_check_lists_every_check_and_fails_where_one_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "cases.families.broken_rules:RETURNS_A_NUMBER", "--quick"]) == 1
    shown = capsys.readouterr()
    assert re.search(r"FAILED +step_returns_bool: step returned 1, expected a bool", shown.out)
    assert re.search(r"passed +rules_run", shown.out)
    assert "rules_compile" not in shown.out
    assert shown.err == "gameagent: family 'digging' breaks its contract: step_returns_bool\n"


def test_check_shows_the_whole_text_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "cases.families.uncompilable:PLAIN_HELPER", "--verbose"]) == 1
    shown = capsys.readouterr().out
    assert "helper plain() is not compiled" in shown
    assert "Untyped global name 'plain'" in shown


def test_check_passes_a_sound_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "cases.families.digging:DIGGING"]) == 0
    assert "FAILED" not in capsys.readouterr().out
