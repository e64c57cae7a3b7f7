"""Rows side by side: the recurrence against a reference written out here, and rows that do not touch each other."""

# mypy: disable-error-code="arg-type, assignment, attr-defined"

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gameagent_sdk import Bundle, BundleError, CallOrderError, InputError, Policy
from gameagent_sdk.authoring import PolicySession, step_inputs, step_outputs
from gameagent_sdk.backends import load_backend, onnx_runtime


def sines(*shape: Any) -> NDArray[np.float64]:
    return 0.8 * np.sin(np.arange(1, np.prod(shape) + 1)).reshape(shape)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


class ReferenceLstm:
    """The recurrent fixture in double precision, one row at a time, from Hochreiter & Schmidhuber's equations."""

    def __init__(self) -> None:
        self.h, self.c = np.zeros(4), np.zeros(4)
        self.action, self.reward, self.start = np.zeros(3), 0.0, 1.0

    def step(self, observation: Any) -> Any:
        x = np.concatenate([observation, self.action, [self.reward, self.start]])
        i, f, g, o = np.split(x @ sines(8, 16) + self.h @ sines(4, 16), 4)
        self.c = sigmoid(f) * self.c + sigmoid(i) * np.tanh(g)
        self.h = sigmoid(o) * np.tanh(self.c)
        gravity = np.exp(self.h @ sines(4, 3))
        mean, std = self.h @ sines(4, 2), sigmoid(self.h @ sines(4, 2))
        return self.h @ sines(4, 3), np.array([*gravity / gravity.sum(), mean[0], std[0], mean[1], std[1]])

    def observe(self, action: Any, reward: Any, ended: Any) -> None:
        self.action, self.reward, self.start = np.eye(3)[action], reward, float(ended)


@pytest.fixture
def session(bundle_of: Callable[[str], Bundle]) -> PolicySession:
    return PolicySession(bundle_of("recurrent"))


def play(num_rows: int, num_steps: int, seed: int) -> Any:
    """What happens in some made-up games: observations, actions, rewards, episode ends, each with a time axis."""
    rng = np.random.default_rng(seed)
    shape = (num_steps, num_rows)
    return rng.normal(size=(*shape, 3)), rng.integers(3, size=shape), rng.normal(size=shape), rng.random(shape) < 0.3


def test_a_whole_trial_agrees_with_the_reference(session: PolicySession) -> None:
    observations, actions, rewards, ended = play(num_rows=5, num_steps=40, seed=1)
    references = [ReferenceLstm() for _ in range(5)]
    session.reset(5)
    for t in range(40):
        logits = session.step(observations[t])
        expected_logits, expected_beliefs = zip(
            *(reference.step(x) for reference, x in zip(references, observations[t], strict=True)), strict=True
        )
        np.testing.assert_allclose(logits, expected_logits, atol=2e-6)
        np.testing.assert_allclose(session.beliefs, expected_beliefs, atol=2e-6)
        session.observe(actions[t], rewards[t], ended[t])
        for n, reference in enumerate(references):
            reference.observe(actions[t, n], rewards[t, n], ended[t, n])


def test_a_row_in_a_batch_equals_the_row_alone(bundle_of: Callable[[str], Bundle], session: PolicySession) -> None:
    observations, actions, rewards, ended = play(num_rows=7, num_steps=20, seed=2)
    alone = PolicySession(bundle_of("recurrent"))
    session.reset(7)
    batched = []
    for t in range(20):
        batched.append(session.step(observations[t]))
        session.observe(actions[t], rewards[t], ended[t])
    for n in range(7):
        alone.reset(1)
        for t in range(20):
            np.testing.assert_allclose(alone.step(observations[t, n : n + 1])[0], batched[t][n], atol=1e-6)
            alone.observe(actions[t, n : n + 1], rewards[t, n : n + 1], ended[t, n : n + 1])


def test_changing_one_row_leaves_the_others_untouched(session: PolicySession) -> None:
    observations, actions, rewards, ended = play(num_rows=4, num_steps=10, seed=3)

    def logits_of(observations: Any) -> NDArray[Any]:
        session.reset(4)
        steps = []
        for t in range(10):
            steps.append(session.step(observations[t]))
            session.observe(actions[t], rewards[t], ended[t])
        return np.stack(steps)

    before = logits_of(observations)
    changed = observations.copy()
    changed[:, 2] += 1.0
    after = logits_of(changed)
    others = [0, 1, 3]
    np.testing.assert_array_equal(before[:, others], after[:, others])
    assert (before[:, 2] != after[:, 2]).any(axis=1).all()


def test_a_reset_row_starts_a_new_trial_and_the_others_go_on(session: PolicySession) -> None:
    observations, actions, rewards, ended = play(num_rows=3, num_steps=12, seed=4)
    session.reset(3)
    for t in range(6):
        session.step(observations[t])
        session.observe(actions[t], rewards[t], ended[t])
    carried = session.context.hidden_state["hidden_h"].copy()
    session.reset_rows([False, True, False])
    np.testing.assert_array_equal(session.context.hidden_state["hidden_h"][[0, 2]], carried[[0, 2]])
    fresh = ReferenceLstm()
    for t in range(6, 12):
        logits = session.step(observations[t])
        np.testing.assert_allclose(logits[1], fresh.step(observations[t, 1])[0], atol=2e-6)
        session.observe(actions[t], rewards[t], ended[t])
        fresh.observe(actions[t, 1], rewards[t, 1], ended[t, 1])


def test_one_policy_serves_many_sessions(bundle_of: Callable[[str], Bundle]) -> None:
    policy = Policy(bundle_of("recurrent"))
    first, second = PolicySession(policy), PolicySession(policy)
    first.reset(1)
    second.reset(2)
    expected = first.step([[1.0, 2.0, 3.0]])[0]
    np.testing.assert_allclose(second.step([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])[0], expected, atol=1e-6)


def test_ports_of_the_engine_are_those_of_the_manifest(any_path: Path) -> None:
    bundle = Bundle.read(any_path)
    backend = load_backend(bundle)
    assert set(backend.inputs) == set(step_inputs(bundle.manifest))
    assert set(backend.outputs) == set(step_outputs(bundle.manifest))


def test_the_engine_has_one_thread_and_never_spins() -> None:
    options = onnx_runtime.session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.execution_mode == onnx_runtime.onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    for pool in ("intra_op", "inter_op"):
        assert options.get_session_config_entry(f"session.{pool}.allow_spinning") == "0"


def test_calls_out_of_order_say_which_is_due(session: PolicySession) -> None:
    observation, outcome = np.zeros((1, 3)), ([0], [0.0], [False])
    with pytest.raises(CallOrderError, match=r"reset\(\) is due"):
        session.step(observation)
    with pytest.raises(CallOrderError, match=r"reset\(\) is due"):
        session.reset_rows([True])
    session.reset(1)
    with pytest.raises(CallOrderError, match="no beliefs before the first step"):
        _ = session.beliefs
    with pytest.raises(CallOrderError, match=r"step\(\) is due"):
        session.observe(*outcome)
    session.step(observation)
    for call in (lambda: session.step(observation), lambda: session.reset_rows([True])):
        with pytest.raises(CallOrderError, match=r"observe\(\) is due"):
            call()
    session.observe(*outcome)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.step(np.zeros((3, 3))), r"shape \(2, 3\), the features position \(2\), signal \(1\).*\(3, 3\)"),
        (lambda s: s.step([[0, 0, 0], [0, np.nan, 0]]), r"observation\[1, 1\] \(position\)"),
        (lambda s: s.reset_rows([0, 1]), "rows must be True or False"),
        (lambda s: s.reset(0), "num_rows must be at least 1"),
    ],
)
def test_wrong_inputs_are_refused(call: Callable[..., Any], message: str, session: PolicySession) -> None:
    session.reset(2)
    with pytest.raises(InputError, match=message):
        call(session)
    assert session.step(np.zeros((2, 3))).shape == (2, 3)


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (([0, 3], [0, 0], [False, False]), "from 0 to 2, given 0 to 3"),
        (([-1, 0], [0, 0], [False, False]), "given -1"),
        (([0.0, 1.0], [0, 0], [False, False]), "action must be an integer"),
        (([0], [0, 0], [False, False]), r"shape \(2,\): given shape \(1,\)"),
        (([0, 0], [0, np.inf], [False, False]), "reward must be a finite number, given inf"),
        (([0, 0], [0, 0], [0, 1]), "episode_ended must be True or False"),
    ],
)
def test_wrong_outcomes_are_refused_and_can_be_repeated(
    outcome: tuple[Any, ...], message: str, session: PolicySession
) -> None:
    session.reset(2)
    session.step(np.zeros((2, 3)))
    with pytest.raises(InputError, match=message):
        session.observe(*outcome)
    session.observe([0, 2], [0.5, -0.5], [True, False])
    np.testing.assert_array_equal(session.context.previous_action, [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(session.context.episode_start, [[1], [0]])


class BrokenBackend:
    """An engine that gives what it was made with."""

    name = "broken"

    def __init__(self, logits: Any) -> None:
        self.logits = logits

    def bind(self, inputs: Any, outputs: Any) -> Callable[..., None]:
        def run() -> None:
            if self.logits is None:
                raise ArithmeticError("out of order")
            outputs["logits"][:] = self.logits

        return run


@pytest.mark.parametrize(
    ("logits", "message"),
    [([[np.nan, 0.0]], "NaN"), ([[0.0, np.inf]], "infinite"), (None, "broken failed on the policy step: out of order")],
)
def test_what_a_broken_policy_gives_is_refused(logits: Any, message: str, bundle_of: Callable[[str], Bundle]) -> None:
    policy = Policy(bundle_of("memoryless"))
    policy.backend = BrokenBackend(logits)
    session = PolicySession(policy)
    session.reset(1)
    with pytest.raises(BundleError, match=message):
        session.step([[0.0, 0.0]])
    assert session.phase == "step"


def test_finite_numbers_whose_squares_overflow_are_taken(bundle_of: Callable[[str], Bundle]) -> None:
    policy = Policy(bundle_of("memoryless"))
    policy.backend = BrokenBackend([[3e38, -3e38]])
    session = PolicySession(policy)
    session.reset(1)
    np.testing.assert_array_equal(session.step([[0.0, 0.0]]), np.float32([[3e38, -3e38]]))
