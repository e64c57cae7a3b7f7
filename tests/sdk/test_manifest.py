"""The manifest goes through JSON unharmed, and what cannot be used is refused by name."""

# mypy: disable-error-code="arg-type"

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gameagent_sdk import Bundle, Manifest, ManifestError
from gameagent_sdk.authoring import (
    ActionSpec,
    AdvantageSpec,
    BeliefSpec,
    FeatureSpec,
    GradientSpec,
    NativeActionSpec,
    PartSpec,
    PlanSpec,
    TensorSpec,
)
from gameagent_sdk.bundle.json_fields import parse_object


def manifest(**changes: Any) -> Manifest:
    fields = {
        "name": "pong",
        "summary": "A paddle and a ball.",
        "observation": (FeatureSpec("ball", 2, -1.0, 1.0, "m", "where it is"), FeatureSpec("paddle")),
        "action": ActionSpec(("up", "down"), mask=True),
        "hidden_state": (TensorSpec("hidden_h", (8,)),),
        "beliefs": (
            BeliefSpec("gravity", "categorical", options=("low", "high"), values=(1.0, 2.0)),
            BeliefSpec("worth", "scalar", 0, center=1.0, scale=0.5, unit="points"),
            BeliefSpec("worth", "scalar", 1),
        ),
        "num_episodes": 4,
        "max_steps": 100,
        "temperature": 0.7,
        "adaptation": ("memory",),
        "training": {"seed": 1, "config": {"gamma": 0.99}, "note": None},
        "evaluation": {"curve": [1.0, 2.0]},
    }
    return Manifest(**(fields | changes))


def gradient(**changes: Any) -> GradientSpec:
    fields = {"weights": (TensorSpec("w", (2,)),), "max_kl": 1.0, "rollback_margin": 2.0, "learns_from": "rewards"}
    return GradientSpec(**(fields | changes))


PARTS = PartSpec(("ball",), (2,)), PartSpec(("paddle",))
BOXED = ActionSpec(("steer",), kind="box", low=(-1.0,), high=(1.0,))


def plan(**changes: Any) -> PlanSpec:
    fields = {"parts": PARTS, "action": NativeActionSpec((), "int64", ((3,), (4,)))}
    return PlanSpec(**(fields | changes))


def edited(**changes: Any) -> str:
    """The JSON of a good manifest with some top-level fields changed."""
    return json.dumps(json.loads(manifest().to_json()) | changes)


def test_json_round_trip() -> None:
    assert Manifest.from_json(manifest().to_json()) == manifest()


def test_a_box_goes_through_json_and_others_are_written_as_before_there_were_boxes() -> None:
    boxed = manifest(action=ActionSpec(("steer",), kind="box", low=(-1.0,), high=(2.5,), unit="m/s"))
    assert Manifest.from_json(boxed.to_json()) == boxed
    assert json.loads(manifest().to_json())["action"] == {"names": ["up", "down"], "mask": True, "kind": "discrete"}


def test_what_is_new_goes_through_json_and_is_left_out_if_it_is_the_default() -> None:
    board = FeatureSpec("board", 12, kind="grid", shape=(2, 3, 2))
    notes = TensorSpec("notes", (4, 8), lifetime="season", initial=0.5)
    full = manifest(observation=(board,), hidden_state=(notes,), frames_per_decision=6)
    assert Manifest.from_json(full.to_json()) == full
    assert json.loads(full.to_json())["frames_per_decision"] == 6
    plain = json.loads(manifest().to_json())
    assert "frames_per_decision" not in plain
    assert plain["hidden_state"] == [{"name": "hidden_h", "shape": [8], "dtype": "float32"}]
    assert set(plain["observation"][1]) == {"name", "size", "low", "high", "unit", "meaning"}


def test_a_plan_goes_through_json_and_older_manifests_have_none() -> None:
    image = PartSpec(("camera",), (4, 6, 2), axes=(2, 0, 1), pool=2, offset=1.5, scale=0.25)
    features = FeatureSpec("image", 12), FeatureSpec("paddle"), FeatureSpec("gravity"), FeatureSpec("colour", 3)
    rules = BeliefSpec("gravity", "scalar"), BeliefSpec("colour", "categorical", options=("red", "green", "blue"))
    full = manifest(observation=features, plan=plan(parts=(image, PARTS[1]), mask=("mask",), rules=rules))
    assert Manifest.from_json(full.to_json()) == full and full.shown_size == 4
    for other in (plan(), plan(action=NativeActionSpec((1, 1), "float64", ((0,), (7,))))):
        assert Manifest.from_json(manifest(plan=other).to_json()).plan == other
    assert "plan" not in json.loads(manifest().to_json()) and manifest().shown_size == 0
    assert json.loads(manifest(plan=plan()).to_json())["plan"] == {
        "parts": [{"path": ["ball"], "shape": [2]}, {"path": ["paddle"], "shape": []}],
        "action": {"shape": [], "dtype": "int64", "values": [[3], [4]]},
    }


def version_1(**gradient_fields: Any) -> str:
    """A manifest as it was written before the fields were renamed."""
    steps = {"weights": [], "episodes_per_step": 1, "max_kl": 1.0, "harm": 2.0, "graph_sha256": ""}
    weights = [{"name": "w", "shape": [2], "dtype": "float32"}]
    steps |= {"weights": weights} | gradient_fields
    return edited(schema_version=1, adaptation=["gradient"], gradient=steps)


def test_a_manifest_of_version_1_is_read_under_the_names_of_today() -> None:
    by_beliefs = Manifest.from_json(version_1())
    assert by_beliefs == manifest(adaptation=("gradient",), gradient=gradient())
    told = {"discount": 0.9, "gae_lambda": 0.8, "standardise": True, "best_return": 3.0, "usual_return": 1.0}
    spec = AdvantageSpec(0.9, 0.8, True, best_return=3.0, pre_adaptation_return=1.0)
    expected = gradient(learns_from="advantages", advantages=spec)
    assert Manifest.from_json(version_1(advantages=told)).gradient == expected
    assert Manifest.from_json(edited(schema_version=1)) == manifest()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"harm": "much"}, "gradient.rollback_margin must be a number"),
        ({"advantages": []}, "gradient.advantages must be an object"),
        ({"luck": 1}, "gradient.luck is unknown"),
    ],
)
def test_a_manifest_of_version_1_is_read_as_strictly(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        Manifest.from_json(version_1(**fields))
    with pytest.raises(ManifestError, match="gradient must be an object"):
        Manifest.from_json(edited(schema_version=1, gradient=[]))


def test_sizes_are_derived() -> None:
    assert (manifest().observation_size, manifest().num_actions, manifest().belief_size) == (3, 2, 2 + 2 + 2)


def test_the_json_of_the_shipped_fixtures_reads_back(any_path: Path) -> None:
    loaded = Bundle.read(any_path).manifest
    assert Manifest.from_json(loaded.to_json()) == loaded


OPTIONAL_FIELDS = {"gradient", "plan", "frames_per_decision"}


@pytest.mark.parametrize("name", sorted({field.name for field in dataclasses.fields(Manifest)} - OPTIONAL_FIELDS))
def test_a_missing_field_is_named(name: str) -> None:
    fields = json.loads(manifest().to_json())
    del fields[name]
    with pytest.raises(ManifestError, match=f"{name} is missing"):
        Manifest.from_json(json.dumps(fields))


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Manifest)])
def test_a_mistyped_field_is_named(name: str) -> None:
    values = [True, [[[]]], 1 if name in ("name", "summary") else "2x"]
    for value in values:
        with pytest.raises(ManifestError, match=name):
            Manifest.from_json(edited(**{name: value}))


@pytest.mark.parametrize("version", [0, 3, "2", 2.0, True, None])
def test_another_schema_version_is_refused_before_anything_else(version: Any) -> None:
    with pytest.raises(ManifestError, match=r"schema_version .* upgrade gameagent-sdk"):
        Manifest.from_json(json.dumps({"schema_version": version, "of_the_future": 1}))


def test_a_name_given_twice_is_refused_at_any_depth() -> None:
    text = manifest().to_json().replace('"seed": 1', '"seed": 1, "seed": 2')
    with pytest.raises(ManifestError, match="given twice"):
        Manifest.from_json(text)


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(ManifestError, match="colour is unknown"):
        Manifest.from_json(edited(colour="red"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observation": [{"name": "x"}]}, r"observation\[0\]\.high is missing"),
        ({"action": {"kind": "dice", "names": ["a"], "mask": False}}, "must be 'discrete' or 'box', given 'dice'"),
        (
            {"action": {"kind": "box", "names": ["a"], "mask": False, "low": [0], "high": 1}},
            "action.high must be a list",
        ),
        ({"action": {"kind": "discrete", "names": ["a"], "mask": 1}}, "action.mask must be true or false, given 1"),
        ({"hidden_state": [{"name": "h", "shape": [2.0], "dtype": "float32"}]}, r"hidden_state\[0\]\.shape\[0\] must"),
        ({"temperature": 10**400}, "temperature must be a finite number"),
        ({"name": "x" * 10**6}, None),
        ({"name": "\x1b[2J"}, r"name must be a line of printable text, given '\\x1b\[2J'"),
        ({"name": "\ud800"}, "name must be a line of printable text"),
        ({"action": {"kind": "discrete", "names": ["\x07"], "mask": False}}, r"action.names\[0\] must be a line"),
        ({"\x1b[2J": 1}, r"manifest field \\x1b\[2J is unknown"),
        ({"max_steps": "x" * 10**6}, "max_steps must be an integer, given 'xxx"),
    ],
)
def test_nested_fields_are_named(changes: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert Manifest.from_json(edited(**changes)).name == changes["name"]
        return
    with pytest.raises(ManifestError, match=message) as error:
        Manifest.from_json(edited(**changes))
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "null", "[" * 100_000, '{"a": 1, "a": 2}', '{"schema_version": NaN}', '{"a": 1,}']
)
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ManifestError):
        Manifest.from_json(text)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: FeatureSpec("x", 0), "'x': size"),
        (lambda: FeatureSpec("x", low=math.inf), "'x': low and high must be within 3e\\+38 of 0, or None"),
        (lambda: FeatureSpec("x", low=2.0, high=1.0), "low 2.0 is above high"),
        (
            lambda: FeatureSpec("x", kind="picture"),
            "kind must be one of vector, flags, category, grid, given 'picture'",
        ),
        (lambda: FeatureSpec("x", 6, shape=(2, 4)), r"shape \(2, 4\) must hold size 6 numbers"),
        (lambda: FeatureSpec("x", 6, shape=(-2, -3)), "sizes from 1 to 6"),
        (lambda: FeatureSpec("x", 1, shape=(1,) * 8), "at most 7 axes"),
        (lambda: ActionSpec(()), "at least one action"),
        (lambda: ActionSpec(("a", "a")), "given twice: a"),
        (lambda: ActionSpec(("a",), low=(0.0,), high=(1.0,)), "are for a box"),
        (lambda: ActionSpec(("a",), True, "box", (0.0,), (1.0,)), "mask must be false"),
        (lambda: ActionSpec(("a", "b"), False, "box", (0.0,), (1.0, 1.0)), "each of its 2 names"),
        (lambda: ActionSpec(("a",), False, "box", (1.0,), (1.0,)), "'a': low 1.0 must be below high 1.0"),
        (lambda: ActionSpec(("a",), False, "box", (0.0,), (5e-324,)), "must be below"),
        (lambda: ActionSpec(("a",), False, "box", (-math.inf,), (1.0,)), "within 3e"),
        (lambda: ActionSpec(("a",), False, "box", (0.0,), (math.nan,)), "within 3e"),
        (lambda: ActionSpec(("a",), False, "box", (0.0,), (1e39,)), "within 3e"),
        (lambda: TensorSpec("logits", (1,)), "'logits' must be"),
        (lambda: TensorSpec("a b", (1,)), "plain identifier"),
        (lambda: TensorSpec("h", (0,)), "sizes of at least 1"),
        (lambda: TensorSpec("h", (2**20, 2**20)), "elements at most"),
        (lambda: TensorSpec("h", (1,) * 8), "7 axes at most"),
        (lambda: TensorSpec("h", (1,), "float64"), "dtype must be 'float32'"),
        (lambda: TensorSpec("h", (1,), lifetime="game"), "lifetime must be one of trial, season, given 'game'"),
        (lambda: TensorSpec("h", (1,), initial=math.nan), "initial must be within 3e\\+38 of 0, given nan"),
        (lambda: PartSpec(("x",) * 17), "path must have at most 16 steps"),
        (lambda: PartSpec((), (0,)), "at most 7 axes and 16777216 numbers, given .0,."),
        (lambda: PartSpec((), (2, 3), axes=(1,)), "an order of the 2 axes"),
        (lambda: PartSpec((), (2, 3), pool=3), "at most the sides of an image, given 3"),
        (lambda: PartSpec(("a", "b"), scale=math.inf), r"observation\['a'\]\['b'\]'?.*: offset and scale .* given 0.0"),
        (lambda: NativeActionSpec((), "complex64"), "dtype 'complex64' is not one of"),
        (lambda: NativeActionSpec((2,), "int8", ((1, 2, 3),)), "must hold 2 numbers"),
        (lambda: NativeActionSpec((), "int8", ((1,), (1,))), "values must differ"),
        (lambda: NativeActionSpec((), "int8", ((128,),)), "values must be numbers of dtype int8, given 128"),
        (lambda: NativeActionSpec((), "float32", ((2**24 + 1,),)), "dtype float32, given 16777217"),
        (lambda: plan(parts=()), "parts must have 1 to 4096 entries"),
        (lambda: plan(parts=(PartSpec(), PartSpec())), "paths of parts must differ, given twice: observation"),
        (lambda: plan(parts=(PartSpec(("a",)), PartSpec(("a", "b")))), "lies within .*, which is a part"),
        (lambda: plan(parts=(PartSpec(),), mask=("mask",)), r"observation\['mask'\] lies within observation, which"),
        (lambda: plan(parts=[PartSpec((str(i),), (2**22,)) for i in range(5)]), "at most 16777216 numbers together"),
        (lambda: plan(rules=(BeliefSpec("r", "scalar", 1),)), "plan.rules: .* in order"),
        (lambda: manifest(plan=plan(parts=(PartSpec((), (2,)),))), "1 parts and 0 rules must be one for each of 2"),
        (lambda: manifest(plan=plan(parts=(PARTS[1], PARTS[0]))), "feature 'ball' has size 2, what fills it 1"),
        (lambda: manifest(plan=plan(action=NativeActionSpec((), "int8", ((0,),)))), "values must be 2, given 1"),
        (lambda: manifest(action=ActionSpec(("up", "down")), plan=plan(mask=("m",))), "plan.mask must be empty"),
        (lambda: manifest(action=BOXED, plan=plan()), "values must be empty for a box"),
        (lambda: manifest(action=BOXED, plan=plan(action=NativeActionSpec((2,), "int8"))), "must hold 1 numbers"),
        (lambda: manifest(action=BOXED, plan=plan(action=NativeActionSpec((), "uint8"))), "dtype uint8 must hold all"),
        (lambda: gradient(weights=()), "name at least one tensor"),
        (lambda: gradient(weights=(TensorSpec("w", (1,), initial=1.0),)), "values in the graph"),
        (lambda: gradient(rollback_margin=0.0), "rollback_margin must be finite and above 0"),
        (lambda: gradient(learns_from="luck"), "learns_from must be one of rewards, advantages, given 'luck'"),
        (lambda: gradient(learns_from="advantages"), "if and only if gradient.learns_from is 'advantages'"),
        (lambda: gradient(advantages=AdvantageSpec(0.9, 0.8, True)), "if and only if"),
        (lambda: BeliefSpec("r", "gaussian"), "not categorical or scalar"),
        (lambda: BeliefSpec("r", "categorical", options=("a",)), "at least two"),
        (lambda: BeliefSpec("r", "categorical", options=("a", "b"), values=(1.0,)), "one per option"),
        (lambda: BeliefSpec("r", "scalar", options=("a", "b")), "for categoricals"),
        (lambda: BeliefSpec("r", "scalar", scale=0.0), "scale must be above 0"),
        (lambda: manifest(observation=()), "observation must have 1 to 4096 entries, given 0"),
        (
            lambda: manifest(observation=tuple(FeatureSpec(f"f{i}") for i in range(5000))),
            "1 to 4096 entries, given 5000",
        ),
        (lambda: manifest(num_episodes=10**4000), "num_episodes must be at least 1, at most 1000000000"),
        (lambda: manifest(max_steps=10**10), "max_steps must be at least 1, at most 1000000000"),
        (lambda: manifest(temperature=1e308), "temperature must be 0 or above, at most 3e\\+38"),
        (lambda: ActionSpec(tuple(map(str, range(20_000)))), "at most 16384, given 20000"),
        (lambda: manifest(observation=(FeatureSpec("x"), FeatureSpec("x"))), "given twice: x"),
        (lambda: manifest(hidden_state=(TensorSpec("h", (1,)), TensorSpec("next_h", (1,)))), "given twice: next_h"),
        (lambda: manifest(num_episodes=0), "num_episodes"),
        (lambda: manifest(max_steps=0), "max_steps"),
        (
            lambda: manifest(frames_per_decision=0),
            "frames_per_decision must be at least 1, at most 1000000000, given 0",
        ),
        (lambda: manifest(frames_per_decision=10**10), "frames_per_decision must be at least 1"),
        (lambda: manifest(temperature=-1.0), "temperature"),
        (lambda: manifest(graph_sha256="abc"), "graph_sha256"),
        (lambda: manifest(beliefs=(BeliefSpec("r", "scalar"), BeliefSpec("r", "scalar"))), "two slots"),
        (lambda: manifest(beliefs=(BeliefSpec("r", "scalar", 1),)), "in order"),
        (lambda: manifest(beliefs=(BeliefSpec("r", "scalar"), BeliefSpec("r", "scalar", 1))), "in order"),
        (lambda: manifest(beliefs=(BeliefSpec("r", "scalar", 0), BeliefSpec("r", "scalar"))), "two slots"),
        (
            lambda: manifest(
                beliefs=(BeliefSpec("r", "scalar", 0), BeliefSpec("q", "scalar"), BeliefSpec("r", "scalar", 1))
            ),
            "slots together",
        ),
    ],
)
def test_impossible_combinations_fail_with_the_field_s_name(build: Callable[..., Any], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        build()


@pytest.mark.parametrize("training", [{"x": math.nan}, {"x": object()}, {"x": {1, 2}}])
def test_what_does_not_survive_json_is_not_written(training: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="JSON"):
        manifest(training=training).to_json()


def test_what_is_nested_deeper_than_anyone_writes_is_refused_before_somebody_runs_out_of_stack() -> None:
    def nested(depth: int) -> str:
        return '{"training": ' + "[" * depth + "]" * depth + "}"

    assert parse_object(nested(63)) == {"training": json.loads("[" * 63 + "]" * 63)}
    for depth in (64, 500, 100_000):
        with pytest.raises(ManifestError, match=r"nested deeper than 64|not valid JSON"):
            parse_object(nested(depth))
