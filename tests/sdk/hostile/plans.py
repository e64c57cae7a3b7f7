"""Faults of a manifest's plan: how an environment's own observations are read and its actions made."""

# mypy: disable-error-code="misc"

from typing import Any

from sdk.hostile.kinds import BUNDLES, REFUSED, TAME
from sdk.hostile.manifests import BOX, CHOICE, FEATURE, GAUGE
from sdk.hostile.sound import bundle

PART: dict[str, Any] = {"path": ["place"], "shape": [3]}
ACTION: dict[str, Any] = {"shape": [], "dtype": "int64", "values": [[0], [1]]}
PLAN: dict[str, Any] = {"parts": [PART], "action": ACTION}
TWO_FEATURES = [FEATURE | {"name": "place", "size": 2}, FEATURE | {"name": "more", "size": 1}]
BOXED = {"shape": [2], "dtype": "float32", "values": []}


def part(**changes: Any) -> dict[str, Any]:
    """A plan whose one part is another."""
    return {"plan": PLAN | {"parts": [PART | changes]}}


def action(**changes: Any) -> dict[str, Any]:
    """A plan with another action."""
    return {"plan": PLAN | {"action": ACTION | changes}}


def two(first: dict[str, Any], second: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A plan of two parts."""
    return {"observation": TWO_FEATURES, "plan": PLAN | {"parts": [first, second]} | changes}


HUGE = 2**62
WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "a_list": ("a list", {"plan": []}),
    "true": ("true", {"plan": True}),
    "empty": ("nothing", {"plan": {}}),
    "without_parts": ("no parts", {"plan": PLAN | {"parts": []}}),
    "without_action": ("no action", {"plan": {"parts": [PART]}}),
    "unknown_field": ("a field that nobody knows", {"plan": PLAN | {"run_this": "rm -rf /"}}),
    "many_parts": ("100,000 parts of nothing", {"plan": PLAN | {"parts": [{"path": [], "shape": []}] * 100_000}}),
    "part_without_shape": ("a part without a shape", {"plan": PLAN | {"parts": [{"path": []}]}}),
    "part_of_another_size": ("a part of another size", part(shape=[4])),
    "parts_too_many": ("a part too many", {"plan": PLAN | {"parts": [PART, PART | {"path": ["b"]}]}}),
    "parts_alike": ("two parts of one path", two(PART | {"shape": [2]}, PART | {"shape": [1]})),
    "part_within_a_part": ("a part in a part", two(PART | {"shape": [2]}, {"path": ["place", "0"], "shape": [1]})),
    "part_within_everything": ("a part in a whole", two({"path": [], "shape": [2]}, {"path": ["a"], "shape": [1]})),
    "path_a_text": ("a path that is a text", part(path="place")),
    "path_of_numbers": ("a path of numbers", part(path=[0])),
    "path_deep": ("a path of 100,000 steps", part(path=["a"] * 100_000)),
    "path_with_control_codes": ("terminal codes in a path", part(path=["\x1b[2J"])),
    "path_with_a_surrogate": ("half a surrogate pair in a path", part(path=["\ud800"])),
    "shape_negative": ("negative sizes", part(shape=[-1, -3])),
    "shape_zero": ("a size of 0", part(shape=[3, 0])),
    "shape_of_floats": ("sizes that are no integers", part(shape=[3.0])),
    "shape_huge": ("a shape of 2**62", part(shape=[HUGE])),
    "shape_overflow": ("a shape whose product overflows", part(shape=[2**32, 2**32])),
    "shape_of_4000_digits": ("sizes of 4000 digits", part(shape=[10**3999] * 7)),
    "shape_of_rank_100000": ("100,000 axes", part(shape=[1] * 100_000)),
    "shape_pooled_from_everything": ("2**36 pixels for three", part(shape=[3, 2**17, 2**17], pool=2**17)),
    "axes_twice": ("an axis twice", part(shape=[3, 1], axes=[0, 0])),
    "axes_negative": ("negative axes", part(shape=[3, 1], axes=[-1, -2])),
    "axes_huge": ("axes that are not there", part(axes=[HUGE])),
    "axes_many": ("100,000 axes for one", part(axes=[0] * 100_000)),
    "pool_zero": ("squares of no pixels", part(shape=[1, 3], pool=0)),
    "pool_negative": ("squares of -1 pixels", part(shape=[1, 3], pool=-1)),
    "pool_huge": ("squares of 2**62 pixels", part(shape=[1, 3], pool=HUGE)),
    "pool_of_a_vector": ("squares of a vector", part(pool=2)),
    "pool_a_fraction": ("squares of half a pixel", part(shape=[1, 3], pool=0.5)),
    "scale_zero": ("a scale of 0", part(scale=0.0)),
    "scale_denormal": ("a scale that single precision does not hold", part(scale=5e-324)),
    "scale_huge": ("a scale beyond single precision", part(scale=1e300)),
    "offset_huge": ("an offset beyond single precision", part(offset=-1e300)),
    "offset_a_text": ("an offset that is a text", part(offset="0")),
    "action_dtype_object": ("objects for actions", action(dtype="object")),
    "action_dtype_text": ("texts for actions", action(dtype="U9")),
    "action_dtype_of_a_gigabyte": ("actions of a gigabyte each", action(dtype="V1000000000")),
    "action_shape_huge": ("an action of 2**62 numbers", action(shape=[HUGE])),
    "action_shape_negative": ("an action of -1 numbers", action(shape=[-1])),
    "action_values_short": ("an action without a value", action(values=[[0]])),
    "action_values_many": ("values of actions that are not there", action(values=[[0], [1], [2]])),
    "action_values_none": ("no values", action(values=[])),
    "action_values_wide": ("values of two numbers for one", action(values=[[0, 1], [1, 0]])),
    "action_values_alike": ("one value for two actions", action(values=[[0], [0]])),
    "action_values_beyond": ("a value beyond its dtype", action(dtype="int8", values=[[0], [128]])),
    "action_values_beyond_float": ("a value that float32 rounds", action(dtype="float32", values=[[0], [2**24 + 1]])),
    "action_values_of_4000_digits": ("values of 4000 digits", action(values=[[0], [10**3999]])),
    "action_values_fractions": ("values that are no integers", action(values=[[0.5], [1.5]])),
    "action_many_values": ("300,000 values of an action", action(values=[[i] for i in range(100_000)])),
    "box_with_values": ("values for a box", {"action": BOX, "plan": PLAN}),
    "box_of_another_size": ("a box of three", {"action": BOX, "plan": PLAN | {"action": BOXED | {"shape": [3]}}}),
    "box_beyond_its_dtype": (
        "a box beyond its dtype",
        {"action": BOX | {"high": [1.0, 1e30]}, "plan": PLAN | {"action": BOXED | {"dtype": "int8"}}},
    ),
    "mask_without_a_mask": ("a mask that the policy does not take", {"plan": PLAN | {"mask": ["mask"]}}),
    "mask_a_text": ("a mask's path that is a text", {"plan": PLAN | {"mask": "mask"}}),
    "mask_deep": ("a mask 100,000 steps deep", {"plan": PLAN | {"mask": ["a"] * 100_000}}),
    "rule_without_a_feature": ("a rule without a feature", {"plan": PLAN | {"rules": [GAUGE]}}),
    "rule_wider_than_its_feature": (
        "a choice of two for one number",
        {"observation": TWO_FEATURES, "plan": PLAN | {"parts": [PART | {"shape": [2]}], "rules": [CHOICE]}},
    ),
    "rule_twice": ("a rule twice", {"plan": PLAN | {"rules": [GAUGE, GAUGE]}}),
    "rule_of_index_5": ("an array rule that begins with its sixth", {"plan": PLAN | {"rules": [GAUGE | {"index": 5}]}}),
    "rule_without_scale": ("a rule whose scale is 0", {"plan": PLAN | {"rules": [GAUGE | {"scale": 0.0}]}}),
}  # fmt: skip
for name, (attack, fields) in WRONG.items():
    BUNDLES.add_bytes(
        f"plan_{name}", f"a plan that is or has {attack}.", REFUSED, lambda fields=fields: bundle(manifest=fields)
    )


def told(**changes: Any) -> dict[str, Any]:
    """A plan with a shown rule."""
    return {"observation": TWO_FEATURES, "plan": PLAN | {"parts": [PART | {"shape": [2]}], "rules": [GAUGE | changes]}}


GAUGES: dict[str, tuple[str, dict[str, Any]]] = {
    "center_greatest": ("in the middle of which lies the greatest number", {"center": 1.7e308}),
    "scale_least": ("of the least scale", {"scale": 5e-324}),
    "scale_greatest": ("of the greatest scale", {"scale": 1.7e308}),
    "named_by_a_megabyte": ("of a very long name", {"rule": "r" * 900_000}),
}
for name, (attack, changes) in GAUGES.items():
    BUNDLES.add_bytes(
        f"plan_rule_{name}",
        f"a shown rule {attack}.",
        TAME,
        lambda changes=changes: bundle(manifest=told(**changes)),
    )


@BUNDLES.accepted
def plan_sound() -> bytes:
    """nothing: a plan, which the others are changed from."""
    return bundle(manifest={"plan": PLAN})


@BUNDLES.accepted
def plan_with_a_rule() -> bytes:
    """nothing: a plan with a shown rule."""
    return bundle(manifest=told())


@BUNDLES.accepted
def plan_of_many_pixels() -> bytes:
    """an image of almost a million pixels, of which three numbers are left."""
    return bundle(manifest=part(shape=[3, 2**9, 2**9], pool=2**9))


@BUNDLES.tame
def plan_path_of_a_megabyte() -> bytes:
    """a path that would fill every message."""
    return bundle(manifest=part(path=["x" * 500_000, "y" * 500_000]))


@BUNDLES.tame
def plan_that_overflows() -> bytes:
    """an offset and a scale that lead out of single precision."""
    return bundle(manifest=part(offset=-3e38, scale=3e38))


@BUNDLES.tame
def plan_tuple_indices() -> bytes:
    """steps that look like other indices of a tuple than there are."""
    return bundle(manifest=part(path=["-1", " 1_0 ", "9" * 4000]))
