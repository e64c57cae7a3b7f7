"""The network: one pass over a trial is the same as its steps one by one, and the exported step is the same again."""

# mypy: disable-error-code="arg-type, call-arg, operator, var-annotated"

from collections.abc import Callable
from typing import Any

import pytest
import torch

from gameagent.nets.cores.lstm import LstmWeights, layer_norm, lstm_step
from gameagent.nets.interface import Inputs
from gameagent.nets.step import NetworkStep
from gameagent_games import Family

T, B = 6, 3
AGENT, MEMORYLESS = {}, {"memory": "none"}


def random_inputs(family: Family, seed: int = 0, informed: Any = None) -> Inputs:
    generator = torch.Generator().manual_seed(seed)
    action = torch.randint(family.num_actions, (T, B), generator=generator)
    legal = None
    if family.has_mask:
        legal = torch.rand(T, B, family.num_actions, generator=generator) < 0.5
        legal[..., 1] = True
    return Inputs(
        torch.randn(T, B, family.observation_size, generator=generator),
        torch.nn.functional.one_hot(action, family.num_actions).float(),
        torch.randn(T, B, 1, generator=generator),
        (torch.rand(T, B, 1, generator=generator) < 0.3).float(),
        legal,
        torch.zeros(B, 0),
        informed,
    )


def flat(outputs: Any) -> tuple[Any, ...]:
    """Every tensor of a policy's outputs."""
    return (*outputs.action_params, outputs.situation, outputs.beliefs)


def at_time(inputs: Inputs, time: int | slice | torch.Tensor) -> Inputs:
    """The inputs of some times; what belongs to a trial stays."""
    over_time = [None if part is None else part[time] for part in inputs[:5]]
    return Inputs(*over_time, inputs.truth, inputs.informed)


@pytest.fixture(params=["bandit", "two_seat_families:NIM", "two_seat_families:TUG"])
def name(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("given", [AGENT, MEMORYLESS, {"beliefs": False}, {"reveal": True}])
def test_a_whole_trial_at_once_equals_its_steps_with_the_state_carried(
    lively: Callable[..., Any], name: str, given: Any
) -> None:
    policy, _, family = lively(name, **given)
    policy.changes.factor.fill_(1.0)
    inputs = random_inputs(family)
    with torch.no_grad():
        whole, last = policy(inputs, policy.initial_state(B))
        state = policy.initial_state(B)
        for t in range(T):
            step, state = policy(at_time(inputs, slice(t, t + 1)), state)
            for all_at_once, one in zip(flat(whole), flat(step), strict=True):
                torch.testing.assert_close(all_at_once[t], one[0], atol=1e-5, rtol=0)
    assert sorted(last) == sorted(state) == ([] if given == MEMORYLESS else ["hidden_c", "hidden_h", "hidden_numbers"])
    for part in last:
        torch.testing.assert_close(last[part], state[part], atol=1e-5, rtol=0)


@pytest.mark.parametrize("given", [AGENT, MEMORYLESS, {"beliefs": False}])
def test_the_exported_step_equals_the_network(lively: Callable[..., Any], name: str, given: dict[Any, Any]) -> None:
    policy, _, family = lively(name, **given)
    policy.changes.factor.fill_(1.0)
    inputs = random_inputs(family, seed=2)
    step = NetworkStep(policy).eval()
    with torch.no_grad():
        whole, _ = policy(inputs, policy.initial_state(B))
        hidden = tuple(policy.initial_state(B).values())
        for t in range(T):
            now = at_time(inputs, t)
            mask = () if now.legal_actions is None else (now.legal_actions,)
            given_in_order = (now.observation, *mask, now.previous_action, now.previous_reward, now.episode_start)
            num_params, given = len(whole.action_params), step(*given_in_order, *hidden)
            for part, expected in zip(given, whole.action_params, strict=False):
                torch.testing.assert_close(part, expected[t], atol=1e-5, rtol=0)
            rest = given[num_params:]
            hidden = tuple(rest[: len(hidden)])
            if policy.belief_head is not None:
                torch.testing.assert_close(rest[-1], whole.beliefs[t], atol=1e-5, rtol=0)
            assert len(rest) == len(hidden) + (policy.belief_head is not None)


def test_a_memoryless_policy_forgets_and_the_other_one_does_not(lively: Callable[..., Any]) -> None:
    for given, remembers in ((AGENT, True), (MEMORYLESS, False)):
        policy, _, family = lively("bandit", **given)
        inputs = random_inputs(family)
        order = torch.tensor([3, 0, 4, 1, 2, 5])  # another past, the same last step
        with torch.no_grad():
            one, _ = policy(inputs, policy.initial_state(B))
            other, _ = policy(at_time(inputs, order), policy.initial_state(B))
        torch.testing.assert_close(one.action_params[0][-1].exp().sum(-1), torch.ones(B))
        assert torch.allclose(one.action_params[0][-1], other.action_params[0][-1], atol=1e-5) != remembers


def test_the_step_before_is_no_memory_of_a_memoryless_policy(lively: Callable[..., Any]) -> None:
    for given, sees in ((AGENT, True), (MEMORYLESS, False)):
        policy, _, family = lively("bandit", **given)
        inputs = random_inputs(family)
        for name in ("previous_action", "previous_reward"):
            changed = inputs._replace(**{name: 1.0 - getattr(inputs, name)})
            with torch.no_grad():
                one, other = (policy(each, policy.initial_state(B))[0].action_params[0] for each in (inputs, changed))
            assert torch.equal(one, other) != sees, name


def test_rows_do_not_see_one_another(lively: Callable[..., Any]) -> None:
    policy, _, family = lively("bandit")
    inputs = random_inputs(family)
    changed = inputs._replace(observation=inputs.observation + torch.tensor([0.0, 1.0, 0.0]).reshape(1, B, 1))
    with torch.no_grad():
        one, other = (policy(each, policy.initial_state(B))[0].action_params[0] for each in (inputs, changed))
    torch.testing.assert_close(one[:, [0, 2]], other[:, [0, 2]])
    assert ((one[:, 1] - other[:, 1]).abs().amax(-1) > 1e-3).all()


def test_illegal_actions_have_no_chance_and_the_legal_ones_share_it(lively: Callable[..., Any]) -> None:
    policy, _, family = lively("two_seat_families:NIM")
    inputs = random_inputs(family)
    with torch.no_grad():
        masked, _ = policy(inputs, policy.initial_state(B))
        free, _ = policy(inputs._replace(legal_actions=torch.ones_like(inputs.legal_actions)), policy.initial_state(B))
    chances = masked.action_params[0].exp()
    assert (chances[~inputs.legal_actions] == 0).all() and torch.isfinite(masked.action_params[0]).all()
    kept = free.action_params[0].exp() * inputs.legal_actions
    torch.testing.assert_close(chances, kept / kept.sum(-1, keepdim=True))


def test_the_written_out_lstm_and_layer_norm_equal_torchs() -> None:
    torch.manual_seed(0)
    lstm, norm = torch.nn.LSTM(3, 5), torch.nn.LayerNorm(5)
    torch.nn.init.normal_(norm.weight)
    x, h, c = torch.randn(4, 3), torch.randn(4, 5), torch.randn(4, 5)
    with torch.no_grad():
        expected, (next_h, next_c) = lstm(x[None], (h[None], c[None]))
        got_h, got_c = lstm_step(LstmWeights(lstm), x, h, c)
        torch.testing.assert_close(got_h, expected[0])
        torch.testing.assert_close(got_h, next_h[0])
        torch.testing.assert_close(got_c, next_c[0])
        torch.testing.assert_close(layer_norm(norm, h * 7 + 2), norm(h * 7 + 2))


def test_fresh_policies_choose_almost_uniformly_and_start_with_empty_memory(small: Callable[..., Any]) -> None:
    config, family = small("bandit")
    policy = config.method.make_policy(config, family)
    with torch.no_grad():
        outputs, _ = policy(random_inputs(family), policy.initial_state(B))
    assert (outputs.action_params[0].exp() - 0.2).abs().max() < 0.05
    state = policy.initial_state(B)
    assert {name: tensor.shape for name, tensor in state.items()} == {
        "hidden_h": (B, 8), "hidden_c": (B, 8), "hidden_numbers": (B, 1),
    }  # fmt: skip
    assert all((tensor == 0).all() for tensor in state.values())
