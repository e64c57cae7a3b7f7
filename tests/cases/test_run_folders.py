"""Runs' folders: damage is noticed, two processes do not share one, failures leave nothing that stands in the way."""

# mypy: disable-error-code="func-returns-value, redundant-expr, union-attr"

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gameagent.cli import main
from gameagent.errors import RunError
from gameagent.launch import launch, open_run, prepare_run
from gameagent.outer_loop import read_metrics
from gameagent.run.folder import RunFolder

TESTS = Path(__file__).parents[1]
SMALL = {"num_games": 8, "hidden_size": 8, "num_processes": 1, "num_minibatches": 2}
OPTIONS = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
    "OMP_NUM_THREADS": "1",
}


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run of four updates; not to be changed."""
    path = tmp_path_factory.mktemp("runs") / "finished"
    assert main(["train", "bandit", "--out", str(path), "--steps", "320", *OPTIONS]) == 0
    return RunFolder(path)


@pytest.fixture
def run(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of it."""
    shutil.copytree(finished.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def says(capsys: pytest.CaptureFixture[str], code: int, *argv: Any) -> str:
    """Runs a command; gives what it printed: on failure one line of errors, otherwise its output."""
    capsys.readouterr()
    assert main([str(word) for word in argv]) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    if code:
        assert err.count("\n") == 1 and err.startswith("gameagent: ")
    return err if code else out


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)


def weights(folder: Any) -> Any:
    return torch.load(folder.checkpoint, weights_only=True)["policy"]


def resume(folder: RunFolder) -> list[Any]:
    return ["train", "bandit", "--out", folder.path, "--steps", "320", *OPTIONS, "--resume"]


# -- damage ------------------------------------------------------------------------------------------------------------


def test_of_two_hundred_flipped_bits_none_is_loaded(run: RunFolder) -> None:
    policy = run.load_policy()[0]
    whole = run.checkpoint.read_bytes()
    for place in random.Random(0).sample(range(8 * len(whole)), 200):
        run.checkpoint.write_bytes(whole)
        flip(run.checkpoint, place)
        with pytest.raises(RunError, match=r"checkpoint\.pt is broken.*the one before it is whole.*--resume"):
            run.load(policy)


def test_a_flipped_bit_is_one_line_in_every_command_and_resuming_comes_to_the_same_end(
    capsys: pytest.CaptureFixture[str], run: RunFolder, finished: RunFolder, tmp_path: Path
) -> None:
    flip(run.checkpoint, 4 * run.checkpoint.stat().st_size)
    for command in (["export", run.path, tmp_path / "x.onnx"], ["evaluate", run.path, "--variants", "2"]):
        assert "checkpoint.pt is broken" in says(capsys, 1, *command)
    assert not (tmp_path / "x.onnx").exists()
    out = says(capsys, 0, *resume(run))
    assert "going on from the checkpoint before it" in out and "checkpoint-damaged.pt" in out
    assert all(torch.equal(weight, weights(finished)[name]) for name, weight in weights(run).items())
    assert [line["updates"] for line in read_metrics(run.metrics)] == [1, 2, 3]


def test_where_both_are_broken_it_says_so(capsys: pytest.CaptureFixture[str], run: RunFolder) -> None:
    for path in (run.checkpoint, run.previous):
        flip(path, 999)
    assert "no older one is whole: train anew" in says(capsys, 1, *resume(run))


def test_the_last_two_checkpoints_are_kept(run: RunFolder, finished: RunFolder, tmp_path: Path) -> None:
    newest, before = (torch.load(path, weights_only=True) for path in (run.checkpoint, run.previous))
    assert (newest["updates"], before["updates"]) == (3, 2)
    run.checkpoint.unlink()  # as if killed between the two renames of a save
    assert run.load_policy()[3].updates == 2
    launch(run, lambda progress, metrics: None)
    assert all(torch.equal(weight, weights(finished)[name]) for name, weight in weights(run).items())


def test_saves_reach_the_disk_before_they_count(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    sync, move = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: calls.append("sync") or sync(number))
    monkeypatch.setattr(os, "replace", lambda a, b: calls.append(f"{Path(a).name} to {Path(b).name}") or move(a, b))
    policy = run.load_policy()[0]
    run.save(policy, torch.optim.Adam(policy.parameters()), run.load(policy))
    assert calls == [
        "sync", "checkpoint.pt to checkpoint-previous.pt", "checkpoint.pt.partial to checkpoint.pt", "sync"
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["[" * 100_000, '{"config": ' * 5000, '{"config": {"seed": ' + "9" * 5000 + "}}"])
def test_a_hostile_description_is_one_line(capsys: pytest.CaptureFixture[str], run: RunFolder, text: str) -> None:
    run.description.write_text(text)
    assert "run.json cannot be read" in says(capsys, 1, *resume(run))


def test_another_version_of_the_game_is_refused_everywhere(
    capsys: pytest.CaptureFixture[str], run: RunFolder, tmp_path: Path
) -> None:
    description = json.loads(run.description.read_text())
    run.description.write_text(json.dumps(description | {"family_version": 77}))
    for command in (resume(run), ["export", run.path, tmp_path / "x.onnx"], ["evaluate", run.path]):
        assert "version 77 of 'bandit', but this is version" in says(capsys, 1, *command)


# -- one process at a time ---------------------------------------------------------------------------------------------

HOLDER = "import sys, time; from gameagent.run.lock import locked\nfrom pathlib import Path\n" \
         "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"  # fmt: skip


@pytest.fixture
def held_by_another() -> Iterator[Callable[..., Any]]:
    """Has another process hold a folder; gives that process."""
    started = []

    def hold(path: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def test_a_second_resume_is_refused_and_a_dead_process_holds_nothing(
    capsys: pytest.CaptureFixture[str], run: RunFolder, held_by_another: Callable[..., Any]
) -> None:
    before = {path: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    other = held_by_another(run.path)
    assert "being trained by another process" in says(capsys, 1, *resume(run))
    with pytest.raises(RunError, match="another process"):
        launch(run, lambda progress, metrics: None)
    assert {path: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == before
    other.kill()
    other.wait()
    assert "done" in says(capsys, 0, *resume(run))


def test_a_run_in_its_first_update_is_not_cleared_away_by_a_second_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, held_by_another: Callable[..., Any]
) -> None:
    run = RunFolder(tmp_path / "run")
    prepare_run(run, SMALL | {"family": "bandit"}, resume=False)
    held_by_another(run.path)
    assert "another process" in says(capsys, 1, "train", "bandit", "--out", run.path, *OPTIONS)
    assert run.description.exists()


def test_the_process_that_holds_a_folder_may_enter_again(run: RunFolder) -> None:
    with open_run(run, SMALL | {"family": "bandit", "steps": 320}, resume=True):
        launch(run, lambda progress, metrics: None)
    assert run.has_checkpoint()


# -- failures before the first update ----------------------------------------------------------------------------------


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Games are not checked before training: what goes wrong is too rare for the check to meet, say."""
    monkeypatch.setattr("gameagent.launch.require_sound", lambda family: family)


def test_a_game_that_breaks_its_contract_leaves_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = says(capsys, 1, "train", "cases.families.odd_values:NAN_REWARD", "--out", tmp_path / "run", *OPTIONS)
    assert "rewards of a step are [0.5, nan]" in said and "variant" in said
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_before_its_first_update_leaves_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, unchecked: None
) -> None:
    out = tmp_path / "deep" / "run"
    odd = "cases.families.odd_values"
    assert "rewards[1] is nan" in says(capsys, 1, "train", f"{odd}:NAN_REWARD", "--out", out, *OPTIONS)
    assert list(tmp_path.iterdir()) == []
    corrected = ["train", f"{odd}:SOUND_GAME", "--out", out, "--steps", "10", *OPTIONS]
    assert "done" in says(capsys, 0, *corrected)
    assert "already holds a run" in says(capsys, 1, *corrected)


def test_only_what_the_run_made_is_removed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    notes = tmp_path / "run" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("mine")
    for option in ("learning_rate=7", "family=x", "hidden_size=1000000000"):
        says(capsys, 2, "train", "bandit", "--out", notes.parent, *OPTIONS, "--set", option)
    says(capsys, 2, "train", "bandit", "--out", notes.parent, "--set", "num_games=1M", "--set", "num_episodes=100k")
    says(capsys, 1, "train", "cases.families.odd_values:NAN_REWARD", "--out", notes.parent, *OPTIONS)
    assert [path.name for path in notes.parent.iterdir()] == ["notes.txt"] and notes.read_text() == "mine"


def test_what_a_run_killed_in_its_first_update_left_is_written_over(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    prepare_run(run, SMALL | {"family": "bandit", "seed": 5}, resume=False)
    run.tensorboard.mkdir()
    run.metrics.touch()
    for flags in ([], ["--resume"]):
        assert not run.has_checkpoint()
        assert "done" in says(capsys, 0, "train", "bandit", "--out", run.path, "--steps", "80", *OPTIONS, *flags)
        assert run.load_config()[0].seed == 0
        for path in (run.checkpoint, run.metrics):
            path.unlink()
        run.metrics.touch()


def test_a_failing_baseline_leaves_the_agents_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path / "run")

    def no_baselines(folder: RunFolder, report: Any) -> None:
        if folder.path.name == "memoryless":
            raise RunError("as if the disk were full")
        launch(folder, report)

    monkeypatch.setattr("gameagent.api.launch", no_baselines)
    said = says(capsys, 1, "train", "bandit", "--out", run.path, "--steps", "80", *OPTIONS, "--baselines")
    assert "as if the disk" in said
    assert run.load_policy()[3].updates == 1 and not run.baseline("memoryless").path.exists()


# -- a disk and folders that fail --------------------------------------------------------------------------------------


def test_a_deleted_folder_is_one_line_and_no_thread_complains(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path / "run")

    def delete_after(folder: RunFolder, report: Any) -> None:
        def stop(progress: Any, metrics: Any) -> None:
            if progress.updates == 2:
                shutil.rmtree(folder.path)

        launch(folder, stop)

    monkeypatch.setattr("gameagent.api.launch", delete_after)
    said = says(capsys, 1, "train", "bandit", "--out", run.path, "--steps", "800", *OPTIONS)
    assert "cannot write" in said and "nothing of this run is kept" in said
    assert threading.active_count() == 1
    assert not run.path.exists()


def test_a_full_disk_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gameagent.run.event_log.EventLog.write", full)
    said = says(capsys, 1, "train", "bandit", "--out", tmp_path / "run", "--steps", "800", *OPTIONS)
    assert "cannot write to" in said and "No space left on device" in said and "nothing of this run is kept" in said
    assert not (tmp_path / "run").exists()


def test_tensorboard_reads_what_is_written(finished: RunFolder) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

    events = EventAccumulator(str(finished.tensorboard)).Reload()
    lines = read_metrics(finished.metrics)
    for tag, values in (
        ("train/entropy", [line["entropy"] for line in lines]),
        ("return/episode_10", [line["episode_returns"][9] for line in lines]),
    ):
        read = events.Scalars(tag)
        assert [event.step for event in read] == [160, 240, 320]
        assert [event.value for event in read] == pytest.approx(values, rel=1e-6)


# -- several processes, for real ---------------------------------------------------------------------------------------

TWO = ["train", "bandit", "--steps", "100M", *OPTIONS, "--set", "num_processes=2"]
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="looks into /proc for what is left running"
)


def start(tmp_path: Path, run: RunFolder) -> Any:
    """Starts training in two processes, with a temporary folder whose name is awkward."""
    temporary = tmp_path / "a b ü"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "gameagent", *TWO, "--out", str(run.path)],
        env=ENVIRONMENT | {"TMPDIR": str(temporary)}, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    return process, temporary


def members(group: Any) -> dict[int, str]:
    """Processes of a session that have not ended: their command lines by number."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == group and fields[0] != "Z":
                found[int(path.name)] = (path / "cmdline").read_text()
        except OSError:
            continue
    return found


def wait_until(condition: Callable[..., Any], process: Any = None, seconds: int = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline and (process is None or process.poll() is None)
        time.sleep(0.05)


def left_over(temporary: Any) -> list[Any]:
    """What our own runs left; torch keeps a cache there, one for all runs."""
    return [path.name for path in temporary.iterdir() if not path.name.startswith("torchinductor")]


@pytest.mark.slow
@needs_proc
def test_awkward_temporary_folders_do_not_matter_and_a_killed_run_leaves_no_orphans(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    process, temporary = start(tmp_path, run)
    wait_until(run.previous.exists, process)
    assert len(members(process.pid)) >= 2
    process.kill()
    process.communicate()
    wait_until(lambda: not members(process.pid), seconds=10)
    assert left_over(temporary) == []


@pytest.mark.slow
@needs_proc
def test_ctrl_c_while_processes_start_is_answered_within_seconds(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "new" / "run")
    process, temporary = start(tmp_path, run)
    wait_until(lambda: any("spawn_main" in line for line in members(process.pid).values()), process)
    asked = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - asked < 10
    assert process.returncode == 130 and "Traceback" not in out + err, err
    assert "stopped before the first update" in out
    wait_until(lambda: not members(process.pid), seconds=10)
    assert not run.path.parent.exists() and left_over(temporary) == []


@pytest.mark.slow
@needs_proc
def test_ctrl_c_is_answered_while_another_process_hangs(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    process, _ = start(tmp_path, run)
    wait_until(run.checkpoint.exists, process)
    (other,) = (number for number, line in members(process.pid).items() if "spawn_main" in line)
    os.kill(other, signal.SIGSTOP)
    time.sleep(1)
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - asked < 10
    assert process.returncode == 130 and "continue with --resume" in out and "Traceback" not in out + err
    wait_until(lambda: not members(process.pid), seconds=10)


@pytest.mark.slow
def test_what_goes_wrong_in_another_process_is_said_by_the_first_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, unchecked: None
) -> None:
    """The odd reward comes in the games of the second process alone: the first one's games end before it is due."""
    options = ["--set", "num_processes=2", "--set", "num_games=2"]
    said = says(
        capsys, 1, "train", "cases.families.odd_values:NAN_REWARD", "--out", tmp_path / "run", *OPTIONS, *options
    )
    assert "rewards[1] is nan in episode" in said
    assert not (tmp_path / "run").exists()


def test_a_folder_named_in_bytes_that_are_no_text_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gameagent", "train", "bandit", "--out", b"r\xff"],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("gameagent: the argument 'r\\udcff' is not text") and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_more_processes_than_a_machine_can_use_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameagent.launch.available_cores", lambda: 2)
    said = says(capsys, 2, "train", "bandit", "--out", tmp_path / "run", "--set", "num_processes=17")
    assert "this machine has 2 cores; expected at most 16" in said


def test_a_run_is_not_said_to_be_of_another_version_when_it_is_not(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, family = run.load_config()
    monkeypatch.setattr("gameagent.run.folder.load_family", lambda name: replace(family, version=family.version + 1))
    with pytest.raises(
        RunError, match=f"version {family.version} of 'bandit', but this is version {family.version + 1}"
    ):
        run.load_config()
    assert config.family == "bandit"
