"""Where a config's values come from, how they are read from text, and which are refused."""

# mypy: disable-error-code="attr-defined"

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameagent.config import config_of_run, make_config, settings_by_name
from gameagent.errors import ConfigError, RunError
from gameagent.methods.rl2.config import Rl2Config
from gameagent.run.folder import RunFolder
from gameagent.settings import parse_count, read_config_file
from gameagent_games.registry import load_family

BANDIT = load_family("bandit")


def test_given_values_win_over_suggestions_and_those_over_defaults() -> None:
    family = replace(BANDIT, training={"discount": 0.5, "gae_lambda": 0.25})
    config = make_config(family, {"gae_lambda": "0.75"})
    assert (config.family, config.discount, config.gae_lambda) == ("bandit", 0.5, 0.75)
    assert (config.seed, config.split, config.reveal) == (0, "train", False)
    assert (config.own.memory, config.own.beliefs, config.own.num_epochs) == ("lstm", True, 2)


def test_a_config_survives_the_way_through_its_dictionary() -> None:
    config = make_config(BANDIT, {"steps": "200k", "reveal": True, "memory": "none"})
    assert make_config(BANDIT, config.as_dict()) == config


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("steps", "12M", 12_000_000),
        ("steps", "200k", 200_000),
        ("steps", "1.5m", 1_500_000),
        ("steps", "1.001k", 1001),  # 1.001 * 1000 is no whole number in binary
        ("steps", "12_000_000", 12_000_000),
        ("seed", "9007199254740993", 2**53 + 1),  # no double holds it
        ("learning_rate", "1e-3", 0.001),
        ("discount", "1", 1.0),
        ("discount", 1, 1.0),
        ("beliefs", "false", False),
        ("reveal", "True", True),
        ("memory", "none", "none"),
        ("split", "validation", "validation"),
    ],
)
def test_text_is_read_as_the_fields_type(name: str, text: str | int, value: Any) -> None:
    read = settings_by_name("rl2")[name].parse(text)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", "many"), ("steps", "1.5"), ("steps", "inf"), ("steps", "nan"), ("steps", ""), ("steps", "k"),
        ("steps", "1e999999999"), ("steps", 1.5), ("steps", True), ("steps", None), ("learning_rate", "fast"),
        ("learning_rate", True), ("beliefs", "yes"), ("beliefs", 1), ("memory", "gru"), ("memory", 3), ("memory", []),
        ("split", 7), ("split", "holdout"), ("discount", [0.9]),
    ],
)  # fmt: skip
def test_the_wrong_type_is_refused_by_the_fields_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: got .*expected"):
        settings_by_name("rl2")[name].parse(value)


@pytest.mark.parametrize("name", ["learning_rat", "Steps", "", "role", "as_dict"])
def test_a_misspelt_field_is_refused_with_the_list_of_fields(name: str) -> None:
    with pytest.raises(ConfigError, match=f"no config field {name!r}.*learning_rate"):
        make_config(BANDIT, {name: 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0), ("hidden_size", 0), ("num_games", -1), ("num_epochs", -1), ("num_minibatches", -1), ("seed", -1),
        ("num_episodes", -1), ("num_processes", -1), ("informed_share", 1.5), ("informed_until", -0.1),
        ("discount", 1.01),
        ("gae_lambda", -1.0), ("learning_rate", 0.0), ("learning_rate", "nan"), ("learning_rate", "inf"),
        ("clip_ratio", 0.0), ("target_kl", -0.1), ("max_gradient_norm", 0.0), ("exploration_weight", -0.1),
        ("value_weight", "inf"), ("num_rollouts", 0), ("meta_batch_size", 0), ("inner_steps", 0),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_refused_by_the_fields_name(name: str, value: Any) -> None:
    algorithm = "rl2" if name in settings_by_name("rl2") else "maml"
    with pytest.raises(ConfigError, match=rf"^{name} is .*, expected"):
        make_config(BANDIT, {"algorithm": algorithm, name: value})


@pytest.mark.parametrize(
    ("given_fields", "role"),
    [({}, "agent"), ({"memory": "none"}, "memoryless"), ({"reveal": True}, "oracle")],
)
def test_the_role_tells_the_baselines_apart(given_fields: dict[Any, Any], role: str) -> None:
    assert make_config(BANDIT, given_fields).role == role


def test_an_algorithms_own_suggestions_are_for_it_alone_and_go_over_the_others() -> None:
    family = replace(BANDIT, training={"discount": 0.5, "hidden_size": 8, "maml": {"discount": 0.75}})
    assert make_config(family, {}).discount == 0.5
    maml = make_config(family, {"algorithm": "maml"})
    assert (maml.discount, maml.hidden_size) == (0.75, 8)
    assert make_config(family, {"algorithm": "maml", "discount": 0.25}).discount == 0.25


def test_a_trial_of_a_learner_by_gradient_is_all_its_steps_and_the_return_behind_them() -> None:
    given = {"algorithm": "maml", "num_rollouts": 5, "inner_steps": 2}
    assert make_config(BANDIT, given).episodes_of_trial(BANDIT) == 15
    assert make_config(BANDIT, given | {"num_episodes": 4}).episodes_of_trial(BANDIT) == 4
    assert make_config(BANDIT, {}).episodes_of_trial(BANDIT) == BANDIT.num_episodes


@pytest.mark.parametrize(
    ("given_fields", "steps"),
    [
        ({}, 4 * 15),  # of a trial: what is learnt in one episode pays in the next
        ({"num_episodes": 6}, 6 * 15),
        ({"algorithm": "maml"}, 15),  # of an episode: gradient steps come in between
        ({"algorithm": "reptile", "num_episodes": 6}, 15),
    ],
)
def test_a_discount_that_is_not_given_reaches_as_far_as_credit_must(given_fields: dict[Any, Any], steps: int) -> None:
    game = replace(load_family("gridnavi"), max_steps=15, num_episodes=4, training={})
    assert make_config(game, given_fields).discount == pytest.approx(1.0 - 1.0 / steps)
    assert make_config(game, given_fields | {"discount": 0}) == make_config(game, given_fields)
    assert make_config(game, given_fields | {"discount": 0.3}).discount == 0.3
    short = replace(game, max_steps=1, num_episodes=1)
    assert make_config(short, given_fields).discount == pytest.approx(0.9)  # no shorter than ten steps


def test_learners_by_gradient_refuse_what_they_cannot_learn() -> None:
    with pytest.raises(ConfigError, match="'reptile', which learns games of one seat only, and 'throws' has 2"):
        make_config(load_family("two_seat_families:THROWS"), {"algorithm": "reptile"})
    with pytest.raises(ConfigError, match="gradient is not a setting of maml: leave it out, or set algorithm=rl2"):
        make_config(BANDIT, {"algorithm": "maml", "gradient": True})
    with pytest.raises(ConfigError, match="set algorithm=maml or algorithm=reptile, which has it"):
        make_config(BANDIT, {"num_rollouts": 3})
    with pytest.raises(ConfigError, match="algorithm: got 'ppo', expected one of 'rl2', 'maml', 'reptile'"):
        make_config(BANDIT, {"algorithm": "ppo"})


def test_gradient_steps_need_beliefs_to_correct() -> None:
    for without in ({"beliefs": False}, {"memory": "none"}, {"reveal": True}):
        with pytest.raises(ConfigError, match="gradient is True, expected False if there are no beliefs to correct"):
            make_config(BANDIT, {"gradient": True} | without)
    assert make_config(BANDIT, {"gradient": True}).own.gradient


def test_a_familys_common_suggestions_reach_the_methods_that_have_them() -> None:
    family = replace(BANDIT, training={"num_games": 5, "num_rollouts": 7, "clip_ratio": 0.3})
    rl2 = make_config(family, {}).own
    assert (rl2.num_games, rl2.clip_ratio) == (5, 0.3)
    maml = make_config(family, {"algorithm": "maml"}).own
    assert (maml.num_rollouts, maml.clip_ratio) == (7, 0.3)
    with pytest.raises(ConfigError, match="'bandit' suggests for training: no config field 'num_gmes'"):
        make_config(replace(BANDIT, training={"num_gmes": 5}), {"algorithm": "maml"})


# -- configs of earlier versions --

WRITTEN = json.loads((Path(__file__).parent / "earlier_runs.json").read_text(encoding="utf-8"))
"""Configs as an earlier version wrote them: every method's settings in one flat table."""

SINCE = {
    "target_kl": Rl2Config().target_kl,
    "curriculum": "uniform",
    "update_steps": 1,
    "device": "cpu",
    "trials_in_a_row": 1,
}
"""What settings that an earlier version did not have are in its runs."""


@pytest.mark.parametrize("name", WRITTEN)
def test_a_config_of_an_earlier_version_is_read_with_everything_that_its_run_used(name: str) -> None:
    written = WRITTEN[name]
    family = load_family(written["family"])
    read = config_of_run(family, written).as_dict()
    renamed = {"polyak": "return_scaled_steps", "entropy_start": "exploration_weight"}
    used = {renamed.get(key, key): value for key, value in written.items() if renamed.get(key, key) in read}
    assert read == {key: value for key, value in SINCE.items() if key in read} | used
    assert read.keys() == settings_by_name(written["algorithm"]).keys()
    assert config_of_run(family, read).as_dict() == read


@pytest.mark.parametrize("name", WRITTEN)
def test_a_run_of_an_earlier_version_is_opened_if_its_networks_are_todays(tmp_path: Path, name: str) -> None:
    """Those that learn by gradient have not changed; the others are refused in one line that says what to do."""
    written, folder = WRITTEN[name], RunFolder(tmp_path / "run")
    family = load_family(written["family"])
    folder.create(make_config(family, {"algorithm": written["algorithm"]}), family)
    description = folder.describe()
    folder.description.write_text(json.dumps(description | {"config": written}), encoding="utf-8")
    if written["algorithm"] != "rl2":
        assert folder.load_config()[0] == config_of_run(family, written)
        return
    with pytest.raises(RunError) as error:
        folder.load_config()
    assert str(error.value) == (
        f"{folder.path} was trained by an earlier version of gameagent, whose networks this version cannot load; "
        "its exported files still play; train anew with another --out"
    )


def test_a_discount_of_zero_that_an_earlier_version_wrote_is_one() -> None:
    written = WRITTEN["maml"] | {"discount": 0.0}
    assert config_of_run(load_family("navigation"), written).discount == 0.0


def test_a_setting_that_no_version_ever_had_is_refused_in_a_runs_folder() -> None:
    for name in ("bandit", "maml"):
        with pytest.raises(ConfigError, match="no config field 'num_gmes'"):
            config_of_run(BANDIT, WRITTEN[name] | {"num_gmes": 3})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("reward_scale", "there is no reward_scale any more, as rewards of any unit are learnt alike: leave it out"),
        ("entropy_end", "there is no entropy_end any more, as exploration ends at 0: leave it out"),
        ("entropy_start", "entropy_start is now called exploration_weight"),
        ("entropy_weight", "entropy_weight is now called exploration_weight"),
    ],
)
def test_who_asks_for_a_setting_of_an_earlier_version_is_told_what_became_of_it(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^{said}$"):
        make_config(BANDIT, {name: 0.5})


@given(st.integers(-(2**62), 2**62))
def test_every_whole_number_is_read_exactly(number: int) -> None:
    assert parse_count(str(number)) == number == parse_count(f"{number:_}")


@given(st.integers(0, 10**6))
def test_thousands_may_have_decimals(number: int) -> None:
    assert parse_count(f"{number // 1000}.{number % 1000:03d}k") == number


@given(st.text(max_size=8))
def test_any_text_is_a_count_or_a_clean_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_count(text), int)


def test_a_toml_file_gives_fields(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('steps = 1000\nlearning_rate = 1e-4\nsplit = "all"\nreveal = true\n', encoding="utf-8")
    config = make_config(BANDIT, read_config_file(path))
    assert (config.steps, config.learning_rate, config.split, config.reveal) == (1000, 1e-4, "all", True)


def test_a_file_that_is_missing_or_no_toml_is_named(tmp_path: Path) -> None:
    missing, broken, binary = tmp_path / "no.toml", tmp_path / "broken.toml", tmp_path / "binary.toml"
    broken.write_text("steps = = 3")
    binary.write_bytes(b"\xff\xfe\x00")
    for path, reason in ((missing, "cannot read"), (tmp_path, "cannot read"), (broken, "TOML"), (binary, "TOML")):
        with pytest.raises(ConfigError, match=reason) as error:
            read_config_file(path)
        assert str(path) in str(error.value)
