"""The demo's torch-free half, with a bundle whose adaptation is known: it adds up what each arm has paid."""

# mypy: disable-error-code="arg-type"

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from gameagent_games.registry import load_family
from gameagent_sdk import Manifest
from gameagent_sdk.authoring import ActionSpec, FeatureSpec, TensorSpec, attach_manifest, step_inputs, step_outputs

SCRIPT = Path(__file__).parents[2] / "tools" / "demo_play.py"


@pytest.fixture(scope="module")
def win_stay_lose_shift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bandit player in eight operators: a win makes its arm likelier, a loss makes it less likely."""
    bandit = load_family("bandit")
    manifest = Manifest(
        name="bandit",
        summary="Win-stay, lose-shift.",
        observation=tuple(FeatureSpec(feature.name, feature.size) for feature in bandit.game_features),
        action=ActionSpec(bandit.actions),
        hidden_state=(TensorSpec("tally", (bandit.num_actions,)),),
        num_episodes=bandit.num_episodes,
        max_steps=bandit.max_steps,
        adaptation=("memory",),
    )
    node = helper.make_node
    nodes = [
        node("Sub", ["previous_reward", "half"], ["surprise"]),
        node("Mul", ["previous_action", "surprise"], ["lesson"]),
        node("Add", ["tally", "lesson"], ["next_tally"]),
        node("Mul", ["next_tally", "boldness"], ["logits"]),
    ]
    weights = {"half": np.array(0.5, np.float32), "boldness": np.array(4.0, np.float32)}
    inputs, outputs = (
        [
            helper.make_tensor_value_info(
                port.name, TensorProto.FLOAT, ["N" if size is None else size for size in port.shape]
            )
            for port in ports
        ]
        for ports in (step_inputs(manifest), step_outputs(manifest))
    )
    initializers = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "policy_step", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path_factory.mktemp("bundle") / "bandit.onnx"
    path.write_bytes(attach_manifest(model.SerializeToString(), manifest))
    return path


def columns(printed: str) -> np.ndarray:
    """The mean returns in the printed table: (episodes, players)."""
    rows = [re.findall(r"(-?\d+\.\d+) \[", line) for line in printed.splitlines()]
    return np.array([[float(number) for number in row] for row in rows if len(row) == 3])


def test_the_three_players_are_told_apart(win_stay_lose_shift: Path, tmp_path: Path) -> None:
    plot = tmp_path / "new" / "curve.png"
    done = subprocess.run(
        [sys.executable, SCRIPT, win_stay_lose_shift, "--variants", "4000", "--plot", plot],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"COLUMNS": "80"},
    )
    assert done.returncode == 0, done.stderr
    agent, forgetful, random = columns(done.stdout).T
    assert len(agent) == 10
    assert agent[0] == pytest.approx(0.5, abs=0.04)  # it knows nothing yet: p ~ U[0, 1]
    assert agent[-1] > 0.64
    np.testing.assert_allclose(forgetful, 0.5, atol=0.04)
    np.testing.assert_allclose(random, 0.5, atol=0.04)
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "torch was not imported" in done.stdout


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "no.onnx"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("demo_play.py: ")
    assert len(done.stderr.splitlines()) == 1
