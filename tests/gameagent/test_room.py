"""Room: its figures beside closed forms, its words, and the runs it comes from."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gameagent
from gameagent.cli import main
from gameagent.config import make_config
from gameagent.export import bundling
from gameagent.export.bundling import bundle_policy
from gameagent.judging.report import Evaluation
from gameagent.judging.room import Room, last_gain, require_measurable
from gameagent.measuring import STEPS, usual_variants
from gameagent_games import Ceiling
from gameagent_games.registry import load_family
from small_families import STROLL
from two_seat_families import NIM

SMALL: dict[str, Any] = {"num_games": 8, "hidden_size": 8, "num_processes": 1, "num_minibatches": 2, "steps": 320}
OPTIONS = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
NUM_VARIANTS = 400
NOISE = np.random.default_rng(3).normal(size=(NUM_VARIANTS, 1))
NOISE -= NOISE.mean()


def room_of(
    oracle: Any = 10.0, agent: Any = 8.0, wiped: Any = 5.0, memoryless: Any = 2.0, random: Any = 0.0, *,
    gains: dict[str, float | None] | None = None, ceiling: float | None = None,
) -> Room:  # fmt: skip
    """A room of made-up returns: a number for all, or an array that spreads to ``(num_variants, 3 episodes)``."""
    given = {"agent": agent, "wiped": wiped, "memoryless": memoryless, "oracle": oracle, "random": random}
    returns: dict[str, NDArray[np.float64]] = {
        name: np.broadcast_to(np.asarray(value, np.float64), (NUM_VARIANTS, 3)).reshape(1, NUM_VARIANTS, 3, 1)
        for name, value in given.items()
    }
    known = None if ceiling is None else Ceiling(ceiling, None, 3, "counted by hand")
    evaluation = Evaluation("coins", "validation", "", 0, 500_000, returns, ("seat_0",), known)
    return Room(evaluation, gains or {})


# -- figures --


def test_the_parts_of_the_room_are_differences_on_the_scale_from_random_play_to_the_oracle() -> None:
    room = room_of(oracle=11.0, agent=9.0, wiped=6.0, memoryless=3.0, random=1.0)
    assert [room.score(name).value for name in ("random", "memoryless", "wiped", "agent", "oracle")] == pytest.approx(
        [0.0, 0.2, 0.5, 0.8, 1.0]
    )
    parts = [getattr(room, name).value for name in ("room", "within", "between", "missed", "found")]
    assert parts == pytest.approx([0.8, 0.3, 0.3, 0.2, 0.6])


def test_returns_of_all_episodes_and_seats_count_alike() -> None:
    room = room_of(agent=np.array([2.0, 8.0, 8.0]), wiped=2.0)
    assert room.score("agent").value == pytest.approx(0.6) and room.between.value == pytest.approx(0.4)


def test_the_interval_is_that_of_the_mean_over_variants() -> None:
    """With the ends of the scale fixed, a score is a mean, whose interval is 1.96 standard errors to either side."""
    share = room_of(memoryless=5.0 + 2.0 * NOISE).score("memoryless")
    half = 1.96 * 0.2 * NOISE.std() / np.sqrt(NUM_VARIANTS)
    assert share.value == pytest.approx(0.5)
    assert share.low == pytest.approx(share.value - half, abs=0.15 * half)
    assert share.high == pytest.approx(share.value + half, abs=0.15 * half)


def test_what_variants_add_to_all_players_alike_is_no_uncertainty() -> None:
    room = room_of(*(value + 3.0 * NOISE for value in (10.0, 8.0, 5.0, 2.0, 0.0)))
    assert room.room.low == pytest.approx(0.8) and room.room.high == pytest.approx(0.8)


def test_there_is_no_scale_if_the_oracle_is_as_good_as_random_play() -> None:
    room = room_of(oracle=0.0)
    assert not room.learnt and np.isnan(room.room.value)
    document = json.loads(json.dumps(room.as_dict(), allow_nan=False))
    assert document["room"] is None and document["scores"]["agent"] is None
    assert "0 %" not in str(room)


@pytest.mark.parametrize(
    ("oracle", "learnt"),
    [(10.0, True), (0.1 + NOISE, False), (1.0 + NOISE, True), (-5.0, False), (NOISE[::-1] + 0.01, False)],
)
def test_the_oracle_must_be_clearly_better_than_random_play(oracle: Any, learnt: bool) -> None:
    assert room_of(oracle=oracle, random=NOISE).learnt is learnt


def test_the_last_gain_is_that_of_the_fourth_quarter_over_the_third() -> None:
    lines: list[dict[str, Any]] = [{"episode_returns": [k, k + 2.0]} for k in (9, 9, 9, 9, 1, 2, 5, 8)]
    assert last_gain(lines) == 5.0  # 7.5 - 2.5 in the means over episodes
    assert last_gain([*lines, {"episode_returns": []}]) == 5.0  # all trials of an update were informed
    assert last_gain(lines[1:]) is None


def test_judging_takes_a_small_part_of_the_budget() -> None:
    bandit, forage = load_family("bandit"), load_family("forage")
    assert usual_variants(make_config(bandit, {"steps": "50K"}), bandit) == 500  # of 10 decisions each
    longest = forage.num_episodes * forage.max_steps
    assert usual_variants(make_config(forage, {"steps": 1500 * longest}), forage) == 300
    assert usual_variants(make_config(forage, {"steps": longest}), forage) == 100


# -- words --


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {},
            [
                "Room: 80 % (80 to 80 %)",
                "gets 60 of these 80 points.",
                "gets 30 of them:",
                "episodes is worth 30.",
                "partly within",
            ],
        ),
        ({"wiped": 2.5}, ["wiped at the end of every episode it gets 5 of them", "worth 55.", "out between episodes"]),
        ({"wiped": 1.5}, ["it gets none of them (-5):", "worth 65.", "out between episodes"]),
        ({"wiped": 2.5, "gains": {"agent": 0.9}}, ["So the hidden rules are found out between episodes"]),
        ({"wiped": 7.5}, ["it gets 55 of them", "found out within the first episode", "lead over a player without"]),
        ({"agent": 2.0, "wiped": 2.0}, ["gets hardly any of it on this budget"]),
    ],
)
def test_it_says_how_much_there_is_to_learn_and_when(given: Any, words: list[str]) -> None:
    room = room_of(**given)
    text = " ".join(room.sentences)
    assert not [word for word in words if word not in text]
    assert "one training run of each player, of 500,000 steps" in text and "400 variants" in text
    assert room.warnings == []


@pytest.mark.parametrize(
    ("given", "warning"),
    [
        ({"memoryless": 9.6 + 10 * NOISE, "agent": 9.6}, "to tell 4 % from a room that counts"),
        ({"memoryless": 9.6, "wiped": 9.6, "agent": 9.6}, "hardly anything to learn about the hidden rules"),
        ({"memoryless": 9.4 + 10 * NOISE, "wiped": 9.6, "agent": 9.6}, "includes 0"),
        ({"memoryless": 12.0, "agent": 12.0}, "the player without memory does better than the one who is shown"),
        ({"agent": 1.0, "wiped": 1.0}, "the player with memory does worse than the one without (1.00 against 2.00"),
        ({"random": 10 * NOISE, "oracle": 1.0}, "so this says nothing about the room"),
        ({"ceiling": 36.0}, "can get 12.00 (counted by hand)"),
        ({"gains": {"agent": 1.5, "oracle": 0.5, "memoryless": 2.0}}, "'with memory', 'without memory'."),
        ({"gains": {"agent": 0.5, "oracle": None, "memoryless": -2.0}}, "too few updates to tell: 'rules shown'."),
    ],
)
def test_it_warns_and_says_what_to_do(given: Any, warning: str) -> None:
    room = room_of(**given)
    assert len(room.warnings) == 1
    assert warning in room.warnings[0]
    assert any(advice in room.warnings[0] for advice in ("--steps", "Hide what changes"))
    shown = " ".join(str(room).split())
    assert f"Warning: {room.warnings[0]}" in shown


def test_a_ceiling_that_the_oracle_reaches_is_shown_and_no_reason_to_warn() -> None:
    room = room_of(ceiling=27.0)
    assert room.warnings == []
    assert "best possible" in str(room) and "9.00" in str(room)


def test_the_table_fits_a_terminal_of_80_columns() -> None:
    text = str(room_of(*(1000.0 * value + NOISE for value in (10.0, 8.0, 5.0, 2.0, -3.0))))
    rows = [line for line in text.splitlines() if line.startswith((" with memory", " wiped"))]
    assert len(rows) == 2 and all(len(row.rstrip()) <= 80 and "…" not in row for row in rows)
    assert "85±0 %" in rows[0]


# -- what cannot be measured --


def test_a_family_that_hides_nothing_is_refused() -> None:
    with pytest.raises(gameagent.ConfigError, match=r"gridnavi hides no rules.*hide at least one"):
        require_measurable(load_family("gridnavi").revealed(), "all", 0)


def test_seats_whose_returns_cancel_out_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    assert NIM.num_seats == 2
    with pytest.raises(gameagent.ConfigError, match="what one seat wins another loses"):
        gameagent.room("two_seat_families:NIM", out=tmp_path / "runs", quiet=True, **SMALL)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("setting", [{"memory": "none"}, {"reveal": True}])
def test_what_the_runs_differ_in_cannot_be_set(setting: Any) -> None:
    with pytest.raises(gameagent.ConfigError, match="leave memory and reveal out"):
        gameagent.room("bandit", quiet=True, **setting)


# -- the runs --


@pytest.fixture(scope="module", autouse=True)
def _each_policy_is_exported_once() -> Iterator[None]:
    """The tests come by the same three policies again and again, and exporting takes seconds."""
    made: dict[Any, Any] = {}

    def export(policy: Any, config: Any, *more: Any, **options: Any) -> Any:
        weights = tuple(tensor.numpy().tobytes() for tensor in policy.state_dict().values())
        key = (config, weights)
        if key not in made:
            made[key] = bundle_policy(policy, config, *more, **options)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundling, "bundle_policy", export)
        yield


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Room, Path]:
    """A room of tiny runs, and the folder in which they were kept."""
    out = tmp_path_factory.mktemp("room") / "runs"
    return gameagent.room("bandit", out=out, num_variants=20, quiet=True, seed=4, **SMALL), out


def test_it_judges_the_agent_and_its_baselines_on_validation(measured: tuple[Room, Path]) -> None:
    room, out = measured
    expected = gameagent.Run(out).evaluate(split="validation", num_variants=20, seed=4)
    for name, returns in expected.returns.items():
        np.testing.assert_array_equal(room.evaluation.returns[name], returns)
    assert room.evaluation.split == "validation" and room.evaluation.num_variants == 20
    roles = {name: gameagent.Run(out / name).config.role for name in ("memoryless", "oracle")}
    assert roles == {"memoryless": "memoryless", "oracle": "oracle"}
    wiped, agent = room.evaluation.returns["wiped"], room.evaluation.returns["agent"]
    assert wiped.shape == agent.shape
    np.testing.assert_array_equal(wiped[:, :, 0], agent[:, :, 0])


def test_the_command_says_what_the_function_says(
    measured: tuple[Room, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["room", "bandit", "--out", str(measured[1]), "--variants", "20", "--seed", "4"]
    assert main([*words, *OPTIONS, "--json", str(tmp_path / "room.json")]) == 0
    found = json.loads((tmp_path / "room.json").read_text(encoding="utf-8"))
    assert found == json.loads(json.dumps(measured[0].as_dict()))
    out, err = capsys.readouterr()
    assert not err
    assert " ".join(" ".join(measured[0].sentences).split()) in " ".join(out.split())


def test_a_run_with_other_settings_is_not_gone_on_with(measured: tuple[Room, Path]) -> None:
    with pytest.raises(gameagent.ConfigError, match=r"started with another config: seed \(run: 4, asked: 5\)"):
        gameagent.room("bandit", out=measured[1], quiet=True, seed=5, **SMALL)


def test_after_ctrl_c_the_same_call_goes_on(
    measured: tuple[Room, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = []

    def stop(progress: Any, metrics: Any) -> None:
        reports.append(progress.steps)
        if len(reports) == 5:  # in the memoryless player's second update
            raise KeyboardInterrupt

    given = {"out": tmp_path / "runs", "num_variants": 20, "seed": 4, **SMALL}
    with pytest.raises(KeyboardInterrupt):
        gameagent.room("bandit", report=stop, **given)
    assert f"is in {tmp_path / 'runs' / 'memoryless'}, the same command goes on" in capsys.readouterr().out
    rest: list[int] = []
    room = gameagent.room("bandit", report=lambda progress, metrics: rest.append(progress.steps), quiet=True, **given)
    assert len(reports) + len(rest) == 9  # three updates of each player, none twice
    assert room.as_dict() == measured[0].as_dict()


def test_without_a_folder_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    there: list[Path] = []

    def stop(progress: Any, metrics: Any) -> None:
        there.extend(tmp_path.iterdir())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gameagent.room("bandit", report=stop, **SMALL)
    assert "stopped; nothing is kept without --out" in capsys.readouterr().out
    assert there and not list(tmp_path.iterdir())


def test_the_commands_help_says_the_functions_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["room", "--help"])
    assert f"(default: {STEPS})" in capsys.readouterr().out


def test_at_least_two_variants_are_judged_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["room", "bandit", "--variants", "1"]) == 2
    assert "--variants is 1, expected from 2" in capsys.readouterr().err


# -- real rooms --


@pytest.mark.slow
def test_a_rule_that_changes_no_action_is_warned_about() -> None:
    room = gameagent.room(STROLL, steps="60K", quiet=True, num_processes=1, num_games=64)
    assert room.learnt and abs(room.room.value) < 0.05
    assert any("hardly anything to learn" in warning for warning in room.warnings)


@pytest.mark.slow
def test_gridnavi_has_room_within_and_between_episodes() -> None:
    """Its goal is hidden and keeps its place: a reward shows that one stands on it, and later episodes go there."""
    room = gameagent.room("gridnavi", steps="150K", quiet=True, num_processes=1)
    assert room.learnt and room.room.low > 0.8
    assert room.within.low > 0.1 and room.between.low > 0.05
