"""The command line: every command does its work, and every failure is one line and an exit code."""

# mypy: disable-error-code="index"

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gameagent import __version__
from gameagent.cli import main
from gameagent.launch import launch
from gameagent.outer_loop import read_metrics
from gameagent.run.folder import RunFolder
from gameagent_games import Family
from gameagent_games.registry import load_family
from gameagent_games.variants.files import read_variants
from gameagent_sdk import Agent, Bundle
from gameagent_sdk.authoring import attach_manifest
from gameagent_sdk.console.main import main as sdk_console

OPTIONS = ["--set", "num_games=8", "--set", "hidden_size=8", "--set", "num_processes=1", "--set", "num_minibatches=2"]
COMMANDS = ["families", "variants", "room", "train", "evaluate", "export", "inspect", "bench", "play", "new"]


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def fails(capsys: pytest.CaptureFixture[str], code: int, *argv: Any) -> str:
    """Runs a command that must fail; gives the one line on standard error."""
    with pytest.raises(SystemExit) as left:  # argparse's own way out; ours is to return
        raise SystemExit(main([str(word) for word in argv]))
    assert left.value.code == code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    lines = err.strip().splitlines()
    assert lines and lines[-1].startswith("gameagent")
    if code == 1:
        assert len(lines) == 1
    return lines[-1]


def works(capsys: pytest.CaptureFixture[str], *argv: Any) -> str:
    """Runs a command that must work; gives its output."""
    assert main([str(word) for word in argv]) == 0
    out, err = capsys.readouterr()
    assert not err
    return out


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with both baselines, trained from the command line."""
    out = tmp_path_factory.mktemp("cli") / "run"
    assert main(["train", "bandit", "--out", str(out), "--steps", "160", "--baselines", *OPTIONS]) == 0
    return out


@pytest.fixture(scope="module")
def onnx_file(run: Path) -> Path:
    path = run.parent / "bandit.onnx"
    assert main(["export", str(run), str(path), "--variants", "0"]) == 0
    return path


def test_the_command_explains_itself(command: Any) -> None:
    done = subprocess.run([*command[0], "--help"], env=command[1], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr
    assert all(f"    {name}" in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], name: str) -> None:
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    assert f"usage: gameagent {name}" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0 and capsys.readouterr().out.strip() == f"gameagent {__version__}"


@pytest.mark.parametrize(
    "argv", [[], ["dance"], ["train"], ["train", "bandit"], ["evaluate"], ["evaluate", "x", "--split", "holdout"],
             ["variants", "bandit", "-n", "many"]],
)  # fmt: skip
def test_wrong_usage_is_exit_code_two(capsys: pytest.CaptureFixture[str], argv: Any) -> None:
    fails(capsys, 2, *argv)


def test_families_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    out = works(capsys, "families")
    assert all(name in out for name in ("bandit", "forage", "gridnavi", "win_probability", "(size)"))


def test_variants_are_printed_whole_and_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = works(capsys, "variants", "forage", "-n", "3", "--seed", "2")
    lines = out.strip().splitlines()
    assert len(lines) == 3 and len({line.split()[0] for line in lines}) == 3
    for line in lines:
        assert all(f"{rule}=" in line for rule in ("worth", "mirror", "wrap", "slip", "regrows", "size"))
        flags = line.split("regrows=[")[1].split("]")[0].split(", ")
        assert len(flags) == 4 and set(flags) <= {"true", "false"}
    assert works(capsys, "variants", "forage", "-n", "3", "--seed", "2") == out
    path = tmp_path / "variants.json"
    works(capsys, "variants", "forage", "-n", "3", "--seed", "2", "--out", path)
    found = read_variants(path, load_family("forage").space)
    assert [variant.id for variant in found] == [line.split()[0] for line in lines]


def test_a_contact_sheet_is_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("pygame", reason="sheets are drawn with pygame, an extra of gameagent-games")
    path = tmp_path / "sheet.png"
    works(capsys, "variants", "gridnavi", "-n", "2", "--sheet", path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_training_leaves_an_agent_and_two_baselines(run: Path) -> None:
    for place, role in ((run, "agent"), (run / "memoryless", "memoryless"), (run / "oracle", "oracle")):
        config, family = RunFolder(place).load_config()
        assert (config.role, config.steps) == (role, 160)
        assert read_metrics(place / "metrics.jsonl")[-1]["steps"] == 160
        assert bool(family.space.hidden_slots) == (role != "oracle")


def test_a_run_is_evaluated_beside_its_baselines(capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path) -> None:
    out = works(
        capsys, "evaluate", run, "--variants", "20", "--episodes", "4", "--seed", "3",
        "--json", tmp_path / "f.json", "--plot", tmp_path / "f.png",
    )  # fmt: skip
    found = json.loads((tmp_path / "f.json").read_text())
    assert set(found["baselines"]) == {"memoryless", "oracle", "random"}
    assert (found["num_variants"], found["num_episodes"], found["seed"]) == (20, 4, 3)
    assert all(name in out for name in ("agent", "memoryless", "oracle", "random", "20 variants of split 'test'"))
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_an_exported_file_plays_and_is_evaluated_and_described(
    capsys: pytest.CaptureFixture[str], onnx_file: Path, tmp_path: Path
) -> None:
    assert Agent.load(onnx_file).manifest.name == "bandit"
    works(capsys, "evaluate", onnx_file, "--variants", "5", "--json", tmp_path / "f.json", "--temperature", "0")
    assert set(json.loads((tmp_path / "f.json").read_text())["baselines"]) == {"random", "ceiling"}
    out = works(capsys, "inspect", onnx_file)
    for part in (
        "bandit",
        "arm_0, arm_1",
        "hidden_h (8)",
        "role agent",
        "steps 160",
        "win_probability[4]",
        "constant",
        "opset",
    ):
        assert part in " ".join(out.split())
    assert sdk_console(["inspect", str(onnx_file)]) == 0
    assert capsys.readouterr().out == out
    assert not list(tmp_path.glob("*.partial"))


def test_an_export_carries_its_evaluation(
    capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, onnx_file: Path
) -> None:
    # The graph was traced and checked for the fixture; here the summary is what matters.
    monkeypatch.setattr("gameagent.export.bundling.bundle_policy", rebundle(onnx_file))
    path = tmp_path / "new" / "agent.onnx"
    out = works(capsys, "export", run, path, "--variants", "6")
    assert "same as torch over whole trials to" in out and str(path) in out
    evaluation = Bundle.read(path).manifest.evaluation
    assert evaluation["num_variants"] == 6 and set(evaluation["mean_returns"]) == {"agent", "random"}
    out = works(capsys, "inspect", path)
    assert "num_variants  6\n" in out and "mean return in episode" in out


def rebundle(path: Path) -> Callable[..., Any]:
    """Stands in for `bundle_policy`: the file's graph with another evaluation."""
    bundle = Bundle.read(path)

    def build(policy: Any, config: Any, family: Family, training: Any, evaluation: Any = None) -> Bundle:
        return Bundle.from_bytes(attach_manifest(bundle.data, replace(bundle.manifest, evaluation=evaluation)))

    return build


def test_a_file_is_measured(capsys: pytest.CaptureFixture[str], onnx_file: Path) -> None:
    out = works(capsys, "bench", onnx_file, "--backend", "numpy", "--agents", "2", "--seconds", "0.1")
    assert "act of a squad of 2" in out and "With numpy a decision of 2 agents takes" in out


def test_files_made_by_others_are_described(capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted((Path(__file__).parents[1] / "sdk" / "fixtures").glob("*.onnx")):
        assert path.name in works(capsys, "inspect", path)


# -- failures ----------------------------------------------------------------------------------------------------------


def test_unknown_names_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert "no family named 'chess'; choose one of bandit" in fails(capsys, 1, "train", "chess", "--out", out)
    assert "no family named 'chess'" in fails(capsys, 1, "variants", "chess")
    assert "could not be loaded" in fails(capsys, 1, "train", "no.such:GAME", "--out", out)
    assert "no config field 'learning_rat'" in fails(
        capsys, 2, "train", "bandit", "--out", out, "--set", "learning_rat=1"
    )
    assert "expected KEY=VALUE" in fails(capsys, 2, "train", "bandit", "--out", out, "--set", "learning_rate")
    assert not out.exists()


@pytest.mark.parametrize(
    "options",
    [["--steps", "many"], ["--steps", "0"], ["--steps", "inf"], ["--steps", "1.5"], ["--seed", "-1"],
     ["--set", "discount=2"], ["--set", "memory=gru"], ["--config", "no-such.toml"]],
)  # fmt: skip
def test_wrong_values_are_told_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: Any
) -> None:
    line = fails(capsys, 2, "train", "bandit", "--out", tmp_path / "run", *options)
    assert options[-1].split("=")[-1] in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options",
    [["--variants", "0"], ["--episodes", "0"], ["--temperature", "-1"], ["--temperature", "nan"], ["--seed", "-1"]],
)
def test_wrong_values_of_an_evaluation_are_told(
    capsys: pytest.CaptureFixture[str], onnx_file: Path, options: Any
) -> None:
    assert f"{options[0]} is" in fails(capsys, 2, "evaluate", onnx_file, *options)


def test_wrong_values_of_variants_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "-n is 0" in fails(capsys, 2, "variants", "bandit", "-n", "0")
    assert "--seed is -1" in fails(capsys, 2, "variants", "bandit", "--seed", "-1")
    assert "out_of_range" in fails(capsys, 1, "variants", "gridnavi", "--split", "out_of_range")


def test_a_config_file_is_read_and_options_win(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("steps = 5\nseed = 1\nnum_games = 8\nhidden_size = 8\nnum_processes = 1\nnum_episodes = 1\n")
    works(capsys, "train", "bandit", "--out", tmp_path / "run", "--config", path, "--seed", "2", "--set", "steps=6")
    config, _ = RunFolder(tmp_path / "run").load_config()
    assert (config.steps, config.seed, config.num_episodes) == (6, 2, 1)


def test_missing_and_broken_files_are_told(capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path) -> None:
    missing, broken, empty = tmp_path / "no-such", tmp_path / "broken.onnx", tmp_path / "empty"
    broken.write_bytes(b"\x08\x07 not a model")
    empty.mkdir()
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "checkpoint.pt").write_bytes(b"short")
    for command in ("evaluate", "inspect"):
        assert "no-such" in fails(capsys, 1, command, missing)
        assert "broken.onnx" in fails(capsys, 1, command, broken)
    assert "cannot be read" in fails(capsys, 1, "inspect", empty)
    for folder, reason in ((missing, "holds no run"), (empty, "holds no run"), (copy, "checkpoint.pt is broken")):
        assert reason in fails(capsys, 1, "export", folder, tmp_path / "x.onnx")
    assert "holds no run" in fails(capsys, 1, "evaluate", empty)
    assert not (tmp_path / "x.onnx").exists()


def test_a_run_is_neither_overwritten_nor_resumed_as_another(capsys: pytest.CaptureFixture[str], run: Path) -> None:
    again = ("train", "bandit", "--out", run)
    assert "already holds a run" in fails(capsys, 1, *again)
    assert "steps (run: 160, asked: 500)" in fails(capsys, 2, *again, "--resume", "--steps", "500")
    works(capsys, *again, "--resume")


def test_folders_that_cannot_be_written_are_told(
    capsys: pytest.CaptureFixture[str], run: Path, onnx_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "below"
    assert "cannot write to" in fails(capsys, 1, "train", "bandit", "--out", below)
    for option in ("--json", "--plot"):
        assert "cannot write" in fails(capsys, 1, "evaluate", onnx_file, "--variants", "2", option, below)
    assert str(below) in fails(capsys, 1, "variants", "bandit", "--out", below / "variants.json")
    monkeypatch.setattr("gameagent.export.bundling.bundle_policy", rebundle(onnx_file))
    assert "cannot write" in fails(capsys, 1, "export", run, below, "--variants", "0")


@pytest.mark.parametrize(("updates", "said"), [(0, "nothing is left of this run"), (2, "continue with --resume")])
def test_ctrl_c_is_told_and_has_its_code(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, updates: int, said: str
) -> None:
    def interrupted(folder: Any, report: Any) -> None:
        def stop(progress: Any, metrics: Any) -> None:
            if progress.updates == updates:
                raise KeyboardInterrupt

        if not updates:
            raise KeyboardInterrupt
        launch(folder, stop)

    monkeypatch.setattr("gameagent.api.launch", interrupted)
    assert main(["train", "bandit", "--out", str(tmp_path / "new" / "run"), *OPTIONS]) == 130
    out, err = capsys.readouterr()
    assert said in out and "stopped" in err
    assert (tmp_path / "new").exists() == bool(updates)


@pytest.mark.slow
def test_a_disk_that_fills_up_is_told_and_the_checkpoint_is_whole(tmp_path: Path, command: Any) -> None:
    """A limit on the size of files stands in for the disk's end: metrics.jsonl grows until it meets it."""
    run = tmp_path / "run"
    words = [*command[0], "train", "bandit", "--out", str(run), "--steps", "1M", *OPTIONS]
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 64; exec "$@"', "bash", *words],
        env=command[1], capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith(f"gameagent: cannot write to {run}") and done.stderr.count("\n") == 1
    _, _, _, progress = RunFolder(run).load_policy()
    assert progress.updates > 5


def running(group: int) -> list[Any]:
    """Processes of a group that have not ended, by number."""
    stats = [path.read_text().rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat") if path.exists()]
    return [fields for fields in stats if int(fields[2]) == group and fields[0] != "Z"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc for what is left running")
def test_ctrl_c_ends_every_process_and_keeps_the_checkpoint(tmp_path: Path, command: Any) -> None:
    run = RunFolder(tmp_path / "run")
    words = ["train", "bandit", "--out", str(run.path), "--steps", "100M", *OPTIONS, "--set", "num_processes=2"]
    process = subprocess.Popen(
        [*command[0], *words], env=command[1] | {"COLUMNS": "300"}, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not run.checkpoint.exists():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "Traceback" not in out + err, err
    assert "continue with --resume" in out
    while running(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not running(process.pid)
    assert run.load_policy()[3].updates >= 1
