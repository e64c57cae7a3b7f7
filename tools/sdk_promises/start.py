"""What importing the SDK and loading a bundle cost, in time and memory: fresh processes, one at a time."""

import json
import subprocess
import sys
import tempfile
import zipfile
from email.parser import HeaderParser
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from gameagent_sdk.console.bench_report import run_python

SDK = Path(__file__).resolve().parents[2] / "sdk"
PATIENCE = 100.0  # seconds for a process

_TIME = "import time; begin = time.perf_counter(); import {}; print((time.perf_counter() - begin) * 1000.0)"
_LOAD = """\
import json, sys
from gameagent_sdk.console.frame_bench import measure_reload, measure_start
print(json.dumps(measure_start(*sys.argv[1:]) | {"again_ms": measure_reload(*sys.argv[1:])}))
"""
_MEMORY = """\
import sys
from gameagent_sdk import Agent, Bundle, Policy
agent = Agent(Policy(Bundle.read(sys.argv[1]).without_plan(), sys.argv[2]))
agent.begin_trial()
mask = agent.manifest.action.mask
agent.act([0.0] * agent.manifest.observation_size, [True] * agent.num_actions if mask else None)
with open("/proc/self/status") as file:
    print(next(line for line in file if line.startswith("VmRSS")).split()[1])
"""


def import_ms(repeats: int) -> float:
    """``import gameagent_sdk`` beyond numpy: medians of fresh processes that import one or the other in turn."""
    for module in ("numpy", "gameagent_sdk"):  # may have to compile
        run_python(["-c", _TIME.format(module)], PATIENCE)
    pairs = [
        [float(run_python(["-c", _TIME.format(module)], PATIENCE)) for module in ("numpy", "gameagent_sdk")]
        for _ in range(repeats)
    ]
    numpy_ms, sdk_ms = (median(column) for column in zip(*pairs, strict=True))
    return float(sdk_ms - numpy_ms)


def load_ms(path: Path, backend: str, repeats: int) -> dict[str, float]:
    """Medians over fresh processes: engine_import_ms, load_ms, first_act_ms; and again_ms, loading and acting again."""
    found: list[dict[str, Any]] = [
        json.loads(run_python(["-c", _LOAD, str(path), backend], PATIENCE)) for _ in range(repeats)
    ]
    return {name: median(one[name] for one in found) for name in found[0] if name.endswith("_ms")}


def memory_mb(path: Path, backend: str, repeats: int) -> float:
    """Resident memory after load and first act in a fresh process, in megabytes (2^20 bytes); the median."""
    return median(float(run_python(["-c", _MEMORY, str(path), backend], PATIENCE)) / 1024 for _ in range(repeats))


def wheel() -> tuple[float, list[str]]:
    """The SDK's wheel: its size in kB (1000 bytes), and what it needs.

    Raises:
        RuntimeError: it cannot be built; the message is pip's.
    """
    isolation = ["--no-build-isolation"] if find_spec("hatchling") else []  # then pip need not fetch it
    with tempfile.TemporaryDirectory(prefix="gameagent-wheel-") as folder:
        command = [sys.executable, "-m", "pip", "wheel", str(SDK), "--no-deps", "--quiet", "-w", folder, *isolation]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or ["pip failed"])[-1])
        (path,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(path) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            metadata = HeaderParser().parsestr(archive.read(name).decode())
        needs = [need for need in metadata.get_all("Requires-Dist", []) if "extra ==" not in need]
        return path.stat().st_size / 1000, needs
