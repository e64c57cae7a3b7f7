"""A run's folder: what is written is whole or not there, what is read is checked, no code comes out of a file."""

import io
import json
import os
import pickle
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gameagent.errors import ConfigError, RunError
from gameagent.launch import prepare_run
from gameagent.methods.rl2.muon import Muon
from gameagent.run import folder as checkpoint
from gameagent.run.folder import Progress, RunFolder
from gameagent.run.sealed_file import sealed, write_atomically
from gameagent_games.registry import load_family
from gameagent_games.variants.curriculum import make_source


@pytest.fixture
def run(bandit_run: Any, tmp_path: Path) -> RunFolder:
    """A copy of the finished run, to be broken."""
    shutil.copytree(bandit_run.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def optimizer_of(policy: Any) -> torch.optim.Optimizer:
    matrices, others = policy.matrices_and_others()
    return Muon(matrices, others, 1e-3)


def test_loading_gives_back_what_was_saved(run: RunFolder, small: Any) -> None:
    config, family = small("bandit", steps=320)
    policy = config.method.make_policy(config, family)
    optimizer = optimizer_of(policy)
    progress = run.load(policy, optimizer)
    assert (progress.steps, progress.updates, len(progress.episode_returns)) == (320, 3, 10)
    assert progress.metrics_bytes == run.metrics.stat().st_size
    saved = torch.load(run.checkpoint, weights_only=True)
    for name, weight in policy.state_dict().items():
        assert torch.equal(weight, saved["policy"][name])
    assert policy.scales.known and policy.critic.moments.count == 3
    assert len(optimizer.state) == len(list(policy.parameters()))
    assert optimizer.param_groups[0]["boost"] == saved["optimizer"]["param_groups"][0]["boost"]
    other = replace(progress, steps=77)
    run.save(policy, optimizer, other)
    assert run.load(policy, optimizer) == other


def test_the_description_names_config_versions_and_commit(run: RunFolder) -> None:
    found = run.describe()
    assert sorted(found) == ["commit", "config", "family_version", "splits", "torch"]
    assert found["torch"] == torch.__version__ and found["config"]["steps"] == 320
    assert run.load_config()[0].as_dict() == found["config"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_save_that_fails_keeps_the_checkpoint_before_it(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    policy = run.load_policy()[0]
    optimizer = torch.optim.Adam(policy.parameters())
    before = run.checkpoint.read_bytes()

    def full(*where: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(RunError, match=r"No space left.*kept.*--resume"):
            run.save(policy, optimizer, Progress(1, 1))
    assert run.checkpoint.read_bytes() == before
    assert not list(run.path.glob("*.partial"))


def test_an_atomic_write_replaces_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda number: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            write_atomically(path, b"new and longer")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and os.listdir(tmp_path) == ["file"]


def reseal(path: Path, content: Any) -> None:
    """A checkpoint with another content whose checksum is right."""
    archive = io.BytesIO()
    torch.save(content, archive)
    path.write_bytes(sealed(archive.getvalue()))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_truncated_checkpoint_is_refused(run: RunFolder, share: float) -> None:
    whole = run.checkpoint.read_bytes()
    run.checkpoint.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(RunError, match=r"checkpoint\.pt is broken"):
        run.load_policy()


@pytest.mark.parametrize("content", [b"not a checkpoint", b"PK\x03\x04", b"\x80\x02}q\x00.", b"\x00" * 300])
def test_a_foreign_file_is_refused(run: RunFolder, content: bytes) -> None:
    run.checkpoint.write_bytes(content)
    with pytest.raises(RunError, match=r"checkpoint\.pt is broken"):
        run.load_policy()


@pytest.mark.parametrize(
    "content",
    [
        [], {}, {"policy": None}, {"policy": {"actor.weight": 2.0}}, "text",
        {"policy": 3, "optimizer": 4},
    ],
)  # fmt: skip
def test_a_checkpoint_of_something_else_is_refused(run: RunFolder, content: list[Any] | str | dict[Any, Any]) -> None:
    reseal(run.checkpoint, content)
    with pytest.raises(RunError, match="broken or belongs to another config"):
        run.load_policy()


@pytest.mark.parametrize("change", ["missing", "more", "shape"])
def test_a_checkpoint_of_other_networks_says_so(run: RunFolder, change: str) -> None:
    content = torch.load(run.checkpoint, weights_only=True)
    weight = content["policy"].pop("core.encoder.weight")
    if change == "more":
        content["policy"] |= {"core.encoder.weight": weight, "core.gate.weight": weight}
    elif change == "shape":
        content["policy"]["core.encoder.weight"] = weight[:, :-1].clone()
    reseal(run.checkpoint, content)
    with pytest.raises(RunError, match=r"other networks than this version .* train anew with another"):
        run.load_policy()


@pytest.mark.parametrize("optimizer_state", [None, [], {}, {"state": {}, "param_groups": []}, "text"])
def test_a_checkpoint_with_a_broken_optimizer_is_refused(run: RunFolder, optimizer_state: Any) -> None:
    content = torch.load(run.checkpoint, weights_only=True)
    reseal(run.checkpoint, content | {"optimizer": optimizer_state})
    config, family = run.load_config()
    policy = config.method.make_policy(config, family)
    with pytest.raises(RunError, match="broken or belongs to another config"):
        run.load(policy, optimizer_of(policy))


def test_a_curriculum_is_saved_loaded_and_refused_if_it_is_another_spaces(run: RunFolder, small: Any) -> None:
    config, family = small("bandit", curriculum="learnability")
    policy = config.method.make_policy(config, family)
    optimizer = optimizer_of(policy)
    source, other = (make_source("learnability", family.space, "train", 16) for _ in range(2))
    run.load(policy, optimizer, source)
    content = torch.load(run.checkpoint, weights_only=True)
    assert content.pop("curriculum") == {}
    reseal(run.checkpoint, content)
    run.load(policy, optimizer, source)  # as an earlier version wrote it
    assert source.state() == {}
    variants = family.space.sample(4, 0)
    source.report(np.repeat(variants, 2), np.arange(8.0)[:, None])
    run.save(policy, optimizer, Progress(1, 1), source)
    run.load(policy, optimizer, other)
    assert all((array == other.state()[name]).all() for name, array in source.state().items())
    assert len(other.state()["count"]) == 4
    with pytest.raises(RunError, match=r"belongs to another config or version.*: .*not of this space"):
        run.load(policy, optimizer, make_source("learnability", load_family("gridnavi").space, "train", 16))


def test_a_missing_checkpoint_is_named(run: RunFolder) -> None:
    run.checkpoint.unlink()
    run.previous.unlink()
    with pytest.raises(RunError, match=r"no checkpoint\.pt yet"):
        run.load_policy()


class Intruder:
    """Unpickling it would make a file."""

    def __init__(self, path: Any) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_code_in_a_checkpoint_is_not_run(run: RunFolder, tmp_path: Path) -> None:
    mark = tmp_path / "intruder was here"
    reseal(run.checkpoint, {"policy": Intruder(mark)})
    with pytest.raises(RunError, match="broken"):
        run.load_policy()
    run.checkpoint.write_bytes(pickle.dumps(Intruder(mark), protocol=2))
    with pytest.raises(RunError, match="broken"):
        run.load_policy()
    assert not mark.exists()
    torch.save({"policy": Intruder(mark)}, run.checkpoint)
    assert zipfile.is_zipfile(run.checkpoint)  # the file was one that torch would have run, had it been let to


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be read"), ("{", "cannot be read"), ("[1]", "cannot be read"), ("5", "cannot be read"),
        ("null", "cannot be read"), ("{}", "has no config"), ('{"config": 3}', "has no config"),
        ('{"config": {"family": "nothing"}}', "no family named"), ('{"config": {}}', "no family named"),
        ('{"config": {"family": "bandit", "colour": 1}}', "no config field 'colour'"),
        ('{"config": {"family": "bandit", "steps": "x"}}', "steps"),
    ],
)  # fmt: skip
def test_a_broken_description_is_named(run: RunFolder, text: str, reason: str) -> None:
    run.description.write_text(text)
    with pytest.raises(RunError, match=reason) as error:
        run.load_config()
    assert str(run.description) in str(error.value)


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        RunFolder(tmp_path).load_policy()


def test_a_run_is_not_overwritten_without_being_told_to_resume(run: RunFolder) -> None:
    before = run.description.read_bytes()
    with pytest.raises(RunError, match=r"already holds a run.*--resume"):
        prepare_run(run, {"family": "bandit", "seed": 5}, resume=False)
    assert run.description.read_bytes() == before


def test_a_run_is_resumed_with_its_own_config_only(run: RunFolder) -> None:
    same = {"family": "bandit", "steps": "320", "num_games": "8", "num_processes": 1, "beliefs": "true"}
    assert prepare_run(run, same, resume=True) == run.load_config()[0]
    assert prepare_run(run, {"family": "bandit", "num_processes": 0}, resume=True).num_processes == 1
    by_rule = same | {"discount": 0, "update_steps": "0"}
    assert prepare_run(run, by_rule, resume=True) == run.load_config()[0]
    for given, named in (
        ({"num_games": 0}, r"num_games \(run: 8, asked: "),
        ({"seed": 3, "beliefs": False}, r"seed.*beliefs \(run: True, asked: False\)"),
        ({"steps": "400"}, r"steps \(run: 320, asked: 400\)"),
        ({"family": "forage"}, "run: 'bandit', asked: 'forage'"),
        ({"num_processes": 2}, "num_processes"),
        ({"discount": 0.5, "seed": 3}, "discount.*seed"),
    ):
        with pytest.raises(ConfigError, match=f"another config: .*{named}"):
            prepare_run(run, {"family": "bandit"} | given, resume=True)


def test_resuming_where_nothing_is_starts_a_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "a" / "b")
    config = prepare_run(folder, {"family": "bandit", "num_games": 1}, resume=True)
    assert config.num_processes == 1  # no more than games
    assert json.loads(folder.description.read_text())["config"]["num_processes"] == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for path in (file, file / "run"):
        with pytest.raises(RunError, match=r"cannot write to .*another --out"):
            prepare_run(RunFolder(path), {"family": "bandit"}, resume=False)


def test_a_commit_is_short_hexadecimal_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = checkpoint.current_commit()
    assert commit is None or (len(commit) >= 12 and int(commit, 16) >= 0)
    monkeypatch.setenv("PATH", "")
    assert checkpoint.current_commit() is None
