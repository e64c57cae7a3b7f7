"""The measurement of the designer's controls, in small, on an agent whose returns are known."""

# mypy: disable-error-code="arg-type"

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
AGENT = ROOT / "sdk" / "examples" / "browser" / "bandit.onnx"


def test_it_prints_a_line_for_every_setting() -> None:
    command = [sys.executable, ROOT / "tools" / "measure_control.py", AGENT, "--family", "bandit", "--variants", "60"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    totals = {
        setting: float(total)
        for setting, total in re.findall(r"^(\w+ [\w. ]*?)\s{2,}.*all +([-\d.]+) ±", done.stdout, re.MULTILINE)
    }
    assert {"strength 0", "strength 0.6", "strength 1", "forget 0 an episode", "forget 1 an episode"} <= set(totals)
    assert totals["strength 1"] > totals["strength 0"]  # 10 pulls: about 6.6 against 5.0 ± 0.2
