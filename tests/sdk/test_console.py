"""``gameagent-sdk inspect`` and ``bench``: what they print, what they refuse, and that no file can write in between."""

import hashlib
import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import gameagent_sdk
from gameagent_sdk import Bundle, BundleError
from gameagent_sdk.authoring import FeatureSpec, attach_manifest
from gameagent_sdk.console.main import main

PYPROJECT = Path(__file__).parents[2] / "sdk" / "pyproject.toml"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command; gives its exit code, standard output and standard error."""

    def command(*argv: object) -> tuple[int, str, str]:
        code = main([str(word) for word in argv])
        return code, *capsys.readouterr()

    return command


@pytest.fixture
def changed(bundle_of: Callable[[str], Bundle], tmp_path: Path) -> Callable[..., Path]:
    """Writes one of the fixtures with other fields in its manifest."""

    def write(name: str = "recurrent", **fields: Any) -> Path:
        bundle = bundle_of(name)
        path = tmp_path / "changed.onnx"
        path.write_bytes(attach_manifest(bundle.data, replace(bundle.manifest, **fields)))
        return path

    return write


def raw(path: Path, old: bytes, new: bytes) -> Path:
    """Puts other bytes of the same number into a file, as no exporter would."""
    data = path.read_bytes()
    assert len(old) == len(new) and data.count(old) == 1
    path.write_bytes(data.replace(old, new))
    return path


def row(text: str, start: str) -> list[str]:
    """The cells of the one line that starts with a word."""
    (line,) = (line for line in text.splitlines() if line.strip().startswith(start + "  "))
    return re.split(r" {2,}", line.strip())


# -- a sound bundle ---------------------------------------------------------------------------------------------------


def test_a_bundle_is_described(run: Callable[..., tuple[int, str, str]], path_of: Callable[[str], Path]) -> None:
    path = path_of("recurrent")
    code, out, err = run("inspect", path)
    assert (code, err) == (0, "")
    assert out.startswith("recurrent.onnx plays fixture-recurrent: An LSTM of four units with beliefs.\n")
    # Worked out from make_fixtures.py: 8 x 16 + 4 x 16 of the gates, 4 x (3 + 3 + 2 + 2) of the heads.
    assert row(out, "file") == ["file", f"{path.stat().st_size} bytes, 232 weights"]
    assert row(out, "sha256") == ["sha256", hashlib.sha256(path.read_bytes()).hexdigest()]
    assert row(out, "check") == ["check", "passed"]
    assert row(out, "adapts") == ["adapts", "by memory within a trial"]
    assert row(out, "trial") == ["trial", "4 episodes of at most 15 steps"]
    assert row(out, "actions") == ["actions", "3: left, stay, right"]
    assert row(out, "hidden state") == ["hidden state", "hidden_h (4), hidden_c (4)"]
    assert row(out, "position") == ["position", "2", "-1", "1", "m", "where the agent is"]
    assert row(out, "signal") == ["signal", "1", "what it hears"]
    assert row(out, "gravity") == ["gravity", "m/s2", "one of low, mid, high"]
    assert row(out, "worth[1]") == ["worth[1]", "points", "mean and deviation, trained from -1.5 to 2.5"]
    assert row(out, "algorithm") == ["algorithm", "none"]
    assert "opset 17, 23 nodes: MatMul:6, Sigmoid:4," in out


def test_a_mask_and_the_lack_of_memory_are_shown(
    run: Callable[..., tuple[int, str, str]], path_of: Callable[[str], Path]
) -> None:
    assert "the game says which are legal" in run("inspect", path_of("masked"))[1]
    out = run("inspect", path_of("memoryless"))[1]
    assert row(out, "adapts") == ["adapts", "not at all within a trial"]
    assert row(out, "hidden state") == ["hidden state", "none"]
    assert "beliefs" not in out and "evaluation" not in out and "parity" not in out and "training" not in out


def test_the_bounds_of_continuous_actions_are_shown(
    run: Callable[..., tuple[int, str, str]], path_of: Callable[[str], Path]
) -> None:
    out = run("inspect", path_of("steered"))[1]
    assert row(out, "actions") == ["actions", "2 numbers at once: steer, throttle"]
    assert row(out, "component") == ["component", "from", "to", "unit"]
    assert row(out, "throttle") == ["throttle", "0", "8", "m/s"]
    assert "component" not in run("inspect", path_of("masked"))[1]


def test_the_rate_of_decisions_is_shown_if_they_are_slower_than_frames(
    run: Callable[..., tuple[int, str, str]], changed: Callable[..., Path]
) -> None:
    assert row(run("inspect", changed(frames_per_decision=6))[1], "pace") == ["pace", "a decision every 6 frames"]
    assert "pace" not in run("inspect", changed())[1]


def test_a_plan_is_shown_as_what_the_calls_take_and_give(
    run: Callable[..., tuple[int, str, str]], path_of: Callable[[str], Path]
) -> None:
    out = run("inspect", path_of("native"))[1]
    image = "axes in the order 2, 0, 1, means of 2 x 2, times 0.003922"
    assert row(out, "observation['camera']") == ["observation['camera']", "4 x 6 x 2", image]
    assert row(out, "observation['gear']") == ["observation['gear']", "one number", "minus 1"]
    assert row(out, "observation['body']['0']") == ["observation['body']['0']", "2", "it is"]
    assert "  legal actions: observation['mask']\n" in out
    assert "  an array of shape 2, int64\n" in out and row(out, "right mid") == ["right mid", "1, 1"]
    assert row(out, "colour") == ["colour", "one of red, green, blue"]
    assert row(out, "wind[1]") == ["wind[1]", "one number, trained from -2 to 2"]
    assert max(map(len, out.splitlines())) <= 100
    assert "what act takes" not in run("inspect", path_of("masked"))[1]
    found = json.loads(run("inspect", path_of("native"), "--json")[1])["manifest"]["plan"]
    assert found["parts"][1] == {"path": ["gear"], "shape": [], "offset": 1.0} and found["mask"] == ["mask"]


def test_curves_stand_beside_their_baselines_and_parity_by_engine(
    run: Callable[..., tuple[int, str, str]], changed: Callable[..., Path]
) -> None:
    curves = {"agent": [1.0, 2.5, 2.625], "random": [0.5, 0.5]}
    path = changed(
        evaluation={"split": "test", "num_variants": 1000, "mean_returns": curves},
        parity={"onnxruntime": {"probabilities": 2e-7, "num_steps": 480}, "numpy": {"probabilities": 3e-7}},
    )
    out = run("inspect", path)[1]
    assert row(out, "mean return in episode") == ["mean return in episode", "1", "2", "3"]
    assert row(out, "agent") == ["agent", "1.00", "2.50", "2.62"]
    assert row(out, "random") == ["random", "0.50", "0.50"]
    assert row(out, "num_variants") == ["num_variants", "1000"]
    assert row(out, "onnxruntime") == ["onnxruntime", "probabilities 2e-07, num_steps 480"]
    assert row(out, "numpy") == ["numpy", "probabilities 3e-07"]


def test_a_long_curve_shows_its_first_and_its_last_episode(
    run: Callable[..., tuple[int, str, str]], changed: Callable[..., Path]
) -> None:
    out = run("inspect", changed(evaluation={"mean_returns": {"agent": list(range(100))}}))[1]
    episodes, returns = row(out, "mean return in episode")[1:], row(out, "agent")[1:]
    assert (episodes[0], episodes[-1]) == ("1", "100") and len(episodes) <= 10
    assert [f"{int(episode) - 1}.00" for episode in episodes] == returns


def test_lines_are_short(run: Callable[..., tuple[int, str, str]], any_path: Path) -> None:
    assert max(map(len, run("inspect", any_path)[1].splitlines())) <= 100


def test_json_holds_the_manifest_and_the_facts(
    run: Callable[..., tuple[int, str, str]], path_of: Callable[[str], Path], bundle_of: Callable[[str], Bundle]
) -> None:
    code, out, err = run("inspect", path_of("masked"), "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["manifest"] == json.loads(bundle_of("masked").manifest.to_json())
    assert found["bundle_hash"] == hashlib.sha256(path_of("masked").read_bytes()).hexdigest()
    assert found["operators"] == {"Add": 2, "Mul": 1, "Where": 1} and found["num_nodes"] == 4
    assert (found["accepted"], found["opset"], found["num_weights"]) == (True, 17, 1)


def test_inspecting_starts_no_engine(path_of: Callable[[str], Path]) -> None:
    program = (
        "import sys; from gameagent_sdk.console.main import main; main(['inspect', sys.argv[1]]); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path_of("recurrent"))], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "gameagent_sdk.bundle.file" in loaded
    assert not loaded & {"onnxruntime", "gameagent_sdk.backends.numpy_executor", "gameagent_sdk.console.frame_bench"}


def test_a_terminal_that_knows_no_umlauts_gets_escapes(changed: Callable[..., Path]) -> None:
    path = changed(summary="K\u00f6nig \u2192 \U0001f600")
    done = subprocess.run(
        [sys.executable, "-m", "gameagent_sdk.console.main", "inspect", str(path)],
        env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert r"K\xf6nig \u2192 \U0001f600" in done.stdout


# -- files that are not to be trusted ---------------------------------------------------------------------------------

NASTY: list[Any] = [
    "\x1b[2J\x1b[31mgone", "line\nsha256         0000", "back\rspace\b\b", "null\0", "\u202eright to left", "\ud800",
    "x" * 100_000, "check          passed    " * 20, "\u00a0" * 50, "", " ", 10**4000, -(10**300), 1e308, -0.0, 5e-324,
    True, None, [], {}, [[[[]]]], {"a": {"b": {}}}, ["\x1b[2J"] * 1000, {"\x1b[2J": "\n"},
    {f"key {i}\n": i for i in range(5000)},
]  # fmt: skip


def plain_but_for(text: str, *sections: str) -> list[str]:
    """The lines up to the first of some sections, but for those that tell of the file's bytes."""
    lines = text.splitlines()
    end = next((i for i, line in enumerate(lines) if line.startswith(sections)), len(lines))
    return [line for line in lines[:end] if line and not line.startswith(("  file ", "  sha256 "))]


@pytest.mark.parametrize("value", NASTY, ids=lambda value: ascii(value)[:20])
@pytest.mark.parametrize("field", ["training", "evaluation", "parity"])
def test_free_entries_cannot_break_or_forge_the_description(
    run: Callable[..., tuple[int, str, str]], changed: Callable[..., Path], field: str, value: Any
) -> None:
    sound = run("inspect", changed(training={}))[1]
    entries = value if isinstance(value, dict) else {"first": value, "mean_returns": value, "onnxruntime": value}
    if isinstance(value, str):
        entries |= {value: value, "mean_returns": {value: [1.0]}}
    path = changed(**({"training": {}} | {field: entries}))
    code, out, err = run("inspect", path)
    assert (code, err) == (0, "")
    assert all(line.isprintable() for line in out.splitlines())
    assert len(out.splitlines()) < 250 and len(out) < 20_000
    assert plain_but_for(out, field) == plain_but_for(sound, field)
    for label in ("check", "sha256"):  # two spaces make a cell: no value may look like one more line
        assert len(re.findall(rf"^  {label}  ", out, re.MULTILINE)) == 1
    code, out, _ = run("inspect", path, "--json")
    assert code == 0 and out.isascii() and json.loads(out)["manifest"][field] == entries


@pytest.mark.parametrize("curves", [1, "x", [], [1, 2], {"a": None}, {"a": []}, {"a": ["1"]}, {"a": [True]},
                                    {"a": [10**400, 1.0]}, {"a": {"1": 1}}, {"": [1]}])  # fmt: skip
def test_curves_of_any_shape_are_survived(
    run: Callable[..., tuple[int, str, str]], changed: Callable[..., Path], curves: Any
) -> None:
    code, out, err = run("inspect", changed(evaluation={"split": ["x"], "mean_returns": curves}))
    assert (code, err) == (0, "") and row(out, "split") == ["split", "1 value"]


def test_infinite_numbers_and_endless_nesting_are_survived(
    run: Callable[..., tuple[int, str, str]], changed: Callable[..., Path]
) -> None:
    path = raw(changed(training={"steps": 12345}), b"12345", b"1e999")
    assert row(run("inspect", path)[1], "steps") == ["steps", "inf"]
    code, out, _ = run("inspect", path, "--json")
    assert code == 0 and json.loads(out, parse_constant=pytest.fail)["manifest"]["training"] == {"steps": "inf"}
    deep: Any = 0
    for _ in range(60):  # 64 are the most
        deep = [deep]
    path = changed(training={"deep": deep})
    assert row(run("inspect", path)[1], "deep") == ["deep", "1 value"]
    code, out, _ = run("inspect", path, "--json")
    assert code == 0 and out.count("[") < 100 and '"..."' in out


def test_very_many_features_are_cut_short_but_counted(
    run: Callable[..., tuple[int, str, str]], changed: Callable[..., Path], bundle_of: Callable[[str], Bundle]
) -> None:
    features = (*(FeatureSpec(f"f{i}", meaning="long " * 1000) for i in range(2)), FeatureSpec("rest" * 999))
    out = run("inspect", changed(observation=features))[1]
    assert "3 numbers in all" in out and max(map(len, out.splitlines())) <= 100 and len(out) < 6000
    # More features than rows need another graph; the manifest alone is enough to see the table.
    many = replace(bundle_of("recurrent").manifest, observation=tuple(FeatureSpec(f"f{i}") for i in range(4000)))
    from gameagent_sdk.console.description import describe

    text = describe(replace(bundle_of("recurrent"), manifest=many))
    assert "and 3,960 more" in text and "4000 numbers in all" in text and len(text.splitlines()) < 120


# -- files that are refused -------------------------------------------------------------------------------------------


@pytest.fixture
def refused(path_of: Callable[[str], Path], tmp_path: Path) -> Path:
    """A bundle whose graph was changed after export: a weight and an operator's name are others."""
    data = path_of("recurrent").read_bytes().replace(b"Softmax", b"Loopmax").replace(b"Tanh", b"Evil")
    path = tmp_path / "refused.onnx"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("command", ["inspect", "bench"])
def test_every_finding_is_listed(run: Callable[..., tuple[int, str, str]], refused: Path, command: str) -> None:
    with pytest.raises(BundleError) as caught:
        Bundle.read(refused)
    findings = caught.value.findings
    code, out, err = run(command, refused)
    assert code == 1
    assert err == f"gameagent-sdk: {refused} is not a usable bundle: {len(findings)} findings\n"
    assert len(findings) >= 3 and f"for {len(findings)} reasons" in " ".join(out.split())
    words = " ".join(out.split())
    for index, finding in enumerate(findings, 1):
        assert f"{index}. {finding.where} {finding.what} -> {finding.advice}" in words
    assert "Loopmax" in out and "Evil" in out and max(map(len, out.splitlines())) <= 100


def test_findings_as_json(run: Callable[..., tuple[int, str, str]], refused: Path) -> None:
    code, out, _ = run("inspect", refused, "--json")
    found = json.loads(out)
    assert code == 1 and found["accepted"] is False and found["file"] == str(refused)
    assert all(finding.keys() == {"what", "where", "advice"} for finding in found["findings"])
    assert any("Loopmax" in finding["what"] for finding in found["findings"])


def test_one_finding_is_counted_as_one(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    path = tmp_path / "empty.onnx"
    path.write_bytes(b"")
    code, out, err = run("inspect", path)
    assert code == 1 and "for 1 reason:" in " ".join(out.split()) and err.endswith(": 1 finding\n")


@pytest.mark.parametrize("command", ["inspect", "bench"])
def test_what_cannot_be_read_is_one_line(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, command: str
) -> None:
    for path in (tmp_path, tmp_path / "missing\n\x1b[2Jforged.onnx"):
        code, out, err = run(command, path)
        assert (code, out) == (1, "") and "cannot be read" in err
        assert err.count("\n") == 1 and err[:-1].isprintable()


def test_a_file_s_name_cannot_write_to_the_terminal(
    run: Callable[..., tuple[int, str, str]], refused: Path, path_of: Callable[[str], Path], tmp_path: Path
) -> None:
    for source, code in ((path_of("masked"), 0), (refused, 1)):
        path = tmp_path / "a\n\x1b[2Jb.onnx"
        path.write_bytes(source.read_bytes())
        found, out, err = run("inspect", path)
        assert found == code and (out + err).replace("\n", "").isprintable()


# -- usage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argv",
    [[], ["dance"], ["inspect"], ["bench"], ["bench", "x", "--backend", "torch"], ["bench", "x", "--agents", "0"],
     ["bench", "x", "--agents", "1,x"], ["bench", "x", "--agents", ""], ["bench", "x", "--seconds", "0"],
     ["bench", "x", "--seconds", "nan"], ["bench", "x", "--fps", "-1"], ["bench", "x", "--agents", "1025"]],
)  # fmt: skip
def test_wrong_usage_is_exit_code_two(argv: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(argv)
    out, err = capsys.readouterr()
    assert left.value.code == 2 and not out and "usage: gameagent-sdk" in err


def test_the_name_it_goes_by(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["inspect", str(tmp_path)], prog="gameagent") == 1
    assert capsys.readouterr().err.startswith("gameagent: ")
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0 and capsys.readouterr().out == f"gameagent-sdk {gameagent_sdk.__version__}\n"


def test_the_installed_command_is_this_one() -> None:
    scripts = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["scripts"]
    assert list(scripts) == ["gameagent-sdk"]
    module, _, name = scripts["gameagent-sdk"].partition(":")
    assert getattr(importlib.import_module(module), name) is main


def test_ctrl_c_is_reported(
    run: Callable[..., tuple[int, str, str]], path_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gameagent_sdk.console.main.Bundle.read", interrupted)
    assert run("inspect", path_of("masked")) == (130, "", "gameagent-sdk: stopped\n")
