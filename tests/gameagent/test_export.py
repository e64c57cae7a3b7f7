"""The exported file: it does what the policy does, says what it is, and is not written where it does not."""

# mypy: disable-error-code="arg-type, union-attr"

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch

from gameagent.api import Run
from gameagent.config import make_config
from gameagent.errors import ExportError, RunError
from gameagent.export import bundling as export
from gameagent.export.bundling import (
    bundle_policy,
    bundle_run,
    export_run,
    make_manifest,
    with_evaluation,
    write_bundle,
)
from gameagent.export.parity import MOST_ROUNDINGS, TOLERANCE, Parity, measure_parity
from gameagent.nets.cores import lstm
from gameagent.nets.interface import Inputs
from gameagent.run.folder import Progress, RunFolder
from gameagent.tracing.graph import strip
from gameagent_games.sources.simulator import Simulator
from gameagent_sdk import Agent, Bundle, Manifest
from gameagent_sdk.authoring import attach_manifest

NIM = "two_seat_families:NIM"
PRIMITIVE = {
    "Add", "Cast", "Concat", "Constant", "Div", "Exp", "Expand", "Gemm", "Identity", "Log", "LogSoftmax", "MatMul",
    "Mul", "Pow", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Shape", "Sigmoid", "Slice", "Softmax", "Split", "Sqrt",
    "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze", "Where",
}  # fmt: skip


@pytest.fixture(
    scope="module",
    params=[("bandit", {}), ("gridnavi", {"memory": "none"}), ("bandit", {"reveal": True}), (NIM, {})],
    ids=["recurrent", "memoryless", "oracle", "masked"],
)
def exported(request: pytest.FixtureRequest, bundle_of: Callable[..., Any]) -> Any:
    """(bundle, policy, family) of each kind of policy."""
    name, given = request.param
    return bundle_of(name, **given)


@pytest.fixture(scope="module")
def bandit_file(bandit_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the trained bandit."""
    path = tmp_path_factory.mktemp("export") / "new" / "bandit.onnx"
    summary = {"split": "test", "num_variants": 3, "mean_returns": {"agent": [0.5]}}
    write_bundle(with_evaluation(bundle_run(bandit_run), summary), path)
    return path


def test_the_file_agrees_with_torch_over_whole_trials(exported: Any) -> None:
    bundle, _, family = exported
    assert bundle.manifest.parity.keys() == {"onnxruntime", "numpy"}
    for parity in bundle.manifest.parity.values():
        assert parity["probabilities"] <= 1e-5 and parity["beliefs"] <= 1e-5
        assert parity["num_games"] >= 8 and parity["num_episodes"] == family.num_episodes
        assert parity["num_steps"] >= 8 * family.num_episodes


def test_the_file_equals_the_network_on_any_number_of_rows(exported: Any) -> None:
    """One step from random inputs and memory, without the SDK's bookkeeping."""
    bundle, policy, family = exported
    session = onnxruntime.InferenceSession(bundle.data)
    names = [output.name for output in session.get_outputs()]
    generator = np.random.default_rng(0)
    for rows in (1, 2, 7):
        inputs = {
            "observation": generator.normal(size=(rows, family.observation_size)).astype(np.float32),
            "previous_action": np.eye(family.num_actions, dtype=np.float32)[generator.integers(0, 2, rows)],
            "previous_reward": generator.normal(size=(rows, 1)).astype(np.float32),
            "episode_start": np.ones((rows, 1), np.float32),
        }
        state = {
            name: generator.normal(size=(rows, *tensor.shape[1:])).astype(np.float32)
            for name, tensor in policy.initial_state(1).items()
        }
        mask = {"legal_actions": np.arange(4) < generator.integers(1, 5, (rows, 1))} if family.has_mask else {}
        outputs = dict(zip(names, session.run(names, inputs | state | mask), strict=True))
        tensors = {name: torch.from_numpy(array) for name, array in (inputs | mask).items()}
        over_time = {name: tensor.unsqueeze(0) for name, tensor in tensors.items()}
        given = Inputs(**{"legal_actions": None} | over_time, truth=torch.zeros(rows, 0), informed=None)
        with torch.no_grad():
            expected, after = policy(given, {name: torch.from_numpy(array) for name, array in state.items()})
        legal = mask.get("legal_actions", np.ones_like(outputs["logits"], bool))
        np.testing.assert_allclose(outputs["logits"][legal], expected.action_params[0][0].numpy()[legal], atol=1e-5)
        for name, tensor in after.items():
            np.testing.assert_allclose(outputs[f"next_{name}"], tensor, atol=1e-5)
        if policy.belief_head is not None:
            np.testing.assert_allclose(outputs["beliefs"], expected.beliefs[0], atol=1e-5)


def test_the_graph_holds_primitive_operators_only_and_a_free_number_of_rows(exported: Any) -> None:
    bundle, _, _ = exported
    model = onnx.load_model_from_string(bundle.data)
    onnx.checker.check_model(model, full_check=True)
    assert {node.op_type for node in model.graph.node} <= PRIMITIVE
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"} and not model.functions
    for port in (*model.graph.input, *model.graph.output):
        first, *rest = port.type.tensor_type.shape.dim
        assert first.dim_param and not first.dim_value and all(dim.dim_value for dim in rest)
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_the_file_says_nothing_of_the_machine_it_was_made_on(exported: Any) -> None:
    """The exporter leaves stack traces with file names behind, which would be shipped with the game."""
    bundle, policy, _ = exported
    model = onnx.load_model_from_string(bundle.data)
    messages = [model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer]
    messages += [*model.graph.input, *model.graph.output]
    assert not any(message.metadata_props or message.doc_string for message in messages)
    assert [entry.key for entry in model.metadata_props] == ["gameagent.manifest"] and not model.doc_string
    for folder in (Path(export.__file__).parent, Path(torch.__file__).parent, Path(sys.prefix), Path.home()):
        assert str(folder).encode() not in bundle.data
    assert b"pkg.torch" not in bundle.data and b".py" not in bundle.data and b"Traceback" not in bundle.data
    weights = sum(4 * weight.numel() for weight in policy.parameters())
    assert len(bundle.data) < weights + 24_000  # the exporter's notes alone took 38,000 to 56,000


def test_what_the_exporter_leaves_behind_is_found_wherever_it_is() -> None:
    """Text in every place where ONNX has room for it, also in a node's subgraph and attributes; the rest stays."""
    node = onnx.helper.make_node("Relu", ["x"], ["y"], name="relu", doc_string="secret")
    node.metadata_props.add(key="secret", value="/secret")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1], doc_string="secret")
    constant = onnx.helper.make_tensor("c", onnx.TensorProto.FLOAT, [1], [1.0])
    constant.doc_string = "secret"
    branch = onnx.helper.make_graph([node], "inner", [value], [value], [constant], doc_string="secret")
    choice = onnx.helper.make_node("If", ["x"], ["z"], then_branch=branch, else_branch=branch)
    choice.attribute[0].doc_string = "secret"
    model = onnx.helper.make_model(onnx.helper.make_graph([node, choice], "outer", [value], [value], [constant]))
    model.metadata_props.add(key="secret", value="secret")
    model.doc_string = "secret"
    strip(model)
    assert b"secret" not in model.SerializeToString()
    inner = model.graph.node[1].attribute[0].g
    assert (inner.node[0].name, inner.initializer[0].float_data[:]) == ("relu", [1.0])


def test_the_manifest_tells_the_game_and_what_is_believed(exported: Any) -> None:
    bundle, policy, family = exported
    manifest = bundle.manifest
    assert manifest.name == family.name and manifest.summary == family.summary
    assert manifest.action.names == family.actions and manifest.action.mask == family.has_mask
    assert [(f.name, f.size) for f in manifest.observation] == [(f.name, f.size) for f in family.game_features]
    assert (manifest.num_episodes, manifest.max_steps) == (family.num_episodes, family.max_steps)
    assert manifest.adaptation == (("memory",) if policy.core.size else ())
    remembered = ["hidden_h", "hidden_c", "hidden_numbers"] if policy.core.size else []
    assert [tensor.name for tensor in manifest.hidden_state] == remembered
    assert [slot.rule for slot in manifest.beliefs] == [slot.rule for slot in policy.spec.belief_slots]


def test_the_manifest_tells_how_many_frames_a_decision_is_for(bundle_of: Callable[..., Any]) -> None:
    bundle, policy, family = bundle_of("bandit")
    assert bundle.manifest.frames_per_decision == 1
    paced = make_manifest(policy, replace(family, frames_per_decision=6), 2, {})
    assert Manifest.from_json(paced.to_json()).frames_per_decision == 6


def test_the_manifest_tells_the_bounds_of_what_is_seen(bundle_of: Callable[..., Any]) -> None:
    (rounds, *_) = bundle_of("two_seat_families:THROWS")[0].manifest.observation
    assert (rounds.name, rounds.low, rounds.high) == ("rounds_left", 0.0, 1.0)


def test_the_manifest_tells_how_the_agent_came_to_be(bandit_file: Path, bandit_run: Any) -> None:
    manifest = Bundle.read(bandit_file).manifest
    config, family = bandit_run.load_config()
    training = manifest.training
    assert (training["role"], training["algorithm"], training["seed"], training["steps"]) == ("agent", "rl2", 0, 320)
    assert training["config"] == config.as_dict() and training["family_version"] == family.version
    assert training["commit"] == json.loads(bandit_run.description.read_text())["commit"]
    assert manifest.evaluation == {"split": "test", "num_variants": 3, "mean_returns": {"agent": [0.5]}}
    assert [slot.rule for slot in manifest.beliefs] == ["win_probability"] * 5


def test_the_file_plays_in_a_game(bandit_file: Path) -> None:
    agent = Agent.load(bandit_file, seed=0)
    agent.begin_trial()
    for episode in range(12):  # two more than in training
        action = agent.act([1.0])
        assert 0 <= action < 5 and agent.episode == episode
        agent.observe(1.0 if action == 2 else 0.0, terminated=True)
    assert len(agent.beliefs()["win_probability"]) == 5


def test_a_masked_file_never_plays_an_illegal_action(bundle_of: Callable[..., Any]) -> None:
    bundle, _, family = bundle_of(NIM)
    agent = Agent(bundle, seed=1, temperature=5.0)
    game = Simulator(family, 1, compiled=False)
    game.reset(family.space.sample(1, 0, "all"), np.array([3]))
    agent.begin_trial()
    while not game.finished[0]:
        seat = int(game.acting[0].argmax())
        action = agent.act(game.observations[0, seat], game.legal_actions[0, seat])
        assert game.legal_actions[0, seat, action]
        game.step(np.full((1, 2), action))
        agent.observe(float(game.rewards[0, seat]), bool(game.terminated[0]), bool(game.truncated[0]))


def test_an_export_with_its_evaluation_traces_and_checks_once(
    bandit_run: Any, bandit_file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("trace", "measure_parity"):
        whole = getattr(export, name)

        def counted(*given: Any, name: str = name, whole: Any = whole) -> Any:
            calls.append(name)
            return whole(*given)

        monkeypatch.setattr(export, name, counted)
    bundle = Run(bandit_run.path).export(tmp_path / "agent.onnx", num_variants=4)
    assert sorted(calls) == ["measure_parity", "trace"]
    before = Bundle.read(bandit_file)
    assert bundle.manifest.evaluation is not None and bundle.manifest.evaluation["num_variants"] == 4
    assert replace(bundle.manifest, evaluation=None) == replace(before.manifest, evaluation=None)
    assert bundle.model.nodes == before.model.nodes


GRADIENT = {
    "forage": ({"gradient": True, "num_episodes": 2, "steps": 1}, {"rollback_margin"}),
    "bandit": (
        {"algorithm": "maml", "num_rollouts": 4, "inner_steps": 1, "meta_batch_size": 2, "steps": 1},
        {"max_kl", "rollback_margin"},
    ),
}


@pytest.mark.parametrize("family", GRADIENT)
def test_what_an_export_needs_is_measured_when_training_ends(
    run_of: Callable[..., Any], tmp_path: Path, family: Any
) -> None:
    given, names = GRADIENT[family]
    folder = run_of(tmp_path / "run", family=family, **given)
    written = json.loads(folder.calibration.read_text(encoding="utf-8"))
    assert written.keys() == names | {"updates"} and written.pop("updates") == 1
    assert folder.load_calibration(Progress(updates=1)) == written
    assert folder.load_calibration(Progress(updates=2)) is None  # of another checkpoint
    folder.calibration.write_text("[]", encoding="utf-8")
    with pytest.raises(RunError, match=r"calibration\.json cannot be read .*: delete it"):
        folder.load_calibration(Progress(updates=1))


def test_an_export_measures_nothing_that_was_measured_in_training(
    run_of: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_of(tmp_path / "run", family="bandit", **GRADIENT["bandit"][0])
    written, method = json.loads(folder.calibration.read_text(encoding="utf-8")), folder.load_config()[0].method
    with monkeypatch.context() as patch:
        patch.setattr(type(method), "calibrate", lambda *_: pytest.fail("measured again"))
        gradient = bundle_run(folder).manifest.gradient
    assert (gradient.max_kl, gradient.rollback_margin) == (written["max_kl"], written["rollback_margin"])
    folder.calibration.unlink()  # as an earlier version left it
    assert bundle_run(folder).manifest.gradient == gradient


# -- refusals --------------------------------------------------------------------------------------------------------


def tampered(bundle: Bundle) -> Any:
    """The bundle's graph with one matrix of the recurrent layer changed a little."""
    model = onnx.load_model_from_string(bundle.data)
    weight = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [8, 32])  # (H, 4 H)
    values = onnx.numpy_helper.to_array(weight).copy()
    values += 0.01
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    del model.metadata_props[:]
    return model.SerializeToString()


def test_a_file_that_differs_from_torch_is_not_written(
    bandit_run: Any,
    bundle_of: Callable[..., Any],
    lively: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle, policy, family = bundle_of("bandit")
    graph = tampered(bundle)
    monkeypatch.setattr(export, "trace", lambda *_: onnx.load_model_from_string(graph))
    config = lively("bandit")[1]
    with pytest.raises(ExportError, match=r"nothing was written.*differ from torch"):
        bundle_policy(policy, config, family, {})
    path = tmp_path / "agent.onnx"
    path.write_bytes(b"the file before")
    with pytest.raises(ExportError, match="nothing was written"):
        export_run(bandit_run, path)  # another policy than the graph's: they differ as well
    assert path.read_bytes() == b"the file before" and list(tmp_path.iterdir()) == [path]


def test_a_step_with_its_gates_swapped_is_found_out(
    bandit_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kind of error that exporters of fused layers have made: input and forget gate in the other order."""

    def swapped(weights: Any, x: Any, h: Any, c: Any) -> Any:
        size = h.shape[1]
        gates = x @ weights.from_input + h @ weights.from_hidden + weights.bias
        f, i, o, g = (gates[:, k * size : (k + 1) * size] for k in range(4))
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    monkeypatch.setattr("gameagent.nets.cores.lstm.lstm_step", swapped)
    with pytest.raises(ExportError, match="nothing was written"):
        export_run(bandit_run, tmp_path / "agent.onnx")
    assert not list(tmp_path.iterdir())


def test_a_memory_that_is_lost_between_steps_is_found_out(
    bandit_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step of a trial, whose hidden state is zero, is right all the same."""

    def forgetful(weights: Any, x: Any, h: Any, c: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return lstm_step(weights, x, 0.0 * h, 0.0 * c)

    lstm_step = lstm.lstm_step
    monkeypatch.setattr(lstm, "lstm_step", forgetful)
    with pytest.raises(ExportError, match="nothing was written"):
        export_run(bandit_run, tmp_path / "agent.onnx")


def test_parity_itself_is_honest(bundle_of: Callable[..., Any]) -> None:
    """The same file against the same policy passes; against a policy with one other weight it does not."""
    bundle, policy, family = bundle_of("bandit")
    config = make_config(family, {"num_episodes": 3, "seed": 1})
    for engine, parity in measure_parity(policy, config, family, bundle, None).items():
        parity.check(engine)
    with torch.no_grad():
        policy.actor.bias[0] += 0.01
    try:
        for engine, parity in measure_parity(policy, config, family, bundle, None).items():
            with pytest.raises(ExportError, match=f"in {engine} differ"):
                parity.check(engine)
    finally:
        with torch.no_grad():
            policy.actor.bias[0] -= 0.01


@pytest.mark.parametrize("worst", [(2 * TOLERANCE, 0.0), (0.0, 2 * TOLERANCE), (float("nan"), 0.0)])
def test_the_tolerance_holds_for_both_outputs_and_for_nan(worst: Any) -> None:
    with pytest.raises(ExportError):
        Parity(8, 4, 100, *worst).check("numpy")
    Parity(8, 4, 100, TOLERANCE, TOLERANCE).check("numpy")


def test_what_torch_itself_rounds_widens_the_tolerance_of_outputs_but_not_of_weights() -> None:
    Parity(8, 4, 100, MOST_ROUNDINGS * TOLERANCE, 0.0, rounding=TOLERANCE).check("numpy")
    for worst in ((2.0 * MOST_ROUNDINGS * TOLERANCE, 0.0, 0.0), (0.0, 0.0, 2.0 * TOLERANCE)):
        with pytest.raises(ExportError):
            Parity(8, 4, 100, *worst, rounding=TOLERANCE).check("numpy")


def test_rounding_that_large_weights_blow_up_is_not_taken_for_a_bug(lively: Callable[..., Any]) -> None:
    """Continuous actions a thousand wide: single precision leaves less than 1e-5 of them in no engine."""
    policy, config, family = lively("navigation", num_episodes=2)
    with torch.no_grad():
        policy.actor.weight.mul_(1e4)
    bundle = bundle_policy(policy, config, family, {"config": config.as_dict(), "steps": 0})
    for engine, parity in measure_parity(policy, config, family, bundle, None).items():
        assert TOLERANCE < parity.probabilities <= MOST_ROUNDINGS * parity.rounding
        parity.check(engine)
    with torch.no_grad():
        policy.actor.weight.mul_(1.001)
    for engine, parity in measure_parity(policy, config, family, bundle, None).items():
        with pytest.raises(ExportError, match=f"in {engine} differ"):
            parity.check(engine)


def test_a_file_is_replaced_in_one_go(
    bandit_run: Any, bandit_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle.read(bandit_file)
    monkeypatch.setattr(export, "bundle_run", lambda folder: bundle)
    path = tmp_path / "agent.onnx"
    path.write_bytes(b"the file before")
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda number: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(ExportError, match=r"cannot write .*No space left"):
            export_run(bandit_run, path)
    assert path.read_bytes() == b"the file before" and list(tmp_path.iterdir()) == [path]
    assert export_run(bandit_run, path).data == path.read_bytes() == bundle.data
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ExportError, match="cannot write"):
        export_run(bandit_run, path / "below" / "agent.onnx")
    with pytest.raises(ExportError, match="cannot write"):
        export_run(bandit_run, tmp_path)


def test_a_run_without_a_checkpoint_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(RunError):
        export_run(RunFolder(tmp_path), (tmp_path / "agent.onnx"))
    assert not list(tmp_path.iterdir())


def test_the_tampered_graph_is_a_whole_bundle_otherwise(bundle_of: Callable[..., Any]) -> None:
    """What the parity check caught above passed every other check."""
    bundle, _, _ = bundle_of("bandit")
    Bundle.from_bytes(attach_manifest(tampered(bundle), bundle.manifest))
