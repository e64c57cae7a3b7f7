"""Who is judged, on what: agents from run folders or exported files, their family, and the split they are judged on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameagent.errors import ConfigError
from gameagent.export.bundling import bundle_run
from gameagent.run.folder import RunFolder
from gameagent_games.conformance import require_sound
from gameagent_games.interface import Family
from gameagent_games.registry import family_names, is_rule_file, load_family
from gameagent_games.variants.variant import Split
from gameagent_sdk import Bundle


@dataclass(frozen=True)
class Contestant:
    """An exported agent that is to be evaluated.

    Attributes:
        bundle: Its file.
        folder: Its run's folder, for the baselines that were trained beside it; None for a file alone.
    """

    bundle: Bundle
    folder: RunFolder | None = None


def contestants_of(
    paths: Sequence[Path], place: str | None = None, split: Split | None = None
) -> tuple[list[Contestant], Family, Split]:
    """The agents in run folders or exported files, their family, and the split to judge them on.

    A run that is not finished yet is looked at on the validation split, so that nobody chooses settings on test.

    Args:
        paths: Run folders or ``.onnx`` files, at least one.
        place: Where the family of an exported file is, if it is not registered.
        split: The split that was asked for, if any.

    Raises:
        ConfigError: No agents, agents of different games, or a file whose family is not known.
        RunError: A folder holds no run, or its checkpoint is broken.
        BundleError: A file is not a usable bundle.
    """
    agents: list[Contestant] = []
    finished, family = True, None
    for path in paths:
        folder = RunFolder(path) if path.is_dir() else None
        if folder is None:
            bundle = Bundle.read(path)
            own = require_sound(_family_of(bundle, place))
        else:
            own = require_sound(folder.load_config()[1])  # before it is played, which the bundle's check does
            bundle = bundle_run(folder)
        if family is not None and own != family:
            raise ConfigError(f"{path} plays {own.name}, {paths[0]} plays {family.name}: evaluate them apart")
        family = own
        agents.append(Contestant(bundle, folder))
        finished &= bundle.manifest.training.get("steps", 0) >= (trained_with(bundle, "steps") or 0)
    if family is None:
        raise ConfigError("there are no agents to evaluate: give at least one run or exported file")
    return agents, family, split_to_judge_on(family, trained_with(agents[0].bundle, "split"), split, finished)


def split_to_judge_on(family: Family, trained_on: Any, asked: Split | None = None, finished: bool = True) -> Split:
    """The split that was asked for, or held-out variants; all variants if none are held out."""
    if asked == "out_of_range":
        return asked
    if not family.space.holds_out or (asked is None and trained_on == "all"):
        return "all"
    return asked or ("test" if finished else "validation")


def trained_with(bundle: Bundle, field: str) -> Any:
    """A setting of the training run that an exported file came from; None if the file does not say."""
    config = bundle.manifest.training.get("config")
    return config.get(field) if isinstance(config, dict) else None


def _family_of(bundle: Bundle, place: str | None) -> Family:
    """A file's family. The file itself never says what to import: it may come from anybody."""
    name = bundle.manifest.name
    trained_on = trained_with(bundle, "family")
    if place is None and isinstance(trained_on, str) and is_rule_file(trained_on):
        raise ConfigError(
            f"{bundle.path} was trained on the rules of {trained_on!r}: say on which rules to judge it, with --family "
            "and a rule file, or with --family and the game itself"
        )
    if place is None and name not in family_names():
        raise ConfigError(f"{bundle.path} plays {name!r}, which is not registered; say where it is with --family")
    family = load_family(place or name)
    return family.revealed() if trained_with(bundle, "reveal") else family
