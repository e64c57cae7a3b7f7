"""Many agents in one call: each as if it were alone."""

# mypy: disable-error-code="arg-type, func-returns-value, method-assign, misc, redundant-expr"

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_sdk import Agent, BundleError, CallOrderError, InputError, Squad


@pytest.fixture(params=["onnxruntime", "numpy"])
def squad(request: pytest.FixtureRequest, path_of: Callable[[str], Path]) -> Squad:
    return Squad.load(path_of("recurrent"), seed=0, backend=request.param)


def alone_like(member: Agent, path_of: Callable[..., Path], seed: int, backend: str) -> Agent:
    agent = Agent.load(path_of("recurrent"), seed=seed, backend=backend)
    agent.begin_trial()
    return agent


def test_members_that_come_and_go_play_as_if_alone(squad: Squad, path_of: Callable[[str], Path]) -> None:
    rng = np.random.default_rng(0)
    pairs = {}
    for t in range(60):
        if t % 3 == 0:
            member = squad.join(seed=t)
            pairs[member] = alone_like(member, path_of, t, squad.policy.backend_name)
        if t % 7 == 6:
            leaving = squad.members[t % len(squad.members)]
            squad.leave(leaving)
            del pairs[leaving]
        acting = [member for member in squad.members if rng.random() < 0.7]
        observations = {member: rng.normal(size=3).astype(np.float32) for member in acting}
        actions = squad.act(observations)
        assert list(actions) == acting
        for member, action in actions.items():
            twin = pairs[member]
            assert twin.act(observations[member]) == action
            np.testing.assert_allclose(member.probabilities, twin.probabilities, atol=1e-5)
            reward, ended = float(rng.normal()), bool(rng.random() < 0.1)
            member.observe(reward, terminated=ended)
            twin.observe(reward, terminated=ended)
    assert len(squad.members) == 20 - 8
    for member, twin in pairs.items():
        assert member.returns == twin.returns
        np.testing.assert_allclose(
            member._trial.step.context.hidden_state["hidden_c"],
            twin._trial.step.context.hidden_state["hidden_c"],
            atol=1e-5,
        )


def test_batches_are_few_however_many_play(squad: Squad) -> None:
    members = [squad.join() for _ in range(33)]
    for count in range(1, 34):
        squad.act({member: [0.0, 0.0, 0.0] for member in members[:count]})
        for member in members[:count]:
            member.observe(0.0)
    assert sorted(squad._batches._steps) == [1, 2, 4, 8, 16, 32, 64]


def test_nobody_decides_if_one_of_them_may_not(squad: Squad) -> None:
    first, second = squad.join(), squad.join()
    with pytest.raises(InputError, match="observation"):
        squad.act({first: [0.0, 0.0, 0.0], second: [0.0, float("nan"), 0.0]})
    assert (first.phase, second.phase) == ("act", "act")
    squad.act({second: [0.0, 0.0, 0.0]})
    with pytest.raises(CallOrderError, match="observe"):
        squad.act({first: [0.0, 0.0, 0.0], second: [0.0, 0.0, 0.0]})
    assert (first.phase, first.num_decisions) == ("act", 0)


def test_nobody_decides_if_the_policy_fails(squad: Squad) -> None:
    first, second = squad.join(), squad.join()
    squad.act({first: [0.0, 0.0, 0.0], second: [0.0, 0.0, 0.0]})
    for member in (first, second):
        member.observe(0.0)
    before = first._trial.step.context.copy()
    batch = squad._batches._steps[2]
    batch._run = lambda: batch.outputs["logits"].fill(np.nan)
    with pytest.raises(BundleError, match="NaN"):
        squad.act({first: [0.0, 0.0, 0.0], second: [0.0, 0.0, 0.0]})
    assert (first.phase, second.phase) == ("act", "act")
    np.testing.assert_equal(first._trial.step.context.inputs(), before.inputs())


def test_strangers_are_refused_and_those_who_left_act_alone(squad: Squad, path_of: Callable[[str], Path]) -> None:
    member = squad.join()
    squad.leave(member)
    with pytest.raises(InputError, match="not a member"):
        squad.act({member: [0.0, 0.0, 0.0]})
    with pytest.raises(InputError, match="not a member"):
        squad.leave(member)
    assert member.act([0.0, 0.0, 0.0]) in range(3)
    assert squad.act({}) == {}


def test_a_seed_makes_the_whole_squad_repeatable(path_of: Callable[[str], Path]) -> None:
    def actions(seed: int) -> list[Any]:
        squad = Squad.load(path_of("recurrent"), seed=seed)
        members = [squad.join() for _ in range(40)]
        return list(squad.act({member: [0.0, 0.0, 0.0] for member in members}).values())

    assert actions(1) == actions(1) != actions(2)
    assert len(set(actions(1))) > 1


def test_masks_are_given_by_member(path_of: Callable[[str], Path]) -> None:
    squad = Squad.load(path_of("masked"), seed=0)
    first, second = squad.join(strength=0.0), squad.join(temperature=0.0)
    legal = {first: [False, True, False, False], second: [False, False, True, True]}
    actions = squad.act({first: [0.0] * 4, second: [0.0, 0.0, 1.0, 2.0]}, legal)
    assert actions == {first: 1, second: 3}
    for member in (first, second):
        member.observe(0.0)
    with pytest.raises(InputError, match="legal_actions is needed"):
        squad.act({first: [0.0] * 4, second: [0.0] * 4}, {first: legal[first]})


def test_members_are_saved_and_ticked_like_any_agent(squad: Squad, tmp_path: Path) -> None:
    members = [squad.join() for _ in range(3)]
    squad.act({member: [0.0, 0.0, 0.0] for member in members})
    for number, member in enumerate(members):
        member.observe(float(number))
        member.save_soon(tmp_path / f"{number}.mind")
    assert squad.tick(0.0) == 3
    while squad.tick(5.0):
        pass
    fresh = squad.join()
    fresh.restore(tmp_path / "2.mind")
    assert fresh.episode_return == 2.0
    assert squad.act_times.calls == 1


def test_leaving_loses_no_work_and_nobody_starves(squad: Squad, tmp_path: Path) -> None:
    members = [squad.join() for _ in range(4)]
    for number, member in enumerate(members):
        member.save_soon(tmp_path / f"{number}.mind")
    squad.leave(members[3])
    order = []
    for member in members:
        tick = member.tick
        member.tick = lambda budget, member=member, tick=tick: order.append(member) or tick(0.0)
    for _ in range(4):
        assert squad.tick(1.0) == 4
    assert {order[4 * turn] for turn in range(4)} == set(members)  # each was first once
    for member in members:
        del member.tick
    while squad.tick(50.0):
        pass
    assert len(list(tmp_path.iterdir())) == 4
    for _ in range(50):
        squad.leave(squad.join())
    squad.tick(1.0)
    assert squad._leaving == []  # nobody is kept who has nothing pending


def test_a_refused_member_uses_no_seed(path_of: Callable[[str], Path]) -> None:
    first, second = (Squad.load(path_of("recurrent"), seed=5) for _ in range(2))
    with pytest.raises(InputError, match="strength"):
        first.join(strength=2)
    assert first.join().decider.random_bits.state == second.join().decider.random_bits.state


def test_squads_may_share_a_policy(path_of: Callable[[str], Path]) -> None:
    policy = Squad.load(path_of("recurrent")).policy
    squads = [Squad(policy, seed=1) for _ in range(2)]
    members = [[squad.join() for _ in range(3)] for squad in squads]
    observations = np.random.default_rng(0).normal(size=(2, 3, 3))
    first, second = (
        squad.act(dict(zip(three, seen, strict=True)))
        for squad, three, seen in zip(squads, members, observations, strict=True)
    )
    alone = Squad(policy, seed=1)
    three = [alone.join() for _ in range(3)]
    assert list(alone.act(dict(zip(three, observations[0], strict=True))).values()) == list(first.values())
    assert squads[0]._batches is not squads[1]._batches and len(second) == 3
