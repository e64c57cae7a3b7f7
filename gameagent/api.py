"""The Python API: train an agent, go on with a run, judge it, export it, watch it play.

    import gameagent

    run = gameagent.train("forage", out="runs/forage", steps="12M")
    print(run.evaluate())
    run.export("forage.onnx")
    run.play()

The command line is a thin face on these functions.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rich.console import Console

from gameagent.config import TrainConfig, make_config
from gameagent.export.bundling import bundle_run, with_evaluation, write_bundle
from gameagent.judging.contestants import Contestant, contestants_of, split_to_judge_on
from gameagent.judging.report import Evaluation
from gameagent.judging.report import evaluate as evaluate_contestants
from gameagent.launch import launch, open_run
from gameagent.outer_loop import Report, read_metrics
from gameagent.run.folder import Progress, RunFolder
from gameagent.run.progress import TrainingDisplay
from gameagent_games.interface import Family
from gameagent_games.registry import load_family, place_of
from gameagent_games.variants.variant import Split
from gameagent_sdk import Bundle

if TYPE_CHECKING:
    from gameagent.export.engines import EngineFile

PathLike: TypeAlias = str | os.PathLike[str]
SUMMARY_TRIALS = 500  # of the evaluation in an exported file, unless another number is asked for


class Run:
    """One training run: its folder holds the config, the checkpoints, the metrics and the baselines' own runs.

    Attributes:
        folder: Reads and writes the folder.
        config: The run's config.
        family: Its family, with every rule shown if the run trains an oracle.
    """

    def __init__(self, path: PathLike) -> None:
        """Opens the run in a folder.

        Raises:
            RunError: There is no run in the folder, run.json is broken, or the family has changed since.
        """
        self.folder = RunFolder(Path(path))
        self.config: TrainConfig
        self.family: Family
        self.config, self.family = self.folder.load_config()

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.folder.path

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """What was logged of every update, in order: steps, returns by episode, losses."""
        return read_metrics(self.folder.metrics)

    def resume(self, *, report: Report | None = None, quiet: bool = False) -> "Run":
        """Trains until the budget is spent; a run that has spent it is left as it is.

        The weights at the end are the very same as those of a run that was never stopped.

        Args:
            report: Called after every update with the progress and the update's metrics.
            quiet: Whether nothing is shown.

        Returns:
            This run.

        Raises:
            GameAgentError: As `train` does.
        """
        train_run(
            self.folder, {"family": self.folder.family_place(self.config)}, resume=True, report=report, quiet=quiet
        )
        return self

    def evaluate(
        self,
        *,
        split: Split | None = None,
        num_variants: int = 1000,
        num_episodes: int | None = None,
        seed: int = 0,
        temperature: float | None = None,
    ) -> Evaluation:
        """Measures the adaptation curve through the exported file, beside the random policy and the run's baselines.

        See `evaluate` for arguments and errors.
        """
        return evaluate(
            self, split=split, num_variants=num_variants, num_episodes=num_episodes, seed=seed, temperature=temperature
        )

    def export(self, path: PathLike, *, num_variants: int = SUMMARY_TRIALS) -> Bundle:
        """Writes the agent to one ``.onnx`` file, checked against torch on whole trials.

        Args:
            path: The file to write; it is replaced at once if it exists.
            num_variants: Trials of the evaluation summary that the file carries; 0 for none.

        Returns:
            The bundle as it was read back from the file.

        Raises:
            RunError: The run has no checkpoint yet, or it is broken.
            ExportError: The file cannot be written, or does not do what the policy does.
        """
        bundle = bundle_run(self.folder)
        if num_variants > 0:
            split = split_to_judge_on(self.family, self.config.split)
            agents = [Contestant(bundle)]
            evaluation = evaluate_contestants(agents, self.family, split=split, num_variants=num_variants)
            bundle = with_evaluation(bundle, evaluation.summary())
        return write_bundle(bundle, Path(path))

    def export_for_engine(self, path: PathLike, profile: Literal["godot", "unity"]) -> "EngineFile":
        """Writes the agent for another engine's own runtime, see ``docs/engines.md``.

        Args:
            path: The file to write.
            profile: "godot" for Godot RL Agents, "unity" for Unity ML-Agents.

        Raises:
            ExportError: As `export` does; or the engine cannot run such an agent.
        """
        from gameagent.export.engines import export_engine_file

        return export_engine_file(self.folder, Path(path), profile)

    def play(
        self,
        *,
        split: Split = "test",
        seed: int = 0,
        size: int = 720,
        num_episodes: int | None = None,
        screenshot: PathLike | None = None,
    ) -> None:
        """Opens a window in which the agent plays one hidden variant, episode after episode.

        Args:
            split: The split that variants are drawn from.
            seed: Seed of variants, levels and the agent's choices.
            size: Side of the board in pixels.
            num_episodes: Episodes to play without a window, printing their returns; None for a window.
            screenshot: A PNG file for the last frame, if there is no window.

        Raises:
            RunError: The run has no checkpoint yet, or it is broken.
            GamesError: pygame is not installed, or the window cannot be opened.
        """
        from gameagent_games.play.main import play

        words = ["--split", split, "--seed", str(seed), "--size", str(size)]
        if num_episodes is not None:
            words += ["--headless", "--episodes", str(num_episodes)]
        if screenshot is not None:
            words += ["--screenshot", os.fspath(screenshot)]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{self.family.name}.onnx"
            path.write_bytes(bundle_run(self.folder).data)
            play([self.folder.family_place(self.config), "--agent", str(path), *words])


def train(
    family: Family | str,
    *,
    out: PathLike,
    resume: bool = False,
    baselines: bool = False,
    report: Report | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Run:
    """Trains an agent for a family of games; Ctrl-C loses at most one update.

    Args:
        family: A registered name, ``"package.module:NAME"``, a rule file (``.toml``), of which the run keeps a copy,
            or the family itself if it is a module's global.
        out: Folder of the run.
        resume: Whether to go on with the run in ``out`` if there is one.
        baselines: Whether a memoryless agent and an oracle are trained as well, on the same budget; see `evaluate`.
        report: Called after every update with the progress and the update's metrics, in this process.
        quiet: Whether nothing is shown.
        **settings: Of the run, such as ``steps="12M"``, ``seed=0`` or ``algorithm="maml"``; text is parsed to a
            setting's type. ``gameagent train --help-settings`` explains all of them.

    Returns:
        The run.

    Raises:
        ConfigError: A setting is misspelt, out of range, differs from the run that is to be resumed, or asks for more
            than this machine has.
        RunError: ``out`` holds a run and ``resume`` is False, another process trains it, or it cannot be written.
        TrainingError: A loss or a weight is not finite; the last good checkpoint is kept.
        GamesError: The family cannot be loaded or breaks its contract.
    """
    given = {**settings, "family": place_of(family)}
    return train_run(RunFolder(Path(out)), given, resume=resume, baselines=baselines, report=report, quiet=quiet)


def train_run(
    folder: RunFolder,
    given: Mapping[str, Any],
    *,
    resume: bool = False,
    baselines: bool = False,
    report: Report | None = None,
    quiet: bool = False,
    go_on: str = "continue with --resume",
) -> Run:
    """Trains the run that settings ask for, and its baselines; see `train`.

    Args:
        folder: Where the run lives.
        given: Settings that were asked for, the family's place as "family" among them.
        resume: Whether to go on with the run in the folder if there is one.
        baselines: Whether the baselines are trained as well.
        report: Called after every update.
        quiet: Whether nothing is shown.
        go_on: What to do after Ctrl-C; empty if the folder is not kept.
    """
    console = Console(quiet=quiet, emoji=False)
    family = load_family(given["family"])
    config = make_config(family, given)
    others = config.method.baselines(config, family, given) if baselines else {}
    for fields in others.values():
        make_config(family, fields)  # what is wrong with them is said before the agent is trained
    if not family.space.holds_out:
        few = f"{config.family} has {family.space.num_variants} variants, too few to hold any out"
        console.print(f"{few}: all of them are trained on, and judged on", highlight=False, soft_wrap=True)
    title = f"training {config.family}"
    _train_one(folder, given, resume, title, report, console, go_on)
    for role, fields in others.items():
        _train_one(folder.baseline(role), fields, resume, f"{title} ({role})", report, console, go_on)
    return Run(folder.path)


def _train_one(
    folder: RunFolder,
    given: Mapping[str, Any],
    resume: bool,
    title: str,
    report: Report | None,
    console: Console,
    go_on: str,
) -> None:
    def notify(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    with (
        open_run(folder, dict(given), resume=resume, notify=notify) as config,
        TrainingDisplay(title, config, console) as display,
    ):

        def show(progress: Progress, metrics: dict[str, Any]) -> None:
            display.report(progress, metrics)
            if report is not None:
                report(progress, metrics)

        try:
            launch(folder, show)
            if failures := folder.failures_in_words():
                notify(failures)
        except KeyboardInterrupt:
            notify(_stopped(folder, go_on))
            raise


def _stopped(folder: RunFolder, go_on: str) -> str:
    """What Ctrl-C has left."""
    if not go_on:
        return "stopped; nothing is kept without --out"
    if not folder.has_checkpoint():
        return "stopped before the first update; nothing is left of this run"
    return f"stopped; everything up to the last update is in {folder.path}, {go_on}"


def evaluate(
    agents: "Run | PathLike | Sequence[Run | PathLike]",
    *,
    family: Family | str | None = None,
    split: Split | None = None,
    num_variants: int = 1000,
    num_episodes: int | None = None,
    seed: int = 0,
    temperature: float | None = None,
) -> Evaluation:
    """Measures the adaptation curve of one agent, or of several that one config gave with different seeds.

    Everything is played through the exported file. Beside the agents stand the random policy, the baselines trained
    with them, and the known ceiling.

    Args:
        agents: Runs, folders of runs, or exported ``.onnx`` files.
        family: Where an exported file's family is, if it is not registered, or the rule file to judge on; a file itself
            never says what to import.
        split: Split of the variant space; None for the test split, for validation if a run is not finished, and for all
            variants if the family holds none out.
        num_variants: Trials of each policy, each on another variant.
        num_episodes: Episodes of a trial; None for as many as in training.
        seed: Seed of variants, levels and choices; the same seed gives every policy the same variants and levels.
        temperature: Of the choice of actions; 0 takes the best action, None what the manifest recommends.

    Raises:
        RunError: A folder holds no run, or its checkpoint is broken.
        BundleError: A file is not a usable bundle.
        ConfigError: The agents play different games, or a file's family is not known.
        ExportError: A file was made for another version of the game.
    """
    given = [agents] if isinstance(agents, Run | str | os.PathLike) else list(agents)
    paths = [agent.path if isinstance(agent, Run) else Path(agent) for agent in given]
    place = None if family is None else place_of(family)
    found, loaded, judged_on = contestants_of(paths, place, split)
    return evaluate_contestants(
        found,
        loaded,
        split=judged_on,
        num_variants=num_variants,
        num_episodes=num_episodes,
        seed=seed,
        temperature=temperature,
    )
