"""The example in a browser: the same file plays and remembers in a real Chromium as it does in Python.

Needs node, npm and Chromium (on Debian: ``apt-get install nodejs npm chromium``), and npm's packages. Everything runs
in a copy of the example's folder, served on this machine's own address.
"""

# mypy: disable-error-code="misc"

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import asdict
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from examples.browser_trials import Recorded, draws, record
from gameagent_sdk.authoring import action_probabilities, sample_actions

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLE = ROOT / "sdk" / "examples" / "browser"
FIXTURES = ROOT / "tests" / "sdk" / "fixtures"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = [name for name in ("node", "npm") if shutil.which(name) is None] + ["chromium"] * (CHROMIUM is None)

TOLERANCE = 1e-5  # between two engines in single precision
NUM_TRIALS = 200  # of the page's own game, with memory and without
SPLITMIX_SEED = 1234567
SPLITMIX_BITS = (6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431)
"""The generator's published first numbers for that seed."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (apt-get install nodejs npm chromium)"
    ),
]

KINDS: dict[str, tuple[Path, float | None, int]] = {
    "bandit": (EXAMPLE / "bandit.onnx", None, 10),
    "bandit, greedy": (EXAMPLE / "bandit.onnx", 0.0, 10),
    "recurrent": (FIXTURES / "recurrent.onnx", None, 40),
    "recurrent, warm": (FIXTURES / "recurrent.onnx", 3.0, 40),
    "masked": (FIXTURES / "masked.onnx", None, 40),
    "masked, greedy": (FIXTURES / "masked.onnx", 0.0, 40),
    "primed": (FIXTURES / "primed.onnx", None, 40),
    "memoryless": (FIXTURES / "memoryless.onnx", None, 10),
}  # bundle, temperature, steps


@pytest.fixture(scope="module")
def recorded() -> dict[str, Recorded]:
    return {name: record(path, seed, heat, steps) for seed, (name, (path, heat, steps)) in enumerate(KINDS.items())}


# -- what the browser does --------------------------------------------------------------------------------------


class Quiet(SimpleHTTPRequestHandler):
    """``python -m http.server`` without a word, with types that do not depend on this machine's own tables."""

    extensions_map: ClassVar = {
        "": "application/octet-stream", ".html": "text/html", ".css": "text/css",
        ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm",
    }  # fmt: skip

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with its packages installed, and files that the page is to load or to refuse."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], folder, timeout=120)
    for path in (*FIXTURES.glob("*.onnx"), HERE / "browser_page.js", HERE / "browser_driver.mjs"):
        shutil.copy(path, folder)
    import_map = re.search(r'<script type="importmap">.*?</script>', (EXAMPLE / "index.html").read_text("utf-8"), re.S)
    assert import_map
    (folder / "browser_page.html").write_text(f'<link rel="icon" href="data:,">{import_map[0]}', encoding="utf-8")
    write_broken_bundles(folder, (FIXTURES / "recurrent.onnx").read_bytes())
    return folder


def write_broken_bundles(folder: Path, bundle: bytes) -> None:
    (folder / "plain.onnx").write_bytes(bundle.replace(b"gameagent.manifest", b"some.other.program"))
    (folder / "changed.onnx").write_bytes(bundle.replace(b"Sigmoid", b"Softmax"))
    (folder / "short.onnx").write_bytes(bundle[:-1])
    (folder / "empty.onnx").write_bytes(b"")


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def run(command: list[str], folder: Path, timeout: float) -> str:
    """What a command prints. Whatever it started is ended with it."""
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        output, complaint = process.communicate(timeout=timeout)
    finally:
        with contextlib.suppress(ProcessLookupError):  # none of its group is left, as it should be
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, f"{' '.join(command)}\n{complaint[-4000:]}"
    return output


@pytest.fixture(scope="module")
def browser(site: Path, address: str, recorded: dict[str, Recorded], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the browser said, all in one visit."""
    folder = tmp_path_factory.mktemp("browser")
    job = {
        "address": address,
        "chromium": CHROMIUM,
        "profile": str(folder / "profile"),
        "screenshot": str(folder / "screenshot.png"),
        "trials": [asdict(trial) for trial in recorded.values()],
        "num_trials": NUM_TRIALS,
        "seed": SPLITMIX_SEED,
        "draws": [asdict(draw) for draw in draws()],
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    said = json.loads(run(["node", "browser_driver.mjs", str(folder / "job.json")], site, timeout=100))
    return said | {"screenshot": folder / "screenshot.png", "profile": folder / "profile"}


# -- whether they agree -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_the_page_decides_as_python_does(name: str, browser: Any, recorded: dict[str, Recorded]) -> None:
    """Python's own uniform numbers drive the draws, so even sampled actions are the same for the whole trial."""
    played, said = browser["straight"]["pythons_random"][list(KINDS).index(name)], recorded[name].said
    assert [step["action"] for step in played] == [step["action"] for step in said]
    assert len(played) == KINDS[name][2]
    for given, expected in zip(played, said, strict=True):
        assert_close(given, expected, name)


def assert_close(given: Any, expected: Any, where: str) -> None:
    """Numbers alike within TOLERANCE, all else equal, however deep."""
    if isinstance(expected, dict):
        assert given.keys() == expected.keys(), where
        for key in expected:
            assert_close(given[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(given) == len(expected), where
        for index, each in enumerate(expected):
            assert_close(given[index], each, f"{where}[{index}]")
    elif isinstance(expected, float):
        assert given == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE), where
    else:
        assert given == expected, where


def test_the_trials_ask_for_memory(recorded: dict[str, Recorded]) -> None:
    """What is compared above is not trivial: episodes end on the way, memory is kept, many actions are taken."""
    for name in ("bandit", "recurrent", "masked"):
        trial = recorded[name]
        ends = [t for t, step in enumerate(trial.steps[:-1]) if step.terminated or step.truncated]
        assert len(ends) >= 3
        assert len({step["action"] for step in trial.said}) >= 3
        for end in ends[1:]:
            assert any(any(tensor) for tensor in trial.said[end + 1]["hiddenState"].values())


@pytest.mark.parametrize("way", ["pythons_random", "own_random"])
@pytest.mark.parametrize("name", KINDS)
def test_a_reload_of_the_page_changes_nothing(name: str, way: str, browser: Any) -> None:
    straight, before, after = (browser[part][way][list(KINDS).index(name)] for part in ("straight", "before", "after"))
    assert len(after) == KINDS[name][2] // 2
    assert before + after == straight


def test_actions_are_drawn_by_pythons_rule(browser: Any) -> None:
    """The policies above mask their own logits; here the draw has to."""
    for given, draw in zip(browser["draws"], draws(), strict=True):
        legal = None if draw.legal is None else np.array([draw.legal])
        chances = action_probabilities(np.array([draw.logits], np.float32), legal, draw.temperature)
        assert given["probabilities"] == pytest.approx(chances[0].tolist(), rel=1e-12, abs=0), draw
        assert given["action"] == sample_actions(chances, draw)[0], draw  # type: ignore[arg-type]
        assert draw.legal is None or draw.legal[given["action"]]


def test_own_random_numbers_are_splitmix64(browser: Any) -> None:
    assert browser["random"][: len(SPLITMIX_BITS)] == [(bits >> 11) / 2**53 for bits in SPLITMIX_BITS]
    assert abs(np.mean(browser["random"]) - 0.5) < 4 / np.sqrt(12 * len(browser["random"]))


ERRORS: dict[str, tuple[str, str] | None] = {
    "missing.onnx": ("BundleError", r"missing\.onnx cannot be fetched \(status 404\)"),
    "index.html": ("BundleError", "not an ONNX file"),
    "empty.onnx": ("BundleError", "holds 0 graphs"),
    "short.onnx": ("BundleError", "cut short"),
    "plain.onnx": ("ManifestError", "an ordinary ONNX model is not a bundle"),
    "changed.onnx": ("BundleError", "changed after export"),
    "temperature": ("InputError", "given -1"),
    "seed": ("InputError", "given -1"),
    "act before beginTrial": ("CallOrderError", r"call beginTrial\(\) first"),
    "save before beginTrial": ("CallOrderError", "no trial to save"),
    "beliefs before act": ("CallOrderError", "no beliefs before"),
    "observe before act": ("CallOrderError", r"call act\(\) first"),
    "act while deciding": ("CallOrderError", "still deciding, await it"),
    "save while deciding": ("CallOrderError", "is deciding: await it"),
    "act twice": ("CallOrderError", r"call observe\(\)"),
    "beginTrial while deciding": ("CallOrderError", "the trial was ended"),
    "the new trial goes on": None,
    "observation too short": ("InputError", r"3 finite numbers, the features position \(2\), signal \(1\): given 2"),
    "observation NaN": ("InputError", r"observation\[2\] \(signal\) must be a finite number, given NaN"),
    "observation beyond single precision": ("InputError", r"observation\[1\] \(position\)"),
    "observation of texts": ("InputError", r"observation\[0\] \(position\)"),
    "mask not wanted": ("InputError", "have no mask"),
    "mask left out": ("InputError", "needed at every decision.*north, east, south, west"),
    "mask is an index": ("InputError", "not an index"),
    "mask without a legal action": ("InputError", "at least one action must be legal"),
    "reward NaN": ("InputError", "reward must be a finite number, given NaN"),
    "flag is a number": ("InputError", "terminated must be true or false, given 1"),
    "no such action": ("InputError", "from 0 to 2, given 3"),
    "the agent is as it was": None,
    "mind of another bundle": ("MindError", "saved with another bundle"),
    "no mind": ("MindError", "nothing is saved under nothing here"),
    "mind is no JSON": ("MindError", "damaged"),
    "mind of another format": ("MindError", "not a saved mind"),
    "mind with too short a memory": ("MindError", "damaged or forged"),
    "mind with null in its memory": ("MindError", "damaged or forged"),
    "mind with an impossible action": ("MindError", "damaged or forged"),
    "mind that is deciding": ("MindError", "damaged or forged"),
    "mind that lacks a field": ("MindError", "damaged or forged"),
    "the current trial is kept": None,
}


def test_every_misuse_is_reported(browser: Any) -> None:
    given = browser["errors"]
    assert given.keys() == ERRORS.keys()
    for case, expected in ERRORS.items():
        if expected is None:
            assert given[case] is None, f"{case}: {given[case]}"
        else:
            name, message = given[case] or ("nothing", "")
            assert name == expected[0] and re.search(expected[1], message), f"{case}: {given[case]}"


def test_the_game_learns_with_memory_alone(browser: Any) -> None:
    """Wins by pull. Without memory every pull is a first one; the best machine of five pays 5/6 on average."""
    scores = browser["game"]["scores"]
    assert all(score["numTrials"] >= NUM_TRIALS for score in scores.values())
    shares = {name: np.array(score["wins"]) / score["numTrials"] for name, score in scores.items()}
    late = {name: share[-4:].mean() for name, share in shares.items()}
    assert late["withMemory"] > shares["withMemory"][0] + 0.08, "0.21 on average over many, give or take 0.04"
    assert late["withMemory"] > late["withoutMemory"] + 0.08
    assert late["withMemory"] < 5 / 6
    assert abs(shares["withoutMemory"].mean() - 0.5) < 0.1


def test_the_game_goes_on_after_a_reload(browser: Any) -> None:
    before, after = browser["game"]["before"], browser["game"]["after"]
    assert re.fullmatch(r"Restored after [4-9] pulls of this trial: it remembers\.", after["note"])
    assert after["trials"] == before["trials"], "the same trial goes on"
    assert after["pulls"] > before["pulls"]


def test_the_game_is_drawn(browser: Any) -> None:
    picture = browser["screenshot"].read_bytes()
    width, height = int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")
    assert picture.startswith(b"\x89PNG") and (width, height) == (1000, 900)
    assert len(picture) > 30_000, "an empty page packs to a few thousand bytes"


def test_the_page_asks_nobody_else_and_never_complains(browser: Any) -> None:
    assert [complaint for complaint in browser["complaints"] if "404" not in complaint] == []
    assert sum("404" in complaint for complaint in browser["complaints"]) == 1, "that of missing.onnx"


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are listed in /proc, as Linux has it")
def test_no_process_is_left(browser: Any) -> None:
    command_lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            command_lines.append(path.read_bytes())
    assert command_lines
    assert not [line for line in command_lines if str(browser["profile"]).encode() in line]


def test_the_example_names_exact_packages_and_no_host() -> None:
    package = json.loads((EXAMPLE / "package.json").read_text("utf-8"))
    lock = json.loads((EXAMPLE / "package-lock.json").read_text("utf-8"))
    wanted = package["dependencies"] | package["devDependencies"]
    assert wanted == {name: lock["packages"][f"node_modules/{name}"]["version"] for name in wanted}
    assert not any("resolved" in entry for entry in lock["packages"].values())
    assert (EXAMPLE / "bandit.onnx").stat().st_size < 150_000
    assert (EXAMPLE / "screenshot.png").stat().st_size < 150_000
