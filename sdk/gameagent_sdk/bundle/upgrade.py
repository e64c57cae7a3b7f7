"""Reads manifests of an older schema version, so that shipped files keep working."""

from typing import Any


def upgraded(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a manifest in the current schema version; those of an unknown version are returned as given.

    Version 2 renamed two fields of ``gradient`` and says what the gradient steps learn from.

    Args:
        fields: The parsed JSON object; not checked yet, and left as it is.
    """
    version, gradient = fields.get("schema_version"), fields.get("gradient")
    if type(version) is not int or version != 1:
        return fields
    fields = fields | {"schema_version": 2}
    if isinstance(gradient, dict):
        fields["gradient"] = _gradient_of_version_1(gradient)
    return fields


def _gradient_of_version_1(gradient: dict[str, Any]) -> dict[str, Any]:
    gradient = _renamed(gradient, "harm", "rollback_margin")
    advantages = gradient.get("advantages")
    gradient["learns_from"] = "rewards" if advantages is None else "advantages"
    if isinstance(advantages, dict):
        gradient["advantages"] = _renamed(advantages, "usual_return", "pre_adaptation_return")
    return gradient


def _renamed(fields: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if name == old else name: value for name, value in fields.items()}
