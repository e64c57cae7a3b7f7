"""How large an update is: the rule's statements one by one, over budgets, trials and seats of any size."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gameagent.config import make_config
from gameagent.methods.rl2 import sizes
from gameagent.methods.rl2.config import Rl2Config
from gameagent.methods.rl2.sizes import update_sizes
from gameagent.methods.rl2.update import draw_minibatches
from gameagent.workers import Share, Workers
from gameagent_games import Family
from small_families import DIAL, RIDDLE

BUDGETS, HORIZONS, SEATS = st.integers(1, 10**10), st.integers(1, 10_000), st.integers(1, 5)
COUNTS = st.integers(1, 5_000)


@given(BUDGETS, HORIZONS, SEATS)
def test_an_update_is_a_share_of_the_budget_within_bounds_of_decisions_and_of_rows(
    budget: int, horizon: int, num_seats: int
) -> None:
    found = update_sizes(budget, horizon, num_seats)
    rows = found.num_games * num_seats
    wanted = sorted((sizes.FEWEST_DECISIONS, budget / sizes.UPDATES, sizes.MOST_DECISIONS))[1]
    assert rows >= sizes.FEWEST_ROWS
    assert rows * horizon >= wanted
    one_game_less = rows - num_seats
    assert one_game_less < sizes.FEWEST_ROWS or one_game_less * horizon < wanted  # and no more than that takes
    assert 0 < found.update_steps <= wanted


@given(BUDGETS, HORIZONS, SEATS, st.one_of(st.just(0), COUNTS))
def test_a_minibatch_has_at_least_two_rows_and_about_as_many_decisions_as_it_should(
    budget: int, horizon: int, num_seats: int, num_games: int
) -> None:
    found = update_sizes(budget, horizon, num_seats, num_games)
    rows = found.num_games * num_seats
    assert found.num_minibatches == 1 or rows / found.num_minibatches >= sizes.MINIBATCH_ROWS
    decisions, few_rows = (
        rows * horizon / found.num_minibatches,
        rows < sizes.MINIBATCH_ROWS * (found.num_minibatches + 1),
    )
    assert decisions > sizes.MINIBATCH_DECISIONS / 2 or found.num_minibatches == 1
    assert decisions <= 1.5 * sizes.MINIBATCH_DECISIONS or few_rows


@given(BUDGETS, HORIZONS, SEATS, COUNTS)
def test_a_given_number_of_games_is_kept_and_each_plays_one_trial(
    budget: int, horizon: int, num_seats: int, num_games: int
) -> None:
    found = update_sizes(budget, horizon, num_seats, num_games)
    assert found.num_games == num_games
    assert found.update_steps == 1  # one decision is always there after one trial


def test_two_seats_need_half_the_games() -> None:
    alone, two = update_sizes(12_000_000, 50, 1), update_sizes(12_000_000, 50, 2)
    assert two.num_games == pytest.approx(alone.num_games / 2, abs=1)
    assert two.num_minibatches == alone.num_minibatches


@pytest.mark.parametrize("family", [RIDDLE, DIAL], ids=lambda family: family.name)
def test_a_runs_config_holds_the_numbers_that_its_trials_and_its_budget_give(family: Family) -> None:
    for more in ({}, {"num_episodes": 7}):
        config = make_config(family, {"steps": "20M"} | more)
        horizon = config.episodes_of_trial(family) * family.max_steps
        own = Rl2Config.of(config)
        expected = update_sizes(20_000_000, horizon, family.num_seats)
        assert (own.num_games, own.num_minibatches, own.update_steps, own.num_epochs) == expected
        assert make_config(family, config.as_dict()) == config
    own = Rl2Config.of(make_config(family, {"num_games": 40, "num_minibatches": 3, "num_epochs": 5}))
    assert (own.num_games, own.num_minibatches, own.num_epochs) == (40, 3, 5)


def test_the_manual_states_the_rule_with_its_numbers() -> None:
    text = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    found = " ".join(text.partition("**How large an update is.**")[2].partition("\n\n")[0].split())
    for number in (sizes.UPDATES, sizes.FEWEST_DECISIONS, sizes.MOST_DECISIONS, sizes.MINIBATCH_DECISIONS):
        assert f"{number:,}" in found
    assert f"at least {sizes.FEWEST_ROWS} rows" in found


@pytest.mark.parametrize(("budget", "passes"), [(1_000_000, 3), (4_095_999, 3), (4_096_000, 2), (10**9, 2)])
def test_a_small_budget_is_passed_over_once_more(budget: int, passes: int) -> None:
    assert update_sizes(budget, 60, 1).num_epochs == passes


@pytest.mark.parametrize(
    ("length", "replays", "num_minibatches"),
    [(1024, 1, 16), (513, 1, 16), (511, 1, 15), (256, 1, 8), (32, 1, 1), (32, 5, 5), (1, 1, 1)],
)
def test_trials_that_end_early_make_fewer_minibatches_of_half_the_usual_size_or_more(
    length: int, replays: int, num_minibatches: int
) -> None:
    """16 minibatches were planned, of two rows of 1,024 decisions each."""
    num_rows, horizon = 32 * replays, 1024
    valid = torch.arange(horizon).unsqueeze(1) < torch.full((num_rows,), length)
    rollout: Any = SimpleNamespace(
        valid=valid, lengths=valid.sum(0).numpy(), num_steps=length * num_rows, rows=Share.whole(num_rows),
        returns=np.zeros((num_rows // 2, 1, 2)),
    )  # fmt: skip
    config = Rl2Config(num_games=16, num_minibatches=16, num_epochs=2)
    found = draw_minibatches(rollout, horizon, config, Workers(), np.random.default_rng(0))
    assert len(found) == 2 * num_minibatches
    assert sum(int(batch.num_steps) for batch in found) == 2 * length * num_rows
    assert num_minibatches in (1, 16) or min(int(batch.num_steps) for batch in found) >= 1024 * 0.9
