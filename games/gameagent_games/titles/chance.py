"""The title's random numbers: generators of its own, seeded anew in every episode.

The `random` module's and numpy's own global generators are left alone, so the title and the rest of the program do not
disturb each other.
"""

import random
from typing import Any

import numpy as np

from gameagent_games.titles.patches import Patches, for_title

NUMPY_SEEDS = 2**32


class Chance:
    """Stands in for the `random` module and for numpy's global generator.

    Attributes:
        standard: What the functions of `random` draw from.
        numpy: What the functions of `numpy.random` draw from.
    """

    def __init__(self) -> None:
        self.standard = random.Random(0)
        self.numpy = np.random.RandomState(0)
        self._spare = random.Random(0)  # seeds of generators that the title makes without one

    def start(self, seed: int) -> None:
        """Seeds everything."""
        self._spare.seed(seed)
        self.standard.seed(seed)
        self.numpy.seed(seed % NUMPY_SEEDS)

    def patch(self, patches: Patches) -> None:
        """Puts these generators before the global ones."""
        ours = {name: getattr(self.standard, name) for name in random.__all__ if hasattr(self.standard, name)}
        patches.functions(random, ours | {"seed": self._seed})
        patches.set(random, "Random", self._random_class())
        legacy = {name: getattr(self.numpy, name) for name in dir(np.random) if self._is_legacy(name)}
        draw = self.numpy.random_sample
        patches.functions(np.random, legacy | {"seed": self._seed_numpy, "ranf": draw, "sample": draw})
        patches.set(np.random, "default_rng", for_title(np.random.default_rng, self._default_rng))

    def _is_legacy(self, name: str) -> bool:
        """Whether a function of `numpy.random` is one of the global generator's."""
        function = getattr(np.random, name)
        return not name.startswith("_") and hasattr(self.numpy, name) and not isinstance(function, type)

    def _seed(self, a: Any = None, version: int = 2) -> None:
        self.standard.seed(self._spare.getrandbits(64) if a is None else a, version)

    def _seed_numpy(self, seed: Any = None) -> None:
        self.numpy.seed(self._spare.getrandbits(32) if seed is None else seed)

    def _default_rng(self, seed: Any = None, real: Any = np.random.default_rng) -> Any:
        return real(self._spare.getrandbits(64) if seed is None else seed)

    def _random_class(self) -> type[random.Random]:
        """`random.Random`, whose generators without a seed get one of ours on the title's thread."""
        fresh = for_title(lambda: None, lambda: self._spare.getrandbits(64))

        class Random(random.Random):
            def __new__(cls, x: Any = None) -> "Random":
                return super().__new__(cls)

            def __init__(self, x: Any = None) -> None:
                super().__init__(fresh() if x is None else x)

        Random.__qualname__ = "Random"
        return Random
