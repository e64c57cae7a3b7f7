"""Every option of every command with values that nobody means: one line and an exit code, never a traceback."""

# mypy: disable-error-code="assignment"

import shutil
from pathlib import Path
from typing import Any

import pytest

from gameagent.cli import main
from gameagent.config import make_config, settings_by_name, shared_settings
from gameagent.errors import ConfigError
from gameagent.methods.registry import METHODS
from gameagent.settings import Setting, SettingField
from gameagent_games.recipes import recipe
from gameagent_games.registry import load_family
from gameagent_sdk import SdkError

BANDIT = load_family("bandit")
INTERRUPTED = 130  # the exit status of training that is stopped
FIXTURES = Path(__file__).parents[1] / "sdk" / "fixtures"
HOSTILE = [
    "", " ", "0", "-1", "nan", "inf", "-inf", "1e999", "1e-999", "99999999999999999999", "9" * 5000, "-" + "9" * 400,
    "1.5", "x", "ü", "r\udcff", "a\0b", "\x1b[31m", "[", "{", "%s", "..", "/", "x" * 5000, "=", "true", "none",
]  # fmt: skip
OPTIONS = {
    "variants": ["-n", "--seed", "--split", "--sheet", "--out"],
    "evaluate": ["--family", "--split", "--variants", "--episodes", "--seed", "--temperature", "--json", "--plot"],
    "export": ["--profile", "--variants"],
    "inspect": ["--json"],
    "bench": ["--backend", "--agents", "--seconds", "--fps"],
    "play": ["--agent", "--split", "--variant", "--seed", "--size", "--fps", "--episodes", "--screenshot"],
    "train": ["--steps", "--seed", "--config", "--set", "--out", "--help-settings"],
}
POSITIONALS = {"variants": "bandit", "evaluate": "FILE", "export": "RUN", "inspect": "FILE", "bench": "FILE",
               "play": "bandit", "train": "bandit"}  # fmt: skip
REST = {
    "variants": ["-n", "1"],
    "evaluate": ["--variants", "1", "--episodes", "1"],
    "bench": ["--seconds", "0.01", "--agents", "1", "--backend", "numpy"],
    "play": ["--headless"],
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Works in a folder of its own, and trains nothing: all that comes before is what is tried here."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(FIXTURES / "memoryless.onnx", tmp_path / "FILE")
    monkeypatch.setattr("gameagent.api.launch", _interrupted)
    monkeypatch.setattr("gameagent_sdk.console.bench_report.bench", _measured)


def _interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


def _measured(*_: Any) -> None:
    raise SdkError("measured")


def outcome(capsys: pytest.CaptureFixture[str], argv: list[Any]) -> Any:
    """Runs a command: its exit code and the lines of its standard error."""
    capsys.readouterr()
    try:
        code = main(argv)
    except SystemExit as left:
        code = left.code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, err.splitlines()


def one_line(capsys: pytest.CaptureFixture[str], code: int, *argv: Any) -> Any:
    given, lines = outcome(capsys, [str(word) for word in argv])
    assert given == code and len(lines) == 1 and lines[0].startswith("gameagent"), lines
    return lines[0]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[:20])
@pytest.mark.parametrize("command", OPTIONS)
def test_every_option_takes_a_hostile_value_or_says_why_not(
    capsys: pytest.CaptureFixture[str], command: str, value: str
) -> None:
    for option in OPTIONS[command]:
        argv = [command, POSITIONALS[command], *REST.get(command, []), option, value]
        if command == "export":
            argv.insert(2, "out.onnx")
        if command == "train" and option != "--out":
            argv += ["--out", "run"]
        if command == "play" and option != "--agent":
            argv += ["--agent", "FILE"]
        code, lines = outcome(capsys, argv)
        assert code in (0, 1, 2, INTERRUPTED), (argv, code)
        if code == 1 or (code == 2 and command in ("train", "variants", "evaluate", "export")):
            assert len(lines) == 1 and lines[0].startswith("gameagent") and len(lines[0]) < 5200, (argv, lines)
        elif code == 2:
            assert lines[-1].startswith("gameagent") and len(lines) < 12


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[:20])
@pytest.mark.parametrize("command", POSITIONALS)
def test_every_argument_takes_a_hostile_value_or_says_why_not(
    capsys: pytest.CaptureFixture[str], command: str, value: str
) -> None:
    argv = [command, "--", value] if value.startswith("-") else [command, value]
    argv += ["out.onnx"] if command == "export" else []
    argv = [command, "--out", "run", *argv[1:]] if command == "train" else argv
    argv = [command, "--headless", "--agent", "FILE", *argv[1:]] if command == "play" else argv
    code, lines = outcome(capsys, argv)
    assert code in (1, 2)
    assert lines[-1].startswith("gameagent")
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [(by, name) for by in METHODS for name in settings_by_name(by) if name != "family" and by != "reptile"],
)
def test_every_setting_takes_a_hostile_value_or_says_why_not(
    capsys: pytest.CaptureFixture[str], algorithm: str, name: str
) -> None:
    chosen = [] if name == "algorithm" else ["--set", f"algorithm={algorithm}"]
    for value in HOSTILE:
        code, lines = outcome(capsys, ["train", "bandit", "--out", "run", *chosen, "--set", f"{name}={value}"])
        assert code == INTERRUPTED or (code == 2 and len(lines) == 1), (value, lines)
        assert not Path("run").exists(), "a run without an update leaves nothing"


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("hidden_size=1000000000", "from 1 to 4,096"), ("num_games=9223372036854775807", "from 0 to 1,000,000"),
        ("num_episodes=1000000000", "from 0 to 100,000"), ("clip_ratio=1e308", "above 0, at most 10"),
        ("steps=9e18", r"from 1 to 10^13"), ("seed=1e25", "expected int"), ("learning_rate=nan", "at most 1"),
    ],
)  # fmt: skip
def test_absurd_sizes_are_refused_with_the_range(capsys: pytest.CaptureFixture[str], setting: str, named: str) -> None:
    said = one_line(capsys, 2, "train", "bandit", "--out", "run", "--set", setting)
    assert named in said and setting.partition("=")[0] in said


def test_what_no_memory_holds_is_refused_before_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    said = one_line(capsys, 2, "train", "forage", "--out", "run", "--set", "num_games=1M", "--set", "num_episodes=100k")
    assert "one update would record" in said and "lower num_games (1,000,000) or num_episodes (100,000)" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps = " + "[" * 20_000, "nested too deeply"), ("seed = " + "9" * 5000, "not valid TOML"),
        ("seed = 0x" + "f" * 5000, "seed is a number of about 6021 digits"),
        ("seed = 10000000000000000000000000", "from 0 to 2^63 - 1"), ("seed = 1e25", "seed: got 1e+25, expected int"),
        ("steps = nan", "steps: got nan, expected int"), ("learning_rate = inf", "learning_rate is inf"),
        ("steps = [[1]]", "steps: got a list"), ("[maml]\nsteps = 3", "no config field 'maml'"),
        ('"' + "x" * 5000 + '" = 1', "no config field 'xxx"), ('family = "forage"', "the command says 'bandit'"),
        ("learning_rate = 0x" + "f" * 5000, "expected float"),
    ],
)  # fmt: skip
def test_hostile_config_files_are_one_line(capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    Path("run.toml").write_text(text)
    assert said in one_line(capsys, 2, "train", "bandit", "--out", "run", "--config", "run.toml")
    assert not Path("run").exists()


def test_a_config_that_is_no_regular_file_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert "not a regular file" in one_line(capsys, 2, "train", "bandit", "--out", "run", "--config", "/dev/zero")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise RuntimeError('boom\\nbang')", "RuntimeError: boom bang"), ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError"), ("def f(:", "invalid syntax"), ("import nothing_like_it", "nothing_like_it"),
        ("def f(): f()\nf()", "RecursionError"), ("F = 3", "is a int, expected a gameagent_games.Family"),
        ("", "'F'"),
        ("raise MemoryError", "MemoryError"), ("raise OSError(28, 'full')", "full"),
        ("raise KeyError('x')", "KeyError"),
    ],
)  # fmt: skip
def test_a_familys_module_that_fails_is_one_line_with_its_place(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    said: str,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.syspath_prepend(str(Path.cwd()))
    name = f"failing_{abs(hash(text))}"
    Path(f"{name}.py").write_text(text)
    for command in (["train", f"{name}:F", "--out", "run"], ["variants", f"{name}:F"]):
        line = one_line(capsys, 1, *command)
        assert said in line and f"{name}:F" in line
        if "Error: " in said or said in ("invalid syntax", "SystemExit: 3"):
            assert f"{name}.py:1: " in line
    assert not Path("run").exists()


# -- settings as numbers of numpy --------------------------------------------------------------------------------------


def test_scalars_of_numpy_are_settings() -> None:
    import numpy as np

    pairs = {
        "steps": (np.int64(500), 500),
        "hidden_size": (np.uint8(16), 16),
        "learning_rate": (np.float32(0.25), 0.25),
        "discount": (np.float64(0.5), 0.5),
        "beliefs": (np.bool_(False), False),
        "memory": (np.str_("none"), "none"),
        "gae_lambda": (np.int32(1), 1.0),
        "num_games": (np.array(7), 7),
    }
    made = make_config(BANDIT, {name: scalar for name, (scalar, _) in pairs.items()})
    assert made == make_config(BANDIT, {name: plain for name, (_, plain) in pairs.items()})
    for name, (_, plain) in pairs.items():
        assert type(made.as_dict()[name]) is type(plain)
    for name, value in (
        ("steps", np.float64(5.5)),
        ("steps", np.array([1, 2])),
        ("learning_rate", np.array([0.1])),
        ("memory", np.array(["lstm"])),
        ("beliefs", np.int64(1)),
        ("steps", np.bool_(True)),
    ):
        with pytest.raises(ConfigError, match=f"^{name}: got"):
            make_config(BANDIT, {name: value})


# -- --help-settings ---------------------------------------------------------------------------------------------------


def explained(capsys: pytest.CaptureFixture[str], *argv: Any) -> Any:
    code, lines = outcome_of_help(capsys, *argv)
    assert code == 0
    return lines


def outcome_of_help(capsys: pytest.CaptureFixture[str], *argv: Any) -> Any:
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main(list(argv))
    return left.value.code, capsys.readouterr().out


@pytest.mark.parametrize("algorithm", METHODS)
def test_every_setting_is_explained_from_the_place_where_it_is_defined(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    text = explained(capsys, "train", "--help-settings")
    for name, one in settings_by_name(algorithm).items():
        assert name == "family" or f"\n  {name}" in text
        assert name == "family" or one.setting.range in " ".join(text.split())
        assert name == "family" or one.setting.meaning in " ".join(text.split())
    steps = SettingField("steps", int, (), 5, Setting("Quite another meaning.", 3, 7))
    changed = {**shared_settings(), "steps": steps}
    monkeypatch.setattr("gameagent.commands.settings_help.shared_settings", lambda: changed)
    text = explained(capsys, "train", "--help-settings")
    assert "Quite another meaning." in text and "from 3 to 7" in text and "default 5" in text


@pytest.mark.parametrize(
    "argv", [["train", "navigation", "--help-settings"], ["train", "--help-settings", "navigation"]]
)
def test_what_a_family_suggests_stands_beside_the_defaults(capsys: pytest.CaptureFixture[str], argv: Any) -> None:
    text = " ".join(explained(capsys, *argv).split())
    maml, reptile = (recipe(load_family("navigation"), method) for method in ("maml", "reptile"))
    both = f"suggested {maml['steps']:_} for maml, {reptile['steps']:_} for reptile"
    assert f"default 12_000_000; {both} Budget in decisions" in text
    assert f"default 2; suggested {maml['num_epochs']} Outer steps on each meta-batch" in text


def test_settings_of_a_family_that_is_not_there_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no family named 'chess'" in one_line(capsys, 1, "train", "--help-settings", "chess")
