"""The contract of a distribution, and the slot: the unit of encodings and beliefs."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Slot:
    """One number or one choice among the hidden or shown rules: the unit of encodings and beliefs.

    Attributes:
        rule: The rule's name.
        index: Position within an array rule, else None.
        kind: "categorical" (encoded one-hot) or "scalar" (encoded as ``(value - center) / scale``).
        options: Labels of a categorical slot's options.
        values: The options as numbers, if they are numbers.
        center: Middle of a scalar's training range, in ``unit``.
        scale: Half the width of that range, in ``unit``.
        unit: Unit of the rule's values.
    """

    rule: str
    index: int | None
    kind: str
    options: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    center: float = 0.0
    scale: float = 1.0
    unit: str = "1"

    @property
    def label(self) -> str:
        """Readable unique name: ``worth[2]`` or ``wrap``."""
        return self.rule if self.index is None else f"{self.rule}[{self.index}]"

    @property
    def size(self) -> int:
        """Number of float32 values of the encoding."""
        return len(self.options) if self.kind == "categorical" else 1

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest encoded value, out-of-range values included."""
        return (0.0, 1.0) if self.kind == "categorical" else (-np.inf, np.inf)


class Distribution(Protocol):
    """What every distribution offers. ``shape`` is () for a single value.

    Three more members are optional, for distributions whose values can be listed or cut finer; ours have them:

    - ``num_values`` (int) and ``all_values()`` (each value of the training range, ``(num, *shape)``, and how likely it
      is, ``(num,)``): without them the space counts as infinite, and each value is held out by itself;
    - ``fine_cells(stored, per_range)``: like ``cells``, with ranges cut into ``per_range`` parts; held-out combinations
      are made of them. Without it every value is a fine cell of its own.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one value: () or ``(size,)``."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        ...

    @property
    def has_beyond(self) -> bool:
        """Whether there are out-of-range values."""
        ...

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        """Draws ``(num, *shape)`` stored values, all from the range or all from beyond it."""
        ...

    def cells(self, stored: NDArray[Any]) -> NDArray[np.int64]:
        """The cell of each value: ``(num, cells of one value)``, from 0; fixed rules have none.

        Cells are what margins are counted by (every split has each cell equally often) and what ``hold_out="values"``
        and ``"pairs"`` keep from training.
        """
        ...

    def contains(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each ``(num, *shape)`` value lies in the training range: ``(num,)``."""
        ...

    def store(self, value: Any) -> NDArray[Any]:
        """Turns a person's value into the stored form. Raises ValueError saying what is allowed."""
        ...

    def show(self, stored: NDArray[Any]) -> Any:
        """Turns a stored value back into what a person writes in JSON or TOML."""
        ...

    def slots(self, rule: str, unit: str) -> tuple[Slot, ...]:
        """The slots of a rule with this distribution, in the order of the encoding."""
        ...

    def encode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """The encoding of ``(num, *shape)`` values: ``(num, sum of slot sizes)``."""
        ...


def slot_indices(shape: tuple[int, ...]) -> list[int | None]:
    """`Slot.index` of each slot of a rule of ``shape``."""
    return [None] if shape == () else list(range(shape[0]))
