"""How many processes a run has is no part of its result: threads that stand for processes, beside one of them alone."""

# mypy: disable-error-code="arg-type, has-type, misc"

from typing import Any

import numpy as np
import pytest
import torch

from gameagent.config import make_config
from gameagent.errors import TrainingError
from gameagent.methods.gradient.meta_batch import with_advantages
from gameagent.methods.learning import make_learner
from gameagent.methods.rl2.update import split_rows
from gameagent.workers import Share, Workers
from gameagent_games import Family
from known_settings import known_settings
from slow_training.precision import in_double, interpret_games
from slow_training.threads import together
from small_families import DIAL, RIDDLE
from tiny_tasks import JUDGED, random_trajectories

SMALL = {"hidden_size": 4, "learning_rate": 0.01}
GRADIENT = {"num_rollouts": 3, "inner_steps": 2, "meta_batch_size": 5}
TIMES = ("play_seconds", "update_seconds")
KINDS: dict[str, dict[str, Any]] = {
    "memory": {"num_games": 5, "num_minibatches": 3},
    "games that are played again": {"num_games": 5, "num_minibatches": 3, "update_steps": 50},
    "fewer games of a process than minibatches": {"num_games": 4, "num_minibatches": 4},
    "gradient steps on beliefs": {"num_games": 5, "num_minibatches": 2, "gradient": True},
    "MAML": {"algorithm": "maml", **GRADIENT, "num_epochs": 2},
    "MAML with return-scaled steps": {"algorithm": "maml", **GRADIENT, "return_scaled_steps": True},
    "Reptile": {"algorithm": "reptile", **GRADIENT},
}


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    interpret_games(monkeypatch)


def trained(size: int, family: Family, given: Any, num_updates: Any = 2) -> list[None]:
    """Each process's updates, weights and what it played."""
    config = make_config(family, {"family": family.name} | SMALL | given)

    def work(member: Any) -> Any:
        learner, played = member
        updates = [learner.update(number, 0.2 * number) for number in range(num_updates)]
        return updates, learner.policy.state_dict(), played

    return together(size, lambda workers: in_double(make_learner(config, family, workers)), work)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", [RIDDLE, DIAL], ids=lambda family: family.name)
def test_processes_with_unequal_rows_update_as_one_with_all_rows(family: Family, kind: str) -> None:
    ((alone, weights, played),) = trained(1, family, KINDS[kind])
    results = trained(3, family, KINDS[kind])
    for updates, other_weights, _ in results:
        for name, weight in weights.items():
            np.testing.assert_allclose(other_weights[name], weight, atol=1e-6, err_msg=name)
        for update, expected in zip(updates, alone, strict=True):
            assert update.num_steps == expected.num_steps
            assert update.returns == pytest.approx(expected.returns, rel=1e-6)
            assert update.informed_returns == pytest.approx(expected.informed_returns, rel=1e-6)
            metrics, wanted = ({k: v for k, v in one.metrics.items() if k not in TIMES} for one in (update, expected))
            assert metrics == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    assert (len(played.variants) > 3) == ("update_steps" in KINDS[kind])
    for number in range(len(played.variants)):  # every game is played by one process, and none by two
        parts = [played.variants[number] for _, _, played in results]
        assert len({len(part) for part in parts}) == 2
        assert [str(variant) for part in parts for variant in part] == list(map(str, played.variants[number]))
    met = [str(variant) for variants in played.variants for variant in variants]
    assert len(set(met)) == len(met)


@pytest.mark.parametrize("algorithm", ["rl2", "reptile"])
def test_a_curriculum_is_in_the_same_state_in_all_processes(algorithm: str) -> None:
    given = SMALL | known_settings(GRADIENT | {"num_games": 7, "algorithm": algorithm, "curriculum": "learnability"})
    config = make_config(DIAL, {"family": DIAL.name} | given)

    def work(member: Any) -> Any:
        learner, played = member
        for number in range(4):
            learner.update(number, 0.2 * number)
        return learner.source.state(), played.variants

    def in_processes(size: int) -> Any:
        return together(size, lambda workers: in_double(make_learner(config, DIAL, workers)), work)

    ((alone, played),) = in_processes(1)
    assert len(alone["count"]) > 0
    results = in_processes(3)
    for state, _ in results:
        assert all(array.tobytes() == results[0][0][name].tobytes() for name, array in state.items())
        assert (state["keys"] == alone["keys"]).all()
        for name in ("count", "mean", "squares", "largest"):
            np.testing.assert_allclose(state[name], alone[name], rtol=1e-4, err_msg=name)
    for number, variants in enumerate(played):
        assert (np.concatenate([parts[number] for _, parts in results]) == variants).all()


def test_both_seats_of_a_game_are_played_by_the_same_process(small: Any) -> None:
    config, family = small("tolls", num_games=5)
    results = []
    for size in (1, 2):

        def work(member: Any) -> Any:
            learner, played = member
            learner.update(0, 0.0)
            return played.rollouts[0], learner.policy.state_dict()

        results.append(together(size, lambda workers: in_double(make_learner(config, family, workers)), work))
    ((whole, weights),), parts = results
    assert [part.rows for part, _ in parts] == [Share(0, 6, 10), Share(6, 10, 10)]
    for part, other_weights in parts:
        mine = slice(part.rows.start, part.rows.stop)
        assert torch.equal(part.valid, whole.valid[: len(part.valid), mine])
        assert torch.equal(part.actions, whole.actions[: len(part.valid), mine])
        assert torch.equal(part.rewards, whole.rewards[: len(part.valid), mine])
        for name, weight in weights.items():
            np.testing.assert_allclose(other_weights[name], weight, atol=1e-6)


# -- shares and sums --


@pytest.mark.parametrize(("num", "size"), [(7, 3), (8, 4), (4, 4), (512, 5), (1, 1)])
def test_shares_follow_each_other_and_differ_by_one_at_most(num: int, size: int) -> None:
    shares = [Workers(rank, size).share(num) for rank in range(size)]
    numbers = np.arange(num)
    assert np.concatenate([share.of(numbers) for share in shares]).tolist() == numbers.tolist()
    assert {share.size for share in shares} <= {num // size, num // size + 1}
    assert [share.times(2).of(np.arange(2 * num)).tolist()[::2] for share in shares] == [
        (2 * share.of(numbers)).tolist() for share in shares
    ]


def test_sums_means_and_gathered_rows() -> None:
    def work(workers: Any) -> Any:
        share = workers.share(5)
        rows = torch.arange(10.0).reshape(5, 2)
        weight = workers.weight(share.size)
        tensor = torch.zeros(2, requires_grad=True)
        without = torch.zeros(1, requires_grad=True)
        if workers.rank:
            tensor.grad = torch.tensor([1.0, 2.0 * workers.rank])
        workers.sum_gradients([tensor, without])
        named = workers.sum_by_name({"a": workers.rank, "b": 0.5})
        spread = workers.mean_and_std(share.of(rows)[:, 0])
        return workers.gather(share.of(rows), share), weight, tensor.grad, without.grad, named, spread

    results = together(3, lambda workers: workers, work)
    for rows, _, gradient, nothing, named, spread in results:
        assert torch.equal(rows, torch.arange(10.0).reshape(5, 2))
        assert gradient.tolist() == [2.0, 6.0] and nothing.tolist() == [0.0]
        assert named == {"a": 3.0, "b": 1.5}
        assert spread == pytest.approx((4.0, np.std([0, 2, 4, 6, 8])))
    assert [weight for _, weight, *_ in results] == [0.4, 0.4, 0.2]


def test_the_scales_of_advantages_are_over_the_tasks_of_all_processes() -> None:
    trajectories = random_trajectories(5, 0, num_steps=6, num_episodes=30)
    trajectories = trajectories._replace(rewards=trajectories.rewards * torch.arange(1.0, 6.0).reshape(5, 1, 1))

    def work(workers: Any) -> torch.Tensor:
        share = workers.share(5)
        return with_advantages(type(trajectories)(*(share.of(part) for part in trajectories)), JUDGED, workers).weight

    parts = together(2, lambda workers: workers, work)
    torch.testing.assert_close(torch.cat(parts), with_advantages(trajectories, JUDGED).weight)
    assert torch.cat(parts).square().mean().item() == pytest.approx(1.0)


@pytest.mark.parametrize(("num_rows", "num_parts"), [(12, 4), (13, 4), (3, 4), (9, 1), (1000, 7)])
def test_every_row_is_in_one_minibatch_and_every_neighbourhood_in_all(num_rows: int, num_parts: int) -> None:
    parts = split_rows(num_rows, num_parts, np.random.default_rng(0))
    assert sorted(np.concatenate(parts).tolist()) == list(range(num_rows))
    assert len(parts) == min(num_parts, num_rows)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for start in range(0, num_rows, 5 * num_parts):
        near = [((part >= start) & (part < start + 5 * num_parts)).sum() for part in parts]
        assert max(near) - min(near) <= 1


def test_rows_are_split_at_random() -> None:
    shuffle = np.random.default_rng(1)
    firsts = [int(np.flatnonzero([0 in part for part in split_rows(12, 4, shuffle)])[0]) for _ in range(2000)]
    np.testing.assert_allclose(np.bincount(firsts) / 2000, 0.25, atol=0.05)
    together_often = sum(any({0, 7} <= set(part.tolist()) for part in split_rows(12, 4, shuffle)) for _ in range(2000))
    assert together_often / 2000 == pytest.approx(0.25, abs=0.05)


# -- weights that differ --


@pytest.mark.parametrize("changed", [None, 0, 1, 2])
def test_weights_that_differ_between_processes_are_an_error_in_all_of_them(changed: int | None) -> None:
    def work(workers: Any) -> None:
        module = torch.nn.Linear(3, 2)
        with torch.no_grad():
            module.weight.copy_(torch.arange(6.0).reshape(2, 3))
            module.bias.zero_()
            if workers.rank == changed:
                module.weight[1, 2] += 1e-6
        if changed is None:
            workers.require_equal(module, "after update 3")
        else:
            with pytest.raises(TrainingError, match=r"3 training processes differ after update 3.*num_processes=1"):
                workers.require_equal(module, "after update 3")

    together(3, lambda workers: workers, work)
