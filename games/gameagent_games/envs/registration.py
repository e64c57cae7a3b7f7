"""Tells Gymnasium the ids of all families, as soon as Gymnasium is there and never by importing it.

Gymnasium 1.0 dropped its plugin entry points: an id exists once something has called ``gymnasium.register``. If
Gymnasium is loaded, `register_with_gymnasium` registers at once; otherwise it waits for Gymnasium's import, so
that the order of two import lines does not matter.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

from gameagent_games.registry import family_names

ENTRY_POINT = "gameagent_games.envs.gymnasium_env:FamilyEnv"


def environment_id(family_name: str) -> str:
    """The Gymnasium id of a family: ``gameagent/RandomMdp-v0`` for ``random_mdp``."""
    words = family_name.replace("-", "_").split("_")
    return f"gameagent/{''.join(word[:1].upper() + word[1:] for word in words)}-v0"


def register_with_gymnasium() -> None:
    """Registers every family's id, now or when Gymnasium is imported."""
    if "gymnasium" in sys.modules:
        _register(sys.modules["gymnasium"])
    elif not any(isinstance(finder, _Awaited) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Awaited())


def _register(gymnasium: ModuleType) -> None:
    for name in family_names():
        if environment_id(name) not in gymnasium.registry:
            gymnasium.register(environment_id(name), entry_point=ENTRY_POINT, kwargs={"family": name})


class _Awaited(MetaPathFinder):
    """Lets the first import of Gymnasium go its usual way, with our registration after it; then steps aside."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "gymnasium":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenRegister(spec.loader)
        return spec


class _ThenRegister(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        _register(module)
