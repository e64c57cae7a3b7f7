"""`gameagent.room`: how much there is to learn about a family's hidden rules, and when, before a long training.

The command ``gameagent room`` is a thin face on it.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from gameagent.api import PathLike, Run, train_run
from gameagent.config import TrainConfig, make_config
from gameagent.errors import ConfigError
from gameagent.export.bundling import bundle_run
from gameagent.judging.contestants import Contestant, split_to_judge_on
from gameagent.judging.room import Room, last_gain, measure_room, require_measurable
from gameagent.outer_loop import Report
from gameagent.run.folder import RunFolder
from gameagent_games.conformance import require_sound
from gameagent_games.interface import Family
from gameagent_games.registry import load_family, place_of
from gameagent_games.variants.variant import Split

STEPS = "500K"  # of each run, unless another number is asked for
FEWEST_VARIANTS, MOST_VARIANTS = 100, 500  # that each player is judged on, unless a number is asked for
JUDGING_SHARE = 0.2  # of a run's budget, that judging one player may take


def room(
    family: Family | str,
    *,
    steps: int | str = STEPS,
    seed: int | str = 0,
    out: PathLike | None = None,
    num_variants: int | None = None,
    report: Report | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Room:
    """Measures how much there is to learn about a family's hidden rules, and whether one episode shows it.

    Three short runs on one budget are trained: with the rules hidden and memory, without memory, and with the rules
    shown; they are those of ``train(…, baselines=True)``. All are judged on validation variants, through their exported
    files, beside random play and the first one with its memory wiped at the end of every episode.

    Args:
        family: As `train` takes it.
        steps: Budget of each run. The default takes a few minutes on two cores if the rules are compiled, longer if
            the games are environments in Python.
        seed: Of training, and of the variants, levels and choices that the players are judged on.
        out: Folder in which the runs are kept. Called again with the same settings, it goes on where it was stopped.
            Without a folder nothing is kept.
        num_variants: Trials that each player is judged on, each of another variant; None for 100 to 500, so that it
            takes a small part of the time.
        report: Called after every update with the progress and the update's metrics.
        quiet: Whether nothing is shown.
        **settings: Of all three runs, see `train`. What they differ in cannot be set.

    Returns:
        The room: its figures, its ``sentences`` and its ``warnings``.

    Raises:
        ConfigError: A setting is wrong; the family hides no rules; or what one of its seats wins another loses.
        GameAgentError: As `train` does.
    """
    given = {"steps": steps, "seed": seed, **settings, "family": place_of(family)}
    return measure(given, out=out, num_variants=num_variants, report=report, quiet=quiet)


def measure(
    given: Mapping[str, Any],
    *,
    out: PathLike | None = None,
    num_variants: int | None = None,
    report: Report | None = None,
    quiet: bool = False,
) -> Room:
    """Measures the room; see `room`.

    Args:
        given: Settings that were asked for, the family's place as "family" among them.
        out: Folder in which the runs are kept.
        num_variants: Trials that each player is judged on.
        report: Called after every update.
        quiet: Whether nothing is shown.
    """
    given = {"steps": STEPS, **given}
    family = require_sound(load_family(given["family"]))
    config = make_config(family, given)
    if config.role != "agent":
        raise ConfigError(
            "room trains an agent with memory, one without and one that is shown the rules: leave memory and reveal out"
        )
    split = split_to_judge_on(family, config.split, "validation")
    require_measurable(family, split, config.seed)
    go_on = "" if out is None else "the same command goes on"
    with _folder(out) as folder:
        run = train_run(folder, given, resume=True, baselines=True, report=report, quiet=quiet, go_on=go_on)
        Console(quiet=quiet).print("judging ...", highlight=False)
        number = num_variants or usual_variants(run.config, family)
        return _judge(run, family, split, number)


def _judge(run: Run, family: Family, split: Split, num_variants: int) -> Room:
    folders = {"agent": run.folder, **{name: run.folder.baseline(name) for name in ("memoryless", "oracle")}}
    gains = {name: last_gain(Run(folder.path).metrics) for name, folder in folders.items()}
    agent = Contestant(bundle_run(run.folder), run.folder)
    return measure_room(agent, family, gains, split=split, num_variants=num_variants, seed=run.config.seed)


def usual_variants(config: TrainConfig, family: Family) -> int:
    """Trials that each player is judged on if no number is asked for."""
    longest = config.episodes_of_trial(family) * family.max_steps
    return min(max(int(JUDGING_SHARE * config.steps / longest), FEWEST_VARIANTS), MOST_VARIANTS)


@contextlib.contextmanager
def _folder(out: PathLike | None) -> Iterator[RunFolder]:
    """The folder that was asked for, or one that is removed at the end."""
    if out is not None:
        yield RunFolder(Path(out))
        return
    with tempfile.TemporaryDirectory(prefix="gameagent-room-") as path:
        yield RunFolder(Path(path) / "run")
