"""How an environment that exists already is made for a variant, and by which way each rule reaches it."""

import contextlib
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from gameagent_games.errors import FamilyError, MissingExtra
from gameagent_games.field_types import nearest
from gameagent_games.places import authors_place
from gameagent_sdk import Agent, Policy, SdkError

Rules: TypeAlias = Mapping[str, Any]
"""A variant's rules by name, as plain values."""

WAYS: Final = ("keyword", "option", "attribute", "others")
RENDER_MODE: Final = "render_mode"  # the keyword by which environments are told to draw
OWN_PLAYERS: Final = ("self", "random")
OFFERED: Final = ("mask", "rules", "rng", "agent", "reward", "first")  # to a policy, by keyword


@dataclass(frozen=True)
class Reach:
    """The way by which one rule reaches the environment.

    Attributes:
        rule: The rule's name.
        way: "keyword" of the constructor or factory; "option" of ``reset(options=…)``; "attribute", set before every
            reset; or "others", for those who play the other seats.
        name: What it is called there: a keyword, an option, or a path of attributes such as "unwrapped.gravity".
    """

    rule: str
    way: str
    name: str


@dataclass(frozen=True)
class EnvironmentRecipe:
    """How to make the environment of a variant.

    Attributes:
        game: "gymnasium:ID", "pettingzoo:package.module" or "package.module:function".
        reaches: How the rules reach it, one for each.
        keywords: Constants for the constructor or factory.
        seat: PettingZoo's name of the agent to train; empty for the only one, or the first.
        others: Who plays the other seats: "self" for the agent itself, "random", "package.module:policy", or an
            exported agent's ``.onnx`` file.
    """

    game: str
    reaches: tuple[Reach, ...]
    keywords: Mapping[str, Any] = field(default_factory=dict)
    seat: str = ""
    others: str = "random"

    def rules_by(self, way: str, rules: Rules) -> dict[str, Any]:
        """The values of the rules that go one way, by what they are called there."""
        return {reach.name: rules[reach.rule] for reach in self.reaches if reach.way == way}

    def make(self, rules: Rules, pictures: bool = False) -> Any:
        """A fresh environment of a variant: a Gymnasium one, or one of PettingZoo's.

        Args:
            rules: The variant's.
            pictures: Whether it should draw, if it can.

        Raises:
            FamilyError: It cannot be found, or refuses what it is given.
            MissingExtra: A package is not installed.
        """
        keywords = {**self.keywords, **self.rules_by("keyword", rules)}
        if pictures and RENDER_MODE not in keywords:
            with contextlib.suppress(FamilyError, MissingExtra):
                return self._made({**keywords, RENDER_MODE: "rgb_array"})
        return self._made(keywords)

    def _made(self, keywords: dict[str, Any]) -> Any:
        kind, _, rest = self.game.partition(":")
        if kind == "gymnasium":
            return _called(_gymnasium_make, {"id": rest, **keywords}, self.game)
        function = _pettingzoo_function(rest) if kind == "pettingzoo" else imported(self.game, "game")
        return _called(function, keywords, self.game)

    def make_others(self, rules: Rules, generator: Any) -> Callable[..., Any] | None:
        """Who plays the other seats of a trial; None if the agent does, or nobody has to choose well.

        Args:
            rules: The variant's.
            generator: numpy's, for what is random in it.
        """
        if self.others in OWN_PLAYERS:
            return None
        if self.others.endswith(".onnx"):
            return FilePlayer(self.others, generator)
        policy = imported(self.others, "others")
        if inspect.isclass(policy):
            policy = policy(**_accepted(policy, {"rules": dict(rules), "rng": generator}))
        return _with_accepted(policy)


def imported(place: str, key: str) -> Any:
    """What stands at "package.module:name".

    Raises:
        FamilyError: Nothing does, or the module cannot be imported.
    """
    module_name, colon, name = place.partition(":")
    if not colon or not module_name or not name:
        raise FamilyError(f"{key} is {place!r}, expected package.module:name")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise FamilyError(f"{key} {place!r}: {error}; install it, or run from the folder that holds it") from error
    except Exception as error:  # an author's module may raise anything
        where = authors_place(error)
        raise FamilyError(f"{key} {place!r}: {where or module_name} raised {type(error).__name__}: {error}") from error
    found = module
    for part in name.split("."):
        if not hasattr(found, part):
            own = [name for name, one in vars(found).items() if getattr(one, "__module__", None) == module_name]
            raise FamilyError(f"{key} {place!r}: {module_name} has no {part!r}{nearest(part, own)}")
        found = getattr(found, part)
    if not callable(found):
        raise FamilyError(f"{key} {place!r} is a {type(found).__name__}, expected a function or class")
    return found


def package(name: str) -> Any:
    """A package that an extra of this one brings.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise MissingExtra(f"{name} is not installed: pip install 'gameagent-games[{name}]'") from None


def _gymnasium_make(id: str, **keywords: Any) -> Any:  # noqa: A002  (Gymnasium's own name)
    gymnasium = package("gymnasium")
    try:
        return gymnasium.make(id, disable_env_checker=True, **keywords)
    except gymnasium.error.DependencyNotInstalled as error:
        raise MissingExtra(f"gymnasium:{id} needs a package that is not installed: {error}") from None


def _pettingzoo_function(module_name: str) -> Callable[..., Any]:
    """The constructor in one of PettingZoo's modules: of parallel environments where there is one."""
    package("pettingzoo")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise FamilyError(
            f"game 'pettingzoo:{module_name}': {error}; expected a module such as pettingzoo.classic.tictactoe_v3"
        ) from error
    for name in ("parallel_env", "env"):
        if hasattr(module, name):
            found: Callable[..., Any] = getattr(module, name)
            return found
    raise FamilyError(f"game 'pettingzoo:{module_name}': the module has neither parallel_env nor env")


def _called(function: Callable[..., Any], keywords: dict[str, Any], game: str) -> Any:
    try:
        return function(**keywords)
    except (FamilyError, MissingExtra):
        raise
    except Exception as error:  # the environment's own code may raise anything
        where = authors_place(error)
        given = ", ".join(f"{name}={value!r}" for name, value in keywords.items() if name != "id")
        text = " ".join(str(error).split())
        raise FamilyError(
            f"game {game!r} cannot be made with {given or 'no keywords'}: "
            f"{'' if where is None else f'{where}: '}{type(error).__name__}: {text}"
        ) from error


def _accepted(function: Callable[..., Any], offered: dict[str, Any]) -> dict[str, Any]:
    """Those of the offered keywords that a function takes."""
    parameters = inspect.signature(function).parameters.values()
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return offered
    return {name: value for name, value in offered.items() if name in {one.name for one in parameters}}


def _with_accepted(policy: Callable[..., Any]) -> Callable[..., Any]:
    """A policy that may be offered more keywords than it takes."""
    names = frozenset(_accepted(policy, dict.fromkeys(OFFERED)))

    def choose(observation: Any, **offered: Any) -> Any:
        return policy(observation, **{name: value for name, value in offered.items() if name in names})

    return choose


class FilePlayer:
    """An exported agent in the other seats, each of which has a memory of its own for the trial."""

    def __init__(self, path: str, generator: Any) -> None:
        """Reads the file.

        Args:
            path: Of the ``.onnx`` file.
            generator: numpy's, for its choices.

        Raises:
            FamilyError: It cannot be read.
        """
        try:
            self._policy = Policy.load(path, backend="numpy")
        except SdkError as error:
            raise FamilyError(f"others {path!r}: {error}") from error
        self._generator = generator
        self._agents: dict[str, Agent] = {}

    def __call__(self, observation: Any, *, mask: Any, agent: str, reward: float, first: bool, **_: Any) -> Any:
        """Decides for a seat, having told its agent what came of the decision before."""
        player = self._agents.get(agent)
        if player is None:
            player = self._agents[agent] = Agent(self._policy, seed=int(self._generator.integers(2**31)))
            player.begin_trial()
        else:
            player.observe(reward, truncated=first)
        return player.act(observation, mask if self._policy.manifest.action.mask else None)
