"""Evaluation: its figures beside closed forms, its play beside the SDK's agents one game at a time."""

# mypy: disable-error-code="arg-type, attr-defined, call-overload, misc, var-annotated"

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from gameagent.errors import ExportError
from gameagent.judging.contestants import Contestant
from gameagent.judging.evaluate import evaluate_bundle, evaluate_players, evaluate_random
from gameagent.judging.intervals import estimate, gain_interval
from gameagent.judging.report import Evaluation, evaluate
from gameagent.playing.players import SquadPlayer, bundle_player
from gameagent.seeding import game_seeds, numpy_generator
from gameagent_games import interface
from gameagent_games.interface import Family
from gameagent_games.players import Player, RandomPlayer
from gameagent_games.registry import load_family
from gameagent_games.sources.simulator import Simulator
from gameagent_sdk import Agent, Bundle
from gameagent_sdk.authoring import attach_manifest

BANDIT = load_family("bandit")
ALL = {"split": "all", "num_variants": 12, "seed": 5}


@pytest.fixture
def decisions(monkeypatch: pytest.MonkeyPatch) -> dict[Any, Any]:
    """Records every decision of an evaluation: (game, seat) -> actions. Means over seats hide a zero-sum game's."""
    taken: dict[Any, Any] = {}

    class Recorder(Simulator):
        def step(self, actions: Any) -> None:
            for game, seat in zip(*np.nonzero(self.acting & ~self.finished[:, None]), strict=True):
                assert self.legal_actions[game, seat, actions[game, seat]]
                taken.setdefault((int(game), int(seat)), []).append(int(actions[game, seat]))
            super().step(actions)

    monkeypatch.setattr(Family, "make_games", lambda family, num, **options: Recorder(family, num, **options))
    return taken


def agents_play(
    bundle: Bundle, family: Family, num_variants: int, num_episodes: Any, seed: int, forgets: bool = False
) -> Any:
    """Plays the SDK's agents, one in each seat, in uncompiled games; if they forget, afresh in every episode.

    Returns:
        Returns ``(num_variants, num_episodes, num_seats)``, and the actions by (game, seat).
    """
    variants = family.space.sample(num_variants, numpy_generator(seed, "evaluation variants"), "all")
    seeds = game_seeds(seed, "evaluation games", num_variants)
    returns, taken = np.zeros((num_variants, num_episodes, family.num_seats)), {}
    for number in range(num_variants):
        game = Simulator(family, 1, num_episodes=num_episodes, compiled=False)
        game.reset(variants[number : number + 1], seeds[number : number + 1])
        agents = [Agent(bundle, temperature=0.0) for _ in range(family.num_seats)]
        outcome: Any = [None] * family.num_seats  # what came of each seat's last decision: [reward, ended]
        for agent in agents:
            agent.begin_trial()
        while not game.finished[0]:
            actions = np.zeros((1, family.num_seats), np.int64)
            for seat, agent in enumerate(agents):
                if game.acting[0, seat]:
                    if outcome[seat] is not None and forgets and outcome[seat][1]:
                        agent.begin_season()
                    elif outcome[seat] is not None:
                        agent.observe(*outcome[seat])
                    mask = game.legal_actions[0, seat] if family.has_mask else None
                    actions[0, seat] = agent.act(game.observations[0, seat], mask)
                    outcome[seat] = [0.0, False]
                    taken.setdefault((number, seat), []).append(int(actions[0, seat]))
            episode = int(game.episodes[0])
            game.step(actions)
            returns[number, episode] += game.rewards[0]
            for seat, so_far in enumerate(outcome):
                if so_far is not None:
                    so_far[0] += float(game.rewards[0, seat])
                    so_far[1] |= bool(game.terminated[0] or game.truncated[0])
    return returns, taken


@pytest.mark.parametrize("name", ["bandit", "two_seat_families:THROWS", "two_seat_families:NIM", "tolls"])
def test_evaluation_plays_as_the_sdks_agents_do(bundle_of: Any, decisions: dict[Any, Any], name: str) -> None:
    bundle, _, family = bundle_of(name, hidden_size=13)
    episodes = family.num_episodes
    decisions.clear()  # making the bundle plays games, too
    got = evaluate_bundle(bundle, family, num_episodes=episodes, temperature=0.0, **ALL)
    returns, taken = agents_play(bundle, family, 12, episodes, seed=5)
    assert decisions == taken
    np.testing.assert_allclose(got, returns, atol=1e-5)
    assert len({tuple(actions) for actions in taken.values()}) > 3  # not all the same


@pytest.mark.parametrize("as_squad", [False, True])
@pytest.mark.parametrize("name", ["bandit", "two_seat_families:THROWS", "two_seat_families:NIM"])
def test_a_player_that_forgets_plays_every_episode_as_a_fresh_agent(
    bundle_of: Any, decisions: dict[Any, Any], name: str, as_squad: bool
) -> None:
    bundle, _, family = bundle_of(name, hidden_size=13)
    given = ALL | {"num_episodes": family.num_episodes}
    decisions.clear()  # making the bundle plays games, too
    remembering = evaluate_bundle(bundle, family, temperature=0.0, **given)
    remembered = decisions.copy()
    decisions.clear()
    if as_squad:
        got = evaluate_players(SquadPlayer(bundle, family, 5, 0.0, forgets=True), family, **given)
    else:
        got = evaluate_bundle(bundle, family, temperature=0.0, forgets=True, **given)
    returns, taken = agents_play(bundle, family, 12, family.num_episodes, seed=5, forgets=True)
    assert decisions == taken != remembered
    np.testing.assert_allclose(got, returns, atol=1e-5)
    np.testing.assert_array_equal(got[:, 0], remembering[:, 0])


@pytest.mark.parametrize("name", ["bandit", "two_seat_families:NIM"])
def test_games_side_by_side_do_not_touch_one_another(
    bundle_of: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bundle, _, family = bundle_of(name)
    given = ALL | {"num_episodes": 3, "temperature": 0.0}
    together = evaluate_bundle(bundle, family, **given)
    monkeypatch.setattr(interface, "MOST_GAMES", 5)  # 5, 5 and 2
    np.testing.assert_array_equal(evaluate_bundle(bundle, family, **given), together)
    given["num_variants"] = 4
    monkeypatch.undo()
    assert evaluate_bundle(bundle, family, **given).shape == (4, 3, family.num_seats)


def test_the_same_seed_gives_the_same_figures_and_another_one_others(bundle_of: Any) -> None:
    bundle, _, family = bundle_of("bandit")
    one, same, other = (
        evaluate_bundle(bundle, family, split="test", num_variants=50, num_episodes=10, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_longer_trials_than_in_training_can_be_played(bundle_of: Any) -> None:
    bundle, _, family = bundle_of("bandit")
    assert evaluate_bundle(bundle, family, num_episodes=25, **ALL).shape == (12, 25, 1)


def test_random_play_gets_what_theory_says() -> None:
    bandit = evaluate_random(BANDIT, split="all", num_variants=4000, num_episodes=10, seed=0)[:, :, 0]
    # A pull wins with mean 1/2; a trial's total has variance 10/4 + 90 * Var(mean of p) < 4.1.
    assert bandit.sum(axis=1).mean() == pytest.approx(5.0, abs=5 * np.sqrt(4.1 / 4000))
    assert set(np.unique(bandit)) == {0.0, 1.0}
    gridnavi = evaluate_random(load_family("gridnavi"), split="all", num_variants=4000, num_episodes=1, seed=0)
    assert gridnavi.mean() == pytest.approx(-1.16, abs=0.15)  # exact to two decimals, by the chain's transition matrix


def test_random_play_takes_every_legal_action_and_no_other(decisions: dict[Any, Any]) -> None:
    returns = evaluate_random(load_family("two_seat_families:NIM"), num_episodes=2, **ALL)
    assert {action for actions in decisions.values() for action in actions} == {0, 1, 2, 3}
    np.testing.assert_allclose(returns[..., 0], -returns[..., 1])  # a zero-sum game
    assert abs(returns[..., 0]).min() == 1.0  # somebody wins every time


@pytest.mark.parametrize("as_squad", [False, True])
@pytest.mark.parametrize("seat", [0, 1])
def test_an_agent_plays_one_seat_and_a_random_player_the_other(
    bundle_of: Any, decisions: dict[Any, Any], seat: int, as_squad: bool
) -> None:
    """As an agent of the SDK does in a loop written out: a waiting seat learns at its turn what it was rewarded."""
    bundle, _, family = bundle_of("two_seat_families:NIM")
    decisions.clear()  # the export played, too
    mine: Player = SquadPlayer(bundle, family, 5, 0.0) if as_squad else bundle_player(bundle, family, 5, 0.0)
    players = {seat: mine, 1 - seat: RandomPlayer(family, np.random.default_rng(7))}
    returns = evaluate_players(players, family, split="all", num_variants=1, num_episodes=5, seed=3)
    game = Simulator(family, 1, num_episodes=5, compiled=False)
    game.reset(
        family.space.sample(1, numpy_generator(3, "evaluation variants"), "all"), game_seeds(3, "evaluation games", 1)
    )
    agent, generator, taken = Agent(bundle, temperature=0.0), np.random.default_rng(7), {0: [], 1: []}
    agent.begin_trial()
    expected, reward, ended = np.zeros((5, 2)), 0.0, False
    while not game.finished[0]:
        mover, episode = int(game.acting[0].argmax()), int(game.episodes[0])
        draws, legal = generator.random(4), game.legal_actions[0, mover]
        if mover == seat:
            if taken[seat]:
                agent.observe(reward, ended)
            action, reward, ended = agent.act(game.observations[0, seat], legal), 0.0, False
        else:
            action = int((draws * legal).argmax())
        taken[mover].append(action)
        game.step(np.full((1, 2), action))
        expected[episode] += game.rewards[0]
        reward, ended = reward + float(game.rewards[0, seat]), ended or bool(game.terminated[0])
    np.testing.assert_array_equal(returns, expected[None])
    assert {number: decisions[0, number] for number in (0, 1)} == taken and len(taken[seat]) > 5


def test_a_file_for_another_game_is_refused(bundle_of: Any) -> None:
    bundle, _, _ = bundle_of("bandit")
    gridnavi = load_family("gridnavi")
    for family in (gridnavi, replace(gridnavi, name="bandit"), BANDIT.revealed()):
        with pytest.raises(ExportError, match=r"bandit.*Export again"):
            evaluate_bundle(bundle, family, num_episodes=1, **ALL)


# -- figures ---------------------------------------------------------------------------------------------------------


def test_estimates_by_hand() -> None:
    one = estimate(np.arange(1.0, 9.0)[None])
    assert one.mean == 4.5 and one.iqm == 4.5
    assert one.stderr == pytest.approx(np.sqrt(6 / 8))  # the sample variance of 1 … 8 is 6
    assert one.p20 == pytest.approx(2.4)
    skewed = estimate(np.array([[0.0, 0.0, 0.0, 100.0]]))
    assert (skewed.mean, skewed.iqm) == (25.0, 0.0)
    assert skewed.ci95[0] == 0.0 and 50.0 <= skewed.ci95[1] <= 100.0


def test_estimates_of_one_variant_and_of_equal_ones() -> None:
    single = estimate(np.array([[3.0]]))
    assert (single.mean, single.stderr, single.iqm, single.p20, single.ci95) == (3.0, None, 3.0, 3.0, (3.0, 3.0))
    equal = estimate(np.full((1, 9), 2.0))
    assert (equal.stderr, equal.ci95) == (0.0, (2.0, 2.0))


def test_the_bootstrap_interval_is_the_normal_one_and_covers() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(3.0, 2.0, (1, 400))
    one = estimate(values)
    half = 1.96 * values.std(ddof=1) / 20
    assert one.ci95 == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15 * half)
    many = [estimate(row[None]) for row in generator.exponential(1.0, (100, 80))]
    covered = sum(each.ci95[0] <= 1.0 <= each.ci95[1] for each in many)
    assert 85 <= covered <= 99  # 95 %, less a little for 80 skewed values


def test_the_interval_over_runs_by_hand() -> None:
    runs = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])  # no spread over variants; deviation 1 over runs
    found = estimate(runs)
    half = 4.303 / np.sqrt(3)  # Student's t of 2 degrees of freedom
    assert (found.mean, found.half) == pytest.approx((2.0, half))
    same = np.tile(np.arange(100.0), (5, 1))  # no spread over runs: what is left is that over variants
    assert estimate(same).half == pytest.approx(1.96 * same[0].std(ddof=1) / 10, rel=1e-3)


def test_the_interval_over_runs_covers_the_mean_over_seeds_and_variants() -> None:
    generator, covered = np.random.default_rng(1), 0
    for _ in range(400):
        figures = generator.normal(0, 1.0, (3, 1)) + generator.normal(0, 5.0, (1, 60)) + generator.normal(0, 1, (3, 60))
        low, high = estimate(figures).ci95
        covered += low <= 0.0 <= high
    assert 0.93 <= covered / 400 <= 1.0


@pytest.mark.parametrize(("num_runs", "quantile"), [(2, 12.706), (5, 2.776), (31, 2.042), (61, 2.000), (121, 1.980)])
def test_students_quantiles(num_runs: int, quantile: float) -> None:  # the printed tables' values
    runs = np.arange(num_runs, dtype=float)[:, None]
    assert estimate(runs).half == pytest.approx(quantile * runs.std(ddof=1) / np.sqrt(num_runs), rel=1e-3)


def test_the_gain_is_paired_within_trials() -> None:
    level = np.random.default_rng(0).normal(0, 100, (50, 1))  # variants differ much more than the gain
    mean, low, high = gain_interval((level + np.array([[0.0, 1.0, 3.0]]))[None], 0, 2)
    assert (mean, low, high) == pytest.approx((3.0, 3.0, 3.0))


KEYS = {
    "family", "split", "held_out", "num_runs", "num_variants", "num_episodes", "episodes", "total", "total_mean",
    "total_by_run", "baselines", "training_steps", "seed", "gain",
}  # fmt: skip
EPISODE_KEYS = {"mean", "stderr", "iqm", "p20", "ci95"}


@pytest.fixture(scope="module")
def report(bundle_of: Any) -> Evaluation:
    bundle, _, family = bundle_of("bandit")
    return evaluate([Contestant(bundle)], family, split="test", num_variants=30, seed=4)


def test_the_json_document(report: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "new" / "figures.json"
    report.write_json(path)

    def refuse(word: Any) -> None:
        pytest.fail(f"{word} is no JSON")

    found = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert set(found) == KEYS
    assert (found["family"], found["split"], found["seed"], found["training_steps"]) == ("bandit", "test", 4, 0)
    assert (found["num_variants"], found["num_episodes"], len(found["episodes"])) == (30, 10, 10)
    assert all(set(episode) == EPISODE_KEYS for episode in found["episodes"])
    assert found["total_mean"] == pytest.approx(sum(episode["mean"] for episode in found["episodes"]))
    assert set(found["baselines"]) == {"random", "ceiling"}
    figures = {"episodes", "total", "total_mean", "total_by_run"}
    assert set(found["baselines"]["random"]) == figures | {"agent_minus"}
    assert set(found["baselines"]["random"]["agent_minus"]) == figures
    assert found["baselines"]["ceiling"]["total_mean"] == 6.66
    first, third = report.returns["agent"][0, :, 0, 0], report.returns["agent"][0, :, 2, 0]
    assert found["gain"]["mean"] == pytest.approx((third - first).mean())
    assert (found["gain"]["from_episode"], found["gain"]["to_episode"]) == (1, 3)
    again = tmp_path / "again.json"
    report.write_json(again)
    assert again.read_bytes() == path.read_bytes()


def test_the_document_of_a_single_variant_is_json_too(bundle_of: Any, tmp_path: Path) -> None:
    bundle, _, family = bundle_of("bandit")
    evaluate([Contestant(bundle)], family, split="all", num_variants=1, num_episodes=1).write_json(
        tmp_path / "one.json"
    )
    text = (tmp_path / "one.json").read_text()
    found = json.loads(text)
    assert "NaN" not in text and found["episodes"][0]["stderr"] is None
    assert set(found) == KEYS - {"gain"} and "ceiling" not in found["baselines"]  # known for ten pulls only


def test_the_plot_is_a_png(report: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "new" / "curve.png"
    report.plot(path)
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n") and path.stat().st_size > 5000


def test_files_that_cannot_be_written_are_named(report: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for write in (report.write_json, report.plot):
        for path in (tmp_path / "file" / "below", tmp_path):
            with pytest.raises(ExportError, match="cannot write"):
                write(path)


def test_the_summary_for_the_manifest_is_plain_json(report: Evaluation) -> None:
    summary = report.summary()
    assert json.loads(json.dumps(summary)) == summary
    means = report.returns["agent"][0, :, :, 0].mean(axis=0)
    np.testing.assert_allclose(summary["mean_returns"]["agent"], means, atol=1e-4)


def report_of(returns: dict[Any, Any], seats: tuple[str] = ("seat_0",), num_episodes: int = 4) -> Evaluation:
    shaped = {
        name: np.asarray(array, float).reshape(*np.shape(array)[:2], num_episodes, -1)
        for name, array in returns.items()
    }
    return Evaluation("game", "test", "combinations", 0, 0, shaped, seats, None)


def test_many_episodes_fit_the_table(tmp_path: Path) -> None:
    wide = report_of({"agent": np.zeros((1, 3, 50)), "random": np.ones((1, 3, 50))}, num_episodes=50)
    columns = [column.header for column in wide.table().columns]
    assert columns == ["policy", "1", "2", "3", "50", "total", "iqm"]
    wide.plot(tmp_path / "wide.png")


def text_of(table: Table, width: int = 150) -> Any:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(table)
    return console.file.getvalue()


def test_a_zero_sum_game_is_reported_by_seat(bundle_of: Any) -> None:
    bundle, _, family = bundle_of("two_seat_families:NIM")
    report = evaluate([Contestant(bundle)], family, split="all", num_variants=41, num_episodes=1, seed=1)
    first, second = (report.curves[f"agent, seat_{seat}"] for seat in range(2))
    np.testing.assert_allclose(first, -second)
    assert abs(first.mean()) >= 1 / 41  # an odd number of games that are won or lost: not 0.00 for everybody
    found = report.as_dict()
    assert found["seats"]["seat_0"]["total_mean"] == pytest.approx(first.sum(axis=2).mean())
    assert found["seats"]["seat_1"]["total_mean"] == pytest.approx(-found["seats"]["seat_0"]["total_mean"])
    text = text_of(report.table())
    assert f"{first[..., 0].mean():.2f}" in text and "vs random, seat_1" in text


def test_the_table_fits_eighty_columns() -> None:
    returns = {name: np.full((1, 3, 4), 25.0) for name in ("agent", "no gradient steps", "memoryless", "random")}
    text = text_of(report_of(returns).table(), width=80)
    assert "…" not in text and text.count("25.00±0.00") == 16 and text.count("100.00±0.00") == 4


def test_differences_are_paired_on_the_same_variants() -> None:
    level = np.random.default_rng(0).normal(0, 100, (1, 50, 4))  # variants differ much more than the policies
    found = report_of({"agent": level + 1.0, "memoryless": level, "random": level - 2.0}).as_dict()
    better = {name: found["baselines"][name]["agent_minus"] for name in ("memoryless", "random")}
    for name, gain in (("memoryless", 1.0), ("random", 3.0)):
        assert [episode["mean"] for episode in better[name]["episodes"]] == pytest.approx([gain] * 4)
        assert better[name]["total"]["ci95"] == pytest.approx((4 * gain, 4 * gain))
    assert found["total"]["ci95"][1] - found["total"]["ci95"][0] > 50  # what it would be unpaired


def test_several_runs_give_an_interval_over_runs(bundle_of: Any) -> None:
    bundle, _, family = bundle_of("bandit")
    one = evaluate([Contestant(bundle)], family, num_variants=20, seed=2)
    three = evaluate([Contestant(bundle)] * 3, family, num_variants=20, seed=2)
    assert three.num_runs == 3 and three.returns["random"].shape[0] == 1
    for run in three.returns["agent"]:
        np.testing.assert_array_equal(run, one.returns["agent"][0])
    assert three.as_dict()["total_by_run"] == [one.as_dict()["total_mean"]] * 3
    assert "3 training runs" in " ".join(text_of(three.table()).split())  # a title may be broken over two lines


def test_a_file_of_another_version_of_the_game_is_refused(bundle_of: Any) -> None:
    bundle, _, family = bundle_of("bandit")
    bundle = Bundle.from_bytes(
        attach_manifest(bundle.data, replace(bundle.manifest, training={"family_version": family.version}))
    )
    newer = replace(family, version=family.version + 1)
    with pytest.raises(ExportError, match="version 1 of bandit, this is version 2"):
        evaluate_bundle(bundle, newer, num_episodes=1, **ALL)
    assert evaluate_bundle(bundle, family, num_episodes=1, **ALL).shape == (12, 1, 1)
