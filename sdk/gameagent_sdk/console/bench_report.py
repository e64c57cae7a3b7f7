"""What ``gameagent-sdk bench`` prints: starts the measurements in fresh processes, and puts them in a table."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import gameagent_sdk
from gameagent_sdk.bundle.file import Bundle
from gameagent_sdk.console.plain_text import counted, number, plain, table, wrapped
from gameagent_sdk.errors import SdkError

NUM_IMPORTS = 5
PATIENCE = 120.0  # seconds beyond those that a measurement is asked to take

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_TIME_IMPORT = """\
import time, numpy
begin = time.perf_counter()
import gameagent_sdk
print((time.perf_counter() - begin) * 1000.0)
"""


def bench(bundle: Bundle, backend: str, num_agents: Sequence[int], seconds: float, fps: float) -> dict[str, Any]:
    """Measures a bundle on this machine, each backend in a fresh process.

    Args:
        bundle: The bundle, read and checked.
        backend: "onnxruntime", "numpy", or "both": then onnxruntime is left out if it is not installed.
        num_agents: How many agents decide at once, one measurement each.
        seconds: For each measurement.
        fps: Frames per second.

    Returns:
        ``machine``, ``bundle`` and ``fps``, ``import_ms`` (of the SDK, beyond numpy's), and ``backends``: the figures
        of `gameagent_sdk.console.frame_bench.measure`.

    Raises:
        SdkError: The bundle cannot be used in a backend, or a process failed or did not end in time.
    """
    if backend == "both":
        backends = [name for name in ("onnxruntime", "numpy") if importlib.util.find_spec(name)]
    else:
        backends = [backend]
    agents = ",".join(map(str, num_agents))
    limit = seconds * len(num_agents) + PATIENCE
    return {
        "machine": machine(),
        "bundle": {"file": str(bundle.path), "name": bundle.manifest.name, "bundle_hash": bundle.bundle_hash},
        "fps": fps,
        "import_ms": import_ms(),
        "backends": [
            _figures(
                ["-m", "gameagent_sdk.console.frame_bench", str(bundle.path), name, agents, str(seconds), str(fps)],
                limit,
            )
            for name in backends
        ],
    }


def machine() -> dict[str, Any]:
    """Where it was measured."""
    return {
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnxruntime": _version("onnxruntime"),
        "gameagent_sdk": gameagent_sdk.__version__,
    }


def import_ms() -> float:
    """What ``import gameagent_sdk`` takes beyond numpy's own import: the median of fresh processes."""
    times = [float(run_python(["-c", _TIME_IMPORT], PATIENCE)) for _ in range(NUM_IMPORTS + 1)]
    return statistics.median(times[1:])  # the first may have to compile


def run_python(arguments: Sequence[str], limit: float, *folders: Path) -> str:
    """Runs Python with this SDK on its path and one thread for each numeric library; gives what it printed.

    Args:
        arguments: For the interpreter.
        limit: How many seconds it may take.
        folders: To be put on its path, along with the SDK's.

    Raises:
        SdkError: It failed, or took longer than ``limit``.
    """
    home = str(Path(gameagent_sdk.__file__).parents[1])
    paths = [*map(str, folders), home, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | dict.fromkeys(_THREADS, "1") | {"PYTHONPATH": os.pathsep.join(paths)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode beside it
    command = [sys.executable, "-P", *arguments]  # -P: nothing is imported from the current folder
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
            errors="replace", timeout=limit, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SdkError(f"the measurement took more than {limit:.0f} s: try fewer agents or seconds") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise SdkError(f"the measurement's process ended with status {done.returncode}: {plain(last, 300)}")
    return done.stdout


def report(figures: Mapping[str, Any]) -> str:
    """The figures of `bench` as text."""
    at, fps, backends = figures["machine"], figures["fps"], figures["backends"]
    engine = f"onnxruntime {at['onnxruntime']}" if at["onnxruntime"] else "no onnxruntime"
    what = f"{plain(figures['bundle']['name'])} in a loop of {fps:g} frames a second, caches cooled between decisions"
    lines = [
        what,
        f"{counted(at['cores'] or 1, 'core', 'cores')}, Python {at['python']}, numpy {at['numpy']}, {engine}",
        "",
        *table(("", *(one["backend"] for one in backends)), _rows(figures), "<" + ">" * len(backends)),
        "",
    ]
    for one in backends:
        lines += wrapped(_verdict(one, fps))
    return "\n".join(lines)


def _rows(figures: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    backends: Sequence[Mapping[str, Any]] = figures["backends"]
    yield "import gameagent_sdk beyond numpy", *(f"{figures['import_ms']:.0f} ms" for _ in backends)
    yield "the engine's own import", *(f"{one['engine_import_ms']:.0f} ms" for one in backends)
    yield "first load, then first act", *(f"{one['load_ms']:.1f} + {one['first_act_ms']:.2f} ms" for one in backends)
    yield "load and first act again", *(f"{one['load_again_ms']:.1f} ms" for one in backends)
    memory = [one["memory_mb"] for one in backends]
    yield "memory after the first act", *("unknown" if one is None else f"{one:.0f} MB" for one in memory)
    for count in backends[0]["act"]:
        yield from _spread_rows(_called(int(count)), [one["act"][count] for one in backends])
    budget = backends[0]["tick"]["deadline_ms"]
    yield from _spread_rows(f"tick({budget:g}) while saving", [one["tick"] for one in backends])


def _spread_rows(name: str, spreads: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    yield f"{name}: p50 / p99", *(f"{one['p50_ms']:.3f} / {one['p99_ms']:.3f} ms" for one in spreads)
    yield "  worst", *(f"{one['worst_ms']:.3f} ms" for one in spreads)
    counts = (f"{number(one['misses'])} of {number(one['calls'])}" for one in spreads)
    yield f"  beyond {spreads[0]['deadline_ms']:g} ms", *counts


def _called(count: int) -> str:
    return "act of one agent" if count == 1 else f"act of a squad of {count}"


def _verdict(figures: Mapping[str, Any], fps: float) -> str:
    count = next(iter(figures["act"]))
    spread, frame_ms = figures["act"][count], 1000.0 / fps
    whose = "one decision takes" if count == "1" else f"a decision of {count} agents takes"
    return (
        f"With {figures['backend']} {whose} {spread['p50_ms'] / frame_ms:.1%} of a {fps:g} fps frame, and 99 in 100 "
        f"take at most {spread['p99_ms'] / frame_ms:.1%}."
    )


def _figures(arguments: Sequence[str], limit: float) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run_python(arguments, limit).splitlines()[-1])
    if "error" in answer:
        raise SdkError(answer["error"])
    return answer


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
