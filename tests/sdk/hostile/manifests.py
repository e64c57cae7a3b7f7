"""Faults of the manifest: no JSON, or JSON that lies."""

# mypy: disable-error-code="misc, var-annotated"

import json
from typing import Any

from sdk.hostile.kinds import BUNDLES, REFUSED, TAME
from sdk.hostile.onnx_writer import data, integer, metadata, opset
from sdk.hostile.sound import KEY, MANIFEST, bundle, policy, sha256, with_text

HASH = sha256(policy())
SOUND = json.dumps(MANIFEST | {"graph_sha256": HASH})


@BUNDLES.refused
def no_manifest() -> bytes:
    """an ordinary ONNX model."""
    return integer(1, 8) + opset(17) + data(7, policy())


@BUNDLES.refused
def two_manifests() -> bytes:
    """two manifests: readers choose differently."""
    return bundle(extra=metadata(KEY, SOUND))


def sound_but(field: str, value: str) -> str:
    """The sound manifest's text with one field's value written otherwise."""
    name, old = {
        "max_steps": ('"max_steps": ', "10"),
        "name": ('"name": ', '"hostile"'),
        "temperature": ('"temperature": ', "1.0"),
        "training": ('"training": ', "{}"),
    }[field]
    return SOUND.replace(name + old, name + value)


MANY_ZEROS = "1" + "0" * 100_000
TWO_HASHES = SOUND[:-1] + ', "graph_sha256": "' + "0" * 64 + '"}'
TWO_MASKS = SOUND.replace('"mask": false', '"mask": true, "mask": false')
TEXTS: dict[str, tuple[str, str | bytes]] = {
    "empty": ("nothing.", ""),
    "prose": ("no JSON.", "trust me"),
    "a_list": ("a list.", "[]"),
    "a_number": ("a number.", "1"),
    "null": ("null.", "null"),
    "cut": ("JSON cut in half.", SOUND[: len(SOUND) // 2]),
    "twice": ("two objects.", SOUND + SOUND),
    "not_utf8": ("not UTF-8.", SOUND.encode().replace(b"hostile", b"\xff\xfe")),
    "utf16": ("UTF-16.", SOUND.encode("utf-16")),
    "with_nan": ("NaN, which is no JSON.", sound_but("temperature", "NaN")),
    "with_infinity": ("Infinity, which is no JSON.", sound_but("temperature", "Infinity")),
    "with_a_huge_float": ("a number beyond float64.", sound_but("temperature", "1e999")),
    "with_a_huge_integer": ("a number of 100,000 digits.", sound_but("max_steps", MANY_ZEROS)),
    "with_a_huge_seed": ("100,000 digits in a free field.", sound_but("training", f'{{"seed": {MANY_ZEROS}}}')),
    "nested_lists": ("100,000 lists in one another.", "[" * 100_000),
    "nested_closed_lists": ("100,000 closed lists in one another.", "[" * 100_000 + "]" * 100_000),
    "nested_training": ("a deep free field.", sound_but("training", '{"a":' * 50_000 + "1" + "}" * 50_000)),
    "key_twice": ("a name given twice: readers choose differently.", TWO_HASHES),
    "key_twice_deep": ("a name given twice within the action.", TWO_MASKS),
    "with_a_surrogate": ("half a surrogate pair, which no UTF-8 can hold.", sound_but("name", '"\\ud800"')),
    "with_a_byte_order_mark": ("a byte order mark.", b"\xef\xbb\xbf" + SOUND.encode()),
    "with_control_codes": ("terminal codes in a field's name.", SOUND.replace('"summary"', '"\\u001b[2Jsummary"')),
}
HARMLESS = ("key_twice_deep", "with_a_surrogate", "with_a_byte_order_mark")  # to the one reader there is
for text_name, (attack, text) in TEXTS.items():
    BUNDLES.add_bytes(
        f"manifest_{text_name}",
        f"a manifest that is or has {attack}",
        TAME if text_name in HARMLESS else REFUSED,
        lambda text=text: with_text(text),
    )

FEATURE = MANIFEST["observation"][0]
TENSOR = MANIFEST["hidden_state"][0]
GAUGE = {
    "rule": "r",
    "kind": "scalar",
    "index": None,
    "options": [],
    "values": [],
    "center": 0.0,
    "scale": 1.0,
    "unit": "",
}
BOX = {"names": ["a", "b"], "mask": False, "kind": "box", "low": [0.0, 0.0], "high": [1.0, 1.0], "unit": ""}
CHOICE = GAUGE | {"kind": "categorical", "options": ["a", "b"]}
FIELDS: dict[str, dict[str, Any]] = {
    "of_version_0": {"schema_version": 0},
    "of_version_3": {"schema_version": 3},
    "of_version_true": {"schema_version": True},
    "of_version_two_point_zero": {"schema_version": 2.0},
    "of_version_text": {"schema_version": "2"},
    "hash_missing": {"graph_sha256": ""},
    "hash_wrong": {"graph_sha256": "0" * 64},
    "hash_in_capitals": {"graph_sha256": HASH.upper()},
    "hash_cut": {"graph_sha256": HASH[:63]},
    "hash_with_a_line_break": {"graph_sha256": HASH + "\n"},
    "hash_in_other_digits": {"graph_sha256": "".join(chr(0x660 + int(c)) if c.isdigit() else c for c in HASH)},
    "hash_null": {"graph_sha256": None},
    "unknown_field": {"run_this": "rm -rf /"},
    "observation_empty": {"observation": []},
    "observation_null": {"observation": None},
    "observation_size_0": {"observation": [FEATURE | {"size": 0}]},
    "observation_size_negative": {"observation": [FEATURE | {"size": -3}]},
    "observation_size_wrong": {"observation": [FEATURE | {"size": 4}]},
    "observation_size_16_million": {"observation": [FEATURE | {"size": 2**24}]},
    "observation_size_huge": {"observation": [FEATURE | {"size": 2**62}]},
    "observation_size_float": {"observation": [FEATURE | {"size": 3.0}]},
    "observation_many_huge": {"observation": [FEATURE | {"name": f"f{i}", "size": 2**24} for i in range(1000)]},
    "observation_name_twice": {"observation": [FEATURE | {"size": 1}, FEATURE | {"size": 2}]},
    "observation_bounds_crossed": {"observation": [FEATURE | {"low": 1.0, "high": -1.0}]},
    "actions_none": {"action": {"names": [], "mask": False, "kind": "discrete"}},
    "actions_three": {"action": {"names": ["a", "b", "c"], "mask": False, "kind": "discrete"}},
    "actions_alike": {"action": {"names": ["a", "a"], "mask": False, "kind": "discrete"}},
    "actions_thirty_thousand": {"action": MANIFEST["action"] | {"names": [f"a{i}" for i in range(30_000)]}},
    "actions_continuous": {"action": {"names": ["a", "b"], "mask": False, "kind": "continuous"}},
    "actions_box_without_its_outputs": {"action": BOX},
    "actions_box_crossed": {"action": BOX | {"low": [0.0, 2.0]}},
    "actions_box_short": {"action": BOX | {"low": [0.0]}},
    "actions_box_without_bounds": {"action": {"names": ["a", "b"], "mask": False, "kind": "box"}},
    "actions_box_beyond_float32": {"action": BOX | {"high": [1.0, 1e300]}},
    "actions_box_too_narrow": {"action": BOX | {"low": [0.0, 0.0], "high": [1.0, 5e-324]}},
    "actions_box_masked": {"action": BOX | {"mask": True}},
    "actions_box_unit_a_list": {"action": BOX | {"unit": []}},
    "actions_discrete_with_bounds": {"action": BOX | {"kind": "discrete"}},
    "actions_masked": {"action": {"names": ["a", "b"], "mask": True, "kind": "discrete"}},
    "actions_a_text": {"action": {"names": "ab", "mask": False, "kind": "discrete"}},
    "hidden_none": {"hidden_state": []},
    "hidden_wider": {"hidden_state": [TENSOR | {"shape": [3]}]},
    "hidden_scalar": {"hidden_state": [TENSOR | {"shape": []}]},
    "hidden_negative": {"hidden_state": [TENSOR | {"shape": [-2]}]},
    "hidden_zero": {"hidden_state": [TENSOR | {"shape": [0]}]},
    "hidden_huge": {"hidden_state": [TENSOR | {"shape": [2**24, 2**24]}]},
    "hidden_overflow": {"hidden_state": [TENSOR | {"shape": [2**32, 2**32]}]},
    "hidden_of_rank_100000": {"hidden_state": [TENSOR | {"shape": [1] * 100_000}]},
    "hidden_many": {"hidden_state": [TENSOR | {"name": f"h{i}", "shape": [2**24]} for i in range(1000)]},
    "hidden_object": {"hidden_state": [TENSOR | {"dtype": "object"}]},
    "hidden_called_observation": {"hidden_state": [TENSOR | {"name": "observation"}]},
    "hidden_called_next": {"hidden_state": [TENSOR, TENSOR | {"name": "next_hidden_h"}]},
    "hidden_twice": {"hidden_state": [TENSOR, TENSOR]},
    "beliefs_not_in_the_graph": {"beliefs": [GAUGE]},
    "beliefs_one_option": {"beliefs": [CHOICE | {"options": ["a"]}]},
    "beliefs_values_too_few": {"beliefs": [CHOICE | {"values": [1.0]}]},
    "beliefs_scale_zero": {"beliefs": [GAUGE | {"scale": 0.0}]},
    "beliefs_scale_negative": {"beliefs": [GAUGE | {"scale": -1.0}]},
    "beliefs_of_no_kind": {"beliefs": [GAUGE | {"kind": "hunch"}]},
    "beliefs_rule_twice": {"beliefs": [GAUGE, GAUGE]},
    "beliefs_index_5": {"beliefs": [GAUGE | {"index": 5}]},
    "episodes_none": {"num_episodes": 0},
    "steps_negative": {"max_steps": -1},
    "steps_true": {"max_steps": True},
    "temperature_negative": {"temperature": -1.0},
    "temperature_text": {"temperature": "1"},
    "training_a_list": {"training": []},
    "evaluation_a_text": {"evaluation": "excellent"},
    "name_a_number": {"name": 5},
}  # fmt: skip
for field_name, fields in FIELDS.items():
    BUNDLES.add_bytes(
        f"manifest_{field_name}",
        f"a manifest with the wrong {', '.join(fields)}: {field_name.replace('_', ' ')}.",
        REFUSED,
        lambda fields=fields: bundle(manifest=fields),
    )


@BUNDLES.tame
def manifest_temperature_tiny() -> bytes:
    """a temperature so small that dividing by it overflows."""
    return bundle(manifest={"temperature": 5e-324})


@BUNDLES.tame
def manifest_temperature_huge() -> bytes:
    """the greatest temperature there is."""
    return bundle(manifest={"temperature": 1.7e308})


@BUNDLES.tame
def manifest_steps_huge() -> bytes:
    """a time limit beyond 64 bits."""
    return bundle(manifest={"max_steps": 10**30, "num_episodes": 10**30})


@BUNDLES.tame
def manifest_texts_with_control_codes() -> bytes:
    """names that would repaint the terminal they are shown in."""
    return bundle(manifest={"name": "\x1b[2J\x00", "summary": "\u202e" * 1000})


@BUNDLES.tame
def manifest_of_ten_megabytes() -> bytes:
    """ten megabytes of training notes."""
    return bundle(manifest={"training": {"notes": "x" * 10_000_000}})


@BUNDLES.tame
def manifest_unknown_adaptation() -> bytes:
    """a way of adapting that nobody knows."""
    return bundle(manifest={"adaptation": ["download"]})


@BUNDLES.refused
def manifest_of_another_bundle() -> bytes:
    """a sound manifest, of another graph."""
    return with_text(SOUND, policy(extra=data(10, "changed")))
