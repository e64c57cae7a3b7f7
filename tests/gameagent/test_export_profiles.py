"""Files for other engines: under the engines' own tensor names they do what the bundle does in the SDK.

`GodotScripts` and `UnityScripts` are written from what the engines' sources do with a file, and know nothing of the
exporter: they are the oracle for names, shapes and the way of the state, as the SDK is for what the agent decides.
"""

# mypy: disable-error-code="arg-type, assignment, call-arg, dict-item"

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch

from gameagent.cli import main
from gameagent.errors import ExportError
from gameagent.export import engines
from gameagent.export.engines import METADATA_KEY, make_engine_file
from gameagent.export.engines.playback import Playback, play_back
from gameagent.export.engines.step import EngineStep, _gumbel
from gameagent.export.engines.structure import check_structure
from gameagent_games import Family
from gameagent_games.sources.simulator import Simulator
from gameagent_sdk import Bundle, ManifestError
from gameagent_sdk.authoring import PolicySession, action_probabilities

NIM = "two_seat_families:NIM"
KINDS = {
    "beliefs": ("bandit", {}),
    "masked": (NIM, {"hidden_size": 12}),
    "memoryless": ("gridnavi", {"memory": "none"}),
    "narrow": ("gridnavi", {"hidden_size": 5, "beliefs": False}),
}
FILES = [(kind, profile) for kind in KINDS for profile in ("godot", "unity")]
# By hand: D features, A actions, M = two hidden tensors of H, the D numbers before, and the previous action, one-hot.
SIZES = {
    "beliefs": (1, 5, 8 + 8 + 1 + 5),
    "masked": (4, 4, 12 + 12 + 4 + 4),
    "memoryless": (12, 5, 5),
    "narrow": (12, 5, 5 + 5 + 12 + 5),
}
SIGNALS = ["previous_reward", "episode_start", "trial_start", "temperature"]


@pytest.fixture(scope="module")
def file_of(lively: Any) -> Callable[..., Any]:
    """An engine's file of a lively policy, each made once."""
    made = {}

    def make(kind: Any, profile: str) -> Any:
        if (kind, profile) not in made:
            name, given = KINDS[kind]
            policy, config, family = lively(name, **given)
            training = {"steps": 320, "seed": 7, "family_version": family.version, "commit": "0123456789ab"}
            made[kind, profile] = make_engine_file(policy, config, family, training, profile)
        return made[kind, profile]

    return make


@pytest.fixture(scope="module")
def bandit_policy(lively: Any) -> Any:
    return lively("bandit")


def load(file: Any) -> Any:
    return onnxruntime.InferenceSession(file.data)


class GodotScripts:
    """One agent under Godot RL Agents' scripts, with the state handed back by the game (see docs/engines.md)."""

    def __init__(self, file: Any) -> None:
        self.session = load(file)
        self.begin()

    def begin(self) -> None:
        self.state = [0.0] * self.session.get_outputs()[1].shape[1]

    def act(
        self, features: Any, legal: Any, reward: Any, start: Any, trial_start: Any = 0.0, temperature: Any = 0.0
    ) -> int | None:
        """``_inference_process``: observe, run, take the first largest number."""
        obs = [*features, *([] if legal is None else map(float, legal)), reward, start, trial_start, temperature]
        self.output, state = self.run(obs + self.state)
        self.state = [float(number) for number in state]
        largest, chosen = -np.inf, None
        for index, value in enumerate(self.output):
            if value > largest:
                largest, chosen = value, index
        return chosen

    def run(self, obs: Any, state_ins: Any = 1.0) -> Any:
        """``RunInference``: two inputs of these shapes, two outputs of these names."""
        inputs = {
            "state_ins": np.array([state_ins], np.float32),
            "obs": np.array(obs, np.float32).reshape(1, len(obs)),
        }
        output, state = self.session.run(["output", "state_outs"], inputs)
        return output.reshape(-1), state.reshape(-1)


class UnityScripts:
    """One agent under ML-Agents' model runner, which keeps memory by itself and sets it to zeros at first."""

    def __init__(self, file: Any, deterministic: Any = True) -> None:
        self.session = load(file)
        self.action = "deterministic_discrete_actions" if deterministic else "discrete_actions"
        self.inputs = {port.name: port.shape[1:] for port in self.session.get_inputs()}
        zeros = {name: np.zeros((1, *shape), np.float32) for name, shape in self.inputs.items()}
        self.constants = self.fetch(["version_number", "memory_size", "discrete_action_output_shape"], zeros)
        self.begin()

    def begin(self) -> None:
        self.state = np.zeros(int(self.constants[1][0]), np.float32)

    def act(
        self, features: Any, legal: Any, reward: Any, start: Any, trial_start: Any = 0.0, temperature: Any = 0.0
    ) -> int:
        """``DecideBatch`` for a batch of one."""
        num_actions = int(self.constants[2].reshape(-1)[0])
        masks = np.zeros((1, num_actions), np.float32)
        masks[0] = 1.0 if legal is None else legal
        obs = np.array([[*features, reward, start, trial_start, temperature]], np.float32)
        inputs = {"obs_0": obs, "action_masks": masks, "recurrent_in": np.array([[self.state]], np.float32)}
        action, memory = self.fetch([self.action, "recurrent_out"], inputs)
        self.state = memory[0, 0]
        return int(action[0, 0])

    def fetch(self, names: Any, inputs: Any) -> Any:
        return self.session.run(names, inputs)


SCRIPTS = {"godot": GodotScripts, "unity": UnityScripts}


class Seat:
    """A seat's SDK session, the engine's agent beside it, and what happened since its last decision."""

    def __init__(self, bundle: Bundle, agent: Any) -> None:
        self.session, self.agent = PolicySession(bundle), agent
        self.session.reset(1)
        self.action, self.reward, self.ended = None, 0.0, True

    def decide(self, features: Any, legal: Any) -> Any:
        if self.action is not None:
            self.session.observe([self.action], [self.reward], [self.ended])
        mask = None if legal is None else legal[None]
        logits = self.session.step(features[None], mask)
        self.chances = action_probabilities(logits, mask)[0]
        self.action = int(self.chances.argmax())
        chosen = self.agent.act(features, legal, self.reward, float(self.ended))
        assert chosen == self.action
        self.reward, self.ended = 0.0, False
        return chosen

    def outcome(self, reward: Any, ended: Any) -> None:
        if self.action is not None:
            self.reward += reward
        self.ended |= ended


def play(
    family: Family, seats: list[Seat], num_episodes: Any, seed: int, check: Callable[..., Any] = lambda seat: None
) -> int:
    """One game of a whole trial; every decision is taken by the SDK and the engine's scripts, and compared."""
    game = Simulator(family, 1, num_episodes=num_episodes, compiled=False)
    game.reset(family.space.sample(1, seed, "all"), np.array([seed]))
    decisions = 0
    while not game.finished[0]:
        actions = np.zeros((1, family.num_seats), np.int64)
        for index in np.flatnonzero(game.acting[0]):
            legal = game.legal_actions[0, index].copy() if family.has_mask else None
            actions[0, index] = seats[index].decide(game.observations[0, index].copy(), legal)
            check(seats[index])
            decisions += 1
        game.step(actions)
        for index, seat in enumerate(seats):
            seat.outcome(float(game.rewards[0, index]), bool(game.terminated[0] | game.truncated[0]))
    return decisions


def softmax(scores: Any) -> Any:
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


# -- what the engine's loader finds ----------------------------------------------------------------------------------


def ports(values: Any) -> list[Any]:
    return [(value.name, value.type, value.shape) for value in values]


@pytest.mark.parametrize("kind", KINDS)
def test_godot_finds_its_names(file_of: Callable[..., Any], kind: str) -> None:
    (d, a, m), session = SIZES[kind], load(file_of(kind, "godot"))
    legal = a if kind == "masked" else 0
    assert ports(session.get_inputs()) == [
        ("obs", "tensor(float)", ["N", d + legal + 4 + m]),
        ("state_ins", "tensor(float)", ["N"]),
    ]
    assert ports(session.get_outputs()) == [
        ("output", "tensor(float)", ["N", a]),
        ("state_outs", "tensor(float)", ["N", m]),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_unity_finds_its_names_and_constants(file_of: Callable[..., Any], kind: str) -> None:
    (d, a, m), scripts = SIZES[kind], UnityScripts(file_of(kind, "unity"))
    assert ports(scripts.session.get_inputs()) == [
        ("obs_0", "tensor(float)", ["N", d + 4]),
        ("action_masks", "tensor(float)", ["N", a]),
        ("recurrent_in", "tensor(float)", ["N", 1, m]),
    ]
    assert ports(scripts.session.get_outputs()) == [
        ("version_number", "tensor(float)", [1]),
        ("memory_size", "tensor(float)", [1]),
        ("discrete_actions", "tensor(int64)", ["N", 1]),
        ("discrete_action_output_shape", "tensor(float)", [1, 1]),
        ("deterministic_discrete_actions", "tensor(int64)", ["N", 1]),
        ("recurrent_out", "tensor(float)", ["N", 1, m]),
    ]
    assert [constant.tolist() for constant in scripts.constants] == [[3.0], [float(m)], [[float(a)]]]
    nodes = onnx.load_model_from_string(file_of(kind, "unity").data).graph.node
    made = {output for node in nodes for output in node.output}
    assert made >= {port.name for port in scripts.session.get_outputs()}  # no output is a bare initializer


@pytest.mark.parametrize(("kind", "profile"), FILES)
def test_a_file_is_old_enough_for_engines_and_says_what_it_is(
    file_of: Callable[..., Any], kind: str, profile: str
) -> None:
    model = onnx.load_model_from_string(file_of(kind, profile).data)
    assert [(used.domain, used.version) for used in model.opset_import] == [("", 15)] and model.ir_version == 8
    assert not model.functions and b"pkg.torch" not in model.SerializeToString()
    (d, a, m), said = SIZES[kind], json.loads({entry.key: entry.value for entry in model.metadata_props}[METADATA_KEY])
    told = {key: said[key] for key in ("profile", "family", "steps", "seed", "commit", "memory_size")}
    family = KINDS[kind][0].split(":")[-1].lower()
    assert told == {
        "profile": profile, "family": family, "steps": 320, "seed": 7, "commit": "0123456789ab", "memory_size": m,
    }  # fmt: skip
    assert len(said["actions"]) == a
    observed = [(part["name"], part["size"]) for part in said["observation"]["parts"]]
    h = (m - d - a) // 2
    hidden = [] if kind == "memoryless" else [("hidden_h", h), ("hidden_c", h), ("hidden_numbers", d)]
    assert [(part["name"], part["size"]) for part in said["state"]["parts"]] == [*hidden, ("previous_action", a)]
    tail = [("state", m)] if profile == "godot" else []
    legal = [("legal_actions", a)] if kind == "masked" and profile == "godot" else []
    rest = [*legal, *((name, 1) for name in SIGNALS), *tail]
    assert observed[-len(rest) :] == rest and sum(size for _, size in observed[: -len(rest)]) == d
    assert said["observation"]["size"] == sum(size for _, size in observed)


@pytest.mark.parametrize("profile", ["godot", "unity"])
def test_the_sdk_does_not_take_such_a_file_for_a_bundle(file_of: Callable[..., Any], profile: str) -> None:
    with pytest.raises(ManifestError):
        Bundle.from_bytes(file_of("beliefs", profile).data)


# -- what the agent does in the engine -------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "profile"), FILES)
def test_the_engines_scripts_play_whole_trials_as_the_sdk_does(
    file_of: Callable[..., Any], bundle_of: Any, kind: str, profile: str
) -> None:
    """More episodes than in training. The state crosses them; nothing but the file's own choice tells past actions."""
    bundle, _, family = bundle_of(KINDS[kind][0], **KINDS[kind][1])
    file, decisions = file_of(kind, profile), 0

    def check(seat: Seat) -> None:
        if profile == "godot":
            np.testing.assert_allclose(softmax(seat.agent.output), seat.chances, atol=1e-5)
        hidden = np.hstack([tensor[0] for tensor in seat.session.context.hidden_state.values()] or [[]])
        np.testing.assert_allclose(seat.agent.state[: len(hidden)], hidden, atol=1e-5)
        assert np.argmax(seat.agent.state[len(hidden) :]) == seat.action and sum(seat.agent.state[len(hidden) :]) == 1

    for seed in range(3):
        seats = [Seat(bundle, SCRIPTS[profile](file)) for _ in range(family.num_seats)]
        decisions += play(family, seats, family.num_episodes + 1, seed, check)
    assert decisions >= 3 * (family.num_episodes + 1)


@pytest.mark.parametrize("kind", ["beliefs", "masked", "narrow"])
def test_memory_crosses_episodes_and_zeros_are_a_new_trial(file_of: Callable[..., Any], kind: str) -> None:
    """After some decisions, an episode's first one hangs on the state; with zeros it is a trial's first again."""
    agent, (d, a, m) = GodotScripts(file_of(kind, "godot")), SIZES[kind]
    legal = np.ones(a, bool) if kind == "masked" else None
    generator = np.random.default_rng(2)
    features = generator.normal(size=(9, d)).astype(np.float32)
    agent.act(features[0], legal, 0.0, 1.0)
    at_first = agent.output  # log-probabilities
    for step in range(1, 8):
        agent.act(features[step], legal, float(step % 2), float(step == 4))
    agent.act(features[0], legal, 0.0, 1.0)
    assert np.abs(agent.output - at_first).max() > 0.01
    agent.begin()
    agent.act(features[0], legal, 0.0, 1.0)
    np.testing.assert_allclose(agent.output, at_first, atol=1e-5)
    assert len(agent.state) == m


@pytest.mark.parametrize(("kind", "profile"), FILES)
def test_trial_start_forgets_whatever_the_state_holds(file_of: Callable[..., Any], kind: str, profile: str) -> None:
    """ML-Agents may keep what one step behind EndEpisode left in memory, so a game says when a trial starts."""
    (d, a, _), agent = SIZES[kind], SCRIPTS[profile](file_of(kind, profile))
    legal = np.arange(a) > 0 if kind == "masked" else None
    features = np.random.default_rng(3).normal(size=(5, d)).astype(np.float32)
    first = agent.act(features[0], legal, 0.0, 1.0)
    expected = np.array(agent.state)
    for step in range(1, 5):
        agent.act(features[step], legal, 1.0, 0.0)
    assert np.abs(np.array(agent.state) - expected).max() > 0.01 or kind == "memoryless"
    assert agent.act(features[0], legal, 5.0, 0.0, trial_start=1.0) == first  # reward and episode_start follow from it
    np.testing.assert_allclose(agent.state, expected, atol=1e-6)


def test_godots_constant_means_nothing_and_a_missing_state_is_an_error(file_of: Callable[..., Any]) -> None:
    agent, (d, _, m) = GodotScripts(file_of("beliefs", "godot")), SIZES["beliefs"]
    obs = np.random.default_rng(4).normal(size=d + 4 + m)
    obs[d + 3] = 0.0
    for one, other in zip(agent.run(obs, 1.0), agent.run(obs, 0.0), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(Exception, match="invalid dimensions"):
        agent.run(obs[: d + 4])


def test_the_noise_is_finite_whatever_an_engine_calls_a_uniform_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen of onnxruntime: one number in some millions, or its logarithm, comes out at 1 or a little above."""
    uniform = torch.tensor([0.0, 0.5, 1.0, 1.0 + 1e-5])
    monkeypatch.setattr(torch, "rand_like", lambda like: uniform)
    noise = _gumbel(uniform)
    assert noise[:2].tolist() == pytest.approx([-math.log(-math.log(1e-6)), -math.log(math.log(2.0))], abs=1e-3)
    assert noise[2:].tolist() == pytest.approx([13.8155, 13.8155], abs=0.1)


@pytest.mark.parametrize("profile", ["godot", "unity"])
def test_at_temperature_one_actions_are_drawn_from_the_policy(
    file_of: Callable[..., Any], bundle_of: Any, profile: str
) -> None:
    """Frequencies of 40,000 rows against the SDK's probabilities; and the state tells the action that was drawn."""
    session, (d, a, m), num_rows = load(file_of("masked", profile)), SIZES["masked"], 40_000
    bundle, _, _ = bundle_of(NIM, hidden_size=12)
    plain = PolicySession(bundle)
    plain.reset(1)
    features, legal = np.full((1, d), 0.3, np.float32), np.array([[True, True, False, True]])
    chances = action_probabilities(plain.step(features, legal), legal)[0]

    signals = np.array([[0.0, 1.0, 0.0, 1.0]], np.float32)
    if profile == "godot":
        obs = np.hstack((features, legal.astype(np.float32), signals, np.zeros((1, m), np.float32)))
        inputs = {"obs": obs.repeat(num_rows, 0), "state_ins": np.ones(num_rows, np.float32)}
        output, state = session.run(["output", "state_outs"], inputs)
        drawn = output.argmax(1)
    else:
        inputs = {
            "obs_0": np.hstack((features, signals)).repeat(num_rows, 0),
            "action_masks": legal.astype(np.float32).repeat(num_rows, 0),
            "recurrent_in": np.zeros((num_rows, 1, m), np.float32),
        }
        action, greedy, state = session.run(
            ["discrete_actions", "deterministic_discrete_actions", "recurrent_out"], inputs
        )
        drawn, state = action[:, 0], state[:, 0]
        assert (greedy == chances.argmax()).all()
    counts = np.bincount(drawn, minlength=a)
    assert counts[2] == 0 and np.isfinite(state).all()
    spread = np.sqrt(num_rows * chances * (1 - chances))
    assert (np.abs(counts - num_rows * chances) <= 5 * spread).all() and (counts > 0).sum() == 3
    told = state[:, -a:]
    assert ((told == 0.0) | (told == 1.0)).all() and (told.sum(1) == 1.0).all()
    assert (told.argmax(1) != drawn).sum() <= 2  # scores that are a rounding apart may be told apart in two ways


def test_unity_may_forbid_actions_where_training_had_no_mask(file_of: Callable[..., Any]) -> None:
    agent, features = UnityScripts(file_of("beliefs", "unity")), np.ones(1, np.float32)
    best = agent.act(features, None, 0.0, 1.0)
    agent.begin()
    second = agent.act(features, np.arange(5) != best, 0.0, 1.0)
    assert second != best and agent.state[-5:].tolist() == np.eye(5)[second].tolist()


# -- refusals --------------------------------------------------------------------------------------------------------


def broken(file: Any, change: Callable[..., None]) -> Any:
    model = onnx.load_model_from_string(file.data)
    change(model)
    return model


def rename_output(model: Any) -> None:
    old, new = model.graph.output[0].name, "action"
    model.graph.output[0].name = new
    for node in model.graph.node:
        node.output[:] = [new if name == old else name for name in node.output]
        node.input[:] = [new if name == old else name for name in node.input]


def add_input(model: Any) -> None:
    model.graph.input.append(onnx.helper.make_tensor_value_info("epsilon", onnx.TensorProto.FLOAT, ["N", 5]))


def fix_rows(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def newer_opset(model: Any) -> None:
    model.opset_import[0].version = 17


def newer_ir(model: Any) -> None:
    model.ir_version = 10


def other_operator(model: Any) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Tanh")
    node.op_type = "Softsign"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (rename_output, "output version_number is missing; output action is unknown"),
        (add_input, "input epsilon is unknown"),
        (fix_rows, r"input obs_0 should be float32 \(N, 5\) but is float32 \(1, 5\)"),
        (newer_opset, "opset is 17, the engine reads 15 at most|not valid ONNX"),
        (newer_ir, "IR version is 10, the engine reads 8 at most"),
        (other_operator, "operator Softsign is not among those known"),
    ],
)
def test_what_the_engine_would_stumble_over_is_refused(
    file_of: Callable[..., Any], change: Callable[..., None], said: str
) -> None:
    file = file_of("beliefs", "unity")
    check_structure(onnx.load_model_from_string(file.data), file.profile)
    with pytest.raises(ExportError, match=f"nothing was written.*({said})"):
        check_structure(broken(file, change), file.profile)


def test_a_wrong_constant_is_refused(file_of: Callable[..., Any], bandit_policy: Any) -> None:
    def older(model: Any) -> None:
        version = next(tensor for tensor in model.graph.initializer if tensor.name == "version_number.value")
        version.CopyFrom(onnx.numpy_helper.from_array(np.array([2.0], np.float32), version.name))

    (policy, _, family), file = bandit_policy, file_of("beliefs", "unity")
    with pytest.raises(ExportError, match=r"version_number is \[2.0\], not \[3.0\]"):
        play_back(broken(file, older).SerializeToString(), file.profile, policy, family, 2, 0, "train")


def forget_hidden(
    self: Any,
    features: Any,
    legal: Any,
    signals: Any,
    state: Any,
    decide: Callable[..., tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = EngineStep.decide,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return decide(self, features, legal, signals, torch.cat((0 * state[:, :-5], state[:, -5:]), 1))


def forget_action(
    self: Any,
    features: Any,
    legal: Any,
    signals: Any,
    state: Any,
    decide: Callable[..., tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = EngineStep.decide,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return decide(self, features, legal, signals, torch.cat((state[:, :-5], 0 * state[:, -5:]), 1))


def swap_signals(
    self: Any,
    features: Any,
    legal: Any,
    signals: Any,
    state: Any,
    decide: Callable[..., tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = EngineStep.decide,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return decide(self, features, legal, signals[:, [1, 0, 2, 3]], state)


@pytest.mark.parametrize("fault", [forget_hidden, forget_action, swap_signals])
@pytest.mark.parametrize("profile", ["godot", "unity"])
def test_a_step_that_loses_or_mixes_up_what_it_is_told_is_found_out(
    bandit_policy: Any, monkeypatch: pytest.MonkeyPatch, profile: str, fault: Any
) -> None:
    policy, config, family = bandit_policy
    monkeypatch.setattr(EngineStep, "decide", fault)
    with pytest.raises(ExportError, match="nothing was written"):
        make_engine_file(policy, config, family, {}, profile)


@pytest.mark.parametrize(
    "changed",
    [
        {"wrong_actions": 1}, {"state": 2e-5}, {"probabilities": 2e-5}, {"memory": 0.0},
        {"state": float("nan")}, {"probabilities": float("nan")}, {"memory": float("nan")},
    ],
    ids=str,
)  # fmt: skip
def test_every_figure_of_the_playback_can_stop_the_export(changed: Any) -> None:
    good = {"num_games": 8, "num_episodes": 4, "num_steps": 99, "wrong_actions": 0}
    good |= {"probabilities": 1e-5, "state": 1e-5, "memory": 0.5}
    Playback(**good).check()
    Playback(**good | {"memory": None, "probabilities": None}).check()
    with pytest.raises(ExportError, match="nothing was written"):
        Playback(**good | changed).check()


# -- the command -----------------------------------------------------------------------------------------------------


def test_the_command_writes_a_checked_file_and_says_so(
    bandit_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "bandit.onnx"
    assert main(["export", str(bandit_run.path), str(path), "--profile", "unity"]) == 0
    said = capsys.readouterr().out
    assert "for Unity ML-Agents, same actions as torch over 80 steps of 8 trials of 10 episodes" in said
    assert "feed: obs_0 float32 (N, 5), action_masks float32 (N, 5), recurrent_in float32 (N, 1, 22)" in said
    assert "recurrent_out float32 (N, 1, 22)" in said
    description = json.loads(onnx.load(path).metadata_props[0].value)
    assert (description["steps"], description["seed"]) == (320, 0)
    assert description["playback"]["num_steps"] == 80 and description["playback"]["memory"] > 0


def test_the_command_refuses_what_does_not_go_together(
    bandit_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bandit.onnx"
    assert main(["export", str(bandit_run.path), str(path), "--profile", "godot", "--variants", "40"]) == 2
    assert "--variants is for --profile plain: a godot file carries no evaluation" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["export", str(bandit_run.path), str(path), "--profile", "unreal"])
    assert main(["export", str(tmp_path), str(path), "--profile", "godot"]) == 1
    assert "holds no run" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_fails_its_playback_is_not_written(
    bandit_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bandit.onnx"
    path.write_bytes(b"the file before")
    bad = Playback(8, 10, 80, 3, 0.0, 0.0, 1.0)
    monkeypatch.setattr(engines, "play_back", lambda *given: bad)
    assert main(["export", str(bandit_run.path), str(path), "--profile", "godot"]) == 1
    assert "nothing was written: over 80 steps the file chose 3 other actions" in capsys.readouterr().err
    assert path.read_bytes() == b"the file before" and list(tmp_path.iterdir()) == [path]


def test_gradient_steps_are_left_out(lively: Any, file_of: Callable[..., Any]) -> None:
    policy, config, family = lively("bandit", gradient=True)
    file = make_engine_file(policy, config, family, {}, "godot")  # checked against a policy that takes none
    assert [port.name for port in load(file).get_inputs()] == [
        port.name for port in load(file_of("beliefs", "godot")).get_inputs()
    ]


def test_actions_that_are_numbers_are_refused(lively: Any) -> None:
    with pytest.raises(ExportError, match="acts by numbers, and files for engines carry choices only"):
        make_engine_file(*lively("navigation"), {}, "unity")
