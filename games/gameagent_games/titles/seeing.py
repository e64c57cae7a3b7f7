"""What a title's `observe` returns, checked and in the forms that others need: by name, or as one row."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import TitleError
from gameagent_games.titles.title import Title

WHOLE: Final = "observation"
"""Name of an observation that is one array and has no features."""


def named(title: Title, seen: Any) -> dict[str, NDArray[Any]]:
    """The values of an observation by name, as copies.

    Raises:
        TitleError: It is no array and no table of them, or does not fit the title's features.
    """
    if isinstance(seen, Mapping):
        values = {str(name): _array(str(name), value) for name, value in seen.items()}
        return {one.name: _sized(values, one) for one in title.features} if title.features else values
    whole = _array(WHOLE, seen)
    if not title.features:
        return {WHOLE: whole}
    sizes = [feature.size for feature in title.features]
    if whole.size != sum(sizes):
        raise TitleError(f"Title.observe gave {whole.size} values, expected the {sum(sizes)} of the title's features")
    parts = np.split(whole.reshape(-1), np.cumsum(sizes)[:-1])
    return {feature.name: part for feature, part in zip(title.features, parts, strict=True)}


def row(title: Title, seen: Any) -> NDArray[np.float32]:
    """The values of an observation in the order of the title's features, float32 ``(D,)``.

    Raises:
        TitleError: It does not fit the title's features.
    """
    return np.concatenate([value.reshape(-1) for value in named(title, seen).values()]).astype(np.float32)


def _array(name: str, value: Any) -> NDArray[Any]:
    try:
        array = np.array(value)
    except ValueError:
        array = np.array(None)
    if array.dtype.kind not in "biuf":
        raise TitleError(f"Title.observe gave {name} as {value!r}, expected a number or an array of numbers")
    return array


def _sized(values: Mapping[str, NDArray[Any]], feature: Any) -> NDArray[Any]:
    if feature.name not in values:
        raise TitleError(f"Title.observe gave {', '.join(values) or 'nothing'}, but not the feature {feature.name!r}")
    value = values[feature.name]
    if value.size != feature.size:
        raise TitleError(
            f"Title.observe gave {feature.name} with {value.size} values, expected {feature.size} of its feature"
        )
    return value
