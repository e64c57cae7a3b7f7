"""The benchmark of the SDK in small: it measures every promise and writes what it found."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "tools"
BUNDLE = ROOT / "tests" / "sdk" / "fixtures" / "recurrent.onnx"

PROMISES = {  # unit and target, as the SDK promises them
    **{f"act, one agent, {backend}: p99": ("ms", 1.0) for backend in ("onnxruntime", "numpy")},
    **{f"act, squad of 16, {backend}: p99": ("ms", 1.5) for backend in ("onnxruntime", "numpy")},
    **{f"act, squad of 64, {backend}: p99": ("ms", 2.5) for backend in ("onnxruntime", "numpy")},
    "act / bare onnxruntime call, tight loop": ("x", 1.3),
    "RecurrentPPO.predict / act, tight loop": ("x", 10.0),
    "import gameagent_sdk beyond numpy": ("ms", 50.0),
    **{f"load and first act, {backend}, warm": ("ms", 30.0) for backend in ("onnxruntime", "numpy")},
    **{f"load and first act, {backend}, fresh": ("ms", None) for backend in ("onnxruntime", "numpy")},
    "memory after the first act, onnxruntime": ("MB", 70.0),
    "memory after the first act, numpy": ("MB", 45.0),
    **{f"growth of memory, {backend}": ("MB", 1.0) for backend in ("onnxruntime", "numpy")},
    "wheel": ("kB", 150.0),
    "packages it needs": ("", 2.0),
}


def python(*arguments: str) -> str:
    """Runs Python among the tools; gives what it printed."""
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(command, cwd=TOOLS, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_every_promise_is_measured(tmp_path: Path) -> None:
    pytest.importorskip("pygame", reason="the loop is a pygame loop")
    path = tmp_path / "promises.json"
    printed = python("bench_sdk.py", "--quick", "--soak", "4000", "--bundle", str(BUNDLE), "--json", str(path))
    figures = json.loads(path.read_text(encoding="utf-8"))
    found = {promise["name"]: promise for promise in figures["promises"]}
    assert {name: (promise["unit"], promise["target"]) for name, promise in found.items()} == PROMISES
    for name, promise in found.items():
        assert name in printed
        value, target = promise["value"], promise["target"]
        if value is None:
            assert promise["kept"] is None and "skipped" in promise["note"]
        else:
            assert value > 0 or "growth" in name
            better = None if target is None else value >= target if promise["at_least"] else value <= target
            assert promise["kept"] is better
    assert [name for name, promise in found.items() if promise["at_least"]] == [
        "RecurrentPPO.predict / act, tight loop"
    ]
    assert found["act, one agent, numpy: p99"]["note"].endswith("frames")
    assert found["packages it needs"]["value"] == 2 and found["wheel"]["value"] > 20
    assert figures["plan"]["soak_acts"] == 4000 and figures["machine"]["cores"] >= 1


def test_a_line_of_the_table_says_whether_the_promise_is_kept() -> None:
    program = """
from bench_sdk import Promise
print(Promise("a", 1.0, "ms", 1.0), Promise("b", 1.1, "ms", 1.0, note="why"), Promise("c", 9.0, "x", 10.0, True),
      Promise("d", 10.0, "x", 10.0, True), Promise("e", None, "x", 10.0, note="skipped"), Promise("f", 3.0, "kB"),
      sep="\\n")
"""
    lines = [line.split() for line in python("-c", program).splitlines()]
    assert lines == [
        ["a", "1", "ms", "<=", "1", "ms", "yes"],
        ["b", "1.1", "ms", "<=", "1", "ms", "NO", "why"],
        ["c", "9", "x", ">=", "10", "x", "NO"],
        ["d", "10", "x", ">=", "10", "x", "yes"],
        ["e", "-", "<=", "10", "x", "skipped"],
        ["f", "3", "kB"],
    ]


def test_a_ratio_is_the_median_over_blocks_that_take_turns() -> None:
    program = """
from itertools import count
from sdk_promises import ratios
ratios.WARM_UP = 0
order = []
ones, others = iter([6.0, 7.0, 50.0, 8.0, 9.0, 9.0, 2.0, 2.0, 100.0]), iter([2.0, 3.0, 1.0])
def one():
    order.append("one")
    return next(ones)
def other():
    order.append("other")
    return next(others)
print(ratios.compare(one, other, (3, 1), 3), order == ["one", "one", "one", "other"] * 3)
"""
    # Medians of the blocks: 7, 9, 2 and 2, 3, 1; ratios 3.5, 3, 2.
    found = eval(python("-c", program).replace("} True", "}"))
    assert found == {"ratio": 3.0, "one_us": 7e6, "other_us": 2e6}


def test_the_soak_plays_all_it_is_asked_to() -> None:
    samples = json.loads(python("-m", "sdk_promises.soak", str(BUNDLE), "numpy", "6000"))
    assert len(samples) == 6 and all(10 < sample < 1000 for sample in samples)


@pytest.mark.slow
def test_the_bundle_that_is_measured(tmp_path: Path) -> None:
    from gameagent_sdk import Bundle

    python("-m", "sdk_promises.made_bundle", str(tmp_path / "made.onnx"))
    manifest = Bundle.read(tmp_path / "made.onnx").manifest
    assert manifest.name == "forage" and [tensor.shape for tensor in manifest.hidden_state] == [(128,), (128,), (31,)]
    assert manifest.adaptation == ("memory",) and manifest.belief_size > 0
