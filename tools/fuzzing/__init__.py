"""What ``tools/fuzz_files.py`` is made of. Its mutants are shown to the SDK by the machinery of the hostile files."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2] / "tests"

if str(TESTS) not in sys.path:  # where ``sdk.hostile`` lies
    sys.path.insert(0, str(TESTS))
