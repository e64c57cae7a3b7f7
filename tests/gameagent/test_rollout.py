"""Rollouts beside a slow bookkeeper that plays one uncompiled game at a time and writes down what each seat saw."""

# mypy: disable-error-code="arg-type, call-arg, no-untyped-call, var-annotated"

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from gameagent.nets.beliefs import truth_from_encoding
from gameagent.nets.interface import Inputs
from gameagent.playing.buffer import FIRST_STEPS, join_rollouts
from gameagent.playing.rollout import Trials
from gameagent.seeding import game_seeds, torch_generator
from gameagent.workers import Share
from gameagent_games import Family
from gameagent_games.sources.simulator import Simulator
from small_families import RIDDLE

NAMES = ["gridnavi", "forage", "two_seat_families:THROWS", "two_seat_families:NIM", "two_seat_families:TUG", "tolls"]
NUM_GAMES = 6


@pytest.fixture(scope="module", params=[*NAMES, "gridnavi twice", "two_seat_families:NIM twice"])
def played(request: pytest.FixtureRequest, lively: Any) -> SimpleNamespace:
    """A rollout of each family, with all that it was made from; also of two trials in a row."""
    name, _, twice = request.param.partition(" ")
    policy, _, family = lively(name, hidden_size=13)
    return play(policy, family, in_a_row=2 if twice else 1)


def play(policy: Any, family: Family, seed: int = 3, in_a_row: int = 1) -> SimpleNamespace:
    variants = family.space.sample(NUM_GAMES, seed, "all")
    seeds = game_seeds(seed, "test", NUM_GAMES)
    informed = np.arange(NUM_GAMES) % 2 == 1
    trials = Trials(family, family.num_episodes, Share.whole(NUM_GAMES), in_a_row)
    rollout = trials.play(policy, variants, seeds, informed, torch_generator(seed, "test"))
    return SimpleNamespace(
        policy=policy,
        family=family,
        in_a_row=in_a_row,
        trials=trials,
        variants=variants,
        seeds=seeds,
        informed=informed,
        rollout=rollout,
    )


def shown_action(family: Family, action: Any) -> Any:
    """What the next decision sees of an action: one-hot, or what the game made of it, from -1 to 1 over the box."""
    if family.box is None:
        return np.eye(family.num_actions)[int(action)]
    low, high = np.array(family.box.low), np.array(family.box.high)
    return 2 * (np.minimum(np.maximum(action, low), high) - low) / (high - low) - 1


def book(family: Family, variants: Any, seeds: Any, actions_of: Callable[..., Any], in_a_row: int) -> Any:
    """Plays trials in a row of one game with given actions.

    Returns every seat's decisions, the returns by episode, and what was paid to seats that had not decided yet: no
    decision is credited with it.
    """
    game = Simulator(family, 1, num_episodes=in_a_row * family.num_episodes, compiled=False)
    game.reset(variants, seeds)
    decisions = [[] for _ in range(family.num_seats)]
    fresh = [1.0] * family.num_seats  # whether an episode started since the seat's last decision
    returns, unearned = np.zeros((in_a_row * family.num_episodes, family.num_seats)), 0.0
    episode = steps = 0  # steps of this episode
    while not game.finished[0]:
        actions = np.zeros((1, family.num_seats) if family.box is None else (1, family.num_seats, family.num_actions))
        for seat, mine in enumerate(decisions):
            if not game.acting[0, seat]:
                continue
            action = actions_of(seat, len(mine)).numpy()
            mine.append(
                SimpleNamespace(
                    observation=game.observations[0, seat].copy(),
                    legal=game.legal_actions[0, seat].copy(),
                    previous_action=shown_action(family, mine[-1].action) if mine else [0] * family.num_actions,
                    previous_reward=mine[-1].reward if mine else 0.0,
                    episode_start=fresh[seat],
                    position=(episode / family.num_episodes, steps / family.max_steps),
                    action=action,
                    reward=0.0,
                )
            )
            fresh[seat] = 0.0
            actions[0, seat] = action
        game.step(actions.astype(np.int64) if family.box is None else actions)
        returns[episode] += game.rewards[0]
        for seat, mine in enumerate(decisions):
            if mine:
                mine[-1].reward += float(game.rewards[0, seat])
            else:
                unearned += float(game.rewards[0, seat])
            if game.terminated[0] or game.truncated[0]:
                fresh[seat] = 1.0
        steps += 1
        if game.terminated[0] or game.truncated[0]:
            episode, steps = episode + 1, 0
    return decisions, returns, unearned


def test_every_entry_equals_the_slow_bookkeepers(played: SimpleNamespace) -> None:
    family, rollout = played.family, played.rollout
    returns, unearned = [], 0.0
    for game in range(NUM_GAMES):
        rows = [game * family.num_seats + seat for seat in range(family.num_seats)]
        decisions, by_episode, early = book(
            family, played.variants[game : game + 1], played.seeds[game : game + 1],
            lambda seat, index, rows=rows: rollout.actions[index, rows[seat]], played.in_a_row,
        )  # fmt: skip
        returns.append(by_episode)
        unearned += early
        for row, mine in zip(rows, decisions, strict=True):
            length = len(mine)
            assert rollout.valid[:, row].tolist() == [t < length for t in range(len(rollout.valid))]
            pairs = {
                "observation": rollout.inputs.observation,
                "previous_action": rollout.inputs.previous_action,
                "previous_reward": rollout.inputs.previous_reward[..., 0],
                "episode_start": rollout.inputs.episode_start[..., 0],
                "position": rollout.inputs.position,
                "reward": rollout.rewards,
                "action": rollout.actions,
            }
            if family.has_mask:
                pairs["legal"] = rollout.inputs.legal_actions
            for name, tensor in pairs.items():
                expected = np.array([getattr(decision, name) for decision in mine], dtype=np.float32)
                given = tensor[:length, row].float().numpy()
                np.testing.assert_allclose(given, expected.reshape(given.shape), atol=1e-5, err_msg=name)
            if family.has_mask:
                assert all(decision.legal[decision.action] for decision in mine)
    np.testing.assert_allclose(rollout.returns, returns, atol=1e-9)
    np.testing.assert_allclose(rollout.episode_returns, np.mean(returns, axis=(0, 2)), atol=1e-9)
    assert rollout.num_steps == int(rollout.valid.sum())
    assert (unearned > 0) == (family.name == "tolls")
    assert rollout.valid[-1].any()  # cut to the longest row


def test_past_a_rows_end_nothing_is_written(played: SimpleNamespace) -> None:
    rollout, past = played.rollout, ~played.rollout.valid
    by_step = *rollout.inputs[:4], rollout.inputs.position
    for tensor in (rollout.rewards, rollout.log_probs, rollout.values, rollout.actions, *by_step):
        assert (tensor[past] == 0).all()
    ends_early = len(set(rollout.valid.sum(0).tolist())) > 1
    assert ends_early or played.family.name not in ("throws", "nim", "tolls", "tug")


def test_log_probs_and_values_are_the_policys_over_each_rows_own_decisions(played: SimpleNamespace) -> None:
    """A seat that waits keeps its memory: its row alone, in one pass, gives what was recorded step by step."""
    policy, rollout = played.policy, played.rollout
    for row in range(rollout.actions.shape[1]):
        length = int(rollout.valid[:, row].sum())
        if length == 0:
            continue
        alone = [None if part is None else part[:length, row : row + 1] for part in rollout.inputs[:5]]
        hidden_rules = rollout.inputs.truth[row : row + 1], rollout.inputs.informed[row : row + 1]
        inputs = Inputs(*alone, *hidden_rules, None, rollout.inputs.position[:length, row : row + 1])
        with torch.no_grad():
            outputs, _ = policy(inputs, policy.initial_state(1))
            values = policy.values(outputs.situation, inputs.truth, inputs.position)
        actions = rollout.actions[:length, row]
        params = [part[:, 0] for part in outputs.action_params]
        if played.family.box is None:
            chosen = torch.distributions.Categorical(logits=params[0]).log_prob(actions)
        else:  # of what was drawn, also where the game clipped it
            chosen = torch.distributions.Normal(params[0], params[1].exp()).log_prob(actions).sum(-1)
        rounding = 1e-4 if played.family.box is None else 1e-2  # a narrow density magnifies it
        torch.testing.assert_close(rollout.log_probs[:length, row], chosen, atol=rounding, rtol=1e-4)
        torch.testing.assert_close(rollout.values[:length, row], values[:, 0], atol=1e-4, rtol=1e-4)


def test_informed_rows_hold_the_truth_of_their_own_variant(played: SimpleNamespace) -> None:
    seats, space = played.family.num_seats, played.family.space
    assert played.rollout.inputs.informed[:, 0].tolist() == np.repeat(played.informed, seats).tolist()
    for game in range(NUM_GAMES):
        encoding = torch.from_numpy(space.encode(played.variants[game : game + 1], hidden=True))
        own = truth_from_encoding(encoding, space.hidden_slots)[0]
        for seat in range(seats):
            assert torch.equal(played.rollout.inputs.truth[game * seats + seat], own)


def test_the_same_seed_gives_the_same_rollout_also_from_used_buffers(played: SimpleNamespace) -> None:
    again = played.trials.play(
        played.policy, played.variants, played.seeds, played.informed, torch_generator(3, "test")
    )
    other = played.trials.play(
        played.policy, played.variants, played.seeds, played.informed, torch_generator(4, "test")
    )
    assert torch.equal(again.actions, played.rollout.actions) and torch.equal(again.rewards, played.rollout.rewards)
    assert torch.equal(again.log_probs, played.rollout.log_probs)
    assert not torch.equal(other.actions, played.rollout.actions)


def test_a_record_grows_with_what_is_played_and_not_with_what_could_have_been(lively: Any) -> None:
    policy, _, _ = lively("small_families:RIDDLE")
    endless = replace(RIDDLE, max_steps=10**9)  # a record of all that could be played would have 2 * 10**9 steps
    rollout = play(policy, endless).rollout
    assert 2 <= len(rollout.valid) < 200
    assert rollout.inputs.observation.untyped_storage().nbytes() <= 4 * NUM_GAMES * max(
        FIRST_STEPS, 2 * len(rollout.valid)
    )


def test_a_record_that_grew_holds_the_same(lively: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    policy, _, family = lively("two_seat_families:NIM")
    expected = play(policy, family).rollout
    monkeypatch.setattr("gameagent.playing.buffer.FIRST_STEPS", 1)
    rollout = play(policy, family).rollout
    assert len(rollout.valid) > 4
    for name in ("actions", "log_probs", "values", "rewards", "valid"):
        assert torch.equal(getattr(rollout, name), getattr(expected, name)), name
    for part, wanted in zip(rollout.inputs, expected.inputs, strict=True):
        assert (part is None) == (wanted is None)
        assert part is None or torch.equal(part, wanted)


def test_a_record_larger_than_the_machine_is_refused(lively: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    policy, _, family = lively("two_seat_families:NIM")
    floats = family.observation_size + 2 * family.num_actions  # at the least, of a step of one of two seats
    monkeypatch.setattr("gameagent.playing.buffer.physical_memory", lambda: 4 * floats * 2 * NUM_GAMES)
    with pytest.raises(MemoryError, match="the record of an update"):
        play(policy, family)


def test_all_trials_of_a_game_are_neighbours_in_a_joined_rollout(lively: Any) -> None:
    """So a process that has some of the games has some of the run's rows, and these in their order."""
    policy, _, family = lively("two_seat_families:NIM")
    first, second = (play(policy, family, seed).rollout for seed in (3, 4))
    assert len(first.valid) != len(second.valid)
    joined = join_rollouts([first, second])
    assert join_rollouts([first]) is first
    assert joined.rows == (0, 4 * NUM_GAMES, 4 * NUM_GAMES) and joined.num_steps == first.num_steps + second.num_steps
    assert joined.informed_games(2).tolist() == [game % 2 == 1 for game in range(NUM_GAMES) for _ in range(2)]
    for game in range(NUM_GAMES):
        for turn, one in enumerate((first, second)):
            np.testing.assert_array_equal(joined.returns[2 * game + turn], one.returns[game])
            for seat in range(2):
                row, own = 2 * (2 * game + turn) + seat, 2 * game + seat
                length = int(one.valid[:, own].sum())
                assert joined.valid[:, row].tolist() == [t < length for t in range(len(joined.valid))]
                assert torch.equal(joined.inputs.truth[row], one.inputs.truth[own])
                for name in ("observation", "previous_action", "previous_reward", "legal_actions", "position"):
                    found, expected = getattr(joined.inputs, name), getattr(one.inputs, name)
                    assert torch.equal(found[:length, row], expected[:length, own]), name
                for name in ("actions", "log_probs", "values", "rewards"):
                    assert torch.equal(getattr(joined, name)[:length, row], getattr(one, name)[:length, own]), name
