"""The ways of learning that there are. A new one is a folder beside this file and a line here."""

from typing import Any

from gameagent.methods.interface import Method
from gameagent.methods.maml.method import Maml
from gameagent.methods.reptile.method import Reptile
from gameagent.methods.rl2.method import Rl2

METHODS: dict[str, Method[Any]] = {method.name: method for method in (Rl2(), Maml(), Reptile())}
"""By the name that ``algorithm`` gives it."""

DEFAULT_METHOD = Rl2.name
