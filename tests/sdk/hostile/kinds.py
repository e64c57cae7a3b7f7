"""The register of kinds: what each is called, what it attacks, what the SDK may do with it, how it is made."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REFUSED = frozenset({"refused"})
ACCEPTED = frozenset({"accepted"})
TAME = REFUSED | ACCEPTED  # either way, as long as an accepted one then plays on or raises an SdkError


@dataclass(frozen=True)
class Kind:
    """One kind of hostile file.

    Attributes:
        name: of the builder, unique in its corpus.
        attack: one line on what it tries.
        expected: the outcomes that are right.
        make: puts the file, or whatever pretends to be one, at the path given.
    """

    name: str
    attack: str
    expected: frozenset[str]
    make: Callable[[Path], None]


class Corpus(dict[str, Kind]):
    """Kinds by name. The decorators register a builder that returns the file's bytes; its docstring is the attack."""

    def refused(self, build: Callable[[], bytes]) -> Callable[[], bytes]:
        """Registers a builder of what must be refused."""
        return self._build(build, REFUSED)

    def tame(self, build: Callable[[], bytes]) -> Callable[[], bytes]:
        """Registers a builder of what may be refused, or accepted and then do no harm."""
        return self._build(build, TAME)

    def accepted(self, build: Callable[[], bytes]) -> Callable[[], bytes]:
        """Registers a builder of what is unusual and sound: refusing it would be a fault."""
        return self._build(build, ACCEPTED)

    def place(self, make: Callable[[Path], None]) -> Callable[[Path], None]:
        """Registers a maker of what is no plain file of some bytes; it must be refused."""
        self.add(make.__name__, make.__doc__ or "", REFUSED, make)
        return make

    def add(self, name: str, attack: str, expected: frozenset[str], make: Callable[[Path], None]) -> None:
        """Registers a kind.

        Raises:
            ValueError: the name is taken, or the attack is not described.
        """
        if name in self or not attack.strip():
            raise ValueError(f"kind {name!r} is there twice or has no description")
        self[name] = Kind(name, attack.strip().splitlines()[0], expected, make)

    def add_bytes(self, name: str, attack: str, expected: frozenset[str], build: Callable[[], bytes]) -> None:
        """Registers one of a row of kinds that differ in a value."""

        def make(path: Path) -> None:
            path.write_bytes(build())

        self.add(name, attack, expected, make)

    def _build(self, build: Callable[[], bytes], expected: frozenset[str]) -> Callable[[], bytes]:
        self.add_bytes(build.__name__, build.__doc__ or "", expected, build)
        return build


BUNDLES = Corpus()
MINDS = Corpus()
