"""Features by their kind: what a network reads of an observation, in training and in the file."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from atlas import ATLAS, MAP
from corridor import CORRIDOR
from gallery import GALLERY
from gameagent.config import make_config
from gameagent.errors import ConfigError
from gameagent.export.bundling import bundle_policy
from gameagent.nets.encoders import (
    Convolution,
    GridEncoder,
    ObservationEncoder,
    OneHot,
    encoded_size,
    make_encoder,
    strides_for,
)
from gameagent_games.conformance import check_family
from gameagent_games.errors import FamilyError
from gameagent_games.interface import Feature
from gameagent_games.registry import load_family


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def atlas_encoder() -> ObservationEncoder:
    encoder = make_encoder(ATLAS.game_features)
    assert encoder is not None
    return encoder


def test_categories_become_one_hot() -> None:
    numbers = np.array([[0, 4, 2], [3, 3, 1]])
    encoded = OneHot(5)(torch.tensor(numbers, dtype=torch.float32))
    np.testing.assert_array_equal(encoded.numpy(), np.eye(5, dtype=np.float32)[numbers].reshape(2, 15))
    assert not OneHot(5)(torch.tensor([[-1.0, 5.0]])).any()


def slow_convolution(grid: NDArray[Any], weight: NDArray[Any], bias: NDArray[Any], stride: int) -> NDArray[Any]:
    """As one writes it down: ``(C, H, W)`` and weights ``(filters, C, k, k)`` to ``(filters, rows, columns)``."""
    (_, height, width), reach = grid.shape, weight.shape[-1] // 2
    rows, columns = -(-height // stride), -(-width // stride)
    found = np.zeros((len(weight), rows, columns))
    for y, x in itertools.product(range(rows), range(columns)):
        for dy, dx in itertools.product(range(weight.shape[-1]), repeat=2):
            v, u = y * stride + dy - reach, x * stride + dx - reach
            if 0 <= v < height and 0 <= u < width:
                found[:, y, x] += weight[:, :, dy, dx] @ grid[:, v, u]
    convolved: NDArray[Any] = found + bias[:, None, None]
    return convolved


def slow_stack(encoder: GridEncoder, grid: NDArray[Any]) -> NDArray[Any]:
    """All of an encoder's convolutions of one grid, one after the other."""
    for layer in encoder.layers:
        if isinstance(layer, Convolution):
            filters, kernel = layer.filters, layer.kernel
            weight = filters.weight.detach().numpy().reshape(len(filters.weight), -1, kernel, kernel)
            grid = slow_convolution(grid, weight, filters.bias.detach().numpy(), layer.stride)
        else:
            grid = np.maximum(grid, 0.0)
    return grid.reshape(-1)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 4), (3, 5, 2), (1, 14, 3), (2, 25, 30)])
def test_convolutions_are_what_one_writes_down(shape: tuple[int, int, int]) -> None:
    encoder = GridEncoder(*shape)
    grids = np.random.default_rng(0).normal(size=(2, 2, *shape)).astype(np.float32)  # a time axis and rows
    with torch.no_grad():
        for name, weight in encoder.named_parameters():
            if name.endswith("bias"):
                weight.uniform_(-0.5, 0.5)
        encoder.features = None
        found = encoder(torch.from_numpy(grids.reshape(2, 2, -1))).numpy()
    for index in np.ndindex(2, 2):
        np.testing.assert_allclose(found[index], slow_stack(encoder, grids[index]), rtol=1e-4, atol=1e-5)


def test_a_convolution_of_a_tiny_map_worked_out_by_hand() -> None:
    """One filter that weighs a cell by 10 and its right neighbour by 1, on 2 x 3 cells, then every other cell."""
    image = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    for stride, expected in ((1, [[12.0, 23.0, 30.0], [45.0, 56.0, 60.0]]), (2, [[12.0, 30.0]])):
        layer = Convolution(1, filters=1, stride=stride)
        with torch.no_grad():
            layer.filters.weight.copy_(torch.tensor([[0.0, 0.0, 0.0, 0.0, 10.0, 1.0, 0.0, 0.0, 0.0]]))
            layer.filters.bias.zero_()
            assert layer(image).tolist() == [[expected]]


def test_maps_keep_the_layers_that_they_had() -> None:
    """Runs and files of maps that were trained before pictures had layers of their own are still read."""
    layers = {"layers.0.filters.weight": (16, 18), "layers.0.filters.bias": (16,)}
    layers |= {"layers.2.filters.weight": (32, 144), "layers.2.filters.bias": (32,)}
    for sides in itertools.product((1, 5, 12), repeat=2):
        assert strides_for(*sides) == (1, 2)
        assert {name: tuple(weight.shape) for name, weight in GridEncoder(2, *sides).state_dict().items()} == layers


@pytest.mark.parametrize(
    ("side", "strides"), [(13, (2, 2)), (24, (2, 2)), (25, (4, 2)), (48, (4, 2)), (64, (4, 2, 2)), (84, (4, 2, 2))]
)
def test_a_picture_is_looked_at_in_larger_steps(side: int, strides: tuple[int, ...]) -> None:
    assert strides_for(side, side) == strides_for(side, 3) == strides_for(1, side) == strides


def test_what_a_network_reads_of_a_grid_is_small_whatever_its_sides() -> None:
    for side, (channels, other) in itertools.product(range(3, 97), ((1, 0), (3, 96), (2, 3))):
        shape = channels, side, other or side
        feature, encoder = Feature("view", shape=shape, low=0.0, kind="grid"), GridEncoder(*shape)
        size = encoded_size([feature])
        assert encoder(torch.zeros(2, feature.size)).shape == (2, size)
        assert size <= (6 * 6 * 32 if max(shape[1:]) <= 12 else 256)
        assert sum(weight.numel() for weight in encoder.parameters()) < 350_000


@pytest.mark.parametrize("side", [3, 12, 13, 33, 50, 84])
def test_every_cell_is_seen_and_every_filter_learns(side: int) -> None:
    encoder = GridEncoder(1, side, side)
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if name.endswith("bias"):
                parameter.fill_(1.0)  # so that none is silent by chance
    grids = torch.randn(8, side * side, requires_grad=True)
    (encoder(grids) * torch.randn(encoded_size([Feature("x", shape=(1, side, side), kind="grid")]))).sum().backward()
    assert grids.grad is not None and (grids.grad != 0.0).any(0).all()
    for layer in encoder.layers:
        if isinstance(layer, Convolution):
            assert layer.filters.weight.grad is not None and layer.filters.weight.grad.any(1).all()


def test_a_large_batch_in_training_is_what_its_rows_are_alone() -> None:
    encoder, grids = GridEncoder(1, 14, 14), torch.rand(3, 200, 14 * 14)
    together = encoder(grids)
    torch.testing.assert_close(together, encoder.eval()(grids))
    torch.testing.assert_close(together[1, 7], encoder(grids[1, 7]))


def test_an_observation_is_encoded_part_by_part() -> None:
    encoder = atlas_encoder()
    row = torch.rand(4, MAP + 2)
    row[:, MAP] = torch.tensor([0.0, 2.0, 1.0, 2.0])
    encoded, size = encoder(row), encoded_size(ATLAS.game_features)
    assert encoded.shape == (4, size) and size == 32 * 2 * 2 + 3 + 1
    torch.testing.assert_close(encoded[:, : size - 4], encoder.parts[0](row[:, :MAP]))
    assert encoded[:, size - 4 : size - 1].tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1]]
    torch.testing.assert_close(encoded[:, -1], row[:, -1])


def test_vectors_and_flags_need_no_encoder() -> None:
    assert make_encoder((Feature("place", 3), Feature("door", 2, kind="flags"))) is None
    config = make_config(load_family("forage"), {"hidden_size": 4})
    policy = config.method.make_policy(config, load_family("forage"))
    assert not [name for name in policy.state_dict() if "observation_encoder" in name]


def test_the_family_keeps_the_contract_of_its_kinds() -> None:
    check_family(ATLAS, quick=True).raise_for_failures()


@pytest.mark.slow
def test_maps_and_categories_are_trained_on_and_exported(run_of: Any, bundle_of: Any, tmp_path: Path) -> None:
    """Export refuses a file that differs from torch in either of the SDK's engines over whole trials."""
    run = run_of(tmp_path / "run", "atlas:ATLAS")
    policy, _, _, progress = run.load_policy()
    assert progress.steps >= 320
    fresh = atlas_encoder().state_dict()
    trained = {name.removeprefix("observation_encoder."): w for name, w in policy.state_dict().items() if "enc" in name}
    assert set(fresh) <= set(trained)
    bundle, _, _ = bundle_of("atlas:ATLAS")
    seen = {feature.name: (feature.kind, feature.shape, feature.high) for feature in bundle.manifest.observation}
    assert seen == {"map": ("grid", (2, 3, 4), 1.0), "season": ("category", (), 2.0), "x": ("vector", (), 1.0)}
    assert {engine: result["probabilities"] <= 1e-5 for engine, result in (bundle.manifest.parity or {}).items()} == {
        "onnxruntime": True,
        "numpy": True,
    }


@pytest.mark.slow
def test_pictures_are_trained_on_and_exported(run_of: Any, tmp_path: Path) -> None:
    """48 x 48 pixels in three colours: both engines play whole trials as torch does, by convolutions in the file."""
    run = run_of(tmp_path / "run", "gallery:GALLERY")
    policy, config, family, progress = run.load_policy()
    assert progress.steps > 0 and policy.spec.num_inputs == 256 + 2 + 2 + 1
    bundle = bundle_policy(policy, config, family, {})
    assert [node.op_type for node in bundle.model.nodes].count("Conv") == 2
    assert len(bundle.data) < 2_000_000
    assert {engine: result["probabilities"] <= 1e-5 for engine, result in (bundle.manifest.parity or {}).items()} == {
        "onnxruntime": True,
        "numpy": True,
    }


@pytest.mark.slow
def test_gradient_steps_adapt_what_reads_categories() -> None:
    config = make_config(CORRIDOR, {"algorithm": "maml", "hidden_size": 8, "num_rollouts": 2, "inner_steps": 2})
    policy = config.method.make_policy(config, CORRIDOR)
    assert policy.initialisation["body_0_weight"].shape == (8, 7 + 1)
    bundle = bundle_policy(policy, config, CORRIDOR, {})
    assert [feature.kind for feature in bundle.manifest.observation] == ["category", "vector"]
    assert {engine for engine, result in (bundle.manifest.parity or {}).items() if result["weights"] <= 1e-5} == {
        "onnxruntime",
        "numpy",
    }


@pytest.mark.parametrize("algorithm", ["maml", "reptile"])
def test_gradient_steps_read_no_grid(algorithm: str) -> None:
    with pytest.raises(ConfigError, match=f"algorithm '{algorithm}' reads no grids, and atlas has map: train with"):
        make_config(ATLAS, {"algorithm": algorithm})


def test_gradient_steps_correct_beliefs_about_maps_but_predict_no_picture() -> None:
    assert make_config(ATLAS, {"gradient": True}).as_dict()["gradient"] is True
    with pytest.raises(
        ConfigError, match=r"predict every value .* gallery has more in view: train with gradient=false"
    ):
        make_config(GALLERY, {"gradient": True})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"size": 5, "shape": (2, 3)}, r"shape \(2, 3\) has 6 values, but size is 5"),
        ({"kind": "picture"}, r"kind is the text 'picture', expected one of 'vector', 'flags', 'category', 'grid'"),
        ({"kind": "grid", "shape": (4, 4)}, r"shape is \(4, 4\), expected \(channels, height, width\)"),
        ({"kind": "flags", "high": 2}, r"low -1.0 and high 2 of 'flags', expected 0 and 1"),
        ({"kind": "category", "high": 2.5}, r"high 2.5 of 'category', expected 0 and n - 1"),
        ({"kind": "category", "low": 1, "high": 3}, r"low 1 and high 3 of 'category', expected 0 and n - 1"),
        ({"shape": (0,)}, r"shape is 0, expected at least 1"),
    ],
)
def test_a_feature_that_makes_no_sense_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(FamilyError, match=words):
        Feature("view", **given)


def test_a_features_shape_and_size_say_the_same() -> None:
    assert (Feature("x", 4).shape, Feature("x").shape) == ((4,), (1,))
    assert (Feature("map", shape=(2, 3)).size, Feature("map", 6, shape=[2, 3]).shape) == (6, (2, 3))  # type: ignore[arg-type]
    item = Feature("item", high=4, kind="category")
    assert (item.low, item.num_categories) == (0, 5)
